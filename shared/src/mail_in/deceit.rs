//! Letters and names that look like something else (E12.7): what a page shows instead. Pure views; what was received stays.

/// Returns a name, subject or address so that nothing in it can deceive: marks of direction, invisible characters and tag
/// characters are shown by their number. Joiners stay within words of scripts and emoji that need them.
pub fn shown(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && before.is_some_and(|b: char| !b.is_ascii() && !is_hidden(b))
            && chars.peek().is_some_and(|n| !n.is_ascii() && !is_hidden(*n));
        if is_hidden(c) && !joins {
            out.push_str(&format!("‹U+{:04X}›", c as u32));
        } else {
            out.push(c);
        }
        before = Some(c);
    }
    out
}

/// Marks of direction, zero-width and tag characters, and what else takes no room.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns an address with its domain so that it cannot be taken for another (E2.14 keeps the address itself).
pub fn address(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", shown(local), ascii_host(domain)),
        None => shown(email),
    }
}

/// The host of a web address, lower case, as it is written.
pub fn host(url: &str) -> Option<String> {
    let rest =
        url.trim().split_once("://").filter(|(s, _)| matches!(s.to_ascii_lowercase().as_str(), "http" | "https"))?.1;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?.trim_end_matches('.').to_lowercase();
    (!host.is_empty()).then_some(host)
}

/// The host that a link's text claims to lead to: the text is a web address or a bare host, and nothing else.
pub fn named_host(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['<', '>', '[', ']', '(', ')']).trim();
    if text.contains(char::is_whitespace) || text.contains('@') {
        return None;
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let host = host(&whole)?;
    let (_, top) = host.rsplit_once('.')?;
    let labels = host.split('.').all(|l| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let top_level = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    (labels && top_level).then_some(host)
}

/// Whether two hosts are of one site: equal, or one is within the other.
pub fn same_site(a: &str, b: &str) -> bool {
    let (a, b) = (ascii_host(a), ascii_host(b));
    let (a, b) = (a.trim_start_matches("www."), b.trim_start_matches("www."));
    a == b || a.ends_with(&format!(".{b}")) || b.ends_with(&format!(".{a}"))
}

/// A host whose labels mix scripts, or hold what is no letter of a name, in its ASCII form; any other as it is.
pub fn ascii_host(host: &str) -> String {
    if host.is_ascii() || !host.split('.').any(is_mixed) {
        return host.to_owned();
    }
    crate::address::domain(&format!("x@{host}")).unwrap_or_else(|| shown(host))
}

/// Letters of Latin, Greek and Cyrillic look alike: a label with more than one of them is no name anybody chose. Neither
/// is one that holds Latin beside any other alphabet, but for the scripts of East Asia.
fn is_mixed(label: &str) -> bool {
    let (mut latin, mut greek, mut cyrillic, mut asian, mut other) = (false, false, false, false, false);
    for c in label.chars().filter(|c| c.is_alphabetic()) {
        match c as u32 {
            0x41..=0x24f | 0x1e00..=0x1eff => latin = true,
            0x370..=0x3ff | 0x1f00..=0x1fff => greek = true,
            0x400..=0x52f => cyrillic = true,
            0x1100..=0x11ff | 0x2e80..=0x9fff | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0x20000.. => {
                asian = true
            }
            _ => other = true,
        }
    }
    let hidden = label.chars().any(is_hidden);
    hidden
        || [latin, greek, cyrillic, other].iter().filter(|s| **s).count() > 1
        || asian && (greek || cyrillic || other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E12.7.
    #[test]
    fn deceiving_letters_are_told() {
        assert_eq!(shown("invoice\u{202e}fdp.exe"), "invoice‹U+202E›fdp.exe");
        assert_eq!(shown("pay\u{200b}pal \u{e0041}"), "pay‹U+200B›pal ‹U+E0041›");
        for honest in ["Jörg Müller", "می\u{200c}خواهم", "👩\u{200d}💻", "שלום", "日本"] {
            assert_eq!(shown(honest), honest);
        }
        assert!(address("a@p\u{430}ypal.example").starts_with("a@xn--"));
        assert_eq!(address("a@müller.example"), "a@müller.example");
        assert_eq!(address("a@пример.example"), "a@пример.example");
    }

    /// E12.3.
    #[test]
    fn hosts_of_links() {
        assert_eq!(host("HTTPS://user@Bank.Example:8080/x").as_deref(), Some("bank.example"));
        assert_eq!(host("mailto:a@b.example"), None);
        assert_eq!(named_host("www.bank.example/login").as_deref(), Some("www.bank.example"));
        for none in ["click here", "a@b.example", "1.2.3", "e.g.", "report.", "Hello"] {
            assert_eq!(named_host(none), None, "{none}");
        }
        assert!(same_site("www.bank.example", "login.bank.example") && !same_site("bank.example", "evil.example"));
    }
}
