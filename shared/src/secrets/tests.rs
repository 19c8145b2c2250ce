use super::*;
use crate::ids::{OutboxId, TenantId, TicketId, UserId};
use crate::keys::Keys;
use crate::mail_out::{marker, token};
use proptest::prelude::*;
use serde_json::json;

fn kinds(text: &str) -> Vec<Kind> {
    cut(text).kinds.into_iter().collect()
}

/// A text of this many letters and digits: no fixture looks like a real secret to whoever scans the sources.
fn mixed(n: usize) -> String {
    "a1B2c3D4e5F6g7H8".chars().cycle().take(n).collect()
}

#[test]
fn each_kind_of_secret_is_cut() {
    let (m, hex) = (mixed, "0123456789abcdef0123456789abcdef");
    let upper = m(16).to_uppercase();
    let key = |name: &str| format!("-----BEGIN {name}-----\nMIIB{}\n{}=\n-----END {name}-----", m(40), m(20));
    let cases = [
        (Kind::Aws, format!("AKIA{upper}")),
        (Kind::Aws, format!("ASIA{upper}")),
        (Kind::Gcp, format!("AIza{}", m(35))),
        (Kind::Gcp, format!("ya29.{}", m(40))),
        (Kind::Azure, format!("{}8Q~{}", &m(3), m(34))),
        (Kind::Github, format!("ghp_{}", m(36))),
        (Kind::Github, format!("github_pat_{}_{}", m(22), m(40))),
        (Kind::Gitlab, format!("glpat-{}", m(20))),
        (Kind::Bitbucket, format!("ATBB{}", m(32))),
        (Kind::Npm, format!("npm_{}", m(36))),
        (Kind::Pypi, format!("pypi-{}", m(80))),
        (Kind::Slack, format!("xoxb-123456789012-{}", m(24))),
        (Kind::Stripe, format!("sk_live_{}", m(24))),
        (Kind::Twilio, format!("SK{hex}")),
        (Kind::Sendgrid, format!("SG.{}.{}", m(22), m(43))),
        (Kind::Jwt, format!("eyJ{}.eyJ{}.{}", m(20), m(40), m(43))),
        (Kind::PrivateKey, key("RSA PRIVATE KEY")),
        (Kind::PrivateKey, key("PRIVATE KEY").replace('\n', "\\n")),
        (Kind::PrivateKey, key("PGP PRIVATE KEY BLOCK")),
        (Kind::Card, "4111 1111 1111 1111".to_owned()),
        (Kind::Card, "378282246310005".to_owned()),
        (Kind::Card, "5555-5555-5555-4444".to_owned()),
    ];
    for (kind, secret) in &cases {
        for text in [secret.clone(), format!("It says \"{secret}\", I think."), format!("({secret})\nand more")] {
            let found = cut(&text);
            assert!(found.kinds.contains(kind), "{kind}: {text}");
            assert_eq!(found.text, text.replacen(secret.as_str(), MARK, 1), "{kind}");
        }
    }
}

#[test]
fn what_stands_before_a_secret_stays() {
    let m = mixed(24);
    for (text, left) in [
        ("postgres://app:hunter2@db.example/app", "postgres://app:[redacted]@db.example/app"),
        ("redis://:s3cret@cache:6379/0", "redis://:[redacted]@cache:6379/0"),
        (&format!("Authorization: Bearer {m}"), "Authorization: Bearer [redacted]"),
        (&format!("curl -H 'authorization: Basic {m}=='"), "curl -H 'authorization: Basic [redacted]'"),
        ("DB_PASSWORD=hunter2\nPORT=80", "DB_PASSWORD=[redacted]\nPORT=80"),
        ("export API_KEY='abc def'", "export API_KEY='[redacted] def'"),
        ("AWS_SECRET_ACCESS_KEY = abcd/efgh+ij", "AWS_SECRET_ACCESS_KEY = [redacted]"),
        (r#"{"clientSecret": "two words", "a": 1}"#, r#"{"clientSecret": "[redacted]", "a": 1}"#),
        ("password: hunter22!", "password: [redacted]"),
        ("?sv=1&sig=abcdefghijklmnopqrstuvwxyz0123456789%3D", "?sv=1&sig=[redacted]"),
        ("AccountName=x;AccountKey=abcdefghijklmnopqrstuvwx==;", "AccountName=x;AccountKey=[redacted];"),
        (
            "https://hooks.slack.com/services/T0000000/B0000000/abcdefghijklmnop",
            "https://hooks.slack.com/services/[redacted]",
        ),
    ] {
        assert_eq!(cut(text).text, left);
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "My password: it does not work any more.",
        "The token: expired. The secret: nobody knows.",
        "API_TOKEN=missing, DB_PASSWORD=${DB_PASSWORD}, max_tokens=100, PWD=/srv/app",
        "The bearer of this letter may pass. Authorization: basic information follows",
        "https://desk.example:8080/a@b and mailto:ann@customer.example",
        "4111 1111 1111 1112 is no card, and neither is 1700000000000.",
        "202611-0001 202611-0002 KA-202611-12345, token: KA-202611-0001",
        "sk_test_ and ghp_short and AKIA and eyJ.eyJ.x",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    ] {
        assert_eq!(cut(text).text, text);
        assert_eq!(kinds(text), []);
    }
}

#[test]
fn json_is_cut_by_value_and_by_the_name_of_its_key() {
    let mut value = json!({
        "env": {"DATABASE_URL": "postgres://a:b1@c/d", "apiKey": "short", "PIN_TOKEN": 1234, "port": 80, "x-api-key": ""},
        "secrets": ["a", {"b": "c", "d": null, "e": true}],
        "note": "nothing here", "cookie": "[redacted]",
    });
    let found: Vec<Kind> = cut_json(&mut value).into_iter().collect();
    assert_eq!(found, [Kind::UrlPassword, Kind::Named]);
    let left = json!({
        "env": {
            "DATABASE_URL": "postgres://a:[redacted]@c/d", "apiKey": MARK, "PIN_TOKEN": MARK, "port": 80, "x-api-key": "",
        },
        "secrets": [MARK, {"b": MARK, "d": null, "e": true}],
        "note": "nothing here", "cookie": MARK,
    });
    assert_eq!(value, left);
    assert!(cut_json(&mut value).is_empty() && value == left, "nothing is cut twice");
}

/// Texts that would take for ever, were a pattern to look far ahead from everywhere.
#[test]
fn long_texts_are_gone_through_in_linear_time() {
    for piece in
        ["eyJ-ghp_aaaa.", "a://b:", "password=\"", "-----BEGIN PRIVATE KEY-----", "4111 ", "SG.aaaaaaaaaaaaaaaa.", "\n"]
    {
        let text = piece.repeat(200_000 / piece.len());
        assert!(cut(&text).text.len() <= text.len() + MARK.len() * 40_000, "{piece}");
    }
}

/// Prose, with words and signs that stand before secrets elsewhere.
fn prose() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "the",
        "password",
        "token",
        "Secret",
        "key",
        "is",
        "not",
        "working",
        "since",
        "Monday",
        "api",
        "key:",
        "password:",
        "authorization",
        "bearer",
        "basic",
        "login",
        "deployment",
        "failed",
        "12",
        "2026-11-22",
        "14:30",
        "GmbH",
        "Größe",
        "https://shop.example/a/b?c=d",
        "port",
        "8080",
        "costs",
        "1,299.00",
        "EUR",
        "order",
        "48",
        "release",
        "v1.2.3",
        "credentials",
        "expired",
        "yesterday",
        "Passwort:",
        "vergessen",
    ]);
    let ends = prop::sample::select(vec![" ", " ", " ", ", ", ". ", ": ", "\n", "! ", "? ", " – "]);
    prop::collection::vec((words, ends), 0..60)
        .prop_map(|all| all.into_iter().map(|(w, e)| format!("{w}{e}")).collect())
}

proptest! {
    #[test]
    fn prose_is_never_cut(text in prose()) {
        prop_assert_eq!(cut(&text).text, text);
    }

    #[test]
    fn what_we_write_ourselves_is_never_cut(
        tenant in 1i64..1000, ticket: i64, user: i64, n in 1u32..99_999, lead in prop::sample::select(vec!["", "token: ", "token=", "password=", "secret "]),
    ) {
        let keys = Keys::new(b"a secret for tests alone", "1");
        let tenant = TenantId(tenant);
        let (ticket, user) = (TicketId(ticket.saturating_abs()), UserId(user.saturating_abs()));
        let pid = format!("KA-202611-{n:04}");
        let tokens = [
            token::Token::Reply { ticket, participant: user },
            token::Token::Agent { ticket, agent: user },
            token::Token::Bounce { outbox: OutboxId(user.0) },
            token::Token::Probe { outbox: OutboxId(user.0) },
        ];
        let mut all = vec![pid.clone(), format!("202611-{n:04}"), format!("[{pid}]"), marker::mint(&keys, tenant, &pid)];
        for one in tokens {
            let tag = token::mint(&keys, tenant, one);
            all.extend(['+', '=', '-'].iter().filter_map(|by| token::address("help@desk.example", *by, &tag)));
        }
        for text in all {
            let text = format!("{lead}{text} and more");
            prop_assert_eq!(&cut(&text).text, &text);
        }
    }

    #[test]
    fn cutting_again_changes_nothing(text in ".{0,200}", pieces in prop::collection::vec(prop::sample::select(vec![
        "password=", "AKIAABCDEFGHIJKLMNOP", "ghp_", "a1B2c3D4e5F6g7H8a1B2c3D4e5F6g7H8a1B2", "://", ":", "@", "\"", "'", " ", "=",
        "[redacted]", "eyJa1B2c3D4e5F6", ".", "-----BEGIN PRIVATE KEY-----", "token: ", "Bearer ", "4111111111111111", "-",
    ]), 0..30)) {
        let text = format!("{text}{}", pieces.concat());
        let once = cut(&text).text;
        prop_assert_eq!(&cut(&once).text, &once);
    }
}
