//! The service account that the app speaks as: its key signs a grant, and Google gives a token for that.

use std::{path::PathBuf, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use openclaw_plugin_sdk::{
    ChannelError, Secret, http_client,
    kit::{
        api::{self, Answer, Failed, Failure, parsed},
        token::TokenCache,
    },
    own_file::{self, Rights},
    reqwest::{Client, Url},
};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    failure::{self, About},
    text,
};

/// Google's own. A file could name any address, and would be sent what a token is given for.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/chat.bot";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token is not used in its last minutes.
const MARGIN: Duration = Duration::from_mins(5);

/// Where the service account is.
pub(crate) enum Source {
    File(PathBuf),
    Given(Secret),
}

/// A service account, as the file of its key has it.
#[derive(Deserialize)]
struct ServiceAccount {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    token_uri: Url,
}

impl ServiceAccount {
    /// Reads the JSON of a key. Where the API is on this machine, its tokens may come from there too.
    fn read(json: &str, is_local: bool) -> Result<Self, &'static str> {
        let account: Self = serde_json::from_str(json).map_err(|_| text::NO_KEY_FILE)?;
        let uri = &account.token_uri;
        if account.kind != "service_account" {
            return Err(text::NO_KEY_FILE);
        }
        if uri.as_str() != TOKEN_URI && !(is_local && http_client::is_local(uri)) {
            return Err(text::FOREIGN_TOKEN_URI);
        }
        account.pair().ok_or(text::NO_PRIVATE_KEY)?;
        Ok(account)
    }

    fn pair(&self) -> Option<RsaKeyPair> {
        let (_, rest) = self.private_key.expose().split_once("-----BEGIN PRIVATE KEY-----")?;
        let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
        let body: String = body.split_whitespace().collect();
        RsaKeyPair::from_pkcs8(&STANDARD.decode(body).ok()?).ok()
    }

    /// What Google gives a token for, signed.
    fn assertion(&self, now: u64) -> Option<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({
            "iss": self.client_email, "scope": SCOPE, "aud": self.token_uri.as_str(),
            "iat": now, "exp": now + 3600,
        });
        let part = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let pair = self.pair()?;
        let (mut signature, random) = (vec![0; pair.public().modulus_len()], SystemRandom::new());
        pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The tokens of a service account.
pub(crate) struct Tokens {
    source: Source,
    is_local: bool,
    client: Client,
    cache: TokenCache,
    email: parking_lot::Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    expires_in: u64,
}

impl Tokens {
    pub(crate) fn new(source: Source, root: &Url, client: Client) -> Self {
        let (cache, email) = (TokenCache::default(), parking_lot::Mutex::default());
        Self { source, is_local: http_client::is_local(root), client, cache, email }
    }

    /// The key of the configuration that the account comes from.
    pub(crate) fn key(&self) -> &'static str {
        match self.source {
            Source::File(_) => "service_account_file",
            Source::Given(_) => "service_account",
        }
    }

    /// The account's address, once it was read.
    pub(crate) fn email(&self) -> Option<String> {
        self.email.lock().clone()
    }

    /// Makes a call with a token. One can end before its time: then another one is asked for, once.
    pub(crate) async fn call<C>(&self, call: impl Fn(Secret) -> C) -> Result<Answer, Failed>
    where
        C: Future<Output = Result<Answer, Failed>>,
    {
        let ask = || async { Ok(self.new_token().await?) };
        self.cache.call(ask, call, |failed| failed.status == Some(401)).await
    }

    async fn new_token(&self) -> Result<(Secret, Duration), ChannelError> {
        let unread = |why| ChannelError::Unauthorized(format!("`{}`: {why}", self.key()));
        let account = self.read().await.map_err(unread)?;
        let granted = self.granted(&account).await;
        let granted = granted.map_err(|why| failure::meaning(why, About::Grant, self.key()))?;
        *self.email.lock() = Some(account.client_email);
        let lasts = Duration::from_secs(granted.expires_in);
        Ok((granted.access_token, lasts.saturating_sub(MARGIN)))
    }

    async fn granted(&self, account: &ServiceAccount) -> Result<Granted, Failure> {
        let assertion = account.assertion(openclaw_plugin_sdk::now().0 / 1000).unwrap_or_default();
        let form = [("grant_type", GRANT), ("assertion", &assertion)];
        let request = self.client.post(account.token_uri.clone()).form(&form);
        parsed(failure::answered(api::ask(request).await?)?.body)
    }

    /// A file is read each time, so that another key counts without a restart; nobody else may read it.
    async fn read(&self) -> Result<ServiceAccount, String> {
        let is_local = self.is_local;
        let file = match &self.source {
            Source::Given(json) => {
                return ServiceAccount::read(json.expose(), is_local).map_err(str::to_owned);
            }
            Source::File(file) => file.clone(),
        };
        let read = move || {
            let unread = |why: std::io::Error| why.to_string();
            let meta = std::fs::metadata(&file).map_err(unread)?;
            Rights::of(&meta).unreadable()?;
            let json = own_file::read_to_string(&file).map_err(unread)?;
            ServiceAccount::read(&json, is_local).map_err(str::to_owned)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|error| Err(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_plugin_sdk::testing::issuer::private_key;
    use serde_json::Value;

    fn file() -> Value {
        json!({
            "type": "service_account", "project_id": "bot", "private_key_id": "k1",
            "private_key": private_key(), "client_email": "bot@bot.iam.gserviceaccount.com",
            "token_uri": TOKEN_URI,
        })
    }

    #[track_caller]
    fn refused(key: &str, value: Value, why: &str) {
        let mut file = file();
        file[key] = value;
        assert_eq!(ServiceAccount::read(&file.to_string(), false).err(), Some(why), "{key}");
    }

    #[test]
    fn a_token_comes_from_google_alone() {
        assert!(ServiceAccount::read(&file().to_string(), false).is_ok());
        let local = "http://127.0.0.1:9/token";
        for uri in [local, "https://evil.example/token", "https://oauth2.googleapis.com/x"] {
            refused("token_uri", uri.into(), text::FOREIGN_TOKEN_URI);
        }
        let mut file = file();
        file["token_uri"] = local.into();
        assert!(ServiceAccount::read(&file.to_string(), true).is_ok(), "for an API beside it");
        file["token_uri"] = "https://evil.example/token".into();
        assert!(ServiceAccount::read(&file.to_string(), true).is_err());
    }

    #[test]
    fn what_is_no_key_of_a_service_account_says_so() {
        for key in ["type", "client_email", "private_key", "token_uri"] {
            refused(key, Value::Null, text::NO_KEY_FILE);
        }
        refused("type", "authorized_user".into(), text::NO_KEY_FILE);
        refused("private_key", "-----BEGIN PRIVATE KEY-----\nAAAA".into(), text::NO_PRIVATE_KEY);
        let rsa = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----";
        refused("private_key", rsa.into(), text::NO_PRIVATE_KEY);
        for json in ["", "{}", "[]", "null", "{\"type\":7}", "x"] {
            assert_eq!(ServiceAccount::read(json, false).err(), Some(text::NO_KEY_FILE), "{json}");
        }
    }
}
