//! Passwords: argon2id, never more than the machine can bear at once, and the same work whether a user exists or not.

use crate::access::{Refused, Wrong};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Each takes 19 MiB and 35 ms of a core: more at once would only starve the rest.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// What an unknown address's password is compared with.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash_now(&crate::keys::new_token()));

const LEAST: usize = 8;
const MOST: usize = 1024;

/// # Errors
/// If the password is too short or too long to take.
pub(crate) fn check(password: &str) -> Result<(), Refused> {
    let wrong = |code, message: String| Err(Refused::Invalid(vec![Wrong::new("password", code, message)]));
    if password.chars().count() < LEAST {
        return wrong("too_short", format!("must have at least {LEAST} characters"));
    }
    if password.len() > MOST {
        return wrong("too_long", format!("must have at most {MOST} bytes"));
    }
    Ok(())
}

/// Returns the hash to store.
pub(crate) async fn hash(password: String) -> String {
    blocking(move || hash_now(&password)).await
}

/// Whether the password fits the hash; None takes as long, and never fits.
pub(crate) async fn fits(password: String, hash: Option<String>) -> bool {
    blocking(move || {
        let known = hash.is_some();
        let hash = hash.as_deref().unwrap_or(&NOBODYS);
        let fits = password.len() <= MOST
            && PasswordHash::new(hash)
                .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
        fits && known
    })
    .await
}

fn hash_now(password: &str) -> String {
    Argon2::default().hash_password(password.as_bytes()).expect("default parameters hash anything").to_string()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let _slot = AT_ONCE.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let stored = hash("correct horse".to_owned()).await;
        assert!(stored.starts_with("$argon2id$"));
        assert!(fits("correct horse".to_owned(), Some(stored.clone())).await);
        assert!(!fits("correct horsf".to_owned(), Some(stored.clone())).await);
        assert!(!fits("correct horse".to_owned(), None).await);
        assert!(!fits("correct horse".to_owned(), Some("garbage".to_owned())).await);
        assert_ne!(stored, hash("correct horse".to_owned()).await, "salted");
    }

    #[test]
    fn lengths() {
        assert!(check("1234567").is_err() && check("12345678").is_ok());
        assert!(check(&"x".repeat(1025)).is_err());
    }
}
