//! Calls of the HTTP API. No URL leaves it: some hold an interaction's token.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, Image, UnixMs, http_client,
    kit::api::{self, Failure, Refusal},
    neutral,
    reqwest::{
        Client, Method, RequestBuilder, Response, StatusCode,
        multipart::{Form, Part},
    },
};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    config::Config,
    limits::{Limits, seconds},
};

const CALL_LIMIT: Duration = Duration::from_secs(15);

/// Discord wants the name and version of its clients.
const AGENT: &str = concat!("DiscordBot (openclaw, ", env!("CARGO_PKG_VERSION"), ")");

/// The name of a message's picture.
pub(crate) const PICTURE: &str = "image.png";

/// The HTTP API, as one bot.
pub(crate) struct Api {
    client: Client,
    base: String,
    authorization: String,
    limits: Limits,
    /// Discord's time in its last answer, until it is asked for.
    date: Mutex<Option<UnixMs>>,
}

/// A call: its path, what its limits are counted by, and what it carries.
pub(crate) struct Call<'a> {
    method: Method,
    kind: &'static str,
    place: String,
    path: String,
    body: Option<Value>,
    image: Option<&'a Image>,
}

impl<'a> Call<'a> {
    /// `{}` in the kind stands for the place.
    pub(crate) fn at(method: Method, kind: &'static str, place: &str) -> Self {
        let (path, place) = (kind.replacen("{}", place, 1), place.to_owned());
        Self { method, kind, place, path, body: None, image: None }
    }

    /// Its limits are counted by something else than the place.
    #[must_use]
    pub(crate) fn counted_by(self, place: &str) -> Self {
        Self { place: place.to_owned(), ..self }
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

    #[must_use]
    pub(crate) fn showing(self, image: Option<&'a Image>) -> Self {
        Self { image, ..self }
    }

    fn fill(self, request: RequestBuilder) -> RequestBuilder {
        match (self.body, self.image) {
            (Some(body), Some(image)) => {
                let picture = Part::bytes(image.png.clone()).file_name(PICTURE);
                let form = Form::new().text("payload_json", body.to_string());
                request.multipart(form.part("files[0]", picture))
            }
            (Some(body), None) => request.json(&body),
            (None, _) => request,
        }
    }
}

impl Api {
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            client: api::client(&config.root, CALL_LIMIT)?,
            base: format!("{}/api/v10", config.root.as_str().trim_end_matches('/')),
            authorization: format!("Bot {}", config.token.expose()),
            limits: Limits::default(),
            date: Mutex::default(),
        })
    }

    /// Discord's time in its last answer; once.
    pub(crate) fn date(&self) -> Option<UnixMs> {
        self.date.lock().take()
    }

    /// Makes a call, and reads its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Failure> {
        api::parsed(api::read(self.tell(call).await?).await?.body)
    }

    /// Makes a call whose answer says nothing.
    pub(crate) async fn tell(&self, call: Call<'_>) -> Result<Response, Failure> {
        let kind = format!("{} {}", call.method, call.kind);
        let place = call.place.clone();
        self.limits.ready(&kind, &place).await.map_err(Failure::SlowDown)?;
        let url = format!("{}{}", self.base, call.path);
        let request = self.client.request(call.method.clone(), url);
        let request =
            request.header("authorization", &self.authorization).header("user-agent", AGENT);
        let answer = api::send(call.fill(request)).await?;
        self.limits.learn(&kind, &place, answer.headers());
        if answer.status().is_success() {
            *self.date.lock() = http_client::date(answer.headers());
            return Ok(answer);
        }
        Err(self.refused(answer).await)
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
        let wait = seconds(&body["retry_after"].to_string()).or(header);
        let wait = wait.unwrap_or(Duration::from_secs(5));
        if body["global"] == true {
            self.limits.hold(wait);
        }
        Failure::SlowDown(wait)
    }
}

/// What the failure of a message means for the gateway.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    failure.error("Discord", |refusal| {
        let about_it =
            refusal.status.is_client_error() && refusal.status != StatusCode::UNAUTHORIZED;
        if about_it {
            return ChannelError::Undeliverable(format!(
                "{}{}",
                said(&refusal),
                hint(&refusal.code)
            ));
        }
        refused(&refusal)
    })
}

/// What the failure of a call that the connection needs means for the gateway.
pub(crate) fn of_account(failure: Failure) -> ChannelError {
    failure.error("Discord", |refusal| refused(&refusal))
}

fn refused(refusal: &Refusal) -> ChannelError {
    if refusal.status == StatusCode::UNAUTHORIZED {
        return unauthorized();
    }
    ChannelError::Disconnected(said(refusal))
}

/// The token does not work.
pub(crate) fn unauthorized() -> ChannelError {
    let next = "Discord refuses the token: reset it in the Developer Portal, under Bot, and change `token`";
    ChannelError::Unauthorized(next.to_owned())
}

/// The connection does not work.
pub(crate) fn lost(why: &str) -> ChannelError {
    ChannelError::Disconnected(format!("Discord: {why}"))
}

fn said(Refusal { status, code, words }: &Refusal) -> String {
    if words.is_empty() {
        return format!("Discord: answered {status}");
    }
    format!("Discord: {} ({code})", neutral(words, 200))
}

/// The next step, where the code alone does not say it.
fn hint(code: &str) -> &'static str {
    match code {
        "50001" | "50013" => ": give the bot the permission in the channel",
        "50007" => {
            ": the person has to share a server with the bot and let its members write to them"
        }
        _ => "",
    }
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
