//! One ticket: the conversation with what happened between, the composer, and the side panel.

use super::customer::Customer;
use super::format::{self, When};
use super::incidents::Badge;
use super::near::Near;
use super::parts::{Choice, Clock, Fact, FileLink, Person, Refused, TicketLink};
use super::passing::Passed;
use super::render::Page;
use super::snoozed::Snoozed;
use serde::Serialize;
use shared::i18n::{self, Locale};
use shared::mail_in::quote::Reason;
use shared::mail_in::quote::page::Fold;

/// How the requester rated the help.
#[derive(Debug, Clone, Serialize)]
pub struct RatingView {
    /// 1 to 5.
    pub score: String,
    /// What they added.
    pub comment: Option<String>,
}

/// `ticket.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct TicketPage {
    /// The public id.
    pub pid: String,
    /// The page's own path, and that of its forms.
    pub url: String,
    /// What its forms' addresses end in, so that they know the list: a query, or nothing.
    pub from: String,
    /// The list to go back to.
    pub list: String,
    /// The tickets around it in that list, for agents.
    pub near: Option<Near>,
    /// Subject.
    pub subject: String,
    /// The newest message on the page.
    pub newest: i64,
    /// The version that the page was drawn from: forms send it back.
    pub version: i64,
    /// The status.
    pub status: String,
    /// The priority.
    pub priority: String,
    /// By which way it came.
    pub channel: String,
    /// When.
    pub created: When,
    /// The category's name.
    pub category: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
    /// The clock that runs out first.
    pub sla: Option<Clock>,
    /// All clocks.
    pub clocks: Vec<NamedClock>,
    /// Who is asking.
    pub requester: Customer,
    /// The agent.
    pub assignee: Option<Person>,
    /// Who else gets the mail.
    pub participants: Vec<Participant>,
    /// Messages and events, oldest first.
    pub entries: Vec<Entry>,
    /// What the tray asks about this ticket.
    pub joins: Vec<super::joins::Hint>,
    /// The ticket that goes on for this one, once merged.
    pub merged_into: Option<TicketLink>,
    /// The tickets that were merged into this one.
    pub merged_here: Vec<MergedLine>,
    /// Tickets that it may be merged with.
    pub merge_with: Vec<MergeOffer>,
    /// Nobody has said yet whose ticket it is.
    pub no_requester: bool,
    /// Further mailboxes that its mail was sent to.
    pub also_addressed: Vec<String>,
    /// Earlier messages, if not all are here.
    pub earlier: Option<String>,
    /// The newest events, for the side panel.
    pub trail: Vec<TrailLine>,
    /// What the reader may do.
    pub can: Can,
    /// Whether the reader is an agent.
    pub agent: bool,
    /// Why there is no composer.
    pub closed_text: Option<String>,
    /// Who will get a reply.
    pub to: super::recipients::To,
    /// Colleagues whom a note can name.
    pub colleagues: Vec<Colleague>,
    /// Its tenant, to which files are sent.
    pub tenant_id: i64,
    /// How large a file may be, in bytes.
    pub most_bytes: usize,
    /// The same in words.
    pub most: String,
    /// Who is to join with it: as typed.
    pub add: String,
    /// Who is to get it unseen: as typed.
    pub bcc: String,
    /// When it is to leave: as typed.
    pub send_after: String,
    /// The status that a refused reply was to set.
    pub status_after: Option<String>,
    /// A refused reply can be sent all the same.
    pub anyway: bool,
    /// An address outside the customer's domain that their last mail wants its answer at (E8.2).
    pub answer_to: Option<String>,
    /// How the requester rated the help.
    pub rating: Option<RatingView>,
    /// The composer is open for a note.
    pub note_mode: bool,
    /// Why the reader's last reply reached nobody, where its text is their draft again.
    pub undelivered: Option<Delivery>,
    /// A reply that was not sent.
    pub reply_draft: String,
    /// A note that was not stored.
    pub note_draft: String,
    /// What came while the reader was writing.
    pub stale: Option<Crossed>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// What was just done.
    pub done: Option<String>,
    /// How that is taken back.
    pub undo: Option<String>,
    /// What was done with the ticket before this one.
    pub passed: Option<Passed>,
    /// Until when it is put off.
    pub snoozed: Option<Snoozed>,
    /// Until when it was to be put off: as typed.
    pub snooze_words: Option<String>,
    /// Its contents were erased for good.
    pub erased: Option<When>,
    /// The requester's address, where the reader may erase them (E13.1).
    pub erasable: Option<String>,
    /// The choices of the status form.
    pub statuses: Vec<Choice>,
    /// The choices of the priority form.
    pub priorities: Vec<Choice>,
    /// The choices of the assignee form.
    pub assignees: Vec<Choice>,
    /// The incident that it is linked to.
    pub incident: Option<Badge>,
    /// What it can be linked to, for who may.
    pub incidents: Vec<Choice>,
}

/// Somebody whom a note can name.
#[derive(Debug, Clone, Serialize)]
pub struct Colleague {
    /// What is written after the `@`.
    pub handle: String,
    /// Their name, else their address.
    pub name: String,
}

/// What came while a message was written, which therefore was not sent.
#[derive(Debug, Clone, Serialize)]
pub struct Crossed {
    /// What was written.
    pub messages: Vec<Message>,
    /// What happened besides.
    pub events: Vec<Event>,
}

impl Crossed {
    /// Returns what of `entries` came after the version that the author saw.
    pub fn of(entries: &[Entry], seen: i64) -> Crossed {
        let messages = entries.iter().filter_map(|e| e.message.as_ref()).filter(|m| m.seq > seen).cloned().collect();
        let events = entries.iter().filter_map(|e| e.event.as_ref()).filter(|e| e.seq > seen).cloned().collect();
        Crossed { messages, events }
    }
}

/// What the reader may do with the ticket.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Can {
    /// Write anything at all.
    pub write: bool,
    /// Write what the customer sees.
    pub reply: bool,
    /// Write what only agents see.
    pub note: bool,
    /// Set status and priority.
    pub update: bool,
    /// Put it off.
    pub snooze: bool,
    /// Give it to somebody.
    pub assign: bool,
    /// Take it.
    pub take: bool,
    /// Merge it with another one, and undo that.
    pub merge: bool,
    /// Put tags on it.
    pub tag: bool,
    /// Erase it for good (E13.1).
    pub erase: bool,
    /// Close it, as the requester.
    pub close: bool,
    /// Reopen it, as the requester.
    pub reopen: bool,
}

/// A ticket that was merged into this one.
#[derive(Debug, Clone, Serialize)]
pub struct MergedLine {
    /// Its public id.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// Its subject.
    pub subject: String,
    /// When.
    pub at: When,
}

/// A ticket that this one may be merged with.
#[derive(Debug, Clone, Serialize)]
pub struct MergeOffer {
    /// Its public id.
    pub pid: String,
    /// Its subject.
    pub subject: String,
}

/// A clock and what it measures.
#[derive(Debug, Clone, Serialize)]
pub struct NamedClock {
    /// What is due and when.
    pub label: String,
    /// The clock.
    pub sla: Clock,
}

/// Somebody who gets the ticket's mail.
#[derive(Debug, Clone, Serialize)]
pub struct Participant {
    /// Name, else address.
    pub name: String,
    /// Address.
    pub email: String,
    /// Up to two letters.
    pub initials: String,
    /// `requester`, `cc`, `follower`, `new_sender`.
    pub kind: String,
}

/// A message or an event.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The message.
    pub message: Option<Message>,
    /// The event.
    pub event: Option<Event>,
    /// The first message that the reader has not seen.
    pub new: bool,
}

/// One message.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// Its row id, for links.
    pub id: i64,
    /// Its number on the ticket.
    pub seq: i64,
    /// `us`, `note`, or nothing for the customer's side.
    pub class: Option<&'static str>,
    /// Whether our side wrote it.
    pub ours: bool,
    /// Whether it is a note.
    pub note: bool,
    /// What a screen reader calls it.
    pub label: String,
    /// Who wrote.
    pub author: String,
    /// Their address, for customers' messages.
    pub email: Option<String>,
    /// Up to two letters.
    pub initials: String,
    /// By which door it came.
    pub door: Option<String>,
    /// Whether the sender is who the mail says.
    pub verdict: Option<VerdictChip>,
    /// It was written by a machine: in words.
    pub auto: Option<String>,
    /// An agent forwarded it: in words.
    pub forwarded: Option<String>,
    /// Where to make it a ticket of its own.
    pub split: Option<String>,
    /// Where to take words or files of it out for good.
    pub redact: Option<String>,
    /// It was taken back before it left.
    pub withdrawn: bool,
    /// When.
    pub at: When,
    /// The text as safe HTML.
    pub text: String,
    /// It was written with marks: the text has paragraphs and lists of its own.
    pub rich: bool,
    /// What is peculiar about the mail, for agents (E2.1, E2.13).
    pub chips: Vec<MailChip>,
    /// The mail as it came.
    pub original: Option<String>,
    /// Enclosed mails and invitations (E2.9, E2.11).
    pub cards: Vec<CardView>,
    /// What of it is hidden until it is asked for.
    pub folds: Vec<Folded>,
    /// The page of its HTML.
    pub html: Option<String>,
    /// Whether it has images on other hosts, which are not shown unless asked for.
    pub remote_images: bool,
    /// Its files.
    pub files: Vec<FileLink>,
    /// Where to get them all in one, if there are several.
    pub all_files: Option<String>,
    /// The page that tells why it is here.
    pub mail: Option<String>,
    /// Where to take it back, while it can be.
    pub take_back: Option<String>,
    /// How many seconds are left for that, where it is about to leave.
    pub leaves_in: Option<i64>,
    /// Where to let it leave at once, while it waits for its time.
    pub send_now: Option<String>,
    /// It waits for its author, as somebody wrote before its time.
    pub held: bool,
    /// What became of it, per recipient.
    pub delivery: Vec<Delivery>,
}

/// Something peculiar about a mail.
#[derive(Debug, Clone, Serialize)]
pub struct MailChip {
    /// In words.
    pub text: String,
    /// What that means.
    pub title: String,
}

/// What a file of a mail holds, shown without opening it.
#[derive(Debug, Clone, Serialize)]
pub struct CardView {
    /// The icon.
    pub glyph: &'static str,
    /// What it is, in words.
    pub kind: String,
    /// What it is about.
    pub title: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// The text of an enclosed mail, as safe HTML.
    pub text: Option<String>,
    /// Enclosed mails and invitations of an enclosed mail.
    pub cards: Vec<CardView>,
}

/// Quoted text, or a signature, behind a chip.
#[derive(Debug, Clone, Serialize)]
pub struct Folded {
    /// What it is, and how many lines.
    pub label: String,
    /// As safe HTML.
    pub text: String,
}

impl Folded {
    /// Returns what a message folds, as it is shown.
    pub fn new(locale: Locale, fold: &Fold) -> Folded {
        let key = match fold.reason {
            Reason::Quote => "quoted-text",
            Reason::Signature => "signature-text",
        };
        let lines = fold.text.lines().count().to_string();
        Folded { label: i18n::text(locale, key, &[("lines", &lines)]), text: format::text_html(&fold.text) }
    }
}

/// Whether a sender could be verified.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictChip {
    /// `ok`, `warn`, `bad`, or none.
    pub class: Option<&'static str>,
    /// The icon.
    pub glyph: &'static str,
    /// In words.
    pub text: String,
    /// What that means.
    pub title: String,
}

/// What became of a reply at one recipient.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// The outbox mail.
    pub id: i64,
    /// The recipient.
    pub to: String,
    /// The state.
    pub state: String,
    /// The icon.
    pub glyph: &'static str,
    /// What happened, in words.
    pub text: String,
    /// What the reader can do: `retry`, `cancel`.
    pub act: Option<&'static str>,
    /// When.
    pub at: Option<When>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Its number on the ticket.
    pub seq: i64,
    /// The icon.
    pub glyph: &'static str,
    /// In words, with who did it.
    pub text: String,
    /// When.
    pub at: When,
}

/// One line of the timeline in the side panel.
#[derive(Debug, Clone, Serialize)]
pub struct TrailLine {
    /// In words.
    pub text: String,
    /// Who did it.
    pub actor: Option<String>,
    /// When.
    pub at: When,
}

impl Page for TicketPage {
    const TEMPLATE: &'static str = "ticket";
    fn title(&self, _: Locale) -> String {
        format!("{} {}", self.pid, self.subject)
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let agent = tests::agent();
        let customer = TicketPage {
            can: Can { write: true, reply: true, close: true, ..Default::default() },
            agent: false,
            near: None,
            participants: vec![],
            trail: vec![],
            clocks: vec![],
            sla: None,
            ..agent.clone()
        };
        let merged = TicketPage {
            can: Can { merge: true, ..Default::default() },
            merged_into: Some(TicketLink::new("202611-0002")),
            passed: Some(Passed::sample()),
            ..agent.clone()
        };
        let closed = TicketPage {
            can: Can { reopen: true, ..Default::default() },
            closed_text: Some("This ticket is closed.".into()),
            ..customer.clone()
        };
        let stale = TicketPage {
            stale: Some(Crossed::of(&agent.entries, 0)),
            anyway: true,
            status_after: Some("solved".into()),
            note_mode: true,
            reply_draft: "Hi".into(),
            refused: Some(Refused { text: "Not sent.".into(), fields: vec![] }),
            ..agent.clone()
        };
        vec![agent, customer, closed, stale, merged]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::parts::choices;

    /// Returns a ticket with everything a page can show.
    pub fn agent() -> TicketPage {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let mara = Person::new(Some("Mara Lindqvist"), "mara@desk.example", true);
        let clock =
            Clock { state: "breached", glyph: "warn", text: "Late by 12 m".into(), exact: "Fri 20 Nov 2026".into() };
        let file = FileLink {
            id: 1,
            filename: "log.txt".into(),
            size: "38 KB".into(),
            glyph: "file",
            href: "/api/support/attachments/1".into(),
            thumbnail: None,
            look: None,
        };
        let picture = FileLink {
            thumbnail: Some("/api/support/attachments/2/thumbnail".into()),
            look: Some("/dashboard/support/202611-0001/files/2".into()),
            ..file.clone()
        };
        let verdict = VerdictChip {
            class: Some("ok"),
            glyph: "shield",
            text: "signed".into(),
            title: "The signature is good.".into(),
        };
        let card = CardView {
            glyph: "mail",
            kind: "Enclosed mail".into(),
            title: "Release 47".into(),
            facts: vec![Fact { key: "from", value: "Eve <eve@x.example>".into() }],
            text: Some("Hello".into()),
            cards: vec![],
        };
        let message = Message {
            id: 1,
            seq: 1,
            class: None,
            ours: false,
            note: false,
            label: "Message from Daniel".into(),
            author: "Daniel Okafor".into(),
            email: Some("daniel@okafor.example".into()),
            initials: "DO".into(),
            door: Some("by mail".into()),
            verdict: Some(verdict),
            auto: Some("out of office".into()),
            forwarded: Some("forwarded by Mara".into()),
            split: Some("/dashboard/support/202611-0001/messages/1/split".into()),
            redact: Some("/dashboard/support/202611-0001/messages/1/redact".into()),
            withdrawn: false,
            at: at.clone(),
            text: "Hello".into(),
            rich: false,
            chips: vec![MailChip { text: "decoded by guess".into(), title: "The mail does not say.".into() }],
            original: Some("/dashboard/mail/3/original".into()),
            cards: vec![CardView { cards: vec![card.clone()], ..card }],
            folds: vec![Folded { label: "Quoted text, 2 lines".into(), text: "&gt; old".into() }],
            html: Some("/dashboard/support/messages/1/html".into()),
            remote_images: true,
            files: vec![file, picture],
            all_files: Some("/api/support/tickets/1/attachments.zip?message=1".into()),
            mail: Some("/dashboard/mail/1".into()),
            take_back: None,
            leaves_in: None,
            send_now: None,
            held: false,
            delivery: vec![],
        };
        let delivery = |id, state: &str, act| Delivery {
            id,
            to: "daniel@okafor.example".into(),
            state: state.into(),
            glyph: "check",
            text: "sent".into(),
            act,
            at: Some(at.clone()),
        };
        let reply = Message {
            id: 2,
            class: Some("us"),
            ours: true,
            text: "<p>Hello</p>".into(),
            rich: true,
            email: None,
            verdict: None,
            chips: vec![],
            original: None,
            cards: vec![],
            folds: Vec::new(),
            html: None,
            files: vec![],
            mail: None,
            withdrawn: true,
            take_back: Some("/dashboard/support/202611-0001/messages/2/withdraw".into()),
            leaves_in: Some(8),
            send_now: Some("/dashboard/support/202611-0001/messages/2/send".into()),
            held: true,
            delivery: vec![delivery(1, "sent", None), delivery(2, "dead", Some("retry"))],
            ..message.clone()
        };
        let note =
            Message { id: 3, class: Some("note"), note: true, take_back: None, delivery: vec![], ..reply.clone() };
        let said = |m| Entry { message: Some(m), event: None, new: false };
        let event = Event { seq: 2, glyph: "me", text: "Mara took the ticket".into(), at: at.clone() };
        TicketPage {
            pid: "202611-0001".into(),
            url: "/dashboard/support/202611-0001".into(),
            from: "?view=open".into(),
            list: "/dashboard/support".into(),
            near: Some(Near::sample()),
            subject: "Release 48".into(),
            newest: 5,
            version: 7,
            status: "in_progress".into(),
            priority: "urgent".into(),
            channel: "email".into(),
            created: at.clone(),
            category: Some("Deploy".into()),
            tags: vec!["sale".into()],
            sla: Some(clock.clone()),
            clocks: vec![NamedClock { label: "Answer".into(), sla: clock }],
            requester: Customer::sample(),
            assignee: Some(mara),
            participants: vec![Participant {
                name: "Anna".into(),
                email: "anna@x.example".into(),
                initials: "A".into(),
                kind: "cc".into(),
            }],
            entries: vec![
                said(message),
                Entry { message: None, event: Some(event), new: false },
                Entry { new: true, ..said(reply) },
                said(note),
            ],
            joins: crate::web::joins::JoinsPage::samples().swap_remove(0).joins,
            merged_into: None,
            merged_here: vec![MergedLine {
                pid: "202611-0002".into(),
                href: "/dashboard/support/202611-0002".into(),
                subject: "Release 47".into(),
                at: at.clone(),
            }],
            merge_with: vec![MergeOffer { pid: "202611-0003".into(), subject: "Release 46".into() }],
            no_requester: true,
            also_addressed: vec!["sales@x.example".into(), "press@x.example".into()],
            earlier: Some("/dashboard/support/202611-0001?before=1".into()),
            trail: vec![TrailLine { text: "Status".into(), actor: Some("Mara".into()), at: at.clone() }],
            can: Can {
                write: true,
                reply: true,
                note: true,
                update: true,
                snooze: true,
                assign: true,
                take: true,
                merge: true,
                erase: true,
                ..Can::default()
            },
            agent: true,
            closed_text: None,
            to: crate::web::recipients::To::sample(),
            colleagues: vec![Colleague { handle: "mara".into(), name: "Mara Lindqvist".into() }],
            tenant_id: 1,
            most_bytes: 10_485_760,
            most: "10 MB".into(),
            add: "anna@x.example".into(),
            bcc: String::new(),
            send_after: String::new(),
            status_after: None,
            anyway: false,
            answer_to: Some("billing@other.example".into()),
            rating: Some(RatingView { score: "4".into(), comment: Some("Fine.".into()) }),
            note_mode: false,
            undelivered: Some(delivery(3, "dead", None)),
            reply_draft: String::new(),
            note_draft: String::new(),
            stale: None,
            refused: None,
            done: Some("Sent".into()),
            undo: Some("1.2.000.0".into()),
            passed: None,
            snoozed: Some(Snoozed::sample()),
            snooze_words: Some("soon".into()),
            erased: None,
            erasable: Some("ada@customer.example".to_owned()),
            statuses: choices(Locale::En, "status", &["new", "solved"], "new", None),
            priorities: choices(Locale::En, "priority", &["low", "urgent"], "urgent", None),
            assignees: vec![],
            incident: Some(Badge::sample()),
            incidents: choices(Locale::En, "incident", &["open"], "open", Some("none")),
        }
    }
}
