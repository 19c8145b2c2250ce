//! Whom a batch brings in: their user rows, and who takes part in tickets from now on.

use super::{Batch, Planned};
use crate::address;
use crate::events::By;
use crate::ids::{MailId, TenantId, TicketId, UserId};
use crate::mail_in::decide::{Decision, Read};
use crate::mail_in::known::Known;
use crate::mail_in::origin::Origin;
use crate::mail_in::types::{Address, Class, Verdict};
use crate::mail_in::{Error, sql};
use crate::store::Tx;
use crate::tickets::{ParticipantKind, ParticipantState};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many participants a mail may bring a ticket to (E4.5).
const MOST_PARTICIPANTS: usize = 20;
/// The contact of mails that name no sender (E2.4): no address, so nothing is ever sent to it.
const UNKNOWN: &str = "unknown";
/// The contact of mails from our own mailbox that do not say whose they are (E6.6): no address either.
const OWN: &str = "self";

/// Who wrote something, or whose it is.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
}

/// Who wrote by mail that is authenticated: their addresses work (E9.13). Sorted, as everybody locks them.
pub(super) fn proven_senders(mails: &[Planned], undecided: &BTreeSet<MailId>) -> Vec<(TenantId, String)> {
    let proven = mails
        .iter()
        .filter(|m| matches!(m.decision, Decision::Open(_) | Decision::Join(_)))
        .map(|m| &*m.read)
        .filter(|r| r.verdict == Verdict::Pass && r.classified.class == Class::Person)
        .filter(|r| undecided.contains(&r.kept.id))
        .filter_map(|r| Some((r.kept.tenant_id, r.sender_key()?)));
    proven.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Makes sure that everybody whom a mail brings in has a user row, in sorted order.
pub(super) async fn ensure_users(
    tx: &mut Tx,
    known: &Known,
    mails: &[Planned],
) -> Result<HashMap<(TenantId, String), UserId>, Error> {
    let mut users = HashMap::new();
    let mut missing: BTreeMap<(TenantId, String), (String, Option<String>)> = BTreeMap::new();
    for mail in mails.iter().filter(|m| matches!(m.decision, Decision::Open(_) | Decision::Join(_))) {
        let tenant = mail.read.kept.tenant_id;
        let requester = match &mail.decision {
            Decision::Open(opening) => named(&opening.origin),
            _ => None,
        };
        for person in mail.read.mail.from.iter().chain(mail.read.others()).chain(requester) {
            let key = address::key(&person.email);
            match known.user(tenant, &key) {
                Some(user) => {
                    users.insert((tenant, key), user.id);
                }
                None => {
                    missing.entry((tenant, key)).or_insert_with(|| (person.email.clone(), person.name.clone()));
                }
            }
        }
        if matches!(&mail.decision, Decision::Open(o) if o.origin == Origin::Own) {
            missing.entry((tenant, OWN.to_owned())).or_insert_with(|| (OWN.to_owned(), None));
        }
        if mail.read.mail.from.is_none() {
            missing.entry((tenant, UNKNOWN.to_owned())).or_insert_with(|| (UNKNOWN.to_owned(), None));
        }
    }
    if missing.is_empty() {
        return Ok(users);
    }
    let tenants: Vec<TenantId> = missing.keys().map(|(t, _)| *t).collect::<BTreeSet<_>>().into_iter().collect();
    let keys: BTreeSet<String> = missing.keys().map(|(_, k)| k.clone()).collect();
    let wanted = missing.len();
    let new = missing.into_iter().map(|((t, k), (email, name))| (t, k, email, name)).collect();
    let made = sql::insert_users(tx, new, crate::clock::now()).await?;
    let all_new = made.len() == wanted;
    users.extend(made.into_iter().map(|(id, tenant, key)| ((tenant, key), id)));
    if all_new {
        return Ok(users);
    }
    // Somebody else made some of them meanwhile.
    for user in sql::find_users(tx, &tenants, &keys, false).await? {
        if let Some(tenant) = user.tenant_id {
            users.insert((tenant, user.email_key), user.id);
        }
    }
    Ok(users)
}

/// The person whom the mail names as the one it is for.
fn named(origin: &Origin) -> Option<&Address> {
    match origin {
        Origin::Forward(forwarded) => forwarded.requester.as_ref(),
        Origin::Form(visitor) => Some(visitor),
        Origin::Sender | Origin::Own => None,
    }
}

/// The key of the requester's user, where it is not the sender.
fn requester_key(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Own => Some(OWN.to_owned()),
        other => named(other).map(|p| address::key(&p.email)),
    }
}

impl Batch<'_> {
    pub(super) fn sender(&self, read: &Read) -> UserId {
        let key = read.sender_key().unwrap_or_else(|| UNKNOWN.to_owned());
        *self.users.get(&(read.kept.tenant_id, key)).expect("users of this batch were made before")
    }

    /// The mail's sender, as author of a message.
    pub(super) fn author(&self, read: &Read) -> Person {
        let from = read.mail.from.as_ref();
        Person { id: self.sender(read), email: from.map(|f| f.email.clone()), name: from.and_then(|f| f.name.clone()) }
    }

    /// Whether the user is there whose ticket it would be.
    pub(super) fn has_requester(&self, read: &Read, origin: &Origin) -> bool {
        requester_key(origin).is_none_or(|key| self.users.contains_key(&(read.kept.tenant_id, key)))
    }

    /// Whose a new ticket is (E6.2, E6.6).
    pub(super) fn requester(&self, read: &Read, origin: &Origin) -> Person {
        let Some(key) = requester_key(origin) else { return self.author(read) };
        let id = *self.users.get(&(read.kept.tenant_id, key)).expect("users of this batch were made before");
        let person = named(origin);
        Person { id, email: person.map(|p| p.email.clone()), name: person.and_then(|p| p.name.clone()) }
    }

    /// A participant's To and Cc become participants (E4.5): not ours, not daemons, at most 20 on a ticket.
    pub(super) fn add_others(&mut self, mail: &Planned, ticket: TicketId, by: By) {
        let tenant = mail.read.kept.tenant_id;
        let sender = mail.read.sender_key();
        let mut count = self.known.participant_count(ticket).max(1);
        let mut added = BTreeSet::new();
        for other in mail.read.others() {
            let key = address::key(&other.email);
            let unwanted = Some(&key) == sender.as_ref()
                || self.known.is_our_address(&key)
                || address::takes_no_auto_mail(&key)
                || self.known.is_on_ticket(ticket, &key);
            if unwanted || count >= MOST_PARTICIPANTS || !added.insert(key.clone()) {
                continue;
            }
            if let Some(user) = self.users.get(&(tenant, key)).copied() {
                self.work.add_participant(ticket, user, ParticipantKind::Cc, ParticipantState::Accepted, by);
                count += 1;
            }
        }
    }
}
