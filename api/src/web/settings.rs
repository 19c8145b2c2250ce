//! Settings as pages: suppressed addresses (E9.13), DKIM keys (E8.9), mailboxes that are fetched (E10.5, E10.6).

use super::error;
use super::form_data::FormData;
use super::format::{Now, When};
use super::parts::Refused;
use super::reader::Visit;
use super::render::{self, Page};
use super::{format, mail};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::{Actor, Capability, Refused as Why};
use shared::i18n::{self, Locale};
use shared::ids::{DkimKeyId, ImapAccountId, TenantId};
use shared::imap_accounts::{self, ImapAccount};
use shared::mail_out::dkim::{self, DkimKey, NewKey};
use shared::mail_out::suppress::{self, Suppression};

/// How many entries a page lists.
const PAGE: u32 = 50;

/// `settings.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct SettingsPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// Addresses that get no automatic mail.
    pub suppressed: Option<Suppressed>,
    /// Keys that sign mail.
    pub dkim: Option<Keys>,
    /// Mailboxes on other servers.
    pub fetched: Option<Fetched>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// The next page.
    pub next: Option<String>,
}

/// A page of settings.
#[derive(Debug, Clone, Serialize)]
pub struct Tab {
    /// `settings-<key>` is its name.
    pub key: &'static str,
    /// Where it is.
    pub href: &'static str,
    /// Whether it is this one.
    pub current: bool,
}

/// Suppressed addresses.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Suppressed {
    /// What is searched for.
    pub q: String,
    /// The entries.
    pub rows: Vec<SuppressedRow>,
    /// Whether the reader may lift them.
    pub may_lift: bool,
}

/// A suppressed address.
#[derive(Debug, Clone, Serialize)]
pub struct SuppressedRow {
    /// The address.
    pub email: String,
    /// Why: `hard_bounce`, `full`, `complaint`, `manual`.
    pub reason: String,
    /// The status code that shows it.
    pub status: Option<String>,
    /// The mail that shows it.
    pub outbox: Option<i64>,
    /// Since when.
    pub since: When,
    /// Until when.
    pub until: When,
}

/// DKIM keys.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Keys {
    /// The keys.
    pub rows: Vec<KeyRow>,
    /// The domain that was typed.
    pub domain: String,
}

/// A DKIM key, with the record that its domain must publish.
#[derive(Debug, Clone, Serialize)]
pub struct KeyRow {
    /// Its row.
    pub id: i64,
    /// The domain.
    pub domain: String,
    /// Its name below the domain.
    pub selector: String,
    /// How it signs.
    pub algorithm: String,
    /// The record's name.
    pub name: String,
    /// The record's text.
    pub value: String,
    /// It signs the mail of all tenants.
    pub everybodys: bool,
    /// Since when it signs nothing.
    pub retired: Option<When>,
    /// When it was made.
    pub since: When,
    /// Whether the reader may retire it.
    pub may_retire: bool,
}

/// Fetched mailboxes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Fetched {
    /// The accounts.
    pub rows: Vec<FetchedRow>,
}

/// A fetched mailbox.
#[derive(Debug, Clone, Serialize)]
pub struct FetchedRow {
    /// Its row.
    pub id: i64,
    /// The mailbox here.
    pub mailbox: String,
    /// Who logs in where.
    pub place: String,
    /// The folders that are read.
    pub folders: String,
    /// `ok`, `reading`, `failing`, `new`, `off`.
    pub state: &'static str,
    /// How that looks: `warn`, `bad`, `good`, or none.
    pub chip: Option<&'static str>,
    /// When all that was there was here.
    pub success: Option<When>,
    /// For how long new mail may have been missing.
    pub lag: Option<String>,
    /// How many messages wait on the server.
    pub waiting: i64,
    /// How many were given up.
    pub given_up: i64,
    /// What went wrong last.
    pub error: Option<String>,
    /// When.
    pub error_at: Option<When>,
    /// What the last comparison found, in words.
    pub reconciled: Option<String>,
    /// When.
    pub reconciled_at: Option<When>,
    /// A comparison was asked for, and is to come.
    pub asked: bool,
}

/// The pages, by what one must be able to do to see them.
const TABS: [(&str, &str, Capability); 11] = [
    ("users", "/dashboard/settings/users", Capability::UsersManage),
    ("tenants", "/dashboard/settings/tenants", Capability::SettingsManage),
    ("categories", "/dashboard/settings/categories", Capability::CategoriesManage),
    ("incidents", "/dashboard/settings/incidents", Capability::IncidentsManage),
    ("mailboxes", "/dashboard/settings/mailboxes", Capability::MailboxesManage),
    ("suppressions", "/dashboard/settings/suppressions", Capability::MailRead),
    ("dkim", "/dashboard/settings/dkim", Capability::MailboxesManage),
    ("fetching", "/dashboard/settings/fetching", Capability::MailboxesManage),
    ("spam", "/dashboard/settings/spam", Capability::SettingsManage),
    ("canned", "/dashboard/settings/canned", Capability::CannedUse),
    ("system", "/dashboard/system", Capability::SettingsManage),
];

/// Returns the pages of settings that somebody may see.
pub fn tabs(actor: &Actor, current: &str) -> Vec<Tab> {
    let seen = TABS.iter().filter(|(key, _, capability)| match *key {
        "system" => shared::system::require(actor).is_ok(),
        _ => actor.can(*capability),
    });
    seen.map(|&(key, href, _)| Tab { key, href, current: key == current }).collect()
}

impl SuppressedRow {
    fn new(locale: Locale, now: Now, s: &Suppression) -> SuppressedRow {
        let evidence: serde_json::Value = serde_json::from_str(&s.evidence).unwrap_or_default();
        SuppressedRow {
            email: s.email_key.clone(),
            reason: s.reason.as_str().to_owned(),
            status: evidence["status"].as_str().or(evidence["enhanced"].as_str()).map(str::to_owned),
            outbox: evidence["outbox_id"].as_i64(),
            since: When::new(locale, s.created_at, now),
            until: When::in_full(locale, s.until_at, now),
        }
    }
}

impl KeyRow {
    fn new(locale: Locale, now: Now, key: &DkimKey, actor: &Actor) -> KeyRow {
        KeyRow {
            id: key.id.0,
            domain: key.domain.clone(),
            selector: key.selector.clone(),
            algorithm: key.algorithm.as_str().to_owned(),
            name: key.record_name(),
            value: key.record_value(),
            everybodys: key.tenant_id.is_none(),
            retired: key.retired_at.map(|at| When::new(locale, at, now)),
            since: When::new(locale, key.created_at, now),
            may_retire: key.retired_at.is_none() && (key.tenant_id.is_some() || actor.within.is_none()),
        }
    }
}

impl FetchedRow {
    fn new(locale: Locale, now: Now, a: &ImapAccount) -> FetchedRow {
        let found: Option<serde_json::Value> = a.reconciled.as_deref().and_then(|r| serde_json::from_str(r).ok());
        let told = |found: serde_json::Value| {
            let n = |field: &str| found[field].as_i64().unwrap_or_default().to_string();
            let args =
                [("server", n("on_server")), ("here", n("here")), ("missing", n("missing")), ("fetched", n("fetched"))];
            i18n::text(locale, "fetching-found", &args.each_ref().map(|(k, v)| (*k, v.as_str())))
        };
        FetchedRow {
            id: a.id.0,
            mailbox: a.mailbox.clone(),
            place: format!("{} @ {}:{}", a.username, a.host, a.port),
            folders: a.sent_folder.iter().fold(a.folder.clone(), |all, sent| format!("{all}, {sent}")),
            state: a.state(),
            chip: match a.state() {
                "failing" => Some("bad"),
                "reading" => Some("warn"),
                _ => None,
            },
            success: a.success_at.map(|at| When::new(locale, at, now)),
            lag: a.lag_s(*now).filter(|s| *s > 0).map(|s| format::duration(locale, chrono::TimeDelta::seconds(s))),
            waiting: a.waiting,
            given_up: a.given_up,
            error: a.error.clone(),
            error_at: a.error_at.map(|at| When::new(locale, at, now)),
            reconciled: found.map(told),
            reconciled_at: a.reconciled_at.map(|at| When::new(locale, at, now)),
            asked: a.reconcile_asked_at.is_some(),
        }
    }
}

impl Page for SettingsPage {
    const TEMPLATE: &'static str = "settings";

    fn title(&self, locale: Locale) -> String {
        let tab = self.tabs.iter().find(|t| t.current).map_or("suppressions", |t| t.key);
        i18n::text(locale, &format!("settings-{tab}"), &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let at = When { short: "1 d".into(), exact: "Fri 20 Nov 2026".into(), iso: "2026-11-20T10:00:00Z".into() };
        let with = |key: &'static str| SettingsPage {
            tabs: TABS.iter().map(|&(k, href, _)| Tab { key: k, href, current: k == key }).collect(),
            ..SettingsPage::default()
        };
        let suppressed = |reason: &str, outbox, status: Option<&str>| SuppressedRow {
            email: "gone@customer.example".into(),
            reason: reason.into(),
            status: status.map(str::to_owned),
            outbox,
            since: at.clone(),
            until: at.clone(),
        };
        let key = KeyRow {
            id: 1,
            domain: "desk.example".into(),
            selector: "pr202611".into(),
            algorithm: "rsa-sha256".into(),
            name: "pr202611._domainkey.desk.example".into(),
            value: "v=DKIM1; k=rsa; p=MIIB".into(),
            everybodys: true,
            retired: None,
            since: at.clone(),
            may_retire: true,
        };
        let account = FetchedRow {
            id: 1,
            mailbox: "support@desk.example".into(),
            place: "support @ imap.desk.example:993".into(),
            folders: "INBOX, Sent".into(),
            state: "ok",
            chip: None,
            success: Some(at.clone()),
            lag: None,
            waiting: 0,
            given_up: 0,
            error: None,
            error_at: None,
            reconciled: Some("9 there, 9 here".into()),
            reconciled_at: Some(at.clone()),
            asked: false,
        };
        let failing = FetchedRow {
            state: "failing",
            chip: Some("bad"),
            success: None,
            lag: Some("2 h".into()),
            waiting: 3,
            given_up: 1,
            error: Some("connection refused".into()),
            error_at: Some(at.clone()),
            reconciled: None,
            reconciled_at: None,
            asked: true,
            ..account.clone()
        };
        let rows = vec![
            suppressed("hard_bounce", Some(7), Some("5.1.1")),
            suppressed("full", None, None),
            suppressed("complaint", Some(8), None),
            suppressed("manual", None, None),
        ];
        vec![
            SettingsPage {
                suppressed: Some(Suppressed { q: "gone".into(), rows, may_lift: true }),
                done: Some("Lifted".into()),
                next: Some("/dashboard/settings/suppressions?after=1,a".into()),
                ..with("suppressions")
            },
            SettingsPage { suppressed: Some(Suppressed::default()), ..with("suppressions") },
            SettingsPage {
                dkim: Some(Keys {
                    rows: vec![
                        key.clone(),
                        KeyRow { retired: Some(at.clone()), may_retire: false, everybodys: false, ..key },
                    ],
                    domain: "desk".into(),
                }),
                refused: Some(Refused { text: "No".into(), fields: vec![] }),
                ..with("dkim")
            },
            SettingsPage { dkim: Some(Keys::default()), ..with("dkim") },
            SettingsPage { fetched: Some(Fetched { rows: vec![account, failing] }), ..with("fetching") },
            SettingsPage { fetched: Some(Fetched::default()), ..with("fetching") },
        ]
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    q: String,
    tenant: Option<TenantId>,
    after: Option<String>,
    did: String,
}

fn shown(visit: &Visit, page: &SettingsPage, status: StatusCode) -> Response {
    render::page(status, &visit.shell("settings"), page)
}

/// `GET /dashboard/settings`: the first page that the reader may see.
///
/// # Errors
/// 401, 403 without any of them.
pub async fn index(visit: Visit) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let first = tabs(actor, "").into_iter().next();
    match first {
        Some(tab) => Ok(Redirect::to(tab.href).into_response()),
        None => Err(Why::from(shared::access::Denied { capability: Capability::MailRead }).into()),
    }
}

/// `GET /dashboard/settings/suppressions`
///
/// # Errors
/// 401, 403 without `support.mail.read`.
pub async fn suppressions(
    State(api): State<Api>,
    visit: Visit,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let after = params.tenant.zip(params.after.clone());
    let mut rows = suppress::list(&api.app.db, actor, Some(&params.q), after, PAGE + 1).await?;
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let next = rows.last().filter(|_| more).map(|s| {
        let query = [("q", params.q.as_str()), ("tenant", &s.tenant_id.to_string()), ("after", &s.email_key)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("/dashboard/settings/suppressions?{query}")
    });
    let page = SettingsPage {
        tabs: tabs(actor, "suppressions"),
        suppressed: Some(Suppressed {
            rows: rows.iter().map(|s| SuppressedRow::new(visit.locale, visit.now, s)).collect(),
            may_lift: actor.can(Capability::MailReplay),
            q: params.q,
        }),
        done: mail::done(visit.locale, Some(&params.did)),
        next,
        ..SettingsPage::default()
    };
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /dashboard/settings/suppressions/lift`: the form's address has mail again.
///
/// # Errors
/// 401, 403 without `support.mail.replay`, 404 `suppression_not_found`.
pub async fn lift(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::MailReplay)?;
    let email = form.get("email").trim();
    if email.is_empty() {
        return Err(Problem::field("email", "required", "must not be empty"));
    }
    suppress::remove(&api.app.db, actor, email).await?;
    Ok(Redirect::to("/dashboard/settings/suppressions?did=lift").into_response())
}

/// `GET /dashboard/settings/dkim`
///
/// # Errors
/// 401, 403 without `support.mailboxes.manage`.
pub async fn dkim_keys(
    State(api): State<Api>,
    visit: Visit,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let done = mail::done(visit.locale, Some(&params.did));
    let page = SettingsPage { done, ..keys_page(&api, &visit, "").await? };
    Ok(shown(&visit, &page, StatusCode::OK))
}

async fn keys_page(api: &Api, visit: &Visit, domain: &str) -> Result<SettingsPage, Problem> {
    let actor = visit.actor()?;
    let rows = dkim::list(&api.app.db, actor, None, 1_000).await?;
    let row = |k: &DkimKey| KeyRow::new(visit.locale, visit.now, k, actor);
    Ok(SettingsPage {
        tabs: tabs(actor, "dkim"),
        dkim: Some(Keys { rows: rows.iter().map(row).collect(), domain: domain.to_owned() }),
        ..SettingsPage::default()
    })
}

/// `POST /dashboard/settings/dkim`: makes a key for a domain.
///
/// # Errors
/// 401, 403; a refusal shows the page.
pub async fn make_key(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let domain = form.get("domain").trim().to_owned();
    let new = NewKey { domain: domain.clone(), ..NewKey::default() };
    match dkim::add(&api.app, visit.actor()?, new).await {
        Ok(_) => Ok(Redirect::to("/dashboard/settings/dkim?did=dkim").into_response()),
        Err(Why::Denied(e)) => Err(e.into()),
        Err(e) => {
            let problem: Problem = e.into();
            let status = problem.shown().http_status();
            let refused = Some(error::refused(visit.locale, problem.shown(), |_| Some("domain")));
            let page = SettingsPage { refused, ..keys_page(&api, &visit, &domain).await? };
            Ok(shown(&visit, &page, status))
        }
    }
}

/// `POST /dashboard/settings/dkim/{id}/retire`
///
/// # Errors
/// 401, 403, 404 `dkim_key_not_found`.
pub async fn retire_key(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<DkimKeyId>,
    _: FormData,
) -> Result<Response, Problem> {
    dkim::retire(&api.app, visit.actor()?, id).await?;
    Ok(Redirect::to("/dashboard/settings/dkim?did=dkim-retire").into_response())
}

/// `GET /dashboard/settings/fetching`
///
/// # Errors
/// 401, 403 without `support.mailboxes.manage`.
pub async fn fetching(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let rows = imap_accounts::list(&api.app, actor, None, 1_000, 0).await?;
    let page = SettingsPage {
        tabs: tabs(actor, "fetching"),
        fetched: Some(Fetched { rows: rows.iter().map(|a| FetchedRow::new(visit.locale, visit.now, a)).collect() }),
        done: mail::done(visit.locale, Some(&params.did)),
        ..SettingsPage::default()
    };
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /dashboard/settings/fetching/{id}/reconcile`
///
/// # Errors
/// 401, 403, 404 `imap_account_not_found`.
pub async fn reconcile(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<ImapAccountId>,
    _: FormData,
) -> Result<Response, Problem> {
    imap_accounts::ask_reconcile(&api.app, visit.actor()?, id).await?;
    Ok(Redirect::to("/dashboard/settings/fetching?did=reconcile").into_response())
}
