//! A healthy database is found healthy, and each thing done to it is found by the check whose business it is, and by no
//! other: on both databases.

use super::{Depth, Finding, Invariant, chains, run};
use crate::access::{Actor, Capabilities, Role, Who};
use crate::app::App;
use crate::ids::UserId;
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Arrival, Door, Ingest, Outcome};
use crate::messages::{self, Post};
use crate::store::testing::{on_both_apps, seed};
use crate::store::{Scope, sql};
use crate::tickets::TicketRef;
use bytes::Bytes;

const ROWS: &str = "
    INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) VALUES
        (2, 'ka', 'KA', 'public', 'KA', 'de', '{}', '2026-11-01T00:00:00+00:00');
    INSERT INTO mailboxes (id, tenant_id, address, address_key, name, tag_separator, active, created_at) VALUES
        (2, 2, 'help@ka.example', 'help@ka.example', 'KA', '+', TRUE, '2026-11-01T00:00:00+00:00');
    INSERT INTO categories (id, tenant_id, slug, name, created_at) VALUES (900, 2, 'x', 'X', '2026-11-01T00:00:00+00:00');
    INSERT INTO tags (id, tenant_id, name) VALUES (900, 2, 'x');
    INSERT INTO users (id, tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, updated_at) VALUES
        (900, NULL, 'agent@desk.example', 'agent@desk.example', 'Grete', 'admin', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
        (902, 2, 'kai@ka.example', 'kai@ka.example', 'Kai', 'customer', FALSE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00')";

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

fn mail(from: &str, to: &str, id: &str, rest: &str) -> String {
    format!("From: {from}\nTo: {to}\nSubject: About {id}\nMessage-ID: <{id}@c.example>\n{rest}")
}

/// Four tickets of two tenants: one with a file, a large mail and an answer; a duplicate and a mail to nobody.
async fn live(app: &App) {
    seed(&app.db, ROWS).await;
    let ingest = Ingest::start(app.clone());
    let take = async |raw: String| {
        let raw = Bytes::from(raw.replace('\n', "\r\n"));
        let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
        mail_in::receive(app, &ingest, arrival).await.expect("it is received")
    };
    let file = "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\n\nSee the file.\n--b\n\
                Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\n%PDF-1.4\n--b--\n";
    let desk = "support@desk.example";
    let first = take(mail("Ada <ada@c.example>", desk, "a", file)).await;
    assert_eq!(first.outcome, Some(Outcome::TicketCreated));
    assert_eq!(take(mail("Ada <ada@c.example>", desk, "a", file)).await.outcome, Some(Outcome::Duplicate));
    // Does not compress, so that its bytes go to the blob store.
    let noise: String = (0..160_000_u64).map(|i| char::from(b'!' + (i * i * 7919 / 13 % 90) as u8)).collect();
    let noise: Vec<String> = noise
        .as_bytes()
        .chunks(60)
        .enumerate()
        .map(|(i, line)| format!("{}{}\n", crate::blobs::sha256_hex(&i.to_be_bytes()), String::from_utf8_lossy(line)))
        .collect();
    take(mail("Bob <bob@c.example>", desk, "b", &format!("\n{}", noise.concat()))).await;
    take(mail("Kim <kim@c.example>", "help@ka.example", "k", "\nHallo\n")).await;
    let lost = take(mail("Eve <eve@c.example>", "nobody@elsewhere.example", "e", "\nHello\n")).await;
    assert_eq!(lost.outcome, Some(Outcome::Quarantined));
    let which = TicketRef::Id(first.ticket_id.expect("a ticket was made"));
    let reply = Post { body: "We look into it.".to_owned(), ..Post::default() };
    messages::post(app, &agent(), &which, reply).await.expect("it is posted");
    let note = Post { body: "Strange.".to_owned(), note: true, ..Post::default() };
    messages::post(app, &agent(), &which, note).await.expect("it is posted");
    seed(&app.db, if app.db.is_sqlite() { UNLOCK_SQLITE } else { UNLOCK_POSTGRES }).await;
}

/// The database itself refuses most of what follows.
const UNLOCK_SQLITE: &str = "DROP TRIGGER ticket_events_no_update; DROP TRIGGER raw_mails_no_update";
const UNLOCK_POSTGRES: &str = "DROP TRIGGER ticket_events_append_only ON ticket_events;
    DROP TRIGGER raw_mails_insert_only ON raw_mails";

async fn wrong(app: &App, depth: Depth) -> Vec<Finding> {
    let findings = run(app, depth).await.expect("the doctor can look");
    assert_eq!(findings.len(), 10);
    assert!(findings.iter().enumerate().all(|(i, f)| f.invariant as usize == i + 1), "in order");
    findings.into_iter().filter(|f| !f.is_ok()).collect()
}

/// What is done, how it is undone, which check finds it, and what it says.
type Case = (&'static str, &'static str, Invariant, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("INSERT INTO inbound_mails (id, tenant_id, raw_id, door, envelope_to, received_at, state, flags, trace, tries)
        SELECT 900, 1, raw_id, 'raw', '[]', '2026-11-01T00:00:00+00:00', 'kept', '[]', '[]', 0 FROM inbound_mails WHERE id = 1",
     "DELETE FROM inbound_mails WHERE id = 900", Invariant::Kept, "not decided"),
    ("UPDATE inbound_mails SET outcome = NULL WHERE state = 'quarantined'",
     "UPDATE inbound_mails SET outcome = 'quarantined' WHERE state = 'quarantined'", Invariant::Kept, "without an outcome"),
    ("INSERT INTO mail_keys (tenant_id, dedupe_key, mail_id) VALUES (1, 'x', 1)",
     "DELETE FROM mail_keys WHERE dedupe_key = 'x'", Invariant::Once, "not the one holder"),
    ("INSERT INTO mail_keys (tenant_id, dedupe_key, mail_id) VALUES (1, 'x', 2)",
     "DELETE FROM mail_keys WHERE dedupe_key = 'x'", Invariant::Once, "duplicates that hold"),
    ("INSERT INTO ticket_messages (id, tenant_id, ticket_id, seq, kind, side, body, visible_text, mail_id, created_at)
        SELECT 900, tenant_id, ticket_id, seq, kind, side, body, visible_text, mail_id, created_at FROM ticket_messages WHERE mail_id = 1",
     "DELETE FROM ticket_messages WHERE id = 900", Invariant::Once, "more or fewer"),
    ("UPDATE ticket_messages SET mail_id = 2 WHERE mail_id = 1",
     "UPDATE ticket_messages SET mail_id = 1 WHERE mail_id = 2", Invariant::Once, "not applied"),
    ("UPDATE pid_counters SET last = last + 1 WHERE tenant_id = 1",
     "UPDATE pid_counters SET last = last - 1 WHERE tenant_id = 1", Invariant::Pids, "missing"),
    ("UPDATE pid_counters SET last = last - 1 WHERE tenant_id = 1",
     "UPDATE pid_counters SET last = last + 1 WHERE tenant_id = 1", Invariant::Pids, "above their counter"),
    ("UPDATE tickets SET pid = 'X-' || pid || '9' WHERE tenant_id = 2",
     "UPDATE tickets SET pid = SUBSTR(pid, 3, LENGTH(pid) - 3) WHERE tenant_id = 2", Invariant::Pids, "no PIDs"),
    ("UPDATE ticket_events SET data = data || ' ' WHERE seq = 2",
     "UPDATE ticket_events SET data = RTRIM(data) WHERE seq = 2", Invariant::Timeline, "do not fit"),
    ("UPDATE ticket_events SET kind = 'RATED' WHERE seq = 1 AND tenant_id = 2",
     "UPDATE ticket_events SET kind = 'CREATED' WHERE seq = 1 AND tenant_id = 2", Invariant::Timeline, "do not fit"),
    ("UPDATE ticket_events SET seq = seq + 900 WHERE seq = 1",
     "UPDATE ticket_events SET seq = seq - 900 WHERE seq = 901", Invariant::Timeline, "missing events"),
    ("UPDATE tickets SET version = version + 1 WHERE tenant_id = 2",
     "UPDATE tickets SET version = version - 1 WHERE tenant_id = 2", Invariant::Timeline, "missing events"),
    ("UPDATE tickets SET version = version - 1 WHERE tenant_id = 2",
     "UPDATE tickets SET version = version + 1 WHERE tenant_id = 2", Invariant::Timeline, "newer than"),
    ("UPDATE tickets SET chain_head = (SELECT e.hash FROM ticket_events e WHERE e.ticket_id = tickets.id AND e.seq = 1)",
     "UPDATE tickets SET chain_head = (SELECT e.hash FROM ticket_events e WHERE e.ticket_id = tickets.id AND e.seq = tickets.version)",
     Invariant::Timeline, "do not end"),
    ("UPDATE ticket_messages SET seq = seq + 900 WHERE kind = 'note'",
     "UPDATE ticket_messages SET seq = seq - 900 WHERE kind = 'note'", Invariant::Timeline, "no event"),
    ("UPDATE outbox SET ticket_message_id = NULL WHERE kind = 'reply'",
     "UPDATE outbox SET ticket_message_id = (SELECT id FROM ticket_messages WHERE side = 'agent' AND kind = 'reply') WHERE kind = 'reply'",
     Invariant::Posted, "no mail to a participant"),
    ("UPDATE outbox SET state = 'sending', lease_token = 't', lease_until = '2026-11-01T00:00:00+00:00', due_at = NULL WHERE kind = 'reply'",
     "UPDATE outbox SET state = 'queued', lease_token = NULL, lease_until = NULL, due_at = '2099-01-01T00:00:00+00:00' WHERE kind = 'reply'",
     Invariant::Posted, "lease that ran out"),
    ("INSERT INTO workers (name, started_at, seen_at) VALUES ('w', '2099-01-01T00:00:00+00:00', '2099-01-01T00:00:00+00:00');
      UPDATE outbox SET due_at = '2026-11-01T00:00:00+00:00' WHERE kind = 'reply'",
     "DELETE FROM workers; UPDATE outbox SET due_at = '2099-01-01T00:00:00+00:00' WHERE kind = 'reply'",
     Invariant::Posted, "due for over five minutes"),
    ("UPDATE outbox SET state = 'sent', sent_at = created_at WHERE kind = 'reply'",
     "UPDATE outbox SET state = 'queued', sent_at = NULL WHERE kind = 'reply'", Invariant::Posted, "at rest, and due"),
    ("UPDATE outbox SET state = 'sent', due_at = NULL WHERE kind = 'reply'",
     "UPDATE outbox SET state = 'queued', due_at = '2099-01-01T00:00:00+00:00' WHERE kind = 'reply'", Invariant::Posted, "nobody knows when"),
    ("UPDATE attachments SET size_bytes = size_bytes + 1", "UPDATE attachments SET size_bytes = size_bytes - 1",
     Invariant::Attachments, "differ in size"),
    ("UPDATE tickets SET mailbox_id = 2 WHERE id = 1", "UPDATE tickets SET mailbox_id = 1 WHERE id = 1", Invariant::Walls, "mailbox"),
    ("UPDATE tickets SET category_id = 900 WHERE id = 1", "UPDATE tickets SET category_id = NULL WHERE id = 1", Invariant::Walls, "category"),
    ("UPDATE tickets SET assigned_to = 902 WHERE id = 1;
        INSERT INTO ticket_count_deltas (id, tenant_id, status, assigned_to, change) SELECT 900, 1, status, 0, -1 FROM tickets WHERE id = 1;
        INSERT INTO ticket_count_deltas (id, tenant_id, status, assigned_to, change) SELECT 901, 1, status, 902, 1 FROM tickets WHERE id = 1",
     "UPDATE tickets SET assigned_to = NULL WHERE id = 1; DELETE FROM ticket_count_deltas WHERE id >= 900", Invariant::Walls, "tickets.assigned_to"),
    ("UPDATE tickets SET follow_up_of = 1 WHERE tenant_id = 2", "UPDATE tickets SET follow_up_of = NULL WHERE tenant_id = 2",
     Invariant::Walls, "tickets.follow_up_of"),
    ("INSERT INTO ticket_participants (ticket_id, user_id, tenant_id, kind, state, created_at)
        VALUES (1, 902, 1, 'cc', 'accepted', '2099-01-01T00:00:00+00:00')",
     "DELETE FROM ticket_participants WHERE user_id = 902", Invariant::Walls, "participant"),
    ("INSERT INTO ticket_tags (ticket_id, tag_id, tenant_id) VALUES (1, 900, 1)", "DELETE FROM ticket_tags", Invariant::Walls, "tag"),
    ("UPDATE ticket_events SET tenant_id = 2 WHERE ticket_id = 1 AND seq = 1",
     "UPDATE ticket_events SET tenant_id = 1 WHERE ticket_id = 1 AND seq = 1", Invariant::Walls, "ticket_events.ticket_id"),
    ("INSERT INTO event_values (ticket_id, seq, tenant_id, content) VALUES (1, 900, 2, '{}')",
     "DELETE FROM event_values WHERE seq = 900", Invariant::Walls, "event_values"),
    ("INSERT INTO message_ids (tenant_id, message_id, ticket_id, kind, public, created_at) VALUES (2, 'x', 1, 'alias', FALSE, '2026-11-01T00:00:00+00:00')",
     "DELETE FROM message_ids WHERE message_id = 'x'", Invariant::Walls, "message_ids.ticket_id"),
    ("UPDATE ticket_messages SET tenant_id = 2 WHERE kind = 'note'", "UPDATE ticket_messages SET tenant_id = 1 WHERE kind = 'note'",
     Invariant::Walls, "ticket_messages."),
    ("UPDATE ticket_messages SET author_id = 902 WHERE kind = 'note'", "UPDATE ticket_messages SET author_id = 900 WHERE kind = 'note'",
     Invariant::Walls, "ticket_messages."),
    ("UPDATE inbound_mails SET mailbox_id = 2 WHERE id = 1", "UPDATE inbound_mails SET mailbox_id = 1 WHERE id = 1",
     Invariant::Walls, "inbound_mails.mailbox_id"),
    ("UPDATE mail_keys SET tenant_id = 2 WHERE mail_id = 1", "UPDATE mail_keys SET tenant_id = 1 WHERE mail_id = 1", Invariant::Walls, "mail_keys"),
    ("INSERT INTO imap_accounts (id, tenant_id, mailbox_id, host, port, tls, username, auth, secret, folder, after_fetch, ref_key, active,
        failures, waiting, created_at, updated_at)
        SELECT 900, 1, 2, 'h', 143, 'off', 'u', 'password', chain_head, 'INBOX', 'seen', 'k', FALSE, 0, 0, created_at, created_at
        FROM tickets WHERE id = 1",
     "DELETE FROM imap_accounts", Invariant::Walls, "imap_accounts"),
    ("INSERT INTO ticket_joins (id, tenant_id, kind, ticket_id, other_id, why, state, created_at)
        SELECT 900, tenant_id, 'linked', id, (SELECT id FROM tickets WHERE tenant_id = 2), 'x', 'open', created_at FROM tickets WHERE id = 1",
     "DELETE FROM ticket_joins WHERE id = 900", Invariant::Walls, "ticket_joins.other_id"),
    ("INSERT INTO digest_items (id, tenant_id, user_id, ticket_id, template, created_at)
        SELECT 900, 1, 902, id, 'x', created_at FROM tickets WHERE id = 1",
     "DELETE FROM digest_items", Invariant::Walls, "digest_items.user_id"),
    ("UPDATE categories SET default_assignee = (SELECT id FROM users WHERE email_key = 'ada@c.example') WHERE id = 900",
     "UPDATE categories SET default_assignee = NULL WHERE id = 900", Invariant::Walls, "categories.default_assignee"),
    ("INSERT INTO storms (id, tenant_id, user_id, email_key, began_at, ended_at, quiet_until)
        SELECT 900, 1, 902, 'x', created_at, created_at, created_at FROM tickets WHERE id = 1",
     "DELETE FROM storms", Invariant::Walls, "storms.user_id"),
    ("UPDATE outbox SET tenant_id = 2 WHERE kind = 'reply'", "UPDATE outbox SET tenant_id = 1 WHERE kind = 'reply'",
     Invariant::Walls, "outbox."),
    ("INSERT INTO outbox_attempts (outbox_id, n, tenant_id, at, phase, result, text)
        SELECT id, 1, 2, created_at, 'body', 'lost', '' FROM outbox WHERE kind = 'reply'",
     "DELETE FROM outbox_attempts", Invariant::Walls, "outbox_attempts"),
    ("UPDATE attachments SET uploaded_by = 902", "UPDATE attachments SET uploaded_by = NULL", Invariant::Walls, "attachments.uploaded_by"),
    ("UPDATE raw_mails SET size_bytes = size_bytes + 1 WHERE id = 1", "UPDATE raw_mails SET size_bytes = size_bytes - 1 WHERE id = 1",
     Invariant::Unaltered, "altered"),
    ("UPDATE outbox SET due_at = NULL WHERE kind = 'reply'",
     "UPDATE outbox SET due_at = '2099-01-01T00:00:00+00:00' WHERE kind = 'reply'", Invariant::SelfReliant, "never due"),
    ("UPDATE outbox SET state = 'sending', due_at = NULL WHERE kind = 'reply'",
     "UPDATE outbox SET state = 'queued', due_at = '2099-01-01T00:00:00+00:00' WHERE kind = 'reply'", Invariant::SelfReliant, "without a lease"),
    ("UPDATE ticket_count_deltas SET change = change + 1 WHERE tenant_id = 2",
     "UPDATE ticket_count_deltas SET change = change - 1 WHERE tenant_id = 2", Invariant::Counts, "counts are wrong"),
    ("UPDATE tickets SET folder = 'trash' WHERE tenant_id = 2", "UPDATE tickets SET folder = 'inbox' WHERE tenant_id = 2",
     Invariant::Counts, "counts are wrong"),
];

#[tokio::test]
async fn each_damage_is_found_by_its_check_alone() {
    on_both_apps(async |app| {
        live(&app).await;
        assert_eq!(wrong(&app, Depth::Full).await, [], "a healthy database");
        for (tamper, undo, invariant, what) in CASES {
            seed(&app.db, tamper).await;
            let found = wrong(&app, Depth::Full).await;
            let which: Vec<Invariant> = found.iter().map(|f| f.invariant).collect();
            assert_eq!(which, [*invariant], "{tamper}: {found:#?}");
            assert!(found[0].faults.iter().any(|f| f.what.contains(what) && !f.rows.is_empty()), "{what}: {found:#?}");
            seed(&app.db, undo).await;
            assert_eq!(wrong(&app, Depth::Full).await, [], "undone by {undo}");
        }
    })
    .await;
}

async fn one(app: &App, text: &'static str) -> String {
    let (found,): (String,) = sql(text).one(&mut app.db.read(Scope::All)).await.expect("one row");
    found
}

fn path_of(app: &App, tenant: i64, sha256: &str) -> std::path::PathBuf {
    app.config.blob_dir.join(format!("{tenant}/{}/{sha256}", &sha256[..2]))
}

#[tokio::test]
async fn files_that_are_gone_or_altered_are_found() {
    on_both_apps(async |app| {
        live(&app).await;
        let of_mail = path_of(&app, 1, &one(&app, "SELECT sha256 FROM raw_mails WHERE encoding = 'blob'").await);
        let of_file = path_of(&app, 1, &one(&app, "SELECT sha256 FROM attachments").await);
        for (path, gone, altered) in [
            (of_mail, Invariant::Kept, Invariant::Unaltered),
            (of_file, Invariant::Attachments, Invariant::Attachments),
        ] {
            let bytes = std::fs::read(&path).expect("the blob is a file");
            std::fs::remove_file(&path).expect("it can go");
            for depth in [Depth::Quick, Depth::Full] {
                let found = wrong(&app, depth).await;
                assert_eq!(found.iter().map(|f| f.invariant).collect::<Vec<_>>(), [gone]);
            }
            let mut other = bytes.clone();
            other[0] ^= 1;
            std::fs::write(&path, other).expect("it can be written");
            assert_eq!(wrong(&app, Depth::Quick).await, []);
            let found = wrong(&app, Depth::Full).await;
            assert_eq!(found.iter().map(|f| f.invariant).collect::<Vec<_>>(), [altered]);
            std::fs::write(&path, bytes).expect("it can be written");
        }
        let mut tx = app.db.write(Scope::All).await.expect("a transaction");
        sql("UPDATE raw_mails SET bytes = $1 WHERE encoding <> 'blob'")
            .bind(&b"From: nobody"[..])
            .exec(&mut tx)
            .await
            .expect("the trigger is gone");
        tx.commit().await.expect("it commits");
        let found = wrong(&app, Depth::Full).await;
        assert_eq!(found.iter().map(|f| f.invariant).collect::<Vec<_>>(), [Invariant::Unaltered]);
    })
    .await;
}

#[tokio::test]
async fn the_first_broken_link_is_named() {
    on_both_apps(async |app| {
        live(&app).await;
        let whole = chains(&app).await.unwrap();
        assert!(whole.tickets == 3 && whole.events > 8 && whole.broken.is_empty(), "{whole:?}");
        seed(
            &app.db,
            "UPDATE ticket_events SET at = '2026-11-02T00:00:00+00:00' WHERE seq >= 2 \
             AND ticket_id = (SELECT id FROM tickets WHERE tenant_id = 1 AND pid LIKE '%-0002')",
        )
        .await;
        let broken = chains(&app).await.unwrap();
        assert_eq!(broken.broken_count, 1);
        assert_eq!(broken.broken[0].seq, 2);
        assert!(broken.broken[0].pid.ends_with("-0002"));
    })
    .await;
}

/// The doctor looks while mail comes in, and is never misled by what happens meanwhile.
#[tokio::test]
async fn a_busy_server_is_healthy() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let traffic = futures::future::join_all((0..300).map(|i| {
            let (app, ingest) = (app.clone(), ingest.clone());
            let raw = mail(&format!("C{i} <c{i}@c{i}.example>"), "support@desk.example", &format!("{i}"), "\nHello\n");
            let raw = Bytes::from(raw.replace('\n', "\r\n"));
            let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
            async move { mail_in::receive(&app, &ingest, arrival).await.expect("it is received") }
        }));
        let looks = async {
            let mut looked = 0;
            for _ in 0..10 {
                assert_eq!(wrong(&app, Depth::Full).await, []);
                looked += 1;
            }
            looked
        };
        let (done, looked) = futures::future::join(traffic, looks).await;
        assert_eq!((done.len(), looked), (300, 10));
        let findings = run(&app, Depth::Full).await.unwrap();
        assert_eq!(findings[2].looked_at, 300);
    })
    .await;
}
