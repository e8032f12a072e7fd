//! Lists of people: what is a stable id stays, groups of senders are written out, the rest is named.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::ChannelPlugin;
use serde_json::Value;

use super::{
    job::{Job, at, child, path},
    scan::Path,
};
use crate::{report::Kind, text::settings as text};

/// The people of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Senders {
    pub(super) ids: BTreeSet<String>,
    /// The list has `*`.
    pub(super) everyone: bool,
    /// The list has entries, whatever became of them.
    pub(super) is_said: bool,
}

impl Senders {
    /// As a list of ours.
    pub(super) fn list(&self) -> toml_edit::Array {
        let star = self.everyone.then_some("*");
        star.into_iter().chain(self.ids.iter().map(String::as_str)).collect()
    }

    /// True where both let in the same people.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.everyone && other.everyone
            || (self.everyone, &self.ids) == (other.everyone, &other.ids)
    }
}

/// A number or a text of a list.
fn written(entry: &Value) -> Option<String> {
    match entry {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads a list.
pub(super) fn read(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (value, theirs): (&Value, &[String]),
) -> Senders {
    let mut senders = Senders::default();
    for entry in value.as_array().into_iter().flatten() {
        senders.is_said = true;
        let entry = written(entry).unwrap_or_default();
        match entry.strip_prefix("accessGroup:") {
            Some(group) => expand(job, plugin, (group.trim(), theirs), &mut senders),
            None => add(job, plugin, (&entry, theirs), &mut senders),
        }
    }
    job.saw(theirs);
    senders
}

fn add(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (entry, theirs): (&str, &[String]),
    senders: &mut Senders,
) {
    if entry == "*" {
        senders.everyone = true;
        return;
    }
    match (plugin.parse_sender)(entry) {
        Ok(id) => drop(senders.ids.insert(id.as_str().to_owned())),
        Err(_) => job.warn(theirs, text::no_stable_id(entry)),
    }
}

/// Writes the members of a group out. Who is in a group of another kind is known to the platform alone.
fn expand(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (group, theirs): (&str, &[String]),
    senders: &mut Senders,
) {
    let place: Path = path(&["accessGroups", group]);
    let Some(value) = job.get(&place) else {
        return job.warn(theirs, text::no_access_group(group));
    };
    if value.get("type").and_then(Value::as_str) != Some("message.senders") {
        job.refuse(&place, text::LIVE_GROUP, text::THEN_LIVE_GROUP);
        return;
    }
    let before = senders.ids.len();
    for of in [plugin.id, "*"] {
        let members = at(value, &path(&["members", of]));
        for entry in members.and_then(Value::as_array).into_iter().flatten() {
            add(job, plugin, (&written(entry).unwrap_or_default(), &child(&place, of)), senders);
        }
    }
    let count = senders.ids.len() - before;
    job.say(Kind::Taken, &place, text::expanded(count, theirs));
}
