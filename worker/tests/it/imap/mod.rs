//! Fetching from a real Dovecot, on both databases (E10.5, E10.6).

mod dovecot;

use std::future::Future;
use std::time::{Duration, Instant};

use dovecot::{Dovecot, PASSWORD, USER};
use shared::access::Actor;
use shared::app::App;
use shared::config::Secret;
use shared::imap_accounts::{
    self, AfterFetch, ImapAccount, ImapAccountChange, ImapAuth, ImapTls, NewImapAccount, Since, work,
};
use shared::mail_in::Ingest;
use shared::store::testing::on_both_apps;
use shared::store::{Scope, sql};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::imap::{self, Pace, Stop};

use crate::desk::change;

/// Nothing here waits for minutes.
fn pace() -> Pace {
    Pace {
        look: Duration::from_millis(50),
        least_pause: Duration::from_millis(100),
        most_pause: Duration::from_millis(400),
        retry: Duration::from_millis(1),
        ..Pace::default()
    }
}

fn mail(n: usize) -> String {
    format!(
        "From: Ann {n} <ann{n}@customer.example>\nTo: support@desk.example\nSubject: Question {n}\n\
         Message-ID: <{n}@customer.example>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nReceived: from a by b; now\n\nText {n}.\n"
    )
}

struct Fetching {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Fetching {
    fn start(app: &App) -> Fetching {
        let stop = CancellationToken::new();
        let task = tokio::spawn(imap::run(app.clone(), Ingest::start(app.clone()), pace(), stop.clone()));
        Fetching { stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("in time").expect("without panic");
    }
}

async fn account(app: &App, server: &Dovecot) -> ImapAccount {
    account_with(app, server, |_| {}).await
}

async fn account_with(app: &App, server: &Dovecot, change: impl FnOnce(&mut NewImapAccount)) -> ImapAccount {
    let mut new = NewImapAccount {
        mailbox: None,
        host: "127.0.0.1".to_owned(),
        port: Some(server.port.into()),
        tls: ImapTls::Off,
        username: Some(USER.to_owned()),
        auth: ImapAuth::Password,
        secret: Secret::new(PASSWORD),
        folder: "INBOX".to_owned(),
        after_fetch: AfterFetch::Seen,
        move_to: None,
        sent_folder: None,
        since: Since::All,
        active: true,
    };
    change(&mut new);
    imap_accounts::create(app, &Actor::system(), None, new).await.expect("an account")
}

async fn number(app: &App, query: &'static str) -> i64 {
    let (n,): (i64,) = sql(query).one(&mut app.db.read(Scope::All)).await.expect("a number");
    n
}

const TICKETS: &str = "SELECT COUNT(*) FROM tickets";
const ARRIVALS: &str = "SELECT COUNT(*) FROM inbound_mails";
const UNDECIDED: &str = "SELECT COUNT(*) FROM inbound_mails WHERE state IN ('kept', 'failed')";

/// Waits until the condition holds.
async fn until<F: Future<Output = bool>>(what: &str, limit: Duration, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < limit, "{what} did not come within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn tickets(app: &App, n: i64) {
    until(&format!("{n} tickets"), Duration::from_secs(60), || async { number(app, TICKETS).await >= n }).await;
    assert_eq!(number(app, TICKETS).await, n);
}

async fn now(app: &App, account: &ImapAccount) -> ImapAccount {
    work::load(app, account.id).await.expect("asked").expect("it is there")
}

async fn caught_up(app: &App, account: &ImapAccount) {
    until("everything read", Duration::from_secs(60), || async { now(app, account).await.success_at.is_some() }).await;
}

/// E10.5, E10.6: what is there and what comes is fetched, flagged after it is kept, and told at once by IDLE; the server
/// may be killed and come back; deleted messages stay away.
#[tokio::test]
async fn mail_comes_in_though_the_server_is_killed() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        server.deliver(&mail(1));
        server.deliver(&mail(2));
        let account = account(&app, &server).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 2).await;
        caught_up(&app, &account).await;
        until("flags", Duration::from_secs(10), || async {
            server.files("cur").iter().filter(|f| f.ends_with(":2,S")).count() == 2
        })
        .await;
        // Told by IDLE: nobody polls within minutes.
        let began = Instant::now();
        server.deliver(&mail(3));
        tickets(&app, 3).await;
        assert!(began.elapsed() < Duration::from_secs(5), "IDLE took {:?}", began.elapsed());
        server.kill().await;
        server.deliver(&mail(4));
        until("the fault", Duration::from_secs(10), || async { now(&app, &account).await.error.is_some() }).await;
        server.run().await;
        tickets(&app, 4).await;
        until("health", Duration::from_secs(10), || async {
            let a = now(&app, &account).await;
            a.error.is_none() && a.waiting == 0 && a.lag_s(shared::clock::now()) == Some(0)
        })
        .await;
        assert_eq!(number(&app, ARRIVALS).await, 4, "nothing came in twice");
        fetching.end().await;
        // Given back: another process may take it at once.
        assert_eq!(work::unheld(&app).await.expect("asked"), [account.id]);
    })
    .await;
}

/// E10.5: a mailbox of 2,000 messages, the server killed on the way: each is here, once.
#[tokio::test]
async fn two_thousand_messages() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        for n in 0..2000 {
            server.deliver(&mail(n));
        }
        let began = Instant::now();
        account(&app, &server).await;
        let fetching = Fetching::start(&app);
        until("some", Duration::from_secs(60), || async { number(&app, ARRIVALS).await >= 300 }).await;
        server.kill().await;
        server.run().await;
        until("all", Duration::from_secs(120), || async { number(&app, ARRIVALS).await >= 2000 }).await;
        let took = began.elapsed();
        until("decisions", Duration::from_secs(60), || async { number(&app, UNDECIDED).await == 0 }).await;
        assert_eq!((number(&app, ARRIVALS).await, number(&app, TICKETS).await), (2000, 2000));
        println!("2,000 messages in {took:?}, decided in {:?}", began.elapsed());
        fetching.end().await;
    })
    .await;
}

/// E10.5 (T62): UIDVALIDITY changes, all is read again and nothing is there twice; reading behind the last message, which
/// `n+1:*` names all the same, brings nothing.
#[tokio::test]
async fn t62_uids_that_begin_anew_bring_no_new_messages() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        for n in 0..5 {
            server.deliver(&mail(n));
        }
        let account = account(&app, &server).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 5).await;
        caught_up(&app, &account).await;
        fetching.end().await;
        let before = work::cursor(&app, &account, "INBOX").await.expect("asked").expect("it was read");
        // Nothing new.
        let ingest = Ingest::start(app.clone());
        let (held, pace) = (now(&app, &account).await, pace());
        let mut connection = imap::open(&app, &held, &pace).await.expect("it opens");
        let counts = imap::Reader::new(&app, &ingest, &held, &mut connection, &pace).pass().await.expect("it is read");
        assert_eq!((counts.fetched, number(&app, ARRIVALS).await), (0, 5));
        server.forget_uids().await;
        server.deliver(&mail(5));
        let fetching = Fetching::start(&app);
        tickets(&app, 6).await;
        until("all read again", Duration::from_secs(20), || async { number(&app, ARRIVALS).await == 11 }).await;
        until("decisions", Duration::from_secs(20), || async { number(&app, UNDECIDED).await == 0 }).await;
        let after = work::cursor(&app, &account, "INBOX").await.expect("asked").expect("it was read");
        assert_ne!(before.uidvalidity, after.uidvalidity);
        assert_eq!(number(&app, TICKETS).await, 6);
        assert_eq!(number(&app, "SELECT COUNT(*) FROM inbound_mails WHERE outcome = 'duplicate'").await, 5);
        fetching.end().await;
    })
    .await;
}

/// E10.5 (T63): a message that the server cannot give out is tried three times, then a stub stands for it; the others come.
#[tokio::test]
async fn t63_one_poison_message_does_not_keep_the_others_away() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        server.deliver(&mail(1));
        server.deliver_poison();
        server.deliver(&mail(2));
        let account = account(&app, &server).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 2).await;
        until("the stub", Duration::from_secs(30), || async { now(&app, &account).await.given_up == 1 }).await;
        until("decisions", Duration::from_secs(20), || async { number(&app, UNDECIDED).await == 0 }).await;
        // Somebody can see it: it is held, and says where the message lies.
        let (subject, state, door_ref): (Option<String>, String, String) =
            sql("SELECT subject, state, door_ref FROM inbound_mails WHERE door_ref LIKE '%/stub'")
                .one(&mut app.db.read(Scope::All))
                .await
                .expect("a stub");
        assert_eq!(
            (subject.as_deref(), state.as_str()),
            (Some("A message that cannot be fetched"), "quarantined"),
            "{door_ref}"
        );
        let (tries,): (i64,) =
            sql("SELECT tries FROM imap_failures").one(&mut app.db.read(Scope::All)).await.expect("a failure");
        assert_eq!(tries, 3);
        server.deliver(&mail(3));
        tickets(&app, 3).await;
        assert_eq!(number(&app, ARRIVALS).await, 4);
        fetching.end().await;
    })
    .await;
}

/// E10.1 (T61): while nothing can be kept, mail stays on its server, unflagged; then it comes, once.
#[tokio::test]
async fn t61_mail_stays_on_the_server_while_the_database_is_down() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        let account = account(&app, &server).await;
        let fetching = Fetching::start(&app);
        caught_up(&app, &account).await;
        change(&app, "ALTER TABLE raw_mails RENAME TO away").await;
        change(&app, "ALTER TABLE imap_failures RENAME TO gone").await;
        server.deliver(&mail(1));
        server.deliver(&mail(2));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let seen = server.files("cur").iter().filter(|f| f.ends_with(":2,S")).count();
        assert_eq!((seen, number(&app, ARRIVALS).await), (0, 0));
        change(&app, "ALTER TABLE gone RENAME TO imap_failures").await;
        change(&app, "ALTER TABLE away RENAME TO raw_mails").await;
        tickets(&app, 2).await;
        fetching.end().await;
    })
    .await;
}

/// E10.5, E10.9: a message over the limit is a ticket with its own sender and subject that says where the rest lies; it
/// stays there, unflagged.
#[tokio::test]
async fn a_message_too_large_is_a_stub() {
    let small = |name: &str| (name == "POSTROOM_MAX_MAIL_BYTES").then(|| "1000".to_owned());
    shared::store::testing::on_both_apps_with(small, async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        server.deliver(&(mail(1) + &"x".repeat(2000)));
        server.deliver(&mail(2));
        let account = account(&app, &server).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 2).await;
        caught_up(&app, &account).await;
        let (from, subject, outcome): (String, String, String) =
            sql("SELECT from_email, subject, outcome FROM inbound_mails WHERE door_ref LIKE '%/stub'")
                .one(&mut app.db.read(Scope::All))
                .await
                .expect("a stub");
        assert_eq!(
            (from.as_str(), subject.as_str(), outcome.as_str()),
            ("ann1@customer.example", "Question 1", "ticket_created")
        );
        assert_eq!(server.files("cur").iter().filter(|f| f.ends_with(":2,S")).count(), 1);
        fetching.end().await;
    })
    .await;
}

/// E10.5: moved to a folder that was not there, or deleted, once it is kept.
#[tokio::test]
async fn fetched_mail_is_moved_or_deleted() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        server.deliver(&mail(1));
        let account = account_with(&app, &server, |new| {
            new.after_fetch = AfterFetch::Move;
            new.move_to = Some("Erledigt & getan ü".to_owned());
        })
        .await;
        let fetching = Fetching::start(&app);
        tickets(&app, 1).await;
        until("moved", Duration::from_secs(10), || async {
            let folder = ".Erledigt &- getan &APw-";
            server.files(&format!("{folder}/cur")).len() + server.files(&format!("{folder}/new")).len() == 1
        })
        .await;
        let change =
            ImapAccountChange { after_fetch: Some(AfterFetch::Delete), move_to: Some(None), ..Default::default() };
        imap_accounts::update(&app, &Actor::system(), account.id, change).await.expect("it is changed");
        server.deliver(&mail(2));
        tickets(&app, 2).await;
        until("deleted", Duration::from_secs(10), || async {
            server.files("cur").is_empty() && server.files("new").is_empty()
        })
        .await;
        fetching.end().await;
    })
    .await;
}

/// E10.5 (the Sent folder): what agents send by their own mail programs becomes their messages, without any effect; what we
/// sent ourselves is known by its Message-ID; what answers nothing is held. The folder is left as it is.
#[tokio::test]
async fn e10_5_sent_mail_becomes_agents_messages() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        server.deliver(&mail(1));
        let account = account_with(&app, &server, |new| new.sent_folder = Some("Sent".to_owned())).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 1).await;
        // Nobody has such a folder yet: that is told, and keeps no mail away.
        until("the complaint", Duration::from_secs(10), || async {
            now(&app, &account).await.error.is_some_and(|e| e.contains("sent mail"))
        })
        .await;
        let (ours,): (String,) = sql("SELECT message_id FROM outbox ORDER BY id LIMIT 1")
            .one(&mut app.db.read(Scope::All))
            .await
            .expect("the acknowledgement");
        let sent = |id: &str, to: &str, rest: &str| {
            format!(
                "From: Desk <support@desk.example>\nTo: {to}\nSubject: Re: Question 1\nMessage-ID: <{id}>\n\
                 Date: Sat, 21 Nov 2026 11:00:00 +0000\n{rest}\nOpen the lid.\n"
            )
        };
        let before = number(&app, "SELECT COUNT(*) FROM outbox").await;
        server.put(".Sent", &sent("s1@laptop.example", "ann1@customer.example", "In-Reply-To: <1@customer.example>\n"));
        server.put(".Sent", &sent(&ours, "ann1@customer.example", ""));
        server.put(".Sent", &sent("s2@laptop.example", "supplier@elsewhere.example", ""));
        fetching.end().await;
        let fetching = Fetching::start(&app);
        until("all of it", Duration::from_secs(30), || async {
            number(&app, "SELECT COUNT(*) FROM inbound_mails WHERE state <> 'kept'").await == 4
        })
        .await;
        let rows: Vec<(String, Option<String>)> =
            sql("SELECT outcome, reason FROM inbound_mails WHERE door_ref LIKE '%/Sent/%' ORDER BY id")
                .all(&mut app.db.read(Scope::All))
                .await
                .expect("they are there");
        let rows: Vec<(&str, Option<&str>)> = rows.iter().map(|(o, r)| (o.as_str(), r.as_deref())).collect();
        assert_eq!(rows, [("message_added", None), ("loop_ignored", None), ("quarantined", Some("sent_unmatched"))]);
        assert_eq!(number(&app, TICKETS).await, 1);
        assert_eq!(number(&app, "SELECT COUNT(*) FROM outbox").await, before, "nothing goes out");
        let message: (String, String, String, Option<i64>) =
            sql("SELECT kind, side, author_email, author_id FROM ticket_messages WHERE side = 'agent'")
                .one(&mut app.db.read(Scope::All))
                .await
                .expect("the answer");
        assert_eq!(message, ("reply".to_owned(), "agent".to_owned(), "support@desk.example".to_owned(), None));
        let ticket: (String, bool) = sql("SELECT status, first_response_at IS NOT NULL FROM tickets")
            .one(&mut app.db.read(Scope::All))
            .await
            .expect("the ticket");
        assert_eq!(ticket, ("new".to_owned(), true), "answered, and nothing else changed");
        assert_eq!(number(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'LOOP_IGNORED'").await, 0);
        assert!(server.files(".Sent/cur").iter().all(|f| f.ends_with(":2,")), "{:?}", server.files(".Sent/cur"));
        // The customer's answer to it finds the ticket.
        server.deliver(
            "From: ann1@customer.example\nTo: support@desk.example\nSubject: Re: Question 1\nMessage-ID: <9@customer.example>\n\
             In-Reply-To: <s1@laptop.example>\n\nThanks.\n",
        );
        until("the answer", Duration::from_secs(20), || async {
            number(&app, "SELECT COUNT(*) FROM ticket_messages").await == 3
        })
        .await;
        assert_eq!(number(&app, TICKETS).await, 1);
        let findings = shared::doctor::run(&app, shared::doctor::Depth::Quick).await.expect("the doctor can look");
        let bad: Vec<_> = findings.iter().filter(|f| !f.is_ok()).collect();
        assert!(bad.is_empty(), "{bad:?}");
        fetching.end().await;
    })
    .await;
}

/// No mail left behind: what lies on the server without an arrival is found and fetched; a stubbed message is looked at again.
#[tokio::test]
async fn reconciling_finds_what_is_missing() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        for n in 0..4 {
            server.deliver(&mail(n));
        }
        let account = account(&app, &server).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 4).await;
        caught_up(&app, &account).await;
        fetching.end().await;
        // As if two had never been kept, though the cursor passed them.
        change(&app, "UPDATE inbound_mails SET door_ref = NULL WHERE subject IN ('Question 1', 'Question 2')").await;
        let ingest = Ingest::start(app.clone());
        let held = now(&app, &account).await;
        let found = imap::reconcile(&app, &ingest, &held, &pace()).await.expect("it is compared");
        assert_eq!(found.to_string(), r#"{"fetched":2,"given_up":0,"here":2,"missing":2,"on_server":4}"#);
        let again = imap::reconcile(&app, &ingest, &held, &pace()).await.expect("it is compared");
        assert_eq!((&again["missing"], &again["here"]), (&0.into(), &4.into()));
        assert_eq!(number(&app, TICKETS).await, 4, "the same mails: no new tickets");
        assert_eq!(now(&app, &account).await.reconciled, Some(again.to_string()));
    })
    .await;
}

/// E10.6: a refused login is told in words, and tried again; what is set right works within seconds.
#[tokio::test]
async fn a_wrong_password_is_told() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        server.deliver(&mail(1));
        let account = account_with(&app, &server, |new| new.secret = Secret::new("wrong")).await;
        assert!(matches!(imap::test(&app, &account).await, Err(Stop::Imap(_))));
        let fetching = Fetching::start(&app);
        until("the fault", Duration::from_secs(30), || async {
            now(&app, &account).await.error.is_some_and(|e| e.contains("login was refused"))
        })
        .await;
        let change = ImapAccountChange { secret: Some(Secret::new(PASSWORD)), ..Default::default() };
        imap_accounts::update(&app, &Actor::system(), account.id, change).await.expect("it is changed");
        tickets(&app, 1).await;
        let opened = imap::test(&app, &now(&app, &account).await).await.expect("it opens");
        assert_eq!(opened.exists, 1);
        fetching.end().await;
    })
    .await;
}

/// E10.5: mail in a fetched mailbox is its desk's, whatever the headers name; an alias of the tenant's keeps its own.
#[tokio::test]
async fn whose_fetched_mail_is() {
    on_both_apps(async |app| {
        let Some(mut server) = Dovecot::start().await else { return };
        change(
            &app,
            "INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) VALUES \
             (1, 'sales@desk.example', 'sales@desk.example', 'Sales', '+', TRUE, '2026-11-01T00:00:00+00:00')",
        )
        .await;
        server.deliver(&mail(1).replace("support@desk.example", "info@old-name.example"));
        server.deliver(&mail(2).replace("support@desk.example", "sales@desk.example"));
        account(&app, &server).await;
        let fetching = Fetching::start(&app);
        tickets(&app, 2).await;
        until("decisions", Duration::from_secs(20), || async { number(&app, UNDECIDED).await == 0 }).await;
        let rows: Vec<(String, String)> = sql("SELECT m.subject, b.address FROM inbound_mails m JOIN mailboxes b ON b.id = m.mailbox_id ORDER BY m.subject")
            .all(&mut app.db.read(Scope::All))
            .await
            .expect("rows");
        let expected = [("Question 1", "support@desk.example"), ("Question 2", "sales@desk.example")];
        assert_eq!(rows, expected.map(|(s, a)| (s.to_owned(), a.to_owned())));
        fetching.end().await;
    })
    .await;
}
