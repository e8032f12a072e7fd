//! The gateway, its channels, its configuration, its secret, its state folder and the access log.

use std::path::Path;

use openclaw_plugin_sdk::{
    AccountId, ChannelError, ChannelPlugin, ResponderError, SettingsError, UnixMs, count, neutral,
};

use super::ids;
use crate::{
    Exit, Failure,
    config::{edit::EditError, problem::ConfigError},
    control::text::acted,
    gateway::{Ownership, Ready},
    local_client::status::AssistantStatus,
    network::secret::SecretSource,
    owner::grouped,
    registry,
    rules::device::handshake::SecretKind,
    status::Seen,
    store::audit::verify::{Report, Unexplained},
    whole, world,
};

pub(crate) const REACHABLE: &str = "Gateway reachable.";
pub(crate) const NOT_REACHABLE: &str = "Gateway not reachable; showing config-only status.";
pub(crate) const NO_GATEWAY: &str = "No gateway runs. This is the content of the state folder.";

/// Nobody knows where the user's files are.
pub(crate) fn no_home() -> Failure {
    Failure::new(Exit::Failed, "HOME is not set; a service needs it")
}

/// The gateway runs, and takes no work.
pub(crate) fn not_ready(status: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the gateway is not ready: {}", neutral(status, 64)))
}

/// Who has to own the state folder.
pub(crate) fn hint_forbidden(folder: &Path) -> String {
    let (user, folder) = (world::user(), folder.display());
    format!("this process is user {user}; give it the folder: chown -R {user} '{folder}'")
}

/// The page's address, the state folder, how to approve; and how to become owner where nobody is.
pub(crate) fn ready(ready: &Ready<'_>) -> Vec<String> {
    let scheme = if ready.tls_fingerprint.is_some() { "https" } else { "http" };
    let page = |path| format!("Page:     {scheme}://{}{path}", ready.address);
    let mut lines: Vec<String> = ready.pages.iter().map(page).collect();
    if lines.is_empty() {
        lines.push(format!("Gateway:  {}", ready.address));
    }
    lines.extend(ready.elsewhere.iter().map(|address| format!("Network:  {address}")));
    lines.extend(ready.tls_fingerprint.map(|pin| format!("TLS:      sha256:{pin}")));
    lines.push(format!("State:    {}", ready.state.path().display()));
    let approve = if ready.console {
        "/pairing approve <code>, here"
    } else {
        "openclaw pairing approve <code>, in another shell"
    };
    lines.push(format!("Approve:  {approve}"));
    lines.extend(ready.console.then(|| "Help:     type /help; Tab completes".to_owned()));
    let owner = if ready.console {
        "you, at this terminal; to be owner in a chat too:"
    } else {
        "none yet;"
    };
    match &ready.ownership {
        Ownership::Unclaimed(code) => lines.push(format!(
            "Owner:    {owner} send /claim {} to the bot or on the page, within ten minutes",
            grouped(code)
        )),
        Ownership::UnclaimedQuiet => {
            lines.push(format!("Owner:    {owner} `openclaw owner claim` prints a code"));
        }
        Ownership::Claimed => {}
    }
    lines
}

/// An older state folder has approved people, which this gateway does not use.
pub(crate) fn other_state(state: &Path, other: &Path) -> String {
    let (state, other) = (state.display(), other.display());
    format!(
        "the state folder {state} is new; the older folder {other} is not used. To use it, set OPENCLAW_STATE_DIR={other}"
    )
}

/// A database of a newer OpenClaw lies in the state folder, and its approvals count for nothing here.
pub(crate) fn unread_database(database: &Path) -> String {
    format!(
        "{} holds what a newer OpenClaw has approved, and nothing of it counts here. Run `openclaw import`",
        database.display()
    )
}

/// Lists of approved people stand beside that database, and may name people that it has removed.
pub(crate) fn not_imported(database: &Path) -> Failure {
    let why = format!(
        "a newer OpenClaw keeps its approvals in {}; the lists beside it are old, and may name people who have lost access since",
        database.display()
    );
    Failure::new(Exit::Failed, why).hint(
        "take them over with `openclaw import`, or use the old lists with `openclaw gateway run --ignore-database`",
    )
}

/// An import has begun and not come to its end.
pub(crate) fn half_imported(folder: &Path) -> Failure {
    let folder = folder.display();
    Failure::new(Exit::Failed, format!("the import of {folder} did not come to its end"))
        .hint(format!("run `openclaw import --from '{folder}'` again"))
}

pub(crate) fn bad_log_level(levels: &str, name: &str, error: &str) -> Failure {
    let levels = neutral(levels, 160);
    Failure::usage(format!("`{levels}` of {name} is not a log level: {error}"))
        .hint("levels are like `info`, or `warn,openclaw_gateway=debug`")
}

pub(crate) fn no_log_level(word: &str) -> String {
    let known = "`error`, `warn`, `info`, `debug`, `trace` and `off`";
    format!("`{}` is none of {known}", neutral(word, 40))
}

pub(crate) fn no_manifest(label: &str) -> Failure {
    let these = with(|plugin| plugin.manifest.is_some());
    Failure::usage(format!("{label} takes no manifest")).hint(these)
}

/// The channels that have something, as a hint.
fn with(has: fn(&ChannelPlugin) -> bool) -> String {
    match ids(registry::CHANNELS.iter().copied().filter(|plugin| has(plugin))) {
        none if none.is_empty() => "no channel does".to_owned(),
        some => format!("these do: {some}"),
    }
}

pub(crate) fn not_written(label: &str, account: &AccountId, why: &SettingsError) -> Failure {
    let key = if why.key.is_empty() { String::new() } else { format!("`{}` ", why.key) };
    let why = neutral(&why.problem, 200);
    Failure::new(Exit::Failed, format!("{label} needs more for its manifest: {key}{why}"))
        .hint(format!("put it into the configuration of account {account}"))
}

pub(crate) fn no_package(plugin: &ChannelPlugin) -> Failure {
    Failure::usage(format!("{} takes its manifest alone, without a package", plugin.label))
        .hint(format!("`openclaw channels manifest {}` prints it", plugin.id))
}

pub(crate) fn package_written(file: &Path, label: &str) -> String {
    format!("✅ Wrote {}. Give it to {label} as an app.", file.display())
}

pub(crate) fn no_login(label: &str) -> Failure {
    Failure::usage(format!(
        "{label} is not linked by a code to scan: its keys stand in the configuration"
    ))
    .hint("config.example.toml explains them, and the README has the steps")
}

pub(crate) fn not_configured(plugin: &ChannelPlugin, account: &AccountId) -> Failure {
    let text = format!("{} has no account `{account}` in the configuration", plugin.label);
    Failure::new(Exit::NoMatch, text)
        .hint("put it there first: config.example.toml explains its keys")
}

pub(crate) fn not_linked(label: &str, why: &ChannelError) -> Failure {
    let why = neutral(&why.to_string(), 300);
    Failure::new(Exit::Failed, format!("no account was linked on {label}: {why}"))
}

pub(crate) fn no_room_to_draw() -> Failure {
    Failure::new(Exit::Failed, "the terminal is too narrow for the code")
        .hint("make it wider, or draw the code into a file with `--png`")
}

pub(crate) fn scan_to_link(label: &str) -> String {
    format!(
        "Scan this with {label} on the phone, within a few minutes. It links the first account that scans it.\n"
    )
}

pub(crate) fn drawn_into(file: &Path, label: &str) -> String {
    format!(
        "The code is in {}: scan it with {label} on the phone, then remove the file.",
        file.display()
    )
}

pub(crate) fn linked(label: &str, name: &str, lacks: Option<&(String, String)>) -> String {
    let name = neutral(name, 64);
    let next = match lacks {
        Some((key, value)) => format!("Now: openclaw config set {key} {}", neutral(value, 64)),
        None => "The configuration fits; restart the gateway if it runs.".to_owned(),
    };
    format!("✅ Linked to {name} on {label}.\n{next}")
}

pub(crate) fn bad_app_name() -> Failure {
    Failure::usage("that is not a valid name for an app")
        .hint("give `--name` at most 35 letters, digits, blanks or marks")
}

pub(crate) const NO_CONFIG: &str = "note: it does not exist; the built-in channels run without it";

pub(crate) fn config_checked(file: Option<&Path>, says_nothing: bool, warnings: usize) -> String {
    match file {
        Some(file) if says_nothing => format!(
            "{} is empty or has only comments: the defaults are in effect, and the built-in channels run.",
            file.display()
        ),
        Some(file) if warnings > 0 => {
            format!("{} loads; look at the warnings: {warnings}.", file.display())
        }
        Some(file) => format!("{} is fine.", file.display()),
        None => "There is no configuration file; the built-in channels run.".to_owned(),
    }
}

/// What becomes of a value that is never printed.
pub(crate) const SECRET_IS_SET: &str = "It is set. Its value is a secret and is not printed.";

pub(crate) fn not_set(key: &str) -> Failure {
    let key = neutral(key, 160);
    Failure::line(Exit::NoMatch, format!("`{key}` is not set, and no default is in effect."))
        .hint("`openclaw config show` prints what is in effect, defaults included")
}

pub(crate) fn key_set(key: &str, file: &Path) -> String {
    format!("✅ Set `{}` in {}", neutral(key, 160), file.display())
}

pub(crate) fn key_removed(key: &str, file: &Path) -> String {
    format!("✅ Removed `{}` from {}", neutral(key, 160), file.display())
}

pub(crate) fn no_key(why: String) -> Failure {
    Failure::usage(why)
        .hint("`openclaw config schema` prints every key; config.example.toml explains them")
}

pub(crate) fn not_edited(error: EditError) -> Failure {
    match error {
        EditError::Absent(..) => Failure::new(Exit::NoMatch, error.to_string())
            .hint("`openclaw config show` prints what is in effect, defaults included"),
        EditError::Key(why) => no_key(why),
        EditError::Config(error) => {
            Failure::from(error).hint("repair the file first; nothing was changed")
        }
        EditError::Changed(_) => Failure::new(Exit::Failed, error.to_string()).hint("try again"),
        EditError::Refused(ref why) => {
            let failure = Failure::new(Exit::Failed, error.to_string());
            match missing(why) {
                Some(key) => failure.hint(first(key)),
                None => failure,
            }
        }
        EditError::Store(error) => error.into(),
    }
}

fn first(key: &str) -> String {
    let hint = format!("set that first: `openclaw config set {key} <value>`");
    if key.starts_with("channels.") {
        hint + "; in a table with several such keys, set `enabled` to false meanwhile"
    } else {
        hint
    }
}

/// The way on where a name of the environment is not set.
pub(crate) fn hint_config(error: &ConfigError) -> Option<String> {
    let ConfigError::Invalid(problems) = error else { return None };
    let unset = |text: &str| {
        let (_, name) = text.split_once("environment variable `")?;
        Some(name.split_once("` is not set")?.0.to_owned())
    };
    problems.iter().find_map(|problem| unset(&problem.text)).map(|name| {
        format!(
            "type `export {name}=…` in this shell first; or keep the secret in a file and name it under the key's \
             `_file` form, which needs no variable"
        )
    })
}

/// The first key without which the file does not load.
fn missing(why: &ConfigError) -> Option<&str> {
    let ConfigError::Invalid(problems) = why else { return None };
    problems.iter().find_map(|problem| {
        let (key, what) = problem.text.strip_prefix('`')?.split_once("`: ")?;
        what.starts_with("is missing").then_some(key)
    })
}

/// What `config check --deep` tries.
pub(crate) fn assistant_asked(responder: &str, asks: &str) -> String {
    let at = if asks.is_empty() { String::new() } else { format!(" at {}", whole(asks)) };
    format!("Asked the assistant: {}{at}", neutral(responder, 64))
}

pub(crate) fn assistant_answers(answer: &str) -> String {
    format!("OK: {}", whole(answer))
}

pub(crate) fn assistant_failed(error: &ResponderError) -> Failure {
    let hint = if error.is_temporary() {
        "that may pass by itself; if it does not, look at that service or program"
    } else {
        "change what is named there, and try again"
    };
    let error = whole(&error.to_string());
    Failure::new(Exit::Failed, format!("the assistant does not answer: {error}")).hint(hint)
}

pub(crate) const SHOW_SECRET: &str = "`openclaw gateway auth-token --show` prints it.";

fn word(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::Password => "password",
        SecretKind::Token => "token",
    }
}

pub(crate) fn no_secret(kind: SecretKind, source: SecretSource) -> Failure {
    let (text, hint) = match (source, kind) {
        (SecretSource::Nowhere, _) => (
            "there is no secret: `gateway.auth.mode` is `none`",
            "`gateway.auth.mode = \"token\"` asks for one",
        ),
        (_, SecretKind::Password) => {
            ("no password is set", "set `gateway.auth.password` or OPENCLAW_GATEWAY_PASSWORD")
        }
        (_, SecretKind::Token) => {
            ("no token was made yet", "the first start of the gateway makes one")
        }
    };
    Failure::new(Exit::NoMatch, text).hint(hint)
}

/// `made` is the file of the token that is asked for where the configuration names none.
pub(crate) fn secret_of_environment(name: &str, kind: SecretKind, made: Option<&Path>) -> String {
    let made = made.map(|made| format!(", or else for the one in {}", made.display()));
    format!(
        "This is what `{name}` holds in this environment. A gateway that was started without it asks for \
         `gateway.auth.{}`{}.",
        word(kind),
        made.unwrap_or_default()
    )
}

pub(crate) fn secret_source(kind: SecretKind, source: SecretSource, made: &Path) -> String {
    let kind = word(kind);
    let from = match source {
        SecretSource::Environment(name) => format!("from the environment, `{name}`"),
        SecretSource::File => format!("`gateway.auth.{kind}` of the configuration"),
        SecretSource::Generated | SecretSource::Nowhere => {
            format!("made by the gateway, in {}", made.display())
        }
    };
    format!("The {kind} is {from}.")
}

/// The whole of `openclaw status`, with the lines about channels.
pub(crate) fn status(seen: &Seen, channels: Vec<String>) -> Vec<String> {
    let listed = |texts: Vec<String>, none: &str| {
        if texts.is_empty() { none.to_owned() } else { texts.join(", ") }
    };
    let mut lines = vec![seen.gateway.as_ref().map_or(NO_GATEWAY.to_owned(), |health| {
        let (version, port, pid) = (neutral(&health.version, 64), health.port, health.pid);
        format!("Gateway    runs: version {version}, port {port}, process {pid}")
    })];
    let unconfirmed = seen.unconfirmed.as_ref().map(super::unconfirmed);
    lines.extend(unconfirmed.map(|text| format!("Restored   {text}")));
    let proxies = seen.gateway.as_ref().and_then(|health| health.unnamed_proxies.as_ref());
    lines.extend(proxies.map(|proxies| {
        let addresses: Vec<String> = proxies.addresses.iter().map(|text| whole(text)).collect();
        format!(
            "Proxies    {} requests with forwarding headers from {}, which `gateway.trusted_proxies` does not name",
            proxies.requests,
            addresses.join(", ")
        )
    }));
    let assistant = seen.gateway.as_ref().and_then(|health| health.assistant.as_ref());
    let responder = || format!("Assistant  {}", whole(&seen.responder));
    lines.push(assistant.map_or_else(responder, assistant_line));
    lines.push("Channels".to_owned());
    lines.extend(channels.into_iter().map(|line| format!("  {line}")));
    let pending = seen.pending.iter().map(|(channel, count, places)| match places {
        0 => format!("{channel} {count}"),
        _ => format!("{channel} {count} of {places}"),
    });
    let people = listed(pending.collect(), "nobody");
    lines.push(format!("Pending    {people}; devices {}", seen.pending_devices));
    lines.push(format!("Devices    {}", seen.devices));
    let owners = seen.owners.iter().map(|owner| whole(owner)).collect();
    let owners = listed(owners, "none yet; `openclaw owner claim` prints a code");
    lines.push(format!("Owners     {owners}"));
    if let Some(outbox) = &seen.outbox {
        let oldest = outbox.oldest_ms.map(|ms| format!(", the oldest for {} s", ms / 1000));
        lines.push(format!("Outbox     {}{}", outbox.depth, oldest.unwrap_or_default()));
    }
    let none = if seen.decisions.is_empty() { "  none" } else { "" };
    lines.push(format!("Decisions{none}"));
    lines.extend(seen.decisions.iter().map(|line| {
        let about = [&line.channel, &line.subject].into_iter().flatten();
        let about: Vec<String> = about.map(|text| whole(text)).collect();
        let by = acted(&whole(&line.actor), &line.surface);
        format!("  {} {} {} by {by}", line.at, line.action, about.join(":"))
    }));
    lines
}

fn assistant_line(assistant: &AssistantStatus) -> String {
    let responder = whole(&assistant.responder);
    let at = if assistant.asks.is_empty() {
        String::new()
    } else {
        format!(" at {}", whole(&assistant.asks))
    };
    let state = match (assistant.state.as_str(), assistant.since, &assistant.error) {
        ("working", ..) => "answers".to_owned(),
        ("unasked", ..) => "not asked yet".to_owned(),
        (_, Some(since), Some(error)) => {
            let since = world::iso(UnixMs(since));
            format!("does not answer since {since}: {}", whole(error))
        }
        (state, ..) => neutral(state, 64),
    };
    format!("Assistant  {responder}{at}: {state}")
}

pub(crate) const NO_LINES: &str = "The access log is empty.";
pub(crate) const ACCEPTED: &str = "Accepted. A new line in the access log says so.";

pub(crate) fn not_accepted() -> Failure {
    Failure::line(Exit::Failed, "Nothing was changed.")
        .hint("`openclaw audit accept --yes` accepts the files as they are")
}

pub(crate) fn not_as_written(state: &Path) -> Failure {
    let state = state.display();
    let text = format!("the access log or a state file in {state} is not as it was written");
    Failure::new(Exit::Failed, text)
        .hint("put copies of the right files back, or see `openclaw audit accept --help`")
}

/// Entries of the field without a line are told and are no failure: every folder of another program has them.
pub(crate) fn audit_report(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    if report.repaired {
        lines.push("The last line was incomplete and had no effect; it was removed.".to_owned());
    }
    if let Some((seq, old)) = report.accepted.as_ref().filter(|(_, old)| !old.is_empty()) {
        let old: Vec<String> = old.iter().map(ToString::to_string).collect();
        lines.push(format!("Accepted in line {seq}: {}.", old.join("; ")));
    }
    lines.extend(report.unexplained.iter().map(|one| format!("No line explains {}.", what(one))));
    if report.is_whole() {
        let lines_read = count(usize::try_from(report.lines).unwrap_or(usize::MAX), "line");
        lines.push(format!("The access log is intact: {lines_read}."));
    }
    lines
}

fn what(unexplained: &Unexplained) -> String {
    match unexplained {
        Unexplained::Block(channel, sender) => {
            let sender = whole(sender.as_str());
            format!("the block of {channel}:{sender} in access/grants.json")
        }
        Unexplained::Device(device) => format!("the device {device}"),
        Unexplained::Entry { file, sender } => {
            format!("{} in {}", whole(sender.as_str()), file.display())
        }
        Unexplained::Grant(contact) => {
            format!("{} in access/grants.json", whole(&contact.to_string()))
        }
        Unexplained::Owner(owner) => {
            format!("the owner {}:{}", owner.channel, whole(owner.sender.as_str()))
        }
        Unexplained::Removed(device) => format!("that the device {device} was removed"),
    }
}
