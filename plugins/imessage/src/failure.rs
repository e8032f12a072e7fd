//! What a failed call means. One table, with a test for each row.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError,
    kit::json_rpc::{Failure, Refusal},
};

use crate::{PLUGIN, text};

const BUSY: Duration = Duration::from_secs(1);

/// How `AppleScript` says that macOS lets nobody control Messages.
const NOT_ALLOWED: &str = "-1743";

/// True where a child of its own cannot be sent by any more.
pub(crate) fn is_poisoned(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(Refusal { code: -32004, .. }))
}

/// True where nothing went because no answer can be shown as such.
pub(crate) fn lacks_replies(failure: &Failure) -> bool {
    let Failure::Refused(refusal) = failure else { return false };
    match refusal.code {
        -32602 => words(refusal).contains("reply_to"),
        -32003 => true,
        _ => refusal.data["retry_safe"] == true && refusal.data["disposition"] == "not_started",
    }
}

/// What the failure of a call that the account needs means.
pub(crate) fn of_account(failure: Failure) -> ChannelError {
    match failure {
        Failure::Lost(why) | Failure::Unsure(why) => PLUGIN.lost(&text::child(&why)),
        Failure::Status(status, _) => PLUGIN.lost(status.as_str()),
        Failure::Refused(refusal) => ChannelError::Disconnected(text::said(words(&refusal))),
    }
}

/// What the failure of one message means. It is not sent again where it may have gone.
pub(crate) fn of_message(failure: Failure) -> ChannelError {
    let refusal = match failure {
        Failure::Unsure(why) => return ChannelError::Undeliverable(text::unsure(&why)),
        Failure::Refused(refusal) => refusal,
        other => return of_account(other),
    };
    let words = words(&refusal);
    match refusal.code {
        -32000 => ChannelError::RateLimited(BUSY),
        -32001 => ChannelError::Undeliverable(text::unsure(words)),
        -32002 => ChannelError::Disconnected(text::said(words)),
        -32004 => PLUGIN.lost(text::POISONED),
        -32603 if words.contains(NOT_ALLOWED) => {
            ChannelError::Unauthorized(text::NO_AUTOMATION.to_owned())
        }
        -32603 if refusal.data["retry_safe"] == true => {
            ChannelError::Disconnected(text::said(words))
        }
        _ => ChannelError::Undeliverable(text::said(words)),
    }
}

/// What it says beside the name of the code.
fn words(refusal: &Refusal) -> &str {
    let Refusal { data, words, .. } = refusal;
    let detail = data.as_str().or_else(|| data["detail"].as_str());
    detail.filter(|detail| !detail.is_empty()).unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(code: i64, data: Value) -> Failure {
        Failure::Refused(Refusal { code, words: "Internal error".to_owned(), data })
    }

    fn delivery(disposition: &str, retry_safe: bool) -> Value {
        json!({
            "disposition": disposition, "retry_safe": retry_safe, "transport": "applescript",
            "operation": "send", "detail": "no luck",
        })
    }

    #[track_caller]
    fn undeliverable(failure: Failure, says: &str) {
        let error = of_message(failure);
        let ChannelError::Undeliverable(why) = &error else { panic!("{error:?}") };
        assert!(why.contains(says), "{why}");
    }

    #[track_caller]
    fn lost(failure: Failure, says: &str) {
        let error = of_message(failure);
        let ChannelError::Disconnected(why) = &error else { panic!("{error:?}") };
        assert!(why.contains(says), "{why}");
    }

    #[test]
    fn what_is_our_mistake_or_an_old_programs_drops_the_message() {
        for code in [-32700, -32600, -32601, -32602, -32003] {
            undeliverable(refused(code, json!("text or file is required")), "text or file");
            undeliverable(refused(code, Value::Null), "Internal error");
        }
    }

    #[test]
    fn a_message_that_may_have_gone_is_not_sent_again() {
        undeliverable(refused(-32001, delivery("may_have_completed", false)), "not known");
        undeliverable(refused(-32001, delivery("still_in_flight", false)), "no luck");
        undeliverable(Failure::Unsure("no answer in time".to_owned()), "not known");
        undeliverable(refused(-32603, delivery("may_have_completed", false)), "no luck");
    }

    #[test]
    fn what_did_not_go_is_sent_again() {
        lost(refused(-32603, delivery("not_started", true)), "no luck");
        lost(refused(-32002, json!("database unavailable")), "database unavailable");
        lost(Failure::Lost("is not running".to_owned()), "`cli_path` is not running");
        assert_eq!(of_message(refused(-32000, Value::Null)), ChannelError::RateLimited(BUSY));
    }

    #[test]
    fn a_poisoned_lane_is_known() {
        let poisoned = refused(-32004, delivery("not_started", true));
        assert!(is_poisoned(&poisoned) && !is_poisoned(&refused(-32001, Value::Null)));
        lost(poisoned, "started again");
    }

    #[test]
    fn a_permission_that_is_missing_names_its_pane() {
        for data in [
            json!("AppleScript failed: Not authorized to send Apple events to Messages. (-1743)"),
            json!({ "retry_safe": true, "detail": "error -1743" }),
        ] {
            let error = of_message(refused(-32603, data));
            assert_eq!(error, ChannelError::Unauthorized(text::NO_AUTOMATION.to_owned()));
        }
    }

    #[test]
    fn an_answer_that_cannot_be_shown_as_such_is_told_from_one_that_may_have_gone() {
        for failure in [
            refused(-32602, json!("reply_to requires bridge transport")),
            refused(-32003, Value::Null),
            refused(-32603, delivery("not_started", true)),
        ] {
            assert!(lacks_replies(&failure), "{failure:?}");
        }
        for failure in [
            refused(-32602, json!("text or file is required")),
            refused(-32001, delivery("may_have_completed", false)),
            Failure::Unsure("no answer in time".to_owned()),
        ] {
            assert!(!lacks_replies(&failure), "{failure:?}");
        }
    }

    #[test]
    fn a_call_that_the_account_needs_is_tried_again() {
        for failure in [refused(-32002, Value::Null), Failure::Unsure("closed".to_owned())] {
            assert!(matches!(of_account(failure), ChannelError::Disconnected(_)));
        }
    }
}
