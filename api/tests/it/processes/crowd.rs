//! Two servers, 32 clients, the same tickets in opposite order: nothing lost, nothing doubled, no deadlock that shows.

use super::run::{Installation, Process};
use crate::harness::Database;
use serde_json::json;
use std::collections::BTreeSet;

const TICKETS: usize = 4;
const CLIENTS: usize = 32;

fn opening(n: usize) -> String {
    format!(
        "From: c{n}@customer{n}.example\nTo: support@desk.example\nSubject: Case {n}\nMessage-ID: <open.{n}@customer{n}.example>\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\n\nOpening {n}\n"
    )
}

fn answer(client: usize, n: usize) -> String {
    format!(
        "From: c{n}@customer{n}.example\nTo: support@desk.example\nSubject: Re: Case {n}\n\
         Message-ID: <answer.{client}.{n}@customer{n}.example>\nIn-Reply-To: <open.{n}@customer{n}.example>\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\n\nAnswer {n} of {client}\n"
    )
}

#[tokio::test]
async fn thirty_two_clients_touch_the_same_tickets_in_opposite_order() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let place = Installation::new(database, &[]);
        let servers = [place.serve(&[]).await, place.serve(&[]).await];
        for n in 0..TICKETS {
            assert_eq!(servers[0].mail(&opening(n)).await["outcome"], "ticket_created");
        }
        let clients = (0..CLIENTS).map(|c| client(&servers[c % 2], c));
        let joined: Vec<String> = futures::future::join_all(clients).await.into_iter().flatten().collect();
        assert_eq!(joined.len(), CLIENTS * (TICKETS + 1));
        let token = servers[0].admin_token().await;
        let list = servers[1].request("GET", "/api/support/tickets?limit=200&sort=created_at").bearer(&token);
        let list = list.send().await.expect(200);
        let pids: BTreeSet<&str> =
            list["data"].as_array().expect("data").iter().filter_map(|t| t["pid"].as_str()).collect();
        assert_eq!(pids.len(), TICKETS + CLIENTS, "each client opened one more");
        for n in 0..TICKETS {
            let pid = pids.iter().nth(n).expect("the first tickets have the first numbers");
            let shown = servers[0]
                .request("GET", &format!("/api/support/tickets/{pid}"))
                .bearer(&token)
                .send()
                .await
                .expect(200);
            assert_eq!(shown["messages"].as_array().expect("messages").len(), 1 + CLIENTS, "{pid}");
        }
        for server in servers {
            server.terminate().await;
        }
        place.doctor().await;
        place.database.drop_it().await;
    }
}

/// Half of the clients go through the tickets forwards, half backwards; each opens one of its own on the way.
async fn client(server: &Process, c: usize) -> Vec<String> {
    let mut order: Vec<usize> = (0..TICKETS).collect();
    if c % 4 < 2 {
        order.reverse();
    }
    let mut outcomes = Vec::new();
    for n in order {
        let applied = server.mail(&answer(c, n)).await;
        assert_eq!(applied["outcome"], json!("message_added"), "{applied}");
        outcomes.push(applied["mail_id"].to_string());
    }
    let applied = server.mail(&opening(100 + c)).await;
    assert_eq!(applied["outcome"], json!("ticket_created"), "{applied}");
    outcomes.push(applied["mail_id"].to_string());
    outcomes
}
