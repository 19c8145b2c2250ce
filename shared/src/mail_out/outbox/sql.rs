//! The SQL of the outbox.

use super::NewOutbox;
use crate::address;
use crate::clock::Time;
use crate::store::{Result, Tx, insert_many};

/// Inserts rows.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn insert(tx: &mut Tx, new: Vec<NewOutbox>, at: Time) -> Result<()> {
    let rows = new
        .into_iter()
        .map(|o| {
            let key = address::key(&o.to_email);
            let domain = address::domain(&key).unwrap_or_default().to_owned();
            let draft = serde_json::to_string(&o.draft).expect("a draft is plain data");
            vec![
                o.id.into(),
                o.tenant_id.into(),
                o.kind.into(),
                o.ticket_id.into(),
                o.ticket_message_id.into(),
                o.user_id.into(),
                o.cause_mail_id.into(),
                o.to_email.into(),
                key.into(),
                domain.into(),
                o.to_name.into(),
                o.kind.is_automatic().into(),
                o.subject.into(),
                o.message_id.into(),
                o.envelope_from.into(),
                draft.into(),
                o.state.into(),
                o.due_at.into(),
                o.kind.urgency().into(),
                0_i64.into(),
                0_i64.into(),
                at.into(),
                at.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO outbox (id, tenant_id, kind, ticket_id, ticket_message_id, user_id, cause_mail_id, to_email, to_key, \
         to_domain, to_name, automatic, subject, message_id, envelope_from, letter, state, due_at, urgency, attempts, maybes, \
         created_at, updated_at)",
        rows,
        "",
    )
    .await?;
    Ok(())
}
