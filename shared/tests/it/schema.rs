//! The two databases' schemas say the same, and what is an enum in the program is one there.

use regex::Regex;
use shared::access::{ActorKind, Role};
use shared::audit::AuditKind;
use shared::events::{ByKind, EventKind};
use shared::i18n::Locale;
use shared::mail_in::types::{Class, Verdict};
use shared::mail_in::{Door, MailState, Outcome};
use shared::mail_out::kinds::{Kind, OutboxState};
use shared::mailboxes::TagSeparator;
use shared::messages::{MessageKind, Side};
use shared::sessions::LinkKind;
use shared::store::testing::on_both;
use shared::store::{Db, Scope, applied_migrations, schema_columns};
use shared::tenants::Audience;
use shared::tickets::{Channel, Folder, ParticipantKind, ParticipantState, Priority, Status};
use std::collections::BTreeMap;
use std::sync::Mutex;

const SQLITE: &str = include_str!("../../../migrations/sqlite/0001_create_schema.sql");
const POSTGRES: &str = include_str!("../../../migrations/postgres/0001_create_schema.sql");

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

#[test]
fn both_have_the_same_indexes() {
    let index = Regex::new(r"CREATE (?:UNIQUE )?INDEX (\w+) ON (\w+)").expect("a pattern");
    let all = |text: &str| -> Vec<String> {
        let mut found: Vec<String> = index.captures_iter(text).map(|c| format!("{} {}", &c[1], &c[2])).collect();
        found.sort();
        found
    };
    assert!(all(SQLITE).len() > 40);
    assert_eq!(all(SQLITE), all(POSTGRES));
}

/// The texts that `table.column` may hold, by the CHECK constraints of one schema.
fn checked(schema: &str) -> BTreeMap<String, Vec<String>> {
    let table = Regex::new(r"(?s)CREATE TABLE (\w+) \((.*?)\n\)").expect("a pattern");
    let check = Regex::new(r"(?s)CHECK \((\w+) IN \(\s*('.*?)\s*\)\)").expect("a pattern");
    let mut found = BTreeMap::new();
    for t in table.captures_iter(schema) {
        for c in check.captures_iter(&t[2]) {
            let values = c[2].split(',').map(|v| v.trim().trim_matches('\'').to_owned()).collect();
            found.insert(format!("{}.{}", &t[1], &c[1]), values);
        }
    }
    found
}

#[test]
fn every_enum_is_one_in_the_database() {
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
        "outbox.kind" = Kind;
        "outbox.state" = OutboxState;
    };
    let sorted = |values: &[String]| {
        let mut values = values.to_vec();
        values.sort();
        values
    };
    let (sqlite, postgres) = (checked(SQLITE), checked(POSTGRES));
    assert_eq!(sqlite, postgres);
    for (column, values) in wanted {
        let found = sqlite.get(&column).unwrap_or_else(|| panic!("{column} holds any text"));
        assert_eq!(sorted(found), sorted(&values), "{column}");
    }
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
