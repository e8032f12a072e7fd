//! Calls of the HTTP API, and what each refusal means. No URL leaves it: some hold an interaction's token.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, UnixMs, http_client, neutral,
    reqwest::{self, Method, RequestBuilder, Response, StatusCode, multipart},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::Config,
    limits::{Limits, seconds},
};

const CALL_LIMIT: Duration = Duration::from_secs(15);

/// What Discord wants to be told who asks.
const AGENT: &str = concat!("DiscordBot (openclaw, ", env!("CARGO_PKG_VERSION"), ")");

/// One bot's way to the HTTP API.
pub(crate) struct Api {
    client: reqwest::Client,
    base: String,
    authorization: String,
    limits: Limits,
    /// What time it is there, as long as nobody has asked.
    date: Mutex<Option<UnixMs>>,
}

/// What is called: how, where, and by what its limits are counted.
pub(crate) struct Call {
    method: Method,
    kind: &'static str,
    place: String,
    path: String,
}

impl Call {
    /// `{}` in the kind stands for the place.
    pub(crate) fn at(method: Method, kind: &'static str, place: &str) -> Self {
        Self { method, kind, place: place.to_owned(), path: kind.replacen("{}", place, 1) }
    }

    /// Its limits are counted by something else than the place.
    #[must_use]
    pub(crate) fn counted_by(mut self, what: &str) -> Self {
        what.clone_into(&mut self.place);
        self
    }

    /// What follows on the path.
    #[must_use]
    pub(crate) fn and(mut self, rest: &str) -> Self {
        self.path.push('/');
        self.path.push_str(rest);
        self
    }
}

/// Why a call came to nothing.
pub(crate) enum Failure {
    /// It did not get there, or the answer did not get here.
    Lost(ChannelError),
    /// Discord refuses: its status, its code, its words.
    Refused(StatusCode, u64, String),
    /// Discord asks to wait.
    Slow(Duration),
}

/// A refusal's body.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: u64,
    message: String,
    retry_after: Option<f64>,
    global: bool,
}

impl Api {
    pub(crate) fn new(config: &Config) -> Result<Self, ChannelError> {
        let client = if config.is_local() {
            http_client::local_client(CALL_LIMIT)
        } else {
            http_client::client(CALL_LIMIT)
        };
        Ok(Self {
            client: client.map_err(ChannelError::Disconnected)?,
            base: format!("{}/api/v10", config.root.as_str().trim_end_matches('/')),
            authorization: format!("Bot {}", config.token.expose()),
            limits: Limits::default(),
            date: Mutex::default(),
        })
    }

    /// What time it was in Discord's last answer; once.
    pub(crate) fn date(&self) -> Option<UnixMs> {
        self.date.lock().take()
    }

    /// Asks for something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        read(self.send(call, |request| request).await?).await
    }

    /// Sends something, and reads what comes of it.
    pub(crate) async fn give<T: DeserializeOwned>(
        &self,
        call: Call,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Failure> {
        read(self.send(call, |request| request.json(body)).await?).await
    }

    /// Sends something with a picture beside it.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        call: Call,
        body: &(impl Serialize + Sync),
        (name, png): (&str, &[u8]),
    ) -> Result<T, Failure> {
        let text = serde_json::to_string(body).unwrap_or_default();
        let file = multipart::Part::bytes(png.to_vec()).file_name(name.to_owned());
        let file = file.mime_str("image/png").map_err(|error| lost(&error))?;
        let payload = multipart::Part::text(text)
            .mime_str("application/json")
            .map_err(|error| lost(&error))?;
        let form = multipart::Form::new().part("payload_json", payload).part("files[0]", file);
        read(self.send(call, |request| request.multipart(form)).await?).await
    }

    /// Does something whose answer says nothing.
    pub(crate) async fn tell(
        &self,
        call: Call,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<(), Failure> {
        let filled = |request: RequestBuilder| match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(call, filled).await.map(drop)
    }

    async fn send(
        &self,
        call: Call,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let kind = format!("{} {}", call.method, call.kind);
        self.limits.ready(&kind, &call.place).await.map_err(Failure::Slow)?;
        let request = self.client.request(call.method, format!("{}{}", self.base, call.path));
        let request =
            request.header("authorization", &self.authorization).header("user-agent", AGENT);
        let answer = fill(request).send().await.map_err(|error| lost(&error))?;
        self.limits.learn(&kind, &call.place, answer.headers());
        if answer.status().is_success() {
            *self.date.lock() = http_client::date(answer.headers());
            return Ok(answer);
        }
        Err(self.refused(answer).await)
    }

    async fn refused(&self, answer: Response) -> Failure {
        let status = answer.status();
        let header = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok());
        let header = header.and_then(seconds);
        let body = http_client::body(answer).await.unwrap_or_default();
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        if status != StatusCode::TOO_MANY_REQUESTS {
            return Failure::Refused(status, refusal.code, refusal.message);
        }
        let said = refusal.retry_after.and_then(|wait| seconds(&wait.to_string()));
        let wait = said.or(header).unwrap_or(Duration::from_secs(5));
        if refusal.global {
            self.limits.hold(wait);
        }
        Failure::Slow(wait)
    }
}

impl Failure {
    /// What a refused message means for the gateway.
    pub(crate) fn of_message(self) -> ChannelError {
        match self {
            Self::Refused(status, code, words)
                if status.is_client_error() && status != StatusCode::UNAUTHORIZED =>
            {
                ChannelError::Undeliverable(format!(
                    "Discord: {}{}",
                    said(&words, code),
                    hint(code)
                ))
            }
            other => other.of_connection(),
        }
    }

    /// What a call that the connection needs means for the gateway.
    pub(crate) fn of_connection(self) -> ChannelError {
        match self {
            Self::Lost(error) => error,
            Self::Refused(StatusCode::UNAUTHORIZED, ..) => unauthorized(),
            Self::Refused(status, _, words) if words.is_empty() => {
                ChannelError::Disconnected(format!("Discord: answered {status}"))
            }
            Self::Refused(_, code, words) => {
                ChannelError::Disconnected(format!("Discord: {}", said(&words, code)))
            }
            Self::Slow(wait) => ChannelError::RateLimited(wait),
        }
    }

    /// True where Discord refuses with this code.
    pub(crate) fn is(&self, expected: u64) -> bool {
        matches!(self, Self::Refused(_, code, _) if *code == expected)
    }
}

/// The token does not work.
pub(crate) fn unauthorized() -> ChannelError {
    let next = "Discord refuses the token: reset it in the Developer Portal, under Bot, and change `token`";
    ChannelError::Unauthorized(next.to_owned())
}

fn said(words: &str, code: u64) -> String {
    format!("{} ({code})", neutral(words, 200))
}

/// The next step, where the code alone does not say it.
fn hint(code: u64) -> &'static str {
    match code {
        50_001 | 50_013 => ": give the bot the permission in the channel",
        50_007 => {
            ": the person has to share a server with the bot and let its members write to him"
        }
        _ => "",
    }
}

fn lost(error: &reqwest::Error) -> Failure {
    Failure::Lost(http_client::disconnected("Discord", error))
}

async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, Failure> {
    let body = http_client::body(answer).await;
    let body = body.map_err(|unread| Failure::Lost(unread.disconnected("Discord")))?;
    serde_json::from_slice(&body).map_err(|_| {
        let unreadable = "Discord: answered something unreadable".to_owned();
        Failure::Lost(ChannelError::Disconnected(unreadable))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: u64) -> Failure {
        Failure::Refused(StatusCode::from_u16(status).unwrap(), code, "Missing Access".to_owned())
    }

    #[test]
    fn a_refused_token_names_the_key() {
        for error in [refused(401, 0).of_message(), refused(401, 0).of_connection()] {
            assert!(matches!(&error, ChannelError::Unauthorized(text) if text.contains("`token`")));
        }
    }

    #[test]
    fn what_concerns_one_message_drops_that_message_and_says_what_to_do() {
        let error = refused(403, 50_001).of_message();
        let expected =
            "Discord: Missing Access (50001): give the bot the permission in the channel";
        assert_eq!(error, ChannelError::Undeliverable(expected.to_owned()));
        assert!(matches!(refused(500, 0).of_message(), ChannelError::Disconnected(_)));
        assert!(matches!(refused(403, 1).of_connection(), ChannelError::Disconnected(_)));
    }
}
