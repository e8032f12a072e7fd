//! What is said of settings.

use std::{io, path::Path};

use openclaw_plugin_sdk::{SenderId, neutral};

/// The longest name of a key that is shown, in characters.
const KEY: usize = 64;
/// So many names stand in one line.
const NAMES: usize = 20;

pub(crate) const THE_SAME: &str = "the same here";
pub(crate) const LEFT_OUT: &str = "closed there, so it is left out";
pub(crate) const WRONG_KIND: &str = "is of a kind that is not read; left out";
pub(crate) const NO_CHANNEL: &str = "there is no such channel here";
pub(crate) const NO_ACCOUNT: &str = "is no account id here: use `a-z`, `0-9`, `_` and `-`";
pub(crate) const BLOCKED: &str = "closed there, so the person is blocked";
pub(crate) const OPEN_TO_LISTED: &str =
    "`open` without `\"*\"` admits the listed people only: dm_policy = \"allowlist\"";
pub(crate) const OPEN_GROUPS: &str = "everyone in a group with the bot is answered, as before";
pub(crate) const NO_GROUPS: &str = "no group is listed there, so group_policy = \"disabled\"";
pub(crate) const NARROWER_POLICY: &str =
    "everyone in the group was heard; here only the people of `group_allow_from` are";
pub(crate) const STRICTEST_MENTION: &str =
    "groups differ in `requireMention`; here every group asks for a mention";

// What is refused, and what follows where it is accepted.
pub(crate) const EVERYONE: &str =
    "everyone has access; `--accept-open` takes this over, a list of ids in `allowFrom` ends it";
pub(crate) const THEN_EVERYONE: &str = "everyone has access";
pub(crate) const THEN_DROPPED: &str = "the key is left out";
pub(crate) const LIVE_GROUP: &str =
    "only the platform knows who is in this group; no list can hold it";
pub(crate) const THEN_LIVE_GROUP: &str = "its members are left out and ask for access again";
pub(crate) const CLOSED_GROUP: &str = "one group is closed while `*` opens the others";
pub(crate) const THEN_CLOSED_GROUP: &str = "the group is heard too";
pub(crate) const OWN_POLICY: &str = "the group is narrower than the others";
pub(crate) const THEN_OWN_POLICY: &str = "everyone in it is heard";
pub(crate) const OWN_PEOPLE: &str =
    "the list differs from that of the other groups; an account has one list here";
pub(crate) const THEN_COMMON: &str = "everyone of `group_allow_from` is heard there";
pub(crate) const THEN_LEFT_OUT: &str = "it is left out of `groups`, and nobody is heard there";
pub(crate) const OWN_TOPIC: &str = "the topic has rules of its own; a group has one rule here";
pub(crate) const THEN_OWN_TOPIC: &str = "the rules of the group count in it";
pub(crate) const ONE_SERVER: &str =
    "only some channels of the server are open while `*` opens all servers";
pub(crate) const THEN_ONE_SERVER: &str = "all its channels are open";
pub(crate) const WHOLE_TEAM: &str =
    "a team without a list of its channels; here channels are listed by id";
pub(crate) const OWN_PERSON: &str = "the person has rules of their own in the direct chat";
pub(crate) const THEN_OWN_PERSON: &str = "the rules of the account count for them";
pub(crate) const RELAY: &str = "Slack is reached by socket or HTTP here";
pub(crate) const POST_AS: &str = "the bot writes as itself here, never as a person";
pub(crate) const REMOTE: &str =
    "this machine is the client of another gateway; `--url` of a command names that";
pub(crate) const NO_AUTH: &str =
    "nothing is asked of clients on a network; both programs refuse that";
pub(crate) const THEN_NO_AUTH: &str = "clients show a token that the first start makes";
pub(crate) const PROXY_AUTH: &str =
    "a header of a proxy says who connects; no header is believed here";
pub(crate) const ROLES: &str =
    "roles narrow what operators may do; here the rights of each paired device do";
pub(crate) const THEN_ROLES: &str = "every client that shows the gateway's secret has all rights";
pub(crate) const ANY_ORIGIN: &str = "pages of every origin could open a socket";
pub(crate) const THEN_ORIGINS: &str = "`*` is left out: only named origins may";

// What to look at.
pub(crate) const SHORT_TOKEN: &str =
    "is short enough to be guessed; `openclaw gateway auth-token` tells of a new one";
pub(crate) const NO_TLS: &str =
    "the port is open to the network without TLS; set gateway.tls.enabled";
pub(crate) const TAILSCALE: &str = "set it up yourself: `tailscale serve` is not run for you";
pub(crate) const NO_ENDPOINT: &str = "programs that call `/v1` lose it";
pub(crate) const PUBLIC_ORIGIN: &str = "is plugins.device-pair.public_url here";
pub(crate) const HOOKS: &str = "there are no webhooks for programs here";
pub(crate) const HOOK_TOKEN: &str =
    "the token of the hooks is the gateway's own; give the gateway another one";
pub(crate) const ONE_ASSISTANT: &str = "one assistant answers everyone here";
pub(crate) const PAIR_IS_THERE: &str = "was off; here owners have `/pair`";
pub(crate) const NO_PROVIDER: &str = "names no provider; set `[assistant]` by hand";
pub(crate) const PLAIN_HTTP: &str =
    "plain HTTP to another machine; see `allow_plain_http`, and set `[assistant]` by hand";
pub(crate) const NO_API: &str = "is not said; taken for OpenAI's chat completions";
pub(crate) const NO_HEADERS: &str = "is not sent here";

pub(crate) const UNSET: &str =
    "is not set now; set it where the gateway is started, or it does not start";

// Secrets that are references.
pub(crate) const SECRET_EXEC: &str =
    "the secret comes from a program, which is not run; set it by hand";
pub(crate) const SECRET_FILE: &str =
    "the secret is in a file that this key cannot name; set it by hand";
pub(crate) const SECRET_STORE: &str =
    "the secret is in the database, which is not read for it; set it by hand";
pub(crate) const SECRET_UNKNOWN: &str =
    "the secret is written in a way that is not known; set it by hand";

/// A key, as `--accept` takes it.
pub(crate) fn path(parts: &[String]) -> String {
    parts.iter().map(|part| neutral(part, KEY)).collect::<Vec<_>>().join(".")
}

pub(crate) fn accepted(then: &str) -> String {
    format!("accepted: {then}")
}

pub(crate) fn refused(why: &str, path: &str, then: &str) -> String {
    format!("{why}; with `--accept {path}` {then}")
}

pub(crate) fn no_word(key: &str) -> String {
    format!("has a value that `{key}` does not have; left out")
}

pub(crate) fn said_above(ours: &[String]) -> String {
    format!("another key says {} already", path(ours))
}

pub(crate) fn no_stable_id(entry: &str) -> String {
    format!("`{}` is no stable id; they have to ask again", neutral(entry, KEY))
}

pub(crate) fn no_access_group(group: &str) -> String {
    format!("there is no access group `{}`; left out", neutral(group, KEY))
}

pub(crate) fn expanded(count: usize, theirs: &[String]) -> String {
    format!("{} of its senders in {}", count, path(theirs))
}

pub(crate) fn no_group_id(id: &str) -> String {
    format!("`{}` is no id of a group; left out", neutral(id, KEY))
}

pub(crate) fn in_groups(channel: &str) -> &'static str {
    match channel {
        "discord" => "guilds",
        _ => "groups",
    }
}

/// Theirs hears every member of a listed channel.
pub(crate) fn members(theirs: &[String], has_list: bool) -> String {
    let list = if has_list { "group_allow_from" } else { "allow_from" };
    let place = theirs.get(..2).map(path).unwrap_or_default();
    format!(
        "where no people are listed, every member of the channel was heard; here the people of `{list}` are. \
         To hear every member: openclaw config set {place}.group_policy open"
    )
}

pub(crate) fn became(key: &str, word: &str) -> String {
    format!("{key} = \"{word}\"")
}

pub(crate) fn plugin_off(channel: &str) -> String {
    format!("the plugin of {channel} is off there, so channels.{channel}.enabled = false")
}

pub(crate) fn lacks(ours: &str, keys: &str) -> String {
    format!("{ours} lacks {keys}; it is written with enabled = false until you add that")
}

pub(crate) fn not_accepted(key: &str) -> String {
    format!(
        "{key} is not accepted here; the channel is written with enabled = false until you change that"
    )
}

pub(crate) fn lost(ids: &[String], (key, all): (&str, &str)) -> String {
    format!(
        "before, `allowlist` also let in those who were approved: {} lose access. To keep them: openclaw config set \
         {key} '{}'",
        names(ids),
        all.trim()
    )
}

pub(crate) fn lost_in_groups(ids: &[String], key: &str) -> String {
    format!(
        "before 2026.2.26 those who were approved in direct chats were heard in groups too: {} are not here, unless \
         `{key}` lists them",
        names(ids)
    )
}

pub(crate) fn lost_on_account(ids: &[SenderId], channel: &str) -> String {
    format!(
        "versions before 2026.2.26 gave the people of {channel}-allowFrom.json access to this account too: {} lose it, \
         if yours was one. `--all-accounts` then keeps it on every account",
        names(&ids.iter().map(SenderId::as_str).collect::<Vec<_>>())
    )
}

pub(crate) fn no_owner(entry: &str) -> String {
    format!("`{}` is no whole id with its channel; left out", neutral(entry, KEY))
}

pub(crate) fn owners_left_out(owners: &[String]) -> String {
    format!(
        "{} not taken: OpenClaw makes the first approved sender an owner, unasked. `--owners` takes all of them",
        names(owners)
    )
}

pub(crate) fn env_vars(vars: &[&str]) -> String {
    format!("set these where the gateway is started: {}", names(vars))
}

pub(crate) fn no_assistant(provider: &str) -> String {
    format!(
        "`{}` is no service that the assistant can ask; set `[assistant]` by hand",
        neutral(provider, KEY)
    )
}

fn names<T: AsRef<str>>(all: &[T]) -> String {
    let shown = all.iter().take(NAMES).map(|one| neutral(one.as_ref(), KEY));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The first lines of the result.
pub(crate) fn heading(source: &Path) -> String {
    format!(
        "# Taken over by `openclaw import` from {}\n\n",
        neutral(&source.display().to_string(), 400)
    )
}

// Why a file cannot be read.

pub(crate) fn unread(file: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", file.display())
}

pub(crate) fn torn(
    file: &Path,
    place: Option<(usize, usize)>,
    why: &str,
    good: Option<&Path>,
) -> String {
    let place = place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
    let good = good.map(|good| format!("; `--from {}` takes the last good one", good.display()));
    let why = if why.is_empty() { "it cannot be read" } else { why };
    format!("{}{place}: this is not valid JSON5: {why}{}", file.display(), good.unwrap_or_default())
}

pub(crate) fn no_text(file: &Path) -> String {
    format!("{}: this is not UTF-8", file.display())
}

pub(crate) fn no_object(file: &Path) -> String {
    format!("{}: this is no configuration; it has to be an object", file.display())
}

pub(crate) fn too_deep(file: &Path) -> String {
    format!("{}: it is nested too deeply", file.display())
}

pub(crate) fn too_long(file: &Path, most: u64) -> String {
    format!("{}: it is longer than {most} bytes", file.display())
}

pub(crate) fn too_much(file: &Path) -> String {
    format!("{}: with it, too much is included", file.display())
}

pub(crate) fn include_cycle(file: &Path) -> String {
    format!("{}: it includes itself", file.display())
}

pub(crate) fn include_depth(file: &Path, most: usize) -> String {
    format!("{}: more than {most} files include each other", file.display())
}

pub(crate) fn include_kind(file: &Path) -> String {
    format!("{}: `$include` is the name of a file or a list of names", file.display())
}

pub(crate) fn include_missing(file: &Path, name: &str) -> String {
    format!("{}: `$include` names {}, which does not exist", file.display(), neutral(name, KEY))
}

pub(crate) fn include_outside(file: &Path, name: &str) -> String {
    format!(
        "{}: `$include` names {}, which is outside the folder of the configuration",
        file.display(),
        neutral(name, KEY)
    )
}

#[cfg(test)]
mod tests;
