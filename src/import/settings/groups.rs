//! Groups, servers and channels: theirs may each have a list of people, ours have one for the account.

use openclaw_plugin_sdk::ChannelPlugin;
use serde_json::Value;

use super::{
    job::{Job, at, below, child},
    rows::Layer,
    senders::{self, Senders},
};
use crate::text::settings as text;

/// What the groups of an account come to.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The groups that count; `None`: all of them.
    pub(super) named: Option<Vec<String>>,
    /// The servers that count, with their channels.
    pub(super) guilds: Vec<(String, Option<Vec<String>>)>,
    /// The one list that the groups have.
    pub(super) common: Option<Senders>,
    /// Theirs lets in no group at all.
    pub(super) closed: bool,
    mentions: Vec<bool>,
    /// What a group without its own word does.
    mention: bool,
    is_open: bool,
}

/// The keys of a group on a channel: where the groups stand, and where their people.
fn keys(channel: &str) -> (&'static str, &'static str) {
    match channel {
        "discord" => ("guilds", "users"),
        "googlechat" => ("groups", "users"),
        "msteams" => ("teams", "allowFrom"),
        "slack" => ("channels", "users"),
        _ => ("groups", "allowFrom"),
    }
}

/// True where a channel without a table of groups hears none.
fn needs_table(channel: &str) -> bool {
    matches!(channel, "discord" | "googlechat" | "slack")
}

/// Reads the groups of an account. `common` is its list for groups, `policy` its `groupPolicy`.
pub(super) fn read(
    job: &mut Job<'_>,
    plugin: &'static ChannelPlugin,
    layers: &[Layer<'_>],
    (common, policy): (Option<Senders>, &str),
) -> Groups {
    let (key, _) = keys(plugin.id);
    let mut groups =
        Groups { common, mention: true, is_open: policy == "open", ..Groups::default() };
    groups.mention = flag(job, layers).unwrap_or(true);
    let found = layers.iter().find_map(|layer| {
        let value = at(layer.value, &child(&[], key))?;
        Some((value, child(&layer.path, key)))
    });
    let Some((Value::Object(table), theirs)) = found else {
        groups.closed = needs_table(plugin.id) && policy == "allowlist";
        return groups;
    };
    job.took(&theirs, text::in_groups(plugin.id));
    let star = table.get("*").and_then(|star| star.get("requireMention"));
    groups.mention = star.and_then(Value::as_bool).unwrap_or(groups.mention);
    let all = table.get("*").is_some_and(|star| !is_closed(star));
    let mut named = Vec::new();
    for (id, entry) in table {
        let place = child(&theirs, id);
        let counts = groups.counts(job, plugin, (entry, &place), all);
        if id == "*" {
            continue;
        }
        if plugin.id == "discord" {
            groups.server(job, plugin, (id, entry, &place), (counts, all));
        } else if plugin.id == "msteams" {
            groups.team(job, plugin, (entry, &place), (counts, all), &mut named);
        } else if counts && let Some(id) = group(job, plugin, (id, &place)) {
            named.push(id);
        }
    }
    if plugin.id == "discord" {
        groups.closed = !all && groups.guilds.is_empty();
    } else if !all {
        groups.closed = named.is_empty() && needs_table(plugin.id);
        groups.named = Some(named);
    }
    if let ("allowlist", true, false) = (policy, needs_table(plugin.id), groups.closed) {
        job.warn(&theirs, text::members(&theirs, groups.common.is_some()));
    }
    groups
}

/// `requireMention` of the account.
fn flag(job: &mut Job<'_>, layers: &[Layer<'_>]) -> Option<bool> {
    let found = layers.iter().find_map(|layer| {
        let flag = at(layer.value, &child(&[], "requireMention"))?.as_bool()?;
        Some((flag, child(&layer.path, "requireMention")))
    });
    let (flag, theirs) = found?;
    job.took(&theirs, "require_mention");
    Some(flag)
}

fn is_closed(entry: &Value) -> bool {
    let says = |key: &str| entry.get(key).and_then(Value::as_bool) == Some(false);
    says("enabled")
        || says("allow")
        || entry.get("groupPolicy").and_then(Value::as_str) == Some("disabled")
}

fn group(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (id, place): (&str, &[String]),
) -> Option<String> {
    let parsed = (plugin.parse_group)(id).ok().map(|chat| chat.as_str().to_owned());
    if parsed.is_none() {
        job.warn(place, text::no_group_id(id));
    }
    parsed
}

impl Groups {
    /// Whether all groups ask for a mention, and whether they differ in it.
    pub(super) fn require_mention(&self) -> (bool, bool) {
        let first = self.mentions.first().copied().unwrap_or(self.mention);
        let differ = self.mentions.iter().any(|one| *one != first);
        (first || differ, differ)
    }

    /// Judges one group, server or channel; true where it is heard. `all`: the others are heard without being named.
    fn counts(
        &mut self,
        job: &mut Job<'_>,
        plugin: &'static ChannelPlugin,
        (entry, place): (&Value, &[String]),
        all: bool,
    ) -> bool {
        if let Some(mention) = entry.get("requireMention").and_then(Value::as_bool) {
            self.mentions.push(mention);
            job.saw(&child(place, "requireMention"));
        } else if !is_closed(entry) {
            self.mentions.push(self.mention);
        }
        if is_closed(entry) {
            let enabled = child(place, "enabled");
            if all && place.last().is_some_and(|id| id != "*") {
                job.refuse(&enabled, text::CLOSED_GROUP, text::THEN_CLOSED_GROUP);
            } else {
                job.say(crate::report::Kind::Taken, place, text::LEFT_OUT);
            }
            return false;
        }
        self.policy(job, (entry, place));
        topics(job, (entry, place));
        self.people(job, plugin, (entry, place), all)
    }

    /// A policy of its own.
    fn policy(&self, job: &mut Job<'_>, (entry, place): (&Value, &[String])) {
        let theirs = child(place, "groupPolicy");
        match (entry.get("groupPolicy").and_then(Value::as_str), self.is_open) {
            (Some("allowlist"), true) => {
                job.refuse(&theirs, text::OWN_POLICY, text::THEN_OWN_POLICY);
            }
            (Some("open"), false) => job.warn(&theirs, text::NARROWER_POLICY),
            _ => {}
        }
    }

    /// People of its own: only where they are those of all groups. True where the group is heard.
    fn people(
        &mut self,
        job: &mut Job<'_>,
        plugin: &'static ChannelPlugin,
        (entry, place): (&Value, &[String]),
        all: bool,
    ) -> bool {
        let (_, key) = keys(plugin.id);
        let has_roles =
            entry.get("roles").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
        let theirs = if has_roles { child(place, "roles") } else { child(place, key) };
        let own = entry.get(key).filter(|list| list.as_array().is_some_and(|it| !it.is_empty()));
        let own = own.map(|list| senders::read(job, plugin, (list, &child(place, key))));
        let fits = match (&own, &self.common) {
            (Some(own), _) if self.is_open => own.everyone,
            (Some(own), Some(common)) => own.is_same(common),
            (None, _) | (Some(_), None) => true,
        };
        if fits && !has_roles {
            if let Some(own) = own {
                job.took(&theirs, "group_allow_from");
                self.common.get_or_insert(own);
            }
            return true;
        }
        let then = if all { text::THEN_COMMON } else { text::THEN_LEFT_OUT };
        job.refuse(&theirs, text::OWN_PEOPLE, then) && all
    }

    /// A server of Discord with its channels.
    fn server(
        &mut self,
        job: &mut Job<'_>,
        plugin: &'static ChannelPlugin,
        (id, entry, place): (&str, &Value, &[String]),
        (counts, all): (bool, bool),
    ) {
        let channels = entry.get("channels").and_then(Value::as_object).filter(|it| !it.is_empty());
        let any = channels.is_none_or(|it| it.get("*").is_some_and(|star| !is_closed(star)));
        let mut named = Vec::new();
        for (channel, entry) in channels.into_iter().flatten() {
            let place = child(&child(place, "channels"), channel);
            let counts = self.counts(job, plugin, (entry, &place), any);
            let is_named = counts && channel != "*";
            named.extend(is_named.then(|| group(job, plugin, (channel, &place))).flatten());
        }
        job.saw(place);
        if all {
            if !any {
                job.refuse(&child(place, "channels"), text::ONE_SERVER, text::THEN_ONE_SERVER);
            }
            return;
        }
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_id {
            return job.warn(place, text::no_group_id(id));
        }
        if counts && (any || !named.is_empty()) {
            self.guilds.push((id.to_owned(), (!any).then_some(named)));
        }
    }

    /// A team of Teams: its channels have ids of their own.
    fn team(
        &mut self,
        job: &mut Job<'_>,
        plugin: &'static ChannelPlugin,
        (entry, place): (&Value, &[String]),
        (counts, all): (bool, bool),
        named: &mut Vec<String>,
    ) {
        let channels =
            entry.get("channels").and_then(Value::as_object).filter(|it| !it.contains_key("*"));
        let Some(channels) = channels.filter(|_| !all) else {
            if counts {
                job.refuse(place, text::WHOLE_TEAM, text::THEN_LEFT_OUT);
            }
            return;
        };
        for (channel, entry) in channels {
            let place = child(&below(place, "channels"), channel);
            if self.counts(job, plugin, (entry, &place), false) {
                named.extend(group(job, plugin, (channel, &place)));
            }
        }
    }
}

/// Topics of a group with rules of their own.
fn topics(job: &mut Job<'_>, (entry, place): (&Value, &[String])) {
    let Some(topics) = entry.get("topics").and_then(Value::as_object) else { return };
    for (id, topic) in topics {
        let narrows = topic.get("allowFrom").is_some()
            || topic.get("groupPolicy").is_some()
            || is_closed(topic);
        if narrows {
            let theirs = child(&child(place, "topics"), id);
            job.refuse(&theirs, text::OWN_TOPIC, text::THEN_OWN_TOPIC);
        }
    }
}
