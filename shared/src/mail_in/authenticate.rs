//! Authenticate: is the sender who the mail says (E11)? A stage of its own, so that matching and effects can rely on a
//! verdict whatever the door knew.

use super::Trace;
use super::types::{Facts, Mail, Verdict};

/// Returns the verdict on a mail's sender. No lookup is made without a DKIM-Signature or the peer's address (E11.1), and
/// no Authentication-Results are believed unless their authserv-id is configured (E11.2): what cannot be checked is
/// `none`, which gives no rights beyond those of the From address as written.
pub(super) fn check(mail: &Mail, facts: &Facts, trace: &mut Trace) -> Verdict {
    let signed = mail.header("dkim-signature").is_some();
    let evidence = match (signed, facts.peer_ip) {
        (false, None) => "no DKIM-Signature, and the door does not know the sending host",
        (true, None) => "signed, but no resolver is configured to check it",
        (_, Some(_)) => "no resolver is configured to check the sending host",
    };
    trace.add("authenticate", "E11.3", Verdict::None.as_str(), evidence);
    Verdict::None
}
