//! What happens in one process is heard of by the pages of another: by Redis, by PostgreSQL without it, and by looking
//! where neither is there.

use super::run::{DESK, Installation};
use crate::harness::Database;
use serde_json::json;

#[tokio::test]
async fn a_page_of_one_server_hears_of_mail_at_another() {
    let redis = std::env::var("TEST_REDIS_URL").ok();
    let with_redis: Vec<(&str, &str)> = redis.iter().map(|url| ("REDIS_URL", url.as_str())).collect();
    let places = [
        (Some(Database::sqlite()), Vec::new()),
        (Database::postgres().await, Vec::new()),
        (Database::postgres().await, with_redis),
    ];
    for (database, settings) in places {
        let Some(database) = database else { continue };
        let place = Installation::new(database, &settings);
        let servers = [place.serve(&[]).await, place.serve(&[]).await];
        let token = servers[1].admin_token().await;
        let mut page = servers[1].request("GET", "/api/events/stream").bearer(&token).listen().await;
        let mail = format!("From: ann@example.com\nTo: {DESK}\nSubject: Printer on fire\n\nHelp.\n");
        let pid = servers[0].mail(&mail).await["pid"].clone();
        assert_eq!(page.change().await, (pid.as_str().expect("a ticket").to_owned(), "CREATED".to_owned()));

        let pid = pid.as_str().expect("a ticket");
        let mut at_ticket =
            servers[1].request("GET", &format!("/api/events/stream?ticket={pid}")).bearer(&token).listen().await;
        let body =
            json!({"email": "mara@desk.example", "name": "Mara", "role": "agent", "password": "a password for tests"});
        let mara = servers[0].request("POST", "/api/users").bearer(&token).json(body).send().await.expect(201);
        let token = servers[0].token_of("mara@desk.example", "a password for tests").await;
        let beat = format!("/api/support/tickets/{pid}/presence");
        servers[0].request("POST", &beat).bearer(&token).json(json!({})).send().await.expect(200);
        // Presence is only ever a hint: on SQLite nothing carries it from one process to another.
        if !place.database.url.starts_with("sqlite") {
            let told = at_ticket.viewers().await;
            assert_eq!(told, json!([{"id": mara["id"], "name": "Mara", "typing": false}]));
        }
        for server in servers {
            server.terminate().await;
        }
        place.database.drop_it().await;
    }
}
