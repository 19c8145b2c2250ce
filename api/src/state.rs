//! What handlers work with: the application, and the loops that take mail in.

use axum::extract::FromRef;
use shared::app::App;
use shared::clock::{Time, now};
use shared::mail_in::Ingest;
use shared::system::Checkup;

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The application.
    pub app: App,
    /// Keeps and applies what comes in by this process's doors.
    pub ingest: Ingest,
    /// The doctor of this process.
    pub checkup: Checkup,
    /// Since when this process serves.
    pub started_at: Time,
}

impl Api {
    /// Starts the loops on the current runtime.
    pub fn new(app: App) -> Api {
        Api { ingest: Ingest::start(app.clone()), app, checkup: Checkup::default(), started_at: now() }
    }
}

impl FromRef<Api> for App {
    fn from_ref(api: &Api) -> App {
        api.app.clone()
    }
}
