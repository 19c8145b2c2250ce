//! JSON bodies: snake_case and camelCase alike, strict UTF-8, and a field's name in every complaint.

use crate::problem::{FieldError, Problem, codes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Below these keys lies what the client made up itself: its keys stay as they are.
const FREE_FORM: &[&str] = &["data", "meta", "headers"];

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(req: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(req.headers()) {
            return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("expected application/json"));
        }
        let body = Bytes::from_request(req, state).await?;
        from_slice(&body).map(Json)
    }
}

/// A JSON body that is not looked at before it is asked for: what a caller may do comes first (DESIGN 4).
#[derive(Debug, Clone)]
pub struct Unread {
    is_json: bool,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Unread {
    type Rejection = Problem;

    async fn from_request(req: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(req.headers());
        Ok(Unread { is_json, body: Bytes::from_request(req, state).await? })
    }
}

impl Unread {
    /// Reads the body; an empty one counts as `{}`, whatever its type.
    ///
    /// # Errors
    /// As [`Json`] refuses it.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.is_json && !self.body.is_empty() {
            return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("expected application/json"));
        }
        from_slice(&self.body)
    }
}

/// Whether the request says that its body is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers)
        .is_some_and(|t| t == "application/json" || (t.starts_with("application/") && t.ends_with("+json")))
}

/// Returns the request's media type, lower case, without parameters.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Reads a body of JSON; an empty one counts as `{}`, as for acts that need no values.
///
/// # Errors
/// 400 if it is no JSON; 422 naming the field that is missing, unknown, doubled or wrong.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let value = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(body).map_err(|e| Problem::new(codes::INVALID_JSON).detail(e.to_string()))?
    };
    from_value(value)
}

/// Reads a value already parsed, as [`from_slice`] does.
///
/// # Errors
/// 422 naming the field.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    // Serde would take a list for a struct's fields in order.
    if !value.is_object() {
        return Err(Problem::field("", "wrong_type", "the body must be a JSON object"));
    }
    let value = snake_keys(value, &mut String::new())?;
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = match e.path().to_string() {
            p if p == "." => String::new(),
            p => p,
        };
        Problem::validation(vec![field_error(path, &e.inner().to_string())])
    })
}

/// What serde says, as a field's complaint. It names a missing field only in its text.
fn field_error(path: String, said: &str) -> FieldError {
    let said = said.split(" at line ").next().unwrap_or(said);
    let quoted = |start: &str| said.strip_prefix(start)?.split('`').next().map(str::to_owned);
    let below = |name: String| if path.is_empty() { name } else { format!("{path}.{name}") };
    if let Some(name) = quoted("missing field `") {
        return FieldError::required(below(name));
    }
    if let Some(name) = quoted("unknown field `") {
        return FieldError::new(below(name), "unknown_field", "is not known");
    }
    let code = match said {
        s if s.starts_with("invalid type") => "wrong_type",
        s if s.starts_with("unknown ") => "unknown_value",
        _ => "invalid",
    };
    FieldError::new(path, code, said)
}

/// Turns the keys of all objects into snake_case, free-form ones excepted. A field given in both spellings is an
/// error: to take one of them would be a guess. Depth is bounded by the parser (128).
fn snake_keys(value: Value, path: &mut String) -> Result<Value, Problem> {
    Ok(match value {
        Value::Object(map) => {
            let mut out = Map::with_capacity(map.len());
            for (key, value) in map {
                let key = snake_case(&key);
                let len = path.len();
                if len > 0 {
                    path.push('.');
                }
                path.push_str(&key);
                if out.contains_key(&key) {
                    return Err(Problem::field(path.as_str(), "duplicate", "is given twice, in two spellings"));
                }
                let value = if FREE_FORM.contains(&key.as_str()) { value } else { snake_keys(value, path)? };
                path.truncate(len);
                out.insert(key, value);
            }
            Value::Object(out)
        }
        Value::Array(list) => Value::Array(list.into_iter().map(|v| snake_keys(v, path)).collect::<Result<_, _>>()?),
        other => other,
    })
}

/// `entityScope` is `entity_scope`, `tenantID` is `tenant_id`, what is snake_case already stays.
pub(crate) fn snake_case(key: &str) -> String {
    if !key.bytes().any(|b| b.is_ascii_uppercase()) {
        return key.to_owned();
    }
    let bytes = key.as_bytes();
    let mut out = String::with_capacity(key.len() + 4);
    for (i, c) in key.char_indices() {
        if !c.is_ascii_uppercase() {
            out.push(c);
            continue;
        }
        let before = i.checked_sub(1).map(|j| bytes[j]);
        let after = bytes.get(i + 1);
        let starts_word = match before {
            None | Some(b'_') => false,
            Some(b) if b.is_ascii_uppercase() => after.is_some_and(u8::is_ascii_lowercase),
            Some(_) => true,
        };
        if starts_word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Body {
        entity_scope: Option<String>,
        requester: Option<Person>,
        #[serde(default)]
        meta: Value,
        level: Option<shared::config::Mode>,
    }
    #[derive(Debug, Deserialize)]
    struct Person {
        email_address: String,
    }

    fn read(text: &str) -> Result<Body, Problem> {
        from_slice(text.as_bytes())
    }

    fn complaint(text: &str) -> (u16, String, &'static str) {
        let p = read(text).expect_err("wrong");
        match p.shown().errors.first() {
            Some(e) => (p.shown().status, e.field.clone(), e.code),
            None => (p.shown().status, String::new(), p.code()),
        }
    }

    #[test]
    fn both_spellings_are_read() {
        let b = read(r#"{"entityScope": "a", "requester": {"emailAddress": "x"}}"#).unwrap();
        assert_eq!((b.entity_scope.as_deref(), b.requester.unwrap().email_address.as_str()), (Some("a"), "x"));
        let b = read(r#"{"level": "production"}"#).unwrap();
        assert_eq!(b.level, Some(shared::config::Mode::Production));
        assert_eq!(read(r#"{"entity_scope": "a"}"#).unwrap().entity_scope.as_deref(), Some("a"));
    }

    #[test]
    fn a_clients_own_keys_stay() {
        assert_eq!(read(r#"{"meta": {"traceId": {"spanId": 1}}}"#).unwrap().meta["traceId"]["spanId"], 1);
    }

    #[test]
    fn complaints_name_the_field() {
        assert_eq!(complaint("{"), (400, String::new(), "invalid_json"));
        assert_eq!(complaint("{\"a\": \u{0}}"), (400, String::new(), "invalid_json"));
        assert_eq!(complaint(r#"{"requester": {}}"#), (422, "requester.email_address".into(), "required"));
        assert_eq!(complaint(r#"{"entityScope": 5}"#), (422, "entity_scope".into(), "wrong_type"));
        assert_eq!(complaint(r#"{"level": "loud"}"#), (422, "level".into(), "unknown_value"));
        assert_eq!(complaint(r#"{"entityScope": "a", "entity_scope": "b"}"#).2, "duplicate");
        assert_eq!(complaint("[]"), (422, String::new(), "wrong_type"));
    }

    #[test]
    fn what_is_not_utf8_or_too_deep_is_no_json() {
        assert_eq!(from_slice::<Value>(b"\"\xff\"").unwrap_err().code(), "invalid_json");
        assert_eq!(from_slice::<Value>("[".repeat(100_000).as_bytes()).unwrap_err().code(), "invalid_json");
    }

    #[test]
    fn names_in_snake_case() {
        for (camel, snake) in [
            ("companyId", "company_id"),
            ("tenantID", "tenant_id"),
            ("contentBase64", "content_base64"),
            ("HTMLBody", "html_body"),
            ("Body", "body"),
            ("already_snake", "already_snake"),
            ("größeÄ", "größeÄ"),
        ] {
            assert_eq!(snake_case(camel), snake);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = from_slice::<Body>(&bytes);
        }
        #[test]
        fn any_key_is_taken(key in ".*") {
            let _ = snake_case(&key);
        }
    }
}
