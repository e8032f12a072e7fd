//! What `openclaw security audit` says.

use std::path::Path;

use openclaw_plugin_sdk::neutral;

use crate::{config::Accepted, rules::AccountKey, text::word};

// Who has access.
pub(crate) const OPEN: &str = "`dm_policy` is \"open\": everyone may write to the assistant.";
pub(crate) const TWICE: &str = "This person is approved and stands in the configuration too: a revoke alone does not end their access.";
pub(crate) const BLOCKED_BUT_LISTED: &str = "This person is blocked and stands in a configured list. The block counts; the list is misleading.";

pub(crate) const OWNER_IMPORTED: &str = "An import made this person an owner. OpenClaw makes the first approved sender one, without asking.";

pub(crate) const OWNER_UNSEEN: &str =
    "This owner has written nothing for 90 days. Who has their number or account now is the owner.";

pub(crate) fn remove_owner(name: &str) -> String {
    format!("openclaw owner remove {}", word(name))
}

pub(crate) fn pairing_again(key: &AccountKey) -> String {
    let table = table(key);
    format!(
        "openclaw config set {table}.dm_policy pairing && openclaw config unset {table}.allow_from"
    )
}

pub(crate) fn list_again(key: &AccountKey, list: &str, is_inherited: bool) -> String {
    if is_inherited {
        return format!("openclaw config set {}.group_policy disabled", table(key));
    }
    format!("openclaw config unset {}.{list}", table(key))
}

pub(crate) fn groups_again(key: &AccountKey) -> String {
    format!("openclaw config set {}.group_policy allowlist", table(key))
}

fn table(key: &AccountKey) -> String {
    if key.account.is_default() {
        return format!("channels.{}", key.channel);
    }
    format!("channels.{}.accounts.{}", key.channel, key.account)
}

pub(crate) fn group_open(is_wide: bool) -> String {
    let where_to = if is_wide { "in every group, also without a mention" } else { "in groups" };
    format!("`group_policy` is \"open\": everyone is heard {where_to}.")
}

pub(crate) fn wildcard(list: &str) -> String {
    format!("`{list}` has \"*\": everyone is let in.")
}

pub(crate) fn many(people: usize) -> String {
    format!("{people} people have access for good.")
}

pub(crate) fn revoke(who: &str) -> String {
    format!("take the entry out of the configuration, then `openclaw access revoke {}`", word(who))
}

pub(crate) fn unlist(line: usize) -> String {
    format!("take the entry out of line {line} of the configuration")
}

pub(crate) fn owners(count: usize) -> String {
    format!("There are {count} owners. Each of them can let people in.")
}

pub(crate) fn no_owner_any_more(owner: &str) -> String {
    format!(
        "take `{owner}` out of `owner.allow_from`; if you know them, `[audit] accept` ends the warning"
    )
}

pub(crate) fn accepts(one: &Accepted) -> String {
    let subject = one.subject.as_ref().map(|subject| format!(" ({})", neutral(subject, 80)));
    let (id, subject) = (neutral(&one.id, 80), subject.unwrap_or_default());
    format!("{id}{subject} is accepted until {}: {}", one.until, neutral(&one.reason, 200))
}

pub(crate) fn accepted_until(one: &Accepted) -> String {
    format!("{} was accepted until {}: it counts again.", neutral(&one.id, 80), one.until)
}

pub(crate) fn accepts_nothing(id: &str, near: Option<&str>) -> String {
    let near = near.map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
    format!("No finding has the id `{}`, so this accepts nothing.{near}", neutral(id, 80))
}

// The port.
pub(crate) const EXPOSED: &str =
    "The port is open to a network without TLS: others there can read tokens and messages.";
pub(crate) const KNOWN_EXAMPLE: &str = "The shared secret is a well-known example.";
pub(crate) const TOO_SHORT: &str = "The shared secret has fewer than 16 characters.";
pub(crate) const LITTLE_VARIETY: &str =
    "The shared secret has fewer than 24 characters, or too few different ones.";
pub(crate) const INLINE: &str =
    "The shared secret stands in the configuration, where each copy of the file has it.";
pub(crate) const FUNNEL: &str = "Tailscale funnel leads the whole internet to the port.";
pub(crate) const PLAIN_ORIGIN: &str =
    "Pages of this origin come over plain HTTP, where others can change them, and may connect.";

pub(crate) const ADD_PROXY: &str = "add their addresses to the list `gateway.trusted_proxies`";

pub(crate) fn stronger(name: &str) -> String {
    format!("set `{name}` to a longer secret that no other place uses")
}

pub(crate) fn take_out(entry: &str, key: &str) -> String {
    format!("take `{}` out of the list `{key}`", neutral(entry, 80))
}

pub(crate) fn deny(command: &str) -> String {
    format!("add `{}` to the list `gateway.nodes.commands.deny`", neutral(command, 80))
}

pub(crate) fn into_file(key: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    format!(
        "move the secret into a file with mode 0600, and write `{last}_file = \"<its path>\"` in place of `{last}`"
    )
}

pub(crate) fn unnamed_proxy(requests: u64, addresses: &[String]) -> String {
    format!(
        "{requests} requests came through proxies that `gateway.trusted_proxies` does not name: {}.",
        addresses.join(", ")
    )
}

// Devices.
pub(crate) const SILENT_DEVICE: &str =
    "This node paired itself with the shared secret; nobody approved it.";
pub(crate) const WIDE: &str =
    "A range this wide lets new nodes of many networks in without an approval.";
pub(crate) const STALE_DEVICE: &str =
    "This device was not seen for 90 days, and still has its rights.";
pub(crate) const PLAIN_CODE: &str =
    "A setup code alone pairs a device, and others on the network can read it on its way.";
pub(crate) const DANGEROUS: &str =
    "Nodes may be asked for this command, which hears, sees, reads, sends or runs something.";
pub(crate) const DENY_PATTERN: &str = "No command has this name: patterns are not understood here.";

pub(crate) fn admin(via: &str, days: u64) -> String {
    format!("This device has all rights. It came in by {via}, and was last seen {days} days ago.")
}

pub(crate) fn remove(device: &str) -> String {
    format!("openclaw devices remove {}", word(device))
}

pub(crate) fn bits(bits: u8) -> String {
    format!("/{bits}")
}

pub(crate) fn runs_programs(command: &str) -> String {
    format!("This node may be asked for `{command}`, which runs programs.")
}

// Secrets and rights.
pub(crate) const CHANGE_SECRET: &str = "change the secret at its platform, then remove the log";
pub(crate) const ROOT: &str = "The gateway runs as root.";
pub(crate) const CAPABILITIES: &str = "The gateway has capabilities of the system, and needs none.";

pub(crate) fn in_unit(name: &str) -> String {
    format!("The unit sets `{name}`: each reader of the unit has the secret.")
}

pub(crate) fn secret_file(path: &Path) -> String {
    format!("Other users can read {}.", path.display())
}

pub(crate) fn in_log(name: &str) -> String {
    format!("The secret of `{name}` stands in this file.")
}
