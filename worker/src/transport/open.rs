//! From nothing to a connection that takes mail: TCP, greeting, TLS, AUTH.

use std::io;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Auth, Ehlo, Starttls};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SmtpOptions;
use super::capabilities::Capabilities;
use super::outcome::{Fault, Halt, Phase};
use super::relay::{Relay, Tls};
use super::session::{Session, fault, late};
use super::wire::Wire;

impl Session {
    /// Connects, greets, encrypts and authenticates.
    pub async fn open(relay: &Relay, options: &SmtpOptions) -> Result<Session, Halt> {
        let limits = options.timeouts.clone();
        let at = |phase| move |fault| Halt { phase, fault };
        let wire = connect(relay, limits.connect).await.map_err(at(Phase::Connect))?;
        let hello = ClientId::Domain(options.hello.clone());
        let greeted =
            timeout(limits.greeting, AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &hello));
        let conn = match greeted.await {
            Ok(Ok(conn)) => conn,
            Ok(Err(e)) => return Err(at(Phase::Greeting)(fault(&wire, e, "greeting"))),
            Err(_) => return Err(at(Phase::Greeting)(late("greeting", limits.greeting))),
        };
        let caps = Capabilities::parse(&wire.last_reply());
        let mut session = Session::new(conn, wire, caps, limits);
        if let Tls::Start(connector, name) = &relay.tls {
            session.encrypt(connector, name.clone(), hello).await.map_err(at(Phase::Greeting))?;
        }
        if relay.require_tls && !session.caps.require_tls {
            let text =
                "the relay does not promise TLS for the rest of the way (REQUIRETLS), which requiretls=on asks for";
            return Err(at(Phase::Greeting)(Fault::Unfit(text.into())));
        }
        session.require_tls = relay.require_tls;
        if let Some(credentials) = &relay.credentials {
            session.authenticate(credentials).await.map_err(at(Phase::Auth))?;
        }
        Ok(session)
    }

    async fn encrypt(
        &mut self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        hello: ClientId,
    ) -> Result<(), Fault> {
        if !self.caps.starttls {
            let text = "the relay offers no STARTTLS, and TLS is required except on loopback or with ?tls=off";
            return Err(Fault::Unfit(text.into()));
        }
        self.command(Starttls, "STARTTLS", self.timeouts.command).await?;
        match timeout(self.timeouts.connect, self.wire.upgrade(connector, name)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(Fault::Broken(format!("TLS failed: {e}"))),
            Err(_) => return Err(late("the TLS handshake", self.timeouts.connect)),
        }
        self.command(Ehlo::new(hello), "EHLO", self.timeouts.command).await?;
        self.caps = Capabilities::parse(&self.wire.last_reply());
        Ok(())
    }

    async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), Fault> {
        let (mechanism, prompts): (_, &[Option<&str>]) = match (self.caps.plain, self.caps.login) {
            (true, _) => (Mechanism::Plain, &[None]),
            // The two prompts are fixed by use, their wording is not: answer in order, whatever the server asks.
            (false, true) => (Mechanism::Login, &[None, Some("Username:"), Some("Password:")]),
            (false, false) => return Err(Fault::Unfit("the relay offers neither AUTH PLAIN nor AUTH LOGIN".into())),
        };
        let mut code = 0;
        for prompt in prompts {
            let auth = Auth::new(mechanism, credentials.clone(), prompt.map(str::to_owned))
                .expect("PLAIN is given no challenge, and LOGIN the two that it knows");
            code = self.command(auth, "AUTH", self.timeouts.command).await?.code;
        }
        match code {
            200..300 => Ok(()),
            other => Err(Fault::Broken(format!("unexpected answer {other} to AUTH"))),
        }
    }
}

async fn connect(relay: &Relay, limit: Duration) -> Result<Wire, Fault> {
    let connecting = async {
        let tcp = TcpStream::connect((relay.host.as_str(), relay.port)).await?;
        // Without it the kernel holds back each mail's last packet for 40 ms.
        tcp.set_nodelay(true)?;
        Ok::<_, io::Error>(tcp)
    };
    let tcp = match timeout(limit, connecting).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(e)) => return Err(Fault::Broken(format!("cannot connect to the relay: {e}"))),
        Err(_) => return Err(late("connecting", limit)),
    };
    let wire = Wire::new(tcp);
    if let Tls::Implicit(connector, name) = &relay.tls {
        match timeout(limit, wire.upgrade(connector, name.clone())).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(Fault::Broken(format!("TLS failed: {e}"))),
            Err(_) => return Err(late("the TLS handshake", limit)),
        }
    }
    Ok(wire)
}
