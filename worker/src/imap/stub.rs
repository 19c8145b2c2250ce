//! What stands for a message that cannot be fetched whole (E10.5): its own headers, if they can be had, and a text that
//! says where it lies. Pure.

/// Headers that speak of the body that is not there.
const OF_THE_BODY: &[&str] = &[
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "content-description",
    "content-language",
    "content-length",
    "lines",
    "mime-version",
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "x-postroom-stub",
];

/// Where the message lies.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The server.
    pub host: &'a str,
    /// Who logs in there.
    pub username: &'a str,
    /// The folder.
    pub folder: &'a str,
    /// The message's number there.
    pub uid: u32,
}

/// Makes a stub. `code` is a stable name for why, `why` the same in words.
pub fn make(header: Option<&[u8]>, place: Place<'_>, code: &str, why: &str) -> Vec<u8> {
    let mut raw = Vec::new();
    for field in fields(header.unwrap_or_default()) {
        let name = field.split(|b| *b == b':').next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
        if !OF_THE_BODY.contains(&name.as_str()) {
            raw.extend_from_slice(&field);
        }
    }
    if header.is_none() {
        raw.extend_from_slice(b"Subject: A message that cannot be fetched\r\n");
    }
    raw.extend_from_slice(
        format!("X-Postroom-Stub: {code}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n")
            .as_bytes(),
    );
    raw.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n\r\n");
    let Place { host, username, folder, uid } = place;
    raw.extend_from_slice(
        format!(
            "This message was not fetched: {}.\r\n\r\nIt lies untouched on its server:\r\n\r\n  server   {host}\r\n  \
             user     {username}\r\n  folder   {folder}\r\n  UID      {uid}\r\n",
            one_line(why)
        )
        .as_bytes(),
    );
    raw
}

/// The header's fields, each with its continuation lines; the block ends at the first blank line, and what is no field
/// is left out.
fn fields(header: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut whole = false;
    for line in header.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        if !continues {
            whole = line.contains(&b':');
            if whole {
                all.push(Vec::new());
            }
        }
        if whole && let Some(field) = all.last_mut() {
            field.extend_from_slice(line);
            field.extend_from_slice(b"\r\n");
        }
    }
    all
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { host: "imap.example", username: "desk", folder: "INBOX", uid: 17 };

    /// E10.5.
    #[test]
    fn a_stub_keeps_who_wrote_and_says_where_the_rest_is() {
        let header = b"From: Ann <ann@example.com>\r\nSubject: long\r\n subject\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n\
            DKIM-Signature: v=1;\r\n b=abc\r\nnonsense\r\nMessage-ID: <1@example.com>\r\n\r\nnot this";
        let text = String::from_utf8(make(Some(header), PLACE, "too_large", "it has\r\n9 octets")).expect("text");
        assert!(text.starts_with(
            "From: Ann <ann@example.com>\r\nSubject: long\r\n subject\r\nMessage-ID: <1@example.com>\r\nX-Postroom-Stub: too_large\r\n"
        ), "{text}");
        assert!(
            !text.contains("boundary")
                && !text.contains("b=abc")
                && !text.contains("not this")
                && !text.contains("nonsense")
        );
        assert!(text.contains("not fetched: it has  9 octets.") && text.contains("UID      17"), "{text}");
    }

    #[test]
    fn without_headers_it_is_still_a_mail() {
        let text = String::from_utf8(make(None, PLACE, "unreadable", "no answer")).expect("text");
        assert!(text.starts_with("Subject: A message that cannot be fetched\r\n"), "{text}");
    }
}
