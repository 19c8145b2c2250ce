//! What the first start makes: default tenant, mailbox, categories, first admin. Later starts find it all.

use crate::access::Refused;
use crate::app::App;
use crate::compiled_here;
use crate::store::Scope;
use crate::users::PrintedOnce;
use crate::{categories, mailboxes, tenants, users};

/// Makes what is missing. Returns what to print, if a first admin was made. Hosts that start together agree.
///
/// # Errors
/// Settings that cannot be used, or the store failed.
#[compiled_here]
pub async fn ensure(app: &App) -> Result<Option<PrintedOnce>, Refused> {
    let config = &app.config;
    let mut tx = app.db.write(Scope::All).await?;
    let tenant = tenants::ensure_default(&mut tx).await?;
    let name = config.mail_from_name.as_deref().unwrap_or(&tenant.name);
    mailboxes::ensure_first(&mut tx, tenant.id, &config.mail_from, name).await?;
    categories::ensure_seeded(&mut tx).await?;
    tx.commit().await?;
    let password = config.admin_password.as_ref().map(|p| p.reveal());
    users::ensure_first_admin(&app.db, &config.admin_email, password).await
}
