//! Who reads a page and how: language and appearance, from cookies and headers.

use axum::http::{HeaderMap, header};
use shared::i18n::Locale;

/// The cookie of the theme switch.
pub const THEME_COOKIE: &str = "theme";

/// Returns a cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(n, value)| (n == name).then_some(value))
}

/// Returns the language for somebody of whom no choice is known: what the browser asks for, else `other`.
pub fn locale(headers: &HeaderMap, other: Locale) -> Locale {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).and_then(Locale::negotiate).unwrap_or(other)
}

/// Returns `path` if it leads to a place of our own: what a form or an address says is not to be trusted with more.
pub fn own_path(path: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    (path.starts_with('/') && !path.starts_with("//") && path.chars().all(plain)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; theme=dark".parse().unwrap());
        headers.append(header::COOKIE, "postroom=x=y".parse().unwrap());
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "postroom"), Some("x=y"));
        assert_eq!(cookie(&headers, "them"), None);
    }

    #[test]
    fn only_own_paths_are_followed() {
        assert_eq!(own_path("/dashboard/support?view=mine&q=a%20b"), Some("/dashboard/support?view=mine&q=a%20b"));
        for foreign in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "javascript:x", "/a\nb", "/a b"]
        {
            assert_eq!(own_path(foreign), None, "{foreign:?}");
        }
    }
}
