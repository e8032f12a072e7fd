//! What connects: the parameters of `connect`, signed over the gateway's nonce. No `Debug`: it holds secrets.

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Map, Value, json};

use super::identity::Identity;
use crate::{
    protocol::{
        connect::{AuthParams, ClientMode, NEWEST, OLDEST},
        hello::Challenge,
    },
    rules::device::{
        identity::{Signed, Version, signed_text},
        role::Role,
    },
};

/// Who this machine is when it connects.
pub(super) struct ClientInfo<'a> {
    /// One of the protocol's.
    pub(super) client: &'static str,
    pub(super) mode: ClientMode,
    pub(super) role: Role,
    pub(super) scopes: Vec<String>,
    pub(super) caps: &'static [&'static str],
    pub(super) commands: &'static [&'static str],
    pub(super) name: Option<&'a str>,
    /// `None` for an operator without a device.
    pub(super) identity: Option<&'a Identity>,
    pub(super) auth: AuthParams,
}

impl ClientInfo<'_> {
    /// Every secret that is shown: no error repeats one.
    pub(super) fn secrets(&self) -> Vec<String> {
        let AuthParams { token, bootstrap_token, device_token, password } = &self.auth;
        [token, bootstrap_token, device_token, password].into_iter().flatten().cloned().collect()
    }

    /// The parameters, signed for this challenge.
    pub(super) fn params(&self, challenge: &Challenge) -> Value {
        let mut params = json!({
            "minProtocol": OLDEST,
            "maxProtocol": NEWEST,
            "client": {
                "id": self.client,
                "version": env!("CARGO_PKG_VERSION"),
                "platform": platform(),
                "deviceFamily": family(),
                "mode": self.mode.word(),
            },
            "role": self.role.word(),
            "scopes": self.scopes,
            "auth": auth(&self.auth),
        });
        if let Some(name) = self.name {
            params["client"]["displayName"] = json!(name);
        }
        if self.role == Role::Node {
            params["caps"] = json!(self.caps);
            params["commands"] = json!(self.commands);
        }
        if let Some(identity) = self.identity {
            params["client"]["instanceId"] = json!(identity.id().as_str());
            params["device"] = self.proof(identity, challenge);
        }
        params
    }

    fn proof(&self, identity: &Identity, challenge: &Challenge) -> Value {
        let id = identity.id();
        let signed = Signed {
            client_id: self.client,
            client_mode: self.mode.word(),
            role: self.role.word(),
            scopes: &self.scopes,
            token: self.auth.signed_token(),
            platform: platform(),
            device_family: family(),
        };
        let nonce = challenge.nonce.trim();
        let text = signed_text(Version::V3, id.as_str(), &signed, UnixMs(challenge.ts), nonce);
        json!({
            "id": id.as_str(),
            "publicKey": identity.key().spell(),
            "signature": identity.sign(&text),
            "signedAt": challenge.ts,
            "nonce": nonce,
        })
    }
}

fn auth(auth: &AuthParams) -> Value {
    let AuthParams { token, bootstrap_token, device_token, password } = auth;
    let shown = [
        ("token", token),
        ("bootstrapToken", bootstrap_token),
        ("deviceToken", device_token),
        ("password", password),
    ];
    let shown = shown.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    Value::Object(shown.map(|(name, text)| (name.to_owned(), json!(text))).collect::<Map<_, _>>())
}

/// Only a token is shown, where there is one.
pub(super) fn with_token(token: Option<String>) -> AuthParams {
    AuthParams { token, ..AuthParams::default() }
}

/// As the field's newest clients spell it.
fn platform() -> &'static str {
    std::env::consts::OS
}

/// As the field's newest clients spell it.
pub(super) fn family() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Mac",
        "windows" => "Windows",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::connect::ConnectParams,
        rules::device::identity::{Nonce, Proof, prove},
        store::paths::StateDir,
    };

    fn who(identity: Option<&Identity>, auth: AuthParams) -> ClientInfo<'_> {
        ClientInfo {
            client: "node-host",
            mode: ClientMode::Node,
            role: Role::Node,
            scopes: vec![],
            caps: &["device"],
            commands: &["device.info"],
            name: Some("box"),
            identity,
            auth,
        }
    }

    #[test]
    fn what_is_sent_is_what_was_signed() {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::open(&StateDir::at(folder.path())).unwrap();
        let auths = [
            AuthParams { token: Some("t".to_owned()), ..AuthParams::default() },
            AuthParams { bootstrap_token: Some("b".to_owned()), ..AuthParams::default() },
            AuthParams { password: Some("p".to_owned()), ..AuthParams::default() },
            AuthParams {
                token: Some("t".to_owned()),
                device_token: Some("d".to_owned()),
                ..AuthParams::default()
            },
        ];
        for auth in auths {
            let nonce = Nonce::from_random([3; 16]);
            let challenge = Challenge { nonce: nonce.as_str().to_owned(), ts: 7 };
            let sent = who(Some(&identity), auth).params(&challenge);
            let read = ConnectParams::parse(sent).unwrap();
            let device = read.device.as_ref().unwrap();
            let shown = read.auth.as_ref().unwrap();
            let signed = Signed {
                client_id: read.client.id.as_str(),
                client_mode: read.client.mode.word(),
                role: "node",
                scopes: read.scopes(),
                token: shown.signed_token(),
                platform: &read.client.platform,
                device_family: read.client.device_family.as_deref().unwrap_or_default(),
            };
            let proof = Proof {
                id: &device.id,
                public_key: &device.public_key,
                signature: &device.signature,
                signed_at: UnixMs(device.signed_at),
                nonce: device.nonce.as_deref(),
            };
            let proven = prove(proof, signed, nonce, UnixMs(7)).unwrap();
            assert_eq!((proven.id(), proven.version()), (&identity.id(), Version::V3));
            assert_eq!(read.protocol(), Some(NEWEST));
        }
    }

    #[test]
    fn an_operator_without_a_device_names_none() {
        let sent = who(None, AuthParams::default()).params(&Challenge { nonce: "n".into(), ts: 1 });
        assert!(sent.get("device").is_none() && sent["client"].get("instanceId").is_none());
        assert_eq!(sent["auth"], json!({}));
    }
}
