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

text_enum! {
    /// Whether mail to a mailbox's tagged addresses comes in (E3.1).
    pub enum TagState ("tag state") {
        /// Nobody has tried: the mailbox takes no tags, or mail is captured here and none can come back.
        Untested = "untested",
        /// A probe is on its way.
        Asked = "asked",
        /// The probe came back.
        Works = "works",
        /// It did not.
        Failed = "failed",
    }
}

text_enum! {
    /// Whether our Message-ID survives the relay (E3.7).
    pub enum IdState ("id state") {
        /// The probe came back with it.
        Kept = "kept",
        /// It bore another one.
        Replaced = "replaced",
    }
}

/// Addresses that write web forms' mail (E6.6), in the form by which they are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Gateways(pub Vec<String>);

impl TryFrom<String> for Gateways {
    type Error = serde_json::Error;
    fn try_from(json: String) -> Result<Gateways, serde_json::Error> {
        serde_json::from_str(&json)
    }
}

impl Gateways {
    /// As the column holds them.
    pub(super) fn json(&self) -> String {
        serde_json::json!(self.0).to_string()
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
    /// Whether mail to it and to others opens a ticket here for itself (E1.12).
    pub split_per_mailbox: bool,
    /// Whether what it sends ends with the ticket's signed mark (E3.8).
    pub body_marker: bool,
    /// Whose mail is a web form's: the requester is its Reply-To (E6.6).
    #[sqlx(try_from = "String")]
    pub gateways: Gateways,
    /// Whether those requesters get an acknowledgement.
    pub ack_forms: bool,
    /// Whether tagged addresses work. Only what was asked and has not come back is a reason not to use them.
    pub tags: TagState,
    /// Whether our Message-IDs survive; None: not known.
    pub ids: Option<IdState>,
    /// When the last probe was sent.
    pub asked_at: Option<Time>,
    /// When it came back.
    pub answered_at: Option<Time>,
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
    /// See [`Mailbox`].
    pub split_per_mailbox: Option<bool>,
    /// See [`Mailbox`].
    pub body_marker: Option<bool>,
    /// See [`Mailbox`]; addresses as they were written.
    pub gateways: Option<Vec<String>>,
    /// See [`Mailbox`].
    pub ack_forms: Option<bool>,
}
