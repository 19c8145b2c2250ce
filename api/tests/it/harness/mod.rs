//! Starts the real server in this process, on port 0, with a fresh database of either kind.

mod database;
pub mod http;
pub mod people;

pub use database::Database;
pub use http::{Request, Response};
use shared::app::App;
use shared::config::Config;
use shared::mail_in::Ingest;
use shared::setup;
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::dispatch::{Counts, Dispatcher, Transport};

/// The inbound token of every test server.
pub const INBOUND_TOKEN: &str = "inbound-token-of-the-tests";

/// A PDF of one empty page, 200 × 100 points: poppler finds its way without a table.
pub const SMALL_PDF: &str = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
    2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n\
    3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n";

/// A running server.
pub struct Server {
    pub app: App,
    pub addr: SocketAddr,
    ingest: Ingest,
    dispatcher: Dispatcher,
    stop: CancellationToken,
    task: JoinHandle<Result<(), api::serve::Error>>,
    database: Database,
}

/// Runs `case` against a server on SQLite, and one on PostgreSQL if TEST_POSTGRES_URL names a server.
pub async fn on_both<F: Future<Output = Server>>(case: impl Fn(Server) -> F) {
    on_both_with(&[], case).await;
}

/// Runs `case` on SQLite alone: for what no database has to do with and takes long.
pub async fn on_sqlite<F: Future<Output = Server>>(case: impl Fn(Server) -> F) {
    case(Server::start(Database::sqlite(), &[]).await).await.stop().await;
}

/// The same with further settings.
pub async fn on_both_with<F: Future<Output = Server>>(settings: &[(&str, &str)], case: impl Fn(Server) -> F) {
    case(Server::start(Database::sqlite(), settings).await).await.stop().await;
    match Database::postgres().await {
        Some(database) => case(Server::start(database, settings).await).await.stop().await,
        None => println!("skipped on PostgreSQL: TEST_POSTGRES_URL is not set"),
    }
}

impl Server {
    async fn start(database: Database, settings: &[(&str, &str)]) -> Server {
        let folder = database.folder.path().display();
        let mut all = HashMap::from([
            ("DATABASE_URL", database.url.clone()),
            ("BLOB_URL", format!("file://{folder}/blobs")),
            ("POSTROOM_LISTEN", "127.0.0.1:0".to_owned()),
            ("POSTROOM_SECRET", "a secret for tests alone".to_owned()),
            ("POSTROOM_INBOUND_TOKEN", INBOUND_TOKEN.to_owned()),
            ("POSTROOM_WORKER", "off".to_owned()),
            ("POSTROOM_SPOOL", format!("{folder}/spool")),
        ]);
        all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let config = Config::read(|name| all.get(name).cloned()).expect("the tests' settings are right");
        api::ops::metrics::start().expect("the recorder starts");
        let listener = api::serve::bind(config.listen).expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let app = App::start(config.bound_to(addr)).await.expect("the application starts");
        setup::ensure(&app).await.expect("tenant, mailbox and admin are made");
        let server = api::Api::new(app.clone());
        let transport = Transport::from_config(&app.config).expect("the transport is fine");
        let dispatcher = Dispatcher::new(app.clone(), transport).expect("the templates are fine");
        let stop = CancellationToken::new();
        let task = tokio::spawn(api::serve::serve(server.clone(), listener, stop.clone()));
        Server { app, addr, ingest: server.ingest, dispatcher, stop, task, database }
    }

    /// Stops as SIGTERM does, and removes the database.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the server does not panic").expect("the server ends well");
        self.app.db.close().await;
        self.database.drop_it().await;
    }

    /// Does once what the worker does again and again: nothing waits, nothing sleeps.
    pub async fn drain(&self) -> Counts {
        worker::run_once(&self.dispatcher, &self.ingest).await.expect("the worker works")
    }

    /// What this process's doors hand their mail to.
    pub fn ingest(&self) -> &Ingest {
        &self.ingest
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.addr, method, path)
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }
}
