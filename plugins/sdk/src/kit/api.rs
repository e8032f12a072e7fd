//! Calls of a platform's HTTP API, and what each failure means. No error holds a URL: some hold a token.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{ChannelError, http_client};

/// A usual call takes no longer.
pub const LIMIT: Duration = Duration::from_secs(15);

/// A client for the API at this address. It follows no redirect; to this machine it passes no proxy.
pub fn client(root: &Url, limit: Duration) -> Result<Client, String> {
    if http_client::is_local(root) {
        http_client::local_client(limit)
    } else {
        http_client::client(limit)
    }
}

/// An answer, read to its end.
#[expect(missing_debug_implementations, reason = "it holds what people wrote")]
pub struct Answer {
    /// Of HTTP.
    pub status: StatusCode,
    /// All of them.
    pub headers: HeaderMap,
    /// `Null` where it is not JSON.
    pub body: Value,
}

/// Why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// The platform was not reached, or has done nothing.
    Lost(String),
    /// No answer came, or none that can be read: what was done is not known.
    Unsure(String),
    /// The platform asks to wait.
    SlowDown(Duration),
    /// The platform refuses.
    Refused(Refusal),
}

/// What a platform says when it refuses.
#[derive(Debug)]
pub struct Refusal {
    /// Of HTTP.
    pub status: StatusCode,
    /// The platform's own code, which can be compared; empty where it has none.
    pub code: String,
    /// The reason for people, as the platform writes it.
    pub words: String,
}

/// What the failure of a call means, and the status of a refusal.
#[derive(Debug)]
#[expect(missing_docs, reason = "the type says it")]
pub struct Failed {
    pub error: ChannelError,
    pub status: Option<u16>,
}

impl From<Failed> for ChannelError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<ChannelError> for Failed {
    fn from(error: ChannelError) -> Self {
        Self { error, status: None }
    }
}

/// Sends a request. An answer of any status is one, and its body is not read yet.
pub async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| {
        let why = http_client::describe(&error);
        if error.is_connect() { Failure::Lost(why) } else { Failure::Unsure(why) }
    })
}

/// Reads an answer to its end, which comes within [`http_client::ANSWER_LIMIT`].
pub async fn read(response: Response) -> Result<Answer, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = http_client::body(response).await;
    // What refuses has done nothing.
    let why = if status.is_success() { Failure::Unsure } else { Failure::Lost };
    let body = body.map_err(|unread| why(unread.to_string()))?;
    Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// Sends a request and reads its answer.
pub async fn ask(request: RequestBuilder) -> Result<Answer, Failure> {
    read(send(request).await?).await
}

/// The part of a JSON answer that is needed.
pub fn parsed<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body).map_err(|_| unreadable())
}

/// An answer that lacks what is needed of it.
pub fn unreadable() -> Failure {
    Failure::Unsure("answered something unreadable".to_owned())
}

/// How long the header `Retry-After` asks to wait.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    seconds(headers.get("retry-after")?.to_str().ok()?)
}

/// A number of seconds as a platform writes it.
pub fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

impl Failure {
    /// The channel error of it; `refused` says what a refusal means.
    pub fn error(
        self,
        platform: &str,
        refused: impl FnOnce(Refusal) -> ChannelError,
    ) -> ChannelError {
        match self {
            Self::Lost(why) | Self::Unsure(why) => {
                ChannelError::Disconnected(format!("{platform}: {why}"))
            }
            Self::SlowDown(wait) => ChannelError::RateLimited(wait),
            Self::Refused(refusal) => refused(refusal),
        }
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Lost(_) | Self::Unsure(_) | Self::SlowDown(_) => None,
        }
    }

    /// The same with its meaning.
    pub fn failed(self, meaning: impl FnOnce(Self) -> ChannelError) -> Failed {
        let status = self.refusal().map(|refusal| refusal.status.as_u16());
        Failed { error: meaning(self), status }
    }

    /// True where the platform refuses with this code.
    pub fn is(&self, code: &str) -> bool {
        self.refusal().is_some_and(|refusal| refusal.code == code)
    }

    /// True where the platform refuses, and its reason says this.
    pub fn says(&self, part: &str) -> bool {
        self.refusal().is_some_and(|refusal| refusal.words.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("9"), Some(Duration::from_secs(9)));
        assert_eq!(wait(" 64.57 "), Some(Duration::from_millis(64_570)));
        for text in ["", "-1", "NaN", "inf", "1e99", "soon"] {
            assert_eq!(wait(text), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn each_failure_is_an_error_of_its_kind() {
        let refused = |refusal: Refusal| ChannelError::Undeliverable(refusal.words);
        let lost = Failure::Lost("cannot connect".to_owned()).error("Chat", refused);
        assert_eq!(lost, ChannelError::Disconnected("Chat: cannot connect".to_owned()));
        let slow = Failure::SlowDown(Duration::from_secs(3)).error("Chat", refused);
        assert_eq!(slow, ChannelError::RateLimited(Duration::from_secs(3)));
        let (status, code) = (StatusCode::FORBIDDEN, "7".to_owned());
        let refusal = Failure::Refused(Refusal { status, code, words: "no entry".to_owned() });
        assert!(refusal.is("7") && refusal.says("entry") && !refusal.is("8"));
        let error = refusal.error("Chat", refused);
        assert_eq!(error, ChannelError::Undeliverable("no entry".to_owned()));
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_is_null_and_of_one_without_end_nothing_is_known() {
        let answer = |body: Vec<u8>| read(http::Response::new(body).into());
        assert_eq!(answer(b"ok".to_vec()).await.ok().map(|answer| answer.body), Some(Value::Null));
        let endless = answer(vec![b' '; http_client::ANSWER_LIMIT + 1]).await;
        assert!(matches!(endless, Err(Failure::Unsure(_))));
        assert!(matches!(parsed::<u8>(Value::Null), Err(Failure::Unsure(_))));
    }
}
