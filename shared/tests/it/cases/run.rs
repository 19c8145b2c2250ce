//! The stories' stage.

use super::script::{Does, Script, Step};
use bytes::Bytes;
use chrono::Duration;
use shared::access::{Actor, Capabilities, Role};
use shared::app::App;
use shared::clock::Time;
use shared::ids::{MailId, MailboxId, MessageId, TenantId, TicketId};
use shared::mail_in::authenticate::Vouched;
use shared::mail_in::release::{self, Released};
use shared::mail_in::replay::{self, Mode};
use shared::mail_in::types::{Facts, Spam};
use shared::mail_in::{self, Applied, Arrival, Door, InboundMail, Ingest, TraceLine};
use shared::mail_out::marker;
use shared::mail_out::outbox::Draft;
use shared::mailboxes::{self, MailboxChange, probe};
use shared::messages::{self, Post};
use shared::store::testing::on_both_apps_with;
use shared::store::{Scope, Value, sql};
use shared::tickets::{self, Folder, Status, TicketRef};
use shared::users::{self, NewUser};
use std::collections::HashMap;

const TENANT: TenantId = TenantId(1);

/// The host in front of the stories' desk, which writes what it found about senders.
const BORDER: &str = "mx.desk.example";

fn settings(name: &str) -> Option<String> {
    (name == "POSTROOM_TRUSTED_AUTHSERV").then(|| BORDER.to_owned())
}

pub async fn on_both(script: &Script) {
    on_both_apps_with(settings, async |app| Stage::new(app).await.play(script).await).await;
}

/// What the border writes on top of a mail: `pass`, `weak`, `fail`, or `fail:POLICY`.
fn border_says(verdict: &str, lines: &[String]) -> String {
    let from = lines.iter().find(|l| l.to_ascii_lowercase().starts_with("from:")).expect("a From");
    let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
    let found = match verdict.split_once(':').unwrap_or((verdict, "none")) {
        ("pass", _) => format!("dmarc=pass header.from={domain}"),
        ("weak", _) => format!("spf=pass smtp.mailfrom={domain}; dmarc=none header.from={domain}"),
        ("fail", policy) => format!("dmarc=fail (p={policy}) header.from={domain}"),
        (other, _) => panic!("no verdict {other}"),
    };
    format!(
        "Authentication-Results: {BORDER}; {found}\r\nReceived: from out.{domain} ([198.51.100.7]) by {BORDER}; x\r\n"
    )
}

struct Stage {
    app: App,
    ingest: Ingest,
    agent: Actor,
    tickets: HashMap<String, TicketId>,
    last: Option<(Applied, InboundMail)>,
}

impl Stage {
    async fn new(app: App) -> Stage {
        let new = NewUser {
            tenant: Some(TENANT),
            email: "agent@desk.example".into(),
            name: Some("Berta".into()),
            role: Role::Agent,
            locale: None,
            password: None,
            extra: Capabilities::default(),
        };
        let user = users::create(&app, &Actor::system(), new).await.expect("an agent is made");
        let agent = Actor::of(user.who(), None, None);
        let ingest = Ingest::start(app.clone());
        Stage { app, ingest, agent, tickets: HashMap::new(), last: None }
    }

    async fn play(mut self, script: &Script) {
        for Step { line, does } in &script.steps {
            let at = format!("line {line} of: {}", script.title);
            match does {
                Does::Mail { envelope, lines } => self.mail(envelope, lines).await,
                Does::Became(wanted) => {
                    for one in wanted {
                        self.became(one, &at).await;
                    }
                }
                Does::Traced { text, is_there } => {
                    let found = self.trace().iter().any(|l| l.contains(text.as_str()));
                    assert!(found == *is_there, "{at}: trace\n{}", self.trace().join("\n"));
                }
                Does::Act { verb, ticket, text } => self.act(verb, ticket, text, &at).await,
                Does::Check { ticket, wanted } => {
                    for (key, value) in wanted {
                        assert_eq!(&self.look(ticket, key, value).await, value, "{at}: {key}");
                    }
                }
            }
        }
        self.reads_the_same_again(&script.title).await;
    }

    /// Nothing that a story's mails were understood to be differs when they are read again on the same build, twice, and
    /// reading them again changes nothing and sends nothing (T71, E14.3).
    async fn reads_the_same_again(&self, title: &str) {
        let before = self.weight().await;
        let all = replay::arrivals(&self.app, MailId(0), None, 1000).await.expect("the store answers");
        for mode in [Mode::Diff, Mode::ApplyView, Mode::ApplyView] {
            for id in &all {
                let done = replay::replay(&self.app, &self.ingest, *id, mode).await.expect("it is replayed");
                assert!(done.differences.is_empty() && !done.applied, "{title}: {done:#?}");
            }
        }
        assert_eq!(self.weight().await, before, "{title}");
    }

    /// How much there is: messages, events, outgoing mails, files, tickets.
    async fn weight(&self) -> (i64, i64, i64, i64, i64) {
        let text = "SELECT (SELECT COUNT(*) FROM ticket_messages), (SELECT COUNT(*) FROM ticket_events), \
                    (SELECT COUNT(*) FROM outbox), (SELECT COUNT(*) FROM attachments), (SELECT COUNT(*) FROM tickets)";
        sql(text).one(&mut self.app.db.read(Scope::All)).await.expect("it counts")
    }

    async fn mail(&mut self, envelope: &[(String, String)], lines: &[String]) {
        let mut facts = Facts::default();
        let (mut door, mut door_ref) = (Door::Raw, None);
        let mut raw = Vec::new();
        for (key, value) in envelope {
            let value = String::from_utf8(self.filled(value).await).expect("text");
            match key.as_str() {
                "from" => facts.envelope_from = Some(value.trim_matches(['<', '>']).to_owned()),
                "to" => facts.envelope_to.push(value),
                "door" => door = value.parse().expect("a door"),
                "ref" => door_ref = Some(value),
                "spam" => {
                    let spam = Some(value == "yes");
                    facts.vouched = Some(Vouched { by: "provider".into(), spam, ..Vouched::default() });
                }
                "auth" => raw.extend(border_says(&value, lines).bytes()),
                other => panic!("no word {other}"),
            }
        }
        for line in lines {
            raw.extend(self.filled(line).await);
            raw.extend(b"\r\n");
        }
        let arrival = Arrival { door, door_ref, tenant: None, facts, raw: Bytes::from(raw) };
        let applied = mail_in::receive(&self.app, &self.ingest, arrival).await.expect("it is received");
        let row = mail_in::get(&self.app, Scope::All, applied.mail_id).await.expect("the store answers");
        self.last = Some((applied, row.expect("the arrival is there")));
    }

    /// Puts in what `{...}` stands for.
    async fn filled(&self, line: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            out.extend(before.bytes());
            let (name, left) = after.split_once('}').expect("a closing brace");
            match name.split_once(':') {
                Some(("x", hex)) => out.push(u8::from_str_radix(hex, 16).expect("hex digits")),
                _ => out.extend(self.changed(name).await.bytes()),
            }
            rest = left;
        }
        out.extend(rest.bytes());
        out
    }

    /// `{A.reply_to^}` is in capitals, `{A.reply_to~}` has its last signed letter changed.
    async fn changed(&self, name: &str) -> String {
        if let Some(name) = name.strip_suffix('^') {
            return self.value(name).await.to_uppercase();
        }
        let Some(name) = name.strip_suffix('~') else { return self.value(name).await };
        let value = self.value(name).await;
        let (local, domain) = value.rsplit_once('@').expect("an address");
        let (rest, last) = local.split_at(local.len() - 9);
        let other = if last.starts_with('a') { "b" } else { "a" };
        format!("{rest}{other}{}@{domain}", &last[1..])
    }

    /// `A.reply_to`: of the latest reply; `A.ack.message_id`, `A.notice.reply_to`: of another kind of mail.
    async fn value(&self, name: &str) -> String {
        if let Some(field) = name.strip_prefix("probe.") {
            let text =
                "SELECT to_email, message_id FROM outbox WHERE id = (SELECT probe_id FROM mailboxes WHERE id = 1)";
            let found: (String, String) = sql(text).one(&mut self.app.db.read(Scope::All)).await.expect("a probe");
            return if field == "to" { found.0 } else { found.1 };
        }
        let mut parts = name.split('.');
        let ticket = self.ticket(parts.next().expect("a ticket"));
        let (kind, field) = match (parts.next(), parts.next()) {
            (Some(field), None) => ("reply", field),
            (Some(kind), Some(field)) => (kind, field),
            _ => panic!("{name}: A.field or A.kind.field"),
        };
        if field == "marker" {
            let pid = self.text("SELECT pid FROM tickets WHERE id = ", ticket.0).await;
            return marker::mint(&self.app.keys, TENANT, &pid);
        }
        if field == "pid" {
            return self.text("SELECT pid FROM tickets WHERE id = ", ticket.0).await;
        }
        let row: (String, String, String, String) =
            sql("SELECT message_id, envelope_from, letter, subject FROM outbox WHERE ticket_id = ")
                .arg(ticket)
                .push(" AND kind = ")
                .arg(kind.to_owned())
                .push(" ORDER BY id DESC LIMIT 1")
                .one(&mut self.app.db.read(Scope::All))
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        let draft: Draft = serde_json::from_str(&row.2).expect("a draft");
        match field {
            "message_id" => row.0,
            "envelope_from" => row.1,
            "subject" => row.3,
            "reply_to" => draft.reply_to.expect("it has a Reply-To"),
            "anchor" => draft.references[0].clone(),
            other => panic!("a mail has no {other}"),
        }
    }

    async fn became(&mut self, wanted: &str, at: &str) {
        let (applied, row) = self.last.clone().expect("a mail came before");
        let about = format!("{at}\n{applied:?}\n{}", self.trace().join("\n"));
        match wanted.split_once(' ').unwrap_or((wanted, "")) {
            ("ticket", name) => {
                let found = applied.ticket_id.unwrap_or_else(|| panic!("no ticket: {about}"));
                let known = self.tickets.iter().find(|(_, id)| **id == found).map(|(n, _)| n.clone());
                assert!(known.as_deref().is_none_or(|k| k == name), "it is ticket {known:?}: {about}");
                assert!(*self.tickets.entry(name.to_owned()).or_insert(found) == found, "it is another: {about}");
            }
            ("spam", name) => assert_eq!(row.spam.unwrap_or(Spam::None).as_str(), name, "{about}"),
            ("class", name) => assert_eq!(row.class.map(|c| c.as_str()), Some(name), "{about}"),
            ("reason", name) => assert_eq!(row.reason.as_deref(), Some(name), "{about}"),
            ("copy", "") => assert!(row.variant_of.is_some() && row.variant_of == row.duplicate_of, "{about}"),
            ("variant", "") => assert!(row.variant_of.is_some() && row.duplicate_of.is_none(), "{about}"),
            ("flag", name) => assert!(row.flags.contains(name), "{}: {about}", row.flags),
            ("ack" | "notice", "") => assert_eq!(self.caused(wanted).await, 1, "{about}"),
            ("no", kind) => assert_eq!(self.caused(kind).await, 0, "{about}"),
            (outcome, "") => assert_eq!(row.outcome.map(|o| o.as_str()), Some(outcome), "{about}"),
            _ => panic!("{at}: no expectation {wanted}"),
        }
    }

    /// How many mails of this kind the last mail caused.
    async fn caused(&self, kind: &str) -> i64 {
        let id = self.last.as_ref().expect("a mail came before").0.mail_id;
        let q = sql("SELECT COUNT(*) FROM outbox WHERE cause_mail_id = ").arg(id).push(" AND kind = ");
        let (n,): (i64,) = q.arg(kind.to_owned()).one(&mut self.app.db.read(Scope::All)).await.expect("it counts");
        n
    }

    fn trace(&self) -> Vec<String> {
        let Some((_, row)) = &self.last else { return Vec::new() };
        let lines: Vec<TraceLine> = serde_json::from_str(&row.trace).expect("a trace");
        lines.iter().map(|l| format!("{} {} {} {}", l.stage, l.rule, l.result, l.evidence)).collect()
    }

    fn ticket(&self, name: &str) -> TicketId {
        *self.tickets.get(name).unwrap_or_else(|| panic!("no ticket {name} yet"))
    }

    /// What somebody else than the agent does.
    async fn happens(&mut self, verb: &str, name: &str) -> bool {
        match verb {
            "gateway" => {
                let change = MailboxChange { gateways: Some(vec![name.to_owned()]), ..MailboxChange::default() };
                let changed = mailboxes::update(&self.app.db, &Actor::system(), MailboxId(1), change).await;
                changed.expect("the mailbox is changed");
            }
            "desk" => self.desk(name).await,
            "probe" => self.probe().await,
            "mailbox" => {
                self.change(
                    "INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) \
                     VALUES (1, $1, $1, 'Other', '+', TRUE, '2026-11-01T00:00:00+00:00')",
                    vec![name.to_owned().into()],
                )
                .await;
            }
            "flood" => self.flood(name).await,
            "release" => self.release().await,
            "tenant" => {
                self.change(
                    "INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) \
                     VALUES (2, 'other', 'Other', 'public', 'OT', 'en', '{}', '2026-11-01T00:00:00+00:00')",
                    Vec::new(),
                )
                .await;
                self.change(
                    "INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) \
                     VALUES (2, $1, $1, 'Other', '+', TRUE, '2026-11-01T00:00:00+00:00')",
                    vec![name.to_owned().into()],
                )
                .await;
            }
            "settings" => {
                self.change("UPDATE tenants SET settings = $1 WHERE id = 1", vec![name.to_owned().into()]).await;
            }
            _ => return false,
        }
        true
    }

    /// Somebody who may lets the last mail out of quarantine, twice: it is decided once.
    async fn release(&mut self) {
        let (_, held) = self.last.clone().expect("a mail came before");
        let release = async || release::release(&self.app, &self.ingest, &self.agent, &held).await.expect("it answers");
        let Released::Now(applied) = release().await else { panic!("it is not held: {held:?}") };
        assert!(matches!(release().await, Released::Before(before) if before == applied));
        let row = mail_in::get(&self.app, Scope::All, held.id).await.expect("the store answers").expect("the arrival");
        self.last = Some((applied, row));
    }

    async fn act(&mut self, verb: &str, name: &str, text: &str, at: &str) {
        if self.happens(verb, name).await {
            return;
        }
        let (app, agent, which) = (&self.app, &self.agent, TicketRef::from(self.ticket(name)));
        let done = match verb {
            "reply" | "note" => {
                let post = Post { body: text.to_owned(), note: verb == "note", ..Post::default() };
                messages::post(app, agent, &which, post).await.map(drop)
            }
            "answer_at" => {
                let post = Post { body: "An answer.".into(), answer_to: Some(text.to_owned()), ..Post::default() };
                messages::post(app, agent, &which, post).await.map(drop)
            }
            "schedule" => {
                let send_after = Some(shared::clock::now() + Duration::hours(1));
                let post = Post { body: text.to_owned(), send_after, ..Post::default() };
                messages::post(app, agent, &which, post).await.map(drop)
            }
            "undo" => {
                let post = Post { body: text.to_owned(), undo_seconds: 60, ..Post::default() };
                messages::post(app, agent, &which, post).await.map(drop)
            }
            "send_now" => {
                let id =
                    "SELECT CAST(MAX(ticket_message_id) AS TEXT) FROM outbox WHERE kind = 'reply' AND ticket_id = ";
                let id = self.text(id, self.ticket(name).0).await.parse().expect("a message");
                messages::send_now(app, agent, &which, MessageId(id)).await
            }
            "rest" => {
                self.rests(name).await;
                Ok(())
            }
            "revive" => {
                for n in 0..text.parse().expect("a number") {
                    self.rests(name).await;
                    let to = self.value(&format!("{name}.reply_to")).await;
                    self.deliver(format!(
                        "From: Ada <ada@customer.example>\r\nTo: {to}\r\nSubject: Re: Broken\r\n\
                         Message-ID: <revive{n}@customer.example>\r\n\r\nAgain {n}.\r\n"
                    ))
                    .await;
                }
                Ok(())
            }
            "requester" => tickets::set_requester(app, agent, &which, text, None, None).await.map(drop),
            "split" => {
                let last = self
                    .text("SELECT CAST(MAX(id) AS TEXT) FROM ticket_messages WHERE ticket_id = ", self.ticket(name).0);
                let last = shared::ids::MessageId(last.await.parse().expect("a message"));
                // Splitting is for those who lead.
                let lead = &Actor::system();
                let new = tickets::split(app, lead, &which, &[last], None, None).await.expect("it is split");
                self.tickets.insert(text.to_owned(), new);
                Ok(())
            }
            "join" | "apart" => {
                let open = tickets::joins_of(app, agent, self.ticket(name)).await.expect("the tray answers");
                let one = open.first().unwrap_or_else(|| panic!("{at}: nothing about it in the tray"));
                let now_on = match verb {
                    "join" => tickets::join(app, agent, one.id, true).await,
                    _ => tickets::keep_apart(app, agent, one.id).await,
                };
                let now_on = now_on.unwrap_or_else(|e| panic!("{at}: {e}"));
                if !text.is_empty() {
                    let known = *self.tickets.entry(text.to_owned()).or_insert(now_on);
                    assert!(known == now_on, "{at}: it is on {now_on}");
                }
                Ok(())
            }
            "take" => tickets::take(app, agent, &which, None).await.map(drop),
            "close" => tickets::close(app, agent, &which, None).await.map(drop),
            "solve" => tickets::set_status(app, agent, &which, Status::Solved, None, None).await.map(drop),
            "trash" => tickets::set_folder(app, agent, &which, Folder::Trash, None).await.map(drop),
            "spam" => tickets::set_folder(app, agent, &which, Folder::Spam, None).await.map(drop),
            "sent" => {
                let text = "UPDATE outbox SET state = 'sent', due_at = NULL WHERE state = 'queued' AND ticket_id = $1";
                self.change(text, vec![self.ticket(name).into()]).await;
                Ok(())
            }
            "days" => {
                self.days_pass(name, text.parse().expect("a number")).await;
                Ok(())
            }
            "merge" => {
                self.change(
                    "UPDATE tickets SET merged_into = $1 WHERE id = $2",
                    vec![self.ticket(text).into(), self.ticket(name).into()],
                )
                .await;
                Ok(())
            }
            other => panic!("{at}: no act {other}"),
        };
        done.unwrap_or_else(|e| panic!("{at}: {e}"));
    }

    /// `address field field=off`: switches of a mailbox.
    async fn desk(&self, text: &str) {
        let (address, fields) = text.split_once(' ').expect("desk ADDRESS FIELD");
        let mut change = MailboxChange::default();
        for field in fields.split(' ') {
            let (field, on) = field.strip_suffix("=off").map_or((field, true), |field| (field, false));
            match field {
                "split_per_mailbox" => change.split_per_mailbox = Some(on),
                "body_marker" => change.body_marker = Some(on),
                "ack_forms" => change.ack_forms = Some(on),
                other => panic!("a mailbox has no {other}"),
            }
        }
        let (db, all) = (&self.app.db, Actor::system());
        let found = mailboxes::list(db, &all, None, 100, 0).await.expect("they are listed");
        let id = found.iter().find(|m| m.address == address).unwrap_or_else(|| panic!("no mailbox {address}")).id;
        mailboxes::update(db, &all, id, change).await.expect("the mailbox is changed");
    }

    /// A probe of the first mailbox leaves.
    async fn probe(&self) {
        let mut tx = self.app.db.write(Scope::All).await.expect("a transaction begins");
        probe::send(&mut tx, &self.app.keys, TENANT, MailboxId(1)).await.expect("it is queued");
        tx.commit().await.expect("it commits");
    }

    /// The ticket is solved, and nobody did it.
    async fn rests(&self, name: &str) {
        let id = self.ticket(name);
        let solved = "UPDATE tickets SET status = 'solved', solved_at = updated_at WHERE id = $1";
        self.change(solved, vec![id.into()]).await;
    }

    async fn deliver(&self, raw: String) {
        let raw = Bytes::from(raw);
        let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
        mail_in::receive(&self.app, &self.ingest, arrival).await.expect("it is received");
    }

    /// `500 address`: so many mails of one sender, at once.
    async fn flood(&self, text: &str) {
        let (n, from) = text.split_once(' ').expect("flood N ADDRESS");
        let n: usize = n.parse().expect("a number");
        let mails = (0..n).map(|i| {
            self.deliver(format!(
                "From: {from}\r\nTo: support@desk.example\r\nSubject: Alarm {i}\r\nMessage-ID: <flood{i}@robot.example>\r\n\r\n\
                 Words of their own: {}\r\n",
                "x".repeat(i)
            ))
        });
        futures::future::join_all(mails).await;
    }

    /// Moves a ticket's past back.
    async fn days_pass(&self, name: &str, days: i64) {
        let id = self.ticket(name);
        let (created, active, closed): (Time, Time, Option<Time>) =
            sql("SELECT created_at, last_activity_at, closed_at FROM tickets WHERE id = ")
                .arg(id)
                .one(&mut self.app.db.read(Scope::All))
                .await
                .expect("the ticket is there");
        let ago = Duration::days(days);
        self.change(
            "UPDATE tickets SET created_at = $1, last_activity_at = $2, closed_at = $3 WHERE id = $4",
            vec![(created - ago).into(), (active - ago).into(), closed.map(|c| c - ago).into(), id.into()],
        )
        .await;
    }

    async fn change(&self, text: &'static str, values: Vec<Value>) {
        let mut tx = self.app.db.write(Scope::All).await.expect("a transaction begins");
        let q = values.into_iter().fold(sql(text), |q, v| q.bind(v));
        q.exec(&mut tx).await.expect("it is changed");
        tx.commit().await.expect("it commits");
    }

    async fn look(&self, name: &str, key: &str, value: &str) -> String {
        let count = |text: &'static str| self.text(text, if name == "-" { 0 } else { self.ticket(name).0 });
        match key {
            "tags" => count("SELECT tags FROM mailboxes WHERE id = 1 AND id > ").await,
            "ids" => count("SELECT COALESCE(ids, 'unknown') FROM mailboxes WHERE id = 1 AND id > ").await,
            "marked" => {
                let (letter,) = self.last_reply(self.ticket(name)).await;
                let draft: Draft = serde_json::from_str(&letter).expect("a draft");
                if draft.marker.is_some() { "yes" } else { "no" }.to_owned()
            }
            "tagged" => {
                let (letter,) = self.last_reply(self.ticket(name)).await;
                let draft: Draft = serde_json::from_str(&letter).expect("a draft");
                if draft.reply_to.is_some_and(|r| r.contains('+')) { "yes" } else { "no" }.to_owned()
            }
            "tickets" => count("SELECT CAST(COUNT(*) AS TEXT) FROM tickets WHERE id > ").await,
            "arrivals" => count("SELECT CAST(COUNT(*) AS TEXT) FROM inbound_mails WHERE id > ").await,
            "suppressed" => count("SELECT CAST(COUNT(*) AS TEXT) FROM suppressions WHERE tenant_id > ").await,
            "status" => count("SELECT status FROM tickets WHERE id = ").await,
            "folder" => count("SELECT folder FROM tickets WHERE id = ").await,
            "subject" => count("SELECT subject FROM tickets WHERE id = ").await,
            "requester" => {
                count("SELECT email FROM users u JOIN tickets t ON t.requester_id = u.id WHERE t.id = ").await
            }
            "notes" => {
                count("SELECT CAST(COUNT(*) AS TEXT) FROM ticket_messages WHERE kind = 'note' AND ticket_id = ").await
            }
            "forwarded" => {
                count("SELECT CAST(COUNT(*) AS TEXT) FROM ticket_messages WHERE forwarded_by > 0 AND ticket_id = ").await
            }
            "also" => {
                let view = tickets::view(&self.app, &Actor::system(), &self.ticket(name).into()).await.expect("a ticket");
                let also = tickets::also_addressed(&self.app, &Actor::system(), &view.ticket).await.expect("it answers");
                if also.is_empty() { "nowhere".to_owned() } else { also.join(",") }
            }
            "storms" => count("SELECT CAST(COUNT(*) AS TEXT) FROM storms WHERE id > ").await,
            "alarms" => {
                count("SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE kind = 'mail.storm' AND id > ").await
            }
            "acks" => count("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE kind = 'ack' AND id > ").await,
            "shown" => {
                let filter = tickets::Filter { storms_as_one: true, ..tickets::Filter::default() };
                tickets::count(&self.app, &self.agent, &filter, 1000).await.expect("the list answers").to_string()
            }
            "tray" => count("SELECT CAST(COUNT(*) AS TEXT) FROM ticket_joins WHERE state = 'open' AND ticket_id = ").await,
            "answers" => {
                let (letter,) = self.last_reply(self.ticket(name)).await;
                let draft: Draft = serde_json::from_str(&letter).expect("a draft");
                draft.in_reply_to.unwrap_or_else(|| "nothing".to_owned())
            }
            "to" => {
                count("SELECT to_email FROM outbox WHERE kind = 'reply' AND id = (SELECT MAX(id) FROM outbox WHERE kind = 'reply' AND ticket_id = ").await
            }
            "recipients" => {
                count("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE kind = 'reply' AND ticket_id = ").await
            }
            "messages" => count("SELECT CAST(COUNT(*) AS TEXT) FROM ticket_messages WHERE ticket_id = ").await,
            "participants" => count("SELECT CAST(COUNT(*) AS TEXT) FROM ticket_participants WHERE ticket_id = ").await,
            "awaiting" => {
                count(
                    "SELECT CAST(COUNT(*) AS TEXT) FROM ticket_participants WHERE state <> 'accepted' AND ticket_id = ",
                )
                .await
            }
            "replies" => count("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE kind = 'reply' AND ticket_id = ").await,
            "delivery" => {
                count("SELECT state FROM outbox WHERE kind = 'reply' AND id = (SELECT MAX(id) FROM outbox WHERE kind = 'reply' AND ticket_id = ").await
            }
            "due" => {
                count("SELECT CASE WHEN due_at IS NULL THEN 'none' ELSE 'some' END FROM outbox WHERE kind = 'reply' AND id = (SELECT MAX(id) FROM outbox WHERE kind = 'reply' AND ticket_id = ").await
            }
            "text" => {
                let id = self.text("SELECT CAST(MAX(id) AS TEXT) FROM ticket_messages WHERE ticket_id = ", self.ticket(name).0);
                let id = id.await.parse().expect("a message");
                self.text("SELECT visible_text FROM ticket_messages WHERE id = ", id).await.trim().to_owned()
            }
            "shows" => {
                let last = "SELECT visible_text FROM ticket_messages WHERE id = (SELECT MAX(id) FROM ticket_messages WHERE ticket_id = ";
                let q = sql(last).arg(self.ticket(name)).push(")");
                let (text,): (String,) = q.one(&mut self.app.db.read(Scope::All)).await.expect("a message");
                if text.contains(value) { value.to_owned() } else { text }
            }
            "files" => {
                let q = sql("SELECT filename FROM attachments WHERE ticket_message_id = (SELECT MAX(id) FROM ticket_messages \
                             WHERE ticket_id = ");
                let q = q.arg(self.ticket(name)).push(") ORDER BY id");
                let rows: Vec<(String,)> = q.all(&mut self.app.db.read(Scope::All)).await.expect("it lists");
                rows.into_iter().map(|(name,)| name).collect::<Vec<_>>().join(", ")
            }
            "view" => {
                let q = sql("SELECT COALESCE(mail_view, '') FROM ticket_messages WHERE ticket_id = ").arg(self.ticket(name));
                let q = q.push(" ORDER BY id DESC LIMIT 1");
                let (view,): (String,) = q.one(&mut self.app.db.read(Scope::All)).await.expect("a message");
                if view.contains(value) { value.to_owned() } else { view }
            }
            "event" | "no_event" => {
                let q = sql("SELECT COUNT(*) FROM ticket_events WHERE ticket_id = ").arg(self.ticket(name));
                let q = q.push(" AND kind = ").arg(value.to_owned());
                let (n,): (i64,) = q.one(&mut self.app.db.read(Scope::All)).await.expect("it counts");
                if (n > 0) == (key == "event") { value.to_owned() } else { format!("{n} of {value}") }
            }
            other => panic!("nothing called {other} to check"),
        }
    }

    async fn last_reply(&self, ticket: TicketId) -> (String,) {
        sql("SELECT letter FROM outbox WHERE kind = 'reply' AND ticket_id = ")
            .arg(ticket)
            .push(" ORDER BY id DESC LIMIT 1")
            .one(&mut self.app.db.read(Scope::All))
            .await
            .expect("a reply was written")
    }

    async fn text(&self, text: &'static str, id: i64) -> String {
        let q = sql(text).arg(id);
        let q = if text.contains("MAX(id) FROM outbox") { q.push(")") } else { q };
        let (found,): (String,) =
            q.one(&mut self.app.db.read(Scope::All)).await.unwrap_or_else(|e| panic!("{text}: {e}"));
        found
    }
}
