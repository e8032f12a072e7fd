//! Devices of the field in any number: the n-th has the same key and the same token each time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};

/// What a connect is made of besides the key.
#[derive(Clone, Copy)]
pub(crate) struct Guise {
    /// `openclaw-ios` signs version 2, everything else version 3.
    pub(crate) client: &'static str,
    pub(crate) role: &'static str,
    pub(crate) scopes: &'static [&'static str],
}

/// A phone's second socket.
pub(crate) const PHONE: Guise = Guise {
    client: "openclaw-ios",
    role: "operator",
    scopes: &["operator.read", "operator.write", "operator.pairing"],
};

/// A command line of 2026.9.
pub(crate) const COMMAND_LINE: Guise = Guise { client: "cli", ..PHONE };

/// A node without commands.
pub(crate) const NODE: Guise = Guise { client: "openclaw-ios", role: "node", scopes: &[] };

/// A key, and the token it was given.
pub(crate) struct Device {
    pair: Ed25519KeyPair,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) token: String,
}

impl Device {
    /// The one with this number.
    pub(crate) fn number(number: u64) -> Self {
        let mut seed = [0x5a; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let raw = pair.public_key().as_ref();
        let (id, key) = (sha256(raw), URL_SAFE_NO_PAD.encode(raw));
        let token = URL_SAFE_NO_PAD.encode(digest(&SHA256, &seed));
        Self { pair, id, key, token }
    }

    /// Its row of `paired.json`.
    pub(crate) fn row(&self) -> String {
        let tokens = |role: &str, scopes: &[&str]| {
            json!({
                "tokenSha256": sha256(self.token.as_bytes()), "role": role, "scopes": scopes,
                "createdAtMs": 1_760_000_000_000_u64,
            })
        };
        let row = json!({
            "deviceId": self.id, "publicKey": self.key, "displayName": "iPhone of Ann",
            "platform": "iOS 26.0.0", "deviceFamily": "iPhone", "clientId": "openclaw-ios",
            "clientMode": "ui", "role": "operator", "roles": ["node", "operator"],
            "scopes": PHONE.scopes, "approvedScopes": PHONE.scopes, "remoteIp": "192.168.1.20",
            "tokens": { "node": tokens("node", &[]), "operator": tokens("operator", PHONE.scopes) },
            "nodeSurface": { "caps": [], "commands": [] },
            "createdAtMs": 1_760_000_000_000_u64, "approvedAtMs": 1_760_000_000_000_u64,
        });
        format!("\"{}\":{row}", self.id)
    }

    /// The first frame on a socket with this challenge. `token` goes with it, and is signed.
    pub(crate) fn connect(
        &self,
        guise: Guise,
        token: Option<&str>,
        nonce: &str,
        at: u64,
    ) -> String {
        let Guise { client, role, scopes } = guise;
        let mode = if client == "cli" { "cli" } else { "ui" };
        let shown = token.unwrap_or_default();
        let id = &self.id;
        let common =
            format!("{id}|{client}|{mode}|{role}|{}|{at}|{shown}|{nonce}", scopes.join(","));
        let text = match client {
            "openclaw-ios" => format!("v2|{common}"),
            _ => format!("v3|{common}|ios 26.0.0|iphone"),
        };
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()).as_ref());
        let device = json!({
            "id": self.id, "publicKey": self.key, "signature": signature, "signedAt": at,
            "nonce": nonce,
        });
        connect(guise, mode, token, Some(device))
    }
}

/// The frame without a device.
pub(crate) fn bare(guise: Guise, token: &str) -> String {
    connect(guise, "cli", Some(token), None)
}

fn connect(guise: Guise, mode: &str, token: Option<&str>, device: Option<Value>) -> String {
    let mut params = json!({
        "minProtocol": 3, "maxProtocol": 4,
        "client": {
            "id": guise.client, "displayName": "iPhone of Ann", "version": "2026.9.1",
            "platform": "iOS 26.0.0", "deviceFamily": "iPhone", "mode": mode,
        },
        "role": guise.role, "scopes": guise.scopes, "caps": [], "commands": [],
        "locale": "en_US", "userAgent": "OpenClaw/1",
    });
    if let Some(token) = token {
        params["auth"] = json!({ "token": token });
    }
    if let Some(device) = device {
        params["device"] = device;
    }
    json!({ "type": "req", "id": "1", "method": "connect", "params": params }).to_string()
}

fn sha256(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
