//! Users and tenants for tests, made by the same verbs as the operator's commands.

use super::Server;
use shared::access::{Actor, Capabilities, Role};
use shared::ids::{TenantId, TokenId, UserId};
use shared::sessions::tokens;
use shared::tenants::{self, Audience, NewTenant};
use shared::users::{self, NewUser};

/// The password of everybody in tests.
pub const PASSWORD: &str = "a password for tests";

/// Somebody with an API token.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: UserId,
    pub token: String,
    pub token_id: TokenId,
}

impl Person {
    /// The token that this person's HTML forms carry.
    pub fn csrf(&self, s: &Server) -> String {
        s.app.keys.csrf_token(format!("token {}", self.token_id).as_bytes())
    }
}

impl Server {
    /// Makes a user with a password and a token. `tenant` None: a platform user.
    pub async fn person(&self, email: &str, role: Role, tenant: Option<TenantId>) -> Person {
        let new = NewUser {
            tenant,
            email: email.to_owned(),
            name: None,
            role,
            locale: None,
            password: Some(PASSWORD.to_owned()),
            extra: Capabilities::default(),
        };
        let user = users::create(&self.app, &Actor::system(), new).await.expect("a user is made");
        let (made, token) = tokens::operator_create(&self.app.db, &user, "test").await.expect("a token is made");
        Person { id: user.id, token, token_id: made.id }
    }

    /// Makes a tenant.
    pub async fn tenant(&self, slug: &str, audience: Audience) -> TenantId {
        let new = NewTenant {
            slug: slug.to_owned(),
            name: None,
            pid_prefix: None,
            audience,
            locale: shared::i18n::Locale::En,
            settings: serde_json::Map::new(),
            mailbox: None,
        };
        tenants::create(&self.app.db, &Actor::system(), new).await.expect("a tenant is made").id
    }
}
