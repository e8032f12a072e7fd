//! When a node comes again, and when there is no use in it.

use std::time::Duration;

use openclaw_plugin_sdk::kit::backoff::Backoff;

use super::super::RemoteError;

/// One second, two, four, up to thirty.
pub(super) const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// A device that waits for approval tries at least this often: its owner may look right after the approval.
const WHILE_WAITING: Duration = Duration::from_secs(5);

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Again(Duration),
    /// The gateway wants it to stay away until it is started again.
    Held,
}

/// True where the gateway has closed the line for good.
pub(super) fn is_over(error: &RemoteError) -> bool {
    match error {
        RemoteError::Closed { code: Some(4001), reason } => {
            reason.contains("removed") || reason.contains("revoked")
        }
        RemoteError::Store(_) | RemoteError::Runtime(_) => true,
        _ => false,
    }
}

/// True where the token that was shown is worth nothing any more. A device token that is shown as a token like any
/// other is called so.
pub(crate) fn is_token_over(error: &RemoteError) -> bool {
    let said = |text: &str| text.contains("token mismatch");
    match error {
        RemoteError::NotLetIn(why) => {
            let codes = ["AUTH_DEVICE_TOKEN_MISMATCH", "AUTH_TOKEN_MISMATCH"];
            error.detail("code").is_some_and(|code| codes.contains(&code)) || said(&why.message)
        }
        RemoteError::Closed { code: Some(1008), reason } => said(reason),
        _ => false,
    }
}

/// When it tries again after a refusal; `None` where that is no use.
pub(super) fn after(error: &RemoteError, backoff: &mut Backoff) -> Option<Duration> {
    match error {
        RemoteError::NotLetIn(why) => {
            let later = why.retryable == Some(true)
                || why.retry_after_ms.is_some()
                || why.code == crate::protocol::frame::UNAVAILABLE;
            let named = why.retry_after_ms.map(|ms| Duration::from_millis(ms.min(3_600_000)));
            later.then(|| named.unwrap_or_default().max(backoff.next_jittered()))
        }
        RemoteError::Closed { .. } if is_over(error) => None,
        RemoteError::Closed { .. }
        | RemoteError::OtherKey(_)
        | RemoteError::Silent(_)
        | RemoteError::Unreachable { .. }
        | RemoteError::Unreadable { .. } => Some(backoff.next_jittered()),
        _ => None,
    }
}

/// A device that waits stays, and comes again unless the gateway wants it to hold.
pub(super) fn while_waiting(error: &RemoteError, backoff: &mut Backoff) -> Next {
    let details = match error {
        RemoteError::NotLetIn(why) => why.details.as_ref(),
        _ => None,
    };
    let said = |key: &str| details.and_then(|details| details.get(key));
    let wait = error.detail("recommendedNextStep") == Some("wait_then_retry");
    let held = said("pauseReconnect").and_then(serde_json::Value::as_bool) == Some(true);
    if held && !wait {
        return Next::Held;
    }
    Next::Again(backoff.next_jittered().min(WHILE_WAITING))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::frame::Refused;

    fn refused(code: &str, details: Value, after: Option<u64>) -> RemoteError {
        let mut why = Refused::new(code, "no");
        (why.details, why.retry_after_ms) = (Some(details), after);
        RemoteError::NotLetIn(Box::new(why))
    }

    #[test]
    fn a_device_that_waits_comes_often_and_holds_where_it_is_told_to() {
        let mut backoff = BACKOFF;
        while backoff.next_wait() < WHILE_WAITING * 2 {}
        let mut next =
            |details: Value| while_waiting(&refused("NOT_PAIRED", details, None), &mut backoff);
        let soon = json!({ "recommendedNextStep": "wait_then_retry", "pauseReconnect": false });
        for details in [soon, json!({}), json!({ "pauseReconnect": false })] {
            assert_eq!(next(details), Next::Again(WHILE_WAITING));
        }
        assert_eq!(next(json!({ "pauseReconnect": true })), Next::Held);
    }

    #[test]
    fn case_068_a_revoked_device_does_not_come_again() {
        let closed = |code, reason: &str| RemoteError::Closed {
            code: Some(code),
            reason: reason.to_owned(),
        };
        for reason in
            ["client invalidated: device removed", "client invalidated: device token revoked"]
        {
            assert!(is_over(&closed(4001, reason)));
            assert_eq!(after(&closed(4001, reason), &mut { BACKOFF }), None);
        }
        assert!(!is_over(&closed(4001, "client invalidated: device token rotated")));
        assert!(!is_over(&closed(1012, "service restart")));
    }

    #[test]
    fn what_time_does_not_mend_is_not_tried_again() {
        let mut backoff = BACKOFF;
        let mut again = |error: &RemoteError| after(error, &mut backoff);
        assert_eq!(
            again(&refused("INVALID_REQUEST", json!({ "code": "AUTH_TOKEN_MISMATCH" }), None)),
            None
        );
        assert_eq!(
            again(&RemoteError::Distrust { at: String::new(), pinned: true }),
            None,
            "case_052"
        );
        let limited =
            refused("INVALID_REQUEST", json!({ "code": "AUTH_RATE_LIMITED" }), Some(40_000));
        assert_eq!(again(&limited), Some(Duration::from_secs(40)));
        let nobody = RemoteError::Unreachable { at: String::new(), why: String::new() };
        assert!(again(&nobody).is_some());
    }
}
