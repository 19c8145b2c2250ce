//! Links to files that were too large to send (E8.5).

use super::Answer;
use super::attachments::download;
use super::input::json;
use super::tickets::reference;
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Path};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use shared::clock::Time;
use shared::ids::{AttachmentId, FileLinkId};
use shared::mail_out::links::{self, Dead, FileLink};

/// A link. Its address is not told: it stands in the mail, and whoever has it gets the file.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Shape {
    pub id: FileLinkId,
    pub attachment_id: AttachmentId,
    pub filename: String,
    pub size_bytes: i64,
    pub created_at: Time,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
    pub downloads: i64,
}

fn shape(l: FileLink) -> Shape {
    Shape {
        id: l.id,
        attachment_id: l.attachment_id,
        filename: l.filename,
        size_bytes: l.size_bytes,
        created_at: l.created_at,
        expires_at: l.expires_at,
        revoked_at: l.revoked_at,
        downloads: l.downloads,
    }
}

/// `GET /api/support/tickets/{id}/file-links`: which files went out as links.
///
/// # Errors
/// 401, 403, 404.
pub async fn of_ticket(State(api): State<Api>, caller: Caller, Path(which): Path<String>) -> Answer {
    let found = links::of_ticket(&api.app, caller.actor(), &reference(&which)).await?;
    let data: Vec<Shape> = found.into_iter().map(shape).collect();
    Ok(axum::Json(json(List { data, next_cursor: None, total: None })))
}

/// `DELETE /api/support/tickets/{id}/file-links/{link}`: it leads nowhere from now on.
///
/// # Errors
/// 401, 403, 404.
pub async fn revoke(State(api): State<Api>, caller: Caller, Path((which, link)): Path<(String, FileLinkId)>) -> Answer {
    let revoked = links::revoke(&api.app, caller.actor(), &reference(&which), link).await?;
    Ok(axum::Json(json(shape(revoked))))
}

/// `GET /files/{token}`: the file, for whoever has the link.
///
/// # Errors
/// 404 for what we never signed, 410 when its time is over or it was revoked.
pub async fn follow(State(api): State<Api>, Path(token): Path<String>) -> Result<Response, Problem> {
    let app = &api.app;
    let link = links::follow(&app.db, &app.keys, &token).await.map_err(|e| match e {
        Dead::Unknown => Problem::new(codes::NOT_FOUND),
        Dead::Over => Problem::new(codes::LINK_EXPIRED),
        Dead::Store(e) => e.into(),
    })?;
    let bytes = app.blobs.get(link.tenant_id, &link.sha256).await?;
    download(bytes, &link.filename, "application/octet-stream", "attachment")
}
