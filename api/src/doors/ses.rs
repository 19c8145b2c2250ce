//! `POST /api/inbound/ses`: Amazon SES by SNS. Its receipt rule puts the mail into a bucket, and the notification names the
//! object, which is fetched before the door says yes (E10.3); a small mail may come within the notification. The same
//! topic, or another one, tells what became of mail that SES sent (E9.11).

use super::answer::{Manners, deliver, ignored, unusable};
use super::call::{Call, Signature};
use super::events;
use super::path;
use super::sns::{Error, Home, Message};
use crate::Api;
use crate::problem::{Problem, codes};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use shared::mail_in::authenticate::{Dkim, Dmarc, Method, Policy, Results, Spf, Vouched};
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door};
use shared::{address, doors, s3, ses as bucket};

const MANNERS: Manners = Manners::SES;

/// The handler.
pub async fn ses(State(api): State<Api>, request: Request) -> Response {
    MANNERS.answer(receive(&api, request).await)
}

async fn receive(api: &Api, request: Request) -> Result<Response, Problem> {
    let settings = &api.app.config.doors;
    let mut call = Call::read(request).await?;
    let message: Message =
        serde_json::from_slice(&call.body).map_err(|e| unusable("the body is not what SNS sends").caused_by(e))?;
    let home = Home(settings.sns_endpoint.as_ref());
    let signature = match settings.sns_topics.is_empty() {
        true => Signature::NotAsked,
        false => match message.verify(home).await {
            Ok(()) => Signature::Fits,
            Err(Error::Forged(why)) => Signature::Wrong(why),
            Err(e) => return Err(Problem::new(codes::UNAVAILABLE).caused_by(e)),
        },
    };
    let is_signed = matches!(signature, Signature::Fits);
    let tenant = call.admit(api, MANNERS.door, signature).await?.tenant;
    // A signature says that Amazon sent it, for whoever has a topic there: only ours count.
    let is_listed = settings.sns_topics.contains(&message.topic_arn);
    if !is_listed && (!settings.sns_topics.is_empty() || message.kind != "Notification") {
        doors::refused(&api.app, MANNERS.door).await;
        return Err(Problem::new(codes::SIGNATURE_INVALID).detail("the topic is not one of POSTROOM_SNS_TOPICS"));
    }
    match message.kind.as_str() {
        "SubscriptionConfirmation" => match message.confirm(home).await {
            Ok(()) => Ok(Json(json!({"outcome": "subscription_confirmed"})).into_response()),
            Err(Error::Forged(why)) => Err(unusable(why)),
            Err(e) => Err(Problem::new(codes::UNAVAILABLE).caused_by(e)),
        },
        "UnsubscribeConfirmation" => {
            tracing::error!("ALARM: a topic of Amazon SNS no longer tells this server of mail");
            Ok(ignored("unsubscribed"))
        }
        "Notification" => notification(api, &message, tenant, is_signed).await,
        _ => Err(unusable("this type of message is not known")),
    }
}

async fn notification(
    api: &Api,
    message: &Message,
    tenant: Option<shared::ids::TenantId>,
    is_signed: bool,
) -> Result<Response, Problem> {
    // SES tries a new topic with a message of plain words.
    let Ok(told) = serde_json::from_str::<Value>(&message.message) else {
        return Ok(ignored("no notification of SES"));
    };
    if told["notificationType"] != "Received" {
        return match events::of_ses(&message.message_id, &told) {
            Some(events) => events::record(api, &events).await,
            None => Ok(ignored("this notification tells nothing that is kept")),
        };
    }
    let (raw, door_ref) = octets(api, message, &told).await?;
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let list = |v: &Value| -> Vec<String> {
        v.as_array().into_iter().flatten().map(|a| path(&text(a)).to_owned()).filter(|a| !a.is_empty()).collect()
    };
    let sender = told["mail"]["source"].as_str().map(|f| path(f).to_owned());
    let facts = Facts {
        envelope_to: match list(&told["receipt"]["recipients"]) {
            all if all.is_empty() => list(&told["mail"]["destination"]),
            all => all,
        },
        vouched: is_signed.then(|| vouched(&told["receipt"], sender.as_deref())),
        envelope_from: sender,
        ..Facts::default()
    };
    deliver(api, Arrival { door: Door::Ses, door_ref: Some(door_ref), tenant, facts, raw }, MANNERS).await
}

/// The mail's octets, from the bucket or from the notification itself, and the arrival's reference.
async fn octets(api: &Api, message: &Message, told: &Value) -> Result<(Bytes, String), Problem> {
    let action = &told["receipt"]["action"];
    if let (Some(name), Some(key)) = (action["bucketName"].as_str(), action["objectKey"].as_str()) {
        let known = &api.app.config.doors.ses_buckets;
        if !known.is_empty() && !known.iter().any(|b| b.name == name && key.starts_with(&b.prefix)) {
            return Err(unusable("the bucket is not one of POSTROOM_SES_BUCKETS"));
        }
        let region = bucket::region_of(&message.topic_arn);
        let raw = bucket::fetch(&api.app, region, name, key).await.map_err(unfetched)?;
        return Ok((raw, bucket::door_ref(name, key)));
    }
    let Some(content) = told["content"].as_str().filter(|c| !c.is_empty()) else {
        return Err(unusable("the notification has neither the mail nor its place: the rule needs an S3 action"));
    };
    let raw = match action["encoding"].as_str() {
        Some(encoding) if encoding.eq_ignore_ascii_case("base64") => {
            let compact: String = content.chars().filter(|c| !c.is_whitespace()).collect();
            STANDARD.decode(compact).map_err(|_| unusable("the content is no base64"))?.into()
        }
        _ => Bytes::copy_from_slice(content.as_bytes()),
    };
    let id = told["mail"]["messageId"].as_str().unwrap_or(&message.message_id);
    Ok((raw, format!("ses:{id}")))
}

fn unfetched(e: s3::Error) -> Problem {
    match e {
        s3::Error::TooLarge { .. } => Problem::new(codes::MAIL_TOO_LARGE).caused_by(e),
        s3::Error::Address => unusable("bucket or key make no address"),
        // Not there yet, not allowed yet, not reachable: the mail is in the bucket, and the sweep looks for it too.
        e => {
            tracing::error!(error = &e as &dyn std::error::Error, "ALARM: a mail cannot be fetched from its bucket");
            Problem::new(codes::UNAVAILABLE).caused_by(e)
        }
    }
}

/// What SES found out about the sender (E11.2): the notification is signed.
fn vouched(receipt: &Value, sender: Option<&str>) -> Vouched {
    let method = |name: &str| {
        Some(match receipt[name]["status"].as_str()? {
            "PASS" => Method::Pass,
            "FAIL" => Method::Fail,
            "PROCESSING_FAILED" => Method::TempError,
            _ => Method::None,
        })
    };
    let policy = match receipt["dmarcPolicy"].as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("reject") => Some(Policy::Reject),
        Some("quarantine") => Some(Policy::Quarantine),
        Some("none") => Some(Policy::None),
        _ => None,
    };
    let results = Results {
        // It does not say whose signature it was: that counts for no domain.
        dkim: method("dkimVerdict")
            .map(|result| Dkim { domain: None, selector: None, result, detail: None })
            .into_iter()
            .collect(),
        spf: method("spfVerdict").map(|result| Spf { domain: sender.and_then(address::domain), result }),
        dmarc: method("dmarcVerdict").map(|result| Dmarc { domain: None, result, policy }),
        arc: None,
    };
    let spam = match receipt["spamVerdict"]["status"].as_str() {
        Some("PASS") => Some(false),
        Some("FAIL") => Some(true),
        _ => None,
    };
    Vouched { by: "ses".to_owned(), results, spam, spam_score: None }
}
