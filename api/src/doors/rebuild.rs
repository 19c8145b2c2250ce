//! A mail made again from the fields of a parsed form, where a provider does not send the octets (E10.4). It is flagged
//! `reconstructed`: its signatures are gone with its octets. What the provider calls the stripped text is ignored.

use super::compose::{self, Defaults, Draft, OneOrMany};
use super::verify::digest;
use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The flag of such mail.
pub const RECONSTRUCTED: &str = "reconstructed";

/// What a parsed form holds of a mail.
#[derive(Debug, Default)]
pub struct Pieces {
    /// All headers that the form tells, in order.
    pub headers: Vec<(String, String)>,
    /// The text body.
    pub text: Option<String>,
    /// The HTML body.
    pub html: Option<String>,
    /// Files.
    pub files: Vec<Piece>,
}

/// A file.
#[derive(Debug)]
pub struct Piece {
    /// Its name.
    pub filename: Option<String>,
    /// Its type.
    pub content_type: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its Content-ID, with or without brackets; such a file is shown within the body.
    pub content_id: Option<String>,
}

/// Headers that described the octets that are gone.
const GONE: &[&str] = &[
    "content-type",
    "content-transfer-encoding",
    "content-length",
    "mime-version",
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
];

/// Builds the mail. The same pieces give the same octets, so that a delivery that comes again is known.
///
/// # Errors
/// 422 if the pieces make no mail.
pub fn rebuild(pieces: Pieces) -> Result<Bytes, Problem> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut spelled: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pieces.headers {
        let key = name.trim().to_ascii_lowercase();
        let is_name = !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        if !is_name || GONE.contains(&key.as_str()) {
            continue;
        }
        let name = spelled.entry(key).or_insert_with(|| name.trim().to_owned());
        headers.entry(name.clone()).or_default().push(unfolded(&value));
    }
    let content = pieces.files.iter().fold(digest(&[b"files"]), |d, f| digest(&[d.as_bytes(), &f.bytes]));
    let boundary = digest(&[
        content.as_bytes(),
        pieces.text.as_deref().unwrap_or_default().as_bytes(),
        pieces.html.as_deref().unwrap_or_default().as_bytes(),
    ]);
    let attachments = pieces.files.into_iter().map(file).collect();
    let draft = Draft {
        text: pieces.text,
        html: pieces.html,
        headers: headers.into_iter().map(|(name, values)| (name, OneOrMany::Many(values))).collect(),
        attachments,
        ..Draft::default()
    };
    // What the mail did not have is not invented.
    let none = String::new;
    let defaults = Defaults { date: none(), message_id: none(), boundary: format!("rebuilt-{}", &boundary[..24]) };
    Ok(compose::build(&draft, &defaults).map_err(Problem::validation)?.into())
}

fn file(piece: Piece) -> compose::File {
    // A line break in a name would end its header.
    let clean = |t: Option<String>| t.map(|t| t.replace(['\r', '\n', '\0'], " ")).filter(|t| !t.trim().is_empty());
    let content_id = clean(piece.content_id).map(|id| id.trim().trim_matches(['<', '>']).to_owned());
    compose::File {
        filename: clean(piece.filename),
        content_type: clean(piece.content_type),
        content_base64: STANDARD.encode(&piece.bytes),
        inline: content_id.is_some(),
        content_id,
    }
}

/// One line, whatever folding or nonsense it came with.
fn unfolded(value: &str) -> String {
    value.replace("\r\n", " ").replace(['\r', '\n', '\0'], " ").trim().to_owned()
}

/// Splits a header block as it stands on the wire.
pub fn header_block(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = out.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            out.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::mail_in::parse::parse;

    fn pieces() -> Pieces {
        Pieces {
            headers: header_block(
                "Received: from a\r\n by b\r\nReceived: from c by d\r\nFrom: Ann <ann@example.com>\r\nMessage-Id: <1@x>\r\n\
                 Subject: Gr\u{fc}\u{df}e\r\nReferences: <a@x>\r\n <b@x>\r\nContent-Type: multipart/mixed\r\nDKIM-Signature: v=1\r\n",
            ),
            text: Some("Hello\n".into()),
            html: Some("<p>Hello <img src=\"cid:logo\"></p>".into()),
            files: vec![
                Piece {
                    filename: Some("a\r\nb.txt".into()),
                    content_type: Some("text/plain".into()),
                    bytes: Bytes::from_static(b"\x00\xff"),
                    content_id: None,
                },
                Piece {
                    filename: Some("logo.png".into()),
                    content_type: Some("image/png".into()),
                    bytes: Bytes::from_static(b"png"),
                    content_id: Some("<logo>".into()),
                },
            ],
        }
    }

    /// E10.4.
    #[test]
    fn the_pieces_make_the_mail_again() {
        let raw = rebuild(pieces()).unwrap();
        let mail = parse(&raw);
        assert_eq!((mail.subject.as_str(), mail.message_id.as_deref()), ("Gr\u{fc}\u{df}e", Some("1@x")));
        assert_eq!(mail.references, ["a@x", "b@x"]);
        assert_eq!(mail.header_all("received").count(), 2);
        assert_eq!(mail.header("dkim-signature"), None);
        assert!(mail.body_text.starts_with("Hello") && mail.body_html.is_some());
        let parts: Vec<(&str, &[u8])> = mail.parts.iter().map(|p| (p.filename.as_str(), &p.bytes[..])).collect();
        assert_eq!(parts.len(), 2, "{parts:?}");
        assert!(parts.contains(&("logo.png", b"png")), "{parts:?}");
        assert_eq!(rebuild(pieces()).unwrap(), raw, "the same octets again");
        let bare = rebuild(Pieces::default()).unwrap();
        assert_eq!(parse(&bare).message_id, None, "nothing is invented");
    }
}
