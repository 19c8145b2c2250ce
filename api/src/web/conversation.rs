//! A ticket's messages and events as the conversation that a page shows, oldest first. Pure.

use super::format::{self, Now, When};
use super::parts::FileLink;
use super::ticket::{Delivery, Entry, Event, Folded, Message, TrailLine, VerdictChip};
use super::words::{self, Fate};
use super::{cards, mail, story};
use shared::events;
use shared::i18n::{self, Locale};
use shared::ids::{MessageId, UserId};
use shared::mail_in::cards::MailView;
use shared::mail_in::deceit;
use shared::mail_in::parse;
use shared::mail_in::quote::page::{self as fold, Said};
use shared::mail_in::sanitise;
use shared::mail_in::types::{Class, Verdict};
use shared::mail_out::kinds::{Kind, OutboxState};
use shared::mail_out::outbox::read::Listed;
use shared::markdown;
use shared::messages::{self, MessageKind, Side};
use shared::previews::{self, Preview};
use shared::tickets::EventView;
use std::collections::HashMap;

/// What waits no longer than this leaves by itself in a moment.
const UNDO: chrono::TimeDelta = chrono::TimeDelta::seconds(60);
/// How many events the side panel shows.
const TRAIL: usize = 12;

/// A file as the page needs it.
#[derive(Debug, Clone)]
pub struct File {
    /// The message that it hangs on.
    pub message: MessageId,
    /// Its row, for its address.
    pub id: i64,
    /// Its name.
    pub filename: String,
    /// Its type.
    pub content_type: String,
    /// Its size.
    pub size_bytes: i64,
    /// Shown within the HTML rather than as a file of its own.
    pub inline: bool,
    /// Whether there is a small picture of it.
    pub has_thumbnail: bool,
    /// Whether it can be looked at here.
    pub can_look: bool,
}

impl File {
    /// Returns a message's file; None for one that hangs on none.
    pub fn of(f: shared::attachments::Attachment) -> Option<File> {
        Some(File {
            message: f.ticket_message_id?,
            has_thumbnail: f.preview == Some(Preview::Ready),
            can_look: previews::look(&f).is_some(),
            id: f.id.0,
            filename: f.filename,
            content_type: f.content_type,
            size_bytes: f.size_bytes,
            inline: f.inline,
        })
    }
}

/// What a conversation is made of.
pub struct Parts<'a> {
    /// The ticket's page.
    pub url: &'a str,
    /// What its forms' addresses end in, so that they know the list.
    pub from: &'a str,
    /// The reader's language.
    pub locale: Locale,
    /// The present moment by the reader's clock.
    pub now: Now,
    /// The reader.
    pub reader: Option<UserId>,
    /// Whether the reader is an agent: sees notes, events, doors and deliveries.
    pub agent: bool,
    /// Whether the reader may see why a mail is where it is.
    pub may_explain: bool,
    /// Whether the reader may have a mail's bytes.
    pub may_raw: bool,
    /// Whether the reader may retry and cancel mail.
    pub may_act: bool,
    /// Whether there are earlier messages.
    pub cut: bool,
    /// The messages.
    pub messages: &'a [messages::Message],
    /// Their files.
    pub files: &'a [File],
    /// What became of the mails about the ticket.
    pub deliveries: &'a [Listed],
    /// The timeline.
    pub events: &'a [EventView],
    /// Whether the reader may make messages tickets of their own.
    pub may_split: bool,
    /// Whether the reader may take words and files of messages out for good.
    pub may_redact: bool,
    /// How far the reader had read before, if they ever looked.
    pub read: Option<i64>,
    /// What users are called.
    pub names: &'a HashMap<UserId, String>,
}

impl Parts<'_> {
    /// Returns messages and what happened between them, in the order of the timeline.
    pub fn entries(&self) -> Vec<Entry> {
        let shown = |m: &&messages::Message| self.agent || (m.kind == MessageKind::Reply && !self.is_unsaid(m));
        let texts = self.folded();
        let messages = self
            .messages
            .iter()
            .zip(texts)
            .filter(|(m, _)| shown(m))
            .map(|(m, text)| (m.seq, self.message(m, text), self.is_news(m)));
        let told = |e: &&EventView| match self.agent {
            true => story::is_told(e.event.kind),
            false => story::is_public(e.event.kind),
        };
        // Events before the first message shown belong to earlier ones.
        let first = if self.cut { self.messages.first().map_or(0, |m| m.seq) } else { 0 };
        let events = self
            .events
            .iter()
            .filter(told)
            .map(|e| &e.event)
            .filter(|e| e.seq >= first)
            .map(|e| (e.seq, self.event(e)));
        let mut all: Vec<(i64, Entry)> = messages
            .map(|(seq, message, new)| (seq, Entry { message: Some(message), event: None, new }))
            .chain(events.map(|(seq, event)| (seq, Entry { message: None, event: Some(event), new: false })))
            .collect();
        all.sort_by_key(|(seq, _)| *seq);
        // One line, above the first.
        all.iter_mut().filter(|(_, entry)| entry.new).skip(1).for_each(|(_, entry)| entry.new = false);
        all.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Whether somebody else wrote it since the reader looked.
    fn is_news(&self, m: &messages::Message) -> bool {
        self.read.is_some_and(|read| m.seq > read) && (m.author_id.is_none() || m.author_id != self.reader)
    }

    /// What of each message is shown; the rest folds. Mails repeat what the ticket has (E7.2, E7.8).
    fn folded(&self) -> Vec<String> {
        let mut said = Said::default();
        let one = |m: &messages::Message| {
            let opened = m.seq <= 2;
            let text = match m.mail_id {
                Some(_) => fold::shown(&m.body, m.body_html.as_deref(), &m.visible_text, opened, &said),
                None => m.visible_text.clone(),
            };
            // What a customer may not read must not shape what they see.
            if self.agent || m.kind == MessageKind::Reply {
                said.add(if m.markdown_html().is_some() { &m.visible_text } else { &m.body });
            }
            text
        };
        self.messages.iter().map(one).collect()
    }

    /// Returns the newest events for the side panel, newest first; nothing for customers.
    pub fn trail(&self) -> Vec<TrailLine> {
        if !self.agent {
            return Vec::new();
        }
        let newest = self.events.iter().rev().take(TRAIL);
        newest
            .map(|e| &e.event)
            .map(|e| TrailLine { text: self.sentence(e), actor: None, at: When::new(self.locale, e.at, self.now) })
            .collect()
    }

    fn sentence(&self, event: &events::Event) -> String {
        story::event(self.locale, event, |id| self.names.get(&id).cloned())
    }

    fn event(&self, event: &events::Event) -> Event {
        Event {
            seq: event.seq,
            glyph: story::event_glyph(event.kind),
            text: self.sentence(event),
            at: When::new(self.locale, event.at, self.now),
        }
    }

    fn message(&self, m: &messages::Message, shown: String) -> Message {
        let locale = self.locale;
        let ours = matches!(m.side, Side::Agent | Side::System);
        let note = m.kind == MessageKind::Note;
        let name = m.author_name.as_deref().filter(|n| !n.trim().is_empty()).or(m.author_email.as_deref());
        let author = name.map_or_else(|| i18n::text(locale, "somebody", &[]), deceit::shown);
        let label = if note { "note-by" } else { "message-from" };
        let visible = &shown;
        let view = MailView::from_json(m.mail_view.as_deref());
        let encrypted = m.mail_id.is_some() && m.body == parse::ENCRYPTED;
        let written = m.markdown_html();
        let files: Vec<FileLink> =
            self.files.iter().filter(|f| f.message == m.id && !f.inline).map(|f| self.file(f)).collect();
        let all = || format!("/api/support/tickets/{}/attachments.zip?message={}", m.ticket_id, m.id);
        let folds = match written {
            Some(_) => Vec::new(),
            None => fold::folds(&m.body, m.body_html.as_deref(), visible),
        };
        let class = if note { Some("note") } else { ours.then_some("us") };
        Message {
            id: m.id.0,
            seq: m.seq,
            class,
            ours,
            note,
            label: i18n::text(locale, label, &[("name", &author)]),
            initials: format::initials(&author),
            email: m.author_email.as_deref().map(deceit::address).filter(|e| self.agent && !ours && *e != author),
            author,
            door: self.agent.then(|| door(locale, m)).flatten(),
            verdict: self.agent.then(|| m.verdict.and_then(|v| verdict(locale, v))).flatten(),
            auto: m.class.filter(|c| *c != Class::Person).map(|c| i18n::word(locale, "class", c.as_str())),
            forwarded: m.forwarded_by.filter(|_| self.agent).map(|by| {
                let somebody = || i18n::text(locale, "somebody", &[]);
                let name = self.names.get(&by).cloned().unwrap_or_else(somebody);
                i18n::text(locale, "forwarded-by", &[("name", &name)])
            }),
            split: self.may_split.then(|| self.form(m, "split")),
            redact: self.may_redact.then(|| self.form(m, "redact")),
            withdrawn: m.withdrawn_at.is_some(),
            at: When::new(locale, m.created_at, self.now),
            text: match written {
                Some(html) => markdown::clean(html),
                None if encrypted => format::text_html(&i18n::text(locale, "mail-encrypted", &[])),
                None => format::text_html(visible.trim()),
            },
            rich: written.is_some(),
            chips: if self.agent { cards::chips(locale, &view) } else { Vec::new() },
            original: m
                .mail_id
                .filter(|_| self.agent && self.may_raw)
                .map(|id| format!("/dashboard/mail/{id}/original")),
            cards: cards::all(locale, self.now, &view.cards),
            folds: folds.iter().map(|f| Folded::new(locale, f)).collect(),
            html: m
                .body_html
                .as_ref()
                .filter(|_| written.is_none())
                .map(|_| format!("{}/messages/{}/html", self.url, m.id)),
            remote_images: written.is_none() && m.body_html.as_deref().is_some_and(sanitise::has_remote_images),
            all_files: (files.len() > 1).then(all),
            files,
            mail: m.mail_id.filter(|_| self.may_explain).map(|id| format!("/dashboard/mail/{id}")),
            take_back: self.take_back(m),
            leaves_in: self.leaves_in(m),
            send_now: self.send_now(m),
            held: self.is_held(m),
            delivery: self.deliveries_of(m),
        }
    }

    /// Returns where the form of an act on a message goes.
    fn form(&self, m: &messages::Message, act: &str) -> String {
        format!("{}/messages/{}/{act}{}", self.url, m.id, self.from)
    }

    fn file(&self, file: &File) -> FileLink {
        let href = format!("/api/support/attachments/{}", file.id);
        FileLink {
            id: file.id,
            filename: deceit::shown(&file.filename),
            size: format::size(self.locale, file.size_bytes.unsigned_abs()),
            glyph: if file.content_type.starts_with("image/") { "image" } else { "file" },
            thumbnail: file.has_thumbnail.then(|| format!("{href}/thumbnail")),
            look: file.can_look.then(|| format!("{}/files/{}", self.url, file.id)),
            href,
        }
    }

    /// Returns where to take a reply back that the reader wrote and that has not left.
    fn take_back(&self, m: &messages::Message) -> Option<String> {
        let mine = self.reader.is_some() && m.author_id == self.reader && m.withdrawn_at.is_none();
        let mails = self.deliveries.iter().filter(|d| self.is_reply_of(d, m));
        let states: Vec<OutboxState> = mails.map(|d| d.mail.state).collect();
        let open = |s: &OutboxState| OutboxState::CANCELLABLE.contains(s) || *s == OutboxState::Suppressed;
        let can = mine && states.iter().all(open) && states.iter().any(|s| OutboxState::CANCELLABLE.contains(s));
        can.then(|| self.form(m, "withdraw"))
    }

    /// Returns the seconds until a reply leaves that is held only so that it can be taken back.
    fn leaves_in(&self, m: &messages::Message) -> Option<i64> {
        let mails = self.deliveries.iter().filter(|d| self.is_reply_of(d, m) && d.mail.state == OutboxState::Held);
        let first = mails.filter_map(|d| d.mail.due_at).min()?;
        let left = first - *self.now;
        (left <= UNDO).then(|| left.num_seconds().max(0))
    }

    /// Returns where to let a reply leave at once that the reader wrote and that waits for its time.
    fn send_now(&self, m: &messages::Message) -> Option<String> {
        let mine = self.reader.is_some() && m.author_id == self.reader && m.withdrawn_at.is_none();
        let mut mails = self.deliveries.iter().filter(|d| self.is_reply_of(d, m));
        let waits = |d: &Listed| {
            let soon = d.mail.due_at.is_some_and(|at| at - *self.now <= UNDO);
            d.mail.state == OutboxState::Held && !soon
        };
        (mine && mails.any(waits)).then(|| self.form(m, "send"))
    }

    /// Whether a scheduled reply is held back, as somebody wrote first (E9.3).
    fn is_held(&self, m: &messages::Message) -> bool {
        let mut mails = self.deliveries.iter().filter(|d| self.is_reply_of(d, m));
        m.withdrawn_at.is_none() && mails.any(|d| d.mail.state == OutboxState::Held && d.mail.due_at.is_none())
    }

    /// Whether an agent's reply was taken back, or still can be: for customers it was not said.
    fn is_unsaid(&self, m: &messages::Message) -> bool {
        let held = |d: &Listed| self.is_reply_of(d, m) && d.mail.state == OutboxState::Held;
        m.withdrawn_at.is_some() || (m.side == Side::Agent && self.deliveries.iter().any(held))
    }

    /// Returns why the reader's last reply reached nobody, if it did not: its text is their draft again.
    pub fn undelivered(&self) -> Option<Delivery> {
        let own = |m: &&messages::Message| {
            m.kind == MessageKind::Reply
                && m.side == Side::Agent
                && m.author_id == self.reader
                && m.withdrawn_at.is_none()
        };
        let all = self.deliveries_of(self.messages.iter().rfind(own)?);
        let dead = all.iter().all(|d| d.state == OutboxState::Dead.as_str());
        all.into_iter().next().filter(|_| dead)
    }

    fn is_reply_of(&self, listed: &Listed, m: &messages::Message) -> bool {
        listed.mail.ticket_message_id == Some(m.id) && listed.mail.kind == Kind::Reply
    }

    fn deliveries_of(&self, m: &messages::Message) -> Vec<Delivery> {
        let shown = self.agent && m.kind == MessageKind::Reply && m.side == Side::Agent;
        let of_message = |d: &&Listed| shown && self.is_reply_of(d, m);
        let mut rows: Vec<&Listed> = self.deliveries.iter().filter(of_message).collect();
        rows.sort_by_key(|d| d.mail.id);
        rows.into_iter().map(|d| self.delivery(d)).collect()
    }

    fn delivery(&self, listed: &Listed) -> Delivery {
        let mail = &listed.mail;
        let next = mail::next_try(self.locale, self.now, mail);
        let fate = Fate {
            state: mail.state,
            code: mail.reply_code,
            enhanced: mail.enhanced.as_deref(),
            next: next.as_ref().map(|w| w.short.as_str()),
        };
        let act = words::state_acts(mail.state).into_iter().find(|act| *act == "retry" && self.may_act);
        Delivery {
            id: mail.id.0,
            to: mail.to_email.clone(),
            state: mail.state.as_str().to_owned(),
            glyph: words::state_glyph(mail.state),
            text: fate.text(self.locale),
            act,
            at: mail.sent_at.map(|at| When::new(self.locale, at, self.now)),
        }
    }
}

/// By which way a message came; nothing for what was written in the dashboard.
fn door(locale: Locale, m: &messages::Message) -> Option<String> {
    match (m.mail_id, m.side) {
        (Some(_), _) => Some(i18n::text(locale, "by-mail", &[])),
        (None, Side::Customer | Side::Staff) => Some(i18n::text(locale, "by-form", &[])),
        (None, Side::Agent | Side::System) => None,
    }
}

/// Whether the sender is proven; nothing where no door could check.
fn verdict(locale: Locale, verdict: Verdict) -> Option<VerdictChip> {
    let (class, glyph) = match verdict {
        Verdict::Pass => ("ok", "shield"),
        Verdict::Weak => ("warn", "shield-q"),
        Verdict::Fail => ("bad", "shield-q"),
        Verdict::None => return None,
    };
    Some(VerdictChip {
        class: Some(class),
        glyph,
        text: i18n::word(locale, "verdict", verdict.as_str()),
        title: i18n::word(locale, "verdict-title", verdict.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::events::{ByKind, EventKind};
    use shared::ids::{MailId, TenantId, TicketId};

    fn message(id: i64, seq: i64, kind: MessageKind, side: Side, body: &str, visible: &str) -> messages::Message {
        messages::Message {
            id: MessageId(id),
            tenant_id: TenantId(1),
            ticket_id: TicketId(1),
            seq,
            kind,
            side,
            author_id: None,
            author_name: Some("Daniel".into()),
            author_email: Some("d@x.example".into()),
            body: body.into(),
            body_html: None,
            visible_text: visible.into(),
            class: Some(Class::Person),
            verdict: Some(Verdict::None),
            mail_id: Some(MailId(3)),
            mail_view: None,
            message_id: None,
            withdrawn_at: None,
            forwarded_by: None,
            written_at: None,
            created_at: shared::clock::now(),
        }
    }

    fn event(seq: i64, kind: EventKind) -> events::Event {
        events::Event {
            ticket_id: TicketId(1),
            seq,
            tenant_id: TenantId(1),
            kind,
            actor_kind: ByKind::System,
            actor_id: None,
            data: r#"{"from":"new","to":"triaged"}"#.into(),
            at: shared::clock::now(),
            hash: vec![],
        }
    }

    fn entries(agent: bool) -> Vec<Entry> {
        use MessageKind::{Note, Reply};
        let messages = [
            message(1, 2, Reply, Side::Customer, "Hi\n> forwarded", "Hi"),
            message(2, 4, Note, Side::Agent, "psst", "psst"),
            message(3, 6, Reply, Side::Customer, "Thanks\n> Hi", "Thanks"),
        ];
        let views = |e: events::Event| EventView { event: e, actor_name: None, actor_email: None, content: None };
        let events = [
            event(1, EventKind::Created),
            event(2, EventKind::MessageAdded),
            event(3, EventKind::StatusChanged),
            event(4, EventKind::MessageAdded),
            event(5, EventKind::Assigned),
            event(6, EventKind::MessageAdded),
        ]
        .map(views);
        let parts = Parts {
            read: None,
            may_split: false,
            may_redact: false,
            url: "/dashboard/support/202611-0001",
            from: "",
            reader: None,
            cut: false,
            locale: Locale::En,
            now: shared::clock::now().into(),
            agent,
            may_explain: agent,
            may_raw: agent,
            may_act: agent,
            messages: &messages,
            files: &[],
            deliveries: &[],
            events: &events,
            names: &HashMap::new(),
        };
        parts.entries()
    }

    fn order(entries: &[Entry]) -> Vec<String> {
        let name = |e: &Entry| match (&e.message, &e.event) {
            (Some(m), _) => format!("m{}", m.id),
            (_, Some(e)) => format!("e{}", e.seq),
            _ => String::new(),
        };
        entries.iter().map(name).collect()
    }

    #[test]
    fn events_stand_between_messages_by_time() {
        assert_eq!(order(&entries(true)), ["m1", "e3", "m2", "e5", "m3"]);
    }

    #[test]
    fn customers_see_neither_notes_nor_how_we_work() {
        let shown = entries(false);
        assert_eq!(order(&shown), ["m1", "e3", "m3"]);
        let first = shown[0].message.as_ref().unwrap();
        assert!(first.mail.is_none() && first.verdict.is_none() && first.email.is_none() && first.door.is_none());
    }

    #[test]
    fn the_first_message_is_whole_and_later_ones_are_folded() {
        let shown = entries(true);
        let first = shown[0].message.as_ref().unwrap();
        assert!(first.folds.is_empty() && first.text.contains("forwarded"));
        let last = shown[4].message.as_ref().unwrap();
        assert_eq!(
            (last.text.as_str(), last.folds.first().map(|f| f.label.as_str())),
            ("Thanks", Some("Quoted text, 1 line"))
        );
    }
}
