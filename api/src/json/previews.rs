//! Previews of files (E12.6), and all files of a ticket in one.

use super::attachments::{disposition, download};
use super::input::json;
use super::tickets::reference;
use crate::Api;
use crate::extract::{Caller, Path, Query};
use crate::problem::{Problem, codes};
use async_zip::tokio::write::ZipFileWriter;
use async_zip::{Compression, StringEncoding, ZipDateTime, ZipDateTimeBuilder, ZipEntryBuilder, ZipString};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{Datelike, Timelike};
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::attachments::{self, Attachment};
use shared::clock::Time;
use shared::ids::{AttachmentId, MessageId};
use shared::previews;
use std::collections::HashSet;
use tokio::io::DuplexStream;
use tokio_util::io::ReaderStream;

/// How much of an archive waits for a slow reader.
const BUFFER: usize = 64 * 1024;

/// Whoever does not see a file, or a file of this kind, is told that there is none.
pub fn none(e: shared::tickets::Error) -> Problem {
    match e {
        shared::tickets::Error::NotFound => Problem::new(codes::ATTACHMENT_NOT_FOUND),
        e => e.into(),
    }
}

/// `GET /api/support/attachments/{id}/thumbnail`: a small picture of an image, or of a PDF's first page.
///
/// # Errors
/// 401, 404 where there is none (yet).
pub async fn thumbnail(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Result<Response, Problem> {
    let found = previews::thumbnail(&api.app, caller.actor(), AttachmentId(id)).await.map_err(none)?;
    download(found.bytes.into(), "thumbnail", &found.content_type, "inline")
}

/// The beginning of a text file.
#[derive(Debug, Serialize)]
struct TextShape {
    /// As text, lines ended by LF.
    text: String,
    /// Whether the file goes on.
    more: bool,
}

/// `GET /api/support/attachments/{id}/text`: the beginning of a text file: `{text, more}`.
///
/// # Errors
/// 401, 404.
pub async fn text(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> super::Answer {
    let found = previews::text(&api.app, caller.actor(), AttachmentId(id)).await.map_err(none)?;
    Ok(axum::Json(json(TextShape { text: found.text, more: found.more })))
}

/// `GET /api/support/attachments/{id}/pages/{page}`: a page of a PDF as PNG, the first is 1.
///
/// # Errors
/// 401, 404 where it cannot be drawn.
pub async fn page(
    State(api): State<Api>,
    caller: Caller,
    Path((id, page)): Path<(i64, u32)>,
) -> Result<Response, Problem> {
    let drawn = previews::page(&api.app, caller.actor(), AttachmentId(id), page).await.map_err(none)?;
    download(drawn.into(), &format!("page-{page}.png"), "image/png", "inline")
}

/// Which files of a ticket.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Which {
    message: Option<MessageId>,
}

/// `GET /api/support/tickets/{id}/attachments.zip?message=`: all files that the caller sees, of the ticket or of one message,
/// as they are read.
///
/// # Errors
/// 401, 404.
pub async fn all(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    Query(of): Query<Which>,
) -> Result<Response, Problem> {
    let (pid, files) =
        attachments::of_ticket(&api.app, caller.actor(), &reference(&which), of.message).await.map_err(none)?;
    let (writer, reader) = tokio::io::duplex(BUFFER);
    let (app, ticket) = (api.app.clone(), pid.clone());
    tokio::spawn(async move {
        if let Err(e) = archive(&app, files, writer).await {
            // What was sent so far has no end: the reader's program says that it is broken.
            tracing::warn!(ticket.pid = ticket, error = %e, "an archive of files could not be finished");
        }
    });
    let mut response = Body::from_stream(ReaderStream::new(reader)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_DISPOSITION, disposition("attachment", &format!("{pid}.zip"))?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// Writes files one after the other, as they are: most are compressed already.
async fn archive(app: &App, files: Vec<Attachment>, to: DuplexStream) -> anyhow::Result<()> {
    let mut zip = ZipFileWriter::with_tokio(to);
    let mut names = HashSet::new();
    for file in files {
        let Some(sha256) = &file.sha256 else { continue };
        let bytes = app.blobs.get(file.tenant_id, sha256).await?;
        let name = unique(&mut names, &file.filename);
        let name = ZipString::new(name.into_bytes(), StringEncoding::Utf8);
        let entry = ZipEntryBuilder::new(name, Compression::Stored).last_modification_date(moment(file.created_at));
        zip.write_entry_whole(entry, &bytes).await?;
    }
    zip.close().await?;
    Ok(())
}

/// A time as archives write it: since 1980, in UTC.
fn moment(at: Time) -> ZipDateTime {
    let date = ZipDateTimeBuilder::new().year(at.year()).month(at.month()).day(at.day());
    date.hour(at.hour()).minute(at.minute()).second(at.second()).build()
}

/// Two files of one name are told apart: `report.pdf`, `report (2).pdf`.
fn unique(taken: &mut HashSet<String>, name: &str) -> String {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
        _ => (name, String::new()),
    };
    let mut candidate = name.to_owned();
    let mut n = 1;
    while !taken.insert(candidate.to_lowercase()) {
        n += 1;
        candidate = format!("{stem} ({n}){ending}");
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_an_archive_differ() {
        let mut taken = HashSet::new();
        let names = ["a.pdf", "A.pdf", "a.pdf", "b", "b", ".env", ".env", "a (2).pdf"];
        let made: Vec<String> = names.into_iter().map(|n| unique(&mut taken, n)).collect();
        assert_eq!(made, ["a.pdf", "A (2).pdf", "a (3).pdf", "b", "b (2)", ".env", ".env (2)", "a (2) (2).pdf"]);
    }
}
