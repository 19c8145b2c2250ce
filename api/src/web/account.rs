//! Everybody's own account: name and language, password, where they are signed in, which mail they want, API tokens.

use super::form_data::FormData;
use super::format::When;
use super::parts::{Choice, Field, Refused, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::{error, mail};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Duration;
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::ids::{SessionId, TokenId};
use shared::mail_out::unsubscribe::Sort;
use shared::sessions::tokens::{self, NewToken};
use shared::sessions::{self, ApiToken, OwnSession, own};
use shared::users::{self, OwnChange};

/// How many tokens the page lists.
const TOKENS: u32 = 100;
/// For how many days a token can be made; empty: until it is revoked.
const LASTS: [&str; 4] = ["30", "90", "365", "never"];

/// `account.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct AccountPage {
    /// Whose it is.
    pub email: String,
    /// What they are called.
    pub name: Field,
    /// The languages.
    pub locales: Vec<Choice>,
    /// The time zone that they live by.
    pub time_zone: Field,
    /// Whether they put tickets off, by words that are meant in it.
    pub snoozes: bool,
    /// Whether they have a password.
    pub has_password: bool,
    /// What is wrong with the present password.
    pub current_password: Field,
    /// What is wrong with the new one.
    pub password: Field,
    /// `on`, `off`; None for who has no second step.
    pub two_factor: Option<&'static str>,
    /// Which mail they want.
    pub sorts: Vec<Choice>,
    /// Where they are signed in.
    pub sessions: Vec<SessionRow>,
    /// Whether there are sessions beside this one.
    pub others: bool,
    /// Their API tokens.
    pub tokens: Vec<TokenRow>,
    /// The name of a token to be made.
    pub token: Field,
    /// For how long it can last.
    pub lasts: Vec<Choice>,
    /// A token just made: shown this once.
    pub made: Option<String>,
    /// What was just done.
    pub done: Option<String>,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// A session.
#[derive(Debug, Clone, Serialize)]
pub struct SessionRow {
    /// Its row.
    pub id: i64,
    /// Browser and system.
    pub device: String,
    /// Where it was opened from.
    pub address: Option<String>,
    /// When it was last used.
    pub used: When,
    /// Whether it is this one.
    pub current: bool,
}

/// An API token.
#[derive(Debug, Clone, Serialize)]
pub struct TokenRow {
    /// Its row.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub since: When,
    /// Until when it works.
    pub until: Option<When>,
    /// When it was last used.
    pub used: Option<When>,
}

impl SessionRow {
    fn new(visit: &Visit, s: OwnSession) -> SessionRow {
        SessionRow {
            id: s.id.0,
            device: device(visit.locale, s.user_agent.as_deref().unwrap_or_default()),
            address: s.address,
            used: When::new(visit.locale, if s.current { *visit.now } else { s.last_seen_at }, visit.now),
            current: s.current,
        }
    }
}

impl TokenRow {
    fn new(visit: &Visit, t: ApiToken) -> TokenRow {
        let when = |at| When::new(visit.locale, at, visit.now);
        TokenRow {
            id: t.id.0,
            name: t.name,
            since: when(t.created_at),
            until: t.expires_at.map(when),
            used: t.last_used_at.map(when),
        }
    }
}

/// Returns browser and system in words, as far as the browser's name for itself tells.
fn device(locale: Locale, agent: &str) -> String {
    // Each of the later ones says that it is the earlier ones, too.
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let named =
        |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => {
            i18n::text(locale, "session-device", &[("browser", browser), ("system", system)])
        }
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) if agent.is_empty() => i18n::text(locale, "session-unknown", &[]),
        (None, None) => agent.chars().take(60).collect(),
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    did: Option<String>,
}

async fn page(api: &Api, visit: &Visit) -> Result<AccountPage, Problem> {
    let caller = visit.caller()?;
    let (db, user, locale) = (&api.app.db, &caller.user, visit.locale);
    let languages: Vec<&str> = Locale::ALL.iter().map(|l| l.as_str()).collect();
    let own_language = user.locale.map_or("", Locale::as_str);
    let wanted = users::preferences(db, user).await?;
    let sort = |(sort, on): (Sort, bool)| Choice {
        value: sort.to_string(),
        label: i18n::word(locale, "unsubscribe-sort", sort.as_str()),
        chosen: on,
    };
    let sessions = own::list(db, caller).await?;
    let tokens = tokens::list(db, user.id, None, (TOKENS, 0)).await?;
    Ok(AccountPage {
        email: user.email.clone(),
        name: Field::of(user.name.clone().unwrap_or_default()),
        time_zone: Field::of(users::time_zone(db, user.id).await?.unwrap_or_default()),
        snoozes: user.role.is_agent(),
        locales: choices(locale, "language", &languages, own_language, Some("language-none")),
        has_password: user.has_password,
        two_factor: user.role.is_agent().then_some(if user.two_factor { "on" } else { "off" }),
        sorts: wanted.into_iter().map(sort).collect(),
        others: sessions.iter().any(|s| !s.current),
        sessions: sessions.into_iter().map(|s| SessionRow::new(visit, s)).collect(),
        tokens: tokens.into_iter().map(|t| TokenRow::new(visit, t)).collect(),
        lasts: choices(locale, "token-lasts", &LASTS, "90", None),
        ..AccountPage::default()
    })
}

fn shown(visit: &Visit, page: &AccountPage, status: StatusCode) -> Response {
    render::page(status, &visit.shell("account"), page)
}

/// The page again, with what was typed (which `fill` puts back) and what is wrong with it.
async fn again(
    api: &Api,
    visit: &Visit,
    problem: Problem,
    fill: impl FnOnce(&mut AccountPage),
) -> Result<Response, Problem> {
    let said = problem.shown();
    if said.status >= 500 {
        return Err(problem);
    }
    let mut again = page(api, visit).await?;
    fill(&mut again);
    for wrong in &said.errors {
        let text = Some(error::field_text(visit.locale, wrong));
        match wrong.field.as_str() {
            "name" => again.name.error = text,
            "token" => again.token.error = text,
            "current_password" => again.current_password.error = text,
            "password" => again.password.error = text,
            "time_zone" => again.time_zone.error = text,
            _ => {}
        }
    }
    again.refused = Some(error::refused(visit.locale, said, field_id));
    Ok(shown(visit, &again, said.http_status()))
}

fn field_id(field: &str) -> Option<&'static str> {
    ["name", "token", "current_password", "password", "time_zone"].into_iter().find(|id| *id == field)
}

fn back(did: &str) -> Response {
    Redirect::to(&format!("/account?did={did}")).into_response()
}

/// `GET /account`
///
/// # Errors
/// 401.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let mut page = page(&api, &visit).await?;
    page.done = mail::done(visit.locale, params.did.as_deref());
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /account`: name and language.
///
/// # Errors
/// 401; a refusal shows the page again.
pub async fn change(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let caller = visit.caller()?;
    let change = OwnChange {
        name: Some(form.some("name").map(str::to_owned)),
        locale: Some(form.some("locale").and_then(|l| l.parse().ok())),
        time_zone: Some(form.some("time_zone").map(|zone| zone.trim().to_owned())),
        ..OwnChange::default()
    };
    match users::change_own(&api.app.db, &caller.actor, caller.user.id, change).await {
        Ok(_) => Ok(back("account")),
        Err(e) => {
            again(&api, &visit, e.into(), |page| {
                page.name.value = form.get("name").to_owned();
                page.time_zone.value = form.get("time_zone").to_owned();
            })
            .await
        }
    }
}

/// `POST /account/mail`: which mail is wanted; what is not ticked is not.
///
/// # Errors
/// 401.
pub async fn change_mail(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let caller = visit.caller()?;
    let offered = Sort::ALL.iter().copied().filter(|s| s.is_for(caller.user.role));
    let preferences = offered.map(|sort| (sort, form.some(sort.as_str()).is_some())).collect();
    let change = OwnChange { preferences, ..OwnChange::default() };
    users::change_own(&api.app.db, &caller.actor, caller.user.id, change).await?;
    Ok(back("account"))
}

/// `POST /account/password`
///
/// # Errors
/// 401; a refusal shows the page again.
pub async fn change_password(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let (present, new) = (form.text("current_password"), form.text("password").to_owned());
    match sessions::change_password(&api.app.db, visit.caller()?, present, new).await {
        Ok(()) => Ok(back("own-password")),
        Err(e) => again(&api, &visit, e.into(), |_| {}).await,
    }
}

/// `POST /account/sessions/{id}/end`
///
/// # Errors
/// 401, 404.
pub async fn end_session(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<SessionId>,
    _: FormData,
) -> Result<Response, Problem> {
    own::revoke(&api.app.db, visit.caller()?, id).await?;
    Ok(back("session"))
}

/// `POST /account/sessions/end`: all but this one.
///
/// # Errors
/// 401.
pub async fn end_others(State(api): State<Api>, visit: Visit, _: FormData) -> Result<Response, Problem> {
    own::revoke_others(&api.app.db, visit.caller()?).await?;
    Ok(back("session"))
}

/// `POST /account/tokens`: makes one and shows its secret, this once.
///
/// # Errors
/// 401; a refusal shows the page again.
pub async fn make_token(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let days = form.get("lasts").parse().ok().filter(|days| (1..=3650).contains(days));
    let new = NewToken {
        name: form.get("token").to_owned(),
        expires_at: days.map(|days| *visit.now + Duration::days(days)),
        limit: None,
    };
    match tokens::create(&api.app.db, visit.caller()?, new).await {
        Ok((_, secret)) => {
            let page = AccountPage { made: Some(secret), ..page(&api, &visit).await? };
            Ok(shown(&visit, &page, StatusCode::CREATED))
        }
        Err(e) => {
            let problem = Problem::from(e);
            let problem = match problem.shown().errors.first() {
                // The verb's name is this form's token.
                Some(wrong) => {
                    let (code, message) = (wrong.code, wrong.message.clone());
                    Problem::new(codes::VALIDATION_FAILED)
                        .with_errors(vec![crate::problem::FieldError::new("token", code, message)])
                }
                None => problem,
            };
            again(&api, &visit, problem, |page| page.token.value = form.get("token").to_owned()).await
        }
    }
}

/// `POST /account/tokens/{id}/revoke`
///
/// # Errors
/// 401, 404.
pub async fn revoke_token(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<TokenId>,
    _: FormData,
) -> Result<Response, Problem> {
    tokens::revoke(&api.app.db, visit.caller()?, id).await?;
    Ok(back("token"))
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "account";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "account", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let session = |id, current| SessionRow {
            id,
            device: "Firefox, Linux".into(),
            address: Some("192.0.2.1".into()),
            used: at.clone(),
            current,
        };
        let token = |id| TokenRow {
            id,
            name: "Reports".into(),
            since: at.clone(),
            until: (id == 1).then(|| at.clone()),
            used: (id == 1).then(|| at.clone()),
        };
        let wrong = Field { value: "x".into(), error: Some("Wrong.".into()) };
        let full = AccountPage {
            email: "ann@desk.example".into(),
            name: Field::of("Ann"),
            locales: choices(Locale::En, "language", &["en", "de"], "en", Some("language-none")),
            has_password: true,
            two_factor: Some("on"),
            sorts: vec![Choice { value: "notices".into(), label: "Notices".into(), chosen: true }],
            sessions: vec![session(1, true), session(2, false)],
            others: true,
            tokens: vec![token(1), token(2)],
            lasts: choices(Locale::En, "token-lasts", &LASTS, "90", None),
            made: Some("pr_secret".into()),
            ..AccountPage::default()
        };
        let refused = Refused { text: "No.".into(), fields: vec![] };
        vec![
            AccountPage {
                refused: Some(refused),
                name: wrong.clone(),
                token: wrong.clone(),
                password: wrong.clone(),
                current_password: wrong,
                two_factor: Some("off"),
                ..full.clone()
            },
            full,
            AccountPage { done: Some("Kept.".into()), ..AccountPage::default() },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_people_know_them() {
        let named = |agent: &str| device(Locale::En, agent);
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!(named(chrome), "Chrome on Windows");
        assert_eq!(named(&format!("{chrome} Edg/140.0")), "Edge on Windows");
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(named(iphone), "Safari on iPhone");
        assert_eq!(named("curl/8.5.0"), "curl");
        assert_eq!(named(""), "Unknown device");
        assert_eq!(named("Reporter 1"), "Reporter 1");
    }
}
