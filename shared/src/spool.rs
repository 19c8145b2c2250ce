//! The spool: mail that a local program handed over lies here as a file until the database has it (E10.8). Writing one
//! asks nothing but the disk, so that the mail server's part is over whatever else is down.
//!
//! A file is a line of JSON (what is known beside the bytes) and the bytes. It is written under `tmp`, flushed, and gets
//! its place under `new` by a rename: what lies there is whole.

use crate::app::App;
use crate::compiled_here;
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Arrival, Door, Ingest};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest first line.
const MOST_HEAD: u64 = 1024 * 1024;
/// How many files are taken up in one go.
const BATCH: usize = 500;

/// What is known of a spooled mail beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// This delivery's own id: taken up twice, it is still one arrival.
    pub id: String,
    /// MAIL FROM, if it was told.
    pub from: Option<String>,
    /// RCPT TO, as told.
    pub to: Vec<String>,
}

/// The mail could not be put into the spool.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error("cannot write to the spool {path}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The mail could not be read from whoever gives it.
    #[error("the mail cannot be read")]
    Input(#[source] io::Error),
    /// Nothing was given.
    #[error("the mail is empty")]
    Empty,
    /// It is larger than any mail may be.
    #[error("the mail is larger than {most} octets")]
    TooLarge {
        /// The limit.
        most: u64,
    },
}

/// Puts a mail into the spool; it is durable when this returns. Returns its file.
///
/// # Errors
/// See [`Error`]; nothing is left in the spool then.
pub fn put(spool: &Path, note: &Note, mail: &mut dyn Read, most: u64) -> Result<PathBuf, Error> {
    let (tmp, new) = (spool.join("tmp"), spool.join("new"));
    for folder in [&tmp, &new] {
        crate::app::make_data_folder(folder).map_err(|source| Error::Disk { path: folder.clone(), source })?;
    }
    let draft = tmp.join(&note.id);
    let place = new.join(&note.id);
    let written = write(&draft, note, mail, most).and_then(|()| {
        let failed = |source| Error::Disk { path: place.clone(), source };
        fs::rename(&draft, &place).map_err(failed)?;
        // The name must survive a power cut as well as the bytes.
        File::open(&new).and_then(|folder| folder.sync_all()).map_err(failed)
    });
    if written.is_err() {
        // Whatever is wrong, half a mail is of no use.
        let _ = fs::remove_file(&draft);
    }
    written.map(|()| place)
}

fn write(draft: &Path, note: &Note, mail: &mut dyn Read, most: u64) -> Result<(), Error> {
    let failed = |source| Error::Disk { path: draft.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    // It holds people's mail.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft).map_err(failed)?;
    let head = serde_json::to_string(note).expect("plain data");
    file.write_all(head.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let n = match mail.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::Input(e)),
        };
        size += n as u64;
        if size > most {
            return Err(Error::TooLarge { most });
        }
        file.write_all(&buffer[..n]).map_err(failed)?;
    }
    if size == 0 {
        return Err(Error::Empty);
    }
    file.sync_all().map_err(failed)
}

fn read(path: &Path) -> io::Result<(Note, Bytes)> {
    let mut file = BufReader::new(File::open(path)?);
    let mut head = Vec::new();
    file.by_ref().take(MOST_HEAD).read_until(b'\n', &mut head)?;
    let note = serde_json::from_slice(&head).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    let mut raw = Vec::new();
    file.read_to_end(&mut raw)?;
    Ok((note, raw.into()))
}

/// Returns the files that wait and are taken up next, oldest first.
fn waiting(spool: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = files(&spool.join("new"))?;
    found.truncate(BATCH);
    Ok(found)
}

/// Returns the files of a folder, oldest first: their names begin with the time. A folder that is not there has none.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
    found.sort();
    Ok(found)
}

/// Takes up what waits in the spool: each mail is kept, its file removed, and then it goes through the pipeline. Returns
/// how many. Several processes may do so at once.
///
/// # Errors
/// If a mail cannot be kept: it and those after it stay where they are.
#[compiled_here]
pub async fn take_up(app: &App, ingest: &Ingest) -> Result<usize, mail_in::Error> {
    let spool = &app.config.doors.spool;
    let files = match waiting(spool) {
        Ok(files) => files,
        Err(e) => {
            tracing::error!(spool = %spool.display(), error = %e, "ALARM: the spool cannot be read");
            return Ok(0);
        }
    };
    let mut taken = 0;
    for file in files {
        taken += usize::from(take_one(app, ingest, &file).await?);
    }
    Ok(taken)
}

/// Takes up one file of the spool. Returns whether it became an arrival now.
///
/// # Errors
/// If it cannot be kept: it stays where it is.
#[compiled_here]
pub async fn take_one(app: &App, ingest: &Ingest, file: &Path) -> Result<bool, mail_in::Error> {
    let (note, raw) = match read(file) {
        Ok(read) => read,
        // Another process was faster.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => {
            tracing::error!(file = %file.display(), error = %e, "ALARM: a spooled mail cannot be read");
            return Ok(false);
        }
    };
    let facts = Facts { envelope_from: note.from, envelope_to: note.to, ..Facts::default() };
    let arrival = Arrival { door: Door::Pipe, door_ref: Some(note.id), tenant: None, facts, raw };
    let kept = ingest.keep(arrival).await?;
    // It lies in the database now, so that the file has done its part; if it cannot go, its id keeps it from becoming
    // another arrival.
    if let Err(e) = fs::remove_file(file)
        && e.kind() != io::ErrorKind::NotFound
    {
        tracing::error!(file = %file.display(), error = %e, "a spooled mail was taken up, but its file cannot be removed");
    }
    for kept in kept {
        mail_in::process(app, ingest, kept).await;
    }
    Ok(true)
}

/// A draft that nobody finished within this time never will be: its writer died, and its sender was told nothing.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How long such a draft lies there to be looked at. Whoever sent the mail was never told yes, and came again.
const KEPT_STALE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What lies in the spool of this host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Mails that wait to be taken up.
    pub waiting: usize,
    /// For how many seconds the oldest of them has.
    pub oldest_s: Option<u64>,
    /// Drafts of writers that died: parts of mails that nobody was told yes for.
    pub stale: usize,
}

/// Tells what lies in the spool. One that was never written to is empty.
///
/// # Errors
/// If it cannot be read.
pub fn backlog(spool: &Path) -> io::Result<Backlog> {
    let waiting: Vec<Option<Duration>> = files(&spool.join("new"))?.iter().map(|p| age(p)).collect();
    let stale = files(&spool.join("tmp"))?.iter().filter(|p| age(p).is_some_and(|a| a > STALE)).count();
    Ok(Backlog { waiting: waiting.len(), oldest_s: waiting.into_iter().flatten().max().map(|a| a.as_secs()), stale })
}

/// Removes drafts whose writers died so long ago that nobody will look at them any more. Returns how many. Nothing is lost
/// by that: the mail server that handed the mail over was not told that it was taken (E10.8).
///
/// # Errors
/// If the spool cannot be read.
pub fn tidy(spool: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for draft in files(&spool.join("tmp"))? {
        if age(&draft).is_some_and(|a| a > KEPT_STALE) {
            fs::remove_file(&draft)?;
            tracing::warn!(file = %draft.display(), "removed the draft of a mail whose writer died: its sender came again");
            removed += 1;
        }
    }
    Ok(removed)
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

/// Returns a new delivery's id: names in the order of time.
pub fn new_id() -> String {
    format!("{}-{:016x}", crate::clock::now().format("%Y%m%dT%H%M%S%.6f"), rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail_in::MailState;
    use crate::store::testing::on_both_apps;

    fn note(id: &str) -> Note {
        Note { id: id.to_owned(), from: Some("a@b.example".to_owned()), to: vec!["support@desk.example".to_owned()] }
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// E10.8.
    #[test]
    fn what_is_put_comes_back_and_nothing_is_left_of_what_was_refused() {
        let dir = tempfile::tempdir().unwrap();
        let spool = dir.path().join("spool");
        let raw = b"\x00\xffFrom: a@b.example\r\n\r\n{\"no\":\"head\"}\n".as_slice();
        let file = put(&spool, &note("1"), &mut &raw[..], 100).unwrap();
        let (back, bytes) = read(&file).unwrap();
        assert_eq!((back, &bytes[..]), (note("1"), raw));
        assert!(matches!(put(&spool, &note("2"), &mut &raw[..], 5), Err(Error::TooLarge { most: 5 })));
        assert!(matches!(put(&spool, &note("3"), &mut io::empty(), 5), Err(Error::Empty)));
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        assert!(matches!(put(&spool, &note("4"), &mut Broken, 5), Err(Error::Input(_))));
        assert_eq!((names(&spool.join("tmp")), names(&spool.join("new"))), (0, 1));
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(matches!(put(&dir.path().join("file"), &note("5"), &mut &raw[..], 100), Err(Error::Disk { .. })));
    }

    /// E10.8: what a writer that died left behind is told, and goes in the end; what waits is counted whole.
    #[test]
    fn e10_8_the_backlog_and_drafts_of_dead_writers() {
        let dir = tempfile::tempdir().unwrap();
        let spool = dir.path().join("spool");
        assert_eq!(backlog(&spool).unwrap(), Backlog::default(), "nobody wrote to it yet");
        for n in 0..BATCH + 3 {
            put(&spool, &note(&format!("{n:04}")), &mut &b"x"[..], 100).unwrap();
        }
        let aged = |name: &str, hours: u64| {
            let path = spool.join(name);
            let file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
            path
        };
        aged("new/0000", 2);
        let (young, stale, old) = (aged("tmp/a", 0), aged("tmp/b", 2), aged("tmp/c", 8 * 24));
        let found = backlog(&spool).unwrap();
        assert_eq!((found.waiting, found.stale), (BATCH + 3, 2));
        assert!(found.oldest_s.is_some_and(|s| (7200..7300).contains(&s)), "{found:?}");
        assert_eq!(tidy(&spool).unwrap(), 1);
        assert!(young.exists() && stale.exists() && !old.exists());
    }

    /// E10.8, E1.7.
    #[tokio::test]
    async fn a_spooled_mail_is_one_arrival_however_often_it_is_taken_up() {
        on_both_apps(async |app| {
            let dir = tempfile::tempdir().unwrap();
            let raw = b"From: a@b.example\r\nTo: support@desk.example\r\nSubject: x\r\n\r\nHello\r\n";
            let file = put(dir.path(), &note("1"), &mut &raw[..], 1000).unwrap();
            let copy = dir.path().join("copy");
            fs::copy(&file, &copy).unwrap();
            let ingest = Ingest::start(app.clone());
            assert!(take_one(&app, &ingest, &file).await.unwrap());
            assert!(!file.exists());
            assert!(!take_one(&app, &ingest, &file).await.unwrap(), "another process was faster");
            assert!(take_one(&app, &ingest, &copy).await.unwrap());
            let known = mail_in::brought(&app, Door::Pipe, &["1".to_owned()]).await.unwrap();
            assert_eq!(known.iter().map(|(_, _, state)| *state).collect::<Vec<_>>(), [MailState::Applied]);
        })
        .await;
    }
}
