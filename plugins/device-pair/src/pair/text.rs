//! Every text about devices.

use openclaw_plugin_sdk::{
    Decision, NotYet, Notify, Offered, SetupWish, Text, WaitingDevice, count, spell_span as span,
};

pub(super) const SCAN: &str = "Scan this with the OpenClaw app. It is for one device only.";
pub(super) const NO_SUCH_DEVICE: &str =
    "No device waits under that id. Nothing changed. These wait:";

pub(super) fn no_way_in(prefix: &str, why: &str) -> Text {
    Text::plain(format!("No code was made: {why}\n\nWays out:\n• "))
        .code("plugins.device-pair.public_url = \"wss://…\"")
        .and(" in the configuration, where a proxy or a tunnel leads here\n• ")
        .code("gateway.bind = \"lan\"")
        .and(" in the configuration, for devices in your own network\n• ")
        .code(format!("{prefix}pair local"))
        .and(" for a program on this machine")
}

pub(super) fn instructions(prefix: &str, wish: SetupWish, qr: bool, offered: &Offered) -> Text {
    let minutes = offered.lasts.as_secs().div_ceil(60);
    let minutes = count(usize::try_from(minutes).unwrap_or(usize::MAX), "minute");
    let below = if qr { "scan the next message" } else { "paste the next message" };
    let first = if wish.local {
        Text::plain("1. On this machine: ").code("openclaw node run --pair <code>").and(if qr {
            ", with the code of the next message"
        } else {
            ", with the next message as its code"
        })
    } else {
        Text::plain(format!(
            "1. In the OpenClaw app, under Settings → Gateway: {below}, then connect"
        ))
    };
    let heading = Text::plain(format!("A setup code for one device, good for {minutes}.\n\n"));
    let text = heading
        .join(&first)
        .and("\n2. When the device waits, you are told here. Compare its details, then send ")
        .code(format!("{prefix}pair approve"))
        .and(format!("\n\nGateway: {}\nAccess: {}", offered.url, offered.access));
    let text = match (offered.access.as_str(), offered.downgraded) {
        (_, true) => text.and(" (no full access over an unencrypted connection)"),
        ("full", _) => text.and(" (it may also administer this gateway)"),
        _ => text.and(" (it cannot administer this gateway)"),
    };
    let text = offered.notes.iter().fold(text, |text, note| text.and(format!("\n⚠️ {note}")));
    text.and("\n\nIf another person may have seen the code: ").code(format!("{prefix}pair cleanup"))
}

pub(super) fn cleaned(prefix: &str, many: usize) -> Text {
    match many {
        0 => Text::plain("There is no unused setup code."),
        1 => Text::plain("Cancelled the one unused setup code."),
        many => Text::plain(format!("Cancelled {many} unused setup codes.")),
    }
    .and(" A new one: ")
    .code(format!("{prefix}pair"))
}

pub(super) fn status(prefix: &str, waiting: &[WaitingDevice]) -> Text {
    match waiting {
        [] => nothing(prefix),
        [_] => listed("One device waits.", prefix, waiting),
        several => listed(&format!("{} devices wait.", several.len()), prefix, waiting),
    }
}

pub(super) fn nothing(prefix: &str) -> Text {
    Text::plain("No device waits. A code for one: ").code(format!("{prefix}pair"))
}

/// Every waiting device with all of its lines, and how to decide.
pub(super) fn listed(heading: &str, prefix: &str, waiting: &[WaitingDevice]) -> Text {
    let text = waiting.iter().fold(Text::plain(heading), |text, device| {
        text.and("\n\n").join(&described(device)).and(format!(
            "\nasked {} ago, {} left",
            span(device.age),
            span(device.left)
        ))
    });
    let one =
        |word: &str, device: &WaitingDevice| format!("{prefix}pair {word} {}", device.request);
    match waiting {
        [] => text,
        [device] => text
            .and("\n\nTo approve it: ")
            .code(format!("{prefix}pair approve"))
            .and("\nTo reject it: ")
            .code(one("reject", device)),
        several => several
            .iter()
            .fold(text.and("\n\nTo approve one:"), |text, device| {
                text.and("\n").code(one("approve", device)).and(format!(" ({})", device.name))
            })
            .and("\nTo reject one: ")
            .code(format!("{prefix}pair reject <request>")),
    }
}

fn described(device: &WaitingDevice) -> Text {
    device.lines().into_iter().enumerate().fold(Text::default(), |text, (n, (label, value))| {
        let end = if n == 0 { "" } else { "\n" };
        text.and(format!("{end}{label}: ")).join(&value)
    })
}

pub(super) fn latest(prefix: &str, waiting: &[WaitingDevice]) -> Text {
    let Some(newest) = waiting.first() else { return nothing(prefix) };
    let heading = format!(
        "The newest device is {}, request {}. Another one can come while you type, so approve it by that id.",
        newest.name, newest.request
    );
    listed(&heading, prefix, waiting)
}

pub(super) fn not_yet(why: NotYet) -> &'static str {
    match why {
        NotYet::Changed => "It has changed since you were shown it. Nothing changed. Look again:",
        NotYet::None => "Nothing waits.",
        NotYet::NotShown => "Nothing changed yet: look at it first.",
        NotYet::Several => "Several devices wait. Nothing changed. Choose one:",
    }
}

pub(super) fn done(decision: Decision, device: &WaitingDevice) -> Text {
    let system = device.platform.as_ref().map(|system| format!(" ({system})")).unwrap_or_default();
    let (mark, rest) = match decision {
        Decision::Approve => {
            ("✅ Paired", ". It connects by itself, or when you tap Connect on it.")
        }
        Decision::Block | Decision::Deny => ("⛔ Rejected", ". Its setup code no longer works."),
    };
    let rest = if decision == Decision::Deny && device.profile.is_none() { "." } else { rest };
    Text::plain(format!("{mark} {}{system}{rest}", device.name))
}

pub(super) fn help(prefix: &str) -> Text {
    let lines = [
        ("", "makes a setup code for one device, to paste into the app"),
        (" qr", "makes the code as a picture, to scan"),
        (" full", "makes one that may also administer this gateway"),
        (" local", "makes one for a program on this machine"),
        (" status", "shows which devices wait"),
        (
            " approve",
            "approves the only waiting device, after you were shown it; with a request id, that one",
        ),
        (" reject <request>", "rejects a device"),
        (" cleanup", "cancels every unused code"),
        (" notify on|off|once|status", "sets whether you are told of devices without a code"),
    ];
    lines.iter().enumerate().fold(Text::default(), |text, (n, (words, what))| {
        let end = if n == 0 { "" } else { "\n" };
        text.and(end).code(format!("{prefix}pair{words}")).and(format!(" {what}"))
    })
}

pub(super) fn usage(prefix: &str, verb: &str) -> String {
    match verb {
        "approve" => format!(
            "`{prefix}pair approve`, or `{prefix}pair approve <request>`; `{prefix}pair status` shows what waits"
        ),
        "notify" => format!("`{prefix}pair notify on|off|once|status`"),
        _ => {
            format!("`{prefix}pair reject <request>`; `{prefix}pair status` shows what waits")
        }
    }
}

/// What cannot be granted in a chat: a scope, or commands that it cannot show.
pub(super) fn denied(prefix: &str, scope: Option<&str>) -> Text {
    match scope {
        Some(scope) => Text::plain(format!(
            "Nothing changed: the device asks for {scope}, which cannot be given in a chat. To give it, make a \
             code with "
        ))
        .code(format!("{prefix}pair full"))
        .and(", or on the gateway's machine send ")
        .code("openclaw devices approve"),
        None => {
            Text::plain("Nothing changed: the device can run programs, and this chat cannot show all of its commands. On the gateway's machine: ")
                .code("openclaw devices approve")
        }
    }
}

/// Whether this chat is told of devices without a code, after a wish; how to change it, where there was none.
pub(super) fn notify(prefix: &str, told: Notify, wish: Option<Notify>) -> Text {
    let text = Text::plain(match told {
        Notify::On if wish == Some(Notify::Off) => {
            "This chat stays an owner's chat, and gets a card of every device; `owner.notify` in the configuration names others."
        }
        Notify::Off => "You are not told here of devices that come without a setup code.",
        Notify::On => "You are told here of every device that comes without a setup code.",
        Notify::Once => {
            "You are told here of the next device that comes without a setup code, and then not again."
        }
    });
    let text = text.and(" You are always told of devices with your code.");
    if wish.is_some() {
        return text;
    }
    text.and("\nTo change it: ").code(format!("{prefix}pair notify on|off|once"))
}
