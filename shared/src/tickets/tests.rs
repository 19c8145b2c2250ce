//! Tickets by API and page: on both databases.

use super::*;
use crate::access::{Capabilities, Role, Who};
use crate::ids::UserId;
use crate::messages::{self, Post};
use crate::store::testing::{on_both_apps, seed};
use crate::store::{Scope, sql};

const USERS: &str = "
    INSERT INTO users (id, tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, updated_at) VALUES
        (1, NULL, 'agent@desk.example', 'agent@desk.example', 'Grete', 'admin', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
        (2, 1, 'ada@customer.example', 'ada@customer.example', 'Ada', 'customer', FALSE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
        (3, 1, 'bob@customer.example', 'bob@customer.example', 'Bob', 'customer', FALSE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
        (4, 1, 'helper@desk.example', 'helper@desk.example', 'Hans', 'agent', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00')";

fn actor(id: i64, tenant: Option<i64>, role: Role, email: &str, name: &str) -> Actor {
    let who = Who {
        user: UserId(id),
        tenant: tenant.map(TenantId),
        role,
        member: role != Role::Customer,
        email: email.to_owned(),
        name: Some(name.to_owned()),
        extra: Capabilities::default(),
        shares_tickets: false,
        agents_may_assign: false,
    };
    Actor::of(who, None, None)
}

fn admin() -> Actor {
    actor(1, None, Role::Admin, "agent@desk.example", "Grete")
}

fn ada() -> Actor {
    actor(2, Some(1), Role::Customer, "ada@customer.example", "Ada")
}

fn bob() -> Actor {
    actor(3, Some(1), Role::Customer, "bob@customer.example", "Bob")
}

fn new(subject: &str) -> Create {
    Create {
        tenant: None,
        subject: subject.to_owned(),
        sub_subject: None,
        body: format!("{subject}, please help"),
        category: None,
        priority: None,
        kind: None,
        requester: None,
        channel: Channel::Api,
        attachments: Vec::new(),
    }
}

fn reply(body: &str) -> Post {
    Post { body: body.to_owned(), ..Post::default() }
}

async fn text(app: &App, q: &'static str) -> String {
    let (found,): (String,) = sql(q).one(&mut app.db.read(Scope::All)).await.expect("one row");
    found
}

#[tokio::test]
async fn a_ticket_is_opened_answered_and_seen_by_whom_it_concerns() {
    on_both_apps(async |app| {
        seed(&app.db, USERS).await;
        let id = create(&app, &ada(), new("Broken")).await.unwrap();
        let which = TicketRef::Id(id);
        let seen = view(&app, &ada(), &which).await.unwrap();
        assert!(seen.ticket.pid.ends_with("-0001"));
        assert_eq!(seen.ticket.status, Status::New);
        assert!(
            matches!(view(&app, &bob(), &which).await, Err(Error::NotFound)),
            "another customer's ticket is not there"
        );
        assert!(matches!(set_status(&app, &ada(), &which, Status::Solved, None, None).await, Err(Error::Denied(_))));
        let posted = messages::post(&app, &admin(), &which, reply("Try again")).await.unwrap();
        messages::post(&app, &admin(), &which, Post { note: true, ..reply("secret") }).await.unwrap();
        let answered = view(&app, &admin(), &TicketRef::Pid(seen.ticket.pid.clone())).await.unwrap();
        assert_eq!(answered.ticket.status, Status::InProgress);
        assert!(answered.ticket.first_response_at.is_some());
        assert_eq!(answered.ticket.snippet, "Try again", "a note is no snippet");
        assert_eq!(messages::page(&app, &admin(), &which, None, 10).await.unwrap().messages.len(), 3);
        let page = messages::page(&app, &ada(), &which, None, 10).await.unwrap();
        assert_eq!(
            page.messages.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(),
            ["Broken, please help", "Try again"]
        );
        assert_eq!(page.messages[1].id, posted);
        assert_eq!(text(&app, "SELECT to_email FROM outbox WHERE kind = 'reply'").await, "ada@customer.example");
        let seqs: Vec<i64> =
            events(&app, &admin(), &which, 0, 100).await.unwrap().iter().map(|e| e.event.seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
        assert!(
            events(&app, &ada(), &which, 0, 100).await.unwrap().len() < seqs.len(),
            "notes leave no trace for customers"
        );
    })
    .await;
}

#[tokio::test]
async fn a_stale_look_is_refused_only_where_something_conflicts() {
    on_both_apps(async |app| {
        seed(&app.db, USERS).await;
        let which = TicketRef::Id(create(&app, &ada(), new("Broken")).await.unwrap());
        let version = view(&app, &admin(), &which).await.unwrap().ticket.version;
        let patch = Patch { tags: Some(vec!["vip".into(), "eu".into()]), ..Patch::default() };
        update(&app, &admin(), &which, patch, Some(version)).await.unwrap();
        messages::post(&app, &ada(), &which, reply("And another thing")).await.unwrap();
        let stale =
            messages::post(&app, &admin(), &which, Post { expected_version: Some(version), ..reply("x") }).await;
        let Err(Error::Stale { since, .. }) = stale else { panic!("{stale:?}") };
        assert!(since.iter().any(|e| e.kind == crate::events::EventKind::MessageAdded));
        assert_eq!(view(&app, &admin(), &which).await.unwrap().tags, ["eu", "vip"]);
    })
    .await;
}

#[tokio::test]
async fn a_held_reply_can_be_taken_back_and_leaves_no_mark() {
    on_both_apps(async |app| {
        seed(&app.db, USERS).await;
        let which = TicketRef::Id(create(&app, &ada(), new("Broken")).await.unwrap());
        let held = Post { undo_seconds: 60, status_after: Some(Status::WaitingOnCustomer), ..reply("Oops") };
        let id = messages::post(&app, &admin(), &which, held).await.unwrap();
        assert_eq!(view(&app, &admin(), &which).await.unwrap().ticket.status, Status::WaitingOnCustomer);
        messages::withdraw(&app, &admin(), &which, id).await.unwrap();
        let after = view(&app, &admin(), &which).await.unwrap().ticket;
        assert_eq!((after.status, after.first_response_at), (Status::New, None));
        assert_eq!(text(&app, "SELECT state FROM outbox WHERE kind = 'reply'").await, "cancelled");
        assert!(matches!(messages::withdraw(&app, &admin(), &which, id).await, Err(Error::TooLate)));
    })
    .await;
}

#[tokio::test]
async fn lists_page_without_gaps_in_every_order() {
    on_both_apps(async |app| {
        seed(&app.db, USERS).await;
        for i in 0..23 {
            let who = if i % 3 == 0 { bob() } else { ada() };
            let which = TicketRef::Id(create(&app, &who, new(&format!("S{i}"))).await.unwrap());
            set_priority(&app, &admin(), &which, Priority::ALL[i % 4], None).await.unwrap();
        }
        for sort in ["created_at", "-created_at", "updated_at", "-last_activity_at", "-priority", "priority", "status"]
        {
            let filter = Filter { sort: sort.parse().unwrap(), ..Filter::default() };
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let (rows, next) = list(&app, &admin(), &filter, after.as_ref(), 5).await.unwrap();
                seen.extend(rows.iter().map(|r| r.ticket.id));
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
            assert_eq!((seen.len(), distinct.len()), (23, 23), "{sort}");
        }
        let open = Filter { status: Some(StatusFilter::Open), priority: vec![Priority::High], ..Filter::default() };
        assert_eq!(count(&app, &admin(), &open, 1000).await.unwrap(), 6);
        assert_eq!(list(&app, &bob(), &Filter::default(), None, 50).await.unwrap().0.len(), 8);
        let one = Filter { text: Some("s1".into()), ..Filter::default() };
        assert_eq!(list(&app, &admin(), &one, None, 50).await.unwrap().0.len(), 11);
    })
    .await;
}

#[tokio::test]
async fn a_list_knows_of_files_and_of_mail_that_failed() {
    on_both_apps(async |app| {
        seed(&app.db, USERS).await;
        let mut ids = Vec::new();
        for subject in ["Plain", "File", "Picture in the text", "Failed"] {
            let id = create(&app, &ada(), new(subject)).await.unwrap();
            messages::post(&app, &admin(), &TicketRef::Id(id), reply("Yes")).await.unwrap();
            ids.push(id);
        }
        for (ticket, inline) in [(ids[1], "FALSE"), (ids[2], "TRUE")] {
            let insert = format!(
                "INSERT INTO attachments (id, tenant_id, ticket_id, ticket_message_id, filename, content_type, \
                 size_bytes, inline, created_at) SELECT {ticket}, tenant_id, ticket_id, MIN(id), 'a', 'image/png', 1, \
                 {inline}, '2026-11-01T00:00:00+00:00' FROM ticket_messages WHERE ticket_id = {ticket} \
                 GROUP BY tenant_id, ticket_id"
            );
            seed(&app.db, insert.leak()).await;
        }
        let failed = format!("UPDATE outbox SET state = 'dead', due_at = NULL WHERE ticket_id = {}", ids[3]);
        seed(&app.db, failed.leak()).await;
        let (rows, _) = list(&app, &admin(), &Filter::default(), None, 50).await.unwrap();
        let found = signs(&app, &admin(), &rows).await.unwrap();
        assert_eq!(found.files.into_iter().collect::<Vec<_>>(), [ids[1]]);
        assert_eq!(found.failed.into_iter().collect::<Vec<_>>(), [ids[3]]);
        assert!(signs(&app, &admin(), &[]).await.unwrap().files.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_closed_ticket_takes_no_message_of_its_requester() {
    on_both_apps(async |app| {
        seed(&app.db, USERS).await;
        let which = TicketRef::Id(create(&app, &ada(), new("Broken")).await.unwrap());
        assign(&app, &admin(), &which, Some(UserId(4)), None).await.unwrap();
        assert_eq!(view(&app, &admin(), &which).await.unwrap().ticket.status, Status::Triaged);
        assert_eq!(text(&app, "SELECT to_email FROM outbox WHERE kind = 'notice'").await, "helper@desk.example");
        close(&app, &ada(), &which, None).await.unwrap();
        assert!(matches!(messages::post(&app, &ada(), &which, reply("x")).await, Err(Error::Closed)));
        reopen(&app, &ada(), &which, None).await.unwrap();
        messages::post(&app, &ada(), &which, reply("x")).await.unwrap();
        let unknown = assign(&app, &admin(), &which, Some(UserId(2)), None).await;
        assert!(matches!(unknown, Err(Error::Invalid { field: "assigned_to", .. })));
    })
    .await;
}
