//! What every surface says of decisions: outcomes and refusals, once.

use openclaw_plugin_sdk::{Decision, neutral};

use crate::{rules::pairing::PairingRequest, store::Outcome};

/// Names are cut to so many characters.
pub const NAME: usize = 64;

/// What an approved person is told.
pub const WELCOME: &str = "✅ OpenClaw access approved. Send a message to start chatting.";
/// What was displayed is not what waits now.
pub const CHANGED: &str = "This request has changed. Nothing was decided.";
/// The person that the sender claims to be has no access any more.
pub const CLAIM_IS_OVER: &str = "The linked person no longer has access. Nothing was decided.";
/// Nobody waits under this name.
pub const GONE: &str = "This request is no longer open. Nothing was decided.";

/// Why nothing was decided; nothing where it was.
pub fn refused(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Changed => Some(CHANGED),
        Outcome::ClaimIsOver => Some(CLAIM_IS_OVER),
        Outcome::Done(_) => None,
        Outcome::Gone => Some(GONE),
    }
}

/// The mark and the word of a decision.
pub fn verdict(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "✅ Approved",
        Decision::Block => "⛔ Blocked",
        Decision::Deny => "⛔ Denied",
    }
}

/// What was decided, and about whose request. Never the code.
pub fn decided(decision: Decision, request: &PairingRequest) -> String {
    let shown = |name: &String| neutral(name, NAME);
    let later = request.later_name.as_ref();
    let name = match (request.name().as_ref(), later) {
        (Some(name), Some(later)) => format!(" ({}; later: {})", shown(name), shown(later)),
        (Some(name), None) => format!(" ({})", shown(name)),
        (None, Some(later)) => format!(" (later: {})", shown(later)),
        (None, None) => String::new(),
    };
    format!("{} {} sender {}{name}", verdict(decision), request.key.channel, request.sender)
}
