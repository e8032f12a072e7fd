//! Devices, nodes, this machine as a node, and setup codes.

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::neutral;

use crate::{
    Exit, Failure,
    client::{RemoteError, node::Told},
    devices::short,
    network::{
        setup_code::{Minted, Way, drawing::DrawError},
        url::NoWayIn,
    },
    rules::device::{
        approver::{Act, Denied},
        setup_code::LIFETIME_MS,
    },
    whole,
};

pub(crate) const NO_DEVICES: &str = "No device pairing entries.";
pub(crate) const DEVICE_IDS: &str = "Full device IDs:";

pub(crate) fn more_devices(total: u64, next: &str) -> String {
    let next = neutral(next, 64);
    format!(
        "{total} devices in all, by their ids; the next ones: openclaw devices list --after {next}"
    )
}

pub(crate) fn commands_of(request: &str, commands: &str) -> String {
    format!("Commands of {}: {commands}", whole(request))
}

pub(crate) fn approve_device(with_words: bool) -> String {
    let compare = if with_words { " after comparing the words" } else { "" };
    format!("Approve one{compare}: openclaw devices approve <request>")
}

/// Why the files are worked on; nothing where they are not.
pub(crate) fn on_files(error: &RemoteError) -> Option<String> {
    match error {
        RemoteError::Unreachable { .. } => Some("No gateway runs".to_owned()),
        RemoteError::Foreign(at) => {
            Some(format!("No gateway runs, and another program listens at {at}"))
        }
        error => {
            error.is_waiting().then(|| "The gateway does not know this command line".to_owned())
        }
    }
}

pub(crate) fn working_on_files(why: &str, state: &Path) -> String {
    format!("{why}; working on the files in {}.", state.join("devices").display())
}

pub(crate) fn no_devices_pending() -> Failure {
    Failure::line(Exit::NoMatch, "No pending device pairing requests to approve")
}

pub(crate) fn device_approved(device: &str, request: &str) -> String {
    format!("Approved {} ({})", whole(device), whole(request))
}

/// A request that was found and not approved. It could have pushed itself to the front: a person looks first.
pub(crate) fn device_selected(
    request: &str,
    lines: Vec<String>,
    others: usize,
    command: &str,
) -> Vec<String> {
    let more = format!("Note:      {others} more wait; `openclaw devices list` shows them");
    let mut all = vec![format!("Selected pending device request {}", whole(request))];
    all.extend(lines);
    all.extend((others > 0).then_some(more));
    all.push("Nothing was approved.".to_owned());
    all.push(format!("Approve this exact request with: {command}"));
    all
}

pub(crate) fn device_rejected(device: &str) -> String {
    format!("Rejected {}", whole(device))
}

pub(crate) fn no_device_request(typed: &str) -> Failure {
    let text = format!("No pending device request matches {}", neutral(typed, 128));
    Failure::line(Exit::NoMatch, text)
        .hint("`openclaw devices list` shows what waits; a request is open for five minutes after the device last asked")
}

/// A request that was there when the list was shown.
pub(crate) fn request_moved(id: &str, next: Option<&str>) -> Failure {
    let id = neutral(id, 128);
    let (text, hint) = match next.map(|next| neutral(next, 128)) {
        Some(next) => (
            format!("request {id} was replaced by {next} meanwhile; nothing was decided"),
            "look at the new one: `openclaw devices list`",
        ),
        None => (
            format!("request {id} has changed or is over; nothing was decided"),
            "`openclaw devices list` shows what waits now",
        ),
    };
    Failure::new(Exit::Failed, text).hint(hint)
}

pub(crate) fn no_device(typed: &str) -> Failure {
    Failure::new(Exit::NoMatch, format!("there is no device {}", neutral(typed, 64)))
        .hint("`openclaw devices list` shows their ids")
}

pub(crate) fn several_devices(count: usize) -> Failure {
    Failure::usage(format!("{count} devices have ids that begin like that"))
        .hint("type more of the id")
}

pub(crate) fn no_device_id(typed: &str) -> Failure {
    Failure::usage(format!("{} is not the full id of a device", neutral(typed, 64)))
}

pub(crate) fn no_device_or_role() -> Failure {
    Failure::new(Exit::NoMatch, "there is no such device, or it lacks the role")
        .hint("`openclaw devices list` shows what there is")
}

pub(crate) fn device_denied(why: Denied, act: Act) -> Failure {
    match why {
        Denied::NotYours => Failure::new(Exit::Failed, act.denial()),
        Denied::Scope(scope) => {
            let text = format!("the device was never approved for {}", scope.word());
            Failure::new(Exit::Failed, text).hint("it has to ask for it, and be approved")
        }
    }
}

pub(crate) fn device_removed(device: &str) -> String {
    format!("Removed {}", whole(device))
}

pub(crate) fn device_renamed(device: &str, name: &str) -> String {
    format!("Renamed {} → {}", whole(device), neutral(name, 64))
}

pub(crate) fn not_cleared() -> Failure {
    Failure::line(Exit::Failed, "Refusing to clear pairing table without --yes")
}

pub(crate) fn cleared(devices: usize) -> String {
    format!("Cleared {devices} paired device(s)")
}

pub(crate) fn cleared_pending(requests: usize) -> String {
    format!("Rejected {requests} pending request(s)")
}

pub(crate) const NO_NODES_PENDING: &str = "No pending pairing requests.";
pub(crate) const NO_COMMANDS: &str = "no commands";
pub(crate) const COMMANDS: &str = "Commands";

pub(crate) fn nodes_known(known: usize, paired: usize, connected: usize) -> String {
    format!("Known: {known} · Paired: {paired} · Connected: {connected}")
}

pub(crate) fn nodes_paired(pending: usize, paired: usize) -> String {
    format!("Pending: {pending} · Paired: {paired}")
}

pub(crate) fn node_asks(name: &str, request: &str) -> String {
    format!("{name} asks for more: openclaw nodes approve {}", whole(request))
}

pub(crate) fn node_renamed(node: &str, name: &str) -> String {
    format!("node rename ok: {} -> {}", whole(node), neutral(name, 64))
}

pub(crate) fn node_removed(node: &str) -> String {
    format!("Removed paired node {}", whole(node))
}

pub(crate) fn no_node(typed: &str) -> Failure {
    Failure::new(Exit::NoMatch, format!("there is no node {}", neutral(typed, 64)))
        .hint("`openclaw nodes status` shows all")
}

pub(crate) fn several_nodes(count: usize, typed: &str) -> Failure {
    Failure::usage(format!("{count} nodes match {}", neutral(typed, 64)))
        .hint("use the id of the node")
}

pub(crate) fn no_node_request(id: &str, pending: &[&str]) -> Failure {
    let there = if pending.is_empty() {
        "No pending node pairing requests are currently visible.".to_owned()
    } else {
        let ids: Vec<String> = pending.iter().map(|id| whole(id)).collect();
        format!("Pending requestIds: {}", ids.join(", "))
    };
    let text = format!("Unknown node pairing requestId: {}\n{there}", neutral(id, 128));
    Failure::line(Exit::NoMatch, text).hint("`openclaw nodes pending` shows what waits")
}

/// What the user of a node reads.
pub(crate) fn told(told: &Told<'_>) -> String {
    match told {
        Told::Connected { at } => format!("Connected to {at}. Ctrl-C ends it."),
        Told::Lost { why, again: Some(again) } if again.is_zero() => {
            format!("{why}; trying the next address.")
        }
        Told::Lost { why, again: Some(again) } => {
            format!("{why}; trying again in {} s.", again.as_millis().div_ceil(1000))
        }
        Told::Lost { again: None, .. } => {
            "After the approval, start this command again: the gateway allows no retries."
                .to_owned()
        }
        Told::Notice { title, body } => {
            let parts = [title, body].map(|text| neutral(text, 400));
            let parts: Vec<_> = parts.into_iter().filter(|text| !text.is_empty()).collect();
            format!("Notice: {}", parts.join(": "))
        }
        Told::Waiting { device, request, words } => {
            let device = short(device.as_str());
            let words = words.as_ref().map(|words| {
                format!(
                    "Words:   {words}\n         Approve only if the owner sees the same three words.\n"
                )
            });
            let id = request.map_or_else(|| "<request>".to_owned(), |id| whole(&neutral(id, 128)));
            format!(
                "Waiting for the gateway's owner to approve this machine ({device}).\n{}\
                 Approve: openclaw devices approve {id}, or /pair approve in the chat",
                words.unwrap_or_default()
            )
        }
    }
}

pub(crate) fn not_paired() -> Failure {
    Failure::usage("this machine is not paired with a gateway yet")
        .hint("name the gateway with `--pair CODE` or `--host HOST`")
}

pub(crate) fn revoked(reason: &str) -> Failure {
    let reason = neutral(reason.trim_start_matches("client invalidated: "), 80);
    let text = format!("the gateway has removed this machine's access ({reason})");
    Failure::new(Exit::Failed, text).hint("ask its owner for a new setup code")
}

pub(crate) const SCAN: &str = "Scan this with the OpenClaw app, or paste the code below it.\n";
pub(crate) const TOO_WIDE: &str =
    "The code is too wide to be drawn here: paste it, or draw it into a file with --png.";

pub(crate) fn no_way_in(none: &NoWayIn) -> Failure {
    let hint = match none {
        NoWayIn::Loopback(_) => {
            "set `plugins.device-pair.public_url` or `gateway.bind = \"lan\"`; \
             `openclaw qr --local` makes a code for a program on this machine"
        }
        NoWayIn::Another(_) => "correct the address, or the proxy or tunnel behind it",
        NoWayIn::Invalid(_) => "write it like `wss://gateway.example.com`",
    };
    Failure::new(Exit::Failed, none.why().trim_end_matches('.')).hint(hint)
}

pub(crate) fn not_drawn(error: &DrawError) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
        .hint("`--setup-code-only` prints it, to be pasted")
}

/// What stands below the drawing of a setup code.
pub(crate) fn setup_code<'a>(
    minted: &Minted,
    way: &Way,
    files: impl Iterator<Item = &'a PathBuf>,
) -> Vec<String> {
    let mut lines = vec![format!("\nSetup code: {}", minted.code)];
    lines.extend(way.urls.iter().enumerate().map(|(n, url)| {
        let label = if n == 0 { "Gateway" } else { "Or" };
        format!("{label}: {}", neutral(url, 200))
    }));
    let why = " (no full access over an unencrypted connection)";
    let why = if minted.downgraded { why } else { "" };
    lines.push(format!("Access: {}{why}", minted.setup.profile.word()));
    lines.push(format!("Source: {}", way.source));
    lines.extend(way.notes.iter().map(|note| format!("Note: {note}")));
    lines.extend(files.map(|file| format!("Drawn: {}", file.display())));
    let minutes = LIFETIME_MS / 60_000;
    lines.push(format!(
        "\nIt is for one device and good for {minutes} minutes. Then approve the device:"
    ));
    lines.push("  openclaw devices list\n  openclaw devices approve <request>".to_owned());
    lines
}
