//! Who reads a page and how: the session, language and appearance, from cookies and headers.

use super::form_data;
use super::format::{self, Now};
use super::render::{Me, Shell};
use crate::Api;
use crate::extract::{Caller, Peer, caller};
use crate::problem::{Problem, codes};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use shared::access::{Actor, Capability, Origin};
use shared::clock;
use shared::i18n::{self, Locale};
use shared::saved_views::{self, SavedView};
use shared::sessions::Browser;
use shared::tickets::counts::{self, Count};
use shared::tickets::{self, View};
use shared::users;
use shared::zone::Zone;

/// A look at a page.
pub struct Visit {
    /// The language of the page.
    pub locale: Locale,
    /// The present moment by the reader's clock, for all times on the page.
    pub now: Now,
    /// Where the request came from, for throttling and the audit.
    pub origin: Origin,
    /// The browser's name for itself.
    pub user_agent: Option<String>,
    /// The browser fetches the page ahead, and may never show it.
    pub ahead: bool,
    caller: Option<Caller>,
    theme: Option<String>,
    csrf: String,
    here: String,
    dev: bool,
    site: String,
    rail: Rail,
}

/// What a page's rail says beside its links.
#[derive(Debug, Default)]
struct Rail {
    counts: Vec<(View, Count)>,
    saved: Vec<(SavedView, Option<Count>)>,
}

impl FromRequestParts<Api> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Visit, Problem> {
        let Ok(peer) = Peer::from_request_parts(parts, api).await;
        let origin = caller::origin(parts, api).await;
        let caller = <Caller as OptionalFromRequestParts<Api>>::from_request_parts(parts, api).await?;
        let rail = rail(api, caller.as_ref(), parts).await;
        let headers = &parts.headers;
        let own = caller.as_ref().and_then(|c| c.user.locale);
        let locale = own.unwrap_or_else(|| locale(headers, Locale::En));
        Ok(Visit {
            locale,
            now: Now::new(clock::now(), zone(api, caller.as_ref()).await),
            user_agent: headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned),
            ahead: headers.get("sec-purpose").is_some_and(|v| v.as_bytes().starts_with(b"prefetch")),
            theme: cookie(headers, THEME_COOKIE).map(str::to_owned),
            csrf: form_data::token(api, caller.as_ref()),
            here: parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
            dev: api.app.config.is_development() && peer.local,
            site: i18n::text(locale, "brand", &[]),
            origin,
            caller,
            rail,
        })
    }
}

impl Visit {
    /// Returns who is logged in.
    ///
    /// # Errors
    /// 401, which leads a browser to the login.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(|| Problem::new(codes::UNAUTHENTICATED))
    }

    /// Returns who acts.
    ///
    /// # Errors
    /// 401.
    pub fn actor(&self) -> Result<&Actor, Problem> {
        Ok(&self.caller()?.actor)
    }

    /// Returns who is logged in, if anybody is.
    pub fn known(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Whether the reader is on the helping side.
    pub fn is_agent(&self) -> bool {
        self.caller.as_ref().is_some_and(|c| c.actor.is_agent())
    }

    /// Returns what is known of the browser, for a login.
    pub fn browser(&self) -> Browser<'_> {
        Browser { user_agent: self.user_agent.as_deref(), origin: self.origin.clone() }
    }

    /// Returns this page's path and query.
    pub fn here(&self) -> &str {
        &self.here
    }

    /// Asks that this is a developer at their own machine.
    ///
    /// # Errors
    /// 404: elsewhere the page does not exist.
    pub fn developer(&self) -> Result<(), Problem> {
        if self.dev { Ok(()) } else { Err(Problem::new(codes::NOT_FOUND)) }
    }

    /// Returns the frame of a page that stands at `key` of the rail.
    pub fn shell(&self, key: &str) -> Shell {
        let shell =
            Shell::new(self.locale, self.theme.as_deref(), self.csrf.clone(), self.here.clone(), self.site.clone());
        let Some(caller) = &self.caller else {
            return if self.dev { shell.with_tools(false, true).at(key) } else { shell };
        };
        let name = caller.user.name.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| caller.user.email.clone());
        let me = Me { initials: format::initials(&name), email: caller.user.email.clone(), name };
        let mail = caller.actor.can(Capability::MailRead);
        let (views, agent) = (View::of(&caller.actor), caller.actor.is_agent());
        shell
            .with_user(me, views, agent, mail, self.dev)
            .with_counts(&self.rail.counts)
            .with_saved(&self.rail.saved)
            .at(key)
    }
}

/// The time zone that the reader chose. A page in UTC is better than none.
async fn zone(api: &Api, caller: Option<&Caller>) -> Option<Zone> {
    let chosen = users::time_zone(&api.app.db, caller?.user.id).await.unwrap_or_else(|e| {
        tracing::warn!(error = &e as &dyn std::error::Error, "the reader's time zone cannot be had");
        None
    });
    Zone::named(&chosen?)
}

/// What the rail of a page says; nothing where no page is drawn. A page without its counts is better than none.
async fn rail(api: &Api, caller: Option<&Caller>, parts: &Parts) -> Rail {
    let Some(caller) = caller.filter(|_| parts.uri.path().starts_with("/dashboard")) else { return Rail::default() };
    // Forms mostly answer with a way on.
    let counted = parts.method == Method::GET;
    read_rail(api, &caller.actor, counted).await.unwrap_or_else(|e| {
        tracing::warn!(error = &e as &dyn std::error::Error, "the views cannot be counted");
        Rail::default()
    })
}

async fn read_rail(api: &Api, actor: &Actor, counted: bool) -> tickets::Result<Rail> {
    let mut rail = Rail::default();
    for (i, view) in saved_views::list(&api.app.db, actor).await?.into_iter().enumerate() {
        let count = match counted && i < COUNTED {
            true => Some(api.app.counts.of(&api.app, actor, &view.count_key(), &view.filter()).await?),
            false => None,
        };
        rail.saved.push((view, count));
    }
    if counted && actor.can(Capability::TicketsRead) {
        rail.counts = counts::of_views(&api.app, actor).await?;
    }
    Ok(rail)
}

/// So many saved views say how many tickets they have.
const COUNTED: usize = 20;

/// The cookie of the theme switch.
pub const THEME_COOKIE: &str = "theme";

/// Returns a cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(n, value)| (n == name).then_some(value))
}

/// Returns the language for somebody of whom no choice is known: what the browser asks for, else `other`.
pub fn locale(headers: &HeaderMap, other: Locale) -> Locale {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).and_then(Locale::negotiate).unwrap_or(other)
}

/// Returns `path` if it leads to a place of our own: what a form or an address says is not to be trusted with more.
pub fn own_path(path: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    (path.starts_with('/') && !path.starts_with("//") && path.chars().all(plain)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; theme=dark".parse().unwrap());
        headers.append(header::COOKIE, "postroom=x=y".parse().unwrap());
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "postroom"), Some("x=y"));
        assert_eq!(cookie(&headers, "them"), None);
    }

    #[test]
    fn only_own_paths_are_followed() {
        assert_eq!(own_path("/dashboard/support?view=mine&q=a%20b"), Some("/dashboard/support?view=mine&q=a%20b"));
        for foreign in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "javascript:x", "/a\nb", "/a b"]
        {
            assert_eq!(own_path(foreign), None, "{foreign:?}");
        }
    }
}
