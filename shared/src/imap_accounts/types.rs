//! What a fetched mailbox is: data, no I/O.

use crate::clock::Time;
use crate::config::Secret;
use crate::ids::{ImapAccountId, MailboxId, TenantId};
use crate::text_enum;

text_enum! {
    /// How the connection is encrypted.
    pub enum ImapTls ("TLS mode") {
        /// From the first octet, port 993.
        Implicit = "implicit",
        /// By STARTTLS, port 143.
        StartTls = "starttls",
        /// Not at all: on loopback alone.
        Off = "off",
    }
}

text_enum! {
    /// How we log in.
    pub enum ImapAuth ("login") {
        /// User and password.
        Password = "password",
        /// An access token, as Google and Microsoft take it.
        XOAuth2 = "xoauth2",
        /// An access token by RFC 7628.
        OAuthBearer = "oauthbearer",
    }
}

text_enum! {
    /// What becomes of a message on its server once it is kept here (E10.5).
    pub enum AfterFetch ("act after fetching") {
        /// It is flagged `\Seen`.
        Seen = "seen",
        /// It is moved to another folder.
        Move = "move",
        /// It is deleted.
        Delete = "delete",
    }
}

/// A mailbox on another server that is fetched.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ImapAccount {
    /// Its row.
    pub id: ImapAccountId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The mailbox that its mail is for, where the mail's own recipients name none of ours.
    pub mailbox_id: MailboxId,
    /// That mailbox's address.
    pub mailbox: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: i64,
    /// See [`ImapTls`].
    pub tls: ImapTls,
    /// Who logs in.
    pub username: String,
    /// See [`ImapAuth`].
    pub auth: ImapAuth,
    /// The folder that is fetched.
    pub folder: String,
    /// See [`AfterFetch`].
    pub after_fetch: AfterFetch,
    /// Where messages are moved to.
    pub move_to: Option<String>,
    /// The folder of sent mail that is read too; None: it is not (E10.5).
    pub sent_folder: Option<String>,
    /// Messages that came to their server earlier stay where they are; None: all are fetched.
    pub since_at: Option<Time>,
    /// Stands for this account in its arrivals' references.
    pub ref_key: String,
    /// Whether it is fetched.
    pub active: bool,
    /// When a login last succeeded.
    pub connected_at: Option<Time>,
    /// When everything in the folder was last found to be here.
    pub success_at: Option<Time>,
    /// What went wrong last, since the last success.
    pub error: Option<String>,
    /// When.
    pub error_at: Option<Time>,
    /// How many times in a row it went wrong.
    pub failures: i64,
    /// Messages on the server that are not here yet, as far as known.
    pub waiting: i64,
    /// When the oldest of them came to its server.
    pub waiting_since: Option<Time>,
    /// When somebody asked for a comparison with the server.
    pub reconcile_asked_at: Option<Time>,
    /// When folder and arrivals were last compared.
    pub reconciled_at: Option<Time>,
    /// What that found, as JSON.
    pub reconciled: Option<String>,
    /// Messages that were given up after three tries.
    pub given_up: i64,
    /// When it was made.
    pub created_at: Time,
}

impl ImapAccount {
    /// For how many seconds the newest mail may have been missing here: 0 while all is well (E10.6). None if it was
    /// never read whole.
    pub fn lag_s(&self, now: Time) -> Option<i64> {
        let since = match (self.waiting > 0, self.waiting_since, self.success_at) {
            (true, Some(since), _) => since,
            (_, _, Some(success)) => success,
            (_, _, None) => return None,
        };
        let age = (now - since).num_seconds().max(0);
        // It is looked at every five minutes at least.
        Some(if self.waiting == 0 && age <= LOOKED_AT_EVERY_S { 0 } else { age })
    }

    /// Returns how it is, in a word: `off`, `new` (not tried yet), `ok`, `reading` (mail waits), `failing`.
    pub fn state(&self) -> &'static str {
        match self {
            a if !a.active => "off",
            a if a.error.is_some() => "failing",
            a if a.waiting > 0 => "reading",
            a if a.success_at.is_some() => "ok",
            _ => "new",
        }
    }

    /// Returns the reference of a message of this account: the same one never comes in twice (E1.7).
    pub fn door_ref(&self, folder: &str, uidvalidity: u32, uid: u32) -> String {
        format!("{}/{folder}/{uidvalidity}/{uid}", self.ref_key)
    }
}

/// A folder is read at least this often, and a little is allowed for reading it.
const LOOKED_AT_EVERY_S: i64 = 360;

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewImapAccount {
    /// The mailbox; None: the tenant's first.
    pub mailbox: Option<MailboxId>,
    /// See [`ImapAccount`].
    pub host: String,
    /// None: the TLS mode's usual one.
    pub port: Option<i64>,
    /// See [`ImapAccount`].
    pub tls: ImapTls,
    /// None: the mailbox's address.
    pub username: Option<String>,
    /// See [`ImapAccount`].
    pub auth: ImapAuth,
    /// The password or token.
    pub secret: Secret,
    /// See [`ImapAccount`].
    pub folder: String,
    /// See [`ImapAccount`].
    pub after_fetch: AfterFetch,
    /// See [`ImapAccount`].
    pub move_to: Option<String>,
    /// See [`ImapAccount`].
    pub sent_folder: Option<String>,
    /// See [`ImapAccount`].
    pub since: Since,
    /// See [`ImapAccount`].
    pub active: bool,
}

/// From when on messages are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Since {
    /// The last 30 days: nobody wants to be acknowledged years later.
    #[default]
    Month,
    /// All there are.
    All,
    /// A moment.
    At(Time),
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct ImapAccountChange {
    /// See [`ImapAccount`].
    pub host: Option<String>,
    /// See [`ImapAccount`].
    pub port: Option<i64>,
    /// See [`ImapAccount`].
    pub tls: Option<ImapTls>,
    /// See [`ImapAccount`].
    pub username: Option<String>,
    /// See [`ImapAccount`].
    pub auth: Option<ImapAuth>,
    /// The password or token.
    pub secret: Option<Secret>,
    /// See [`ImapAccount`].
    pub folder: Option<String>,
    /// See [`ImapAccount`].
    pub after_fetch: Option<AfterFetch>,
    /// See [`ImapAccount`].
    pub move_to: Option<Option<String>>,
    /// See [`ImapAccount`].
    pub sent_folder: Option<Option<String>>,
    /// See [`ImapAccount`].
    pub active: Option<bool>,
}

/// How far a folder was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Cursor {
    /// What the UIDs belong to.
    pub uidvalidity: i64,
    /// Every message up to this one is here, or among the failures.
    pub last_uid: i64,
}

/// A message that could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Failure {
    /// Which.
    pub uid: i64,
    /// How often it was tried.
    pub tries: i64,
    /// Whether it was given up and a stub stands for it.
    pub stubbed: bool,
}
