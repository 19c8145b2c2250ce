//! `@name` in a note tells a colleague of it. A name is the part of an agent's address before the `@`, where only one has
//! it, else the whole address, or their full name.

use super::sql;
use crate::access::Actor;
use crate::events::EventKind;
use crate::ids::{MessageId, UserId};
use crate::mail_out::outbox::Template;
use crate::store;
use crate::tickets::{self, Change, Error, Result, by};
use crate::users::{self, User};
use serde_json::json;
use std::collections::HashMap;

/// The most colleagues that one note tells.
const MOST: usize = 20;

/// Who can be named, and by which names.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Lower-case names and whose they are.
    known: Vec<(String, UserId)>,
    agents: Vec<User>,
}

impl Names {
    /// Returns the names of agents.
    pub fn of(agents: Vec<User>) -> Names {
        let mut all: HashMap<String, Vec<UserId>> = HashMap::new();
        for agent in &agents {
            let local = agent.email.split('@').next().unwrap_or_default();
            let name = agent.name.as_deref().map(str::trim).unwrap_or_default();
            for word in [agent.email.as_str(), local, name].into_iter().filter(|w| !w.is_empty()) {
                let users = all.entry(word.to_lowercase()).or_default();
                if !users.contains(&agent.id) {
                    users.push(agent.id);
                }
            }
        }
        let unique =
            all.into_iter().filter_map(|(word, users)| Some((word, *users.first().filter(|_| users.len() == 1)?)));
        let mut known: Vec<(String, UserId)> = unique.collect();
        // The longest first: who is called Ann Lee is not Ann.
        known.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
        Names { known, agents }
    }

    /// Returns what is written after the `@` to name an agent.
    pub fn handle(&self, agent: &User) -> String {
        let local = agent.email.split('@').next().unwrap_or_default().to_lowercase();
        let own = self.known.iter().any(|(word, id)| *word == local && *id == agent.id);
        if own { local } else { agent.email.to_lowercase() }
    }

    /// Returns where the first mention of a text starts and ends, and of whom it is.
    pub fn find(&self, text: &str) -> Option<(usize, usize, UserId)> {
        text.match_indices('@').find_map(|(at, _)| {
            // What stands before a name is not the rest of an address.
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-".contains(c)) {
                return None;
            }
            let rest = &text[at + 1..];
            let (word, user) = self.known.iter().find(|(word, _)| begins(rest, word))?;
            Some((at, at + 1 + word.len(), *user))
        })
    }

    /// Returns everybody that a text names, in its order.
    fn all(&self, text: &str) -> Vec<UserId> {
        let (mut found, mut rest) = (Vec::new(), text);
        while let Some((_, end, user)) = self.find(rest) {
            if !found.contains(&user) {
                found.push(user);
            }
            rest = &rest[end..];
        }
        found
    }
}

/// Whether a text begins with a name, which ends there.
fn begins(text: &str, word: &str) -> bool {
    let Some(head) = text.get(..word.len()) else { return false };
    let ends = !text[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    ends && head.to_lowercase() == word
}

/// Returns who can be named on a ticket, if a note may name anybody.
pub(super) async fn names(change: &mut Change<'_>, body: &str) -> store::Result<Names> {
    if !body.contains('@') {
        return Ok(Names::default());
    }
    let tenant = change.ticket().tenant_id;
    Ok(Names::of(users::agents_in(&mut change.tx, Some(tenant)).await?))
}

/// Tells those whom a note names: `text` holds the names that are marked in it.
///
/// # Errors
/// `Invalid` with `mention_out_of_sight` for somebody who does not see the ticket, unless `anyway`: they are not told then.
pub(super) async fn tell(
    change: &mut Change<'_>,
    names: &Names,
    message: MessageId,
    text: &str,
    anyway: bool,
) -> Result<()> {
    let named = names.all(text);
    if named.len() > MOST {
        return Err(Error::invalid("body", "too_many_mentions", "at most 20 colleagues"));
    }
    let tenant = change.ticket().tenant_id;
    for user in named.into_iter().filter(|user| Some(*user) != change.actor.user) {
        let Some(agent) = names.agents.iter().find(|a| a.id == user) else { continue };
        let scope = Actor::of(agent.who(), Some(tenant), None).tickets();
        if !tickets::is_seen(&mut change.tx, change.id, scope).await? {
            if anyway {
                continue;
            }
            let name = agent.name.as_deref().unwrap_or(&agent.email);
            return Err(Error::invalid("body", "mention_out_of_sight", format!("{name} does not see this ticket")));
        }
        let (id, at) = (change.id, change.work.now());
        sql::insert_mention(&mut change.tx, (tenant, id), message, user, at).await?;
        let data = json!({"message_id": message, "user_id": user});
        change.work.event(id, EventKind::Mentioned, by(change.actor), data, None);
        change.notify(user, Template::Mention, Some(message)).await?;
    }
    Ok(())
}
