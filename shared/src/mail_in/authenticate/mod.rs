//! Authenticate: is the sender who the mail says (E11)? A stage of its own, so that matching and effects can rely on a
//! verdict whatever the door knew.
//!
//! Three may tell: the door, where a provider signed what it told; the header of a host of ours; our own check. What was
//! found is stored with the arrival, and used again whenever the mail is read again: keys are rolled over, and a mail must
//! not turn false with age.

mod border;
mod header;
pub mod results;
mod verdict;

pub use border::Border;
pub use results::{Policy, Results, Vouched};

use super::types::{Mail, Verdict};
use super::{Door, Kept, Trace};
use crate::address;
use crate::app::App;
use crate::text_enum;
use serde::{Deserialize, Serialize};
use verdict::Judged;

text_enum! {
    /// Who told.
    pub enum Source ("authentication source") {
        /// Nobody.
        Nobody = "nobody",
        /// A trusted Authentication-Results header.
        Header = "header",
        /// The door.
        Door = "door",
    }
}

/// What is known about a mail's sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// Who told.
    pub source: Source,
    /// Their name: an authserv-id, a provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The From address's domain, which all of it is about; None if no single From field names one.
    pub from_domain: Option<String>,
    /// What was found.
    #[serde(flatten)]
    pub results: Results,
    /// What follows.
    pub verdict: Verdict,
    /// Why, a stable name.
    pub reason: String,
}

impl Authentication {
    /// What the domain's owner asks for; None if nobody told.
    pub fn policy(&self) -> Policy {
        verdict::policy_of(&self.results)
    }
}

/// Finds out whether a mail's sender is who it says. What an earlier reading found is used again (E11.1, E14.3).
///
/// # Errors
/// `Store` if the tenant's settings cannot be read.
pub(super) async fn check(
    app: &App,
    kept: &Kept,
    mail: &Mail,
    trace: &mut Trace,
) -> Result<Authentication, crate::store::Error> {
    let found = match &kept.authentication {
        Some(stored) => stored.clone(),
        None => told(app, kept, mail).await?,
    };
    let by = found.by.as_deref().map(|by| format!(", told by {by}")).unwrap_or_default();
    let rule = if found.source == Source::Nobody { "E11.1" } else { "E11.2" };
    trace.add("authenticate", rule, found.verdict.as_str(), format!("{}{by}", found.reason));
    Ok(found)
}

/// What others say.
async fn told(app: &App, kept: &Kept, mail: &Mail) -> Result<Authentication, crate::store::Error> {
    let from_domain = author_domain(mail);
    let by_door = kept.facts.vouched.as_ref().map(|v| (Source::Door, v.by.clone(), v.results.clone()));
    let by_header = async || -> Result<_, crate::store::Error> {
        if !header::is_there(mail) {
            return Ok(None);
        }
        let more = super::sql::trusted_authserv(&app.db, kept.tenant_id).await?;
        let found = header::trusted(mail, &app.config.border.with(&more), handed_in_by_us(app, kept));
        Ok(found.map(|(by, results)| (Source::Header, by, results)))
    };
    let said = match by_door {
        Some(said) => Some(said),
        None => by_header().await?,
    };
    let (source, by, results) = match said {
        Some((source, by, results)) => (source, Some(by), results),
        None => (Source::Nobody, None, Results::default()),
    };
    let Judged { verdict, reason, .. } = verdict::judge(from_domain.as_deref(), &results, &app.config.trusted_sealers);
    Ok(Authentication { source, by, from_domain, results, verdict, reason: reason.to_owned() })
}

/// The domain that the mail claims to come from. Several From fields, or one that names several domains, claim nothing
/// that could be proven (RFC 9989, 4.10): a signature covers only one of them.
fn author_domain(mail: &Mail) -> Option<String> {
    let mut fields = mail.header_all("from");
    let field = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    let mut domains: Vec<String> = super::parse::addresses::list(field.as_bytes(), None)
        .iter()
        .filter_map(|a| address::domain(&a.email))
        .collect();
    domains.dedup();
    let [domain] = domains.as_slice() else { return None };
    let shown = mail.from.as_ref().and_then(|f| address::domain(&f.email));
    (shown.as_ref() == Some(domain)).then(|| domain.clone())
}

/// Whether a host of ours handed the mail in, so that its first lines are ours: at all doors but SMTP, where anybody may
/// speak.
fn handed_in_by_us(app: &App, kept: &Kept) -> bool {
    match kept.door {
        Door::Smtp => kept.facts.peer_ip.is_some_and(|ip| app.config.border.has_ip(ip)),
        _ => true,
    }
}
