//! What a failed call means. One table, with a test for each row.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError,
    kit::api::{self, Answer, Failure, Refusal},
    neutral,
};
use serde_json::Value;

use crate::{PLUGIN, text};

/// Teams may name no number.
const WAIT: Duration = Duration::from_secs(2);

/// An answer that is none of a failure. Teams and the login refuse in forms of their own.
pub(crate) fn answered(answer: Answer) -> Result<Answer, Failure> {
    let status = answer.status;
    match status.as_u16() {
        200..=299 => Ok(answer),
        429 => Err(Failure::SlowDown(api::retry_after(&answer.headers).unwrap_or(WAIT))),
        408 | 412 | 500 | 502.. => Err(Failure::Lost(format!("answered {status}"))),
        _ => {
            let text = |value: &Value| value.as_str().map(|text| neutral(text, 200));
            let error = &answer.body["error"];
            let code = text(&error["code"]).or_else(|| text(error)).unwrap_or_default();
            let words = text(&error["message"]).or_else(|| text(&answer.body["error_description"]));
            let words = words.unwrap_or_default();
            Err(Failure::Refused(Refusal { status, code, words }))
        }
    }
}

/// What the failure of a message means; `again` where it does no harm to make the call again.
pub(crate) fn of_message(failure: Failure, again: bool) -> ChannelError {
    if let Failure::Unsure(why) = &failure
        && !again
    {
        return ChannelError::Undeliverable(text::unsure(why));
    }
    failure.error(PLUGIN.label, |Refusal { status, code, words }| {
        match (status.as_u16(), code.as_str()) {
            // The login has just given it: what is wrong is wrong at this conversation.
            (401, _) => ChannelError::Disconnected(text::TOKEN_REFUSED.to_owned()),
            (403, "BotDisabledByAdmin" | "TenantNotAllowed") => {
                ChannelError::Unauthorized(text::not_allowed(&code))
            }
            (403, "BotNotInConversationRoster" | "") => {
                ChannelError::Undeliverable(text::NOT_INSTALLED.to_owned())
            }
            _ => ChannelError::Undeliverable(text::refused(status.as_u16(), &code, &words)),
        }
    })
}

/// What it means that Microsoft gives no token.
pub(crate) fn of_token(failure: Failure) -> ChannelError {
    failure.error(text::LOGIN, |Refusal { status, code, words }| {
        let says =
            |numbers: &[&str]| numbers.iter().any(|it| words.contains(&format!("AADSTS{it}:")));
        let is_client = matches!(code.as_str(), "invalid_client" | "unauthorized_client");
        let key = match status.as_u16() {
            400..=403 if says(&["700016"]) => "app_id",
            400..=404 if says(&["90002", "900023"]) => "tenant_id",
            400..=403 if is_client => "app_password",
            400..=404 => return ChannelError::Unauthorized(text::no_token(&code)),
            _ => return ChannelError::Disconnected(format!("{}: answered {status}", text::LOGIN)),
        };
        ChannelError::Unauthorized(text::wrong_key(key))
    })
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;

    fn failed(status: u16, headers: HeaderMap, body: Value) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        answered(Answer { status, headers, body }).err().unwrap()
    }

    fn refused(status: u16, body: Value) -> Failure {
        failed(status, HeaderMap::new(), body)
    }

    fn message(status: u16, code: &str) -> ChannelError {
        of_message(refused(status, json!({ "error": { "code": code, "message": "no" } })), false)
    }

    fn token(status: u16, code: &str, words: &str) -> ChannelError {
        of_token(refused(status, json!({ "error": code, "error_description": words })))
    }

    #[track_caller]
    fn names(error: &ChannelError, key: &str) {
        let ChannelError::Unauthorized(why) = error else { panic!("unauthorized, not {error:?}") };
        assert!(why.contains(&format!("`{key}`")), "{why}");
    }

    #[test]
    fn a_token_that_one_conversation_refuses_does_not_end_the_account() {
        let expected = ChannelError::Disconnected(text::TOKEN_REFUSED.to_owned());
        assert_eq!(message(401, ""), expected);
    }

    #[test]
    fn a_tenant_that_forbids_the_app_stops_the_account() {
        for code in ["BotDisabledByAdmin", "TenantNotAllowed"] {
            names(&message(403, code), "tenant_id");
        }
    }

    #[test]
    fn a_person_without_the_app_drops_their_message_and_says_so() {
        for code in ["BotNotInConversationRoster", ""] {
            let expected = ChannelError::Undeliverable(text::NOT_INSTALLED.to_owned());
            assert_eq!(message(403, code), expected);
        }
    }

    #[test]
    fn what_is_wrong_with_one_message_drops_that_message() {
        for (status, code) in [
            (400, "BadSyntax"),
            (403, "ConversationBlockedByUser"),
            (404, "ConversationNotFound"),
            (413, "MessageSizeTooBig"),
            (405, ""),
            (501, ""),
        ] {
            let error = message(status, code);
            let ChannelError::Undeliverable(why) = &error else { panic!("{status}: {error:?}") };
            assert!(why.contains(&status.to_string()) && why.contains(code), "{why}");
        }
    }

    #[test]
    fn a_wait_is_the_platforms_own_or_two_seconds() {
        assert_eq!(message(429, ""), ChannelError::RateLimited(WAIT));
        let refusal = || {
            let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), 37.into())]);
            failed(429, headers, Value::Null)
        };
        let expected = ChannelError::RateLimited(Duration::from_secs(37));
        assert_eq!(of_message(refusal(), false), expected);
        assert_eq!(of_token(refusal()), expected);
    }

    #[test]
    fn what_passes_is_tried_again() {
        for status in [408, 412, 500, 502, 503, 504] {
            let error = message(status, "");
            assert!(matches!(error, ChannelError::Disconnected(_)), "{status}: {error:?}");
        }
        let lost = of_message(Failure::Lost("cannot connect".to_owned()), false);
        assert_eq!(lost, ChannelError::Disconnected("Microsoft Teams: cannot connect".to_owned()));
    }

    #[test]
    fn what_may_have_been_sent_is_not_sent_again() {
        let unsure = || Failure::Unsure("no answer in time".to_owned());
        let ChannelError::Undeliverable(why) = of_message(unsure(), false) else {
            panic!("unsure")
        };
        assert!(why.contains("is not known"), "{why}");
        assert!(matches!(of_message(unsure(), true), ChannelError::Disconnected(_)), "an edit is");
    }

    #[test]
    fn a_login_that_is_refused_names_the_key() {
        for code in ["invalid_client", "unauthorized_client"] {
            names(&token(401, code, "AADSTS7000215: Invalid client secret"), "app_password");
        }
        names(&token(400, "unauthorized_client", "AADSTS700016: no such app"), "app_id");
        names(&token(400, "invalid_request", "AADSTS90002: no such tenant"), "tenant_id");
        names(&token(400, "invalid_scope", ""), "app_id");
    }

    #[test]
    fn a_login_that_is_away_is_tried_again() {
        for status in [500, 503] {
            assert!(matches!(token(status, "", ""), ChannelError::Disconnected(_)), "{status}");
        }
        let lost = of_token(Failure::Unsure("no answer in time".to_owned()));
        assert!(matches!(lost, ChannelError::Disconnected(_)));
    }
}
