//! What a mail says: compared with what its message says, and written anew.

use super::super::{Error, PIPELINE, commands};
use super::sql::{self, StoredFile};
use super::{Difference, InboundMail, Read, text};
use crate::app::App;
use crate::blobs::sha256_hex;
use crate::ids::{AttachmentId, MessageId};
use crate::mail_in::TraceLine;
use crate::mail_in::cards::MailView;
use crate::mail_in::{impostor, spam};
use crate::store::Scope;
use crate::store::dialect::{self, IdTable};
use serde_json::json;

/// A message's texts and files as they are read today, and how they differ.
#[derive(Default)]
pub(super) struct View {
    pub(super) differences: Vec<Difference>,
    message: Option<(MessageId, Said)>,
    missing: Vec<(StoredFile, bytes::Bytes)>,
    gone: Vec<AttachmentId>,
}

/// What a message says.
pub(super) struct Said {
    pub(super) body: String,
    pub(super) body_html: Option<String>,
    pub(super) visible_text: String,
    /// What the page shows beside it.
    pub(super) mail_view: Option<String>,
}

/// Compares the message that an arrival became with what its octets say today.
pub(super) async fn compare(app: &App, stored: &InboundMail, read: &Read) -> Result<View, Error> {
    let Some(id) = stored.ticket_message_id.filter(|_| stored.duplicate_of.is_none()) else {
        return Ok(View::default());
    };
    let Some(message) = sql::message(&app.db, id).await? else { return Ok(View::default()) };
    let did = |rule: &str| stored.steps().0.iter().any(|l| l.stage == "apply" && l.rule == rule);
    // Of an agent's forward the message has the original's text alone, which is no view of the mail (E6.2).
    if message.mail_id != Some(stored.id) || did("E6.2") {
        return Ok(View::default());
    }
    let as_agent = did("E11.6");
    let mut said = said(read, as_agent);
    if !as_agent {
        // What was warned of then depends on who there was then.
        let stood = MailView::from_json(message.mail_view.as_deref()).flags;
        let view = MailView::of(&read.mail)
            .with(stood.into_iter().filter(|f| impostor::is_warning(f) || f == spam::SUSPECTED));
        said.mail_view = view.to_json().as_deref().map(text);
    }
    let mut view = View::default();
    let mut differ = |field, stored: serde_json::Value, today: serde_json::Value| {
        if stored != today {
            view.differences.push(Difference { field, stored, today, proposed: false });
        }
    };
    differ("message.body", json!(message.body), json!(said.body));
    differ("message.body_html", json!(message.body_html), json!(said.body_html));
    differ("message.visible_text", json!(message.visible_text), json!(said.visible_text));
    differ("message.mail_view", json!(message.mail_view), json!(said.mail_view));
    let mut before = sql::files(&app.db, id).await?;
    let names = |files: &[StoredFile]| json!(files.iter().map(|f| &f.filename).collect::<Vec<_>>());
    let old_names = names(&before);
    let mut now = Vec::new();
    for part in read.mail.parts.iter().filter(|p| !as_agent || !p.inline) {
        let file = StoredFile {
            id: AttachmentId(0),
            filename: text(&part.filename),
            content_type: text(&part.content_type),
            sha256: Some(sha256_hex(&part.bytes)),
            inline: part.inline,
            content_id: part.content_id.as_deref().map(text),
        };
        match before.iter().position(|b| b.same(&file)) {
            Some(at) => drop(before.remove(at)),
            None => view.missing.push((file.clone(), part.bytes.clone().into())),
        }
        now.push(file);
    }
    view.gone = before.iter().map(|f| f.id).collect();
    if !view.gone.is_empty() || !view.missing.is_empty() {
        view.differences.push(Difference {
            field: "message.files",
            stored: old_names,
            today: names(&now),
            proposed: false,
        });
    }
    view.message = Some((id, said));
    Ok(view)
}

/// What the message of a mail says. Of an agent's answer only what is new in it was ever part of it (E11.6).
fn said(read: &Read, as_agent: bool) -> Said {
    let mail = &read.mail;
    if as_agent {
        let (_, new) = commands::read(&mail.visible_text);
        let files = mail.parts.iter().any(|p| !p.inline);
        let new = text(if commands::is_only_quote(new) && !files { &mail.visible_text } else { new });
        return Said { body: new.clone(), body_html: None, visible_text: new, mail_view: None };
    }
    Said {
        body: text(&mail.body_text),
        body_html: mail.body_html.as_deref().map(text),
        visible_text: text(&mail.visible_text),
        mail_view: None,
    }
}

/// Writes what is read today: texts, files, and the arrival's own line. Ids stay; files that are the same stay.
pub(super) async fn apply(app: &App, stored: &InboundMail, read: &Read, view: View) -> Result<(), Error> {
    for (_, bytes) in &view.missing {
        app.blobs.put(stored.tenant_id, bytes.clone()).await?;
    }
    let mut tx = app.db.write(Scope::Tenant(stored.tenant_id)).await?;
    if let Some((id, said)) = &view.message {
        sql::write_message(&mut tx, *id, said).await?;
        let ids = dialect::take_ids(&mut tx, IdTable::Attachments, view.missing.len()).await?;
        for ((file, bytes), new) in view.missing.into_iter().zip(ids) {
            sql::insert_file(&mut tx, stored, *id, AttachmentId(new), &file, &bytes).await?;
        }
        sql::delete_files(&mut tx, &view.gone).await?;
    }
    let mut trace = stored.steps();
    trace.0.push(TraceLine {
        stage: "replay".into(),
        rule: "E14.3".into(),
        result: "view renewed".into(),
        evidence: format!("version {PIPELINE}"),
    });
    sql::write_mail(&mut tx, stored, read, &trace).await?;
    Ok(tx.commit().await?)
}
