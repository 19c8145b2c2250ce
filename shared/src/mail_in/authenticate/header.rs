//! Authentication-Results of others (RFC 8601): which one may be believed, and what it says (E11.2).

use super::super::types::Mail;
use super::border::{Border, Hop};
use super::results::{Arc, Dkim, Dmarc, Method, Policy, Results, Spf};
use crate::address;

/// Finds the one field that counts: the topmost of a configured authserv-id, above the first `Received` from outside our
/// border; a host that is known to write it beneath its own `Received` may have it there. `inside`: the mail was handed
/// in by a host of ours; else its very first line is the sender's already.
///
/// Returns the authserv-id and what it says.
pub(super) fn trusted(mail: &Mail, border: &Border, inside: bool) -> Option<(String, Results)> {
    if !inside || border.is_empty() {
        return None;
    }
    let mut outside = false;
    for (name, value) in &mail.headers {
        match name.as_str() {
            "received" => {
                if outside {
                    return None;
                }
                outside = border.hop(value) == Hop::Outside;
            }
            "authentication-results" => {
                let Some(said) = read(value) else { continue };
                let Some(host) = border.authserv(&said.0) else { continue };
                // Topmost only: a second one of the same id may be the sender's own.
                return (!outside || host.below).then(|| with_seal(said, mail));
            }
            _ => {}
        }
    }
    None
}

/// What a host of ours says about spam, and the field that says so: `X-Spam-Flag`, `X-Spam-Status` or `X-Spam`. Those bear no
/// name, so their place alone tells who wrote them: the same as for [`trusted`].
pub(super) fn spam(mail: &Mail, border: &Border, inside: bool) -> Option<(bool, String)> {
    if !inside || border.is_empty() {
        return None;
    }
    let mut outside = false;
    for (name, value) in &mail.headers {
        match name.as_str() {
            "received" if outside => return None,
            "received" => outside = border.hop(value) == Hop::Outside,
            "x-spam-flag" | "x-spam-status" | "x-spam" if !outside || border.writes_below() => {
                if let Some(spam) = yes_or_no(value) {
                    return Some((spam, format!("{name}: {}", value.chars().take(60).collect::<String>())));
                }
            }
            _ => {}
        }
    }
    None
}

/// The first word of a field that says yes or no (`YES`, `No, score=-1.9 required=5.0`); None if it is neither.
pub fn yes_or_no(value: &str) -> Option<bool> {
    let word = value.trim().split([',', ';', ' ', '\t']).next().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// Whether the mail bears a field that tells of spam.
pub(super) fn tells_of_spam(mail: &Mail) -> bool {
    ["x-spam-flag", "x-spam-status", "x-spam"].iter().any(|name| mail.header(name).is_some())
}

/// The field says whether the chain holds; who sealed it last and what that host saw stands in the chain itself.
fn with_seal((id, mut results): (String, Results), mail: &Mail) -> (String, Results) {
    if let Some(arc) = results.arc.as_mut().filter(|a| a.result == Method::Pass) {
        let newest = mail.header_all("arc-seal").filter_map(|v| Some((instance(v)?, v))).max_by_key(|(i, _)| *i);
        if let Some((i, seal)) = newest {
            arc.sealer = tag(seal, "d").and_then(|d| domain(&d));
            let seen = mail.header_all("arc-authentication-results").find(|v| instance(v) == Some(i));
            arc.proven_then = seen.is_some_and(sealer_saw_proof);
        }
    }
    (id, results)
}

/// Whether an ARC-Authentication-Results value says that the sender was proven.
pub(super) fn sealer_saw_proof(value: &str) -> bool {
    let Some((_, rest)) = value.split_once(';') else { return false };
    let Some((_, seen)) = read(rest) else { return false };
    seen.dmarc.as_ref().is_some_and(|d| d.result == Method::Pass)
        || seen.dmarc.is_none() && seen.dkim.iter().any(|d| d.result == Method::Pass)
}

/// `i=` of a field of an ARC set.
fn instance(value: &str) -> Option<u8> {
    tag(value, "i")?.parse().ok()
}

/// A tag of a tag list (RFC 6376, 3.2).
fn tag(value: &str, name: &str) -> Option<String> {
    let tags = value.split(';').filter_map(|t| t.split_once('='));
    tags.map(|(n, v)| (n.trim(), v.trim())).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
}

/// Whether the mail bears a field of this name at all.
pub(super) fn is_there(mail: &Mail) -> bool {
    mail.header("authentication-results").is_some()
}

/// Reads a field's value: its authserv-id, lower case, and the results. None if it cannot be read.
pub(super) fn read(value: &str) -> Option<(String, Results)> {
    let mut clauses = split(value, ';').into_iter();
    let head = uncommented(clauses.next()?);
    let mut head = head.split_whitespace();
    let id = head.next()?.trim_matches('"').to_ascii_lowercase();
    if head.next().is_some_and(|version| version != "1") {
        return None;
    }
    let mut results = Results::default();
    for clause in clauses {
        add(&mut results, clause);
    }
    Some((id, results))
}

/// Adds one `method=result ptype.property=value ...`.
fn add(results: &mut Results, clause: &str) {
    let plain = uncommented(clause);
    let mut pairs = pairs(&plain).into_iter();
    let Some((method, result)) = pairs.next() else { return };
    let method = method.split('/').next().unwrap_or_default().to_owned();
    let Ok(result) = result.parse::<Method>() else { return };
    let props: Vec<(String, String)> = pairs.collect();
    let prop = |name: &str| props.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    match method.as_str() {
        "dkim" => {
            let domain = prop("header.d").and_then(domain).or_else(|| prop("header.i").and_then(domain));
            let selector = prop("header.s").map(str::to_owned);
            results.dkim.push(Dkim { domain, selector, result, detail: prop("reason").map(str::to_owned) });
        }
        "spf" if results.spf.is_none() => {
            let from = prop("smtp.mailfrom").or(prop("smtp.mail")).or(prop("envelope-from"));
            let domain = from.and_then(domain).or_else(|| prop("smtp.helo").and_then(domain));
            results.spf = Some(Spf { domain, result });
        }
        "dmarc" if results.dmarc.is_none() => {
            let policy = policy(&props).or_else(|| policy_in_comment(clause));
            results.dmarc = Some(Dmarc { domain: prop("header.from").and_then(domain), result, policy });
        }
        "arc" if results.arc.is_none() => {
            results.arc = Some(Arc { sealer: None, result, proven_then: false });
        }
        _ => {}
    }
}

/// The policy by RFC 9989's property, by those of OpenDMARC and Google, or Microsoft's `action`.
fn policy(props: &[(String, String)]) -> Option<Policy> {
    const NAMES: [&str; 4] = ["policy.dmarc", "policy.published-domain-policy", "policy.p", "action"];
    let found = NAMES.iter().find_map(|name| props.iter().find(|(n, _)| n == name))?;
    // Microsoft: oreject is reject, overridden.
    found.1.to_ascii_lowercase().trim_start_matches('o').parse().ok()
}

/// `dmarc=fail (p=REJECT sp=NONE dis=NONE)`.
fn policy_in_comment(clause: &str) -> Option<Policy> {
    let comment = clause.split_once('(')?.1.split(')').next()?;
    let words = comment.split([' ', ';', ',']).filter_map(|w| w.split_once('='));
    words.filter(|(k, _)| k.eq_ignore_ascii_case("p")).find_map(|(_, v)| v.to_ascii_lowercase().parse().ok())
}

/// A domain, or an address's domain.
fn domain(value: &str) -> Option<String> {
    let value = value.trim_matches(['"', '<', '>']);
    let at = if value.contains('@') { value.to_owned() } else { format!("x@{value}") };
    address::domain(&at)
}

/// `a=b c = "d e"`: names in lower case, values without quotes.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.split_whitespace().last().unwrap_or_default().to_ascii_lowercase();
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if !name.is_empty() {
            found.push((name, value.to_owned()));
        }
        rest = left.trim_start();
    }
    found
}

/// Splits at a separator outside quotes and comments.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    scan(text, |i, c, plain| {
        if plain && c == at {
            parts.push(&text[start..i]);
            start = i + c.len_utf8();
        }
    });
    parts.push(&text[start..]);
    parts
}

/// The text without comments, each of which leaves a blank.
fn uncommented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    scan(text, |_, c, _| match c {
        _ if depth == 0 && c != '(' && c != ')' => out.push(c),
        '(' => depth += 1,
        ')' => {
            depth = depth.saturating_sub(1);
            out.push(' ');
        }
        _ => {}
    });
    out
}

/// Walks a structured field; tells for each character whether it stands outside quotes and comments.
fn scan(text: &str, mut see: impl FnMut(usize, char, bool)) {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (i, c) in text.char_indices() {
        if escaped {
            escaped = false;
            see(i, c, false);
            continue;
        }
        match c {
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        see(i, c, depth == 0 && !quoted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E11.2: as Gmail, Outlook, OpenDMARC and Fastmail write it.
    #[test]
    fn fields_of_well_known_hosts() {
        let gmail = "mx.google.com;\n dkim=pass header.i=@shop.example header.s=s1 header.b=\"ab;c\";\n       spf=pass (google.com: domain of a@bounce.shop.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@bounce.shop.example;\n dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=shop.example";
        let (id, r) = read(gmail).unwrap();
        assert_eq!(id, "mx.google.com");
        assert_eq!((r.dkim[0].domain.as_deref(), r.dkim[0].result), (Some("shop.example"), Method::Pass));
        assert_eq!(r.spf.unwrap().domain.as_deref(), Some("bounce.shop.example"));
        let dmarc = r.dmarc.unwrap();
        assert_eq!((dmarc.result, dmarc.policy), (Method::Pass, Some(Policy::Reject)));

        let outlook = "spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=shop.example; dkim=none (message not signed) header.d=none;dmarc=fail action=oreject header.from=shop.example;compauth=fail reason=000";
        // Microsoft writes no authserv-id: whose it is cannot be told, so it is never believed.
        assert!(read(outlook).is_none());

        let (_, r) = read("mx.desk.example 1; dmarc = fail (bad; \"quoted\") header.from = Shop.Example").unwrap();
        assert_eq!(r.dmarc.unwrap(), Dmarc { domain: Some("shop.example".into()), result: Method::Fail, policy: None });
        assert_eq!(read("mx.desk.example; none").unwrap().1, Results::default());
        assert!(read("mx.desk.example 2; dmarc=pass").is_none(), "a version that is not known");
    }

    fn mail(head: &str) -> Mail {
        super::super::super::parse::parse(format!("{head}From: a@shop.example\n\nx").as_bytes())
    }

    const PASS: &str = "Authentication-Results: mx.desk.example; dmarc=pass header.from=shop.example\n";
    const FORGED: &str = "Authentication-Results: mx.desk.example; dmarc=pass header.from=shop.example (forged)\n";
    const FAIL: &str = "Authentication-Results: MX.desk.example; dmarc=fail header.from=shop.example\n";
    const OTHER: &str = "Authentication-Results: mx.other.example; dmarc=fail header.from=shop.example\n";
    const IN: &str = "Received: from shop.example (shop.example [198.51.100.1])\n by mx.desk.example; x\n";
    const RELAYED: &str = "Received: from mx.desk.example (mx.desk.example [192.0.2.1]) by imap.desk.example; x\n";

    /// E11.2, T67: exact id, above the first Received from outside, the topmost alone.
    #[test]
    fn only_the_borders_own_field_counts() {
        let strict = Border::read("mx.desk.example", "192.0.2.1").unwrap();
        let below = Border::read("mx.desk.example:below", "192.0.2.1").unwrap();
        let said = |border: &Border, head: &str| {
            trusted(&mail(head), border, true).and_then(|(_, r)| r.dmarc).map(|d| d.result)
        };
        let case = |parts: &[&str]| parts.concat();
        assert_eq!(said(&strict, &case(&[PASS, IN])), Some(Method::Pass));
        assert_eq!(said(&strict, &case(&[RELAYED, PASS, IN])), Some(Method::Pass));
        assert_eq!(said(&strict, &case(&[IN, FORGED])), None, "beneath the border");
        assert_eq!(said(&strict, &case(&[RELAYED, IN, FORGED])), None);
        assert_eq!(said(&strict, &case(&[FAIL, IN, FORGED])), Some(Method::Fail), "the topmost");
        assert_eq!(said(&strict, &case(&[OTHER, PASS, IN])), Some(Method::Pass), "others are passed over");
        assert_eq!(said(&strict, &case(&[OTHER, IN])), None);
        assert_eq!(said(&below, &case(&[IN, PASS, IN])), Some(Method::Pass));
        assert_eq!(said(&below, &case(&[IN, FAIL, FORGED, IN])), Some(Method::Fail));
        assert_eq!(said(&below, &case(&[IN, IN, FORGED])), None, "beneath a line of somebody else's");
        assert_eq!(said(&Border::default(), &case(&[PASS, IN])), None, "nobody is configured");
        assert!(trusted(&mail(&case(&[PASS, IN])), &strict, false).is_none(), "the sender handed it in itself");
    }

    /// E11.3: a chain counts by who sealed it last, and by what that host saw.
    #[test]
    fn a_chain_is_its_last_sealers() {
        let border = Border::read("mx.desk.example", "").unwrap();
        let head = |saw: &str| {
            format!(
                "Authentication-Results: mx.desk.example; arc=pass\nARC-Seal: i=2; cv=pass; d=Lists.example; s=x; b=y\n\
                ARC-Authentication-Results: i=2; lists.example; dmarc={saw}\nARC-Seal: i=1; cv=none; d=other.example\n{IN}"
            )
        };
        let arc = |saw| trusted(&mail(&head(saw)), &border, true).unwrap().1.arc.unwrap();
        assert_eq!(arc("pass"), Arc { sealer: Some("lists.example".into()), result: Method::Pass, proven_then: true });
        assert!(!arc("fail").proven_then);
    }
}
