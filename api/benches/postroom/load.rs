//! A lean client: keep-alive sockets that write bytes made beforehand and read answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came of a load.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// Requests answered as expected.
    pub answered: usize,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
    /// The middle of the answers' times, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 answers came within so many milliseconds.
    pub p99_ms: f64,
}

impl Done {
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// Posts `requests` by `clients` connections until `time` is over or none is left. Every answer must hold `expected`:
/// a load that makes errors measures nothing.
pub async fn post(
    addr: SocketAddr,
    clients: usize,
    time: Duration,
    requests: Vec<Vec<u8>>,
    expected: &'static str,
) -> Done {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut streams = Vec::new();
    for _ in 0..clients {
        let stream = TcpStream::connect(addr).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP option");
        streams.push(stream);
    }
    let began = Instant::now();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let (requests, next) = (requests.clone(), next.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut buffer = Vec::with_capacity(4096);
                while began.elapsed() < time
                    && let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let sent = Instant::now();
                    stream.write_all(request).await.expect("the server reads");
                    answer(&mut stream, &mut buffer).await;
                    assert!(find(&buffer, expected.as_bytes()).is_some(), "{}", String::from_utf8_lossy(&buffer));
                    times.push(sent.elapsed().as_secs_f64() * 1000.0);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("no client panics"));
    }
    let seconds = began.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    Done { answered: times.len(), seconds, p50_ms: at(0.5), p99_ms: at(0.99) }
}

/// Reads one answer: a head with Content-Length and its body.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        let n = stream.read_buf(buffer).await.expect("the server answers");
        assert!(n > 0, "the server hung up: {}", String::from_utf8_lossy(buffer));
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if buffer.len() >= end + 4 + length.expect("answers here have a length") {
                return;
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|w| w == wanted)
}
