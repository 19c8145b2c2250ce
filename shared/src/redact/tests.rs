//! What is taken out is nowhere any more, and the rest stands: on both databases.

use super::{Redaction, redact};
use crate::access::Actor;
use crate::app::App;
use crate::attachments;
use crate::doctor::{self, Depth};
use crate::drafts;
use crate::ids::{AttachmentId, MessageId, TicketId};
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Applied, Arrival, Door, Ingest, replay};
use crate::messages::{self, MessageKind, Post};
use crate::search::{self, query::Query};
use crate::store::testing::{on_both_apps, seed};
use crate::store::{Scope, sql};
use crate::tickets::{Error, TicketRef};
use bytes::Bytes;

/// The words, in three ways that people write them.
const SECRET: &str = "hunter2 Zwiebel";

async fn take(app: &App, raw: &str) -> Applied {
    let raw = Bytes::from(raw.replace('\n', "\r\n"));
    let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
    mail_in::receive(app, &Ingest::start(app.clone()), arrival).await.expect("it is received")
}

fn mail() -> &'static str {
    "From: Ada <ada@c.example>\nTo: support@desk.example\nSubject: My hunter2 Zwiebel\nMessage-ID: <1@c.example>\n\
     MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n\
     --c\n\nThe password is hunter2\nZwiebel, thanks.\n--c\nContent-Type: text/html\n\n\
     <p>The password is <b>hunter2</b> Zwiebel, thanks.</p>\n--c--\n--b\nContent-Type: application/pdf\n\
     Content-Disposition: attachment; filename=key.pdf\n\n%PDF-1.4 key\n--b--\n"
}

fn agent() -> Actor {
    use crate::access::{Capabilities, Role, Who};
    let who = Who {
        user: crate::ids::UserId(900),
        tenant: None,
        role: Role::Admin,
        member: true,
        email: "grete@desk.example".to_owned(),
        name: Some("Grete".to_owned()),
        extra: Capabilities::default(),
        shares_tickets: false,
        agents_may_assign: false,
    };
    Actor::of(who, None, None)
}

/// Ada's mail, an agent's answer that quotes it, a note, and a draft: all say the words.
async fn stage(app: &App) -> (TicketId, MessageId) {
    seed(
        &app.db,
        "INSERT INTO users (id, tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, updated_at) VALUES
            (900, NULL, 'grete@desk.example', 'grete@desk.example', 'Grete', 'admin', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00')",
    )
    .await;
    let came = take(app, mail()).await;
    let (id, message) = (came.ticket_id.expect("a ticket"), came.ticket_message_id.expect("a message"));
    let which = TicketRef::Id(id);
    let post = |body: &str, note| Post { body: body.to_owned(), note, undo_seconds: 60, ..Post::default() };
    messages::post(app, &agent(), &which, post("Do not send *Hunter2 zwiebel* by mail.", false))
        .await
        .expect("a reply");
    messages::post(app, &agent(), &which, post("A Zwiebel alone is no secret.", true)).await.expect("a note");
    messages::post(app, &agent(), &which, post("hunter2   zwiebel works", true)).await.expect("a note");
    drafts::save(app, &agent(), &which, MessageKind::Reply, "About hunter2 Zwiebel").await.expect("a draft");
    index(app).await;
    (id, message)
}

fn what(message: MessageId, words: &[&str], files: &[AttachmentId]) -> Redaction {
    let words = words.iter().map(|w| (*w).to_owned()).collect();
    Redaction { message, words, files: files.to_vec(), expected_version: None }
}

async fn index(app: &App) {
    while search::index_some(&app.db).await.expect("it is indexed") > 0 {}
}

async fn hits(app: &App, text: &str) -> usize {
    let query = Query::parse(text).expect("it can be asked");
    search::search(app, &agent(), &query, None, 10).await.expect("it searches").hits.len()
}

/// Where the words still stand.
async fn leftovers(app: &App) -> Vec<String> {
    let places: &[&'static str] = &[
        "SELECT subject || snippet FROM tickets",
        "SELECT body || COALESCE(body_html, '') || visible_text || COALESCE(mail_view, '') FROM ticket_messages",
        "SELECT COALESCE(subject, '') || trace FROM inbound_mails",
        "SELECT subject || letter FROM outbox",
        "SELECT content FROM event_values",
        "SELECT data FROM ticket_events",
        "SELECT body FROM drafts",
    ];
    let mut found = Vec::new();
    for place in places {
        let rows: Vec<(String,)> = sql(place).all(&mut app.db.read(Scope::All)).await.expect("it reads");
        for (text,) in rows.into_iter().filter(|(text,)| text.to_lowercase().contains("hunter2")) {
            found.push(format!("{place}: {text}"));
        }
    }
    found
}

async fn count(app: &App, text: &'static str) -> i64 {
    let (n,): (i64,) = sql(text).one(&mut app.db.read(Scope::All)).await.expect("a number");
    n
}

#[tokio::test]
async fn words_are_gone_from_wherever_they_were_repeated() {
    on_both_apps(async |app| {
        let (id, message) = stage(&app).await;
        let which = TicketRef::Id(id);
        let asked = what(message, &[SECRET], &[]);
        let done = redact(&app, &agent(), &which, asked.clone()).await.expect("it is taken out");
        assert_eq!((done.messages, done.mails, done.files), (3, 1, 0), "{done:?}");
        assert!(done.outgoing >= 2, "the acknowledgement's subject, and the reply: {done:?}");
        assert_eq!(leftovers(&app).await, Vec::<String>::new());
        let m = messages::get(&app, &agent(), id, message).await.expect("it stands");
        assert_eq!((m.body.trim(), m.body_html), ("The password is █████, thanks.", None));

        // The octets are gone, and nothing brings them back.
        assert_eq!(count(&app, "SELECT COUNT(*) FROM raw_mails").await, 0);
        let mail_id = m.mail_id.expect("a mail");
        assert!(replay::replay(&app, &Ingest::start(app.clone()), mail_id, replay::Mode::ApplyView).await.is_err());
        assert_eq!(take(&app, mail()).await.ticket_id, Some(id), "the same mail again is a repeat");
        // Its file stays.
        let files = attachments::of_messages(&mut app.db.read(Scope::All), &[message]).await.expect("files");
        assert!(files[0].sha256.is_some());
        // Nothing finds them, before and after workers index what is left.
        for _ in 0..2 {
            assert_eq!(hits(&app, "hunter2").await, 0);
            index(&app).await;
        }
        assert_eq!(hits(&app, "password").await, 1);
        // The timeline says who, when, and how much.
        let (data, by): (String, Option<i64>) = sql("SELECT data, actor_id FROM ticket_events WHERE kind = 'REDACTED'")
            .one(&mut app.db.read(Scope::All))
            .await
            .expect("one event");
        assert!(by == Some(900) && data.contains(r#""text":true"#) && !data.contains("unter2"), "{data}");
        let findings = doctor::run(&app, Depth::Full).await.expect("it looks");
        let bad: Vec<_> = findings.iter().filter(|f| !f.is_ok()).collect();
        assert!(bad.is_empty(), "{bad:?}");
        // A second time there is nothing.
        assert_eq!(code(redact(&app, &agent(), &which, asked).await), "words_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_file_is_gone_with_the_mail_that_brought_it() {
    on_both_apps(async |app| {
        let (id, message) = stage(&app).await;
        let files = attachments::of_messages(&mut app.db.read(Scope::All), &[message]).await.expect("files");
        let asked = what(message, &[], &[files[0].id]);
        let done = redact(&app, &agent(), &TicketRef::Id(id), asked.clone()).await.expect("it is taken out");
        assert_eq!((done.messages, done.mails, done.files), (0, 1, 1), "{done:?}");
        assert!(attachments::get(&app, &agent(), files[0].id).await.is_err());
        assert_eq!(count(&app, "SELECT COUNT(*) FROM blobs").await, 0);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM raw_mails").await, 0);
        let m = messages::get(&app, &agent(), id, message).await.expect("it stands");
        assert!(m.body.contains("hunter2"), "its text stands");
        assert_eq!(code(redact(&app, &agent(), &TicketRef::Id(id), asked).await), "attachment_unknown");
    })
    .await;
}

fn code(done: Result<super::Redacted, Error>) -> &'static str {
    match done {
        Err(Error::Invalid { code, .. }) => code,
        Err(Error::InFlight) => "in_flight",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_taken_out_whole_stays_whole() {
    on_both_apps(async |app| {
        let (id, message) = stage(&app).await;
        let which = TicketRef::Id(id);
        let ask = async |message, words: &[&str], files: &[i64]| {
            let files: Vec<AttachmentId> = files.iter().map(|id| AttachmentId(*id)).collect();
            code(redact(&app, &agent(), &which, what(message, words, &files)).await)
        };
        let before = leftovers(&app).await.len();
        assert_eq!(ask(message, &[], &[]).await, "required");
        assert_eq!(ask(message, &["ab"], &[]).await, "too_short");
        assert_eq!(ask(message, &["not there"], &[]).await, "words_not_found");
        assert_eq!(ask(MessageId(999), &[SECRET], &[]).await, "message_unknown");
        assert_eq!(ask(message, &[SECRET], &[999]).await, "attachment_unknown");
        // In the reply marks stand among them.
        assert_eq!(ask(message, &["The password", "send Hunter2 zwiebel"], &[]).await, "words_divided");
        seed(&app.db, "UPDATE outbox SET state = 'sending', lease_token = 't', due_at = NULL, lease_until = '2099-01-01T00:00:00+00:00'").await;
        assert_eq!(ask(message, &[SECRET], &[]).await, "in_flight");
        assert_eq!(leftovers(&app).await.len(), before, "nothing changed");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'REDACTED'").await, 0);
    })
    .await;
}
