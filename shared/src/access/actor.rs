//! Who stands behind a request or a change.

use super::{Capabilities, Capability, Denied, Role, TicketScope};
use crate::ids::{TenantId, UserId};
use crate::store::Scope;
use crate::text_enum;

text_enum! {
    /// What kind of actor made a change; stored with events.
    pub enum ActorKind ("actor kind") {
        /// A person, by browser, API or command.
        User = "user",
        /// Postroom itself, or its operator on the host.
        System = "system",
        /// A mail that came in.
        Mail = "mail",
        /// The background worker.
        Worker = "worker",
    }
}

/// What is known of a user when they act: the row, and the facts of their tenant that decide about rights.
#[derive(Debug, Clone)]
pub struct Who {
    /// Their row.
    pub user: UserId,
    /// None: a platform user.
    pub tenant: Option<TenantId>,
    /// Their role.
    pub role: Role,
    /// Whether they are a member of the tenant (DESIGN 2); platform users are of all.
    pub member: bool,
    /// Their address.
    pub email: String,
    /// Their name, if known.
    pub name: Option<String>,
    /// Capabilities beyond the role's.
    pub extra: Capabilities,
    /// Whether the tenant's audience is `organisation`, so that members share its tickets.
    pub shares_tickets: bool,
    /// The setting `agents_may_assign` of their tenant, or of the one that a platform user chose.
    pub agents_may_assign: bool,
}

/// Where a request came from: goes into the audit.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<String>,
    /// The request's id, as in the logs.
    pub request_id: Option<String>,
}

/// Who acts, within which tenant, and what they may do.
#[derive(Debug, Clone)]
pub struct Actor {
    /// What kind it is.
    pub kind: ActorKind,
    /// The user, if it is one.
    pub user: Option<UserId>,
    /// The user's tenant; None for platform users and for everything that is no user.
    pub tenant: Option<TenantId>,
    /// The tenant that the request is about: the user's own, or the one that a platform user chose (`X-Tenant`).
    /// None: all tenants.
    pub within: Option<TenantId>,
    /// The user's role; `owner` for what is no user.
    pub role: Role,
    /// Whether the user is a member of the tenant.
    pub member: bool,
    /// The user's address; empty for what is no user.
    pub email: String,
    /// The user's name.
    pub name: Option<String>,
    /// Where the request came from.
    pub origin: Origin,
    shares_tickets: bool,
    capabilities: Capabilities,
}

impl Actor {
    /// Returns the actor for a user. `chosen` is the tenant that a platform user's request names; a tenant user's
    /// is always their own. `limit` is what the token may do at most, if one was used.
    pub fn of(who: Who, chosen: Option<TenantId>, limit: Option<Capabilities>) -> Actor {
        let mut capabilities = Capabilities::of_role(who.role, who.member).or(who.extra);
        if who.agents_may_assign && who.role.is_agent() {
            capabilities = capabilities.or(Capabilities::from_iter([Capability::TicketsAssign]));
        }
        Actor {
            kind: ActorKind::User,
            user: Some(who.user),
            tenant: who.tenant,
            within: who.tenant.or(chosen),
            role: who.role,
            member: who.member,
            email: who.email,
            name: who.name,
            origin: Origin::default(),
            shares_tickets: who.shares_tickets,
            capabilities: limit.map_or(capabilities, |limit| capabilities.and(limit)),
        }
    }

    /// Returns Postroom itself, or its operator on the host: sees and may do everything.
    pub fn system() -> Actor {
        Self::machine(ActorKind::System)
    }

    /// Returns the background worker.
    pub fn worker() -> Actor {
        Self::machine(ActorKind::Worker)
    }

    /// Returns the actor of what a mail causes; whether its author may, the pipeline decides (E4.4).
    pub fn mail() -> Actor {
        Self::machine(ActorKind::Mail)
    }

    /// Says where the request came from.
    pub fn from(mut self, origin: Origin) -> Actor {
        self.origin = origin;
        self
    }

    fn machine(kind: ActorKind) -> Actor {
        Actor {
            kind,
            user: None,
            tenant: None,
            within: None,
            role: Role::Owner,
            member: true,
            email: String::new(),
            name: None,
            origin: Origin::default(),
            shares_tickets: false,
            capabilities: Capabilities::all(),
        }
    }

    /// Whether the actor may.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.has(capability)
    }

    /// Asks for a capability. Ask for the scope first: what is outside it must not be told apart by a 403.
    ///
    /// # Errors
    /// [`Denied`] if the actor lacks it.
    pub fn require(&self, capability: Capability) -> Result<(), Denied> {
        if self.can(capability) { Ok(()) } else { Err(Denied { capability }) }
    }

    /// Returns all that the actor may do.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Whether the actor is on the helping side.
    pub fn is_agent(&self) -> bool {
        self.kind == ActorKind::User && self.role.is_agent()
    }

    /// Whether it is a user without a tenant of their own.
    pub fn is_platform(&self) -> bool {
        self.tenant.is_none()
    }

    /// Whether rows of `tenant` lie within what this request is about.
    pub fn sees_tenant(&self, tenant: TenantId) -> bool {
        self.within.is_none_or(|t| t == tenant)
    }

    /// Returns the store's scope for what belongs to tenants but is no ticket.
    pub fn rows(&self) -> Scope {
        self.within.map_or(Scope::All, Scope::Tenant)
    }

    /// Whether the actor may give somebody `role` and `extra`: nobody gives rights that they have not.
    pub fn may_grant(&self, role: Role, extra: Capabilities) -> bool {
        self.capabilities.includes(Capabilities::of_role(role, self.member).or(extra))
    }

    /// Returns which tickets the actor sees (DESIGN 4's table).
    pub fn tickets(&self) -> TicketScope {
        let tenant = self.within;
        let (Some(user), ActorKind::User) = (self.user, self.kind) else {
            return tenant.map_or(TicketScope::All, TicketScope::Tenant);
        };
        match self.role {
            Role::Customer if !(self.member && self.shares_tickets) => TicketScope::Own { tenant, user },
            Role::Support => TicketScope::Coverage { tenant, user },
            _ => tenant.map_or(TicketScope::All, TicketScope::Tenant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TenantId = TenantId(2);
    const U: UserId = UserId(7);

    fn who(tenant: Option<TenantId>, role: Role, member: bool, shares_tickets: bool) -> Who {
        let extra = Capabilities::default();
        let email = "u@example.com".to_owned();
        Who { user: U, tenant, role, member, email, name: None, extra, shares_tickets, agents_may_assign: false }
    }

    fn scope(tenant: Option<TenantId>, role: Role, member: bool, shares: bool) -> TicketScope {
        Actor::of(who(tenant, role, member, shares), None, None).tickets()
    }

    #[test]
    fn scope_by_role_and_audience() {
        use Role::*;
        let own = TicketScope::Own { tenant: Some(T), user: U };
        assert_eq!(scope(Some(T), Customer, true, false), own);
        assert_eq!(scope(Some(T), Customer, false, true), own, "who only ever mailed is no member");
        assert_eq!(scope(Some(T), Customer, true, true), TicketScope::Tenant(T));
        assert_eq!(scope(Some(T), Support, true, true), TicketScope::Coverage { tenant: Some(T), user: U });
        assert_eq!(scope(None, Support, true, false), TicketScope::Coverage { tenant: None, user: U });
        for role in [Staff, Manager, Agent, SubAdmin, Admin, Owner] {
            assert_eq!(scope(Some(T), role, true, false), TicketScope::Tenant(T), "{role}");
            assert_eq!(scope(None, role, true, false), TicketScope::All, "{role}");
        }
    }

    #[test]
    fn a_tenant_users_choice_changes_nothing() {
        let actor = Actor::of(who(Some(T), Role::Admin, true, false), Some(TenantId(9)), None);
        assert_eq!(actor.within, Some(T));
        let platform = Actor::of(who(None, Role::Admin, true, false), Some(TenantId(9)), None);
        assert_eq!(platform.tickets(), TicketScope::Tenant(TenantId(9)));
        assert!(platform.sees_tenant(TenantId(9)) && !platform.sees_tenant(T));
    }

    #[test]
    fn extra_setting_and_limit() {
        let mut w = who(Some(T), Role::Agent, true, false);
        assert_eq!(
            Actor::of(w.clone(), None, None).require(Capability::TicketsAssign),
            Err(Denied { capability: Capability::TicketsAssign })
        );
        w.agents_may_assign = true;
        w.extra = [Capability::AuditRead].into_iter().collect();
        let free = Actor::of(w.clone(), None, None);
        assert!(free.can(Capability::TicketsAssign) && free.can(Capability::AuditRead));
        let limit = [Capability::AuditRead, Capability::TicketsErase].into_iter().collect();
        let limited = Actor::of(w, None, Some(limit));
        assert_eq!(limited.capabilities().iter().collect::<Vec<_>>(), [Capability::AuditRead]);
    }

    #[test]
    fn nobody_gives_what_they_have_not() {
        let none = Capabilities::default();
        let admin = Actor::of(who(Some(T), Role::Admin, true, false), None, None);
        assert!(admin.may_grant(Role::Admin, none) && !admin.may_grant(Role::Owner, none));
        assert!(!admin.may_grant(Role::Agent, [Capability::Export].into_iter().collect()));
    }
}
