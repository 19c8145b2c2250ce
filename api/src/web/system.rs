//! The system page: versions, migrations, how long answers take, and the doctor's findings, which are looked for when
//! somebody asks (UI 7).

use super::format::{self, Now, When};
use super::reader::Visit;
use super::render::{self, Page};
use super::settings::{self, Tab};
use crate::Api;
use crate::json::system::{PATIENCE, ms};
use crate::ops::latency::{self, Latency};
use crate::problem::Problem;
use crate::web::form_data::FormData;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use shared::doctor::Finding;
use shared::i18n::{self, Locale};
use shared::system::{self, Checked};

/// Where the page is.
const HERE: &str = "/dashboard/system";
/// A page that takes longer than this is over its budget (UI 1), in milliseconds.
const BUDGET_MS: f64 = 30.0;

/// `system.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct SystemPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The program's version.
    pub version: String,
    /// The database's kind and version.
    pub database: String,
    /// Since when this process runs.
    pub started: Option<When>,
    /// The newest migration: `0022 previews`.
    pub schema: String,
    /// All migrations, oldest first.
    pub migrations: Vec<String>,
    /// What is wrong at this moment, in words; empty: nothing.
    pub complaints: Vec<String>,
    /// The doctor looks at this moment.
    pub running: bool,
    /// When the doctor last looked.
    pub looked: Option<When>,
    /// How long that took.
    pub took: String,
    /// Why the doctor could not look.
    pub error: Option<String>,
    /// What was found.
    pub findings: Vec<FindingLine>,
    /// How long answers take.
    pub latencies: Vec<LatencyLine>,
}

/// One promise.
#[derive(Debug, Clone, Serialize)]
pub struct FindingLine {
    /// What should hold, in words.
    pub claim: String,
    /// Whether it does.
    pub ok: bool,
    /// How many rows were looked at.
    pub rows: String,
    /// What is wrong, and where.
    pub faults: Vec<String>,
}

/// One route.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyLine {
    /// Method and pattern.
    pub route: String,
    /// How many answers.
    pub count: String,
    /// Half of them, in milliseconds.
    pub p50: String,
    /// 95 of a hundred.
    pub p95: String,
    /// A page over its budget.
    pub slow: bool,
}

/// `GET /dashboard/system`
///
/// # Errors
/// 401, 403 for all but platform users with `support.settings.manage`.
pub async fn show(State(api): State<Api>, visit: Visit) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let (locale, now) = (visit.locale, visit.now);
    let about = system::about(&api.app, actor).await?;
    let name = |(version, name): &(i64, String)| format!("{version:04} {name}");
    let mut page = SystemPage {
        tabs: settings::tabs(actor, "system"),
        version: about.version.to_owned(),
        database: about.database,
        started: Some(When::new(locale, api.started_at, now)),
        schema: about.migrations.last().map(name).unwrap_or_default(),
        migrations: about.migrations.iter().map(name).collect(),
        complaints: about.health.complaints().into_iter().map(|c| i18n::word(locale, "ready", c)).collect(),
        running: api.checkup.is_running(),
        latencies: latency::all().into_iter().map(|l| LatencyLine::new(locale, l)).collect(),
        ..SystemPage::default()
    };
    if let Some(checked) = api.checkup.last() {
        page.set_checked(locale, now, checked);
    }
    Ok(render::page(StatusCode::OK, &visit.shell("settings"), &page))
}

/// `POST /dashboard/system/doctor`
///
/// # Errors
/// As [`show`].
pub async fn look(State(api): State<Api>, visit: Visit, _: FormData) -> Result<Response, Problem> {
    api.checkup.look(&api.app, visit.actor()?, PATIENCE).await?;
    Ok(Redirect::to(&format!("{HERE}#doctor")).into_response())
}

impl SystemPage {
    fn set_checked(&mut self, locale: Locale, now: Now, checked: Checked) {
        self.looked = Some(When::new(locale, checked.at, now));
        self.took = format!("{} ms", format::number(locale, checked.took.as_millis() as i64));
        match checked.findings {
            Ok(found) => self.findings = found.into_iter().map(|f| FindingLine::new(locale, f)).collect(),
            Err(why) => self.error = Some(why),
        }
    }
}

impl FindingLine {
    fn new(locale: Locale, finding: Finding) -> FindingLine {
        let fault = |f: &shared::doctor::Fault| {
            let more = if f.count > f.rows.len() as u64 { ", …" } else { "" };
            format!("{}: {} ({}{more})", f.what, f.count, f.rows.join(", "))
        };
        FindingLine {
            claim: i18n::word(locale, "promise", &(finding.invariant as u8).to_string()),
            ok: finding.is_ok(),
            rows: format::number(locale, finding.looked_at as i64),
            faults: finding.faults.iter().map(fault).collect(),
        }
    }
}

impl LatencyLine {
    fn new(locale: Locale, l: Latency) -> LatencyLine {
        let shown = |took| {
            let text = format!("{:.1}", ms(took));
            if locale == Locale::De { text.replace('.', ",") } else { text }
        };
        LatencyLine {
            slow: l.method == "GET" && !l.path.starts_with("/api/") && ms(l.p95) > BUDGET_MS,
            route: format!("{} {}", l.method, l.path),
            count: format::number(locale, l.count as i64),
            p50: shown(l.p50),
            p95: shown(l.p95),
        }
    }
}

impl Page for SystemPage {
    const TEMPLATE: &'static str = "system";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-system", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let page = SystemPage {
            tabs: settings::tabs(&shared::access::Actor::system(), "system"),
            version: "0.1.0".into(),
            database: "SQLite 3.51.3".into(),
            started: Some(at.clone()),
            schema: "0022 previews".into(),
            migrations: vec!["0001 create schema".into()],
            ..SystemPage::default()
        };
        let finding = |ok: bool| FindingLine {
            claim: "PIDs are gapless".into(),
            ok,
            rows: "7".into(),
            faults: if ok { vec![] } else { vec!["7 numbers are missing: 7 (tenant 70)".into()] },
        };
        let line = |slow| LatencyLine {
            route: "GET /dashboard/support".into(),
            count: "1,284".into(),
            p50: "3.2".into(),
            p95: "45.3".into(),
            slow,
        };
        vec![
            SystemPage {
                complaints: vec!["No worker was seen.".into()],
                looked: Some(at.clone()),
                took: "12 ms".into(),
                findings: vec![finding(true), finding(false)],
                latencies: vec![line(true), line(false)],
                ..page.clone()
            },
            SystemPage { looked: Some(at), error: Some("the database cannot be read".into()), ..page.clone() },
            SystemPage { running: true, ..page },
        ]
    }
}
