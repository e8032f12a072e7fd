//! Calls of the Bot API: teloxide's payloads, with answers read for only what is needed of them, so
//! that a field Telegram adds or an emulator leaves out breaks nothing; and what each refusal means.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, Secret, UnixMs, http_client, neutral,
    reqwest::multipart::{Form, Part},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use teloxide::{ApiError, Bot, RequestError, payloads::SendPhoto, requests::Payload};

use crate::{answer, config::Config};

/// How long Telegram may hold a poll back.
pub(crate) const POLL: Duration = Duration::from_secs(25);

/// Above [`POLL`], so that a dead connection is noticed and a quiet one is not taken for dead.
const POLL_LIMIT: Duration = Duration::from_secs(35);
const CALL_LIMIT: Duration = Duration::from_secs(15);
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// One bot's way to its Bot API.
pub(crate) struct Api {
    calls: Bot,
    polls: Bot,
    token_key: &'static str,
}

/// Where a message that we sent stands.
#[derive(Deserialize)]
pub(crate) struct Sent {
    pub(crate) chat: SentChat,
    pub(crate) message_id: i32,
}

/// The conversation of a [`Sent`].
#[derive(Deserialize)]
pub(crate) struct SentChat {
    pub(crate) id: i64,
}

impl Api {
    pub(crate) fn new(token: &Secret, config: &Config) -> Result<Self, ChannelError> {
        let bot = |limit| {
            let client = if config.is_local() {
                http_client::local_client(limit)
            } else {
                http_client::client(limit)
            };
            let client = client.map_err(ChannelError::Disconnected)?;
            Ok(Bot::with_client(token.expose(), client).set_api_url(config.root.clone()))
        };
        Ok(Self { calls: bot(CALL_LIMIT)?, polls: bot(POLL_LIMIT)?, token_key: config.token_key() })
    }

    /// What time it is at Telegram, where its server says so. Without the token, and without waiting for long.
    pub(crate) async fn time(&self) -> Option<UnixMs> {
        let asked = self.calls.client().get(self.calls.api_url()).timeout(TIME_LIMIT).send();
        http_client::date(asked.await.ok()?.headers())
    }

    pub(crate) async fn call<P, T>(&self, payload: P) -> Result<T, RequestError>
    where
        P: Payload + Serialize + Send + Sync + 'static,
        T: DeserializeOwned + Send + 'static,
    {
        answer::ask(&self.calls, P::NAME, |request| request.json(&payload)).await
    }

    pub(crate) async fn poll<P, T>(&self, payload: P) -> Result<T, RequestError>
    where
        P: Payload + Serialize + Send + Sync + 'static,
        T: DeserializeOwned + Send + 'static,
    {
        answer::ask(&self.polls, P::NAME, |request| request.json(&payload)).await
    }

    pub(crate) async fn upload(
        &self,
        payload: &SendPhoto,
        png: Vec<u8>,
    ) -> Result<Sent, RequestError> {
        let fields = serde_json::to_value(payload).unwrap_or_default();
        let mut form = Form::new();
        for (name, value) in fields.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            form = form.text(name.clone(), text);
        }
        let photo = fields["photo"].as_str().and_then(|text| text.strip_prefix("attach://"));
        let photo = photo.unwrap_or("photo").to_owned();
        form = form.part(photo, Part::bytes(png).file_name("image.png"));
        answer::ask(&self.calls, SendPhoto::NAME, |request| request.multipart(form)).await
    }

    /// What a refused message means for the gateway.
    pub(crate) fn refused(&self, error: &RequestError) -> ChannelError {
        match reason(error) {
            Some(reason) if is_final(&reason) => {
                ChannelError::Undeliverable(format!("Telegram: {}", neutral(&reason, 200)))
            }
            _ => self.lost(error),
        }
    }

    /// What a failed poll means for the gateway.
    pub(crate) fn lost(&self, error: &RequestError) -> ChannelError {
        if let RequestError::RetryAfter(wait) = error {
            return ChannelError::RateLimited(wait.duration());
        }
        if let RequestError::Network(error) = error {
            return http_client::disconnected("Telegram", error);
        }
        if let RequestError::Io(error) = error {
            return ChannelError::Disconnected(format!("Telegram: {error}"));
        }
        let Some(reason) = reason(error) else {
            return ChannelError::Disconnected(
                "Telegram: answered something unreadable".to_owned(),
            );
        };
        if matches!(reason.as_str(), "Unauthorized" | "Not Found") {
            return ChannelError::Unauthorized(format!(
                "Telegram refuses the token: check `{}`",
                self.token_key
            ));
        }
        if let Some(rest) = reason.strip_prefix("Too Many Requests") {
            let seconds = rest.rsplit(' ').next().and_then(|word| word.parse().ok());
            return ChannelError::RateLimited(Duration::from_secs(seconds.unwrap_or(5)));
        }
        if reason.starts_with("Conflict: terminated") {
            return ChannelError::Contended(
                "another program polls this bot: stop it, or use another bot".to_owned(),
            );
        }
        ChannelError::Disconnected(format!("Telegram: {}", neutral(&reason, 200)))
    }
}

/// Telegram's own words, where it said some.
pub(crate) fn reason(error: &RequestError) -> Option<String> {
    match error {
        RequestError::Api(ApiError::InvalidToken) => Some("Unauthorized".to_owned()),
        RequestError::Api(ApiError::Unknown(reason)) => Some(reason.clone()),
        RequestError::Api(error) => Some(error.to_string()),
        RequestError::InvalidJson { raw, .. } => {
            Some(serde_json::from_str::<Refusal>(raw).ok()?.description)
        }
        RequestError::MigrateToChatId(id) => {
            Some(format!("Bad Request: the group has a new id, {id}"))
        }
        RequestError::Io(_) | RequestError::Network(_) | RequestError::RetryAfter(_) => None,
    }
}

/// A refusal with parameters that teloxide does not know.
#[derive(Deserialize)]
struct Refusal {
    description: String,
}

/// True where a webhook is set: until it is taken away, nobody can poll.
pub(crate) fn is_hooked(error: &RequestError) -> bool {
    reason(error).is_some_and(|said| said.contains("webhook is active"))
}

/// True where trying again gives the same.
fn is_final(reason: &str) -> bool {
    // `Unauthorized: bot ...` is about one conversation; alone, it is about the token.
    let kinds = ["Bad Request", "Forbidden", "Request Entity Too Large", "Unauthorized: "];
    kinds.iter().any(|kind| reason.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{AccountId, Settings, toml::Table};
    use teloxide::types::Seconds;

    use super::*;

    fn api() -> Api {
        let mut table = Table::new();
        table.insert("bot_token".to_owned(), "1:AAF".into());
        let account = AccountId::default_account();
        let settings = Settings { account, table, key: [0; 32], commands: Vec::new() };
        let config = Config::read(&settings).unwrap();
        Api::new(&Secret::new("1:AAF"), &config).unwrap()
    }

    fn said(reason: &str) -> RequestError {
        RequestError::Api(serde_json::from_value(reason.into()).unwrap())
    }

    #[test]
    fn a_refused_token_names_the_key_and_not_the_token() {
        for reason in ["Unauthorized", "Not Found"] {
            let expected = ChannelError::Unauthorized(
                "Telegram refuses the token: check `bot_token`".to_owned(),
            );
            assert_eq!(api().lost(&said(reason)), expected);
            assert_eq!(api().refused(&said(reason)), expected);
        }
    }

    #[test]
    fn a_wait_is_telegrams_own() {
        let wait = RequestError::RetryAfter(Seconds::from_seconds(37));
        assert_eq!(api().refused(&wait), ChannelError::RateLimited(Duration::from_secs(37)));
        let wait = said("Too Many Requests: retry after 9");
        assert_eq!(api().lost(&wait), ChannelError::RateLimited(Duration::from_secs(9)));
    }

    #[test]
    fn another_poller_is_named() {
        let reason = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
        let ChannelError::Contended(text) = api().lost(&said(reason)) else {
            panic!("recoverable")
        };
        assert!(text.contains("another program polls this bot"), "{text}");
    }

    #[test]
    fn what_concerns_one_message_drops_that_message() {
        for reason in [
            "Bad Request: chat not found",
            "Bad Request: text is too long",
            "Forbidden: bot was blocked by the user",
            "Forbidden: user is deactivated",
            "Unauthorized: bot was kicked from a chat",
        ] {
            assert!(
                matches!(api().refused(&said(reason)), ChannelError::Undeliverable(_)),
                "{reason}"
            );
        }
    }

    #[test]
    fn what_telegram_gets_over_is_tried_again() {
        for reason in ["Internal Server Error", "Bad Gateway", "Conflict: something new"] {
            assert!(
                matches!(api().refused(&said(reason)), ChannelError::Disconnected(_)),
                "{reason}"
            );
        }
    }
}
