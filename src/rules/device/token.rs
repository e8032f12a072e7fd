//! Device tokens: one per role, shown once, kept as a digest, compared in constant time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::UnixMs;
use subtle::ConstantTimeEq;

use super::role::{Role, Scopes};
use crate::sha256;

/// A fresh token: 32 random bytes. It has no `Debug`, no `Display` and no equality.
#[expect(missing_debug_implementations, reason = "a token never prints itself")]
pub struct Token([u8; 32]);

impl Token {
    /// From the operating system's randomness.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the one answer that hands it out: base64url, 43 characters.
    pub fn spell(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is kept of it.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.spell())
    }
}

/// The SHA-256 of a token's text, whatever form the token has. No equality but in constant time.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Of a token as a client shows it.
    pub fn of(text: &str) -> Self {
        Self(sha256(&[text.as_bytes()]))
    }

    /// Reads the 64 digits of a state file.
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// As a state file keeps it.
    pub fn spell(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Compares in constant time; digests have one length, so none leaks.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenDigest")
    }
}

/// What is kept of a device's token for one role.
#[derive(Clone, Copy, Debug)]
pub struct DeviceToken {
    /// Of its text.
    pub digest: TokenDigest,
    /// The only role it is good for.
    pub role: Role,
    /// The most that it is good for; none for a node.
    pub scopes: Scopes,
    /// When the role first had one.
    pub created_at: UnixMs,
    /// When this one took its place.
    pub rotated_at: Option<UnixMs>,
    /// Since when it is good for nothing.
    pub revoked_at: Option<UnixMs>,
    /// When the device last showed it. Until it has, the device may never have received it.
    pub last_used_at: Option<UnixMs>,
}

/// Why a token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// Another text, another role, or revoked. One answer for all: a thief learns nothing.
    Mismatch,
    /// The right one, and more is asked for than it is good for.
    ScopeMismatch,
}

impl DeviceToken {
    /// A new token for a role; its scopes are the approved ones.
    pub fn issue(fresh: &Token, role: Role, approved: Scopes, now: UnixMs) -> Self {
        Self {
            digest: fresh.digest(),
            role,
            scopes: role.fitting(approved),
            created_at: now,
            rotated_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    /// True where it may still be shown.
    pub fn is_good(&self) -> bool {
        self.revoked_at.is_none()
    }

    /// Judges a shown token; the scopes of the connection are those asked for, never more.
    pub fn judge(
        &self,
        shown: &TokenDigest,
        role: Role,
        asked: Scopes,
    ) -> Result<Scopes, TokenRefusal> {
        if !self.digest.matches(shown) || self.role != role || !self.is_good() {
            return Err(TokenRefusal::Mismatch);
        }
        match (role, self.scopes.lacks(asked)) {
            (Role::Node, _) => Ok(Scopes::NONE),
            (Role::Operator, Some(_)) => Err(TokenRefusal::ScopeMismatch),
            (Role::Operator, None) => Ok(self.scopes.narrow(asked)),
        }
    }

    /// A new text in place of this one. A revoked token has no successor: only an approval brings one.
    #[must_use]
    pub fn rotate(&self, fresh: &Token, scopes: Scopes, now: UnixMs) -> Option<Self> {
        let rotated = Self {
            digest: fresh.digest(),
            scopes: self.role.fitting(scopes),
            rotated_at: Some(now),
            last_used_at: None,
            ..*self
        };
        self.is_good().then_some(rotated)
    }

    /// Takes it back. A second time changes nothing.
    #[must_use]
    pub fn revoke(&self, now: UnixMs) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(now)), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device::role::Scope;

    fn operator(scopes: &[Scope]) -> (Token, DeviceToken) {
        let token = Token::from_random([1; 32]);
        let kept = DeviceToken::issue(&token, Role::Operator, Scopes::of(scopes), UnixMs(1));
        (token, kept)
    }

    #[test]
    fn a_token_is_43_characters_and_its_digest_that_of_its_text() {
        let token = Token::from_random([0; 32]);
        assert_eq!(token.spell(), "A".repeat(43));
        let text = TokenDigest::of("tok_abc");
        assert_eq!(
            text.spell(),
            "26cfed5080d011f7069c952bf630b4d33f9e445d61bd5336760217f08a4c6339"
        );
        assert!(TokenDigest::parse(&text.spell()).is_some_and(|read| read.matches(&text)));
        for wrong in ["", "0", &text.spell().to_uppercase(), &"g".repeat(64), &"é".repeat(32)] {
            assert!(TokenDigest::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn case_110_a_digest_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", TokenDigest::of("secret")), "TokenDigest");
    }

    #[test]
    fn a_token_is_good_for_its_role_and_narrows() {
        let (token, kept) = operator(&[Scope::Read, Scope::Write]);
        let shown = TokenDigest::of(&token.spell());
        let read = Scopes::of(&[Scope::Read]);
        assert_eq!(kept.judge(&shown, Role::Operator, read), Ok(read));
        assert_eq!(kept.judge(&shown, Role::Operator, Scopes::NONE), Ok(Scopes::NONE));
        let admin = Scopes::of(&[Scope::Admin, Scope::Read]);
        assert_eq!(kept.judge(&shown, Role::Operator, admin), Err(TokenRefusal::ScopeMismatch));
        assert_eq!(kept.judge(&shown, Role::Node, Scopes::NONE), Err(TokenRefusal::Mismatch));
        let other = TokenDigest::of("other");
        assert_eq!(kept.judge(&other, Role::Operator, admin), Err(TokenRefusal::Mismatch));
    }

    #[test]
    fn case_029_a_token_without_scopes_is_good_for_none() {
        let (token, kept) = operator(&[]);
        let shown = TokenDigest::of(&token.spell());
        for scope in Scope::ALL {
            let asked = Scopes::of(&[scope]);
            assert_eq!(kept.judge(&shown, Role::Operator, asked), Err(TokenRefusal::ScopeMismatch));
        }
    }

    #[test]
    fn a_node_has_no_scopes_whatever_it_asks() {
        let token = Token::from_random([2; 32]);
        let kept = DeviceToken::issue(&token, Role::Node, Scopes::of(&Scope::ALL), UnixMs(1));
        assert!(kept.scopes.is_empty());
        let asked = Scopes::of(&[Scope::Admin]);
        assert_eq!(kept.judge(&token.digest(), Role::Node, asked), Ok(Scopes::NONE));
    }

    #[test]
    fn case_067_rotated_and_revoked_tokens_are_worth_nothing() {
        let (token, kept) = operator(&[Scope::Read]);
        let read = kept.scopes;
        let fresh = Token::from_random([3; 32]);
        let rotated = kept.rotate(&fresh, read, UnixMs(2)).unwrap();
        assert!(rotated.judge(&token.digest(), Role::Operator, read).is_err());
        assert!(rotated.judge(&fresh.digest(), Role::Operator, read).is_ok());
        assert_eq!((rotated.created_at, rotated.rotated_at), (UnixMs(1), Some(UnixMs(2))));
        let revoked = rotated.revoke(UnixMs(3));
        assert!(revoked.judge(&fresh.digest(), Role::Operator, read).is_err());
        assert_eq!(revoked.revoke(UnixMs(9)).revoked_at, Some(UnixMs(3)));
        assert!(revoked.rotate(&token, read, UnixMs(4)).is_none(), "case_068");
    }

    proptest! {
        #[test]
        fn case_110_only_the_text_itself_is_taken(bytes: [u8; 32], other: String) {
            let token = Token::from_random(bytes);
            let kept = DeviceToken::issue(&token, Role::Node, Scopes::NONE, UnixMs(1));
            let same = other == token.spell();
            let taken = kept.judge(&TokenDigest::of(&other), Role::Node, Scopes::NONE).is_ok();
            prop_assert_eq!(taken, same);
            prop_assert!(kept.judge(&TokenDigest::of(&token.spell()), Role::Node, Scopes::NONE).is_ok());
        }
    }
}
