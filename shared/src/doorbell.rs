//! The doorbell: tells whoever sends mail that new outbox rows were committed.
//!
//! It is a hint and nothing more. The outbox table is the queue of record and the dispatcher polls it, so a ring
//! that is lost costs a second or two and never a mail. That is why ringing neither waits nor fails, and why it
//! happens after the commit. Without Redis the receiver wakes the dispatcher of this process; with Redis a task
//! of the worker crate carries the rings on to it.

use crate::compiled_here;
use crate::ids::OutboxId;
use tokio::sync::mpsc::{self, error::TrySendError};

/// Rings kept while the receiver is busy; beyond it they are dropped, as the poller finds the rows anyway.
const CAPACITY: usize = 2048;

/// The most ids that one [`BellReceiver::next`] returns.
const BATCH: usize = 100;

/// The ringing end. Cheap to clone; every part that commits outbox rows has one.
#[derive(Debug, Clone)]
pub struct Doorbell {
    tx: Option<mpsc::Sender<OutboxId>>,
}

/// The listening end.
#[derive(Debug)]
pub struct BellReceiver {
    rx: mpsc::Receiver<OutboxId>,
}

impl Doorbell {
    /// Returns a bell and the end that hears it in this process.
    pub fn in_process() -> (Doorbell, BellReceiver) {
        let (tx, rx) = mpsc::channel(CAPACITY);
        (Doorbell { tx: Some(tx) }, BellReceiver { rx })
    }

    /// Returns a bell that nobody hears: commands and tests, whose mail the next poll picks up.
    pub fn silent() -> Doorbell {
        Doorbell { tx: None }
    }

    /// Announces committed outbox rows. Never waits, never fails; call it after the commit, not before.
    pub fn ring(&self, outbox_ids: &[OutboxId]) {
        let Some(tx) = &self.tx else { return };
        for (n, id) in outbox_ids.iter().enumerate() {
            match tx.try_send(*id) {
                Ok(()) => metrics::counter!("doorbell_rings_total").increment(1),
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                    metrics::counter!("doorbell_rings_dropped_total").increment((outbox_ids.len() - n) as u64);
                    return;
                }
            }
        }
    }
}

impl BellReceiver {
    /// Waits for rings and returns those that have gathered, at least one and at most 100.
    ///
    /// None once every [`Doorbell`] is gone. Cancelling the wait loses nothing.
    #[compiled_here]
    pub async fn next(&mut self) -> Option<Vec<OutboxId>> {
        let mut ids = Vec::new();
        match self.rx.recv_many(&mut ids, BATCH).await {
            0 => None,
            _ => Some(ids),
        }
    }

    /// Returns how many rings wait unheard.
    pub fn waiting(&self) -> usize {
        self.rx.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rings_gather_into_batches() {
        let (bell, mut heard) = Doorbell::in_process();
        let ids: Vec<OutboxId> = (1..=150).map(OutboxId).collect();
        bell.ring(&ids);
        let first = heard.next().await.unwrap();
        let second = heard.next().await.unwrap();
        assert_eq!((first.len(), second.len()), (100, 50));
        assert_eq!([first, second].concat(), ids);
    }

    #[tokio::test]
    async fn a_flood_without_a_listener_is_cut_and_the_bell_rings_on() {
        let (bell, mut heard) = Doorbell::in_process();
        let ids: Vec<OutboxId> = (1..=20_000).map(OutboxId).collect();
        bell.ring(&ids);
        assert_eq!(heard.waiting(), CAPACITY);
        while heard.waiting() > 0 {
            heard.next().await.unwrap();
        }
        bell.ring(&[OutboxId(7)]);
        assert_eq!(heard.next().await.unwrap(), [OutboxId(7)]);
    }

    #[tokio::test]
    async fn nobody_listening_is_no_error() {
        let (bell, heard) = Doorbell::in_process();
        drop(heard);
        bell.ring(&[OutboxId(1)]);
        Doorbell::silent().ring(&[OutboxId(1)]);
    }

    #[tokio::test]
    async fn receiver_ends_with_the_last_bell() {
        let (bell, mut heard) = Doorbell::in_process();
        let other = bell.clone();
        other.ring(&[OutboxId(1)]);
        drop((bell, other));
        assert_eq!(heard.next().await, Some(vec![OutboxId(1)]));
        assert_eq!(heard.next().await, None);
    }
}
