//! One call of the Bot API, whose answer is read to its end only if it has one.

use std::{io, sync::Arc};

use openclaw_plugin_sdk::{
    http_client::{self, Unread},
    reqwest::RequestBuilder,
};
use serde::{Deserialize, de::DeserializeOwned};
use teloxide::{
    ApiError, Bot, RequestError,
    types::{False, ResponseParameters, True},
};

/// What the Bot API says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Done {
        #[serde(rename = "ok")]
        _ok: True,
        result: T,
    },
    Refused {
        #[serde(rename = "ok")]
        _ok: False,
        description: ApiError,
        parameters: Option<ResponseParameters>,
    },
}

/// Calls a method with what `fill` puts in.
pub(crate) async fn ask<T: DeserializeOwned>(
    bot: &Bot,
    method: &str,
    fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Result<T, RequestError> {
    let mut url = bot.api_url();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(&format!("bot{}", bot.token())).push(method);
    }
    let response = fill(bot.client().post(url)).send().await?;
    let body = http_client::body(response).await.map_err(|unread| match unread {
        Unread::Broken(error) => RequestError::from(error),
        Unread::Endless => RequestError::Io(Arc::new(io::Error::other(unread))),
    })?;
    match serde_json::from_slice(&body) {
        Ok(Answer::Done { result, .. }) => Ok(result),
        Ok(Answer::Refused { parameters: Some(ResponseParameters::RetryAfter(wait)), .. }) => {
            Err(RequestError::RetryAfter(wait))
        }
        Ok(Answer::Refused {
            parameters: Some(ResponseParameters::MigrateToChatId(to)), ..
        }) => Err(RequestError::MigrateToChatId(to)),
        Ok(Answer::Refused { description, .. }) => Err(RequestError::Api(description)),
        Err(source) => {
            let raw = String::from_utf8_lossy(&body).into_owned().into();
            Err(RequestError::InvalidJson { source: Arc::new(source), raw })
        }
    }
}
