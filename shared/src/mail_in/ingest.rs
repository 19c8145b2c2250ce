//! Many at once: keeping and applying are each done by one loop that takes what waits, at most 32 mails, and commits it
//! together. A lone mail never waits for company: while one batch commits, the next one gathers.

use super::decide::Read;
use super::outcome::Applied;
use super::{Arrival, Error, Kept, apply, keep};
use crate::app::App;
use crate::compiled_here;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many mails are committed together at the most.
const MOST: usize = 32;
/// How often others are let run in vain before a batch goes off.
const FRUITLESS: usize = 3;
/// How many mails may wait for a loop before doors are made to wait.
const QUEUE: usize = 1024;
/// How often a batch is planned.
const MOST_PLANS: usize = 8;

/// The two loops. Cheap to clone; they end when the last clone is gone.
#[derive(Clone)]
pub struct Ingest {
    keep: mpsc::Sender<Job<Arrival, Vec<Kept>>>,
    apply: mpsc::Sender<ApplyJob>,
}

/// A read mail and the door that waits for it.
type ApplyJob = Job<Read, Applied>;

struct Job<T, R> {
    input: T,
    done: oneshot::Sender<Result<R, Error>>,
}

impl Ingest {
    /// Starts the loops on the current runtime.
    pub fn start(app: App) -> Ingest {
        let (keep, keep_jobs) = mpsc::channel(QUEUE);
        let (apply, apply_jobs) = mpsc::channel(QUEUE);
        tokio::spawn(keep_loop(app.clone(), keep_jobs));
        tokio::spawn(apply_loop(app, apply_jobs));
        Ingest { keep, apply }
    }

    /// Keeps a mail: returns once it is durable.
    ///
    /// # Errors
    /// If it could not be kept.
    #[compiled_here]
    pub async fn keep(&self, arrival: Arrival) -> Result<Vec<Kept>, Error> {
        ask(&self.keep, arrival).await
    }

    /// Applies a read mail.
    ///
    /// # Errors
    /// If it could not be applied; it stays kept.
    pub(super) async fn apply(&self, read: Read) -> Result<Applied, Error> {
        ask(&self.apply, read).await
    }
}

async fn ask<T, R>(to: &mpsc::Sender<Job<T, R>>, input: T) -> Result<R, Error> {
    let (done, answer) = oneshot::channel();
    to.send(Job { input, done }).await.map_err(|_| Error::Closed)?;
    answer.await.map_err(|_| Error::Closed)?
}

/// Waits for one, then takes what else is there. None when all senders are gone.
///
/// Whoever can run now runs first, as long as that brings more: after a commit all its mails' doors go on at once, and
/// the first of them must not make a batch of its own while the others are on their way. Nothing is slept for.
async fn next_batch<T>(jobs: &mut mpsc::Receiver<T>, mut batch: Vec<T>) -> Option<Vec<T>> {
    if batch.is_empty() {
        batch.push(jobs.recv().await?);
    }
    let mut fruitless = 0;
    while batch.len() < MOST && fruitless < FRUITLESS {
        match jobs.try_recv() {
            Ok(job) => {
                batch.push(job);
                fruitless = 0;
            }
            Err(_) => {
                fruitless += 1;
                tokio::task::yield_now().await;
            }
        }
    }
    Some(batch)
}

async fn keep_loop(app: App, mut jobs: mpsc::Receiver<Job<Arrival, Vec<Kept>>>) {
    while let Some(batch) = next_batch(&mut jobs, Vec::new()).await {
        let (inputs, doors): (Vec<Arrival>, Vec<_>) = batch.into_iter().map(|j| (j.input, j.done)).unzip();
        match keep::store(&app, &inputs).await {
            Ok(kept) => answer(doors.into_iter().zip(kept.into_iter().map(Ok))),
            Err(e) if e.is_transient() || inputs.len() == 1 => {
                answer_error(&app, inputs, doors, e).await;
            }
            // One arrival may be at fault: the others must not suffer.
            Err(_) => {
                for (input, door) in inputs.into_iter().zip(doors) {
                    let kept = keep::store(&app, std::slice::from_ref(&input)).await;
                    answer(std::iter::once((door, kept.map(|mut k| k.remove(0)))));
                }
            }
        }
    }
}

/// The error goes to the first door as it is; the others learn the same by asking once more, which costs little and
/// may even succeed.
async fn answer_error(
    app: &App,
    inputs: Vec<Arrival>,
    doors: Vec<oneshot::Sender<Result<Vec<Kept>, Error>>>,
    error: Error,
) {
    let mut error = Some(error);
    for (input, door) in inputs.into_iter().zip(doors) {
        let result = match error.take() {
            Some(e) => Err(e),
            None => keep::store(app, std::slice::from_ref(&input)).await.map(|mut k| k.remove(0)),
        };
        answer(std::iter::once((door, result)));
    }
}

fn answer<R>(answers: impl Iterator<Item = (oneshot::Sender<Result<R, Error>>, Result<R, Error>)>) {
    for (door, result) in answers {
        // A door that gave up (time-out, connection closed) is told nothing: the row knows.
        let _ = door.send(result);
    }
}

async fn apply_loop(app: App, mut jobs: mpsc::Receiver<ApplyJob>) {
    let mut held_back: Vec<ApplyJob> = Vec::new();
    while let Some(batch) = next_batch(&mut jobs, std::mem::take(&mut held_back)).await {
        let (now, later) = independent(batch);
        held_back = later;
        let (reads, doors): (Vec<Arc<Read>>, Vec<_>) = now.into_iter().map(|j| (Arc::new(j.input), j.done)).unzip();
        match together(&app, reads.clone()).await {
            Ok(results) => answer(doors.into_iter().zip(results)),
            // Any other error than a constraint's ends the batch, and its mails run singly.
            Err(e) => {
                tracing::info!(
                    mails = reads.len(),
                    error = &e as &dyn std::error::Error,
                    "batch failed; its mails run singly"
                );
                for (read, door) in reads.into_iter().zip(doors) {
                    let result = together(&app, vec![read]).await.and_then(|mut r| r.remove(0));
                    answer(std::iter::once((door, result)));
                }
            }
        }
    }
}

async fn together(app: &App, reads: Vec<Arc<Read>>) -> Result<Vec<Result<Applied, Error>>, Error> {
    for _ in 1..MOST_PLANS {
        let (known, planned) = apply::plan(app, reads.clone()).await?;
        match apply::commit(app, known, planned).await {
            // Another process decided a variant of one of them first (E1.9).
            Err(Error::Overtaken) => {}
            done => return done,
        }
    }
    let (known, planned) = apply::plan(app, reads).await?;
    apply::commit(app, known, planned).await
}

/// Holds back the mails that answer an earlier mail of the same batch, are answered by it, or bear its Message-ID: they are
/// planned once that one is applied, so that a mail and its answer, come together in whatever order, are one ticket, and
/// variants are compared (E1.9).
fn independent(batch: Vec<ApplyJob>) -> (Vec<ApplyJob>, Vec<ApplyJob>) {
    let (mut now, mut later): (VecDeque<ApplyJob>, Vec<_>) = (VecDeque::new(), Vec::new());
    for job in batch {
        let answers = now.iter().any(|earlier: &ApplyJob| {
            let same_tenant = earlier.input.kept.tenant_id == job.input.kept.tenant_id;
            let (one, other) = (&job.input, &earlier.input);
            same_tenant && (names(one, other) || names(other, one) || are_variants(one, other))
        });
        if answers { later.push(job) } else { now.push_back(job) }
    }
    (now.into(), later)
}

/// Whether a mail names another one as what it answers.
fn names(mail: &Read, other: &Read) -> bool {
    other.mail.message_id.as_ref().is_some_and(|id| mail.ids.contains(id))
}

fn are_variants(one: &Read, other: &Read) -> bool {
    one.mail.message_id.is_some() && one.mail.message_id == other.mail.message_id && one.dedupe_key != other.dedupe_key
}
