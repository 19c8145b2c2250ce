//! A file of a message, looked at: a picture, the beginning of a text, or a PDF page by page (E12.6). A page of its own;
//! with script its content comes to stand in a dialog above the conversation.

use super::format;
use super::reader::Visit;
use super::render::{self, Page};
use crate::Api;
use crate::extract::{Path, Query};
use crate::json::previews::none;
use crate::json::tickets::reference;
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::attachments;
use shared::i18n::Locale;
use shared::ids::AttachmentId;
use shared::mail_in::deceit;
use shared::previews::{self, Look};
use shared::tickets;

/// `look.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct LookPage {
    /// The ticket's public id.
    pub pid: String,
    /// The message, in its conversation.
    pub back: String,
    /// The file's name.
    pub filename: String,
    /// Its size in words.
    pub size: String,
    /// Where to get it.
    pub href: String,
    /// A picture, or a page of a PDF.
    pub picture: Option<String>,
    /// The beginning of a text.
    pub text: Option<String>,
    /// Whether the text goes on.
    pub more: bool,
    /// The PDF's page that is shown, the first is 1.
    pub page: u32,
    /// How many pages there are; 0 if the PDF cannot be read, or it is none.
    pub pages: u32,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// It cannot be shown: in words elsewhere.
    pub nothing: bool,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    page: Option<u32>,
}

/// `GET /dashboard/support/{ticket}/files/{file}?page=`
///
/// # Errors
/// 401, 404 `ticket_not_found` or `attachment_not_found`, also for a file that is only downloaded.
pub async fn show(
    State(api): State<Api>,
    visit: Visit,
    Path((which, file)): Path<(String, AttachmentId)>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let (app, actor) = (&api.app, visit.actor()?);
    let ticket = tickets::view(app, actor, &reference(&which)).await?.ticket;
    let found = attachments::find(app, actor, file).await.map_err(none)?;
    let look = previews::look(&found).filter(|_| found.ticket_id == Some(ticket.id));
    let look = look.ok_or_else(|| Problem::new(codes::ATTACHMENT_NOT_FOUND))?;
    let at = found.ticket_message_id.map(|id| format!("#m-{id}")).unwrap_or_default();
    let home = if actor.is_agent() { "/dashboard/support" } else { "/portal" };
    let href = format!("/api/support/attachments/{file}");
    let mut page = LookPage {
        back: format!("{home}/{}{at}", ticket.pid),
        filename: deceit::shown(&found.filename),
        size: format::size(visit.locale, found.size_bytes.unsigned_abs()),
        ..LookPage::default()
    };
    match look {
        Look::Picture => page.picture = Some(href.clone()),
        Look::Text => {
            let shown = previews::text(app, actor, file).await.map_err(none)?;
            (page.text, page.more) = (Some(shown.text), shown.more);
        }
        Look::Pages => {
            page.pages = previews::pages(app, actor, file).await.map_err(none)?;
            page.page = params.page.unwrap_or(1).clamp(1, page.pages.max(1));
            page.nothing = page.pages == 0;
            page.picture = (!page.nothing).then(|| format!("{href}/pages/{}", page.page));
            let to = |n: u32| format!("/dashboard/support/{}/files/{file}?page={n}", ticket.pid);
            page.previous = (page.page > 1).then(|| to(page.page - 1));
            page.next = (page.page < page.pages).then(|| to(page.page + 1));
        }
    }
    (page.href, page.pid) = (href, ticket.pid);
    Ok(render::page(StatusCode::OK, &visit.shell("look"), &page))
}

impl Page for LookPage {
    const TEMPLATE: &'static str = "look";

    fn title(&self, _: Locale) -> String {
        format!("{} · {}", self.filename, self.pid)
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let page = LookPage {
            pid: "202611-0007".into(),
            back: "/dashboard/support/202611-0007#m-1".into(),
            filename: "log.txt".into(),
            size: "38 KB".into(),
            href: "/api/support/attachments/1".into(),
            ..LookPage::default()
        };
        vec![
            LookPage { picture: Some("/api/support/attachments/1".into()), ..page.clone() },
            LookPage { text: Some("a < b".into()), more: true, ..page.clone() },
            LookPage {
                picture: Some("/api/support/attachments/1/pages/2".into()),
                page: 2,
                pages: 3,
                previous: Some("/dashboard/support/202611-0007/files/1?page=1".into()),
                next: Some("/dashboard/support/202611-0007/files/1?page=3".into()),
                ..page.clone()
            },
            LookPage { nothing: true, ..page },
        ]
    }
}
