//! The SQL of answered mails.

use crate::ids::{MailId, TicketId};
use crate::store::{Exec, Result, sql};

/// The arrival of the customer's newest message that came by mail.
pub(super) async fn newest_mail(ex: &mut impl Exec, ticket: TicketId) -> Result<Option<MailId>> {
    let row: Option<(MailId,)> = sql("SELECT mail_id FROM ticket_messages WHERE ticket_id = $1 AND kind = 'reply' \
         AND side IN ('customer', 'staff') AND mail_id IS NOT NULL ORDER BY seq DESC LIMIT 1")
    .bind(ticket)
    .opt(ex)
    .await?;
    Ok(row.map(|(id,)| id))
}
