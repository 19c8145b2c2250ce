//! What a provider found out about a mail and wrote into its head (E11.2, E5.10): read only where the sender cannot have
//! written it.

use super::rebuild::header_block;
use shared::address;
use shared::mail_in::authenticate::{Dkim, Method, Results, Spf, Vouched, yes_or_no};

/// How much of a mail is searched for the end of its head.
const MOST_HEAD: usize = 512 * 1024;

/// A mail's head: its fields in order, unfolded.
pub struct Head(Vec<(String, String)>);

impl Head {
    /// Reads the head of a mail's octets.
    pub fn of(raw: &[u8]) -> Head {
        let text = String::from_utf8_lossy(&raw[..raw.len().min(MOST_HEAD)]);
        let end = ["\r\n\r\n", "\n\n"].iter().filter_map(|e| text.find(e)).min().unwrap_or(text.len());
        Head(header_block(&text[..end]))
    }

    /// The head that a provider tells of as a list.
    pub fn listed(fields: &[(String, String)]) -> Head {
        Head(fields.to_vec())
    }

    /// A field that the provider put on top: the first of its name, above the line of the host that handed the mail in. All
    /// that the sender wrote stands beneath that line.
    fn on_top(&self, name: &str) -> Option<&str> {
        let is_entry = |n: &str, v: &str| {
            n.eq_ignore_ascii_case("received") && v.trim_start().to_ascii_lowercase().starts_with("from ")
        };
        let own = self.0.iter().take_while(|(n, v)| !is_entry(n, v));
        own.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).next()
    }

    /// A field that is there once. Where a provider does not say at which place it writes, a second one may be the sender's,
    /// and then neither counts.
    fn single(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let (_, value) = all.next()?;
        all.next().is_none().then_some(value.trim())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }
}

/// Mailgun: `X-Mailgun-Spf`, `X-Mailgun-Dkim-Check-Result`, `X-Mailgun-Sflag`, `X-Mailgun-Sscore`, written where the
/// domain's spam filter is on; where it is off a sender could write them. So none of them proves a sender: the sending host
/// makes a mail `weak` at most, and a signature counts for no domain; our own check of the octets looks at it.
pub fn mailgun(head: &Head, envelope_from: &str) -> Vouched {
    let spf = head.single("x-mailgun-spf").and_then(method);
    let dkim = head.single("x-mailgun-dkim-check-result").filter(|_| head.has("dkim-signature")).and_then(method);
    Vouched {
        by: "mailgun".to_owned(),
        results: Results {
            spf: spf.map(|result| Spf { domain: address::domain(envelope_from), result }),
            dkim: dkim.map(|result| signature(None, result)).into_iter().collect(),
            ..Results::default()
        },
        spam: head.single("x-mailgun-sflag").and_then(yes_or_no),
        spam_score: head.single("x-mailgun-sscore").map(short),
    }
}

/// Postmark: `Received-SPF` (RFC 7208, 9.1) and SpamAssassin's fields, on top of all that it received. `DKIM_VALID_AU`
/// means: signed by the domain of the author, which is `from`.
pub fn postmark(head: &Head, from: &str) -> Vouched {
    let spf = head.on_top("received-spf").and_then(|said| {
        let result = method(said.split_whitespace().next()?)?;
        let envelope = said.split([';', ' ']).find_map(|p| p.trim().strip_prefix("envelope-from="));
        let envelope = envelope.map(|e| e.trim_matches(['"', '<', '>']));
        // SPF of the HELO name says nothing about an author.
        let is_helo = said.contains("identity=helo");
        Some(Spf { domain: envelope.filter(|_| !is_helo).and_then(address::domain), result })
    });
    let tests = head.on_top("x-spam-tests").unwrap_or_default();
    let is_signed = tests.split([',', ' ', '\t']).any(|t| t.trim() == "DKIM_VALID_AU");
    let dkim = is_signed.then(|| signature(address::domain(from), Method::Pass));
    Vouched {
        by: "postmark".to_owned(),
        results: Results { spf, dkim: dkim.into_iter().collect(), ..Results::default() },
        spam: head.on_top("x-spam-status").and_then(yes_or_no),
        spam_score: head.on_top("x-spam-score").map(short),
    }
}

/// Postal tells of spam alone: `X-Postal-Spam` on top, or `spam_status` in a message that it has parsed.
pub fn postal(head: &Head, status: Option<&str>) -> Vouched {
    let parsed = match status {
        Some("Spam") => Some(true),
        Some("NotSpam") => Some(false),
        _ => None,
    };
    Vouched {
        by: "postal".to_owned(),
        spam: parsed.or_else(|| head.on_top("x-postal-spam").and_then(yes_or_no)),
        spam_score: head.on_top("x-postal-spam-score").map(short),
        ..Vouched::default()
    }
}

fn signature(domain: Option<String>, result: Method) -> Dkim {
    Dkim { domain, selector: None, result, detail: None }
}

fn method(word: &str) -> Option<Method> {
    word.trim().to_ascii_lowercase().parse().ok()
}

fn short(score: &str) -> String {
    score.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E11.2: what stands beneath the line of the host that handed the mail in is the sender's.
    #[test]
    fn what_a_sender_wrote_does_not_count() {
        let own = "Received: by p-pm-inboundg03a.inbound.postmarkapp.com (Postfix)\r\n\tid C4B3; Sat, 21 Nov 2026 10:00:00 +0000\r\n\
                   X-Spam-Status: No\r\nX-Spam-Score: -0.1\r\nX-Spam-Tests: DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU,\r\n\tSPF_PASS\r\n\
                   Received-SPF: pass (shop.example: Sender is authorized) receiver=p-pm; identity=mailfrom;\r\n\
                   \tenvelope-from=\"ann@shop.example\"; helo=mx.shop.example; client-ip=192.0.2.1\r\n";
        let entry =
            "Received: from mx.shop.example (mx.shop.example [192.0.2.1]) by p-pm; Sat, 21 Nov 2026 10:00:00 +0000\r\n";
        let mail =
            |top: &str, below: &str| format!("{top}{entry}{below}From: ann@shop.example\r\n\r\nX-Spam-Status: Yes\r\n");
        let told = postmark(&Head::of(mail(own, "").as_bytes()), "ann@shop.example");
        assert_eq!((told.spam, told.spam_score.as_deref()), (Some(false), Some("-0.1")));
        assert_eq!(told.results.spf, Some(Spf { domain: Some("shop.example".into()), result: Method::Pass }));
        assert_eq!(told.results.dkim, [signature(Some("shop.example".into()), Method::Pass)]);
        let forged = postmark(&Head::of(mail("", own).as_bytes()), "ann@shop.example");
        assert_eq!((forged.spam, forged.results), (None, Results::default()));
    }

    /// E11.2, E5.10.
    #[test]
    fn of_two_fields_of_mailgun_neither_counts() {
        let head = |text: &str| Head::of(text.as_bytes());
        let told = mailgun(
            &head("X-Mailgun-Spf: Pass\nX-Mailgun-Sflag: Yes\nX-Mailgun-Sscore: 7.2\nFrom: a@b.example\n\n"),
            "a@b.example",
        );
        assert_eq!((told.spam, told.spam_score.as_deref()), (Some(true), Some("7.2")));
        assert_eq!(told.results.spf, Some(Spf { domain: Some("b.example".into()), result: Method::Pass }));
        let twice = mailgun(&head("X-Mailgun-Spf: Fail\nFrom: a@b.example\nX-Mailgun-Spf: Pass\n\n"), "a@b.example");
        assert_eq!((twice.results, twice.spam), (Results::default(), None));
        // Without a signature there is nothing that could have failed.
        let unsigned = mailgun(&head("X-Mailgun-Dkim-Check-Result: Fail\n\n"), "a@b.example");
        assert!(unsigned.results.dkim.is_empty());
    }
}
