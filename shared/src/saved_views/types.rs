//! What a saved view is: data, no I/O.

use crate::clock::Time;
use crate::ids::{SavedViewId, TenantId, UserId};
use crate::tickets::{Filter, Sort};

/// A search that somebody keeps.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SavedView {
    /// Its row.
    pub id: SavedViewId,
    /// Where it was made; None: by a platform user across all tenants.
    pub tenant_id: Option<TenantId>,
    /// Who made it.
    pub owner_id: UserId,
    /// Whether all agents of the tenant see it.
    pub shared: bool,
    /// What it is called.
    pub name: String,
    /// What it finds, in the grammar of searches.
    pub query: String,
    /// The order, as `sort` of lists.
    pub sort: String,
    /// Its place among its owner's.
    pub position: i64,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl SavedView {
    /// Returns what it lists; more may be asked of it.
    pub fn filter(&self) -> Filter {
        let sort: Sort = self.sort.parse().unwrap_or_default();
        Filter { text: Some(self.query.clone()).filter(|q| !q.is_empty()), sort, ..Filter::default() }
    }

    /// Returns what its count is kept by: another text, once it was changed.
    pub fn count_key(&self) -> String {
        format!("saved {} {}", self.id, self.updated_at.timestamp_micros())
    }
}

/// A view to be made.
#[derive(Debug, Clone, Default)]
pub struct NewView {
    /// See [`SavedView`].
    pub name: String,
    /// See [`SavedView`].
    pub query: String,
    /// See [`SavedView`]; None: last activity first.
    pub sort: Option<String>,
    /// See [`SavedView`].
    pub shared: bool,
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct ViewChange {
    /// See [`SavedView`].
    pub name: Option<String>,
    /// See [`SavedView`].
    pub query: Option<String>,
    /// See [`SavedView`].
    pub sort: Option<String>,
    /// See [`SavedView`].
    pub shared: Option<bool>,
    /// See [`SavedView`].
    pub position: Option<i64>,
}
