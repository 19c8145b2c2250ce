//! A mail as it is, for reading by people: its header field by field, then its bytes as text. Pure; the bytes themselves
//! stay what they are.

use super::deceit;
use super::headers;
use super::parse::words;
use serde::Serialize;

/// How much of a mail stands on a page, in bytes; all of it is in the download.
const MOST: usize = 256 * 1024;
/// How much of one field's value.
const MOST_FIELD: usize = 4 * 1024;

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, as written.
    pub name: String,
    /// Its value without folds.
    pub value: String,
    /// What its encoded words say, if it has any.
    pub decoded: Option<String>,
}

/// A mail to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Its header, in order.
    pub fields: Vec<Field>,
    /// Its bytes as text: what is no UTF-8 or cannot be seen is shown by a sign or number.
    pub text: String,
    /// Whether the bytes go on.
    pub more: bool,
}

impl Original {
    /// Returns a mail's octets for looking at.
    pub fn of(octets: &[u8]) -> Original {
        let block = headers::split(octets);
        Original {
            fields: block.fields.iter().map(field).collect(),
            text: text(&octets[..octets.len().min(MOST)]),
            more: octets.len() > MOST,
        }
    }
}

fn field(raw: &headers::RawField<'_>) -> Field {
    let written = &raw.value[..raw.value.len().min(MOST_FIELD)];
    let value = visible(words::unfolded(written, None).trim());
    let decoded = visible(&words::decode(written, None));
    Field { name: visible(&String::from_utf8_lossy(raw.name)), decoded: (decoded != value).then_some(decoded), value }
}

fn text(octets: &[u8]) -> String {
    visible(&String::from_utf8_lossy(octets).replace("\r\n", "\n"))
}

/// Controls by their signs, marks of direction and invisible characters by their numbers: what is looked at for what it is
/// must not be able to hide (E12.7).
fn visible(text: &str) -> String {
    let signs = text.chars().map(|c| match c {
        '\n' | '\t' => c,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    deceit::shown(&signs.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_unfolded_and_their_words_decoded() {
        let seen = Original::of(
            b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nTo: a@b.example,\r\n c@d.example\r\n\r\nHi\0\xff\r\n",
        );
        let field = |name: &str, value: &str, decoded: Option<&str>| Field {
            name: name.into(),
            value: value.into(),
            decoded: decoded.map(str::to_owned),
        };
        assert_eq!(
            seen.fields,
            [
                field("Subject", "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", Some("Grüße")),
                field("To", "a@b.example, c@d.example", None)
            ]
        );
        assert!(seen.text.ends_with("\n\nHi␀\u{fffd}\n"), "{:?}", seen.text);
        assert!(!seen.more);
    }

    #[test]
    fn a_long_mail_is_begun() {
        let seen = Original::of(&[b"A: b\r\n\r\n".as_slice(), &vec![b'x'; MOST]].concat());
        assert!(seen.more);
        assert_eq!(seen.text.replace('\n', "\r\n").len(), MOST);
    }

    proptest! {
        /// E12.7: whatever the bytes are, nothing on the page is invisible or turns its direction.
        #[test]
        fn nothing_hides(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let seen = Original::of(&octets);
            let all = seen.fields.iter().map(|f| format!("{}{}{}", f.name, f.value, f.decoded.clone().unwrap_or_default()));
            let all: String = all.chain([seen.text.clone()]).collect();
            prop_assert!(all.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
            let hidden = all.contains(['\u{202e}', '\u{200b}']);
            prop_assert!(!hidden);
        }
    }
}
