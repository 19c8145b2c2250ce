//! Our own check: DKIM, ARC and DMARC from the octets, SPF from the sending host's address (E11.1).

use super::super::parse::skip_preamble;
use super::super::types::{Facts, Mail};
use super::super::{Door, Kept};
use super::header;
use super::results::{Arc, Dkim, Dmarc, Method, Policy, Results, Spf};
use crate::address;
use crate::app::App;
use bytes::Bytes;
use mail_auth::common::headers::Header;
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, Error, MessageAuthenticator, SpfOutput, SpfResult,
};
use std::net::IpAddr;
use std::time::Duration;

/// How long all questions about one mail may take together (E11.1).
const BUDGET: Duration = Duration::from_secs(2);
/// More signatures than these are not looked at: each costs a question.
const MOST_SIGNATURES: usize = 10;
/// Mail above this is hashed on a thread of its own.
const LARGE: usize = 256 * 1024;

/// What is to be found out about a mail.
struct Ask {
    raw: Bytes,
    from_domain: Option<String>,
    facts: Facts,
    peer: Option<IpAddr>,
    /// What somebody trusted said about the sending host, which we did not see.
    told_spf: Option<Spf>,
    has_chain: bool,
    host: String,
}

/// How our own check ended.
pub(super) enum Checked {
    /// There is nothing that could be asked: neither a signature nor the sending host.
    Nothing,
    /// There is, but nobody to be asked at all.
    Off,
    /// Nobody answered in time.
    Unanswered,
    /// This was found; some of it may be `temperror`.
    Found(Results),
}

/// Checks a mail. `told` is what a trusted header or the door said, which did not suffice.
pub(super) async fn check(app: &App, kept: &Kept, mail: &Mail, from: Option<&str>, told: &Results) -> Checked {
    let peer = true_peer(app, kept);
    if peer.is_none() && mail.header("dkim-signature").is_none() {
        return Checked::Nothing;
    }
    if !app.dns.is_on() {
        return Checked::Off;
    }
    let Some(authenticator) = app.dns.ask() else { return Checked::Unanswered };
    let ask = Ask {
        raw: kept.raw.clone(),
        from_domain: from.map(str::to_owned),
        facts: kept.facts.clone(),
        peer,
        told_spf: told.spf.clone(),
        has_chain: !app.config.trusted_sealers.is_empty() && mail.header("arc-seal").is_some(),
        host: app.config.mail_domain.clone(),
    };
    // A task of its own: whatever a hostile mail does to the parser ends there (E1.4).
    let found = if ask.raw.len() > LARGE {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(in_time(authenticator, ask))).await
    } else {
        tokio::spawn(in_time(authenticator, ask)).await
    };
    let found = match found {
        Ok(found) => found,
        Err(e) => {
            tracing::error!(mail.id = kept.id.0, error = %e, "the check of a mail's signatures panicked");
            return Checked::Found(Results::default());
        }
    };
    app.dns.took_note(found.as_ref().is_none_or(Results::is_waiting));
    found.map_or(Checked::Unanswered, Checked::Found)
}

/// The address of the host that sent the mail: only where the door saw it itself, and not if it is a relay of ours.
/// HTTP callers, local programs and fetched mailboxes are no senders.
fn true_peer(app: &App, kept: &Kept) -> Option<IpAddr> {
    match kept.door {
        Door::Raw | Door::Mock | Door::Lmtp | Door::Pipe | Door::Imap | Door::Import => None,
        _ => kept.facts.peer_ip.filter(|ip| !app.config.border.has_ip(*ip)),
    }
}

async fn in_time(authenticator: MessageAuthenticator, ask: Ask) -> Option<Results> {
    tokio::time::timeout(BUDGET, verify(&authenticator, &ask)).await.ok()
}

async fn verify(authenticator: &MessageAuthenticator, ask: &Ask) -> Results {
    let mut results = Results::default();
    let Some(mut message) = AuthenticatedMessage::parse(skip_preamble(&ask.raw)) else { return results };
    message.dkim_headers.truncate(MOST_SIGNATURES);
    let dkim = authenticator.verify_dkim(&message).await;
    results.dkim = dkim.iter().map(signature).collect();
    let spf = match ask.peer {
        Some(ip) => {
            let helo = ask.facts.helo.as_deref().unwrap_or_default();
            let sender = ask.facts.envelope_from.as_deref().unwrap_or_default();
            let output = authenticator.verify_spf(SpfParameters::verify(ip, helo, &ask.host, sender)).await;
            results.spf = Some(Spf { domain: domain(output.domain()), result: spf_method(output.result()) });
            Some(output)
        }
        None => ask.told_spf.as_ref().and_then(|told| {
            let output = SpfOutput::new(told.domain.clone()?).with_result(spf_result(told.result));
            results.spf = Some(told.clone());
            Some(output)
        }),
    };
    if ask.has_chain {
        results.arc = chain(authenticator, &message).await;
    }
    // What both readings of From agree on is what a policy can be about.
    let froms: Vec<Option<String>> = message.from.iter().map(|f| address::domain(f)).collect();
    if let Some(from) = &ask.from_domain
        && !froms.is_empty()
        && froms.iter().all(|f| f.as_ref() == Some(from))
    {
        results.dmarc = Some(policy(authenticator, &message, &dkim, spf.as_ref(), from).await);
    }
    results
}

fn signature(output: &DkimOutput<'_>) -> Dkim {
    let (result, error) = match output.result() {
        DkimResult::Pass => (Method::Pass, None),
        DkimResult::None => (Method::None, None),
        DkimResult::Fail(e) | DkimResult::Neutral(e @ Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            (Method::Fail, Some(e))
        }
        DkimResult::TempError(e) => (Method::TempError, Some(e)),
        // A key that is gone, a signature that expired or cannot be read: nothing can be said.
        DkimResult::PermError(e) | DkimResult::Neutral(e) => (Method::PermError, Some(e)),
    };
    let signed = output.signature();
    Dkim {
        domain: signed.and_then(|s| domain(&s.d)),
        selector: signed.map(|s| s.s.clone()),
        result,
        detail: error.map(|e| e.to_string().chars().take(200).collect()),
    }
}

async fn chain(authenticator: &MessageAuthenticator, message: &AuthenticatedMessage<'_>) -> Option<Arc> {
    let output = authenticator.verify_arc(message).await;
    let result = match output.result() {
        DkimResult::Pass => Method::Pass,
        DkimResult::None => return None,
        DkimResult::TempError(_) => Method::TempError,
        DkimResult::PermError(_) => Method::PermError,
        DkimResult::Fail(_) | DkimResult::Neutral(_) => Method::Fail,
    };
    let last = output.sets().last();
    let saw = |results: &Header<'_, _>| header::sealer_saw_proof(&String::from_utf8_lossy(results.value));
    Some(Arc {
        sealer: last.and_then(|set| domain(&set.seal.header.d)),
        result,
        proven_then: result == Method::Pass && last.is_some_and(|set| saw(&set.results)),
    })
}

async fn policy(
    authenticator: &MessageAuthenticator,
    message: &AuthenticatedMessage<'_>,
    dkim: &[DkimOutput<'_>],
    spf: Option<&SpfOutput>,
    from: &str,
) -> Dmarc {
    let unknown = SpfOutput::default();
    let spf_output = spf.unwrap_or(&unknown);
    let params = DmarcParameters {
        message,
        dkim_output: dkim,
        dkim2_output: None,
        rfc5321_mail_from_domain: spf_output.domain(),
        spf_output,
    };
    let output = authenticator.verify_dmarc(params).await;
    let result = match output.result() {
        DmarcResult::Pass => Method::Pass,
        // The sending host might have been right; nobody here saw it.
        DmarcResult::Fail(_) if spf.is_none() => Method::Neutral,
        DmarcResult::Fail(_) => Method::Fail,
        DmarcResult::TempError(_) => Method::TempError,
        DmarcResult::PermError(_) => Method::PermError,
        DmarcResult::None => Method::None,
    };
    let policy = output.dmarc_record().map(|_| match output.policy() {
        mail_auth::dmarc::Policy::Reject => Policy::Reject,
        mail_auth::dmarc::Policy::Quarantine => Policy::Quarantine,
        mail_auth::dmarc::Policy::None | mail_auth::dmarc::Policy::Unspecified => Policy::None,
    });
    Dmarc { domain: Some(from.to_owned()), result, policy }
}

fn spf_method(result: SpfResult) -> Method {
    match result {
        SpfResult::Pass => Method::Pass,
        SpfResult::Fail => Method::Fail,
        SpfResult::SoftFail => Method::SoftFail,
        SpfResult::Neutral => Method::Neutral,
        SpfResult::TempError => Method::TempError,
        SpfResult::PermError => Method::PermError,
        SpfResult::None => Method::None,
    }
}

fn spf_result(method: Method) -> SpfResult {
    match method {
        Method::Pass => SpfResult::Pass,
        Method::Fail => SpfResult::Fail,
        Method::SoftFail => SpfResult::SoftFail,
        Method::Neutral => SpfResult::Neutral,
        Method::TempError => SpfResult::TempError,
        Method::PermError => SpfResult::PermError,
        Method::None => SpfResult::None,
    }
}

fn domain(text: &str) -> Option<String> {
    address::domain(&format!("x@{text}"))
}
