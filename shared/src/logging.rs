//! Logs: for people on a terminal, as JSON lines elsewhere; on stderr, as stdout belongs to what a command answers.
//!
//! Never logged: addresses, subjects, bodies, tokens. Fields are spelled alike everywhere: `request.id`, `mail.id`,
//! `ticket.pid`, `outbox.id`, `attempt`.

use std::io::IsTerminal;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterFn, ParseError};
use tracing_subscriber::prelude::*;

/// What libraries say below a warning is of no use to an operator; POSTROOM_LOG can still ask for it.
const QUIET: &str = "sqlx=warn,apalis=warn,apalis_redis=warn,redis=warn,lettre=warn,html5ever=error,selectors=error";

/// Libraries whose lines below a warning hold what passes through them: text of mails, addresses, passwords. Nobody can
/// ask for those (E13.3).
const SEALED: &[&str] = &[
    "handlebars",
    "html5ever",
    "markup5ever",
    "lettre",
    "async_imap",
    "imap_proto",
    "redis",
    "hyper",
    "h2",
    "reqwest",
];

/// Checks a filter such as `info` or `info,shared::mail_in=debug`.
///
/// # Errors
/// If it cannot be understood.
pub fn filter(log: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(format!("{QUIET},{log}"))
}

/// Starts logging for the process. A second call changes nothing.
///
/// # Errors
/// If the filter cannot be understood.
pub fn start(log: &str) -> Result<(), ParseError> {
    let registry = tracing_subscriber::registry().with(filter(log)?).with(FilterFn::new(may_be_logged));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Fails only if logging was started before, which is fine.
    let _ = if std::io::stderr().is_terminal() {
        registry.with(layer.compact().with_target(false)).try_init()
    } else {
        registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init()
    };
    Ok(())
}

fn may_be_logged(line: &Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::WARN || !SEALED.contains(&library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked() {
        assert!(filter("debug").is_ok());
        assert!(filter("info,shared=trace").is_ok());
        assert!(filter("info,shared=loud").is_err());
    }
}
