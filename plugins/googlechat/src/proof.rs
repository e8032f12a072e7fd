//! Whether a request is Google's, and about this app: by its token, which has to be for exactly what is configured.

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::{
    UnixMs,
    kit::jwt::{Expected, Keys, Refused},
    reqwest::Url,
};
use serde::Deserialize;
use serde_json::Value;

use crate::config::Audience;

/// Who calls on behalf of Chat.
const CHAT: &str = "chat@system.gserviceaccount.com";
const CHAT_KEYS: &str = "/service_accounts/v1/jwk/chat@system.gserviceaccount.com";
const GOOGLE: &[&str] = &["https://accounts.google.com", "accounts.google.com"];
const GOOGLE_KEYS: &str = "/oauth2/v3/certs";

/// What Google's requests have to prove.
pub(crate) struct Proof {
    audience: Audience,
    keys: Keys,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: bool,
    /// Google's own have one; when it is, is judged before.
    #[serde(rename = "iat")]
    _issued: f64,
}

impl Proof {
    pub(crate) fn new(audience: Audience, keys_root: &Url) -> Self {
        let mut url = keys_root.clone();
        let path = match audience {
            Audience::Project(_) => CHAT_KEYS,
            Audience::Url { .. } => GOOGLE_KEYS,
        };
        url.set_path(path);
        Self { audience, keys: Keys::at(url) }
    }

    /// The event in a request. Every program can have a token of Google's for our address: who it is for
    /// says its e-mail, which is Chat's, that of our own project's add-on, or our service account's for Pub/Sub.
    pub(crate) async fn event(
        &self,
        token: Option<String>,
        body: &[u8],
        own: Option<String>,
        now: UnixMs,
    ) -> Result<Value, Refused> {
        let read = || serde_json::from_slice::<Value>(body).unwrap_or_default();
        let inside = || {
            let body = read();
            let token = body["authorizationEventObject"]["systemIdToken"].as_str();
            token.filter(|_| is_addon(&body)).map(str::to_owned)
        };
        let token = token.or_else(inside).unwrap_or_default();
        let (issuers, audience) = match &self.audience {
            Audience::Project(number) => (&[CHAT][..], number),
            Audience::Url { url, .. } => (GOOGLE, url),
        };
        let expected = Expected { issuers, audience, endorsed: None };
        let Claims { email, email_verified, .. } = self.keys.verify(&token, &expected, now).await?;
        let body = read();
        let Audience::Url { project, .. } = &self.audience else { return Ok(body) };
        let addon = |n: &String| format!("service-{n}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com");
        let is_addons = project.as_ref().is_some_and(|n| email == addon(n)) && is_addon(&body);
        match email.as_str() {
            _ if !email_verified => Err(Refused::Token("is of nobody in particular")),
            CHAT => Ok(body),
            _ if is_addons => Ok(body),
            email if own.as_deref() == Some(email) => Ok(pushed(&body)),
            _ => Err(Refused::Token("is not Google Chat's")),
        }
    }
}

fn is_addon(body: &Value) -> bool {
    body["chat"].is_object()
}

/// The event that Pub/Sub brings.
fn pushed(body: &Value) -> Value {
    let data = body["message"]["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
    data.and_then(|data| serde_json::from_slice(&data).ok()).unwrap_or_default()
}
