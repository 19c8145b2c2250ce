//! Authenticate: is the sender who the mail says (E11)? A stage of its own, so that matching and effects can rely on a
//! verdict whatever the door knew.
//!
//! Three may tell: the door, where a provider signed what it told; the header of a host of ours; our own check. What was
//! found is stored with the arrival, and used again whenever the mail is read again: keys are rolled over, and a mail must
//! not turn false with age.

mod border;
mod dns;
mod header;
mod own;
mod recheck;
pub mod results;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verdict;

pub use border::Border;
pub use dns::{Dns, DnsSetting, NoResolver};
pub use header::yes_or_no;
pub(super) use recheck::due_after;
pub use recheck::recheck;
pub use results::{Dkim, Dmarc, Method, Policy, Results, Spf, Vouched};

use super::spam::Told;
use super::types::{Mail, Verdict};
use super::{Door, Kept, Trace};
use crate::address;
use crate::app::App;
use crate::text_enum;
use own::Checked;
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
        /// Our own check.
        Own = "own",
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
    /// No name server answered: it is checked again later (E11.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
}

impl Authentication {
    /// Nobody looked yet.
    pub fn unknown() -> Authentication {
        Authentication {
            source: Source::Nobody,
            by: None,
            from_domain: None,
            results: Results::default(),
            verdict: Verdict::None,
            reason: "not_checked".to_owned(),
            temporary: false,
        }
    }

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
        None => find_out(app, kept, mail).await?,
    };
    let by = found.by.as_deref().map(|by| format!(", told by {by}")).unwrap_or_default();
    let rule = if matches!(found.source, Source::Nobody | Source::Own) { "E11.1" } else { "E11.2" };
    trace.add("authenticate", rule, found.verdict.as_str(), format!("{}{by}", found.reason));
    Ok(found)
}

/// What others say; if that does not tell, what we find out ourselves.
async fn find_out(app: &App, kept: &Kept, mail: &Mail) -> Result<Authentication, crate::store::Error> {
    let from_domain = author_domain(mail);
    let said = told(app, kept, mail).await?;
    let judge = |results: &Results| verdict::judge(from_domain.as_deref(), results, &app.config.trusted_sealers);
    let (mut source, mut by, mut results) = match said {
        Some((source, by, results)) => (source, Some(by), results),
        None => (Source::Nobody, None, Results::default()),
    };
    let mut judged = judge(&results);
    // A door's word on the sending host alone proves little; a signature may prove more.
    let is_told = judged.verdict != Verdict::None;
    if !is_told || source == Source::Door && judged.verdict == Verdict::Weak {
        match own::check(app, kept, mail, from_domain.as_deref(), &results).await {
            Checked::Nothing => {}
            Checked::Off | Checked::Unanswered if is_told => {}
            Checked::Off => judged.reason = "no_resolver",
            Checked::Unanswered => {
                judged = Judged { verdict: Verdict::None, reason: "dns_unavailable", temporary: true }
            }
            Checked::Found(found) => {
                let ours = judge(&found);
                if !is_told || ours.verdict != Verdict::None {
                    judged = ours;
                    (source, by, results) = (Source::Own, None, found);
                }
            }
        }
    }
    let Judged { verdict, reason, temporary } = judged;
    Ok(Authentication { source, by, from_domain, results, verdict, reason: reason.to_owned(), temporary })
}

/// What the door vouches for, else what a trusted header says.
async fn told(app: &App, kept: &Kept, mail: &Mail) -> Result<Option<(Source, String, Results)>, crate::store::Error> {
    let vouched = kept.facts.vouched.as_ref().filter(|v| v.results != Results::default());
    if let Some(vouched) = vouched {
        return Ok(Some((Source::Door, vouched.by.clone(), vouched.results.clone())));
    }
    if !header::is_there(mail) {
        return Ok(None);
    }
    let more = super::sql::trusted_authserv(&app.db, kept.tenant_id).await?;
    let found = header::trusted(mail, &app.config.border.with(&more), handed_in_by_us(app, kept));
    Ok(found.map(|(by, results)| (Source::Header, by, results)))
}

/// What the door, else a host of ours, says about spam (E5.10).
///
/// # Errors
/// `Store` if the tenant's settings cannot be read.
pub(super) async fn told_of_spam(app: &App, kept: &Kept, mail: &Mail) -> Result<Option<Told>, crate::store::Error> {
    if let Some((vouched, spam)) = kept.facts.vouched.as_ref().and_then(|v| Some((v, v.spam?))) {
        let score = vouched.spam_score.as_deref().map(|s| format!(", score {s}")).unwrap_or_default();
        return Ok(Some(Told { spam, evidence: format!("{}{score}", vouched.by) }));
    }
    if !header::tells_of_spam(mail) {
        return Ok(None);
    }
    let more = super::sql::trusted_authserv(&app.db, kept.tenant_id).await?;
    let said = header::spam(mail, &app.config.border.with(&more), handed_in_by_us(app, kept));
    Ok(said.map(|(spam, evidence)| Told { spam, evidence }))
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
