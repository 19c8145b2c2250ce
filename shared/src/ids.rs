//! One type per kind of row id, so that a ticket's id can never be passed for a message's.

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, serde::Serialize, serde::Deserialize)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(pub i64);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map($name)
            }
        }
        impl From<$name> for crate::store::Value {
            fn from(v: $name) -> Self {
                crate::store::Value::Int(Some(v.0))
            }
        }
        impl From<Option<$name>> for crate::store::Value {
            fn from(v: Option<$name>) -> Self {
                crate::store::Value::Int(v.map(|v| v.0))
            }
        }
    )+};
}

id! {
    /// A tenant's row id.
    TenantId,
    /// A user's row id.
    UserId,
    /// A mailbox's row id.
    MailboxId,
    /// A canned reply's row id.
    CannedId,
    /// A category's row id.
    CategoryId,
    /// A ticket's row id (its public name is the PID).
    TicketId,
    /// A ticket message's row id.
    MessageId,
    /// An attachment's row id.
    AttachmentId,
    /// A kept mail's bytes.
    RawId,
    /// One arrival of a mail by one door.
    MailId,
    /// One mail to one recipient.
    OutboxId,
    /// An API token's row id.
    TokenId,
    /// A session's row id.
    SessionId,
    /// A DKIM key's row id.
    DkimKeyId,
    /// The row id of a link to a sent file.
    FileLinkId,
    /// A doubt in the tray.
    JoinId,
    /// A fetched mailbox's row id.
    ImapAccountId,
    /// A saved view's row id.
    SavedViewId,
    /// An incident's row id.
    IncidentId,
    /// A change of an incident that linked tickets are told of.
    IncidentChangeId,
}
