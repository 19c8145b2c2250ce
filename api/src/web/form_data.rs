//! A form as a browser sends it, with or without files. Its token must belong to the browser's session.

use crate::Api;
use crate::extract::Caller;
use crate::extract::json::media_type;
use crate::problem::{Problem, codes};
use axum::extract::{FromRequest, Multipart, OptionalFromRequestParts, Request};
use bytes::Bytes;
use shared::attachments::{Attach, Upload};

/// The field of the token.
pub const TOKEN: &str = "csrf";

/// The most fields that a form of ours has, by far.
const MOST_FIELDS: usize = 200;

/// A form's fields and files.
#[derive(Debug, Default)]
pub struct FormData {
    values: Vec<(String, String)>,
    files: Vec<Upload>,
}

impl FormData {
    /// Returns a field's value without spaces around it; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    /// Returns a field's value as it was typed.
    pub fn text(&self, name: &str) -> &str {
        self.values.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// Returns a field's value, None if it is empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|v| !v.is_empty())
    }

    /// Returns all values of a field that can stand in a form several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.trim())
    }

    /// Returns the addresses in a field, parted by commas or spaces.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        let parts = self.get(name).split(|c: char| c.is_whitespace() || ",;".contains(c));
        parts.filter(|a| !a.is_empty()).map(str::to_owned).collect()
    }

    /// Returns the version of the ticket that the page was drawn from.
    pub fn version(&self) -> Option<i64> {
        self.get("expected_version").parse().ok()
    }

    /// Whether files came with it.
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Returns the files.
    pub fn files(&self) -> &[Upload] {
        &self.files
    }

    /// Returns the files for a message.
    pub fn attach(&self) -> Vec<Attach> {
        let uploaded = self.all("attachment").filter_map(|id| id.parse().ok()).map(Attach::Uploaded);
        uploaded.chain(self.files.iter().cloned().map(Attach::File)).collect()
    }
}

/// A form, and why it is not to be acted on: for pages that give back what was typed.
#[derive(Debug)]
pub struct Typed {
    /// What was read of it.
    pub form: FormData,
    /// Its token is none of this session, or the rest of it could not be read.
    pub wrong: Option<Problem>,
}

impl FromRequest<Api> for FormData {
    type Rejection = Problem;

    async fn from_request(req: Request, api: &Api) -> Result<Self, Problem> {
        let typed = Typed::from_request(req, api).await?;
        typed.wrong.map_or(Ok(typed.form), Err)
    }
}

impl FromRequest<Api> for Typed {
    type Rejection = Problem;

    async fn from_request(req: Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = req.into_parts();
        let caller = <Caller as OptionalFromRequestParts<Api>>::from_request_parts(&mut parts, api).await?;
        let kind = media_type(&parts.headers);
        let req = Request::from_parts(parts, body);
        let mut form = FormData::default();
        let mut wrong = None;
        match kind.as_deref() {
            Some("application/x-www-form-urlencoded") => {
                let body = Bytes::from_request(req, api).await?;
                let values = url::form_urlencoded::parse(&body).take(MOST_FIELDS).map(|(n, v)| (n.into(), lines(&v)));
                form.values = values.collect();
            }
            Some("multipart/form-data") => {
                wrong = multipart(Multipart::from_request(req, api).await?, &mut form).await.err();
            }
            _ => return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE)),
        }
        if !fits(api, caller.as_ref(), form.get(TOKEN)) {
            wrong = Some(Problem::new(codes::CSRF_FAILED));
        }
        Ok(Typed { form, wrong })
    }
}

/// Reads as far as it gets: what people typed comes before their files.
async fn multipart(mut parts: Multipart, form: &mut FormData) -> Result<(), Problem> {
    while let Some(part) = parts.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let filename = part.file_name().map(str::to_owned);
        let content_type = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let bytes = part.bytes().await?;
        match filename {
            // A file field that was left empty comes as a nameless empty file.
            Some(filename) if filename.is_empty() && bytes.is_empty() => {}
            Some(filename) => form.files.push(Upload { filename, content_type, bytes }),
            None => form.values.push((name, lines(&String::from_utf8_lossy(&bytes)))),
        }
        if form.values.len() + form.files.len() > MOST_FIELDS {
            return Err(Problem::new(codes::INVALID_MULTIPART).detail("too many fields"));
        }
    }
    Ok(())
}

/// Browsers send line breaks as CRLF.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Returns the token for a reader's forms.
pub fn token(api: &Api, caller: Option<&Caller>) -> String {
    caller.map_or_else(|| api.app.keys.csrf_token(STRANGER), |c| c.csrf(&api.app.keys))
}

fn fits(api: &Api, caller: Option<&Caller>, token: &str) -> bool {
    match caller {
        Some(caller) => caller.check_csrf(&api.app.keys, token).is_ok(),
        None => api.app.keys.csrf_fits(STRANGER, token),
    }
}

/// Who is not logged in acts for nobody: their forms are protected by the origin check alone.
const STRANGER: &[u8] = b"stranger";
