//! Mail that Amazon SES put into a bucket: fetched when SNS tells of it, and looked for every few minutes, as SNS gives
//! up after three tries (E10.3).

use crate::app::App;
use crate::clock::now;
use crate::compiled_here;
use crate::config::doors::Bucket;
use crate::doors::{self, Shown};
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Arrival, Door, Ingest};
use crate::s3::{self, Client};
use chrono::Duration;

/// How often the buckets are looked through, over all processes.
const EVERY_S: i64 = 300;
/// How long SNS is given to tell of an object, with the envelope that the object itself does not have.
const GRACE: Duration = Duration::minutes(3);
/// What SES writes to try whether it may.
const PROBE: &str = "AMAZON_SES_SETUP_NOTIFICATION";
/// Where buckets are if neither a setting nor a topic says it.
const DEFAULT_REGION: &str = "us-east-1";

/// An object could not become mail now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be fetched.
    #[error(transparent)]
    S3(#[from] s3::Error),
    /// It could not be kept.
    #[error(transparent)]
    Mail(#[from] mail_in::Error),
    /// It could not be asked what is known.
    #[error("store failed")]
    Store(#[from] crate::store::Error),
}

/// Returns the reference of an object's arrival: by SNS and by the sweep the same one.
pub fn door_ref(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

/// Fetches a mail from its bucket.
///
/// # Errors
/// See [`s3::Error`].
#[compiled_here]
pub async fn fetch(app: &App, region: Option<&str>, bucket: &str, key: &str) -> Result<bytes::Bytes, s3::Error> {
    let client = Client::new(&app.config.doors.s3, region.unwrap_or(DEFAULT_REGION))?;
    client.get(bucket, key, app.config.max_mail_bytes).await
}

/// Returns the region that a topic's ARN names.
pub fn region_of(topic: &str) -> Option<&str> {
    topic.split(':').nth(3).filter(|r| !r.is_empty())
}

/// Looks through the configured buckets for mail that nobody told of, if it is time to and no other process did.
/// Returns how many mails it found.
///
/// # Errors
/// If the store cannot be asked; what is wrong with one bucket or object is logged, and the others go on.
#[compiled_here]
pub async fn sweep(app: &App, ingest: &Ingest) -> Result<usize, Error> {
    let buckets = &app.config.doors.ses_buckets;
    if buckets.is_empty() {
        return Ok(0);
    }
    let turn = (now().timestamp() / EVERY_S).to_string();
    if doors::show(app, "ses-sweep", &turn, "").await? != Shown::First {
        return Ok(0);
    }
    let mut found = 0;
    for bucket in buckets {
        match sweep_bucket(app, ingest, bucket, now() - GRACE).await {
            Ok(n) => found += n,
            Err(e) => tracing::error!(
                bucket = bucket.name,
                error = &e as &dyn std::error::Error,
                "ALARM: a bucket with mail cannot be read"
            ),
        }
    }
    Ok(found)
}

/// Looks through one bucket for objects written before `before`.
///
/// # Errors
/// See [`Error`].
#[compiled_here]
pub async fn sweep_bucket(
    app: &App,
    ingest: &Ingest,
    bucket: &Bucket,
    before: crate::clock::Time,
) -> Result<usize, Error> {
    let region = app.config.doors.sns_topics.first().and_then(|t| region_of(t)).unwrap_or(DEFAULT_REGION);
    let client = Client::new(&app.config.doors.s3, region)?;
    let (mut found, mut after) = (0, None::<String>);
    loop {
        let (objects, more) = client.list(&bucket.name, &bucket.prefix, after.as_deref()).await?;
        let Some(last) = objects.last() else { return Ok(found) };
        after = Some(last.key.clone());
        let is_mail = |o: &&s3::Object| !o.key.ends_with('/') && !o.key.ends_with(PROBE);
        let is_due = |o: &&s3::Object| o.written_at.is_none_or(|at| at < before);
        let keys: Vec<&str> = objects.iter().filter(is_mail).filter(is_due).map(|o| o.key.as_str()).collect();
        let refs: Vec<String> = keys.iter().map(|k| door_ref(&bucket.name, k)).collect();
        let known = mail_in::brought(app, Door::Ses, &refs).await?;
        for (key, door_ref) in keys.iter().zip(refs) {
            if known.iter().any(|(r, _, _)| *r == door_ref) {
                continue;
            }
            match client.get(&bucket.name, key, app.config.max_mail_bytes).await {
                Ok(raw) => {
                    let facts = Facts { envelope_to: recipients(&raw), ..Facts::default() };
                    let arrival = Arrival { door: Door::Ses, door_ref: Some(door_ref), tenant: None, facts, raw };
                    mail_in::receive(app, ingest, arrival).await?;
                    found += 1;
                }
                Err(e) => tracing::error!(
                    bucket = bucket.name,
                    error = &e as &dyn std::error::Error,
                    "ALARM: an object with mail cannot be read"
                ),
            }
        }
        if !more {
            return Ok(found);
        }
    }
}

/// Returns whom a mail was sent to: SES says so in the Received line that it puts on top.
fn recipients(raw: &[u8]) -> Vec<String> {
    let head = String::from_utf8_lossy(&raw[..raw.len().min(16 * 1024)]);
    let mut lines = head.lines();
    let Some(first) = lines.find(|l| l.to_ascii_lowercase().starts_with("received:")) else { return Vec::new() };
    let rest = lines.take_while(|l| l.starts_with([' ', '\t']));
    let line: String = std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" ");
    if !line.contains(".amazonaws.com") {
        return Vec::new();
    }
    let Some((_, named)) = line.split_once(" for ") else { return Vec::new() };
    let named = named.split(';').next().unwrap_or_default().trim();
    let address = named.trim_start_matches('<').trim_end_matches('>');
    if address.contains('@') && !address.contains(' ') { vec![address.to_owned()] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E10.3.
    #[test]
    fn the_recipient_stands_in_the_services_own_line() {
        let raw = b"Return-Path: <ann@example.com>\r\nReceived: from mx.example.com (mx.example.com [192.0.2.1])\r\n \
            by inbound-smtp.eu-west-1.amazonaws.com with SMTP id abc123\r\n for desk@x.example;\r\n Sat, 21 Nov 2026 \
            10:00:00 +0000 (UTC)\r\nReceived: from a by b for other@x.example; Sat\r\n\r\nx";
        assert_eq!(recipients(raw), ["desk@x.example"]);
        assert!(recipients(b"Received: from a by b for other@x.example; Sat\r\n\r\nx").is_empty());
        assert_eq!(region_of("arn:aws:sns:eu-west-1:1:t"), Some("eu-west-1"));
    }
}
