//! `postroom mail explain ID|FILE|-`.

use super::super::doctor::open;
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use shared::app::App;
use shared::config::Config;
use shared::i18n::Locale;
use shared::ids::MailId;
use shared::mail_in::explain::{self, Foreseen};
use shared::mail_in::types::Facts;
use shared::mail_in::{self, Arrival, Door, InboundMail, Outcome, Trace};
use shared::store::Scope;
use shared::tenants;
use std::io::Read;

#[derive(Debug, Args)]
pub struct Options {
    /// A received mail's number, a file with a mail, or - for standard input
    what: String,
    /// A mail of a file is for this address, whatever its headers say (repeatable)
    #[arg(long = "to", value_name = "ADDRESS")]
    to: Vec<String>,
    /// A mail of a file has this envelope sender; <> for none
    #[arg(long = "from", value_name = "ADDRESS")]
    from: Option<String>,
    /// The trace as JSON
    #[arg(long)]
    json: bool,
    /// In this language: en, de
    #[arg(long, default_value = "en")]
    locale: Locale,
}

/// Prints why.
pub async fn run(config: Config, options: Options) -> anyhow::Result<u8> {
    let app = open(config).await?;
    let said = match options.what.parse::<i64>() {
        Ok(id) => of_arrival(&app, MailId(id), &options).await,
        Err(_) => of_file(&app, &options).await,
    };
    app.db.close().await;
    print!("{}", said?);
    Ok(0)
}

async fn of_arrival(app: &App, id: MailId, options: &Options) -> anyhow::Result<String> {
    let mail = mail_in::get(app, Scope::All, id).await?.with_context(|| format!("no mail {id}"))?;
    let trace = mail.steps();
    if options.json {
        let about = json!({
            "id": mail.id, "state": mail.state, "outcome": mail.outcome, "reason": mail.reason, "pid": mail.pid,
            "pipeline": mail.pipeline, "authentication": mail.authentication(), "trace": trace,
        });
        return pretty(&about);
    }
    let mut text = format!("Mail {id}, {}\n", arrived(&mail));
    tell(&mut text, options.locale, mail.outcome, mail.pid.as_deref(), &trace);
    Ok(text)
}

fn arrived(mail: &InboundMail) -> String {
    let at = mail.received_at.format("%Y-%m-%d %H:%M:%S UTC");
    format!("{at}, from {}", mail.from_email.as_deref().unwrap_or("nobody named"))
}

/// The mail of a file: it goes through the pipeline up to the decision, against what the database holds now.
async fn of_file(app: &App, options: &Options) -> anyhow::Result<String> {
    let mut raw = Vec::new();
    match options.what.as_str() {
        "-" => std::io::stdin().read_to_end(&mut raw).context("standard input cannot be read").map(drop)?,
        file => raw = std::fs::read(file).with_context(|| format!("{file} is neither a mail's number nor a file"))?,
    }
    let path = |a: &str| a.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let facts = Facts {
        envelope_from: options.from.as_deref().map(path),
        envelope_to: options.to.iter().map(|a| path(a)).collect(),
        ..Facts::default()
    };
    // Nothing is made here, and on a database where nothing was, nobody gets mail.
    anyhow::ensure!(
        tenants::find_default(&mut app.db.read(Scope::All)).await?.is_some(),
        "this database has no tenant and no mailbox yet: the first `postroom serve` makes them"
    );
    let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts, raw: raw.into() };
    let all = explain::foresee(app, arrival).await?;
    if options.json {
        return pretty(&all.iter().map(foreseen).collect());
    }
    let mut text = "If this mail came now:\n".to_owned();
    for one in &all {
        tell(&mut text, options.locale, Some(one.outcome()), one.ticket().map(|(_, pid)| pid).as_deref(), &one.trace);
    }
    Ok(text)
}

fn foreseen(one: &Foreseen) -> Value {
    json!({
        "tenant_id": one.read.kept.tenant_id, "outcome": one.outcome(), "class": one.read.classified.class,
        "verdict": one.read.verdict, "pid": one.ticket().map(|(_, pid)| pid),
        "authentication": one.read.authentication, "trace": one.trace,
    })
}

fn tell(text: &mut String, locale: Locale, outcome: Option<Outcome>, pid: Option<&str>, trace: &Trace) {
    let ticket = pid.map(|p| format!(" [{p}]")).unwrap_or_default();
    text.push_str(&format!("{}{ticket}\n", explain::headline(locale, outcome, trace)));
    for said in explain::sentences(locale, trace) {
        text.push_str(&format!("  {:<13} {}\n", said.stage, said.text));
        if let Some(evidence) = said.evidence {
            text.push_str(&format!("  {:<13}   {evidence}\n", ""));
        }
    }
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
