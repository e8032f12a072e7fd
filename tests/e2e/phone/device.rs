//! A device's key, and how it signs: version 2 of the payload, as every app in Swift does.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// A key.
pub(crate) struct Device {
    pair: Ed25519KeyPair,
    pub(crate) id: String,
    pub(crate) public: String,
}

impl Device {
    /// A new one.
    pub(crate) fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let raw = pair.public_key().as_ref();
        let digest = ring::digest::digest(&ring::digest::SHA256, raw);
        let id = digest.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let public = URL_SAFE_NO_PAD.encode(raw);
        Self { pair, id, public }
    }

    /// Puts `device` into a connect.
    pub(crate) fn sign(&self, params: &mut Value, auth: &Value, nonce: &str, at: u64) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let scopes: Vec<String> =
            params["scopes"].as_array().into_iter().flatten().map(text).collect();
        let token = ["token", "deviceToken", "bootstrapToken"];
        let token = token.iter().find_map(|key| auth[*key].as_str()).unwrap_or_default();
        let payload = format!(
            "v2|{}|{}|{}|{}|{}|{at}|{token}|{nonce}",
            self.id,
            text(&params["client"]["id"]),
            text(&params["client"]["mode"]),
            text(&params["role"]),
            scopes.join(","),
        );
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(payload.as_bytes()).as_ref());
        params["device"] = json!({
            "id": self.id, "publicKey": self.public, "signature": signature,
            "signedAt": at, "nonce": nonce,
        });
    }
}
