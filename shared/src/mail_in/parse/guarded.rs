//! Parsing under guard (E1.4): a big mail is read on a thread with a big stack and a time budget.

use super::{fallback, parse};
use crate::mail_in::types::Mail;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Mails below this size are read at once, on the caller's thread.
const INLINE_BYTES: usize = 64 * 1024;
/// Stack of a parsing thread.
const STACK_BYTES: usize = 16 * 1024 * 1024;
/// How long a parsing thread may take before it is abandoned.
const BUDGET: Duration = Duration::from_secs(10);

/// Threads that overran their budget since the start; the third should restart the worker.
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// Reads a mail like [`parse`]; one of 64 KiB and more on a thread of its own, for at most 10 s. If the time is
/// over, the thread is abandoned and the mail comes back with the flags `degraded` and `parse_timeout`.
pub async fn parse_guarded(raw: Arc<[u8]>) -> Mail {
    if raw.len() < INLINE_BYTES {
        return parse(&raw);
    }
    let (send, receive) = tokio::sync::oneshot::channel();
    let for_thread = Arc::clone(&raw);
    let spawned = std::thread::Builder::new().name("mail-parse".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        // The receiver is gone if the time was over.
        let _ = send.send(parse(&for_thread));
    });
    if spawned.is_err() {
        return parse(&raw);
    }
    match tokio::time::timeout(BUDGET, receive).await {
        Ok(Ok(mail)) => mail,
        over => {
            let mut mail = fallback::read(&raw);
            if over.is_err() {
                ABANDONED.fetch_add(1, Ordering::Relaxed);
                mail.flags.push("parse_timeout".to_owned());
            }
            mail
        }
    }
}

/// Returns how many parsing threads were abandoned since the start (E1.4).
pub fn abandoned() -> usize {
    ABANDONED.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E1.4.
    #[tokio::test]
    async fn big_mails_read_the_same() {
        let raw = format!("From: a@b.example\nSubject: big\n\n{}", "line of text\n".repeat(10_000));
        let mail = parse_guarded(raw.as_bytes().into()).await;
        assert_eq!((mail.subject.as_str(), mail.body_text.len()), ("big", 130_000));
        assert_eq!(abandoned(), 0);
    }
}
