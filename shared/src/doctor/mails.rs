//! Received mail: kept, once, unaltered (1, 2, 8).

use super::sql::Table;
use super::{Depth, Error, Finding, Invariant, Probe, Result, sql, sweep};
use crate::app::App;
use crate::blobs;
use crate::clock::{self, Time};
use bytes::Bytes;
use chrono::Duration;
use flate2::read::DeflateDecoder;
use std::io::Read;

/// A mail is decided within moments; the sweep takes what a dead process left after 10 s.
const UNDECIDED: Duration = Duration::minutes(1);

const KEPT: &[Probe] = &[
    Probe::older(
        "received over a minute ago and not decided",
        UNDECIDED,
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m WHERE m.id > $1 AND m.id <= $2 AND m.state = 'kept' \
         AND m.received_at < $3 ORDER BY m.id",
    ),
    Probe::new(
        "received without bytes",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m LEFT JOIN raw_mails r ON r.id = m.raw_id \
         WHERE m.id > $1 AND m.id <= $2 AND m.erased_at IS NULL AND (r.id IS NULL OR (r.bytes IS NULL AND r.encoding <> 'blob')) ORDER BY m.id",
    ),
    Probe::new(
        "erased, and not empty",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m WHERE m.id > $1 AND m.id <= $2 \
         AND m.erased_at IS NOT NULL AND (m.raw_id IS NOT NULL OR m.subject IS NOT NULL OR m.from_email IS NOT NULL \
         OR m.from_key IS NOT NULL OR m.message_id IS NOT NULL OR m.trace <> '[]') ORDER BY m.id",
    ),
    Probe::new(
        "decided without an outcome",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m WHERE m.id > $1 AND m.id <= $2 AND m.state <> 'kept' \
         AND m.outcome IS NULL ORDER BY m.id",
    ),
];

/// What erasing must not leave behind (E13.1).
const ERASED: &[Probe] = &[Probe::new(
    "of an erased ticket, and not empty",
    "SELECT 'message ' || CAST(m.id AS TEXT) FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id \
     WHERE m.id > $1 AND m.id <= $2 AND t.erased_at IS NOT NULL \
     AND (m.body <> '' OR m.visible_text <> '' OR m.body_html IS NOT NULL OR m.mail_view IS NOT NULL) ORDER BY m.id",
)];

/// Promise 1: A mail that got a 2xx or 250 has its bytes and its row, and was decided.
pub(super) async fn kept(app: &App, now: Time) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Kept);
    sweep(app, &mut finding, Table::Mails, KEPT, now).await?;
    sweep(app, &mut finding, Table::Messages, ERASED, now).await?;
    let mut after = 0;
    loop {
        let page = sql::raws_in_blobs(&app.db, after).await?;
        let Some(last) = page.last() else { return Ok(finding) };
        after = last.id;
        for raw in &page {
            if !app.blobs.exists(raw.tenant_id, &raw.sha256).await.map_err(Error::Blobs)? {
                finding.fault("whose bytes are missing from the blob store", format!("raw {}", raw.id));
            }
        }
    }
}

const ONCE: &[Probe] = &[
    Probe::new(
        "decided, but not the one holder of a mail key",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m WHERE m.id > $1 AND m.id <= $2 \
         AND m.state IN ('applied', 'quarantined') AND m.outcome <> 'duplicate' AND m.erased_at IS NULL \
         AND (SELECT COUNT(*) FROM mail_keys k WHERE k.mail_id = m.id) <> 1 ORDER BY m.id",
    ),
    Probe::new(
        "duplicates that hold a mail key or are of nothing",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m WHERE m.id > $1 AND m.id <= $2 \
         AND m.outcome = 'duplicate' \
         AND (m.duplicate_of IS NULL OR EXISTS (SELECT 1 FROM mail_keys k WHERE k.mail_id = m.id)) ORDER BY m.id",
    ),
    Probe::new(
        "applied with more or fewer messages than one",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m WHERE m.id > $1 AND m.id <= $2 \
         AND m.state = 'applied' AND m.outcome <> 'duplicate' \
         AND (SELECT COUNT(*) FROM ticket_messages t WHERE t.mail_id = m.id) \
             <> CASE WHEN m.ticket_message_id IS NULL THEN 0 ELSE 1 END ORDER BY m.id",
    ),
    Probe::new(
        "applied as another mail's message",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m JOIN ticket_messages t ON t.id = m.ticket_message_id \
         WHERE m.id > $1 AND m.id <= $2 AND m.state = 'applied' AND m.outcome <> 'duplicate' \
         AND (t.mail_id IS NULL OR t.mail_id <> m.id) ORDER BY m.id",
    ),
];

const MESSAGES_ONCE: &[Probe] = &[Probe::new(
    "made by a mail that was not applied",
    "SELECT 'message ' || CAST(t.id AS TEXT) FROM ticket_messages t LEFT JOIN inbound_mails m ON m.id = t.mail_id \
     WHERE t.id > $1 AND t.id <= $2 AND t.mail_id IS NOT NULL \
     AND (m.id IS NULL OR m.state <> 'applied' OR m.outcome = 'duplicate') ORDER BY t.id",
)];

/// Promise 2: One mail, however often and by whichever door it comes, makes one message.
pub(super) async fn once(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Once);
    sweep(app, &mut finding, Table::Mails, ONCE, clock::now()).await?;
    sweep(app, &mut finding, Table::Messages, MESSAGES_ONCE, clock::now()).await?;
    Ok(finding)
}

/// Promise 8: What was received is never altered: its bytes still have the hash that they were kept under.
pub(super) async fn unaltered(app: &App, depth: Depth) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Unaltered);
    if depth == Depth::Quick {
        finding.left_out = Some("not hashed");
        return Ok(finding);
    }
    let mut after = 0;
    loop {
        let page = sql::raws(&app.db, after).await?;
        let Some(last) = page.last() else { return Ok(finding) };
        after = last.id;
        finding.looked(page.len() as u64);
        for raw in page {
            let label = format!("raw {}", raw.id);
            let bytes = match raw.bytes {
                Some(bytes) if raw.encoding == "deflate" => inflate(&bytes, raw.size_bytes),
                Some(bytes) => Some(Bytes::from(bytes)),
                None => match app.blobs.get(raw.tenant_id, &raw.sha256).await {
                    Ok(bytes) => Some(bytes),
                    // The first check's finding.
                    Err(blobs::Error::Missing { .. }) => continue,
                    Err(e) => return Err(Error::Blobs(e)),
                },
            };
            let whole = bytes.is_some_and(|b| b.len() as i64 == raw.size_bytes && blobs::sha256_hex(&b) == raw.sha256);
            if !whole {
                finding.fault("altered", label);
            }
        }
    }
}

/// Returns what was packed, never more than one octet beyond the size it must have; None if it cannot be unpacked.
fn inflate(packed: &[u8], size_bytes: i64) -> Option<Bytes> {
    let mut raw = Vec::new();
    let most = u64::try_from(size_bytes).ok()? + 1;
    DeflateDecoder::new(packed).take(most).read_to_end(&mut raw).ok()?;
    Some(raw.into())
}
