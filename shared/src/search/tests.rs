//! The same is found on both databases.

use super::query::Query;
use super::{index_some, people, rebuild, search};
use crate::access::{Actor, Capabilities, Role, Who};
use crate::app::App;
use crate::ids::{MessageId, TenantId, TicketId, UserId};
use crate::messages::{self, MessageKind, Post};
use crate::store::testing::{on_both_apps, seed};
use crate::store::{Scope, sql};
use crate::tickets::{self, Channel, Create, Filter, Patch, TicketRef};

const PEOPLE: &str = "
    INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) VALUES
        (7, 'ka', 'KA', 'organisation', 'KA', 'en', '{}', '2026-11-01T00:00:00+00:00');
    INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) VALUES
        (7, 'help@ka.example', 'help@ka.example', 'KA', '+', TRUE, '2026-11-01T00:00:00+00:00');
    INSERT INTO users (id, tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, updated_at) VALUES
        (1, NULL, 'boss@desk.example', 'boss@desk.example', 'Grete', 'admin', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
        (2, 1, 'Ada@customer.example', 'ada@customer.example', 'Ada Byron', 'customer', FALSE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
        (3, 7, 'karl@ka.example', 'karl@ka.example', 'Karl', 'admin', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00')";

fn actor(id: i64, tenant: Option<i64>, role: Role, email: &str) -> Actor {
    let who = Who {
        user: UserId(id),
        tenant: tenant.map(TenantId),
        role,
        member: role != Role::Customer,
        email: email.to_owned(),
        name: None,
        extra: Capabilities::default(),
        shares_tickets: false,
        agents_may_assign: false,
    };
    Actor::of(who, None, None)
}

fn boss() -> Actor {
    actor(1, None, Role::Admin, "boss@desk.example")
}

fn ada() -> Actor {
    actor(2, Some(1), Role::Customer, "ada@customer.example")
}

fn karl() -> Actor {
    actor(3, Some(7), Role::Admin, "karl@ka.example")
}

async fn open(app: &App, who: &Actor, subject: &str, body: &str) -> TicketId {
    let new = Create {
        tenant: None,
        subject: subject.to_owned(),
        sub_subject: None,
        body: body.to_owned(),
        category: None,
        priority: None,
        kind: None,
        requester: None,
        channel: Channel::Api,
        attachments: Vec::new(),
    };
    tickets::create(app, who, new).await.unwrap()
}

async fn say(app: &App, ticket: TicketId, kind: MessageKind, body: &str) {
    let post = Post { body: body.to_owned(), note: kind == MessageKind::Note, ..Post::default() };
    messages::post(app, &boss(), &TicketRef::Id(ticket), post).await.unwrap();
}

async fn index(app: &App) {
    while index_some(&app.db).await.unwrap() > 0 {}
}

/// The subjects of what is found, newest hit first.
async fn found(app: &App, who: &Actor, text: &str) -> Vec<String> {
    let found = search(app, who, &Query::parse(text).unwrap(), None, 50).await.unwrap();
    found.hits.into_iter().map(|h| h.ticket.ticket.subject).collect()
}

async fn listed(app: &App, who: &Actor, text: &str) -> Vec<String> {
    let filter = Filter { text: Some(text.to_owned()), ..Filter::default() };
    let (rows, _) = tickets::list(app, who, &filter, None, 50).await.unwrap();
    let mut subjects: Vec<String> = rows.into_iter().map(|v| v.ticket.subject).collect();
    subjects.sort();
    subjects
}

/// Who asks, for what, and which subjects come.
const CASES: &[(&str, &[&str])] = &[
    ("refund", &["Second order", "First order"]),
    ("REFUND -broken", &["Second order"]),
    ("\"refund please\"", &["First order"]),
    ("refun", &[]),
    ("refun*", &["Second order", "First order"]),
    ("grosse", &["First order"]),
    ("größe", &["First order"]),
    ("退款", &["中文"]),
    ("款", &["中文"]),
    ("subject:order", &["Second order", "First order"]),
    ("subject:refund", &[]),
    ("order refund", &["Second order", "First order"]),
    ("from:ada", &["中文", "Second order", "First order"]),
    ("from:boss@desk.example", &["Second order", "First order"]),
    ("from:boss parcel", &[]),
    ("to:customer.example hello", &["First order"]),
    ("whisper", &["Second order"]),
    ("-refund", &["中文", "Second order", "First order", "Ours"]),
    ("is:open refund", &["Second order", "First order"]),
    ("status:solved refund", &[]),
    ("assigned:me refund", &[]),
    ("has:attachment refund", &[]),
    ("after:2026-01 refund before:2000", &[]),
    ("in:trash refund", &[]),
    ("tenant:ka", &["Ours"]),
    ("tenant:ka refund", &[]),
    ("o'clock", &["Second order"]),
];

async fn stage(app: &App) {
    seed(&app.db, PEOPLE).await;
    open(app, &karl(), "Ours", "Nobody else's business").await;
    let first = open(app, &ada(), "First order", "Refund please: the Größe is broken").await;
    say(app, first, MessageKind::Reply, "Hello").await;
    let second = open(app, &ada(), "Second order", "A parcel at five o'clock, or a refund").await;
    say(app, second, MessageKind::Note, "whisper").await;
    open(app, &ada(), "中文", "我要退款").await;
}

#[tokio::test]
async fn the_same_is_found_on_both_databases() {
    on_both_apps(async |app| {
        stage(&app).await;
        assert!(found(&app, &boss(), "refund").await.is_empty(), "not indexed yet");
        index(&app).await;
        for (text, wanted) in CASES {
            assert_eq!(found(&app, &boss(), text).await, *wanted, "{text}, sqlite: {}", app.db.is_sqlite());
            let mut wanted = wanted.to_vec();
            wanted.sort_unstable();
            assert_eq!(listed(&app, &boss(), text).await, wanted, "list by {text}, sqlite: {}", app.db.is_sqlite());
        }
    })
    .await;
}

/// Nobody finds what they may not see: other tenants' tickets, others' tickets, notes.
#[tokio::test]
async fn the_wall_holds() {
    on_both_apps(async |app| {
        stage(&app).await;
        index(&app).await;
        assert_eq!(found(&app, &karl(), "business").await, ["Ours"]);
        for text in ["refund", "from:ada", "-business", "tenant:default", "subject:order"] {
            assert!(found(&app, &karl(), text).await.is_empty(), "{text}");
            assert!(listed(&app, &karl(), text).await.is_empty(), "{text}");
        }
        for text in ["whisper", "business", "tenant:ka"] {
            assert!(found(&app, &ada(), text).await.is_empty(), "{text}");
            assert!(listed(&app, &ada(), text).await.is_empty(), "{text}");
        }
        assert_eq!(found(&app, &ada(), "parcel").await, ["Second order"]);
        assert!(people(&app, &ada(), "boss").await.unwrap().is_empty());
        assert!(people(&app, &karl(), "ada").await.unwrap().is_empty());
        let names: Vec<String> = people(&app, &boss(), "ada").await.unwrap().into_iter().map(|p| p.email).collect();
        assert_eq!(names, ["Ada@customer.example"]);
    })
    .await;
}

/// What changes is found as it is now; a rebuild takes nothing away meanwhile.
#[tokio::test]
async fn the_index_follows_changes() {
    on_both_apps(async |app| {
        stage(&app).await;
        index(&app).await;
        let ticket = TicketRef::Id(TicketId(2));
        let patch = Patch { subject: Some("Renamed".to_owned()), ..Patch::default() };
        tickets::update(&app, &boss(), &ticket, patch, None).await.unwrap();
        index(&app).await;
        assert_eq!(found(&app, &boss(), "subject:renamed").await, ["Renamed"]);
        assert_eq!(found(&app, &boss(), "subject:first").await, Vec::<String>::new());

        let mut tx = app.db.write(Scope::All).await.unwrap();
        let redacted =
            sql("UPDATE ticket_messages SET body = 'gone', visible_text = 'gone' WHERE body LIKE '%parcel%'");
        assert_eq!(redacted.exec(&mut tx).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert!(rebuild(&app.db).await.unwrap() >= 6);
        assert_eq!(found(&app, &boss(), "退款").await, ["中文"], "still found while it waits");
        index(&app).await;
        assert!(found(&app, &boss(), "parcel").await.is_empty());
        assert_eq!(found(&app, &boss(), "gone").await, ["Second order"]);
        assert_eq!(index_some(&app.db).await.unwrap(), 0);
    })
    .await;
}

/// Every ticket once, whatever the size of a page, and the piece that shows why.
#[tokio::test]
async fn pages_have_each_ticket_once() {
    on_both_apps(async |app| {
        seed(&app.db, PEOPLE).await;
        let mut wanted = Vec::new();
        let mut ids = Vec::new();
        for n in 0..7 {
            ids.push(open(&app, &ada(), &format!("T{n}"), "a needle here").await);
        }
        for round in 0..3 {
            for (n, id) in ids.iter().enumerate().filter(|(n, _)| n % 3 == round) {
                say(&app, *id, MessageKind::Reply, &format!("needle {round}")).await;
                wanted.insert(0, format!("T{n}"));
            }
        }
        index(&app).await;
        for limit in [1, 2, 3, 10] {
            let (mut got, mut before): (Vec<String>, Option<MessageId>) = (Vec::new(), None);
            loop {
                let page = search(&app, &boss(), &Query::parse("needle").unwrap(), before, limit).await.unwrap();
                assert!(page.hits.iter().all(|h| h.snippet.iter().any(|p| p.is_match && p.text == "needle")));
                got.extend(page.hits.into_iter().map(|h| h.ticket.ticket.subject));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(got, wanted, "{limit} at a time");
        }
    })
    .await;
}
