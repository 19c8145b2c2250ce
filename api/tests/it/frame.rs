//! What surrounds every request.

use crate::harness::http::exchange;
use crate::harness::on_both;

#[tokio::test]
async fn alive_but_not_ready_without_a_worker() {
    on_both(|s| async move {
        assert_eq!(s.get("/healthz").send().await.status, 200);
        let ready = s.get("/readyz").send().await;
        assert_eq!(ready.header("retry-after"), Some("5"));
        let ready = ready.expect(503);
        assert_eq!(ready["ready"], false);
        assert_eq!(ready["reasons"], serde_json::json!(["worker_silent"]));
        s
    })
    .await;
}

#[tokio::test]
async fn a_dead_database_is_told() {
    on_both(|s| async move {
        s.app.db.close().await;
        assert_eq!(s.get("/healthz").send().await.status, 200);
        let ready = s.get("/readyz").send().await.expect(503);
        assert_eq!(ready["reasons"][0], "database_unreachable");
        s
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    on_both(|s| async move {
        s.get("/nope").send().await.problem(404, "not_found");
        s.get("/api/nope").header("accept", "text/html").send().await.problem(404, "not_found");
        let wrong = s.post("/healthz").send().await;
        assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
        wrong.problem(405, "method_not_allowed");
        let page = s.get("/nope").header("accept", "text/html,*/*").send().await;
        assert_eq!(page.status, 404);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        s
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_shields() {
    on_both(|s| async move {
        let own = s.get("/healthz").header("x-request-id", "from-the-client.1").send().await;
        assert_eq!(own.header("x-request-id"), Some("from-the-client.1"));
        let odd = s.get("/nope").header("x-request-id", "<script>").send().await;
        assert_eq!(odd.header("x-request-id").unwrap().len(), 16);
        for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"] {
            assert!(odd.header(name).is_some(), "{name}");
        }
        assert!(!odd.header("content-security-policy").unwrap().contains("unsafe"));
        s
    })
    .await;
}

#[tokio::test]
async fn nonsense_on_the_wire_ends_well() {
    on_both(|s| async move {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
            b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            b"GET /%ff%00 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            b"GET /nope?%zz=\xc3\x28 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        ] {
            let answer = exchange(s.addr, bytes).await;
            assert!((400..500).contains(&answer.status), "{bytes:?}: {}", answer.status);
        }
        assert_eq!(s.get("/healthz").send().await.status, 200);
        s
    })
    .await;
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    on_both(|s| async move {
        s.get("/healthz").send().await;
        let text = s.get("/metrics").send().await.text();
        assert!(text.contains("http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"}"), "{text}");
        assert!(text.contains("http_request_seconds_bucket"), "{text}");
        s
    })
    .await;
}
