//! One client, from greeting to goodbye: does what [`super::session`] asks.

use super::body::{Body, Ended};
use super::session::{Answer, Do, Envelope, Fate, Protocol, Session};
use super::stream::{End, Io, Line, Stream};
use super::{Door, Listener};
use bytes::Bytes;
use shared::mail_in::types::Facts;
use shared::mail_in::{self, Arrival, Recipient};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a mail's octets may take in all.
const MOST_BODY: Duration = Duration::from_secs(30 * 60);
/// Octets of mails that are being read, over all connections: beyond it senders are asked to come again.
const MOST_BUFFERED: usize = 512 * 1024 * 1024;

/// Serves a client until either side closes.
pub async fn serve(door: &Door, listener: &Listener, io: Box<dyn Io>, peer: Option<IpAddr>) {
    let mut client = Client {
        door,
        listener,
        peer,
        name: format!("{:016x}", rand::random::<u64>()),
        stream: Stream::new(io, door.patience),
        session: Session::new(door.terms(listener.protocol)),
    };
    client.stream.say(&client.session.greeting());
    let goodbye = loop {
        match client.next().await {
            Ok(Next::GoOn) => {}
            Ok(Next::Close(text)) => break text,
            Ok(Next::Encrypt) => {
                let Some(tls) = &door.tls else { return };
                if client.stream.flush().await.is_err() {
                    return;
                }
                let stream =
                    std::mem::replace(&mut client.stream, Stream::new(Box::new(tokio::io::empty()), door.patience));
                match stream.encrypt(&tls.acceptor()).await {
                    Ok((stream, how)) => {
                        client.stream = stream;
                        client.session.encrypted(how);
                    }
                    Err(_) => return metrics::counter!("smtp_door_tls_failures_total").increment(1),
                }
            }
            Err(End::Gone) => return,
            Err(End::Silent) => break client.session.farewell("4.4.2 {host} you were silent for too long"),
            Err(End::Stopping) => break client.session.farewell("4.3.2 {host} is going down, come again"),
        }
    };
    client.stream.close(&goodbye).await;
}

struct Client<'a> {
    door: &'a Door,
    listener: &'a Listener,
    /// The sending host. Of a mail handed in by LMTP it is not the client, which is the operator's own server.
    peer: Option<IpAddr>,
    /// This connection's name; with a mail's number it is the arrival's door reference (E1.7).
    name: String,
    stream: Stream,
    session: Session,
}

enum Next {
    GoOn,
    Encrypt,
    Close(String),
}

impl Client<'_> {
    async fn next(&mut self) -> Result<Next, End> {
        let mut what = match self.stream.line(&self.door.stop).await? {
            Line::Whole(line) => self.session.line(&line),
            Line::Unreadable => self.session.unreadable(),
        };
        if let Do::Ask(to) = what {
            let answer = self.look_up(&to).await;
            what = self.session.recipient(to, answer);
        }
        match what {
            Do::Say(text) => self.stream.say(&text),
            Do::Read(text) => {
                self.stream.say(&text);
                self.mail().await?;
            }
            Do::Encrypt(text) => {
                self.stream.say(&text);
                return Ok(Next::Encrypt);
            }
            Do::Close(text) => return Ok(Next::Close(text)),
            Do::Ask(_) => unreachable!("a recipient's answer is never a question"),
        }
        Ok(Next::GoOn)
    }

    async fn look_up(&mut self, to: &str) -> Answer {
        match mail_in::recipient(&self.door.api.app, to).await {
            Ok(Recipient::Known) => Answer::Known,
            Ok(Recipient::Unknown) => {
                self.count("unknown_recipient");
                Answer::Unknown
            }
            Ok(Recipient::Foreign) => {
                self.count("relaying");
                Answer::Foreign
            }
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "a recipient cannot be looked up");
                Answer::Away
            }
        }
    }

    /// Reads a mail, keeps it, and answers: only once it is durable may its sender forget it (E10.1).
    async fn mail(&mut self) -> Result<(), End> {
        let envelope = self.session.envelope();
        let recipients = envelope.to.len();
        let name = format!("{}-{}", self.name, envelope.number);
        let read = self.read().await?;
        let (kept, answer) = match read {
            Read::Mail(raw) => match self.door.api.ingest.keep(self.arrival(envelope, &name, raw)).await {
                Ok(kept) => (kept, self.session.ended(Fate::Kept(&name), recipients)),
                Err(e) => {
                    tracing::warn!(
                        error = &e as &dyn std::error::Error,
                        "a mail cannot be kept; its sender comes again"
                    );
                    (Vec::new(), self.session.ended(Fate::Away, recipients))
                }
            },
            Read::TooMuchAtOnce => (Vec::new(), self.session.ended(Fate::Away, recipients)),
            Read::TooBig => (Vec::new(), self.session.ended(Fate::TooBig, recipients)),
            Read::BareLineEnd => (Vec::new(), self.session.ended(Fate::BareLineEnd, recipients)),
        };
        self.count(match (&answer[..3], kept.is_empty()) {
            ("250", _) => "kept",
            ("451", _) => "come_again",
            _ => "refused",
        });
        self.stream.say(&answer);
        let told = self.stream.flush().await;
        if !kept.is_empty() {
            shared::fault::point("smtp_answered");
        }
        // Whether the client heard it or not: the mail is ours now.
        for kept in kept {
            self.door.decide(kept).await;
        }
        told
    }

    fn arrival(&self, envelope: Envelope, name: &str, raw: Bytes) -> Arrival {
        let lmtp = self.listener.protocol == Protocol::Lmtp;
        // A mail server that hands its mail in is neither the sender's host nor says what that one called itself.
        let (peer_ip, helo) = if lmtp { (None, None) } else { (self.peer, Some(envelope.helo)) };
        Arrival {
            door: if lmtp { mail_in::Door::Lmtp } else { mail_in::Door::Smtp },
            door_ref: Some(name.to_owned()),
            tenant: None,
            facts: Facts {
                envelope_from: Some(envelope.from),
                envelope_to: envelope.to,
                peer_ip,
                helo,
                tls: envelope.tls,
                vouched: None,
                ..Facts::default()
            },
            raw,
        }
    }

    async fn read(&mut self) -> Result<Read, End> {
        let began = Instant::now();
        let mut body = Body::new(self.door.most_bytes);
        let mut held = Held { door: self.door, octets: 0 };
        let mut starved = false;
        self.stream.flush().await?;
        loop {
            let (used, done) = body.push(self.stream.waiting());
            self.stream.use_up(used);
            if done {
                break;
            }
            if began.elapsed() > MOST_BODY {
                return Err(End::Silent);
            }
            if !held.grow(body.len()) && !starved {
                starved = true;
                body.abandon();
            }
            self.stream.fill().await?;
        }
        Ok(match body.end() {
            Ended::BareLineEnd => Read::BareLineEnd,
            _ if starved => Read::TooMuchAtOnce,
            Ended::TooBig => Read::TooBig,
            Ended::Mail(mail) => Read::Mail(mail.into()),
        })
    }

    fn count(&self, result: &'static str) {
        let protocol = if self.listener.protocol == Protocol::Lmtp { "lmtp" } else { "smtp" };
        metrics::counter!("smtp_door_mails_total", "protocol" => protocol, "result" => result).increment(1);
    }
}

enum Read {
    Mail(Bytes),
    TooBig,
    BareLineEnd,
    TooMuchAtOnce,
}

/// A connection's share of the octets that are being read.
struct Held<'a> {
    door: &'a Door,
    octets: usize,
}

impl Held<'_> {
    /// False when all connections together hold too much.
    fn grow(&mut self, to: usize) -> bool {
        let before = match to >= self.octets {
            true => self.door.buffered.fetch_add(to - self.octets, Ordering::Relaxed),
            false => self.door.buffered.fetch_sub(self.octets - to, Ordering::Relaxed),
        };
        let others = before.saturating_sub(self.octets);
        self.octets = to;
        others + to <= MOST_BUFFERED.max(self.door.most_bytes)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.door.buffered.fetch_sub(self.octets, Ordering::Relaxed);
    }
}
