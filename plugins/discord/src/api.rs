//! Calls of the HTTP API. No URL leaves it: some hold an interaction's token.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, File,
    kit::{
        api::{self, Answer, Failure, Refusal},
        fetch,
        limits::{self, Headers, Limits},
    },
    neutral,
    reqwest::{
        Client, Method, Response, StatusCode,
        multipart::{Form, Part},
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{PLUGIN, config::Config, text};

const LIMITS: Headers = Headers {
    bucket: "x-ratelimit-bucket",
    remaining: "x-ratelimit-remaining",
    reset_after: "x-ratelimit-reset-after",
};

/// Discord wants the name and version of its clients.
const AGENT: &str = concat!("DiscordBot (openclaw, ", env!("CARGO_PKG_VERSION"), ")");

/// The HTTP API, as one bot.
pub(crate) struct Api {
    client: Client,
    base: String,
    authorization: String,
    limits: Limits,
}

/// A message that Discord shows, or a person.
#[derive(Clone, Deserialize)]
pub(crate) struct Sent {
    pub(crate) id: String,
}

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) kind: &'static str,
    /// What its limits are counted by.
    pub(crate) place: String,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// Beside the body.
    pub(crate) file: Option<&'a File>,
}

impl Call<'_> {
    /// `{}` in the kind stands for the place.
    pub(crate) fn at(method: Method, kind: &'static str, place: &str) -> Self {
        let (path, place) = (kind.replacen("{}", place, 1), place.to_owned());
        Self { method, kind, place, path, body: None, file: None }
    }

    /// What follows on the path.
    #[must_use]
    pub(crate) fn and(self, rest: &str) -> Self {
        Self { path: format!("{}/{rest}", self.path), ..self }
    }

    #[must_use]
    pub(crate) fn with(self, body: &impl Serialize) -> Self {
        Self { body: serde_json::to_value(body).ok(), ..self }
    }
}

impl Api {
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            client: api::client(&config.root, api::LIMIT)?,
            base: format!("{}/api/v10", config.root.as_str().trim_end_matches('/')),
            authorization: format!("Bot {}", config.token.expose()),
            limits: Limits::new(LIMITS),
        })
    }

    /// Makes a call, and reads what is needed of its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Failure> {
        api::parsed(self.read(call).await?.body)
    }

    /// Makes a call, and reads its answer.
    pub(crate) async fn read(&self, call: Call<'_>) -> Result<Answer, Failure> {
        api::read(self.tell(call).await?).await
    }

    /// Makes a call whose answer says nothing.
    pub(crate) async fn tell(&self, call: Call<'_>) -> Result<Response, Failure> {
        let (kind, place) = (format!("{} {}", call.method, call.kind), call.place);
        let is_answer = ["/interactions/{}", "/webhooks/{}"].contains(&call.kind);
        self.limits.ready(&kind, &place, is_answer).await.map_err(Failure::SlowDown)?;
        let request = self.client.request(call.method, format!("{}{}", self.base, call.path));
        let request = request.header("authorization", &self.authorization);
        let request = request.header("user-agent", AGENT);
        let request = match (call.body, call.file) {
            (Some(body), Some(file)) => {
                let file = Part::bytes(file.bytes.to_vec()).file_name(file.name.clone());
                let form = Form::new().text("payload_json", body.to_string());
                request.timeout(fetch::LIMIT).multipart(form.part("files[0]", file))
            }
            (Some(body), None) => request.json(&body),
            (None, _) => request,
        };
        let answer = api::send(request).await?;
        self.limits.learn(&kind, &place, answer.headers());
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    async fn refused(&self, answer: Response) -> Failure {
        let (status, header) = (answer.status(), api::retry_after(answer.headers()));
        // A refusal counts also where its reason cannot be read.
        let body = api::read(answer).await.map(|answer| answer.body).unwrap_or_default();
        if status != StatusCode::TOO_MANY_REQUESTS {
            let code = body["code"].as_u64().unwrap_or_default().to_string();
            let words = body["message"].as_str().unwrap_or_default().to_owned();
            return Failure::Refused(Refusal { status, code, words });
        }
        let wait = limits::seconds(&body["retry_after"].to_string()).or(header);
        let wait = wait.unwrap_or(Duration::from_secs(5));
        if body["global"] == true {
            self.limits.hold(wait);
        }
        Failure::SlowDown(wait)
    }
}

/// What the failure of a message means for the gateway.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    let refusal = failure.refusal().filter(|refusal| refusal.status.is_client_error());
    let hint = refusal.map(|refusal| text::hint(&refusal.code));
    match (of_account(failure), hint) {
        (ChannelError::Disconnected(why), Some(hint)) => ChannelError::Undeliverable(why + hint),
        (error, _) => error,
    }
}

/// What the failure of a call that the connection needs means for the gateway.
pub(crate) fn of_account(failure: Failure) -> ChannelError {
    failure.error(PLUGIN.label, |Refusal { status, code, words }| match words.as_str() {
        _ if status == StatusCode::UNAUTHORIZED => unauthorized(),
        "" => PLUGIN.lost(&format!("answered {status}")),
        words => PLUGIN.lost(&format!("{} ({code})", neutral(words, 200))),
    })
}

/// The token does not work.
pub(crate) fn unauthorized() -> ChannelError {
    ChannelError::Unauthorized(text::TOKEN_REFUSED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: u64) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        let words = "Missing Access".to_owned();
        Failure::Refused(Refusal { status, code: code.to_string(), words })
    }

    #[test]
    fn a_refused_token_names_the_key() {
        for error in [of_message(refused(401, 0)), of_account(refused(401, 0))] {
            assert!(matches!(&error, ChannelError::Unauthorized(text) if text.contains("`token`")));
        }
    }

    #[test]
    fn what_concerns_one_message_drops_that_message_and_says_what_to_do() {
        let error = of_message(refused(403, 50_001));
        let expected =
            "Discord: Missing Access (50001): give the bot the permission in the channel";
        assert_eq!(error, ChannelError::Undeliverable(expected.to_owned()));
        assert!(matches!(of_message(refused(500, 0)), ChannelError::Disconnected(_)));
        assert!(matches!(of_account(refused(403, 1)), ChannelError::Disconnected(_)));
    }
}
