//! A small HTTP/1.1 client: what a test sends is exactly what goes over the wire, nonsense included.

use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    addr: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(addr: SocketAddr, method: &str, path: &str) -> Request {
        Request { addr, method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Request {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, kind: &str, bytes: impl Into<Vec<u8>>) -> Request {
        self.body = bytes.into();
        self.header("content-type", kind)
    }

    pub fn json(self, value: Value) -> Request {
        self.body("application/json", value.to_string())
    }

    /// Text fields, and files as (field, filename, type, bytes).
    pub fn multipart(self, fields: &[(&str, &str)], files: &[(&str, &str, &str, &[u8])]) -> Request {
        let boundary = format!("b{:016x}", rand::random::<u64>());
        let mut out = Vec::new();
        for (name, value) in fields {
            out.extend(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        for (name, filename, kind, bytes) in files {
            out.extend(
                format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
                     Content-Type: {kind}\r\n\r\n"
                )
                .bytes(),
            );
            out.extend_from_slice(bytes);
            out.extend(b"\r\n");
        }
        out.extend(format!("--{boundary}--\r\n").bytes());
        self.body(&format!("multipart/form-data; boundary={boundary}"), out)
    }

    /// Sends it over a connection of its own.
    pub async fn send(self) -> Response {
        let addr = self.addr;
        exchange(addr, &self.wire()).await
    }

    /// Sends it and listens to the server's events.
    pub async fn listen(self) -> Events {
        let mut stream = TcpStream::connect(self.addr).await.expect("the server listens");
        stream.write_all(&self.wire()).await.expect("it is sent");
        let mut events = Events { stream: BufReader::new(stream) };
        let head = events.block().await.expect("a head");
        assert!(head.contains(" 200 ") && head.contains("text/event-stream"), "{head}");
        assert_eq!(events.next().await.expect("a greeting").name, "hello");
        events
    }

    fn wire(self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.addr));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || self.method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("connection: close\r\n\r\n");
        [head.into_bytes(), self.body].concat()
    }
}

/// Sends bytes as they are and reads what comes until the server closes.
pub async fn exchange(addr: SocketAddr, bytes: &[u8]) -> Response {
    let mut stream = TcpStream::connect(addr).await.expect("the server listens");
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    // The server may refuse a large body before all of it was sent: then writing fails, and the answer counts.
    let (_, got) = tokio::join!(write.write_all(bytes), read_all(&mut read, &mut answer));
    if answer.is_empty() {
        got.expect("an answer");
    }
    parse(&answer)
}

/// Reads to the end; of events, which have none, only the head.
async fn read_all(read: &mut (impl AsyncRead + Unpin), answer: &mut Vec<u8>) -> std::io::Result<()> {
    while read.read_buf(answer).await? > 0 {
        let head = answer.windows(4).position(|w| w == b"\r\n\r\n").map(|end| &answer[..end]);
        if head.is_some_and(|head| String::from_utf8_lossy(head).contains("text/event-stream")) {
            answer.truncate(head.map_or(0, <[u8]>::len) + 4);
            break;
        }
    }
    Ok(())
}

/// A stream of server-sent events.
pub struct Events {
    stream: BufReader<TcpStream>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl Events {
    /// The next event; None once the server has ended the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
            if let (Some(event), Some(data)) = (field("event"), field("data")) {
                let data = serde_json::from_str(data).expect("JSON");
                return Some(Event { name: event.into(), id: field("id").unwrap_or_default().into(), data });
            }
        }
    }

    /// The next `ticket` event's ticket and kind.
    pub async fn change(&mut self) -> (String, String) {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == "ticket" {
                let text = |name: &str| event.data[name].as_str().expect("a text").to_owned();
                return (text("pid"), text("kind"));
            }
        }
    }

    /// The next `presence` event's viewers.
    pub async fn viewers(&mut self) -> Value {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == "presence" {
                return event.data["viewers"].clone();
            }
        }
    }

    /// Lines up to an empty one; sizes of chunks stand between them, and belong to no field.
    async fn block(&mut self) -> Option<String> {
        let mut block = String::new();
        loop {
            let before = block.len();
            let read = tokio::time::timeout(Duration::from_secs(30), self.stream.read_line(&mut block)).await;
            if read.expect("something comes").unwrap_or(0) == 0 {
                return None;
            }
            if block[before..].trim().is_empty() && !block.trim().is_empty() {
                return Some(block);
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Response {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).expect("a status");
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked") {
        body = dechunk(&body);
    }
    Response { status, headers, body }
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let line = std::str::from_utf8(&rest[..end]).expect("a size in ASCII");
        let size = usize::from_str_radix(line.trim(), 16).expect("a size in hex");
        if size == 0 {
            break;
        }
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    out
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    /// The body, if the status is as expected; else the test ends with what came instead.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A problem of this status and code, whole as RFC 9457 wants it; returns it.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{body}");
        assert!(body["title"].is_string() && body["type"].is_string() && body["errors"].is_array(), "{body}");
        body
    }
}
