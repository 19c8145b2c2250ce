//! What a category is: data, no I/O.

use crate::clock::Time;
use crate::ids::{CategoryId, TenantId, UserId};

/// A subject of tickets, within another one or on its own.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Category {
    /// Its row.
    pub id: CategoryId,
    /// Whose it is; None: all tenants'.
    pub tenant_id: Option<TenantId>,
    /// What it lies in.
    pub parent_id: Option<CategoryId>,
    /// Its name in requests; unique within its tenant, and within those of all tenants.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What belongs there.
    pub description: Option<String>,
    /// Who gets its new tickets.
    pub default_assignee: Option<UserId>,
    /// Whether new tickets can have it; those that have it keep it.
    pub active: bool,
    /// When it was made.
    pub created_at: Time,
}

/// A category to be made.
#[derive(Debug, Clone)]
pub struct NewCategory {
    /// Whose. None: the actor's tenant, or the one they chose; for a platform user without a choice all tenants'.
    pub tenant: Option<TenantId>,
    /// See [`Category`].
    pub parent: Option<CategoryId>,
    /// See [`Category`]; None: made from the name.
    pub slug: Option<String>,
    /// See [`Category`].
    pub name: String,
    /// See [`Category`].
    pub description: Option<String>,
    /// See [`Category`].
    pub default_assignee: Option<UserId>,
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct CategoryChange {
    /// See [`Category`].
    pub parent: Option<Option<CategoryId>>,
    /// See [`Category`].
    pub slug: Option<String>,
    /// See [`Category`].
    pub name: Option<String>,
    /// See [`Category`].
    pub description: Option<Option<String>>,
    /// See [`Category`].
    pub default_assignee: Option<Option<UserId>>,
    /// See [`Category`].
    pub active: Option<bool>,
}

/// Returns a slug made from a name: lower-case letters and digits, everything between them one `-`.
pub(super) fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(64);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn slugs_from_names() {
        assert_eq!(super::slug_of("Billing & Invoices"), "billing-invoices");
        assert_eq!(super::slug_of(" Rückfragen! "), "rueckfragen");
        assert_eq!(super::slug_of("請求"), "");
    }
}
