//! Files on messages: checked by size, declared type and what the bytes look like; stored by content.
//!
//! A received mail's parts are always kept: these limits bind uploads only (DESIGN 6).

mod sql;

pub use sql::{Attachment, of_messages};

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::ids::{AttachmentId, MessageId, TenantId};
use crate::mail_out::headers;
use crate::messages;
use crate::store::{Scope, Tx, dialect};
use crate::tickets::{self, Error, NewAttachment, Result, Ticket, TicketRef, Work};
use bytes::Bytes;

/// A file for a message.
#[derive(Debug, Clone)]
pub enum Attach {
    /// Uploaded before.
    Uploaded(AttachmentId),
    /// Comes with the message.
    File(Upload),
    /// Only described; its bytes stay elsewhere.
    Described {
        /// Its name.
        filename: String,
        /// Its type.
        content_type: String,
        /// Its size.
        size_bytes: i64,
        /// Whatever else is said about it.
        meta: serde_json::Value,
    },
}

/// A file as it was sent.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The name as sent.
    pub filename: String,
    /// The declared type.
    pub content_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// How much may be said about files that are only described.
const MOST_META_BYTES: usize = 4 * 1024;
/// The longest file name, in bytes (E2.8).
const MOST_NAME_BYTES: usize = 200;

/// A checked upload, ready to be stored.
struct Checked {
    filename: String,
    original: Option<String>,
    content_type: String,
    sniffed: Option<String>,
    bytes: Bytes,
}

/// Stores a file for a message to be written later by the same actor.
///
/// # Errors
/// `Invalid` if it is too large, of a type that is not allowed, or not what it says.
#[compiled_here]
pub async fn upload(app: &App, actor: &Actor, tenant: TenantId, file: Upload) -> Result<Attachment> {
    if !actor.sees_tenant(tenant) {
        return Err(Error::NotFound);
    }
    let checked = check(app, file)?;
    let sha256 = put(app, tenant, &checked).await?;
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let id = AttachmentId(dialect::take_ids(&mut tx, dialect::IdTable::Attachments, 1).await?[0]);
    let row = sql::Loose {
        id,
        tenant_id: tenant,
        uploaded_by: actor.user,
        filename: checked.filename,
        original_filename: checked.original,
        content_type: checked.content_type,
        sniffed_type: checked.sniffed,
        size_bytes: checked.bytes.len() as i64,
        sha256,
    };
    let stored = sql::insert_loose(&mut tx, row).await?;
    tx.commit().await?;
    Ok(stored)
}

/// Returns a file, if the actor sees its message, or uploaded it.
///
/// # Errors
/// `NotFound` if the actor does not see it.
#[compiled_here]
pub async fn find(app: &App, actor: &Actor, id: AttachmentId) -> Result<Attachment> {
    let found = sql::get(&mut app.db.read(actor.rows()), id).await?.ok_or(Error::NotFound)?;
    match found.ticket_id {
        Some(ticket) => {
            tickets::find(app, actor, &ticket.into()).await?;
            if let Some(message) = found.ticket_message_id {
                messages::get(app, actor, ticket, message).await?;
            }
        }
        None if found.uploaded_by.is_some() && found.uploaded_by == actor.user => {}
        None => return Err(Error::NotFound),
    }
    Ok(found)
}

/// Returns a file and its bytes, if the actor sees its message, or uploaded it.
///
/// # Errors
/// `NotFound` if the actor does not see it, or it has no bytes.
#[compiled_here]
pub async fn get(app: &App, actor: &Actor, id: AttachmentId) -> Result<(Attachment, Bytes)> {
    let found = find(app, actor, id).await?;
    let sha256 = found.sha256.as_deref().ok_or(Error::NotFound)?;
    let bytes = app.blobs.get(found.tenant_id, sha256).await.map_err(|e| {
        tracing::error!(
            attachment.id = id.0,
            error = &e as &dyn std::error::Error,
            "the bytes of a file cannot be read"
        );
        Error::NotFound
    })?;
    Ok((found, bytes))
}

/// Returns a ticket's PID and all its files with bytes that the actor sees, or those of one message.
///
/// # Errors
/// `NotFound` out of scope, or if there is no such message or no file.
#[compiled_here]
pub async fn of_ticket(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    message: Option<MessageId>,
) -> Result<(String, Vec<Attachment>)> {
    let view = tickets::view(app, actor, which).await?;
    let inside = actor.can(Capability::TicketsNote);
    let mut read = app.db.read(actor.tickets().rows());
    let files = sql::of_ticket(&mut read, view.ticket.id, message, inside).await?;
    if files.is_empty() {
        return Err(Error::NotFound);
    }
    Ok((view.ticket.pid, files))
}

/// Puts files on a message within its transaction.
///
/// # Errors
/// `Invalid` for a file that cannot be taken, or an id that is not the actor's own unused upload.
#[compiled_here]
pub async fn attach(
    app: &App,
    tx: &mut Tx,
    work: &mut Work<'_>,
    actor: &Actor,
    ticket: &Ticket,
    message: MessageId,
    files: Vec<Attach>,
) -> Result<()> {
    let described: usize = files.iter().map(described_bytes).sum();
    if described > MOST_META_BYTES {
        return Err(Error::invalid(
            "attachments",
            "metadata_too_large",
            format!("at most {MOST_META_BYTES} bytes in all"),
        ));
    }
    let mut total = sql::ticket_bytes(tx, ticket.id).await?;
    let mut ids = dialect::take_ids(tx, dialect::IdTable::Attachments, files.len()).await?.into_iter();
    for file in files {
        let new = match file {
            Attach::Uploaded(id) => {
                total += sql::unused_upload(tx, id, ticket.tenant_id, actor.user).await?.ok_or_else(|| {
                    Error::invalid("attachments", "attachment_unknown", format!("{id} is no unused upload of yours"))
                })?;
                work.attach_upload(id, ticket.id, message);
                continue;
            }
            Attach::File(file) => {
                let checked = check(app, file)?;
                total += checked.bytes.len() as i64;
                let sha256 = put(app, ticket.tenant_id, &checked).await?;
                NewAttachment {
                    sniffed_type: checked.sniffed,
                    size_bytes: checked.bytes.len() as i64,
                    sha256: Some(sha256),
                    original_filename: checked.original,
                    ..blank(ticket, message, actor, checked.filename, checked.content_type)
                }
            }
            Attach::Described { filename, content_type, size_bytes, meta } => NewAttachment {
                size_bytes,
                meta: Some(meta.to_string()),
                ..blank(ticket, message, actor, safe_name(&filename)?, content_type)
            },
        };
        let id = AttachmentId(ids.next().expect("one was taken for each"));
        work.attachment(NewAttachment { id, ..new });
    }
    if total > app.config.max_ticket_bytes as i64 {
        return Err(Error::invalid("attachments", "ticket_full", "the ticket's files would be too large together"));
    }
    Ok(())
}

fn blank(ticket: &Ticket, message: MessageId, actor: &Actor, filename: String, content_type: String) -> NewAttachment {
    NewAttachment {
        id: AttachmentId(0),
        tenant_id: ticket.tenant_id,
        ticket_id: ticket.id,
        ticket_message_id: message,
        uploaded_by: actor.user,
        filename,
        original_filename: None,
        content_type,
        sniffed_type: None,
        size_bytes: 0,
        sha256: None,
        inline: false,
        content_id: None,
        meta: None,
    }
}

fn described_bytes(file: &Attach) -> usize {
    match file {
        Attach::Described { filename, content_type, meta, .. } => {
            filename.len() + content_type.len() + meta.to_string().len()
        }
        _ => 0,
    }
}

async fn put(app: &App, tenant: TenantId, file: &Checked) -> Result<String> {
    app.blobs.put(tenant, file.bytes.clone()).await.map_err(|e| {
        tracing::error!(error = &e as &dyn std::error::Error, "a file cannot be stored");
        Error::Store(crate::store::Error::Unavailable(sqlx::Error::Io(std::io::Error::other(e.to_string()))))
    })
}

fn check(app: &App, file: Upload) -> Result<Checked> {
    let limit = app.config.max_file_bytes;
    if file.bytes.len() > limit {
        return Err(Error::invalid("files", "file_too_large", format!("{}: at most {limit} bytes", file.filename)));
    }
    let declared = file.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sniffed = infer::get(&file.bytes).map(|t| t.mime_type().to_owned());
    let declared = if declared.is_empty() || declared == "application/octet-stream" {
        sniffed.clone().unwrap_or_else(|| "application/octet-stream".to_owned())
    } else {
        declared
    };
    if !app.config.allows_type(&declared) {
        return Err(Error::invalid(
            "files",
            "type_not_allowed",
            format!("{}: {declared} is not allowed", file.filename),
        ));
    }
    if let Some(found) = &sniffed
        && !agree(&declared, found)
    {
        let message = format!("{}: says {declared}, but is {found}", file.filename);
        return Err(Error::invalid("files", "type_mismatch", message));
    }
    let filename = safe_name(&file.filename)?;
    let original = (filename != file.filename).then_some(file.filename);
    Ok(Checked { filename, original, content_type: declared, sniffed, bytes: file.bytes })
}

/// Whether what the bytes look like fits what was said. Office files are zip archives inside; text has no mark.
fn agree(declared: &str, sniffed: &str) -> bool {
    let family = |t: &str| t.split('/').next().unwrap_or_default().to_owned();
    declared == sniffed
        || (family(declared) == family(sniffed) && matches!(family(declared).as_str(), "image" | "audio" | "video"))
        || (sniffed == "application/zip" && declared.contains("openxmlformats"))
        || (sniffed == "application/zip" && declared.contains("opendocument"))
        || (sniffed == "application/zip" && declared.contains("zip"))
        || (sniffed.contains("openxmlformats") && declared == "application/zip")
        || (sniffed == "application/x-ole-storage" && declared.starts_with("application/vnd.ms-"))
        || (sniffed == "application/gzip" && declared.contains("gzip"))
        || (family(declared) == "text"
            && matches!(sniffed, "text/html" | "text/xml" | "application/xml")
            && declared != "text/plain")
}

/// Returns a name that is safe to show and to store: no separators, no controls, no leading dots, at most 200 bytes with
/// its extension (E2.8).
fn safe_name(name: &str) -> Result<String> {
    if headers::check("filename", name).is_err() {
        return Err(Error::invalid("filename", "control_character", "no line breaks in a file name"));
    }
    let cleaned: String =
        name.chars().map(|c| if matches!(c, '/' | '\\') || c.is_control() { '_' } else { c }).collect();
    let cleaned = cleaned.trim().trim_start_matches('.').to_owned();
    if cleaned.is_empty() {
        return Ok("file".to_owned());
    }
    if cleaned.len() <= MOST_NAME_BYTES {
        return Ok(cleaned);
    }
    let (stem, extension) = cleaned.rsplit_once('.').filter(|(_, e)| e.len() <= 16).unwrap_or((&cleaned, ""));
    let mut end = MOST_NAME_BYTES - extension.len() - 1;
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    Ok(if extension.is_empty() { stem[..end].to_owned() } else { format!("{}.{extension}", &stem[..end]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_and_keep_their_extension() {
        assert_eq!(safe_name("../../x.pdf").expect("safe"), "_.._x.pdf");
        assert_eq!(safe_name("  ").expect("safe"), "file");
        let long = safe_name(&format!("{}.pdf", "ü".repeat(300))).expect("safe");
        assert!(long.len() <= MOST_NAME_BYTES && long.ends_with(".pdf"));
        assert!(safe_name("a\r\nb").is_err());
    }

    #[test]
    fn declared_and_seen_types_must_agree() {
        assert!(agree("image/jpg", "image/jpeg"));
        assert!(!agree("image/png", "application/pdf"));
        assert!(agree("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"));
        assert!(!agree("text/plain", "text/html"));
        assert!(!agree("application/pdf", "application/x-executable"));
    }
}
