//! The words of a mail: a typed content and a language give text and HTML, by the templates in `templates/mail`.
//!
//! Templates are strict (a name that does not exist is an error, not an empty place) and are all rendered once with
//! their samples when they are loaded, so that a broken one stops the start and not a mail. Text is not escaped,
//! HTML is.

use crate::clock::Time;
use crate::i18n::{self, Locale};
use crate::mail_out::compose::Form;
use crate::mail_out::contents::Content;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, RenderContext, RenderError, RenderErrorReason, ScopedJson, no_escape,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        &[$((
            concat!($name, ".txt"), include_str!(concat!("../../../templates/mail/", $name, ".txt.hbs")),
            concat!($name, ".html"), include_str!(concat!("../../../templates/mail/", $name, ".html.hbs")),
        )),+]
    };
}

/// The templates that the program brings along: text's name and source, HTML's name and source.
const BUILTIN: &[(&str, &str, &str, &str)] =
    builtin!("reply", "ack", "notice", "mention", "digest", "solved", "csat", "invite", "password", "link", "probe");
const LAYOUT: (&str, &str) = ("layout", include_str!("../../../templates/mail/layout.html.hbs"));

/// The compiled templates.
pub struct Templates {
    text: Handlebars<'static>,
    html: Handlebars<'static>,
}

/// The two bodies of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// text/plain, lines ended by LF.
    pub text: String,
    /// text/html.
    pub html: String,
}

/// Templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A template does not compile or does not render.
    #[error("mail template {name}: {reason}")]
    Broken {
        /// Its file's name without the folder.
        name: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The folder of overrides cannot be read.
    #[error("cannot read mail templates in {}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file in the folder of overrides has the name of no template: most likely a slip.
    #[error("{name} overrides no mail template; there are: {known}")]
    Unknown {
        /// The file's name.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Templates {
    /// Compiles the built-in templates, each replaced by a file of its name in `overrides` if there is one, and
    /// renders all of them once.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn load(overrides: Option<&Path>) -> Result<Self, TemplateError> {
        let mut this = Self { text: registry(), html: registry() };
        this.text.register_escape_fn(no_escape);
        this.register(LAYOUT.0, "layout.html", LAYOUT.1)?;
        for (text_name, text, html_name, html) in BUILTIN {
            this.register(text_name, text_name, text)?;
            this.register(html_name, html_name, html)?;
        }
        if let Some(folder) = overrides {
            this.override_from(folder)?;
        }
        for content in Content::samples() {
            for &locale in Locale::ALL {
                this.render(locale, &content)?;
            }
        }
        Ok(this)
    }

    /// Returns the bodies of a mail.
    ///
    /// # Errors
    /// `Broken` if a template names what the content does not have.
    pub fn render(&self, locale: Locale, content: &Content) -> Result<Rendered, TemplateError> {
        self.render_marked(locale, content, None)
    }

    /// The same, with the ticket's mark as the last line of both (E3.8).
    ///
    /// # Errors
    /// As [`Templates::render`].
    pub fn render_marked(
        &self,
        locale: Locale,
        content: &Content,
        marker: Option<&str>,
    ) -> Result<Rendered, TemplateError> {
        let page = Page { locale, title: content.title(), marker, content };
        let name = content.template();
        let render = |registry: &Handlebars<'_>, name: String| {
            registry.render(&name, &page).map_err(|e| TemplateError::Broken { name, reason: e.to_string() })
        };
        let text = render(&self.text, format!("{name}.txt"))?;
        let marked = marker.map(|m| format!("\n{m}\n")).unwrap_or_default();
        Ok(Rendered {
            text: format!("{}\n{marked}", text.trim_end()),
            html: render(&self.html, format!("{name}.html"))?,
        })
    }

    fn register(&mut self, name: &str, file: &str, source: &str) -> Result<(), TemplateError> {
        let registry = if file.ends_with(".txt") { &mut self.text } else { &mut self.html };
        registry
            .register_template_string(name, source)
            .map_err(|e| TemplateError::Broken { name: file.to_owned(), reason: e.to_string() })
    }

    fn override_from(&mut self, folder: &Path) -> Result<(), TemplateError> {
        let unreadable = |path: &Path, source| TemplateError::Folder { path: path.to_owned(), source };
        let known: Vec<&str> = BUILTIN.iter().flat_map(|b| [b.0, b.2]).chain(std::iter::once("layout.html")).collect();
        for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
            let path = entry.map_err(|e| unreadable(folder, e))?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".hbs") else { continue };
            if !known.contains(&name) {
                let known = known.iter().map(|n| format!("{n}.hbs")).collect::<Vec<_>>().join(", ");
                return Err(TemplateError::Unknown { name: file, known });
            }
            let source = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
            self.register(if name == "layout.html" { LAYOUT.0 } else { name }, name, &source)?;
        }
        Ok(())
    }
}

/// What a template sees: the content's fields, the language, and a title for the HTML's head.
#[derive(Serialize)]
struct Page<'a> {
    locale: Locale,
    title: &'a str,
    marker: Option<&'a str>,
    #[serde(flatten)]
    content: &'a Content,
}

fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    i18n::register(&mut registry);
    registry.register_helper("date", Box::new(Function(date_helper)));
    registry.register_helper("lines", Box::new(Function(lines_helper)));
    registry.register_helper("paragraphs", Box::new(Function(paragraphs_helper)));
    registry
}

/// Returns a moment as mail shows it. Readers sit in any time zone, so it says which one it means.
pub fn date(locale: Locale, at: Time) -> String {
    let pattern = match locale {
        Locale::En => "%-d %b %Y, %H:%M UTC",
        Locale::De => "%d.%m.%Y, %H:%M UTC",
    };
    at.format(pattern).to_string()
}

/// Returns paragraphs of lines: blank lines part them, spaces at a line's start stay (as no-break spaces).
fn paragraphs(text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        let rest = line.trim_start_matches([' ', '\t']);
        let indent: usize = line[..line.len() - rest.len()].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
        let line = format!("{}{}", "\u{a0}".repeat(indent.min(40)), rest.trim_end());
        match found.last_mut().filter(|_| open) {
            Some(paragraph) => paragraph.push(line),
            None => found.push(vec![line]),
        }
        open = true;
    }
    found
}

type Compute = fn(Locale, &str) -> Result<serde_json::Value, String>;

/// A helper that computes a value from one text.
struct Function(Compute);

fn date_helper(locale: Locale, text: &str) -> Result<serde_json::Value, String> {
    let at: Time = text.parse().map_err(|_| format!("{text:?} is no time"))?;
    Ok(date(locale, at).into())
}

fn lines_helper(_: Locale, text: &str) -> Result<serde_json::Value, String> {
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().into())
}

fn paragraphs_helper(_: Locale, text: &str) -> Result<serde_json::Value, String> {
    Ok(paragraphs(text).into())
}

impl HelperDef for Function {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let wrong = |reason: String| RenderError::from(RenderErrorReason::Other(reason));
        let locale = context.data()["locale"].as_str().and_then(|l| l.parse().ok());
        let locale = locale.ok_or_else(|| wrong("the data's root has no known locale".into()))?;
        let text = helper.param(0).and_then(|p| p.value().as_str());
        let text = text.ok_or_else(|| wrong(format!("{} needs a text", helper.name())))?;
        (self.0)(locale, text).map(ScopedJson::from).map_err(wrong)
    }
}

impl Content {
    /// Returns the form of letter that this content goes out as.
    pub fn form(&self) -> Form {
        match self {
            Content::Reply(_) => Form::Reply,
            Content::Ack(_) => Form::Ack,
            Content::Solved(_) | Content::Probe(_) => Form::RequesterNotice,
            Content::Csat(_) => Form::Csat,
            Content::Notice(_) | Content::Mention(_) => Form::AgentNotice,
            Content::Digest(_) => Form::Digest,
            Content::Invite(_) | Content::Password(_) | Content::Link(_) => Form::Account,
        }
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
