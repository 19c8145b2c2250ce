//! Just enough of S3 to read what Amazon SES puts there: an object's bytes, and a bucket's list, each request signed
//! (Signature Version 4). Nothing is ever written or deleted.

use crate::clock::{Time, now};
use crate::compiled_here;
use crate::config::doors::S3 as Settings;
use crate::fetch;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::time::Duration;
use url::Url;

/// SHA-256 of no bytes: a GET has no body.
const NO_BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The longest that a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest page of a list that is read.
const MOST_LIST_BYTES: usize = 8 * 1024 * 1024;

/// The service did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key is configured.
    #[error("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")]
    NoKey,
    /// Nobody answered, or broke off.
    #[error("S3 cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It refused.
    #[error("S3 answered {status}: {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own word for it.
        code: String,
    },
    /// The object is larger than any mail may be.
    #[error("the object is larger than {most} octets")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// Bucket, key or endpoint make no URL.
    #[error("bucket or key make no address")]
    Address,
}

/// A client for one region.
pub struct Client {
    http: &'static reqwest::Client,
    settings: Settings,
    region: String,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// When it was written.
    pub written_at: Option<Time>,
}

impl Client {
    /// Makes a client for the configured region, else `region`.
    ///
    /// # Errors
    /// `NoKey`; `Unreachable` if the HTTP client cannot be made.
    pub fn new(settings: &Settings, region: &str) -> Result<Client, Error> {
        if settings.key_id.is_none() || settings.key.is_none() {
            return Err(Error::NoKey);
        }
        let http = fetch::services().map_err(Error::Unreachable)?;
        let region = settings.region.clone().unwrap_or_else(|| region.to_owned());
        Ok(Client { http, settings: settings.clone(), region })
    }

    /// Returns an object's bytes, at most `most`.
    ///
    /// # Errors
    /// See [`Error`].
    #[compiled_here]
    pub async fn get(&self, bucket: &str, key: &str, most: usize) -> Result<Bytes, Error> {
        let path: Vec<&str> = key.split('/').collect();
        self.fetch(self.address(bucket, &path)?, most).await
    }

    /// Returns a page of the objects whose keys begin with `prefix`, after the key `after`, in the order of their keys,
    /// and whether there are more.
    ///
    /// # Errors
    /// See [`Error`].
    #[compiled_here]
    pub async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<(Vec<Object>, bool), Error> {
        let mut url = self.address(bucket, &[""])?;
        // In the order of the names, as the signature wants them.
        let mut query = vec![("encoding-type", "url"), ("list-type", "2"), ("max-keys", "1000"), ("prefix", prefix)];
        query.extend(after.map(|a| ("start-after", a)));
        let query: Vec<String> = query.into_iter().map(|(n, v)| format!("{n}={}", escaped(v))).collect();
        url.set_query(Some(&query.join("&")));
        let body = self.fetch(url, MOST_LIST_BYTES).await?;
        let text = String::from_utf8_lossy(&body);
        let more = tag(&text, "IsTruncated").is_some_and(|t| t == "true");
        Ok((text.split("<Contents>").skip(1).filter_map(object).collect(), more))
    }

    /// Buckets are host names at Amazon, and part of the path elsewhere.
    fn address(&self, bucket: &str, path: &[&str]) -> Result<Url, Error> {
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        if bucket.is_empty() || !bucket.bytes().all(is_name) {
            return Err(Error::Address);
        }
        let path: Vec<String> = path.iter().map(|segment| escaped(segment)).collect();
        let path = path.join("/");
        let text = match &self.settings.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{path}", endpoint.as_str().trim_end_matches('/')),
            // A dot in the name does not fit the certificate's wildcard.
            None if bucket.contains('.') => format!("https://s3.{}.amazonaws.com/{bucket}/{path}", self.region),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/{path}", self.region),
        };
        Url::parse(&text).map_err(|_| Error::Address)
    }

    async fn fetch(&self, url: Url, most: usize) -> Result<Bytes, Error> {
        let signed = sign(&self.settings, &self.region, &url, now()).ok_or(Error::NoKey)?;
        let request =
            signed.into_iter().fold(self.http.get(url).timeout(PATIENCE), |r, (name, value)| r.header(name, value));
        let mut response = request.send().await.map_err(Error::Unreachable)?;
        let status = response.status();
        let most = if status.is_success() { most } else { 64 * 1024 };
        let body = fetch::body(&mut response, most).await.map_err(Error::Unreachable)?;
        let body = body.ok_or(Error::TooLarge { most })?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            let code = tag(&text, "Code").unwrap_or("no reason").chars().take(80).collect();
            return Err(Error::Refused { status: status.as_u16(), code });
        }
        Ok(body)
    }
}

/// Returns the headers that sign a GET of `url`.
fn sign(settings: &Settings, region: &str, url: &Url, at: Time) -> Option<Vec<(&'static str, String)>> {
    let (id, key) = (settings.key_id.as_deref()?, settings.key.as_ref()?.reveal());
    let (day, time) = (at.format("%Y%m%d").to_string(), at.format("%Y%m%dT%H%M%SZ").to_string());
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let mut headers = vec![("host", host), ("x-amz-content-sha256", NO_BODY.to_owned()), ("x-amz-date", time.clone())];
    headers.extend(settings.session.as_ref().map(|s| ("x-amz-security-token", s.reveal().to_owned())));
    let canonical: String = headers.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
    let names: Vec<&str> = headers.iter().map(|(n, _)| *n).collect();
    let names = names.join(";");
    let query = url.query().unwrap_or_default();
    let request = format!("GET\n{}\n{query}\n{canonical}\n{names}\n{NO_BODY}", url.path());
    let scope = format!("{day}/{region}/s3/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
    let mut secret = mac(format!("AWS4{key}").as_bytes(), &day);
    for part in [region, "s3", "aws4_request"] {
        secret = mac(&secret, part);
    }
    let signature = hex(&mac(&secret, &text));
    let value = format!("AWS4-HMAC-SHA256 Credential={id}/{scope},SignedHeaders={names},Signature={signature}");
    headers.retain(|(name, _)| *name != "host");
    headers.push(("authorization", value));
    Some(headers)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Percent-encodes all but letters, digits and `-._~`, as the signature wants it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(b as char),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Returns the first element of this name that has nothing but text in it.
fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// Reads an entry of a list; its key comes in URL encoding.
fn object(xml: &str) -> Option<Object> {
    let key = tag(xml, "Key")?.replace('+', "%2B");
    let key = url::form_urlencoded::parse(key.as_bytes()).next().map(|(k, _)| k.into_owned())?;
    let written_at = tag(xml, "LastModified").and_then(|t| chrono::DateTime::parse_from_rfc3339(t).ok());
    Some(Object { key, written_at: written_at.map(|t| t.to_utc()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    /// Key, time and expected signatures of the service's documented examples.
    #[test]
    fn signatures_are_those_of_the_documents() {
        let settings = Settings {
            key_id: Some("AKIAIOSFODNN7EXAMPLE".into()),
            key: Some(Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
            ..Settings::default()
        };
        let at = "2013-05-24T00:00:00Z".parse().unwrap();
        for (query, signature) in [
            ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ] {
            let url = Url::parse(&format!("https://examplebucket.s3.amazonaws.com/?{query}")).unwrap();
            let headers = sign(&settings, "us-east-1", &url, at).unwrap();
            let (_, value) = headers.iter().find(|(n, _)| *n == "authorization").unwrap();
            assert!(value.ends_with(signature), "{value}");
        }
    }

    #[test]
    fn lists_are_read() {
        let entry = "<Key>in/a%2Fb+c%26d</Key><LastModified>2026-11-21T10:00:00.000Z</LastModified></Contents>";
        let found = object(entry).unwrap();
        assert_eq!(found.key, "in/a/b+c&d");
        assert_eq!(found.written_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
    }

    #[test]
    fn buckets_are_named_as_the_service_wants_it() {
        let mut settings = Settings { key_id: Some("a".into()), key: Some(Secret::new("b")), ..Settings::default() };
        let client = Client::new(&settings, "eu-west-1").unwrap();
        let url = |c: &Client, b: &str| c.address(b, &["in", "a b"]).map(String::from);
        assert_eq!(url(&client, "mail").unwrap(), "https://mail.s3.eu-west-1.amazonaws.com/in/a%20b");
        assert_eq!(url(&client, "my.mail").unwrap(), "https://s3.eu-west-1.amazonaws.com/my.mail/in/a%20b");
        assert!(url(&client, "evil.example/x?").is_err());
        settings.endpoint = Some("http://127.0.0.1:9000/".parse().unwrap());
        let client = Client::new(&settings, "eu-west-1").unwrap();
        assert_eq!(url(&client, "mail").unwrap(), "http://127.0.0.1:9000/mail/in/a%20b");
    }
}
