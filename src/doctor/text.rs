//! All that the checks say to people.

mod audit;
mod works;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{count, neutral, whole};

pub(crate) use self::{audit::*, works::*};
use crate::{
    Finding, Severity,
    config::Accepted,
    finding::{Fix, Place},
};

// Why a check was not run.
pub(crate) const NO_CONFIG: &str = "the configuration has an error";
pub(crate) const NO_GATEWAY: &str = "no gateway runs";
pub(crate) const NO_SERVICE: &str = "no service is installed";
pub(crate) const NOT_DEEP: &str = "it needs --deep";

// Commands that end several findings.
pub(crate) const FIX_IT: &str = "openclaw doctor --fix";
pub(crate) const AS_ITS_OWN_USER: &str = "openclaw service install --system";
pub(crate) const REINSTALL: &str = "openclaw service install";
pub(crate) const RESTART: &str = "restart the gateway";
pub(crate) const VERIFY: &str = "openclaw audit verify";
pub(crate) const EDIT_ENV: &str =
    "write it into the service's environment file (mode 0600), then `openclaw service restart`";

// In a chat.
pub(crate) const MOST_IN_CHAT: usize = 15;
pub(crate) const AT_THE_HOST: &str =
    "Where and how: `openclaw doctor` and `openclaw security audit` on the gateway's machine.";

// What a repair says.
pub(crate) const STARTED: &str =
    "finished the last decision, and removed locks and files that were left behind";
pub(crate) const CHANGED_MEANWHILE: &str = "it is not what was found any more; nothing was changed";

pub(crate) fn not_noted(why: &str) -> String {
    format!("it was done, but the access log could not note it: {why}")
}

pub(crate) fn removed(path: &Path) -> String {
    format!("removed {}", path.display())
}

pub(crate) fn chmod(mode: u32, path: &Path) -> String {
    format!("chmod {mode:o} {}", quoted(path))
}

pub(crate) fn chown(path: &Path) -> String {
    format!("chown $(id -u) {}", quoted(path))
}

pub(crate) fn move_away(path: &Path) -> String {
    let old = PathBuf::from(format!("{}.old", path.display()));
    format!("mv {} {}", quoted(path), quoted(&old))
}

/// A copy of what a link leads to, in the place of the link.
pub(crate) fn in_place_of(link: &Path) -> String {
    let target = link.canonicalize().unwrap_or_else(|_| link.read_link().unwrap_or_default());
    // A copy: it may be a file that others need. The link goes once that is there.
    let new = PathBuf::from(format!("{}.new", link.display()));
    let (link, target, new) = (quoted(link), quoted(&target), quoted(&new));
    format!("cp -R {target} {new} && rm {link} && mv {new} {link}")
}

pub(crate) fn copy_back(kept: &Path, path: &Path) -> String {
    format!("cp {} {}", quoted(kept), quoted(path))
}

/// A path as a word for a shell.
pub(crate) fn quoted(path: &Path) -> String {
    word(&path.to_string_lossy())
}

/// A word for a shell.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,%@".contains(c);
    let begins = |c: char| c == '/' || c.is_ascii_alphanumeric();
    if text.starts_with(begins) && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// An account as a subject: the default one is its channel.
pub(crate) fn account(channel: &str, account: &str) -> String {
    if account == "default" { channel.to_owned() } else { format!("{channel}/{account}") }
}

/// `error  state.damaged  credentials/owners.json`.
pub(crate) fn headline(finding: &Finding) -> String {
    let subject = neutral(&finding.subject, 200);
    let severity = finding.severity.word();
    format!("{severity:<9} {}  {subject}", finding.id).trim_end().to_owned()
}

pub(crate) fn place(place: &Place) -> String {
    let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
    let key = place.key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
    format!("at:  {}{line}{key}", whole(&place.file.to_string_lossy()))
}

pub(crate) fn fix(fix: &Fix) -> String {
    let automatic = if fix.is_automatic() { " (`--fix` does it)" } else { "" };
    format!("fix: {}{automatic}", whole(&fix.command))
}

pub(crate) fn accepted(finding: &Finding, one: &Accepted) -> String {
    let (severity, subject) = (finding.severity.word(), neutral(&finding.subject, 200));
    let (reason, until) = (neutral(&one.reason, 200), &one.until);
    let about = format!("{}  {subject}", finding.id);
    format!("accepted  {} ({severity}) until {until}: {reason}", about.trim_end())
}

pub(crate) fn fixed(id: &str, did: &str) -> String {
    format!("fixed     {id}: {}", whole(did))
}

pub(crate) fn nothing(ran: usize) -> String {
    format!("Nothing found: {ran} checks.")
}

pub(crate) fn counted(counts: &BTreeMap<Severity, usize>) -> String {
    let counts = counts.iter().rev().filter(|(_, count)| **count > 0);
    let counts = counts.map(|(severity, count)| match severity {
        Severity::Critical | Severity::Info => format!("{count} {}", severity.word()),
        Severity::Error => self::count(*count, "error"),
        Severity::Warn => self::count(*count, "warning"),
    });
    format!("Found: {}.", counts.collect::<Vec<_>>().join(", "))
}

pub(crate) fn skipped(count: usize) -> String {
    format!("{count} checks were not run, because {NO_CONFIG}.")
}

pub(crate) fn in_chat(severity: Severity, id: &str, subject: &str, about: &str) -> String {
    let subject = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
    format!("{} {id}{subject}: {about}", severity.word())
}

pub(crate) fn more_in_chat(count: usize) -> String {
    format!("and {count} more")
}

#[cfg(test)]
mod tests;
