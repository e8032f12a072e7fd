//! Calls of Teams with the bot's token, which goes to its own hosts alone.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, Secret, http_client,
    kit::{api, token::TokenCache},
    reqwest::{self, Client, Method, RequestBuilder, Url, header::HeaderMap},
};
use serde_json::{Value, json};

use crate::{
    config::Config,
    failure::{self, Failure, Refusal},
};

/// A token is not used in the last minutes of its life.
const MARGIN: Duration = Duration::from_mins(5);

/// The bot's way to Teams.
pub(crate) struct Api {
    client: Client,
    pub(crate) config: Config,
    tokens: TokenCache,
}

impl Api {
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            client: api::client(&config.login, api::LIMIT)?,
            config,
            tokens: TokenCache::default(),
        })
    }

    /// Gets a new token: that is how the login tells whether the secret still works, and what time it is.
    pub(crate) async fn renew(&self) -> Result<HeaderMap, ChannelError> {
        let mut answered = HeaderMap::new();
        let ask = async {
            let (token, lasts, headers) = self.new_token().await?;
            answered = headers;
            Ok((token, lasts))
        };
        self.tokens.renew(ask).await.map_err(failure::of_token)?;
        Ok(answered)
    }

    /// Makes a call about a conversation, twice where the first token is not taken.
    pub(crate) async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut is_first = true;
        loop {
            let token = self.token().await.map_err(Failure::NoToken)?;
            let request = self.client.request(method.clone(), url.clone());
            let request = request.bearer_auth(token.expose());
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            match answer(request).await {
                Err(Failure::Refused(refusal)) if refusal.status.as_u16() == 401 && is_first => {
                    self.tokens.forget(&token).await;
                    is_first = false;
                }
                answered => return answered.map(|(body, _)| body),
            }
        }
    }

    async fn token(&self) -> Result<Secret, ChannelError> {
        let ask = async { self.new_token().await.map(|(token, lasts, _)| (token, lasts)) };
        self.tokens.get(ask).await.map_err(failure::of_token)
    }

    /// With the time it is used for, and what the login's answer says of itself.
    async fn new_token(&self) -> Result<(Secret, Duration, HeaderMap), Failure> {
        let Config { app_id, tenant_id, password, login, scope, .. } = &self.config;
        let fields = json!({
            "grant_type": "client_credentials", "client_id": app_id,
            "client_secret": password.expose(), "scope": scope,
        });
        let url = below(login, &[tenant_id, "oauth2", "v2.0", "token"]);
        let (body, headers) = answer(self.client.post(url).form(&fields)).await?;
        let token = body["access_token"].as_str().filter(|token| !token.is_empty());
        let token =
            token.ok_or_else(|| Failure::Lost("the login answers without a token".to_owned()))?;
        let lives = Duration::from_secs(body["expires_in"].as_u64().unwrap_or_default());
        Ok((Secret::new(token), lives.saturating_sub(MARGIN), headers))
    }
}

/// What is below an address; each part stays one, whatever stands in it.
pub(crate) fn below(root: &Url, parts: &[&str]) -> Url {
    let mut url = root.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

async fn answer(request: RequestBuilder) -> Result<(Value, HeaderMap), Failure> {
    let response = request.send().await.map_err(|error| lost(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = http_client::body(response).await;
    let body = match body {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(unread) if status.is_success() => return Err(Failure::Unsure(unread.to_string())),
        Err(_) => Value::Null,
    };
    if status.is_success() {
        return Ok((body, headers));
    }
    Err(Failure::Refused(Refusal::read(status, &body, api::retry_after(&headers))))
}

fn lost(error: &reqwest::Error) -> Failure {
    let why = http_client::describe(error);
    if error.is_connect() { Failure::Lost(why) } else { Failure::Unsure(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_leads_to_another_place() {
        let root = Url::parse("https://smba.trafficmanager.net/emea/").unwrap();
        let url = below(&root, &["v3", "conversations", "a:1/../../x?y#z", "activities"]);
        assert_eq!(
            url.as_str(),
            "https://smba.trafficmanager.net/emea/v3/conversations/a:1%2F..%2F..%2Fx%3Fy%23z/activities"
        );
    }
}
