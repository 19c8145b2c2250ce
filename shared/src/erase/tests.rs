//! Erasing takes what was said from every place where it lay, and leaves rows, chain and PIDs whole: on both databases.

use super::{Forgotten, forget, person, remove_blobs, ticket};
use crate::access::{Actor, Capabilities, Refused, Role, Who};
use crate::app::App;
use crate::clock::now;
use crate::doctor::{self, Depth};
use crate::ids::{MailId, TicketId, UserId};
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Applied, Arrival, Door, Ingest, Outcome, replay};
use crate::messages::{self, Post};
use crate::store::testing::{on_both_apps, seed};
use crate::store::{Row, Scope, sql};
use crate::tickets::{Error, TicketRef};
use crate::users;
use bytes::Bytes;
use chrono::Duration;

/// Words that stand in the mails below and nowhere else.
const SECRETS: [&str; 5] = ["Zwiebelkuchen", "Pflaume", "geheim.pdf", "ada@c.example", "Lovelace"];

fn mail(from: &str, id: &str, subject: &str, text: &str) -> String {
    format!(
        "From: {from}\nTo: support@desk.example\nSubject: {subject}\nMessage-ID: <{id}@c.example>\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\n\n{text}\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=geheim.pdf\n\n\
         %PDF-1.4 {text}\n--b--\n"
    )
}

async fn take(app: &App, ingest: &Ingest, raw: String) -> Applied {
    let raw = Bytes::from(raw.replace('\n', "\r\n"));
    let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
    mail_in::receive(app, ingest, arrival).await.expect("it is received")
}

fn adas(id: &str) -> String {
    mail("Ada Lovelace <ada@c.example>", id, "Zwiebelkuchen", "Pflaume")
}

/// Too long for a row: its octets lie in the blob store.
fn large(id: &str) -> String {
    let noise: Vec<String> = (0..4000_u64).map(|i| crate::blobs::sha256_hex(&i.to_be_bytes())).collect();
    mail("Ada Lovelace <ada@c.example>", id, "Zwiebelkuchen", &noise.join("\n"))
}

async fn one<T: Row>(app: &App, text: &'static str) -> T {
    sql(text).one(&mut app.db.read(Scope::All)).await.expect("one row")
}

async fn count(app: &App, text: &'static str) -> i64 {
    let (n,): (i64,) = one(app, text).await;
    n
}

/// Every place where a text of a mail may lie. Trails that are kept on purpose (envelopes of others) are not asked.
async fn leftovers(app: &App) -> Vec<String> {
    let places: &[&'static str] = &[
        "SELECT subject || snippet || COALESCE(resolution_notes, '') FROM tickets",
        "SELECT body || COALESCE(body_html, '') || visible_text || COALESCE(mail_view, '') || COALESCE(message_id, '') || \
         COALESCE(author_name, '') || COALESCE(author_email, '') FROM ticket_messages",
        "SELECT filename || COALESCE(original_filename, '') || COALESCE(meta, '') FROM attachments",
        "SELECT COALESCE(subject, '') || COALESCE(from_email, '') || COALESCE(from_name, '') || trace || envelope_to || \
         COALESCE(from_key, '') || COALESCE(message_id, '') || COALESCE(envelope_from, '') FROM inbound_mails",
        "SELECT subject || letter || to_email || to_key || COALESCE(to_name, '') || COALESCE(reply_text, '') FROM outbox",
        "SELECT content FROM event_values",
        "SELECT data FROM ticket_events",
        "SELECT email || email_key || COALESCE(name, '') FROM users",
        "SELECT subject || data FROM audit_events",
        "SELECT message_id FROM message_ids",
    ];
    let mut found = Vec::new();
    for place in places {
        let rows: Vec<(String,)> = sql(place).all(&mut app.db.read(Scope::All)).await.expect("it reads");
        for secret in SECRETS {
            if rows.iter().any(|(text,)| text.contains(secret)) {
                found.push(format!("{secret} in {place}"));
            }
        }
    }
    found
}

async fn healthy(app: &App) {
    // The doctor would wonder at mail that waits, where no worker runs.
    let findings = doctor::run(app, Depth::Full).await.expect("the doctor can look");
    let bad: Vec<_> = findings.into_iter().filter(|f| !f.is_ok()).collect();
    assert_eq!(bad, []);
}

fn files_in(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|e| if e.path().is_dir() { files_in(&e.path()) } else { 1 }).sum()
}

async fn requester(app: &App, id: TicketId) -> UserId {
    let (user,): (UserId,) = sql("SELECT requester_id FROM tickets WHERE id = ")
        .arg(id)
        .one(&mut app.db.read(Scope::All))
        .await
        .expect("it is");
    user
}

fn agent() -> Actor {
    let who = Who {
        user: UserId(900),
        tenant: None,
        role: Role::Admin,
        member: true,
        email: "agent@desk.example".to_owned(),
        name: Some("Grete".to_owned()),
        extra: Capabilities::default(),
        shares_tickets: false,
        agents_may_assign: false,
    };
    Actor::of(who, None, None)
}

async fn answer(app: &App, id: TicketId) {
    seed(
        &app.db,
        "INSERT INTO users (id, tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, updated_at) VALUES
            (900, NULL, 'agent@desk.example', 'agent@desk.example', 'Grete', 'admin', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00')",
    )
    .await;
    let post = Post { body: "About your Zwiebelkuchen, Ada Lovelace".to_owned(), undo_seconds: 60, ..Post::default() };
    messages::post(app, &agent(), &TicketRef::Id(id), post).await.expect("it is posted");
    while crate::search::index_some(&app.db).await.expect("it is indexed") > 0 {}
}

/// E13.1 (erase, rescan, replay: nothing returns), E1.8.
#[tokio::test]
async fn e13_1_a_ticket_is_emptied_and_its_mail_brings_nothing_back() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let first = take(&app, &ingest, large("1")).await;
        let id = first.ticket_id.expect("a ticket was made");
        answer(&app, id).await;
        let other = take(&app, &ingest, mail("Bob <bob@c.example>", "2", "Other", "Still here")).await;
        while crate::search::index_some(&app.db).await.expect("it is indexed") > 0 {}
        let indexed = count(&app, "SELECT COUNT(*) FROM search_index").await;
        let chain = count(&app, "SELECT version FROM tickets WHERE id = 1").await;
        assert!(files_in(&app.config.blob_dir) >= 3, "its octets, its file, the other's file");

        let system = Actor::system();
        ticket(&app, &system, &TicketRef::Id(id), None).await.expect("it is erased");

        let left: Vec<String> =
            leftovers(&app).await.into_iter().filter(|l| !l.contains("ada@") && !l.contains("Lovelace")).collect();
        assert_eq!(left.iter().filter(|l| !l.contains("geheim.pdf")).collect::<Vec<_>>(), Vec::<&String>::new());
        assert_eq!(count(&app, "SELECT COUNT(*) FROM attachments WHERE ticket_id = 1 AND sha256 IS NOT NULL").await, 0);
        assert_eq!(
            count(&app, "SELECT COUNT(*) FROM search_index").await,
            indexed - 2,
            "both messages are out of the index"
        );
        assert_eq!(count(&app, "SELECT COUNT(*) FROM raw_mails").await, 1, "the other's");
        assert_eq!(files_in(&app.config.blob_dir), 1, "the other's file");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM doomed_blobs").await, 0);
        assert!(count(&app, "SELECT version FROM tickets WHERE id = 1").await > chain, "the timeline goes on");
        let (state, folder): (String, String) = one(&app, "SELECT status, folder FROM tickets WHERE id = 1").await;
        assert_eq!((state.as_str(), folder.as_str()), ("closed", "trash"));
        // What had not left never will, and the timeline says so.
        assert_eq!(
            count(&app, "SELECT COUNT(*) FROM outbox WHERE ticket_id = 1 AND state = 'cancelled' AND due_at IS NULL")
                .await,
            2
        );
        assert_eq!(
            count(&app, "SELECT COUNT(*) FROM ticket_events WHERE ticket_id = 1 AND kind = 'MAIL_CANCELLED'").await,
            2
        );
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE ticket_id = 1 AND kind = 'ERASED'").await, 1);
        healthy(&app).await;

        // The very same mail again is a repeat of nothing, and gone within the next round.
        let again = take(&app, &ingest, large("1")).await;
        assert_eq!((again.outcome, again.ticket_id), (Some(Outcome::Duplicate), Some(id)));
        assert_eq!(count(&app, "SELECT COUNT(*) FROM tickets").await, 2);
        let done = forget(&app, now()).await.expect("it forgets");
        assert_eq!(done, Forgotten { repeats: 1, ..Forgotten::default() });
        assert_eq!(files_in(&app.config.blob_dir), 1);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM raw_mails").await, 1);

        // Replaying finds nothing to read.
        let mail = first.mail_id;
        assert!(replay::replay(&app, &ingest, mail, replay::Mode::ApplyView).await.is_err());
        assert!(!replay::arrivals(&app, MailId(0), None, 100).await.expect("they are").contains(&mail));
        // Nothing changes any more, and it is not erased twice.
        let reply = Post { body: "x".to_owned(), ..Post::default() };
        assert!(matches!(messages::post(&app, &system, &TicketRef::Id(id), reply).await, Err(Error::Erased)));
        assert!(matches!(ticket(&app, &system, &TicketRef::Id(id), None).await, Err(Error::Erased)));
        // PIDs go on where they were.
        let next = take(&app, &ingest, mail_of_somebody_new()).await.ticket_id.expect("a ticket");
        let (pid,): (String,) = sql("SELECT pid FROM tickets WHERE id = ")
            .arg(next)
            .one(&mut app.db.read(Scope::All))
            .await
            .expect("it is");
        assert!(pid.ends_with("-0003"), "{pid}");
        assert_eq!(other.outcome, Some(Outcome::TicketCreated));
        healthy(&app).await;
    })
    .await;
}

fn mail_of_somebody_new() -> String {
    mail("Kim <kim@d.example>", "9", "New", "Hello")
}

/// E13.1.
#[tokio::test]
async fn e13_1_a_person_is_taken_from_everywhere() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let own = take(&app, &ingest, adas("1")).await.ticket_id.expect("a ticket");
        answer(&app, own).await;
        // On Bob's ticket she is a cc, and writes.
        let bobs = take(
            &app,
            &ingest,
            "From: Bob <bob@d.example>\nTo: support@desk.example\nCc: Ada Lovelace <ada@c.example>\n\
             Subject: Bobs\nMessage-ID: <b@d.example>\n\nBob says.\n"
                .to_owned(),
        )
        .await;
        let bobs_ticket = bobs.ticket_id.expect("a ticket");
        let hers = "From: Ada Lovelace <ada@c.example>\nTo: support@desk.example\nSubject: Re: Bobs\n\
             Message-ID: <c@c.example>\nIn-Reply-To: <b@d.example>\n\nPflaume says Ada.\n";
        let hers = take(&app, &ingest, hers.to_owned()).await;
        assert_eq!(hers.ticket_id, Some(bobs_ticket), "{hers:?}");
        seed(
            &app.db,
            "INSERT INTO suppressions (tenant_id, email_key, reason, evidence, created_at, until_at)
            VALUES (1, 'ada@c.example', 'manual', '{}', '2026-11-01T00:00:00+00:00', '2099-11-01T00:00:00+00:00')",
        )
        .await;
        let ada = requester(&app, own).await;

        let system = Actor::system();
        let erased = person(&app, &system, ada).await.expect("she is erased");
        assert_eq!((erased.tickets, erased.messages, erased.mails), (1, 3, 2), "{erased:?}");
        assert!(erased.cancelled >= 2, "{erased:?}");

        // Bob's own mail names her in its Cc: it is his, and stays; what we derived of it names her no more.
        let left: Vec<String> = leftovers(&app).await;
        assert_eq!(left, Vec::<String>::new());
        let (body,): (String,) =
            one(&app, "SELECT body FROM ticket_messages WHERE ticket_id = 2 ORDER BY seq LIMIT 1").await;
        assert!(body.contains("Bob says."), "{body}");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_participants WHERE ticket_id = 2").await, 1);
        let told =
            "SELECT COUNT(*) FROM ticket_events WHERE ticket_id = 2 AND kind IN ('ERASED', 'PARTICIPANT_REMOVED')";
        assert_eq!(count(&app, told).await, 2);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM suppressions").await, 0);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM audit_events WHERE kind = 'user.erase'").await, 1);
        assert_eq!(
            users::load(&mut app.db.read(Scope::All), ada).await.expect("her row stays").email,
            format!("erased-{ada}@erased.invalid")
        );
        healthy(&app).await;
        // She may come back as somebody new; her old mail does not.
        assert_eq!(take(&app, &ingest, adas("1")).await.outcome, Some(Outcome::Duplicate));
        let back = take(&app, &ingest, adas("77")).await;
        assert_eq!(back.outcome, Some(Outcome::TicketCreated));
        assert_ne!(requester(&app, back.ticket_id.expect("a ticket")).await, ada);
        // Erasing again is no error: somebody may have been missed at the same moment.
        assert_eq!(person(&app, &system, ada).await.expect("again").mails, 0);
    })
    .await;
}

/// E13.1, E9.4.
#[tokio::test]
async fn e13_1_who_helps_is_not_erased_and_mail_on_its_way_is_waited_for() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let id = take(&app, &ingest, adas("1")).await.ticket_id.expect("a ticket");
        let system = Actor::system();
        seed(&app.db, "UPDATE outbox SET state = 'sending', lease_token = 't', due_at = NULL, lease_until = '2099-01-01T00:00:00+00:00'").await;
        assert!(matches!(ticket(&app, &system, &TicketRef::Id(id), None).await, Err(Error::InFlight)));
        let ada = requester(&app, id).await;
        assert!(matches!(person(&app, &system, ada).await, Err(Refused::InFlight)));
        let (subject,): (String,) = one(&app, "SELECT subject FROM tickets").await;
        assert_eq!(subject, "Zwiebelkuchen", "nothing changed");
        seed(&app.db, "UPDATE users SET role = 'agent' WHERE email_key = 'ada@c.example'").await;
        assert!(matches!(person(&app, &system, ada).await, Err(Refused::Invalid(_))));
    })
    .await;
}

/// E13.1.
#[tokio::test]
async fn e13_1_bytes_that_cannot_be_removed_now_are_removed_later() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let id = take(&app, &ingest, large("1")).await.ticket_id.expect("a ticket");
        // A folder in a file's place cannot be deleted.
        let (sha,): (String,) = one(&app, "SELECT sha256 FROM raw_mails").await;
        let path = app.config.blob_dir.join(format!("1/{}/{sha}", &sha[..2]));
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("it moves");
        std::fs::create_dir_all(path.join("inside")).expect("a folder");
        ticket(&app, &Actor::system(), &TicketRef::Id(id), None).await.expect("it is erased");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM doomed_blobs WHERE tries = 1").await, 1);
        seed(
            &app.db,
            "UPDATE doomed_blobs SET since = '2026-01-01T00:00:00+00:00', due_at = '2026-01-01T00:00:00+00:00'",
        )
        .await;
        let findings = doctor::run(&app, Depth::Quick).await.expect("the doctor can look");
        let bad: Vec<_> = findings.iter().flat_map(|f| &f.faults).collect();
        assert!(bad.len() == 1 && bad[0].what.contains("erased bytes"), "{bad:?}");
        std::fs::remove_dir_all(&path).expect("away");
        std::fs::rename(&aside, &path).expect("it moves back");
        assert_eq!(remove_blobs(&app).await.expect("it is tried again"), 1);
        assert!(!path.exists());
        healthy(&app).await;
    })
    .await;
}

/// E13.2, E5.10.
#[tokio::test]
async fn e13_2_held_mail_and_spam_are_forgotten_after_their_time() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let nobody = |id: &str| adas(id).replace("support@desk.example", "nobody@elsewhere.example");
        let held = take(&app, &ingest, nobody("1")).await;
        assert_eq!(held.outcome, Some(Outcome::Quarantined));
        let spam = take(&app, &ingest, nobody("2")).await;
        seed(&app.db, "UPDATE inbound_mails SET spam = 'held', outcome = 'spam_held' WHERE id = 2").await;
        assert_eq!(spam.mail_id, MailId(2));
        let marked = take(&app, &ingest, adas("3")).await.ticket_id.expect("a ticket");
        take(&app, &ingest, adas("4")).await;
        let system = Actor::system();
        let which = TicketRef::Id(marked);
        crate::tickets::set_folder(&app, &system, &which, crate::tickets::Folder::Spam, None).await.expect("it is");

        let at = |days: i64| now() + Duration::days(days);
        let none = Forgotten::default();
        assert_eq!(forget(&app, at(29)).await.expect("it forgets"), none);
        assert_eq!(forget(&app, at(31)).await.expect("it forgets"), Forgotten { spam: 1, tickets: 1, ..none });
        assert_eq!(forget(&app, at(89)).await.expect("it forgets"), none);
        // The key of the ticket's mail, erased today, is 90 days old by then.
        assert_eq!(
            forget(&app, at(91)).await.expect("it forgets"),
            Forgotten { quarantined: 1, tombstones: 1, ..none }
        );
        assert_eq!(count(&app, "SELECT COUNT(*) FROM raw_mails").await, 1, "the one that nobody holds");
        assert_eq!(
            count(&app, "SELECT COUNT(*) FROM inbound_mails WHERE erased_at IS NOT NULL").await,
            3,
            "lines stay"
        );
        assert_eq!(count(&app, "SELECT COUNT(*) FROM audit_events WHERE kind = 'mail.purge'").await, 2);
        healthy(&app).await;

        // Their keys are tombstones, and go 90 days after.
        assert_eq!(take(&app, &ingest, nobody("1")).await.outcome, Some(Outcome::Duplicate));
        assert_eq!(forget(&app, at(0)).await.expect("it forgets"), Forgotten { repeats: 1, ..none });
        seed(&app.db, "UPDATE inbound_mails SET erased_at = '2026-11-01T00:00:00+00:00' WHERE erased_at IS NOT NULL")
            .await;
        let at = chrono::DateTime::parse_from_rfc3339("2027-01-29T23:00:00Z").expect("a time").to_utc();
        assert_eq!(forget(&app, at).await.expect("it forgets").tombstones, 0);
        assert_eq!(forget(&app, at + Duration::days(2)).await.expect("it forgets").tombstones, 2);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM mail_keys").await, 1);
        healthy(&app).await;
    })
    .await;
}
