//! A relay that answers at random. Whatever it says, sending ends in time and its verdict holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use worker::sink::{Act, Rule, Step};
use worker::transport::{Delivery, Phase, SendOutcome, Smtp, SmtpOptions, Timeouts};

use crate::support::{FROM, LIMIT, MAIL, RCPT, send_mail, sent, sink, timeouts, until};

const NONSENSE: [&[u8]; 16] = [
    b"",
    b"2",
    b"\r\n",
    b"250-\r\n",
    b"250-more\r\n",
    b"250 \r\n",
    b"220 hello\r\n",
    b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n",
    b"354 go ahead\r\n",
    b"250-a\r\n550 b\r\n",
    b"421 4.3.2 bye\r\n",
    b"450 4.2.0 later\r\n",
    b"550 5.1.1 no\r\n",
    b"535 5.7.8 who are you\r\n",
    b"\xff\xfe\x00\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
];

/// Serves one client at the mercy of `seed` and counts the mails whose end it saw.
async fn serve(mut tcp: TcpStream, seed: u64, ends: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut chance = StdRng::seed_from_u64(seed);
    let pipelining = chance.random_bool(0.5);
    let (mut input, mut in_body) = (Vec::new(), false);
    let mut answer = Some(&b"220 x\r\n"[..]);
    loop {
        if let Some(right) = answer.take() {
            if chance.random_bool(0.85) {
                tcp.write_all(right).await?;
            } else if chance.random_bool(0.2) {
                // Hang up, but read what is still on its way: the test wants to know what was handed over.
                tcp.shutdown().await?;
            } else {
                tcp.write_all(NONSENSE.choose(&mut chance).expect("there is some")).await?;
            }
        }
        let end = match in_body {
            true => input.windows(5).position(|w| w == b"\r\n.\r\n").map(|n| n + 5),
            false => input.iter().position(|b| *b == b'\n').map(|n| n + 1),
        };
        let Some(end) = end else {
            if tcp.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let line: Vec<u8> = input.drain(..end).collect();
        answer = Some(match (in_body, line.get(..4)) {
            (true, _) => {
                in_body = false;
                ends.fetch_add(1, Ordering::SeqCst);
                b"250 2.0.0 queued as X12345\r\n"
            }
            (_, Some(b"EHLO")) if pipelining => b"250-x\r\n250 PIPELINING\r\n",
            (_, Some(b"DATA")) => {
                in_body = true;
                b"354 go ahead\r\n"
            }
            _ => b"250 ok\r\n",
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_relay_cannot_hang_us_or_make_us_lie() {
    let short = Duration::from_millis(200);
    let limits = Timeouts {
        connect: Duration::from_secs(10),
        greeting: short,
        command: short,
        data: short,
        block: short,
        dot: short,
        quit: Duration::from_millis(50),
    };
    let mut seen = [0usize; 5];
    for round in 0..20u64 {
        let sends = (0..50).map(|n| {
            let (seed, limits) = (round * 50 + n, limits.clone());
            tokio::spawn(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port is there");
                let addr = listener.local_addr().expect("it is bound");
                let ends = Arc::new(AtomicUsize::new(0));
                let (counted, over) = (ends.clone(), CancellationToken::new());
                let stop = over.clone();
                let server = tokio::spawn(async move {
                    let mut clients = tokio::task::JoinSet::new();
                    // A second client would be a second try, and none may come.
                    while let Some(Ok((tcp, _))) = stop.run_until_cancelled(listener.accept()).await {
                        clients.spawn(serve(tcp, seed, counted.clone()));
                    }
                    let count = clients.len();
                    clients.join_all().await;
                    count
                });
                let options = SmtpOptions { timeouts: limits, ..SmtpOptions::default() };
                let smtp = Smtp::from_url(&format!("smtp://{addr}"), options).expect("the URL is valid");
                let outcome = tokio::time::timeout(LIMIT, send_mail(&smtp)).await.expect("it ends");
                drop(smtp);
                over.cancel();
                let clients = server.await.expect("the server does not panic");
                (seed, outcome, ends.load(Ordering::SeqCst), clients)
            })
        });
        for done in futures::future::join_all(sends).await {
            let (seed, outcome, ends, clients) = done.unwrap();
            assert_eq!(clients, 1, "seed {seed}: {outcome:?}");
            let kind = match &outcome {
                // It said 250 after the 354; to what, only it knows. That the whole body was handed over is certain.
                SendOutcome::Sent(_) => 0,
                SendOutcome::Unknown { .. } => 1,
                SendOutcome::Temporary(f) | SendOutcome::Permanent(f) | SendOutcome::RelayFault(f) => {
                    if f.phase < Phase::Dot {
                        assert_eq!(ends, 0, "seed {seed}: {outcome:?}, yet the mail was handed over whole");
                    }
                    2 + usize::from(matches!(outcome, SendOutcome::Permanent(_)))
                        + 2 * usize::from(matches!(outcome, SendOutcome::RelayFault(_)))
                }
            };
            if kind < 2 {
                assert_eq!(ends, 1, "seed {seed}: {outcome:?}, yet the mail was not handed over whole");
            }
            seen[kind] += 1;
        }
    }
    println!("sent, unknown, temporary, permanent, relay fault: {seen:?}");
    assert!(seen.iter().all(|n| *n > 0), "each outcome occurs: {seen:?}");
}

/// A lease lost or a worker stopped: whoever drops the send closes the connection and frees its slot.
#[tokio::test]
async fn a_dropped_send_hangs_up_and_frees_its_slot() {
    for step in [Step::Connect, Step::Rcpt, Step::Dot] {
        let sink = sink().await;
        sink.add_rule(Rule::new(step, Act::Stall).times(1));
        let options = SmtpOptions { max_connections: 1, timeouts: timeouts(), ..SmtpOptions::default() };
        let smtp = Smtp::from_url(&sink.url(), options).unwrap();
        let delivery = Delivery { envelope_from: FROM, rcpt: RCPT, mime: MAIL };
        let given_up = tokio::time::timeout(Duration::from_millis(200), smtp.send(delivery, || async { Ok(()) })).await;
        assert!(given_up.is_err());
        until("the connection stays open", || sink.open_connections() == 0).await;
        assert!(sent(&send_mail(&smtp).await));
        assert_eq!((sink.count(), sink.connections()), (1, 2));
    }
}
