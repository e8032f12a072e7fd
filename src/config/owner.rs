//! The owners that the file names: whole ids on a channel that exists, and never everyone.

use jiff::tz::TimeZone;
use openclaw_plugin_sdk::ChannelPlugin;

use super::{
    Config, Telling,
    document::{Node, Value},
    names, policy,
    section::Section,
};
use crate::rules::{
    notify::{CardRate, QuietHours},
    owner::{Owner, Owners},
};

/// The `[owner]` table.
pub(super) fn read(root: &Section<'_>, channels: &[&'static ChannelPlugin]) -> (Owners, Telling) {
    let mut telling = Telling {
        notify: Vec::new(),
        cards: CardRate::default(),
        quiet: None,
        zone: TimeZone::UTC,
    };
    let Some(section) = root.section("owner") else { return (Owners::default(), telling) };
    section.check_keys(names::OWNER, |_| None);
    let listed = |key: &str| {
        let mut listed = Vec::new();
        for node in section.list(key).unwrap_or_default() {
            match entry(node, channels) {
                Ok(owner) => listed.extend(owner),
                Err(why) => section.wrong(key, node.at, &why),
            }
        }
        listed
    };
    let matches = |owner: &Owner| {
        let plugin = channels.iter().find(|plugin| plugin.id == owner.channel);
        let plugin = plugin.filter(|plugin| policy::matches_nobody(plugin, &owner.sender));
        plugin.is_none_or(|plugin| {
            let quoted = format!("`{}:{}`", owner.channel, owner.sender);
            let text = policy::vain("owner.allow_from", &quoted, plugin);
            root.problems.warn(section.at("allow_from"), text);
            false
        })
    };
    let owners = listed("allow_from").into_iter().filter(matches).collect();
    telling.notify = listed("notify");
    if let Some(cards) = section.below("cards") {
        let number = |key| cards.number(key, 1..=60).and_then(|count| u32::try_from(count).ok());
        telling.cards.burst = number("burst").unwrap_or(telling.cards.burst);
        telling.cards.per_minute = number("per_minute").unwrap_or(telling.cards.per_minute);
    }
    hours(&section, &mut telling);
    (Owners(owners), telling)
}

/// Warns of an owner whose channel has no account that is on: nothing they write arrives.
pub(super) fn unreached(root: &Section<'_>, config: &Config) {
    let Some(section) = root.section("owner") else { return };
    for owner in &config.owners.0 {
        let channel = &owner.channel;
        let mut on = config.accounts.iter().filter(|account| account.enabled);
        if on.all(|account| account.key.channel != *channel) {
            let text = format!(
                "`owner.allow_from` has `{channel}:{}`, and no account of `channels.{channel}` is on: \
                 this owner gets no card there and can send no command",
                owner.sender
            );
            root.problems.warn(section.at("allow_from"), text);
        }
    }
}

fn hours(section: &Section<'_>, telling: &mut Telling) {
    if let Some(zone) = section.text("time_zone") {
        if let Ok(found) = TimeZone::get(&zone.value) {
            telling.zone = found;
        } else {
            let why = format!(
                "has `{}`, which is not a time zone; write one such as `\"Europe/Berlin\"`",
                zone.written
            );
            section.wrong("time_zone", section.at("time_zone"), &why);
        }
    }
    let Some(quiet) = section.text("quiet") else { return };
    telling.quiet = QuietHours::parse(&quiet.value);
    if telling.quiet.is_none() {
        let why = format!("has `{}`; write two times, such as `\"22:00-07:00\"`", quiet.written);
        section.wrong("quiet", section.at("quiet"), &why);
    } else if !section.has("time_zone") {
        let why = "needs `owner.time_zone`, such as `\"Europe/Berlin\"`";
        section.wrong("quiet", section.at("quiet"), why);
    }
}

/// `None` where the entry was reported already.
fn entry(node: &Node, channels: &[&'static ChannelPlugin]) -> Result<Option<Owner>, String> {
    let text = match &node.value {
        Value::Broken => return Ok(None),
        Value::Text(text) => text,
        _ => return Err(format!("names owners as `\"<channel>:<id>\"`, and has {}", node.kind())),
    };
    let written = &text.written;
    if text.value.trim().is_empty() {
        return Err("has a blank entry".to_owned());
    }
    if text.value.trim() == "*" {
        return Err("has `*`: an owner is a person, never everyone".to_owned());
    }
    let Some((channel, id)) = text.value.split_once(':') else {
        return Err(format!("has `{written}`; write `\"<channel>:<id>\"`"));
    };
    let channel = channel.trim().to_ascii_lowercase();
    let Some(plugin) = channels.iter().find(|plugin| plugin.id == channel) else {
        let ids: Vec<&str> = channels.iter().map(|plugin| plugin.id).collect();
        let hint = names::hint(&channel, &ids);
        return Err(format!("has `{written}`, whose channel does not exist{hint}"));
    };
    if id.trim() == "*" {
        return Err(format!("has `{written}`: an owner is a person, never everyone"));
    }
    match (plugin.parse_sender)(id) {
        Ok(sender) => Ok(Some(Owner { channel, sender })),
        Err(why) => Err(format!("has `{written}`, which is not a sender id: {why}")),
    }
}
