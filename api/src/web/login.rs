//! Signing in and out.

use super::parts::Refused;
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

/// `login.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct LoginPage {
    /// The address as typed.
    pub email: String,
    /// Where to go after it: a path of our own.
    pub next: String,
    /// A page asked for it, rather than the reader.
    pub asked: bool,
    /// The password fits in more than one tenant.
    pub ask_tenant: bool,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "login";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "sign-in", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let refused = Refused { text: "Address and password do not match.".into(), fields: vec![] };
        vec![
            LoginPage { next: "/dashboard/support".into(), asked: true, ..Default::default() },
            LoginPage { email: "a@b.example".into(), ask_tenant: true, refused: Some(refused), ..Default::default() },
        ]
    }
}
