//! The index: filled by workers from messages that wait, never while a mail is taken in (DESIGN 12).

use super::document::Document;
use super::query::Place;
use super::sql::{self, Waiting};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::MessageId;
use crate::messages::MessageKind;
use crate::store::{Db, Result, Scope, Tx};
use std::collections::HashMap;

/// How many messages one transaction indexes: SQLite's one writer is held meanwhile.
const BATCH: i64 = 64;
/// How many messages one transaction of a rebuild marks.
const REBUILD_BATCH: i64 = 1_000;
/// A ticket's first message has this seq or the one before: its quotes are news, too.
const FIRST_SEQ: i64 = 2;

/// Indexes messages that wait, one transaction's worth. Returns how many; more may wait if it is not 0.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn index_some(db: &Db) -> Result<usize> {
    // Asked outside a transaction: most of the time nothing waits, and a transaction holds SQLite's writer.
    if !sql::something_waits(&mut db.read(Scope::All)).await? {
        return Ok(0);
    }
    let mut tx = db.write(Scope::All).await?;
    let waiting = sql::waiting(&mut tx, BATCH).await?;
    let ids: Vec<MessageId> = waiting.iter().map(|w| w.id).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let recipients = by_message(sql::recipients(&mut tx, &ids).await?);
    let files = by_message(sql::files(&mut tx, &ids).await?);
    let none = Vec::new();
    let of = |map: &HashMap<MessageId, Vec<String>>, id| map.get(&id).unwrap_or(&none).join(" \n ");
    let sqlite = tx.is_sqlite();
    let form = |d: Document| if sqlite { d.for_sqlite() } else { d.for_postgres() };
    let documents: Vec<(MessageId, String)> =
        waiting.iter().map(|w| (w.id, form(document(w, &of(&recipients, w.id), &of(&files, w.id))))).collect();
    sql::put(&mut tx, &documents).await?;
    sql::mark_indexed(&mut tx, &ids, now()).await?;
    tx.commit().await?;
    Ok(ids.len())
}

/// Lets nothing find messages any more, in the transaction that empties them.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn unindex(tx: &mut Tx, messages: &[MessageId]) -> Result<()> {
    sql::remove(tx, messages).await
}

fn by_message(rows: Vec<(MessageId, String)>) -> HashMap<MessageId, Vec<String>> {
    let mut map: HashMap<MessageId, Vec<String>> = HashMap::new();
    for (id, text) in rows {
        map.entry(id).or_default().push(text);
    }
    map
}

/// What a message is found by: who wrote, to whom, the ticket's subject, its text and its files' names. Quotes count in a
/// ticket's first message alone; later ones quote what the ticket has already.
fn document(w: &Waiting, recipients: &str, files: &str) -> Document {
    let mut document = Document::new(w.tenant_id, w.kind == MessageKind::Note);
    let author = [w.author_name.as_deref(), w.author_email.as_deref()];
    document.placed(Place::From, &author.into_iter().flatten().collect::<Vec<_>>().join(" \n "));
    let to = if recipients.is_empty() { w.mailbox.as_deref().unwrap_or_default() } else { recipients };
    document.placed(Place::To, to);
    document.placed(Place::Subject, &w.subject);
    document.text(text_of(w.seq, &w.body, &w.visible_text));
    document.text(files);
    document
}

/// The text that a message is indexed and shown by.
pub(super) fn text_of<'a>(seq: i64, body: &'a str, visible: &'a str) -> &'a str {
    if seq <= FIRST_SEQ || visible.trim().is_empty() { body } else { visible }
}

/// Has everything indexed again, while what was indexed stays to be found. Returns how many messages will be.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn rebuild(db: &Db) -> Result<u64> {
    let mut after = MessageId(0);
    let mut marked = 0;
    loop {
        let mut tx = db.write(Scope::All).await?;
        let (last, n) = sql::unmark(&mut tx, after, REBUILD_BATCH).await?;
        tx.commit().await?;
        marked += n;
        match last {
            Some(last) => after = last,
            None => return Ok(marked),
        }
    }
}
