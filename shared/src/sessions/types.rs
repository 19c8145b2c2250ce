//! Sessions, tokens and links: data, no I/O.

use crate::access::{Actor, Capabilities, Origin};
use crate::clock::Time;
use crate::ids::{SessionId, TokenId, UserId};
use crate::mail_out::kinds::Kind;
use crate::store;
use crate::text_enum;
use crate::users::User;

/// What a request shows to say who it is from.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// The session cookie's value.
    Session(&'a str),
    /// The bearer token.
    Bearer(&'a str),
}

/// Somebody who showed a valid credential.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who acts, and what they may do.
    pub actor: Actor,
    /// Their row.
    pub user: User,
    /// What they showed.
    pub via: Via,
    /// Whether they may do nothing before they have set up the second step that their tenant asks for.
    pub must_enrol: bool,
}

/// What is known of the browser, or program, that logs somebody in.
#[derive(Debug, Clone, Default)]
pub struct Browser<'a> {
    /// Its name for itself.
    pub user_agent: Option<&'a str>,
    /// Where the request came from.
    pub origin: Origin,
}

/// A session, as its owner sees it.
#[derive(Debug, Clone)]
pub struct OwnSession {
    /// Its row.
    pub id: SessionId,
    /// Where its login came from.
    pub address: Option<String>,
    /// The browser's name for itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Time,
    /// When it was last used, to ten minutes.
    pub last_seen_at: Time,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// What a caller showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A session; its token's hash is what form tokens are bound to.
    Session {
        /// Hex.
        token_hash: String,
    },
    /// An API token.
    Token {
        /// Its row.
        id: TokenId,
    },
}

/// Why a credential was refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Unknown, expired, revoked, or of a user who may not log in.
    #[error("credential refused")]
    Unauthenticated,
    /// The tenant that the request names is none that the user may know of.
    #[error("no such tenant")]
    NoTenant,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why somebody could not log in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Address or password is wrong.
    #[error("address or password is wrong")]
    Wrong,
    /// The password or link was right, and a code is to follow: see [`super::second`].
    #[error("a code is to follow")]
    SecondFactor {
        /// Whose.
        user: UserId,
    },
    /// The code is wrong, or was used before.
    #[error("the code is wrong")]
    WrongCode,
    /// The password fits users of several tenants.
    #[error("several tenants fit: name one")]
    TenantRequired,
    /// The password or link was right, and the user's tenant is closed.
    #[error("the tenant is closed")]
    TenantClosed,
    /// Too many failures of late.
    #[error("too many failed logins")]
    Throttled {
        /// When to try again.
        retry_after_s: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A session just opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Who it is for.
    pub user: User,
    /// The cookie's value: shown once, kept hashed.
    pub token: String,
}

/// An API token, without its secret.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Its row.
    pub id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for.
    pub name: String,
    /// What it may do at most; None: all that its user may.
    pub limit: Option<Capabilities>,
    /// When it was made.
    pub created_at: Time,
    /// None: never.
    pub expires_at: Option<Time>,
    /// When it was last used, to five minutes.
    pub last_used_at: Option<Time>,
}

text_enum! {
    /// What a mailed link is for.
    pub enum LinkKind ("link kind") {
        /// To choose a first password.
        Invite = "invite",
        /// To choose another password.
        Password = "password",
        /// To log in.
        Link = "link",
    }
}

impl LinkKind {
    /// For how long such a link works.
    pub fn lasts(self) -> chrono::Duration {
        match self {
            LinkKind::Invite => chrono::Duration::days(7),
            LinkKind::Password => chrono::Duration::hours(2),
            LinkKind::Link => chrono::Duration::minutes(15),
        }
    }

    /// The page that the link leads to, before its token. It must not use the token up by a GET: mail scanners fetch
    /// links.
    pub fn path(self) -> &'static str {
        match self {
            LinkKind::Invite => "/invite/",
            LinkKind::Password => "/reset/",
            LinkKind::Link => "/link/",
        }
    }

    pub(super) fn mail(self) -> Kind {
        match self {
            LinkKind::Invite => Kind::Invite,
            LinkKind::Password => Kind::Password,
            LinkKind::Link => Kind::Link,
        }
    }
}

/// A mailed link as its page finds it.
#[derive(Debug, Clone)]
pub struct FoundLink {
    /// Whose it is.
    pub user: User,
    /// What it is for.
    pub kind: LinkKind,
    /// Whether it still works.
    pub state: LinkState,
}

text_enum! {
    /// Whether a mailed link works.
    pub enum LinkState ("link state") {
        /// It does.
        Works = "works",
        /// It was used, or another one was.
        Spent = "spent",
        /// It is too old.
        Expired = "expired",
    }
}
