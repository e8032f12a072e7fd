//! What a key is called here: the field's names in snake case, and a table of those that moved.

use openclaw_plugin_sdk::ChannelPlugin;

/// The keys of every channel.
pub(super) const ANY: &[&str] = &["enabled"];
/// The keys of a channel on which strangers exist.
pub(super) const DIRECT: &[&str] = &["allow_from", "dm_policy"];
/// The keys of a channel that has groups.
pub(super) const GROUP: &[&str] =
    &["group_allow_from", "group_policy", "groups", "require_mention"];

/// The top level.
pub(super) const TOP: &[&str] =
    &["assistant", "audit", "channels", "discovery", "gateway", "owner", "pairing", "plugins"];
/// The tables of the gateway itself, and the keys of each.
pub(super) const NESTED: &[(&str, &[&str])] = &[
    ("audit", &["accept"]),
    ("discovery", &["mdns"]),
    ("discovery.mdns", &["mode"]),
    (
        "gateway",
        &[
            "auth",
            "bind",
            "control_ui",
            "custom_bind_host",
            "limits",
            "nodes",
            "port",
            "tailscale",
            "tls",
            "trusted_proxies",
        ],
    ),
    ("gateway.auth", &["mode", "password", "token"]),
    ("gateway.control_ui", &["allowed_origins"]),
    ("gateway.limits", &["per_address", "unauthenticated"]),
    ("gateway.nodes", &["commands", "pairing", "shared"]),
    ("gateway.nodes.commands", &["allow", "deny"]),
    ("gateway.nodes.pairing", &["auto_approve_cidrs", "auto_approve_local"]),
    ("gateway.tailscale", &["mode"]),
    ("gateway.tls", &["auto_generate", "cert_path", "enabled", "key_path"]),
    ("owner.cards", &["burst", "per_minute"]),
    ("plugins", &["device-pair"]),
    ("plugins.device-pair", &["approve", "probe", "public_url"]),
];
/// `[owner]`.
pub(super) const OWNER: &[&str] = &["allow_from", "cards", "notify", "quiet", "time_zone"];
/// `[pairing]`.
pub(super) const PAIRING: &[&str] =
    &["hold_first_message", "max_pending", "message", "notify_on_approval", "reply", "when_full"];

/// Where a key of the field's went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nowhere, and why.
    Gone(&'static str),
    /// Here; each `*` is the one of the pattern at the same count.
    To(&'static str),
}

use Fate::{Gone, To};

/// In snake case; `*` is any one part. A pattern speaks for everything below it.
const MOVED: &[(&str, Fate)] = &[
    ("access_groups", Gone("each list names its senders")),
    ("agent", Gone("`[assistant]` says who answers")),
    ("agents", Gone("`[assistant]` says who answers")),
    ("bindings", Gone("every account is answered by the one `[assistant]`")),
    ("channels.*.accounts.*.dm.allow_from", To("channels.*.accounts.*.allow_from")),
    ("channels.*.accounts.*.dm.enabled", Gone("`dm_policy = \"disabled\"` says it")),
    ("channels.*.accounts.*.dm.group_channels", To("channels.*.accounts.*.groups")),
    ("channels.*.accounts.*.dm.policy", To("channels.*.accounts.*.dm_policy")),
    ("channels.*.dangerously_allow_name_matching", Gone("names never match")),
    ("channels.*.default_account", Gone("the account `default` is the default one")),
    ("channels.*.dm.allow_from", To("channels.*.allow_from")),
    ("channels.*.dm.enabled", Gone("`dm_policy = \"disabled\"` says it")),
    ("channels.*.dm.group_channels", To("channels.*.groups")),
    ("channels.*.dm.policy", To("channels.*.dm_policy")),
    ("channels.defaults", Gone("each channel says it in its own table")),
    ("channels.msteams.webhook.path", To("channels.msteams.webhook_path")),
    ("channels.msteams.webhook.port", Gone("there is one port, `gateway.port`")),
    ("channels.signal.http_host", Gone("`url` names host and port")),
    ("channels.signal.http_port", Gone("`url` names host and port")),
    ("channels.signal.http_url", To("channels.signal.url")),
    ("channels.signal.transport.cli_path", To("channels.signal.cli_path")),
    ("channels.signal.transport.config_path", To("channels.signal.config_path")),
    ("channels.signal.transport.url", To("channels.signal.url")),
    ("commands.owner_allow_from", To("owner.allow_from")),
    (
        "commands",
        Gone("owner commands are for `owner.allow_from`, the others for everyone with access"),
    ),
    ("cron", Gone("there are no scheduled jobs")),
    ("discovery.wide_area", Gone("the gateway is announced on its own network only")),
    ("env", Gone("set them where the gateway is started")),
    ("gateway.allow_real_ip_fallback", Gone("`X-Real-IP` is never trusted")),
    ("gateway.auth.allow_tailscale", Gone("a tailnet is no proof of who connects")),
    ("gateway.auth.rate_limit", Gone("failures are always limited")),
    ("gateway.mode", Gone("the gateway runs where it is started")),
    ("gateway.nodes.allow_commands", To("gateway.nodes.commands.allow")),
    ("gateway.nodes.deny_commands", To("gateway.nodes.commands.deny")),
    ("gateway.nodes.pairing.ssh_verify", Gone("a device proves itself by its key")),
    (
        "gateway.remote",
        Gone("`--url` names another gateway, `plugins.device-pair.public_url` this one's address"),
    ),
    ("gateway.tailscale.reset_on_exit", Gone("`tailscale serve` is set up outside")),
    ("gateway.tls.ca_path", Gone("clients need no certificate")),
    ("logging", Gone("set the log level with `--log` or `OPENCLAW_LOG`")),
    ("messages", Gone("`pairing.message` is the one text that can be changed")),
    ("models", Gone("`[assistant]` says who answers")),
    ("plugins.allow", Gone("every plugin is built in")),
    ("plugins.deny", Gone("every plugin is built in")),
    ("plugins.enabled", Gone("every plugin is built in")),
    ("plugins.entries.device_pair.config.public_url", To("plugins.device-pair.public_url")),
    ("plugins.entries", Gone("every plugin is built in")),
    ("plugins.installs", Gone("every plugin is built in")),
    ("plugins.load", Gone("every plugin is built in")),
    ("session", Gone("each person's conversation on each account is always kept apart")),
];

/// Keys of the field's channels that nothing here has a use for, in snake case.
const LEFT_OUT: &[&str] = &[
    "ack_reaction",
    "actions",
    "auth_dir",
    "auto_start",
    "block_streaming",
    "block_streaming_coalesce",
    "bot_user",
    "capabilities",
    "chunk_mode",
    "config_writes",
    "custom_commands",
    "debounce_ms",
    "dm_history_limit",
    "dms",
    "draft_chunk",
    "heartbeat",
    "history_limit",
    "ignore_attachments",
    "ignore_stories",
    "include_attachments",
    "link_preview",
    "markdown",
    "media_max_mb",
    "message_prefix",
    "reaction_level",
    "reaction_notifications",
    "receive_mode",
    "region",
    "remote_host",
    "reply_to_mode",
    "response_prefix",
    "self_chat_mode",
    "send_read_receipts",
    "startup_timeout_ms",
    "stream_mode",
    "text_chunk_limit",
    "typing_indicator",
];

/// `dmPolicy` as we write it.
pub(super) fn snake(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    let mut lower = false;
    for c in key.chars() {
        if c.is_uppercase() && lower {
            snake.push('_');
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
        snake.extend(if c == '-' { '_' } else { c }.to_lowercase());
    }
    snake
}

/// What there is to say about a moved key, with its path as written; `None` where it did not move.
pub(super) fn moved(path: &str) -> Option<String> {
    let Some(found) = fate(path) else {
        return is_left_out(path)
            .then(|| format!("`{path}` has no counterpart here: leave it out"));
    };
    Some(match found {
        (To(pattern), stars) => format!("`{path}` is `{}` here", fill(pattern, &stars)),
        (Gone(why), _) => format!("`{path}` has no counterpart here: {why}"),
    })
}

fn is_left_out(path: &str) -> bool {
    let path = split(path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (["channels", _, "accounts", _, key] | ["channels", _, key]) = path[..] else {
        return false;
    };
    LEFT_OUT.contains(&snake(key).as_str())
}

/// True where keys below this one moved, each elsewhere.
pub(super) fn has_moved_parts(path: &str) -> bool {
    let path = split(path);
    let begins = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('.').collect();
        pattern.len() > path.len()
            && pattern[path.len() - 1] != "*"
            && matches(&pattern[..path.len()], &path).is_some()
    };
    MOVED.iter().any(|(pattern, _)| begins(pattern))
}

/// Our path for a key of `openclaw.json`, where it has a counterpart.
pub(super) fn counterpart(path: &[String], channels: &[&ChannelPlugin]) -> Option<String> {
    let dotted = path.join(".");
    match fate(&dotted) {
        Some((To(pattern), stars)) => return Some(fill(pattern, &stars)),
        Some((Gone(_), _)) => return None,
        None => {}
    }
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["channels", id, "accounts", account, key] => {
            let key = channel_key(channels, id, key)?;
            Some(format!("channels.{id}.accounts.{account}.{key}"))
        }
        ["channels", id, key] | [id, key] if nested(id).is_empty() => {
            channel_key(channels, id, key).map(|key| format!("channels.{id}.{key}"))
        }
        [above @ .., key] => {
            let table = above.iter().map(|part| snake(part)).collect::<Vec<_>>().join(".");
            let path = format!("{table}.{}", known(nested(&table), key)?);
            nested(&path).is_empty().then_some(path)
        }
        [] => None,
    }
}

/// The keys of one of the gateway's own tables; none for anything else.
pub(super) fn nested(table: &str) -> &'static [&'static str] {
    NESTED.iter().find(|(name, _)| *name == table).map_or(&[], |(_, keys)| keys)
}

/// What follows an unknown key: our spelling of it, the nearest known key, or all of them.
pub(super) fn hint(key: &str, known: &[&str]) -> String {
    let snake = snake(key);
    if known.contains(&snake.as_str()) {
        return format!("; it is `{snake}` here");
    }
    match nearest(&snake, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => "; it has none".to_owned(),
        None => format!("; there are {}", list(known)),
    }
}

/// The nearest of some words, if one is near.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = |known: &&'a str| (strsim::jaro_winkler(word, known), *known);
    let best = known.iter().map(near).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(score, _)| *score >= 0.75).map(|(_, word)| word)
}

/// Words for a sentence: `` `a`, `b`, `c` ``.
pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// An unknown key for an error: one that does not read as a name may be a secret in the wrong place.
pub(super) fn shown(key: &str) -> String {
    let fits = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | ' ');
    let digits = key.chars().filter(char::is_ascii_digit).count();
    let name = key.len() <= 40 && digits <= 3;
    if name && key.chars().all(|c| fits(c) || c.is_ascii_digit()) {
        return format!("`{key}`");
    }
    "(not shown: it may be a secret)".to_owned()
}

/// True for a key whose value is never shown, in any table.
pub(super) fn names_a_secret(key: &str) -> bool {
    let last = key.rsplit('_').next().unwrap_or(key);
    ["key", "passphrase", "password", "secret", "token"].contains(&last)
}

/// The key that names a file with the value of this one, for a secret; `None` where the table has such a key of its own.
pub(super) fn file_key(key: &str, keys: &[&str]) -> Option<String> {
    let file = format!("{key}_file");
    (names_a_secret(key) && !keys.contains(&file.as_str())).then_some(file)
}

/// The common keys that mean something on a channel.
pub(super) fn common(plugin: &ChannelPlugin) -> Vec<&'static str> {
    let mut keys = ANY.to_vec();
    keys.extend_from_slice(if plugin.abilities.console { &[] } else { DIRECT });
    keys.extend_from_slice(if plugin.abilities.groups { GROUP } else { &[] });
    keys
}

fn channel_key(channels: &[&ChannelPlugin], id: &str, key: &str) -> Option<&'static str> {
    let plugin = channels.iter().find(|plugin| plugin.id == id)?;
    let keys: Vec<&'static str> = common(plugin).into_iter().chain(plugin.keys.to_vec()).collect();
    known(&keys, key)
}

fn known<'a>(keys: &[&'a str], key: &str) -> Option<&'a str> {
    let snake = snake(key);
    keys.iter().copied().find(|key| *key == snake)
}

fn fate(path: &str) -> Option<(Fate, Vec<String>)> {
    let path = split(path);
    MOVED.iter().find_map(|(pattern, fate)| {
        let pattern: Vec<&str> = pattern.split('.').collect();
        let fits =
            pattern.len() == path.len() || pattern.len() < path.len() && matches!(fate, Gone(_));
        let stars = fits.then(|| matches(&pattern, &path[..pattern.len()])).flatten()?;
        Some((*fate, stars))
    })
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// What the stars stand for, where the pattern fits the whole path.
fn matches(pattern: &[&str], path: &[String]) -> Option<Vec<String>> {
    let mut stars = Vec::new();
    for (pattern, part) in pattern.iter().zip(path) {
        if *pattern == "*" {
            stars.push(part.clone());
        } else if *pattern != snake(part) {
            return None;
        }
    }
    (pattern.len() == path.len()).then_some(stars)
}

fn fill(pattern: &str, stars: &[String]) -> String {
    let mut stars = stars.iter();
    let part = |part| match part {
        "*" => stars.next().map_or("*", String::as_str),
        part => part,
    };
    pattern.split('.').map(part).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_camel_case_is_found() {
        for (theirs, ours) in [
            ("dmPolicy", "dm_policy"),
            ("groupAllowFrom", "group_allow_from"),
            ("apiRoot", "api_root"),
            ("dm_policy", "dm_policy"),
            ("dm-policy", "dm_policy"),
            ("apiURL", "api_url"),
            ("DmPolicy", "dm_policy"),
        ] {
            assert_eq!(snake(theirs), ours);
        }
    }

    #[test]
    fn a_moved_key_says_where_to() {
        for (theirs, said) in [
            ("channels.discord.dm.policy", "is `channels.discord.dm_policy` here"),
            ("channels.x.accounts.a.dm.allowFrom", "is `channels.x.accounts.a.allow_from` here"),
            ("commands.ownerAllowFrom", "is `owner.allow_from` here"),
            ("commands.useAccessGroups", "has no counterpart here"),
            ("gateway.remote.url", "`plugins.device-pair.public_url` this one's address"),
            ("gateway.nodes.allowCommands", "is `gateway.nodes.commands.allow` here"),
            ("gateway.auth.allowTailscale", "no proof of who connects"),
            (
                "plugins.entries.device-pair.config.publicUrl",
                "is `plugins.device-pair.public_url` here",
            ),
            ("plugins.entries.telegram.enabled", "every plugin is built in"),
            ("session.dmScope", "has no counterpart here: each person's conversation"),
            ("channels.defaults.groupPolicy", "in its own table"),
            ("channels.signal.mediaMaxMb", "has no counterpart here: leave it out"),
            ("channels.whatsapp.accounts.work.selfChatMode", "leave it out"),
            ("channels.signal.httpUrl", "is `channels.signal.url` here"),
            ("channels.msteams.webhook.path", "is `channels.msteams.webhook_path` here"),
        ] {
            let text = moved(theirs).unwrap();
            assert!(text.contains(said) && text.contains(theirs), "{text}");
        }
        for ours in ["channels.telegram.dm_policy", "gateway.port", "channels.x.dm"] {
            assert_eq!(moved(ours), None, "{ours}");
        }
        assert!(has_moved_parts("channels.discord.dm") && has_moved_parts("commands"));
    }

    #[test]
    fn secrets_are_known_by_name() {
        for key in ["bot_token", "token", "api_key", "password", "signing_secret"] {
            assert!(names_a_secret(key), "{key}");
        }
        for key in ["token_file", "model", "keys"] {
            assert!(!names_a_secret(key), "{key}");
        }
    }
}
