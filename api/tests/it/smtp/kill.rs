//! The process dies between its 250 and the decision.

use super::{DESK, client::Client, mail};
use crate::harness::Database;
use crate::processes::run::{Installation, eventually};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

/// E1.1, E10.1 (T01): what was answered with 250 is decided after a crash, once.
#[tokio::test]
async fn killed_after_250() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address").port()
        };
        let at = format!("127.0.0.1:{port}");
        let place = Installation::new(database, &[("POSTROOM_MAIL_FROM", DESK), ("POSTROOM_SMTP_LISTEN", &at)]);
        let mut doomed = place.serve(&[("POSTROOM_FAULT", "smtp_answered")]).await;
        let mut c = Client::tcp(SocketAddr::from(([127, 0, 0, 1], port))).await;
        c.expect("EHLO c", "250").await;
        assert!(c.deliver("ann@example.com", DESK, &mail("k")).await.starts_with("250 2.0.0"));
        let died = tokio::time::timeout(Duration::from_secs(20), doomed.child.wait()).await.expect("it dies");
        assert_eq!(died.expect("it died").signal(), Some(9));
        let server = place.serve(&[]).await;
        let token = server.admin_token().await;
        let m = eventually("the mail's ticket", Duration::from_secs(40), async || {
            let list = server.request("GET", "/api/mails").bearer(&token).send().await.expect(200);
            list["data"].as_array().expect("mails").iter().find(|m| m["state"] == "applied").cloned()
        })
        .await;
        assert_eq!(m["outcome"], "ticket_created", "{m}");
        let tickets = server.request("GET", "/api/support/tickets").bearer(&token).send().await.expect(200);
        assert_eq!(tickets["data"].as_array().expect("tickets").len(), 1);
        server.terminate().await;
        place.doctor().await;
        place.database.drop_it().await;
    }
}
