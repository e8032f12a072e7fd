//! Which gateway a command means, and what it may show there. No `Debug` shows a secret.

use std::{fmt, time::Duration};

use super::{
    Fingerprint, RemoteError, address::Address, identity::Identity, session::Trust,
    tokens::TokenFile,
};
use crate::{
    network::identity::GatewayKey, protocol::connect::AuthParams, rules::device::role::Role,
    store::paths::StateDir,
};

/// What is shown to a gateway before it has given this machine a token: its shared secret, or that of a setup code.
#[derive(Clone, Default)]
pub struct Secret(pub(super) AuthParams);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The shared secret, as far as it is known. Blank texts are none.
    pub fn new(token: Option<String>, password: Option<String>) -> Self {
        let filled = |text: Option<String>| {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let (token, password) = (filled(token), filled(password));
        Self(AuthParams { token, password, ..AuthParams::default() })
    }

    /// True where nothing is known.
    pub fn is_empty(&self) -> bool {
        let AuthParams { token, bootstrap_token, device_token, password } = &self.0;
        [token, bootstrap_token, device_token, password].into_iter().all(Option::is_none)
    }
}

/// A gateway, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub address: Address,
    /// Nobody named it: it is the one of this state folder.
    pub implied: bool,
    /// Shown to it.
    pub secret: Secret,
    /// The variable of the environment that holds it.
    pub secret_from: Option<&'static str>,
    /// The one certificate that is taken.
    pub pin: Option<Fingerprint>,
    /// The longest that connecting or one answer may take.
    pub patience: Duration,
    /// `OPENCLAW_ALLOW_INSECURE_PRIVATE_WS`: the user answers for the network.
    pub insecure: bool,
    /// Where this machine's identity is.
    pub state: StateDir,
}

impl Target {
    /// Refuses what would give a secret away, before anything is sent.
    pub(super) fn check(&self) -> Result<(), RemoteError> {
        self.address.check(self.insecure, self.pin)?;
        if !self.implied && self.secret.is_empty() && !self.is_known()? {
            return Err(RemoteError::NoSecret(self.address.to_string()));
        }
        Ok(())
    }

    /// True for the user of the gateway's own machine, who knows its secret.
    pub(super) fn is_user(&self) -> bool {
        self.address.is_loopback() && !self.secret.is_empty()
    }

    /// What it has to prove, by what this state folder and this device know. A place whose key nobody knows is shown
    /// what its user has typed for it; a token of this device goes there only over TLS, or where the user answers
    /// for the network.
    pub(super) fn trust<'a>(
        &self,
        own: Option<&'a GatewayKey>,
        there: Option<&'a GatewayKey>,
    ) -> Result<Trust<'a>, RemoteError> {
        let typed = !self.secret.is_empty() || self.address.tls() || self.insecure;
        match (there, own) {
            _ if self.implied => Ok(Trust::Own(own)),
            (Some(key), _) => Ok(Trust::Known(key)),
            (None, _) if typed => Ok(Trust::Word),
            (None, Some(_)) if self.address.is_loopback() => Ok(Trust::Own(own)),
            (None, _) => Err(RemoteError::Unproven(self.address.place())),
        }
    }

    /// True where the gateway has given this machine a token. Makes no identity.
    fn is_known(&self) -> Result<bool, RemoteError> {
        if !super::identity::exists(&self.state) {
            return Ok(false);
        }
        let identity = Identity::open(&self.state)?;
        let file = TokenFile::of(&self.state, identity.id());
        Ok(file.token(Role::Operator, &self.address)?.is_some())
    }

    /// Keeps the token of a `device.token.rotate` answer, where the rotated device is this machine's.
    pub fn keep(
        &self,
        device: &str,
        role: Role,
        rotated: &serde_json::Value,
    ) -> Result<(), RemoteError> {
        let token = rotated.get("token").and_then(serde_json::Value::as_str);
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(()) };
        let identity = Identity::open(&self.state)?;
        if identity.id().as_str() != device {
            return Ok(());
        }
        let scopes = rotated.get("scopes").cloned().unwrap_or_default();
        let scopes: Vec<String> = serde_json::from_value(scopes).unwrap_or_default();
        let file = TokenFile::of(&self.state, identity.id());
        Ok(file.keep(role, token, &scopes, &self.address)?)
    }

    /// A refused shared secret may be followed by the device's own token where nobody else can ask for it.
    pub(super) fn may_retry(&self, error: &RemoteError) -> bool {
        let RemoteError::NotLetIn(refused) = error else { return false };
        let details = refused.details.as_ref();
        let offered = details.and_then(|details| details.get("canRetryWithDeviceToken"));
        let wanted = offered.and_then(serde_json::Value::as_bool) == Some(true);
        wanted && (self.address.is_loopback() || self.address.tls())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, secret: Option<&str>) -> Target {
        Target {
            address: Address::parse(url).unwrap(),
            implied: false,
            secret_from: None,
            secret: Secret::new(secret.map(str::to_owned), None),
            pin: None,
            patience: Duration::from_secs(1),
            insecure: false,
            state: StateDir::at("/nonexistent"),
        }
    }

    #[test]
    fn a_named_gateway_needs_a_secret_of_its_own() {
        let error = target("ws://127.0.0.1:1", None).check().unwrap_err();
        assert_eq!(error.to_string(), "no token or password was given for ws://127.0.0.1:1");
        for blank in ["", " \n"] {
            assert!(target("ws://127.0.0.1:1", Some(blank)).check().is_err());
        }
        assert!(target("ws://127.0.0.1:1", Some("t")).check().is_ok());
        assert!(Target { implied: true, ..target("ws://127.0.0.1:1", None) }.check().is_ok());
    }

    #[test]
    fn no_secret_goes_in_the_clear_to_a_public_host() {
        let public = target("ws://gw.example.com:1", Some("s3cret"));
        let error = public.check().unwrap_err();
        assert!(matches!(error, RemoteError::Plaintext { .. }));
        assert!(!format!("{error} {public:?}").contains("s3cret"));
        assert!(Target { insecure: true, ..public }.check().is_ok());
    }

    #[test]
    fn case_052_a_pin_is_not_given_up_for_a_plain_connection() {
        let pin = Fingerprint::parse(&"a".repeat(64));
        let plain = Target { pin, insecure: true, ..target("ws://127.0.0.1:1", Some("t")) };
        assert!(matches!(plain.check(), Err(RemoteError::Distrust { pinned: true, .. })));
    }
}
