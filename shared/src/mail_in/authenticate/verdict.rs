//! From results to the verdict (E11.3). Pure.

use super::super::types::Verdict;
use super::results::{Method, Policy, Results};

/// A verdict, why, and what follows if it is `fail`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub verdict: Verdict,
    /// A stable name.
    pub reason: &'static str,
    /// A name server did not answer: ask again later.
    pub temporary: bool,
}

/// Whom a seal is believed from, as configured: lower-case domains.
pub(super) type Sealers<'a> = &'a [String];

/// Judges what was found about a mail whose From address has this domain (lower case, A-labels).
///
/// `pass`: DMARC passes, or the domain's own signature is right. `weak`: the sending host is right, or a listed sealer
/// vouches for what arrived there. `fail`: DMARC fails, or every signature is broken. A signature whose key is gone is not
/// broken: it can no longer be checked. What could not be asked is `none` until it can.
pub(super) fn judge(from_domain: Option<&str>, results: &Results, sealers: Sealers<'_>) -> Judged {
    let judged = |verdict, reason| Judged { verdict, reason, temporary: false };
    let Some(from) = from_domain else { return judged(Verdict::None, "no_from_domain") };
    let dmarc = results.dmarc.as_ref().filter(|d| d.domain.as_deref().is_none_or(|d| d == from));
    let dmarc_is = |method| dmarc.is_some_and(|d| d.result == method);
    if dmarc_is(Method::Pass) {
        return judged(Verdict::Pass, "dmarc_pass");
    }
    let failed = dmarc_is(Method::Fail);
    let signed = |d: &&super::results::Dkim| d.domain.as_deref().is_some_and(|d| aligned(d, from));
    if !failed && results.dkim.iter().filter(signed).any(|d| d.result == Method::Pass) {
        return judged(Verdict::Pass, "dkim_aligned");
    }
    let sealed = results.arc.as_ref().filter(|a| a.result == Method::Pass && a.proven_then);
    if sealed.and_then(|a| a.sealer.as_ref()).is_some_and(|s| sealers.contains(s)) {
        return judged(Verdict::Weak, "arc_sealer");
    }
    if failed {
        return judged(Verdict::Fail, "dmarc_fail");
    }
    let spf_passes = results.spf.as_ref().is_some_and(|s| s.result == Method::Pass);
    let spf_domain = results.spf.as_ref().and_then(|s| s.domain.as_deref());
    if spf_passes && spf_domain.is_some_and(|d| aligned(d, from)) {
        return judged(Verdict::Weak, "spf_aligned");
    }
    if results.is_waiting() {
        return Judged { verdict: Verdict::None, reason: "dns_unavailable", temporary: true };
    }
    if !results.dkim.is_empty() && results.dkim.iter().all(|d| d.result == Method::Fail) {
        return judged(Verdict::Fail, "all_signatures_broken");
    }
    judged(Verdict::None, if results.dkim.is_empty() { "nothing_to_check" } else { "nothing_aligned" })
}

/// What E11.3 does with a failed mail, unless the tenant only wants to be warned.
pub(super) fn policy_of(results: &Results) -> Policy {
    results.dmarc.as_ref().and_then(|d| d.policy).unwrap_or(Policy::None)
}

/// Whether two domains belong together without a policy that would say so: the same one, or one below the other. Without
/// a list of public suffixes siblings cannot be told from strangers, so they do not count.
pub(super) fn aligned(one: &str, other: &str) -> bool {
    let below = |d: &str, of: &str| {
        of.contains('.') && d.len() > of.len() && d.ends_with(of) && d[..d.len() - of.len()].ends_with('.')
    };
    one == other || below(one, other) || below(other, one)
}

#[cfg(test)]
mod tests {
    use super::super::results::{Arc, Dkim, Dmarc, Spf};
    use super::*;

    fn dkim(domain: &str, result: Method) -> Vec<Dkim> {
        vec![Dkim { domain: Some(domain.into()), selector: None, result, detail: None }]
    }

    fn dmarc(result: Method) -> Option<Dmarc> {
        Some(Dmarc { domain: Some("shop.example".into()), result, policy: Some(Policy::Reject) })
    }

    fn spf(domain: &str, result: Method) -> Option<Spf> {
        Some(Spf { domain: Some(domain.into()), result })
    }

    /// E11.3: the whole table.
    #[test]
    fn verdicts() {
        use Method::{Fail, None as Nothing, Pass, PermError, TempError};
        let arc = |sealer: &str, proven_then| Some(Arc { sealer: Some(sealer.into()), result: Pass, proven_then });
        let r = Results::default;
        let table = [
            (r(), Verdict::None),
            (Results { dmarc: dmarc(Pass), ..r() }, Verdict::Pass),
            (Results { dmarc: dmarc(Fail), ..r() }, Verdict::Fail),
            // No policy: the domain's own signature is enough, a stranger's is nothing.
            (Results { dkim: dkim("shop.example", Pass), dmarc: dmarc(Nothing), ..r() }, Verdict::Pass),
            (Results { dkim: dkim("mail.shop.example", Pass), ..r() }, Verdict::Pass),
            (Results { dkim: dkim("evil.example", Pass), ..r() }, Verdict::None),
            (Results { dkim: dkim("eshop.example", Pass), ..r() }, Verdict::None),
            // Strict alignment: a policy that fails is not overruled by a looser one of ours.
            (Results { dkim: dkim("mail.shop.example", Pass), dmarc: dmarc(Fail), ..r() }, Verdict::Fail),
            (Results { spf: spf("shop.example", Pass), ..r() }, Verdict::Weak),
            (Results { spf: spf("evil.example", Pass), ..r() }, Verdict::None),
            (Results { spf: spf("shop.example", Fail), ..r() }, Verdict::None),
            (Results { dkim: dkim("shop.example", Fail), ..r() }, Verdict::Fail),
            (Results { dkim: dkim("shop.example", Fail), spf: spf("shop.example", Pass), ..r() }, Verdict::Weak),
            // A key that is gone says nothing about the mail.
            (Results { dkim: dkim("shop.example", PermError), ..r() }, Verdict::None),
            (Results { dkim: [dkim("a.example", Fail), dkim("b.example", Pass)].concat(), ..r() }, Verdict::None),
            (Results { dkim: dkim("shop.example", Fail), dmarc: dmarc(TempError), ..r() }, Verdict::None),
            // A listed sealer that saw it proven.
            (Results { dmarc: dmarc(Fail), arc: arc("lists.example", true), ..r() }, Verdict::Weak),
            (Results { dmarc: dmarc(Fail), arc: arc("lists.example", false), ..r() }, Verdict::Fail),
            (Results { dmarc: dmarc(Fail), arc: arc("evil.example", true), ..r() }, Verdict::Fail),
        ];
        for (results, wanted) in table {
            assert_eq!(judge(Some("shop.example"), &results, &["lists.example".into()]).verdict, wanted, "{results:?}");
        }
        let other = Results { dmarc: dmarc(Pass), ..r() };
        assert_eq!(judge(Some("other.example"), &other, &[]).verdict, Verdict::None, "DMARC of another domain");
        assert_eq!(judge(None, &other, &[]).verdict, Verdict::None);
        let waits = Results { dkim: dkim("shop.example", TempError), ..r() };
        assert!(judge(Some("shop.example"), &waits, &[]).temporary);
    }
}
