//! Calls of the Web API: answers are read for only what is needed of them, so that a field that Slack
//! adds breaks nothing; and what each refusal means.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, Secret, http_client, neutral,
    reqwest::{Client, RequestBuilder, Response, StatusCode, header::HeaderMap},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{address::Root, wire::Me};

const LIMIT: Duration = Duration::from_secs(15);

/// What Slack says when it gives no number.
const WAIT: Duration = Duration::from_secs(30);

/// One app's way to the Web API.
pub(crate) struct Api {
    client: Client,
    pub(crate) root: Root,
    bot_token: Secret,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The platform was not reached, or answered something else.
    Broken(String),
    /// It wants us to wait.
    Slow(Duration),
    /// It refused, with its own word for why, and the scope that the token lacks.
    Said(String, Option<String>),
}

impl Api {
    pub(crate) fn new(root: Root, bot_token: Secret) -> Result<Self, String> {
        let client = if root.is_local() {
            http_client::local_client(LIMIT)?
        } else {
            http_client::client(LIMIT)?
        };
        Ok(Self { client, root, bot_token })
    }

    /// Asks who the bot token makes us; the headers say which scopes it has.
    pub(crate) async fn greet(&self) -> Result<(Me, HeaderMap), Failed> {
        self.call_with(&self.bot_token, "auth.test", &json!({})).await
    }

    /// Calls a method as the bot.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &impl Serialize,
    ) -> Result<T, Failed> {
        self.call_with(&self.bot_token, method, body).await.map(|(answer, _)| answer)
    }

    /// Calls a method with a token of ours.
    pub(crate) async fn call_with<T: DeserializeOwned>(
        &self,
        token: &Secret,
        method: &str,
        body: &impl Serialize,
    ) -> Result<(T, HeaderMap), Failed> {
        let request = self.client.post(self.root.method(method)).bearer_auth(token.expose());
        let (answer, headers) = answered(request.json(body)).await?;
        Ok((read(answer)?, headers))
    }

    /// Calls one of the few methods that take a form and no JSON.
    pub(crate) async fn form<T: DeserializeOwned>(
        &self,
        method: &str,
        fields: &[(&str, &str)],
    ) -> Result<T, Failed> {
        let url = self.root.method(method);
        let request = self.client.post(url).bearer_auth(self.bot_token.expose()).form(fields);
        read(answered(request).await?.0)
    }

    /// Gives bytes to an address that Slack named; `None` where it is not Slack's. No token goes along.
    pub(crate) async fn upload(&self, url: &str, bytes: Vec<u8>) -> Option<Result<(), Failed>> {
        let url = self.root.trusted(url)?;
        let sent = self.client.post(url).header("content-type", "image/png").body(bytes).send();
        Some(done(sent.await))
    }

    /// Answers at an address that came with an event; `None` where it is not Slack's. No token goes along.
    pub(crate) async fn respond(&self, url: &str, body: &Value) -> Option<Result<(), Failed>> {
        let url = self.root.trusted(url)?;
        Some(done(self.client.post(url).json(body).send().await))
    }
}

impl Failed {
    /// True where Slack refused what was asked, and not who asked, nor for a while.
    pub(crate) fn is_about_the_call(&self) -> bool {
        matches!(self, Self::Said(word, _) if !is_passing(word) && !is_credential(word))
    }

    /// What a refused message means for the gateway.
    pub(crate) fn of_message(self) -> ChannelError {
        match self {
            Self::Said(ref word, ref needed) if self.is_about_the_call() => {
                ChannelError::Undeliverable(said(word, needed.as_deref()))
            }
            other => other.of_account("bot_token"),
        }
    }

    /// What a failure means for the account, which used the token of this key.
    pub(crate) fn of_account(self, key: &str) -> ChannelError {
        match self {
            Self::Broken(why) => ChannelError::Disconnected(format!("Slack: {why}")),
            Self::Slow(wait) => ChannelError::RateLimited(wait),
            Self::Said(word, _) if is_credential(&word) => ChannelError::Unauthorized(format!(
                "Slack refuses the token ({}): check `{key}`, or install the app again",
                neutral(&word, 64)
            )),
            Self::Said(word, needed) if word == "missing_scope" => ChannelError::Unauthorized(
                format!("{}; then check `{key}`", said(&word, needed.as_deref())),
            ),
            Self::Said(word, needed) => ChannelError::Disconnected(said(&word, needed.as_deref())),
        }
    }

    /// True where Slack said this.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Said(said, _) if said == word)
    }
}

fn said(word: &str, needed: Option<&str>) -> String {
    match (word, needed) {
        ("missing_scope", Some(scope)) => format!(
            "Slack: the app lacks the scope `{}`: add it under OAuth & Permissions and install the app again",
            neutral(scope, 100)
        ),
        _ => format!("Slack: {}", neutral(word, 100)),
    }
}

/// True where no call with this token will do better.
fn is_credential(word: &str) -> bool {
    matches!(
        word,
        "account_inactive"
            | "app_uninstalled"
            | "invalid_auth"
            | "not_allowed_token_type"
            | "not_authed"
            | "org_login_required"
            | "team_access_not_granted"
            | "token_expired"
            | "token_revoked"
    )
}

/// True where the same call may do better later.
fn is_passing(word: &str) -> bool {
    matches!(
        word,
        "fatal_error"
            | "internal_error"
            | "ratelimited"
            | "rate_limited"
            | "request_timeout"
            | "service_unavailable"
            | "team_added_to_org"
    )
}

async fn answered(request: RequestBuilder) -> Result<(Value, HeaderMap), Failed> {
    let response = request.send().await.map_err(|error| broken(&error))?;
    let response = usable(response)?;
    let headers = response.headers().clone();
    let body = http_client::body(response).await;
    let body = body.map_err(|unread| Failed::Broken(unread.to_string()))?;
    let answer: Value = serde_json::from_slice(&body)
        .map_err(|_| Failed::Broken("answered something unreadable".to_owned()))?;
    if answer["ok"] == true {
        return Ok((answer, headers));
    }
    let word = answer["error"].as_str().unwrap_or("an answer without a reason");
    if matches!(word, "ratelimited" | "rate_limited") {
        return Err(Failed::Slow(wait(&headers)));
    }
    Err(Failed::Said(word.to_owned(), answer["needed"].as_str().map(str::to_owned)))
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failed> {
    serde_json::from_value(answer)
        .map_err(|_| Failed::Broken("answered something unreadable".to_owned()))
}

fn done(sent: Result<Response, openclaw_plugin_sdk::reqwest::Error>) -> Result<(), Failed> {
    usable(sent.map_err(|error| broken(&error))?).map(drop)
}

fn usable(response: Response) -> Result<Response, Failed> {
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => Err(Failed::Slow(wait(response.headers()))),
        status if status.is_success() => Ok(response),
        status => Err(Failed::Broken(format!("answered {status}"))),
    }
}

/// As a number of seconds; at least one, so that nothing runs in circles.
fn wait(headers: &HeaderMap) -> Duration {
    let seconds = headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(WAIT, |seconds: u64| Duration::from_secs(seconds.clamp(1, 3600)))
}

fn broken(error: &openclaw_plugin_sdk::reqwest::Error) -> Failed {
    Failed::Broken(http_client::describe(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(word: &str, needed: Option<&str>) -> Failed {
        Failed::Said(word.to_owned(), needed.map(str::to_owned))
    }

    #[test]
    fn a_token_that_is_over_stops_the_account_and_names_its_key() {
        for word in ["invalid_auth", "account_inactive", "token_revoked", "not_authed"] {
            for error in
                [refusal(word, None).of_message(), refusal(word, None).of_account("bot_token")]
            {
                let ChannelError::Unauthorized(text) = error else { panic!("{word}: {error:?}") };
                assert!(text.contains("`bot_token`") && text.contains(word), "{text}");
            }
        }
        let lacking = refusal("missing_scope", Some("connections:write")).of_account("app_token");
        let ChannelError::Unauthorized(text) = lacking else { panic!("{lacking:?}") };
        assert!(text.contains("`connections:write`") && text.contains("`app_token`"), "{text}");
    }

    #[test]
    fn what_concerns_one_message_drops_that_message() {
        for word in ["channel_not_found", "is_archived", "msg_too_long", "restricted_action"] {
            assert!(matches!(refusal(word, None).of_message(), ChannelError::Undeliverable(_)));
        }
        let lacking = refusal("missing_scope", Some("files:write")).of_message();
        let ChannelError::Undeliverable(text) = lacking else { panic!("{lacking:?}") };
        assert!(text.contains("`files:write`") && text.contains("install"), "{text}");
    }

    #[test]
    fn what_slack_gets_over_is_tried_again() {
        for word in ["internal_error", "fatal_error", "service_unavailable"] {
            assert!(matches!(refusal(word, None).of_message(), ChannelError::Disconnected(_)));
        }
        let slow = Failed::Slow(Duration::from_secs(37)).of_message();
        assert_eq!(slow, ChannelError::RateLimited(Duration::from_secs(37)));
    }

    #[test]
    fn a_wait_is_slacks_own_and_never_none() {
        let wait = |text: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(text) = text {
                headers.insert("retry-after", text.parse().unwrap());
            }
            wait(&headers).as_secs()
        };
        let waits = [Some("9"), Some("0"), Some("x"), Some("99999999"), None].map(wait);
        assert_eq!(waits, [9, 1, 30, 3600, 30]);
    }
}
