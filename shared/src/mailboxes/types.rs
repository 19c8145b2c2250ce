//! What a mailbox is: data, no I/O.

use crate::clock::Time;
use crate::ids::{MailboxId, TenantId};
use crate::text_enum;

text_enum! {
    /// What stands between a mailbox's local part and a tag, where its provider delivers tagged addresses.
    pub enum TagSeparator ("tag separator") {
        /// `support+tag@`.
        Plus = "+",
        /// `support-tag@`.
        Minus = "-",
        /// `support=tag@`.
        Equals = "=",
    }
}

/// An address by which a tenant receives and sends.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Mailbox {
    /// Its row.
    pub id: MailboxId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The address as it is shown.
    pub address: String,
    /// The form by which it is compared; unique over all tenants.
    pub address_key: String,
    /// The name beside the address in mail.
    pub name: String,
    /// None: the provider delivers no tagged addresses.
    pub tag_separator: Option<TagSeparator>,
    /// Whether it receives.
    pub active: bool,
    /// When it was made.
    pub created_at: Time,
}

/// A mailbox to be made.
#[derive(Debug, Clone)]
pub struct NewMailbox {
    /// Whose; None: the actor's, or the tenant that they chose, or the default one.
    pub tenant: Option<TenantId>,
    /// See [`Mailbox`].
    pub address: String,
    /// See [`Mailbox`]; None: the tenant's name.
    pub name: Option<String>,
    /// See [`Mailbox`].
    pub tag_separator: Option<TagSeparator>,
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct MailboxChange {
    /// See [`Mailbox`].
    pub name: Option<String>,
    /// See [`Mailbox`].
    pub tag_separator: Option<Option<TagSeparator>>,
    /// See [`Mailbox`].
    pub active: Option<bool>,
}
