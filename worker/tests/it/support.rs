//! What the tests share: a sink, a transport with known timers, one mail.

use std::future::Future;
use std::time::{Duration, Instant};

use worker::sink::{Sink, SinkOptions};
use worker::transport::{Delivery, Failure, Phase, SendOutcome, Smtp, SmtpOptions, Timeouts};

pub const FROM: &str = "bounce+b1@desk.example";
pub const RCPT: &str = "anna@customer.example";
pub const MAIL: &[u8] = b"Subject: hello\r\nMessage-ID: <1@desk.example>\r\n\r\nText.\r\n";

/// Long enough never to be hit on a slow machine, unless a test is about the timer.
pub const LONG: Duration = Duration::from_secs(20);

pub async fn sink() -> Sink {
    Sink::start(SinkOptions::default()).await.expect("a free port is there")
}

/// A sink that takes commands in one breath, and one that does not offer to.
pub async fn sinks() -> [Sink; 2] {
    let plain = SinkOptions { pipelining: false, ..SinkOptions::default() };
    [sink().await, Sink::start(plain).await.expect("a free port is there")]
}

pub fn timeouts() -> Timeouts {
    Timeouts {
        connect: LONG,
        greeting: LONG,
        command: LONG,
        data: LONG,
        block: LONG,
        dot: LONG,
        quit: Duration::from_millis(300),
    }
}

pub fn smtp(url: &str) -> Smtp {
    smtp_with(url, timeouts())
}

pub fn smtp_with(url: &str, timeouts: Timeouts) -> Smtp {
    Smtp::from_url(url, SmtpOptions { timeouts, ..SmtpOptions::default() }).expect("the sink's URL is valid")
}

pub async fn send(smtp: &Smtp, rcpt: &str, mime: &[u8]) -> SendOutcome {
    smtp.send(Delivery { envelope_from: FROM, rcpt, mime }, || async { Ok(()) }).await
}

pub async fn send_mail(smtp: &Smtp) -> SendOutcome {
    send(smtp, RCPT, MAIL).await
}

/// A mail of so many lines of 62 octets.
pub fn mail_of(lines: usize) -> Vec<u8> {
    let line = b"A line of text that is sixty-two octets long, with its end.\r\n";
    [b"Subject: long\r\n\r\n".to_vec(), line.repeat(lines)].concat()
}

pub fn sent(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Sent(_))
}

#[track_caller]
pub fn temporary(outcome: SendOutcome, phase: Phase) -> Failure {
    match outcome {
        SendOutcome::Temporary(failure) if failure.phase == phase => failure,
        other => panic!("expected a temporary failure at {phase}, got {other:?}"),
    }
}

#[track_caller]
pub fn permanent(outcome: SendOutcome, phase: Phase) -> Failure {
    match outcome {
        SendOutcome::Permanent(failure) if failure.phase == phase => failure,
        other => panic!("expected a permanent failure at {phase}, got {other:?}"),
    }
}

#[track_caller]
pub fn relay_fault(outcome: SendOutcome, phase: Phase) -> Failure {
    match outcome {
        SendOutcome::RelayFault(failure) if failure.phase == phase => failure,
        other => panic!("expected a relay fault at {phase}, got {other:?}"),
    }
}

#[track_caller]
pub fn unknown(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::Unknown { text } => text,
        other => panic!("expected unknown, got {other:?}"),
    }
}

/// Bounds a test that would otherwise hang; nothing takes as long.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the condition holds; fails with `what` after [`LIMIT`].
#[track_caller]
pub fn until<'a>(what: &'a str, mut condition: impl FnMut() -> bool + 'a) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < LIMIT, "{what} ({caller})");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
