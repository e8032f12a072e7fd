//! What every surface says of decisions: outcomes and refusals, once.

use openclaw_plugin_sdk::{Decision, UnixMs, neutral};

use crate::{
    registry,
    rules::pairing::PairingRequest,
    store::{Outcome, audit::Line},
    world,
};

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

/// What still gives access without the store: ownership.
pub(super) const AS_OWNER: &str = "as an owner";

/// A text that is no id.
pub(super) fn no_id(text: &str) -> String {
    let text = neutral(text, 64);
    format!("{text} is not an id; write one as the list shows it, such as telegram:4711")
}

/// The text about a channel that is none.
pub fn unknown_channel(name: &str) -> String {
    let known: Vec<&str> = registry::pairing_channels().map(|plugin| plugin.id).collect();
    format!("there is no channel {}; these are: {}", neutral(name, 32), known.join(", "))
}

/// The person who decided, for a reader: `you`, `you at the console`, `uid:1000 at the command line`.
pub fn decider(actor: &str, reader: &str) -> String {
    let who = if actor == reader { "you" } else { actor };
    format!("{who}{}", place(actor, "chat"))
}

/// An actor of the access log and where they acted, by the log's word for that.
pub fn acted(actor: &str, surface: &str) -> String {
    format!("{actor}{}", place(actor, surface))
}

fn place(actor: &str, surface: &str) -> String {
    let channel = actor.split(':').next().unwrap_or_default();
    let is_console = registry::channel(channel).is_some_and(|plugin| plugin.abilities.console);
    match surface {
        "cli" => " at the command line".to_owned(),
        _ if channel == "uid" => " at the command line".to_owned(),
        "socket" => " over the socket".to_owned(),
        _ if is_console => " at the console".to_owned(),
        "channel" | "chat" => String::new(),
        other => format!(" ({other})"),
    }
}

/// A line of the access log for a reader: when, who did what, and to which sender.
pub fn spoken(line: &Line) -> String {
    let subject = match (&line.channel, &line.subject) {
        (Some(channel), Some(subject)) => format!(" {channel}:{subject}"),
        (None, Some(subject)) => format!(" {subject}"),
        _ => String::new(),
    };
    let until = line.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let with = line.with.as_ref().map(|with| format!(" as {with}")).unwrap_or_default();
    neutral(
        &format!(
            "{} {}{subject}{with}{until} by {}",
            line.at,
            line.action,
            acted(&line.actor, &line.surface)
        ),
        300,
    )
}

// The verdicts of `access explain`, and the rules behind them.
pub(super) const NO_ACCOUNT: &str = "no account of that name is configured";
pub(super) const SWITCHED_OFF: &str = "the account is switched off";
pub(super) const GROUPS_OFF: &str = "nobody is heard in groups";
pub(super) const NO_GROUP: &str = "this group is not listed";
pub(super) const GROUP_OPEN: &str = "everyone in it is heard";
pub(super) const GROUP_LISTED: &str = "the senders of the list are heard; where `group_allow_from` is not written, that is `allow_from`";
pub(super) const NOT_IN_GROUP: &str =
    "the sender is not listed; an approval counts in direct chats only";
pub(super) const OWNER: &str = "the sender is an owner";
pub(super) const EVERYONE: &str = "`*` gives everyone access";
pub(super) const APPROVED: &str = "an owner approved the sender";
pub(super) const NOT_APPROVED: &str = "nobody has approved the sender";
pub(super) const LISTED: &str = "the configuration lists the sender";
pub(super) const BLOCKED: &str = "the sender is blocked";
pub(super) const WHEN_MENTIONED: &str = "admitted when the bot is mentioned";
pub(super) const ASKS: &str = "asks for a code";
pub(super) const ADMITTED: &str = "admitted";
pub(super) const IGNORED: &str = "ignored";

pub(super) fn approved(by: &str, until: Option<UnixMs>, since: UnixMs) -> String {
    let end = until.map_or("permanently".to_owned(), |at| format!("until {}", world::iso(at)));
    format!("{by} approved the sender {end}, on {}", world::iso(since))
}

pub(super) fn blocked(by: &str, since: UnixMs) -> String {
    format!("{by} blocked the sender on {}", world::iso(since))
}

pub(super) fn denied(until: UnixMs) -> String {
    format!("an owner denied the sender's request: they get no code until {}", world::iso(until))
}

pub(super) fn nobody_can_ask(policy: &str) -> String {
    format!("the sender is not listed, and with the policy `{policy}` nobody can ask")
}

#[cfg(test)]
mod tests;
