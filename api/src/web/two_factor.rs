//! Setting up the second step of the login: a picture for the authenticator app, a code that shows it works, and ten
//! recovery codes, shown once.

use super::error;
use super::form_data::FormData;
use super::format::When;
use super::parts::{Field, Refused};
use super::reader::{self, Visit};
use super::render::{self, Page};
use crate::Api;
use crate::extract::Query;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::sessions::second::{self, Proof, Setup};
use std::fmt::Write;

/// `two_factor.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct TwoFactorPage {
    /// `off`, `setup`, `on`, or `codes` with new ones.
    pub state: &'static str,
    /// Whether the company asks for it.
    pub required: bool,
    /// The secret for the app.
    pub picture: Option<Picture>,
    /// The secret to type, in groups of four.
    pub secret: String,
    /// What is wrong with the code.
    pub code: Field,
    /// What is wrong with the password.
    pub password: Field,
    /// Whether the reader has a password; else a code is the proof.
    pub has_password: bool,
    /// New recovery codes.
    pub codes: Vec<String>,
    /// How many recovery codes are unused.
    pub left: String,
    /// Since when it is on.
    pub since: Option<When>,
    /// Where to go on.
    pub next: String,
    /// What was just done.
    pub done: Option<String>,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// A QR code as one path: a square of one unit for each dark module.
#[derive(Debug, Clone, Serialize)]
pub struct Picture {
    /// How many units wide and high, with the quiet zone.
    pub size: usize,
    /// The path.
    pub path: String,
}

/// Units of light around it (ISO/IEC 18004).
const QUIET: usize = 4;

impl Picture {
    /// Returns the picture of a text; None if it is too long for one.
    fn of(text: &str) -> Option<Picture> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (n, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            let _ = write!(path, "M{} {}h1v1h-1z", n % width + QUIET, n / width + QUIET);
        }
        Some(Picture { size: width + 2 * QUIET, path })
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    next: Option<String>,
    did: Option<String>,
}

async fn page(api: &Api, visit: &Visit) -> Result<TwoFactorPage, Problem> {
    let user = &visit.caller()?.user;
    let standing = second::standing(&api.app.db, user).await?;
    Ok(TwoFactorPage {
        state: if standing.since.is_some() { "on" } else { "off" },
        required: standing.required,
        has_password: user.has_password,
        left: standing.codes_left.to_string(),
        since: standing.since.map(|at| When::new(visit.locale, at, visit.now)),
        ..TwoFactorPage::default()
    })
}

impl TwoFactorPage {
    fn with_setup(mut self, setup: &Setup) -> TwoFactorPage {
        self.state = "setup";
        self.picture = Picture::of(&setup.uri);
        let letters: Vec<char> = setup.secret.chars().collect();
        let groups: Vec<String> = letters.chunks(4).map(|four| four.iter().collect()).collect();
        self.secret = groups.join(" ");
        self
    }

    fn refuse(mut self, visit: &Visit, problem: Problem) -> Result<Response, Problem> {
        let shown = problem.shown();
        if shown.status >= 500 {
            return Err(problem);
        }
        for wrong in &shown.errors {
            let text = Some(error::field_text(visit.locale, wrong));
            match wrong.field.as_str() {
                "password" => self.password.error = text,
                "code" => self.code.error = text,
                _ => {}
            }
        }
        let id_of = |field: &str| ["code", "password"].into_iter().find(|id| *id == field);
        self.refused = Some(error::refused(visit.locale, shown, id_of));
        Ok(render::page(shown.http_status(), &visit.shell("account"), &self))
    }
}

/// `GET /account/two-factor`
///
/// # Errors
/// 401.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let mut page = page(&api, &visit).await?;
    page.next = params.next.as_deref().and_then(reader::own_path).unwrap_or_default().to_owned();
    page.done = super::mail::done(visit.locale, params.did.as_deref());
    Ok(render::page(StatusCode::OK, &visit.shell("account"), &page))
}

/// `POST /account/two-factor`: shows the secret.
///
/// # Errors
/// 401, 403 for who is no agent, 409 if it is on.
pub async fn begin(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let setup = second::begin_setup(&api.app, visit.caller()?).await?;
    let mut page = page(&api, &visit).await?.with_setup(&setup);
    page.next = reader::own_path(form.get("next")).unwrap_or_default().to_owned();
    Ok(render::page(StatusCode::OK, &visit.shell("account"), &page))
}

/// `POST /account/two-factor/confirm`: switches it on and shows the recovery codes.
///
/// # Errors
/// 401; a refusal shows the page again.
pub async fn confirm(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let caller = visit.caller()?;
    let next = reader::own_path(form.get("next")).unwrap_or_default().to_owned();
    match second::confirm(&api.app, caller, form.get("code")).await {
        Ok(codes) => Ok(with_codes(&visit, TwoFactorPage { next, ..page(&api, &visit).await? }, codes)),
        Err(e) => {
            let setup = second::begin_setup(&api.app, caller).await?;
            let page = TwoFactorPage { next, ..page(&api, &visit).await?.with_setup(&setup) };
            page.refuse(&visit, e.into())
        }
    }
}

fn with_codes(visit: &Visit, page: TwoFactorPage, codes: Vec<String>) -> Response {
    let page = TwoFactorPage { state: "codes", codes, ..page };
    render::page(StatusCode::OK, &visit.shell("account"), &page)
}

fn proof(form: &FormData) -> Proof {
    let said = |name: &str| Some(form.text(name).to_owned()).filter(|text| !text.is_empty());
    Proof { password: said("password"), code: said("code") }
}

/// `POST /account/two-factor/disable`
///
/// # Errors
/// 401; a refusal shows the page again.
pub async fn disable(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    match second::disable(&api.app, visit.caller()?, proof(&form)).await {
        Ok(()) => Ok(Redirect::to("/account/two-factor?did=two-factor-off").into_response()),
        Err(e) => page(&api, &visit).await?.refuse(&visit, e.into()),
    }
}

/// `POST /account/two-factor/codes`: makes new recovery codes.
///
/// # Errors
/// 401; a refusal shows the page again.
pub async fn renew(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    match second::renew_codes(&api.app, visit.caller()?, proof(&form)).await {
        Ok(codes) => Ok(with_codes(&visit, page(&api, &visit).await?, codes)),
        Err(e) => page(&api, &visit).await?.refuse(&visit, e.into()),
    }
}

impl Page for TwoFactorPage {
    const TEMPLATE: &'static str = "two_factor";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "two-factor", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let setup = Setup { secret: "GEZDGNBVGY3TQOJQ".into(), uri: "otpauth://totp/Desk:ann?secret=GEZDGNBV".into() };
        let now = shared::clock::now();
        let off = TwoFactorPage { state: "off", required: true, left: "0".into(), ..TwoFactorPage::default() };
        let wrong = Field { value: String::new(), error: Some("Wrong.".into()) };
        let on = TwoFactorPage {
            state: "on",
            left: "9".into(),
            since: Some(When::new(Locale::En, now, now)),
            has_password: true,
            done: Some("Done.".into()),
            ..TwoFactorPage::default()
        };
        let refused = Refused { text: "No.".into(), fields: vec![] };
        vec![
            off.clone(),
            TwoFactorPage { code: wrong.clone(), refused: Some(refused), ..off.with_setup(&setup) },
            TwoFactorPage { state: "codes", codes: vec!["abcde-fghij".into()], next: "/portal".into(), ..on.clone() },
            TwoFactorPage { has_password: false, code: wrong.clone(), ..on.clone() },
            TwoFactorPage { password: wrong, ..on },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_a_square_with_its_corners() {
        let picture = Picture::of("otpauth://totp/Desk:ann%40desk.example?secret=GEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!((picture.size - 2 * QUIET) % 4, 1, "17 + 4n modules");
        let far = picture.size - QUIET - 1;
        for corner in [format!("M{QUIET} {QUIET}h"), format!("M{far} {QUIET}h"), format!("M{QUIET} {far}h")] {
            assert!(picture.path.contains(&corner), "{corner}");
        }
        assert!(Picture::of(&"x".repeat(5000)).is_none());
    }
}
