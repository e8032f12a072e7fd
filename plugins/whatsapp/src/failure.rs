//! What a failed call means. One table, by Meta's code: its statuses of HTTP vary between its own pages.

use std::time::Duration;

use openclaw_plugin_sdk::{ChannelError, neutral, reqwest::StatusCode};
use serde_json::Value;

use crate::{PLUGIN, text};

/// Meta names no wait. Its limits are counted by the hour, and for one person by seconds.
const WAIT: Duration = Duration::from_mins(1);
const WAIT_FOR_ONE: Duration = Duration::from_secs(6);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Meta was not reached.
    Lost(String),
    Refused(Refusal),
    /// Whether Meta has done it is not known.
    Unsure(String),
}

/// What Meta says when it refuses.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Of HTTP, where it is an answer.
    pub(crate) status: Option<StatusCode>,
    /// Meta's own.
    pub(crate) code: Option<i64>,
    pub(crate) words: String,
    /// How long it asks to wait, where it does.
    pub(crate) wait: Option<Duration>,
}

impl Refusal {
    /// Reads an `error` object.
    pub(crate) fn read(error: &Value, status: Option<StatusCode>, wait: Option<Duration>) -> Self {
        let details = error["error_data"]["details"].as_str();
        let words = details.or(error["message"].as_str()).or(error["title"].as_str());
        let unsaid = || status.map_or_else(|| "failed".to_owned(), |it| format!("answered {it}"));
        let words = words.map_or_else(unsaid, |words| neutral(words, 200));
        Self { status, code: error["code"].as_i64(), words, wait }
    }
}

/// What the failure of a call that the account needs means.
pub(crate) fn of_account(failure: Failure) -> ChannelError {
    match failure {
        Failure::Lost(why) | Failure::Unsure(why) => PLUGIN.lost(&why),
        // Neither is about a message.
        Failure::Refused(Refusal { code: Some(100), words, .. }) => {
            ChannelError::Unauthorized(text::number(&words))
        }
        Failure::Refused(refusal) => match of_refusal(refusal) {
            ChannelError::Undeliverable(words) | ChannelError::Later(words) => {
                ChannelError::Disconnected(words)
            }
            error => error,
        },
    }
}

/// What the failure of a call about a message means.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    match failure {
        Failure::Lost(why) => PLUGIN.lost(&why),
        Failure::Refused(refusal) => of_refusal(refusal),
        Failure::Unsure(why) => ChannelError::Undeliverable(text::unsure(&why)),
    }
}

/// What a refusal means, at once or later in a status.
pub(crate) fn of_refusal(refusal: Refusal) -> ChannelError {
    let Refusal { status, code, words, wait } = refusal;
    let status = status.map(|status| status.as_u16());
    let limited = |usual: Duration| {
        let asked = wait.unwrap_or(usual);
        ChannelError::RateLimited(asked.clamp(Duration::from_secs(1), LONGEST_WAIT))
    };
    match (code, status) {
        // Meta may repeat the token in its words.
        (Some(0 | 190), _) | (None, Some(401)) => {
            ChannelError::Unauthorized(text::TOKEN.to_owned())
        }
        (Some(3 | 10 | 200..=299), _) => ChannelError::Unauthorized(text::permission(&words)),
        (Some(33 | 133_010), _) => ChannelError::Unauthorized(text::number(&words)),
        (Some(368 | 131_031), _) => ChannelError::Unauthorized(text::locked(&words)),
        (Some(4 | 80_007 | 130_429 | 131_048 | 133_016), _) | (None, Some(429)) => limited(WAIT),
        (Some(131_056), _) => limited(WAIT_FOR_ONE),
        (Some(131_047), _) => ChannelError::Later(text::WINDOW_CLOSED.to_owned()),
        (Some(1 | 2 | 131_000 | 131_016), _) | (_, Some(408 | 500..)) => PLUGIN.lost(&words),
        (code, _) => {
            let code = code.or(status.map(i64::from)).unwrap_or_default();
            ChannelError::Undeliverable(text::refused(&code.to_string(), &words))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a code means for a message and for the account, with any status of HTTP.
    fn both(status: u16, code: i64) -> [ChannelError; 2] {
        let refused = || {
            let error = json!({ "code": code, "message": "(#1) why", "type": "OAuthException" });
            Failure::Refused(Refusal::read(&error, StatusCode::from_u16(status).ok(), None))
        };
        [of_message(refused()), of_account(refused())]
    }

    #[test]
    fn what_the_operator_has_to_mend_stops_the_account_and_names_the_key() {
        for (codes, key) in [
            (&[0, 190][..], "`access_token`"),
            (&[3, 10, 200, 219, 299], "whatsapp_business_messaging"),
            (&[33, 133_010], "`phone_number_id`"),
            (&[368, 131_031], "`phone_number_id`"),
        ] {
            for code in codes {
                for error in [400, 401, 403, 500].into_iter().flat_map(|at| both(at, *code)) {
                    let ChannelError::Unauthorized(why) = error else {
                        panic!("{code}: {error:?}")
                    };
                    assert!(why.contains(key), "{code}: {why}");
                }
            }
        }
    }

    #[test]
    fn case_107_what_meta_says_of_a_token_is_not_repeated() {
        let error = json!({ "code": 190, "message": "Malformed access token EAAxxx" });
        let error = of_message(Failure::Refused(Refusal::read(&error, None, None)));
        assert_eq!(error, ChannelError::Unauthorized(text::TOKEN.to_owned()));
    }

    #[test]
    fn a_number_that_is_not_there_stops_the_account_and_a_wrong_message_does_not() {
        let [message, account] = both(400, 100);
        assert_eq!(message, ChannelError::Undeliverable("WhatsApp: (#1) why (100)".to_owned()));
        let ChannelError::Unauthorized(why) = account else { panic!("{account:?}") };
        assert!(why.contains("`phone_number_id`"), "{why}");
    }

    #[test]
    fn a_limit_is_waited_for_and_never_for_nothing() {
        for (code, seconds) in
            [(4, 60), (80_007, 60), (130_429, 60), (131_048, 60), (133_016, 60), (131_056, 6)]
        {
            for error in both(400, code) {
                assert_eq!(
                    error,
                    ChannelError::RateLimited(Duration::from_secs(seconds)),
                    "{code}"
                );
            }
        }
        for (asked, seconds) in [(0, 1), (37, 37), (100_000, 3600)] {
            let error = json!({ "code": 130_429 });
            let wait = Some(Duration::from_secs(asked));
            let error = of_message(Failure::Refused(Refusal::read(&error, None, wait)));
            assert_eq!(error, ChannelError::RateLimited(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_meta_gets_over_is_tried_again() {
        for code in [1, 2, 131_000, 131_016] {
            for error in both(400, code) {
                assert_eq!(error, ChannelError::Disconnected("WhatsApp: (#1) why".to_owned()));
            }
        }
        let silent = |status: u16| {
            let status = StatusCode::from_u16(status).ok();
            of_message(Failure::Refused(Refusal::read(&Value::Null, status, None)))
        };
        for status in [408, 500, 503] {
            assert!(matches!(silent(status), ChannelError::Disconnected(_)), "{status}");
        }
        assert_eq!(silent(429), ChannelError::RateLimited(WAIT));
        assert!(matches!(silent(401), ChannelError::Unauthorized(_)));
        assert!(matches!(silent(404), ChannelError::Undeliverable(_)));
        let lost = of_message(Failure::Lost("cannot connect".to_owned()));
        assert_eq!(lost, ChannelError::Disconnected("WhatsApp: cannot connect".to_owned()));
    }

    #[test]
    fn a_window_that_is_closed_waits_for_its_person() {
        let [message, account] = both(400, 131_047);
        assert_eq!(message, ChannelError::Later(text::WINDOW_CLOSED.to_owned()));
        assert!(matches!(account, ChannelError::Disconnected(_)), "{account:?}");
    }

    #[test]
    fn what_concerns_one_message_drops_that_message() {
        for code in [131_026, 131_021, 131_030, 131_051, 132_000, 132_015, 7] {
            let [message, _] = both(400, code);
            let expected = format!("WhatsApp: (#1) why ({code})");
            assert_eq!(message, ChannelError::Undeliverable(expected));
        }
    }

    #[test]
    fn what_may_have_gone_is_not_sent_again() {
        let sent = of_message(Failure::Unsure("no answer in time".to_owned()));
        let ChannelError::Undeliverable(why) = sent else { panic!("{sent:?}") };
        assert!(why.contains("not sent again"), "{why}");
        let probe = of_account(Failure::Unsure("no answer in time".to_owned()));
        assert!(matches!(probe, ChannelError::Disconnected(_)), "{probe:?}");
    }
}
