//! The customer card beside a ticket: who asks, what their clock says, and what else they asked of late.

use super::format::When;
use super::parts::{Person, TicketLink};
use super::reader::Visit;
use super::{clocks, snoozed};
use crate::Api;
use crate::problem::Problem;
use serde::Serialize;
use shared::access::Capability;
use shared::customers;
use shared::tickets::{self, Filter, TicketView};

/// How many of their other tickets stand there.
const OTHERS: usize = 5;

/// Who is asking.
#[derive(Debug, Clone, Serialize)]
pub struct Customer {
    /// Name, else address.
    pub name: String,
    /// Address.
    pub email: String,
    /// What time it is where they live, if they said where that is; for agents.
    pub local_time: Option<String>,
    /// Their last other tickets, for agents.
    pub others: Vec<Other>,
    /// All their tickets, for agents.
    pub href: Option<String>,
    /// What agents keep in mind about them, for agents.
    pub note: Option<Note>,
}

/// What is kept in mind about a customer, in its form.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// As it is kept, or was typed.
    pub text: String,
    /// The version that its writer read.
    pub version: i64,
    /// Who wrote it, and when.
    pub by: Option<String>,
    /// See `by`.
    pub at: Option<When>,
    /// Its form stands open.
    pub open: bool,
}

/// Another ticket of theirs.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    /// Its public id.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// Its subject.
    pub subject: String,
    /// Its status.
    pub status: String,
}

impl Customer {
    /// Returns the requester of a ticket as far as the reader may see them: of their other tickets those in the reader's own
    /// scope. `typed` is a note that was refused.
    ///
    /// # Errors
    /// 401; see [`tickets::Error`].
    pub async fn of(api: &Api, visit: &Visit, view: &TicketView, typed: Option<String>) -> Result<Customer, Problem> {
        let id = view.ticket.requester_id;
        let person = Person::new(view.requester_name.as_deref(), &view.requester_email, false);
        let (name, email) = (person.name, person.email);
        let card = Customer { name, email, local_time: None, others: Vec::new(), href: None, note: None };
        if !visit.is_agent() {
            return Ok(card);
        }
        let zone = snoozed::zone_of(api, id).await?;
        let theirs = Filter { requester: Some(id.to_string()), ..Filter::default() };
        let (rows, _) = tickets::list(&api.app, visit.actor()?, &theirs, None, OTHERS as i64 + 1).await?;
        let others = rows.iter().filter(|row| row.ticket.id != view.ticket.id).take(OTHERS);
        Ok(Customer {
            local_time: zone.map(|zone| zone.local(*visit.now).format("%H:%M").to_string()),
            others: others.map(|row| Other::new(visit, row)).collect(),
            href: Some(format!("/dashboard/support?view=all&requester={id}")),
            note: match visit.actor()?.can(Capability::TicketsNote) {
                true => Some(Note::of(api, visit, view, typed).await?),
                false => None,
            },
            ..card
        })
    }
}

impl Note {
    async fn of(api: &Api, visit: &Visit, view: &TicketView, typed: Option<String>) -> Result<Note, Problem> {
        let kept = customers::note_beside(&api.app, visit.actor()?, &view.ticket).await?;
        let open = typed.is_some();
        let Some(kept) = kept else {
            return Ok(Note { text: typed.unwrap_or_default(), version: 0, by: None, at: None, open });
        };
        Ok(Note {
            version: kept.version,
            by: kept.noted_by,
            at: Some(When::new(visit.locale, kept.noted_at, visit.now)),
            // What somebody else wrote meanwhile stands below what was typed, to be put together by who typed it.
            text: match typed {
                Some(typed) if typed.trim() != kept.body && !kept.body.is_empty() => {
                    format!("{typed}\n\n{}", kept.body)
                }
                Some(typed) => typed,
                None => kept.body,
            },
            open,
        })
    }
}

impl Other {
    fn new(visit: &Visit, view: &TicketView) -> Other {
        Other {
            pid: view.ticket.pid.clone(),
            href: TicketLink::new(&view.ticket.pid).href,
            subject: clocks::subject(visit.locale, &view.ticket.subject),
            status: view.ticket.status.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
impl Customer {
    /// Returns one for samples of pages.
    pub fn sample() -> Customer {
        let other = Other {
            pid: "202611-0004".into(),
            href: "/dashboard/support/202611-0004".into(),
            subject: "Release 45".into(),
            status: "solved".into(),
        };
        Customer {
            name: "Daniel Okafor".into(),
            email: "daniel@okafor.example".into(),
            local_time: Some("10:30".into()),
            others: vec![other],
            href: Some("/dashboard/support?view=all&requester=1".into()),
            note: Some(Note {
                text: "Calls on Mondays only.".into(),
                version: 2,
                by: Some("Mara Lindt".into()),
                at: None,
                open: false,
            }),
        }
    }
}
