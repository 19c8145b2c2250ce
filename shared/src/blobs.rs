//! Bytes of files and large mails, addressed by content: written and durable before any row names them.
//!
//! Keyed by tenant, so that one tenant's bytes never answer for another's. Nothing here knows what the bytes are;
//! the table `blobs` says which of them are meant, a sweep removes the rest.

use crate::compiled_here;
use crate::ids::TenantId;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The blob store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

/// The blob store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such blob.
    #[error("blob {sha256} is missing")]
    Missing {
        /// Its hash.
        sha256: String,
    },
    /// The name is no SHA-256 in lower-case hex.
    #[error("{0:?} names no blob")]
    Name(String),
    /// The folder or service refused: disk full, no permission, not reachable.
    #[error("blob store failed")]
    Store(#[source] object_store::Error),
    /// The folder cannot be made.
    #[error("blob folder {path} cannot be made")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Blobs {
    /// Opens the store in a folder, made if need be. Files are flushed to the disk before they get their name, and
    /// the folder after it, so that what `put` answered for survives a power cut.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub fn in_folder(folder: &std::path::Path) -> Result<Blobs, Error> {
        let failed = |source| Error::Folder { path: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(Error::Store)?.with_fsync(true);
        Ok(Blobs { store: Arc::new(store) })
    }

    /// Keeps bytes and returns their SHA-256 in hex; durable when it returns. The same bytes again change nothing.
    ///
    /// # Errors
    /// `Store` if they could not be written.
    pub async fn put(&self, tenant: TenantId, bytes: impl Into<Bytes>) -> Result<String, Error> {
        let bytes = bytes.into();
        let sha256 = sha256_hex(&bytes);
        let path = path(tenant, &sha256)?;
        match self.store.head(&path).await {
            // Same name, same size: the same bytes, as a file gets its name only when it is whole.
            Ok(found) if found.size == bytes.len() as u64 => return Ok(sha256),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(Error::Store(e)),
        }
        self.store.put(&path, bytes.into()).await.map_err(Error::Store)?;
        Ok(sha256)
    }

    /// Returns a blob's bytes.
    ///
    /// # Errors
    /// `Missing` if there is none; `Store`.
    #[compiled_here]
    pub async fn get(&self, tenant: TenantId, sha256: &str) -> Result<Bytes, Error> {
        let found = self.store.get(&path(tenant, sha256)?).await.map_err(|e| missing(e, sha256))?;
        found.bytes().await.map_err(Error::Store)
    }

    /// Whether there is such a blob.
    ///
    /// # Errors
    /// `Store` if that cannot be found out.
    #[compiled_here]
    pub async fn exists(&self, tenant: TenantId, sha256: &str) -> Result<bool, Error> {
        match self.store.head(&path(tenant, sha256)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(Error::Store(e)),
        }
    }

    /// Removes a blob; one that is not there is no error.
    ///
    /// # Errors
    /// `Store` if it could not be removed.
    #[compiled_here]
    pub async fn delete(&self, tenant: TenantId, sha256: &str) -> Result<(), Error> {
        match self.store.delete(&path(tenant, sha256)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(Error::Store(e)),
        }
    }
}

/// Returns the SHA-256 of `bytes` in lower-case hex: a blob's name.
pub fn sha256_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// `tenant/ab/abcdef…`: a folder for each first octet, as folders with many thousand files are slow to list.
fn path(tenant: TenantId, sha256: &str) -> Result<Path, Error> {
    let is_name = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_name {
        return Err(Error::Name(sha256.to_owned()));
    }
    Ok(Path::from(format!("{tenant}/{}/{sha256}", &sha256[..2])))
}

fn missing(e: object_store::Error, sha256: &str) -> Error {
    match e {
        object_store::Error::NotFound { .. } => Error::Missing { sha256: sha256.to_owned() },
        e => Error::Store(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TenantId = TenantId(1);

    fn store() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_folder(&dir.path().join("a/b")).unwrap();
        (dir, blobs)
    }

    #[tokio::test]
    async fn bytes_come_back_under_their_hash() {
        let (_dir, blobs) = store();
        let name = blobs.put(T, &b"hello"[..]).await.unwrap();
        assert_eq!(name, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(blobs.put(T, &b"hello"[..]).await.unwrap(), name);
        assert_eq!(&blobs.get(T, &name).await.unwrap()[..], b"hello");
        assert!(blobs.put(T, Bytes::new()).await.is_ok(), "an empty file is a file");
    }

    #[tokio::test]
    async fn a_tenants_bytes_are_its_own() {
        let (_dir, blobs) = store();
        let name = blobs.put(T, &b"hello"[..]).await.unwrap();
        assert!(!blobs.exists(TenantId(2), &name).await.unwrap());
        assert!(matches!(blobs.get(TenantId(2), &name).await, Err(Error::Missing { .. })));
    }

    #[tokio::test]
    async fn deleting_twice_is_fine() {
        let (_dir, blobs) = store();
        let name = blobs.put(T, &b"hello"[..]).await.unwrap();
        blobs.delete(T, &name).await.unwrap();
        blobs.delete(T, &name).await.unwrap();
        assert!(!blobs.exists(T, &name).await.unwrap());
    }

    #[tokio::test]
    async fn a_cut_file_is_written_again() {
        let (dir, blobs) = store();
        let name = blobs.put(T, &b"hello"[..]).await.unwrap();
        std::fs::write(dir.path().join(format!("a/b/1/{}/{name}", &name[..2])), b"hel").unwrap();
        blobs.put(T, &b"hello"[..]).await.unwrap();
        assert_eq!(&blobs.get(T, &name).await.unwrap()[..], b"hello");
    }

    #[tokio::test]
    async fn a_name_cannot_leave_the_folder() {
        let (_dir, blobs) = store();
        for name in ["../../etc/passwd", "", "2CF24DBA", &"/".repeat(64), &"A".repeat(64)] {
            assert!(matches!(blobs.get(T, name).await, Err(Error::Name(_))), "{name}");
        }
    }
}
