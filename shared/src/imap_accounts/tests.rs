//! Accounts as an operator sets them.

use super::*;
use crate::store::testing::on_both_apps;
use crate::store::{Scope, sql};

fn new(host: &str) -> NewImapAccount {
    NewImapAccount {
        mailbox: None,
        host: host.to_owned(),
        port: None,
        tls: ImapTls::Implicit,
        username: None,
        auth: ImapAuth::Password,
        secret: Secret::new("p\u{e4}ss \"word\""),
        folder: "INBOX".to_owned(),
        after_fetch: AfterFetch::Seen,
        move_to: None,
        sent_folder: None,
        since: Since::Month,
        active: true,
    }
}

/// E10.5: what is secret lies sealed, and opens with this instance's keys for this tenant alone.
#[tokio::test]
async fn a_password_is_sealed() {
    on_both_apps(async |app| {
        let actor = Actor::system();
        let a = create(&app, &actor, None, new("imap.example")).await.expect("it is made");
        assert_eq!(
            (a.port, a.username.as_str(), a.mailbox.as_str()),
            (993, "support@desk.example", "support@desk.example")
        );
        let (kept,): (Vec<u8>,) =
            sql("SELECT secret FROM imap_accounts").one(&mut app.db.read(Scope::All)).await.expect("a row");
        assert!(!kept.windows(4).any(|w| w == b"word"), "it lies in clear");
        let open = work::secret(&app, &a).await.expect("the store answers").expect("it opens");
        assert_eq!(open.reveal(), "p\u{e4}ss \"word\"");
        let other = ImapAccount { tenant_id: TenantId(9), ..a };
        assert!(work::secret(&app, &other).await.expect("the store answers").is_none());
    })
    .await;
}

/// E10.5, E1.7: an account that comes to mean another mailbox begins anew; another password does not.
#[tokio::test]
async fn another_place_is_another_reference() {
    on_both_apps(async |app| {
        let actor = Actor::system();
        let a = create(&app, &actor, None, new("imap.example")).await.expect("it is made");
        let cursor = Cursor { uidvalidity: 4_294_967_295, last_uid: 12 };
        work::advance(&app, &a, "INBOX", cursor, (3, Some(a.created_at))).await.expect("it is written");
        assert_eq!(work::failed(&app, &a, ("INBOX", 7, 9), "no", std::time::Duration::ZERO).await.expect("counted"), 1);
        let change = ImapAccountChange { secret: Some(Secret::new("other")), ..Default::default() };
        let same = update(&app, &actor, a.id, change).await.expect("it is changed");
        assert_eq!((&same.ref_key, same.waiting), (&a.ref_key, 3));
        assert_eq!(work::cursor(&app, &a, "INBOX").await.expect("asked"), Some(cursor));
        let change = ImapAccountChange { folder: Some("Support".into()), ..Default::default() };
        let moved = update(&app, &actor, a.id, change).await.expect("it is changed");
        assert_ne!(moved.ref_key, a.ref_key);
        assert_eq!(work::cursor(&app, &a, "INBOX").await.expect("asked"), None);
        assert_eq!(work::failures(&app, &a, "INBOX", 7).await.expect("asked"), []);
        delete(&app, &actor, a.id).await.expect("it is removed");
        assert!(matches!(get(&app, &actor, a.id).await, Err(Refused::NotFound(Noun::ImapAccount))));
    })
    .await;
}

/// E10.5: one holder at a time; a change ends the lease.
#[tokio::test]
async fn one_holds_an_account() {
    on_both_apps(async |app| {
        let actor = Actor::system();
        let a = create(&app, &actor, None, new("imap.example")).await.expect("it is made");
        let long = std::time::Duration::from_secs(60);
        assert_eq!(work::unheld(&app).await.expect("asked"), [a.id]);
        assert!(work::claim(&app, a.id, "one", long).await.expect("asked").is_some());
        assert!(work::claim(&app, a.id, "two", long).await.expect("asked").is_none());
        assert!(work::unheld(&app).await.expect("asked").is_empty());
        assert!(work::renew(&app, a.id, "one", long).await.expect("asked"));
        assert!(!work::renew(&app, a.id, "two", long).await.expect("asked"));
        let change = ImapAccountChange { username: Some("other".into()), ..Default::default() };
        update(&app, &actor, a.id, change).await.expect("it is changed");
        assert!(!work::renew(&app, a.id, "one", long).await.expect("asked"));
        assert!(work::claim(&app, a.id, "two", long).await.expect("asked").is_some());
        work::release(&app, a.id, "two").await.expect("given back");
        assert_eq!(work::unheld(&app).await.expect("asked"), [a.id]);
    })
    .await;
}

#[tokio::test]
async fn wrong_values_are_named() {
    on_both_apps(async |app| {
        let actor = Actor::system();
        for (field, wrong) in [
            ("host", NewImapAccount { host: "a b".into(), ..new("x") }),
            ("port", NewImapAccount { port: Some(0), ..new("x") }),
            ("tls", NewImapAccount { tls: ImapTls::Off, ..new("imap.example") }),
            ("move_to", NewImapAccount { after_fetch: AfterFetch::Move, ..new("x") }),
            ("move_to", NewImapAccount { move_to: Some("Done".into()), ..new("x") }),
            ("secret", NewImapAccount { secret: Secret::new(""), ..new("x") }),
            ("folder", NewImapAccount { folder: "a\r\nb".into(), ..new("x") }),
        ] {
            match create(&app, &actor, None, wrong).await {
                Err(Refused::Invalid(all)) => assert!(all.iter().any(|w| w.field == field), "{field}: {all:?}"),
                other => panic!("{field}: {other:?}"),
            }
        }
        let local = NewImapAccount { tls: ImapTls::Off, ..new("127.0.0.1") };
        assert_eq!(create(&app, &actor, None, local).await.expect("on this machine").port, 143);
    })
    .await;
}
