//! What a failed call means. One table, with a test for each row.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError,
    kit::json_rpc::{Failure, Refusal},
    neutral,
};
use serde_json::{Value, json};

use crate::text;

/// Signal's own number of seconds is missing where signal-cli is old.
const WAIT: Duration = Duration::from_mins(1);

/// What a failure means for one message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) error: ChannelError,
    pub(crate) then: Then,
}

/// What the failure of one message says of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// It stays so until the operator does something, which the account's state says.
    Lasts,
    /// Signal refuses this person, or the account itself: only a question about the account tells.
    Ask,
}

/// What the failure of a message to this conversation means.
pub(crate) fn of_message(failure: Failure, account: &str, chat: &str) -> Told {
    let refusal = match failure {
        Failure::Unsure(why) => return told(ChannelError::Undeliverable(text::unsure(&why))),
        Failure::Refused(refusal) => refusal,
        other => return told(of_account(other, account)),
    };
    let words = || text::daemon(&neutral(&refusal.words, 200));
    let undeliverable = |why, then| Told { error: ChannelError::Undeliverable(why), then };
    match refusal.code {
        -4 => undeliverable(text::untrusted(chat), Then::Lasts),
        -5 => match limited(&refusal.data) {
            Some(wait) => told(ChannelError::RateLimited(wait)),
            None => undeliverable(text::CAPTCHA.to_owned(), Then::Lasts),
        },
        -6 => undeliverable(text::CAPTCHA.to_owned(), Then::Lasts),
        -3 | -32603 if is_refused(&refusal) => undeliverable(words(), Then::Ask),
        -3 | -32603 => told(of_account(Failure::Refused(refusal), account)),
        -32602 if is_unknown(&refusal) => told(of_account(Failure::Refused(refusal), account)),
        _ => undeliverable(words(), Then::Nothing),
    }
}

/// What the failure of a call that the connection needs means.
pub(crate) fn of_account(failure: Failure, account: &str) -> ChannelError {
    let disconnected = |why: &str| ChannelError::Disconnected(text::daemon(why));
    match failure {
        Failure::Lost(why) | Failure::Unsure(why) => disconnected(&why),
        Failure::Status(status, wait) => match status.as_u16() {
            401 | 403 => ChannelError::Unauthorized(text::NOT_ALLOWED.to_owned()),
            404 => ChannelError::Unauthorized(text::NO_DAEMON.to_owned()),
            421 => ChannelError::Unauthorized(text::OTHER_HOST.to_owned()),
            429 => ChannelError::RateLimited(wait.unwrap_or(WAIT)),
            status => disconnected(&format!("answered {status}")),
        },
        Failure::Refused(refusal) if is_unknown(&refusal) || is_refused(&refusal) => {
            ChannelError::Unauthorized(text::no_account(account))
        }
        Failure::Refused(refusal) => disconnected(&neutral(&refusal.words, 200)),
    }
}

/// The daemon has no such account.
fn is_unknown(refusal: &Refusal) -> bool {
    refusal.code == -32602 && refusal.words.contains("account")
}

/// Signal refuses what the call was about.
fn is_refused(Refusal { code, words, .. }: &Refusal) -> bool {
    let signs = ["AuthorizationFailed", "NotRegistered", "[401]", "[403]", "StatusCode: 403"];
    matches!(code, -3 | -32603) && signs.iter().any(|sign| words.contains(sign))
}

/// The result of a call that sends something: it may say that nothing went although it is no error.
pub(crate) fn taken(result: Value) -> Result<Value, Failure> {
    let kind = |one: &Value| one["type"].as_str().unwrap_or_default().to_owned();
    let results = result["results"].as_array().cloned().unwrap_or_default();
    let failed = results.first().filter(|_| !results.iter().any(|one| kind(one) == "SUCCESS"));
    let Some(failed) = failed else { return Ok(result) };
    let words = kind(failed);
    let code = match words.as_str() {
        "NETWORK_FAILURE" => -3,
        "IDENTITY_FAILURE" => -4,
        "RATE_LIMIT_FAILURE" => -5,
        _ => -1,
    };
    let data = json!({ "response": { "results": results } });
    Err(Failure::Refused(Refusal { code, words, data }))
}

/// How long to wait; `None` where Signal wants a captcha first.
fn limited(data: &Value) -> Option<Duration> {
    let results = data["response"]["results"].as_array();
    let limits: Vec<&Value> =
        results.into_iter().flatten().filter(|one| one["type"] == "RATE_LIMIT_FAILURE").collect();
    if limits.iter().any(|one| !one["token"].is_null()) {
        return None;
    }
    let seconds = limits.iter().filter_map(|one| one["retryAfterSeconds"].as_u64()).max();
    Some(seconds.filter(|seconds| *seconds > 0).map_or(WAIT, Duration::from_secs))
}

fn told(error: ChannelError) -> Told {
    Told { error, then: Then::Nothing }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::reqwest::StatusCode;

    use super::*;

    const ACCOUNT: &str = "+15551234567";

    fn refused(code: i64, words: &str, data: Value) -> Failure {
        Failure::Refused(Refusal { code, words: words.to_owned(), data })
    }

    #[track_caller]
    fn check(failure: Failure, expected: ChannelError) {
        let told = of_message(failure, ACCOUNT, "+15557654321");
        assert_eq!(told, Told { error: expected, then: Then::Nothing });
    }

    #[track_caller]
    fn lasts(failure: Failure, says: &str) {
        let Told { error: ChannelError::Undeliverable(why), then: Then::Lasts } =
            of_message(failure, ACCOUNT, "+15557654321")
        else {
            panic!("this message alone, and the account says so")
        };
        assert!(why.contains(says), "{why}");
    }

    fn limit(mut more: Value) -> Value {
        more["type"] = "RATE_LIMIT_FAILURE".into();
        json!({ "response": { "results": vec![more] } })
    }

    #[test]
    fn what_is_our_mistake_or_an_old_daemons_drops_the_message() {
        for (code, words) in
            [(-32700, "parse"), (-32600, "request"), (-32601, "Method not implemented")]
        {
            let expected = ChannelError::Undeliverable(format!("signal-cli: {words}"));
            check(refused(code, words, Value::Null), expected);
        }
        let expected = ChannelError::Undeliverable("signal-cli: Invalid params".to_owned());
        check(refused(-32602, "Invalid params", Value::Null), expected);
    }

    #[test]
    fn an_account_that_the_daemon_lacks_names_the_key() {
        for words in ["Specified account does not exist", "Method requires valid account parameter"]
        {
            let expected = ChannelError::Unauthorized(text::no_account(ACCOUNT));
            assert_eq!(of_account(refused(-32602, words, Value::Null), ACCOUNT), expected);
            check(refused(-32602, words, Value::Null), expected);
        }
    }

    #[test]
    fn a_refusal_of_one_person_drops_the_message_and_the_account_is_asked() {
        let words =
            "Failed to send message: [403] Authorization failed! (AuthorizationFailedException)";
        for (code, words) in [
            (-32603, words),
            (-3, words),
            (-32603, "NotRegisteredException: not registered"),
            (-32603, "StatusCode: 403"),
        ] {
            let refused = refused(code, words, Value::Null);
            let told = of_message(refused.clone(), ACCOUNT, "+15557654321");
            let error = ChannelError::Undeliverable(format!("signal-cli: {words}"));
            assert_eq!(told, Told { error, then: Then::Ask });
            let asked = ChannelError::Unauthorized(text::no_account(ACCOUNT));
            assert_eq!(of_account(refused, ACCOUNT), asked, "where the account itself is asked");
        }
        let expected = ChannelError::Disconnected("signal-cli: Unexpected error".to_owned());
        check(refused(-32603, "Unexpected error", Value::Null), expected);
    }

    #[test]
    fn a_user_error_drops_the_message() {
        let expected = ChannelError::Undeliverable("signal-cli: Group not found".to_owned());
        check(refused(-1, "Group not found", Value::Null), expected);
    }

    #[test]
    fn a_network_that_is_away_is_tried_again() {
        let words = "Link request error: Connection closed!";
        check(
            refused(-3, words, Value::Null),
            ChannelError::Disconnected(format!("signal-cli: {words}")),
        );
        check(
            Failure::Lost("cannot connect".to_owned()),
            ChannelError::Disconnected("signal-cli: cannot connect".to_owned()),
        );
    }

    #[test]
    fn a_changed_safety_number_is_shown_until_it_is_trusted() {
        lasts(refused(-4, "untrusted", Value::Null), "the safety number of +15557654321");
    }

    #[test]
    fn a_limit_is_waited_for_and_a_captcha_is_not() {
        let wait = |more| refused(-5, "rate limit", limit(more));
        check(
            wait(json!({ "retryAfterSeconds": 37 })),
            ChannelError::RateLimited(Duration::from_secs(37)),
        );
        check(wait(json!({ "token": null })), ChannelError::RateLimited(WAIT));
        check(refused(-5, "rate limit", Value::Null), ChannelError::RateLimited(WAIT));
        lasts(wait(json!({ "token": "t", "retryAfterSeconds": 37 })), "captcha");
        lasts(refused(-6, "captcha rejected", Value::Null), "captcha");
    }

    #[test]
    fn what_may_have_been_sent_is_not_sent_again() {
        let Told { error: ChannelError::Undeliverable(why), .. } =
            of_message(Failure::Unsure("no answer in time".to_owned()), ACCOUNT, "x")
        else {
            panic!("undeliverable")
        };
        assert!(why.contains("is not known"), "{why}");
        let probe = of_account(Failure::Unsure("no answer in time".to_owned()), ACCOUNT);
        assert!(matches!(probe, ChannelError::Disconnected(_)));
    }

    #[test]
    fn an_answer_of_another_program_names_the_key() {
        for (status, stops) in
            [(401, true), (403, true), (404, true), (421, true), (500, false), (408, false)]
        {
            let failure = Failure::Status(StatusCode::from_u16(status).unwrap(), None);
            match of_account(failure, ACCOUNT) {
                ChannelError::Unauthorized(why) if stops => assert!(why.contains("`url`"), "{why}"),
                ChannelError::Disconnected(why) if !stops => {
                    assert!(why.contains(&status.to_string()), "{why}");
                }
                other => panic!("{status}: {other:?}"),
            }
        }
        let slow = Failure::Status(StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(9)));
        assert_eq!(of_account(slow, ACCOUNT), ChannelError::RateLimited(Duration::from_secs(9)));
    }

    #[test]
    fn a_result_counts_if_one_was_reached() {
        let sent = |kinds: &[&str]| {
            let results: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
            taken(json!({ "timestamp": 7, "results": results }))
        };
        assert!(sent(&[]).is_ok() && taken(json!({ "timestamp": 7 })).is_ok());
        assert!(sent(&["UNREGISTERED_FAILURE", "SUCCESS"]).is_ok());
        for (kind, code) in [
            ("NETWORK_FAILURE", -3),
            ("IDENTITY_FAILURE", -4),
            ("RATE_LIMIT_FAILURE", -5),
            ("UNREGISTERED_FAILURE", -1),
            ("INVALID_PRE_KEY_FAILURE", -1),
        ] {
            let Err(Failure::Refused(refusal)) = sent(&[kind]) else { panic!("{kind}") };
            assert_eq!(refusal.code, code, "{kind}");
        }
    }
}
