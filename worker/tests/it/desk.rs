//! A desk with something to send: rows as the program itself makes them, and what became of them.

use bytes::Bytes;
use shared::app::App;
use shared::clock::{self, Time};
use shared::events::By;
use shared::ids::{AttachmentId, MessageId, OutboxId, TenantId, TicketId, UserId};
use shared::mail_in::types::Facts;
use shared::mail_in::{Applied, Arrival, Door, Ingest, Outcome, receive};
use shared::mail_out::answered::Answered;
use shared::mail_out::enqueue::{self, AccountMail, Recipient, Reply};
use shared::mail_out::kinds::{Kind, OutboxState};
use shared::messages::{MessageKind, Side};
use shared::store::dialect::{self, IdTable};
use shared::store::{Scope, Tx, sql};
use shared::tickets::{NewAttachment, NewMessage, Work};

const TENANT: TenantId = TenantId(1);

/// An outbox row, as far as tests look.
#[derive(Debug, sqlx::FromRow)]
pub struct Row {
    pub kind: Kind,
    pub message_id: String,
    pub to_email: String,
    pub state: OutboxState,
    pub due_at: Option<Time>,
    pub attempts: i64,
    pub maybes: i64,
    pub reply_code: Option<i64>,
    pub enhanced: Option<String>,
    pub reply_text: Option<String>,
    pub mime: Option<Vec<u8>>,
    pub mime_blob: Option<String>,
    pub lease_token: Option<String>,
    pub phase: Option<String>,
}

/// Returns all rows, oldest first.
pub async fn rows(app: &App) -> Vec<Row> {
    sql("SELECT kind, message_id, to_email, state, due_at, attempts, maybes, reply_code, enhanced, reply_text, mime, mime_blob, \
         lease_token, phase FROM outbox ORDER BY id")
    .all(&mut app.db.read(Scope::All))
    .await
    .expect("the outbox can be read")
}

/// Returns the row to this address.
pub async fn row_to(app: &App, email: &str) -> Row {
    rows(app).await.into_iter().find(|r| r.to_email == email).expect("there is a row to this address")
}

pub async fn count(app: &App, query: &'static str) -> i64 {
    let (n,): (i64,) = sql(query).one(&mut app.db.read(Scope::All)).await.expect("it can be counted");
    n
}

/// Runs a statement.
pub async fn change(app: &App, statement: &'static str) {
    let mut tx = app.db.write(Scope::All).await.expect("a transaction begins");
    sql(statement).exec(&mut tx).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    tx.commit().await.expect("it commits");
}

/// Lets everything that waits for a later time be due now.
pub async fn make_due(app: &App) {
    change(app, "UPDATE outbox SET due_at = '2026-01-01T00:00:00+00:00' WHERE due_at IS NOT NULL").await;
}

/// Makes a user and queues a password mail.
pub async fn password_mail(app: &App, email: &str) -> OutboxId {
    let mut tx = app.db.write(Scope::All).await.expect("a transaction begins");
    let user_id = user(&mut tx, email).await;
    let mail = AccountMail {
        tenant_id: TENANT,
        kind: Kind::Password,
        to: Recipient { user_id, email: email.to_owned(), name: None, locale: None },
        link: "https://desk.example/link/abc",
    };
    let id = enqueue::account_mail(&mut tx, &app.keys, mail).await.expect("it is queued");
    tx.commit().await.expect("it commits");
    app.bell.ring(&[id]);
    id
}

async fn user(tx: &mut Tx, email: &str) -> UserId {
    let id = UserId(dialect::take_ids(tx, IdTable::Users, 1).await.expect("an id is there")[0]);
    sql("INSERT INTO users (id, tenant_id, email, email_key, role, member, active, capabilities, preferences, created_at, updated_at) \
         VALUES ($1, 1, $2, $2, 'customer', FALSE, TRUE, '[]', '{}', $3, $3)")
    .bind(id)
    .bind(email)
    .bind(clock::now())
    .exec(tx)
    .await
    .expect("the user is new");
    id
}

/// Receives a first mail from `email`: a ticket, and its acknowledgement in the outbox.
pub async fn ticket(app: &App, ingest: &Ingest, email: &str) -> Applied {
    let raw = format!(
        "From: Anna <{email}>\r\nTo: support@desk.example\r\nSubject: Broken\r\nMessage-ID: <first-{email}>\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nIt is broken.\r\nPlease help.\r\n"
    );
    let arrival =
        Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw: Bytes::from(raw) };
    let applied = receive(app, ingest, arrival).await.expect("it is received");
    assert_eq!(applied.outcome, Some(Outcome::TicketCreated), "{applied:?}");
    applied
}

/// An agent's answer to write.
pub struct Answer<'a> {
    pub ticket: TicketId,
    pub body: &'a str,
    /// Who gets it besides the requester.
    pub cc: &'a [&'a str],
    /// Bytes of a file that goes along.
    pub file: Option<Vec<u8>>,
}

/// Writes an agent's answer to the ticket's requester and queues it.
pub async fn answer(app: &App, answer: Answer<'_>) -> Vec<OutboxId> {
    let sha256 = match &answer.file {
        Some(bytes) => Some(app.blobs.put(TENANT, bytes.clone()).await.expect("the blob is kept")),
        None => None,
    };
    let mut tx = app.db.write(Scope::All).await.expect("a transaction begins");
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &[answer.ticket]).await.expect("the ticket is locked");
    let ticket = work.ticket(answer.ticket).expect("it is there").clone();
    let desk = enqueue::desk(&mut tx, TENANT, None).await.expect("there is a mailbox");
    let thread = enqueue::thread_of(&mut tx, ticket.id).await.expect("it has a thread");
    let (email, name): (String, Option<String>) = sql("SELECT email, name FROM users WHERE id = $1")
        .bind(ticket.requester_id)
        .one(&mut tx)
        .await
        .expect("the requester is there");
    let mut to = vec![Recipient { user_id: ticket.requester_id, email, name, locale: None }];
    for email in answer.cc {
        let user_id = user(&mut tx, email).await;
        to.push(Recipient { user_id, email: (*email).to_owned(), name: None, locale: None });
    }
    let ids: Vec<OutboxId> = take(&mut tx, IdTable::Outbox, to.len()).await.into_iter().map(OutboxId).collect();
    let message_id = MessageId(take(&mut tx, IdTable::Messages, 1).await[0]);
    work.message(
        NewMessage {
            id: message_id,
            tenant_id: TENANT,
            ticket_id: ticket.id,
            seq: 0,
            kind: MessageKind::Reply,
            side: Side::Agent,
            author_id: None,
            author_name: Some("Priya".to_owned()),
            author_email: None,
            body: answer.body.to_owned(),
            body_html: None,
            visible_text: answer.body.to_owned(),
            class: None,
            verdict: None,
            mail_id: None,
            mail_view: None,
            message_id: None,
            created_at: None,
            forwarded_by: None,
            written_at: None,
        },
        By::SYSTEM,
    );
    if let (Some(bytes), Some(sha256)) = (&answer.file, sha256) {
        let id = AttachmentId(take(&mut tx, IdTable::Attachments, 1).await[0]);
        work.attachment(NewAttachment {
            id,
            tenant_id: TENANT,
            ticket_id: ticket.id,
            ticket_message_id: message_id,
            uploaded_by: None,
            filename: "log.bin".to_owned(),
            original_filename: None,
            content_type: "application/octet-stream".to_owned(),
            sniffed_type: None,
            size_bytes: bytes.len() as i64,
            sha256: Some(sha256),
            inline: false,
            content_id: None,
            meta: None,
        });
    }
    let due_at = dialect::now(&mut tx).await.expect("the database has a clock");
    let reply = Reply {
        message_id,
        agent_name: Some("Priya"),
        to: &to,
        bcc: &[],
        answered: &Answered::default(),
        thread,
        suppressed: &[],
        force: false,
        due_at,
        held: false,
    };
    enqueue::reply(&mut work, &desk, &ticket, reply, &ids);
    work.flush(&mut tx).await.expect("it is written");
    tx.commit().await.expect("it commits");
    app.bell.ring(&ids);
    ids
}

async fn take(tx: &mut Tx, table: IdTable, n: usize) -> Vec<i64> {
    dialect::take_ids(tx, table, n).await.expect("ids are there")
}
