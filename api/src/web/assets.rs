//! Style, script and icon: compiled in, addressed by content, so that browsers keep them for good.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::Serialize;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// The addresses that every page names.
#[derive(Debug, Clone, Serialize)]
pub struct Links {
    css: String,
    js: String,
    icon: String,
}

/// A new version of any file is a new address for all: modules name each other by relative addresses.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut files: Vec<_> = Assets::iter().collect();
    files.sort();
    let hashes = files.iter().filter_map(|name| Some(Assets::get(name)?.metadata.sha256_hash()));
    let mixed = hashes.fold([0u8; 32], |mut all, hash| {
        // Turned by one, so that the order counts.
        all.rotate_left(1);
        all.iter_mut().zip(hash).for_each(|(a, h)| *a ^= h);
        all
    });
    mixed.iter().take(5).map(|b| format!("{b:02x}")).collect()
});

static LINKS: LazyLock<Links> = LazyLock::new(|| {
    let link = |name: &str| format!("/assets/{}/{name}", *VERSION);
    Links { css: link("postroom.css"), js: link("postroom.js"), icon: link("icon.svg") }
});

/// Where browsers find the rules by which they fetch pages ahead, as a header says it.
static RULES: LazyLock<Option<HeaderValue>> =
    LazyLock::new(|| HeaderValue::from_str(&format!("\"/assets/{}/ahead.json\"", *VERSION)).ok());

/// Returns the addresses of what pages load.
pub fn links() -> Links {
    LINKS.clone()
}

/// Returns the value of `Speculation-Rules`.
pub fn rules() -> Option<HeaderValue> {
    RULES.clone()
}

/// Serves `/assets/{hash}/{name}`. The hash is for the browser's cache alone: any finds the present file.
pub async fn get(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(file) = Assets::get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/speculationrules+json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let cache = if hash == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, file.data).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn stays_within_its_budget() {
        let gzipped = |name: &str| {
            let mut command = std::process::Command::new("gzip");
            let mut child = command
                .args(["-9", "-c"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&Assets::get(name).unwrap().data).unwrap();
            child.wait_with_output().unwrap().stdout.len()
        };
        assert!((1_000..20_000).contains(&gzipped("postroom.css")));
        let scripts: Vec<_> = Assets::iter().filter(|name| name.ends_with(".js")).collect();
        assert!(scripts.len() > 1);
        assert!((100..30_000).contains(&scripts.iter().map(|name| gzipped(name)).sum::<usize>()));
    }
}
