//! Notifications of a mail relay in JSON (Amazon SES, mailed by SNS): `notificationType` Bounce, Delivery, Complaint.

use super::status;
use crate::mail_in::types::{Bounce, Mail};
use serde_json::Value;

/// Longest notification that is read.
const MAX_BYTES: usize = 512 * 1024;

/// Reads a mail's text as a notification; None if it is none.
pub fn read(mail: &Mail) -> Option<Vec<Bounce>> {
    let text = mail.body_text.trim_start();
    if !text.starts_with('{') || text.len() > MAX_BYTES || !text.contains("notificationType") {
        return None;
    }
    let value = first_object(text)?;
    // SNS wraps the notification as text.
    let value = match value.get("Message").and_then(Value::as_str) {
        Some(inner) => first_object(inner)?,
        None => value,
    };
    let bounces: Vec<Bounce> = match value.get("notificationType")?.as_str()? {
        "Bounce" => value["bounce"]["bouncedRecipients"].as_array()?.iter().map(bounced).collect(),
        "Delivery" => {
            let said = value["delivery"]["smtpResponse"].as_str();
            value["delivery"]["recipients"].as_array()?.iter().map(|r| delivered(r.as_str(), said)).collect()
        }
        _ => return None,
    };
    Some(bounces)
}

/// The JSON value at the beginning; SNS appends words of its own behind it.
fn first_object(text: &str) -> Option<Value> {
    let read = |text: &str| serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok();
    // A relay wraps long lines, also within a string.
    read(text).or_else(|| read(&text.replace("\n ", "").replace('\n', "")))
}

fn bounced(recipient: &Value) -> Bounce {
    let diagnostic =
        recipient["diagnosticCode"].as_str().map(|d| d.split_once(';').map_or(d, |(_, rest)| rest).trim().to_owned());
    let action = recipient["action"].as_str().unwrap_or("failed").to_ascii_lowercase();
    let field = recipient["status"].as_str().and_then(status::enhanced);
    let status = status::better(field, diagnostic.as_deref().and_then(status::enhanced));
    let kind = status::kind(&action, status.as_deref(), diagnostic.as_deref().unwrap_or_default());
    Bounce { recipient: recipient["emailAddress"].as_str().map(str::to_owned), action, status, kind, diagnostic }
}

fn delivered(recipient: Option<&str>, said: Option<&str>) -> Bounce {
    let status = said.and_then(status::enhanced);
    let kind = status::kind("delivered", None, "");
    Bounce {
        recipient: recipient.map(str::to_owned),
        action: "delivered".to_owned(),
        status,
        kind,
        diagnostic: said.map(str::to_owned),
    }
}
