//! lettre alone: the same mails rendered and handed over by its bare commands, on as many connections with
//! TCP_NODELAY, and nothing written down. One of the two limits of sending.

use crate::database::Database;
use crate::server;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use shared::app::App;
use shared::config::Config;
use shared::mail_out::build::{self, Material, RelayOffers};
use shared::mail_out::outbox::Claimed;
use shared::mail_out::render::Templates;
use shared::store::{Scope, sql};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::net::TcpStream;

/// Mails that wait in the outbox, with all that they say.
pub struct Mails {
    app: App,
    waiting: Vec<(Claimed, Material)>,
}

/// How many are looked up at once.
const BATCH: usize = 200;

impl Mails {
    /// Looks up the mails that wait in a database, without taking them from anybody.
    pub async fn waiting(database: &Database) -> Mails {
        let settings = server::settings(database);
        let lookup = |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        let app = App::start(Config::read(lookup).expect("the settings are right")).await.expect("the database opens");
        let mut rows: Vec<Claimed> =
            sql("SELECT id, tenant_id, kind, ticket_id, ticket_message_id, user_id, to_email, to_name, subject, message_id, \
                 envelope_from, letter, mime, mime_blob, attempts, maybes, created_at, '' AS lease_token FROM outbox \
                 WHERE state = 'queued' ORDER BY id")
            .all(&mut app.db.read(Scope::All))
            .await
            .expect("the outbox can be read");
        let mut waiting = Vec::with_capacity(rows.len());
        while !rows.is_empty() {
            let batch: Vec<Claimed> = rows.drain(..rows.len().min(BATCH)).collect();
            let material =
                build::load(&app.db, &app.keys, &app.config.base_url, &batch).await.expect("they can be looked up");
            waiting.extend(batch.into_iter().zip(material));
        }
        app.db.close().await;
        Mails { app, waiting }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the octets of one of them, as an example.
    pub async fn example(&self) -> Vec<u8> {
        let templates = Templates::load(None).expect("the templates are whole");
        let (row, material) = self.waiting.first().expect("mails wait");
        material
            .octets(&self.app, &templates, row, RelayOffers::default())
            .await
            .expect("it can be rendered")
            .bytes
            .to_vec()
    }

    /// Renders and sends all of them; returns how many went a second.
    pub async fn rate(self, sink: SocketAddr, connections: usize) -> f64 {
        let templates = Arc::new(Templates::load(None).expect("the templates are whole"));
        let n = self.waiting.len();
        let (mails, next) = (Arc::new(self), Arc::new(AtomicUsize::new(0)));
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(connect(sink).await);
        }
        let began = Instant::now();
        let tasks: Vec<_> = open
            .into_iter()
            .map(|mut connection| {
                let (mails, next, templates) = (mails.clone(), next.clone(), templates.clone());
                tokio::spawn(async move {
                    while let Some((row, material)) = mails.waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mime = material
                            .octets(&mails.app, &templates, row, RelayOffers::default())
                            .await
                            .expect("it can be rendered");
                        hand_over(&mut connection, row, &mime.bytes).await.expect("the sink takes it");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no sender panics");
        }
        n as f64 / began.elapsed().as_secs_f64()
    }
}

async fn connect(sink: SocketAddr) -> AsyncSmtpConnection {
    let tcp = TcpStream::connect(sink).await.expect("the sink listens");
    tcp.set_nodelay(true).expect("a TCP option");
    let hello = ClientId::Domain("bench.example".to_owned());
    AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &hello).await.expect("the sink greets")
}

async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    row: &Claimed,
    octets: &[u8],
) -> Result<(), lettre::transport::smtp::Error> {
    let from = row.envelope_from.parse().expect("our own address");
    let to = row.to_email.parse().expect("an address of the load");
    connection.command(Mail::new(Some(from), Vec::new())).await?;
    connection.command(Rcpt::new(to, Vec::new())).await?;
    connection.command(Data).await?;
    connection.message(octets).await?;
    Ok(())
}
