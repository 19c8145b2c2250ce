//! What users change about themselves: name, language, and which mail they want.

use super::{entry, load, sql, types::User};
use crate::access::refused::{Checks, Wrong};
use crate::access::{Actor, Refused};
use crate::audit::{self, AuditKind};
use crate::clock::now;
use crate::compiled_here;
use crate::i18n::Locale;
use crate::ids::UserId;
use crate::mail_out::unsubscribe::Sort;
use crate::store::{self, Db, Scope};
use crate::zone::Zone;
use serde_json::json;
use std::collections::BTreeMap;

/// Where the time zone stands among the preferences.
const TIME_ZONE: &str = "time_zone";

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct OwnChange {
    /// What to call them.
    pub name: Option<Option<String>>,
    /// Their language; None within: the tenant's.
    pub locale: Option<Option<Locale>>,
    /// Which mail they want.
    pub preferences: BTreeMap<Sort, bool>,
    /// The time zone that they live by, for example `Europe/Berlin`; None within: their browser's.
    pub time_zone: Option<Option<String>>,
}

/// Changes what a user may change about themselves. The same once more changes nothing.
///
/// # Errors
/// Wrong values.
#[compiled_here]
pub async fn change_own(db: &Db, actor: &Actor, id: UserId, change: OwnChange) -> Result<User, Refused> {
    if let Some(Some(name)) = &change.time_zone
        && Zone::named(name).is_none()
    {
        let wrong = Wrong::new("time_zone", "time_zone_unknown", "no time zone has this name");
        return Err(Refused::Invalid(vec![wrong]));
    }
    let mut tx = db.write(Scope::All).await?;
    sql::lock(&mut tx, id).await?;
    let before = load(&mut tx, id).await?;
    let mut user = before.clone();
    user.name = change.name.unwrap_or(user.name).map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
    user.locale = change.locale.unwrap_or(user.locale);
    if let Some(name) = &user.name {
        let mut checks = Checks::default();
        checks.line("name", name, 200);
        checks.done()?;
    }
    let changed = [("name", before.name != user.name), ("locale", before.locale != user.locale)];
    let changed: Vec<&str> = changed.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect();
    if !changed.is_empty() {
        sql::update(&mut tx, &user, now()).await?;
        let data = json!({"changed": changed, "role": user.role, "active": user.active});
        audit::record(&mut tx, actor, entry(&user, AuditKind::UserChanged, data)).await?;
    }
    for (sort, on) in change.preferences {
        super::set_preference(&mut tx, id, sort.as_str(), on.into()).await?;
    }
    if let Some(zone) = change.time_zone {
        super::set_preference(&mut tx, id, TIME_ZONE, zone.into()).await?;
    }
    let user = load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(user)
}

/// Returns which mail a user wants, of what can be switched off.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn preferences(db: &Db, user: &User) -> store::Result<BTreeMap<Sort, bool>> {
    let text = sql::read_preferences(&mut db.read(Scope::All), user.id).await?;
    let all: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let offered = Sort::ALL.iter().copied().filter(|s| s.is_for(user.role));
    Ok(offered.map(|sort| (sort, all[sort.as_str()].as_bool().unwrap_or(true))).collect())
}

/// Returns the time zone that a user chose.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn time_zone(db: &Db, id: UserId) -> store::Result<Option<String>> {
    let text = sql::read_preferences(&mut db.read(Scope::All), id).await?;
    let all: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(all[TIME_ZONE].as_str().map(str::to_owned))
}
