//! Calls of the Web API: answers are read for only what is needed of them, so that a field that Slack
//! adds breaks nothing; and what each refusal means.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Bytes, ChannelError, FetchError, Secret, http_client,
    kit::{
        api::{self, Answer, Failure, Refusal},
        fetch,
    },
    neutral,
    reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::HeaderMap},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{PLUGIN, inbound, text};

/// Where Slack keeps what people send.
const FILES: &[&str] = &["files.slack.com"];

/// No call with this token will do better.
const CREDENTIAL: &str = "account_inactive app_uninstalled invalid_auth not_allowed_token_type not_authed \
                          org_login_required team_access_not_granted token_expired token_revoked";

/// The same call may do better later.
const PASSING: &str =
    "fatal_error internal_error request_timeout service_unavailable team_added_to_org";

/// The Web API, with one token of an app.
pub(crate) struct Api {
    client: Client,
    root: Url,
    token: Secret,
}

impl Api {
    pub(crate) fn new(root: Url, token: Secret) -> Result<Self, String> {
        Ok(Self { client: api::client(&root, api::LIMIT)?, root, token })
    }

    /// The same way with another token of the app.
    pub(crate) fn with(&self, token: &Secret) -> Self {
        Self { client: self.client.clone(), root: self.root.clone(), token: token.clone() }
    }

    /// Calls a method.
    pub(crate) async fn call(&self, name: &str, body: &impl Serialize) -> Result<Answer, Failure> {
        answered(self.method(name).json(body)).await
    }

    /// Calls one of the few methods that take a form and no JSON.
    pub(crate) async fn form(&self, name: &str, fields: &Value) -> Result<Value, Failure> {
        Ok(answered(self.method(name).form(fields)).await?.body)
    }

    /// Posts to an address that came with an event or an answer; false where it is not Slack's. No token goes along.
    pub(crate) async fn post(
        &self,
        url: &str,
        filled: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<bool, Failure> {
        let Some(url) = self.trusted(url) else { return Ok(false) };
        usable(api::send(filled(self.client.post(url))).await?).map(|_| true)
    }

    /// Fetches a file by its id, with the bot's token.
    pub(crate) async fn fetch(&self, id: &str, limit: usize) -> Result<Bytes, FetchError> {
        let info = self.form("files.info", &json!({ "file": id })).await.map_err(fetch::lost)?;
        let file = &info["file"];
        if inbound::is_elsewhere(file) {
            return Err(FetchError::Unavailable(text::FOREIGN_FILE.to_owned()));
        }
        let mut addresses = ["url_private_download", "url_private"].into_iter();
        let address = addresses.find_map(|key| file[key].as_str()).unwrap_or_default();
        fetch::named(address, (&self.root, FILES), Some(&self.token), limit).await
    }

    /// An address that Slack named, if it is Slack's: only those are called, whatever an event or an answer says.
    pub(crate) fn trusted(&self, url: &str) -> Option<Url> {
        http_client::trusted(url, "slack.com", &self.root)
    }

    fn method(&self, name: &str) -> RequestBuilder {
        let root = self.root.as_str().trim_end_matches('/');
        self.client.post(format!("{root}/{name}")).bearer_auth(self.token.expose())
    }
}

/// What a refused message means for the gateway.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    match failure {
        Failure::Refused(Refusal { code, words, .. })
            if !is_one_of(PASSING, &code) && !is_one_of(CREDENTIAL, &code) =>
        {
            ChannelError::Undeliverable(words)
        }
        failure => of_account(failure, "bot_token"),
    }
}

/// What a failure means for the account, which used the token of this key.
pub(crate) fn of_account(failure: Failure, key: &str) -> ChannelError {
    failure.error(PLUGIN.label, |Refusal { code, words, .. }| match code.as_str() {
        code if is_one_of(CREDENTIAL, code) => {
            ChannelError::Unauthorized(text::token_refused(code, key))
        }
        "missing_scope" => ChannelError::Unauthorized(format!("{words}; then check `{key}`")),
        _ => ChannelError::Disconnected(words),
    })
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// A refusal with Slack's own word for why, and the scope that the token lacks.
fn refused(status: StatusCode, word: &str, needed: Option<&str>) -> Refusal {
    let words = match (word, needed) {
        ("missing_scope", Some(scope)) => text::scope_missing(scope),
        _ => format!("Slack: {}", neutral(word, 100)),
    };
    Refusal { status, code: word.to_owned(), words }
}

async fn answered(request: RequestBuilder) -> Result<Answer, Failure> {
    let answer = api::read(usable(api::send(request).await?)?).await?;
    if answer.body["ok"] == true {
        return Ok(answer);
    }
    let text = |key: &str| answer.body[key].as_str();
    match text("error").unwrap_or("an answer without a reason") {
        "ratelimited" | "rate_limited" => Err(Failure::SlowDown(wait(&answer.headers))),
        word => Err(Failure::Refused(refused(answer.status, word, text("needed")))),
    }
}

fn usable(response: Response) -> Result<Response, Failure> {
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => Err(Failure::SlowDown(wait(response.headers()))),
        status if status.is_success() => Ok(response),
        status => Err(Failure::Lost(format!("answered {status}"))),
    }
}

/// Half a minute where Slack says no number, and at least a second, so that nothing runs in circles.
fn wait(headers: &HeaderMap) -> Duration {
    let asked = api::retry_after(headers).unwrap_or(Duration::from_secs(30));
    asked.clamp(Duration::from_secs(1), Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(word: &str, needed: Option<&str>) -> Failure {
        Failure::Refused(refused(StatusCode::OK, word, needed))
    }

    #[test]
    fn a_token_that_is_over_stops_the_account_and_names_its_key() {
        for word in ["invalid_auth", "account_inactive", "token_revoked", "not_authed"] {
            for error in
                [of_message(refusal(word, None)), of_account(refusal(word, None), "bot_token")]
            {
                let ChannelError::Unauthorized(text) = error else { panic!("{word}: {error:?}") };
                assert!(text.contains("`bot_token`") && text.contains(word), "{text}");
            }
        }
        let lacking = of_account(refusal("missing_scope", Some("connections:write")), "app_token");
        let ChannelError::Unauthorized(text) = lacking else { panic!("{lacking:?}") };
        assert!(text.contains("`connections:write`") && text.contains("`app_token`"), "{text}");
    }

    #[test]
    fn what_concerns_one_message_drops_that_message() {
        for word in ["channel_not_found", "is_archived", "msg_too_long", "restricted_action"] {
            assert!(matches!(of_message(refusal(word, None)), ChannelError::Undeliverable(_)));
        }
        let lacking = of_message(refusal("missing_scope", Some("files:write")));
        let ChannelError::Undeliverable(text) = lacking else { panic!("{lacking:?}") };
        assert!(text.contains("`files:write`") && text.contains("install"), "{text}");
    }

    #[test]
    fn what_slack_gets_over_is_tried_again() {
        for word in ["internal_error", "fatal_error", "service_unavailable"] {
            assert!(matches!(of_message(refusal(word, None)), ChannelError::Disconnected(_)));
        }
        let slow = of_message(Failure::SlowDown(Duration::from_secs(37)));
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
