//! Messages of Amazon SNS: who signed them, and what they are about (E10.1). The certificate comes over TLS from Amazon's
//! own hosts alone, by a fixed pattern (or from the host that the operator named), so that a message cannot bring its own.

use super::verify::{Scheme, public_key_fits};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// How long a certificate or a confirmation may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest certificate.
const MOST_BYTES: usize = 64 * 1024;
/// How many certificates are remembered; Amazon has one per region and changes it rarely.
const MOST_KNOWN: usize = 32;

/// A message as it is posted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// Notification, SubscriptionConfirmation or UnsubscribeConfirmation.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its id; the same in every try.
    pub message_id: String,
    /// The topic's ARN.
    pub topic_arn: String,
    /// What it says.
    pub message: String,
    subject: Option<String>,
    timestamp: String,
    #[serde(default)]
    signature_version: String,
    #[serde(default)]
    signature: String,
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl", default)]
    signing_cert_url: String,
    #[serde(rename = "SubscribeURL", alias = "SubscribeUrl")]
    subscribe_url: Option<String>,
    token: Option<String>,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not signed by Amazon, or by the service that the operator named.
    #[error("{0}")]
    Forged(&'static str),
    /// The service could not be asked: it may be right.
    #[error("SNS cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The service answered otherwise than it should.
    #[error("SNS answered {0}")]
    Refused(u16),
}

/// Where certificates and confirmations may come from.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a>(pub Option<&'a Url>);

impl Home<'_> {
    /// Whether an address is the service's own: `sns.REGION.amazonaws.com`, or the host that the operator named.
    fn owns(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        match self.0 {
            Some(home) => url.origin() == home.origin(),
            None => {
                let region = url.host_str().and_then(|h| {
                    let rest = h.strip_prefix("sns.")?;
                    rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
                });
                let is_region = |r: &str| {
                    !r.is_empty() && r.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                };
                url.scheme() == "https" && url.port().is_none() && region.is_some_and(is_region)
            }
        }
    }
}

impl Message {
    /// Checks the signature.
    ///
    /// # Errors
    /// `Forged`; `Unreachable` or `Refused` if the certificate cannot be had now.
    pub async fn verify(&self, home: Home<'_>) -> Result<(), Error> {
        let scheme = match self.signature_version.as_str() {
            "1" => Scheme::RsaSha1,
            "2" => Scheme::RsaSha256,
            _ => return Err(Error::Forged("the message is not signed in a version that is known")),
        };
        let url = Url::parse(&self.signing_cert_url).map_err(|_| Error::Forged("it names no certificate"))?;
        if !home.owns(&url) || !url.path().ends_with(".pem") {
            return Err(Error::Forged("the certificate is not the service's own"));
        }
        let signature = STANDARD.decode(&self.signature).map_err(|_| Error::Forged("the signature is no base64"))?;
        let key = public_key(&url).await?;
        match public_key_fits(&key, scheme, self.signed_text().as_bytes(), &signature) {
            true => Ok(()),
            false => Err(Error::Forged("the signature does not fit")),
        }
    }

    /// The text that is signed: some fields, each name and value on a line of its own.
    fn signed_text(&self) -> String {
        let mut fields = vec![("Message", Some(&self.message)), ("MessageId", Some(&self.message_id))];
        if self.kind == "Notification" {
            fields.push(("Subject", self.subject.as_ref()));
        } else {
            fields.push(("SubscribeURL", self.subscribe_url.as_ref()));
        }
        fields.push(("Timestamp", Some(&self.timestamp)));
        if self.kind != "Notification" {
            fields.push(("Token", self.token.as_ref()));
        }
        fields.extend([("TopicArn", Some(&self.topic_arn)), ("Type", Some(&self.kind))]);
        fields.into_iter().filter_map(|(name, value)| Some(format!("{name}\n{}\n", value?))).collect()
    }

    /// Tells the service that its messages are wanted.
    ///
    /// # Errors
    /// `Forged` if the address to do so is another host's; `Unreachable`, `Refused`.
    pub async fn confirm(&self, home: Home<'_>) -> Result<(), Error> {
        let address = self.subscribe_url.as_deref().unwrap_or_default();
        let url = Url::parse(address).map_err(|_| Error::Forged("it names no address to confirm"))?;
        if !home.owns(&url) {
            return Err(Error::Forged("the address to confirm is not the service's own"));
        }
        fetch(&url).await.map(drop)
    }
}

/// Returns the public key (SubjectPublicKeyInfo) of the certificate at an address that was checked before.
async fn public_key(url: &Url) -> Result<Vec<u8>, Error> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = known().get(url.as_str()) {
        return Ok(key.clone());
    }
    let pem = fetch(url).await?;
    let key = key_of(&pem).ok_or(Error::Forged("there is no valid certificate at its address"))?;
    let mut known = known();
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.insert(url.to_string(), key.clone());
    Ok(key)
}

/// The key of a certificate that is valid now. The chain is not looked at: its host and TLS vouch for it.
fn key_of(pem: &[u8]) -> Option<Vec<u8>> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    certificate.validity().is_valid().then(|| certificate.public_key().raw.to_vec())
}

async fn fetch(url: &Url) -> Result<Bytes, Error> {
    let request = shared::fetch::services().map_err(Error::Unreachable)?.get(url.clone()).timeout(PATIENCE);
    let mut response = request.send().await.map_err(Error::Unreachable)?;
    if !response.status().is_success() {
        return Err(Error::Refused(response.status().as_u16()));
    }
    let body = shared::fetch::body(&mut response, MOST_BYTES).await.map_err(Error::Unreachable)?;
    body.ok_or(Error::Forged("what it names is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E10.1 (T66).
    #[test]
    fn only_amazons_hosts_or_the_named_one_are_home() {
        let owns = |home: Option<&str>, url: &str| {
            let home = home.map(|h| Url::parse(h).unwrap());
            Home(home.as_ref()).owns(&Url::parse(url).unwrap())
        };
        for own in ["https://sns.eu-west-1.amazonaws.com/a.pem", "https://sns.cn-north-1.amazonaws.com.cn/a.pem"] {
            assert!(owns(None, own), "{own}");
            assert!(!owns(Some("https://sns.example"), own), "{own}");
        }
        for foreign in [
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
            "https://a@sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://evilsns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.amazonaws.com/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
        ] {
            assert!(!owns(None, foreign), "{foreign}");
        }
        assert!(owns(Some("http://127.0.0.1:9911/x"), "http://127.0.0.1:9911/a.pem"));
        assert!(!owns(Some("http://127.0.0.1:9911"), "http://127.0.0.1:9912/a.pem"));
    }

    #[test]
    fn what_is_signed_depends_on_the_type() {
        let message = |json: serde_json::Value| serde_json::from_value::<Message>(json).unwrap().signed_text();
        let told = serde_json::json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": "x\ny",
            "Timestamp": "now", "SubscribeURL": "u", "Token": "k"});
        assert_eq!(message(told), "Message\nx\ny\nMessageId\nm\nTimestamp\nnow\nTopicArn\nt\nType\nNotification\n");
        let asked = serde_json::json!({"Type": "SubscriptionConfirmation", "MessageId": "m", "TopicArn": "t",
            "Message": "x", "Timestamp": "now", "SubscribeURL": "u", "Token": "k"});
        assert!(message(asked).contains("MessageId\nm\nSubscribeURL\nu\nTimestamp\nnow\nToken\nk\nTopicArn"));
    }
}
