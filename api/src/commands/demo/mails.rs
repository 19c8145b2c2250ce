//! The mails that the demo's customers write: octets as they come off the wire, with places to fill.

use super::files;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use shared::clock::Time;

/// A customer's first mail.
pub struct Letter {
    source: &'static str,
    /// How long before the demo its Date lies.
    minutes: i64,
}

macro_rules! letters {
    ($($name:ident = $file:literal, $minutes:literal minutes ago: $what:literal;)+) => {
        $(#[doc = $what] pub const $name: Letter = Letter { source: include_str!(concat!("mails/", $file)), minutes: $minutes };)+
        #[cfg(test)]
        const ALL: &[Letter] = &[$($name),+];
    };
}

letters! {
    EXPORT = "export.eml", 190 minutes ago: "Text and HTML, with a screenshot.";
    INVOICE = "invoice.eml", 170 minutes ago: "German in ISO 8859-1, with a PDF.";
    HOLIDAY = "holiday.eml", 150 minutes ago: "German in 8 bits, from somebody who is on holiday.";
    BOUNCE = "bounce.eml", 130 minutes ago: "From an address that stops working.";
    QUESTION = "question.eml", 110 minutes ago: "A plain question.";
    OUTAGE = "outage.eml", 55 minutes ago: "Urgent, with a colleague in Cc.";
    DEPLOY = "deploy.eml", 40 minutes ago: "With a log.";
    HTML = "html.eml", 25 minutes ago: "HTML alone, with a table and a tracking pixel.";
    DOMAIN = "domain.eml", 15 minutes ago: "German with encoded words in ISO 8859-1.";
    MONITOR = "monitor.eml", 9 minutes ago: "From a machine.";
    PHONE = "phone.eml", 4 minutes ago: "From a phone, without a subject.";
}

/// A delivery report (RFC 3464), as the customer's server makes it.
pub const DSN: &str = include_str!("mails/dsn.eml");

impl Letter {
    /// Returns the mail's octets, written to `desk` shortly before `now`. `run` tells the mails of this demo from those
    /// of another one.
    pub fn octets(&self, desk: &str, now: Time, run: &str) -> Vec<u8> {
        let date = (now - TimeDelta::minutes(self.minutes)).to_rfc2822();
        let invoice = [
            "Rechnung 2026-1107",
            "Baeckerei Weber, Am Markt 1, 79098 Freiburg",
            "",
            "Team-Tarif, 12 Monate: EUR 1152,00",
        ];
        let (screenshot, invoice) = (lines(&files::screenshot()), lines(&files::pdf(&invoice)));
        let places =
            [("desk", desk), ("date", &date), ("run", run), ("screenshot", &screenshot), ("invoice", &invoice)];
        fill(self.source, &places)
    }
}

/// Fills a mail's places, and gives it the line ends of mail.
pub fn fill(source: &str, places: &[(&str, &str)]) -> Vec<u8> {
    let filled =
        places.iter().fold(source.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
    filled.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
}

/// Base64 in lines of 76 (RFC 2045 6.8).
fn lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> = text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::mail_in::parse;

    #[test]
    fn every_mail_is_whole_and_from_an_address_that_nobody_can_have() {
        for letter in ALL {
            let octets = letter.octets("help@desk.example", shared::clock::now(), "1");
            assert!(!String::from_utf8(octets.clone()).unwrap().contains('{'), "{}", letter.source);
            let mail = parse::parse(&octets);
            let from = mail.from.expect("a sender").email;
            assert!(from.ends_with(".example"), "{from}");
            assert!(mail.cc.iter().all(|a| a.email.ends_with(".example")), "{from}");
            assert_eq!(
                (mail.defects.len(), mail.to[0].email.as_str()),
                (0, "help@desk.example"),
                "{from}: {:?}",
                mail.defects
            );
            assert!(!mail.body_text.contains('\u{fffd}') && mail.message_id.is_some() && mail.date.is_some(), "{from}");
        }
    }
}
