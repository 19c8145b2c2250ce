//! Everything that is signed or hashed with the instance's secret, and the random tokens of sessions and the API.
//!
//! One secret, one key per purpose: `HMAC-SHA256(secret, purpose)`. Mail is signed per tenant and per *epoch*, a
//! text that changes when a database is restored: numbers are given out again then, and a reply address minted
//! before the restore must not open the ticket that got its number afterwards. What is not mail (timeline, digests,
//! form tokens) does not depend on the epoch.

use crate::ids::{TenantId, UserId};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use rand::RngCore;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The version that a single secret gets.
const FIRST_VERSION: u8 = 1;

/// The keys derived from the instance's secret. Cheap to clone into tasks; never printed.
#[derive(Clone)]
pub struct Keys {
    /// Newest first, never empty. Mail minted under an older version stays valid as long as it is listed (E3.3).
    mail: Vec<MailKey>,
    timeline: Hmac<Sha256>,
    digest: Hmac<Sha256>,
    form: Hmac<Sha256>,
    instance: String,
    /// What secrets of others are kept under, newest first: by the instance's secret alone, so that a restore opens them.
    seals: Vec<(u8, [u8; 32])>,
}

#[derive(Clone)]
struct MailKey {
    version: u8,
    key: Hmac<Sha256>,
}

impl Keys {
    /// Returns the keys of an instance with one secret, as version 1. `epoch` is the installation's epoch.
    pub fn new(secret: &[u8], epoch: &str) -> Self {
        Self::with_versions(&[(FIRST_VERSION, secret)], epoch)
    }

    /// Returns the keys of an instance whose secret was changed: `secrets` are (version, secret), newest first; the
    /// first one signs, all are accepted. Timeline, digests and the instance's name hang on the last one, the
    /// oldest, so that old chains still verify.
    ///
    /// # Panics
    /// If `secrets` is empty or a version is above [`crate::mail_out::token::MAX_VERSION`].
    pub fn with_versions(secrets: &[(u8, &[u8])], epoch: &str) -> Self {
        let (_, oldest) = secrets.last().expect("an instance has a secret");
        let mail = secrets
            .iter()
            .map(|&(version, secret)| {
                assert!(version <= crate::mail_out::token::MAX_VERSION, "key version {version} does not fit a token");
                MailKey { version, key: keyed(&mac(&keyed(secret), &[b"postroom mail", epoch.as_bytes()])) }
            })
            .collect();
        let derive = |purpose: &str| keyed(&mac(&keyed(oldest), &[purpose.as_bytes()]));
        let name = mac(&keyed(oldest), &[b"postroom instance"]);
        Self {
            mail,
            timeline: derive("postroom timeline"),
            digest: derive("postroom digest"),
            form: derive("postroom form"),
            instance: base32(&name[..5]),
            seals: secrets.iter().map(|&(v, secret)| (v, mac(&keyed(secret), &[b"postroom seal"]))).collect(),
        }
    }

    /// Encrypts a secret that is kept for somebody (a private key, a password of another server) with AES-256-GCM.
    /// `purpose` names what it is, so that one secret cannot be put in another's place.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Vec<u8> {
        let (version, key) = &self.seals[0];
        let mut nonce = [0u8; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = secret.to_vec();
        sealing(key)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
            .expect("a secret is far below AES-GCM's 64 GiB");
        [&[*version][..], &nonce, &sealed].concat()
    }

    /// Returns a secret that [`Keys::seal`] encrypted; None if it was for another purpose or by another instance, or was
    /// changed.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (&version, rest) = sealed.split_first()?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN)?;
        let (_, key) = self.seals.iter().find(|(v, _)| *v == version)?;
        let mut secret = ciphertext.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = sealing(key).open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut secret).ok()?.len();
        secret.truncate(length);
        Some(secret)
    }

    /// Returns the short public name of this instance (8 letters), as X-Loop-Guard bears it (E5.2).
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Returns the version that new mail is signed with.
    pub fn version(&self) -> u8 {
        self.mail[0].version
    }

    /// Returns the MAC of `parts` under the tenant's current key. `domain` names what is signed, so that a MAC of one
    /// thing never fits another.
    pub fn tenant_mac(&self, tenant: TenantId, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.mail[0].sign(tenant, domain, parts)
    }

    /// Tells in constant time whether `tag` (a MAC, or its first 10 or more octets) fits under the key of `version`,
    /// or under any version if None.
    pub fn tenant_mac_fits(
        &self,
        version: Option<u8>,
        tenant: TenantId,
        domain: &str,
        parts: &[&[u8]],
        tag: &[u8],
    ) -> bool {
        (10..=32).contains(&tag.len())
            && self
                .mail
                .iter()
                .filter(|k| version.is_none_or(|v| v == k.version))
                .any(|k| k.sign(tenant, domain, parts)[..tag.len()].ct_eq(tag).into())
    }

    /// Returns the salted digest that stands for a text or an address in an event (DESIGN 3): 32 hex digits, equal
    /// for equal values of one tenant, of no use without the secret.
    pub fn digest(&self, tenant: TenantId, value: &str) -> String {
        hex(&mac(&self.digest, &[&tenant.0.to_be_bytes(), value.as_bytes()])[..16])
    }

    /// Returns the hash of a timeline's next event: over the hash before it (empty for the first) and its content.
    pub fn chain_hash(&self, previous: &[u8], content: &[u8]) -> [u8; 32] {
        mac(&self.timeline, &[previous, content])
    }

    /// Returns what is kept of a recovery code instead of it: keyed, as the codes are short enough to be tried out.
    pub fn recovery_hash(&self, user: UserId, code: &str) -> String {
        hex(&mac(&self.digest, &[b"recovery code", &user.0.to_be_bytes(), code.as_bytes()]))
    }

    /// Returns the token that HTML forms of a session carry. `session` is the session's hash or cookie.
    pub fn csrf_token(&self, session: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.form, &[session]))
    }

    /// Tells in constant time whether a form's token belongs to the session.
    pub fn csrf_fits(&self, session: &[u8], token: &str) -> bool {
        self.csrf_token(session).as_bytes().ct_eq(token.as_bytes()).into()
    }
}

impl MailKey {
    fn sign(&self, tenant: TenantId, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        let tenant = tenant.0.to_be_bytes();
        let mut state = keyed(&mac(&self.key, &[&tenant]));
        update(&mut state, domain.as_bytes());
        update(&mut state, &tenant);
        parts.iter().for_each(|part| update(&mut state, part));
        state.finalize().into_bytes().into()
    }
}

/// Returns a new random secret of 256 bits as 43 letters of base64url: for session cookies and mailed links.
pub fn new_token() -> String {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns random octets.
pub(crate) fn random_octets<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Returns a new API token: `pr_` and 256 random bits.
pub fn new_api_token() -> String {
    format!("pr_{}", new_token())
}

/// Returns what is stored of a token instead of it. No salt and no stretching: tokens are random, not chosen.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns lower-case base32 without padding (RFC 4648), which survives mail systems that fold case.
pub(crate) fn base32(bytes: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// Returns the bytes of base32 in any case; None if it is none, padded or not in its shortest form.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn sealing(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has AES-256's 32 octets"))
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Each part goes in with its length before it, so that no two lists of parts are the same octets.
fn update(state: &mut Hmac<Sha256>, part: &[u8]) {
    state.update(&(part.len() as u64).to_be_bytes());
    state.update(part);
}

fn mac(key: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut state = key.clone();
    parts.iter().for_each(|part| update(&mut state, part));
    state.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TenantId = TenantId(1);

    fn keys() -> Keys {
        Keys::new(b"a secret of 32 octets, or so  ..", "2026")
    }

    /// Addresses and timelines in the world were made with these; a change here would invalidate all of them.
    #[test]
    fn derivation_never_changes() {
        let k = keys();
        let seen = [
            hex(&k.tenant_mac(T, "d", &[b"x"])[..8]),
            k.digest(T, "ann@example.com"),
            hex(&k.chain_hash(b"", b"{}")[..8]),
            k.instance().to_owned(),
            hex(&hash_token("pr_x")[..8]),
        ];
        let expected = [
            "affccb702fbc8a87",
            "6f3a99885d50a9dde8c46218a66bee89",
            "9c74365379f9ae3a",
            "o5ttcwdg",
            "87bfe045435e08f8",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn every_ingredient_counts() {
        let k = keys();
        let base = k.tenant_mac(T, "d", &[b"ab", b"c"]);
        for other in [
            k.tenant_mac(TenantId(2), "d", &[b"ab", b"c"]),
            k.tenant_mac(T, "e", &[b"ab", b"c"]),
            k.tenant_mac(T, "d", &[b"a", b"bc"]),
            k.tenant_mac(T, "d", &[b"abc"]),
            Keys::new(b"another", "2026").tenant_mac(T, "d", &[b"ab", b"c"]),
            Keys::new(b"a secret of 32 octets, or so  ..", "2027").tenant_mac(T, "d", &[b"ab", b"c"]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_restore_changes_mail_but_not_the_timeline() {
        let (before, after) = (keys(), Keys::new(b"a secret of 32 octets, or so  ..", "2027"));
        assert_ne!(before.tenant_mac(T, "d", &[]), after.tenant_mac(T, "d", &[]));
        assert_eq!(before.chain_hash(b"p", b"c"), after.chain_hash(b"p", b"c"));
        assert_eq!(before.digest(T, "v"), after.digest(T, "v"));
    }

    #[test]
    fn an_older_version_is_accepted_and_the_newest_signs() {
        let old = keys();
        let both = Keys::with_versions(&[(2, b"new"), (1, b"a secret of 32 octets, or so  ..")], "2026");
        let tag = old.tenant_mac(T, "d", &[b"x"]);
        assert_eq!(both.version(), 2);
        assert!(both.tenant_mac_fits(None, T, "d", &[b"x"], &tag[..10]));
        assert!(both.tenant_mac_fits(Some(1), T, "d", &[b"x"], &tag[..10]));
        assert!(!both.tenant_mac_fits(Some(2), T, "d", &[b"x"], &tag[..10]));
        assert!(!old.tenant_mac_fits(None, T, "d", &[b"x"], &both.tenant_mac(T, "d", &[b"x"])));
        assert_eq!(old.chain_hash(b"p", b"c"), both.chain_hash(b"p", b"c"));
    }

    #[test]
    fn a_short_or_empty_tag_never_fits() {
        let k = keys();
        let tag = k.tenant_mac(T, "d", &[]);
        assert!(!k.tenant_mac_fits(None, T, "d", &[], &[]));
        assert!(!k.tenant_mac_fits(None, T, "d", &[], &tag[..9]));
        assert!(k.tenant_mac_fits(None, T, "d", &[], &tag));
    }

    #[test]
    fn sealed_secrets_open_for_their_purpose_alone() {
        let k = keys();
        let sealed = k.seal("dkim", b"private");
        assert_ne!(sealed, k.seal("dkim", b"private"), "each time another nonce");
        assert!(!sealed.windows(7).any(|w| w == b"private"));
        assert_eq!(k.unseal("dkim", &sealed).as_deref(), Some(&b"private"[..]));
        assert_eq!(k.unseal("imap", &sealed), None);
        assert_eq!(Keys::new(b"another secret", "2026").unseal("dkim", &sealed), None);
        let restored = Keys::new(b"a secret of 32 octets, or so  ..", "2027");
        assert!(restored.unseal("dkim", &sealed).is_some(), "a restore keeps them");
        let rotated = Keys::with_versions(&[(2, b"new"), (1, b"a secret of 32 octets, or so  ..")], "2026");
        assert!(rotated.unseal("dkim", &sealed).is_some() && rotated.seal("dkim", b"x")[0] == 2);
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert_eq!(k.unseal("dkim", &changed), None, "{n}");
            assert_eq!(k.unseal("dkim", &sealed[..n]), None, "{n}");
        }
    }

    #[test]
    fn form_tokens_belong_to_one_session() {
        let k = keys();
        let token = k.csrf_token(b"session a");
        assert!(k.csrf_fits(b"session a", &token));
        assert!(!k.csrf_fits(b"session b", &token));
        assert!(!k.csrf_fits(b"session a", ""));
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (a, b) = (new_api_token(), new_api_token());
        assert!(a.starts_with("pr_") && a.len() == 46);
        assert_ne!(a, b);
        assert_ne!(hash_token(&a), hash_token(&b));
    }
}
