//! The owners that the file names: whole ids on a channel that exists, and never everyone.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::ChannelPlugin;

use super::{
    document::{Node, Value},
    names,
    section::Section,
};
use crate::access::owner::{Owner, Owners};

/// The `[owner]` table.
pub(super) fn read(root: &Section<'_>, channels: &[&'static ChannelPlugin]) -> Owners {
    let mut owners = BTreeSet::new();
    let Some(section) = root.section("owner") else { return Owners(owners) };
    section.check_keys(names::OWNER, |_| None);
    for node in section.list("allow_from").unwrap_or_default() {
        match entry(node, channels) {
            Ok(owner) => owners.extend(owner),
            Err(why) => section.wrong("allow_from", node.at, &why),
        }
    }
    Owners(owners)
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
        Err(why) => Err(format!("has `{written}`, which is no sender: {why}")),
    }
}
