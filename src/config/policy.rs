//! Who has access to one account, as its table says it, and what no table may say.

use std::collections::HashSet;

use openclaw_plugin_sdk::{ChannelPlugin, ChatId, SenderId, toml};

use super::{
    Listed,
    document::{Node, Value},
    problem::Stand,
    section::Section,
};
use crate::rules::{
    DmPolicy,
    allowlist::Allowlist,
    group::{GroupPolicy, GroupRules},
};

/// The words of `dm_policy`.
pub(super) const DM_POLICIES: &[(&str, DmPolicy)] = &[
    ("allowlist", DmPolicy::Allowlist),
    ("disabled", DmPolicy::Disabled),
    ("open", DmPolicy::Open),
    ("pairing", DmPolicy::Pairing),
];

/// The words of `group_policy`.
pub(super) const GROUP_POLICIES: &[(&str, GroupPolicy)] = &[
    ("allowlist", GroupPolicy::Allowlist),
    ("disabled", GroupPolicy::Disabled),
    ("open", GroupPolicy::Open),
];

/// The rules of one account.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) dm_policy: DmPolicy,
    pub(super) allow_from: Allowlist,
    pub(super) listed: Vec<Listed>,
    pub(super) groups: GroupRules,
}

/// An account's table and, behind it, its channel's: a policy key that the first lacks is the second's.
#[derive(Debug)]
pub(super) struct Layers<'a>(pub(super) Vec<Section<'a>>);

impl<'a> Layers<'a> {
    /// The table that says this key.
    pub(super) fn says(&self, key: &str) -> Option<&Section<'a>> {
        self.0.iter().find(|section| section.has(key))
    }

    /// Reads the rules, and reports what contradicts itself.
    pub(super) fn rules(&self, plugin: &ChannelPlugin) -> Rules {
        if plugin.abilities.console {
            return Rules {
                dm_policy: DmPolicy::default(),
                allow_from: Allowlist::default(),
                listed: Vec::new(),
                groups: self.groups(plugin, &Allowlist::default()),
            };
        }
        let said = self.says("dm_policy");
        let dm_policy = said.and_then(|section| section.choice("dm_policy", DM_POLICIES));
        let (allow_from, listed) = self.senders(plugin, "allow_from").unwrap_or_default();
        self.check(dm_policy.unwrap_or_default(), &allow_from);
        Rules {
            dm_policy: dm_policy.unwrap_or_default(),
            groups: self.groups(plugin, &allow_from),
            allow_from,
            listed,
        }
    }

    /// The table of `rules::judge`, where a cell of it is a mistake or surprises.
    fn check(&self, policy: DmPolicy, list: &Allowlist) {
        let (said, lists, problems) =
            (self.says("dm_policy"), self.says("allow_from"), &self.0[0].problems);
        if lists.and_then(|one| one.table.get("allow_from")).is_some_and(Node::is_broken) {
            return;
        }
        match (policy, said, lists) {
            (DmPolicy::Open, Some(section), _) if !list.everyone() => problems.add(
                section.at("dm_policy"),
                format!(
                    "`{}` is `open`, which admits everyone only where `allow_from` has `\"*\"`; \
                     for the listed alone it is `allowlist`",
                    section.key("dm_policy")
                ),
            ),
            (DmPolicy::Allowlist, Some(section), _) if list.is_empty() => problems.warn(
                section.at("dm_policy"),
                format!(
                    "`{}` is `allowlist` and `allow_from` lists nobody: everyone is ignored",
                    section.key("dm_policy")
                ),
            ),
            (DmPolicy::Allowlist | DmPolicy::Pairing, _, Some(section)) if list.everyone() => {
                let word = DM_POLICIES.iter().find(|(_, one)| *one == policy);
                problems.warn(
                    section.at("allow_from"),
                    format!(
                        "`{}` has `\"*\"`, so everyone has access and nobody needs your approval, although \
                         `dm_policy` is `{}`; remove it, or write `dm_policy = \"open\"` if that is meant",
                        section.key("allow_from"),
                        word.map(|(word, _)| *word).unwrap_or_default()
                    ),
                );
            }
            _ => {}
        }
    }

    fn groups(&self, plugin: &ChannelPlugin, allow_from: &Allowlist) -> GroupRules {
        let mut rules = GroupRules {
            policy: GroupPolicy::default(),
            senders: allow_from.clone(),
            groups: None,
            require_mention: true,
        };
        if !plugin.abilities.groups {
            return rules;
        }
        let said = self.says("group_policy");
        if let Some(policy) =
            said.and_then(|section| section.choice("group_policy", GROUP_POLICIES))
        {
            rules.policy = policy;
        }
        if let Some((senders, _)) = self.senders(plugin, "group_allow_from") {
            if let (GroupPolicy::Allowlist, true, Some(section)) =
                (rules.policy, senders.everyone(), self.says("group_allow_from"))
            {
                section.problems.warn(
                    section.at("group_allow_from"),
                    format!(
                        "`{}` has `\"*\"`, so everyone in a group with the bot talks to the assistant without your \
                         approval; remove it, or write `group_policy = \"open\"` if that is meant",
                        section.key("group_allow_from")
                    ),
                );
            }
            rules.senders = senders;
        }
        rules.groups = self.chats(plugin);
        let said = self.says("require_mention");
        rules.require_mention =
            said.and_then(|section| section.flag("require_mention")).unwrap_or(true);
        rules
    }

    /// A list of senders; what is none is reported, and matches nobody.
    fn senders(&self, plugin: &ChannelPlugin, key: &str) -> Option<(Allowlist, Vec<Listed>)> {
        let section = self.says(key)?;
        let list = section.list(key)?;
        let (mut good, mut listed) = (Vec::new(), Vec::new());
        for node in list {
            let Some(entry) = ListEntry::of(section, key, node) else { continue };
            let sender = match entry.text.trim() {
                "*" => Ok(None),
                id => (plugin.parse_sender)(id).map(Some),
            };
            match sender {
                Ok(sender) => {
                    if sender.as_ref().is_some_and(|sender| matches_nobody(plugin, sender)) {
                        let text = vain(&section.key(key), &entry.quoted, plugin);
                        section.problems.warn(node.at, text);
                        continue;
                    }
                    // An entry without a line does not exist: lists stand in files only.
                    if let Stand::Line(line) = node.at {
                        listed.push(Listed { sender, line });
                    }
                    good.push(entry.text);
                }
                Err(why) => {
                    let what = format!("has {}, which is not a sender id: {why}", entry.quoted);
                    section.wrong(key, node.at, &what);
                }
            }
        }
        Some((Allowlist::configured(&good, plugin.parse_sender), listed))
    }

    fn chats(&self, plugin: &ChannelPlugin) -> Option<HashSet<ChatId>> {
        let section = self.says("groups")?;
        let mut chats = HashSet::new();
        for node in section.list("groups")? {
            let Some(entry) = ListEntry::of(section, "groups", node) else { continue };
            if entry.text.trim() == "*" {
                section.wrong("groups", node.at, "has `\"*\"`; leave the key out for any group");
                continue;
            }
            match (plugin.parse_group)(&entry.text) {
                Ok(chat) => drop(chats.insert(chat)),
                Err(why) => {
                    let what = format!("has {}, which is not a group id: {why}", entry.quoted);
                    section.wrong("groups", node.at, &what);
                }
            }
        }
        Some(chats)
    }
}

/// True for an id that the platform only gives beside a person's own one.
pub(super) fn matches_nobody(plugin: &ChannelPlugin, sender: &SenderId) -> bool {
    plugin.abilities.further_ids.is_some_and(|begin| sender.as_str().starts_with(begin))
}

/// What is warned of then.
pub(super) fn vain(key: &str, quoted: &str, plugin: &ChannelPlugin) -> String {
    format!(
        "`{key}` has {quoted}, which matches nobody: {} knows people by another id; write the one that the person's \
         challenge and card show",
        plugin.label
    )
}

/// An entry of a list of ids.
struct ListEntry {
    text: String,
    /// As the file has it: what came from the environment is not repeated.
    quoted: String,
}

impl ListEntry {
    fn of(section: &Section<'_>, key: &str, node: &Node) -> Option<Self> {
        let entry = match &node.value {
            Value::Broken => return None,
            Value::Plain(toml::Value::Integer(id)) => {
                Self { text: id.to_string(), quoted: format!("`{id}`") }
            }
            Value::Text(text) => {
                Self { text: text.value.clone(), quoted: format!("`{}`", text.written) }
            }
            _ => {
                section.wrong(key, node.at, &format!("lists ids, and has {}", node.kind()));
                return None;
            }
        };
        if entry.text.trim().is_empty() {
            section.wrong(key, node.at, "has a blank entry");
            return None;
        }
        Some(entry)
    }
}
