//! Tenants are walled off: no row points across (7). Users and categories without a tenant are everybody's.

use super::sql::Table;
use super::{Finding, Invariant, Probe, Result, sweep};
use crate::app::App;
use crate::clock;

const TICKETS: &[Probe] = &[
    Probe::new(
        "tickets with another tenant's mailbox",
        "SELECT t.pid FROM tickets t JOIN mailboxes x ON x.id = t.mailbox_id \
         WHERE t.id > $1 AND t.id <= $2 AND x.tenant_id <> t.tenant_id ORDER BY t.id",
    ),
    Probe::new(
        "tickets with another tenant's category",
        "SELECT t.pid FROM tickets t JOIN categories x ON x.id = t.category_id \
         WHERE t.id > $1 AND t.id <= $2 AND x.tenant_id <> t.tenant_id ORDER BY t.id",
    ),
    Probe::new(
        "tickets with another tenant's people",
        "SELECT t.pid FROM tickets t JOIN users x \
         ON x.id IN (t.requester_id, t.created_by, t.assigned_to, t.solved_by, t.closed_by) \
         WHERE t.id > $1 AND t.id <= $2 AND x.tenant_id <> t.tenant_id ORDER BY t.id",
    ),
    Probe::new(
        "tickets bound to another tenant's ticket",
        "SELECT t.pid FROM tickets t JOIN tickets x ON x.id IN (t.merged_into, t.follow_up_of) \
         WHERE t.id > $1 AND t.id <= $2 AND x.tenant_id <> t.tenant_id ORDER BY t.id",
    ),
    Probe::new(
        "tickets with another tenant's participant",
        "SELECT t.pid FROM tickets t JOIN ticket_participants p ON p.ticket_id = t.id JOIN users x ON x.id = p.user_id \
         WHERE t.id > $1 AND t.id <= $2 AND (p.tenant_id <> t.tenant_id OR x.tenant_id <> t.tenant_id) ORDER BY t.id",
    ),
    Probe::new(
        "tickets with another tenant's tag",
        "SELECT t.pid FROM tickets t JOIN ticket_tags g ON g.ticket_id = t.id JOIN tags x ON x.id = g.tag_id \
         WHERE t.id > $1 AND t.id <= $2 AND (g.tenant_id <> t.tenant_id OR x.tenant_id <> t.tenant_id) ORDER BY t.id",
    ),
    Probe::new(
        "events on another tenant's ticket",
        "SELECT t.pid || ' event ' || CAST(e.seq AS TEXT) FROM tickets t JOIN ticket_events e ON e.ticket_id = t.id \
         WHERE t.id > $1 AND t.id <= $2 AND e.tenant_id <> t.tenant_id ORDER BY t.id, e.seq",
    ),
    Probe::new(
        "events' values on another tenant's ticket",
        "SELECT t.pid || ' event ' || CAST(v.seq AS TEXT) FROM tickets t JOIN event_values v ON v.ticket_id = t.id \
         WHERE t.id > $1 AND t.id <= $2 AND v.tenant_id <> t.tenant_id ORDER BY t.id, v.seq",
    ),
    Probe::new(
        "Message-IDs that lead to another tenant's ticket",
        "SELECT i.message_id FROM tickets t JOIN message_ids i ON i.ticket_id = t.id \
         WHERE t.id > $1 AND t.id <= $2 AND i.tenant_id <> t.tenant_id ORDER BY t.id, i.message_id",
    ),
];

const MESSAGES: &[Probe] = &[Probe::new(
    "messages of another tenant's ticket, author or mail",
    "SELECT 'message ' || CAST(m.id AS TEXT) FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id \
     LEFT JOIN users u ON u.id = m.author_id LEFT JOIN inbound_mails i ON i.id = m.mail_id \
     WHERE m.id > $1 AND m.id <= $2 \
     AND (t.tenant_id <> m.tenant_id OR u.tenant_id <> m.tenant_id OR i.tenant_id <> m.tenant_id) ORDER BY m.id",
)];

const MAILS: &[Probe] = &[
    Probe::new(
        "received mails with another tenant's bytes, mailbox, ticket, message or first arrival",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m JOIN raw_mails r ON r.id = m.raw_id \
         LEFT JOIN mailboxes b ON b.id = m.mailbox_id LEFT JOIN tickets t ON t.id = m.ticket_id \
         LEFT JOIN ticket_messages s ON s.id = m.ticket_message_id LEFT JOIN inbound_mails d ON d.id = m.duplicate_of \
         WHERE m.id > $1 AND m.id <= $2 AND (r.tenant_id <> m.tenant_id OR b.tenant_id <> m.tenant_id \
         OR t.tenant_id <> m.tenant_id OR s.tenant_id <> m.tenant_id OR d.tenant_id <> m.tenant_id) ORDER BY m.id",
    ),
    Probe::new(
        "mail keys of another tenant's mail",
        "SELECT 'mail ' || CAST(m.id AS TEXT) FROM inbound_mails m JOIN mail_keys k ON k.mail_id = m.id \
         WHERE m.id > $1 AND m.id <= $2 AND k.tenant_id <> m.tenant_id ORDER BY m.id",
    ),
];

const OUTBOX: &[Probe] = &[
    Probe::new(
        "outgoing mails with another tenant's ticket, message, recipient or cause",
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o LEFT JOIN tickets t ON t.id = o.ticket_id \
         LEFT JOIN ticket_messages s ON s.id = o.ticket_message_id LEFT JOIN users u ON u.id = o.user_id \
         LEFT JOIN inbound_mails m ON m.id = o.cause_mail_id \
         WHERE o.id > $1 AND o.id <= $2 AND (t.tenant_id <> o.tenant_id OR s.tenant_id <> o.tenant_id \
         OR u.tenant_id <> o.tenant_id OR m.tenant_id <> o.tenant_id) ORDER BY o.id",
    ),
    Probe::new(
        "attempts at another tenant's mail",
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o JOIN outbox_attempts a ON a.outbox_id = o.id \
         WHERE o.id > $1 AND o.id <= $2 AND a.tenant_id <> o.tenant_id ORDER BY o.id",
    ),
];

const ATTACHMENTS: &[Probe] = &[Probe::new(
    "attachments of another tenant's ticket, message or uploader",
    "SELECT 'attachment ' || CAST(a.id AS TEXT) FROM attachments a LEFT JOIN tickets t ON t.id = a.ticket_id \
     LEFT JOIN ticket_messages s ON s.id = a.ticket_message_id LEFT JOIN users u ON u.id = a.uploaded_by \
     WHERE a.id > $1 AND a.id <= $2 \
     AND (t.tenant_id <> a.tenant_id OR s.tenant_id <> a.tenant_id OR u.tenant_id <> a.tenant_id) ORDER BY a.id",
)];

const IMAP_ACCOUNTS: &[Probe] = &[
    Probe::new(
        "fetched mailboxes for another tenant's mailbox",
        "SELECT 'imap account ' || CAST(a.id AS TEXT) FROM imap_accounts a JOIN mailboxes m ON m.id = a.mailbox_id \
         WHERE a.id > $1 AND a.id <= $2 AND m.tenant_id <> a.tenant_id ORDER BY a.id",
    ),
    Probe::new(
        "progress or failures of another tenant's fetched mailbox",
        "SELECT 'imap account ' || CAST(a.id AS TEXT) FROM imap_accounts a \
         LEFT JOIN imap_cursors c ON c.account_id = a.id LEFT JOIN imap_failures f ON f.account_id = a.id \
         WHERE a.id > $1 AND a.id <= $2 AND (c.tenant_id <> a.tenant_id OR f.tenant_id <> a.tenant_id) ORDER BY a.id",
    ),
];

/// Promise 7: No row points across tenants.
pub(super) async fn standing(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Walls);
    let now = clock::now();
    sweep(app, &mut finding, Table::Tickets, TICKETS, now).await?;
    sweep(app, &mut finding, Table::Messages, MESSAGES, now).await?;
    sweep(app, &mut finding, Table::Mails, MAILS, now).await?;
    sweep(app, &mut finding, Table::Outbox, OUTBOX, now).await?;
    sweep(app, &mut finding, Table::Attachments, ATTACHMENTS, now).await?;
    sweep(app, &mut finding, Table::ImapAccounts, IMAP_ACCOUNTS, now).await?;
    Ok(finding)
}
