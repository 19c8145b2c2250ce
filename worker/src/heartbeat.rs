//! Shows that this worker lives: `/readyz` and the operator look at it.

use std::time::Duration;

use shared::app::App;
use shared::housekeeping;
use tokio_util::sync::CancellationToken;

const BEAT: Duration = Duration::from_secs(5);

/// Writes the heartbeat until `stop`, then takes it away.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let name = name();
    loop {
        if let Err(e) = housekeeping::beat(&app.db, &name).await {
            tracing::warn!(error = &e as &dyn std::error::Error, "the heartbeat could not be written");
        }
        if stop.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_none() {
            break;
        }
    }
    if let Err(e) = housekeeping::leave(&app.db, &name).await {
        tracing::warn!(error = &e as &dyn std::error::Error, "the heartbeat could not be taken away");
    }
}

/// Host, process and chance: a name is never used twice.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}-{:08x}", host.trim(), std::process::id(), rand::random::<u32>())
}
