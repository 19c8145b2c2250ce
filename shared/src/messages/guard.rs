//! What is looked at before an agent's reply goes out: who gets it that did not before, and whether it says what only
//! colleagues should read, or speaks of a file that is not there.

use super::sql;
use super::types::MessageKind;
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::drafts;
use crate::ids::{TicketId, UserId};
use crate::mail_out::enqueue;
use crate::store::{self, Tx};
use crate::tickets::{self, Error, Participant, ParticipantKind, ParticipantState, Result, TicketRef};
use regex::Regex;
use std::sync::LazyLock;

/// Somebody who will get a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub user_id: UserId,
    /// The address.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// Why.
    pub kind: ParticipantKind,
    /// They did not get our last reply.
    pub is_new: bool,
    /// Their address is of another domain than the requester's, or both are of a provider's that anybody can have.
    pub outside: bool,
    /// We no longer send there (E9.13).
    pub suppressed: bool,
}

/// Who gets the next reply, and how that differs from our last one.
#[derive(Debug, Clone, Default)]
pub struct Recipients {
    /// They get it.
    pub to: Vec<Recipient>,
    /// Addresses that got our last reply, and do not get the next.
    pub gone: Vec<String>,
}

/// Returns who would get a reply of the actor now.
///
/// # Errors
/// `NotFound` out of scope, `Denied` to who is no agent.
#[compiled_here]
pub async fn recipients(app: &App, actor: &Actor, which: &TicketRef) -> Result<Recipients> {
    let ticket = tickets::view(app, actor, which).await?.ticket;
    actor.require(Capability::TicketsNote)?;
    let mut read = app.db.read(actor.tickets().rows());
    let all = tickets::participants(&mut read, &[ticket.id]).await?;
    let now: Vec<&Participant> = all.iter().filter(|p| gets_replies(p, actor.user)).collect();
    let keys: Vec<String> = now.iter().map(|p| address::key(&p.email)).collect();
    let suppressed = match keys.is_empty() {
        true => Vec::new(),
        false => enqueue::suppressed(&mut read, ticket.tenant_id, &keys).await?,
    };
    let before = sql::last_recipients(&mut read, ticket.id).await?;
    let knew = |user: UserId| before.iter().any(|(id, _)| *id == Some(user));
    let home = all.iter().find(|p| p.user_id == ticket.requester_id).and_then(|p| address::domain(&p.email));
    let to = now.iter().zip(&keys).map(|(p, key)| Recipient {
        user_id: p.user_id,
        email: p.email.clone(),
        name: p.name.clone(),
        kind: p.kind,
        is_new: !before.is_empty() && !knew(p.user_id),
        outside: p.user_id != ticket.requester_id && is_outside(home.as_deref(), &p.email),
        suppressed: suppressed.contains(key),
    });
    let to: Vec<Recipient> = to.collect();
    // Who got it unseen is no news to anybody (E8.8).
    let unseen = |user: Option<UserId>| all.iter().any(|p| Some(p.user_id) == user && p.kind == ParticipantKind::Bcc);
    let gone = before
        .into_iter()
        .filter(|(user, _)| !unseen(*user) && !to.iter().any(|r| Some(r.user_id) == *user))
        .map(|(_, email)| email)
        .collect();
    Ok(Recipients { to, gone })
}

/// Whether somebody on a ticket gets what `writer` answers.
pub(super) fn gets_replies(p: &Participant, writer: Option<UserId>) -> bool {
    p.state == ParticipantState::Accepted
        && p.kind != ParticipantKind::Follower
        && Some(p.user_id) != writer
        && address::is_valid(&p.email)
}

fn is_outside(home: Option<&str>, email: &str) -> bool {
    match (home, address::domain(email)) {
        (Some(home), Some(theirs)) => home != theirs || address::is_freemail(home),
        _ => true,
    }
}

/// Shorter notes say what anybody might write.
const LEAST_SECRET: usize = 40;

/// Refuses a reply that holds what only colleagues should read: the text of a note on the ticket, or of the one that its
/// author is still writing.
///
/// # Errors
/// `Invalid` with `note_in_reply`.
pub(super) async fn no_note_in(tx: &mut Tx, writer: Option<UserId>, ticket: TicketId, body: &str) -> Result<()> {
    let reply = words(body);
    if reply.chars().count() < LEAST_SECRET {
        return Ok(());
    }
    let mut notes = sql::notes(tx, ticket).await?;
    notes.extend(own_note(tx, writer, ticket).await?);
    let holds = |note: &String| {
        let note = words(note);
        note.chars().count() >= LEAST_SECRET && (reply.contains(&note) || note.contains(&reply))
    };
    match notes.iter().any(holds) {
        true => Err(Error::invalid("body", "note_in_reply", "this is the text of an internal note")),
        false => Ok(()),
    }
}

async fn own_note(tx: &mut Tx, writer: Option<UserId>, ticket: TicketId) -> store::Result<Option<String>> {
    let Some(user) = writer else { return Ok(None) };
    let own = drafts::of_user(tx, user, ticket).await?;
    Ok(own.into_iter().find(|d| d.kind == MessageKind::Note).map(|d| d.body))
}

/// A text's letters and digits, however it is set: quoted, wrapped, with marks.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Whether a text speaks of a file that goes with it, in a line that is not quoted.
pub fn speaks_of_file(body: &str) -> bool {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)\b(attached|attaching|attachments?|enclosed|anbei|anhang|anhänge|angehängt|angehangen|anhängend|beigefügt|beiliegend)\b|\bI attach\b|\bin der Anlage\b|\bals Anlage\b",
        )
        .expect("a pattern of ours")
    });
    body.lines().filter(|l| !l.trim_start().starts_with('>')).any(|l| WORDS.is_match(l))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_speak_of_a_file() {
        for yes in ["Please see the attached log.", "Anbei die Rechnung", "siehe Anhang.", "I attach it", "Im\nANHANG"]
        {
            assert!(speaks_of_file(yes), "{yes}");
        }
        for no in ["> see attached", "It is unattached", "Der Anhanger", "Thanks"] {
            assert!(!speaks_of_file(no), "{no}");
        }
    }

    #[test]
    fn outside_is_another_domain_or_everybodys() {
        assert!(!is_outside(Some("shop.example"), "x@shop.example"));
        assert!(is_outside(Some("shop.example"), "x@other.example"));
        assert!(is_outside(Some("gmail.com"), "x@gmail.com"));
    }

    #[test]
    fn words_are_the_same_however_set() {
        assert_eq!(words("> **Do** not\n> tell, them!"), words("do not tell them"));
    }
}
