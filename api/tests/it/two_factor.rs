//! The second step of the login, over HTTP and by its pages.

use crate::harness::people::{PASSWORD, Person};
use crate::harness::{Request, Response, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::sessions::second::totp;
use shared::store::{Scope, sql};
use shared::tenants::Audience;

fn login(s: &Server, email: &str, code: Option<&str>) -> Request {
    s.post("/api/auth/login").json(json!({"email": email, "password": PASSWORD, "code": code}))
}

/// Switches the second step on; returns the secret and the recovery codes.
async fn enrol(s: &Server, person: &Person) -> (Vec<u8>, Vec<String>) {
    let begun = s.post("/api/auth/two-factor").bearer(&person.token).send().await.expect(200);
    let secret =
        data_encoding::BASE32_NOPAD.decode(begun["secret"].as_str().expect("a secret").as_bytes()).expect("base32");
    assert_eq!(secret.len(), totp::SECRET_OCTETS);
    assert!(begun["uri"].as_str().expect("an address").starts_with("otpauth://totp/"));
    let confirm =
        |code: &str| s.post("/api/auth/two-factor/confirm").bearer(&person.token).json(json!({"code": code})).send();
    let wrong = confirm("000000").await.problem(422, "validation_failed");
    assert_eq!(wrong["errors"][0]["field"], "code");
    let made = confirm(&fresh(s, &secret).await).await.expect(200);
    let codes: Vec<String> = serde_json::from_value(made["recovery_codes"].clone()).expect("codes");
    assert_eq!(codes.len(), 10);
    (secret, codes)
}

/// Returns a code that was not used yet: as if the steps before were long ago.
async fn fresh(s: &Server, secret: &[u8]) -> String {
    let mut tx = s.app.db.write(Scope::All).await.expect("a transaction");
    sql("UPDATE two_factor SET last_step = 0").exec(&mut tx).await.expect("it is forgotten");
    tx.commit().await.expect("it commits");
    totp::code(secret, totp::step(shared::clock::now()))
}

#[tokio::test]
async fn a_code_must_come_along_and_counts_once() {
    on_both(|s| async move {
        let ann = s.person("ann@example.com", Role::Agent, None).await;
        login(&s, "ann@example.com", None).send().await.expect(200);
        let (secret, codes) = enrol(&s, &ann).await;
        let wanted = login(&s, "ann@example.com", None).send().await;
        assert!(wanted.header("set-cookie").is_none());
        wanted.problem(401, "second_factor_required");
        login(&s, "ann@example.com", Some("000000")).send().await.problem(401, "second_factor_invalid");
        let wrong = json!({"email": "ann@example.com", "password": "wrong", "code": fresh(&s, &secret).await});
        s.post("/api/auth/login").json(wrong).send().await.problem(401, "invalid_credentials");

        let code = fresh(&s, &secret).await;
        login(&s, "ann@example.com", Some(&code)).send().await.expect(200);
        login(&s, "ann@example.com", Some(&code)).send().await.problem(401, "second_factor_invalid");
        let recovery = codes[3].to_uppercase().replace('-', " ");
        let me = login(&s, "ann@example.com", Some(&recovery)).send().await.expect(200);
        assert_eq!(me["user"]["two_factor"], true);
        login(&s, "ann@example.com", Some(&codes[3])).send().await.problem(401, "second_factor_invalid");
        let standing = s.get("/api/auth/two-factor").bearer(&ann.token).send().await.expect(200);
        assert_eq!((&standing["on"], &standing["recovery_codes_left"]), (&json!(true), &json!(9)));

        // What is kept of the secret and the codes opens nothing.
        let mut read = s.app.db.read(Scope::All);
        let (kept,): (Vec<u8>,) = sql("SELECT secret FROM two_factor").one(&mut read).await.unwrap();
        assert!(!kept.windows(secret.len()).any(|w| w == secret));
        let hashes: Vec<(String,)> = sql("SELECT code_hash FROM recovery_codes").all(&mut read).await.unwrap();
        assert!(hashes.iter().all(|(hash,)| !codes.contains(hash) && hash.len() == 64));

        let renew = |body: Value| s.post("/api/auth/two-factor/recovery-codes").bearer(&ann.token).json(body).send();
        renew(json!({"password": "wrong"})).await.problem(422, "validation_failed");
        renew(json!({})).await.problem(422, "validation_failed");
        let renewed = renew(json!({"password": PASSWORD})).await.expect(200);
        assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
        login(&s, "ann@example.com", Some(&codes[4])).send().await.problem(401, "second_factor_invalid");
        let off = s.post("/api/auth/two-factor/disable").bearer(&ann.token).json(json!({"password": PASSWORD}));
        assert_eq!(off.send().await.expect(200)["on"], false);
        login(&s, "ann@example.com", None).send().await.expect(200);
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let audit = s.get("/api/audit?limit=200").bearer(&boss.token).send().await.expect(200).to_string();
        for kind in ["TWO_FACTOR_ENABLED", "TWO_FACTOR_DISABLED", "RECOVERY_CODES_CREATED", "RECOVERY_CODE_USED"] {
            assert!(audit.contains(kind), "{kind}");
        }
        s
    })
    .await;
}

#[tokio::test]
async fn guessing_codes_ends_in_429() {
    on_both(|s| async move {
        let ann = s.person("ann@example.com", Role::Agent, None).await;
        let (secret, _) = enrol(&s, &ann).await;
        for _ in 0..10 {
            login(&s, "ann@example.com", Some("123")).send().await.problem(401, "second_factor_invalid");
        }
        let code = fresh(&s, &secret).await;
        login(&s, "ann@example.com", Some(&code)).send().await.problem(429, "rate_limited");
        s
    })
    .await;
}

#[tokio::test]
async fn an_admin_takes_a_lost_one_away_and_customers_have_none() {
    on_both(|s| async move {
        let tenant = s.tenant("alpha", Audience::Organisation).await;
        let ann = s.person("ann@example.com", Role::Admin, Some(tenant)).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let kim = s.person("kim@example.com", Role::Customer, Some(tenant)).await;
        s.post("/api/auth/two-factor").bearer(&kim.token).send().await.problem(403, "forbidden");
        enrol(&s, &boss).await;
        enrol(&s, &ann).await;
        s.post("/api/auth/two-factor").bearer(&ann.token).send().await.problem(409, "conflict");
        let reset = |of: &Person, by: &Person| {
            s.request("DELETE", &format!("/api/users/{}/two-factor", of.id)).bearer(&by.token).send()
        };
        reset(&boss, &ann).await.problem(404, "user_not_found");
        reset(&ann, &kim).await.problem(403, "forbidden");
        assert_eq!(reset(&ann, &boss).await.expect(200)["two_factor"], false);
        login(&s, "ann@example.com", None).send().await.expect(200);
        s
    })
    .await;
}

fn cookie_of(answer: &Response) -> String {
    answer.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned()
}

fn form(s: &Server, path: &str, owner: &[u8], fields: &[(&str, &str)]) -> Request {
    let csrf = s.app.keys.csrf_token(owner);
    let all = fields.iter().copied().chain([("csrf", csrf.as_str())]);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    s.post(path).header("accept", "text/html").body("application/x-www-form-urlencoded", body)
}

#[tokio::test]
async fn by_page_the_first_step_is_no_session() {
    on_both(|s| async move {
        let ann = s.person("ann@example.com", Role::Agent, None).await;
        let (secret, _) = enrol(&s, &ann).await;
        let said = [("email", "ann@example.com"), ("password", PASSWORD), ("next", "/dashboard/support?view=all")];
        let first = form(&s, "/login", b"stranger", &said).send().await;
        assert_eq!(first.status, 303);
        let path = first.header("location").unwrap().to_owned();
        assert_eq!(path, "/login/code?next=%2Fdashboard%2Fsupport%3Fview%3Dall");
        let step = cookie_of(&first);
        assert!(step.starts_with("postroom-step="), "{step}");
        let token = step.split_once('=').unwrap().1;
        for cookie in [step.clone(), format!("postroom={token}")] {
            s.get("/api/auth/me").header("cookie", &cookie).send().await.problem(401, "unauthenticated");
        }
        let asked = s.get(&path).header("accept", "text/html").header("cookie", &step).send().await;
        assert!(asked.status == 200 && asked.text().contains("autocomplete=\"one-time-code\""));
        let finish = |code: &str| {
            let fields = [("code", code), ("next", "/dashboard/support?view=all")];
            form(&s, "/login/code", b"stranger", &fields).header("cookie", &step).send()
        };
        assert_eq!(finish("000000").await.status, 401);
        let opened = finish(&fresh(&s, &secret).await).await;
        assert_eq!((opened.status, opened.header("location")), (303, Some("/dashboard/support?view=all")));
        s.get("/api/auth/me").header("cookie", &cookie_of(&opened)).send().await.expect(200);
        let again = finish(&fresh(&s, &secret).await).await;
        assert_eq!(again.header("location"), Some("/login?did=step"), "a step ends once");
        let without = s.get("/login/code").header("accept", "text/html").send().await;
        assert_eq!(without.header("location"), Some("/login?did=step"));

        // A mailed link is a first step, too.
        form(&s, "/link", b"stranger", &[("email", "ann@example.com")]).send().await;
        let (letter,): (String,) = sql("SELECT letter FROM outbox WHERE kind = 'link' ORDER BY id DESC LIMIT 1")
            .one(&mut s.app.db.read(Scope::All))
            .await
            .unwrap();
        let letter: Value = serde_json::from_str(&letter).unwrap();
        let token = letter["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let api = |code: Option<&str>| s.post("/api/auth/link").json(json!({"token": token, "code": code})).send();
        api(None).await.problem(401, "second_factor_required");
        api(Some("000000")).await.problem(401, "second_factor_invalid");
        let led = form(&s, &format!("/link/{token}"), b"stranger", &[]).send().await;
        assert!(led.header("location").unwrap().starts_with("/login/code"));
        assert!(cookie_of(&led).starts_with("postroom-step="));
        assert_eq!(form(&s, &format!("/link/{token}"), b"stranger", &[]).send().await.status, 410);
        s
    })
    .await;
}

#[tokio::test]
async fn where_the_team_asks_for_it_agents_set_it_up_first() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let tenant = s.tenant("alpha", Audience::Organisation).await;
        let ann = s.person("ann@example.com", Role::Agent, Some(tenant)).await;
        s.person("kim@example.com", Role::Customer, Some(tenant)).await;
        let before = cookie_of(&login(&s, "ann@example.com", None).send().await);
        let settings = json!({"settings": {"require_two_factor": true}});
        let path = format!("/api/tenants/{tenant}");
        s.request("PATCH", &path).bearer(&boss.token).json(settings).send().await.expect(200);
        s.get("/api/support/tickets").header("cookie", &before).send().await.expect(200);
        let kim = cookie_of(&login(&s, "kim@example.com", None).send().await);
        s.get("/api/support/tickets").header("cookie", &kim).send().await.expect(200);

        let answer = login(&s, "ann@example.com", None).send().await;
        let cookie = cookie_of(&answer);
        answer.expect(200);
        let tickets = || s.get("/api/support/tickets").header("cookie", &cookie).send();
        tickets().await.problem(403, "second_factor_setup_required");
        s.get("/api/auth/me").header("cookie", &cookie).send().await.expect(200);
        let led = s.get("/dashboard/support?view=all").header("accept", "text/html").header("cookie", &cookie);
        let led = led.send().await;
        let wanted = "/account/two-factor?next=%2Fdashboard%2Fsupport%3Fview%3Dall";
        assert_eq!((led.status, led.header("location")), (303, Some(wanted)));
        let hash = data_encoding::HEXLOWER.encode(&shared::keys::hash_token(cookie.split_once('=').unwrap().1));
        let post = |path: &str, fields: &[(&str, &str)]| {
            form(&s, path, hash.as_bytes(), fields).header("cookie", &cookie).send()
        };
        let seen = post("/account/two-factor", &[("next", "/dashboard/support")]).await.text();
        let secret = seen.split("id=\"secret\">").nth(1).and_then(|t| t.split('<').next()).expect("the secret");
        let secret = data_encoding::BASE32_NOPAD.decode(secret.replace(' ', "").as_bytes()).expect("base32");
        assert!(seen.contains("class=\"qr\""));
        let wrong = post("/account/two-factor/confirm", &[("code", "000000")]).await;
        assert!(wrong.status == 422 && wrong.text().contains("id=\"code-e\""));
        let code = fresh(&s, &secret).await;
        let done = post("/account/two-factor/confirm", &[("code", &code), ("next", "/dashboard/support")]).await;
        assert_eq!(done.status, 200);
        assert_eq!(done.text().matches("<li><code>").count(), 10);
        tickets().await.expect(200);
        s.get("/api/auth/me").header("cookie", &before).send().await.problem(401, "unauthenticated");
        let off = s.post("/api/auth/two-factor/disable").bearer(&ann.token).json(json!({"password": PASSWORD}));
        off.send().await.problem(422, "validation_failed");
        s
    })
    .await;
}
