//! Reads a folder: from the cursor on, one message after the other; commit first, then flag, move or delete (E10.5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::app::App;
use shared::clock::now;
use shared::imap_accounts::{AfterFetch, Cursor, ImapAccount, RESCAN, work};
use shared::mail_in::types::{Facts, SENT_FOLDER};
use shared::mail_in::{self, Arrival, Door, Ingest, Kept};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::Pace;
use super::stub::{self, Place};
use super::wire::{Imap, Meta, Opened, Trouble};

/// Messages that are kept in one commit.
const TOGETHER: usize = 32;
/// Their octets at the most, unless a single one has more.
const OCTETS_TOGETHER: usize = 16 * 1024 * 1024;
/// Messages whose sizes are asked for at once.
const AT_ONCE: usize = 200;
/// Mails that are decided beside the fetching.
const DECIDING: usize = 32;
/// After so many tries a stub stands for a message.
const TRIES: i64 = 3;

/// Why reading a folder stopped.
#[derive(Debug)]
pub enum Stop {
    /// The server, or the way to it.
    Imap(Trouble),
    /// Our own store: everything stays on the server (E10.1).
    Store(String),
}

impl From<Trouble> for Stop {
    fn from(e: Trouble) -> Stop {
        Stop::Imap(e)
    }
}

impl From<shared::store::Error> for Stop {
    fn from(e: shared::store::Error) -> Stop {
        Stop::Store(e.to_string())
    }
}

impl From<mail_in::Error> for Stop {
    fn from(e: mail_in::Error) -> Stop {
        Stop::Store(e.to_string())
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Imap(e) => e.fmt(f),
            Stop::Store(e) => write!(f, "nothing can be kept here: {e}"),
        }
    }
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// Behind this UID.
    After(u32),
    /// With what came to the server since then.
    Since(DateTime<Utc>),
    /// The UIDs began anew without saying so: as `Since`, and under another reference.
    Anew(DateTime<Utc>),
}

/// Where to begin: behind the cursor while its UIDs mean what they meant, else 30 days back; dedupe makes that harmless.
fn begin(cursor: Option<Cursor>, opened: Opened, since: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Begin {
    let Some(cursor) = cursor else { return since.map_or(Begin::After(0), Begin::Since) };
    if cursor.uidvalidity != i64::from(opened.uidvalidity) {
        return Begin::Since(at - RESCAN);
    }
    if opened.uidnext.is_some_and(|next| i64::from(next) <= cursor.last_uid) {
        return Begin::Anew(at - RESCAN);
    }
    Begin::After(u32::try_from(cursor.last_uid).unwrap_or(u32::MAX))
}

/// What a reading did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that are here now and were not.
    pub fetched: usize,
    /// Messages that a stub stands for now.
    pub stubbed: usize,
    /// Messages that will be tried again.
    pub failed: usize,
}

/// Reads one account's folder over one connection.
pub struct Reader<'a> {
    pub app: &'a App,
    pub ingest: &'a Ingest,
    pub account: &'a ImapAccount,
    pub imap: &'a mut Imap,
    pub pace: &'a Pace,
    deciding: Arc<Semaphore>,
    decisions: TaskTracker,
    /// What did not work though no mail is in danger: flags, moves.
    pub complaint: Option<String>,
    /// One message at a time: the last connection broke, and one of them may be why.
    pub careful: bool,
    /// The folder of sent mail is being read: its messages are left as they are (E10.5).
    sent: bool,
}

/// A message that was fetched and is not kept yet.
struct Fetched {
    uid: u32,
    arrival: Arrival,
    /// It is only a stub.
    stub: bool,
}

impl<'a> Reader<'a> {
    /// Reads `account` over `imap`.
    pub fn new(app: &'a App, ingest: &'a Ingest, account: &'a ImapAccount, imap: &'a mut Imap, pace: &'a Pace) -> Self {
        let deciding = Arc::new(Semaphore::new(DECIDING));
        Reader {
            app,
            ingest,
            account,
            imap,
            pace,
            deciding,
            decisions: TaskTracker::new(),
            complaint: None,
            careful: false,
            sent: false,
        }
    }

    /// Fetches everything new, and what is due to be tried again. On return every message up to the cursor is here, or
    /// among the failures.
    ///
    /// # Errors
    /// What stopped it; what was done until then is written down.
    pub async fn pass(&mut self) -> Result<Counts, Stop> {
        let mut counts = self.read(&self.account.folder.clone()).await?;
        if let Some(sent) = &self.account.sent_folder {
            // What was answered is here before its answers. The first folder is read once more, as IDLE tells of the one
            // that was opened last, and only of what comes after that.
            counts.add(self.read_sent(&sent.clone()).await?);
            counts.add(self.read(&self.account.folder.clone()).await?);
        }
        self.decisions.close();
        self.decisions.wait().await;
        Ok(counts)
    }

    /// Reads the folder of sent mail. A server that has none keeps nobody from getting mail: it is only told.
    async fn read_sent(&mut self, folder: &str) -> Result<Counts, Stop> {
        self.decided().await;
        self.sent = true;
        let read = self.read(folder).await;
        self.sent = false;
        match read {
            Err(Stop::Imap(Trouble::Refused(why))) => {
                self.complaint = Some(format!("the folder of sent mail cannot be read: {why}"));
                Ok(Counts::default())
            }
            read => read,
        }
    }

    /// Waits until everything that was fetched is decided.
    async fn decided(&mut self) {
        let _ = self.deciding.acquire_many(DECIDING as u32).await;
    }

    async fn read(&mut self, folder: &str) -> Result<Counts, Stop> {
        let opened = self.imap.select(folder).await?;
        let uidvalidity = opened.uidvalidity;
        let cursor = work::cursor(self.app, self.account, folder).await?;
        let begin = begin(cursor, opened, self.account.since_at, now());
        if let (Some(cursor), Begin::Since(_) | Begin::Anew(_)) = (cursor, begin) {
            tracing::warn!(
                imap_account.id = self.account.id.0,
                before = cursor.uidvalidity,
                after = uidvalidity,
                "UIDs began anew: the last 30 days are read again"
            );
        }
        if let Begin::Anew(_) = begin {
            work::restart(self.app, self.account).await?;
            return Err(Stop::Imap(Trouble::Lost(
                "the server gave UIDs a second time; the folder is read anew".to_owned(),
            )));
        }
        let (query, least) = match begin {
            // `n+1:*` always names the last message, were it older.
            Begin::After(n) => (format!("UID {}:* UNDELETED", n.saturating_add(1)), n),
            Begin::Since(at) | Begin::Anew(at) => (format!("SINCE {} UNDELETED", at.format("%d-%b-%Y")), 0),
        };
        let new: Vec<u32> = self.imap.search(&query).await?.into_iter().filter(|uid| *uid > least).collect();
        let mut counts = self.retry(folder, uidvalidity).await?;
        counts.add(self.fetch(folder, uidvalidity, &new, Some(least)).await?);
        if cursor.is_none_or(|c| c.uidvalidity != i64::from(uidvalidity)) && new.is_empty() {
            // Nothing to read: from here on only what comes behind it is new.
            let last = opened.uidnext.map_or(0, |next| next.saturating_sub(1));
            self.advance(folder, uidvalidity, last, 0, None).await?;
        }
        Ok(counts)
    }

    /// Tries failures again whose time has come.
    async fn retry(&mut self, folder: &str, uidvalidity: u32) -> Result<Counts, Stop> {
        let mut counts = Counts::default();
        for failure in work::due_failures(self.app, self.account, folder, uidvalidity).await? {
            let Ok(uid) = u32::try_from(failure.uid) else { continue };
            if failure.tries >= TRIES {
                // The third try took the connection with it.
                self.stub(folder, uidvalidity, uid, "unreadable", "the server does not give it out").await?;
                counts.stubbed += 1;
                continue;
            }
            counts.add(self.fetch(folder, uidvalidity, &[uid], None).await?);
        }
        Ok(counts)
    }

    /// Fetches messages, in ascending order. With `cursor`, it goes along.
    async fn fetch(
        &mut self,
        folder: &str,
        uidvalidity: u32,
        uids: &[u32],
        cursor: Option<u32>,
    ) -> Result<Counts, Stop> {
        let mut counts = Counts::default();
        let mut left = uids.len();
        for some in uids.chunks(if self.careful { 1 } else { AT_ONCE }) {
            let metas = match self.metas(some).await {
                Err(Trouble::Lost(why)) if self.careful => {
                    // Whatever is wrong with it, it must not keep the others away for ever.
                    let at = (folder, uidvalidity, some[0]);
                    work::failed(self.app, self.account, at, &why, self.pace.retry).await?;
                    if cursor.is_some() {
                        self.advance(folder, uidvalidity, some[0], left, None).await?;
                    }
                    return Err(Trouble::Lost(why).into());
                }
                metas => metas?,
            };
            let known = work::known(self.app, self.account, folder, uidvalidity, some).await?;
            let mut batch: Vec<Fetched> = Vec::new();
            let mut done: Vec<u32> = Vec::new();
            let mut octets = 0;
            for (i, &uid) in some.iter().enumerate() {
                let meta = metas.get(&uid);
                match meta {
                    // Gone, or going.
                    None => work::forget(self.app, self.account, folder, uidvalidity, &[uid]).await?,
                    Some(meta) if meta.deleted => {}
                    Some(_) if known.contains(&uid) => done.push(uid),
                    Some(meta) => match self.one(folder, uidvalidity, uid, *meta).await {
                        Ok(Some(fetched)) => {
                            octets += fetched.arrival.raw.len();
                            batch.push(fetched);
                        }
                        Ok(None) => counts.failed += 1,
                        Err(stop) => {
                            // What was fetched before it is not fetched again.
                            self.keep(folder, uidvalidity, std::mem::take(&mut batch), &mut done, &mut counts).await?;
                            let last = match &stop {
                                // It is among the failures.
                                Stop::Imap(_) => uid,
                                Stop::Store(_) => uid.saturating_sub(1),
                            };
                            if cursor.is_some() {
                                self.advance(folder, uidvalidity, last, left, oldest(&metas, &some[i..])).await?;
                            }
                            return Err(stop);
                        }
                    },
                }
                left -= 1;
                let full = batch.len() >= TOGETHER || octets >= OCTETS_TOGETHER;
                if full || i + 1 == some.len() {
                    self.keep(folder, uidvalidity, std::mem::take(&mut batch), &mut done, &mut counts).await?;
                    self.after(&std::mem::take(&mut done)).await?;
                    octets = 0;
                    if cursor.is_some() {
                        self.advance(folder, uidvalidity, uid, left, oldest(&metas, &some[i + 1..])).await?;
                    }
                }
            }
        }
        Ok(counts)
    }

    /// Asks for what is known about messages. One that the server cannot speak of must not hide the others: it is asked
    /// for alone, and then fetched blindly, which says what is wrong with it.
    async fn metas(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Meta>, Trouble> {
        match self.imap.metas(uids).await {
            Err(Trouble::Refused(_)) => {}
            other => return other,
        }
        let mut found = BTreeMap::new();
        for &uid in uids {
            match self.imap.metas(&[uid]).await {
                Ok(one) => found.extend(one),
                Err(Trouble::Refused(_)) => drop(found.insert(uid, Meta::default())),
                Err(lost) => return Err(lost),
            }
        }
        Ok(found)
    }

    /// Fetches one message. None: it could not be fetched, which is written down.
    async fn one(&mut self, folder: &str, uidvalidity: u32, uid: u32, meta: Meta) -> Result<Option<Fetched>, Stop> {
        let most = self.app.config.max_mail_bytes;
        if meta.size as usize > most {
            let why = format!("it has {} octets, and the most is {most}", meta.size);
            work::failed(self.app, self.account, (folder, uidvalidity, uid), &why, Duration::ZERO).await?;
            self.stub(folder, uidvalidity, uid, "too_large", &why).await?;
            return Ok(None);
        }
        let (why, lost) = match self.imap.body(uid, meta.size).await {
            Ok(Some(raw)) if !raw.is_empty() => {
                let arrival = self.arrival(folder, uidvalidity, uid, raw, "").await?;
                return Ok(Some(Fetched { uid, arrival, stub: false }));
            }
            Ok(_) => ("the server gives nothing".to_owned(), None),
            Err(Trouble::Refused(why)) => (why, None),
            Err(Trouble::Lost(why)) => (why.clone(), Some(Trouble::Lost(why))),
        };
        tracing::warn!(imap_account.id = self.account.id.0, uid, error = why, "a message cannot be fetched");
        let tries = work::failed(self.app, self.account, (folder, uidvalidity, uid), &why, self.pace.retry).await?;
        match lost {
            Some(trouble) => Err(trouble.into()),
            None if tries >= TRIES => {
                self.stub(folder, uidvalidity, uid, "unreadable", &why).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Lets a stub stand for a message: with its own headers, if they can be had (T63).
    async fn stub(&mut self, folder: &str, uidvalidity: u32, uid: u32, code: &str, why: &str) -> Result<(), Stop> {
        let header = self.imap.header(uid).await.unwrap_or_default();
        let place = Place { host: &self.account.host, username: &self.account.username, folder, uid };
        let raw = stub::make(header.as_deref(), place, code, why);
        // Under a reference of its own: should the message itself be had one day, it is still to come.
        let arrival = self.arrival(folder, uidvalidity, uid, raw.into(), "/stub").await?;
        for kept in self.ingest.keep(arrival).await? {
            self.decide(kept).await;
        }
        work::stubbed(self.app, self.account, folder, uidvalidity, uid).await?;
        metrics::counter!("imap_stubs_total").increment(1);
        tracing::error!(
            imap_account.id = self.account.id.0,
            uid,
            code,
            "a stub stands for a message that was not fetched"
        );
        Ok(())
    }

    async fn arrival(
        &self,
        folder: &str,
        uidvalidity: u32,
        uid: u32,
        raw: Bytes,
        suffix: &str,
    ) -> Result<Arrival, Stop> {
        let mut envelope_to = match self.sent {
            true => Vec::new(),
            false => mail_in::recipients_of_tenant(self.app, self.account.tenant_id, &raw).await?,
        };
        if envelope_to.is_empty() {
            envelope_to.push(self.account.mailbox.clone());
        }
        let flags = if self.sent { vec![SENT_FOLDER.to_owned()] } else { Vec::new() };
        Ok(Arrival {
            door: Door::Imap,
            door_ref: Some(self.account.door_ref(folder, uidvalidity, uid) + suffix),
            tenant: Some(self.account.tenant_id),
            facts: Facts { envelope_to, flags, ..Facts::default() },
            raw,
        })
    }

    /// Keeps what was fetched, in one commit; it is decided beside the fetching. One that cannot be kept though others can
    /// is at fault itself, and counts as one that cannot be fetched.
    async fn keep(
        &mut self,
        folder: &str,
        uidvalidity: u32,
        batch: Vec<Fetched>,
        done: &mut Vec<u32>,
        counts: &mut Counts,
    ) -> Result<(), Stop> {
        let (uids, arrivals): (Vec<(u32, bool)>, Vec<Arrival>) =
            batch.into_iter().map(|f| ((f.uid, f.stub), f.arrival)).unzip();
        let kept = futures::future::join_all(arrivals.into_iter().map(|a| self.ingest.keep(a))).await;
        let mut fine = Vec::new();
        for ((uid, _), kept) in uids.into_iter().zip(kept) {
            match kept {
                Ok(all) => {
                    counts.fetched += 1;
                    fine.push(uid);
                    for kept in all {
                        self.decide(kept).await;
                    }
                }
                Err(e) if e.is_transient() => return Err(e.into()),
                Err(e) => {
                    let why = format!("it cannot be kept: {e}");
                    // If not even this can be written, the store is down, and all stays where it is.
                    let at = (folder, uidvalidity, uid);
                    let tries = work::failed(self.app, self.account, at, &why, self.pace.retry).await?;
                    if tries >= TRIES {
                        self.stub(folder, uidvalidity, uid, "not_kept", &why).await?;
                        counts.stubbed += 1;
                    } else {
                        counts.failed += 1;
                    }
                }
            }
        }
        work::forget(self.app, self.account, folder, uidvalidity, &fine).await?;
        metrics::counter!("imap_fetched_total").increment(fine.len() as u64);
        done.extend(fine);
        done.sort_unstable();
        Ok(())
    }

    async fn decide(&self, kept: Kept) {
        let permit = self.deciding.clone().acquire_owned().await.expect("it is never closed");
        let (app, ingest) = (self.app.clone(), self.ingest.clone());
        self.decisions.spawn(async move {
            mail_in::process(&app, &ingest, kept).await;
            drop(permit);
        });
    }

    /// Does with messages that are here what the operator wants done. A refusal loses nothing, so it is only told.
    async fn after(&mut self, uids: &[u32]) -> Result<(), Stop> {
        if uids.is_empty() || self.sent {
            return Ok(());
        }
        let account = self.account;
        let done = match (account.after_fetch, &account.move_to) {
            (AfterFetch::Seen, _) => self.imap.flag_seen(uids).await,
            (AfterFetch::Move, Some(folder)) => self.imap.move_to(uids, folder).await,
            (AfterFetch::Move, None) => Err(Trouble::Refused("there is no folder to move to".to_owned())),
            (AfterFetch::Delete, _) => self.imap.delete(uids).await,
        };
        match done {
            Err(Trouble::Refused(why)) => {
                self.complaint = Some(format!("messages were fetched, but not flagged or moved: {why}"));
                Ok(())
            }
            other => Ok(other?),
        }
    }

    async fn advance(
        &self,
        folder: &str,
        uidvalidity: u32,
        uid: u32,
        left: usize,
        oldest: Option<DateTime<Utc>>,
    ) -> Result<(), Stop> {
        let cursor = Cursor { uidvalidity: uidvalidity.into(), last_uid: uid.into() };
        Ok(work::advance(self.app, self.account, folder, cursor, (left as i64, oldest.filter(|_| left > 0))).await?)
    }

    /// Compares the folder with the arrivals and fetches what is missing (bullet "no mail left behind"): whatever lies on
    /// the server and has neither an arrival nor a try of its own, and once more what was given up.
    ///
    /// # Errors
    /// See [`Reader::pass`].
    pub async fn reconcile(&mut self) -> Result<Value, Stop> {
        let mut found = self.compare(&self.account.folder.clone()).await?;
        if let Some(folder) = self.account.sent_folder.clone() {
            self.decided().await;
            self.sent = true;
            let sent = self.compare(&folder).await;
            self.sent = false;
            found["sent"] = match sent {
                Err(Stop::Imap(Trouble::Refused(why))) => json!({"error": why}),
                sent => sent?,
            };
        }
        self.decisions.close();
        self.decisions.wait().await;
        work::reconciled(self.app, self.account, &found).await?;
        Ok(found)
    }

    async fn compare(&mut self, folder: &str) -> Result<Value, Stop> {
        let opened = self.imap.select(folder).await?;
        let uidvalidity = opened.uidvalidity;
        let query = match self.account.since_at {
            Some(at) => format!("SINCE {} UNDELETED", at.format("%d-%b-%Y")),
            None => "UNDELETED".to_owned(),
        };
        let on_server = self.imap.search(&query).await?;
        let known = work::known(self.app, self.account, folder, uidvalidity, &on_server).await?;
        let waiting: Vec<u32> = work::failures(self.app, self.account, folder, uidvalidity)
            .await?
            .into_iter()
            .filter(|f| !f.stubbed)
            .filter_map(|f| u32::try_from(f.uid).ok())
            .collect();
        let missing: Vec<u32> =
            on_server.iter().copied().filter(|uid| !known.contains(uid) && !waiting.contains(uid)).collect();
        let counts = self.fetch(folder, uidvalidity, &missing, None).await?;
        let given_up =
            work::failures(self.app, self.account, folder, uidvalidity).await?.iter().filter(|f| f.stubbed).count();
        Ok(json!({
            "on_server": on_server.len(),
            "here": known.len(),
            "missing": missing.len(),
            "fetched": counts.fetched,
            "given_up": given_up,
        }))
    }
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.fetched += other.fetched;
        self.stubbed += other.stubbed;
        self.failed += other.failed;
    }
}

fn oldest(metas: &BTreeMap<u32, Meta>, uids: &[u32]) -> Option<DateTime<Utc>> {
    uids.iter().filter_map(|uid| metas.get(uid)?.at).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E10.5 (T62).
    #[test]
    fn t62_where_reading_begins() {
        let at = DateTime::parse_from_rfc3339("2026-11-21T10:00:00Z").expect("a time").to_utc();
        let opened = |uidvalidity, uidnext| Opened { uidvalidity, uidnext, exists: 9 };
        let cursor = |uidvalidity, last_uid| Some(Cursor { uidvalidity, last_uid });
        for (cursor, opened, expected) in [
            (None, opened(7, Some(10)), Begin::Since(at - RESCAN * 2)),
            (cursor(7, 9), opened(7, Some(10)), Begin::After(9)),
            (cursor(7, 9), opened(7, None), Begin::After(9)),
            (cursor(7, 9), opened(8, Some(10)), Begin::Since(at - RESCAN)),
            (cursor(7, 9), opened(7, Some(9)), Begin::Anew(at - RESCAN)),
            (cursor(7, 0), opened(7, Some(1)), Begin::After(0)),
        ] {
            assert_eq!(begin(cursor, opened, Some(at - RESCAN * 2), at), expected);
        }
        assert_eq!(begin(None, opened(7, Some(10)), None, at), Begin::After(0));
    }
}
