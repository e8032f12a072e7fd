//! An issuer of tokens, with a key of its own that protects nothing.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use serde_json::{Value, json};

/// Signs tokens by RS256.
#[derive(Debug)]
pub struct Issuer(RsaKeyPair);

/// The key itself, in PEM, as a file with a service account has it.
pub fn private_key() -> String {
    let text = BASE64.encode(include_bytes!("issuer.pk8"));
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// A certificate of the issuer's key, in PEM.
pub const CERTIFICATE: &str = include_str!("issuer.pem");

impl Default for Issuer {
    fn default() -> Self {
        let pair = RsaKeyPair::from_pkcs8(include_bytes!("issuer.pk8"));
        Self(pair.expect("a key"))
    }
}

impl Issuer {
    /// The key as a JWK set lists it, under this id.
    pub fn jwk(&self, kid: &str) -> Value {
        let RsaPublicKeyComponents::<Vec<u8>> { n, e } = self.0.public().into();
        let text = |number: Vec<u8>| BASE64URL_NOPAD.encode(&number);
        json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": text(n), "e": text(e) })
    }

    /// A token with these claims, signed with the key of this id.
    pub fn token(&self, kid: &str, claims: &Value) -> String {
        self.sign(&json!({ "alg": "RS256", "typ": "JWT", "kid": kid }), claims)
    }

    /// The same with this header, whatever it says.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let mut signature = vec![0; self.0.public().modulus_len()];
        let made =
            self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        made.expect("a signature");
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

/// What of a token is signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let text = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    format!("{}.{}", text(header), text(claims))
}
