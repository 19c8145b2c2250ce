//! Taking words or files of a message out for good, as an agent asks: of the message itself, and of everything on its ticket
//! that repeats them: quotes in other messages, notes, drafts, the subject, letters that were sent or wait, events' texts, the
//! search index. Of a received mail that said them the octets go, as erasing takes them ([`crate::erase`]); what is left of it is
//! its line and its key. The timeline says who did it, when, and whether it was text or files: never what.
//!
//! HTML of a received message goes whole: words may lie in it in too many ways to find them all. Read next: `cut`.

mod cut;
mod sql;
#[cfg(test)]
mod tests;

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::erase;
use crate::events::EventKind;
use crate::ids::{AttachmentId, MailId, MessageId};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::markdown;
use crate::messages::Message;
use crate::search;
use crate::tickets::{Change, Error, Result, TicketRef, by};
use cut::Words;
use serde_json::json;
use std::collections::BTreeSet;

/// What is taken out.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// The message.
    pub message: MessageId,
    /// Passages of its text, each as it is read: case and line breaks do not matter.
    pub words: Vec<String>,
    /// Files of it.
    pub files: Vec<AttachmentId>,
    /// The ticket's version that the actor saw.
    pub expected_version: Option<i64>,
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Redacted {
    /// Messages that said it.
    pub messages: usize,
    /// Files.
    pub files: usize,
    /// Received mails whose octets are gone.
    pub mails: usize,
    /// Outgoing mails that are kept without it.
    pub outgoing: usize,
}

/// Takes words or files out for good. What waits to be sent leaves without the words.
///
/// # Errors
/// `NotFound` out of scope; `Denied` without `support.tickets.redact`; `Stale`; `Erased`; `Invalid` for a message or file that is
/// not there, words that it does not say, that are too short, or cannot be cut out whole; `InFlight` while a mail that says them
/// is handed over, or one with the file still waits.
#[compiled_here]
pub async fn redact(app: &App, actor: &Actor, which: &TicketRef, what: Redaction) -> Result<Redacted> {
    let expected = what.expected_version;
    let mut change = Change::begin(app, actor, which, Capability::TicketsRedact, expected).await?;
    let words = Words::new(&what.words)?;
    if words.is_none() && what.files.is_empty() {
        return Err(Error::invalid("words", "required", "which words, or which files?"));
    }
    let messages = sql::messages(&mut change.tx, change.id).await?;
    if !messages.iter().any(|m| m.id == what.message) {
        return Err(Error::invalid("message_id", "message_unknown", "is not on this ticket"));
    }
    let files: BTreeSet<AttachmentId> = what.files.iter().copied().collect();
    let there = sql::files(&mut change.tx, what.message).await?;
    if let Some(id) = files.iter().find(|id| !there.contains(id)) {
        return Err(Error::invalid("attachments", "attachment_unknown", format!("{id} is no file of this message")));
    }
    let mut done = Redacted { messages: 0, files: files.len(), mails: 0, outgoing: 0 };
    let mut mails: BTreeSet<MailId> = BTreeSet::new();
    if let Some(words) = &words {
        let changed = said(words, &messages)?;
        if !changed.iter().any(|m| m.id == what.message) {
            return Err(Error::invalid("words", "words_not_found", "the message does not say that"));
        }
        mails.extend(changed.iter().filter_map(|m| m.mail_id));
        done.messages = changed.len();
        done.outgoing = letters(&mut change, words).await?;
        mails.extend(sql::mails(&mut change.tx, change.id, done.outgoing > 0, |subject| words.is_in(subject)).await?);
        rest(&mut change, words).await?;
        for m in &changed {
            sql::write_message(&mut change.tx, m).await?;
        }
        // Every message is found by the ticket's subject, too. Workers index what they say now.
        let all: Vec<MessageId> = messages.iter().map(|m| m.id).collect();
        search::unindex(&mut change.tx, &all).await?;
        sql::index_again(&mut change.tx, change.id).await?;
    }
    if !files.is_empty() {
        mails.extend(messages.iter().filter(|m| m.id == what.message).filter_map(|m| m.mail_id));
        done.outgoing += forget_sent(&mut change, what.message).await?;
    }
    let (id, ticket, at) = (change.id, change.ticket().clone(), change.work.now());
    let files: Vec<AttachmentId> = files.into_iter().collect();
    let mails: Vec<MailId> = mails.into_iter().collect();
    done.mails = erase::octets(&mut change.tx, &ticket, &mails, &files, at).await?;
    let data = json!({
        "message_id": what.message, "text": words.is_some(), "messages": done.messages, "attachment_ids": files,
    });
    change.work.event(id, EventKind::Redacted, by(actor), data, None);
    change.commit().await?;
    erase::remove_now(app).await;
    Ok(done)
}

/// The messages that say the words, as they read without them.
fn said(words: &Words, messages: &[Message]) -> Result<Vec<Message>> {
    let mut changed = Vec::new();
    for m in messages {
        let html = m.body_html.as_deref().is_some_and(|html| words.is_in_html(html));
        let view = m.mail_view.as_deref().and_then(|view| words.cut_json(view));
        let (body, visible) = (words.cut(&m.body), words.cut(&m.visible_text));
        if !html && body.is_none() && visible.is_none() && view.is_none() {
            continue;
        }
        let body = body.unwrap_or_else(|| m.body.clone());
        let mut visible_text = visible.unwrap_or_else(|| m.visible_text.clone());
        let mut body_html = None;
        if m.markdown_html().is_some() {
            // What marks divide is found in what they make of it, and cannot be cut out of their midst.
            let written = markdown::render(&body);
            if words.is_in_html(&written.html) || words.is_in(&written.text) {
                return Err(Error::invalid("words", "words_divided", "marks divide them: name them in pieces"));
            }
            (body_html, visible_text) = (Some(written.html), written.text);
        }
        let mail_view = view.or_else(|| m.mail_view.clone());
        changed.push(Message { body, visible_text, body_html, mail_view, ..m.clone() });
    }
    Ok(changed)
}

/// Letters about the ticket lose the words: those that were sent, and those that wait. Returns how many did.
async fn letters(change: &mut Change<'_>, words: &Words) -> Result<usize> {
    let at = change.work.now();
    let mut n = 0;
    for mail in sql::letters(&mut change.tx, change.id).await? {
        let (letter, subject) = (words.cut_json(&mail.letter), words.cut(&mail.subject));
        if letter.is_none() && subject.is_none() {
            continue;
        }
        if mail.state == OutboxState::Sending {
            return Err(Error::InFlight);
        }
        n += 1;
        let (letter, subject) = (letter.unwrap_or(mail.letter), subject.unwrap_or(mail.subject));
        sql::write_letter(&mut change.tx, mail.id, &letter, &subject, at).await?;
    }
    Ok(n)
}

/// Mails that took a file along are kept without their octets. Returns how many.
async fn forget_sent(change: &mut Change<'_>, message: MessageId) -> Result<usize> {
    let all = sql::letters(&mut change.tx, change.id).await?;
    let took = |mail: &sql::Letter| mail.kind == Kind::Reply && mail.ticket_message_id == Some(message);
    let with_file: Vec<_> = all.into_iter().filter(took).collect();
    let waits = |s: OutboxState| {
        matches!(s, OutboxState::Sending | OutboxState::Held | OutboxState::Queued | OutboxState::Deferred)
    };
    if with_file.iter().any(|mail| waits(mail.state)) {
        return Err(Error::InFlight);
    }
    let at = change.work.now();
    for mail in &with_file {
        sql::write_letter(&mut change.tx, mail.id, &mail.letter, &mail.subject, at).await?;
    }
    Ok(with_file.len())
}

/// What else of the ticket may say the words: its own line, drafts, what events say, what a rating adds.
async fn rest(change: &mut Change<'_>, words: &Words) -> Result<()> {
    let id = change.id;
    change.work.update(id, |t| {
        for text in [Some(&mut t.subject), Some(&mut t.snippet), t.sub_subject.as_mut(), t.resolution_notes.as_mut()] {
            if let Some(text) = text
                && let Some(cut) = words.cut(text)
            {
                *text = cut;
            }
        }
    });
    sql::cut_drafts(&mut change.tx, id, |text| words.cut(text)).await?;
    sql::cut_ratings(&mut change.tx, id, |text| words.cut(text)).await?;
    sql::cut_events(&mut change.tx, id, |json| words.cut_json(json)).await?;
    Ok(())
}
