//! What a failed call means. One table, with a test for each row.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError,
    kit::api::{self, Answer, Failure, Refusal},
    neutral,
    reqwest::{StatusCode, header::HeaderMap},
};

use crate::{PLUGIN, text};

/// The token is over, or is not known: another one may do.
pub(crate) const STALE: [&str; 3] = ["99991661", "99991663", "99991668"];

/// The app has not the permission for the call.
pub(crate) const NO_PERMISSION: &str = "99991672";

/// No call with this app and secret will do better. The first two are said of the socket alone.
const CREDENTIAL: [&str; 4] = ["403", "514", "10003", "10014"];

/// The same call may do better later.
const PASSING: [&str; 2] = ["1", "1000040343"];

/// Other programs hold all the sockets that the app may have.
const TOO_MANY_SOCKETS: &str = "1000040350";

/// Too many calls, messages to one chat, or messages of one app.
const TOO_FAST: [&str; 3] = ["99991400", "11232", "230020"];

/// Where Feishu names no number of seconds.
const WAIT: Duration = Duration::from_secs(30);

/// What an answer says that is no success.
pub(crate) fn said(answer: &Answer) -> Failure {
    let status = answer.status;
    let code = answer.body["code"].as_i64().map(|code| code.to_string()).unwrap_or_default();
    let passes = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    if status == StatusCode::TOO_MANY_REQUESTS || TOO_FAST.contains(&&*code) {
        Failure::SlowDown(wait(&answer.headers))
    } else if status.is_success() && code.is_empty() {
        api::unreadable()
    } else if passes || code.is_empty() {
        Failure::Lost(format!("answered {status}"))
    } else {
        let words = neutral(answer.body["msg"].as_str().unwrap_or_default(), 300);
        Failure::Refused(Refusal { status, words: text::refused(&code, &words), code })
    }
}

/// What the failure of a call about a message means.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    meaning(failure, |Refusal { code, words, .. }| {
        let why = if code == NO_PERMISSION { text::no_permission(&words) } else { words };
        ChannelError::Undeliverable(why)
    })
}

/// What the failure of a call that the connection needs means.
pub(crate) fn of_account(failure: Failure) -> ChannelError {
    meaning(failure, |Refusal { code, words, .. }| match code.as_str() {
        NO_PERMISSION => ChannelError::Unauthorized(text::no_permission(&words)),
        _ => ChannelError::Disconnected(words),
    })
}

fn meaning(failure: Failure, other: impl FnOnce(Refusal) -> ChannelError) -> ChannelError {
    failure.error(PLUGIN.label, |refusal| {
        let code = refusal.code.as_str();
        if refusal.status == StatusCode::UNAUTHORIZED
            || CREDENTIAL.contains(&code)
            || STALE.contains(&code)
        {
            ChannelError::Unauthorized(text::credential(code))
        } else if code == TOO_MANY_SOCKETS {
            ChannelError::Contended(text::TOO_MANY_SOCKETS.to_owned())
        } else if PASSING.contains(&code) {
            ChannelError::Disconnected(refusal.words)
        } else {
            other(refusal)
        }
    })
}

/// Feishu's own number, and at least a second, so that nothing runs in circles.
fn wait(headers: &HeaderMap) -> Duration {
    let reset = headers.get("x-ogw-ratelimit-reset").and_then(|value| value.to_str().ok());
    let asked = reset.and_then(api::seconds).or_else(|| api::retry_after(headers));
    asked.unwrap_or(WAIT).clamp(Duration::from_secs(1), Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: Value) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body }
    }

    /// What a code means for a message, and for the account.
    fn both(status: u16, code: i64) -> [ChannelError; 2] {
        let failure = || said(&answer(status, json!({ "code": code, "msg": "why" })));
        [of_message(failure()), of_account(failure())]
    }

    #[test]
    fn an_app_or_a_secret_that_does_not_work_stops_the_account_and_names_the_keys() {
        for (status, code) in [
            (200, 10003),
            (200, 10014),
            (400, 99_991_661),
            (400, 99_991_663),
            (400, 99_991_668),
            (200, 403),
            (200, 514),
            (401, 401),
        ] {
            for error in both(status, code) {
                let ChannelError::Unauthorized(why) = error else { panic!("{code}: {error:?}") };
                assert!(why.contains("`app_id`") && why.contains("`app_secret`"), "{why}");
            }
        }
    }

    #[test]
    fn a_permission_that_is_missing_stops_the_account_only_where_the_connection_needs_it() {
        let [message, account] = both(400, 99_991_672);
        let ChannelError::Undeliverable(one) = message else { panic!("{message:?}") };
        let ChannelError::Unauthorized(all) = account else { panic!("{account:?}") };
        assert!(one == all && one.contains("permission") && one.contains("why"), "{one}");
    }

    #[test]
    fn what_concerns_one_message_drops_that_message() {
        for code in [230_001, 230_002, 230_006, 230_013, 230_054, 7] {
            let [message, account] = both(400, code);
            let expected = format!("Feishu: why ({code})");
            assert_eq!(message, ChannelError::Undeliverable(expected.clone()));
            assert_eq!(account, ChannelError::Disconnected(expected));
        }
    }

    #[test]
    fn sockets_that_others_hold_are_told_as_such() {
        for error in both(200, 1_000_040_350) {
            assert!(matches!(error, ChannelError::Contended(_)), "{error:?}");
        }
    }

    #[test]
    fn what_feishu_gets_over_is_tried_again() {
        for (status, code) in [(200, 1), (200, 1_000_040_343), (500, 230_001), (503, 1), (408, 2)] {
            for error in both(status, code) {
                assert!(matches!(error, ChannelError::Disconnected(_)), "{status} {code}");
            }
        }
        for (status, body) in [(404, Value::Null), (200, json!({})), (200, json!({ "code": "x" }))]
        {
            let error = of_message(said(&answer(status, body)));
            assert!(matches!(error, ChannelError::Disconnected(_)), "{status}: {error:?}");
        }
        let lost = of_message(Failure::Lost("no answer in time".to_owned()));
        assert_eq!(lost, ChannelError::Disconnected("Feishu: no answer in time".to_owned()));
    }

    #[test]
    fn a_wait_is_feishus_own_and_never_none() {
        let limited = |status: u16, code: i64, reset: Option<&str>| {
            let mut answer = answer(status, json!({ "code": code }));
            if let Some(reset) = reset {
                answer.headers.insert("x-ogw-ratelimit-reset", reset.parse().unwrap());
            }
            of_message(said(&answer))
        };
        for (status, code) in [(429, 0), (400, 99_991_400), (200, 11232), (400, 230_020)] {
            for (reset, seconds) in [(Some("37"), 37), (Some("0"), 1), (Some("x"), 30), (None, 30)]
            {
                let expected = ChannelError::RateLimited(Duration::from_secs(seconds));
                assert_eq!(limited(status, code, reset), expected, "{status} {code} {reset:?}");
            }
        }
    }
}
