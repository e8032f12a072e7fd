//! Every text about people who wait.

use std::time::Duration;

use openclaw_plugin_sdk::{Decision, Text, Waiting, neutral, spell_span as span};

/// The claim of a request is worth nothing any more.
pub(crate) const CLAIM_IS_OVER: &str =
    "The linked person no longer has access. Nothing changed. Deny or block the request.";

/// How `/pairing` is used.
pub(crate) fn help(prefix: &str) -> Text {
    Text::plain("A new sender gets a code and waits until you decide.\n\n")
        .code(format!("{prefix}pairing list [channel]"))
        .and(" shows who waits\n")
        .code(format!("{prefix}pairing approve <code> [24h|30d]"))
        .and(" gives access, permanent or for that time\n")
        .code(format!("{prefix}pairing deny <code>"))
        .and(" refuses the request; no new code for an hour\n")
        .code(format!("{prefix}pairing block <code>"))
        .and(" refuses the request and ignores the sender")
}

/// How one of its verbs is used.
pub(crate) fn usage(prefix: &str, name: &str) -> String {
    match name {
        "approve" => format!(
            "`{prefix}pairing {name} <code>`, or `{prefix}pairing {name} <channel> <code>`, with a \
             duration such as 24h or 30d if the access shall end; `{prefix}pairing list` shows the codes"
        ),
        "list" => format!("`{prefix}pairing {name}`, or `{prefix}pairing {name} <channel>`"),
        _ => format!(
            "`{prefix}pairing {name} <code>`, or `{prefix}pairing {name} <channel> <code>`; \
             `{prefix}pairing list` shows the codes"
        ),
    }
}

/// Who waits, on one channel or all.
pub(crate) fn list(prefix: &str, channel: Option<&str>, waiting: &[Waiting]) -> Text {
    if waiting.is_empty() {
        let which = channel.map(|id| format!("{id} ")).unwrap_or_default();
        return Text::plain(format!("No pending {which}pairing requests."));
    }
    let heading = Text::plain(format!("Pairing requests ({})", waiting.len()));
    let listed = waiting.iter().fold(heading, |text, one| {
        let times = format!("\nasked {} ago, {} left", span(one.age), span(one.left));
        text.and("\n\n").opaque(one.code).and(format!(" {}{times}", described(one)))
    });
    let decide = |verb: &str| format!("{prefix}pairing {verb} <code>");
    listed.and("\n\n").code(decide("approve")).and(" or ").code(decide("deny"))
}

/// A decision that was made.
pub(crate) fn done(decision: Decision, one: &Waiting, lasting: Option<Duration>) -> Text {
    let done = match decision {
        Decision::Approve => "✅ Approved",
        Decision::Block => "⛔ Blocked",
        Decision::Deny => "Denied",
    };
    let lasting = lasting.map(|lasting| format!(", for {}", span(lasting))).unwrap_or_default();
    Text::plain(format!("{done} {}{lasting}", decided(one)))
}

/// No request has that code.
pub(crate) fn no_match(prefix: &str) -> Text {
    Text::plain("No pending pairing request found for that code. ")
        .code(format!("{prefix}pairing list"))
        .and(" shows who waits.")
}

/// The request is another one than was shown.
pub(crate) fn changed(prefix: &str) -> Text {
    Text::plain(
        "Nothing changed: this request has changed since its code was sent. Look at it, then send your command \
         again: ",
    )
    .code(format!("{prefix}pairing list"))
}

/// Too many wrong codes.
pub(crate) fn slow(wait: Duration) -> Text {
    Text::plain(format!("Too many wrong codes. Try again in {} s.", wait.as_secs() + 1))
}

/// Several wait with one code.
pub(crate) fn several(prefix: &str, verb: &str, found: &[Waiting]) -> Text {
    let heading = Text::plain("Several requests have that code. Nothing changed. Choose one:");
    found.iter().fold(heading, |text, one| {
        text.and(format!("\n\n{}\n", described(one)))
            .code(format!("{prefix}pairing {verb} {} ", one.channel))
            .opaque(one.code)
    })
}

/// No channel of that name knows pairing.
pub(crate) fn unknown_channel(known: &[&str], channel: &str) -> Text {
    let known = known.join(", ");
    Text::plain(format!(
        "Channel {} does not support pairing. These do: {known}",
        neutral(channel, 32)
    ))
}

/// The subject of a decision: the id before the name, which cannot push it off.
fn decided(one: &Waiting) -> String {
    let account =
        if one.account == "default" { String::new() } else { format!("/{}", one.account) };
    format!("{}{account} sender {}{}", one.channel, one.sender, names(one))
}

fn described(one: &Waiting) -> String {
    let claims = one.claims.iter().map(|claims| format!("\nclaims to be {claims}"));
    let first = one.first_message.iter().map(|first| format!("\nfirst message: {first}"));
    let more: String = claims.chain(first).collect();
    format!("{}/{} sender {}{}{more}", one.channel, one.account, one.sender, names(one))
}

fn names(one: &Waiting) -> String {
    match (&one.name, &one.later_name) {
        (None, None) => String::new(),
        (Some(name), None) => format!(" ({name})"),
        (Some(name), Some(later)) => format!(" ({name}; later: {later})"),
        (None, Some(later)) => format!(" (later: {later})"),
    }
}
