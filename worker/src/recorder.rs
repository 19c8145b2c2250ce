//! Writes down what the senders learn: one loop that takes what waits and commits it together.
//!
//! A mail's phase must be on record before its body leaves, so its sender waits for that commit; what became of it is
//! handed over without waiting. Both kinds share commits: while four senders wait for their phases, the results of
//! their last mails go along.

use std::time::Duration;

use shared::app::App;
use shared::mail_out::kinds::OutboxState;
use shared::mail_out::outbox::{self, Record, Step};
use shared::store;
use tokio::sync::{mpsc, oneshot};

use crate::leases::Lease;

/// How many records are committed together at the most.
const MOST: usize = 64;
/// How many records may wait; beyond it senders do.
const QUEUE: usize = 256;
/// The longest wait between two tries while the store is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Refusals that are not known to be transient are tried so often before records run singly.
const DOUBTS: u32 = 3;

/// The writing end. Cheap to clone; the loop ends when the last clone is gone and all is written.
#[derive(Debug, Clone)]
pub(crate) struct Recorder(mpsc::Sender<Job>);

#[derive(Debug)]
enum Job {
    Write(Box<Write>),
    /// Answered once everything before it is written.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Write {
    record: Record,
    done: oneshot::Sender<bool>,
    /// Held until the record is written.
    _lease: Option<Lease>,
}

impl Recorder {
    /// Starts the loop on the current runtime.
    pub fn start(app: App) -> Recorder {
        let (tx, rx) = mpsc::channel(QUEUE);
        tokio::spawn(run(app, rx));
        Recorder(tx)
    }

    /// Hands a record over. The answer says whether it was accepted, once it is committed; it need not be waited for.
    /// `lease` is kept up until then.
    pub async fn write(&self, record: Record, lease: Option<Lease>) -> oneshot::Receiver<bool> {
        let (done, answer) = oneshot::channel();
        // The loop ends only after the last sender: it is there.
        let _ = self.0.send(Job::Write(Write { record, done, _lease: lease }.into())).await;
        answer
    }

    /// Returns when everything handed over before is committed.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        if self.0.send(Job::Flush(done)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

async fn run(app: App, mut jobs: mpsc::Receiver<Job>) {
    let mut next: Option<Box<Write>> = None;
    loop {
        let mut writes = Vec::with_capacity(MOST);
        let mut flushes = Vec::new();
        if let Some(write) = next.take() {
            writes.push(*write);
        } else {
            match jobs.recv().await {
                None => return,
                Some(Job::Write(write)) => writes.push(*write),
                Some(Job::Flush(done)) => flushes.push(done),
            }
        }
        while writes.len() < MOST
            && next.is_none()
            && flushes.is_empty()
            && let Ok(job) = jobs.try_recv()
        {
            match job {
                Job::Flush(done) => flushes.push(done),
                // Two steps of one mail never share a commit: the later one builds on the earlier.
                Job::Write(write) if writes.iter().any(|w| w.record.id == write.record.id) => next = Some(write),
                Job::Write(write) => writes.push(*write),
            }
        }
        if !writes.is_empty() {
            commit(&app, writes).await;
        }
        for done in flushes {
            let _ = done.send(());
        }
    }
}

/// Commits, trying again for as long as it takes: what a relay took must not be forgotten.
async fn commit(app: &App, writes: Vec<Write>) {
    let records: Vec<Record> = writes.iter().map(|w| w.record.clone()).collect();
    match persist(app, &records).await {
        Ok(accepted) => answer(writes, accepted),
        Err(e) if writes.len() > 1 => {
            tracing::warn!(records = writes.len(), error = &e as &dyn std::error::Error, "records run singly");
            for write in writes {
                Box::pin(commit(app, vec![write])).await;
            }
        }
        Err(e) => {
            let id = records[0].id;
            tracing::error!(outbox.id = id.0, error = &e as &dyn std::error::Error, "a record was refused");
            // The mail's state matters more than its line on the timeline.
            let bare: Vec<Record> = records.into_iter().map(|r| Record { ticket_id: None, ..r }).collect();
            match persist(app, &bare).await {
                Ok(accepted) => answer(writes, accepted),
                Err(e) => {
                    tracing::error!(outbox.id = id.0, error = &e as &dyn std::error::Error, "a mail's state is lost");
                    answer(writes, vec![false]);
                }
            }
        }
    }
}

/// Writes the records; returns an error only if the store refuses them for their own sake.
async fn persist(app: &App, records: &[Record]) -> store::Result<Vec<bool>> {
    let mut wait = Duration::from_millis(50);
    let mut tries = 0;
    loop {
        match outbox::record(&app.db, &app.keys, records).await {
            Ok(accepted) => return Ok(accepted),
            Err(e) if !e.is_transient() && (e.is_conflict() || tries >= DOUBTS) => return Err(e),
            Err(e) => {
                if tries == 0 {
                    tracing::warn!(error = &e as &dyn std::error::Error, "the store is away; records wait for it");
                }
                tries += 1;
                tokio::time::sleep(wait.mul_f64(rand::random_range(0.8..1.2))).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

fn answer(writes: Vec<Write>, accepted: Vec<bool>) {
    for (write, accepted) in writes.into_iter().zip(accepted) {
        let record = &write.record;
        if !accepted {
            let sent = matches!(record.step, Step::Done { state: OutboxState::Sent, .. });
            if sent {
                tracing::error!(outbox.id = record.id.0, "the relay took a mail that was settled otherwise meanwhile");
            } else {
                tracing::warn!(
                    outbox.id = record.id.0,
                    "a mail's lease was lost; what became of it here is not recorded"
                );
            }
        }
        // Who does not wait for the answer has dropped its end.
        let _ = write.done.send(accepted);
    }
}
