//! One attempt at one mail: build, send, record.

use std::sync::atomic::{AtomicBool, Ordering};

use shared::address;
use shared::fault;
use shared::mail_out::build::{Material, Mime, RelayOffers, needs_utf8};
use shared::mail_out::kinds::OutboxState;
use shared::mail_out::outbox::{Claimed, Kept, Record, Step};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::dispatch::{Dispatcher, Transport};
use crate::leases::Lease;
use crate::transport::{Delivery, Failure, Phase, SendOutcome, Smtp};
use crate::verdict;

/// Files of so many octets may pass a relay's limit: it is asked for it first.
const LARGE: i64 = 512 * 1024;

/// A mail under our lease, ready to be tried.
pub(crate) struct Mail {
    pub row: Claimed,
    pub material: Material,
    pub lease: Lease,
}

/// What came of an attempt.
pub(crate) struct Attempted {
    /// The state it leads to; None if it was given back untried.
    pub state: Option<OutboxState>,
    /// The relay got as far as to judge the mail: its fault, if there was one, is over.
    pub judged: bool,
    /// Answers when that is recorded.
    pub recorded: oneshot::Receiver<bool>,
}

impl Mail {
    fn record(&self, step: Step) -> Record {
        Record {
            id: self.row.id,
            tenant_id: self.row.tenant_id,
            ticket_id: self.row.ticket_id,
            lease_token: self.row.lease_token.clone(),
            attempt: self.row.attempts,
            step,
        }
    }
}

impl Dispatcher {
    /// Tries a mail. `hard` ends an attempt that is under way.
    pub(crate) async fn attempt(&self, mail: Mail, hard: &CancellationToken) -> Attempted {
        let offers = match self.offers(&mail).await {
            Ok(offers) => offers,
            Err(failure) => {
                let step = verdict::temporary(&self.app, &mail.row, failure, None).await;
                return self.settle(mail, step, false).await;
            }
        };
        let mime = match mail.material.octets(&self.app, &self.templates, &mail.row, offers).await {
            Ok(mime) => mime,
            Err(e) => {
                let step = verdict::unbuilt(&self.app, &mail.row, e).await;
                return self.settle(mail, step, false).await;
            }
        };
        match &self.transport {
            Transport::Capture => {
                let (id, pid) = (mail.row.id, mail.material.pid().map(str::to_owned));
                let step = verdict::captured(mime.kept);
                let attempted = self.settle(mail, step, false).await;
                tracing::info!(outbox.id = id.0, ticket.pid = pid, "captured mail");
                attempted
            }
            Transport::Smtp(smtp) => self.send(smtp, mail, mime, hard).await,
        }
    }

    /// What the relay offers, asked for before the first mail that depends on it. What is captured meets no limit.
    async fn offers(&self, mail: &Mail) -> Result<RelayOffers, Failure> {
        let Transport::Smtp(smtp) = &self.transport else {
            return Ok(RelayOffers { max_bytes: None, smtp_utf8: true });
        };
        let depends = needs_utf8(&mail.row.to_email) || mail.material.file_bytes() > LARGE;
        let offers = if depends { smtp.ask_offers().await? } else { smtp.offers() };
        Ok(offers.map(|o| RelayOffers { max_bytes: o.max_bytes, smtp_utf8: o.smtp_utf8 }).unwrap_or_default())
    }

    /// Gives a mail back untried.
    pub(crate) async fn release(&self, mail: Mail) -> Attempted {
        let record = mail.record(Step::Release);
        Attempted { state: None, judged: false, recorded: self.recorder.write(record, Some(mail.lease)).await }
    }

    async fn send(&self, smtp: &Smtp, mail: Mail, mime: Mime, hard: &CancellationToken) -> Attempted {
        let begun = AtomicBool::new(false);
        let before_body = || async {
            fault::point("before_body");
            let record = mail.record(Step::Body { kept: mime.kept.clone() });
            match self.recorder.write(record, None).await.await {
                Ok(true) => {
                    begun.store(true, Ordering::SeqCst);
                    Ok(())
                }
                _ => Err("its lease was lost".into()),
            }
        };
        let delivery = Delivery { envelope_from: &mail.row.envelope_from, rcpt: &mail.row.to_email, mime: &mime.bytes };
        let outcome = tokio::select! {
            outcome = smtp.send(delivery, before_body) => outcome,
            () = hard.cancelled() => match begun.load(Ordering::SeqCst) {
                true => SendOutcome::Unknown { text: "the worker was stopped while it waited for the answer".to_owned() },
                false => return self.release(mail).await,
            },
        };
        // Octets that are on record already need not be written again.
        let kept = mime.kept.filter(|_| !begun.load(Ordering::SeqCst));
        let judged = judged(&outcome);
        let step = self.step(smtp, &mail.row, outcome, kept).await;
        self.settle(mail, step, judged).await
    }

    async fn step(&self, smtp: &Smtp, row: &Claimed, outcome: SendOutcome, kept: Option<Kept>) -> Step {
        match outcome {
            SendOutcome::Sent(reply) => {
                fault::point("before_record");
                verdict::sent(reply)
            }
            SendOutcome::Temporary(failure) => {
                self.heed(smtp, address::domain(&address::key(&row.to_email)).as_deref(), &failure).await;
                verdict::temporary(&self.app, row, failure, kept).await
            }
            SendOutcome::Permanent(failure) => verdict::permanent(row, failure, kept),
            SendOutcome::RelayFault(failure) => {
                let pause = self.pause_relay(smtp, &failure).await;
                verdict::relay_fault(failure, kept, pause)
            }
            SendOutcome::Unknown { text } => verdict::unknown(&self.app, row, text),
        }
    }

    async fn settle(&self, mail: Mail, step: Step, judged: bool) -> Attempted {
        let state = match &step {
            Step::Done { state, result, .. } => {
                metrics::counter!("mail_attempts_total", "result" => *result).increment(1);
                Some(*state)
            }
            _ => None,
        };
        let record = mail.record(step);
        Attempted { state, judged, recorded: self.recorder.write(record, Some(mail.lease)).await }
    }
}

fn judged(outcome: &SendOutcome) -> bool {
    match outcome {
        SendOutcome::Sent(_) | SendOutcome::Unknown { .. } => true,
        SendOutcome::Permanent(f) | SendOutcome::Temporary(f) => f.phase >= Phase::Rcpt,
        SendOutcome::RelayFault(_) => false,
    }
}
