//! STARTTLS.

use super::client::Doors;
use super::{DESK, mail, mails};
use crate::harness::on_both_with;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../worker/tests/it/tls");

fn settings() -> [(&'static str, String); 3] {
    [
        ("POSTROOM_SMTP_LISTEN", "127.0.0.1:0".to_owned()),
        ("POSTROOM_SMTP_TLS_CERT", format!("{FILES}/server.pem")),
        ("POSTROOM_SMTP_TLS_KEY", format!("{FILES}/server.key")),
    ]
}

/// E10.7: what was sent in clear behind STARTTLS is dropped (CVE-2011-0411), what was said before is forgotten, the mail
/// comes in encrypted and its arrival says how (E1.2).
#[tokio::test]
async fn starttls_forgets_what_was_said_in_clear() {
    let settings = settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    on_both_with(&settings, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        let hello = c.expect("EHLO c", "250").await;
        assert!(hello.contains("STARTTLS"), "{hello}");
        c.expect("MAIL FROM:<ann@example.com>", "250").await;
        // Somebody between slips a mail in behind the command.
        c.send(format!("STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<{DESK}>\r\n")).await;
        assert!(c.answer().await.starts_with("220 2.0.0"));
        let ca = CertificateDer::from_pem_file(format!("{FILES}/ca.pem")).expect("a certificate");
        let mut c = c.encrypt(&ca, "localhost").await;
        c.expect(&format!("RCPT TO:<{DESK}>"), "503 5.5.1").await;
        c.expect("MAIL FROM:<ann@example.com>", "503 5.5.1").await;
        let hello = c.expect("EHLO c", "250").await;
        assert!(!hello.contains("STARTTLS"), "{hello}");
        c.expect("STARTTLS", "503 5.5.1").await;
        assert!(c.deliver("ann@example.com", DESK, &mail("t")).await.starts_with("250"));
        let [m] = &mails(&s, 1).await[..] else { panic!("one mail") };
        assert_eq!(m["envelope_from"], "ann@example.com");
        let (tls,): (Option<String>,) = shared::store::sql("SELECT tls FROM inbound_mails")
            .one(&mut s.app.db.read(shared::store::Scope::All))
            .await
            .expect("a row");
        assert_eq!(tls.as_deref(), Some("TLSv1_3"));
        doors.close().await;
        s
    })
    .await;
}
