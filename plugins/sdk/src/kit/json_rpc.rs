//! JSON-RPC 2.0: calls over HTTP, or over a stream line by line, and what each failure means.

mod events;
mod peer;

use std::{sync::Arc, time::Duration};

use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde_json::{Value, json};
use tokio::time::timeout;

pub use self::{
    events::{Ended, Events, Ping},
    peer::{Peer, Unanswered, Unasked},
};
use super::api::retry_after;
use crate::http_client;

/// What a call fails with whose answer is longer than what is taken.
pub const TOO_LONG: i64 = -32_099;

const NOT_RUNNING: &str = "is not running";

/// Why a call failed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The other side was not reached: nothing was done.
    Lost(String),
    /// The call was made, and no answer came: what was done is not known.
    Unsure(String),
    /// An answer of HTTP, with the wait that it asks for.
    Status(StatusCode, Option<Duration>),
    /// An answer of the other side.
    Refused(Refusal),
}

/// What the other side says when it refuses.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which can be compared.
    pub code: i64,
    /// For people.
    pub words: String,
    /// What belongs to it; `Null` where nothing does.
    pub data: Value,
}

/// Where calls are made.
#[derive(Clone, Debug)]
pub enum Client {
    /// Each is a request to this address.
    Http(reqwest::Client, Url),
    /// Over a stream.
    Lines(Arc<Peer>),
    /// To nobody: what is called does not run.
    Nobody,
}

impl Client {
    /// Makes a call: the answer is its result.
    pub async fn call(
        &self,
        method: &str,
        params: &Value,
        limit: Duration,
    ) -> Result<Value, Failure> {
        let unsure = |why: &str| Failure::Unsure(why.to_owned());
        let mut said: Value = match self {
            Self::Http(client, address) => {
                let call = written("1", method, params);
                let request = client.post(address.clone()).timeout(limit).json(&call);
                let body = http_client::body(opened(request).await?).await;
                let body = body.map_err(|unread| unsure(&unread.to_string()))?;
                serde_json::from_slice(&body).unwrap_or_default()
            }
            Self::Nobody => return Err(Failure::Lost(NOT_RUNNING.to_owned())),
            Self::Lines(peer) => match timeout(limit, peer.call(method, params)).await {
                Ok(Ok(said)) => said,
                Ok(Err(Unanswered::Unsent)) => return Err(Failure::Lost(NOT_RUNNING.to_owned())),
                Ok(Err(Unanswered::Lost)) => return Err(unsure("closed the connection")),
                Err(_) => return Err(unsure("no answer in time")),
            },
        };
        let error = &said["error"];
        match error["code"].as_i64() {
            Some(code) => {
                let words = error["message"].as_str().unwrap_or_default().to_owned();
                Err(Failure::Refused(Refusal { code, words, data: error["data"].clone() }))
            }
            None if said["result"].is_null() => Err(unsure("answered something unreadable")),
            None => Ok(said["result"].take()),
        }
    }
}

/// A call, as it is written.
fn written(id: &str, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Sends a request: an answer is one of success.
async fn opened(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await.map_err(|error| {
        let why = http_client::describe(&error);
        if error.is_connect() { Failure::Lost(why) } else { Failure::Unsure(why) }
    })?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(Failure::Status(response.status(), retry_after(response.headers())))
}
