//! What a user is: data, no I/O.

use crate::access::{Capabilities, Role, Who};
use crate::clock::Time;
use crate::i18n::Locale;
use crate::ids::{TenantId, UserId};

/// A tenant as its users show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRef {
    /// Its row.
    pub id: TenantId,
    /// Its name in addresses and headers.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whether it is open.
    pub active: bool,
}

/// Anybody with an address.
#[derive(Debug, Clone)]
pub struct User {
    /// Their row.
    pub id: UserId,
    /// None: a platform user.
    pub tenant: Option<TenantRef>,
    /// The address as it is shown.
    pub email: String,
    /// Their name, if known.
    pub name: Option<String>,
    /// What they are.
    pub role: Role,
    /// Whether they were added or invited, or have an address in a verified domain (DESIGN 2).
    pub member: bool,
    /// Whether they may log in.
    pub active: bool,
    /// Their language; None: the tenant's.
    pub locale: Option<Locale>,
    /// Whether they can log in by password.
    pub has_password: bool,
    /// Whether their login has a second step.
    pub two_factor: bool,
    /// Capabilities beyond the role's.
    pub extra: Capabilities,
    /// Whether the tenant's members share its tickets.
    pub shares_tickets: bool,
    /// The tenant's setting.
    pub agents_may_assign: bool,
    /// When they were made.
    pub created_at: Time,
    /// When they were changed.
    pub updated_at: Time,
}

impl User {
    /// Whether they can use what lets them in: they and their tenant are active.
    pub fn may_enter(&self) -> bool {
        self.active && self.tenant.as_ref().is_none_or(|t| t.active)
    }

    /// Returns what decides about their rights. `agents_may_assign` of a platform user is that of the tenant they chose:
    /// set it there.
    pub fn who(&self) -> Who {
        Who {
            user: self.id,
            tenant: self.tenant.as_ref().map(|t| t.id),
            role: self.role,
            member: self.member,
            email: self.email.clone(),
            name: self.name.clone(),
            extra: self.extra,
            shares_tickets: self.shares_tickets,
            agents_may_assign: self.agents_may_assign,
        }
    }

    /// Returns all that they may do.
    pub fn capabilities(&self) -> Capabilities {
        crate::access::Actor::of(self.who(), None, None).capabilities()
    }
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Whose. None: the actor's tenant, or the one that they chose. Without one, agents' roles make platform users and
    /// the others users of the default tenant.
    pub tenant: Option<TenantId>,
    /// See [`User`].
    pub email: String,
    /// See [`User`].
    pub name: Option<String>,
    /// See [`User`].
    pub role: Role,
    /// See [`User`].
    pub locale: Option<Locale>,
    /// None: they are invited by mail.
    pub password: Option<String>,
    /// See [`User`].
    pub extra: Capabilities,
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// See [`User`].
    pub name: Option<Option<String>>,
    /// See [`User`].
    pub role: Option<Role>,
    /// See [`User`].
    pub member: Option<bool>,
    /// See [`User`].
    pub active: Option<bool>,
    /// See [`User`].
    pub locale: Option<Option<Locale>>,
    /// See [`User`].
    pub extra: Option<Capabilities>,
    /// A new password.
    pub password: Option<String>,
}

/// Which users are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this role.
    pub role: Option<Role>,
    /// On the helping side alone.
    pub team: bool,
    /// Active or not.
    pub active: Option<bool>,
    /// With this address.
    pub email: Option<String>,
    /// Whose name or address begins so, whatever the case.
    pub q: Option<String>,
}

/// A password that was made up here: shown once, kept nowhere.
#[derive(Debug, Clone)]
pub struct PrintedOnce {
    /// The address to log in with.
    pub email: String,
    /// The password; None if the operator gave it.
    pub password: Option<String>,
}
