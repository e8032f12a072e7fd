//! What the right to decide rests on. It is asked for when a call or a message arrives, and asked for again under the
//! store's lock: what was taken away meanwhile decides nothing.

use super::owner::{Owner, Owners};
use crate::device::{
    handshake::{Method, SecretKind},
    identity::DeviceId,
    role::{Role, Scopes},
    token::TokenDigest,
};

/// What a change of the store rests on.
#[derive(Clone, Debug)]
pub enum Authority {
    /// A user who may read and write the state folder decides about it.
    Host,
    /// The ownership of an owner that the configuration or the store names.
    Owner(Owner),
    /// What a new device has shown when it connected; it has no rights yet.
    Newcomer(Shown),
    /// The rights of a session.
    Session(Rights),
}

/// What a session may do, and what it showed for that.
#[derive(Clone, Debug)]
pub struct Rights {
    /// As what it is connected.
    pub role: Role,
    /// Its scopes.
    pub scopes: Scopes,
    /// The device that has proven its key.
    pub device: Option<DeviceId>,
    /// For these rights.
    pub shown: Shown,
}

impl Rights {
    /// The device that a credential of its own stands for; nobody where the shared secret was shown.
    pub fn own_device(&self) -> Option<&DeviceId> {
        let is_own = !matches!(self.shown, Shown::Secret(_));
        self.device.as_ref().filter(|_| is_own)
    }
}

/// What a client has shown.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// The device's own token.
    DeviceToken(TokenDigest),
    /// The shared secret of this mark; where none is asked for, that is a mark too.
    Secret(SecretMark),
    /// A setup code.
    SetupCode(TokenDigest),
}

impl Shown {
    /// What a connection was recognised by. A token that is not there is nobody's.
    pub fn of(
        method: Method,
        secret: SecretMark,
        device_token: Option<TokenDigest>,
        setup_code: Option<TokenDigest>,
    ) -> Self {
        let nobodys = || TokenDigest::of("");
        match method {
            Method::DeviceToken => Self::DeviceToken(device_token.unwrap_or_else(nobodys)),
            Method::SetupCode => Self::SetupCode(setup_code.unwrap_or_else(nobodys)),
            Method::Open | Method::Password | Method::Token => Self::Secret(secret),
        }
    }
}

/// Tells one shared secret from the next.
#[derive(Clone, Copy, Debug)]
pub struct SecretMark {
    kind: SecretKind,
    asked: Option<TokenDigest>,
}

impl SecretMark {
    /// Of the secret with this digest; of none where none is asked for.
    pub fn new(kind: SecretKind, asked: Option<TokenDigest>) -> Self {
        Self { kind, asked }
    }

    /// True where it is the same secret. Compares in constant time.
    pub fn is(&self, other: &Self) -> bool {
        let asked = match (&self.asked, &other.asked) {
            (None, None) => true,
            (Some(one), Some(other)) => one.matches(other),
            (None | Some(_), _) => false,
        };
        asked && self.kind == other.kind
    }
}

/// What the configuration says about who decides, now. A store that was told nothing knows of nobody.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// The owners that it names.
    pub owners: Owners,
    /// The shared secret.
    pub secret: Option<SecretMark>,
}

#[cfg(any(test, feature = "testing"))]
impl Rights {
    /// Of a device with its token; without a device, of an operator with the shared secret.
    pub fn of_test(role: Role, scopes: Scopes, device: Option<DeviceId>) -> Self {
        let shown = match &device {
            Some(_) => Shown::DeviceToken(TokenDigest::of("a token")),
            None => Shown::Secret(SecretMark::new(SecretKind::Token, None)),
        };
        Self { role, scopes, device, shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_124_another_secret_another_kind_or_none_is_another_mark() {
        let of = |kind, text: Option<&str>| SecretMark::new(kind, text.map(TokenDigest::of));
        let marks = [
            of(SecretKind::Token, Some("one")),
            of(SecretKind::Token, Some("two")),
            of(SecretKind::Password, Some("one")),
            of(SecretKind::Token, None),
        ];
        for (at, one) in marks.iter().enumerate() {
            for (other_at, other) in marks.iter().enumerate() {
                assert_eq!(one.is(other), at == other_at);
            }
        }
    }

    #[test]
    fn a_method_without_its_token_stands_for_nobody() {
        let secret = SecretMark::new(SecretKind::Token, None);
        let shown = Shown::of(Method::DeviceToken, secret, None, None);
        let Shown::DeviceToken(digest) = shown else { panic!("{shown:?}") };
        assert!(!digest.matches(&TokenDigest::of("anything")));
    }
}
