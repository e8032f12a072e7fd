//! What a failed call means. One table, with a test for each row.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError,
    kit::api::{self, Answer, Failure, Refusal},
    neutral,
};

use crate::{PLUGIN, text};

/// Google names no wait, and a space takes one write a second.
const WAIT: Duration = Duration::from_secs(1);

/// What a call was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The account as a whole.
    Account,
    /// A token for it.
    Grant,
    /// One message, or the space that it goes to.
    Message,
}

/// What the failure of a call means; the service account stands under this key.
pub(crate) fn meaning(failure: Failure, about: About, key: &str) -> ChannelError {
    failure.error(PLUGIN.label, |Refusal { status, code, words }| {
        let said = format!("{}: {words}", PLUGIN.label);
        match (about, status.as_u16()) {
            (About::Grant, _) => ChannelError::Unauthorized(text::grant_refused(&code, key)),
            (About::Account, 401) => ChannelError::Unauthorized(text::token_refused(key)),
            // The token has just been given: what is wrong is wrong at this space.
            (About::Message, 401) => ChannelError::Disconnected(text::token_refused(key)),
            (About::Account, 403) => ChannelError::Unauthorized(text::denied(&words, key)),
            (About::Account, 404) => ChannelError::Unauthorized(text::no_app(&words, key)),
            (About::Account, _) => ChannelError::Disconnected(said),
            (About::Message, _) => ChannelError::Undeliverable(said),
        }
    })
}

/// An answer that is none of a failure.
pub(crate) fn answered(answer: Answer) -> Result<Answer, Failure> {
    let status = answer.status;
    match status.as_u16() {
        200..=299 => Ok(answer),
        429 => {
            let asked = api::retry_after(&answer.headers).unwrap_or(WAIT);
            Err(Failure::SlowDown(asked.clamp(WAIT, Duration::from_hours(1))))
        }
        408 | 500.. => Err(Failure::Lost(format!("answered {status}"))),
        _ => {
            // Where tokens are given, the error is a word, and in the API it has parts.
            let error = &answer.body["error"];
            let code = error["status"].as_str().or(error.as_str()).unwrap_or_default();
            let words = error["message"].as_str().or(answer.body["error_description"].as_str());
            let words = words.map_or_else(|| format!("answered {status}"), |it| neutral(it, 200));
            Err(Failure::Refused(Refusal { status, code: neutral(code, 64), words }))
        }
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::reqwest::{StatusCode, header::HeaderMap};
    use serde_json::{Value, json};

    use super::*;

    const KEY: &str = "service_account_file";

    fn failed(status: u16, body: Value) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), body };
        answered(answer).err().unwrap()
    }

    fn refused(status: u16, code: &str) -> Failure {
        let words = format!("about {code}");
        let error = json!({ "code": status, "message": words, "status": code });
        failed(status, json!({ "error": error }))
    }

    #[track_caller]
    fn stops(error: &ChannelError, says: &str) {
        let ChannelError::Unauthorized(text) = error else { panic!("{error:?}") };
        assert!(text.contains(says) && text.contains(&format!("`{KEY}`")), "{text}");
    }

    #[test]
    fn a_key_that_gets_no_token_stops_the_account() {
        for (status, code) in [
            (400, "invalid_grant"),
            (400, "invalid_scope"),
            (401, "invalid_client"),
            (401, "unauthorized_client"),
            (403, "access_denied"),
        ] {
            let body = json!({ "error": code, "error_description": "Invalid JWT Signature." });
            let error = meaning(failed(status, body), About::Grant, KEY);
            stops(&error, code);
            stops(&error, "clock");
        }
    }

    #[test]
    fn a_token_that_is_not_taken_stops_the_account_unless_it_is_one_space_that_refuses_it() {
        let meaning = |about| meaning(refused(401, "UNAUTHENTICATED"), about, KEY);
        stops(&meaning(About::Account), "refuses the token");
        let ChannelError::Disconnected(why) = meaning(About::Message) else { panic!("one space") };
        assert!(why.contains("refuses the token"), "{why}");
    }

    #[test]
    fn an_api_that_is_not_enabled_stops_the_account() {
        let denied = meaning(refused(403, "PERMISSION_DENIED"), About::Account, KEY);
        stops(&denied, "about PERMISSION_DENIED");
        let no_app = meaning(refused(404, "NOT_FOUND"), About::Account, KEY);
        stops(&no_app, "Configuration");
    }

    #[test]
    fn an_account_that_cannot_be_asked_about_is_asked_about_again() {
        let error = meaning(refused(400, "INVALID_ARGUMENT"), About::Account, KEY);
        assert!(matches!(error, ChannelError::Disconnected(_)), "{error:?}");
    }

    #[test]
    fn what_concerns_one_message_or_one_space_drops_that_message() {
        for (status, code) in [
            (400, "INVALID_ARGUMENT"),
            (403, "PERMISSION_DENIED"),
            (404, "NOT_FOUND"),
            (409, "ALREADY_EXISTS"),
            (413, "TOO_LARGE"),
        ] {
            let error = meaning(refused(status, code), About::Message, KEY);
            let expected = format!("Google Chat: about {code}");
            assert_eq!(error, ChannelError::Undeliverable(expected));
        }
    }

    #[test]
    fn what_google_gets_over_is_tried_again() {
        for about in [About::Account, About::Grant, About::Message] {
            for status in [408, 500, 502, 503, 504] {
                let error = meaning(failed(status, Value::Null), about, KEY);
                assert!(matches!(error, ChannelError::Disconnected(_)), "{error:?}");
            }
            let lost = Failure::Lost("cannot connect".to_owned());
            let expected = ChannelError::Disconnected("Google Chat: cannot connect".to_owned());
            assert_eq!(meaning(lost, about, KEY), expected);
        }
    }

    #[test]
    fn a_limit_without_a_wait_is_that_of_one_write_a_second() {
        let slow = |header: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("retry-after", header.parse().unwrap());
            }
            let status = StatusCode::TOO_MANY_REQUESTS;
            let failed = answered(Answer { status, headers, body: Value::Null }).err().unwrap();
            meaning(failed, About::Message, KEY)
        };
        for (header, seconds) in
            [(None, 1), (Some("37"), 37), (Some("0"), 1), (Some("x"), 1), (Some("99999999"), 3600)]
        {
            let expected = ChannelError::RateLimited(Duration::from_secs(seconds));
            assert_eq!(slow(header), expected, "{header:?}");
        }
    }
}
