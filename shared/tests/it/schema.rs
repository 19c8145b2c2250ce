//! The two databases' schemas say the same, and what is an enum in the program is one there.

use regex::Regex;
use shared::access::{ActorKind, Role};
use shared::audit::AuditKind;
use shared::events::{ByKind, EventKind};
use shared::i18n::Locale;
use shared::imap_accounts::{AfterFetch, ImapAuth, ImapTls};
use shared::incidents::{IncidentState, Severity};
use shared::mail_in::types::{Class, Verdict};
use shared::mail_in::{Door, MailState, Outcome};
use shared::mail_out::kinds::{Kind, OutboxState};
use shared::mailboxes::{IdState, TagSeparator, TagState};
use shared::messages::{MessageKind, Side};
use shared::sessions::LinkKind;
use shared::store::testing::on_both;
use shared::store::{Db, Scope, applied_migrations, schema_checks, schema_columns, schema_indexes};
use shared::tenants::Audience;
use shared::tickets::{Channel, Folder, ParticipantKind, ParticipantState, Priority, Status};
use std::collections::BTreeMap;
use std::sync::Mutex;

#[tokio::test]
async fn both_have_the_same_columns_with_the_same_gaps() {
    let seen: Mutex<Vec<Vec<String>>> = Mutex::default();
    on_both(async |db| {
        let columns = schema_columns(&db).await.expect("the schema can be read");
        assert!(columns.len() > 200 && columns.contains(&"tickets.closed_at null".to_owned()), "{columns:?}");
        seen.lock().expect("one at a time").push(columns);
    })
    .await;
    if let [sqlite, postgres] = seen.into_inner().expect("one at a time").as_slice() {
        assert_eq!(sqlite, postgres);
    }
}

#[tokio::test]
async fn both_have_the_same_indexes() {
    let seen: Mutex<Vec<Vec<String>>> = Mutex::default();
    on_both(async |db| {
        let indexes = schema_indexes(&db).await.expect("the schema can be read");
        assert!(indexes.len() > 40 && indexes.contains(&"outbox_due outbox".to_owned()), "{indexes:?}");
        seen.lock().expect("one at a time").push(indexes);
    })
    .await;
    if let [sqlite, postgres] = seen.into_inner().expect("one at a time").as_slice() {
        assert_eq!(sqlite, postgres);
    }
}

/// The texts that `table.column` may hold, sorted, by the CHECK constraints that a database has.
fn checked(constraints: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let check = Regex::new(r"(?s)CHECK \(+(\w+) (?:IN \(|= ANY \(\(?ARRAY\[)\s*('.*?)\s*[)\]]").expect("a pattern");
    let text = Regex::new(r"'([^']*)'").expect("a pattern");
    let mut found = BTreeMap::new();
    for (table, definition) in constraints {
        for c in check.captures_iter(definition) {
            let mut values: Vec<String> = text.captures_iter(&c[2]).map(|v| v[1].to_owned()).collect();
            values.sort();
            found.insert(format!("{table}.{}", &c[1]), values);
        }
    }
    found
}

#[tokio::test]
async fn every_enum_is_one_in_the_database() {
    macro_rules! texts {
        ($($column:literal = $kind:ident;)+) => {
            BTreeMap::from([$(($column.to_owned(), $kind::ALL.iter().map(|v| v.as_str().to_owned()).collect())),+])
        };
    }
    let wanted: BTreeMap<String, Vec<String>> = texts! {
        "tenants.audience" = Audience;
        "tenants.locale" = Locale;
        "users.role" = Role;
        "users.locale" = Locale;
        "links.kind" = LinkKind;
        "mailboxes.tag_separator" = TagSeparator;
        "tickets.status" = Status;
        "tickets.priority" = Priority;
        "tickets.folder" = Folder;
        "tickets.channel" = Channel;
        "ticket_participants.kind" = ParticipantKind;
        "ticket_participants.state" = ParticipantState;
        "ticket_messages.kind" = MessageKind;
        "ticket_messages.side" = Side;
        "ticket_messages.class" = Class;
        "ticket_messages.verdict" = Verdict;
        "ticket_events.kind" = EventKind;
        "ticket_events.actor_kind" = ByKind;
        "audit_events.kind" = AuditKind;
        "audit_events.actor_kind" = ActorKind;
        "inbound_mails.door" = Door;
        "inbound_mails.state" = MailState;
        "inbound_mails.outcome" = Outcome;
        "inbound_mails.class" = Class;
        "inbound_mails.verdict" = Verdict;
        "mailboxes.tags" = TagState;
        "mailboxes.ids" = IdState;
        "imap_accounts.tls" = ImapTls;
        "imap_accounts.auth" = ImapAuth;
        "imap_accounts.after_fetch" = AfterFetch;
        "incidents.severity" = Severity;
        "incidents.state" = IncidentState;
        "outbox.kind" = Kind;
        "outbox.state" = OutboxState;
    };
    on_both(async |db| {
        let found = checked(&schema_checks(&db).await.expect("the schema can be read"));
        for (column, values) in &wanted {
            let mut values = values.clone();
            values.sort();
            assert_eq!(found.get(column), Some(&values), "{column}");
        }
    })
    .await;
}

#[tokio::test]
async fn processes_that_start_together_migrate_once() {
    let together = async |url: String| {
        let opened = futures::future::join_all((0..6).map(|_| Db::open(&url, 2))).await;
        for db in opened {
            let db = db.expect("each of them starts");
            let applied = applied_migrations(&mut db.read(Scope::All)).await.expect("it is asked");
            assert_eq!(applied.iter().filter(|(version, _)| *version == 1).count(), 1);
            db.close().await;
        }
    };
    let folder = tempfile::tempdir().expect("a folder");
    together(format!("sqlite://{}/p.db", folder.path().display())).await;
    shared::store::testing::with_empty_postgres(together).await;
}
