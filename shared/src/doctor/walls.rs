//! Tenants are walled off: no row points across (7). Users and categories without a tenant are everybody's.
//!
//! [`LINKS`] has every column that names a row of a table with tenants; a test derives them from the schema, so that a new
//! table cannot be forgotten. What needs no look stands in [`EXEMPT`], with the reason.

use super::sql::Table;
use super::{Finding, Invariant, Probe, Result, sweep};
use crate::app::App;
use crate::clock;

/// A column that names a row which must be of the same tenant.
struct Link {
    /// `table.column`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the test of the schema compares it"))]
    column: &'static str,
    /// Finds the rows whose other end is another tenant's, a window of `table` at a time.
    probe: Probe,
    window: Table,
}

/// `window { "table" by "key": "column" => "parent", …; … }`: the rows of a table, in windows of the ids that `key` names.
macro_rules! links {
    ($($window:ident { $($table:literal by $key:literal: $($column:literal => $parent:literal),+;)+ })+) => {
        &[$($($(Link {
            column: concat!($table, ".", $column),
            probe: Probe::new(
                concat!($table, ".", $column, " names another tenant's row of ", $parent),
                concat!(
                    "SELECT '", $table, " ' || CAST(c.", $key, " AS TEXT) || ' ' || CAST(c.", $column, " AS TEXT) FROM ",
                    $table, " c JOIN ", $parent, " p ON p.id = c.", $column, " WHERE c.", $key, " > $1 AND c.", $key,
                    " <= $2 AND p.tenant_id <> c.tenant_id ORDER BY c.", $key, ", c.", $column
                ),
            ),
            window: Table::$window,
        },)+)+)+]
    };
}

const LINKS: &[Link] = links! {
    Tickets {
        "tickets" by "id": "mailbox_id" => "mailboxes", "category_id" => "categories", "requester_id" => "users",
            "created_by" => "users", "assigned_to" => "users", "solved_by" => "users", "closed_by" => "users",
            "merged_into" => "tickets", "follow_up_of" => "tickets", "incident_id" => "incidents";
        "ticket_participants" by "ticket_id": "ticket_id" => "tickets", "user_id" => "users";
        "ticket_tags" by "ticket_id": "ticket_id" => "tickets", "tag_id" => "tags";
        "ticket_events" by "ticket_id": "ticket_id" => "tickets", "actor_id" => "users";
        "event_values" by "ticket_id": "ticket_id" => "tickets";
        "message_ids" by "ticket_id": "ticket_id" => "tickets", "ticket_message_id" => "ticket_messages",
            "moved_from" => "tickets";
        "ticket_joins" by "ticket_id": "ticket_id" => "tickets", "other_id" => "tickets", "user_id" => "users",
            "ticket_message_id" => "ticket_messages", "decided_by" => "users";
        "incident_told" by "ticket_id": "ticket_id" => "tickets", "change_id" => "incident_changes",
            "ticket_message_id" => "ticket_messages";
        "ticket_merges" by "ticket_id": "ticket_id" => "tickets", "into_id" => "tickets", "merged_by" => "users",
            "undone_by" => "users";
        "digest_items" by "ticket_id": "ticket_id" => "tickets", "user_id" => "users";
        "mentions" by "ticket_id": "ticket_id" => "tickets", "ticket_message_id" => "ticket_messages", "user_id" => "users";
        "drafts" by "ticket_id": "ticket_id" => "tickets", "user_id" => "users";
        "ticket_reads" by "ticket_id": "ticket_id" => "tickets", "user_id" => "users";
        "ratings" by "ticket_id": "ticket_id" => "tickets", "user_id" => "users", "outbox_id" => "outbox";
    }
    Messages {
        "ticket_messages" by "id": "ticket_id" => "tickets", "author_id" => "users", "mail_id" => "inbound_mails",
            "forwarded_by" => "users";
    }
    Mails {
        "inbound_mails" by "id": "raw_id" => "raw_mails", "mailbox_id" => "mailboxes", "ticket_id" => "tickets",
            "ticket_message_id" => "ticket_messages", "duplicate_of" => "inbound_mails", "variant_of" => "inbound_mails";
        "mail_keys" by "mail_id": "mail_id" => "inbound_mails";
        "mail_variants" by "first_mail_id": "first_mail_id" => "inbound_mails", "newest_mail_id" => "inbound_mails";
    }
    Outbox {
        "outbox" by "id": "ticket_id" => "tickets", "ticket_message_id" => "ticket_messages", "user_id" => "users",
            "cause_mail_id" => "inbound_mails";
        "outbox_attempts" by "outbox_id": "outbox_id" => "outbox";
        "delivery_failures" by "outbox_id": "outbox_id" => "outbox";
        "mailboxes" by "probe_id": "probe_id" => "outbox";
    }
    Attachments {
        "attachments" by "id": "ticket_id" => "tickets", "ticket_message_id" => "ticket_messages", "uploaded_by" => "users";
        "file_links" by "attachment_id": "ticket_id" => "tickets", "attachment_id" => "attachments";
        "thumbnails" by "attachment_id": "attachment_id" => "attachments";
    }
    ImapAccounts {
        "imap_accounts" by "id": "mailbox_id" => "mailboxes";
        "imap_cursors" by "account_id": "account_id" => "imap_accounts";
        "imap_failures" by "account_id": "account_id" => "imap_accounts";
    }
    Categories {
        "categories" by "id": "parent_id" => "categories", "default_assignee" => "users";
    }
    Storms {
        "storms" by "id": "user_id" => "users", "lead_ticket_id" => "tickets";
    }
    AuditEvents {
        "audit_events" by "id": "actor_id" => "users";
    }
    Incidents {
        "incidents" by "id": "created_by" => "users";
        "incident_changes" by "incident_id": "incident_id" => "incidents", "changed_by" => "users";
    }
    SavedViews {
        "saved_views" by "id": "owner_id" => "users";
    }
};

/// Columns that name something and need no look, with the reason.
#[cfg(test)]
const EXEMPT: &[(&str, &str)] = &[
    ("sessions.user_id", "a session has no tenant but its user's"),
    ("login_steps.user_id", "a login has no tenant but its user's"),
    ("recovery_codes.user_id", "a code has no tenant but its user's"),
    ("two_factor.user_id", "a secret has no tenant but its user's"),
    ("api_tokens.user_id", "a token has no tenant but its user's"),
    ("links.user_id", "a link has no tenant but its user's"),
    ("coverage.user_id", "coverage has no tenant but its user's"),
    ("canned_replies.owner_id", "its owner alone sees it, in the tenant where it was written"),
    ("customer_notes.user_id", "a requester may be the platform's; the note is the tenant's of the ticket"),
    ("customer_notes.noted_by", "whoever sees a ticket of the tenant, the platform's people too"),
    ("attachments.sha256", "the foreign key holds the tenant too"),
    ("ticket_messages.message_id", "a text of the mail's"),
    ("inbound_mails.message_id", "a text of the mail's"),
    ("outbox.message_id", "a text of the mail's"),
    ("message_ids.message_id", "a text of the mail's"),
    ("attachments.content_id", "a text of the mail's"),
    ("outbox.relay_id", "a text of the relay's"),
    ("incidents.external_id", "a text of another system's"),
    ("audit_events.request_id", "a text of the request's"),
];

/// Promise 7: No row points across tenants.
pub(super) async fn standing(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Walls);
    let now = clock::now();
    for window in Table::ALL {
        let probes: Vec<&Probe> = LINKS.iter().filter(|l| l.window == *window).map(|l| &l.probe).collect();
        if !probes.is_empty() {
            sweep(app, &mut finding, *window, &probes, now).await?;
        }
    }
    Ok(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::on_both;
    use crate::store::{schema_columns, schema_links};
    use std::collections::BTreeSet;

    /// A new table or column that leads to a tenant's rows is looked at, or says here why not: on both databases.
    #[tokio::test]
    async fn every_link_of_the_schema_is_looked_at() {
        on_both(async |db| {
            let all = schema_columns(&db).await.expect("the schema can be read");
            let columns: BTreeSet<String> = all.iter().map(|c| c.trim_end_matches(" null").to_owned()).collect();
            let of_tenants: BTreeSet<&str> = columns.iter().filter_map(|c| c.strip_suffix(".tenant_id")).collect();
            assert!(of_tenants.len() > 20, "{of_tenants:?}");
            let mut found: BTreeSet<String> = BTreeSet::new();
            for (column, parent) in schema_links(&db).await.expect("the schema can be read") {
                if of_tenants.contains(parent.as_str()) && !column.ends_with(".tenant_id") {
                    found.insert(column);
                }
            }
            // What names a row without a foreign key.
            let named = |c: &&String| c.ends_with("_id") && !c.ends_with(".tenant_id");
            found.extend(columns.iter().filter(named).cloned());
            let looked: BTreeSet<&str> = LINKS.iter().map(|l| l.column).collect();
            let exempt: BTreeSet<&str> = EXEMPT.iter().map(|(column, _)| *column).collect();
            let forgotten: Vec<&String> =
                found.iter().filter(|c| !looked.contains(c.as_str()) && !exempt.contains(c.as_str())).collect();
            assert!(forgotten.is_empty(), "put them into LINKS, or into EXEMPT with a reason: {forgotten:?}");
            for column in looked.iter().chain(&exempt) {
                assert!(columns.contains(*column), "there is no {column} any more");
            }
            assert!(looked.is_disjoint(&exempt));
            // A table of tenants without any such column can only point to its tenant.
            for table in of_tenants {
                let links = found.iter().filter(|c| c.split('.').next() == Some(table)).count();
                let alone = [
                    "address_handles",
                    "blobs",
                    "dkim_keys",
                    "doomed_blobs",
                    "mailboxes",
                    "pid_counters",
                    "raw_mails",
                    "suppressions",
                    "tags",
                    "ticket_count_deltas",
                    "ticket_counts",
                    "users",
                ];
                assert!(links > 0 || alone.contains(&table), "does {table} name no row of another table?");
            }
        })
        .await;
    }
}
