//! What becomes of mail, by what the relay does: through the whole worker, on both databases.

use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders};
use shared::access::Actor;
use shared::app::App;
use shared::ids::TicketId;
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door, Ingest, Outcome, receive};
use shared::mail_out::kinds::OutboxState::{Dead, Deferred, MaybeSent, Queued, Sending, Sent};
use shared::mail_out::outbox;
use shared::store::testing::{on_both_apps, on_both_apps_with};
use worker::dispatch::{Counts, Dispatcher, Transport};
use worker::sink::{Act, Rule, Sink, SinkOptions, Step};
use worker::transport::{SmtpOptions, Timeouts};

use crate::desk::{self, Answer, answer, change, count, make_due, password_mail, row_to, rows, ticket};
use crate::support::{self, sink, smtp, smtp_with, timeouts, until};

const ANNA: &str = "anna@customer.example";

fn dispatcher(app: &App, sink: &Sink) -> Dispatcher {
    Dispatcher::new(app.clone(), Transport::Smtp(smtp(&sink.url()))).expect("the templates are whole")
}

async fn drain(dispatcher: &Dispatcher) -> Counts {
    dispatcher.drain().await.expect("the store answers")
}

/// A ticket whose acknowledgement was sent already, and an answer in the outbox.
async fn answered(app: &App, sink: &Sink, cc: &[&str]) -> TicketId {
    let ingest = Ingest::start(app.clone());
    let id = ticket(app, &ingest, ANNA).await.ticket_id.expect("a ticket was made");
    drain(&dispatcher(app, sink)).await;
    sink.forget();
    answer(app, Answer { ticket: id, body: "Try again now.", cc, file: None }).await;
    id
}

#[tokio::test]
async fn everything_is_sent_once_with_its_envelope_and_headers() {
    on_both_apps(async |app| {
        let sink = sink().await;
        let ingest = Ingest::start(app.clone());
        let made = ticket(&app, &ingest, ANNA).await;
        password_mail(&app, "user@desk.example").await;
        answer(&app, Answer { ticket: made.ticket_id.unwrap(), body: "Try again now.", cc: &[], file: None }).await;
        let dispatcher = dispatcher(&app, &sink);
        assert_eq!(drain(&dispatcher).await.of(Sent), 3);
        assert_eq!(drain(&dispatcher).await, Counts::default());
        let received = sink.received();
        assert_eq!(received.len(), 3);
        for mail in &received {
            assert!(mail.mail_from.starts_with("support+") && mail.mail_from.ends_with("@desk.example"));
            let parsed = MessageParser::new().parse(&mail.data).unwrap();
            let header = |name: &str| parsed.header_raw(name).map(|v| v.trim().to_owned());
            assert!(header("X-Loop-Guard").is_some() && header("Date").is_some());
            assert_eq!(parsed.from().unwrap().first().unwrap().address.as_deref(), Some("support@desk.example"));
            let subject = parsed.subject().unwrap();
            match mail.rcpt[0].as_str() {
                ANNA => assert_eq!(subject, format!("Re: Broken [{}]", made.pid.as_deref().unwrap())),
                other => assert_eq!((other, header("In-Reply-To")), ("user@desk.example", None)),
            }
            if parsed.body_text(0).unwrap().contains("Try again now.") {
                assert_eq!(header("Auto-Submitted"), None);
                assert!(header("References").unwrap().contains("<first-anna@customer.example>"));
                assert!(parsed.body_text(0).unwrap().contains("> Please help."), "the customer's words are quoted");
                assert!(header("From").unwrap().contains("Priya"));
            } else {
                assert!(header("Auto-Submitted").is_some());
            }
        }
        for row in rows(&app).await {
            assert_eq!((row.state, row.due_at, row.attempts, row.reply_code), (Sent, None, 1, Some(250)), "{row:?}");
            assert!(row.mime.is_some() && row.lease_token.is_none() && row.phase.is_none());
            let sent = received.iter().filter(|m| Some(&m.data) == row.mime.as_ref()).count();
            assert_eq!(sent, 1, "what is kept is what was sent");
        }
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox_attempts WHERE result = 'sent'").await, 3);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'MAIL_SENT'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn without_a_relay_mail_is_captured() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        ticket(&app, &ingest, ANNA).await;
        let dispatcher = Dispatcher::new(app.clone(), Transport::Capture).unwrap();
        assert_eq!(drain(&dispatcher).await.of(Sent), 1);
        let row = row_to(&app, ANNA).await;
        assert_eq!((row.state, row.reply_code), (Sent, None));
        assert!(row.mime.is_some_and(|m| m.starts_with(b"Date: ")));
    })
    .await;
}

/// T54.
/// E9.1, E9.8.
#[tokio::test]
async fn a_greylisted_mail_goes_out_later_with_the_same_octets() {
    on_both_apps(async |app| {
        let sink = sink().await;
        answered(&app, &sink, &[]).await;
        sink.add_rule(Rule::answer(Step::Rcpt, "450 4.2.0 greylisted").times(1));
        let dispatcher = dispatcher(&app, &sink);
        assert_eq!(drain(&dispatcher).await.of(Deferred), 1);
        let waiting = rows(&app).await.pop().unwrap();
        assert_eq!(
            (waiting.state, waiting.reply_code, waiting.enhanced.as_deref()),
            (Deferred, Some(450), Some("4.2.0"))
        );
        let wait = waiting.due_at.unwrap() - shared::clock::now();
        assert!((230..=370).contains(&wait.num_seconds()), "greylisting wants five minutes, not {wait}");
        let first = waiting.mime.expect("the octets are kept for the next attempt");
        // What the mail would be built from has changed meanwhile.
        change(&app, "UPDATE ticket_messages SET body = 'changed'").await;
        make_due(&app).await;
        assert_eq!(drain(&dispatcher).await.of(Sent), 1);
        assert_eq!(sink.received().len(), 1);
        assert_eq!(sink.received()[0].data, first);
        assert_eq!(rows(&app).await.pop().unwrap().attempts, 2);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'MAIL_DEFERRED'").await, 1);
    })
    .await;
}

/// T55.
/// E9.6.
#[tokio::test]
async fn one_of_three_recipients_is_refused() {
    on_both_apps(async |app| {
        let sink = sink().await;
        sink.add_rule(Rule::answer(Step::Rcpt, "550 5.1.1 no such user").rcpt("gone@customer.example"));
        answered(&app, &sink, &["gone@customer.example", "bert@customer.example"]).await;
        let counts = drain(&dispatcher(&app, &sink)).await;
        assert_eq!((counts.of(Sent), counts.of(Dead)), (2, 1));
        let dead = row_to(&app, "gone@customer.example").await;
        assert_eq!((dead.state, dead.reply_code, dead.due_at), (Dead, Some(550), None));
        assert_eq!(dead.reply_text.as_deref(), Some("no such user"));
        let ids: Vec<String> = sink.received().iter().map(|m| message_id(&m.data)).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "all copies are one message: {ids:?}");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'MAIL_FAILED'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_reaches_nobody_is_its_authors_draft_again() {
    on_both_apps(async |app| {
        let sink = sink().await;
        let ingest = Ingest::start(app.clone());
        let of_somebody = "UPDATE ticket_messages SET author_id = (SELECT MIN(id) FROM users) WHERE side = 'agent'";
        let drafts = "SELECT COUNT(*) FROM drafts WHERE kind = 'reply' AND body = 'Try again now.'";
        sink.add_rule(Rule::answer(Step::Rcpt, "550 5.1.1 no such user").rcpt("gone@customer.example"));
        answered(&app, &sink, &["gone@customer.example"]).await;
        change(&app, of_somebody).await;
        assert_eq!(drain(&dispatcher(&app, &sink)).await.of(Dead), 1);
        assert_eq!(count(&app, drafts).await, 0, "whoever has it would get it twice");

        let id = ticket(&app, &ingest, "lost@customer.example").await.ticket_id.expect("a ticket was made");
        drain(&dispatcher(&app, &sink)).await;
        sink.add_rule(Rule::answer(Step::Rcpt, "550 5.7.1 not here").rcpt("lost@customer.example").times(1));
        let mails = answer(&app, Answer { ticket: id, body: "Try again now.", cc: &[], file: None }).await;
        change(&app, of_somebody).await;
        assert_eq!(drain(&dispatcher(&app, &sink)).await.of(Dead), 1);
        assert_eq!(count(&app, drafts).await, 1);

        // Once it leaves after all, it is no draft any more.
        outbox::retry(&app, &Actor::system(), mails[0], None).await.expect("it is tried again");
        assert_eq!(count(&app, drafts).await, 0);
        assert_eq!(drain(&dispatcher(&app, &sink)).await.of(Sent), 1);
    })
    .await;
}

/// T56.
/// E9.9.
#[tokio::test]
async fn an_answer_lost_after_the_dot_is_sent_once_more_and_an_acknowledgement_is_not() {
    on_both_apps(async |app| {
        let sink = sink().await;
        answered(&app, &sink, &[]).await;
        ticket(&app, &Ingest::start(app.clone()), "ben@customer.example").await;
        sink.add_rule(Rule::new(Step::Dot, Act::KeepThenDrop));
        let dispatcher = dispatcher(&app, &sink);
        assert_eq!(drain(&dispatcher).await.of(MaybeSent), 2);
        let all = rows(&app).await;
        let (reply, ack) = (&all[1], &all[2]);
        assert_eq!((reply.state, reply.maybes, ack.state, ack.due_at), (MaybeSent, 1, MaybeSent, None));
        let wait = reply.due_at.unwrap() - shared::clock::now();
        assert!((880..=900).contains(&wait.num_seconds()), "{wait}");
        make_due(&app).await;
        assert_eq!(drain(&dispatcher).await.of(MaybeSent), 1);
        make_due(&app).await;
        assert_eq!(drain(&dispatcher).await, Counts::default(), "a second time it rests");
        let reply = &rows(&app).await[1];
        assert_eq!((reply.state, reply.maybes, reply.due_at), (MaybeSent, 2, None));
        let received = sink.received();
        let copies = |rcpt: &str| received.iter().filter(|m| m.rcpt[0] == rcpt).count();
        assert_eq!((copies(ANNA), copies("ben@customer.example")), (2, 1));
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'MAIL_MAYBE_SENT'").await, 3);
    })
    .await;
}

/// T57 with shorter waits.
/// E9.5.
#[tokio::test]
async fn a_slow_answer_to_the_dot_is_waited_for() {
    on_both_apps(async |app| {
        let sink = sink().await;
        password_mail(&app, ANNA).await;
        sink.add_rule(Rule::new(Step::Dot, Act::Slow(Duration::from_millis(900))));
        assert_eq!(drain(&dispatcher(&app, &sink)).await.of(Sent), 1);
        assert_eq!(sink.count(), 1);
        // Too slow even for a patient worker.
        sink.add_rule(Rule::new(Step::Dot, Act::Stall));
        sink.clear_rules();
        sink.add_rule(Rule::new(Step::Dot, Act::KeepThenStall));
        password_mail(&app, "ben@customer.example").await;
        let limits = Timeouts { dot: Duration::from_millis(200), ..timeouts() };
        let impatient = Transport::Smtp(smtp_with(&sink.url(), limits));
        assert_eq!(drain(&Dispatcher::new(app.clone(), impatient).unwrap()).await.of(MaybeSent), 1);
    })
    .await;
}

/// T58.
/// E9.7.
#[tokio::test]
async fn a_wrong_password_pauses_the_relay_and_keeps_the_mail() {
    on_both_apps(async |app| {
        let login = Some(("desk".to_owned(), "right".to_owned()));
        let sink = Sink::start(SinkOptions { login, ..SinkOptions::default() }).await.unwrap();
        for n in 0..40 {
            password_mail(&app, &format!("c{n}@customer.example")).await;
        }
        let with = |password: &str| {
            let smtp = smtp(&format!("smtp://desk:{password}@{}", sink.addr()));
            Dispatcher::new(app.clone(), Transport::Smtp(smtp)).unwrap()
        };
        let wrong = with("wrong");
        let first = drain(&wrong).await;
        assert!((1..=4).contains(&first.of(Queued)) && first.attempts() == first.of(Queued), "{first:?}");
        let connections = sink.connections();
        assert_eq!(drain(&wrong).await, Counts::default());
        assert_eq!(drain(&with("right")).await, Counts::default(), "every process obeys the pause");
        assert_eq!(sink.connections(), connections);
        let all = rows(&app).await;
        assert!(all.iter().all(|r| r.state == Queued && r.due_at.is_some() && r.lease_token.is_none()), "{all:?}");
        assert_eq!(all.iter().filter(|r| r.attempts == 0).count(), 40 - first.of(Queued), "the others were not tried");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM relays WHERE reason IS NOT NULL").await, 1);
        // The pause is over, the fault is not: one mail finds out, and the next pause is longer.
        let over =
            "UPDATE relays SET paused_until = '2026-01-01T00:01:00+00:00', updated_at = '2026-01-01T00:00:00+00:00'";
        change(&app, over).await;
        make_due(&app).await;
        assert_eq!(drain(&with("wrong")).await.of(Queued), 1);
        // Over again, and the password is right now.
        change(&app, over).await;
        make_due(&app).await;
        assert_eq!(drain(&with("right")).await.of(Sent), 40);
        assert_eq!(
            (sink.count(), count(&app, "SELECT COUNT(*) FROM relays WHERE paused_until IS NOT NULL").await),
            (40, 0)
        );
    })
    .await;
}

/// E9.4.
#[tokio::test]
async fn a_250_is_recorded_even_if_the_lease_was_lost() {
    on_both_apps(async |app| {
        let sink = sink().await;
        password_mail(&app, ANNA).await;
        sink.add_rule(Rule::new(Step::Dot, Act::Slow(Duration::from_millis(1500))));
        let dispatcher = dispatcher(&app, &sink);
        let sending = tokio::spawn(async move { drain(&dispatcher).await });
        while rows(&app).await[0].phase.as_deref() != Some("body") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        change(&app, "UPDATE outbox SET lease_until = '2026-01-01T00:00:00+00:00'").await;
        outbox::free_expired(&app.db, &app.keys).await.unwrap();
        let row = &rows(&app).await[0];
        assert_eq!((row.state, row.maybes, row.due_at.is_some()), (MaybeSent, 1, true));
        assert_eq!(sending.await.unwrap().of(Sent), 1);
        let row = &rows(&app).await[0];
        assert_eq!((row.state, row.due_at, row.reply_code), (Sent, None, Some(250)));
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox_attempts WHERE result = 'sent'").await, 1);
    })
    .await;
}

/// E9.4: a worker that stalled before the body must not send what another has taken over.
#[tokio::test]
async fn a_mail_whose_lease_was_lost_before_the_body_does_not_leave() {
    on_both_apps(async |app| {
        let sink = sink().await;
        password_mail(&app, ANNA).await;
        sink.add_rule(Rule::new(Step::Data, Act::Slow(Duration::from_millis(1000))).times(1));
        let stalled = dispatcher(&app, &sink);
        let stalled = tokio::spawn(async move { drain(&stalled).await });
        while rows(&app).await[0].state != Sending {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        change(&app, "UPDATE outbox SET lease_until = '2026-01-01T00:00:00+00:00'").await;
        assert_eq!(outbox::free_expired(&app.db, &app.keys).await.unwrap().len(), 1);
        assert_eq!(drain(&dispatcher(&app, &sink)).await.of(Sent), 1);
        stalled.await.unwrap();
        let row = &rows(&app).await[0];
        assert_eq!((row.state, sink.count()), (Sent, 1));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_built_is_dead_with_its_reason() {
    on_both_apps(async |app| {
        let sink = Sink::start(SinkOptions { smtp_utf8: false, ..SinkOptions::default() }).await.unwrap();
        answered(&app, &sink, &["jörg@customer.example"]).await;
        password_mail(&app, "line@customer.example").await;
        change(&app, "UPDATE outbox SET subject = 'a\nBcc: x@y.example' WHERE to_email = 'line@customer.example'")
            .await;
        let counts = drain(&dispatcher(&app, &sink)).await;
        assert_eq!((counts.of(Sent), counts.of(Dead)), (1, 2));
        let line = row_to(&app, "line@customer.example").await;
        assert_eq!(line.reply_text.as_deref(), Some("Subject: line break or NUL in a header's value"));
        let umlaut = row_to(&app, "jörg@customer.example").await;
        assert!(umlaut.state == Dead && umlaut.due_at.is_none() && !umlaut.reply_text.unwrap().is_empty());
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'MAIL_FAILED'").await, 1);
        assert_eq!(sink.count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_large_mail_lies_in_the_blob_store_and_waits_for_a_missing_file() {
    on_both_apps(async |app| {
        let sink = sink().await;
        let id = answered(&app, &sink, &[]).await;
        let dispatcher = dispatcher(&app, &sink);
        drain(&dispatcher).await;
        sink.forget();
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n * 7 % 251) as u8).collect();
        let file = Some(bytes.clone());
        answer(&app, Answer { ticket: id, body: "The log.", cc: &[], file }).await;
        let name = shared::blobs::sha256_hex(&bytes);
        app.blobs.delete(shared::ids::TenantId(1), &name).await.unwrap();
        assert_eq!(drain(&dispatcher).await.of(Deferred), 1);
        app.blobs.put(shared::ids::TenantId(1), bytes.clone()).await.unwrap();
        make_due(&app).await;
        sink.add_rule(Rule::answer(Step::Rcpt, "451 4.3.0 later").times(1));
        assert_eq!(drain(&dispatcher).await.of(Deferred), 1);
        let row = rows(&app).await.pop().unwrap();
        assert!(row.mime.is_none() && row.mime_blob.is_some(), "kept outside the row");
        make_due(&app).await;
        assert_eq!(drain(&dispatcher).await.of(Sent), 1);
        let mail = sink.received().pop().unwrap().data;
        let parsed = MessageParser::new().parse(&mail).unwrap();
        let file = parsed.attachments().next().unwrap();
        assert_eq!((file.attachment_name(), file.contents()), (Some("log.bin"), bytes.as_slice()));
    })
    .await;
}

/// E9.13, E9.14: the relay's own refusal of the address suppresses it at once; of the mail, or for now, it does not.
#[tokio::test]
async fn a_refused_address_is_suppressed_by_the_relays_own_word() {
    on_both_apps(async |app| {
        let sink = sink().await;
        for (rcpt, reply) in [
            ("gone@customer.example", "550 5.1.1 no such user"),
            ("spam@customer.example", "554 5.7.1 message refused as spam"),
            ("later@customer.example", "450 4.2.1 not now"),
        ] {
            sink.add_rule(Rule::answer(Step::Rcpt, reply).rcpt(rcpt));
            password_mail(&app, rcpt).await;
        }
        let counts = drain(&dispatcher(&app, &sink)).await;
        assert_eq!((counts.of(Dead), counts.of(Deferred)), (2, 1));
        assert_eq!(count(&app, "SELECT COUNT(*) FROM suppressions").await, 1);
        let who =
            "SELECT COUNT(*) FROM suppressions WHERE email_key = 'gone@customer.example' AND reason = 'hard_bounce'";
        assert_eq!(count(&app, who).await, 1);
    })
    .await;
}

/// E8.11: who joined later was not party to what the customer wrote before.
#[tokio::test]
async fn only_who_was_there_reads_the_customers_words_again() {
    on_both_apps(async |app| {
        let sink = sink().await;
        answered(&app, &sink, &["later@customer.example"]).await;
        drain(&dispatcher(&app, &sink)).await;
        let quotes = |rcpt: &str| {
            let mail = sink.received().into_iter().find(|m| m.rcpt[0] == rcpt).unwrap().data;
            MessageParser::new().parse(&mail).unwrap().body_text(0).unwrap().contains("> It is broken.")
        };
        assert!(quotes(ANNA) && !quotes("later@customer.example"));
    })
    .await;
}

/// E9.10.
#[tokio::test]
async fn many_mails_use_few_connections_and_leave_once() {
    on_both_apps(async |app| {
        let sink = sink().await;
        for n in 0..150 {
            password_mail(&app, &format!("c{n}@customer.example")).await;
        }
        let options = SmtpOptions { timeouts: timeouts(), ..SmtpOptions::default() };
        let smtp = worker::transport::Smtp::from_url(&sink.url(), options).unwrap();
        let dispatcher = Dispatcher::new(app.clone(), Transport::Smtp(smtp)).unwrap();
        let stop = tokio_util::sync::CancellationToken::new();
        let running = tokio::spawn({
            let (dispatcher, stop) = (dispatcher.clone(), stop.clone());
            async move { dispatcher.run(stop).await }
        });
        assert!(sink.wait_for(150, support::LIMIT).await);
        stop.cancel();
        running.await.unwrap();
        let mut rcpts: Vec<String> = sink.received().into_iter().map(|m| m.rcpt[0].clone()).collect();
        rcpts.sort();
        rcpts.dedup();
        assert_eq!((rcpts.len(), sink.count()), (150, 150));
        assert!(sink.most_open_connections() <= 4, "{}", sink.most_open_connections());
        until("connections are closed", || sink.open_connections() == 0).await;
        assert!(desk::rows(&app).await.iter().all(|r| r.state == Sent));
    })
    .await;
}

fn message_id(mail: &[u8]) -> String {
    let parsed = MessageParser::new().parse(mail).expect("it is a mail");
    parsed.message_id().expect("it has an id").to_owned()
}

/// T52, E8.5: what would make the mail too large goes out as links that are signed, the smaller file goes along; the
/// relay's own limit counts too, and siblings say the same.
#[tokio::test]
async fn t52_files_that_are_too_large_become_links() {
    let small = |name: &str| (name == "POSTROOM_MAX_OUTBOUND_BYTES").then(|| "400 KiB".to_owned());
    for by_relay in [false, true] {
        let setting = |name: &str| if by_relay { None } else { small(name) };
        on_both_apps_with(setting, async |app| {
            let max_bytes = if by_relay { 420 * 1024 } else { 256 << 20 };
            let sink = Sink::start(SinkOptions { max_bytes, ..SinkOptions::default() }).await.unwrap();
            let ingest = Ingest::start(app.clone());
            let id = ticket(&app, &ingest, ANNA).await.ticket_id.unwrap();
            drain(&dispatcher(&app, &sink)).await;
            sink.forget();
            let file = Some((0..900_000u32).map(|n| (n * 7 % 251) as u8).collect());
            answer(&app, Answer { ticket: id, body: "The log.", cc: &["bo@customer.example"], file }).await;
            // A dispatcher that has not met the relay yet asks for its limit first.
            assert_eq!(drain(&dispatcher(&app, &sink)).await.of(Sent), 2);
            let received = sink.received();
            let mut urls = Vec::new();
            for mail in &received {
                assert!(mail.data.len() < 400 * 1024, "{}", mail.data.len());
                let parsed = MessageParser::new().parse(&mail.data).unwrap();
                assert_eq!(parsed.attachments().count(), 0);
                let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
                assert!(text.contains("log.bin (0.9 MB)") && html.contains("log.bin"), "{text}");
                let url = text.split_whitespace().find(|w| w.contains("/files/")).unwrap().to_owned();
                assert!(html.contains(&url));
                urls.push(url);
            }
            assert_eq!((urls.len(), &urls[0]), (2, &urls[1]));
            let token = urls[0].rsplit('/').next().unwrap();
            let link = shared::mail_out::links::follow(&app.db, &app.keys, token).await.expect("it leads to the file");
            assert_eq!((link.filename.as_str(), link.size_bytes), ("log.bin", 900_000));
            assert_eq!((link.expires_at - link.created_at).num_days(), 30);
            assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE kind = 'FILE_LINKED'").await, 1);
        })
        .await;
    }
}

/// T53, E8.7: a domain goes out in A-labels; a local part outside ASCII by SMTPUTF8 where the relay offers it, else the
/// mail is dead at once and says why.
#[tokio::test]
async fn t53_international_addresses() {
    for offered in [true, false] {
        on_both_apps(async |app| {
            let sink = Sink::start(SinkOptions { smtp_utf8: offered, ..SinkOptions::default() }).await.unwrap();
            password_mail(&app, "anna@bücher.example").await;
            password_mail(&app, "jörg@customer.example").await;
            let counts = drain(&dispatcher(&app, &sink)).await;
            let received = sink.received();
            let to = |rcpt: &str| received.iter().find(|m| m.rcpt[0] == rcpt);
            let plain = to("anna@xn--bcher-kva.example").expect("sent by A-labels");
            assert!(plain.data.is_ascii() && !plain.parameters.contains("SMTPUTF8"));
            let row = row_to(&app, "jörg@customer.example").await;
            if offered {
                assert_eq!(counts.of(Sent), 2);
                let mail = to("jörg@customer.example").expect("sent as it is");
                assert!(mail.parameters.contains("SMTPUTF8") && mail.parameters.contains("BODY=8BITMIME"));
                let head = String::from_utf8_lossy(&mail.data).into_owned();
                assert!(head.contains("\r\nTo: jörg@customer.example\r\n"), "{head}");
            } else {
                assert_eq!((counts.of(Sent), counts.of(Dead), row.state), (1, 1, Dead));
                assert!(row.reply_text.unwrap().contains("outside ASCII"));
            }
        })
        .await;
    }
}

/// E9.10: a domain that asks for less gets less, whoever sends; other domains go on.
#[tokio::test]
async fn a_domain_that_asks_for_less_gets_less() {
    on_both_apps(async |app| {
        let sink = sink().await;
        for n in 0..4 {
            password_mail(&app, &format!("u{n}@busy.example")).await;
        }
        sink.add_rule(Rule::answer(Step::Rcpt, "421 4.7.0 too many messages, slow down").rcpt("u0@busy.example"));
        let one = |sink: &Sink| {
            let options = SmtpOptions { timeouts: timeouts(), max_connections: 1, ..SmtpOptions::default() };
            let smtp = worker::transport::Smtp::from_url(&sink.url(), options).unwrap();
            Dispatcher::new(app.clone(), Transport::Smtp(smtp)).unwrap()
        };
        change(&app, "UPDATE outbox SET due_at = '2027-01-01T00:00:00+00:00' WHERE to_email <> 'u0@busy.example'")
            .await;
        assert_eq!(drain(&one(&sink)).await.of(Deferred), 1);
        assert_eq!(count(&app, "SELECT per_minute FROM slow_domains WHERE domain = 'busy.example'").await, 30);
        change(&app, "UPDATE outbox SET due_at = NULL WHERE to_email = 'u0@busy.example'").await;
        password_mail(&app, "x@other.example").await;
        make_due(&app).await;
        assert_eq!(drain(&one(&sink)).await.of(Sent), 1, "only the other domain's: the turn has not come");
        change(&app, "UPDATE slow_domains SET next_at = '2026-01-01T00:00:00+00:00'").await;
        assert_eq!(drain(&one(&sink)).await.of(Sent), 1, "one mail in its turn");
        change(&app, "DELETE FROM slow_domains").await;
        assert_eq!(drain(&one(&sink)).await.of(Sent), 2);
    })
    .await;
}

/// T23, E3.7, E3.1: the relay gave our reply another id, the mailbox takes no tags, and the customer's program names nothing
/// but that id: the answer joins by it.
#[tokio::test]
async fn t23_an_answer_names_the_relays_id_alone() {
    on_both_apps(async |app| {
        let sink = sink().await;
        let ingest = Ingest::start(app.clone());
        desk::change(&app, "UPDATE mailboxes SET tag_separator = NULL").await;
        let dispatcher = dispatcher(&app, &sink);
        for (n, (said, named)) in [
            ("250 Ok 0102018f1a2b3c4d-5e6f7a8b-9c0d-000000", "0102018f1a2b3c4d-5e6f7a8b-9c0d-000000@eu-west-1.amazonses.com"),
            ("250 2.6.0 <AM0PR1@eurprd.example> [InternalId=123, Hostname=h] Queued mail", "AM0PR1@eurprd.example"),
        ]
        .into_iter()
        .enumerate()
        {
            let customer = format!("apple{n}@customer{n}.example");
            let made = ticket(&app, &ingest, &customer).await;
            drain(&dispatcher).await;
            sink.add_rule(Rule::answer(Step::Dot, said).times(1));
            answer(&app, Answer { ticket: made.ticket_id.unwrap(), body: "Try again.", cc: &[], file: None }).await;
            assert_eq!(drain(&dispatcher).await.of(Sent), 1);
            let sent = String::from_utf8_lossy(&sink.received().pop().unwrap().data).into_owned();
            assert!(sent.contains("Reply-To: <support@desk.example>") || !sent.contains("support+"), "{sent}");
            let raw = format!(
                "From: <{customer}>\r\nTo: support@desk.example\r\nSubject: Quite new\r\nMessage-ID: <{n}@apple.example>\r\n\
                 In-Reply-To: <{named}>\r\nReferences: <{named}>\r\n\r\nIt works.\r\n"
            );
            let arrival = Arrival {
                door: Door::Raw,
                door_ref: None,
                tenant: None,
                facts: Facts::default(),
                raw: raw.into(),
            };
            let applied = receive(&app, &ingest, arrival).await.unwrap();
            assert_eq!((applied.outcome, applied.ticket_id), (Some(Outcome::MessageAdded), made.ticket_id), "{said}");
        }
    })
    .await;
}
