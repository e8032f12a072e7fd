//! `channels.status`: how the channels fare.

use super::{Answer, Call, unavailable};
use crate::{accounts::overview, rules::device::role::Scope};

/// Answers it.
pub(super) fn status(call: &Call) -> Answer {
    let mut status = overview::all(&call.gateway);
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
