//! `POST /api/relay-events/…`: what relays tell of mail that they sent for us (E9.11). Each provider's words become
//! [`RelayEvent`]s, and those are recorded in one place.

use super::answer::{Manners, ignored, unusable};
use super::call::Call;
use super::mailgun::Signed;
use super::postmark::credentials;
use super::verify;
use crate::Api;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::mail_in::relay_events::{self, RelayEvent, RelayNews};

/// Records events, and says how many of them meant something.
///
/// # Errors
/// 503.
pub async fn record(api: &Api, events: &[RelayEvent]) -> Result<Response, Problem> {
    let told = relay_events::record(&api.app, events).await?;
    let body = json!({
        "outcome": "relay_events", "recorded": told.recorded, "repeated": told.repeated, "unmatched": told.unmatched,
    });
    Ok(Json(body).into_response())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
}

/// The handler of Mailgun's events.
pub async fn mailgun(State(api): State<Api>, request: Request) -> Response {
    let result = async {
        let mut call = Call::read(request).await?;
        let told: Value = serde_json::from_slice(&call.body)
            .map_err(|e| unusable("the body is not what Mailgun sends").caused_by(e))?;
        let part = |name: &str| text(&told["signature"][name]).unwrap_or_default();
        let signed = Signed { timestamp: part("timestamp"), token: part("token"), signature: part("signature") };
        call.admit(&api, Manners::MAILGUN.door, signed.check(&api.app.config.doors.mailgun)).await?;
        signed.claim(&api, &verify::digest(&[told["event-data"].to_string().as_bytes()])).await?;
        match of_mailgun(&told["event-data"]) {
            Some(event) => record(&api, &[event]).await,
            None => Ok(ignored("this event tells nothing that is kept")),
        }
    };
    Manners::MAILGUN.answer(result.await)
}

/// Reads one event; None for opened, clicked and the like.
fn of_mailgun(told: &Value) -> Option<RelayEvent> {
    let status = &told["delivery-status"];
    let lasting = told["severity"] == "permanent";
    let news = match told["event"].as_str()? {
        "failed" if lasting => RelayNews::Failed,
        "failed" => RelayNews::Delayed,
        "rejected" => RelayNews::Failed,
        "complained" => RelayNews::Complained,
        "delivered" => RelayNews::Delivered,
        _ => return None,
    };
    let said = text(&status["message"]).or_else(|| text(&status["description"])).or_else(|| text(&told["reason"]));
    Some(RelayEvent {
        relay: "mailgun",
        id: text(&told["id"]).unwrap_or_else(|| verify::digest(&[told.to_string().as_bytes()])),
        news,
        recipient: text(&told["recipient"]),
        status: text(&status["enhanced-code"]).or_else(|| said.as_deref().and_then(enhanced)),
        diagnostic: said,
        // It knows this address from before and did not even try.
        is_lasting: lasting && told["reason"] == "suppress-bounce",
        envelope_from: text(&told["envelope"]["sender"]),
        relay_id: None,
        row: text(&told["user-variables"]["x-row"]),
        message_id: text(&told["message"]["headers"]["message-id"]),
    })
}

/// The handler of Postmark's webhooks for bounces, spam complaints and deliveries.
pub async fn postmark(State(api): State<Api>, request: Request) -> Response {
    let result = async {
        let mut call = Call::read(request).await?;
        let shown = credentials(&call, &api.app.config.doors.postmark);
        call.admit(&api, Manners::POSTMARK.door, shown).await?;
        let told: Value = serde_json::from_slice(&call.body)
            .map_err(|e| unusable("the body is not what Postmark sends").caused_by(e))?;
        match of_postmark(&told) {
            Some(event) => record(&api, &[event]).await,
            None => Ok(ignored("this event tells nothing that is kept")),
        }
    };
    Manners::POSTMARK.answer(result.await)
}

fn of_postmark(told: &Value) -> Option<RelayEvent> {
    // Of a bounce, what sort it is.
    let sort = told["Type"].as_str().unwrap_or_default();
    let (news, lasting) = match told["RecordType"].as_str()? {
        "Bounce" => match sort {
            "HardBounce" | "BadEmailAddress" | "ManuallyDeactivated" => (RelayNews::Failed, true),
            "SpamComplaint" => (RelayNews::Complained, true),
            "Transient"
            | "AutoResponder"
            | "AddressChange"
            | "ChallengeVerification"
            | "Subscribe"
            | "Unsubscribe"
            | "OpenRelayTest"
            | "TestEmail" => (RelayNews::Delayed, false),
            _ => (RelayNews::Failed, false),
        },
        "SpamComplaint" => (RelayNews::Complained, true),
        "Delivery" => (RelayNews::Delivered, false),
        _ => return None,
    };
    let said = text(&told["Details"]).or_else(|| text(&told["Description"]));
    let id = told["ID"].as_i64().map(|id| id.to_string());
    Some(RelayEvent {
        relay: "postmark",
        id: id.unwrap_or_else(|| verify::digest(&[told.to_string().as_bytes()])),
        news,
        recipient: text(&told["Email"]).or_else(|| text(&told["Recipient"])),
        // Its own verdict counts where the other server's words have no code.
        status: said.as_deref().and_then(enhanced).or_else(|| lasting.then(|| "5.1.1".to_owned())),
        diagnostic: said,
        is_lasting: lasting,
        envelope_from: None,
        relay_id: text(&told["MessageID"]),
        row: text(&told["Metadata"]["x-row"]),
        message_id: text(&told["Metadata"]["message-id"]),
    })
}

/// The handler of SES's events, for a topic of its own: the same as its mail door.
pub async fn ses(state: State<Api>, request: Request) -> Response {
    super::ses(state, request).await
}

/// Reads a notification about mail that SES sent, or an event that it published: one for each recipient.
pub fn of_ses(id: &str, told: &Value) -> Option<Vec<RelayEvent>> {
    let kind = text(&told["notificationType"]).or_else(|| text(&told["eventType"]))?;
    let mail = &told["mail"];
    let header = |name: &str| {
        let all = mail["headers"].as_array()?;
        let found = all.iter().find(|h| h["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)))?;
        text(&found["value"])
    };
    let event = |news: RelayNews, recipient: Option<String>| RelayEvent {
        relay: "ses",
        id: id.to_owned(),
        news,
        recipient,
        status: None,
        diagnostic: None,
        is_lasting: false,
        envelope_from: text(&mail["source"]),
        relay_id: text(&mail["messageId"]),
        row: header("x-row"),
        message_id: header("message-id").or_else(|| text(&mail["commonHeaders"]["messageId"])),
    };
    let list = |v: &Value| -> Vec<Value> { v.as_array().cloned().unwrap_or_default() };
    let told_of = |r: &Value| text(&r["emailAddress"]).or_else(|| text(r));
    Some(match kind.as_str() {
        "Bounce" => {
            let bounce = &told["bounce"];
            let lasting = bounce["bounceType"] == "Permanent";
            let sub = bounce["bounceSubType"].as_str().unwrap_or_default();
            let is_address = matches!(sub, "General" | "NoEmail" | "Suppressed" | "OnAccountSuppressionList");
            list(&bounce["bouncedRecipients"])
                .iter()
                .map(|r| {
                    let said = text(&r["diagnosticCode"]).map(|d| match d.split_once(';') {
                        Some((_, rest)) => rest.trim().to_owned(),
                        None => d,
                    });
                    RelayEvent {
                        status: text(&r["status"]).or_else(|| said.as_deref().and_then(enhanced)),
                        diagnostic: said,
                        is_lasting: lasting && is_address,
                        ..event(RelayNews::Failed, told_of(r))
                    }
                })
                .collect()
        }
        "Complaint" => {
            let all = list(&told["complaint"]["complainedRecipients"]);
            // Several are named where the receiver does not say which of them it was.
            let sure = all.len() == 1;
            all.iter().filter(|_| sure).map(|r| event(RelayNews::Complained, told_of(r))).collect()
        }
        "Delivery" => list(&told["delivery"]["recipients"])
            .iter()
            .map(|r| RelayEvent {
                diagnostic: text(&told["delivery"]["smtpResponse"]),
                ..event(RelayNews::Delivered, told_of(r))
            })
            .collect(),
        "DeliveryDelay" => list(&told["deliveryDelay"]["delayedRecipients"])
            .iter()
            .map(|r| RelayEvent {
                status: text(&r["status"]),
                diagnostic: text(&r["diagnosticCode"]),
                ..event(RelayNews::Delayed, told_of(r))
            })
            .collect(),
        _ => return None,
    })
}

/// Finds an enhanced status code (RFC 3463) in what a server said.
fn enhanced(said: &str) -> Option<String> {
    let is_code = |w: &&str| {
        let parts: Vec<&str> = w.split('.').collect();
        let digits = |p: &str, most: usize| (1..=most).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && digits(parts[1], 3) && digits(parts[2], 3)
    };
    let word = |c: char| !(c.is_ascii_digit() || c == '.');
    said.split(word).map(|w| w.trim_matches('.')).find(is_code).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_words() {
        for (said, code) in [
            ("550 5.1.1 <x>: no such user", Some("5.1.1")),
            ("smtp; 550-5.7.26 blocked", Some("5.7.26")),
            ("at 192.0.2.1, 10.0.0.1 said no", None),
            ("ends in 4.2.2.", Some("4.2.2")),
        ] {
            assert_eq!(enhanced(said).as_deref(), code, "{said}");
        }
    }

    /// E9.11.
    #[test]
    fn what_nobody_waits_for_is_no_event() {
        for event in ["opened", "clicked", "unsubscribed", "accepted"] {
            assert!(of_mailgun(&json!({"event": event, "recipient": "a@b.example"})).is_none(), "{event}");
        }
        assert!(of_postmark(&json!({"RecordType": "Open"})).is_none());
        assert!(of_ses("1", &json!({"eventType": "Open", "mail": {}})).is_none());
    }
}
