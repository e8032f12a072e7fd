//! The shared secret of command lines and old apps: configured, or made at the first start and kept for this user
//! alone. It is compared as a digest, in constant time, and shown by nothing but `gateway auth-token --show`.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::Secret;

pub use crate::text::SecretError;
use crate::{
    config::gateway::{Auth, AuthMode},
    rules::{
        authority::SecretMark,
        device::{
            handshake::{SecretKind, Shared},
            token::TokenDigest,
        },
    },
    store::{StoreError, paths::StateDir, private},
    text, world,
};

/// What a client has to show.
#[derive(Debug)]
pub struct SharedSecret {
    kind: SecretKind,
    /// Nothing is asked for where there is none.
    digest: Option<TokenDigest>,
}

/// Where the secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment.
    Environment(&'static str),
    /// The configuration.
    File,
    /// Made by the gateway itself.
    Generated,
    /// None is asked for.
    Nowhere,
}

impl SharedSecret {
    /// The configured secret, else the one that was made; made now where there is none.
    pub fn load(auth: &Auth, state: &StateDir) -> Result<Self, SecretError> {
        let secret = match (auth.mode, &auth.token, &auth.password) {
            (AuthMode::None, ..) => None,
            (AuthMode::Password, _, Some(given)) | (AuthMode::Token, Some(given), _) => {
                Some(given.secret.clone())
            }
            (AuthMode::Password, _, None) => return Err(SecretError::NoPassword),
            (AuthMode::Token, None, _) => Some(generated(state)?),
        };
        let digest = secret.map(|secret| TokenDigest::of(secret.expose()));
        Ok(Self { kind: kind_of(auth), digest })
    }

    /// What tells it from the next one.
    pub fn mark(&self) -> SecretMark {
        SecretMark::new(self.kind, self.digest)
    }

    /// What a client is asked for.
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// Compares what a client shows.
    pub fn compare(&self, token: Option<&str>, password: Option<&str>) -> Shared {
        let Some(digest) = &self.digest else { return Shared::Open };
        let shown = match self.kind {
            SecretKind::Password => password,
            SecretKind::Token => token,
        };
        match shown.filter(|text| !text.is_empty()) {
            None => Shared::Missing(self.kind),
            Some(text) if TokenDigest::of(text).matches(digest) => Shared::Matched(self.kind),
            Some(_) => Shared::Mismatch(self.kind),
        }
    }
}

/// Which one is asked for, where one is.
pub fn kind_of(auth: &Auth) -> SecretKind {
    match auth.mode {
        AuthMode::Password => SecretKind::Password,
        AuthMode::None | AuthMode::Token => SecretKind::Token,
    }
}

/// The secret itself, for the user of this machine, and where it comes from. `None` where a program has to be
/// told it, or none was made yet.
pub fn read(auth: &Auth, state: &StateDir) -> Result<(Option<Secret>, SecretSource), StoreError> {
    let given = match auth.mode {
        AuthMode::None => return Ok((None, SecretSource::Nowhere)),
        AuthMode::Password => &auth.password,
        AuthMode::Token => &auth.token,
    };
    if let Some(given) = given {
        let source = given.env.map_or(SecretSource::File, SecretSource::Environment);
        return Ok((Some(given.secret.clone()), source));
    }
    if auth.mode == AuthMode::Password {
        return Ok((None, SecretSource::File));
    }
    Ok((kept(state)?, SecretSource::Generated))
}

fn generated(state: &StateDir) -> Result<Secret, StoreError> {
    let path = state.gateway_token();
    let make = || {
        let token = spelled(world::random::<32>()?);
        Ok(format!("{token}\n").into_bytes())
    };
    token(path.clone(), private::once(state, &path, make)?)
}

/// 255 bits. It begins with a letter: a command line takes what begins with a dash for an option.
fn spelled(mut bytes: [u8; 32]) -> String {
    bytes[0] &= 0x7f;
    URL_SAFE_NO_PAD.encode(bytes)
}

fn kept(state: &StateDir) -> Result<Option<Secret>, StoreError> {
    let path = state.gateway_token();
    private::read(&path)?.map(|bytes| token(path, bytes)).transpose()
}

/// What stands in the file. A text that is too short is damaged: it gives nobody access.
fn token(path: PathBuf, bytes: Vec<u8>) -> Result<Secret, StoreError> {
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.trim();
    if text.len() < 32 || !text.chars().all(|c| c.is_ascii_graphic()) {
        let why = text::NO_TOKEN.to_owned();
        return Err(StoreError::Damaged { path, line: Some(1), why });
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{config::gateway::Given, store::Store};

    fn auth(mode: AuthMode) -> Auth {
        Auth { mode, ..Auth::default() }
    }

    #[test]
    fn case_109_a_token_is_made_once_and_kept_for_its_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let secret = SharedSecret::load(&auth(AuthMode::Token), &state).unwrap();
        let (kept, source) = read(&auth(AuthMode::Token), &state).unwrap();
        let text = kept.unwrap().expose().to_owned();
        assert_eq!((text.len(), source), (43, SecretSource::Generated));
        assert_eq!(secret.compare(Some(&text), None), Shared::Matched(SecretKind::Token));
        let mode = fs::metadata(state.gateway_token()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "case_113");
        let again = SharedSecret::load(&auth(AuthMode::Token), &state).unwrap();
        assert_eq!(again.compare(Some(&text), None), Shared::Matched(SecretKind::Token));
        assert!(!format!("{secret:?}").contains(&text));
    }

    #[test]
    fn case_110_only_the_whole_secret_is_taken_and_nothing_is_never_right() {
        let dir = tempfile::tempdir().unwrap();
        let secret = SharedSecret::load(&auth(AuthMode::Token), &StateDir::at(dir.path())).unwrap();
        let (missing, mismatch) =
            (Shared::Missing(SecretKind::Token), Shared::Mismatch(SecretKind::Token));
        for (token, password, expected) in [
            (None, None, missing),
            (Some(""), None, missing),
            (None, Some("x"), missing),
            (Some("x"), Some("x"), mismatch),
        ] {
            assert_eq!(secret.compare(token, password), expected);
        }
        let open = SharedSecret::load(&auth(AuthMode::None), &StateDir::at(dir.path())).unwrap();
        assert_eq!(open.compare(None, None), Shared::Open);
    }

    #[test]
    fn case_110_a_password_that_nobody_set_is_no_secret_and_no_token_stands_in_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        SharedSecret::load(&auth(AuthMode::Token), &state).unwrap();
        let said = SharedSecret::load(&auth(AuthMode::Password), &state).unwrap_err().to_string();
        for named in ["gateway.auth.mode", "gateway.auth.password", "OPENCLAW_GATEWAY_PASSWORD"] {
            assert!(said.contains(named), "{said}");
        }
        assert!(read(&auth(AuthMode::Password), &state).unwrap().0.is_none());
    }

    #[test]
    fn a_torn_file_is_an_error_and_no_open_door() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        for text in ["", "\n", "short", "with blanks in its middle, and long enough"] {
            private::replace(&state.gateway_token(), text.as_bytes()).unwrap();
            let error = SharedSecret::load(&auth(AuthMode::Token), &state).unwrap_err();
            assert!(error.to_string().contains("remove it"), "{error}");
            assert!(read(&auth(AuthMode::Token), &state).is_err(), "{text}");
        }
    }

    #[test]
    fn case_110_every_length_is_compared_by_a_digest_of_one_length() {
        let dir = tempfile::tempdir().unwrap();
        let token = Some(Given { secret: Secret::new("abcdefgh"), env: None });
        let auth = Auth { token, ..Auth::default() };
        let secret = SharedSecret::load(&auth, &StateDir::at(dir.path().join("none"))).unwrap();
        assert!(!dir.path().join("none").exists(), "a configured secret is kept nowhere else");
        let long = "a".repeat(100_000);
        for wrong in ["a", "abcdefg", "abcdefghi", "Abcdefgh", "abcdefgh ", "\0", long.as_str()] {
            let said = secret.compare(Some(wrong), None);
            assert_eq!(said, Shared::Mismatch(SecretKind::Token), "{}", wrong.len());
        }
        assert_eq!(secret.compare(Some("abcdefgh"), None), Shared::Matched(SecretKind::Token));
        assert!(!format!("{secret:?}").contains("abcdefgh"));
    }

    #[test]
    fn a_token_can_be_written_behind_an_option() {
        for first in 0..=u8::MAX {
            let token = spelled([first; 32]);
            assert!(token.starts_with(|c: char| c.is_ascii_alphabetic()), "{token}");
        }
    }

    #[test]
    fn case_109_no_other_key_is_made_of_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let store = Store::new(state.clone(), |_, id| openclaw_plugin_sdk::SenderId::new(id));
        SharedSecret::load(&Auth::default(), &state).unwrap();
        let token = read(&Auth::default(), &state).unwrap().0.unwrap();
        let raw = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, token.expose().as_bytes());
        let identity = store.key("gateway-identity").unwrap();
        let page = store.key("webchat-default").unwrap();
        assert_ne!(identity, page);
        for key in [identity, page] {
            assert!(key.as_slice() != raw && key.as_slice() != digest.as_ref());
        }
    }
}
