//! Every visible string, in pages and in mail: two Fluent catalogues, `templates/i18n/{en,de}.ftl`, compiled in.
//!
//! Owns choosing a locale and filling a message. Must not know who asks: pages and mail use the same [`text`] and
//! the same helpers `t` and `word` in their templates ([`register`]).

use crate::text_enum;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use handlebars::{Context, Handlebars, Helper, HelperDef, RenderContext, RenderError, RenderErrorReason, ScopedJson};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

text_enum! {
    /// A language that all strings exist in.
    pub enum Locale ("locale") {
        /// English, the fallback.
        En = "en" | "en-US" | "en-GB",
        /// German.
        De = "de" | "de-DE" | "de-AT" | "de-CH",
    }
}

impl Locale {
    /// Returns the first language that a browser asks for by `Accept-Language` (RFC 9110 12.5.4) and that we speak:
    /// highest `q` first, header order among equals, `q=0` never. None if there is none.
    pub fn negotiate(accept_language: &str) -> Option<Locale> {
        let mut wanted: Vec<(f32, Locale)> = accept_language
            .split(',')
            .filter_map(|range| {
                let mut parts = range.split(';');
                let language = parts.next()?.trim().split('-').next()?.to_ascii_lowercase();
                let quality =
                    parts.find_map(|p| p.trim().strip_prefix("q=")).map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
                let locale = Locale::ALL.iter().copied().find(|l| l.as_str() == language)?;
                (quality > 0.0).then_some((quality, locale))
            })
            .collect();
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        wanted.first().map(|(_, locale)| *locale)
    }

    fn source(self) -> &'static str {
        match self {
            Locale::En => include_str!("../../templates/i18n/en.ftl"),
            Locale::De => include_str!("../../templates/i18n/de.ftl"),
        }
    }

    fn langid(self) -> LanguageIdentifier {
        self.as_str().parse().expect("our own language codes are valid")
    }
}

static BUNDLES: LazyLock<Vec<FluentBundle<FluentResource>>> =
    LazyLock::new(|| Locale::ALL.iter().map(|l| bundle(*l)).collect());

fn bundle(locale: Locale) -> FluentBundle<FluentResource> {
    // A line that does not parse is left out; the test `catalogues_are_complete` refuses it.
    let resource = FluentResource::try_new(locale.source().to_owned()).unwrap_or_else(|(partial, errors)| {
        tracing::error!(locale = locale.as_str(), count = errors.len(), "catalogue has lines that do not parse");
        partial
    });
    let mut bundle = FluentBundle::new_concurrent(vec![locale.langid()]);
    // Marks around arguments would end up in subjects, addresses and copied PIDs.
    bundle.set_use_isolating(false);
    if let Err(errors) = bundle.add_resource(resource) {
        tracing::error!(locale = locale.as_str(), count = errors.len(), "catalogue defines a key twice");
    }
    bundle
}

/// Returns the message `key` in `locale` with `args` filled in, as plain text (nothing is escaped).
///
/// An argument that is a plain whole number selects plural forms. A missing key or argument gives the key itself and
/// a log line, as a page with one odd word is better than none; tests find such keys.
pub fn text(locale: Locale, key: &str, args: &[(&str, &str)]) -> String {
    match lookup(locale, key, args) {
        Some(text) => text,
        None => {
            tracing::error!(key, locale = locale.as_str(), "no such text in the catalogue, or an argument is missing");
            key.to_owned()
        }
    }
}

/// Returns the word for a value: the message `<prefix>-<value>` without arguments.
pub fn word(locale: Locale, prefix: &str, value: &str) -> String {
    text(locale, &format!("{prefix}-{value}"), &[])
}

/// Returns the message as [`text`] does, None if the key or one of its arguments is missing.
pub fn lookup(locale: Locale, key: &str, args: &[(&str, &str)]) -> Option<String> {
    let bundle = &BUNDLES[locale as usize];
    let pattern = bundle.get_message(key)?.value()?;
    let args: FluentArgs = args.iter().map(|(name, value)| (*name, argument(value))).collect();
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
    errors.is_empty().then_some(text)
}

/// Returns all keys of `locale`'s catalogue, in its order: for tests that compare and count them.
pub fn keys(locale: Locale) -> Vec<&'static str> {
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    locale
        .source()
        .lines()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter_map(|l| l.split_once('=').map(|(key, _)| key.trim()))
        .filter(|key| !key.is_empty() && key.chars().all(is_key))
        .collect()
}

/// Returns a number only for what prints the same as a number: `007` or a long id stays text.
fn argument(value: &str) -> FluentValue<'_> {
    match value.parse::<i64>() {
        Ok(n) if n.unsigned_abs() < 1 << 53 && n.to_string() == value => FluentValue::from(n),
        _ => FluentValue::from(value),
    }
}

/// Adds the helpers `{{t "key" name=value}}` and `{{word "prefix" value}}` (the text `prefix-value`) to a registry.
///
/// Both read the language from `locale` in the root of the data, and give plain text that the registry escapes in
/// its own way: as HTML in pages, not at all in text mail.
pub fn register(registry: &mut Handlebars<'_>) {
    registry.register_helper("t", Box::new(Translate { prefixed: false }));
    registry.register_helper("word", Box::new(Translate { prefixed: true }));
}

struct Translate {
    prefixed: bool,
}

impl HelperDef for Translate {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let wrong = |text: String| RenderError::from(RenderErrorReason::Other(text));
        let locale: Locale = context.data()["locale"]
            .as_str()
            .and_then(|l| l.parse().ok())
            .ok_or_else(|| wrong("the data's root has no known locale".into()))?;
        let param = |n: usize| helper.param(n).map(|p| scalar(p.value())).filter(|v| !v.is_empty());
        let first = param(0).ok_or_else(|| wrong("a text needs a key".into()))?;
        let key = match self.prefixed {
            false => first,
            true => format!("{first}-{}", param(1).ok_or_else(|| wrong(format!("{first}: the word is empty")))?),
        };
        let values: Vec<(&str, String)> = helper.hash().iter().map(|(k, v)| (*k, scalar(v.value()))).collect();
        let args: Vec<(&str, &str)> = values.iter().map(|(k, v)| (*k, v.as_str())).collect();
        // In tests a template that names no text fails; at run time its reader sees the key.
        if cfg!(debug_assertions) && lookup(locale, &key, &args).is_none() {
            return Err(wrong(format!("text {key:?} or one of its arguments is missing in {locale}")));
        }
        Ok(ScopedJson::from(serde_json::Value::String(text(locale, &key, &args))))
    }
}

fn scalar(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn catalogues_are_complete() {
        let set = |l: Locale| keys(l).into_iter().collect::<BTreeSet<_>>();
        for &locale in Locale::ALL {
            let parsed = FluentResource::try_new(locale.source().to_owned());
            assert!(parsed.is_ok(), "{locale}: {:?}", parsed.err().map(|(_, e)| e));
            let list = keys(locale);
            assert!(!list.is_empty());
            assert_eq!(list.len(), set(locale).len(), "{locale} defines a key twice");
            let unseen: Vec<_> = list.iter().filter(|k| BUNDLES[locale as usize].get_message(k).is_none()).collect();
            assert!(unseen.is_empty(), "{locale} does not find its own {unseen:?}");
        }
        let (en, de) = (set(Locale::En), set(Locale::De));
        assert_eq!(en.difference(&de).collect::<Vec<_>>(), Vec::<&&str>::new(), "missing in de.ftl");
        assert_eq!(de.difference(&en).collect::<Vec<_>>(), Vec::<&&str>::new(), "missing in en.ftl");
    }

    #[test]
    fn both_languages_use_the_same_arguments() {
        let arguments = |locale: Locale| {
            let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
            for line in locale.source().lines().filter(|l| !l.starts_with('#')) {
                if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    found.push((line.split('=').next().unwrap().trim().to_owned(), BTreeSet::new()));
                }
                if let Some((_, names)) = found.last_mut() {
                    let after = line.split('$').skip(1);
                    names.extend(after.map(|p| p.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()));
                }
            }
            found.sort();
            found
        };
        for (en, de) in arguments(Locale::En).iter().zip(arguments(Locale::De).iter()) {
            assert_eq!(en, de);
        }
    }

    #[test]
    fn negotiates() {
        let cases = [
            ("de-AT,de;q=0.9,en;q=0.8", Some(Locale::De)),
            ("fr-FR, en;q=0.5, de;q=0.7", Some(Locale::De)),
            ("en;q=0, de;q=0.1", Some(Locale::De)),
            ("EN-us", Some(Locale::En)),
            ("ja, *;q=0.1", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(Locale::negotiate(header), expected, "{header}");
        }
    }

    #[test]
    fn numbers_choose_the_plural_and_ids_stay_as_they_are() {
        assert_eq!(text(Locale::En, "count-files", &[("count", "1")]), "1 file");
        assert_eq!(text(Locale::De, "count-files", &[("count", "2")]), "2 Dateien");
        assert!(matches!(argument("007"), FluentValue::String(_)));
        assert!(matches!(argument("9007199254740993"), FluentValue::String(_)));
    }

    #[test]
    fn arguments_are_bare_and_a_missing_key_shows() {
        let title = text(Locale::En, "page-title", &[("page", "a\u{202e}b")]);
        assert!(!title.contains('\u{2068}') && title.contains("a\u{202e}b"), "{title:?}");
        assert_eq!(text(Locale::En, "no-such-text", &[]), "no-such-text");
        assert_eq!(lookup(Locale::En, "page-title", &[]), None);
    }

    #[test]
    fn helpers_escape_as_their_registry_does() {
        let mut pages = Handlebars::new();
        register(&mut pages);
        let mut mail = Handlebars::new();
        mail.register_escape_fn(handlebars::no_escape);
        register(&mut mail);
        let data = serde_json::json!({"locale": "de", "name": "<b>", "files": [{"n": 2}]});
        assert_eq!(pages.render_template(r#"{{t "page-title" page=name}}"#, &data).unwrap(), "&lt;b&gt; · Postroom");
        assert_eq!(mail.render_template(r#"{{t "page-title" page=name}}"#, &data).unwrap(), "<b> · Postroom");
        let each = r#"{{#each files}}{{t "count-files" count=n}}{{/each}}"#;
        assert_eq!(pages.render_template(each, &data).unwrap(), "2 Dateien");
        assert_eq!(pages.render_template(r#"{{word "status" "solved"}}"#, &data).unwrap(), "Gelöst");
        assert!(pages.render_template(r#"{{t "no-such-text"}}"#, &data).is_err());
    }
}
