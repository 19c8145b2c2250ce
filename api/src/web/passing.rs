//! From a ticket that was closed or solved to the next one of the list that it was opened from; from the last one to the list.
//! What was done is said there, and can be taken back for a while.

use super::near::{self, List};
use super::parts::TicketLink;
use super::queue_params::Params;
use super::reader::Visit;
use crate::Api;
use crate::problem::Problem;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use shared::i18n;
use shared::ids::MessageId;
use shared::tickets::{Status, Ticket};

/// What was done with the ticket before this page.
#[derive(Debug, Clone, Serialize)]
pub struct Passed {
    /// Its number.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// What was done, and what this page is, in words.
    pub text: String,
    /// How it is taken back.
    pub undo: Option<String>,
    /// Where that leads.
    pub back: String,
    /// Where the reply that went with it is taken back.
    pub take_back: Option<String>,
    /// For how many seconds.
    pub leaves_in: i64,
}

/// How a ticket was finished.
#[derive(Debug, Clone, Copy)]
pub enum How<'a> {
    /// By itself: how that is taken back.
    Alone(&'a str),
    /// With this reply.
    With(MessageId),
}

/// Leads from a ticket that was finished to the next one. `stood`: what it was like before; `list`: the list, in which its
/// place was then.
///
/// # Errors
/// See [`shared::tickets::Error`].
pub async fn on(
    api: &Api,
    visit: &Visit,
    list: &List,
    stood: &Ticket,
    to: Status,
    how: How<'_>,
) -> Result<Response, Problem> {
    let (undo, sent) = match how {
        How::Alone(undo) => (undo.to_owned(), String::new()),
        How::With(reply) => (String::new(), reply.to_string()),
    };
    let say = [("did", to.as_str()), ("was", &stood.pid), ("undo", &undo), ("sent", &sent)];
    let path = match list.after(api, visit.actor()?, stood).await? {
        Some(next) => near::href(visit, &next.ticket.pid, &say),
        None => {
            let said = say.iter().filter(|(_, value)| !value.is_empty());
            let said = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
            format!("{}&{said}", list.href(None))
        }
    };
    Ok(Redirect::to(&path).into_response())
}

impl Passed {
    /// Returns what the address says was done before the next ticket came.
    pub fn next(visit: &Visit, params: &Params) -> Option<Passed> {
        let text = i18n::lookup(visit.locale, &format!("passed-next-{}", params.did), &[])?;
        Passed::of(visit, params, text, |page| page.to_owned())
    }

    /// Returns what the address says was done with the last one of `list`.
    pub fn last(visit: &Visit, params: &Params, list: &str) -> Option<Passed> {
        let text = i18n::lookup(visit.locale, &format!("passed-last-{}", params.did), &[])?;
        Passed::of(visit, params, text, |_| list.to_owned())
    }

    fn of(visit: &Visit, params: &Params, text: String, back: impl FnOnce(&str) -> String) -> Option<Passed> {
        let pid = Some(&params.was).filter(|pid| is_pid(pid))?;
        let reply = params.sent.parse::<i64>().ok();
        let way = near::query(visit);
        let way = if way.is_empty() { way } else { format!("?{way}") };
        let (page, href) = (TicketLink::new(pid).href, near::href(visit, pid, &[]));
        Some(Passed {
            pid: pid.clone(),
            back: back(&href),
            href,
            text,
            undo: Some(params.undo.clone()).filter(|undo| !undo.is_empty()),
            take_back: reply.map(|id| format!("{page}/messages/{id}/withdraw{way}")),
            leaves_in: super::ticket_acts::UNDO_SECONDS,
        })
    }

    /// Returns one for samples of pages.
    #[cfg(test)]
    pub fn sample() -> Passed {
        Passed {
            pid: "202611-0001".into(),
            href: "/dashboard/support/202611-0001".into(),
            text: "Solved.".into(),
            undo: Some("1.2.000.0".into()),
            back: "/dashboard/support?view=open".into(),
            take_back: Some("/dashboard/support/202611-0001/messages/2/withdraw".into()),
            leaves_in: 10,
        }
    }
}

/// Whether it can be a ticket's number: an address may say anything.
fn is_pid(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=40).contains(&text.len()) && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::is_pid;

    #[test]
    fn only_what_looks_like_a_number_is_shown() {
        assert!(is_pid("KA-202611-0001"));
        for text in ["", "a b", "<b>", "../x", &"1".repeat(41)] {
            assert!(!is_pid(text), "{text}");
        }
    }
}
