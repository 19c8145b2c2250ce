//! Logging in, tokens, passwords and mailed links, over HTTP.

use crate::harness::people::PASSWORD;
use crate::harness::{Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::mail_out;
use shared::store::Scope;
use shared::tenants::Audience;

async fn ready(s: &Server) {
    shared::setup::ensure(&s.app).await.expect("the first start");
}

fn login(s: &Server, email: &str, password: &str) -> Request {
    s.post("/api/auth/login").json(json!({"email": email, "password": password}))
}

/// Logs in and returns the Cookie header's value.
async fn cookie(s: &Server, email: &str, password: &str) -> String {
    let answer = login(s, email, password).send().await;
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    answer.expect(200);
    set.split(';').next().expect("a pair").to_owned()
}

#[tokio::test]
async fn a_session_from_login_to_logout() {
    on_both(|s| async move {
        ready(&s).await;
        let t = s.tenant("alpha", Audience::Organisation).await;
        s.person("ann@example.com", Role::Manager, Some(t)).await;
        let answer = login(&s, "Ann@Example.com", PASSWORD).send().await;
        let set = answer.header("set-cookie").unwrap().to_owned();
        assert!(set.starts_with("postroom=") && set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
        let user = answer.expect(200)["user"].clone();
        assert_eq!((&user["email"], &user["role"]), (&json!("ann@example.com"), &json!("manager")));
        assert_eq!(user["tenant"], json!({"id": t, "slug": "alpha", "name": "alpha"}));
        let cookie = set.split(';').next().unwrap().to_owned();
        let me = s.get("/api/auth/me").header("cookie", &cookie).send().await.expect(200);
        assert_eq!(me["user"]["id"], user["id"]);
        let may: Vec<&str> = me["user"]["capabilities"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(may.contains(&"support_requests.create") && may.contains(&"support.deploy.check"), "{may:?}");
        assert!(!may.contains(&"support.tickets.note"), "{may:?}");
        s.post("/api/auth/logout").header("cookie", &cookie).send().await.expect(200);
        s.get("/api/auth/me").header("cookie", &cookie).send().await.problem(401, "unauthenticated");
        s
    })
    .await;
}

#[tokio::test]
async fn who_is_refused_and_how() {
    on_both(|s| async move {
        ready(&s).await;
        s.get("/api/auth/me").send().await.problem(401, "unauthenticated");
        s.get("/api/auth/me").bearer("pr_nonsense").send().await.problem(401, "unauthenticated");
        s.get("/api/auth/me").header("cookie", "postroom=nonsense").send().await.problem(401, "unauthenticated");
        login(&s, "nobody@example.com", "x").send().await.problem(401, "invalid_credentials");
        s.post("/api/auth/login").json(json!({"email": "a@b.example"})).send().await.problem(422, "validation_failed");
        s.post("/api/auth/login").body("text/plain", "x").send().await.problem(415, "unsupported_media_type");
        s.post("/api/auth/login").body("application/json", "{").send().await.problem(400, "invalid_json");
        // A body is read only once the caller is known.
        s.post("/api/users").body("application/json", "{").send().await.problem(401, "unauthenticated");
        let staff = s.person("staff@example.com", Role::Staff, None).await;
        s.post("/api/users").bearer(&staff.token).body("application/json", "{").send().await.problem(403, "forbidden");
        let foreign = login(&s, "staff@example.com", PASSWORD).header("origin", "https://evil.example");
        foreign.send().await.problem(403, "csrf_failed");
        s
    })
    .await;
}

#[tokio::test]
async fn a_tenant_is_named_by_header() {
    on_both(|s| async move {
        ready(&s).await;
        let (a, b) = (s.tenant("alpha", Audience::Public).await, s.tenant("beta", Audience::Public).await);
        let ann = s.person("ann@example.com", Role::Admin, Some(a)).await;
        s.person("ann@example.com", Role::Staff, Some(b)).await;
        login(&s, "ann@example.com", PASSWORD).send().await.problem(409, "tenant_required");
        let named = login(&s, "ann@example.com", PASSWORD).header("x-tenant", "beta").send().await.expect(200);
        assert_eq!(named["user"]["role"], "staff");
        let named = s.post("/api/auth/login");
        let named = named.json(json!({"email": "ann@example.com", "password": PASSWORD, "tenantId": a})).send().await;
        assert_eq!(named.expect(200)["user"]["role"], "admin");
        let me = || s.get("/api/auth/me").bearer(&ann.token);
        me().header("x-tenant", "alpha").send().await.expect(200);
        me().header("x-company-id", &a.to_string()).send().await.expect(200);
        me().header("x-tenant", "beta").send().await.problem(404, "tenant_not_found");
        me().header("x-tenant", "nowhere").send().await.problem(404, "tenant_not_found");
        s
    })
    .await;
}

#[tokio::test]
async fn guessing_ends_in_429() {
    on_both(|s| async move {
        ready(&s).await;
        s.person("ann@example.com", Role::Agent, None).await;
        for _ in 0..10 {
            login(&s, "ann@example.com", "wrong").send().await.problem(401, "invalid_credentials");
        }
        let answer = login(&s, "ann@example.com", PASSWORD).send().await;
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=901).contains(&wait));
        answer.problem(429, "rate_limited");
        s
    })
    .await;
}

#[tokio::test]
async fn tokens_are_shown_once_and_can_be_limited_and_revoked() {
    on_both(|s| async move {
        ready(&s).await;
        let ann = s.person("ann@example.com", Role::Admin, None).await;
        let body = json!({"name": "ci", "capabilities": ["support.users.manage", "support.tickets.erase"]});
        let made = s.post("/api/tokens").bearer(&ann.token).json(body).send().await.expect(201);
        let secret = made["token"].as_str().unwrap();
        assert!(secret.starts_with("pr_"));
        let me = s.get("/api/auth/me").bearer(secret).send().await.expect(200);
        assert_eq!(me["user"]["capabilities"], json!(["support.users.manage"]), "never more than the user");
        s.get("/api/audit").bearer(secret).send().await.problem(403, "forbidden");
        let listed = s.get("/api/tokens").bearer(&ann.token).send().await.expect(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 2);
        assert!(!listed.to_string().contains(secret) && listed["data"][1].get("token").is_none());
        let bob = s.person("bob@example.com", Role::Owner, None).await;
        let path = format!("/api/tokens/{}", made["id"]);
        s.request("DELETE", &path).bearer(&bob.token).send().await.problem(404, "not_found");
        s.request("DELETE", &path).bearer(&ann.token).send().await.expect(200);
        s.get("/api/auth/me").bearer(secret).send().await.problem(401, "unauthenticated");
        let wrong = json!({"name": "", "expires_at": "2020-01-01T00:00:00Z"});
        let problem =
            s.post("/api/tokens").bearer(&ann.token).json(wrong).send().await.problem(422, "validation_failed");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
        let wrong = json!({"name": "x", "capabilities": ["support.nonsense"]});
        s.post("/api/tokens").bearer(&ann.token).json(wrong).send().await.problem(422, "validation_failed");
        s
    })
    .await;
}

/// Returns the token of the newest link mailed to anybody.
async fn mailed(s: &Server, kind: &str) -> String {
    let newest = mail_out::kinds::Kind::ALL.iter().find(|k| k.as_str() == kind).copied().expect("a kind");
    let (letter,): (String,) = shared::store::sql("SELECT letter FROM outbox WHERE kind = ")
        .arg(newest)
        .push(" ORDER BY id DESC LIMIT 1")
        .one(&mut s.app.db.read(Scope::All))
        .await
        .expect("a mail");
    let letter: Value = serde_json::from_str(&letter).expect("JSON");
    letter["link"].as_str().expect("a link").rsplit('/').next().expect("a token").to_owned()
}

#[tokio::test]
async fn invited_forgotten_changed_and_by_link() {
    on_both(|s| async move {
        ready(&s).await;
        let admin = s.person("admin@example.com", Role::Admin, None).await;
        let body = json!({"email": "cy@example.com", "name": "Cy", "role": "platform_support"});
        let made = s.post("/api/users").bearer(&admin.token).json(body).send().await.expect(201);
        assert_eq!((&made["role"], &made["has_password"]), (&json!("support"), &json!(false)));
        let invite = mailed(&s, "invite").await;
        let reset = |token: &str, password: &str| {
            s.post("/api/auth/reset").json(json!({"token": token, "password": password})).send()
        };
        reset(&invite, "short").await.problem(422, "validation_failed");
        reset(&invite, "first password").await.expect(200);
        reset(&invite, "second password").await.problem(422, "validation_failed");
        let one = cookie(&s, "cy@example.com", "first password").await;
        let two = cookie(&s, "cy@example.com", "first password").await;
        let change = |current: &str| {
            let body = json!({"currentPassword": current, "newPassword": "third password"});
            s.post("/api/auth/password").header("cookie", &one).json(body).send()
        };
        change("wrong").await.problem(422, "validation_failed");
        change("first password").await.expect(200);
        s.get("/api/auth/me").header("cookie", &two).send().await.problem(401, "unauthenticated");
        s.get("/api/auth/me").header("cookie", &one).send().await.expect(200);

        let ask = |path: &str, email: &str| s.post(path).json(json!({"email": email})).send();
        let unknown = ask("/api/auth/forgot", "nobody@example.com").await.expect(200);
        assert_eq!(unknown, ask("/api/auth/forgot", "cy@example.com").await.expect(200), "tells nothing");
        reset(&mailed(&s, "password").await, "fourth password").await.expect(200);
        ask("/api/auth/link", "cy@example.com").await.expect(200);
        let link = mailed(&s, "link").await;
        let by_link = || s.post("/api/auth/link").json(json!({"token": link})).send();
        let opened = by_link().await;
        assert!(opened.header("set-cookie").is_some());
        assert_eq!(opened.expect(200)["user"]["email"], "cy@example.com");
        by_link().await.problem(401, "invalid_credentials");
        s
    })
    .await;
}

/// A form as a browser without a session posts it.
fn form(s: &Server, path: &str, fields: &[(&str, &str)]) -> Request {
    let csrf = s.app.keys.csrf_token(b"stranger");
    let all = fields.iter().copied().chain([("csrf", csrf.as_str())]);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    s.post(path).header("accept", "text/html").body("application/x-www-form-urlencoded", body)
}

fn page(s: &Server, path: &str) -> Request {
    s.get(path).header("accept", "text/html")
}

#[tokio::test]
async fn a_mailed_link_signs_in_only_by_its_button_and_once() {
    on_both(|s| async move {
        ready(&s).await;
        s.person("ann@example.com", Role::Agent, None).await;
        let ask = |email: &str| form(&s, "/link", &[("email", email), ("next", "/dashboard/support?view=all")]).send();
        let known = ask("ann@example.com").await;
        let unknown = ask("eve@example.com").await;
        assert_eq!((known.status, unknown.status), (200, 200));
        let same = |text: String| text.replace("eve@", "ann@");
        assert_eq!(same(known.text()), same(unknown.text()), "the page tells nothing");
        let token = mailed(&s, "link").await;
        assert!(token.ends_with("?next=%2Fdashboard%2Fsupport%3Fview%3Dall"), "{token}");
        let token = token.split('?').next().unwrap().to_owned();
        let path = format!("/link/{token}");
        for _ in 0..3 {
            let seen = page(&s, &path).send().await;
            assert!(seen.header("set-cookie").is_none());
            assert!(seen.status == 200 && seen.text().contains("ann@example.com"));
        }
        for other in ["invite", "reset"] {
            assert_eq!(page(&s, &format!("/{other}/{token}")).send().await.status, 404, "it is no {other}");
        }
        let foreign = s.post(&path).body("application/x-www-form-urlencoded", "csrf=guess");
        foreign.send().await.problem(403, "csrf_failed");
        let opened = form(&s, &path, &[("next", "//evil.example")]).send().await;
        assert_eq!((opened.status, opened.header("location")), (303, Some("/dashboard/support")), "own pages only");
        let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        s.get("/api/auth/me").header("cookie", &cookie).send().await.expect(200);
        let spent = form(&s, &path, &[]).send().await;
        assert!(spent.status == 410 && spent.header("set-cookie").is_none());
        assert!(spent.text().contains("used already") && spent.text().contains("action=\"/link\""));

        ask("ann@example.com").await;
        let late = mailed(&s, "link").await;
        let late = format!("/link/{}", late.split('?').next().unwrap());
        let mut tx = s.app.db.write(Scope::All).await.unwrap();
        let minutes = shared::store::sql("UPDATE links SET expires_at = ").arg(shared::clock::now());
        minutes.push(" WHERE used_at IS NULL").exec(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let seen = page(&s, &late).send().await;
        assert!(seen.status == 410 && seen.text().contains("too old"));
        assert_eq!(form(&s, &late, &[]).send().await.status, 410);
        assert_eq!(page(&s, "/link/nonsense").send().await.status, 404);
        s
    })
    .await;
}

#[tokio::test]
async fn passwords_are_chosen_by_page_from_an_invitation_and_a_forgotten_one() {
    on_both(|s| async move {
        ready(&s).await;
        let admin = s.person("admin@example.com", Role::Admin, None).await;
        let body = json!({"email": "cy@example.com", "role": "agent"});
        s.post("/api/users").bearer(&admin.token).json(body).send().await.expect(201);
        let path = format!("/invite/{}", mailed(&s, "invite").await);
        assert!(page(&s, &path).send().await.text().contains("cy@example.com"));
        let short = form(&s, &path, &[("name", "Cy Young"), ("password", "short")]).send().await;
        assert!(short.status == 422 && short.text().contains("value=\"Cy Young\""));
        assert!(short.text().contains("id=\"password-e\""), "it is said beside the field");
        let begun = form(&s, &path, &[("name", "Cy Young"), ("password", "first password")]).send().await;
        assert_eq!((begun.status, begun.header("location")), (303, Some("/dashboard/support")));
        let own = begun.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let me = s.get("/api/auth/me").header("cookie", &own).send().await.expect(200);
        assert_eq!(me["user"]["name"], "Cy Young");
        assert_eq!(form(&s, &path, &[("password", "second password")]).send().await.status, 410);

        let odd = form(&s, "/forgot", &[("email", "no address")]).send().await;
        assert!(odd.status == 422 && odd.text().contains("id=\"email-e\""));
        assert_eq!(form(&s, "/forgot", &[("email", "cy@example.com")]).send().await.status, 200);
        let path = format!("/reset/{}", mailed(&s, "password").await);
        let set = form(&s, &path, &[("password", "other password")]).send().await;
        assert_eq!((set.status, set.header("location")), (303, Some("/login?did=password")));
        assert!(set.header("set-cookie").is_none(), "who resets signs in anew");
        s.get("/api/auth/me").header("cookie", &own).send().await.problem(401, "unauthenticated");
        cookie(&s, "cy@example.com", "other password").await;
        assert!(page(&s, "/login?did=password").send().await.text().contains("Your password is set"));

        for _ in 0..10 {
            form(&s, "/forgot", &[("email", "eve@example.com")]).send().await;
        }
        let many = form(&s, "/forgot", &[("email", "eve@example.com")]).send().await;
        assert!(many.status == 429 && many.text().contains("value=\"eve@example.com\""));
        s
    })
    .await;
}

/// A form as the browser of a session posts it.
fn own_form(s: &Server, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Request {
    let token = cookie.split_once('=').expect("a cookie").1;
    let hash = data_encoding::HEXLOWER.encode(&shared::keys::hash_token(token));
    let csrf = s.app.keys.csrf_token(hash.as_bytes());
    let all = fields.iter().copied().chain([("csrf", csrf.as_str())]);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    let request = s.post(path).header("accept", "text/html").header("cookie", cookie);
    request.body("application/x-www-form-urlencoded", body)
}

#[tokio::test]
async fn everybody_sees_and_ends_their_own_sessions() {
    on_both(|s| async move {
        ready(&s).await;
        let ann = s.person("ann@example.com", Role::Agent, None).await;
        let bob = s.person("bob@example.com", Role::Owner, None).await;
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let answer = login(&s, "ann@example.com", PASSWORD).header("user-agent", firefox).send().await;
        let one = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let two = cookie(&s, "ann@example.com", PASSWORD).await;
        let three = cookie(&s, "ann@example.com", PASSWORD).await;
        let listed = s.get("/api/auth/sessions").header("cookie", &two).send().await.expect(200);
        let rows = listed["data"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows.iter().filter(|r| r["current"] == true).count(), 1);
        let first = rows.iter().find(|r| r["user_agent"] == firefox).expect("the browser is named");
        assert!(first["address"].is_string() && first["last_used_at"].is_string());
        assert!(!listed.to_string().contains(one.split_once('=').unwrap().1), "no secret is told");

        let path = format!("/api/auth/sessions/{}", first["id"]);
        s.request("DELETE", &path).bearer(&bob.token).send().await.problem(404, "not_found");
        s.request("DELETE", &path).header("cookie", &two).send().await.expect(200);
        s.get("/api/auth/me").header("cookie", &one).send().await.problem(401, "unauthenticated");
        let seen = page(&s, "/account").header("cookie", &two).send().await.text();
        assert!(seen.contains("this one") && seen.contains("Sign out everywhere else"), "{seen}");
        let ended = own_form(&s, &two, "/account/sessions/end", &[]).send().await;
        assert_eq!((ended.status, ended.header("location")), (303, Some("/account?did=session")));
        s.get("/api/auth/me").header("cookie", &three).send().await.problem(401, "unauthenticated");
        s.get("/api/auth/me").header("cookie", &two).send().await.expect(200);
        s.get("/api/auth/me").bearer(&ann.token).send().await.expect(200);
        let audit = s.get("/api/audit").bearer(&bob.token).send().await.expect(200).to_string();
        assert!(audit.contains("SESSION_REVOKED"));
        s
    })
    .await;
}

#[tokio::test]
async fn an_account_is_its_owners_to_change() {
    on_both(|s| async move {
        ready(&s).await;
        let ann = s.person("ann@example.com", Role::Agent, None).await;
        let cookie = cookie(&s, "ann@example.com", PASSWORD).await;
        let kept = own_form(&s, &cookie, "/account", &[("name", "Ann Lee"), ("locale", "de")]).send().await;
        assert_eq!((kept.status, kept.header("location")), (303, Some("/account?did=account")));
        let me = s.get("/api/auth/me").bearer(&ann.token).send().await.expect(200);
        assert_eq!((&me["user"]["name"], &me["user"]["locale"]), (&json!("Ann Lee"), &json!("de")));
        assert_eq!(me["preferences"], json!({"notices": true, "assigned": true, "answered": true}));
        let long = "x".repeat(201);
        let wrong = own_form(&s, &cookie, "/account", &[("name", &long)]).send().await;
        assert!(wrong.status == 422 && wrong.text().contains("id=\"name-e\""));
        let wrong = own_form(&s, &cookie, "/account/password", &[("current_password", "no"), ("password", "x")]);
        let wrong = wrong.send().await;
        assert!(wrong.status == 422 && wrong.text().contains("id=\"current_password-e\""));
        let new = [("current_password", PASSWORD), ("password", "another password")];
        assert_eq!(own_form(&s, &cookie, "/account/password", &new).send().await.status, 303);
        login(&s, "ann@example.com", "another password").send().await.expect(200);

        let made = own_form(&s, &cookie, "/account/tokens", &[("token", "Reports"), ("lasts", "30")]).send().await;
        assert_eq!(made.status, 201);
        let text = made.text();
        let secret = text.split("id=\"made\">").nth(1).and_then(|t| t.split('<').next()).expect("the secret is shown");
        s.get("/api/auth/me").bearer(secret).send().await.expect(200);
        let listed = s.get("/api/tokens").bearer(&ann.token).send().await.expect(200);
        let row = listed["data"].as_array().unwrap().iter().find(|t| t["name"] == "Reports").unwrap().clone();
        assert!(row["expires_at"].is_string());
        let unnamed = own_form(&s, &cookie, "/account/tokens", &[("token", "")]).send().await;
        assert!(unnamed.status == 422 && unnamed.text().contains("id=\"token-e\""));
        let revoke = format!("/account/tokens/{}/revoke", row["id"]);
        assert_eq!(own_form(&s, &cookie, &revoke, &[]).send().await.status, 303);
        s.get("/api/auth/me").bearer(secret).send().await.problem(401, "unauthenticated");
        let foreign = s.post("/account").header("cookie", &cookie);
        let foreign = foreign.body("application/x-www-form-urlencoded", "csrf=guess&name=Eve").send().await;
        foreign.problem(403, "csrf_failed");
        s
    })
    .await;
}

/// How many notices wait in the outbox, or have left.
async fn notices(s: &Server) -> i64 {
    let (n,): (i64,) = shared::store::sql("SELECT COUNT(*) FROM outbox WHERE kind = 'notice'")
        .one(&mut s.app.db.read(Scope::All))
        .await
        .expect("a count");
    n
}

#[tokio::test]
async fn only_wanted_notices_are_mailed() {
    on_both(|s| async move {
        ready(&s).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ann = s.person("ann@example.com", Role::Agent, None).await;
        let assign = async |to: i64| {
            let new = json!({"subject": "S", "description": "D", "requester": {"email": "mo@out.example"}});
            let made = s.post("/api/support/tickets").bearer(&boss.token).json(new).send().await.expect(201);
            let path = format!("/api/support/tickets/{}/assign", made["id"]);
            s.post(&path).bearer(&boss.token).json(json!({"assigned_to": to})).send().await.expect(200);
        };
        let want = |body: Value| s.request("PATCH", "/api/auth/me").bearer(&ann.token).json(body).send();
        assign(ann.id.0).await;
        let before = notices(&s).await;
        assert!(before > 0, "an assignment is told");
        let changed = want(json!({"preferences": {"assigned": false}})).await.expect(200);
        assert_eq!(changed["preferences"], json!({"notices": true, "assigned": false, "answered": true}));
        assign(ann.id.0).await;
        assert_eq!(notices(&s).await, before);
        want(json!({"preferences": {"assigned": true, "notices": false}})).await.expect(200);
        assign(ann.id.0).await;
        assert_eq!(notices(&s).await, before, "a part is not wanted without the whole");
        want(json!({"preferences": {"notices": true}})).await.expect(200);
        assign(ann.id.0).await;
        assert_eq!(notices(&s).await, before + 1);
        want(json!({"preferences": {"nonsense": true}})).await.problem(422, "validation_failed");
        s
    })
    .await;
}

#[tokio::test]
async fn users_are_invited_changed_and_helped_by_page() {
    on_both(|s| async move {
        ready(&s).await;
        s.person("boss@example.com", Role::Owner, None).await;
        let kim = s.person("kim@example.com", Role::Customer, Some(s.tenant("alpha", Audience::Public).await)).await;
        let boss = cookie(&s, "boss@example.com", PASSWORD).await;
        let path = "/dashboard/settings/users";
        let seen = async |query: &str| page(&s, &format!("{path}{query}")).header("cookie", &boss).send().await.text();
        assert!(!seen("").await.contains("kim@example.com"), "the team alone");
        assert!(seen("?show=all&q=kim").await.contains("kim@example.com"));
        let invite = |email: &str| {
            let fields = [("email", email), ("name", "Cy"), ("role", "agent")];
            own_form(&s, &boss, path, &fields).send()
        };
        let odd = invite("cy").await;
        assert!(odd.status == 422 && odd.text().contains("id=\"email-e\"") && odd.text().contains("value=\"Cy\""));
        assert_eq!(invite("cy@example.com").await.header("location"), Some("/dashboard/settings/users?did=invite"));
        assert_eq!(invite("cy@example.com").await.status, 409);
        let first = mailed(&s, "invite").await;
        let listed = s.get("/api/users?email=cy@example.com").header("cookie", &boss).send().await.expect(200);
        let cy = format!("{path}/{}", listed["data"][0]["id"]);
        assert_eq!(own_form(&s, &boss, &format!("{cy}/invite"), &[]).send().await.status, 303);
        let second = mailed(&s, "invite").await;
        assert_ne!(first, second);
        let taken = [("name", "Cy"), ("password", "a password of cy")];
        assert_eq!(form(&s, &format!("/invite/{second}"), &taken).send().await.status, 303);
        assert_eq!(page(&s, &format!("/invite/{first}")).send().await.status, 410, "the first one is spent, too");
        let late = own_form(&s, &boss, &format!("{cy}/invite"), &[]).send().await;
        assert_eq!(late.status, 422, "who has a password needs no invitation");

        assert_eq!(own_form(&s, &boss, &cy, &[("role", "admin")]).send().await.status, 303);
        let own = cookie(&s, "cy@example.com", "a password of cy").await;
        let me = s.get("/api/auth/me").header("cookie", &own).send().await.expect(200);
        assert_eq!(me["user"]["role"], "admin");
        assert_eq!(own_form(&s, &boss, &cy, &[("active", "0")]).send().await.status, 303);
        s.get("/api/auth/me").header("cookie", &own).send().await.problem(401, "unauthenticated");
        assert!(seen("").await.contains("deactivated"));
        assert_eq!(own_form(&s, &boss, &cy, &[("active", "1")]).send().await.status, 303);
        cookie(&s, "cy@example.com", "a password of cy").await;
        assert_eq!(own_form(&s, &boss, &format!("{cy}/two-factor"), &[]).send().await.status, 303);
        s.get(path).header("accept", "application/json").bearer(&kim.token).send().await.problem(403, "forbidden");
        s
    })
    .await;
}

#[tokio::test]
async fn a_form_that_lay_open_gives_back_what_was_typed() {
    on_both(|s| async move {
        ready(&s).await;
        let fields = [("email", "ruth@out.example"), ("subject", "Old form"), ("description", "Line one\n<b>two</b>")];
        let send = async |csrf: &str| {
            let all: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", csrf)]).collect();
            let files: [(&str, &str, &str, &[u8]); 1] = [("files", "a.txt", "text/plain", b"file")];
            s.post("/new").header("accept", "text/html").multipart(&all, &files).send().await
        };
        let stale = send("of a session that has ended").await;
        assert_eq!(stale.status, 403);
        let text = stale.text();
        assert!(text.contains("value=\"Old form\"") && text.contains("&lt;b&gt;two&lt;/b&gt;"), "{text}");
        assert!(text.contains("choose your files again"));
        let csrf =
            text.split("name=\"csrf\" value=\"").nth(1).and_then(|t| t.split('"').next()).expect("a fresh token");
        let sent = send(csrf).await;
        assert!(sent.status == 303 && sent.header("location").is_some_and(|l| l.starts_with("/new/done")));
        let tickets: (i64,) = shared::store::sql("SELECT COUNT(*) FROM tickets")
            .one(&mut s.app.db.read(Scope::All))
            .await
            .expect("a count");
        assert_eq!(tickets, (1,), "the stale one changed nothing");

        // Who must sign in first comes back to the page, not to where its form went.
        let led = s.post("/portal/202611-0001/messages").header("accept", "text/html");
        let led = led.header("referer", &format!("http://{}/portal/202611-0001", s.addr));
        let led = led.body("application/x-www-form-urlencoded", "body=x").send().await;
        assert_eq!(led.header("location"), Some("/login?next=%2Fportal%2F202611-0001"));
        s
    })
    .await;
}
