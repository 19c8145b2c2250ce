//! Mail that lies in files elsewhere, taken in as if it had come by a door: mbox files, Maildirs, folders of `.eml` files.
//!
//! A mail's octets name it, so an import that was interrupted, or is run again, takes nothing twice; nothing automatic is
//! sent about it (E5.14), and its ticket bears the time at which the mail came in elsewhere.

mod dates;
mod folder;
mod mbox;

pub use folder::Folder;
pub use mbox::{Mbox, Quoting};

use crate::app::App;
use crate::blobs::sha256_hex;
use crate::clock::Time;
use crate::ids::TenantId;
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Arrival, Door, Ingest, MailState};
use bytes::Bytes;
use futures::future::join_all;
use std::collections::{BTreeMap, HashSet};
use std::io;

/// How many mails are under way together: two batches of the pipeline.
const TOGETHER: usize = 64;

/// A mail in an archive.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its octets.
    pub raw: Bytes,
    /// Where it lies: a file's name, or the octet in an mbox at which it begins.
    pub place: String,
    /// Its envelope sender, where the archive tells.
    pub envelope_from: Option<String>,
    /// When it came in, where the archive tells.
    pub dated: Option<Time>,
    /// How far the archive is read, in octets.
    pub read_bytes: u64,
}

/// A mail in an archive that cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The disk refused.
    #[error("{place}: cannot be read")]
    Disk {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is larger than any mail may be.
    #[error("{place}: larger than {most} octets")]
    TooLarge {
        /// Where.
        place: String,
        /// The limit.
        most: usize,
    },
}

/// What became of an archive's mails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were found.
    pub found: usize,
    /// How many came in before, or lie in the archive twice.
    pub known: usize,
    /// How many of the others ended how.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// How far the archive is read, in octets.
    pub read_bytes: u64,
}

impl Tally {
    /// How many mails came in now.
    pub fn taken(&self) -> usize {
        self.outcomes.values().sum()
    }
}

/// Where an archive's mails belong.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The mailbox that they were sent to; None: each one's own headers say it.
    pub mailbox: Option<String>,
    /// Whose they are if they name no mailbox.
    pub tenant: Option<TenantId>,
}

/// Takes in the mails of an archive, some at a time, in its order. `progress` hears of each lot.
///
/// # Errors
/// If a mail cannot be kept: those before it are in, and running it again goes on where it ended.
pub async fn import(
    app: &App,
    ingest: &Ingest,
    letters: impl Iterator<Item = Result<Letter, Unreadable>>,
    target: &Target,
    mut progress: impl FnMut(&Tally),
) -> Result<Tally, mail_in::Error> {
    let mut tally = Tally::default();
    let mut seen: HashSet<String> = HashSet::new();
    let mut letters = letters.peekable();
    while letters.peek().is_some() {
        let mut lot: Vec<(String, Letter)> = Vec::with_capacity(TOGETHER);
        while lot.len() < TOGETHER {
            match letters.next() {
                None => break,
                Some(Err(e)) => {
                    tally.found += 1;
                    tally.unreadable.push(e.to_string());
                }
                Some(Ok(letter)) => {
                    tally.found += 1;
                    tally.read_bytes = letter.read_bytes;
                    let door_ref = sha256_hex(&letter.raw);
                    match seen.insert(door_ref.clone()) {
                        true => lot.push((door_ref, letter)),
                        false => tally.known += 1,
                    }
                }
            }
        }
        take(app, ingest, lot, target, &mut tally).await?;
        progress(&tally);
    }
    Ok(tally)
}

async fn take(
    app: &App,
    ingest: &Ingest,
    mut lot: Vec<(String, Letter)>,
    target: &Target,
    tally: &mut Tally,
) -> Result<(), mail_in::Error> {
    let refs: Vec<String> = lot.iter().map(|(r, _)| r.clone()).collect();
    let before = mail_in::brought(app, Door::Import, &refs).await?;
    lot.retain(|(r, _)| !before.iter().any(|(known, _, _)| known == r));
    tally.known += refs.len() - lot.len();
    // An import that was killed may have kept mails that nobody decided.
    for (_, id, state) in before {
        if state == MailState::Kept {
            mail_in::resume(app, ingest, id).await?;
        }
    }
    let arrivals = lot.into_iter().map(|(door_ref, letter)| {
        let facts = Facts {
            envelope_from: letter.envelope_from,
            envelope_to: target.mailbox.iter().cloned().collect(),
            dated: Some(dates::received(&letter.raw, letter.dated)),
            ..Facts::default()
        };
        Arrival { door: Door::Import, door_ref: Some(door_ref), tenant: target.tenant, facts, raw: letter.raw }
    });
    let kept = join_all(arrivals.map(|arrival| ingest.keep(arrival))).await;
    let kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?;
    crate::fault::point("after_import_keep");
    for applied in join_all(kept.into_iter().flatten().map(|k| mail_in::process(app, ingest, k))).await {
        let outcome = applied.outcome.map_or("kept", mail_in::Outcome::as_str);
        *tally.outcomes.entry(outcome).or_default() += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Scope, sql, testing::on_both_apps};

    fn letter(n: usize) -> Letter {
        let raw = format!(
            "Received: from a by b; Sat, 14 Mar 2020 09:00:0{n} +0000\r\nFrom: a{n}@b.example\r\n\
             To: support@desk.example\r\nSubject: n{n}\r\n\r\nHello {n}\r\n"
        );
        Letter { raw: raw.into(), place: n.to_string(), envelope_from: None, dated: None, read_bytes: n as u64 }
    }

    /// E5.14, E1.7: an import sends nothing, keeps the mails' times, and takes nothing twice.
    #[tokio::test]
    async fn an_import_is_quiet_and_happens_once() {
        on_both_apps(async |app| {
            let ingest = Ingest::start(app.clone());
            let letters = || (0..5).chain(0..1).map(|n| Ok(letter(n)));
            let first = import(&app, &ingest, letters(), &Target::default(), |_| {}).await.unwrap();
            assert_eq!((first.found, first.known, first.taken()), (6, 1, 5), "{first:?}");
            assert_eq!(first.outcomes["ticket_created"], 5);
            let again = import(&app, &ingest, letters(), &Target::default(), |_| {}).await.unwrap();
            assert_eq!((again.known, again.taken()), (6, 0), "{again:?}");
            let mut db = app.db.read(Scope::All);
            let (queued,): (i64,) = sql("SELECT COUNT(*) FROM outbox").one(&mut db).await.unwrap();
            assert_eq!(queued, 0);
            let times: Vec<(Time, Time, Time)> =
                sql("SELECT t.created_at, t.last_activity_at, m.created_at FROM tickets t \
                 JOIN ticket_messages m ON m.ticket_id = t.id ORDER BY t.id")
                .all(&mut db)
                .await
                .unwrap();
            let first: Time = "2020-03-14T09:00:00Z".parse().unwrap();
            assert_eq!(times[0], (first, first, first));
            assert_eq!(times.len(), 5);
        })
        .await;
    }

    /// E5.13, E5.12: what one person wrote over years is no storm, however fast it is taken over, and what they write now is
    /// answered as ever; what one sends now is one.
    #[tokio::test]
    async fn e5_13_an_import_is_no_storm() {
        on_both_apps(async |app| {
            let ingest = Ingest::start(app.clone());
            let raw = |n: usize| {
                format!(
                    "Message-ID: <{n}@customer.example>\r\nFrom: ada@customer.example\r\nTo: support@desk.example\r\n\
                     Date: Sat, 14 Mar 2020 09:00:00 +0000\r\nSubject: n{n}\r\n\r\nHello {n}\r\n"
                )
            };
            let letters = (0..60).map(|n| Ok(Letter { raw: raw(n).into(), ..letter(n) }));
            let done = import(&app, &ingest, letters, &Target::default(), |_| {}).await.unwrap();
            assert_eq!(done.outcomes["ticket_created"], 60);
            let count = async |what: &'static str| {
                let (n,): (i64,) = sql(what).one(&mut app.db.read(Scope::All)).await.unwrap();
                n
            };
            const STORMS: &str = "SELECT COUNT(*) FROM storms";
            const MARKED: &str = "SELECT COUNT(*) FROM inbound_mails WHERE flags LIKE '%storm%'";
            const ACKS: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'ack'";
            assert_eq!((count(STORMS).await, count(MARKED).await, count(ACKS).await), (0, 0, 0));

            let now = async |n: usize| {
                let facts = Facts::default();
                let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts, raw: raw(n).into() };
                mail_in::receive(&app, &ingest, arrival).await.unwrap();
            };
            now(100).await;
            assert_eq!((count(STORMS).await, count(MARKED).await, count(ACKS).await), (0, 0, 1));
            // Twenty are no storm; the next one is.
            for n in 101..120 {
                now(n).await;
            }
            assert_eq!((count(STORMS).await, count(MARKED).await), (0, 0));
            now(120).await;
            assert_eq!((count(STORMS).await, count(MARKED).await), (1, 1));
        })
        .await;
    }
}
