//! From claimed rows to octets: what a mail says is looked up for a whole batch in a handful of queries, then each
//! mail is put into words and composed. What was built once is kept with the row and sent again as it is (E9.1).

mod sql;

use crate::app::App;
use crate::blobs;
use crate::compiled_here;
use crate::ids::{AttachmentId, MessageId, TicketId};
use crate::keys::Keys;
use crate::mail_in::types::Address;
use crate::mail_out::compose::{Echo, File, Letter, Sender, compose};
use crate::mail_out::contents::{
    AccountLink, Ack, Content, Csat, Digest, LinkedFile, Mention, Notice, NoticeEvent, Probe, Quoted, Reply, Solved,
    excerpt,
};
use crate::mail_out::dkim::{Signer, Signers};
use crate::mail_out::headers;
use crate::mail_out::links;
use crate::mail_out::outbox::{Claimed, Draft, Kept, Template};
use crate::mail_out::render::Templates;
use crate::mail_out::token::{self, Token};
use crate::mail_out::unsubscribe::{Sort, Unsubscribe};
use crate::mail_out::{compose::Form, message_id, threading};
use crate::messages::types::MessageKind;
use crate::ratings::RatingLink;
use crate::store::{Db, Result, Scope};
use bytes::Bytes;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Octets up to this size lie in the row, larger ones in the blob store.
const MAX_IN_ROW: usize = 64 * 1024;

/// A mail cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// It never will: the text says why, for people.
    #[error("{0}")]
    Never(String),
    /// Something is out of reach, or missing that an operator can put back.
    #[error("{0}")]
    NotNow(String),
}

/// Octets ready to go.
#[derive(Debug, Clone)]
pub struct Mime {
    /// The mail.
    pub bytes: Bytes,
    /// How the row shall keep it; None if it does already.
    pub kept: Option<Kept>,
}

/// What the relay offers, as far as it matters to how a mail is built.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelayOffers {
    /// The largest mail that it takes, if it named one.
    pub max_bytes: Option<usize>,
    /// Whether it takes addresses with letters outside ASCII before the `@` (E8.7).
    pub smtp_utf8: bool,
}

/// Whether mail to an address needs a relay with SMTPUTF8.
pub fn needs_utf8(email: &str) -> bool {
    email.rsplit_once('@').is_some_and(|(local, _)| !local.is_ascii())
}

/// All that a claimed mail says, bytes of files excepted.
#[derive(Debug, Clone)]
pub struct Material(Source);

#[derive(Debug, Clone)]
enum Source {
    /// Built at an earlier attempt.
    Built,
    /// To be built.
    Draft {
        draft: Box<Draft>,
        content: Box<Content>,
        files: Vec<sql::FileFacts>,
        customer: Option<String>,
        signer: Signer,
    },
    /// Cannot be.
    Broken(String),
}

/// Looks up what the rows' mails say; one for each row, in their order.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn load(db: &Db, keys: &Keys, base_url: &str, rows: &[Claimed]) -> Result<Vec<Material>> {
    let unbuilt = |r: &&Claimed| r.mime.is_none() && r.mime_blob.is_none();
    let replies = |r: &&Claimed| r.kind == crate::mail_out::kinds::Kind::Reply;
    let unique = |mut ids: Vec<i64>| {
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let ids = |rows: Vec<Option<i64>>| unique(rows.into_iter().flatten().collect());
    let tickets = ids(rows.iter().filter(unbuilt).map(|r| r.ticket_id.map(|t| t.0)).collect());
    let messages = ids(rows.iter().filter(unbuilt).map(|r| r.ticket_message_id.map(|m| m.0)).collect());
    let carried = ids(rows.iter().filter(unbuilt).filter(replies).map(|r| r.ticket_message_id.map(|m| m.0)).collect());
    let answered = ids(rows.iter().filter(unbuilt).filter(replies).map(|r| r.ticket_id.map(|t| t.0)).collect());
    let carried: Vec<MessageId> = carried.into_iter().map(MessageId).collect();
    let drafts: Vec<Option<Draft>> = rows.iter().map(|r| if unbuilt(&r) { r.draft().ok() } else { None }).collect();
    let mut read = db.reader(Scope::All).await?;
    let known = Known {
        base_url,
        keys,
        signers: Signers::load(&mut read, keys, drafts.iter().flatten().map(|d| d.from.email.as_str())).await?,
        tickets: sql::tickets(&mut read, &tickets.into_iter().map(TicketId).collect::<Vec<_>>()).await?,
        messages: sql::messages(&mut read, &messages.into_iter().map(MessageId).collect::<Vec<_>>()).await?,
        files: sql::files(&mut read, &carried).await?,
        last_words: sql::last_words(&mut read, &carried).await?,
        parties: sql::parties(&mut read, &answered.into_iter().map(TicketId).collect::<Vec<_>>()).await?,
    };
    Ok(rows
        .iter()
        .zip(drafts)
        .map(|(row, draft)| match unbuilt(&row) {
            true => known.material(row, draft),
            false => Material(Source::Built),
        })
        .collect())
}

impl Material {
    /// Returns the PID of the ticket that the mail is about, for logs; None where it was built before.
    pub fn pid(&self) -> Option<&str> {
        match &self.0 {
            Source::Draft { content, .. } => content.pid(),
            _ => None,
        }
    }

    /// Returns how many octets the files have that go along; 0 where the mail is built already.
    pub fn file_bytes(&self) -> i64 {
        match &self.0 {
            Source::Draft { files, .. } => files.iter().map(|f| f.size_bytes).sum(),
            _ => 0,
        }
    }

    /// Returns the row's octets: those it has, or built now.
    ///
    /// # Errors
    /// See [`BuildError`].
    #[compiled_here]
    pub async fn octets(
        &self,
        app: &App,
        templates: &Templates,
        row: &Claimed,
        relay: RelayOffers,
    ) -> std::result::Result<Mime, BuildError> {
        let (draft, content, files, customer, signer) = match &self.0 {
            Source::Broken(why) => return Err(BuildError::Never(why.clone())),
            Source::Draft { draft, content, files, customer, signer } => (draft, content, files, customer, signer),
            Source::Built => return built(app, row).await,
        };
        let limit = relay.max_bytes.map_or(usize::MAX, |most| most / 100 * 95).min(app.config.max_outbound_bytes);
        let (mut attached, mut linked) = split(files, limit);
        let octets = loop {
            let content = with_links(app, row, content, &linked).await?;
            let files = fetch(app, row, &attached).await?;
            // A fault of ours in one mail must not stop all others.
            let built = catch_unwind(AssertUnwindSafe(|| {
                let rendered = templates
                    .render_marked(draft.locale, &content, draft.marker.as_deref())
                    .map_err(|e| BuildError::Never(e.to_string()))?;
                let mut letter = letter(app, row, relay, draft, content.form(), customer.as_deref(), rendered, files)?;
                letter.list_unsubscribe = content.stop_url().map(str::to_owned);
                let octets = compose(&letter).map_err(|e| BuildError::Never(e.to_string()))?;
                // Last of all: nothing of what is signed may change any more (E8.9).
                signer.sign(octets).map_err(BuildError::NotNow)
            }));
            let octets = built.unwrap_or_else(|_| {
                Err(BuildError::Never("building this mail failed by a fault of the program".to_owned()))
            })?;
            // What was reckoned before may be some octets short of what came out.
            match attached.iter().max_by_key(|f| f.size_bytes).map(|f| f.id) {
                Some(largest) if octets.len() > limit => {
                    let (gone, kept) = attached.into_iter().partition(|f| f.id == largest);
                    let gone: Vec<&sql::FileFacts> = gone;
                    linked.extend(gone);
                    attached = kept;
                }
                _ => break octets,
            }
        };
        if octets.len() <= MAX_IN_ROW {
            return Ok(Mime { bytes: octets.clone().into(), kept: Some(Kept::Row(octets)) });
        }
        let bytes = Bytes::from(octets);
        let name = app.blobs.put(row.tenant_id, bytes.clone()).await.map_err(out_of_reach)?;
        Ok(Mime { bytes, kept: Some(Kept::Blob(name)) })
    }
}

/// Which files go along, and which become links: the largest, as many as must (E8.5).
fn split(files: &[sql::FileFacts], limit: usize) -> (Vec<&sql::FileFacts>, Vec<&sql::FileFacts>) {
    /// What the text may take beside the files.
    const TEXT: usize = 128 * 1024;
    // base64 with its line ends, and the part's header.
    let encoded = |f: &sql::FileFacts| usize::try_from(f.size_bytes).unwrap_or_default() / 54 * 74 + 1024;
    let mut attached: Vec<&sql::FileFacts> = files.iter().collect();
    let mut linked = Vec::new();
    while attached.iter().map(|f| encoded(f)).sum::<usize>() > limit.saturating_sub(TEXT.min(limit / 2)) {
        let Some(at) = (0..attached.len()).max_by_key(|i| attached[*i].size_bytes) else { break };
        linked.push(attached.remove(at));
    }
    (attached, linked)
}

async fn fetch(app: &App, row: &Claimed, files: &[&sql::FileFacts]) -> std::result::Result<Vec<File>, BuildError> {
    let mut fetched = Vec::with_capacity(files.len());
    for file in files {
        let bytes = app.blobs.get(row.tenant_id, &file.sha256).await.map_err(out_of_reach)?;
        fetched.push(File {
            filename: file.filename.clone(),
            content_type: file.content_type.clone(),
            content_id: file.content_id.clone(),
            bytes,
        });
    }
    Ok(fetched)
}

/// The content with the links of the files that do not go along.
async fn with_links<'a>(
    app: &App,
    row: &Claimed,
    content: &'a Content,
    linked: &[&sql::FileFacts],
) -> std::result::Result<Cow<'a, Content>, BuildError> {
    let (Content::Reply(reply), Some(ticket), false) = (content, row.ticket_id, linked.is_empty()) else {
        return Ok(Cow::Borrowed(content));
    };
    let ids: Vec<AttachmentId> = linked.iter().map(|f| f.id).collect();
    let links = links::ensure(&app.db, &app.keys, row.tenant_id, ticket, &ids).await;
    let links = links.map_err(|e| BuildError::NotNow(e.to_string()))?;
    let line = |l: links::FileLink| LinkedFile {
        url: l.url(&app.keys, &app.config.base_url),
        size: size(l.size_bytes),
        name: l.filename,
        until: l.expires_at,
    };
    let files = links.into_iter().map(line).collect();
    Ok(Cow::Owned(Content::Reply(Reply { files, ..reply.clone() })))
}

/// A size for people, in MB as their own programs count.
fn size(bytes: i64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

async fn built(app: &App, row: &Claimed) -> std::result::Result<Mime, BuildError> {
    let bytes = match (&row.mime, &row.mime_blob) {
        (Some(octets), _) => octets.clone().into(),
        (None, Some(name)) => app.blobs.get(row.tenant_id, name).await.map_err(out_of_reach)?,
        (None, None) => return Err(BuildError::Never("the mail has no octets".to_owned())),
    };
    Ok(Mime { bytes, kept: None })
}

fn out_of_reach(e: blobs::Error) -> BuildError {
    match e {
        blobs::Error::Missing { .. } => {
            BuildError::NotNow("a file of this mail is missing in the blob store".to_owned())
        }
        blobs::Error::Name(_) => {
            BuildError::Never("a file of this mail has no valid name in the blob store".to_owned())
        }
        e => BuildError::NotNow(e.to_string()),
    }
}

#[allow(clippy::too_many_arguments)]
fn letter(
    app: &App,
    row: &Claimed,
    relay: RelayOffers,
    draft: &Draft,
    form: Form,
    customer: Option<&str>,
    rendered: crate::mail_out::render::Rendered,
    files: Vec<File>,
) -> std::result::Result<Letter, BuildError> {
    // Whom the row is for must be writable, the others need not: their own rows say so.
    headers::spec("To", &row.to_email, relay.smtp_utf8).map_err(|e| BuildError::Never(e.to_string()))?;
    let utf8_addresses = relay.smtp_utf8 && needs_utf8(&row.to_email);
    let writable = |a: &&Address| headers::spec("To", &a.email, utf8_addresses).is_ok();
    let recipient = Address { name: row.to_name.clone(), email: row.to_email.clone() };
    // Of one recipient alone the row knows best: an operator may have put its address right.
    let to = Some(&draft.to).filter(|to| writable(to) && (draft.bcc || !draft.cc.is_empty())).unwrap_or(&recipient);
    let (team, mailbox) = (draft.from.name.as_deref().unwrap_or_default(), draft.from.email.as_str());
    let from = match customer.filter(|_| form == Form::AgentNotice) {
        Some(customer) => Sender::via(draft.locale, &one_line(customer), team, mailbox),
        None => Sender::team(&one_line(team), mailbox),
    };
    let mut ids = draft.references.iter().map(String::as_str);
    let (anchor, root) = (ids.next(), ids.next());
    Ok(Letter {
        form,
        from,
        reply_to: draft.reply_to.clone().map(|email| Address { name: None, email }),
        to: vec![plain(to)],
        cc: draft.cc.iter().filter(writable).map(plain).collect(),
        subject: row.subject.clone(),
        message_id: row.message_id.clone(),
        in_reply_to: draft.in_reply_to.clone().filter(|id| threading::is_writable(id)),
        references: threading::references(anchor, root, &draft.references, draft.in_reply_to.as_deref()),
        date: row.created_at,
        text: rendered.text,
        html: Some(rendered.html),
        files,
        loop_guard: message_id::mint_loop_guard(&app.keys, row.tenant_id, draft.row),
        row: Some(token::mint(&app.keys, row.tenant_id, Token::Bounce { outbox: row.id })),
        relay: app.config.smtp_url.as_ref().and_then(|u| u.host_str()).map(Echo::of_host).unwrap_or_default(),
        list_unsubscribe: None,
        thread_index: draft.thread.as_ref().map(|(index, _)| index.clone()),
        thread_topic: draft.thread.as_ref().and_then(|(_, topic)| topic.clone()),
        utf8_addresses,
    })
}

/// Names come from anywhere; a line break in one is no reason not to answer.
fn plain(address: &Address) -> Address {
    Address { name: address.name.as_deref().map(one_line), email: address.email.clone() }
}

fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What was looked up for a batch.
struct Known<'a> {
    base_url: &'a str,
    keys: &'a Keys,
    signers: Signers,
    tickets: Vec<sql::TicketFacts>,
    messages: Vec<sql::MessageFacts>,
    files: Vec<sql::FileFacts>,
    last_words: Vec<sql::LastWords>,
    parties: Vec<sql::Party>,
}

impl Known<'_> {
    fn material(&self, row: &Claimed, draft: Option<Draft>) -> Material {
        Material(self.source(row, draft).unwrap_or_else(|why| Source::Broken(why.to_owned())))
    }

    fn source(&self, row: &Claimed, draft: Option<Draft>) -> std::result::Result<Source, &'static str> {
        let draft = draft.ok_or("what the mail should say cannot be read")?;
        let ticket = row.ticket_id.and_then(|id| self.tickets.iter().find(|t| t.id == id));
        let message = row.ticket_message_id.and_then(|id| self.messages.iter().find(|m| m.id == id));
        let content = self.content(row, &draft, ticket, message)?;
        let files = match (draft.template, message) {
            (Template::Reply, Some(m)) => self.files.iter().filter(|f| f.ticket_message_id == m.id).cloned().collect(),
            _ => Vec::new(),
        };
        let signer = self.signers.of(row.tenant_id, &draft.from.email);
        Ok(Source::Draft {
            draft: draft.into(),
            content: content.into(),
            files,
            customer: ticket.map(customer),
            signer,
        })
    }

    fn content(
        &self,
        row: &Claimed,
        draft: &Draft,
        ticket: Option<&sql::TicketFacts>,
        message: Option<&sql::MessageFacts>,
    ) -> std::result::Result<Content, &'static str> {
        let team = draft.from.name.clone().unwrap_or_else(|| draft.from.email.clone());
        let about = ticket.ok_or("the ticket that the mail is about is gone");
        let notice = |event| -> std::result::Result<Content, &'static str> {
            let t = about?;
            Ok(Content::Notice(Notice {
                event,
                pid: t.pid.clone(),
                subject: t.subject.clone(),
                customer: customer(t),
                actor: message.and_then(author).unwrap_or_else(|| team.clone()),
                excerpt: message.and_then(|m| excerpt(&m.visible_text)),
                url: self.page(t),
                stop_url: self.stop_url(row, Sort::Notices),
            }))
        };
        Ok(match draft.template {
            Template::Reply => {
                let m = message.ok_or("the message that the mail carries is gone")?;
                if m.kind != MessageKind::Reply {
                    return Err("an internal note is never sent");
                }
                Content::Reply(Reply {
                    pid: about?.pid.clone(),
                    url: None,
                    // What was written here is Markdown: its text is what it says without its marks.
                    body_text: if m.mail_id.is_none() { m.visible_text.clone() } else { m.body.clone() },
                    body_html: m.body_html.as_deref().map(Reply::safe_html),
                    quoted: self.quoted(row, m.id),
                    reply_line: true,
                    files: Vec::new(),
                })
            }
            Template::Ack => Content::Ack(Ack { pid: about?.pid.clone(), team, url: None, answer_by: None }),
            Template::NoticeCreated => notice(NoticeEvent::Created)?,
            Template::NoticeAssigned => notice(NoticeEvent::Assigned)?,
            Template::NoticeAnswered => notice(NoticeEvent::Answered)?,
            Template::NoticeHeld => notice(NoticeEvent::Held)?,
            Template::NoticeUndelivered => notice(NoticeEvent::Undelivered)?,
            Template::Digest => {
                let (lines, more) = draft.digest.clone().ok_or("the digest has no lines")?;
                let more = (more > 0).then(|| more.to_string());
                Content::Digest(Digest { team, lines, more, stop_url: self.stop_url(row, Sort::Notices) })
            }
            Template::NoticeSolved => {
                let t = about?;
                Content::Solved(Solved {
                    pid: t.pid.clone(),
                    subject: t.subject.clone(),
                    team,
                    resolution: t.resolution_notes.clone().filter(|r| !r.trim().is_empty()),
                    url: None,
                })
            }
            Template::Csat => {
                let t = about?;
                let link = RatingLink { tenant: row.tenant_id, ticket: t.id };
                Content::Csat(Csat {
                    pid: t.pid.clone(),
                    subject: t.subject.clone(),
                    team,
                    url: link.url(self.keys, self.base_url),
                    stop_url: self.stop_url(row, Sort::Ratings),
                })
            }
            Template::Mention => {
                let t = about?;
                Content::Mention(Mention {
                    pid: t.pid.clone(),
                    subject: t.subject.clone(),
                    actor: message.and_then(author).unwrap_or(team),
                    excerpt: message.and_then(|m| excerpt(&m.visible_text)),
                    url: self.page(t),
                    stop_url: self.stop_url(row, Sort::Notices),
                })
            }
            Template::Invite => Content::Invite(account(row, draft, team)?),
            Template::Password => Content::Password(account(row, draft, team)?),
            Template::Link => Content::Link(account(row, draft, team)?),
            Template::Probe => Content::Probe(Probe { address: draft.from.email.clone() }),
        })
    }

    /// The customer's last message before `reply`, if this row's recipient wrote it or was in the conversation when it
    /// came (E8.11).
    fn quoted(&self, row: &Claimed, reply: MessageId) -> Option<Quoted> {
        let last = self.last_words.iter().find(|l| l.reply_id == reply)?;
        let reader = row.user_id?;
        let was_party = self
            .parties
            .iter()
            .any(|p| p.ticket_id == last.ticket_id && p.user_id == reader && p.created_at <= last.applied_at);
        if last.author_id != Some(reader) && !was_party || last.visible_text.trim().is_empty() {
            return None;
        }
        let name = last.author_name.as_deref().or(last.author_email.as_deref()).unwrap_or_default();
        Some(Quoted::of(name, last.created_at, &last.visible_text))
    }

    /// Where a reader switches a sort of mail off (E8.10).
    fn stop_url(&self, row: &Claimed, sort: Sort) -> Option<String> {
        let what = Unsubscribe { tenant: row.tenant_id, user: row.user_id?, sort };
        Some(what.url(self.keys, self.base_url))
    }

    fn page(&self, ticket: &sql::TicketFacts) -> String {
        format!("{}/dashboard/support/{}", self.base_url, ticket.id)
    }
}

fn account(row: &Claimed, draft: &Draft, team: String) -> std::result::Result<AccountLink, &'static str> {
    let link = draft.link.clone().ok_or("the mail has no link")?;
    Ok(AccountLink { team, email: row.to_email.clone(), link, expires_at: None })
}

fn customer(ticket: &sql::TicketFacts) -> String {
    let name = ticket.requester_name.as_deref().map(str::trim).filter(|n| !n.is_empty());
    name.unwrap_or(&ticket.requester_email).to_owned()
}

fn author(message: &sql::MessageFacts) -> Option<String> {
    message.author_name.clone().or_else(|| message.author_email.clone())
}
