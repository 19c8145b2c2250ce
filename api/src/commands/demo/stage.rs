//! What the players do, each thing by the way that it always goes: mail as octets through the pipeline, agents' acts
//! by the verbs of the API, mail out by the worker's dispatcher.

use super::mails::{self, Letter};
use crate::doors::compose::{self, Defaults, Draft, OneOrMany, People, Person};
use anyhow::{Context, bail};
use bytes::Bytes;
use shared::access::Actor;
use shared::app::App;
use shared::clock::{self, Time};
use shared::i18n::Locale;
use shared::ids::{MessageId, TenantId, TicketId};
use shared::mail_in::types::{Facts, Mail};
use shared::mail_in::{self, Applied, Arrival, Door, Ingest, Outcome, parse};
use shared::mail_out::outbox::read::{self, Listed, OutboxFilter};
use shared::messages::{self, Post};
use shared::store::Scope;
use shared::tickets::{self, Filter};
use shared::{mailboxes, tenants};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use worker::dispatch::{Dispatcher, Transport};

/// How long a mail may take that the worker of another process has taken up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the demo is played.
pub struct Stage {
    pub app: App,
    pub tenant: TenantId,
    /// Where customers write to.
    pub desk: String,
    /// Tells this demo's mails from those of another one.
    run: String,
    now: Time,
    ingest: Ingest,
    dispatcher: Dispatcher,
}

/// A mail of ours that left, as its recipient has it.
pub struct Received {
    pub listed: Listed,
    octets: Bytes,
    mail: Mail,
}

impl Stage {
    /// Sets the stage in the default tenant. Mail is captured, whatever the configuration says.
    pub async fn set(app: &App) -> anyhow::Result<Stage> {
        let tenant = tenants::target(&app.db, &Actor::system(), None).await.map_err(super::super::plain)?;
        let mut operator = Actor::system();
        operator.within = Some(tenant.id);
        let boxes = mailboxes::list(&app.db, &operator, None, 50, 0).await.map_err(super::super::plain)?;
        let desk = boxes.into_iter().find(|b| b.active).context("the default tenant has no active mailbox")?.address;
        Ok(Stage {
            tenant: tenant.id,
            desk,
            run: format!("{:08x}", rand::random::<u32>()),
            now: clock::now(),
            ingest: Ingest::start(app.clone()),
            dispatcher: Dispatcher::new(app.clone(), Transport::Capture)?,
            app: app.clone(),
        })
    }

    /// Whether somebody has a ticket already.
    pub async fn knows(&self, email: &str) -> anyhow::Result<bool> {
        let filter = Filter { requester: Some(email.to_owned()), tenant: Some(self.tenant), ..Filter::default() };
        Ok(!tickets::list(&self.app, &Actor::system(), &filter, None, 1).await?.0.is_empty())
    }

    /// A customer's first mail comes in. None if the customer has a ticket already.
    pub async fn opens(&self, letter: &Letter) -> anyhow::Result<Option<TicketId>> {
        let octets = letter.octets(&self.desk, self.now, &self.run);
        let from = parse::parse(&octets).from.context("a letter has a sender")?.email;
        if self.knows(&from).await? {
            return Ok(None);
        }
        let applied = self.arrives(octets, &from, &self.desk, Outcome::TicketCreated).await?;
        Ok(applied.ticket_id)
    }

    /// The same mail comes once more, by another way.
    pub async fn comes_again(&self, letter: &Letter) -> anyhow::Result<()> {
        let octets = letter.octets(&self.desk, self.now, &self.run);
        self.arrives(octets, "", &self.desk, Outcome::Duplicate).await.map(drop)
    }

    async fn arrives(&self, raw: Vec<u8>, from: &str, to: &str, expected: Outcome) -> anyhow::Result<Applied> {
        let facts =
            Facts { envelope_from: Some(from.to_owned()), envelope_to: vec![to.to_owned()], ..Facts::default() };
        let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts, raw: raw.into() };
        let applied = mail_in::receive(&self.app, &self.ingest, arrival).await?;
        if applied.outcome != Some(expected) {
            let got = applied.outcome.map_or("no decision", Outcome::as_str);
            bail!("mail {} came to {got} where {expected} was expected", applied.mail_id);
        }
        Ok(applied)
    }

    /// An agent writes a message.
    pub async fn writes(&self, who: &Actor, ticket: TicketId, post: Post) -> anyhow::Result<MessageId> {
        Ok(messages::post(&self.app, who, &ticket.into(), post).await?)
    }

    /// An agent answers, and the mails arrive, that to the requester first.
    pub async fn replies(&self, who: &Actor, ticket: TicketId, post: Post) -> anyhow::Result<Vec<Received>> {
        let message = self.writes(who, ticket, post).await?;
        let filter = OutboxFilter { ticket: Some(ticket), ..OutboxFilter::default() };
        let mut ours = read::list(&self.app.db, Scope::Tenant(self.tenant), &filter, 50).await?;
        ours.retain(|l| l.mail.ticket_message_id == Some(message));
        ours.sort_by_key(|l| l.mail.id);
        let mut received = Vec::new();
        for listed in ours {
            received.push(self.received(listed).await?);
        }
        Ok(received)
    }

    /// Waits until a mail has left: by us, unless a worker elsewhere has taken it up.
    async fn received(&self, listed: Listed) -> anyhow::Result<Received> {
        let (id, began) = (listed.mail.id, Instant::now());
        let scope = Scope::Tenant(self.tenant);
        loop {
            self.drain().await?;
            let listed = read::get(&self.app.db, scope, id).await?.context("an outbox mail never goes away")?;
            if listed.mail.sent_at.is_some() {
                let octets = read::octets(&self.app, scope, id).await?.context("what was sent has octets")?;
                return Ok(Received { listed, mail: parse::parse(&octets), octets });
            }
            if began.elapsed() > PATIENCE {
                bail!("outbox mail {id} is still {} after {} s", listed.mail.state, PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Does once what the worker does again and again.
    pub async fn drain(&self) -> anyhow::Result<()> {
        worker::run_once(&self.dispatcher, &self.ingest).await?;
        Ok(())
    }

    /// A customer answers a mail of ours, as a mail program does.
    pub async fn answers(&self, ours: &Received, text: &str, locale: Locale) -> anyhow::Result<()> {
        let quoted: String = ours.mail.body_text.trim_end().lines().map(|l| format!("> {l}\n")).collect();
        let from = ours.mail.from.as_ref().map(|a| a.name.clone().unwrap_or_else(|| a.email.clone()));
        let (from, date) = (from.unwrap_or_default(), ours.mail.date.unwrap_or(self.now));
        let (prefix, line) = match locale {
            Locale::En => ("Re", format!("On {}, {from} wrote:", date.format("%d/%m/%Y %H:%M"))),
            Locale::De => ("AW", format!("Am {} schrieb {from}:", date.format("%d.%m.%Y um %H:%M"))),
        };
        let draft = self.draft(ours, prefix, format!("{text}\n\n{line}\n\n{quoted}"));
        self.sends(ours, draft, Outcome::MessageAdded).await
    }

    /// A customer's mail program says that its owner is away (RFC 3834).
    pub async fn is_away(&self, ours: &Received, text: &str) -> anyhow::Result<()> {
        let headers = [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")];
        let headers = headers.map(|(name, value)| (name.to_owned(), OneOrMany::One(value.to_owned())));
        let draft = self.draft(ours, "Automatische Antwort", text.to_owned());
        self.sends(ours, Draft { headers: BTreeMap::from(headers), ..draft }, Outcome::AutoReplyStored).await
    }

    fn draft(&self, ours: &Received, prefix: &str, text: String) -> Draft {
        let mail = &ours.mail;
        let person = |email: &str, name: Option<&str>| {
            People::One(Person::Parts { email: email.to_owned(), name: name.map(str::to_owned) })
        };
        let own = mail.to.first();
        let thread: Vec<String> = mail.references.iter().chain(&mail.message_id).cloned().collect();
        Draft {
            from: Some(person(&ours.listed.mail.to_email, own.and_then(|a| a.name.as_deref()))),
            to: Some(person(&ours.reply_to(), None)),
            subject: Some(format!("{prefix}: {}", mail.subject.trim_start_matches("Re: "))),
            text: Some(text),
            in_reply_to: mail.message_id.clone().map(OneOrMany::One),
            references: Some(OneOrMany::Many(thread)),
            ..Draft::default()
        }
    }

    async fn sends(&self, ours: &Received, draft: Draft, expected: Outcome) -> anyhow::Result<()> {
        let token = format!("{:016x}", rand::random::<u64>());
        let defaults = Defaults {
            date: clock::now().to_rfc2822(),
            message_id: format!("<{token}@mailprogram.example>"),
            boundary: format!("answer-{token}"),
        };
        let raw = compose::build(&draft, &defaults).map_err(|wrong| anyhow::anyhow!("{wrong:?}"))?;
        self.arrives(raw, &ours.listed.mail.to_email, &ours.reply_to(), expected).await.map(drop)
    }

    /// The recipient's server reports that there is no such address: to the envelope's sender, with the null path.
    pub async fn bounces(&self, ours: &Received) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(&ours.octets);
        let head = text.split_once("\r\n\r\n").map_or(&*text, |(head, _)| head);
        let (to, date) = (&ours.listed.envelope_from, clock::now().to_rfc2822());
        let places = [
            ("envelope_from", to.as_str()),
            ("recipient", &ours.listed.mail.to_email),
            ("date", &date),
            ("run", &self.run),
            ("headers", head),
        ];
        self.arrives(mails::fill(mails::DSN, &places), "", to, Outcome::BounceRecorded).await.map(drop)
    }
}

impl Received {
    /// Where an answer goes (RFC 5322 3.6.2).
    fn reply_to(&self) -> String {
        self.mail.reply_to.first().or(self.mail.from.as_ref()).map(|a| a.email.clone()).unwrap_or_default()
    }
}
