//! Previews of files (E12.6) over HTTP: who sees the file sees them, nobody else; nothing of it is run.

use crate::harness::people::Person;
use crate::harness::{Request, SMALL_PDF, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::tenants::Audience;

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9bU\x00\x00\x00\x0aIDATx\x9cch\x00\x00\x00\x82\x00\x81w\xcdr\xb6\x00\x00\x00\x00IEND\xaeB\x60\x82";

fn ask(s: &Server, who: &Person, path: &str) -> Request {
    s.get(path).bearer(&who.token)
}

/// Opens a ticket with files (name, type, content) of a customer of the tenant.
async fn ticket(s: &Server, who: &Person, files: &[(&str, &str, &str, &[u8])]) -> Value {
    let fields = [("subject", "Files"), ("description", "See them.")];
    s.post("/api/support/tickets").bearer(&who.token).multipart(&fields, files).send().await.expect(201)
}

fn files(message: &Value) -> Vec<String> {
    let all = message["attachments"].as_array().expect("files");
    all.iter().map(|f| format!("/api/support/attachments/{}", f["id"])).collect()
}

/// Every way to a file's content.
fn ways(file: &str) -> [String; 4] {
    [file.to_owned(), format!("{file}/thumbnail"), format!("{file}/text"), format!("{file}/pages/1")]
}

/// E12.6.
#[tokio::test]
async fn e12_6_files_are_looked_at_by_who_sees_them() {
    on_both(|s| async move {
        let here = s.tenant("alpha", Audience::Public).await;
        let there = s.tenant("beta", Audience::Public).await;
        let customer = s.person("ada@alpha.example", Role::Customer, Some(here)).await;
        let neighbour = s.person("bob@alpha.example", Role::Customer, Some(here)).await;
        let agent = s.person("grete@alpha.example", Role::Agent, Some(here)).await;
        let stranger = s.person("eve@beta.example", Role::Owner, Some(there)).await;
        let long = "ü".repeat(512 * 1024);
        let made = ticket(
            &s,
            &customer,
            &[
                ("file", "dot.png", "image/png", PNG),
                ("file", "letter.pdf", "application/pdf", SMALL_PDF.as_bytes()),
                ("file", "log.txt", "text/plain", long.as_bytes()),
                ("file", "page.html", "text/html", b"<!doctype html><script>alert(1)</script>"),
                ("file", "log.txt", "text/plain", b"another"),
            ],
        )
        .await;
        let paths = files(&made["messages"][0]);
        let [png, pdf, log, page, other] = &paths[..] else { panic!("{made}") };
        // Nothing is drawn while somebody asks: the worker does, once.
        ask(&s, &customer, &format!("{png}/thumbnail")).send().await.problem(404, "attachment_not_found");
        while shared::previews::make_one(&s.app).await.expect("it works") {}

        let thumbnail = ask(&s, &customer, &format!("{png}/thumbnail")).send().await;
        assert_eq!((thumbnail.status, thumbnail.header("content-type")), (200, Some("image/jpeg")));
        assert_eq!(thumbnail.header("x-content-type-options"), Some("nosniff"));
        let drawn = ask(&s, &customer, &format!("{pdf}/pages/1")).send().await;
        assert_eq!((drawn.status, drawn.header("content-type")), (200, Some("image/png")));
        assert!(drawn.body.starts_with(b"\x89PNG"));
        assert_eq!(drawn.header("content-security-policy"), Some("default-src 'none'; sandbox"));
        for none in ["0", "2", "4000000000"] {
            ask(&s, &customer, &format!("{pdf}/pages/{none}")).send().await.problem(404, "attachment_not_found");
        }
        let text = ask(&s, &agent, &format!("{log}/text")).send().await.expect(200);
        assert!(text["more"] == true && text["text"].as_str().is_some_and(|t| t.len() <= 64 * 1024), "1 MB of it");
        let source = ask(&s, &agent, &format!("{page}/text")).send().await;
        assert_eq!(source.header("content-type"), Some("application/json"));
        assert!(source.text().contains("<script>"), "a page of the web is looked at by its source");
        for (file, way) in [(png, "text"), (png, "pages/1"), (log, "thumbnail"), (log, "pages/1"), (pdf, "text")] {
            ask(&s, &customer, &format!("{file}/{way}")).send().await.problem(404, "attachment_not_found");
        }

        // A note's files are not the customer's.
        let url = format!("/api/support/tickets/{}", made["id"]);
        let note = s
            .post(&format!("{url}/messages"))
            .bearer(&agent.token)
            .multipart(
                &[("body", "Psst"), ("kind", "note")],
                &[("file", "secret.pdf", "application/pdf", SMALL_PDF.as_bytes())],
            )
            .send()
            .await
            .expect(201);
        while shared::previews::make_one(&s.app).await.expect("it works") {}
        let secret = &files(&note)[0];
        assert_eq!(ask(&s, &agent, &format!("{secret}/thumbnail")).send().await.status, 200);
        for way in ways(secret) {
            ask(&s, &customer, &way).send().await.problem(404, "attachment_not_found");
        }
        // Who sees no ticket sees no file of it, by whichever way.
        for file in paths.iter().chain([secret]) {
            for way in ways(file) {
                for who in [&neighbour, &stranger] {
                    ask(&s, who, &way).send().await.problem(404, "attachment_not_found");
                }
                s.get(&way).send().await.problem(401, "unauthenticated");
            }
        }
        let zip = format!("{url}/attachments.zip");
        for who in [&neighbour, &stranger] {
            assert_eq!(ask(&s, who, &zip).send().await.status, 404);
            let look = format!("/dashboard/support/{}/files/{}", made["id"], log.rsplit('/').next().expect("an id"));
            assert_eq!(ask(&s, who, &look).send().await.status, 404);
        }

        let all = ask(&s, &customer, &zip).send().await;
        assert_eq!((all.status, all.header("content-type")), (200, Some("application/zip")));
        let found = unzip(&all.body);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["dot.png", "letter.pdf", "log.txt", "page.html", "log (2).txt"]);
        assert!(found[0].1 == PNG && found[2].1 == long.as_bytes() && found[4].1 == b"another", "{other}");
        let inside = ask(&s, &agent, &zip).send().await;
        assert_eq!(unzip(&inside.body).len(), 6, "agents get the note's, too");
        let only = ask(&s, &agent, &format!("{zip}?message={}", note["id"])).send().await;
        assert_eq!(unzip(&only.body).len(), 1);
        assert_eq!(ask(&s, &customer, &format!("{zip}?message={}", note["id"])).send().await.status, 404);
        s
    })
    .await;
}

/// E12.6: A file of a reply that can still be taken back was not sent yet; what was taken back was never sent.
#[tokio::test]
async fn e12_6_all_files_are_those_that_were_said() {
    on_both(|s| async move {
        let here = s.tenant("alpha", Audience::Public).await;
        let customer = s.person("ada@alpha.example", Role::Customer, Some(here)).await;
        let agent = s.person("grete@alpha.example", Role::Agent, Some(here)).await;
        let made = ticket(&s, &customer, &[("file", "a.txt", "text/plain", b"a")]).await;
        let url = format!("/api/support/tickets/{}", made["id"]);
        let held = s
            .post(&format!("{url}/messages"))
            .bearer(&agent.token)
            .multipart(&[("body", "See it."), ("undo_seconds", "60")], &[("file", "b.txt", "text/plain", b"b")])
            .send()
            .await
            .expect(201);
        let zip = format!("{url}/attachments.zip");
        let of = async |who: &Person| unzip(&ask(&s, who, &zip).send().await.body).len();
        assert_eq!((of(&customer).await, of(&agent).await), (1, 2));
        let cancel = format!("{url}/messages/{}/cancel", held["id"]);
        s.post(&cancel).bearer(&agent.token).json(json!({})).send().await.expect(200);
        assert_eq!((of(&customer).await, of(&agent).await), (1, 2));
        s
    })
    .await;
}

/// E12.6: The page of a file, which a dialog shows where there is script.
#[tokio::test]
async fn e12_6_a_file_has_a_page() {
    on_both(|s| async move {
        let here = s.tenant("alpha", Audience::Public).await;
        let customer = s.person("ada@alpha.example", Role::Customer, Some(here)).await;
        let made = ticket(
            &s,
            &customer,
            &[
                ("file", "dot.png", "image/png", PNG),
                ("file", "a.pdf", "application/pdf", SMALL_PDF.as_bytes()),
                ("file", "a.html", "text/html", b"<script>alert(1)</script>"),
                ("file", "broken.pdf", "application/pdf", b"%PDF-1.4 broken"),
                ("file", "a.zip", "application/zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            ],
        )
        .await;
        let page = async |i: usize| {
            let id = &made["messages"][0]["attachments"][i]["id"];
            let path = format!("/dashboard/support/{}/files/{id}", made["pid"].as_str().expect("a PID"));
            (ask(&s, &customer, &path).header("accept", "text/html").send().await, id.to_string())
        };
        let (picture, id) = page(0).await;
        assert!(picture.text().contains(&format!(r#"<img src="/api/support/attachments/{id}""#)), "{}", picture.text());
        let (pdf, id) = page(1).await;
        assert!(pdf.text().contains(&format!("/api/support/attachments/{id}/pages/1")));
        let (text, _) = page(2).await;
        assert!(text.text().contains("&lt;script&gt;alert(1)") && !text.text().contains("<script>alert"));
        let (broken, _) = page(3).await;
        assert!(broken.status == 200 && broken.text().contains("cannot be shown"));
        while shared::previews::make_one(&s.app).await.expect("it works") {}
        assert_eq!(page(3).await.0.status, 404, "it is known by now that it cannot be drawn");
        assert_eq!(page(4).await.0.status, 404, "an archive is only downloaded");
        s
    })
    .await;
}

/// The entries of an archive: names and bytes, which lie as they are (APPNOTE 4.3.7, 4.3.12).
fn unzip(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |at: usize, n: usize| zip[at..at + n].iter().rev().fold(0_usize, |all, b| all << 8 | usize::from(*b));
    let end = (0..zip.len()).rev().find(|at| zip[*at..].starts_with(b"PK\x05\x06")).expect("an end");
    let mut at = number(end + 16, 4);
    let mut entries = Vec::new();
    for _ in 0..number(end + 10, 2) {
        assert!(zip[at..].starts_with(b"PK\x01\x02") && number(at + 10, 2) == 0, "stored as it is");
        let (size, name, local) = (number(at + 24, 4), number(at + 28, 2), number(at + 42, 4));
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        entries.push((
            String::from_utf8_lossy(&zip[at + 46..at + 46 + name]).into_owned(),
            zip[start..start + size].to_vec(),
        ));
        at += 46 + name + number(at + 30, 2) + number(at + 32, 2);
    }
    entries
}
