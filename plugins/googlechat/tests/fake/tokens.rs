//! Tokens: those by which Google proves that it calls, and those that a service account is given.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::{
    now,
    testing::issuer::{Issuer, private_key},
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// The app's project, and where Google calls it.
pub(crate) const PROJECT: &str = "123456789012";
pub(crate) const URL: &str = "https://bot.example/googlechat";
const CHAT: &str = "chat@system.gserviceaccount.com";
const EMAIL: &str = "gate@bot-project.iam.gserviceaccount.com";

/// What Google proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For the number of the project, by Chat's own key.
    Number,
    /// For the app's address, by Chat.
    Url,
    /// For the app's address, by the add-ons of the project.
    Addon,
    /// For the app's address, by Pub/Sub in the name of the service account.
    Pushed,
}

/// The key of the service account as its file has it.
pub(crate) fn account(root: &str) -> String {
    json!({
        "type": "service_account", "project_id": "bot-project", "private_key_id": "k1",
        "private_key": private_key(), "client_email": EMAIL, "token_uri": format!("{root}/token"),
    })
    .to_string()
}

/// A part of the private key, which stands nowhere else.
pub(crate) fn secret_part() -> String {
    private_key().lines().nth(3).expect("a long key").to_owned()
}

/// What a good token of a kind says.
pub(crate) fn claims(kind: Kind) -> Value {
    let at = now().0 / 1000;
    let (iat, exp) = (at - 5, at + 3000);
    let email = match kind {
        Kind::Number => return json!({ "iss": CHAT, "aud": PROJECT, "iat": iat, "exp": exp }),
        Kind::Url => CHAT.to_owned(),
        Kind::Addon => format!("service-{PROJECT}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"),
        Kind::Pushed => EMAIL.to_owned(),
    };
    json!({
        "iss": "https://accounts.google.com", "aud": URL, "email": email, "email_verified": true,
        "sub": "1", "iat": iat, "exp": exp,
    })
}

/// Signs by the key that a kind is judged by.
pub(crate) fn token(kind: Kind, claims: &Value) -> String {
    let key = if kind == Kind::Number { "chat" } else { "google" };
    Issuer::default().token(key, claims)
}

/// Whether this is what a service account signs for a token, at that second.
pub(crate) fn is_assertion(text: &str, token_uri: &str, at: u64) -> Result<(), &'static str> {
    let (signed, signature) = text.rsplit_once('.').ok_or("no signature")?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "no base64");
    let (header, claims) = signed.split_once('.').ok_or("no claims")?;
    let json = |part| serde_json::from_slice::<Value>(&bytes(part)?).map_err(|_| "no JSON");
    let (header, claims) = (json(header)?, json(claims)?);
    let jwk = Issuer::default().jwk("k1");
    let number = |key: &str| bytes(jwk[key].as_str().unwrap_or_default());
    let key = RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
    let judged = key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &bytes(signature)?);
    judged.map_err(|_| "Invalid JWT Signature.")?;
    let (iat, exp) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    let lives =
        iat.zip(exp).is_some_and(|(iat, exp)| iat <= at + 60 && exp > at && exp <= iat + 3600);
    let right = header["alg"] == "RS256"
        && header["kid"] == "k1"
        && claims["iss"] == EMAIL
        && claims["aud"] == token_uri
        && claims["scope"] == "https://www.googleapis.com/auth/chat.bot";
    if right && lives { Ok(()) } else { Err("Invalid JWT.") }
}
