use super::*;
use std::collections::HashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server on this machine that answers each path with given bytes, and counts.
async fn server(answers: HashMap<&'static str, String>) -> (u16, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let log = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let n = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..n]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = answers.get(path.as_str()).cloned();
            log.lock().unwrap().push(head);
            let none = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
            stream.write_all(answer.unwrap_or(none).as_bytes()).await.unwrap();
        }
    });
    (port, seen)
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn with_body(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn url(port: u16, path: &str) -> Url {
    format!("http://127.0.0.1:{port}{path}").parse().unwrap()
}

/// T69 E12.4: an address inside is not asked, neither by number, nor by a name that leads there.
#[tokio::test]
async fn nothing_inside_is_asked() {
    let (port, seen) = server(HashMap::from([("/a", with_body("secret"))])).await;
    let fetcher = Fetcher::new(Vec::new());
    let by_name = format!("http://localhost:{port}/a").parse().unwrap();
    for inside in [url(port, "/a"), by_name, "http://169.254.169.254/latest/meta-data".parse().unwrap()] {
        let got = fetcher.get(inside.clone(), 100).await;
        assert!(matches!(got, Err(Error::Refused(_))), "{inside}: {got:?}");
    }
    for odd in
        ["file:///etc/passwd", "ftp://example.com/a", "gopher://127.0.0.1/", "http://[::1]/", "http://2130706433/"]
    {
        assert!(matches!(fetcher.get(odd.parse().unwrap(), 100).await, Err(Error::Refused(_))), "{odd}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

/// T69 E12.4: nor by a redirect of somebody who may be asked.
#[tokio::test]
async fn redirects_are_checked_like_the_first_address() {
    let answers = HashMap::from([
        ("/meta", redirect("http://169.254.169.254/latest/meta-data")),
        ("/file", redirect("file:///etc/passwd")),
        ("/one", redirect("/two")),
        ("/two", redirect("/three")),
        ("/three", redirect("/image")),
        ("/zero", redirect("/one")),
        ("/image", with_body("bytes")),
    ]);
    let (port, seen) = server(answers).await;
    let fetcher = Fetcher::new(vec!["127.0.0.1".parse().unwrap()]);
    for refused in ["/meta", "/file"] {
        assert!(matches!(fetcher.get(url(port, refused), 100).await, Err(Error::Refused(_))), "{refused}");
    }
    assert_eq!(fetcher.get(url(port, "/one"), 100).await.unwrap(), "bytes");
    assert!(matches!(fetcher.get(url(port, "/zero"), 100).await, Err(Error::Redirects)));
    let heads = seen.lock().unwrap().join("\n").to_ascii_lowercase();
    assert!(!heads.contains("cookie:") && !heads.contains("referer:"), "{heads}");
}

/// E12.4: no more is read than may be.
#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let unsaid = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned() + &"x".repeat(2000);
    let answers =
        HashMap::from([("/said", with_body(&"x".repeat(2000))), ("/unsaid", unsaid), ("/fits", with_body("x"))]);
    let (port, _) = server(answers).await;
    let fetcher = Fetcher::new(vec!["127.0.0.0/8".parse().unwrap()]);
    for large in ["/said", "/unsaid"] {
        assert!(matches!(fetcher.get(url(port, large), 1000).await, Err(Error::TooLarge(1000))), "{large}");
    }
    assert_eq!(fetcher.get(url(port, "/fits"), 1000).await.unwrap(), "x");
    assert!(matches!(fetcher.get(url(port, "/none"), 1000).await, Err(Error::Status(404))));
}
