//! The JSON API: one file per noun with its shapes and handlers.
//!
//! A handler asks in this order: who calls (401), what it is about (404), whether they may (403), what the body says.

pub mod attachments;
pub mod audit;
pub mod auth;
pub mod bulk;
pub mod canned;
pub mod categories;
pub mod coverage;
pub mod customers;
pub mod dkim;
pub mod drafts;
pub mod events;
pub mod file_links;
pub mod imap_accounts;
pub mod incidents;
mod input;
pub mod joins;
pub mod live;
pub mod mailboxes;
pub mod mails;
pub mod messages;
pub mod outbox;
pub mod own;
pub mod preview;
pub mod previews;
pub mod search;
pub mod shapes;
pub mod suppressions;
pub mod system;
pub mod tenants;
pub mod ticket_parts;
pub mod tickets;
pub mod tokens;
pub mod two_factor;
pub mod users;
pub mod views;

use crate::extract::Page;
use crate::extract::page::{self, List};
use crate::problem::Problem;
use axum::Json;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shared::access::{Actor, Noun, Refused};
use shared::ids::TenantId;
use shared::store::{Db, Scope};
use shared::text_enum::UnknownVariant;
use std::str::FromStr;

/// What a handler answers.
pub type Answer = Result<Json<Value>, Problem>;

/// Returns how many rows to read for a page, one more than it shows, and how many to skip.
pub(crate) fn window(page: &Page) -> (u32, u32) {
    (page.limit + 1, page.offset())
}

/// Makes a list's answer of rows read by [`window`]; `place` is what a row is found again by.
pub(crate) fn listed<T, U, P: Serialize>(
    mut rows: Vec<T>,
    page: &Page,
    total: Option<i64>,
    place: impl Fn(&T) -> P,
    shape: impl Fn(T) -> U,
) -> List<U> {
    let shown = page.limit as usize;
    let more = rows.len() > shown;
    rows.truncate(shown);
    let next_cursor = rows.last().filter(|_| more && page.page.is_none()).map(|row| page::cursor(&place(row)));
    List { data: rows.into_iter().map(shape).collect(), next_cursor, total }
}

/// A tenant as a request names it: by id or slug.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TenantName {
    Id(i64),
    Name(String),
}

impl FromStr for TenantName {
    type Err = std::convert::Infallible;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(TenantName::Name(s.to_owned()))
    }
}

impl TenantName {
    /// Returns it as a header would name it.
    pub fn text(&self) -> String {
        match self {
            TenantName::Id(id) => id.to_string(),
            TenantName::Name(name) => name.clone(),
        }
    }
}

/// Returns the tenant that a request's body or query names.
///
/// # Errors
/// 404 if the actor sees none such.
pub(crate) async fn tenant_named(
    db: &Db,
    actor: &Actor,
    name: Option<&TenantName>,
) -> Result<Option<TenantId>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let found = shared::tenants::find(&mut db.read(Scope::All), &name.text()).await?;
    let found = found.filter(|t| actor.sees_tenant(t.id)).ok_or(Refused::NotFound(Noun::Tenant))?;
    Ok(Some(found.id))
}

/// Reads a field that may be absent (None), null (Some(None)) or a value.
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// Reads an enum's text out of a query string.
///
/// # Errors
/// 422 naming the field.
pub(crate) fn read_enum<T: FromStr<Err = UnknownVariant>>(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    let unknown = |e: UnknownVariant| Problem::field(field, "unknown_value", e.to_string());
    text.filter(|t| !t.is_empty()).map(|t| t.parse().map_err(unknown)).transpose()
}

/// Reads a time out of a query string: RFC 3339, or a day (its beginning, UTC).
///
/// # Errors
/// 422 naming the field.
pub(crate) fn read_time(field: &'static str, text: Option<&str>) -> Result<Option<shared::clock::Time>, Problem> {
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(Some(time.to_utc()));
    }
    let day = text.parse::<chrono::NaiveDate>().ok().and_then(|d| d.and_hms_opt(0, 0, 0));
    day.map(|d| Some(d.and_utc())).ok_or_else(|| Problem::field(field, "invalid", "must be a time as in RFC 3339"))
}

/// Reads an id out of a query string.
///
/// # Errors
/// 422 naming the field.
pub(crate) fn read_id<T: FromStr>(field: &'static str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let wrong = |_| Problem::field(field, "invalid", "must be an id");
    text.filter(|t| !t.is_empty()).map(|t| t.parse().map_err(wrong)).transpose()
}

/// A list that only its numbered pages count.
pub(crate) fn counts(page: &Page) -> bool {
    page.page.is_some()
}
