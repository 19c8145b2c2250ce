//! Capabilities, and the one registry that says which role has which.

use super::Role;
use crate::text_enum;

text_enum! {
    /// One thing that an actor may do. Sent as text in `GET /api/auth/me` and in a token's or user's list.
    pub enum Capability ("capability") {
        /// Open tickets.
        TicketsCreate = "support.tickets.create",
        /// Open tickets for somebody else.
        TicketsCreateFor = "support.tickets.create_for",
        /// See tickets and their public conversation.
        TicketsRead = "support.tickets.read",
        /// Write public messages.
        TicketsReply = "support.tickets.reply",
        /// Read and write internal notes.
        TicketsNote = "support.tickets.note",
        /// Change status, priority, subject, category, participants, folder.
        TicketsUpdate = "support.tickets.update",
        /// Assign tickets to others.
        TicketsAssign = "support.tickets.assign",
        /// Assign tickets to oneself.
        TicketsTake = "support.tickets.take",
        /// Close and reopen.
        TicketsClose = "support.tickets.close",
        /// Rate the help that was given.
        TicketsRate = "support.tickets.rate",
        /// Merge, unmerge and split.
        TicketsMerge = "support.tickets.merge",
        /// Set and remove tags.
        TicketsTag = "support.tickets.tag",
        /// Link tickets to incidents.
        TicketsLinkIncident = "support.tickets.link_incident",
        /// Blank text in a message for good.
        TicketsRedact = "support.tickets.redact",
        /// Erase tickets for good.
        TicketsErase = "support.tickets.erase",
        /// See the list across tenants with its clocks.
        TicketsOversee = "support.tickets.oversee",
        /// See delivery states and the timeline.
        TimelineRead = "support.tickets.timeline",
        /// Keep searches as views of one's own.
        ViewsSave = "support.views.save",
        /// Share views with all of the tenant.
        ViewsShare = "support.views.share",
        /// Write knowledge base articles.
        KbCreate = "support.kb.create",
        /// Read the knowledge base.
        KbRead = "support.kb.read",
        /// Change knowledge base articles.
        KbUpdate = "support.kb.update",
        /// Publish knowledge base articles.
        KbPublish = "support.kb.publish",
        /// Use canned replies.
        CannedUse = "support.canned.use",
        /// Write canned replies for all.
        CannedManage = "support.canned.manage",
        /// See inbound mail, its trace, and the outbox.
        MailRead = "support.mail.read",
        /// See mail's bytes as received or sent; audited.
        MailRaw = "support.mail.raw",
        /// Replay and release inbound mail; retry and cancel outgoing mail.
        MailReplay = "support.mail.replay",
        /// Put mail in by an inbound door.
        MailDeliver = "support.mail.deliver",
        /// Read the audit log.
        AuditRead = "support.audit.read",
        /// See and change users.
        UsersManage = "support.users.manage",
        /// See and change who covers what.
        CoverageManage = "support.coverage.manage",
        /// See categories.
        CategoriesRead = "support.categories.read",
        /// Change categories.
        CategoriesManage = "support.categories.manage",
        /// See and change mailboxes.
        MailboxesManage = "support.mailboxes.manage",
        /// Change a tenant's name, locale and settings.
        SettingsManage = "support.settings.manage",
        /// Make tenants; change their slug, prefix and audience.
        TenantsManage = "support.tenants.manage",
        /// Export everything.
        Export = "support.export",
        /// See incidents.
        IncidentsRead = "support.incidents.read",
        /// Open, change and resolve incidents.
        IncidentsManage = "support.incidents.manage",
        /// Ask what blocks the tenant's deployment.
        DeployCheck = "support.deploy.check",
        /// Hand in diagnostic results.
        DiagnosticsWrite = "support.diagnostics.write",
        /// See diagnostic results.
        DiagnosticsView = "support_diagnostics.view",
        /// Make support requests.
        SupportRequestsCreate = "support_requests.create",
    }
}

use Capability::*;

/// What every user has.
const EVERYBODY: &[Capability] =
    &[TicketsCreate, TicketsRead, TicketsReply, TicketsClose, TicketsRate, TimelineRead, KbRead, CategoriesRead];
/// What members of a tenant have besides (DESIGN 2 says who is one).
const MEMBERS: &[Capability] = &[DeployCheck];
const STAFF: &[Capability] = &[SupportRequestsCreate];
const HELPERS: &[Capability] = &[
    TicketsCreateFor,
    TicketsNote,
    TicketsUpdate,
    TicketsTake,
    ViewsSave,
    CannedUse,
    IncidentsRead,
    SupportRequestsCreate,
];
const AGENTS: &[Capability] = &[DiagnosticsView];
const SUB_ADMINS: &[Capability] =
    &[TicketsAssign, TicketsMerge, TicketsTag, ViewsShare, KbCreate, KbUpdate, KbPublish, CannedManage];
const ADMINS: &[Capability] = &[
    TicketsLinkIncident,
    TicketsRedact,
    TicketsOversee,
    MailRead,
    MailRaw,
    MailReplay,
    MailDeliver,
    AuditRead,
    UsersManage,
    CoverageManage,
    CategoriesManage,
    MailboxesManage,
    SettingsManage,
    IncidentsManage,
    DiagnosticsWrite,
];
const OWNERS: &[Capability] = &[TenantsManage, TicketsErase, Export];

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u64);

impl Capabilities {
    /// All there are.
    pub fn all() -> Self {
        Capability::ALL.iter().copied().collect()
    }

    /// Returns what `role` has, for one who is a member of the tenant or not: the registry.
    pub fn of_role(role: Role, member: bool) -> Self {
        let sets: &[&[Capability]] = match role {
            Role::Customer => &[],
            Role::Staff | Role::Manager => &[STAFF],
            Role::Support => &[HELPERS],
            Role::Agent => &[HELPERS, AGENTS],
            Role::SubAdmin => &[HELPERS, AGENTS, SUB_ADMINS],
            Role::Admin => &[HELPERS, AGENTS, SUB_ADMINS, ADMINS],
            Role::Owner => &[HELPERS, AGENTS, SUB_ADMINS, ADMINS, OWNERS],
        };
        let members = if member { MEMBERS } else { &[] };
        sets.iter().chain([&EVERYBODY, &members]).flat_map(|set| set.iter().copied()).collect()
    }

    /// Whether `capability` is among them.
    pub fn has(self, capability: Capability) -> bool {
        self.0 & bit(capability) != 0
    }

    /// Returns what is in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns what is in either.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is among them.
    pub fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Returns them in the order of their definition.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(move |c| self.has(*c))
    }

    /// Reads a stored JSON list; texts that are unknown (an older or newer version's) give nothing.
    pub fn from_json(text: &str) -> Self {
        let names: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// Returns the JSON list to store.
    pub fn to_json(self) -> String {
        serde_json::Value::from_iter(self.iter().map(Capability::as_str)).to_string()
    }
}

fn bit(capability: Capability) -> u64 {
    const { assert!(Capability::ALL.len() <= 64) };
    1 << capability as u32
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |set, c| set | bit(c)))
    }
}

impl std::fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(Capability::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: Role) -> Capabilities {
        Capabilities::of_role(role, true)
    }

    #[test]
    fn owner_has_all() {
        assert_eq!(of(Role::Owner), Capabilities::all());
    }

    #[test]
    fn helping_roles_grow() {
        let ladder = [Role::Customer, Role::Support, Role::Agent, Role::SubAdmin, Role::Admin, Role::Owner];
        for pair in ladder.windows(2) {
            assert!(of(pair[1]).includes(of(pair[0])) && of(pair[1]) != of(pair[0]), "{pair:?}");
        }
    }

    /// The lines of DESIGN 4 that name a capability and its roles.
    #[test]
    fn registry_says_what_the_design_says() {
        let with = |c| Role::ALL.iter().copied().filter(|r| of(*r).has(c)).map(Role::as_str).collect::<Vec<_>>();
        assert_eq!(with(DeployCheck).len(), 8);
        assert_eq!(
            with(SupportRequestsCreate),
            ["staff", "manager", "support", "agent", "sub_admin", "admin", "owner"]
        );
        assert_eq!(with(DiagnosticsView), ["agent", "sub_admin", "admin", "owner"]);
        assert_eq!(with(DiagnosticsWrite), ["admin", "owner"]);
        assert_eq!(with(TicketsAssign), ["sub_admin", "admin", "owner"]);
        assert_eq!(with(TicketsUpdate), ["support", "agent", "sub_admin", "admin", "owner"]);
        assert_eq!(with(TicketsErase), ["owner"]);
    }

    #[test]
    fn only_members_check_deployments() {
        assert!(!Capabilities::of_role(Role::Customer, false).has(DeployCheck));
    }

    #[test]
    fn json_round_trip_ignores_the_unknown() {
        let some: Capabilities = [TicketsErase, KbRead].into_iter().collect();
        assert_eq!(Capabilities::from_json(&some.to_json()), some);
        assert_eq!(Capabilities::from_json(r#"["support.kb.read","x.y"]"#), [KbRead].into_iter().collect());
        assert_eq!(Capabilities::from_json("null"), Capabilities::default());
    }
}
