//! Who plays: three agents with passwords of their own.

use anyhow::{Context, bail};
use shared::access::{Actor, Capabilities, Role};
use shared::app::App;
use shared::i18n::Locale;
use shared::ids::{TenantId, UserId};
use shared::keys;
use shared::store::Scope;
use shared::users::{self, NewUser};

/// The agents.
pub struct Cast {
    /// Assigns to others.
    pub mara: Actor,
    /// Answers in German.
    pub felix: Actor,
    /// Covers billing alone.
    pub noor: Actor,
}

const ROLES: [(&str, &str, Role, Locale); 3] = [
    ("mara@desk.example", "Mara Lind", Role::SubAdmin, Locale::En),
    ("felix@desk.example", "Felix Braun", Role::Agent, Locale::De),
    ("noor@desk.example", "Noor Haddad", Role::Support, Locale::En),
];

/// Makes the agents who are not there yet; `say` is told each new one's password.
///
/// # Errors
/// If they cannot be made.
pub async fn gather(app: &App, tenant: TenantId, say: impl Fn(&str)) -> anyhow::Result<Cast> {
    let (mut actors, mut said) = (Vec::new(), false);
    for (email, name, role, locale) in ROLES {
        let found = users::find_by_address(&mut app.db.read(Scope::All), Some(tenant), email).await?;
        let user = match found {
            Some(user) if user.role.is_agent() && user.active => user,
            Some(_) => bail!("{email} is there, but is no active agent"),
            None => {
                let password = keys::new_token()[..20].to_owned();
                let new = NewUser {
                    tenant: Some(tenant),
                    email: email.to_owned(),
                    name: Some(name.to_owned()),
                    role,
                    locale: Some(locale),
                    password: Some(password.clone()),
                    extra: Capabilities::default(),
                };
                let user = users::create(app, &Actor::system(), new).await.map_err(super::super::plain)?;
                if role == Role::Support {
                    cover(app, user.id).await?;
                }
                if !said {
                    say("Agents, with their passwords (shown only now):\n");
                    said = true;
                }
                say(&format!("  {email:<20} {:<11} {password}", role.as_str()));
                user
            }
        };
        actors.push(Actor::of(user.who(), None, None));
    }
    let [mara, felix, noor] = <[Actor; 3]>::try_from(actors).ok().context("three agents play")?;
    Ok(Cast { mara, felix, noor })
}

async fn cover(app: &App, user: UserId) -> anyhow::Result<()> {
    shared::coverage::set(&app.db, &Actor::system(), user, &["billing".to_owned()])
        .await
        .map_err(super::super::plain)?;
    Ok(())
}
