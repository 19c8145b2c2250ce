//! Address lists (RFC 5322, 3.4) into name and address; groups are flattened, their names dropped.

use super::words;
use crate::mail_in::types::Address;
use mail_parser::parsers::MessageStream;

/// Most addresses that are kept of one field (E10.9).
pub const MAX_ADDRESSES: usize = 1000;

/// Reads an address list. Entries without any address are dropped.
pub fn list(raw: &[u8], body_charset: Option<&str>) -> Vec<Address> {
    let mut text = words::canonical(raw, body_charset);
    // Old Outlook writes `Name [mailto:a@b]`.
    if text.contains("[mailto:") {
        text = text.replace("[mailto:", "<").replace(']', ">").into();
    }
    let mut found = parsed(&text);
    if found.is_empty() {
        // The whole list within one encoded-word.
        let decoded = words::decode(raw, body_charset);
        if decoded.contains('@') && decoded != *text {
            found = parsed(&decoded);
        }
        if found.is_empty() {
            found.extend(lone(&decoded));
        }
    }
    found.truncate(MAX_ADDRESSES);
    found
}

fn parsed(text: &str) -> Vec<Address> {
    let mut bytes = text.trim().as_bytes().to_vec();
    bytes.push(b'\n');
    let value = MessageStream::new(&bytes).parse_address();
    let Some(list) = value.as_address() else { return Vec::new() };
    list.iter().filter_map(|a| one(a.name(), a.address())).collect()
}

fn one(name: Option<&str>, email: Option<&str>) -> Option<Address> {
    let name = name.map(clean_name).filter(|n| !n.is_empty());
    let email = email.map(clean_email).filter(|e| !e.is_empty());
    match (name, email) {
        (Some(name), Some(email)) if email.contains('@') || !name.contains('@') => {
            Some(Address { name: Some(name).filter(|n| *n != email), email })
        }
        // The address stands in the name's place, or within it.
        (Some(name), _) => lone(&name),
        (None, Some(email)) => Some(Address { name: None, email }),
        (None, None) => None,
    }
}

/// Finds the only address-like word of a text that no grammar fits.
fn lone(text: &str) -> Option<Address> {
    let like = |w: &&str| w.rsplit_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty());
    let word = text.split([' ', '<', '>', ',', ';', '"', '(', ')', '[', ']', '\t']).find(like)?;
    let email = clean_email(word.strip_prefix("mailto:").unwrap_or(word));
    let name = text.split(['<', '[', '(']).next().map(clean_name).filter(|n| !n.is_empty() && !n.contains('@'));
    Some(Address { name, email })
}

fn clean_name(name: &str) -> String {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = name.trim_matches(|c| c == '"' || c == '\'');
    if bare.len() + 2 == name.len() { bare.to_owned() } else { name }
}

fn clean_email(email: &str) -> String {
    let email: String = email.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    email.trim_matches(|c| matches!(c, '<' | '>' | ',' | ';' | '\'')).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Vec<(String, String)> {
        list(raw.as_bytes(), None).into_iter().map(|a| (a.name.unwrap_or_default(), a.email)).collect()
    }

    fn pair(name: &str, email: &str) -> (String, String) {
        (name.to_owned(), email.to_owned())
    }

    #[test]
    fn usual_forms() {
        assert_eq!(read("a@b.example"), [pair("", "a@b.example")]);
        assert_eq!(
            read("\"Doe, Jane\" <j@b.example>, k@c.example"),
            [pair("Doe, Jane", "j@b.example"), pair("", "k@c.example")]
        );
        assert_eq!(read("=?utf-8?Q?D=C3=B6e=2C_J?= <j@b.example>"), [pair("Döe, J", "j@b.example")]);
        assert_eq!(read("\"=?utf-8?Q?D=C3=B6e?=\" <j@b.example>"), [pair("Döe", "j@b.example")]);
    }

    #[test]
    fn groups_and_nothing() {
        assert_eq!(read("Team: a@b.example, c@d.example;"), [pair("", "a@b.example"), pair("", "c@d.example")]);
        assert_eq!(read("undisclosed-recipients:;"), []);
        assert_eq!(read("<>"), []);
    }

    #[test]
    fn illegal_forms() {
        assert_eq!(read("=?utf-8?Q?Jane_=3Cj=40b.example=3E?="), [pair("Jane", "j@b.example")]);
        assert_eq!(read("=?utf-8?Q?j=40b.example?="), [pair("", "j@b.example")]);
        assert_eq!(read("Jane Doe [mailto:j@b.example]"), [pair("Jane Doe", "j@b.example")]);
    }
}
