//! Calls of signal-cli's daemon: JSON-RPC over HTTP.

use std::time::Duration;

use openclaw_plugin_sdk::{
    http_client,
    kit::api,
    reqwest::{self, Client, RequestBuilder, Response, Url},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    config::Config,
    failure::{Failure, Refusal},
};

/// A message to a large group takes a while.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// A link is good for a few minutes.
const LINK_LIMIT: Duration = Duration::from_mins(5);

/// The events of a connection go on for as long as it lasts.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// The daemon, and the account that all calls are about.
pub(crate) struct Rpc {
    client: Client,
    root: Url,
    pub(crate) account: String,
}

impl Rpc {
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        let client = api::client(&config.root, CALL_LIMIT)?;
        Ok(Self { client, root: config.root, account: config.account })
    }

    /// Makes a call about the account: the answer is its result.
    pub(crate) async fn call(&self, method: &str, mut params: Value) -> Result<Value, Failure> {
        params["account"] = self.account.as_str().into();
        self.ask(method, params, CALL_LIMIT).await
    }

    /// Makes a call about no account, for which a person has to scan something.
    pub(crate) async fn link(&self, method: &str, params: Value) -> Result<Value, Failure> {
        self.ask(method, params, LINK_LIMIT).await
    }

    async fn ask(&self, method: &str, params: Value, limit: Duration) -> Result<Value, Failure> {
        let call = json!({ "jsonrpc": "2.0", "id": "1", "method": method, "params": params });
        let response =
            answer(self.client.post(self.address("rpc")).timeout(limit).json(&call)).await?;
        let body = http_client::body(response).await;
        let body = body.map_err(|unread| Failure::Unsure(unread.to_string()))?;
        let mut said: Value = serde_json::from_slice(&body).unwrap_or_default();
        match Refusal::read(&said["error"]) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None if said["result"].is_null() => {
                Err(Failure::Unsure("answered something unreadable".to_owned()))
            }
            None => Ok(said["result"].take()),
        }
    }

    /// Begins to hear what arrives. It may be silent for so long before it begins.
    pub(crate) async fn events(&self, silence: Duration) -> Result<Response, Failure> {
        let mut url = self.address("events");
        url.query_pairs_mut().append_pair("account", &self.account);
        let request = self.client.get(url).header("accept", "text/event-stream");
        let opened = timeout(silence, answer(request.timeout(FOR_EVER))).await;
        opened.unwrap_or_else(|_| Err(Failure::Lost("no answer in time".to_owned())))
    }

    fn address(&self, place: &str) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", place]);
        }
        url
    }
}

async fn answer(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await.map_err(|error| lost(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(Failure::Status(response.status(), api::retry_after(response.headers())))
}

fn lost(error: &reqwest::Error) -> Failure {
    let why = http_client::describe(error);
    if error.is_connect() { Failure::Lost(why) } else { Failure::Unsure(why) }
}
