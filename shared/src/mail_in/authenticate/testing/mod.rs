//! For tests: a name server on this machine with records of the test's own, and a mail program that signs.

use data_encoding::BASE64;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A key of 2048 bits that signs nothing but tests.
const RSA_PRIVATE: &[u8] = include_bytes!("rsa_private.der");
const RSA_PUBLIC: &[u8] = include_bytes!("rsa_public.der");
const ED25519_SEED: [u8; 32] = [7; 32];

/// How a [`NameServer`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Answers,
    Fails,
    Silent,
}

/// A name server that answers over UDP from fixed records. It ends with this value.
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    task: JoinHandle<()>,
}

struct Zone {
    records: HashMap<(String, RecordType), Vec<RData>>,
    mood: Mood,
    questions: Vec<String>,
}

impl NameServer {
    /// Starts one without records: every name is unknown to it.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start() -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("it is bound");
        let zone = Zone { records: HashMap::new(), mood: Mood::Answers, questions: Vec::new() };
        let zone = Arc::new(Mutex::new(zone));
        let task = tokio::spawn(serve(socket, zone.clone()));
        NameServer { address, zone, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn add(&self, name: &str, kind: RecordType, data: RData) {
        let mut zone = self.zone.lock().expect("no test panicked");
        zone.records.entry((format!("{name}."), kind)).or_default().push(data);
    }

    /// Adds a TXT record, cut into strings of 255 octets as real ones are.
    pub fn txt(&self, name: &str, value: &str) -> &Self {
        let parts: Vec<&[u8]> = value.as_bytes().chunks(255).collect();
        self.add(name, RecordType::TXT, RData::TXT(TXT::from_bytes(parts)));
        self
    }

    /// Adds an A record.
    ///
    /// # Panics
    /// If `ip` is no address.
    pub fn a(&self, name: &str, ip: &str) -> &Self {
        self.add(name, RecordType::A, RData::A(A(ip.parse().expect("an address"))));
        self
    }

    /// Adds an MX record.
    ///
    /// # Panics
    /// If `host` is no name.
    pub fn mx(&self, name: &str, host: &str) -> &Self {
        let host = Name::from_ascii(format!("{host}.")).expect("a name");
        self.add(name, RecordType::MX, RData::MX(MX::new(10, host)));
        self
    }

    /// Publishes the keys that [`sign`] signs with: selectors `rsa` and `ed`.
    pub fn keys_of(&self, domain: &str) -> &Self {
        let ed = Ed25519Key::from_seed_and_public_key(&ED25519_SEED, &ed25519_public()).expect("a key");
        let rsa = BASE64.encode(RSA_PUBLIC);
        self.txt(&format!("rsa._domainkey.{domain}"), &format!("v=DKIM1; k=rsa; p={rsa}"));
        self.txt(
            &format!("ed._domainkey.{domain}"),
            &format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(&ed.public_key())),
        )
    }

    /// Forgets all records of a name.
    pub fn forget(&self, name: &str) {
        let mut zone = self.zone.lock().expect("no test panicked");
        zone.records.retain(|(n, _), _| *n != format!("{name}."));
    }

    /// From now on every question gets SERVFAIL.
    pub fn fail(&self) {
        self.zone.lock().expect("no test panicked").mood = Mood::Fails;
    }

    /// From now on no question gets an answer.
    pub fn fall_silent(&self) {
        self.zone.lock().expect("no test panicked").mood = Mood::Silent;
    }

    /// From now on it answers again.
    pub fn recover(&self) {
        self.zone.lock().expect("no test panicked").mood = Mood::Answers;
    }

    /// The names that were asked for, in order.
    pub fn questions(&self) -> Vec<String> {
        self.zone.lock().expect("no test panicked").questions.clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = vec![0; 4096];
    while let Ok((n, peer)) = socket.recv_from(&mut buffer).await {
        let Ok(question) = Message::from_vec(&buffer[..n]) else { continue };
        let Some(answer) = zone.lock().expect("no test panicked").answer(&question) else { continue };
        let bytes = answer.to_vec().expect("an answer can be written");
        let _ = socket.send_to(&bytes, peer).await;
    }
}

impl Zone {
    fn answer(&mut self, question: &Message) -> Option<Message> {
        let query = question.queries.first()?.clone();
        let name = query.name.to_ascii().to_ascii_lowercase();
        self.questions.push(name.clone());
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        match self.mood {
            Mood::Silent => return None,
            Mood::Fails => answer.metadata.response_code = ResponseCode::ServFail,
            Mood::Answers => {
                let names: BTreeSet<&String> = self.records.keys().map(|(n, _)| n).collect();
                // A name with something below it exists, though it has no records of its own (RFC 8020).
                let exists = names.iter().any(|n| **n == name || n.ends_with(&format!(".{name}")));
                answer.metadata.response_code = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
                let data = self.records.get(&(name, query.query_type)).cloned().unwrap_or_default();
                answer.add_answers(data.into_iter().map(|d| Record::from_rdata(query.name.clone(), 60, d)));
            }
        }
        answer.add_query(query);
        Some(answer)
    }
}

fn ed25519_public() -> Vec<u8> {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&ED25519_SEED).expect("a seed");
    pair.public_key().as_ref().to_vec()
}

/// Signs a mail (line ends CRLF) as `domain`, with the key of selector `rsa` or `ed`; returns it with its signature.
///
/// # Panics
/// If it cannot be signed.
pub fn sign(raw: &str, domain: &str, selector: &str) -> String {
    const HEADERS: [&str; 6] = ["From", "To", "Subject", "Message-ID", "Date", "References"];
    let signature = match selector {
        "rsa" => {
            let key = PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(RSA_PRIVATE));
            let key = RsaKey::<Sha256>::from_key_der(key).expect("a key");
            let signer = DkimSigner::from_key(key).domain(domain).selector(selector).headers(HEADERS);
            signer.sign(raw.as_bytes()).expect("it is signed").to_header()
        }
        _ => {
            let key = Ed25519Key::from_seed_and_public_key(&ED25519_SEED, &ed25519_public()).expect("a key");
            let signer = DkimSigner::from_key(key).domain(domain).selector(selector).headers(HEADERS);
            signer.sign(raw.as_bytes()).expect("it is signed").to_header()
        }
    };
    format!("{signature}{raw}")
}
