//! Turns a page struct into HTML: the template registry, the frame around every page, and its headers.
//!
//! One struct per template ([`Page`]). The registry is strict, so that a template cannot name a field that its
//! struct lacks, and it is compiled once at the start. Templates hold no words: those come from the catalogue.

use super::{format, helpers};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use handlebars::Handlebars;
use rust_embed::RustEmbed;
use serde::Serialize;
use shared::clock::now;
use shared::i18n::{self, Locale};
use shared::ids::TicketId;
use shared::live::Mark;
use shared::saved_views::SavedView;
use shared::tickets::View;
use shared::tickets::counts::Count;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "../templates/web"]
#[include = "*.hbs"]
struct Templates;

/// What a template shows: its data and its name.
pub trait Page: Serialize {
    /// The template's file in `templates/web`, without `.hbs`.
    const TEMPLATE: &'static str;
    /// Returns the page's name for the browser's title line.
    fn title(&self, locale: Locale) -> String;
    /// Returns pages with invented content, each way the template can look: all are rendered in tests.
    #[cfg(test)]
    fn samples() -> Vec<Self>
    where
        Self: Sized;
}

/// The frame of a page: who looks at it, in what language, and what leads elsewhere.
#[derive(Debug, Clone, Serialize)]
pub struct Shell {
    /// The reader's language.
    pub locale: Locale,
    /// `light` or `dark` where the reader chose; None follows the system.
    pub theme: Option<&'static str>,
    /// The choices of the theme switch.
    pub themes: Vec<ThemeChoice>,
    /// The token that every form carries.
    pub csrf: String,
    /// This page's path and query, for forms that lead back to it.
    pub here: String,
    /// The name of the site: the tenant's, for customers.
    pub site: String,
    /// Who is logged in.
    pub user: Option<Me>,
    /// Where their tickets are.
    pub home: &'static str,
    /// Whether the reader has signed in, as far as is known: a refusal knows the cookie alone.
    pub member: bool,
    /// The queue's views.
    pub views: Vec<NavItem>,
    /// The saved views.
    pub saved: Vec<SavedItem>,
    /// What stands below the views.
    pub tools: Vec<NavItem>,
    /// What the keyboard does.
    pub keys: Vec<super::keys::Shown>,
    /// Where style, icon and script lie.
    pub assets: super::assets::Links,
    /// Changes after this are told to the page.
    pub mark: String,
    /// Narrow margins, as the page's template says.
    slim: bool,
}

/// One choice of the theme switch.
#[derive(Debug, Clone, Serialize)]
pub struct ThemeChoice {
    /// `system`, `light`, `dark`.
    pub value: &'static str,
    /// The icon.
    pub glyph: &'static str,
    /// Whether it is on.
    pub chosen: bool,
}

/// The user who is logged in.
#[derive(Debug, Clone, Serialize)]
pub struct Me {
    /// What to call them.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Up to two letters.
    pub initials: String,
}

/// A link of the rail.
#[derive(Debug, Clone, Serialize)]
pub struct NavItem {
    /// The word's key: `view-<key>` or `tool-<key>`.
    pub key: &'static str,
    /// The icon.
    pub glyph: &'static str,
    /// Where it leads.
    pub href: String,
    /// Whether this page is it.
    pub current: bool,
    /// How many tickets stand there.
    pub count: Option<Tally>,
}

/// A saved view in the rail.
#[derive(Debug, Clone, Serialize)]
pub struct SavedItem {
    /// What it is called.
    pub name: String,
    /// Where it leads.
    pub href: String,
    /// Whether others see it, too.
    pub shared: bool,
    /// Whether this page is it.
    pub current: bool,
    /// How many tickets stand there.
    pub count: Option<Tally>,
    key: String,
}

/// A count of the rail.
#[derive(Debug, Clone, Serialize)]
pub struct Tally {
    /// The number: `1,284`, `999+`.
    pub text: String,
    /// Whether it calls for somebody.
    pub late: bool,
}

impl Tally {
    fn new(locale: Locale, count: Count, late: bool) -> Tally {
        let more = if count.more { "+" } else { "" };
        Tally { text: format!("{}{more}", format::number(locale, count.n)), late }
    }
}

impl NavItem {
    fn new(key: &'static str, glyph: &'static str, href: impl Into<String>) -> NavItem {
        NavItem { key, glyph, href: href.into(), current: false, count: None }
    }
}

/// A view's icon.
fn glyph(view: View) -> &'static str {
    match view {
        View::Mine => "me",
        View::Unassigned => "unassigned",
        View::Open => "mail",
        View::Waiting => "wait",
        View::AtRisk => "clock",
        View::Snoozed => "snooze",
        View::All => "all",
    }
}

/// Where agents land who have signed in.
const AGENTS_HOME: &str = "/dashboard/support";

/// Returns where somebody lands who has signed in, by their side.
pub fn home(agent: bool) -> &'static str {
    if agent { AGENTS_HOME } else { "/portal" }
}

impl Shell {
    /// Returns the frame for a reader. `theme` is the cookie's value; anything unknown follows the system.
    pub fn new(locale: Locale, theme: Option<&str>, csrf: String, here: String, site: String) -> Shell {
        let theme = ["light", "dark"].into_iter().find(|t| Some(*t) == theme);
        let choice = |value, glyph| ThemeChoice { value, glyph, chosen: theme.unwrap_or("system") == value };
        Shell {
            locale,
            theme,
            themes: vec![choice("system", "system"), choice("light", "sun"), choice("dark", "moon")],
            csrf,
            here,
            site,
            user: None,
            home: AGENTS_HOME,
            member: false,
            views: Vec::new(),
            saved: Vec::new(),
            tools: Vec::new(),
            keys: super::keys::shown(false),
            assets: super::assets::links(),
            mark: Mark { at: now(), ticket: TicketId(0), seq: 0 }.to_string(),
            slim: false,
        }
    }

    /// Adds the logged-in reader and the rail: their views, and an agent's or a customer's tools.
    pub fn with_user(mut self, me: Me, views: &[View], agent: bool, mail: bool, dev: bool) -> Shell {
        self.user = Some(me);
        self.member = true;
        self.home = home(agent);
        self.keys = super::keys::shown(agent);
        let item = |v: &View| NavItem::new(v.as_str(), glyph(*v), format!("/dashboard/support?view={v}"));
        self.views = views.iter().map(item).collect();
        if agent {
            self.tools.push(NavItem::new("joins", "merge", "/dashboard/support/joins"));
        }
        self.with_tools(mail, dev)
    }

    /// Adds how many tickets stand in the views.
    pub fn with_counts(mut self, counts: &[(View, Count)]) -> Shell {
        for (view, count) in counts {
            let item = self.views.iter_mut().find(|item| item.key == view.as_str());
            let late = *view == View::AtRisk && count.n > 0;
            item.into_iter().for_each(|item| item.count = Some(Tally::new(self.locale, *count, late)));
        }
        self
    }

    /// Adds the saved views.
    pub fn with_saved(mut self, saved: &[(SavedView, Option<Count>)]) -> Shell {
        let item = |(view, count): &(SavedView, Option<Count>)| SavedItem {
            name: view.name.clone(),
            href: format!("/dashboard/support?saved={}", view.id),
            shared: view.shared,
            current: false,
            count: count.map(|count| Tally::new(self.locale, count, false)),
            key: format!("saved-{}", view.id),
        };
        self.saved = saved.iter().map(item).collect();
        self
    }

    /// Adds what stands below the views.
    pub fn with_tools(mut self, mail: bool, dev: bool) -> Shell {
        if mail {
            self.tools.push(NavItem::new("mail", "tray", "/dashboard/mail"));
            self.tools.push(NavItem::new("settings", "settings", "/dashboard/settings"));
        }
        if dev {
            self.tools.push(NavItem::new("captured", "eye", "/dev/mail"));
            self.tools.push(NavItem::new("inbound", "bug", "/dev/inbound"));
        }
        self
    }

    /// Marks where in the rail this page stands.
    pub fn at(mut self, key: &str) -> Shell {
        for item in self.views.iter_mut().chain(&mut self.tools) {
            item.current = item.key == key;
        }
        self.saved.iter_mut().for_each(|item| item.current = item.key == key);
        self
    }
}

#[derive(Serialize)]
struct Root<'a, P: Page> {
    #[serde(flatten)]
    shell: &'a Shell,
    title: String,
    // The layouts' parameters; a template that includes one sets them.
    app_class: &'a str,
    #[serde(flatten)]
    page: &'a P,
}

static REGISTRY: LazyLock<Result<Handlebars<'static>, String>> = LazyLock::new(registry);

fn registry() -> Result<Handlebars<'static>, String> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    i18n::register(&mut registry);
    helpers::register(&mut registry);
    for file in Templates::iter() {
        let bytes = Templates::get(&file).ok_or_else(|| format!("{file}: not embedded"))?.data;
        let text = std::str::from_utf8(&bytes).map_err(|e| format!("{file}: {e}"))?;
        let name = file.rsplit('/').next().unwrap_or(&file).trim_end_matches(".hbs");
        registry.register_template_string(name, text).map_err(|e| format!("{file}: {e}"))?;
    }
    Ok(registry)
}

/// Compiles all templates, so that the server refuses to start with a broken one.
///
/// # Errors
/// The first template that does not compile, and why.
pub fn check() -> Result<(), String> {
    REGISTRY.as_ref().map(|_| ()).map_err(Clone::clone)
}

/// Returns the page as HTML text.
///
/// # Errors
/// The template names what its data lacks, or a text that the catalogue lacks: tests render every sample.
pub fn html<P: Page>(shell: &Shell, page: &P) -> Result<String, String> {
    let registry = REGISTRY.as_ref().map_err(Clone::clone)?;
    let root = Root { shell, title: page.title(shell.locale), app_class: "", page };
    registry.render(P::TEMPLATE, &root).map_err(|e| e.to_string())
}

/// Answers with a page.
pub fn page<P: Page>(status: StatusCode, shell: &Shell, page: &P) -> Response {
    match html(shell, page) {
        Ok(text) => with_headers((status, Html(text)).into_response()),
        Err(error) => {
            tracing::error!(template = P::TEMPLATE, %error, "page could not be rendered");
            let text = i18n::text(shell.locale, "problem-internal_error", &[]);
            with_headers((StatusCode::INTERNAL_SERVER_ERROR, text).into_response())
        }
    }
}

/// What pages may load: their own style, script, images and frames, nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Cookie, Accept-Language"));
    // Tickets that somebody is about to open are fetched ahead: see ahead.js.
    if let Some(rules) = super::assets::rules() {
        headers.insert("speculation-rules", rules);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web;
    use std::collections::BTreeSet;

    fn shells() -> Vec<Shell> {
        let me = Me { name: "Mara Lindqvist".into(), email: "mara@desk.example".into(), initials: "ML".into() };
        let new = |l| Shell::new(l, Some("dark"), "token".into(), "/dashboard/support?q=a&b".into(), "Desk".into());
        Locale::ALL
            .iter()
            .flat_map(|l| {
                [
                    new(*l),
                    new(*l)
                        .with_user(me.clone(), View::ALL, true, true, true)
                        .with_counts(&[
                            (View::Open, Count { n: 1284, more: false }),
                            (View::AtRisk, Count { n: 3, more: false }),
                        ])
                        .with_saved(&[(saved(), Some(Count { n: 999, more: true }))])
                        .at("open"),
                ]
            })
            .collect()
    }

    fn saved() -> SavedView {
        SavedView {
            id: shared::ids::SavedViewId(1),
            tenant_id: None,
            owner_id: shared::ids::UserId(1),
            shared: true,
            name: "<Frankfurt>".into(),
            query: "move".into(),
            sort: "-priority".into(),
            position: 1,
            created_at: now(),
            updated_at: now(),
        }
    }

    fn every_sample<P: Page>(seen: &mut BTreeSet<&'static str>) {
        seen.insert(P::TEMPLATE);
        let samples = P::samples();
        assert!(!samples.is_empty());
        for shell in shells() {
            for sample in &samples {
                let html = html(&shell, sample).unwrap_or_else(|e| panic!("{} in {}: {e}", P::TEMPLATE, shell.locale));
                assert!(html.contains("</html>") && html.contains("id=\"main\""), "{}", P::TEMPLATE);
                assert!(!html.contains("style=\"") && !html.contains("<style"), "{} styles inline", P::TEMPLATE);
                assert!(!html.contains(" onclick=") && !html.contains("<script>"), "{} scripts inline", P::TEMPLATE);
                let posts = html.matches("method=\"post\"").count();
                assert_eq!(html.matches("name=\"csrf\"").count(), posts, "{}: a form without token", P::TEMPLATE);
                let ids: Vec<_> = html.split(" id=\"").skip(1).filter_map(|p| p.split('"').next()).collect();
                let unique: BTreeSet<_> = ids.iter().collect();
                assert_eq!(ids.len(), unique.len(), "{} uses an id twice: {ids:?}", P::TEMPLATE);
                for wanted in html.split(" for=\"").skip(1).filter_map(|p| p.split('"').next()) {
                    assert!(unique.contains(&wanted), "{}: label for {wanted:?} labels nothing", P::TEMPLATE);
                }
                for symbol in html.split("<use href=\"#").skip(1).filter_map(|p| p.split('"').next()) {
                    assert!(unique.contains(&symbol), "{}: no icon {symbol:?}", P::TEMPLATE);
                }
            }
        }
    }

    #[test]
    fn every_template_renders_in_every_language() {
        let mut seen = BTreeSet::new();
        every_sample::<web::login::LoginPage>(&mut seen);
        every_sample::<web::login_code::LoginCodePage>(&mut seen);
        every_sample::<web::account::AccountPage>(&mut seen);
        every_sample::<web::two_factor::TwoFactorPage>(&mut seen);
        every_sample::<web::ask_link::AskLinkPage>(&mut seen);
        every_sample::<web::mailed_link::MailedLinkPage>(&mut seen);
        every_sample::<web::unsubscribe::UnsubscribePage>(&mut seen);
        every_sample::<web::queue::QueuePage>(&mut seen);
        every_sample::<web::portal::PortalPage>(&mut seen);
        every_sample::<web::portal::PortalTicketPage>(&mut seen);
        every_sample::<web::new::NewPage>(&mut seen);
        every_sample::<web::ticket::TicketPage>(&mut seen);
        every_sample::<web::form::FormPage>(&mut seen);
        every_sample::<web::form::DonePage>(&mut seen);
        every_sample::<web::dev_mail::DevMailPage>(&mut seen);
        every_sample::<web::dev_inbound::DevInboundPage>(&mut seen);
        every_sample::<web::joins::JoinsPage>(&mut seen);
        every_sample::<web::mail::MailPage>(&mut seen);
        every_sample::<web::settings::SettingsPage>(&mut seen);
        every_sample::<web::mailboxes::MailboxesPage>(&mut seen);
        every_sample::<web::users::UsersPage>(&mut seen);
        every_sample::<web::rate::RatePage>(&mut seen);
        every_sample::<web::look::LookPage>(&mut seen);
        every_sample::<web::original::OriginalPage>(&mut seen);
        every_sample::<web::system::SystemPage>(&mut seen);
        every_sample::<web::spam_rules::SpamRulesPage>(&mut seen);
        every_sample::<web::canned::CannedPage>(&mut seen);
        every_sample::<web::tenants::TenantsPage>(&mut seen);
        every_sample::<web::categories::CategoriesPage>(&mut seen);
        every_sample::<web::incidents::IncidentsPage>(&mut seen);
        every_sample::<web::bulk_merge::MergePage>(&mut seen);
        every_sample::<web::error::ErrorPage>(&mut seen);
        let layouts = ["layout.hbs", "dashboard.hbs", "public.hbs"];
        let pages = Templates::iter().filter(|f| !f.contains('/') && !layouts.contains(&f.as_ref()));
        let pages: BTreeSet<_> = pages.map(|f| f.trim_end_matches(".hbs").to_owned()).collect();
        assert_eq!(pages, seen.iter().map(|s| (*s).to_owned()).collect());
    }

    #[test]
    fn what_people_wrote_is_escaped() {
        let shell = &shells()[1];
        let mut page = web::queue::QueuePage::samples().remove(0);
        page.groups[0].rows[0].subject = "<script>alert(1)</script>".into();
        let html = html(shell, &page).unwrap();
        assert!(!html.contains("<script>alert") && html.contains("&lt;script&gt;alert"));
    }

    fn sources() -> Vec<(String, String)> {
        Templates::iter()
            .map(|f| (f.to_string(), String::from_utf8(Templates::get(&f).unwrap().data.to_vec()).unwrap()))
            .collect()
    }

    /// Cuts `{{…}}` out, leaving a mark that is no letter.
    fn without_helpers(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            out.push_str(before);
            rest = after.split_once("}}").map_or("", |(_, r)| r);
        }
        out.push_str(rest);
        out
    }

    #[test]
    fn templates_hold_no_words() {
        for (file, source) in sources() {
            let markup = without_helpers(&source);
            let mut words = String::new();
            for piece in markup.split('<') {
                let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
                words.push_str(text);
                for attribute in ["title=\"", "aria-label=\"", "placeholder=\"", "alt=\"", "data-copied=\""] {
                    for value in tag.split(attribute).skip(1) {
                        words.push_str(value.split('"').next().unwrap_or_default());
                    }
                }
            }
            let words: String = words.replace("&nbsp;", "");
            assert!(!words.contains(char::is_alphabetic), "{file} holds words of its own: {}", words.trim());
        }
    }

    /// A field of such a name would be taken for the helper, and print nothing.
    #[test]
    fn no_field_is_named_like_a_helper() {
        for (file, source) in sources() {
            for name in ["raw", "lookup", "log", "len", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or", "not"] {
                assert!(!source.contains(&format!("{{{{{name}}}}}")), "{file}: {name}");
            }
        }
    }

    #[test]
    fn every_text_is_used() {
        let mut used: BTreeSet<String> = BTreeSet::new();
        let mut prefixes: BTreeSet<String> = BTreeSet::new();
        for (_, source) in sources() {
            used.extend(quoted_after(&source, "t \""));
            prefixes.extend(quoted_after(&source, "word \""));
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in ["api/src", "shared/src", "worker/src", "templates/mail"] {
            for text in read_all(&root.join(folder)) {
                // A key is a string of its own; in mail templates it follows the helper's name.
                used.extend(text.split('"').skip(1).step_by(1).map(str::to_owned).filter(|s| s.len() < 60));
                prefixes.extend(quoted_after(&text, "word \""));
                prefixes.extend(quoted_after(&text, "word(locale, \""));
                prefixes.extend(keyed(&text));
            }
        }
        let keys = i18n::keys(Locale::En);
        let unused: Vec<_> = keys
            .iter()
            .filter(|k| !used.contains(**k))
            .filter(|k| !prefixes.iter().any(|p| k.strip_prefix(p.as_str()).is_some_and(|r| r.starts_with('-'))))
            .collect();
        assert!(unused.is_empty(), "texts that nobody shows: {unused:?}");
    }

    fn quoted_after(text: &str, mark: &str) -> Vec<String> {
        text.split(mark).skip(1).filter_map(|p| p.split('"').next()).map(str::to_owned).collect()
    }

    fn read_all(folder: &std::path::Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries
            .flatten()
            .flat_map(|e| match e.path() {
                p if p.is_dir() => read_all(&p),
                p => std::fs::read_to_string(p).into_iter().collect(),
            })
            .collect()
    }

    /// Prefixes of keys that code puts together: the first text in a call of `word` or `choices`, or of `format!`.
    fn keyed(text: &str) -> Vec<String> {
        let calls = ["word(", "choices(", "lookup("].into_iter().flat_map(|call| text.split(call).skip(1));
        let first = calls.filter_map(|rest| rest.split('"').nth(1)).map(str::to_owned);
        first.map(|key| key.split("-{").next().unwrap_or_default().to_owned()).filter(|k| k.len() > 2).collect()
    }
}
