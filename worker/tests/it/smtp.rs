//! What goes right: octets, envelope, connections.

use std::cell::Cell;
use std::time::{Duration, Instant};

use worker::sink::{Act, Keep, Rule, Sink, SinkOptions, Step};
use worker::transport::{Delivery, Phase, SendOutcome, Smtp, SmtpOptions};

use crate::support::{
    FROM, MAIL, RCPT, mail_of, permanent, relay_fault, send, send_mail, sent, sink, smtp, temporary, timeouts, until,
};

#[tokio::test]
async fn octets_and_envelope_arrive_unchanged() {
    let sink = sink().await;
    let mut mime = b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n\r\n\r\n".to_vec();
    mime.extend((0..=255u8).filter(|b| !matches!(b, b'\r' | b'\n')));
    mime.extend(b"\r\n");
    let outcome = send(&smtp(&sink.url()), RCPT, &mime).await;
    let SendOutcome::Sent(reply) = outcome else { panic!("{outcome:?}") };
    assert_eq!((reply.code, reply.enhanced.as_deref()), (250, Some("2.0.0")));
    assert_eq!(reply.relay_id.as_deref(), Some("S000000001"));
    let mails = sink.received();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].mail_from, FROM);
    assert_eq!(mails[0].rcpt, [RCPT]);
    assert_eq!(mails[0].data, mime);
    assert!(mails[0].parameters.contains("BODY=8BITMIME"), "{}", mails[0].parameters);
}

#[tokio::test]
async fn bare_line_ends_cannot_smuggle_a_second_mail() {
    let sink = sink().await;
    let mime = b"Subject: a\n\nb\n.\nMAIL FROM:<evil@x.example>\r.\rc";
    assert!(sent(&send(&smtp(&sink.url()), RCPT, mime).await));
    let mails = sink.received();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].data, b"Subject: a\r\n\r\nb\r\n.\r\nMAIL FROM:<evil@x.example>\r\n.\r\nc\r\n");
    assert!(!mails[0].parameters.contains("BODY"), "7-bit mail needs no parameter");
}

#[tokio::test]
async fn a_large_mail_arrives() {
    let sink = sink().await;
    let mime = mail_of(100_000);
    assert!(sent(&send(&smtp(&sink.url()), RCPT, &mime).await));
    assert!(sink.received()[0].data == mime);
}

#[tokio::test]
async fn null_sender_and_odd_addresses() {
    let sink = sink().await;
    let smtp = smtp(&sink.url());
    let from_nobody = Delivery { envelope_from: "", rcpt: "a..b@docomo.example", mime: MAIL };
    assert!(sent(&smtp.send(from_nobody, || async { Ok(()) }).await));
    assert!(sent(&send(&smtp, "jörg@bücher.example", MAIL).await));
    let mails = sink.received();
    assert_eq!((mails[0].mail_from.as_str(), mails[0].rcpt[0].as_str()), ("", "a..b@docomo.example"));
    assert_eq!(mails[1].rcpt[0], "jörg@xn--bcher-kva.example");
    assert!(mails[1].parameters.contains("SMTPUTF8"));
}

/// T53, E8.7.
#[tokio::test]
async fn non_ascii_local_part_without_smtputf8_is_dead_with_clear_text() {
    let sink = Sink::start(SinkOptions { smtp_utf8: false, ..SinkOptions::default() }).await.unwrap();
    let smtp = smtp(&sink.url());
    let failure = permanent(send(&smtp, "jörg@customer.example", MAIL).await, Phase::Mail);
    assert_eq!(failure.enhanced.as_deref(), Some("5.6.7"));
    assert!(failure.text.contains("SMTPUTF8"), "{}", failure.text);
    assert!(sent(&send(&smtp, "a@bücher.example", MAIL).await), "an international domain needs no SMTPUTF8");
    assert_eq!((sink.count(), sink.connections()), (1, 1));
}

#[tokio::test]
async fn a_mail_over_the_offered_size_is_dead_before_it_leaves() {
    let sink = Sink::start(SinkOptions { max_bytes: 1000, ..SinkOptions::default() }).await.unwrap();
    let failure = permanent(send(&smtp(&sink.url()), RCPT, &mail_of(30)).await, Phase::Mail);
    assert_eq!(failure.enhanced.as_deref(), Some("5.3.4"));
    assert_eq!(sink.count(), 0);
}

#[tokio::test]
async fn an_address_with_a_line_break_never_reaches_the_wire() {
    let sink = sink().await;
    let failure = permanent(send(&smtp(&sink.url()), "a@b.example>\r\nDATA\r\n", MAIL).await, Phase::Connect);
    assert_eq!(failure.enhanced.as_deref(), Some("5.1.3"));
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn before_body_runs_once_after_the_354_and_can_stop_the_mail() {
    let sink = sink().await;
    sink.add_rule(Rule::answer(Step::Rcpt, "450 4.2.1 later").times(1));
    let smtp = smtp(&sink.url());
    let delivery = Delivery { envelope_from: FROM, rcpt: RCPT, mime: MAIL };
    let calls = Cell::new(0);
    let note = || async {
        calls.set(calls.get() + 1);
        Ok(())
    };
    smtp.send(delivery, note).await;
    assert_eq!(calls.get(), 0, "refused at RCPT: the body was never due");
    assert!(sent(&smtp.send(delivery, note).await));
    assert_eq!(calls.get(), 1);
    let stopped = smtp.send(delivery, || async { Err("the database is away".into()) }).await;
    let failure = temporary(stopped, Phase::BeforeBody);
    assert!(failure.text.contains("the database is away"));
    assert!(sent(&send_mail(&smtp).await));
    assert_eq!(sink.count(), 2, "the stopped mail never arrived");
}

#[tokio::test]
async fn connections_are_shared_limited_and_worn_out() {
    let sink = sink().await;
    let options = SmtpOptions { max_connections: 3, max_mails: 10, timeouts: timeouts(), ..SmtpOptions::default() };
    let smtp = Smtp::from_url(&sink.url(), options).unwrap();
    // The first ones are held up, so that all three slots are needed.
    sink.add_rule(Rule::new(Step::Dot, Act::Slow(Duration::from_millis(100))).times(3));
    let outcomes = futures::future::join_all((0..60).map(|_| send_mail(&smtp))).await;
    assert!(outcomes.iter().all(sent));
    assert_eq!(sink.most_open_connections(), 3);
    let mails = sink.received();
    for connection in 1..=sink.connections() {
        let n = mails.iter().filter(|m| m.connection == connection).count();
        assert!(n <= 10, "{n} mails on connection {connection}");
    }
    assert_eq!(mails.len(), 60);
}

#[tokio::test]
async fn idle_connections_close() {
    let sink = sink().await;
    let options = SmtpOptions { idle: Duration::from_millis(150), timeouts: timeouts(), ..SmtpOptions::default() };
    let smtp = Smtp::from_url(&sink.url(), options).unwrap();
    futures::future::join_all((0..4).map(|_| send_mail(&smtp))).await;
    assert_eq!(smtp.idle_connections(), 4);
    until("idle connections stay open", || sink.open_connections() == 0).await;
    assert_eq!(smtp.idle_connections(), 0);
    assert!(sent(&send_mail(&smtp).await), "and a new one opens when needed");
    until("nor does the new one", || sink.open_connections() == 0).await;
}

#[tokio::test]
async fn closing_takes_leave() {
    let sink = sink().await;
    let smtp = smtp(&sink.url());
    assert!(sent(&send_mail(&smtp).await));
    smtp.close().await;
    assert_eq!(smtp.idle_connections(), 0);
    until("the connection stays open", || sink.open_connections() == 0).await;
}

#[tokio::test]
async fn auth_plain_and_login() {
    let login = Some(("desk@x.example".to_owned(), "p+w/%".to_owned()));
    let sink = Sink::start(SinkOptions { login, ..SinkOptions::default() }).await.unwrap();
    let url = format!("smtp://desk%40x.example:p+w%2F%25@{}", sink.addr());
    assert!(sent(&send_mail(&smtp(&url)).await));
    sink.add_rule(Rule::answer(Step::Ehlo, "250-sink\r\n250 AUTH LOGIN"));
    assert!(sent(&send_mail(&smtp(&url)).await));
    sink.clear_rules();
    sink.add_rule(Rule::answer(Step::Ehlo, "250-sink\r\n250 AUTH CRAM-MD5"));
    let failure = relay_fault(send_mail(&smtp(&url)).await, Phase::Auth);
    assert!(failure.text.contains("neither AUTH PLAIN nor AUTH LOGIN"));
    assert_eq!(sink.count(), 2);
}

#[tokio::test]
async fn probe_tells_whether_the_relay_takes_mail() {
    let sink = sink().await;
    let smtp = smtp(&sink.url());
    smtp.probe().await.unwrap();
    sink.add_rule(Rule::answer(Step::Connect, "554 no"));
    assert_eq!(smtp.probe().await.unwrap_err().code, Some(554));
    sink.stop();
    assert_eq!(smtp.probe().await.unwrap_err().code, None);
}

#[tokio::test]
async fn a_folder_keeps_each_mail_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep::Folder(folder.path().join("mails"));
    let sink = Sink::start(SinkOptions { keep, ..SinkOptions::default() }).await.unwrap();
    let smtp = smtp(&sink.url());
    assert!(sent(&send_mail(&smtp).await) && sent(&send_mail(&smtp).await));
    let files: Vec<_> = std::fs::read_dir(folder.path().join("mails")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let head = "Return-Path: <bounce+b1@desk.example>\r\nDelivered-To: anna@customer.example\r\nSubject: hello\r\n";
    assert!(text.starts_with(head), "{text}");
}

/// Prints a figure and asserts none: a kernel that waits for delayed ACKs would show as 25 mails/s a connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throughput_smoke() {
    let sink = Sink::start(SinkOptions { keep: Keep::Count, ..SinkOptions::default() }).await.unwrap();
    let smtp = smtp(&sink.url());
    let mime = mail_of(150);
    let start = Instant::now();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (smtp, mime) = (smtp.clone(), mime.clone());
            tokio::spawn(async move {
                for _ in 0..250 {
                    assert!(sent(&send(&smtp, RCPT, &mime).await));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = 1000.0 / start.elapsed().as_secs_f64();
    println!("1,000 mails of {} octets over {} connections: {rate:.0}/s", mime.len(), sink.connections());
    assert_eq!(sink.count(), 1000);
}
