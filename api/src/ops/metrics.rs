//! `GET /metrics`: counters in Prometheus' text form.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use shared::app::App;
use shared::app::health::flow::{self, Flow};
use shared::clock::now;
use shared::imap_accounts;
use shared::mail_in::MailState;
use shared::mail_out::kinds::OutboxState;
use shared::store;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Seconds: from a cached answer to the time limit.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Starts counting for the process. A second call changes nothing.
///
/// # Errors
/// If the recorder cannot be built, which is a fault in the buckets.
pub fn start() -> Result<(), BuildError> {
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    // Fails only if another thread was first, whose recorder then counts.
    if metrics::set_global_recorder(recorder).is_ok() {
        let _ = HANDLE.set(handle);
    }
    Ok(())
}

/// The route's handler: what this process counted, and what the database says now.
pub async fn show(State(app): State<App>) -> Response {
    if let Err(e) = gauges(&app).await {
        tracing::warn!(error = &e as &dyn std::error::Error, "mail cannot be counted for the metrics");
    }
    let text = HANDLE.get().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Counting walks indexes from end to end: who asks more often is told the same again.
const COUNTED_FOR: Duration = Duration::from_secs(10);

static COUNTED: Mutex<Option<(Instant, Flow)>> = Mutex::const_new(None);

/// The tenants whose readers complained since this process began.
static TOLD: Mutex<BTreeSet<String>> = Mutex::const_new(BTreeSet::new());

/// Sets the gauges that any process can read from the database, whoever changes it.
async fn gauges(app: &App) -> Result<(), store::Error> {
    let mut counted = COUNTED.lock().await;
    let flow = match &*counted {
        Some((at, flow)) if at.elapsed() < COUNTED_FOR => flow.clone(),
        _ => {
            let flow = flow::flow(app).await?;
            *counted = Some((Instant::now(), flow.clone()));
            flow
        }
    };
    drop(counted);
    for state in MailState::ALL {
        let n = flow.inbound.iter().find(|(s, _)| s == state).map_or(0, |(_, n)| *n);
        metrics::gauge!("mail_inbound", "state" => state.as_str()).set(n as f64);
    }
    for state in OutboxState::ALL {
        let n = flow.outbox.iter().find(|(s, _)| s == state).map_or(0, |(_, n)| *n);
        metrics::gauge!("mail_outbox", "state" => state.as_str()).set(n as f64);
    }
    for door in shared::mail_in::Door::ALL {
        let lag = flow.door_lag_s.iter().find(|(d, _)| d == door).map_or(0, |(_, lag)| *lag);
        metrics::gauge!("mail_door_lag_seconds", "door" => door.as_str()).set(lag as f64);
    }
    for found in &flow.complaints {
        metrics::gauge!("mail_complaint_ratio", "tenant" => found.slug.clone()).set(found.share());
        metrics::gauge!("mail_complaint_alarm", "tenant" => found.slug.clone()).set(f64::from(found.is_alarm()));
    }
    // Whoever was told of before and is no more: a gauge keeps its last value else.
    let mut told = TOLD.lock().await;
    for slug in told.iter().filter(|slug| !flow.complaints.iter().any(|c| c.slug == **slug)) {
        metrics::gauge!("mail_complaint_ratio", "tenant" => slug.clone()).set(0.0);
        metrics::gauge!("mail_complaint_alarm", "tenant" => slug.clone()).set(0.0);
    }
    told.extend(flow.complaints.iter().map(|c| c.slug.clone()));
    drop(told);
    metrics::gauge!("mail_oldest_unsent_seconds").set(flow.oldest_unsent_s.unwrap_or(0) as f64);
    match shared::spool::backlog(&app.config.doors.spool) {
        Ok(found) => {
            metrics::gauge!("spool_waiting").set(found.waiting as f64);
            metrics::gauge!("spool_oldest_seconds").set(found.oldest_s.unwrap_or(0) as f64);
            metrics::gauge!("spool_stale_drafts").set(found.stale as f64);
        }
        Err(e) => tracing::warn!(error = %e, "the spool cannot be looked at for the metrics"),
    }
    let at = now();
    for account in imap_accounts::all(app).await?.iter().filter(|a| a.active) {
        let id = account.id.to_string();
        // An account that was never read whole lags since it was made.
        let lag = account.lag_s(at).unwrap_or_else(|| (at - account.created_at).num_seconds().max(0));
        metrics::gauge!("imap_lag_seconds", "account" => id.clone()).set(lag as f64);
        metrics::gauge!("imap_waiting", "account" => id.clone()).set(account.waiting as f64);
        metrics::gauge!("imap_given_up", "account" => id.clone()).set(account.given_up as f64);
        metrics::gauge!("imap_failures", "account" => id).set(account.failures as f64);
    }
    Ok(())
}
