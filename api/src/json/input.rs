//! What bodies have in common: names that are ids or slugs, null that differs from absent, forms with files.

use crate::Api;
use crate::extract::json::{from_slice, from_value, is_json, media_type, snake_case};
use crate::problem::{FieldError, Problem, codes};
use axum::extract::{FromRequest, Multipart, Request};
use bytes::Bytes;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::access::Actor;
use shared::app::App;
use shared::attachments::{Attach, Upload};
use shared::ids::{AttachmentId, TenantId, UserId};
use shared::store::Scope;
use shared::tenants;

/// An id, as a number or in digits, or a slug.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Name {
    /// A number.
    Id(i64),
    /// A text.
    Text(String),
}

impl Name {
    /// Returns it as text; None if it is empty, as a form's untouched field is.
    pub fn text(&self) -> Option<String> {
        match self {
            Name::Id(id) => Some(id.to_string()),
            Name::Text(text) => Some(text.trim().to_owned()).filter(|t| !t.is_empty()),
        }
    }
}

/// Tells null from absent: `Some(None)` is null.
///
/// # Errors
/// As the value's own reading.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// Returns the tenant that a field names, within what the actor sees.
///
/// # Errors
/// 404 if there is none that the actor may know of.
pub async fn tenant(app: &App, actor: &Actor, name: Option<&Name>) -> Result<Option<TenantId>, Problem> {
    let Some(name) = name.and_then(Name::text) else { return Ok(None) };
    let found = tenants::find(&mut app.db.read(Scope::All), &name).await?;
    match found.filter(|t| actor.sees_tenant(t.id)) {
        Some(tenant) => Ok(Some(tenant.id)),
        None => Err(Problem::new(codes::TENANT_NOT_FOUND)),
    }
}

/// Returns the user that an assignment names: an id, or `me`; null and an empty text are nobody.
///
/// # Errors
/// 422 if it is neither.
pub fn assignee(actor: &Actor, name: Option<&Name>) -> Result<Option<UserId>, Problem> {
    let Some(name) = name.and_then(Name::text) else { return Ok(None) };
    if name == "me" {
        return Ok(actor.user);
    }
    match name.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(Problem::field("assigned_to", "invalid", "must be a user's id, me, or null")),
    }
}

/// A file named in JSON: an upload's id, or a description without bytes (DESIGN 8).
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum FileRef {
    /// An upload's id.
    Id(i64),
    /// An upload's id, as the upload's answer has it, or a description.
    Object(FileObject),
}

/// See [`FileRef`].
#[derive(Debug, Clone, Deserialize)]
pub struct FileObject {
    id: Option<i64>,
    filename: Option<String>,
    content_type: Option<String>,
    size_bytes: Option<i64>,
    #[serde(default)]
    meta: Value,
}

/// Returns the files that a JSON body names.
///
/// # Errors
/// 422 naming the file.
pub fn files(named: Vec<FileRef>) -> Result<Vec<Attach>, Problem> {
    let mut wrong = Vec::new();
    let mut out = Vec::new();
    for (i, file) in named.into_iter().enumerate() {
        match file {
            FileRef::Id(id) | FileRef::Object(FileObject { id: Some(id), .. }) => {
                out.push(Attach::Uploaded(AttachmentId(id)));
            }
            FileRef::Object(o) => match o.filename {
                Some(filename) => out.push(Attach::Described {
                    filename,
                    content_type: o.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                    size_bytes: o.size_bytes.unwrap_or(0).max(0),
                    meta: o.meta,
                }),
                None => wrong.push(FieldError::required(format!("attachments[{i}].filename"))),
            },
        }
    }
    if wrong.is_empty() { Ok(out) } else { Err(Problem::validation(wrong)) }
}

/// A body with files: JSON, which names uploads, or a form (multipart or urlencoded), which may bring them.
#[derive(Debug)]
pub struct WithFiles<T> {
    /// The fields.
    pub fields: T,
    /// The files that came along.
    pub files: Vec<Attach>,
    /// Whether it was a form.
    pub is_form: bool,
}

impl<T: DeserializeOwned> FromRequest<Api> for WithFiles<T> {
    type Rejection = Problem;

    async fn from_request(req: Request, api: &Api) -> Result<Self, Problem> {
        if is_json(req.headers()) {
            let body = Bytes::from_request(req, api).await?;
            return Ok(WithFiles { fields: from_slice(&body)?, files: Vec::new(), is_form: false });
        }
        match media_type(req.headers()).as_deref() {
            Some("multipart/form-data") => {
                let form = Multipart::from_request(req, api).await?;
                multipart(form, api.app.config.max_file_bytes).await
            }
            Some("application/x-www-form-urlencoded") => {
                let body = Bytes::from_request(req, api).await?;
                let mut fields = Map::new();
                for (name, value) in url::form_urlencoded::parse(&body) {
                    insert(&mut fields, &name, value.into_owned());
                }
                Ok(WithFiles { fields: from_value(Value::Object(fields))?, files: Vec::new(), is_form: true })
            }
            _ => Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("expected application/json or a form")),
        }
    }
}

/// Reads a form: parts with a file name are files, whatever their field's name; empty ones are an untouched file field.
async fn multipart<T: DeserializeOwned>(mut form: Multipart, max_file_bytes: usize) -> Result<WithFiles<T>, Problem> {
    let (mut fields, mut files) = (Map::new(), Vec::new());
    while let Some(mut part) = form.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(filename) = part.file_name().map(str::to_owned) else {
            let bytes = part.bytes().await?;
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| Problem::field(name.as_str(), "invalid", "must be UTF-8"))?;
            insert(&mut fields, &name, text);
            continue;
        };
        let content_type = part.content_type().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = part.chunk().await? {
            if bytes.len() + chunk.len() > max_file_bytes {
                let message = format!("{filename}: at most {max_file_bytes} bytes");
                return Err(Problem::new(codes::FILE_TOO_LARGE).with_errors(vec![FieldError::new(
                    "files",
                    "file_too_large",
                    message,
                )]));
            }
            bytes.extend_from_slice(&chunk);
        }
        if !filename.is_empty() || !bytes.is_empty() {
            files.push(Attach::File(Upload { filename, content_type, bytes: bytes.into() }));
        }
    }
    Ok(WithFiles { fields: from_value(Value::Object(fields))?, files, is_form: true })
}

/// A form's field: `requester[email]` and `requester.email` lie below `requester`; an empty field was left out, and a
/// whole number or truth value is one, as forms have no types.
fn insert(fields: &mut Map<String, Value>, name: &str, text: String) {
    let name = snake_case(name.trim_end_matches("[]"));
    if text.is_empty() {
        return;
    }
    let value = match text.as_str() {
        "true" | "on" if is_truth(&name) => Value::Bool(true),
        "false" | "off" if is_truth(&name) => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(n) if is_number(&name) => Value::from(n),
            _ => Value::String(text),
        },
    };
    match name.split_once(['[', '.']) {
        Some((outer, inner)) => {
            let below = fields.entry(outer.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                below.insert(inner.trim_end_matches(']').to_owned(), value);
            }
        }
        None => {
            fields.insert(name, value);
        }
    }
}

fn is_truth(name: &str) -> bool {
    matches!(name, "is_internal" | "force")
}

fn is_number(name: &str) -> bool {
    matches!(name, "expected_version" | "undo_seconds")
}

/// Splits a list in a query: `new,triaged`.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty())
}

/// Reads a value of a query.
///
/// # Errors
/// 422 naming the parameter.
pub fn parsed<T>(name: &'static str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| Problem::field(name, "unknown_value", e.to_string()))
}

/// Turns a shape into JSON.
pub fn json(shape: impl Serialize) -> Value {
    serde_json::to_value(shape).expect("shapes are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_fields_nest_and_have_types() {
        let mut fields = Map::new();
        for (name, value) in [
            ("requester[email]", "a@x"),
            ("requester.name", "A"),
            ("isInternal", "true"),
            ("expected_version", "7"),
            ("subject", "12"),
            ("empty", ""),
        ] {
            insert(&mut fields, name, value.to_owned());
        }
        let expected = serde_json::json!({
            "requester": {"email": "a@x", "name": "A"}, "is_internal": true, "expected_version": 7, "subject": "12",
        });
        assert_eq!(Value::Object(fields), expected);
    }

    #[test]
    fn null_differs_from_absent() {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default, deserialize_with = "nullable")]
            to: Option<Option<Name>>,
        }
        let read = |text: &str| serde_json::from_str::<Body>(text).unwrap().to;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"to": null}"#), Some(None));
        assert_eq!(read(r#"{"to": 5}"#), Some(Some(Name::Id(5))));
    }
}
