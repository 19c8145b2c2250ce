//! The eight roles.

use crate::text_enum;

text_enum! {
    /// What a user is to their tenant (or, for platform users, to all of them). Decides nothing by itself: see
    /// [`super::Capabilities::of_role`] and [`super::TicketScope`].
    pub enum Role ("role") {
        /// Has problems of their own.
        Customer = "customer" | "user",
        /// Works for the tenant, has its problems.
        Staff = "staff",
        /// Leads the tenant's staff.
        Manager = "manager",
        /// Helps with the subjects of their coverage.
        Support = "support" | "platform_support",
        /// Helps with everything.
        Agent = "agent",
        /// Helps, hands out work and keeps the knowledge base.
        SubAdmin = "sub_admin",
        /// Runs the helpdesk.
        Admin = "admin" | "platform_admin" | "super_admin",
        /// Runs the installation.
        Owner = "owner" | "platform_owner",
    }
}

impl Role {
    /// Whether users of this role are on the helping side (an *agent* in the wide sense).
    pub fn is_agent(self) -> bool {
        !matches!(self, Role::Customer | Role::Staff | Role::Manager)
    }
}
