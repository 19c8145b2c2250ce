//! The settings of the providers' doors. A key may be a list with commas: while it is changed at the provider, the old
//! one and the new one both open the door.

use super::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;
use url::Url;

/// What the doors of providers need to know. Whichever is empty or None, that provider's signature is not asked for,
/// and its door opens to the inbound token alone, as the raw door does.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// Mailgun's webhook signing keys.
    pub mailgun: Vec<Secret>,
    /// `user:password` of Postmark's webhook addresses.
    pub postmark: Vec<Secret>,
    /// SendGrid's verification keys: SubjectPublicKeyInfo of a P-256 key.
    pub sendgrid: Vec<Vec<u8>>,
    /// Keys shared with the Cloudflare worker.
    pub cloudflare: Vec<Secret>,
    /// Postal's public keys: SubjectPublicKeyInfo of an RSA key.
    pub postal: Vec<Vec<u8>>,
    /// What Postal is told if it is to come again: 429 or 503.
    pub postal_busy: u16,
    /// The SNS topics that are listened to, by ARN.
    pub sns_topics: Vec<String>,
    /// Where SNS is, if not at Amazon: certificates and confirmations come from there alone.
    pub sns_endpoint: Option<Url>,
    /// Buckets that SES writes to: they are swept for mail that nobody told of.
    pub ses_buckets: Vec<Bucket>,
    /// How S3 is asked.
    pub s3: S3,
    /// Where mail that came by the pipe waits.
    pub spool: PathBuf,
}

/// A bucket, or the part of it below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What its objects' keys begin with; may be empty.
    pub prefix: String,
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}

/// How S3 is asked.
#[derive(Debug, Clone, Default)]
pub struct S3 {
    /// The access key's id.
    pub key_id: Option<String>,
    /// The access key.
    pub key: Option<Secret>,
    /// The session's token, of temporary keys.
    pub session: Option<Secret>,
    /// The buckets' region; None: that of the topic.
    pub region: Option<String>,
    /// Another service than Amazon's; buckets are then part of the path.
    pub endpoint: Option<Url>,
}

/// Returns keys as they were given.
pub(super) fn in_base64(keys: &[Vec<u8>]) -> String {
    keys.iter().map(|k| STANDARD.encode(k)).collect::<Vec<_>>().join(",")
}

/// Splits a list with commas.
pub(super) fn listed(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

pub(super) fn secrets(value: &str) -> Result<Vec<Secret>, String> {
    match listed(value) {
        all if all.iter().any(|s| s.len() < 8) => Err("too short, needs 8 letters or more".to_owned()),
        all => Ok(all.into_iter().map(Secret::new).collect()),
    }
}

/// `user:password`, several with commas.
pub(super) fn basic(value: &str) -> Result<Vec<Secret>, String> {
    let all = secrets(value)?;
    match all.iter().all(|s| s.reveal().contains(':')) {
        true => Ok(all),
        false => Err("expected USER:PASSWORD".to_owned()),
    }
}

/// Public keys in base64, as PEM, or as the `p=` of a DKIM record, which is how Postal shows its own.
pub(super) fn public_keys(value: &str) -> Result<Vec<Vec<u8>>, String> {
    listed(value).iter().map(|one| public_key(one)).collect()
}

fn public_key(value: &str) -> Result<Vec<u8>, String> {
    let bare = value.split(';').find_map(|part| part.trim().strip_prefix("p=")).unwrap_or(value);
    let bare =
        bare.replace("-----BEGIN PUBLIC KEY-----", "").replace("-----END PUBLIC KEY-----", "").replace("\\n", "");
    let compact: String = bare.chars().filter(|c| !c.is_whitespace()).collect();
    match STANDARD.decode(compact.trim_end_matches(';')) {
        Ok(der) if der.first() == Some(&0x30) && der.len() > 32 => Ok(der),
        _ => Err("no public key in base64".to_owned()),
    }
}

pub(super) fn topics(value: &str) -> Result<Vec<String>, String> {
    let all = listed(value);
    match all.iter().find(|t| !(t.starts_with("arn:") && t.split(':').count() == 6)) {
        Some(odd) => Err(format!("{odd:?} is no topic's ARN")),
        None => Ok(all),
    }
}

pub(super) fn buckets(value: &str) -> Result<Vec<Bucket>, String> {
    listed(value)
        .iter()
        .map(|one| {
            let rest = one.strip_prefix("s3://").ok_or_else(|| format!("{one:?}: expected s3://BUCKET/PREFIX"))?;
            let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            match name.is_empty() {
                true => Err(format!("{one:?} names no bucket")),
                false => Ok(Bucket { name: name.to_owned(), prefix: prefix.to_owned() }),
            }
        })
        .collect()
}

pub(super) fn busy(value: &str) -> Result<u16, String> {
    match value {
        "429" => Ok(429),
        "503" => Ok(503),
        _ => Err("expected 429 or 503".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_every_form() {
        let bare = STANDARD.encode([&[0x30][..], &[7; 60]].concat());
        let forms = [
            bare.clone(),
            format!("v=DKIM1; t=s; h=sha256; p={bare};"),
            format!("-----BEGIN PUBLIC KEY-----\n{bare}\n-----END PUBLIC KEY-----\n"),
        ];
        for form in &forms {
            assert_eq!(public_keys(form).unwrap()[0].len(), 61, "{form}");
        }
        assert_eq!(public_keys(&format!("{bare}, {bare}")).unwrap().len(), 2);
        assert!(public_keys("hello").is_err());
    }

    #[test]
    fn lists_are_checked() {
        assert!(topics("arn:aws:sns:eu-west-1:123456789012:mail").is_ok());
        assert!(topics("mail").is_err());
        assert_eq!(
            buckets("s3://a/in/, s3://b").unwrap(),
            [Bucket { name: "a".into(), prefix: "in/".into() }, Bucket { name: "b".into(), prefix: String::new() }]
        );
        assert!(buckets("a").is_err() && buckets("s3:///x").is_err());
        assert!(basic("user:password").is_ok() && basic("password").is_err() && secrets("short").is_err());
    }
}
