//! Encrypts as Feishu does.
#![allow(clippy::expect_used, reason = "a failed set-up fails the test")]

use aes::{
    Aes256,
    cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest;
use serde_json::json;

/// The body of a request with this payload.
pub(crate) fn seal(key: &str, payload: &str) -> String {
    let (key, iv) = (digest::digest(&digest::SHA256, key.as_bytes()), [7; 16]);
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(key.as_ref(), &iv).expect("a key");
    let sealed = cipher.encrypt_padded_vec::<Pkcs7>(payload.as_bytes());
    json!({ "encrypt": STANDARD.encode([&iv[..], &sealed].concat()) }).to_string()
}
