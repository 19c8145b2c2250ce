//! The worker's own process: killed at every point that matters, told to stop, without its Redis, with a backlog.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use mail_parser::MessageParser;
use shared::app::App;
use shared::mail_in::Ingest;
use shared::mail_out::kinds::Kind;
use shared::mail_out::kinds::OutboxState::{MaybeSent, Queued, Sent};
use shared::store::testing::{on_both_apps, on_both_apps_with};
use tokio_util::sync::CancellationToken;
use worker::queue::Health;
use worker::sink::{Act, Rule, Sink, Step};

use crate::desk::{Answer, answer, change, count, password_mail, rows, ticket};
use crate::redis::Redis;
use crate::support::{LIMIT, sink};

/// A worker process of its own.
struct Worker(Child);

impl Worker {
    fn start(app: &App, settings: &[(&str, &str)]) -> Worker {
        let child = Command::new(env!("CARGO_BIN_EXE_postroom-worker"))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("DATABASE_URL", &app.config.database_url)
            .env("BLOB_URL", format!("file://{}", app.config.blob_dir.display()))
            .env("POSTROOM_LEASE_SECONDS", "2")
            .envs(settings.iter().copied())
            .spawn()
            .expect("the worker starts");
        Worker(child)
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.0.id().to_string()]).status().expect("kill exists");
        assert!(done.success());
    }

    async fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("the process is ours") {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "the worker does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(mut self) {
        self.signal("-TERM");
        let status = self.end().await;
        assert!(status.success(), "{status:?}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const UNSETTLED: &str = "SELECT COUNT(*) FROM outbox WHERE state = 'sending' OR due_at IS NOT NULL";

/// Waits until no mail is under way or due any more.
async fn settled(app: &App, limit: Duration) {
    let start = Instant::now();
    loop {
        let left = count(app, UNSETTLED).await;
        if left == 0 {
            return;
        }
        assert!(start.elapsed() < limit, "{left} mails are left: {:?}", rows(app).await.first());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often each mail arrived.
fn copies(sink: &Sink) -> BTreeMap<(String, String), usize> {
    let mut copies = BTreeMap::new();
    for mail in sink.received() {
        let parsed = MessageParser::new().parse(&mail.data).expect("it is a mail");
        let id = parsed.message_id().expect("it has an id").to_owned();
        *copies.entry((mail.rcpt[0].clone(), id)).or_default() += 1;
    }
    copies
}

/// What a kill at a point may cost.
struct Cost {
    point: &'static str,
    /// Whether the body may have been on its way.
    in_body: bool,
    /// How often a mail that is sent again after that may arrive at most.
    most: usize,
}

/// Kills a worker at a point while mail waits, lets another one finish, and counts.
async fn kill_at(cost: Cost) {
    on_both_apps(|app| async move {
        for acks_only in [false, true] {
            let sink = sink().await;
            let ingest = Ingest::start(app.clone());
            change(&app, "UPDATE outbox SET due_at = NULL").await;
            let before = rows(&app).await.len();
            for n in 0..6 {
                // Each from a domain of its own: mails that differ in digits alone count as one sender (E5.12).
                let name = format!("c@c{n}-{acks_only}.example");
                let id = ticket(&app, &ingest, &name).await.ticket_id.expect("a ticket was made");
                if !acks_only {
                    answer(&app, Answer { ticket: id, body: "Try again now.", cc: &[], file: None }).await;
                    password_mail(&app, &format!("u{n}@desk.example")).await;
                }
            }
            let url = sink.url();
            let mut victim = Worker::start(&app, &[("SMTP_URL", &url), ("POSTROOM_FAULT", cost.point)]);
            assert_eq!(victim.end().await.signal(), Some(9), "it dies at {}", cost.point);
            assert!(count(&app, "SELECT COUNT(*) FROM outbox WHERE state = 'sending'").await > 0);
            let second = Worker::start(&app, &[("SMTP_URL", &url)]);
            settled(&app, LIMIT).await;
            second.stop().await;
            let copies = copies(&sink);
            let mut maybes = 0;
            for row in rows(&app).await.into_iter().skip(before) {
                let arrived: usize =
                    copies.iter().filter(|((_, id), _)| *id == row.message_id).map(|(_, copies)| copies).sum();
                maybes += usize::from(row.state == MaybeSent);
                match (row.kind, row.state) {
                    (Kind::Ack, MaybeSent) if cost.in_body => assert!(arrived <= 1, "{row:?}: {arrived}"),
                    (Kind::Ack, Sent) => assert_eq!(arrived, 1, "{row:?}"),
                    (_, Sent) => assert!((1..=cost.most).contains(&arrived), "{row:?}: {arrived}"),
                    _ => panic!("{}: {row:?}", cost.point),
                }
            }
            if acks_only {
                assert_eq!(maybes > 0, cost.in_body, "an acknowledgement of unknown fate rests");
            }
            let lost = count(&app, "SELECT COUNT(*) FROM outbox_attempts WHERE result = 'lost'").await;
            assert!(lost > 0, "the dead worker's attempts are on record");
        }
    })
    .await;
}

/// E9.4.
#[tokio::test]
async fn killed_after_the_claim() {
    kill_at(Cost { point: "after_claim", in_body: false, most: 1 }).await;
}

/// E9.4.
#[tokio::test]
async fn killed_before_the_body() {
    // Another sender's mail may be in its body at that moment, so nothing but what was lost is certain there.
    kill_at(Cost { point: "before_body", in_body: false, most: 1 }).await;
}

/// E9.9.
#[tokio::test]
async fn killed_in_the_body() {
    kill_at(Cost { point: "in_body", in_body: true, most: 2 }).await;
}

#[tokio::test]
async fn killed_between_the_250_and_its_record() {
    kill_at(Cost { point: "before_record", in_body: true, most: 2 }).await;
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_under_way_and_gives_back_the_rest() {
    on_both_apps(|app| async move {
        let sink = sink().await;
        for n in 0..40 {
            password_mail(&app, &format!("c{n}@customer.example")).await;
        }
        sink.add_rule(Rule::new(Step::Dot, Act::Slow(Duration::from_millis(1500))));
        let worker = Worker::start(&app, &[("SMTP_URL", &sink.url())]);
        let start = Instant::now();
        while count(&app, "SELECT COUNT(*) FROM outbox WHERE phase = 'body'").await < 4 {
            assert!(start.elapsed() < LIMIT);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(count(&app, "SELECT COUNT(*) FROM workers").await == 1, "its heartbeat is there");
        worker.stop().await;
        let all = rows(&app).await;
        let sent = all.iter().filter(|r| r.state == Sent).count();
        assert!((4..40).contains(&sent), "{sent}");
        assert_eq!(sent, sink.count());
        for row in all.iter().filter(|r| r.state != Sent) {
            assert!(row.state == Queued && row.attempts == 0 && row.due_at.is_some(), "{row:?}");
            assert!(row.lease_token.is_none() && row.phase.is_none(), "{row:?}");
        }
        assert_eq!(count(&app, "SELECT COUNT(*) FROM workers").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_never_answers_does_not_hold_the_stop_up() {
    on_both_apps(|app| async move {
        let sink = sink().await;
        password_mail(&app, "anna@customer.example").await;
        sink.add_rule(Rule::new(Step::Dot, Act::KeepThenStall));
        let worker = Worker::start(&app, &[("SMTP_URL", &sink.url())]);
        assert!(sink.wait_for(1, LIMIT).await);
        let start = Instant::now();
        worker.stop().await;
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        let row = rows(&app).await.remove(0);
        assert_eq!((row.state, row.maybes, row.due_at.is_some()), (MaybeSent, 1, true));
    })
    .await;
}

/// Redis carries hints only: killed, restarted, emptied, it costs no mail.
#[tokio::test]
async fn without_its_redis_mail_leaves_all_the_same() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let redis = tokio::sync::Mutex::new(&mut redis);
    on_both_apps_with(
        |name| (name == "REDIS_URL").then(|| url.clone()),
        |app| {
            let (redis, url) = (&redis, url.as_str());
            async move {
                let mut redis = redis.lock().await;
                let sink = sink().await;
                let stop = CancellationToken::new();
                let ringing = tokio::spawn(worker::ring_only(app.clone(), Health::redis(), stop.clone()));
                let smtp = sink.url();
                let worker = Worker::start(&app, &[("SMTP_URL", &smtp), ("REDIS_URL", url)]);
                for n in 0..60 {
                    match n {
                        10 => redis.down(),
                        30 => redis.up().await,
                        45 => redis.command::<()>(&["FLUSHALL"]).await,
                        _ => {}
                    }
                    password_mail(&app, &format!("c{n}@customer.example")).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                assert!(sink.wait_for(60, LIMIT).await, "{} of 60", sink.count());
                settled(&app, LIMIT).await;
                assert!(copies(&sink).values().all(|copies| *copies == 1));
                worker.stop().await;
                stop.cancel();
                ringing.await.expect("it does not panic").expect("the URL is valid");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_backlog_of_twenty_thousand_is_worked_off() {
    on_both_apps(|app| async move {
        password_mail(&app, "anna@customer.example").await;
        change(
            &app,
            "INSERT INTO outbox (id, tenant_id, kind, user_id, to_email, to_key, to_domain, automatic, subject, message_id, \
             envelope_from, letter, state, due_at, urgency, attempts, maybes, created_at, updated_at) \
             WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
             SELECT n.i, o.tenant_id, o.kind, o.user_id, o.to_email, o.to_key, o.to_domain, o.automatic, o.subject, \
             o.message_id, o.envelope_from, o.letter, o.state, o.due_at, o.urgency, 0, 0, o.created_at, o.updated_at \
             FROM outbox o CROSS JOIN n WHERE o.id = 1",
        )
        .await;
        let start = Instant::now();
        let worker = Worker::start(&app, &[("POSTROOM_LOG", "warn")]);
        settled(&app, Duration::from_secs(300)).await;
        println!("20,000 captured in {:?}", start.elapsed());
        worker.stop().await;
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox WHERE state = 'sent' AND attempts = 1").await, 20_000);
    })
    .await;
}
