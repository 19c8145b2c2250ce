//! The IMAP connection: login, and the few commands that fetching needs, each with a time limit and a checked answer.
//!
//! async-imap parses; what it makes of a refused FETCH (nothing at all) would look like an empty one, so answers are read
//! here. Errors never hold what the server sent of a message.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_imap::imap_proto::{AttributeValue, MailboxDatum, MessageSection, Response, SectionPath, Status};
use async_imap::types::UnsolicitedResponse;
use async_imap::{Authenticator, Client, Session};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use shared::config::Secret;
use shared::imap_accounts::{ImapAccount, ImapAuth, ImapTls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::name;

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(60);
/// A slow line brings at least so many octets a second.
const SLOWEST: u64 = 16 * 1024;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is of no use any more.
    Lost(String),
    /// The server said no.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Lost(why) | Trouble::Refused(why) => f.write_str(why),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug> Io for T {}
type Wire = Box<dyn Io>;

/// A logged-in connection.
pub struct Imap {
    session: Option<Session<Wire>>,
    /// Whether the server can tell of new mail by itself.
    pub idles: bool,
    moves: bool,
    expunges_by_uid: bool,
    /// New mail was spoken of since [`Imap::news`] was asked.
    news: bool,
}

/// A folder as it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// What UIDs belong to.
    pub uidvalidity: u32,
    /// The next UID that will be given.
    pub uidnext: Option<u32>,
    /// Messages in it.
    pub exists: u32,
}

/// What is known about a message before it is fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// Its octets.
    pub size: u32,
    /// When it came to its server.
    pub at: Option<DateTime<Utc>>,
    /// Flagged `\Deleted`.
    pub deleted: bool,
}

impl Imap {
    /// Connects, encrypts and logs in. `extra` are authorities that are trusted beside the world's, for tests.
    ///
    /// # Errors
    /// What stopped it, in words that the operator can act on.
    pub async fn open(
        account: &ImapAccount,
        secret: &Secret,
        extra: &[CertificateDer<'static>],
    ) -> Result<Imap, Trouble> {
        let host = account.host.trim_matches(['[', ']']);
        let port = u16::try_from(account.port).map_err(|_| lost("the port is none"))?;
        let tcp = limited(COMMAND, TcpStream::connect((host, port)))
            .await
            .map_err(|e| lost(format!("cannot connect: {e}")))?;
        tcp.set_nodelay(true).map_err(|e| lost(e.to_string()))?;
        let mut wire: Wire = Box::new(tcp);
        if account.tls == ImapTls::Implicit {
            wire = encrypt(wire, host, extra).await?;
        }
        let mut client = Client::new(wire);
        greeting(&mut client).await?;
        if account.tls == ImapTls::StartTls {
            let begin = client.run_command_and_check_ok("STARTTLS", None);
            limited(COMMAND, begin).await.map_err(|e| lost(format!("STARTTLS: {e}")))?;
            // What was read ahead in clear goes with the old client.
            wire = encrypt(client.into_inner(), host, extra).await?;
            client = Client::new(wire);
        }
        let session = login(client, account, secret).await?;
        let mut imap = Imap { session: Some(session), idles: false, moves: false, expunges_by_uid: false, news: false };
        let capabilities =
            limited(COMMAND, imap.session()?.capabilities()).await.map_err(|e| lost(format!("CAPABILITY: {e}")))?;
        imap.idles = capabilities.has_str("IDLE");
        imap.moves = capabilities.has_str("MOVE");
        imap.expunges_by_uid = capabilities.has_str("UIDPLUS");
        Ok(imap)
    }

    fn session(&mut self) -> Result<&mut Session<Wire>, Trouble> {
        self.session.as_mut().ok_or_else(|| lost("the connection is closed"))
    }

    /// Runs a command, hands every answer to `each`, and returns when the server is done.
    async fn run(
        &mut self,
        command: &str,
        limit: Duration,
        mut each: impl FnMut(&Response<'_>),
    ) -> Result<(), Trouble> {
        let mut news = false;
        let session = self.session()?;
        let exchange = async {
            let id = session.run_command(command).await.map_err(|e| broken(&e.to_string()))?;
            loop {
                let Some(response) = session.read_response().await.map_err(unreadable)? else {
                    return Err(lost("the server closed the connection"));
                };
                match response.parsed() {
                    Response::Done { tag, status, outcome } if *tag == id => {
                        let text = outcome.information.as_deref().unwrap_or("no reason given");
                        return match status {
                            Status::Ok => Ok(()),
                            _ => Err(Trouble::Refused(format!("{}: {}", verb(command), short(text)))),
                        };
                    }
                    Response::MailboxData(MailboxDatum::Exists(_)) => news = true,
                    Response::Data { status: Status::Bye, .. } => return Err(lost("the server said goodbye")),
                    other => each(other),
                }
            }
        };
        let result = match timeout(limit, exchange).await {
            Ok(result) => result,
            Err(_) => Err(lost(format!("{}: no answer within {} s", verb(command), limit.as_secs()))),
        };
        self.news |= news;
        if matches!(result, Err(Trouble::Lost(_))) {
            // Half an answer may be left in it.
            self.session = None;
        }
        result
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// If there is none, or it has no lasting UIDs.
    pub async fn select(&mut self, folder: &str) -> Result<Opened, Trouble> {
        self.news = false;
        let session = self.session()?;
        let selected = timeout(COMMAND, session.select(name::encode(folder))).await;
        let mailbox = match selected {
            Ok(Ok(mailbox)) => mailbox,
            Ok(Err(async_imap::error::Error::No(_) | async_imap::error::Error::Bad(_))) => {
                return Err(Trouble::Refused(format!("the folder {folder:?} cannot be opened")));
            }
            Ok(Err(_)) | Err(_) => {
                self.session = None;
                return Err(lost("SELECT: no readable answer"));
            }
        };
        let uidvalidity = mailbox.uid_validity.ok_or_else(|| Trouble::Refused("the server has no UIDs".to_owned()))?;
        Ok(Opened { uidvalidity, uidnext: mailbox.uid_next, exists: mailbox.exists })
    }

    /// Returns the UIDs that a search finds, ascending.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn search(&mut self, query: &str) -> Result<Vec<u32>, Trouble> {
        let mut found = Vec::new();
        self.run(&format!("UID SEARCH {query}"), COMMAND, |response| {
            if let Response::MailboxData(MailboxDatum::Search(ids)) = response {
                found.extend_from_slice(ids);
            }
        })
        .await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Returns what is known about messages; those that are gone are missing.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn metas(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Meta>, Trouble> {
        let mut found = BTreeMap::new();
        let command = format!("UID FETCH {} (UID FLAGS INTERNALDATE RFC822.SIZE)", set(uids));
        self.run(&command, COMMAND, |response| {
            if let Response::Fetch(_, attributes) = response {
                let (mut uid, mut meta, mut sized) = (None, Meta::default(), false);
                for attribute in attributes {
                    match attribute {
                        AttributeValue::Uid(n) => uid = Some(*n),
                        AttributeValue::Rfc822Size(n) => (meta.size, sized) = (*n, true),
                        AttributeValue::InternalDate(date) => meta.at = internal_date(date),
                        AttributeValue::Flags(flags) => {
                            meta.deleted = flags.iter().any(|f| f.eq_ignore_ascii_case("\\Deleted"));
                        }
                        _ => {}
                    }
                }
                // Others' changes of flags are told in between: they name no size.
                if let (Some(uid), true) = (uid, sized) {
                    found.insert(uid, meta);
                }
            }
        })
        .await?;
        Ok(found)
    }

    /// Fetches one message whole, without flagging it. None if the server gave none.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn body(&mut self, uid: u32, size: u32) -> Result<Option<Bytes>, Trouble> {
        self.section(uid, "BODY.PEEK[]", u64::from(size), |attribute| match attribute {
            AttributeValue::BodySection { section: None, data: Some(data), .. }
            | AttributeValue::Rfc822(Some(data)) => Some(Bytes::copy_from_slice(data)),
            _ => None,
        })
        .await
    }

    /// Fetches one message's headers.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn header(&mut self, uid: u32) -> Result<Option<Bytes>, Trouble> {
        self.section(uid, "BODY.PEEK[HEADER]", 0, |attribute| match attribute {
            AttributeValue::BodySection {
                section: Some(SectionPath::Full(MessageSection::Header)),
                data: Some(data),
                ..
            } => Some(Bytes::copy_from_slice(data)),
            _ => None,
        })
        .await
    }

    async fn section(
        &mut self,
        uid: u32,
        what: &str,
        size: u64,
        of: impl Fn(&AttributeValue<'_>) -> Option<Bytes>,
    ) -> Result<Option<Bytes>, Trouble> {
        let mut found = None;
        let limit = COMMAND + Duration::from_secs(size / SLOWEST);
        self.run(&format!("UID FETCH {uid} ({what})"), limit, |response| {
            if let Response::Fetch(_, attributes) = response
                && let Some(data) = attributes.iter().find_map(&of)
            {
                found = Some(data);
            }
        })
        .await?;
        Ok(found)
    }

    /// Flags messages `\Seen`.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn flag_seen(&mut self, uids: &[u32]) -> Result<(), Trouble> {
        self.run(&format!("UID STORE {} +FLAGS.SILENT (\\Seen)", set(uids)), COMMAND, |_| {}).await
    }

    /// Moves messages to another folder, which is made if it is not there.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<(), Trouble> {
        let quoted = quoted(&name::encode(folder));
        let verb = if self.moves { "MOVE" } else { "COPY" };
        let command = format!("UID {verb} {} {quoted}", set(uids));
        if let Err(Trouble::Refused(_)) = self.run(&command, COMMAND, |_| {}).await {
            // Perhaps there is no such folder yet.
            let _ = self.run(&format!("CREATE {quoted}"), COMMAND, |_| {}).await;
            self.run(&command, COMMAND, |_| {}).await?;
        }
        if self.moves {
            return Ok(());
        }
        self.delete(uids).await
    }

    /// Deletes messages. Where the server cannot remove single ones they stay, flagged, and are read no more.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn delete(&mut self, uids: &[u32]) -> Result<(), Trouble> {
        self.run(&format!("UID STORE {} +FLAGS.SILENT (\\Deleted)", set(uids)), COMMAND, |_| {}).await?;
        if self.expunges_by_uid {
            self.run(&format!("UID EXPUNGE {}", set(uids)), COMMAND, |_| {}).await?;
        }
        Ok(())
    }

    /// Whether new mail was spoken of since the folder was opened.
    pub fn news(&mut self) -> bool {
        if let Some(session) = &self.session {
            while let Ok(told) = session.unsolicited_responses.try_recv() {
                self.news |= matches!(told, UnsolicitedResponse::Exists(_));
            }
        }
        std::mem::take(&mut self.news)
    }

    /// Waits until the server tells of something, for `limit`, or until `wake`. What is told is found out by reading.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn idle(&mut self, limit: Duration, wake: impl Future<Output = ()>) -> Result<(), Trouble> {
        let session = self.session.take().ok_or_else(|| lost("the connection is closed"))?;
        let mut handle = session.idle();
        limited(COMMAND, handle.init()).await.map_err(|e| lost(format!("IDLE: {e}")))?;
        {
            let (told, _interrupt) = handle.wait_with_timeout(limit);
            // The library's own limit begins anew with every keep-alive of the server's; this one does not.
            tokio::select! {
                told = timeout(limit, told) => {
                    if let Ok(Err(_)) = told {
                        return Err(lost("the connection broke while it was idle"));
                    }
                }
                () = wake => {}
            }
        }
        let session =
            limited(COMMAND, handle.done()).await.map_err(|_| lost("the connection broke while it was idle"))?;
        self.session = Some(session);
        Ok(())
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        if let Some(mut session) = self.session.take() {
            let _ = timeout(Duration::from_secs(2), session.logout()).await;
        }
    }
}

async fn greeting(client: &mut Client<Wire>) -> Result<(), Trouble> {
    let read = timeout(COMMAND, client.read_response()).await.map_err(|_| lost("the server says nothing"))?;
    match read.map_err(unreadable)? {
        None => Err(lost("the server closed the connection")),
        Some(response) => match response.parsed() {
            Response::Data { status: Status::Bye, .. } => Err(lost("the server is not available")),
            _ => Ok(()),
        },
    }
}

async fn encrypt(wire: Wire, host: &str, extra: &[CertificateDer<'static>]) -> Result<Wire, Trouble> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(extra.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| lost(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| lost("the host's name is none"))?;
    let tls = limited(COMMAND, TlsConnector::from(Arc::new(config)).connect(name, wire)).await;
    Ok(Box::new(tls.map_err(|e| lost(format!("TLS failed: {e}")))?))
}

async fn login(client: Client<Wire>, account: &ImapAccount, secret: &Secret) -> Result<Session<Wire>, Trouble> {
    let user = &account.username;
    let work = async {
        match account.auth {
            // LOGIN's strings are ASCII by the book; PLAIN (RFC 4616) takes all letters.
            ImapAuth::Password if user.is_ascii() && secret.reveal().is_ascii() => {
                client.login(user, secret.reveal()).await
            }
            ImapAuth::Password => {
                let text = format!("\0{user}\0{}", secret.reveal());
                client.authenticate("PLAIN", Once { text: Some(text), then: "" }).await
            }
            ImapAuth::XOAuth2 => {
                let text = format!("user={user}\x01auth=Bearer {}\x01\x01", secret.reveal());
                client.authenticate("XOAUTH2", Once { text: Some(text), then: "" }).await
            }
            ImapAuth::OAuthBearer => {
                let (host, port) = (&account.host, account.port);
                let text = format!(
                    "n,a={},\x01host={host}\x01port={port}\x01auth=Bearer {}\x01\x01",
                    user.replace('=', "=3D").replace(',', "=2C"),
                    secret.reveal()
                );
                client.authenticate("OAUTHBEARER", Once { text: Some(text), then: "\x01" }).await
            }
        }
    };
    match timeout(COMMAND, work).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err((async_imap::error::Error::No(_) | async_imap::error::Error::Bad(_), _))) => Err(Trouble::Refused(
            "the login was refused: user, password or token are wrong, or this way is not allowed".to_owned(),
        )),
        Ok(Err(_)) => Err(lost("the connection broke at the login")),
        Err(_) => Err(lost("the login was not answered")),
    }
}

/// Answers the first challenge with its text; a second one is the server's way of saying no, and wants an empty answer.
struct Once {
    text: Option<String>,
    then: &'static str,
}

impl Authenticator for Once {
    type Response = String;

    fn process(&mut self, _: &[u8]) -> String {
        self.text.take().unwrap_or_else(|| self.then.to_owned())
    }
}

async fn limited<T, E: fmt::Display>(limit: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(|e| short(&e.to_string())),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

fn lost(why: impl Into<String>) -> Trouble {
    Trouble::Lost(why.into())
}

fn broken(why: &str) -> Trouble {
    Trouble::Lost(format!("the connection broke: {}", short(why)))
}

/// The library's text may quote what it could not parse, which may be mail.
fn unreadable(e: io::Error) -> Trouble {
    match e.kind() {
        io::ErrorKind::Other => lost("the server's answer could not be read"),
        kind => lost(format!("the connection broke: {kind}")),
    }
}

fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

fn verb(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').take(2).collect();
    if words[0] == "UID" { words.join(" ") } else { words[0].to_owned() }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes a set of UIDs with ranges: `1:3,7`. `uids` ascend.
fn set(uids: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &uid in uids {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(uid) => *last = uid,
            _ => runs.push((uid, uid)),
        }
    }
    let text = runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}:{b}") });
    text.collect::<Vec<_>>().join(",")
}

fn internal_date(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok()?;
    Some(at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_dates() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(set(&[u32::MAX - 1, u32::MAX]), "4294967294:4294967295");
        let at = internal_date(" 1-Nov-2026 10:00:00 +0100").expect("a date");
        assert_eq!(at.to_rfc3339(), "2026-11-01T09:00:00+00:00");
    }
}
