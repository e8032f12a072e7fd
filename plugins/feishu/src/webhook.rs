//! Requests that Feishu sends, signs and encrypts. Of an old kind, which is neither, none is read.

use std::{future::ready, time::Duration};

use aes::{
    Aes256,
    cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER_PERMISSIVE;
use openclaw_plugin_sdk::{
    Bytes, ChannelError, Inbox, UnixMs,
    http::{HeaderMap, Request, StatusCode},
    kit::webhook::{self, is_recent},
};
use ring::digest::{Context, SHA256, digest};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::{account::Feishu, config::Keys, inbound::Me};

/// A request that is older proves nothing.
const MOST_AGE: Duration = Duration::from_mins(5);

impl Feishu {
    /// Takes requests until something goes wrong.
    pub(crate) async fn serve(
        &self,
        inbox: &Inbox,
        me: &Me,
        keys: &Keys,
    ) -> Result<(), ChannelError> {
        let proof = |request: &Request<Bytes>| {
            ready(proven(keys, request, inbox.now()).ok_or(StatusCode::UNAUTHORIZED))
        };
        let judge = |payload: Value| match challenge(keys, &payload) {
            Some(challenge) => (None, webhook::json(&json!({ "challenge": challenge }))),
            None => (self.arrival(inbox, me, &payload), webhook::json(&json!({}))),
        };
        let kept = (&self.acks, &self.standing);
        webhook::serve(inbox, kept, proof, judge, |event| ready(Ok(Some(event)))).await
    }
}

/// What stands in a request of Feishu's. The one that asks whether we are there may come without a signature: its token
/// is encrypted.
fn proven(keys: &Keys, request: &Request<Bytes>, now: UnixMs) -> Option<Value> {
    let payload = decrypted(keys, request.body());
    let is_proven = is_signed(keys, request.headers(), request.body(), now)
        && is_token(keys, &payload["header"]["token"]);
    (is_proven || challenge(keys, &payload).is_some()).then_some(payload)
}

/// By the key, and within the time; in constant time.
fn is_signed(keys: &Keys, headers: &HeaderMap, body: &[u8], now: UnixMs) -> bool {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (stamp, nonce) = (text("x-lark-request-timestamp"), text("x-lark-request-nonce"));
    let mut hash = Context::new(&SHA256);
    for part in [stamp.as_bytes(), nonce.as_bytes(), keys.encrypt_key.expose().as_bytes(), body] {
        hash.update(part);
    }
    let signature = HEXLOWER_PERMISSIVE.decode(text("x-lark-signature").as_bytes());
    let is_same = |signature: Vec<u8>| bool::from(signature.ct_eq(hash.finish().as_ref()));
    signature.is_ok_and(is_same) && is_recent(stamp, now, MOST_AGE)
}

/// What stands in a body; `Null` where it is not encrypted with our key.
fn decrypted(keys: &Keys, body: &[u8]) -> Value {
    let read = || {
        let body: Value = serde_json::from_slice(body).ok()?;
        let bytes = STANDARD.decode(body["encrypt"].as_str()?).ok()?;
        let (iv, text) = bytes.split_at_checked(16)?;
        let key = digest(&SHA256, keys.encrypt_key.expose().as_bytes());
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key.as_ref(), iv).ok()?;
        let text = cipher.decrypt_padded_vec::<Pkcs7>(text).ok()?;
        serde_json::from_slice(&text).ok()
    };
    read().unwrap_or_default()
}

/// What Feishu wants to hear again, where it asks whether we are there.
fn challenge(keys: &Keys, payload: &Value) -> Option<String> {
    let asks = payload["type"] == "url_verification" && is_token(keys, &payload["token"]);
    payload["challenge"].as_str().filter(|_| asks).map(str::to_owned)
}

fn is_token(keys: &Keys, said: &Value) -> bool {
    let hash = |text: &str| digest(&SHA256, text.as_bytes());
    let ours = hash(keys.verification_token.expose());
    said.as_str().is_some_and(|said| bool::from(hash(said).as_ref().ct_eq(ours.as_ref())))
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::Secret;

    use super::*;

    const STAMP: u64 = 1_790_000_000;
    const BODY: &[u8] = br#"{"encrypt":"x"}"#;

    fn keys() -> Keys {
        let (key, token) = (Secret::new("encrypt-key-1"), Secret::new("verification-1"));
        Keys { encrypt_key: key, verification_token: token }
    }

    fn signature(stamp: &str, nonce: &str, key: &str, body: &[u8]) -> String {
        let all = [stamp.as_bytes(), nonce.as_bytes(), key.as_bytes(), body].concat();
        data_encoding::HEXLOWER.encode(digest(&SHA256, &all).as_ref())
    }

    fn signed(stamp: &str, nonce: &str, signature: &str, body: &[u8], now: u64) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("x-lark-request-timestamp", stamp.parse().unwrap());
        headers.insert("x-lark-request-nonce", nonce.parse().unwrap());
        headers.insert("x-lark-signature", signature.parse().unwrap());
        is_signed(&keys(), &headers, body, UnixMs(now * 1000))
    }

    #[test]
    fn case_090_what_is_not_exactly_so_is_refused() {
        let stamp = STAMP.to_string();
        let right = signature(&stamp, "n", "encrypt-key-1", BODY);
        for now in [STAMP, STAMP + 300, STAMP - 300] {
            assert!(signed(&stamp, "n", &right, BODY, now));
        }
        assert!(signed(&stamp, "n", &right.to_uppercase(), BODY, STAMP));
        for (stamp, nonce, signature, body, now) in [
            (stamp.as_str(), "n", right.as_str(), BODY, STAMP + 301),
            (&stamp, "n", &right, BODY, STAMP - 301),
            (&stamp, "m", &right, BODY, STAMP),
            (&stamp, "n", &right, &BODY[1..], STAMP),
            (&stamp, "n", &right[1..], BODY, STAMP),
            (&stamp, "n", "", BODY, STAMP),
            (&stamp, "n", &signature(&stamp, "n", "", BODY), BODY, STAMP),
            ("", "n", &signature("", "n", "encrypt-key-1", BODY), BODY, STAMP),
            ("x", "n", &signature("x", "n", "encrypt-key-1", BODY), BODY, STAMP),
        ] {
            assert!(
                !signed(stamp, nonce, signature, body, now),
                "{stamp} {nonce} {signature} {now}"
            );
        }
        assert!(!is_signed(&keys(), &HeaderMap::new(), BODY, UnixMs(STAMP * 1000)));
    }

    #[test]
    fn case_090_a_body_that_our_key_does_not_open_says_nothing() {
        for body in [
            &b""[..],
            b"{}",
            b"null",
            br#"{"schema":"2.0"}"#,
            br#"{"encrypt":7}"#,
            br#"{"encrypt":""}"#,
            br#"{"encrypt":"AAAA"}"#,
            br#"{"encrypt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#,
            br#"{"encrypt":"AAAAAAAAAAAAAAAAAAAAAA=="}"#,
        ] {
            assert_eq!(decrypted(&keys(), body), Value::Null, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_body_is_opened_as_feishus_own_client_opens_it() {
        // Made by Node's `aes-256-cbc` with SHA-256 of the key.
        let body = br#"{"encrypt":"AAECAwQFBgcICQoLDA0OD9HXoNDpVuHVN9CiDyG3ivdXkiHw6kCwYSmuIHxU2qJgJxFkB8wLb/wc5iRasg9iXQ=="}"#;
        assert_eq!(decrypted(&keys(), body), json!({ "schema": "2.0", "text": "Ärger" }));
        let other = Keys { encrypt_key: Secret::new("encrypt-key-2"), ..keys() };
        assert_eq!(decrypted(&other, body), Value::Null);
    }

    #[test]
    fn only_who_knows_the_token_hears_the_challenge_again() {
        let asks = |kind: &str, token: &str| {
            challenge(&keys(), &json!({ "type": kind, "token": token, "challenge": "c" }))
        };
        assert_eq!(asks("url_verification", "verification-1").as_deref(), Some("c"));
        assert_eq!(asks("url_verification", "verification-2"), None);
        assert_eq!(asks("url_verification", ""), None);
        assert_eq!(asks("event_callback", "verification-1"), None);
    }
}
