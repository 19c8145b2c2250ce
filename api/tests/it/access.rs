//! Every route, asked by every role about their own tenant and about another: what the server does is what
//! `docs/access.md` says. `UPDATE_DOCS=1` writes that file instead of comparing with it.
//!
//! Bodies are unreadable on purpose. Who may act is told so (400 or 422), who may not must not get that far.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Request, SMALL_PDF, Server, on_both};
use api::routes::{Route, Who};
use serde_json::{Value, json};
use shared::access::{Actor, Origin, Role};
use shared::canned;
use shared::config::Secret;
use shared::coverage;
use shared::ids::{AttachmentId, MailboxId, TenantId, TicketId};
use shared::imap_accounts::{self, AfterFetch, ImapAuth, ImapTls, NewImapAccount, Since};
use shared::mail_out::dkim::{self, Algorithm, NewKey};
use shared::mail_out::{links, suppress};
use shared::mailboxes::{self, NewMailbox, TagSeparator};
use shared::sessions::{self, Browser, Credential, tokens};
use shared::store::Scope;
use shared::tenants::Audience;
use shared::users;
use std::fmt::Write;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/access.md");

const HEAD: &str = "# Who may do what

Made by the access test (`UPDATE_DOCS=1 cargo nextest run -p api --test it access`), which asks every route as every
role and compares. The roles are users of one tenant whose members share its tickets; the support agent covers the
ticket's category. `platform` is an owner who belongs to no tenant.

- `yes`: may
- `no`: 403, in scope but not allowed
- `-`: 404, not told that it exists
- `login`: 401, or sent to the login page

The last but one column is what all tenant users get for the same thing of another tenant (named by the path, else by
`X-Tenant`), the last one what somebody gets who has not logged in.

";

/// One tenant with one of everything that a path can name.
struct Place {
    tenant: TenantId,
    slug: &'static str,
    user: i64,
    mailbox: i64,
    category: i64,
    attachment: i64,
    pdf: i64,
    mail: i64,
    outbox: i64,
    dkim: i64,
    ticket: i64,
    mail_ticket: i64,
    mail_message: i64,
    incident: i64,
}

struct Stage {
    boss: Person,
    own: Place,
    other: Place,
}

async fn stage(s: &Server) -> Stage {
    shared::setup::ensure(&s.app).await.expect("the first start");
    let boss = s.person("boss@platform.example", Role::Owner, None).await;
    let own = place(s, &boss, "alpha").await;
    let other = place(s, &boss, "beta").await;
    while shared::previews::make_one(&s.app).await.expect("thumbnails") {}
    s.drain().await;
    Stage { boss, own, other }
}

fn id(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("an id, not {value}"))
}

async fn place(s: &Server, boss: &Person, slug: &'static str) -> Place {
    let tenant = s.tenant(slug, Audience::Organisation).await;
    let address = format!("help@{slug}.example");
    let new = NewMailbox {
        tenant: Some(tenant),
        address: address.clone(),
        name: None,
        tag_separator: Some(TagSeparator::Plus),
    };
    let mailbox = mailboxes::create(&s.app.db, &Actor::system(), new).await.expect("a mailbox");
    let user = s.person(&format!("somebody@{slug}.example"), Role::Customer, Some(tenant)).await;
    let body = json!({"name": "Own", "tenant_id": tenant});
    let category = s.post("/api/support/categories").bearer(&boss.token).json(body).send().await.expect(201);
    let raw = format!(
        "From: mo@out.example\r\nTo: {address}\r\nSubject: Hi\r\nMessage-ID: <1@{slug}>\r\n\
         Content-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
    );
    let mail = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200);
    let with_file = ticket(s, boss, tenant).await;
    let with_pdf = ticket_with(s, boss, tenant, ("a.pdf", "application/pdf", SMALL_PDF)).await;
    let file = &with_file["messages"][0]["attachments"][0]["id"];
    let new = NewKey {
        tenant: Some(tenant),
        domain: format!("{slug}.example"),
        algorithm: Some(Algorithm::Ed25519),
        ..NewKey::default()
    };
    let dkim = dkim::add(&s.app, &Actor::system(), new).await.expect("a key");
    let url = format!("/api/support/tickets/{}/messages", with_file["id"]);
    let reply = s.post(&url).bearer(&boss.token).json(json!({"body": "An answer"})).send().await.expect(201);
    let body = json!({"title": "It is slow", "tenant_id": tenant});
    let incident = s.post("/api/support/incidents").bearer(&boss.token).json(body).send().await.expect(201);
    Place {
        incident: id(&incident["id"]),
        tenant,
        slug,
        user: user.id.0,
        mailbox: mailbox.id.0,
        category: id(&category["id"]),
        attachment: id(file),
        pdf: id(&with_pdf["messages"][0]["attachments"][0]["id"]),
        mail: id(&mail["mail_id"]),
        outbox: id(&reply["delivery"][0]["outbox_id"]),
        dkim: dkim.id.0,
        ticket: id(&with_file["id"]),
        mail_ticket: id(&mail["ticket_id"]),
        mail_message: id(&mail["ticket_message_id"]),
    }
}

/// Opens a ticket with a file, in the category that the support agents cover.
async fn ticket(s: &Server, boss: &Person, tenant: TenantId) -> Value {
    ticket_with(s, boss, tenant, ("a.txt", "text/plain", "file")).await
}

/// The same with a file of one's own: name, type, content.
async fn ticket_with(s: &Server, boss: &Person, tenant: TenantId, file: (&str, &str, &str)) -> Value {
    let field = |name: &str, value: &str| {
        format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut body = String::new();
    for (name, value) in
        [("subject", "A subject"), ("description", "A text"), ("category", "billing"), ("email", "mo@out.example")]
    {
        body += &field(name, value);
    }
    body += &field("tenant_id", &tenant.to_string());
    let (name, kind, content) = file;
    body += &format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n\
         {content}\r\n--cut--\r\n"
    );
    let kind = "multipart/form-data; boundary=cut";
    s.post("/api/support/tickets").bearer(&boss.token).body(kind, body).send().await.expect(201)
}

/// A caller: a user of the own tenant, or of the platform.
struct Caller {
    name: &'static str,
    person: Person,
}

async fn callers(s: &Server, stage: &Stage) -> Vec<Caller> {
    let mut all = Vec::new();
    for role in Role::ALL {
        let person = s.person(&format!("{role}@alpha.example"), *role, Some(stage.own.tenant)).await;
        if *role == Role::Support {
            let subjects = ["Billing".to_owned()];
            coverage::set(&s.app.db, &Actor::system(), person.id, &subjects).await.expect("coverage");
        }
        all.push(Caller { name: role.as_str(), person });
    }
    all.push(Caller { name: "platform", person: s.person("owner@platform.example", Role::Owner, None).await });
    all
}

/// Fills the path's parameters with things of `place`; a ticket or token that the request may change is a new one.
async fn path(s: &Server, route: &Route, stage: &Stage, place: &Place, caller: Option<&Person>) -> String {
    let Some(open) = route.path.find('{') else { return route.path.to_owned() };
    let value = match &route.path[..open] {
        "/api/users/" | "/dashboard/settings/users/" if route.path.ends_with("/invite") => invited(s, place).await,
        "/api/users/" if route.path.ends_with("/erase") => {
            let email = format!("gone{}@{}.example", rand::random::<u64>(), place.slug);
            s.person(&email, Role::Customer, Some(place.tenant)).await.id.0
        }
        "/api/users/" | "/dashboard/settings/users/" | "/api/support/coverage/" | "/platform-admin/team/coverage/" => {
            place.user
        }
        "/api/tenants/" | "/dashboard/settings/tenants/" => place.tenant.0,
        "/api/mailboxes/" | "/dashboard/settings/mailboxes/" => place.mailbox,
        "/api/imap-accounts/" | "/dashboard/settings/fetching/" => imap_account(s, place).await,
        "/api/support/canned-replies/" | "/dashboard/settings/canned/" => canned(s, place).await,
        "/api/support/incidents/" | "/dashboard/settings/incidents/" => place.incident,
        "/api/support/categories/" | "/dashboard/settings/categories/" => place.category,
        "/api/support/attachments/" if route.path.ends_with("/{page}") => return filled(route.path, &[place.pdf, 1]),
        "/api/support/attachments/" if route.path.ends_with("/thumbnail") => place.pdf,
        "/api/support/attachments/" => place.attachment,
        "/api/support/views/" | "/dashboard/support/views/" => shared_view(s, place).await,
        "/api/support/joins/" | "/dashboard/support/joins/" => doubt(s, stage, place).await,
        "/api/mails/" | "/dashboard/mail/" => place.mail,
        "/api/outbox/" | "/dashboard/mail/outbox/" => place.outbox,
        "/api/dkim/" | "/dashboard/settings/dkim/" => place.dkim,
        "/api/suppressions/" => {
            let email = format!("mo@{}.example", place.slug);
            let made = suppress::add(&s.app.db, &Actor::system(), Some(place.tenant), &email, None).await;
            made.expect("a suppressed address");
            return format!("/api/suppressions/{email}");
        }
        "/account/sessions/" | "/api/auth/sessions/" => {
            session(s, if place.tenant == stage.own.tenant { caller } else { None }, place).await
        }
        "/api/tokens/" | "/account/tokens/" => {
            token(s, if place.tenant == stage.own.tenant { caller } else { None }, place).await
        }
        "/api/support/tickets/" | "/tickets/" | "/platform-admin/tickets/" | "/dashboard/support/" | "/portal/" => {
            let writer = caller.filter(|_| place.tenant == stage.own.tenant).unwrap_or(&stage.boss);
            return of_ticket(s, route, stage, place, writer).await;
        }
        other => panic!("say in this test what the parameter of {other} names"),
    };
    filled(route.path, &[value])
}

/// A canned reply of the place's, a new one each time: the request may remove it.
async fn canned(s: &Server, place: &Place) -> i64 {
    let shortcut = Some(format!("c{:016x}", rand::random::<u64>()));
    let new = canned::NewCanned {
        tenant: Some(place.tenant),
        name: "Greeting".to_owned(),
        shortcut,
        body: "Hello".to_owned(),
        shared: true,
    };
    canned::create(&s.app.db, &Actor::system(), new).await.expect("a canned reply").id.0
}

/// A new view that everybody of the place shares: the request may remove it.
async fn shared_view(s: &Server, place: &Place) -> i64 {
    let mut tx = s.app.db.write(Scope::All).await.expect("a transaction begins");
    let (view,): (i64,) = shared::store::sql(
        "INSERT INTO saved_views (tenant_id, owner_id, shared, name, query, sort, position, created_at, updated_at) \
         VALUES ($1, $2, TRUE, 'Theirs', '', '-created_at', 1, $3, $3) RETURNING id",
    )
    .bind(place.tenant)
    .bind(place.user)
    .bind(shared::clock::now())
    .one(&mut tx)
    .await
    .expect("a view");
    tx.commit().await.expect("it commits");
    view
}

/// A new doubt in the tray: a new ticket that may belong to the place's.
async fn doubt(s: &Server, stage: &Stage, place: &Place) -> i64 {
    let new = id(&ticket(s, &stage.boss, place.tenant).await["id"]);
    let mut tx = s.app.db.write(Scope::All).await.expect("a transaction begins");
    let (doubt,): (i64,) = shared::store::sql(
        "INSERT INTO ticket_joins (tenant_id, kind, ticket_id, other_id, why, state, created_at) \
         VALUES ($1, 'linked', $2, $3, 'E4.1(4)', 'open', $4) RETURNING id",
    )
    .bind(place.tenant)
    .bind(new)
    .bind(place.ticket)
    .bind(shared::clock::now())
    .one(&mut tx)
    .await
    .expect("a doubt");
    tx.commit().await.expect("it commits");
    doubt
}

/// `writer` wrote the reply that is to be withdrawn: nobody else may.
async fn of_ticket(s: &Server, route: &Route, stage: &Stage, place: &Place, writer: &Person) -> String {
    if route.path.ends_with("/html") || route.path.ends_with("/image") {
        return filled(route.path, &[place.mail_ticket, place.mail_message]);
    }
    if route.path.contains("/files/") {
        return filled(route.path, &[place.ticket, place.attachment]);
    }
    if route.method == "GET" {
        return filled(route.path, &[place.ticket]);
    }
    let new = id(&ticket(s, &stage.boss, place.tenant).await["id"]);
    if route.path.contains("/file-links/") {
        let ticket = ticket(s, &stage.boss, place.tenant).await;
        let file = AttachmentId(id(&ticket["messages"][0]["attachments"][0]["id"]));
        let of = TicketId(id(&ticket["id"]));
        let made = links::ensure(&s.app.db, &s.app.keys, place.tenant, of, &[file]).await.expect("a link");
        return filled(route.path, &[of.0, made[0].id.0]);
    }
    if ["/withdraw", "/send", "/cancel"].iter().any(|act| route.path.ends_with(act)) {
        let url = format!("/api/support/tickets/{new}/messages");
        let held = json!({"body": "Held", "undo_seconds": 60});
        let held = s.post(&url).bearer(&writer.token).json(held).send().await.expect(201);
        return filled(route.path, &[new, id(&held["id"])]);
    }
    if ["/messages/{message}/split", "/messages/{message}/redact"].iter().any(|act| route.path.ends_with(act)) {
        let url = format!("/api/support/tickets/{new}/messages");
        let note = json!({"body": "Another matter", "kind": "note"});
        let note = s.post(&url).bearer(&stage.boss.token).json(note).send().await.expect(201);
        return filled(route.path, &[new, id(&note["id"])]);
    }
    filled(route.path, &[new])
}

fn filled(pattern: &str, values: &[i64]) -> String {
    let mut values = values.iter();
    let part = |part: &str| match part.starts_with('{') {
        true => values.next().expect("a value for each parameter").to_string(),
        false => part.to_owned(),
    };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A fetched mailbox of the place's, a new one each time: the request may remove it. Nobody fetches it.
async fn imap_account(s: &Server, place: &Place) -> i64 {
    let new = NewImapAccount {
        mailbox: Some(MailboxId(place.mailbox)),
        host: "imap.example".to_owned(),
        port: None,
        tls: ImapTls::Implicit,
        username: None,
        auth: ImapAuth::Password,
        secret: Secret::new("secret"),
        folder: "INBOX".to_owned(),
        after_fetch: AfterFetch::Seen,
        move_to: None,
        sent_folder: None,
        since: Since::Month,
        active: false,
    };
    imap_accounts::create(&s.app, &Actor::system(), None, new).await.expect("an account").id.0
}

/// A new token of the caller; of the place's somebody, where the caller is not to have it.
async fn token(s: &Server, caller: Option<&Person>, place: &Place) -> i64 {
    let owner = caller.map_or(shared::ids::UserId(place.user), |c| c.id);
    let user = users::load(&mut s.app.db.read(Scope::All), owner).await.expect("a user");
    tokens::operator_create(&s.app.db, &user, "spare").await.expect("a token").0.id.0
}

/// Somebody who has been invited and has not chosen a password yet.
async fn invited(s: &Server, place: &Place) -> i64 {
    let new = users::NewUser {
        tenant: Some(place.tenant),
        email: format!("new{}@{}.example", rand::random::<u64>(), place.slug),
        name: None,
        role: Role::Customer,
        locale: None,
        password: None,
        extra: Default::default(),
    };
    users::create(&s.app, &Actor::system(), new).await.expect("an invited user").id.0
}

/// A new session of the caller; of the place's somebody, where the caller is not to have it.
async fn session(s: &Server, caller: Option<&Person>, place: &Place) -> i64 {
    let owner = caller.map_or(shared::ids::UserId(place.user), |c| c.id);
    let user = users::load(&mut s.app.db.read(Scope::All), owner).await.expect("a user");
    let opened = sessions::enter(&s.app, user, None, Browser::default()).await.expect("a session");
    let credential = Credential::Session(&opened.token);
    let caller = sessions::authenticate(&s.app.db, credential, None, Origin::default()).await.expect("a caller");
    let all = sessions::own::list(&s.app.db, &caller).await.expect("sessions");
    all.iter().find(|s| s.current).expect("its own").id.0
}

/// Asks, and returns what that says about access. `csrf` is what a page's form would carry.
async fn verdict(request: Request, route: &Route, csrf: &str) -> String {
    let request = match route.method {
        "GET" => request,
        _ if ["/dashboard/", "/account", "/portal"].iter().any(|p| route.path.starts_with(p)) => {
            request.body("application/x-www-form-urlencoded", format!("csrf={csrf}"))
        }
        _ => request.body("application/json", "{\"unreadable"),
    };
    let answer = request.send().await;
    match answer.status {
        401 => "login".to_owned(),
        403 => "no".to_owned(),
        404 => "-".to_owned(),
        303 if answer.header("location").is_some_and(|l| l.starts_with("/login")) => "login".to_owned(),
        405 | 500.. => format!("{} {}", answer.status, answer.text()),
        _ => "yes".to_owned(),
    }
}

async fn row(s: &Server, route: &Route, stage: &Stage, callers: &[Caller]) -> String {
    let mut line = format!("| `{} {}` |", route.method, route.path);
    let mut elsewhere: Vec<String> = Vec::new();
    for caller in callers {
        let csrf = caller.person.csrf(s);
        let ask = |path: &str| s.request(route.method, path).bearer(&caller.person.token);
        let own = path(s, route, stage, &stage.own, Some(&caller.person)).await;
        let _ = write!(line, " {} |", verdict(ask(&own), route, &csrf).await);
        if caller.name == "platform" {
            continue;
        }
        let other = path(s, route, stage, &stage.other, Some(&caller.person)).await;
        let named = route.path.contains('{');
        let request = if named { ask(&other) } else { ask(&other).header("x-tenant", stage.other.slug) };
        let verdict = verdict(request, route, &csrf).await;
        if !elsewhere.contains(&verdict) {
            elsewhere.push(verdict);
        }
    }
    let open = path(s, route, stage, &stage.own, None).await;
    let nobody = verdict(s.request(route.method, &open), route, "").await;
    let _ = writeln!(line, " {} | {nobody} |", elsewhere.join(", "));
    line
}

async fn table(s: &Server) -> String {
    let stage = stage(s).await;
    let callers = callers(s, &stage).await;
    let mut text = HEAD.to_owned();
    text.push_str("| route |");
    callers.iter().for_each(|c| text.push_str(&format!(" {} |", c.name)));
    text.push_str(" elsewhere | nobody |\n|---|");
    text.push_str(&"---|".repeat(callers.len() + 2));
    text.push('\n');
    let mut open = String::new();
    for route in api::routes::list() {
        match route.who {
            Who::User => text.push_str(&row(s, &route, &stage, &callers).await),
            Who::Anyone => open.push_str(&format!("- `{} {}`: anybody\n", route.method, route.path)),
            Who::Door => open.push_str(&format!(
                "- `{} {}`: the inbound token, or `support.mail.deliver`; on a developer's own machine anybody\n",
                route.method, route.path
            )),
            Who::Provider => open.push_str(&format!(
                "- `{} {}`: who shows the provider's signature, or the inbound token\n",
                route.method, route.path
            )),
            Who::Developer => open.push_str(&format!(
                "- `{} {}`: a developer on their own machine; elsewhere 404\n",
                route.method, route.path
            )),
        }
    }
    format!("{text}\nRoutes that ask for no user:\n\n{open}")
}

#[tokio::test]
async fn every_route_lets_in_who_the_table_says() {
    on_both(|s| async move {
        let made = table(&s).await;
        // The last but one column is another tenant's thing: nobody is told that it exists.
        let told = |line: &&str| line.starts_with("| `") && line.split('|').rev().nth(2).map(str::trim) != Some("-");
        let leaks: Vec<&str> = made.lines().filter(told).collect();
        assert!(leaks.is_empty(), "not hidden from another tenant:\n{}", leaks.join("\n"));
        let faults: Vec<&str> = made.lines().filter(|line| line.contains("| 500")).collect();
        assert!(faults.is_empty(), "the server failed:\n{}", faults.join("\n"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(FILE, &made).expect("docs/access.md is written");
        }
        let written = std::fs::read_to_string(FILE).unwrap_or_default();
        let wrong: Vec<&str> = made.lines().filter(|l| !written.lines().any(|w| w == *l)).collect();
        assert!(made == written, "docs/access.md says otherwise; the server says:\n{}", wrong.join("\n"));
        s
    })
    .await;
}
