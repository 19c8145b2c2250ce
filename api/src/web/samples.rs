//! Sample mails for `/dev/inbound`, of our own writing. Each has a fresh Message-ID, so that it is new each time.

use shared::clock::Time;

/// The samples' keys, in the order of the page.
pub const KEYS: [&str; 7] = ["plain", "html", "reply", "bounce", "out_of_office", "attachment", "broken"];

/// What a sample refers to.
pub struct Context<'a> {
    /// The mailbox that it is sent to.
    pub mailbox: &'a str,
    /// The present moment, for Date and Message-ID.
    pub now: Time,
    /// The newest mail of ours, for samples that answer one.
    pub ours: Option<Ours<'a>>,
}

/// A mail of ours that a sample can answer.
pub struct Ours<'a> {
    /// Its Message-ID, without angle brackets.
    pub message_id: &'a str,
    /// Its recipient, who answers.
    pub to: &'a str,
    /// Where an answer goes: the signed reply address.
    pub reply_to: &'a str,
    /// Its envelope sender, to which reports go.
    pub return_path: &'a str,
    /// Its subject.
    pub subject: &'a str,
}

/// A sample mail.
pub struct Sample {
    /// MAIL FROM; empty for reports.
    pub from: String,
    /// RCPT TO.
    pub to: String,
    /// The mail.
    pub raw: String,
}

/// Returns the sample of a key; None if there is no such key.
pub fn build(key: &str, context: &Context<'_>) -> Option<Sample> {
    let date = context.now.to_rfc2822();
    let id = format!("sample-{key}-{}@customer.example", context.now.timestamp_micros());
    let to = context.mailbox;
    let ours = context.ours.as_ref();
    let customer = ours.map_or("daniel@customer.example", |o| o.to);
    let head = |from: &str, to: &str, subject: &str, more: &str| {
        format!(
            "From: {from}\nTo: {to}\nSubject: {subject}\nDate: {date}\nMessage-ID: <{id}>\n{more}MIME-Version: 1.0\n"
        )
    };
    let plain = "Content-Type: text/plain; charset=utf-8\n\n";
    let daniel = "Daniel Okafor <daniel@customer.example>";
    let (from, to, raw) = match key {
        "plain" => {
            let text =
                "Hello,\n\nsince this morning our shop shows the maintenance page.\nCould you have a look?\n\nDaniel\n";
            ("daniel@customer.example", to, head(daniel, to, "Our shop is down", "") + plain + text)
        }
        "html" => {
            let body = "Content-Type: multipart/alternative; boundary=\"b1\"\n\n--b1\nContent-Type: text/plain; \
                        charset=utf-8\n\nThe invoice of November is there twice.\n\n--b1\nContent-Type: text/html; \
                        charset=utf-8\n\n<h2>Invoice</h2><p>The invoice of <b>November</b> is there \
                        <em>twice</em>.</p><img src=\"https://tracker.example/p.gif\">\n\n--b1--\n";
            let from = "Anna Vogt <anna@customer.example>";
            ("anna@customer.example", to, head(from, to, "Invoice twice", "") + body)
        }
        "reply" => {
            let (thread, subject, text) = match ours {
                Some(o) => (
                    format!("In-Reply-To: <{0}>\nReferences: <{0}>\n", o.message_id),
                    format!("Re: {}", o.subject.trim_start_matches("Re: ")),
                    "Thank you, that helped.\n\n> what you wrote\n> stands here\n",
                ),
                None => (
                    "In-Reply-To: <unknown@elsewhere.example>\n".into(),
                    "Re: Nothing of yours".into(),
                    "This answers a mail that you never sent.\n",
                ),
            };
            let to = ours.map_or(to, |o| o.reply_to);
            (customer, to, head(customer, to, &subject, &thread) + plain + text)
        }
        "bounce" => {
            let failed = ours.map_or("nobody@gone.example", |o| o.to);
            let original = ours.map_or("unknown@elsewhere.example", |o| o.message_id);
            let to = ours.map_or(to, |o| o.return_path);
            let body = format!(
                "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\n\n--b1\nContent-Type: \
                 text/plain; charset=utf-8\n\nYour mail to {failed} could not be delivered.\n\n--b1\nContent-Type: \
                 message/delivery-status\n\nReporting-MTA: dns; mx.customer.example\n\nFinal-Recipient: rfc822; \
                 {failed}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such mailbox\n\n--b1\n\
                 Content-Type: text/rfc822-headers\n\nMessage-ID: <{original}>\n\n--b1--\n"
            );
            let from = "Mail Delivery System <MAILER-DAEMON@mx.customer.example>";
            let head = head(from, to, "Undelivered Mail Returned to Sender", "Auto-Submitted: auto-replied\n");
            ("", to, head + &body)
        }
        "out_of_office" => {
            let thread = ours.map_or(String::new(), |o| format!("In-Reply-To: <{}>\n", o.message_id));
            let to = ours.map_or(to, |o| o.reply_to);
            let more = format!("Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n{thread}");
            let text = "I am away until Monday and read no mail.\n";
            ("", to, head(customer, to, "Automatic reply: out of office", &more) + plain + text)
        }
        "attachment" => {
            let body = "Content-Type: multipart/mixed; boundary=\"b1\"\n\n--b1\nContent-Type: text/plain; \
                        charset=utf-8\n\nThe log is attached.\n\n--b1\nContent-Type: text/plain; name=\"release.log\"\n\
                        Content-Disposition: attachment; filename=\"release.log\"\nContent-Transfer-Encoding: base64\n\n\
                        MDk6MDIgR0VUIC9oZWFsdGh6IDUwMwowOTowMyB1cHN0cmVhbSBub3QgcmVhZHkK\n\n--b1--\n";
            ("daniel@customer.example", to, head(daniel, to, "Log of the release", "") + body)
        }
        "broken" => {
            let body = "Content-Type: multipart/mixed; boundary=\"lost\"\nContent-Transfer-Encoding: base64\n\n\
                        --other\nContent-Type: text/html; charset=x-unknown\n\n<p>The boundary is wrong, and \
                        =?utf-8?Q?half\n";
            ("daniel@customer.example", to, head(daniel, to, "=?utf-8?Q?Broken_=ZZ_word?= mail", "") + body)
        }
        _ => return None,
    };
    Some(Sample { from: from.to_owned(), to: to.to_owned(), raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_mail() {
        let now = shared::clock::now();
        let ours = || Ours {
            message_id: "m@desk.example",
            to: "anna@customer.example",
            reply_to: "help+x@desk.example",
            return_path: "bounce+x@desk.example",
            subject: "Re: Shop",
        };
        for key in KEYS {
            let with = build(key, &Context { mailbox: "help@desk.example", now, ours: Some(ours()) }).unwrap();
            let without = build(key, &Context { mailbox: "help@desk.example", now, ours: None }).unwrap();
            for sample in [&with, &without] {
                assert!(sample.raw.contains("\nMessage-ID: <sample-") && sample.raw.contains("\n\n"), "{key}");
                assert!(sample.to.contains('@'), "{key}");
            }
            let threaded = ["reply", "bounce", "out_of_office"].contains(&key);
            assert_eq!(with.raw.contains("m@desk.example"), threaded, "{key}");
        }
        assert!(build("x", &Context { mailbox: "help@desk.example", now, ours: None }).is_none());
    }
}
