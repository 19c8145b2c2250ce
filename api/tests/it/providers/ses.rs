//! Amazon SES by SNS, with its certificates and buckets at a server of the test's own.

use super::{MAIL, rsa_sha256};
use crate::harness::{Request, Server, on_both_with};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, serve};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
const CERTIFICATE: &str = include_str!("sns.pem");
/// Of a fixed message, made once by another program: the older version signs with SHA-1.
const V1: &str = include_str!("sns_v1.txt");

/// By path: the type of each and its bytes.
type Objects = BTreeMap<String, (String, Vec<u8>)>;

/// What Amazon is here: a certificate, an address that confirms, and a bucket.
#[derive(Clone, Default)]
struct Amazon {
    url: String,
    objects: Arc<Mutex<Objects>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Amazon {
    async fn start() -> Amazon {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let amazon = Amazon { url, ..Amazon::default() };
        let app = Router::new()
            .route("/{name}", get(sns))
            .route("/mail/", get(list))
            .route("/mail/{*key}", get(object))
            .with_state(amazon.clone());
        tokio::spawn(async move { serve(listener, app).await });
        amazon
    }

    fn put(&self, key: &str, written: &str, raw: &str) {
        self.objects.lock().expect("one").insert(key.into(), (written.into(), raw.as_bytes().to_vec()));
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("one").clone()
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("POSTROOM_MODE", "production"),
            ("POSTROOM_SNS_TOPICS", TOPIC),
            ("POSTROOM_SES_BUCKETS", "s3://mail/in/"),
            ("AWS_ENDPOINT_URL_SNS", &self.url),
            ("AWS_ENDPOINT_URL_S3", &self.url),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests"),
        ]
    }

    /// A message, signed.
    fn message(&self, kind: &str, topic: &str, said: &str) -> Value {
        let mut message = json!({
            "Type": kind, "MessageId": format!("{:016x}", rand::random::<u64>()), "TopicArn": topic, "Message": said,
            "Timestamp": "2026-11-21T10:00:00.000Z", "SignatureVersion": "2",
            "SigningCertURL": format!("{}/SimpleNotificationService-1.pem", self.url),
        });
        let names = match kind {
            "Notification" => {
                message["Subject"] = "Amazon SES Email Receipt Notification".into();
                vec!["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
            }
            _ => {
                message["SubscribeURL"] = format!("{}/confirm?Action=ConfirmSubscription", self.url).into();
                message["Token"] = "2336412f37".into();
                vec!["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
            }
        };
        let text: String = names.iter().map(|n| format!("{n}\n{}\n", message[n].as_str().expect("a text"))).collect();
        message["Signature"] = rsa_sha256(text.as_bytes()).into();
        message
    }
}

async fn sns(State(amazon): State<Amazon>, Path(name): Path<String>) -> impl IntoResponse {
    amazon.asked.lock().expect("one").push(name.clone());
    match name.as_str() {
        "SimpleNotificationService-1.pem" => (StatusCode::OK, CERTIFICATE),
        "confirm" => (StatusCode::OK, "<ConfirmSubscriptionResponse/>"),
        _ => (StatusCode::NOT_FOUND, ""),
    }
}

/// Requests that are not signed get nothing.
fn is_signed(headers: &HeaderMap) -> bool {
    let value = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        && value.contains("/eu-west-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=")
        && headers.contains_key("x-amz-date")
}

async fn object(State(amazon): State<Amazon>, Path(key): Path<String>, headers: HeaderMap) -> impl IntoResponse {
    amazon.asked.lock().expect("one").push(format!("get {key}"));
    if !is_signed(&headers) {
        return (StatusCode::FORBIDDEN, b"<Error><Code>AccessDenied</Code></Error>".to_vec());
    }
    match amazon.objects.lock().expect("one").get(&key) {
        Some((_, raw)) => (StatusCode::OK, raw.clone()),
        None => (StatusCode::NOT_FOUND, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
    }
}

async fn list(
    State(amazon): State<Amazon>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> impl IntoResponse {
    if !is_signed(&headers) {
        return (StatusCode::FORBIDDEN, String::new());
    }
    let after = query.get("start-after").cloned().unwrap_or_default();
    let all = amazon.objects.lock().expect("one");
    let mut rest = all.iter().filter(|(k, _)| k.starts_with(&query["prefix"]) && **k > after);
    // Pages of two, so that the sweep must leaf.
    let page: Vec<_> = rest.by_ref().take(2).collect();
    let more = rest.next().is_some();
    let entries: String = page
        .iter()
        .map(|(key, (written, _))| {
            let key = key.replace('/', "%2F");
            format!("<Contents><Key>{key}</Key><LastModified>{written}</LastModified><Size>1</Size></Contents>")
        })
        .collect();
    let text = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{entries}</ListBucketResult>");
    (StatusCode::OK, text)
}

fn received(action: Value) -> Value {
    json!({
        "notificationType": "Received",
        "receipt": {
            "timestamp": "2026-11-21T10:00:00.000Z", "processingTimeMillis": 222,
            "recipients": ["support@postroom.localhost"],
            "spamVerdict": {"status": "PASS"}, "virusVerdict": {"status": "PASS"}, "spfVerdict": {"status": "PASS"},
            "dkimVerdict": {"status": "PASS"}, "dmarcVerdict": {"status": "PASS"}, "action": action,
        },
        "mail": {
            "timestamp": "2026-11-21T10:00:00.000Z", "source": "ann@example.com", "messageId": "d6iitobk75ur44p8",
            "destination": ["support@postroom.localhost"], "headersTruncated": false,
        },
    })
}

fn in_bucket(key: &str) -> Value {
    received(json!({"type": "S3", "topicArn": TOPIC, "bucketName": "mail", "objectKeyPrefix": "in/", "objectKey": key}))
}

/// SNS posts JSON as plain text.
fn post(s: &Server, message: &Value) -> Request {
    s.post("/api/inbound/ses")
        .header("x-amz-sns-message-type", "Notification")
        .body("text/plain; charset=UTF-8", message.to_string())
}

/// E10.1, E10.3 (T66): the object is fetched before the door says yes, however large the mail is.
#[tokio::test]
async fn t66_mail_over_150_kb_comes_from_the_bucket() {
    let amazon = &Amazon::start().await;
    let large = format!("{MAIL}{}", "A line of a long mail, and then one more.\r\n".repeat(8_000));
    let large = &large;
    on_both_with(&amazon.settings(), |s| async move {
        let boss = s.boss().await;
        amazon.put("in/large", "2026-11-21T10:00:00.000Z", large);
        let message = amazon.message("Notification", TOPIC, &in_bucket("in/large").to_string());
        let first = post(&s, &message).send().await.expect(200);
        assert_eq!(first["outcome"], "ticket_created");
        assert_eq!(s.octets(&boss, &first).await, large.as_bytes());
        let mail = s.mail(&boss, &first).await;
        assert_eq!((&mail["door"], &mail["envelope_from"]), (&json!("ses"), &json!("ann@example.com")));
        // E11.2: what the signed notification says counts.
        assert_eq!(mail["verdict"], "pass", "{mail}");
        let again = post(&s, &message).send().await.expect(200);
        assert_eq!(again["mail_id"], first["mail_id"]);
        // Not there (yet): SNS comes again, and the sweep looks for it.
        let missing = amazon.message("Notification", TOPIC, &in_bucket("in/missing").to_string());
        post(&s, &missing).send().await.problem(503, "unavailable");
        let elsewhere = amazon.message("Notification", TOPIC, &in_bucket("other/key").to_string());
        post(&s, &elsewhere).send().await.problem(403, "malformed_request");
        assert_eq!(s.mail_count(&boss).await, 1);
        s
    })
    .await;
}

/// E10.1 (T66): only signed messages of listed topics, with a certificate from the service's own host.
#[tokio::test]
async fn t66_forged_messages_are_403() {
    let amazon = &Amazon::start().await;
    let stranger = &Amazon::start().await;
    on_both_with(&amazon.settings(), |s| async move {
        let boss = s.boss().await;
        let said = received(json!({"type": "SNS", "topicArn": TOPIC})).to_string();
        let mut told: Value = serde_json::from_str(&said).expect("JSON");
        told["content"] = MAIL.into();
        let said = told.to_string();
        let refuse = async |message: &Value| {
            post(&s, message).send().await.problem(403, "signature_invalid");
        };
        refuse(&amazon.message("Notification", "arn:aws:sns:eu-west-1:999999999999:evil", &said)).await;
        // Signed as it should be, but its certificate lies elsewhere.
        refuse(&stranger.message("Notification", TOPIC, &said)).await;
        assert!(stranger.asked().is_empty(), "a foreign host was asked");
        let good = amazon.message("Notification", TOPIC, &said);
        for (field, value) in
            [("Message", "{}"), ("TopicArn", "arn:aws:sns:eu-west-1:1:x"), ("SignatureVersion", "1"), ("Signature", "")]
        {
            let mut bad = good.clone();
            bad[field] = value.into();
            refuse(&bad).await;
        }
        let mut no_certificate = good.clone();
        no_certificate["SigningCertURL"] = format!("{}/missing.pem", amazon.url).into();
        post(&s, &no_certificate).send().await.problem(503, "unavailable");
        s.post("/api/inbound/ses").body("text/plain", "hello").send().await.problem(403, "malformed_request");
        assert_eq!(s.mail_count(&boss).await, 0);
        let got = post(&s, &good).send().await.expect(200);
        assert_eq!(s.octets(&boss, &got).await, MAIL.as_bytes());
        // Amazon's own host is not asked either, where another service is named.
        s
    })
    .await;
}

/// E10.3: subscriptions are confirmed for listed topics alone; words that are no notification do no harm.
#[tokio::test]
async fn e10_3_only_listed_topics_are_confirmed() {
    let amazon = &Amazon::start().await;
    on_both_with(&amazon.settings(), |s| async move {
        let confirmed = || amazon.asked().iter().filter(|a| *a == "confirm").count();
        let before = confirmed();
        let evil = amazon.message("SubscriptionConfirmation", "arn:aws:sns:eu-west-1:999999999999:evil", "Subscribe?");
        post(&s, &evil).send().await.problem(403, "signature_invalid");
        assert_eq!(confirmed(), before);
        let asked = amazon.message("SubscriptionConfirmation", TOPIC, "You have chosen to subscribe.");
        assert_eq!(post(&s, &asked).send().await.expect(200)["outcome"], "subscription_confirmed");
        assert_eq!(confirmed(), before + 1);
        let ended = amazon.message("UnsubscribeConfirmation", TOPIC, "You have chosen to end it.");
        assert_eq!(post(&s, &ended).send().await.expect(200)["outcome"], "ignored");
        // The older version of signatures.
        let plain = json!({
            "Type": "Notification", "MessageId": "message-v1", "TopicArn": TOPIC, "Message": "plain words",
            "Timestamp": "2026-11-21T10:00:00.000Z", "SignatureVersion": "1", "Signature": V1.trim(),
            "SigningCertURL": format!("{}/SimpleNotificationService-1.pem", amazon.url),
        });
        assert_eq!(post(&s, &plain).send().await.expect(200)["outcome"], "ignored");
        s
    })
    .await;
}

/// E10.3: what no notification told of is found in the bucket, once; what is about to be told of is left for a while.
#[tokio::test]
async fn e10_3_the_bucket_is_swept() {
    let amazon = &Amazon::start().await;
    on_both_with(&amazon.settings(), |s| async move {
        let boss = s.boss().await;
        amazon.objects.lock().expect("one").clear();
        for n in 0..5 {
            let mail = MAIL.replace("p1@", &format!("sweep{n}@")).replace("help.", &format!("help {n}."));
            amazon.put(&format!("in/{n}"), "2026-11-21T09:00:00.000Z", &mail);
        }
        amazon.put("in/AMAZON_SES_SETUP_NOTIFICATION", "2026-11-21T09:00:00.000Z", "hello");
        amazon.put("elsewhere/9", "2026-11-21T09:00:00.000Z", MAIL);
        amazon.put("in/young", "2999-01-01T00:00:00.000Z", MAIL);
        let told = amazon.message("Notification", TOPIC, &in_bucket("in/3").to_string());
        post(&s, &told).send().await.expect(200);
        assert_eq!(shared::ses::sweep(&s.app, s.ingest()).await.expect("it sweeps"), 4);
        assert_eq!(s.mail_count(&boss).await, 5);
        // Its turn comes once in five minutes, whoever asks; and the mails are known.
        assert_eq!(shared::ses::sweep(&s.app, s.ingest()).await.expect("it sweeps"), 0);
        let bucket = s.app.config.doors.ses_buckets[0].clone();
        let again = shared::ses::sweep_bucket(&s.app, s.ingest(), &bucket, shared::clock::now()).await;
        assert_eq!(again.expect("it sweeps"), 0);
        // SNS tells late: it is the same arrival.
        let late = amazon.message("Notification", TOPIC, &in_bucket("in/1").to_string());
        post(&s, &late).send().await.expect(200);
        assert_eq!(s.mail_count(&boss).await, 5);
        s
    })
    .await;
}

/// E10.1 (T61).
#[tokio::test]
async fn t61_a_store_that_is_away_is_503() {
    let amazon = &Amazon::start().await;
    on_both_with(&amazon.settings(), |s| async move {
        amazon.put("in/1", "2026-11-21T10:00:00.000Z", MAIL);
        let message = amazon.message("Notification", TOPIC, &in_bucket("in/1").to_string());
        s.app.db.close().await;
        post(&s, &message).send().await.problem(503, "unavailable");
        s
    })
    .await;
}
