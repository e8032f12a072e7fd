//! The gateway's own key, by which it is known again through whatever name or proxy leads to it. It signs numbers
//! that somebody else chose, under a word of its own, and nothing else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::{
    store::{Store, StoreError, files::FileStore},
    world,
};

/// Where the answer is.
pub const PATH: &str = "/.well-known/openclaw";

const PURPOSE: &str = "gateway-identity";

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The kept key is none.
    #[error("the key of the gateway is damaged; move it away, and the next start makes another")]
    Damaged,
    /// It cannot be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The gateway's key. It prints nothing of itself.
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct Identity(Ed25519KeyPair);

/// What somebody asked with is no number of 16 to 64 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadNonce;

#[derive(Serialize, Deserialize)]
struct Answer {
    gateway: String,
    nonce: String,
    signature: String,
}

impl Identity {
    /// The gateway's; made at its first use.
    pub fn load(store: &FileStore) -> Result<Self, IdentityError> {
        Self::from_seed(&store.key(PURPOSE)?)
    }

    fn from_seed(seed: &[u8; 32]) -> Result<Self, IdentityError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        pair.map(Self).map_err(|_| IdentityError::Damaged)
    }

    /// The public half, as an answer names it.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }

    /// The JSON for `GET /.well-known/openclaw?nonce=…`. It says nothing else, whoever asks.
    pub fn answer(&self, query: Option<&str>) -> Result<String, BadNonce> {
        let nonce =
            query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("nonce="));
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let nonce = nonce.filter(|nonce| (16..=64).contains(&nonce.len()));
        let nonce = nonce.filter(|nonce| nonce.chars().all(fits)).ok_or(BadNonce)?;
        let signature = self.0.sign(message(nonce).as_bytes());
        let answer = Answer {
            gateway: self.public(),
            nonce: nonce.to_owned(),
            signature: URL_SAFE_NO_PAD.encode(signature.as_ref()),
        };
        serde_json::to_string(&answer).map_err(|_| BadNonce)
    }

    /// True where the body is this gateway's answer to this number, and no earlier one's.
    pub(super) fn wrote(&self, body: &[u8], nonce: &str) -> bool {
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(&answer.signature) else { return false };
        let own = UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref());
        answer.gateway == self.public()
            && answer.nonce == nonce
            && own.verify(message(nonce).as_bytes(), &signature).is_ok()
    }
}

/// A number to ask with, that nobody asked with before.
pub(super) fn fresh_nonce() -> std::io::Result<String> {
    world::random::<24>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

fn message(nonce: &str) -> String {
    format!("openclaw-probe\n{nonce}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "abcdefghijklmnop-_12";

    fn identity(seed: u8) -> Identity {
        Identity::from_seed(&[seed; 32]).unwrap()
    }

    #[test]
    fn an_answer_is_for_its_number_and_of_its_gateway() {
        let own = identity(1);
        let body = own.answer(Some(&format!("a=b&nonce={NONCE}"))).unwrap();
        assert!(own.wrote(body.as_bytes(), NONCE));
        assert!(!own.wrote(body.as_bytes(), "abcdefghijklmnop-_13"));
        assert!(!identity(2).wrote(body.as_bytes(), NONCE));
        let forged = body.replace(&own.public(), &identity(2).public());
        assert!(
            !identity(2).wrote(forged.as_bytes(), NONCE) && !own.wrote(forged.as_bytes(), NONCE)
        );
        let of_other = identity(2).answer(Some(&format!("nonce={NONCE}"))).unwrap();
        let forged = of_other.replace(&identity(2).public(), &own.public());
        assert!(!own.wrote(forged.as_bytes(), NONCE));
        for junk in ["", "{}", "<html>", "{\"gateway\":1}"] {
            assert!(!own.wrote(junk.as_bytes(), NONCE));
        }
    }

    #[test]
    fn what_is_no_number_is_not_signed() {
        let long = "a".repeat(65);
        for nonce in [
            "",
            "short",
            "fifteen-letters",
            long.as_str(),
            "abcdefghijklmno%0A",
            "abcdefghijklmnop\n",
        ] {
            let query = format!("nonce={nonce}");
            assert_eq!(identity(1).answer(Some(&query)), Err(BadNonce), "{nonce}");
        }
        assert_eq!(identity(1).answer(None), Err(BadNonce));
        assert_eq!(identity(1).answer(Some("once=abcdefghijklmnop")), Err(BadNonce));
    }

    #[test]
    fn case_055_the_answer_has_three_fields_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let state = crate::store::paths::StateDir::at(folder.path());
        let store = FileStore::new(state, |_, id| openclaw_plugin_sdk::SenderId::new(id));
        let own = Identity::load(&store).unwrap();
        assert_eq!(Identity::load(&store).unwrap().public(), own.public());
        let body = own.answer(Some(&format!("nonce={NONCE}"))).unwrap();
        let answer: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&body).unwrap();
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["gateway", "nonce", "signature"]);
        let seed = store.key("gateway-identity").unwrap();
        assert!(!body.contains(&URL_SAFE_NO_PAD.encode(seed)));
    }
}
