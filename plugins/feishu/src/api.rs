//! Calls of the open platform: the app's token, and answers that are read for only what is needed of them.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Bytes, ChannelError, FetchError, Secret, http_client,
    kit::{
        api::{self, Answer, Failure, parsed},
        fetch,
        token::TokenCache,
    },
    reqwest::{Client, Method, RequestBuilder, Url, multipart},
};
use serde_json::{Value, json};

use crate::{PLUGIN, failure, text};

/// Where Feishu's sockets are.
const SOCKETS: [&str; 3] = ["feishu.cn", "larksuite.com", "larkoffice.com"];

/// From then on before a token's end, Feishu gives another one.
const RENEWED_BEFORE: Duration = Duration::from_mins(30);

/// A token is kept for at least so long.
const KEPT: Duration = Duration::from_mins(1);

/// The open platform, as one app.
pub(crate) struct Api {
    client: Client,
    root: Url,
    app_id: String,
    app_secret: Secret,
    tokens: TokenCache,
}

/// Where a socket can be opened.
pub(crate) struct Door {
    pub(crate) url: Url,
    /// How often Feishu wants a sign of life; zero where it does not say.
    pub(crate) ping_every: Duration,
}

impl Api {
    pub(crate) fn new(root: Url, app_id: String, app_secret: Secret) -> Result<Self, String> {
        let client = api::client(&root, api::LIMIT)?;
        Ok(Self { client, root, app_id, app_secret, tokens: TokenCache::default() })
    }

    /// Makes a call with the app's token.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let request = |client: &Client| {
            let request = client.request(method.clone(), self.address(path));
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        self.with_token(request).await
    }

    /// Sends a file: the text of this key, which the answer names it by.
    pub(crate) async fn upload(
        &self,
        (path, key): (&str, &str),
        form: impl Fn() -> multipart::Form,
    ) -> Result<String, Failure> {
        let request = |client: &Client| {
            client.post(self.address(path)).timeout(fetch::LIMIT).multipart(form())
        };
        parsed(self.with_token(request).await?.body["data"][key].clone())
    }

    /// Fetches a file.
    pub(crate) async fn fetch(&self, path: &str, limit: usize) -> Result<Bytes, FetchError> {
        let token = self.token().await.map_err(fetch::lost)?;
        let request = self.client.get(self.address(path)).timeout(fetch::LIMIT);
        fetch::read(request.bearer_auth(token.expose()), limit).await
    }

    /// Asks where a socket can be opened.
    pub(crate) async fn door(&self) -> Result<Door, ChannelError> {
        let body = json!({ "AppID": self.app_id, "AppSecret": self.app_secret.expose() });
        let request = self.client.post(self.address("callback/ws/endpoint"));
        let answer = answered(request.header("locale", "zh").json(&body)).await;
        let mut data = answer.map_err(failure::of_account)?.body["data"].take();
        let named: String = parsed(data["URL"].take()).map_err(failure::of_account)?;
        let url = SOCKETS.iter().find_map(|host| http_client::trusted(&named, host, &self.root));
        let url = url.filter(|url| matches!(url.scheme(), "ws" | "wss")).ok_or_else(|| {
            let named = Url::parse(&named).ok();
            let host = named.as_ref().and_then(Url::host_str);
            PLUGIN.lost(&text::foreign_socket(host.unwrap_or_default()))
        })?;
        let seconds = data["ClientConfig"]["PingInterval"].as_u64().unwrap_or_default();
        Ok(Door { url, ping_every: Duration::from_secs(seconds) })
    }

    /// Asks for another token: that is how Feishu tells whether the secret still works.
    pub(crate) async fn renew_token(&self) -> Result<(), Failure> {
        self.tokens.renew(self.new_token()).await.map(drop)
    }

    /// A token that is over is asked for anew, once.
    async fn with_token(
        &self,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Answer, Failure> {
        let call = |token: Secret| answered(request(&self.client).bearer_auth(token.expose()));
        let is_over = |failure: &Failure| failure::STALE.iter().any(|code| failure.is(code));
        self.tokens.call(|| self.new_token(), call, is_over).await
    }

    async fn token(&self) -> Result<Secret, Failure> {
        self.tokens.get(self.new_token()).await
    }

    async fn new_token(&self) -> Result<(Secret, Duration), Failure> {
        let body = json!({ "app_id": self.app_id, "app_secret": self.app_secret.expose() });
        let path = "open-apis/auth/v3/tenant_access_token/internal";
        let mut answer = answered(self.client.post(self.address(path)).json(&body)).await?.body;
        let token: Secret = parsed(answer["tenant_access_token"].take())?;
        let lasts = Duration::from_secs(answer["expire"].as_u64().unwrap_or_default());
        Ok((token, lasts.saturating_sub(RENEWED_BEFORE).max(KEPT)))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.root.as_str().trim_end_matches('/'))
    }
}

async fn answered(request: RequestBuilder) -> Result<Answer, Failure> {
    let answer = api::ask(request).await?;
    if answer.status.is_success() && answer.body["code"] == 0 {
        return Ok(answer);
    }
    Err(failure::said(&answer))
}
