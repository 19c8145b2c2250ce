//! Lists: `limit` and an opaque `cursor` (keyset), or `page` and `per_page` with a total.

use super::Query;
use crate::problem::{Problem, codes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const DEFAULT_LIMIT: u32 = 50;
/// A larger limit is taken as this one (DESIGN 8).
const MAX_LIMIT: u32 = 200;
/// Numbered pages are for people who leaf; programs that read everything use cursors.
const MAX_PAGE: u32 = 10_000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Rows wanted, 1 to 200.
    pub limit: u32,
    /// Where the page before ended, as it was given out.
    pub cursor: Option<String>,
    /// The number of the page, from 1, where pages are numbered; the total is asked for then.
    pub page: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    limit: Option<u32>,
    cursor: Option<String>,
    page: Option<u32>,
    #[serde(alias = "perPage")]
    per_page: Option<u32>,
}

/// A list's answer.
#[derive(Debug, Serialize)]
pub struct List<T> {
    /// The rows.
    pub data: Vec<T>,
    /// What to send as `cursor` for the next rows; None: these were the last.
    pub next_cursor: Option<String>,
    /// How many there are in all, where pages are numbered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(p) = Query::<Params>::from_request_parts(parts, state).await?;
        Page::new(p)
    }
}

impl Page {
    fn new(p: Params) -> Result<Page, Problem> {
        let numbered = p.page.is_some() || p.per_page.is_some();
        let page = p.page.unwrap_or(1);
        if numbered && !(1..=MAX_PAGE).contains(&page) {
            return Err(Problem::new(codes::INVALID_QUERY).detail(format!("page must be 1 to {MAX_PAGE}")));
        }
        let limit = p.per_page.or(p.limit).unwrap_or(DEFAULT_LIMIT);
        if limit == 0 {
            return Err(Problem::new(codes::INVALID_QUERY).detail("limit must be 1 or more"));
        }
        Ok(Page {
            limit: limit.min(MAX_LIMIT),
            cursor: p.cursor.filter(|c| !c.is_empty()),
            page: numbered.then_some(page),
        })
    }

    /// Returns the place that the cursor names.
    ///
    /// # Errors
    /// 400 `invalid_cursor` if it is none of this list's.
    pub fn after<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        place(cursor).map(Some).ok_or_else(|| Problem::new(codes::INVALID_CURSOR))
    }

    /// Returns how many rows lie before a numbered page.
    pub fn offset(&self) -> u32 {
        self.page.map_or(0, |p| (p - 1) * self.limit)
    }
}

/// Returns the cursor that names a place. It holds a sort key and nothing secret: who decodes it learns what the
/// list showed.
pub fn cursor(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).expect("a sort key is plain data"))
}

/// Returns the place that a cursor names; None if it names none.
pub fn place<T: DeserializeOwned>(cursor: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: Option<u32>, page: Option<u32>, per_page: Option<u32>) -> Result<Page, Problem> {
        Page::new(Params { limit, cursor: None, page, per_page })
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(page(None, None, None).unwrap().limit, 50);
        assert_eq!(page(Some(9999), None, None).unwrap().limit, 200);
        assert!(page(Some(0), None, None).is_err());
        assert!(page(None, Some(0), None).is_err());
        assert!(page(None, Some(4_000_000_000), Some(200)).is_err());
    }

    #[test]
    fn numbered_pages_skip() {
        let p = page(None, Some(3), Some(20)).unwrap();
        assert_eq!((p.offset(), p.limit), (40, 20));
        assert_eq!(page(Some(10), None, None).unwrap().page, None);
    }

    #[test]
    fn a_cursor_comes_back_and_a_forged_one_is_refused() {
        let place = ("2026-11-21T10:00:00Z".to_owned(), 7i64);
        let with = |c: String| Page { limit: 1, cursor: Some(c), page: None };
        assert_eq!(with(cursor(&place)).after::<(String, i64)>().unwrap(), Some(place));
        for forged in ["x", "!!", &cursor(&"text")] {
            assert_eq!(with(forged.to_owned()).after::<(String, i64)>().unwrap_err().code(), "invalid_cursor");
        }
    }
}
