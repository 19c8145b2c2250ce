//! Previews of files (E12.6): small pictures of images and of a PDF's first page, made by the worker; a PDF's pages and the
//! beginning of a text, made when somebody looks. All of it is derived: it goes with its file and can be made again.
//!
//! Files come from strangers. What the bytes are decides, not what they are called. Pictures are decoded within bounds of
//! memory and size on a thread of their own, PDF by a program of its own that is held to time and memory (`pdftoppm` of
//! poppler; without it PDF has no preview).

mod pdf;
mod picture;
mod sql;
#[cfg(test)]
mod tests;
mod text;

pub use sql::Thumbnail;

use crate::access::Actor;
use crate::app::App;
use crate::attachments::{self, Attachment};
use crate::blobs;
use crate::clock::now;
use crate::compiled_here;
use crate::ids::AttachmentId;
use crate::store;
use crate::tickets::{Error, Result};
use bytes::Bytes;
use chrono::TimeDelta;
use sql::Waiting;

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 320;
/// The longest side of a PDF's page, in pixels.
const PAGE_SIDE: u32 = 1400;
/// How long a worker has to draw a file, many times what the slowest takes: after that it is thought to have died.
const CLAIM_MINUTES: i64 = 10;
/// How often somebody begins with a file: so many workers may have died with it, after that they died of it.
const MOST_TRIES: i64 = 3;
/// The last page that is shown.
pub const MOST_PAGES: u32 = 50;

crate::text_enum! {
    /// How far a file's thumbnail is.
    pub enum Preview("preview") {
        /// Somebody is at it.
        Drawing = "drawing",
        /// It is there.
        Ready = "ready",
        /// The file cannot be drawn.
        None = "none",
    }
}

/// How a file can be looked at without opening it elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As a picture.
    Picture,
    /// As text.
    Text,
    /// Page by page.
    Pages,
}

/// Returns how a file can be looked at; None: only downloaded.
pub fn look(file: &Attachment) -> Option<Look> {
    file.sha256.as_ref()?;
    let drawable = file.preview != Some(Preview::None);
    match file.sniffed_type.as_deref() {
        Some("application/pdf") => (drawable && pdf::is_installed()).then_some(Look::Pages),
        _ if file.picture_type().is_some() => drawable.then_some(Look::Picture),
        // Text has no mark, so what is marked is something else, but for the text of web pages.
        None | Some("text/html" | "text/xml" | "application/xml") => {
            text::is_text(&file.content_type, &file.filename).then_some(Look::Text)
        }
        Some(_) => None,
    }
}

/// A small picture of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Picture {
    /// `image/png` or `image/jpeg`.
    content_type: &'static str,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
    /// The file.
    bytes: Vec<u8>,
}

/// Makes the thumbnail of one file that has none yet; false if there is no such file. A file that cannot be drawn has none
/// and is not tried again; one whose worker died is, a few times.
///
/// # Errors
/// See [`store::Error`]; also where the blob store is away: then the file is tried again.
#[compiled_here]
pub async fn make_one(app: &App) -> store::Result<bool> {
    let at = now();
    let Some(file) = sql::waiting(&app.db, pdf::is_installed(), at).await? else { return Ok(false) };
    if file.preview_tries >= MOST_TRIES {
        tracing::warn!(
            attachment.id = file.id.0,
            tries = file.preview_tries,
            "a file stops workers: it gets no thumbnail"
        );
        sql::give_up(&app.db, &file, at).await?;
    } else if sql::begin(&app.db, &file, at, at + TimeDelta::minutes(CLAIM_MINUTES)).await? {
        make(app, &file).await?;
    }
    Ok(true)
}

async fn make(app: &App, file: &Waiting) -> store::Result<()> {
    let drawn = match app.blobs.get(file.tenant_id, &file.sha256).await {
        Ok(bytes) => draw(&file.sniffed_type, bytes).await,
        Err(e @ blobs::Error::Missing { .. }) => Err(e.to_string()),
        Err(e) => {
            sql::give_back(&app.db, file).await?;
            return Err(store::Error::Unavailable(sqlx::Error::Io(std::io::Error::other(e))));
        }
    };
    if let Err(why) = &drawn {
        tracing::info!(attachment.id = file.id.0, content_type = file.sniffed_type, why, "a file has no thumbnail");
    }
    sql::store(&app.db, file, drawn.ok()).await
}

async fn draw(sniffed_type: &str, bytes: Bytes) -> std::result::Result<Picture, String> {
    let bytes = match sniffed_type {
        "application/pdf" => pdf::page(bytes, 1, THUMBNAIL_SIDE).await.map_err(|e| e.to_string())?.into(),
        _ => bytes,
    };
    let drawn = tokio::task::spawn_blocking(move || picture::thumbnail(&bytes, THUMBNAIL_SIDE)).await;
    drawn.map_err(|e| format!("the decoder failed: {e}"))?
}

/// Returns a file's thumbnail, if the actor sees the file.
///
/// # Errors
/// `NotFound` if they do not, or there is none.
#[compiled_here]
pub async fn thumbnail(app: &App, actor: &Actor, id: AttachmentId) -> Result<Thumbnail> {
    attachments::find(app, actor, id).await?;
    sql::thumbnail(&mut app.db.read(actor.rows()), id).await?.ok_or(Error::NotFound)
}

/// The beginning of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// As text, lines ended by LF.
    pub text: String,
    /// Whether the file goes on.
    pub more: bool,
}

/// Returns the beginning of a text file, if the actor sees the file.
///
/// # Errors
/// `NotFound` if they do not, or it is no text.
#[compiled_here]
pub async fn text(app: &App, actor: &Actor, id: AttachmentId) -> Result<Beginning> {
    match attachments::get(app, actor, id).await? {
        (file, bytes) if look(&file) == Some(Look::Text) => Ok(text::beginning(&bytes)),
        _ => Err(Error::NotFound),
    }
}

/// Returns a page of a PDF as PNG, if the actor sees the file; the first is 1.
///
/// # Errors
/// `NotFound` if they do not, it is no PDF that can be drawn, or has no such page.
#[compiled_here]
pub async fn page(app: &App, actor: &Actor, id: AttachmentId, page: u32) -> Result<Vec<u8>> {
    let bytes = pdf_of(app, actor, id).await?;
    if !(1..=MOST_PAGES).contains(&page) {
        return Err(Error::NotFound);
    }
    pdf::page(bytes, page, PAGE_SIDE).await.map_err(|e| {
        tracing::info!(attachment.id = id.0, page, error = %e, "a page of a PDF cannot be drawn");
        Error::NotFound
    })
}

/// Returns how many pages of a PDF can be shown, if the actor sees the file; 0 if it cannot be read.
///
/// # Errors
/// `NotFound` if they do not, or it is no PDF.
#[compiled_here]
pub async fn pages(app: &App, actor: &Actor, id: AttachmentId) -> Result<u32> {
    let bytes = pdf_of(app, actor, id).await?;
    let count = pdf::count(bytes).await.unwrap_or_else(|e| {
        tracing::info!(attachment.id = id.0, error = %e, "a PDF does not say how many pages it has");
        0
    });
    Ok(count.min(MOST_PAGES))
}

async fn pdf_of(app: &App, actor: &Actor, id: AttachmentId) -> Result<Bytes> {
    match attachments::get(app, actor, id).await? {
        (file, bytes) if look(&file) == Some(Look::Pages) => Ok(bytes),
        _ => Err(Error::NotFound),
    }
}
