//! Keep: bytes and arrival are committed before anything is understood (E1.1, E1.2). Once this returned, the sender may
//! forget the mail.

use super::authenticate::Authentication;
use super::recipients::Place;
use super::types::Facts;
use super::{Error, recipients, sql};
use crate::address;
use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{MailId, MailboxId, RawId, TenantId};
use crate::store::{Scope, dialect};
use crate::text_enum;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::collections::{BTreeSet, HashMap};
use std::io::{Read, Write};

text_enum! {
    /// The way a mail came in.
    pub enum Door ("door") {
        /// `POST /api/inbound/raw`.
        Raw = "raw",
        /// `POST /api/inbound/mock`.
        Mock = "mock",
        /// The SMTP listener.
        Smtp = "smtp",
        /// The LMTP listener.
        Lmtp = "lmtp",
        /// A fetched mailbox.
        Imap = "imap",
        /// `postroom mail pipe`.
        Pipe = "pipe",
        /// `postroom mail import`.
        Import = "import",
        /// A provider's webhook.
        Mailgun = "mailgun",
        /// A provider's webhook.
        Postmark = "postmark",
        /// A provider's webhook.
        Sendgrid = "sendgrid",
        /// A provider's webhook.
        Ses = "ses",
        /// A provider's webhook.
        Cloudflare = "cloudflare",
        /// A provider's webhook.
        Postal = "postal",
    }
}

/// Bytes up to this many (compressed) lie in the database row, so that keeping is one commit; larger ones go to the
/// blob store first (DESIGN 6).
const MOST_IN_ROW: usize = 64 * 1024;
/// Below this, compressing costs more than it saves.
const LEAST_TO_COMPRESS: usize = 2 * 1024;
/// How much of the head is searched for recipients when the door knows no envelope.
const MOST_HEAD: usize = 512 * 1024;

/// A mail at a door.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Which door.
    pub door: Door,
    /// The door's own name for this delivery, if it has one: the same one never comes in twice (E1.7).
    pub door_ref: Option<String>,
    /// The tenant that the door's token belongs to, if to one.
    pub tenant: Option<TenantId>,
    /// What the door knows beside the bytes.
    pub facts: Facts,
    /// The bytes as received.
    pub raw: Bytes,
}

/// A mail that was kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// This arrival.
    pub id: MailId,
    /// Whose mail it is.
    pub tenant_id: TenantId,
    /// The mailbox it was sent to, by its envelope, else its headers; None if it names none of ours.
    pub mailbox_id: Option<MailboxId>,
    /// Whether that mailbox keeps tickets of its own of mail to it and to others (E1.12).
    pub own_tickets: bool,
    /// Whether it names any recipient at all.
    pub has_recipients: bool,
    /// Which door.
    pub door: Door,
    /// What the door knew.
    pub facts: Facts,
    /// The bytes.
    pub raw: Bytes,
    /// When.
    pub received_at: Time,
    /// What was found about its sender, if it was looked at before (E11.1).
    pub authentication: Option<Authentication>,
    /// It is replayed: nothing is sent, and no clock moves (E14.3).
    pub quiet: bool,
    /// When somebody let it out of quarantine: nothing holds it any more (E5.10).
    pub released: Option<Time>,
}

/// One row to be: an arrival for one tenant.
struct Entry {
    arrival: usize,
    tenant_id: TenantId,
    mailbox_id: Option<MailboxId>,
    own_tickets: bool,
    door_ref: Option<String>,
    /// The envelope's recipients that this tenant may know of.
    envelope_to: Vec<String>,
    has_recipients: bool,
    sha256: String,
    stored: Stored,
}

/// Whose an arrival is.
struct Home {
    tenant: TenantId,
    mailbox: Option<MailboxId>,
    own_tickets: bool,
}

#[derive(Clone)]
struct Stored {
    encoding: &'static str,
    bytes: Option<Vec<u8>>,
}

/// Keeps mails in one commit; for each its arrivals, one per tenant. An arrival whose door reference came before gives
/// the earlier one.
///
/// # Errors
/// If the database or the blob store refuses: then none of them is kept.
#[compiled_here]
pub async fn store(app: &App, arrivals: &[Arrival]) -> Result<Vec<Vec<Kept>>, Error> {
    let received_at = now();
    let entries = entries(app, arrivals, true).await?;
    let mut tx = app.db.write(Scope::All).await?;
    let n = entries.len();
    let [raw_ids, ids] =
        dialect::take_ids_of(&mut tx, [(dialect::IdTable::RawMails, n), (dialect::IdTable::InboundMails, n)]).await?;
    let raws = entries.iter().zip(&raw_ids).map(|(e, id)| {
        vec![
            RawId(*id).into(),
            e.tenant_id.into(),
            e.sha256.as_str().into(),
            (arrivals[e.arrival].raw.len() as i64).into(),
            e.stored.encoding.into(),
            e.stored.bytes.clone().into(),
            received_at.into(),
        ]
    });
    let all_new = sql::insert_raws(&mut tx, raws.collect()).await? == n as u64;
    let known: HashMap<(TenantId, String), RawId> = match all_new {
        true => HashMap::new(),
        // Some of these bytes came before, or twice now: their rows stand already.
        false => sql::find_raws(&mut tx, entries.iter().map(|e| (e.tenant_id, e.sha256.as_str()))).await?,
    };
    let rows = entries.iter().zip(&ids).zip(&raw_ids).map(|((e, id), raw_id)| {
        let arrival = &arrivals[e.arrival];
        let facts = &arrival.facts;
        vec![
            MailId(*id).into(),
            e.tenant_id.into(),
            known.get(&(e.tenant_id, e.sha256.clone())).copied().unwrap_or(RawId(*raw_id)).into(),
            e.mailbox_id.into(),
            arrival.door.into(),
            e.door_ref.clone().into(),
            facts.envelope_from.clone().into(),
            serde_json::json!(e.envelope_to).into(),
            facts.peer_ip.map(|ip| ip.to_string()).into(),
            facts.helo.clone().into(),
            facts.vouched.as_ref().map(|v| serde_json::to_string(v).expect("plain data")).into(),
            facts.tls.clone().into(),
            sql::door_facts(facts).into(),
            received_at.into(),
            e.own_tickets.into(),
        ]
    });
    let inserted: BTreeSet<MailId> = sql::insert_inbound(&mut tx, rows.collect()).await?.into_iter().collect();
    let mut kept: Vec<Vec<Kept>> = arrivals.iter().map(|_| Vec::new()).collect();
    let mut before = Vec::new();
    for (e, id) in entries.into_iter().zip(ids.into_iter().map(MailId)) {
        let arrival = &arrivals[e.arrival];
        if !inserted.contains(&id) {
            let door_ref = e.door_ref.as_deref().unwrap_or_default();
            before.push((e.arrival, sql::find_arrival(&mut tx, e.tenant_id, arrival.door, door_ref).await?));
            continue;
        }
        kept[e.arrival].push(Kept {
            id,
            tenant_id: e.tenant_id,
            mailbox_id: e.mailbox_id,
            own_tickets: e.own_tickets,
            has_recipients: e.has_recipients,
            door: arrival.door,
            facts: Facts { envelope_to: e.envelope_to, ..arrival.facts.clone() },
            raw: arrival.raw.clone(),
            received_at,
            authentication: None,
            quiet: false,
            released: None,
        });
    }
    tx.commit().await?;
    for (arrival, id) in before {
        kept[arrival].push(load(app, id).await?);
    }
    crate::fault::point("after_keep");
    Ok(kept)
}

/// Returns an arrival as it would be kept, once for each tenant that it is for. Writes nothing; the rows have no ids.
///
/// # Errors
/// If the store refuses.
pub(super) async fn homes(app: &App, arrival: Arrival) -> Result<Vec<Kept>, Error> {
    let received_at = now();
    let arrivals = [arrival];
    let entries = entries(app, &arrivals, false).await?;
    let [arrival] = arrivals;
    let kept = |e: Entry| Kept {
        id: MailId(0),
        tenant_id: e.tenant_id,
        mailbox_id: e.mailbox_id,
        own_tickets: e.own_tickets,
        has_recipients: e.has_recipients,
        door: arrival.door,
        facts: Facts { envelope_to: e.envelope_to, ..arrival.facts.clone() },
        raw: arrival.raw.clone(),
        received_at,
        authentication: None,
        quiet: false,
        released: None,
    };
    Ok(entries.into_iter().map(kept).collect())
}

/// Finds out whose mail each arrival is, and prepares its bytes. Reads only, and the blob store is written: nothing
/// here needs the transaction.
async fn entries(app: &App, arrivals: &[Arrival], store: bool) -> Result<Vec<Entry>, Error> {
    let addresses: Vec<Vec<String>> = arrivals.iter().map(addressees).collect();
    let mailboxes = recipients::mailboxes_of(&app.db, addresses.iter().flatten()).await?;
    let mut default_tenant = None;
    let mut entries = Vec::new();
    for (i, arrival) in arrivals.iter().enumerate() {
        // One for each tenant, and one for each mailbox that keeps tickets of its own (E1.12).
        let mut homes: Vec<Home> = Vec::new();
        for home in addresses[i].iter().filter_map(|a| mailboxes.get(a)) {
            let same = |h: &Home| match home.own_tickets {
                true => h.mailbox == Some(home.mailbox),
                false => h.tenant == home.tenant && !h.own_tickets,
            };
            if !homes.iter().any(same) {
                let Place { tenant, mailbox, own_tickets } = *home;
                homes.push(Home { tenant, mailbox: Some(mailbox), own_tickets });
            }
        }
        if homes.is_empty() {
            let tenant = match arrival.tenant.or(default_tenant) {
                Some(tenant) => tenant,
                None => *default_tenant.insert(sql::default_tenant(&app.db).await?),
            };
            homes.push(Home { tenant, mailbox: None, own_tickets: false });
        }
        let sha256 = crate::blobs::sha256_hex(&arrival.raw);
        let stored = encode(&arrival.raw);
        for (n, home) in homes.iter().enumerate() {
            let (tenant_id, mailbox_id) = (home.tenant, home.mailbox);
            // The door knows one reference for all of a tenant's.
            let further = homes[..n].iter().any(|h| h.tenant == tenant_id);
            let door_ref = arrival.door_ref.as_ref().map(|door_ref| match mailbox_id.filter(|_| further) {
                Some(mailbox) => format!("{door_ref} mailbox:{mailbox}"),
                None => door_ref.clone(),
            });
            if store && stored.encoding == "blob" {
                app.blobs.put(tenant_id, arrival.raw.clone()).await?;
            }
            // Nobody learns which other tenants got it, too.
            let of_others = |a: &&String| mailboxes.get(*a).is_some_and(|of| of.tenant != tenant_id);
            entries.push(Entry {
                arrival: i,
                tenant_id,
                mailbox_id,
                own_tickets: home.own_tickets,
                door_ref,
                envelope_to: arrival.facts.envelope_to.iter().filter(|a| !of_others(a)).cloned().collect(),
                has_recipients: !addresses[i].is_empty(),
                sha256: sha256.clone(),
                stored: stored.clone(),
            });
        }
    }
    Ok(entries)
}

fn encode(raw: &[u8]) -> Stored {
    if raw.len() < LEAST_TO_COMPRESS {
        return Stored { encoding: "plain", bytes: Some(raw.to_vec()) };
    }
    // Far above what could still fit: do not spend the time.
    if raw.len() > 16 * MOST_IN_ROW {
        return Stored { encoding: "blob", bytes: None };
    }
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(raw.len() / 2), Compression::fast());
    encoder.write_all(raw).expect("memory takes all writes");
    let packed = encoder.finish().expect("memory takes all writes");
    match (packed.len() < raw.len(), packed.len().min(raw.len()) <= MOST_IN_ROW) {
        (_, false) => Stored { encoding: "blob", bytes: None },
        (true, true) => Stored { encoding: "deflate", bytes: Some(packed) },
        (false, true) => Stored { encoding: "plain", bytes: Some(raw.to_vec()) },
    }
}

/// Returns a kept mail's bytes.
///
/// # Errors
/// If they cannot be read.
pub(super) async fn bytes(app: &App, tenant: TenantId, row: &sql::RawRow) -> Result<Bytes, Error> {
    match (row.encoding.as_str(), &row.bytes) {
        ("plain", Some(bytes)) => Ok(Bytes::copy_from_slice(bytes)),
        (_, Some(bytes)) => {
            let mut raw = Vec::with_capacity(row.size_bytes.max(0) as usize);
            DeflateDecoder::new(bytes.as_slice())
                .read_to_end(&mut raw)
                .map_err(|e| Error::Store(crate::store::Error::Corrupt(sqlx::Error::Decode(Box::new(e)))))?;
            Ok(raw.into())
        }
        (_, None) => Ok(app.blobs.get(tenant, &row.sha256).await?),
    }
}

/// Loads a kept mail.
///
/// # Errors
/// `NotFound` if there is none with this id.
#[compiled_here]
pub async fn load(app: &App, id: MailId) -> Result<Kept, Error> {
    let row = sql::load(&app.db, id).await?.ok_or(Error::NotFound)?;
    let raw = bytes(app, row.tenant_id, &row.raw_row()).await?;
    let facts = row.facts();
    let has_recipients = !recipients_of(&facts, &raw).is_empty();
    Ok(Kept {
        id,
        tenant_id: row.tenant_id,
        mailbox_id: row.mailbox_id,
        own_tickets: row.own_tickets,
        has_recipients,
        door: row.door,
        facts,
        raw,
        received_at: row.received_at,
        authentication: row.authentication(),
        quiet: false,
        released: row.released_at,
    })
}

/// Writes down that a mail could not be decided: tried again after 1 min, 10 min, 1 h, then given up and shown (E1.3).
///
/// # Errors
/// If the store refuses that too; the mail then stays `kept` and the sweep takes it.
pub async fn record_failure(app: &App, id: MailId, error: &Error) -> Result<(), Error> {
    let text = error_chain(error);
    Ok(sql::record_failure(&app.db, id, &text).await?)
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        text.push_str(": ");
        text.push_str(&e.to_string());
        source = e.source();
    }
    text
}

fn addressees(arrival: &Arrival) -> Vec<String> {
    recipients_of(&arrival.facts, &arrival.raw)
}

/// Returns the addresses that say whose mail it is: the envelope's, else those of the recipient headers (E3.4). A
/// plain scan of the head, as nothing is parsed before it is kept.
pub(super) fn recipients_of(facts: &Facts, raw: &[u8]) -> Vec<String> {
    if !facts.envelope_to.is_empty() {
        return facts.envelope_to.clone();
    }
    const NAMES: [&str; 6] = ["delivered-to", "x-original-to", "envelope-to", "x-forwarded-to", "to", "cc"];
    let head = &raw[..raw.len().min(MOST_HEAD)];
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut current = None;
    for line in head.split(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            break;
        }
        let value = if line.starts_with([' ', '\t']) {
            line
        } else {
            let Some((name, value)) = line.split_once(':') else { continue };
            current = NAMES.iter().position(|n| name.trim_end().eq_ignore_ascii_case(n));
            value
        };
        if let Some(rank) = current {
            found.extend(addresses_in(value).map(|a| (rank, a)));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, a)| a).collect()
}

pub(super) fn addresses_in(value: &str) -> impl Iterator<Item = String> {
    value
        .split([',', ';', '<', '>', ' ', '\t', '"', '(', ')'])
        .filter(|w| w.contains('@') && w.len() <= 320)
        .map(str::to_owned)
}

/// Returns the mailbox addresses that a recipient address may stand for: itself, and itself without a tag (E3.1).
pub(super) fn mailbox_keys(recipient: &str) -> Vec<String> {
    let key = address::key(recipient);
    let mut keys = vec![key.clone()];
    if let Some((local, domain)) = key.rsplit_once('@') {
        let ends = local.char_indices().filter(|(i, c)| *i > 0 && crate::mail_out::token::SEPARATORS.contains(c));
        keys.extend(ends.map(|(i, _)| format!("{}@{domain}", &local[..i])));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_come_from_the_envelope_else_from_the_head() {
        let raw = b"From: a@b.example\r\nTo: Desk <desk@x.example>,\r\n other@x.example\r\nDelivered-To: d@x.example\r\n\r\nTo: no@x.example";
        let mut facts = Facts::default();
        assert_eq!(recipients_of(&facts, raw), ["d@x.example", "desk@x.example", "other@x.example"]);
        facts.envelope_to = vec!["e@x.example".into()];
        assert_eq!(recipients_of(&facts, raw), ["e@x.example"]);
    }

    /// E3.1, E10.2.
    #[test]
    fn a_tagged_address_names_its_mailbox() {
        assert_eq!(mailbox_keys("Desk+abc@X.example"), ["desk+abc@x.example", "desk@x.example"]);
        assert_eq!(mailbox_keys("a-b-c@x.example"), ["a-b-c@x.example", "a@x.example", "a-b@x.example"]);
    }

    /// E1.2.
    #[test]
    fn bytes_survive_their_encoding() {
        for raw in [b"short".to_vec(), b"long line\r\n".repeat(1000), vec![0, 159, 146, 150]] {
            let stored = encode(&raw);
            let bytes = stored.bytes.expect("small enough for the row");
            let back = match stored.encoding {
                "plain" => bytes,
                _ => {
                    let mut out = Vec::new();
                    DeflateDecoder::new(bytes.as_slice()).read_to_end(&mut out).expect("what was packed");
                    out
                }
            };
            assert_eq!(back, raw);
        }
    }
}
