//! Users, logging in, tokens and links, on both databases.

use super::*;
use crate::access::Origin;
use crate::app::App;
use crate::ids::TokenId;
use crate::sessions::{
    Attempt, AuthError, Browser, Caller, Credential, LinkKind, LinkState, LoginError, links, tokens,
};
use crate::setup;
use crate::store::sql as q;
use crate::store::testing::on_both_apps;
use crate::tenants::{Audience, NewTenant, Tenant};

async fn ready(app: &App) -> Caller {
    setup::ensure(app).await.unwrap();
    set_password_of(app, &app.config.admin_email).await;
    caller(app, &app.config.admin_email.clone(), None).await
}

async fn set_password_of(app: &App, email: &str) {
    operator_password(&app.db, None, email, "secret password".to_owned()).await.unwrap();
}

async fn try_login(app: &App, email: &str, password: &str, tenant: Option<&str>) -> Result<String, LoginError> {
    let origin = Origin { address: Some("192.0.2.1".to_owned()), request_id: None };
    let attempt = Attempt { email, password, tenant, code: None, browser: Browser { user_agent: None, origin } };
    Ok(sessions::login(app, attempt).await?.token)
}

async fn show(app: &App, token: &str, tenant: Option<&str>) -> Result<Caller, AuthError> {
    sessions::authenticate(&app.db, Credential::Session(token), tenant, Origin::default()).await
}

async fn bearer(app: &App, token: &str) -> Result<Caller, AuthError> {
    sessions::authenticate(&app.db, Credential::Bearer(token), None, Origin::default()).await
}

async fn caller(app: &App, email: &str, tenant: Option<&str>) -> Caller {
    let token = try_login(app, email, "secret password", tenant).await.unwrap();
    show(app, &token, None).await.unwrap()
}

async fn tenant(app: &App, by: &Caller, slug: &str) -> Tenant {
    let new = NewTenant {
        slug: slug.to_owned(),
        name: None,
        pid_prefix: None,
        audience: Audience::Organisation,
        locale: crate::i18n::Locale::En,
        settings: serde_json::Map::new(),
        mailbox: None,
    };
    tenants::create(&app.db, &by.actor, new).await.unwrap()
}

fn new(email: &str, role: Role, tenant: Option<TenantId>) -> NewUser {
    let password = Some("secret password".to_owned());
    let extra = Capabilities::default();
    NewUser { tenant, email: email.to_owned(), name: None, role, locale: None, password, extra }
}

async fn count(app: &App, text: &'static str) -> i64 {
    let (n,): (i64,) = q(text).one(&mut app.db.read(Scope::All)).await.unwrap();
    n
}

#[tokio::test]
async fn the_first_start_makes_everything_once() {
    on_both_apps(async |app| {
        let config = &app.config;
        q("SELECT 1 = 1").all::<(bool,)>(&mut app.db.read(Scope::All)).await.unwrap();
        let printed = setup::ensure(&app).await.unwrap();
        assert!(setup::ensure(&app).await.unwrap().is_none(), "a second start finds it all");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM tenants").await, 1);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM mailboxes").await, 1);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM categories").await, 5);
        let owners = "SELECT COUNT(*) FROM users WHERE role = 'owner'";
        assert_eq!(count(&app, owners).await, 1);
        if let Some(PrintedOnce { email, password: Some(password) }) = printed {
            let token = try_login(&app, &email, &password, None).await.unwrap();
            let me = show(&app, &token, None).await.unwrap();
            assert!(me.user.tenant.is_none() && me.actor.capabilities() == Capabilities::all());
            assert_eq!(email, config.admin_email);
        }
    })
    .await;
}

#[tokio::test]
async fn logging_in_and_out() {
    on_both_apps(async |app| {
        let admin = ready(&app).await;
        let email = admin.user.email.clone();
        assert!(matches!(try_login(&app, &email, "wrong", None).await, Err(LoginError::Wrong)));
        assert!(matches!(try_login(&app, "nobody@example.com", "wrong", None).await, Err(LoginError::Wrong)));
        assert!(matches!(try_login(&app, &email, "secret password", Some("none")).await, Err(LoginError::Wrong)));
        let token = try_login(&app, &email.to_uppercase(), "secret password", None).await.unwrap();
        let me = show(&app, &token, None).await.unwrap();
        assert!(matches!(show(&app, &token, Some("none")).await, Err(AuthError::NoTenant)));
        let within = show(&app, &token, Some("default")).await.unwrap();
        assert!(within.actor.within.is_some() && me.actor.within.is_none());
        sessions::logout(&app.db, &me).await.unwrap();
        assert!(matches!(show(&app, &token, None).await, Err(AuthError::Unauthenticated)));
        let failed = "SELECT COUNT(*) FROM audit_events WHERE kind = 'auth.login.fail'";
        assert_eq!(count(&app, failed).await, 3);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM sessions WHERE LENGTH(token_hash) <> 64").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_expired_session_is_none() {
    on_both_apps(async |app| {
        let admin = ready(&app).await;
        let token = try_login(&app, &admin.user.email, "secret password", None).await.unwrap();
        let mut tx = app.db.write(Scope::All).await.unwrap();
        q("UPDATE sessions SET expires_at = ").arg(now()).exec(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(show(&app, &token, None).await, Err(AuthError::Unauthenticated)));
    })
    .await;
}

#[tokio::test]
async fn guessing_is_throttled_by_account_and_by_address() {
    on_both_apps(async |app| {
        let admin = ready(&app).await;
        for _ in 0..10 {
            assert!(matches!(try_login(&app, &admin.user.email, "wrong", None).await, Err(LoginError::Wrong)));
        }
        let refused = try_login(&app, &admin.user.email, "secret password", None).await;
        let Err(LoginError::Throttled { retry_after_s }) = refused else { panic!("{refused:?}") };
        assert!((1..=901).contains(&retry_after_s), "{retry_after_s}");
        for n in 0..20 {
            let other = format!("u{n}@example.com");
            assert!(matches!(try_login(&app, &other, "wrong", None).await, Err(LoginError::Wrong)));
        }
        let refused = try_login(&app, "another@example.com", "wrong", None).await;
        assert!(matches!(refused, Err(LoginError::Throttled { .. })), "30 from one address");
        let mut tx = app.db.write(Scope::All).await.unwrap();
        q("UPDATE login_failures SET at = ").arg(now() - chrono::Duration::minutes(16)).exec(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        try_login(&app, &admin.user.email, "secret password", None).await.expect("the window has passed");
    })
    .await;
}

#[tokio::test]
async fn one_address_in_two_tenants() {
    on_both_apps(async |app| {
        let owner = ready(&app).await;
        let (a, b) = (tenant(&app, &owner, "alpha").await, tenant(&app, &owner, "beta").await);
        assert_eq!((a.pid_prefix.as_deref(), b.pid_prefix.as_deref()), (Some("AL"), Some("BE")));
        let first = create(&app, &owner.actor, new("Ann@Example.com", Role::Staff, Some(a.id))).await.unwrap();
        create(&app, &owner.actor, new("ann@example.com", Role::Admin, Some(b.id))).await.unwrap();
        let refused = create(&app, &owner.actor, new("ANN@example.com", Role::Staff, Some(a.id))).await;
        assert!(matches!(refused, Err(Refused::Taken { field: "email" })), "{refused:?}");
        let both = try_login(&app, "ann@example.com", "secret password", None).await;
        assert!(matches!(both, Err(LoginError::TenantRequired)));
        let ann = caller(&app, "ann@example.com", Some("alpha")).await;
        assert_eq!((ann.user.id, ann.user.role), (first.id, Role::Staff));
        let admin = caller(&app, "ann@example.com", Some(&b.id.to_string())).await;
        assert!(matches!(get(&app.db, &admin.actor, first.id).await, Err(Refused::NotFound(Noun::User))));
        assert!(matches!(get(&app.db, &ann.actor, first.id).await, Err(Refused::Denied(_))));
        let listed = list(&app.db, &admin.actor, &Filter::default(), None, (50, 0)).await.unwrap();
        assert_eq!(listed.len(), 1, "only the own tenant's");
        let all = Filter { q: Some("ANN@".to_owned()), ..Filter::default() };
        assert_eq!(list(&app.db, &owner.actor, &all, None, (50, 0)).await.unwrap().len(), 2);
        assert_eq!(super::count(&app.db, &owner.actor, &all).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_rights_that_the_giver_lacks() {
    on_both_apps(async |app| {
        let owner = ready(&app).await;
        let a = tenant(&app, &owner, "alpha").await;
        create(&app, &owner.actor, new("adm@example.com", Role::Admin, Some(a.id))).await.unwrap();
        let admin = caller(&app, "adm@example.com", None).await;
        let refused = create(&app, &admin.actor, new("x@example.com", Role::Owner, None)).await;
        assert!(matches!(refused, Err(Refused::Denied(_))), "{refused:?}");
        let theirs = create(&app, &admin.actor, new("y@example.com", Role::Agent, None)).await.unwrap();
        assert_eq!(theirs.tenant.map(|t| t.id), Some(a.id), "an admin's agents are the tenant's");
        let elsewhere = TenantId(a.id.0 + 1000);
        let refused = create(&app, &admin.actor, new("z@example.com", Role::Agent, Some(elsewhere))).await;
        assert!(matches!(refused, Err(Refused::NotFound(Noun::Tenant))), "{refused:?}");
        let up = UserChange { role: Some(Role::Owner), ..UserChange::default() };
        assert!(matches!(update(&app.db, &admin.actor, theirs.id, up).await, Err(Refused::Denied(_))));
        let down = UserChange { active: Some(false), ..UserChange::default() };
        let refused = update(&app.db, &owner.actor, owner.user.id, down.clone()).await;
        assert!(matches!(refused, Err(Refused::Invalid(_))), "the last owner stays: {refused:?}");
        let y = try_login(&app, "y@example.com", "secret password", None).await.unwrap();
        update(&app.db, &admin.actor, theirs.id, down).await.unwrap();
        assert!(matches!(show(&app, &y, None).await, Err(AuthError::Unauthenticated)));
    })
    .await;
}

#[tokio::test]
async fn who_only_mailed_becomes_a_member_when_added() {
    on_both_apps(async |app| {
        let owner = ready(&app).await;
        let a = tenant(&app, &owner, "alpha").await;
        let mut tx = app.db.write(Scope::All).await.unwrap();
        let mailed = sql::Write {
            tenant: Some(a.id),
            email: "bo@example.com",
            name: Some("Bo"),
            role: Role::Customer,
            member: false,
            locale: None,
            password_hash: None,
            extra: Capabilities::default(),
            at: now(),
        };
        let id = sql::insert(&mut tx, mailed).await.unwrap();
        tx.commit().await.unwrap();
        let added = create(&app, &owner.actor, new("bo@example.com", Role::Staff, Some(a.id))).await.unwrap();
        assert_eq!((added.id, added.role, added.member), (id, Role::Staff, true));
        assert_eq!(added.name.as_deref(), Some("Bo"));
    })
    .await;
}

#[tokio::test]
async fn tokens_do_no_more_than_their_maker() {
    on_both_apps(async |app| {
        let owner = ready(&app).await;
        let limit: Capabilities = [Capability::TicketsRead, Capability::UsersManage].into_iter().collect();
        let new = |limit| tokens::NewToken { name: "ci".to_owned(), expires_at: None, limit };
        let (made, secret) = tokens::create(&app.db, &owner, new(Some(limit))).await.unwrap();
        assert!(secret.starts_with("pr_"));
        let limited = bearer(&app, &secret).await.unwrap();
        assert_eq!(limited.actor.capabilities(), limit);
        let (_, child) = tokens::create(&app.db, &limited, new(None)).await.unwrap();
        assert_eq!(bearer(&app, &child).await.unwrap().actor.capabilities(), limit, "nor does a token's token");
        let (_, free) = tokens::create(&app.db, &owner, new(None)).await.unwrap();
        assert_eq!(bearer(&app, &free).await.unwrap().actor.capabilities(), Capabilities::all());
        assert_eq!(tokens::list(&app.db, owner.user.id, None, (50, 0)).await.unwrap().len(), 3);
        tokens::revoke(&app.db, &owner, made.id).await.unwrap();
        assert!(matches!(bearer(&app, &secret).await, Err(AuthError::Unauthenticated)));
        let missing = tokens::revoke(&app.db, &owner, TokenId(made.id.0)).await;
        assert!(matches!(missing, Err(Refused::NotFound(Noun::Token))));
        let past = tokens::NewToken { name: "x".to_owned(), expires_at: Some(now()), limit: None };
        assert!(matches!(tokens::create(&app.db, &owner, past).await, Err(Refused::Invalid(_))));
    })
    .await;
}

/// Reads the link's token out of the newest outbox row, as its recipient would.
async fn mailed_token(app: &App, kind: &'static str) -> String {
    let (letter,): (String,) = q("SELECT letter FROM outbox WHERE kind = ")
        .arg(kind)
        .push(" ORDER BY id DESC LIMIT 1")
        .one(&mut app.db.read(Scope::All))
        .await
        .unwrap();
    let letter: serde_json::Value = serde_json::from_str(&letter).unwrap();
    letter["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn chosen<'a>(token: &'a str, password: &str) -> links::NewPassword<'a> {
    links::NewPassword { token, password: password.to_owned(), name: Some(" Cy Young "), origin: Origin::default() }
}

#[tokio::test]
async fn invitation_forgotten_password_and_sign_in_link() {
    on_both_apps(async |app| {
        let owner = ready(&app).await;
        let invited = NewUser { password: None, ..new("cy@example.com", Role::Agent, None) };
        let user = create(&app, &owner.actor, invited).await.unwrap();
        let invite = mailed_token(&app, "invite").await;
        assert_eq!(
            links::find(&app.db, &invite).await.unwrap().map(|l| (l.user.id, l.kind, l.state)),
            Some((user.id, LinkKind::Invite, LinkState::Works))
        );
        assert!(links::login(&app, &invite, None, Browser::default()).await.is_err(), "an invitation is no login");
        let short = links::set_password(&app.db, chosen(&invite, "short")).await;
        assert!(matches!(short, Err(Refused::Invalid(_))));
        links::set_password(&app.db, chosen(&invite, "secret password")).await.unwrap();
        let again = links::set_password(&app.db, chosen(&invite, "other password")).await;
        assert!(matches!(again, Err(Refused::Invalid(_))), "a link works once");
        let cy = caller(&app, "cy@example.com", None).await;
        assert_eq!(cy.user.name.as_deref(), Some("Cy Young"));
        assert_eq!(links::find(&app.db, &invite).await.unwrap().map(|l| l.state), Some(LinkState::Spent));

        let ask = |kind, email: &'static str| {
            let request = links::Request { email, tenant: None, next: None, origin: Origin::default() };
            links::request(&app, kind, request)
        };
        ask(LinkKind::Password, "nobody@example.com").await.unwrap();
        assert_eq!(super::tests::count(&app, "SELECT COUNT(*) FROM outbox").await, 1, "nobody is mailed nothing");
        ask(LinkKind::Password, "Cy@example.com").await.unwrap();
        let reset = mailed_token(&app, "password").await;
        links::set_password(&app.db, chosen(&reset, "changed password")).await.unwrap();
        assert!(try_login(&app, "cy@example.com", "secret password", None).await.is_err());
        ask(LinkKind::Link, "cy@example.com").await.unwrap();
        let link = mailed_token(&app, "link").await;
        let opened = links::login(&app, &link, None, Browser::default()).await.unwrap();
        let me = show(&app, &opened.token, None).await.unwrap();
        assert_eq!(me.user.id, cy.user.id);
        assert!(links::login(&app, &link, None, Browser::default()).await.is_err());

        let other = try_login(&app, "cy@example.com", "changed password", None).await.unwrap();
        let wrong = sessions::change_password(&app.db, &me, "no", "third password".to_owned()).await;
        assert!(wrong.is_err());
        sessions::change_password(&app.db, &me, "changed password", "third password".to_owned()).await.unwrap();
        assert!(show(&app, &opened.token, None).await.is_ok(), "the own session stays");
        assert!(show(&app, &other, None).await.is_err(), "others end");
    })
    .await;
}
