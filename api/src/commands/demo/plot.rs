//! What happens: one story per customer. A story whose customer has a ticket already is not told again.

use super::cast::Cast;
use super::files;
use super::mails::{self, Letter};
use super::stage::Stage;
use bytes::Bytes;
use shared::access::Actor;
use shared::attachments::{Attach, Upload};
use shared::i18n::Locale;
use shared::ids::TicketId;
use shared::messages::Post;
use shared::tickets::{self, Channel, Create, Patch, Priority, Status};

/// A story that was told: its ticket, and what there is to see.
pub type Told = (TicketId, &'static str);

/// Tells all stories. Returns those that were new.
///
/// # Errors
/// If something does not go as it always should.
pub async fn play(stage: &Stage, cast: &Cast) -> anyhow::Result<Vec<Told>> {
    let told = [
        (export(stage, cast).await?, "a screenshot, questions and answers, an internal note"),
        (invoice(stage, cast).await?, "German, with a PDF in both directions, solved"),
        (holiday(stage, cast).await?, "an out-of-office answer, which changed nothing"),
        (bounce(stage, cast).await?, "the answer bounced: no such address"),
        (question(stage, cast).await?, "answered and closed"),
        (outage(stage, cast).await?, "urgent, with a colleague in Cc"),
        (deploy(stage, cast).await?, "sorted and assigned, not answered yet"),
        (refund(stage, cast).await?, "by the public form"),
        (waits(stage, &mails::HTML).await?, "HTML with a tracking pixel"),
        (waits(stage, &mails::DOMAIN).await?, "German in an old charset"),
        (alarm(stage).await?, "from a machine: not acknowledged; it came twice"),
        (waits(stage, &mails::PHONE).await?, "from a phone, without a subject"),
    ];
    stage.drain().await?;
    Ok(told.into_iter().filter_map(|(ticket, what)| Some((ticket?, what))).collect())
}

fn reply(body: &str) -> Post {
    Post { body: body.to_owned(), ..Post::default() }
}

fn note(body: &str) -> Post {
    Post { note: true, ..reply(body) }
}

/// Sorts a ticket: category, priority, labels, who is responsible.
async fn sort(
    stage: &Stage,
    who: &Actor,
    ticket: TicketId,
    (category, priority, tags): (&str, Priority, &[&str]),
    to: Option<&Actor>,
) -> anyhow::Result<()> {
    let patch = Patch {
        category: Some(Some(category.to_owned())),
        priority: Some(priority),
        // Agents may not set them, not even to none.
        tags: (!tags.is_empty()).then(|| tags.iter().map(|t| (*t).to_owned()).collect()),
        assigned_to: to.map(|a| a.user),
        ..Patch::default()
    };
    tickets::update(&stage.app, who, &ticket.into(), patch, None).await?;
    Ok(())
}

/// A screenshot, questions back and forth, then it is the engineers' turn.
async fn export(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::EXPORT).await? else { return Ok(None) };
    let mara = &cast.mara;
    sort(stage, mara, ticket, ("bug", Priority::High, &["export", "reports"]), Some(mara)).await?;
    let ask = "Hello Ada,\n\nthank you for the screenshot. Does the export also fail if you choose a single month?\n\n\
               Best regards\nMara";
    let ours = stage.replies(mara, ticket, reply(ask)).await?;
    let answer =
        "Hello Mara,\n\na single month works, January to June as well. The whole year fails every time.\n\nAda";
    stage.answers(&ours[0], answer, Locale::En).await?;
    stage
        .writes(
            mara,
            ticket,
            note("Times out after 30 s: the export runs inside the request. One for the reports team."),
        )
        .await?;
    let promise = "Hello Ada,\n\nthat helps: large exports run into a limit of ours. The engineers are on it; until then two \
                   exports of half a year each will work. I will write again before Tuesday.\n\nBest regards\nMara";
    let post = Post { status_after: Some(Status::NeedsEngineering), ..reply(promise) };
    stage.replies(mara, ticket, post).await?;
    Ok(Some(ticket))
}

/// German, with a PDF in both directions; solved by an agent who covers billing alone.
async fn invoice(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::INVOICE).await? else { return Ok(None) };
    sort(stage, &cast.mara, ticket, ("billing", Priority::Medium, &["invoice"]), Some(&cast.noor)).await?;
    let ask = "Guten Tag Herr Weber,\n\ngern. Lautet die neue Anschrift „Mühlenweg 4, 79098 Freiburg“ wie in Ihrer Signatur?\n\n\
               Viele Grüße\nNoor Haddad";
    let post = Post { status_after: Some(Status::WaitingOnCustomer), ..reply(ask) };
    let ours = stage.replies(&cast.noor, ticket, post).await?;
    stage.answers(&ours[0], "Ja, genau so. Vielen Dank!\n\nJörg Weber", Locale::De).await?;
    let pdf = files::pdf(&[
        "Rechnung 2026-1107 (korrigiert)",
        "Baeckerei Weber, Muehlenweg 4, 79098 Freiburg",
        "",
        "Team-Tarif, 12 Monate: EUR 1152,00",
        "zzgl. 19 % Umsatzsteuer: EUR 218,88",
    ]);
    let upload = Upload {
        filename: "Rechnung-2026-1107-korrigiert.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        bytes: Bytes::from(pdf),
    };
    let done = Post {
        status_after: Some(Status::Solved),
        attachments: vec![Attach::File(upload)],
        ..reply("Guten Tag Herr Weber,\n\nanbei die korrigierte Rechnung.\n\nViele Grüße\nNoor Haddad")
    };
    stage.replies(&cast.noor, ticket, done).await?;
    Ok(Some(ticket))
}

/// An out-of-office answer is kept and changes nothing.
async fn holiday(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::HOLIDAY).await? else { return Ok(None) };
    sort(stage, &cast.felix, ticket, ("preview", Priority::Medium, &[]), Some(&cast.felix)).await?;
    let ask = "Hallo Frau Vogel,\n\nwelchen Zweig haben Sie eingespielt? Die Vorschau folgt dem Zweig „preview“, nicht „main“.\n\n\
               Viele Grüße\nFelix Braun";
    let post = Post { status_after: Some(Status::WaitingOnCustomer), ..reply(ask) };
    let ours = stage.replies(&cast.felix, ticket, post).await?;
    let away = "Guten Tag,\n\nich bin diese Woche nicht im Büro und lese keine E-Mails. In dringenden Fällen wenden Sie sich \
                bitte an it@stadtwerke-muster.example.\n\nMit freundlichen Grüßen\nKatrin Vogel";
    stage.is_away(&ours[0], away).await?;
    Ok(Some(ticket))
}

/// Our answer comes back as undeliverable.
async fn bounce(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::BOUNCE).await? else { return Ok(None) };
    tickets::take(&stage.app, &cast.felix, &ticket.into(), None).await?;
    let text =
        "Hi Tom,\n\nthe reset mails left here and your old provider refused them. Is the move finished?\n\nFelix";
    let post = Post { status_after: Some(Status::WaitingOnCustomer), ..reply(text) };
    let ours = stage.replies(&cast.felix, ticket, post).await?;
    stage.bounces(&ours[0]).await?;
    Ok(Some(ticket))
}

/// Answered, and closed.
async fn question(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::QUESTION).await? else { return Ok(None) };
    sort(stage, &cast.mara, ticket, ("question", Priority::Low, &[]), Some(&cast.mara)).await?;
    let text = "Hello Mei,\n\nyes, Basic has three seats: Settings, People, Invite.\n\nMara";
    let ours = stage.replies(&cast.mara, ticket, Post { status_after: Some(Status::Solved), ..reply(text) }).await?;
    stage.answers(&ours[0], "Found it, thank you!\n\nMei", Locale::En).await?;
    tickets::close(&stage.app, &cast.mara, &ticket.into(), None).await?;
    Ok(Some(ticket))
}

/// Urgent, with a colleague in Cc, and notes between agents.
async fn outage(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::OUTAGE).await? else { return Ok(None) };
    sort(stage, &cast.mara, ticket, ("bug", Priority::Urgent, &["outage", "checkout"]), Some(&cast.mara)).await?;
    stage.writes(&cast.felix, ticket, note("Gateway 2 restarts every few minutes since the update at 14:05.")).await?;
    let text = "Hello Priya, hello Lena,\n\nwe see it too: one of two gateways is failing. We have taken it out of rotation; \
                payments go through again, slower than usual. I write as soon as the second one is back.\n\nMara";
    let ours = stage.replies(&cast.mara, ticket, reply(text)).await?;
    stage.answers(&ours[0], "Confirmed, payments are back. Please keep us posted.\n\nPriya", Locale::En).await?;
    Ok(Some(ticket))
}

/// Sorted and given to somebody who has not begun yet.
async fn deploy(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let Some(ticket) = stage.opens(&mails::DEPLOY).await? else { return Ok(None) };
    sort(stage, &cast.mara, ticket, ("deploy", Priority::High, &["build"]), Some(&cast.felix)).await?;
    stage.writes(&cast.mara, ticket, note("Felix, could you look? The log ends with the heap limit.")).await?;
    Ok(Some(ticket))
}

/// By the public form.
async fn refund(stage: &Stage, cast: &Cast) -> anyhow::Result<Option<TicketId>> {
    let email = "ben.adeyemi@rowing-club.example";
    if stage.knows(email).await? {
        return Ok(None);
    }
    let new = Create {
        tenant: Some(stage.tenant),
        subject: "Charged twice for October".to_owned(),
        sub_subject: None,
        body: "Our card statement shows two payments of 27 euros on 1 October. Please refund one of them.".to_owned(),
        category: Some("billing".to_owned()),
        priority: None,
        kind: None,
        requester: Some((Some("Ben Adeyemi".to_owned()), email.to_owned())),
        channel: Channel::Web,
        attachments: Vec::new(),
    };
    let ticket = tickets::create(&stage.app, &Actor::system(), new).await?;
    tickets::take(&stage.app, &cast.noor, &ticket.into(), None).await?;
    Ok(Some(ticket))
}

/// A machine's mail, which comes by two ways: one ticket, and no acknowledgement.
async fn alarm(stage: &Stage) -> anyhow::Result<Option<TicketId>> {
    let told = waits(stage, &mails::MONITOR).await?;
    if told.is_some() {
        stage.comes_again(&mails::MONITOR).await?;
    }
    Ok(told)
}

/// New: nobody has looked yet.
async fn waits(stage: &Stage, letter: &Letter) -> anyhow::Result<Option<TicketId>> {
    stage.opens(letter).await
}
