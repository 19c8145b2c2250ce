//! Planning: everything that needs no lock.

use crate::app::App;
use crate::ids::TicketId;
use crate::mail_in::decide::{self, Decision, Read};
use crate::mail_in::known::{self, Known};
use crate::mail_in::{Error, Trace, variants};
use crate::store::Scope;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A mail with what was decided about it, before any lock.
pub struct Planned {
    /// The mail.
    pub read: Arc<Read>,
    /// The decision.
    pub decision: Decision,
    /// Everything seen until then.
    pub trace: Trace,
    /// The addresses of its parts' bytes in the blob store.
    pub files: Vec<String>,
}

/// Plans a batch outside the transaction: look-ups, decisions, files into the blob store.
///
/// # Errors
/// If a store refuses.
pub async fn plan(app: &App, reads: Vec<Arc<Read>>) -> Result<(Known, Vec<Planned>), Error> {
    let refs: Vec<&Read> = reads.iter().map(|r| &**r).collect();
    let mut reader = app.db.reader(Scope::All).await?;
    let mut known = known::gather(&mut reader, &app.keys, &refs).await?;
    variants::gather(app, &mut reader, &mut known, &refs).await?;
    drop(reader);
    let mut planned = Vec::with_capacity(reads.len());
    for read in reads {
        let mut trace = read.trace.clone();
        let decision = decide::decide(&read, &known, &mut trace);
        let mut files = Vec::new();
        if matches!(decision, Decision::Open(_) | Decision::Join(_) | Decision::Sent { .. }) {
            for part in &read.mail.parts {
                files.push(app.blobs.put(read.kept.tenant_id, part.bytes.clone()).await?);
            }
        }
        planned.push(Planned { read, decision, trace, files });
    }
    Ok((known, planned))
}

/// The tickets whose rows the batch needs, each once.
pub(super) fn touched(mails: &[Planned]) -> Vec<TicketId> {
    let mut ids = BTreeSet::new();
    for mail in mails {
        match &mail.decision {
            Decision::Open(o) => ids.extend(o.links.iter().chain(&o.follow_up_of).chain(&o.beside)),
            Decision::Join(j) => ids.extend(j.links.iter().chain([&j.ticket])),
            Decision::Sent { ticket } => ids.extend([ticket]),
            Decision::Report { ticket, .. } | Decision::Loop { ticket } => ids.extend(ticket),
            Decision::Duplicate { .. } | Decision::Quarantine { .. } | Decision::Probe { .. } => {}
        }
    }
    ids.into_iter().collect()
}
