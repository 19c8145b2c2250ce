//! A form's fields as bytes: webhooks send a mail's octets in one of them, so nothing may be decoded.

use super::answer::unusable;
use crate::problem::{Problem, codes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use bytes::Bytes;

use super::call::Call;

/// More fields than any mail with files makes.
const MOST_FIELDS: usize = 2000;

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// A file's name.
    pub filename: Option<String>,
    /// A file's type.
    pub content_type: Option<String>,
    /// What it holds, as it came.
    pub bytes: Bytes,
}

/// A form, multipart or urlencoded; its fields in order.
#[derive(Debug, Clone, Default)]
pub struct Form(pub Vec<Field>);

impl Form {
    /// Reads a call's body as a form.
    ///
    /// # Errors
    /// 415 for another type, 400 for a body that is none.
    pub async fn read(call: &Call) -> Result<Form, Problem> {
        let kind = call.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("application/x-www-form-urlencoded") {
            return urlencoded(&call.body);
        }
        if kind.starts_with("multipart/form-data") {
            return multipart(call).await;
        }
        Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("expected a form"))
    }

    /// Returns a field's bytes.
    pub fn bytes(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().find(|f| f.name == name).map(|f| &f.bytes)
    }

    /// Returns a field as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|b| String::from_utf8_lossy(b).into_owned())
    }

    /// Returns a field that must be there.
    ///
    /// # Errors
    /// 400 naming it.
    pub fn required(&self, name: &str) -> Result<String, Problem> {
        self.text(name).ok_or_else(|| unusable(format!("the field {name} is missing")))
    }
}

async fn multipart(call: &Call) -> Result<Form, Problem> {
    let mut request = Request::new(axum::body::Body::from(call.body.clone()));
    if let Some(kind) = call.parts.headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    // The body was read within the route's limit, which holds for requests that come from outside alone.
    let no_limit = axum::extract::DefaultBodyLimit::disable();
    no_limit.apply(&mut request);
    let mut multipart = Multipart::from_request(request, &()).await?;
    let mut fields = Vec::new();
    while let Some(field) = multipart.next_field().await? {
        let text = |t: Option<&str>| t.map(str::to_owned);
        let (name, filename) = (text(field.name()).unwrap_or_default(), text(field.file_name()));
        let content_type = text(field.content_type());
        fields.push(Field { name, filename, content_type, bytes: field.bytes().await? });
        if fields.len() > MOST_FIELDS {
            return Err(unusable("too many fields"));
        }
    }
    Ok(Form(fields))
}

/// Percent-decodes to bytes: octets that are no UTF-8 are a mail's own business.
fn urlencoded(body: &[u8]) -> Result<Form, Problem> {
    let mut fields = Vec::new();
    for pair in body.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
        let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
        let name = String::from_utf8_lossy(&decoded(name)).into_owned();
        fields.push(Field { name, filename: None, content_type: None, bytes: decoded(value).into() });
        if fields.len() > MOST_FIELDS {
            return Err(unusable("too many fields"));
        }
    }
    Ok(Form(fields))
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        match (text[i], digit(text.get(i + 1)), digit(text.get(i + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 2;
            }
            (b'+', ..) => out.push(b' '),
            (b, ..) => out.push(b),
        }
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_survive_a_form() {
        let form =
            urlencoded(b"body-mime=From%3A+a%40b%0D%0A%0D%0A%FF%00%zz%&x&=&recipient=a%2Btag@b.example").unwrap();
        assert_eq!(&form.bytes("body-mime").unwrap()[..], b"From: a@b\r\n\r\n\xff\x00%zz%");
        assert_eq!(form.text("recipient").unwrap(), "a+tag@b.example");
        assert_eq!(form.text("x").unwrap(), "");
        assert!(form.required("signature").is_err());
        assert!(urlencoded("a=b&".repeat(MOST_FIELDS + 1).as_bytes()).is_err());
    }
}
