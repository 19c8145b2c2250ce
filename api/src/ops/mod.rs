//! Operations: is it alive, is it ready, how much of everything.

pub mod latency;
pub mod metrics;
mod queue;

use crate::problem::chain;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use shared::app::App;
use shared::app::health;

/// `GET /healthz`: the process answers. Asks nobody else, so that a slow database gets no server killed.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: database, queue, worker, oldest unsent mail; 503 names what is wrong.
pub async fn readyz(State(app): State<App>) -> Response {
    let (health, queue) = tokio::join!(health::check(&app.db), queue::check(app.config.redis_url.as_ref()));
    let mut wrong: Vec<&str> = Vec::new();
    if let Err(why) = queue {
        // The outbox waits in the database, so mail is late at worst; still nobody should send traffic here first.
        tracing::warn!(error = why, "the queue does not answer");
        wrong.push("queue_unreachable");
    }
    let body = match &health {
        Ok(h) => {
            wrong.extend(h.complaints());
            json!({
                "ready": wrong.is_empty(),
                "reasons": wrong,
                "database_ms": h.database_ms,
                "worker_seen_s": h.worker_seen_s,
                "oldest_unsent_s": h.oldest_unsent_s,
                "oldest_undecided_s": h.oldest_undecided_s,
                "imap": imap(&app).await,
            })
        }
        Err(e) => {
            tracing::warn!(error = chain(e), "the database does not answer");
            wrong.insert(0, "database_unreachable");
            json!({"ready": false, "reasons": wrong})
        }
    };
    if wrong.is_empty() {
        Json(body).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], Json(body)).into_response()
    }
}

/// How fetched mailboxes are, without their names. A mailbox that cannot be fetched is no reason to send browsers
/// elsewhere, so it is told and no complaint.
async fn imap(app: &App) -> serde_json::Value {
    let now = shared::clock::now();
    let accounts = shared::imap_accounts::all(app).await.unwrap_or_default();
    let one = |a: &shared::imap_accounts::ImapAccount| json!({"id": a.id, "state": a.state(), "lag_s": a.lag_s(now), "waiting": a.waiting, "given_up": a.given_up});
    accounts.iter().map(one).collect()
}
