//! Replay on both databases: what failed appears, as of then and without a word to anybody; what reads otherwise today is
//! told, and written only when asked.

use super::*;
use crate::mail_in::types::Facts;
use crate::mail_in::{Arrival, Door, receive};
use crate::store::sql as query;
use crate::store::testing::on_both_apps;
use bytes::Bytes;

fn arrival(raw: &str) -> Arrival {
    Arrival {
        door: Door::Raw,
        door_ref: None,
        tenant: None,
        facts: Facts::default(),
        raw: Bytes::from(raw.replace('\n', "\r\n")),
    }
}

fn mail(n: u32, more: &str, text: &str) -> Arrival {
    arrival(&format!(
        "From: Ada <ada@customer.example>\nTo: support@desk.example\nSubject: Broken\nMessage-ID: <{n}@customer.example>\n\
         {more}\n{text}\n"
    ))
}

async fn count(app: &App, text: &'static str) -> i64 {
    let (n,): (i64,) = query(text).one(&mut app.db.read(Scope::All)).await.expect("it counts");
    n
}

async fn change(app: &App, text: &'static str) {
    let mut tx = app.db.write(Scope::All).await.expect("the store answers");
    query(text).exec(&mut tx).await.expect("it is changed");
    tx.commit().await.expect("it is committed");
}

/// Keeps a mail of two days ago that then failed for good.
async fn failed(app: &App, ingest: &Ingest, arrival: Arrival) -> MailId {
    let id = ingest.keep(arrival).await.expect("it is kept")[0].id;
    let mut tx = app.db.write(Scope::All).await.expect("the store answers");
    let then = crate::clock::now() - chrono::Duration::days(2);
    query(
        "UPDATE inbound_mails SET state = 'failed', outcome = 'failed', error = 'stumbled', tries = 20, pipeline = 1, \
           next_try_at = NULL, received_at = $1 WHERE id = $2",
    )
    .bind(then)
    .bind(id)
    .exec(&mut tx)
    .await
    .expect("it is changed");
    tx.commit().await.expect("it is committed");
    id
}

/// T72.
/// E14.3.
#[tokio::test]
async fn what_failed_appears_without_a_word_to_anybody() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let id = failed(&app, &ingest, mail(1, "", "It is broken.")).await;
        let told = replay(&app, &ingest, id, Mode::Diff).await.unwrap();
        assert_eq!((told.applied, told.differences.len()), (false, 1), "{told:?}");
        assert_eq!(told.differences[0].today, json!("ticket_created"));
        let view = replay(&app, &ingest, id, Mode::ApplyView).await.unwrap();
        assert!(!view.applied && count(&app, "SELECT COUNT(*) FROM tickets").await == 0);
        let done = replay(&app, &ingest, id, Mode::ApplyFailed).await.unwrap();
        assert_eq!((done.applied, done.outcome), (true, Some(Outcome::TicketCreated)), "{done:?}");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox").await, 0, "nobody gets mail about what is long ago");
        let stored = super::super::get(&app, Scope::All, id).await.unwrap().unwrap();
        let (at,): (Time,) = query("SELECT created_at FROM ticket_messages WHERE mail_id = ")
            .arg(id)
            .one(&mut app.db.read(Scope::All))
            .await
            .unwrap();
        assert_eq!(at, stored.received_at, "the message stands where it came");
        let again = replay(&app, &ingest, id, Mode::ApplyFailed).await.unwrap();
        assert!(!again.applied && again.differences.is_empty(), "{again:?}");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_messages").await, 1);
    })
    .await;
}

/// E14.3: a replayed answer moves no clock and wakes no ticket.
#[tokio::test]
async fn a_replayed_answer_wakes_nothing() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let first = receive(&app, &ingest, mail(1, "", "It is broken.")).await.unwrap();
        change(&app, "UPDATE tickets SET status = 'solved'").await;
        let mails = count(&app, "SELECT COUNT(*) FROM outbox").await;
        let id = failed(&app, &ingest, mail(2, "In-Reply-To: <1@customer.example>\n", "Any news?")).await;
        let done = replay(&app, &ingest, id, Mode::ApplyFailed).await.unwrap();
        assert_eq!(done.outcome, Some(Outcome::MessageAdded), "{done:?}");
        let stored = super::super::get(&app, Scope::All, id).await.unwrap().unwrap();
        assert_eq!(stored.ticket_id, first.ticket_id);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM tickets WHERE status = 'solved'").await, 1);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox").await, mails);
    })
    .await;
}

/// E14.3: texts and files are written anew under the same ids; class and ticket are only proposed; then nothing is left.
#[tokio::test]
async fn a_view_is_renewed_once_and_keeps_its_ids() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let more = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n";
        let text = "--b\nContent-Type: text/plain\n\nIt is broken.\n--b\nContent-Type: text/csv\n\
                    Content-Disposition: attachment; filename=a.csv\n\n1;2\n--b--";
        let got = receive(&app, &ingest, mail(1, more, text)).await.unwrap();
        let id = got.mail_id;
        let message = got.ticket_message_id.unwrap();
        assert_eq!(count(&app, "SELECT COUNT(*) FROM attachments WHERE filename = 'a.csv'").await, 1);
        change(&app, "UPDATE ticket_messages SET body = 'as an older version read it', visible_text = ''").await;
        change(&app, "UPDATE attachments SET filename = 'untitled'").await;
        change(&app, "UPDATE inbound_mails SET class = 'list_bulk', pipeline = 1").await;
        let told = replay(&app, &ingest, id, Mode::Diff).await.unwrap();
        let fields: Vec<(&str, bool)> = told.differences.iter().map(|d| (d.field, d.proposed)).collect();
        let view = ["message.body", "message.visible_text", "message.files"].map(|f| (f, false));
        assert_eq!(fields, [[("class", true)].as_slice(), &view].concat());
        assert!(!told.applied);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM attachments WHERE filename = 'untitled'").await, 1);
        assert!(replay(&app, &ingest, id, Mode::ApplyView).await.unwrap().applied);
        let stands = sql::message(&app.db, message).await.unwrap().expect("the message kept its id");
        assert_eq!((stands.body.trim(), stands.visible_text.trim()), ("It is broken.", "It is broken."));
        assert_eq!(count(&app, "SELECT COUNT(*) FROM attachments WHERE filename = 'a.csv'").await, 1);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM attachments").await, 1);
        let again = replay(&app, &ingest, id, Mode::ApplyView).await.unwrap();
        assert!(!again.applied, "{again:?}");
        let left: Vec<&str> = again.differences.iter().map(|d| d.field).collect();
        assert_eq!(left, ["class"], "what it is stays for people to decide");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM inbound_mails WHERE class = 'list_bulk'").await, 1);
    })
    .await;
}

/// E14.4.
#[tokio::test]
async fn an_upgrade_reads_again_what_an_older_version_could_not() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let id = failed(&app, &ingest, mail(1, "", "It is broken.")).await;
        let fine = receive(&app, &ingest, mail(2, "", "This, too.")).await.unwrap();
        let degraded = receive(&app, &ingest, mail(3, "", "And this.")).await.unwrap();
        change(&app, "UPDATE inbound_mails SET pipeline = 1").await;
        change(&app, "UPDATE ticket_messages SET body = 'as an older version read it'").await;
        let mut tx = app.db.write(Scope::All).await.unwrap();
        query("UPDATE inbound_mails SET degraded = $1 WHERE id = $2")
            .bind(true)
            .bind(degraded.mail_id)
            .exec(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let outbox = count(&app, "SELECT COUNT(*) FROM outbox").await;
        assert_eq!(after_upgrade(&app, &ingest).await.unwrap(), 2);
        assert_eq!(after_upgrade(&app, &ingest).await.unwrap(), 0, "each is tried once by a version");
        let stored = super::super::get(&app, Scope::All, id).await.unwrap().unwrap();
        assert_eq!((stored.state, stored.pipeline), (MailState::Applied, PIPELINE));
        let body = async |message: Option<crate::ids::MessageId>| {
            sql::message(&app.db, message.unwrap()).await.unwrap().unwrap().body.trim().to_owned()
        };
        assert_eq!(body(degraded.ticket_message_id).await, "And this.");
        assert_eq!(
            body(fine.ticket_message_id).await,
            "as an older version read it",
            "what was read well is left alone"
        );
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox").await, outbox);
    })
    .await;
}
