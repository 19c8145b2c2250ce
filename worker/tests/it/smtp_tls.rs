//! Encryption (E9.16): a front with a certificate of the test's own authority stands before the sink.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use worker::sink::{Sink, SinkOptions};
use worker::transport::{Phase, Smtp, SmtpOptions};

use crate::support::{RCPT, mail_of, relay_fault, send, send_mail, sent, sink, temporary, timeouts};

/// How the front behaves before it hands the conversation to the sink.
#[derive(Clone, Copy, PartialEq)]
enum Front {
    Implicit,
    StartTls,
    /// Somebody between adds a line of his own behind the go-ahead, hoping that it counts as encrypted.
    Injected,
    Refuses,
}

async fn front(sink: &Sink, front: Front) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port is there");
    let addr = listener.local_addr().expect("it is bound");
    let sink = sink.addr();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve(tcp, sink, front));
        }
    });
    addr
}

async fn serve(mut tcp: TcpStream, sink: SocketAddr, front: Front) -> std::io::Result<()> {
    if front != Front::Implicit {
        let mut buf = [0u8; 512];
        tcp.write_all(b"220 front\r\n").await?;
        assert!(tcp.read(&mut buf).await? > 0);
        tcp.write_all(b"250-front\r\n250 starttls\r\n").await?;
        let n = tcp.read(&mut buf).await?;
        assert_eq!(&buf[..n], b"STARTTLS\r\n", "nothing else may be said in clear");
        let answer: &[u8] = match front {
            Front::Injected => b"220 go ahead\r\n250-front\r\n250 AUTH PLAIN\r\n",
            Front::Refuses => b"454 4.7.0 TLS not available\r\n",
            _ => b"220 go ahead\r\n",
        };
        tcp.write_all(answer).await?;
    }
    let mut clear = BufReader::new(TcpStream::connect(sink).await?);
    let mut tls = acceptor().accept(tcp).await?;
    if front != Front::Implicit {
        // The sink's banner; the front has said its own.
        let mut banner = String::new();
        clear.read_line(&mut banner).await?;
    }
    copy_bidirectional(&mut tls, &mut clear).await.map(|_| ())
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).expect("the file is PEM");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).expect("the file is PEM");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|c| c.with_no_client_auth().with_single_cert(vec![certificate], key))
        .expect("certificate and key belong together");
    TlsAcceptor::from(Arc::new(config))
}

fn smtp(url: &str) -> Smtp {
    let authority = CertificateDer::from_pem_slice(include_bytes!("tls/ca.pem")).expect("the file is PEM");
    let options = SmtpOptions { timeouts: timeouts(), extra_roots: vec![authority], ..SmtpOptions::default() };
    Smtp::from_url(url, options).expect("the URL is valid")
}

async fn sink_with_login() -> Sink {
    let login = Some(("desk".to_owned(), "secret".to_owned()));
    Sink::start(SinkOptions { login, ..SinkOptions::default() }).await.expect("a free port is there")
}

#[tokio::test]
async fn mail_and_password_go_through_tls_from_the_start() {
    let sink = sink_with_login().await;
    let addr = front(&sink, Front::Implicit).await;
    let smtp = smtp(&format!("smtps://desk:secret@{addr}"));
    for _ in 0..5 {
        assert!(sent(&send_mail(&smtp).await));
    }
    let large = mail_of(50_000);
    assert!(sent(&send(&smtp, RCPT, &large).await));
    assert!(sink.received()[5].data == large);
    assert_eq!(sink.connections(), 1, "an idle TLS connection is used again");
}

#[tokio::test]
async fn mail_and_password_go_through_starttls() {
    let sink = sink_with_login().await;
    let addr = front(&sink, Front::StartTls).await;
    let smtp = smtp(&format!("smtp://desk:secret@localhost:{}?tls=required", addr.port()));
    let large = mail_of(50_000);
    assert!(sent(&send_mail(&smtp).await) && sent(&send(&smtp, RCPT, &large).await));
    assert!(sink.received()[1].data == large);
    assert_eq!(sink.connections(), 1);
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused() {
    let sink = sink().await;
    for (mode, scheme, phase) in
        [(Front::Implicit, "smtps", Phase::Connect), (Front::StartTls, "smtp", Phase::Greeting)]
    {
        let addr = front(&sink, mode).await;
        let url = format!("{scheme}://{addr}?tls=required");
        let options = SmtpOptions { timeouts: timeouts(), ..SmtpOptions::default() };
        let stranger = Smtp::from_url(&url, options).unwrap();
        let failure = temporary(send_mail(&stranger).await, phase);
        assert!(failure.text.contains("UnknownIssuer"), "{}", failure.text);
    }
    assert_eq!(sink.count(), 0);
}

/// E9.16.
#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let sink = sink_with_login().await;
    let smtp = smtp(&format!("smtp://desk:secret@{}?tls=required", sink.addr()));
    let failure = relay_fault(send_mail(&smtp).await, Phase::Greeting);
    assert!(failure.text.contains("offers no STARTTLS"), "{}", failure.text);
    let sink = crate::support::sink().await;
    let addr = front(&sink, Front::Refuses).await;
    let smtp = self::smtp(&format!("smtp://{addr}?tls=required"));
    assert_eq!(temporary(send_mail(&smtp).await, Phase::Greeting).code, Some(454));
    assert_eq!(sink.count(), 0);
}

/// CVE-2011-0411.
#[tokio::test]
async fn words_slipped_in_before_tls_are_not_believed() {
    let sink = sink_with_login().await;
    let addr = front(&sink, Front::Injected).await;
    let smtp = smtp(&format!("smtp://desk:secret@{addr}?tls=required"));
    let failure = temporary(send_mail(&smtp).await, Phase::Greeting);
    assert!(failure.text.contains("spoke before TLS"), "{}", failure.text);
    assert_eq!(sink.count(), 0);
}

/// E9.16, RFC 8689: each mail asks for TLS on all of its way; a relay that does not promise that gets none of it.
#[tokio::test]
async fn requiretls_is_passed_on_or_nothing_leaves() {
    for offered in [true, false] {
        let sink =
            Sink::start(SinkOptions { require_tls: offered, ..SinkOptions::default() }).await.expect("a free port");
        let addr = front(&sink, Front::StartTls).await;
        let smtp = smtp(&format!("smtp://localhost:{}?requiretls=on", addr.port()));
        if offered {
            assert!(sent(&send_mail(&smtp).await));
            assert!(sink.received()[0].parameters.contains("REQUIRETLS"), "{}", sink.received()[0].parameters);
        } else {
            let failure = relay_fault(send_mail(&smtp).await, Phase::Greeting);
            assert!(failure.text.contains("REQUIRETLS"), "{}", failure.text);
            assert_eq!(sink.count(), 0);
        }
    }
}
