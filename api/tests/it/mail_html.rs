//! A mail's HTML as the page shows it.

use crate::harness::{Server, on_both, on_both_with};
use serde_json::json;
use shared::access::Role;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// E12.1, E12.3, E12.4: nothing active and nothing remote is left, and the document may run nothing by its policy.
#[tokio::test]
async fn html_is_shown_without_what_acts_or_loads() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let html = "<p onclick=x()>Text</p><script>x()</script><img src='https://track.example/p.gif'>\
                    <form action='https://evil.example'><input name=a></form><a href='javascript:x()'>a</a>\
                    <svg onload=x()></svg><iframe src='https://evil.example'></iframe><base href='//evil.example'>\
                    <div style='position:fixed;background:url(https://evil.example/b)'>Styled</div>";
        let mail = json!({"from": "c@example.org", "to": "support@postroom.localhost", "subject": "S", "html": html});
        let got = s.post("/api/inbound/mock").json(mail).send().await.expect(200);
        let (pid, message) = (got["pid"].as_str().expect("a PID"), &got["ticket_message_id"]);
        let path = format!("/dashboard/support/{pid}/messages/{message}/html");
        let page = s.get(&path).bearer(&boss.token).send().await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").expect("a policy").to_owned();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("sandbox allow-popups"), "{policy}");
        assert!(!policy.contains("allow-scripts") && !policy.contains("unsafe-eval"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let text = page.text();
        assert!(text.contains("Text") && text.contains("Styled"), "{text}");
        for gone in [
            "onclick",
            "onload",
            "<script",
            "javascript:",
            "<form",
            "<input",
            "<iframe",
            "evil.example",
            "track.example",
        ] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        s
    })
    .await;
}

/// A PNG of the given size, head only: enough to be known by.
fn png(side: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// Another host on this machine that has images, and notes what it is asked.
async fn host(seen: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    use axum::http::{StatusCode, Uri, header::LOCATION};
    use axum::response::IntoResponse;
    let answer = |uri: Uri| match uri.path() {
        "/logo.png" => png(20).into_response(),
        "/pixel.png" => png(1).into_response(),
        "/page.png" => "<script>1</script>".into_response(),
        "/inside.png" => (StatusCode::FOUND, [(LOCATION, "http://169.254.169.254/latest")]).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        seen.lock().expect("one at a time").push(format!("{} {:?}", request.uri(), request.headers()));
        let uri = request.uri().clone();
        async move { answer(uri) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    addr
}

/// T69 E12.4: remote images are off until asked for, come by way of us, and no address of the sender's choice makes us ask
/// inside. What is not an image, or only a pixel, is not passed on.
#[tokio::test]
async fn remote_images_come_by_the_proxy_when_asked_for() {
    on_both_with(&[("POSTROOM_FETCH_NETWORKS", "127.0.0.1")], |s: Server| async move {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let host = host(seen.clone()).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let images = ["logo", "pixel", "page", "inside", "none"];
        let mut html: String = images.iter().map(|i| format!("<img src='http://{host}/{i}.png'>")).collect();
        html.push_str("<p>Hello</p><img src='http://169.254.169.254/a.png'><img src='http://10.0.0.1/b.png'>");
        let mail = json!({"from": "c@example.org", "to": "support@postroom.localhost", "subject": "S", "html": html});
        let got = s.post("/api/inbound/mock").json(mail).send().await.expect(200);
        let (pid, message) = (got["pid"].as_str().expect("a PID"), &got["ticket_message_id"]);
        let path = format!("/dashboard/support/{pid}/messages/{message}/html");
        let read = async |path: &str| s.get(path).bearer(&boss.token).send().await;

        let page = read(&format!("/dashboard/support/{pid}")).await.text();
        assert!(page.contains(&format!("{path}?images=1")), "{page}");
        assert!(!read(&path).await.text().contains("<img src"), "off until asked for");
        assert!(seen.lock().expect("one at a time").is_empty());

        let shown = read(&format!("{path}?images=1")).await.text().replace("&amp;", "&");
        let sources: Vec<&str> = shown.split("<img src=\"").skip(1).filter_map(|s| s.split('"').next()).collect();
        assert_eq!(sources.len(), images.len() + 2, "{shown}");
        assert!(sources.iter().all(|s| s.starts_with("/dashboard/support/")), "{sources:?}");
        let logo = read(sources[0]).await;
        assert_eq!((logo.status, logo.header("content-type")), (200, Some("image/png")));
        assert_eq!(logo.header("content-security-policy"), Some("default-src 'none'; sandbox"));
        assert_eq!(logo.body, png(20));
        for refused in &sources[1..] {
            read(refused).await.problem(404, "image_not_shown");
        }
        // Nobody may use us to ask for what no mail names, nor for what a mail of somebody else's names.
        let forged = sources[0].replace("logo.png", "other.png");
        read(&forged).await.problem(422, "validation_failed");
        let stranger = s.person("other@example.com", Role::Customer, None).await;
        s.get(sources[0]).bearer(&stranger.token).send().await.problem(404, "ticket_not_found");
        let seen = seen.lock().expect("one at a time").join("\n");
        assert_eq!(seen.lines().count(), images.len(), "{seen}");
        for secret in ["cookie", "referer", "authorization"] {
            assert!(!seen.contains(secret), "{seen}");
        }
        s
    })
    .await;
}

/// T68 E12.1: nothing that acts or loads is left of hostile HTML, and the mail's own bytes are as they came.
#[tokio::test]
async fn hostile_html_is_gone_in_the_view_and_whole_in_the_original() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let html = "<meta http-equiv=refresh content='0;url=https://evil.example'><base href=https://evil.example/>\
                    <img src=x onerror=alert(1)><svg><animate onbegin=alert(1)></svg><p style=\"background:url(https://evil.example/a)\
                    \">Text</p><link rel=stylesheet href=https://evil.example/c><math><mtext><mglyph><style><img src onerror=x>";
        let raw = format!(
            "From: c@example.org\r\nTo: support@postroom.localhost\r\nSubject: S\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
        );
        let got = s.post("/api/inbound/raw").body("message/rfc822", raw.as_bytes()).send().await.expect(200);
        let (pid, message, mail) = (got["pid"].as_str().expect("a PID"), &got["ticket_message_id"], &got["mail_id"]);
        let view = s.get(&format!("/dashboard/support/{pid}/messages/{message}/html")).bearer(&boss.token).send().await.text();
        let body = view.split("<body>").nth(1).expect("a body").to_owned();
        assert!(body.contains("Text"), "{body}");
        for gone in ["<meta", "<base", "onerror", "onbegin", "<svg", "<math", "<link", "evil.example", "<style", "alert"] {
            assert!(!body.contains(gone), "{gone}: {body}");
        }
        let original = s.get(&format!("/api/mails/{mail}/raw")).bearer(&boss.token).send().await;
        assert_eq!(original.body, raw.as_bytes());
        s
    })
    .await;
}

/// T70 E12.6: an attached page is a download that runs nothing.
#[tokio::test]
async fn an_attached_page_is_a_download() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let page = "PGh0bWw+PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0PjwvaHRtbD4=";
        let svg = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIG9ubG9hZD0iYSgpIi8+";
        let files = json!([
            {"filename": "invoice.html", "content_type": "text/html", "content_base64": page},
            {"filename": "logo.svg", "content_type": "image/svg+xml", "content_base64": svg},
            {"filename": "photo.png", "content_type": "image/png", "content_base64": page},
        ]);
        let mail = json!({"from": "c@example.org", "to": "support@postroom.localhost", "subject": "S", "text": "T", "attachments": files});
        let got = s.post("/api/inbound/mock").json(mail).send().await.expect(200);
        let shown = s.get(&format!("/api/mails/{}", got["mail_id"])).bearer(&boss.token).send().await.expect(200);
        let ticket = s.get(&format!("/api/support/tickets/{}", got["pid"].as_str().expect("a PID"))).bearer(&boss.token);
        let ticket = ticket.send().await.expect(200);
        let files = ticket["messages"][0]["attachments"].as_array().expect("files");
        assert_eq!((files.len(), shown["attachments"].as_array().map(Vec::len)), (3, Some(3)));
        for file in files {
            let got = s.get(&format!("/api/support/attachments/{}", file["id"])).bearer(&boss.token).send().await;
            assert_eq!(got.status, 200);
            assert!(got.header("content-disposition").expect("how").starts_with("attachment"), "{file}");
            assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
            let policy = got.header("content-security-policy").expect("a policy");
            assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
            let kind = got.header("content-type").expect("a type");
            assert!(!kind.contains("html") && !kind.contains("svg") && !kind.contains("png"), "{kind}: {file}");
        }
        s
    })
    .await;
}
