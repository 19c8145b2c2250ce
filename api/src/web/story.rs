//! Sentences about what happened: a ticket's events, and the stages of a mail's decision. Pure.

use shared::events::{ByKind, Event, EventKind};
use shared::i18n::{self, Locale};
use shared::ids::UserId;

/// Returns an event as a sentence. `name` gives what a user is called.
pub fn event(locale: Locale, event: &Event, name: impl Fn(UserId) -> Option<String>) -> String {
    let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    let somebody = || i18n::text(locale, "somebody", &[]);
    let user = |id: UserId| name(id).unwrap_or_else(somebody);
    let actor = match (event.actor_kind, event.actor_id) {
        (ByKind::User, id) => id.map_or_else(somebody, user),
        (ByKind::Mail, Some(id)) => user(id),
        (ByKind::Mail, None) => i18n::text(locale, "actor-mail", &[]),
        (ByKind::System | ByKind::Worker, _) => i18n::text(locale, "actor-system", &[]),
    };
    let side = |field: &str| match (&data[field], event.kind) {
        (serde_json::Value::String(value), EventKind::StatusChanged) => i18n::word(locale, "status", value),
        (serde_json::Value::String(value), EventKind::PriorityChanged) => i18n::word(locale, "priority", value),
        (serde_json::Value::String(value), EventKind::IncidentChanged) => i18n::word(locale, "incident", value),
        (serde_json::Value::Number(id), EventKind::Assigned | EventKind::RequesterChanged) => {
            id.as_i64().map_or_else(somebody, |id| user(UserId(id)))
        }
        _ => i18n::text(locale, "nobody", &[]),
    };
    let named = data["user_id"].as_i64().map_or_else(somebody, |id| user(UserId(id)));
    let args = [("actor", actor.as_str()), ("before", &side("from")), ("after", &side("to")), ("name", named.as_str())];
    let key = match event.kind {
        EventKind::MessageAdded if data["kind"] == "note" => "event-MESSAGE_ADDED-note".to_owned(),
        EventKind::IncidentLinked if data["to"].is_null() => "event-INCIDENT_LINKED-off".to_owned(),
        EventKind::IncidentChanged if !data["to"].is_null() => "event-INCIDENT_CHANGED-state".to_owned(),
        kind => format!("event-{kind}"),
    };
    i18n::text(locale, &key, &args)
}

/// Returns an event's icon.
pub fn event_glyph(kind: EventKind) -> &'static str {
    use EventKind::*;
    match kind {
        Created => "plus",
        MessageAdded | MailSent | MailReported => "mail",
        StatusChanged | Restored | Rated => "check",
        PriorityChanged | Escalated => "p-high",
        Assigned | ParticipantAdded | ParticipantRemoved | ParticipantChanged | RequesterChanged => "me",
        TicketLinked | Merged | Unmerged | Split | KeptApart => "merge",
        IncidentLinked | IncidentChanged => "incident",
        Snoozed | Woken => "snooze",
        MailDeferred | MailHeld | SlaBreached => "clock",
        MailMaybeSent => "doubt",
        MailFailed | MailBounced | MailQuarantined | AttachmentRefused | LoopIgnored => "warn",
        MailCancelled | MailSuppressed | AutoSuppressed | MessageWithdrawn => "x",
        Trashed | MarkedSpam | Erased => "bin",
        MailRetried | FileLinked => "reply",
        CategoryChanged | Updated | Tagged | Redacted => "settings",
        Mentioned => "me",
    }
}

/// Whether an event stands between the messages for agents; the rest is told by the message itself or its delivery.
pub fn is_told(kind: EventKind) -> bool {
    use EventKind::*;
    !matches!(kind, Created | MessageAdded | MessageWithdrawn | MailSent | MailDeferred | MailMaybeSent)
}

/// Whether customers see an event: what concerns them, nothing of how we work.
pub fn is_public(kind: EventKind) -> bool {
    matches!(kind, EventKind::StatusChanged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::{TenantId, TicketId};

    fn told(kind: EventKind, data: &str) -> String {
        let stored = Event {
            ticket_id: TicketId(1),
            seq: 1,
            tenant_id: TenantId(1),
            kind,
            actor_kind: ByKind::User,
            actor_id: Some(UserId(7)),
            data: data.into(),
            at: shared::clock::now(),
            hash: vec![],
        };
        event(Locale::En, &stored, |id| (id == UserId(7)).then(|| "Mara".to_owned()))
    }

    #[test]
    fn every_event_has_a_sentence_in_every_language() {
        let args = [("actor", "a"), ("before", "b"), ("after", "c"), ("name", "d")];
        for kind in EventKind::ALL {
            for &locale in Locale::ALL {
                assert!(i18n::lookup(locale, &format!("event-{kind}"), &args).is_some(), "{kind}");
            }
        }
    }

    #[test]
    fn values_are_named() {
        use EventKind::*;
        assert_eq!(told(StatusChanged, r#"{"from":"new","to":"solved"}"#), "Mara changed the status: New → Solved");
        assert_eq!(told(Assigned, r#"{"from":null,"to":7}"#), "Mara changed the assignee: Nobody → Mara");
        assert_eq!(told(Assigned, r#"{"from":8,"to":null}"#), "Mara changed the assignee: Somebody → Nobody");
        assert_eq!(told(MessageAdded, r#"{"kind":"note"}"#), "Mara wrote an internal note");
        assert_eq!(told(ParticipantAdded, r#"{"user_id":7}"#), "Mara joined the conversation");
        assert_eq!(told(IncidentLinked, r#"{"from":1,"to":null}"#), "Mara took the link to an incident off");
        assert_eq!(
            told(IncidentChanged, r#"{"incident_id":1,"from":"open","to":"resolved"}"#),
            "Mara changed the linked incident: Open → Resolved"
        );
        assert_eq!(told(IncidentChanged, r#"{"incident_id":1}"#), "Mara changed the linked incident");
        assert_eq!(told(Created, "no json"), "Mara opened the ticket");
    }
}
