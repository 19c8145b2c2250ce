//! Maildirs, and folders of `.eml` files.

use super::{Letter, Unreadable};
use crate::clock::Time;
use bytes::Bytes;
use chrono::DateTime;
use std::io;
use std::path::{Path, PathBuf};
use std::{fs, vec};

/// The mails of a folder, in the order in which they came in.
pub struct Folder {
    files: vec::IntoIter<(PathBuf, u64)>,
    most: usize,
    read_bytes: u64,
}

impl Folder {
    /// Opens a Maildir (`cur` and `new`; what is flagged as deleted or as a draft is left out), else the folder's `.eml`
    /// files. Returns it and its size in octets.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path, most: usize) -> io::Result<(Folder, u64)> {
        let mut files = Vec::new();
        let parts = ["cur", "new"].map(|p| path.join(p));
        if parts.iter().any(|p| p.is_dir()) {
            for part in parts.iter().filter(|p| p.is_dir()) {
                list(part, &mut files, |name| !name.starts_with('.') && !is_left_out(name))?;
            }
        } else {
            list(path, &mut files, |name| name.to_ascii_lowercase().ends_with(".eml"))?;
        }
        files.sort_by_cached_key(|(path, _)| (came_in(path), path.clone()));
        let size = files.iter().map(|(_, size)| size).sum();
        Ok((Folder { files: files.into_iter(), most, read_bytes: 0 }, size))
    }
}

fn list(folder: &Path, files: &mut Vec<(PathBuf, u64)>, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let info = entry.metadata()?;
        if info.is_file() && wanted(&entry.file_name().to_string_lossy()) {
            files.push((entry.path(), info.len()));
        }
    }
    Ok(())
}

/// Whether a Maildir's flags say trashed or draft: `:2,DT`.
fn is_left_out(name: &str) -> bool {
    let flags = name.rsplit_once(":2,").or_else(|| name.rsplit_once("!2,")).map_or("", |(_, flags)| flags);
    flags.contains(['T', 'D'])
}

/// A Maildir's names begin with the second at which the mail came in.
fn came_in(path: &Path) -> Option<i64> {
    let name = path.file_name()?.to_string_lossy();
    name.split('.').next()?.parse().ok()
}

impl Iterator for Folder {
    type Item = Result<Letter, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let (path, size) = self.files.next()?;
        self.read_bytes += size;
        let place = path.display().to_string();
        if size > self.most as u64 {
            return Some(Err(Unreadable::TooLarge { place, most: self.most }));
        }
        let raw = match fs::read(&path) {
            Ok(raw) => Bytes::from(raw),
            Err(source) => return Some(Err(Unreadable::Disk { place, source })),
        };
        let dated: Option<Time> = came_in(&path).and_then(|s| DateTime::from_timestamp(s, 0));
        Some(Ok(Letter { raw, place, envelope_from: None, dated, read_bytes: self.read_bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildirs_mails_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        for part in ["cur", "new", "tmp"] {
            fs::create_dir(dir.path().join(part)).unwrap();
        }
        for (name, text) in [
            ("cur/1584176402.a.host:2,S", "two"),
            ("new/1584176401.b.host", "one"),
            ("cur/1584176403.c.host:2,ST", "trashed"),
            ("cur/1584176404.d.host:2,D", "draft"),
            ("tmp/1584176405.e.host", "half"),
            ("cur/.hidden", "no"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let (folder, size) = Folder::open(dir.path(), 100).unwrap();
        let found: Vec<Letter> = folder.map(Result::unwrap).collect();
        let texts: Vec<&[u8]> = found.iter().map(|l| &l.raw[..]).collect();
        assert_eq!((texts, size), (vec![&b"one"[..], b"two"], 6));
        assert_eq!(found[0].dated, Some("2020-03-14T09:00:01Z".parse().unwrap()));
        let eml = tempfile::tempdir().unwrap();
        fs::write(eml.path().join("a.EML"), "x").unwrap();
        fs::write(eml.path().join("b.txt"), "y").unwrap();
        let (mut folder, _) = Folder::open(eml.path(), 0).unwrap();
        assert!(matches!(folder.next(), Some(Err(Unreadable::TooLarge { .. }))) && folder.next().is_none());
    }
}
