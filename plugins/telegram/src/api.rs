//! Calls of the Bot API: teloxide's payloads. Answers are read for only what is needed of them, so that a field that
//! Telegram adds or an emulator leaves out breaks nothing.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Bytes, ChannelError, FetchError, File, Secret,
    kit::{
        api::{self, Answer, Failure, Refusal},
        fetch,
    },
    neutral,
    reqwest::{
        Client, RequestBuilder, Url,
        multipart::{Form, Part},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use teloxide::{
    payloads::{GetFile, GetUpdates},
    requests::Payload,
    types::FileId,
};

use crate::{PLUGIN, config::Config, text};

/// How long Telegram may hold a poll back.
pub(crate) const POLL: Duration = Duration::from_secs(25);

/// Above [`POLL`], so that a dead connection is noticed and a quiet one is not taken for dead.
const POLL_LIMIT: Duration = Duration::from_secs(35);

/// How a call names the file beside it.
pub(crate) const ATTACHED: &str = "attach://image";

/// The Bot API of one bot.
pub(crate) struct Api {
    client: Client,
    root: Url,
    /// How an address names it.
    bot: Secret,
    token_key: &'static str,
}

impl Api {
    pub(crate) fn new(token: &Secret, config: &Config) -> Result<Self, ChannelError> {
        let client = api::client(&config.root, api::LIMIT).map_err(ChannelError::Disconnected)?;
        let bot = Secret::new(format!("bot{}", token.expose()));
        Ok(Self { client, root: config.root.clone(), bot, token_key: config.token.key() })
    }

    /// Makes a call, and reads what is needed of its result.
    pub(crate) async fn ask<P, T>(&self, payload: &P) -> Result<T, Failure>
    where
        P: Payload + Serialize,
        T: DeserializeOwned,
    {
        api::parsed(result(self.method(P::NAME).json(payload)).await?.body)
    }

    /// Asks for updates, and waits for them.
    pub(crate) async fn poll(&self, payload: &GetUpdates) -> Result<Answer, Failure> {
        result(self.method(GetUpdates::NAME).timeout(POLL_LIMIT).json(payload)).await
    }

    /// Makes a call with a file beside it, which it names [`ATTACHED`].
    pub(crate) async fn upload<P: Payload + Serialize>(
        &self,
        payload: &P,
        file: &File,
    ) -> Result<Value, Failure> {
        let fields = serde_json::to_value(payload).unwrap_or_default();
        let file = Part::bytes(file.bytes.to_vec()).file_name(file.name.clone());
        let mut form = Form::new().part("image", file);
        for (name, value) in fields.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            form = form.text(name.clone(), text);
        }
        Ok(result(self.method(P::NAME).timeout(fetch::LIMIT).multipart(form)).await?.body)
    }

    /// Fetches a file by its id. Its address holds the token, and is made here of the root and a relative path alone.
    pub(crate) async fn fetch(&self, id: &str, limit: usize) -> Result<Bytes, FetchError> {
        let file: Value = match self.ask(&GetFile::new(FileId(id.to_owned()))).await {
            Err(failure) if failure.says("file is too big") => return Err(FetchError::TooLarge),
            file => file.map_err(fetch::lost)?,
        };
        if file["file_size"].as_u64().is_some_and(|size| size > limit as u64) {
            return Err(FetchError::TooLarge);
        }
        let path: Vec<&str> = file["file_path"].as_str().unwrap_or_default().split('/').collect();
        // A Bot API server that runs with `--local` names files on its own disk.
        if path.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(FetchError::Unavailable(text::NO_FILE.to_owned()));
        }
        let url = self.url(["file", self.bot.expose()].into_iter().chain(path));
        fetch::read(self.client.get(url).timeout(fetch::LIMIT), limit).await
    }

    /// What the failure of a message means for the gateway.
    pub(crate) fn of_message(&self, failure: Failure) -> ChannelError {
        // `Unauthorized: bot ...` is about one conversation; alone, it is about the token.
        let kinds = ["Bad Request", "Forbidden", "Request Entity Too Large", "Unauthorized: "];
        let words = failure.refusal().map(|refusal| refusal.words.as_str()).unwrap_or_default();
        let is_about_it = kinds.iter().any(|kind| words.starts_with(kind));
        match self.of_account(failure) {
            ChannelError::Disconnected(why) if is_about_it => ChannelError::Undeliverable(why),
            error => error,
        }
    }

    /// What the failure of a call that the connection needs means for the gateway.
    pub(crate) fn of_account(&self, failure: Failure) -> ChannelError {
        failure.error(PLUGIN.label, |refusal| match refusal.words.as_str() {
            "Unauthorized" | "Not Found" => {
                ChannelError::Unauthorized(text::token_refused(self.token_key))
            }
            words if words.starts_with("Conflict: terminated") => {
                ChannelError::Contended(text::CONTENDED.to_owned())
            }
            words => PLUGIN.lost(&neutral(words, 200)),
        })
    }

    fn method(&self, name: &str) -> RequestBuilder {
        self.client.post(self.url([self.bot.expose(), name]))
    }

    fn url<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

async fn result(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut answer = api::ask(request).await?;
    if answer.body["ok"] != true {
        return Err(refusal(answer));
    }
    answer.body = answer.body["result"].take();
    Ok(answer)
}

/// A refusal; the code of one that only says that the group has a new id is that id.
fn refusal(Answer { status, body, .. }: Answer) -> Failure {
    let Some(words) = body["description"].as_str() else {
        return api::unreadable();
    };
    let named = body["parameters"]["retry_after"].as_u64();
    if named.is_some() || words.starts_with("Too Many Requests") {
        let seconds = named.or_else(|| words.rsplit(' ').next()?.parse().ok());
        return Failure::SlowDown(Duration::from_secs(seconds.unwrap_or(5)));
    }
    let moved = body["parameters"]["migrate_to_chat_id"].as_i64();
    let code = moved.map(|id| id.to_string()).unwrap_or_default();
    Failure::Refused(Refusal { status, code, words: words.to_owned() })
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{
        AccountId, Settings,
        reqwest::{StatusCode, header::HeaderMap},
        toml::Table,
    };
    use serde_json::{Value, json};

    use super::*;

    fn api() -> Api {
        let mut table = Table::new();
        table.insert("bot_token".to_owned(), "1:AAF".into());
        let account = AccountId::default_account();
        let settings = Settings { account, table, key: [0; 32], commands: Vec::new() };
        let config = Config::read(&settings).unwrap();
        Api::new(&Secret::new("1:AAF"), &config).unwrap()
    }

    fn said(reason: &str) -> Failure {
        answered(json!({ "ok": false, "description": reason }))
    }

    fn answered(body: Value) -> Failure {
        refusal(Answer { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body })
    }

    #[test]
    fn a_refused_token_names_the_key_and_not_the_token() {
        for reason in ["Unauthorized", "Not Found"] {
            let expected = ChannelError::Unauthorized(
                "Telegram refuses the token: check `bot_token`".to_owned(),
            );
            assert_eq!(api().of_account(said(reason)), expected);
            assert_eq!(api().of_message(said(reason)), expected);
        }
    }

    #[test]
    fn a_wait_is_telegrams_own() {
        let wait = answered(
            json!({ "ok": false, "description": "Flood", "parameters": { "retry_after": 37 } }),
        );
        assert_eq!(api().of_message(wait), ChannelError::RateLimited(Duration::from_secs(37)));
        let wait = said("Too Many Requests: retry after 9");
        assert_eq!(api().of_account(wait), ChannelError::RateLimited(Duration::from_secs(9)));
    }

    #[test]
    fn another_poller_is_named() {
        let reason = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
        let ChannelError::Contended(text) = api().of_account(said(reason)) else {
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
                matches!(api().of_message(said(reason)), ChannelError::Undeliverable(_)),
                "{reason}"
            );
        }
    }

    #[test]
    fn what_telegram_gets_over_is_tried_again() {
        for reason in ["Internal Server Error", "Bad Gateway", "Conflict: something new"] {
            assert!(
                matches!(api().of_message(said(reason)), ChannelError::Disconnected(_)),
                "{reason}"
            );
        }
    }
}
