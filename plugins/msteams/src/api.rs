//! Calls of Teams with the bot's token, which goes to its own hosts alone.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, Secret,
    kit::{
        api::{self, Answer, Failed, Failure},
        token::TokenCache,
    },
    reqwest::{Client, Method, RequestBuilder, Url, header::HeaderMap},
};
use serde_json::{Value, json};

use crate::{config::Config, failure};

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

    /// Makes a call about a conversation; `again` where it does no harm to make it again.
    pub(crate) async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        again: bool,
    ) -> Result<Value, Failed> {
        let ask = || async {
            let asked = self.new_token().await.map(|(token, lasts, _)| (token, lasts));
            asked.map_err(|failure| failure::of_token(failure).into())
        };
        let call = |token: Secret| {
            let request = self.client.request(method.clone(), url.clone());
            let request = request.bearer_auth(token.expose());
            let asked = answer(body.into_iter().fold(request, RequestBuilder::json));
            async move { asked.await.map_err(|why| why.failed(|why| failure::of_message(why, again))) }
        };
        let answered = self.tokens.call(ask, call, |failed| failed.status == Some(401)).await;
        answered.map(|answer| answer.body)
    }

    /// With the time it is used for, and what the login's answer says of itself.
    async fn new_token(&self) -> Result<(Secret, Duration, HeaderMap), Failure> {
        let Config { app_id, tenant_id, password, login, scope, .. } = &self.config;
        let fields = json!({
            "grant_type": "client_credentials", "client_id": app_id,
            "client_secret": password.expose(), "scope": scope,
        });
        let url = below(login, &[tenant_id, "oauth2", "v2.0", "token"]);
        let Answer { body, headers, .. } = answer(self.client.post(url).form(&fields)).await?;
        let token = body["access_token"].as_str().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Failure::Lost("answers without a token".to_owned()))?;
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

async fn answer(request: RequestBuilder) -> Result<Answer, Failure> {
    failure::answered(api::ask(request).await?)
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
