//! All that the command line says to people, beside the help: results, notes, failures, and the way on.

mod backup;
mod devices;
mod gateway;
mod import;
mod logs;
mod people;
mod report;
mod reset;
mod setup;

use std::path::Path;

use openclaw_plugin_sdk::{ChannelPlugin, neutral};

pub(super) use self::{
    backup::*, devices::*, gateway::*, import::*, logs::*, people::*, report::*, reset::*, setup::*,
};
use crate::{
    Exit, Failure,
    client::{NoPlan, RemoteError, SHOWN_FROM},
    local_client::LocalError,
    registry,
    store::StoreError,
};

/// In the hints about places that are not encrypted.
const INSECURE: &str = "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path";

// What is wrong with a word that was typed.
pub(super) const BLANK: &str = "it must not be blank";
pub(super) const NO_ACCOUNT: &str = "an account id is at most 64 of a-z, 0-9, `-` and `_`";
pub(super) const NO_END: &str = "write an end such as 24h, 30d or always";
pub(super) const NO_FINGERPRINT: &str = "a SHA-256 has 64 hexadecimal digits";
pub(super) const NO_INVITATION_SPAN: &str = "write a duration of a day at most, such as 90m or 24h";
pub(super) const NO_LABEL: &str = "a name has 1 to 64 characters";
pub(super) const NO_ROLE: &str = "it is `node` or `operator`";
pub(super) const NO_SCOPE: &str = "no such scope; one is `operator.read`";
pub(super) const NO_SPAN: &str = "write a duration such as 90m, 24h or 30d";
pub(super) const NO_TIME: &str = "write a duration such as 30m, 24h or 7d";

/// What is said to another answer.
pub(super) const YES_OR_NO: &str = "Please type yes or no.";

pub(super) fn no_json(error: &serde_json::Error) -> String {
    format!("no JSON: {error}")
}

pub(super) fn unprinted(error: &std::io::Error) -> String {
    format!("error: cannot write to standard output: {error}")
}

pub(super) fn no_state(error: anyhow::Error) -> Failure {
    Failure::from(error.context("cannot find the state folder"))
        .hint("set OPENCLAW_STATE_DIR to a folder of your own")
}

pub(super) fn deep_needs_a_gateway() -> Failure {
    Failure::new(Exit::Unreachable, "no gateway runs, so what only it knows was not looked at")
        .hint("start it, or leave `--deep` out")
}

pub(super) fn not_repaired(id: &str, why: &str) -> String {
    format!("warning: {id}: {why}")
}

pub(super) fn no_file(file: &Path) -> Failure {
    Failure::new(Exit::Failed, format!("{} does not exist", file.display()))
}

pub(super) fn no_folder(folder: &Path) -> Failure {
    Failure::usage(format!("there is no folder {}", folder.display()))
}

pub(super) fn no_pairing(typed: &str) -> Failure {
    let text = format!("Channel {} does not support pairing", neutral(typed, 64));
    Failure::line(Exit::Usage, text)
        .hint(format!("these do: {}", ids(registry::pairing_channels())))
}

/// `openclaw pairing approve AB3D7X9K 24h`, as an owner writes it in a chat.
pub(super) fn span_without_for() -> Failure {
    Failure::usage("the time an approval lasts goes behind `--for`")
        .hint("`openclaw pairing approve <code> --for 24h`")
}

/// `openclaw invite create Ann 2h`, the same.
pub(super) fn invitation_without_for() -> Failure {
    Failure::usage("the time an invitation can be used goes behind `--for`")
        .hint("`openclaw invite create <note> --for 2h`")
}

pub(super) fn no_command(typed: &str) -> Failure {
    Failure::usage(format!("there is no command `{}`", neutral(typed, 64)))
}

pub(super) fn nothing_to_draw_on() -> Failure {
    Failure::usage("`--watch` draws on a terminal, and standard output is none")
        .hint("with `--json` beside it, it prints a line of JSON every two seconds")
}

pub(super) fn no_channel(typed: &str) -> Failure {
    let known = ids(registry::CHANNELS.iter().copied());
    Failure::usage(format!("there is no channel `{}`", neutral(typed, 64)))
        .hint(format!("channels are {known}"))
}

fn ids(plugins: impl Iterator<Item = &'static ChannelPlugin>) -> String {
    plugins.map(|plugin| plugin.id).collect::<Vec<_>>().join(", ")
}

pub(super) fn unreadable_list(of: &str, error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the gateway's list of {of} is unreadable: {error}"))
}

pub(super) fn hint_store(error: &StoreError) -> Option<String> {
    let hint = match error {
        StoreError::Busy { .. } => "wait for it, or end it; nothing was changed",
        StoreError::Damaged { .. } => {
            "repair the file, or put a copy of it back; nothing was changed"
        }
        StoreError::Io { .. } => "nothing was changed",
        StoreError::InDoubt { .. } => "start the gateway, then look: openclaw audit show",
        StoreError::Withdrawn => return None,
    };
    Some(hint.to_owned())
}

pub(super) fn hint_local(error: &LocalError) -> Option<String> {
    let is_gone = matches!(error, LocalError::Unreachable { .. });
    is_gone.then(|| "`openclaw gateway run` starts it".to_owned())
}

pub(super) fn hint_remote(error: &RemoteError) -> Option<String> {
    let detail = |key: &str| error.detail(key).map(|text| neutral(text, 160));
    let fixed = match error {
        RemoteError::Distrust { pinned: true, .. } => {
            "nothing was sent; if the gateway has a new certificate, take its fingerprint from the gateway itself"
        }
        RemoteError::Distrust { pinned: false, .. } => {
            "`--tls-fingerprint` names the certificate of a gateway that made its own"
        }
        RemoteError::Foreign(_) => {
            "`openclaw gateway run --port PORT` starts this machine's gateway on another port"
        }
        RemoteError::Local(LocalError::Refused(_)) => {
            "a gateway of another version runs; restart it"
        }
        RemoteError::OtherKey(_) => {
            "if that gateway was reinstalled, remove its line from identity/gateways.json in the state folder"
        }
        RemoteError::Unproven(_) => {
            let ways = "pass its token again with `--token`, use wss://, or set";
            return Some(format!("{ways} {INSECURE}"));
        }
        RemoteError::NoSecret(_) => "`--token` or `--password` beside `--url`",
        RemoteError::Plaintext(_) => return Some(format!("use wss://, or set {INSECURE}")),
        RemoteError::Silent(_) => "`--timeout` waits longer",
        // Some refusals say more for programs than for people.
        RemoteError::Refused(_) => return detail("reason").filter(|reason| !reason.is_empty()),
        RemoteError::TokenOver(_) => {
            "ask the gateway's owner for its token or a new setup code, and connect with that"
        }
        RemoteError::Unreachable { .. } => "`openclaw gateway run` starts one here",
        RemoteError::NotLetIn(_) if error.is_waiting() => {
            let id = detail("requestId").unwrap_or_else(|| "<request>".to_owned());
            let command = format!("`openclaw devices approve {id}`");
            return Some(format!("the gateway's owner approves this machine with {command}"));
        }
        RemoteError::NotLetIn(_) => match (detail(SHOWN_FROM), error.detail("code")) {
            (Some(name), _) => {
                let used = format!("the value of `{name}` in this environment was used");
                return Some(format!("{used}; unset it, or set it to the gateway's secret"));
            }
            (None, Some("AUTH_TOKEN_MISSING" | "AUTH_TOKEN_MISMATCH")) => {
                "on the gateway's machine, `openclaw gateway auth-token --show` shows its token"
            }
            (None, Some("AUTH_SCOPE_MISMATCH")) => {
                "this machine was not approved for that; `--token` shows the gateway's own token"
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(fixed.to_owned())
}

pub(super) fn no_plan(why: NoPlan) -> Failure {
    let hint = match why {
        NoPlan::Code => "it is one long word, as /pair and `openclaw qr` print it".to_owned(),
        NoPlan::Expired => "make a new one with /pair or `openclaw qr`".to_owned(),
        NoPlan::Nowhere => format!("a gateway on a public address needs wss://; {INSECURE}"),
        NoPlan::Pin | NoPlan::Pins => {
            "nothing was sent; ask the gateway for its own fingerprint".to_owned()
        }
    };
    Failure::usage(why.to_string()).hint(hint)
}

#[cfg(test)]
mod tests;
