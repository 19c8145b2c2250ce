//! Coverage: the subjects that a support agent sees tickets of ([`crate::access::TicketScope`] reads it).

mod sql;

use crate::access::{Actor, Capability, Noun, Refused, Wrong};
use crate::audit::{self, AuditKind, Entry};
use crate::compiled_here;
use crate::ids::UserId;
use crate::store::Db;
use crate::users;
use serde_json::json;

/// The most subjects that one agent can cover.
const MOST: usize = 200;

/// Returns what a user covers, in order of their letters. Everybody may read their own.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.coverage.manage`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, user: UserId) -> Result<Vec<String>, Refused> {
    known(db, actor, user).await?;
    if actor.user != Some(user) {
        actor.require(Capability::CoverageManage)?;
    }
    Ok(sql::list(&mut db.read(actor.rows()), user).await?)
}

/// Sets what a user covers: all of it.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong values.
#[compiled_here]
pub async fn set(db: &Db, actor: &Actor, user: UserId, subjects: &[String]) -> Result<Vec<String>, Refused> {
    let target = known(db, actor, user).await?;
    actor.require(Capability::CoverageManage)?;
    if !target.role.is_agent() {
        return Err(Refused::invalid("subjects", "the user is no agent"));
    }
    let subjects = checked(subjects)?;
    let mut tx = db.write(actor.rows()).await?;
    users::lock(&mut tx, user).await?;
    let before = sql::list(&mut tx, user).await?;
    sql::replace(&mut tx, user, &subjects).await?;
    let after = sql::list(&mut tx, user).await?;
    if before != after {
        let entry = Entry {
            tenant: target.tenant.as_ref().map(|t| t.id),
            kind: AuditKind::CoverageChanged,
            subject: format!("user:{user}"),
            data: json!({"subjects": &after, "before": before}),
        };
        audit::record(&mut tx, actor, entry).await?;
        tx.commit().await?;
    }
    Ok(after)
}

async fn known(db: &Db, actor: &Actor, user: UserId) -> Result<users::User, Refused> {
    users::find(db, actor, user).await?.ok_or(Refused::NotFound(Noun::User))
}

/// Returns the subjects trimmed, each once whatever its case.
fn checked(subjects: &[String]) -> Result<Vec<(String, String)>, Refused> {
    let wrong = |message: String| Refused::Invalid(vec![Wrong::new("subjects", "invalid", message)]);
    let mut found: Vec<(String, String)> = Vec::new();
    for subject in subjects {
        let subject = subject.trim();
        let bad = subject.is_empty() || subject.chars().count() > 200 || subject.chars().any(char::is_control);
        if bad {
            return Err(wrong(format!("{subject:?} is no subject of 1 to 200 characters")));
        }
        let key = subject.to_lowercase();
        if !found.iter().any(|(_, k)| *k == key) {
            found.push((subject.to_owned(), key));
        }
    }
    if found.len() > MOST {
        return Err(wrong(format!("must be at most {MOST}")));
    }
    Ok(found)
}
