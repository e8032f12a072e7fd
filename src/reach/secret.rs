//! The shared secret of command lines and old apps: configured, or made at the first start and kept for this user
//! alone. It is compared as a digest, in constant time, and shown by nothing but `gateway auth-token --show`.

use std::{fs, io::ErrorKind};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::Secret;

use crate::{
    config::gateway::{Auth, AuthMode},
    device::{
        handshake::{SecretKind, Shared},
        token::TokenDigest,
    },
    store::{StoreError, paths::StateDir, private},
    world,
};

/// What a client has to show.
#[derive(Debug)]
pub struct SharedSecret {
    kind: SecretKind,
    /// `None` where nothing is asked for.
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
    pub fn load(auth: &Auth, state: &StateDir) -> Result<Self, StoreError> {
        let (kind, given) = match auth.mode {
            AuthMode::None => return Ok(Self { kind: SecretKind::Token, digest: None }),
            AuthMode::Password => (SecretKind::Password, &auth.password),
            AuthMode::Token => (SecretKind::Token, &auth.token),
        };
        let digest = match (given, kind) {
            (Some(given), _) => TokenDigest::of(given.secret.expose()),
            (None, SecretKind::Token) => TokenDigest::of(generated(state)?.expose()),
            (None, SecretKind::Password) => return Ok(Self::never(kind)),
        };
        Ok(Self { kind, digest: Some(digest) })
    }

    /// Nothing that anybody shows is this one.
    fn never(kind: SecretKind) -> Self {
        Self { kind, digest: Some(TokenDigest::of(&format!("{:?}", world::random::<32>().ok()))) }
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

/// The secret itself, for whoever sits at this machine, and where it comes from. `None` where a program has to be
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
    Ok((kept(state)?, SecretSource::Generated))
}

fn generated(state: &StateDir) -> Result<Secret, StoreError> {
    if let Some(kept) = kept(state)? {
        return Ok(kept);
    }
    let path = state.gateway_token();
    let failed = |source| StoreError::Io { doing: "make", path: path.clone(), source };
    let token = URL_SAFE_NO_PAD.encode(world::random::<32>().map_err(failed)?);
    private::replace(&path, format!("{token}\n").as_bytes())?;
    Ok(Secret::new(token))
}

fn kept(state: &StateDir) -> Result<Option<Secret>, StoreError> {
    let path = state.gateway_token();
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(Some(Secret::new(text.trim().to_owned()))),
        Ok(_) => {
            let why = "it is empty; remove it, and the gateway makes a new one".to_owned();
            Err(StoreError::Damaged { path, line: Some(1), why })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io { doing: "read", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

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
        let unset =
            SharedSecret::load(&auth(AuthMode::Password), &StateDir::at(dir.path())).unwrap();
        assert_eq!(unset.compare(None, Some("")), Shared::Missing(SecretKind::Password));
        assert_eq!(unset.compare(None, Some("None")), Shared::Mismatch(SecretKind::Password));
        let open = SharedSecret::load(&auth(AuthMode::None), &StateDir::at(dir.path())).unwrap();
        assert_eq!(open.compare(None, None), Shared::Open);
    }

    #[test]
    fn an_empty_file_is_an_error_and_no_open_door() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        private::replace(&state.gateway_token(), b"\n").unwrap();
        assert!(SharedSecret::load(&auth(AuthMode::Token), &state).is_err());
    }
}
