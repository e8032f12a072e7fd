//! What a failed call means. One table, with a test for each row.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError,
    kit::api,
    neutral,
    reqwest::{StatusCode, header::HeaderMap},
};
use serde_json::Value;

use crate::{PLUGIN, text};

/// What stands before a server and asks to wait may name no number.
const WAIT: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server was not reached: nothing was done.
    Lost(String),
    /// The call was made, and no answer came: what was done is not known.
    Unsure(String),
    /// The call was made, and its answer is too long to be read.
    Long,
    /// What stands before the server asks to wait.
    SlowDown(Duration),
    /// An answer of the server.
    Refused(Refusal),
}

/// What the server says when it refuses.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Its own word for the kind of error.
    pub(crate) kind: String,
    pub(crate) words: String,
}

impl Failure {
    /// What the server itself says to a call that the account can do without.
    pub(crate) fn said(&self) -> Option<&str> {
        match self {
            Self::Refused(Refusal { status, kind, words })
                if *status != 401 && !kind.is_empty() =>
            {
                Some(words)
            }
            _ => None,
        }
    }

    /// True where a message with this mark is on its way already.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self, Self::Refused(Refusal { status: 400, words, .. }) if words.contains("already queued"))
    }

    /// True where what stands beside Messages on the Mac is not there: nothing was sent.
    pub(crate) fn lacks_private_api(&self) -> bool {
        matches!(self, Self::Refused(Refusal { words, .. }) if words.contains("Private API"))
    }
}

/// Whether an answer is one of a success.
pub(crate) fn answered(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Value,
) -> Result<(), Failure> {
    match status.as_u16() {
        200..=299 => Ok(()),
        429 => Err(Failure::SlowDown(
            api::retry_after(headers)
                .unwrap_or(WAIT)
                .clamp(Duration::from_secs(1), Duration::from_hours(1)),
        )),
        status => {
            let error = &body["error"];
            let kind = error["type"].as_str().unwrap_or_default().to_owned();
            let words = error["message"].as_str().or(body["message"].as_str());
            let words = words.map_or_else(|| format!("answered {status}"), str::to_owned);
            Err(Failure::Refused(Refusal { status, kind, words }))
        }
    }
}

/// What the failure of a call that the account needs means.
pub(crate) fn of_account(failure: Failure) -> ChannelError {
    match failure {
        Failure::Lost(why) | Failure::Unsure(why) => PLUGIN.lost(&why),
        Failure::Long => PLUGIN.lost(text::TOO_LONG),
        Failure::SlowDown(wait) => ChannelError::RateLimited(wait),
        Failure::Refused(refusal) => match refusal.status {
            401 => ChannelError::Unauthorized(text::REFUSED.to_owned()),
            // So answers what stands before a server that is away, too.
            404 => ChannelError::Disconnected(text::NO_SERVER.to_owned()),
            _ => PLUGIN.lost(&neutral(&refusal.words, 200)),
        },
    }
}

/// What the failure of one message means: what has no kind is no answer of the server. It is not sent again where it may
/// have gone: the server knows no message by its mark once that is over.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    let undeliverable = |why: String| ChannelError::Undeliverable(why);
    match failure {
        Failure::Unsure(why) => undeliverable(text::unsure(&why)),
        Failure::Long => undeliverable(text::unsure(text::TOO_LONG)),
        Failure::Refused(Refusal { status: 504, words, .. }) => {
            undeliverable(text::unsure(&neutral(&words, 200)))
        }
        Failure::Refused(Refusal { status, kind, words })
            if kind == "iMessage Error" || !(kind.is_empty() || status == 401 || status >= 500) =>
        {
            undeliverable(text::said(&neutral(&words, 200)))
        }
        other => of_account(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(status: u16, body: &Value) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        answered(status, &HeaderMap::new(), body).unwrap_err()
    }

    fn refused(status: u16, kind: &str, words: &str) -> Failure {
        failed(
            status,
            &json!({ "status": status, "message": "no", "error": { "type": kind, "message": words } }),
        )
    }

    fn is_lost(error: &ChannelError) -> bool {
        matches!(error, ChannelError::Disconnected(_))
    }

    #[test]
    fn a_password_that_is_refused_stops_the_account() {
        for words in ["Unauthorized", "Missing server password!"] {
            for meaning in [of_account, of_message] {
                let error = meaning(refused(401, "Authentication Error", words));
                let ChannelError::Unauthorized(text) = &error else { panic!("{error:?}") };
                assert!(text.contains("`password`"), "{text}");
            }
        }
    }

    #[test]
    fn where_no_server_answers_the_address_is_named_and_nothing_is_dropped() {
        for meaning in [of_account, of_message] {
            let error = meaning(failed(404, &Value::Null));
            assert!(is_lost(&error) && error.to_string().contains("`server_url`"), "{error}");
        }
        let error = of_message(refused(404, "Database Error", "Chat does not exist!"));
        let expected = "BlueBubbles: Chat does not exist!".to_owned();
        assert_eq!(error, ChannelError::Undeliverable(expected));
    }

    #[test]
    fn what_is_wrong_with_one_message_drops_it() {
        for (status, kind, words) in [
            (400, "Validation Error", "A 'message' is required when sending via AppleScript"),
            (500, "iMessage Error", "Failed to send message! See attached message error code."),
        ] {
            let expected = ChannelError::Undeliverable(format!("BlueBubbles: {words}"));
            assert_eq!(of_message(refused(status, kind, words)), expected);
            assert!(is_lost(&of_account(refused(status, kind, words))));
        }
    }

    #[test]
    fn a_server_that_is_away_is_tried_again() {
        for status in [403, 408, 413, 500, 502, 503] {
            assert!(is_lost(&of_message(failed(status, &Value::Null))), "{status}");
            assert!(is_lost(&of_account(failed(status, &Value::Null))), "{status}");
        }
        assert!(is_lost(&of_message(refused(500, "Server Error", "no database"))));
        for meaning in [of_account, of_message] {
            let error = meaning(Failure::Lost("cannot connect".to_owned()));
            assert_eq!(error, ChannelError::Disconnected("BlueBubbles: cannot connect".to_owned()));
        }
    }

    #[test]
    fn a_message_that_may_have_gone_is_not_sent_again() {
        for failure in [Failure::Unsure("no answer in time".to_owned()), failed(504, &Value::Null)]
        {
            let error = of_message(failure);
            let ChannelError::Undeliverable(text) = &error else { panic!("{error:?}") };
            assert!(text.contains("not known"), "{text}");
        }
        assert!(is_lost(&of_account(Failure::Unsure("no answer in time".to_owned()))));
        assert!(is_lost(&of_account(failed(504, &Value::Null))));
    }

    #[test]
    fn a_limit_says_how_long() {
        for (header, seconds) in
            [(None, 10), (Some("37"), 37), (Some("0"), 1), (Some("99999999"), 3600)]
        {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("retry-after", header.parse().unwrap());
            }
            let failure = answered(StatusCode::TOO_MANY_REQUESTS, &headers, &Value::Null);
            let expected = ChannelError::RateLimited(Duration::from_secs(seconds));
            assert_eq!(of_message(failure.unwrap_err()), expected, "{header:?}");
        }
    }

    #[test]
    fn what_is_on_its_way_is_told_from_what_is_wrong() {
        let queued = "Message is already queued to be sent! (Temp GUID: oc-1)";
        assert!(refused(400, "Validation Error", queued).is_queued());
        assert!(!refused(400, "Validation Error", "A 'message' is required").is_queued());
        let absent = "iMessage Private API Helper is not connected!";
        assert!(refused(500, "iMessage Error", absent).lacks_private_api());
        assert!(!refused(500, "iMessage Error", queued).lacks_private_api());
    }
}
