//! What the mail that an agent answers says about the answer: where to (Reply-To, E8.2), and what Outlook threads by
//! (Thread-Index, E8.3). Read from its octets when it is answered, as few mails are.

mod sql;

use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::ids::TicketId;
use crate::store::{Result, Scope};
use crate::{mail_in, mail_out::headers};
use mail_parser::{HeaderForm, MessageParser};

/// The headers of a mail that matter to its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// From.
    pub from: Option<String>,
    /// Reply-To, if it names one address.
    pub reply_to: Option<String>,
    /// Thread-Index.
    pub thread_index: Option<String>,
    /// Thread-Topic.
    pub thread_topic: Option<String>,
}

/// Returns what the customer's newest mail on a ticket says; nothing if it did not come by mail, or its octets are out
/// of reach just now: that is no reason not to answer.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn look(app: &App, ticket: TicketId) -> Result<Answered> {
    let Some(mail) = sql::newest_mail(&mut app.db.read(Scope::All), ticket).await? else {
        return Ok(Answered::default());
    };
    match mail_in::raw(app, mail).await {
        Ok(raw) => Ok(read(&raw)),
        Err(e) => {
            tracing::warn!(mail.id = mail.0, error = &e as &dyn std::error::Error, "an answered mail cannot be read");
            Ok(Answered::default())
        }
    }
}

fn read(raw: &[u8]) -> Answered {
    let Some(mail) = MessageParser::new().parse_headers(raw) else { return Answered::default() };
    let only = |list: Option<&mail_parser::Address<'_>>| {
        let all: Vec<String> = list?.iter().filter_map(|a| a.address().map(str::to_owned)).collect();
        <[String; 1]>::try_from(all).ok().map(|[one]| one)
    };
    let text = |name: &'static str| {
        let value = mail.header_as(name, HeaderForm::Text).first()?.as_text()?.trim().to_owned();
        (!value.is_empty() && headers::check(name, &value).is_ok()).then_some(value)
    };
    Answered {
        from: only(mail.from()),
        reply_to: only(mail.reply_to()),
        thread_index: text("Thread-Index"),
        thread_topic: text("Thread-Topic"),
    }
}

impl Answered {
    /// Returns the address that an answer to `requester` goes to instead of theirs: the mail's Reply-To, if the mail is
    /// theirs and both are in one domain that not everybody can have an address in. A foreign one is not used (invoice
    /// fraud lives on it).
    pub fn better_address(&self, requester: &str) -> Option<&str> {
        let reply_to = self.reply_to.as_deref().filter(|a| address::is_valid(a))?;
        let own = address::key(self.from.as_deref()?) == address::key(requester);
        let domain = |a: &str| address::domain(&address::key(a)).filter(|d| !address::is_freemail(d));
        let same = domain(reply_to).is_some() && domain(reply_to) == domain(requester);
        (own && same && address::key(reply_to) != address::key(requester)).then_some(reply_to)
    }

    /// Returns the mail's Reply-To, if the mail is `requester`'s and wants its answers outside their domain: an agent may
    /// choose it, having looked.
    pub fn offered_address(&self, requester: &str) -> Option<&str> {
        let (from, reply_to) = (self.from.as_deref()?, self.reply_to.as_deref()?);
        (address::key(from) == address::key(requester) && is_foreign(from, reply_to)).then_some(reply_to)
    }
}

/// Whether a Reply-To is another address than From's, and in another domain or in one that everybody can have an address in.
pub fn is_foreign(from: &str, reply_to: &str) -> bool {
    let (from, reply_to) = (address::key(from), address::key(reply_to));
    let domain = |a: &str| address::domain(a).filter(|d| !address::is_freemail(d));
    address::is_valid(&reply_to)
        && reply_to != from
        && (domain(&reply_to).is_none() || domain(&reply_to) != domain(&from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &str) -> Answered {
        read(format!("{head}\r\nSubject: x\r\n\r\nText\r\n").as_bytes())
    }

    /// E8.2.
    #[test]
    fn only_an_own_reply_to_of_the_same_domain_is_used() {
        let better = |from: &str, reply_to: &str, requester: &str| {
            let found = of(&format!("From: {from}\r\nReply-To: {reply_to}"));
            found.better_address(requester).map(str::to_owned)
        };
        let ann = "ann@firm.example";
        assert_eq!(better(ann, "Billing <billing@Firm.example>", ann).as_deref(), Some("billing@Firm.example"));
        assert_eq!(better(ann, "billing@else.example", ann), None, "a foreign one");
        let offered = |from: &str, reply_to: &str| {
            let found = of(&format!("From: {from}\r\nReply-To: {reply_to}"));
            found.offered_address(ann).map(str::to_owned)
        };
        assert_eq!(offered(ann, "billing@else.example").as_deref(), Some("billing@else.example"));
        assert_eq!(offered(ann, "billing@firm.example"), None, "used as it is");
        assert_eq!(offered("eve@firm.example", "billing@else.example"), None, "somebody else's mail");
        assert_eq!(offered(ann, "Ann@Firm.example"), None, "the same");
        assert_eq!(better(ann, "billing@sub.firm.example", ann), None);
        assert_eq!(better("ann@gmail.com", "bob@gmail.com", "ann@gmail.com"), None, "anybody's domain");
        assert_eq!(better(ann, "a@firm.example, b@firm.example", ann), None, "not one address");
        assert_eq!(better("bob@firm.example", "billing@firm.example", ann), None, "somebody else's mail");
        assert_eq!(better(ann, "ANN@firm.example", ann), None, "the same");
        assert_eq!(of("From: ann@firm.example").better_address(ann), None);
    }

    /// E8.3.
    #[test]
    fn thread_headers_are_read() {
        let found =
            of("From: a@b.example\r\nThread-Topic: =?utf-8?q?St=C3=B6rung?=\r\nThread-Index: AdxVPT8F\r\n 3Q==");
        assert_eq!(found.thread_topic.as_deref(), Some("Störung"));
        assert_eq!(found.thread_index.map(|i| i.replace(' ', "")).as_deref(), Some("AdxVPT8F3Q=="));
    }
}
