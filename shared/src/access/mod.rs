//! Who may do what: roles, capabilities, the actor behind a change, and the wall that decides which tickets it sees.
//!
//! Verbs take an [`Actor`] and ask for a [`Capability`] and a [`TicketScope`], never for a role. The order of refusal
//! is the same everywhere (DESIGN 4): no credentials (401), outside the scope (404, existence is not told), in scope
//! without the capability (403), and only then what the request says. Must not know HTTP or any noun's table but
//! those that the wall reads. Read next: [`capability`], [`actor`], [`wall`].

pub mod actor;
pub mod capability;
pub mod refused;
pub mod role;
pub mod wall;

pub use actor::{Actor, ActorKind, Origin, Who};
pub use capability::{Capabilities, Capability};
pub use refused::{Noun, Refused, Wrong};
pub use role::Role;
pub use wall::TicketScope;

/// What was asked for is in the actor's scope, but the actor may not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("capability {capability} is needed")]
pub struct Denied {
    /// What the actor lacks.
    pub capability: Capability,
}
