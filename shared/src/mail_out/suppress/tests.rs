use super::*;
use crate::store::testing::{on_both_apps, seed};

const T: TenantId = TenantId(1);

async fn fail(db: &Db, n: i64, email: &str, kind: FailureKind, at: Time) -> Option<Reason> {
    let failure =
        Failure { tenant: T, email_key: email.into(), outbox: OutboxId(n), kind, evidence: json!({"outbox_id": n}) };
    let mut tx = db.write(Scope::All).await.unwrap();
    let reason = failed(&mut tx, &failure, at).await.unwrap();
    tx.commit().await.unwrap();
    reason
}

async fn rows(db: &Db) -> Vec<(String, Reason, i64)> {
    let all = list(db, &Actor::system(), None, None, 50).await.unwrap();
    all.into_iter().map(|s| (s.email_key, s.reason, (s.until_at - s.created_at).num_days())).collect()
}

/// Rows of the outbox that failures can name.
const OUTBOX: &str = "INSERT INTO outbox (id, tenant_id, kind, to_email, to_key, to_domain, automatic, subject, message_id, \
    envelope_from, letter, state, urgency, attempts, maybes, created_at, updated_at) \
    SELECT 1 + a.n + 5 * b.n, 1, 'reply', 'x', 'x', 'x', FALSE, 's', 'm', 'e', '{}', 'dead', 1, 1, 0, \
    '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00' \
    FROM (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) a, \
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3) b";

/// E9.13.
#[tokio::test]
async fn one_hard_failure_or_five_others_in_a_week_suppress() {
    on_both_apps(async |app| {
        let (db, at) = (&app.db, now());
        seed(db, OUTBOX).await;
        assert_eq!(fail(db, 1, "hard@x.example", FailureKind::Hard, at).await, Some(Reason::HardBounce));
        for n in 2..=5 {
            let kind = if n % 2 == 0 { FailureKind::Full } else { FailureKind::Soft };
            assert_eq!(fail(db, n, "full@x.example", kind, at).await, None, "{n}");
        }
        assert_eq!(fail(db, 5, "full@x.example", FailureKind::Soft, at).await, None, "the same delivery counts once");
        assert_eq!(fail(db, 6, "full@x.example", FailureKind::Full, at).await, Some(Reason::Full));
        for n in 7..=10 {
            let long_ago = at - Duration::days(8);
            assert_eq!(fail(db, n, "old@x.example", FailureKind::Full, long_ago).await, None);
        }
        assert_eq!(fail(db, 11, "old@x.example", FailureKind::Full, at).await, None, "those of last week are over");
        let expected =
            [("full@x.example".to_owned(), Reason::Full, 7), ("hard@x.example".into(), Reason::HardBounce, 180)];
        assert_eq!(rows(db).await, expected);
    })
    .await;
}

/// E9.13: an authenticated mail from there shows that the address works; a complaint it does not take back.
#[tokio::test]
async fn entries_lift_and_are_removed() {
    on_both_apps(async |app| {
        let (db, at) = (&app.db, now());
        seed(db, OUTBOX).await;
        fail(db, 1, "a@x.example", FailureKind::Hard, at).await;
        fail(db, 2, "b@x.example", FailureKind::Hard, at).await;
        let mut tx = db.write(Scope::All).await.unwrap();
        complained(&mut tx, T, "c@x.example", &json!({}), at).await.unwrap();
        let senders = ["a@x.example", "c@x.example", "d@x.example"].map(|key| (T, key.to_owned()));
        assert_eq!(lift(&mut tx, &senders).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let left: Vec<String> = rows(db).await.into_iter().map(|(key, ..)| key).collect();
        assert_eq!(left, ["b@x.example", "c@x.example"]);
        let actor = Actor::system();
        remove(db, &actor, "B@X.example").await.unwrap();
        assert!(matches!(remove(db, &actor, "b@x.example").await, Err(Refused::NotFound(_))));
        let made = add(db, &actor, Some(T), "E_e@x.example", None).await.unwrap();
        assert_eq!((made.email_key.as_str(), made.reason), ("e_e@x.example", Reason::Manual));
        let found = list(db, &actor, Some("E_E"), None, 50).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(list(db, &actor, Some("e%e"), None, 50).await.unwrap().is_empty(), "no wildcard");
        assert!(add(db, &actor, Some(T), "no address", None).await.is_err());
        assert!(add(db, &actor, Some(T), "a@x.example", Some(at)).await.is_err());
    })
    .await;
}

/// E9.12, E9.13: what a refusal says of the address, and what it does not.
#[test]
fn only_what_is_about_the_address_counts() {
    use FailureKind::{Full, Hard, Soft};
    for (status, text, kind) in [
        (Some("5.1.1"), "no such user", Some(Hard)),
        (None, "550 user unknown", Some(Hard)),
        (Some("5.2.2"), "mailbox full", Some(Full)),
        (Some("4.2.2"), "over quota", Some(Full)),
        (None, "552 mailbox is full", Some(Full)),
        (Some("4.4.7"), "delivery time expired", Some(Soft)),
        (Some("5.7.1"), "blocked for spam", None),
        (Some("5.3.4"), "message too big", None),
        (None, "554 rejected", None),
    ] {
        assert_eq!(FailureKind::of(status, text), kind, "{status:?} {text}");
    }
}

/// E9.13: more than one in twenty within an hour.
#[tokio::test]
async fn a_high_share_of_failures_is_alarming() {
    let rate = |failed, sent| Rate { failed, sent }.is_alarming();
    assert!(rate(6, 100) && rate(5, 0) && !rate(5, 100) && !rate(4, 4) && !rate(0, 0));
    on_both_apps(async |app| {
        seed(&app.db, OUTBOX).await;
        for n in 1..=6 {
            fail(&app.db, n, &format!("{n}@x.example"), FailureKind::Hard, now()).await;
        }
        seed(&app.db, "UPDATE outbox SET state = 'sent', sent_at = '2026-01-01T00:00:00+00:00' WHERE id > 10").await;
        assert_eq!(super::rate(&app.db).await.unwrap(), Rate { failed: 6, sent: 0 });
    })
    .await;
}
