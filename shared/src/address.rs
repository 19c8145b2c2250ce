//! Mail addresses: how they are compared, and what their parts say. No I/O.

use std::borrow::Cow;

/// Domains where anybody can have an address, so that sharing one says nothing (E4.4).
const FREEMAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "bluewin.ch",
    "btinternet.com",
    "comcast.net",
    "fastmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hotmail.it",
    "icloud.com",
    "interia.pl",
    "laposte.net",
    "libero.it",
    "live.co.uk",
    "live.com",
    "live.de",
    "live.fr",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "op.pl",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "seznam.cz",
    "sfr.fr",
    "t-online.de",
    "tutanota.com",
    "verizon.net",
    "virgilio.it",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "yahoo.ca",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.br",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.in",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

/// Local parts of machines that report on mail (E5.3, E5.14).
const DAEMONS: &[&str] = &["mailer-daemon", "mailerdaemon", "mail-daemon", "maildaemon", "postmaster"];

/// Local parts of senders that nobody reads (E5.6), compared without `.`, `-` and `_`.
const NO_REPLY: &[&str] =
    &["noreply", "donotreply", "dontreply", "noreplies", "neverreply", "nepasrepondre", "keineantwort"];

/// Returns the form by which addresses are compared (E2.14): lower case, the domain as A-labels.
/// Dots and plus tags stay. A text without `@` is only lower-cased.
pub fn key(email: &str) -> String {
    let email = email.trim_matches(|c: char| c.is_whitespace() || c == '<' || c == '>');
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", local.to_lowercase(), domain_key(domain)),
        None => email.to_lowercase(),
    }
}

/// Returns an address's domain in lower case as A-labels; None without `@` or with nothing behind it.
pub fn domain(email: &str) -> Option<String> {
    let (_, domain) = email.trim().trim_end_matches('>').rsplit_once('@')?;
    Some(domain_key(domain)).filter(|d| !d.is_empty())
}

/// Returns an address's local part, as written; None without `@`.
pub fn local_part(email: &str) -> Option<&str> {
    email.trim().trim_start_matches('<').rsplit_once('@').map(|(local, _)| local)
}

fn domain_key(domain: &str) -> String {
    let domain = domain.trim_start().trim_end_matches(|c: char| c.is_whitespace() || c == '.');
    if domain.is_ascii() {
        return domain.to_ascii_lowercase();
    }
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

/// Tells whether mail could be sent to the address: RFC 5321's lengths, no white space, control or bracket,
/// a domain of proper labels or an address literal. Non-ASCII letters are fine.
pub fn is_valid(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    if local.is_empty() || local.len() > 64 || email.len() > 254 || domain.is_empty() || domain.chars().any(bad) {
        return false;
    }
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    if local.chars().any(char::is_control)
        || !quoted && local.chars().any(|c| bad(c) || matches!(c, '@' | '"' | '(' | ')'))
    {
        return false;
    }
    if domain.starts_with('[') && domain.ends_with(']') {
        return domain.len() > 2;
    }
    let ascii = domain_key(domain);
    ascii.len() <= 253
        && ascii.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Tells whether anybody can have an address in the domain (E4.4).
pub fn is_freemail(domain: &str) -> bool {
    FREEMAIL.binary_search(&domain_key(domain).as_str()).is_ok()
}

/// Tells whether the address belongs to a mail server itself: mailer-daemon, postmaster (E5.3).
pub fn is_daemon(email: &str) -> bool {
    let local = lower_local(email);
    DAEMONS.iter().any(|d| local == *d || local.strip_prefix(d).is_some_and(|r| r.starts_with(['+', '-', '_', '.'])))
}

/// Tells whether the address is of the no-reply family (E5.6).
pub fn is_no_reply(email: &str) -> bool {
    let local: String = lower_local(email).chars().filter(|c| !matches!(c, '.' | '-' | '_')).collect();
    NO_REPLY.iter().any(|n| local.starts_with(n) || local.ends_with(n))
}

/// Tells whether no automatic mail may go to the address (E5.14): empty, daemons, no-reply, list machinery.
pub fn takes_no_auto_mail(email: &str) -> bool {
    let local = lower_local(email);
    local.is_empty()
        || is_daemon(email)
        || is_no_reply(email)
        || local.ends_with("-request")
        || local.starts_with("owner-")
        || local.ends_with("-owner")
        || local.ends_with("-bounces")
        || local.starts_with("bounces+")
        || local.starts_with("bounce+")
}

fn lower_local(email: &str) -> String {
    let email: Cow<'_, str> = email.trim().trim_start_matches('<').into();
    email.rsplit_once('@').map_or(&*email, |(l, _)| l).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_lowers_and_keeps_tags() {
        assert_eq!(key(" <Jane.Doe+x@EXAMPLE.Org> "), "jane.doe+x@example.org");
        assert_eq!(key("a@Bücher.example"), "a@xn--bcher-kva.example");
        assert_eq!(key("Root"), "root");
    }

    #[test]
    fn freemail_table_is_sorted() {
        assert!(FREEMAIL.is_sorted());
        assert!(is_freemail("GMail.com"));
        assert!(!is_freemail("example.com"));
    }

    #[test]
    fn valid_addresses() {
        for ok in ["a@b.example", "ä@bücher.example", "\"a b\"@c.example", "x@[192.0.2.1]", "root@localhost"] {
            assert!(is_valid(ok), "{ok}");
        }
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a b@c.example",
            "a@b..example",
            "a@-b.example",
            "a@b.example\r\nBcc: c@d",
            "a,b@c.example",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(!is_valid(&format!("{}@b.example", "l".repeat(65))));
    }

    #[test]
    fn daemons_and_no_reply() {
        assert!(is_daemon("MAILER-DAEMON@mx.example"));
        assert!(is_daemon("mailer-daemon"));
        assert!(!is_daemon("postmasters.friend@mx.example"));
        assert!(is_no_reply("No-Reply@shop.example"));
        assert!(is_no_reply("jira.do_not_reply@shop.example"));
        assert!(!is_no_reply("norbert@shop.example"));
        for none in ["list-request@x.example", "owner-list@x.example", "l-bounces@x.example", ""] {
            assert!(takes_no_auto_mail(none), "{none}");
        }
        assert!(!takes_no_auto_mail("jane@x.example"));
    }
}
