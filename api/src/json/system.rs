//! What runs here, as JSON: versions, migrations, health, how long answers take, and what the doctor found.

use super::Answer;
use super::input::json;
use crate::Api;
use crate::extract::Caller;
use crate::ops::latency::{self, Latency};
use crate::problem::Problem;
use axum::extract::State;
use serde::Serialize;
use shared::clock::Time;
use shared::doctor::Finding;
use shared::system::{self, Checked};
use std::time::Duration;

/// How long a request waits for the doctor; who asks again later is told the rest.
pub const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
struct SystemShape {
    version: &'static str,
    database: String,
    started_at: Time,
    migrations: Vec<MigrationShape>,
    ready: bool,
    reasons: Vec<&'static str>,
    latencies: Vec<LatencyShape>,
    doctor: DoctorShape,
}

#[derive(Debug, Serialize)]
struct MigrationShape {
    version: i64,
    name: String,
}

/// Times of this process since it began, in milliseconds; a quantile may be told up to a fifth too long.
#[derive(Debug, Serialize)]
struct LatencyShape {
    method: &'static str,
    route: &'static str,
    count: u64,
    p50_ms: f64,
    p95_ms: f64,
}

#[derive(Debug, Serialize)]
struct DoctorShape {
    running: bool,
    /// When it last looked, in this process; null before it did.
    looked_at: Option<Time>,
    took_ms: Option<u64>,
    /// Why it could not look.
    error: Option<String>,
    findings: Vec<FindingShape>,
}

#[derive(Debug, Serialize)]
struct FindingShape {
    number: u8,
    claim: &'static str,
    ok: bool,
    rows: u64,
    faults: Vec<FaultShape>,
}

#[derive(Debug, Serialize)]
struct FaultShape {
    what: &'static str,
    count: u64,
    rows: Vec<String>,
}

/// `GET /api/system`
///
/// # Errors
/// 401, 403 for all but platform users with `support.settings.manage`.
pub async fn show(State(api): State<Api>, caller: Caller) -> Answer {
    let about = system::about(&api.app, caller.actor()).await?;
    let reasons = about.health.complaints();
    Ok(axum::Json(json(SystemShape {
        version: about.version,
        database: about.database,
        started_at: api.started_at,
        migrations: about.migrations.into_iter().map(|(version, name)| MigrationShape { version, name }).collect(),
        ready: reasons.is_empty(),
        reasons,
        latencies: latency::all().into_iter().map(LatencyShape::from).collect(),
        doctor: doctor(&api),
    })))
}

/// `POST /api/system/doctor`: has the rows looked at; what takes longer than a few seconds goes on after the answer.
///
/// # Errors
/// As [`show`].
pub async fn look(State(api): State<Api>, caller: Caller) -> Answer {
    api.checkup.look(&api.app, caller.actor(), PATIENCE).await.map_err(Problem::from)?;
    Ok(axum::Json(json(doctor(&api))))
}

fn doctor(api: &Api) -> DoctorShape {
    let running = api.checkup.is_running();
    let Some(Checked { at, took, findings }) = api.checkup.last() else {
        return DoctorShape { running, looked_at: None, took_ms: None, error: None, findings: Vec::new() };
    };
    let (findings, error) = match findings {
        Ok(found) => (found.into_iter().map(FindingShape::from).collect(), None),
        Err(why) => (Vec::new(), Some(why)),
    };
    DoctorShape { running, looked_at: Some(at), took_ms: Some(took.as_millis() as u64), error, findings }
}

/// Milliseconds with two digits after the point.
pub fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e5).round() / 100.0
}

impl From<Latency> for LatencyShape {
    fn from(l: Latency) -> Self {
        LatencyShape { method: l.method, route: l.path, count: l.count, p50_ms: ms(l.p50), p95_ms: ms(l.p95) }
    }
}

impl From<Finding> for FindingShape {
    fn from(f: Finding) -> Self {
        let fault = |f: shared::doctor::Fault| FaultShape { what: f.what, count: f.count, rows: f.rows };
        FindingShape {
            number: f.invariant as u8,
            claim: f.invariant.claim(),
            ok: f.is_ok(),
            rows: f.looked_at,
            faults: f.faults.into_iter().map(fault).collect(),
        }
    }
}
