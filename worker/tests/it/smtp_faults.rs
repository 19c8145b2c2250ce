//! What goes wrong, phase by phase (T54 to T58, E9.7, E9.9).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use worker::sink::{Act, Rule, Sink, SinkOptions, Step};
use worker::transport::{Phase, Timeouts};

use crate::support::{
    MAIL, RCPT, mail_of, permanent, relay_fault, send, send_mail, sent, sink, sinks, smtp, smtp_with, temporary,
    timeouts, unknown,
};

/// T54.
#[tokio::test]
async fn greylisted_then_accepted() {
    for sink in sinks().await {
        sink.add_rule(Rule::answer(Step::Rcpt, "450 4.2.0 greylisted").times(1));
        let smtp = smtp(&sink.url());
        let failure = temporary(send_mail(&smtp).await, Phase::Rcpt);
        assert_eq!((failure.code, failure.enhanced.as_deref()), (Some(450), Some("4.2.0")));
        assert_eq!(failure.text, "greylisted");
        assert!(sent(&send_mail(&smtp).await));
        let mails = sink.received();
        assert_eq!((mails.len(), mails[0].data.as_slice()), (1, MAIL));
        assert_eq!(sink.connections(), 1, "RSET clears the half transaction, the connection stays");
    }
}

/// T55.
/// E9.6.
#[tokio::test]
async fn one_refused_recipient_does_not_stop_the_others() {
    for sink in sinks().await {
        sink.add_rule(Rule::answer(Step::Rcpt, "550 5.1.1 no such user").rcpt("gone@customer.example"));
        let smtp = smtp(&sink.url());
        assert!(sent(&send(&smtp, RCPT, MAIL).await));
        let failure = permanent(send(&smtp, "gone@customer.example", MAIL).await, Phase::Rcpt);
        assert_eq!((failure.code, failure.enhanced.as_deref()), (Some(550), Some("5.1.1")));
        assert!(sent(&send(&smtp, "bert@customer.example", MAIL).await));
        assert_eq!(sink.count(), 2);
    }
}

/// T56: whether the relay kept the mail cannot be known, and nothing is sent again.
/// E9.9.
#[tokio::test]
async fn connection_lost_after_the_dot_is_unknown() {
    for (act, kept) in [(Act::KeepThenDrop, 1), (Act::Drop, 0)] {
        for sink in sinks().await {
            sink.add_rule(Rule::new(Step::Dot, act.clone()));
            unknown(send_mail(&smtp(&sink.url())).await);
            assert_eq!((sink.count(), sink.connections()), (kept, 1));
        }
    }
}

#[tokio::test]
async fn connection_lost_before_the_body_is_temporary() {
    for (step, phase) in [
        (Step::Connect, Phase::Greeting),
        (Step::Ehlo, Phase::Greeting),
        (Step::Mail, Phase::Mail),
        (Step::Rcpt, Phase::Rcpt),
        (Step::Data, Phase::Data),
    ] {
        for sink in sinks().await {
            sink.add_rule(Rule::new(step, Act::Drop));
            let failure = temporary(send_mail(&smtp(&sink.url())).await, phase);
            assert_eq!(failure.code, None);
            assert!(!failure.text.is_empty());
            sink.clear_rules();
            assert!(sent(&send_mail(&smtp(&sink.url())).await));
            assert_eq!(sink.count(), 1);
        }
    }
}

#[tokio::test]
async fn connection_lost_in_a_large_body_is_temporary() {
    for sink in sinks().await {
        let mime = mail_of(400_000);
        sink.add_rule(Rule::new(Step::Body, Act::Drop));
        temporary(send(&smtp(&sink.url()), RCPT, &mime).await, Phase::Body);
        sink.clear_rules();
        sink.add_rule(Rule::answer(Step::Body, "421 4.3.2 shutting down"));
        temporary(send(&smtp(&sink.url()), RCPT, &mime).await, Phase::Body);
        assert_eq!(sink.count(), 0);
    }
}

/// T57 with shorter waits: whoever waits long enough gets the answer and sends once.
#[tokio::test]
async fn a_slow_answer_to_the_dot_is_waited_for() {
    for sink in sinks().await {
        sink.add_rule(Rule::new(Step::Dot, Act::Slow(Duration::from_millis(900))));
        let others = Duration::from_millis(600);
        let limits = Timeouts { command: others, data: others, block: others, ..timeouts() };
        assert!(sent(&send_mail(&smtp_with(&sink.url(), limits)).await));
        assert_eq!(sink.count(), 1);
    }
}

/// E9.5.
#[tokio::test]
async fn a_stall_at_each_step_ends_by_its_timer() {
    let short = Duration::from_millis(150);
    for (step, limits, phase) in [
        (Step::Connect, Timeouts { greeting: short, ..timeouts() }, Phase::Greeting),
        (Step::Ehlo, Timeouts { greeting: short, ..timeouts() }, Phase::Greeting),
        (Step::Mail, Timeouts { command: short, ..timeouts() }, Phase::Mail),
        (Step::Rcpt, Timeouts { command: short, ..timeouts() }, Phase::Rcpt),
        (Step::Data, Timeouts { data: short, ..timeouts() }, Phase::Data),
    ] {
        for sink in sinks().await {
            sink.add_rule(Rule::new(step, Act::Stall));
            let failure = temporary(send_mail(&smtp_with(&sink.url(), limits.clone())).await, phase);
            assert!(failure.text.contains("within 0.15 s"), "{step:?}: {}", failure.text);
            assert_eq!(sink.connections(), 1, "{step:?}: a stall is not tried again at once");
        }
    }
    for (act, kept) in [(Act::Stall, 0), (Act::KeepThenStall, 1)] {
        for sink in sinks().await {
            sink.add_rule(Rule::new(Step::Dot, act.clone()));
            let limits = Timeouts { dot: short, ..timeouts() };
            let text = unknown(send_mail(&smtp_with(&sink.url(), limits)).await);
            assert!(text.contains("final dot"), "{text}");
            assert_eq!(sink.count(), kept);
        }
    }
}

#[tokio::test]
async fn a_relay_that_stops_reading_the_body_is_temporary() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"220 x\r\n").await.unwrap();
        let mut buf = [0u8; 1024];
        for answer in ["250 x\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
            assert!(tcp.read(&mut buf).await.unwrap() > 0);
            tcp.write_all(answer.as_bytes()).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let limits = Timeouts { block: Duration::from_millis(200), ..timeouts() };
    let smtp = smtp_with(&format!("smtp://{addr}"), limits);
    // More than the kernels' buffers between the two take.
    temporary(send(&smtp, RCPT, &mail_of(600_000)).await, Phase::Body);
    server.abort();
}

/// T58.
#[tokio::test]
async fn wrong_password_is_a_relay_fault() {
    let login = Some(("desk".to_owned(), "right".to_owned()));
    let sink = Sink::start(SinkOptions { login, ..SinkOptions::default() }).await.unwrap();
    let wrong = smtp(&format!("smtp://desk:wrong@{}", sink.addr()));
    let failure = relay_fault(send_mail(&wrong).await, Phase::Auth);
    assert_eq!((failure.code, failure.enhanced.as_deref()), (Some(535), Some("5.7.8")));
    let none = smtp(&sink.url());
    assert_eq!(relay_fault(send_mail(&none).await, Phase::Mail).code, Some(530));
    assert_eq!(sink.count(), 0);
}

/// E9.7.
#[tokio::test]
async fn relaying_denied_is_a_relay_fault() {
    for sink in sinks().await {
        sink.add_rule(Rule::answer(Step::Rcpt, "554 5.7.1 <anna@customer.example>: Relay access denied"));
        assert_eq!(relay_fault(send_mail(&smtp(&sink.url())).await, Phase::Rcpt).code, Some(554));
    }
}

#[tokio::test]
async fn refusals_at_the_banner_are_temporary() {
    for (step, text, code) in [
        (Step::Connect, "421 4.3.2 too many connections", 421),
        (Step::Connect, "554 5.7.1 go away", 554),
        (Step::Ehlo, "550 5.7.1 bad name", 550),
        (Step::Ehlo, "421 4.3.2 busy", 421),
    ] {
        for sink in sinks().await {
            sink.add_rule(Rule::answer(step, text));
            let failure = temporary(send_mail(&smtp(&sink.url())).await, Phase::Greeting);
            assert_eq!(failure.code, Some(code), "{text}: {failure:?}");
            assert!(text.ends_with(&failure.text), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn refusals_after_the_body_are_certain() {
    for sink in sinks().await {
        let smtp = smtp(&sink.url());
        sink.add_rule(Rule::answer(Step::Dot, "451 4.3.0 later").times(1));
        assert_eq!(temporary(send_mail(&smtp).await, Phase::Dot).code, Some(451));
        sink.add_rule(Rule::answer(Step::Dot, "554 5.6.0 content").times(1));
        assert_eq!(permanent(send_mail(&smtp).await, Phase::Dot).code, Some(554));
        sink.add_rule(Rule::answer(Step::Dot, "421 4.7.0 slow down").times(1));
        assert_eq!(temporary(send_mail(&smtp).await, Phase::Dot).code, Some(421));
        assert!(sent(&send_mail(&smtp).await));
        assert_eq!(sink.count(), 1);
    }
}

/// The server hung up, or said that it would, while the connection lay idle: the mail goes out all the same.
#[tokio::test]
async fn a_dead_idle_connection_is_replaced_once() {
    for sink in sinks().await {
        let smtp = smtp(&sink.url());
        assert!(sent(&send_mail(&smtp).await));
        for act in [Act::Drop, Act::Answer("421 4.4.2 idle too long".into())] {
            sink.add_rule(Rule::new(Step::Mail, act).times(1));
            assert!(sent(&send_mail(&smtp).await));
        }
        assert_eq!((sink.count(), sink.connections()), (3, 3));
        // A fresh connection that fails the same way is not replaced again.
        sink.add_rule(Rule::answer(Step::Mail, "421 4.3.2 closing"));
        assert_eq!(temporary(send_mail(&smtp).await, Phase::Mail).code, Some(421));
        assert_eq!(sink.connections(), 4);
    }
}

#[tokio::test]
async fn a_restarted_relay_is_found_again() {
    let first = sink().await;
    let addr = first.addr();
    let smtp = smtp(&first.url());
    assert!(sent(&send_mail(&smtp).await));
    first.stop();
    while TcpStream::connect(addr).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    temporary(send_mail(&smtp).await, Phase::Connect);
    let second = Sink::start(SinkOptions { listen: addr, ..SinkOptions::default() }).await.unwrap();
    assert!(sent(&send_mail(&smtp).await));
    assert_eq!(second.count(), 1);
}

#[tokio::test]
async fn nonsense_for_an_answer() {
    let long_line = [b"250 ".to_vec(), b"x".repeat(100_000), b"\r\n".to_vec()].concat();
    let endless = b"250-more\r\n".repeat(20_000);
    let binary: Vec<u8> = (0..=255u8).chain(*b"\r\n").collect();
    for octets in [b"hello there\r\n".to_vec(), b"\r\n".to_vec(), b"999 what\r\n".to_vec(), binary, long_line, endless]
    {
        for sink in sinks().await {
            sink.add_rule(Rule::new(Step::Rcpt, Act::Raw(octets.clone())).times(1));
            temporary(send_mail(&smtp(&sink.url())).await, Phase::Rcpt);
            sink.add_rule(Rule::new(Step::Dot, Act::Raw(octets.clone())).times(1));
            unknown(send_mail(&smtp(&sink.url())).await);
        }
    }
}

#[tokio::test]
async fn sloppy_answers_are_understood() {
    for sink in sinks().await {
        let smtp = smtp(&sink.url());
        for octets in
            [&b"250\r\n"[..], b"250 Ok\n", b"250-a\r\n250-\r\n250 b\r\n", b"250 gr\xfc\xdfe\r\n", b"260 fine\r\n"]
        {
            sink.add_rule(Rule::new(Step::Rcpt, Act::Raw(octets.to_vec())).times(1));
            // The sink takes no recipient when told what to answer, so it refuses DATA: RCPT was understood.
            let failure = permanent(send_mail(&smtp).await, Phase::Data);
            assert_eq!(failure.code, Some(503), "{octets:?}");
        }
        let refusal = b"571 unbekannter Empf\xe4nger\r\n".to_vec();
        sink.add_rule(Rule::new(Step::Rcpt, Act::Raw(refusal)).times(1));
        let failure = permanent(send_mail(&smtp).await, Phase::Rcpt);
        assert_eq!((failure.code, failure.text.as_str()), (Some(571), "unbekannter Empf\u{fffd}nger"));
        assert!(sent(&send_mail(&smtp).await));
        assert_eq!(sink.connections(), 1, "the connection survived all of that");
    }
}

/// A 250 in place of the 354 must not let the mail pass for sent, nor a 354 in place of the 250.
#[tokio::test]
async fn the_wrong_kind_of_yes_is_no_yes() {
    for sink in sinks().await {
        sink.add_rule(Rule::answer(Step::Data, "250 2.0.0 Ok").times(1));
        temporary(send_mail(&smtp(&sink.url())).await, Phase::Data);
        sink.add_rule(Rule::answer(Step::Dot, "354 go on").times(1));
        unknown(send_mail(&smtp(&sink.url())).await);
        assert_eq!(sink.count(), 0);
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let failure = temporary(send_mail(&smtp(&format!("smtp://{addr}"))).await, Phase::Connect);
    assert!(failure.text.starts_with("cannot connect to the relay"), "{}", failure.text);
}
