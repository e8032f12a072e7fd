//! Groups that the platform gave another id than the configuration knows, as Telegram does when a group becomes a
//! supergroup: the configured id goes on to count, for the gate and for whatever explains it.

use std::{collections::BTreeMap, path::PathBuf};

use openclaw_plugin_sdk::{ChatId, GroupMoved};
use tracing::warn;

use super::{StoreError, paths::StateDir, private};
use crate::rules::{AccountKey, group::GroupRules};

/// So many are remembered for an account.
const MOST: usize = 1_000;

/// The groups of one account that have moved: new ids by old ones.
#[derive(Debug, Default)]
pub struct Moved {
    path: PathBuf,
    groups: BTreeMap<String, String>,
}

impl Moved {
    /// What is known of an account. A file that is missing or cannot be read lets no group in.
    pub fn of(state: &StateDir, key: &AccountKey) -> Result<Self, StoreError> {
        let path = state.inbox(key).with_extension("groups.json");
        let Some(bytes) = private::read(&path)? else {
            return Ok(Self { path, ..Self::default() });
        };
        let groups = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            warn!(file = ?path, %error, "groups that have moved are forgotten");
            BTreeMap::new()
        });
        Ok(Self { path, groups })
    }

    /// The id that a group has now.
    pub fn newest(&self, chat: &ChatId) -> ChatId {
        let mut id = chat.as_str();
        // A group moves once, but nothing says so.
        for _ in 0..self.groups.len() {
            let Some(next) = self.groups.get(id) else { break };
            id = next;
        }
        ChatId::new(id)
    }

    /// Lets groups count whose old id does.
    pub fn follow(&self, rules: &mut GroupRules) {
        let Some(listed) = &mut rules.groups else { return };
        for old in self.groups.keys().map(ChatId::new) {
            if listed.contains(&old) {
                listed.insert(self.newest(&old));
            }
        }
    }

    /// The rules and the group as the gate takes them.
    pub fn judged(&self, rules: &GroupRules, chat: &ChatId) -> (GroupRules, ChatId) {
        let mut rules = rules.clone();
        self.follow(&mut rules);
        (rules, self.newest(chat))
    }

    /// With one more; `None` where that is known.
    #[must_use]
    pub fn with(&self, moved: &GroupMoved) -> Option<Self> {
        let (from, to) = (moved.from.as_str().to_owned(), moved.to.as_str().to_owned());
        if self.groups.get(&from) == Some(&to) || self.groups.len() >= MOST {
            return None;
        }
        let (path, mut groups) = (self.path.clone(), self.groups.clone());
        groups.insert(from, to);
        Some(Self { path, groups })
    }

    /// Remembers them durably; blocks on disk.
    pub fn write(&self) -> Result<(), StoreError> {
        private::replace_json(&self.path, &self.groups)?;
        self.path.parent().map_or(Ok(()), private::sync)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{allowlist::Allowlist, group::GroupPolicy};

    fn moved(from: &str, to: &str) -> GroupMoved {
        GroupMoved { from: ChatId::new(from), to: ChatId::new(to) }
    }

    #[test]
    fn case_081_only_a_group_that_counted_goes_on_to_count() {
        let dir = tempfile::tempdir().unwrap();
        let (state, key) = (StateDir::at(dir.path()), AccountKey::default_of("telegram"));
        let mut known = Moved::of(&state, &key).unwrap();
        for (from, to) in [("-1", "-1001"), ("-2", "-1002"), ("-1002", "-2002")] {
            known = known.with(&moved(from, to)).unwrap();
            known.write().unwrap();
            assert!(known.with(&moved(from, to)).is_none());
        }
        let listed = |groups: &[&str]| {
            let mut rules = GroupRules {
                policy: GroupPolicy::Open,
                senders: Allowlist::configured(&[] as &[&str], openclaw_plugin_sdk::SenderId::new),
                groups: Some(groups.iter().map(|id| ChatId::new(*id)).collect()),
                require_mention: true,
            };
            Moved::of(&state, &key).unwrap().follow(&mut rules);
            let mut ids: Vec<_> =
                rules.groups.unwrap().iter().map(|id| id.as_str().to_owned()).collect();
            ids.sort();
            ids
        };
        assert_eq!(listed(&["-1"]), ["-1", "-1001"]);
        assert_eq!(listed(&["-3", "-1002"]), ["-1002", "-2002", "-3"]);
        assert_eq!(known.newest(&ChatId::new("-2")).as_str(), "-2002");
        assert_eq!(known.newest(&ChatId::new("-3")).as_str(), "-3");
        private::replace(&known.path, b"{ not json").unwrap();
        assert_eq!(listed(&["-1"]), ["-1"]);
    }
}
