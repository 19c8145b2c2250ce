//! The spool: mail that a local program handed over lies here as a file until the database has it (E10.8). Writing one
//! asks nothing but the disk, so that the mail server's part is over whatever else is down.
//!
//! A file is a line of JSON (what is known beside the bytes) and the bytes. It is written under `tmp`, flushed, and gets
//! its place under `new` by a rename: what lies there is whole.

use crate::app::App;
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Arrival, Door, Ingest};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

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

/// Returns the files that wait, oldest first: their names begin with the time.
fn waiting(spool: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(spool.join("new")) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
    found.sort();
    found.truncate(BATCH);
    Ok(found)
}

/// Takes up what waits in the spool: each mail is kept, its file removed, and then it goes through the pipeline. Returns
/// how many. Several processes may do so at once.
///
/// # Errors
/// If a mail cannot be kept: it and those after it stay where they are.
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

/// How many mails wait in the spool, and how old the oldest file is.
///
/// # Errors
/// If it cannot be read.
pub fn backlog(spool: &Path) -> io::Result<(usize, Option<std::time::Duration>)> {
    let files = waiting(spool)?;
    let age = |p: &PathBuf| fs::metadata(p).ok()?.modified().ok()?.elapsed().ok();
    Ok((files.len(), files.iter().filter_map(age).max()))
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
