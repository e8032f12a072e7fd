//! The gateway's own key, by which it is known again through whatever name or proxy leads to it. It signs numbers
//! that a client chose, under a word of its own, and nothing else.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

pub use crate::text::IdentityError;
use crate::{
    store::{Store, StoreError, paths::StateDir, private},
    world,
};

/// Where the answer is.
pub const PATH: &str = "/.well-known/openclaw";

const PURPOSE: &str = "gateway-identity";

/// A client's number, in the head of a request for a socket.
pub const NONCE_HEADER: &str = "openclaw-nonce";
/// The address that the client has reached on this machine, in the same head: a relay on another port changes it, so
/// the gateway signs it only where it is its own end of the connection.
pub const REACHED_HEADER: &str = "openclaw-reached";
/// The gateway's key, in the head of the answer.
pub const KEY_HEADER: &str = "openclaw-gateway";
/// Its signature of that number.
pub const SIGNATURE_HEADER: &str = "openclaw-signature";

/// The gateway's key. It prints nothing of itself.
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct Identity(Ed25519KeyPair);

/// The public half of a gateway's key: what a client knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayKey(String);

impl GatewayKey {
    /// Reads 32 bytes of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let raw = URL_SAFE_NO_PAD.decode(text).ok()?;
        (raw.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The key of this state folder's gateway. Makes none; a damaged one is none.
    pub fn of_folder(state: &StateDir) -> Result<Option<Self>, StoreError> {
        let seed = private::read(&state.key(PURPOSE))?;
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.try_into().ok());
        let own = seed.and_then(|seed| Identity::from_seed(&seed).ok());
        Ok(own.map(|own| Self(own.public())))
    }

    /// As answers spell it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key, where it has signed this number, and the address that was reached where one was named.
    pub fn proven(
        key: &str,
        nonce: &str,
        reached: Option<SocketAddr>,
        signature: &str,
    ) -> Option<Self> {
        let known = Self::parse(key)?;
        let raw = URL_SAFE_NO_PAD.decode(key).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ED25519, raw);
        public.verify(message(nonce, reached).as_bytes(), &signature).ok().map(|()| known)
    }
}

/// The nonce of a client is no number of 16 to 64 characters of base64url.
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
    pub fn load(store: &Store) -> Result<Self, IdentityError> {
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

    /// The JSON for `GET /.well-known/openclaw?nonce=…`. It says nothing else to any client.
    pub fn answer(&self, query: Option<&str>) -> Result<String, BadNonce> {
        let nonce =
            query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("nonce="));
        let nonce = nonce.ok_or(BadNonce)?;
        let signature = self.sign(nonce, None)?;
        let answer = Answer { gateway: self.public(), nonce: nonce.to_owned(), signature };
        serde_json::to_string(&answer).map_err(|_| BadNonce)
    }

    /// The signature of a client's number, and of the address that the client has reached.
    pub fn sign(&self, nonce: &str, reached: Option<SocketAddr>) -> Result<String, BadNonce> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(16..=64).contains(&nonce.len()) || !nonce.chars().all(fits) {
            return Err(BadNonce);
        }
        Ok(URL_SAFE_NO_PAD.encode(self.0.sign(message(nonce, reached).as_bytes()).as_ref()))
    }

    /// True where the body is this gateway's answer to this number, and no earlier one's.
    pub(super) fn wrote(&self, body: &[u8], nonce: &str) -> bool {
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return false };
        answer.gateway == self.public()
            && answer.nonce == nonce
            && GatewayKey::proven(&answer.gateway, nonce, None, &answer.signature).is_some()
    }
}

/// A number to ask with, that nobody asked with before.
pub fn fresh_nonce() -> std::io::Result<String> {
    world::random::<24>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// A number has no line break, so no message of one kind is one of the other.
fn message(nonce: &str, reached: Option<SocketAddr>) -> String {
    match reached {
        None => format!("openclaw-probe\n{nonce}"),
        Some(reached) => format!("openclaw-socket\n{nonce}\n{}", canonical(reached)),
    }
}

/// An IPv4 address as such, also where a socket of IPv6 has it.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
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
    fn case_210_a_signature_for_a_socket_names_the_address_that_was_reached() {
        let own = identity(1);
        let (here, there) = (([127, 0, 0, 1], 18_789).into(), ([127, 0, 0, 1], 18_790).into());
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:18789".parse().unwrap();
        let proven = |reached, signed: Option<SocketAddr>| {
            let signature = own.sign(NONCE, signed).unwrap();
            GatewayKey::proven(&own.public(), NONCE, reached, &signature).is_some()
        };
        assert!(proven(None, None) && proven(Some(here), Some(here)));
        assert!(proven(Some(here), Some(mapped)), "the same address");
        for (reached, signed) in [(Some(here), Some(there)), (Some(here), None), (None, Some(here))]
        {
            assert!(!proven(reached, signed), "{reached:?} {signed:?}");
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
        let store = Store::new(state, |_, id| openclaw_plugin_sdk::SenderId::new(id));
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
