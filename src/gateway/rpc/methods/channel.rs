//! `channels.status`: how the channels fare.

use serde_json::Value;

use super::{Answer, Call, unavailable};
use crate::{local::api, rules::device::role::Scope};

/// Answers a method of this family.
pub(super) fn at_once(call: &Call) -> Option<Answer> {
    (call.method == "channels.status").then(|| status(call))
}

fn status(call: &Call) -> Answer {
    let mut status = api::channels_status(&call.gateway);
    if !call.session.scopes.allow(Scope::Admin) {
        for row in status.channel_accounts.values_mut().flatten() {
            row.last_error = row.last_error.take().map(without_places);
        }
    }
    serde_json::to_value(status).map_err(|error| unavailable(error.to_string()))
}

/// What went wrong, without the folders and addresses that it names.
fn without_places(error: String) -> String {
    if error.contains(['/', '\\']) {
        return "its cause is shown by `openclaw channels status` at the gateway".to_owned();
    }
    error
}

/// Each channel in short, as `health` has it: channels, order, labels.
pub(super) fn in_short(gateway: &crate::Gateway) -> (Value, Value, Value) {
    let status = api::channels_status(gateway);
    let value = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
    (
        value(serde_json::to_value(status.channels)),
        value(serde_json::to_value(status.channel_order)),
        value(serde_json::to_value(status.channel_labels)),
    )
}
