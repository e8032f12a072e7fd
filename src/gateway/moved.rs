//! Groups that the platform gave another id than the configuration knows, as Telegram does when a group becomes a
//! supergroup: the configured id goes on to count, and the owner is told what to change.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError},
};

use openclaw_plugin_sdk::{ChatId, GroupMoved};
use tracing::{info, warn};

use super::{Gateway, account::Running, inbound::Halt, notice};
use crate::{
    access::group::GroupRules,
    store::{StoreError, private},
};

/// So many are remembered for an account.
const MOST: usize = 1_000;

/// The groups of one account that have moved: new ids by old ones.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    path: PathBuf,
    groups: BTreeMap<String, String>,
}

impl Moved {
    /// What is known. A file that is missing or cannot be read lets no group in.
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let Some(bytes) = private::read(&path)? else {
            return Ok(Self { path, ..Self::default() });
        };
        let groups = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            warn!(file = %path.display(), %error, "groups that have moved are forgotten");
            BTreeMap::new()
        });
        Ok(Self { path, groups })
    }

    /// Lets groups count whose old id does.
    pub(crate) fn follow(&self, rules: &mut GroupRules) {
        let Some(listed) = &mut rules.groups else { return };
        // A group moves once, but nothing says so.
        for _ in 0..self.groups.len() {
            let new = self.groups.iter().filter(|(old, _)| listed.contains(&ChatId::new(*old)));
            let new: Vec<_> = new.map(|(_, new)| ChatId::new(new)).collect();
            if new.iter().all(|new| listed.contains(new)) {
                return;
            }
            listed.extend(new);
        }
    }

    /// With one more; `None` where that is known.
    fn with(&self, moved: &GroupMoved) -> Option<Self> {
        let (from, to) = (moved.from.as_str().to_owned(), moved.to.as_str().to_owned());
        if self.groups.get(&from) == Some(&to) || self.groups.len() >= MOST {
            return None;
        }
        let (path, mut groups) = (self.path.clone(), self.groups.clone());
        groups.insert(from, to);
        Some(Self { path, groups })
    }

    /// Remembers them durably; blocks on disk.
    fn write(&self) -> Result<(), StoreError> {
        private::replace_json(&self.path, &self.groups)?;
        self.path.parent().map_or(Ok(()), private::sync)
    }
}

/// A group has moved: from here on its new id counts where its old one does.
pub(super) async fn follow(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    moved: GroupMoved,
) -> Result<(), Halt> {
    // An account's moves come one at a time.
    let known = account.moved.lock().unwrap_or_else(PoisonError::into_inner).with(&moved);
    let Some(known) = known else { return Ok(()) };
    let known = super::blocking(move || known.write().map(|()| known)).await?;
    *account.moved.lock().unwrap_or_else(PoisonError::into_inner) = known;
    let GroupMoved { from, to } = &moved;
    let rules = account.rules();
    info!(channel = rules.plugin.id, %from, %to, "a group has another id now");
    if rules.groups.groups.as_ref().is_none_or(|listed| !listed.contains(from)) {
        return Ok(());
    }
    account.follow(crate::config::Account::clone(&rules));
    let config = gateway.config();
    let file = config.file.clone().unwrap_or_else(|| gateway.state.config());
    let path = file.clone();
    let read = super::blocking(move || private::read(&path)).await.ok().flatten();
    let text = String::from_utf8_lossy(&read.unwrap_or_default()).into_owned();
    let place = match line_of(&text, from.as_str()) {
        Some(line) => format!("in line {line} of {}", file.display()),
        None => format!("in {}", file.display()),
    };
    let (channel, id) = (rules.plugin.id, &rules.key.account);
    let text = format!(
        "The {channel} ({id}) group {from} is a supergroup now, and its id is {to}. It is still heard. \
         In `groups`, {place}, write {to} instead of {from}."
    );
    notice::tell_owners(gateway, &text);
    Ok(())
}

/// The first line that an id stands in, whole.
fn line_of(text: &str, id: &str) -> Option<usize> {
    let whole = |line: &str| {
        line.match_indices(id).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + id.len()..].chars().next();
            [before, after].into_iter().flatten().all(|c| !c.is_ascii_digit() && c != '-')
        })
    };
    text.lines().position(whole).map(|line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{allowlist::Allowlist, group::GroupPolicy};

    fn moved(from: &str, to: &str) -> GroupMoved {
        GroupMoved { from: ChatId::new(from), to: ChatId::new(to) }
    }

    #[test]
    fn case_081_only_a_group_that_counted_goes_on_to_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inbox/telegram-default.groups.json");
        let known = Moved::open(path.clone()).unwrap().with(&moved("-1", "-1001")).unwrap();
        known.write().unwrap();
        assert!(known.with(&moved("-1", "-1001")).is_none());
        known.with(&moved("-2", "-1002")).unwrap().write().unwrap();
        let listed = |groups: &[&str]| {
            let mut rules = GroupRules {
                policy: GroupPolicy::Open,
                senders: Allowlist::configured(&[] as &[&str], openclaw_plugin_sdk::SenderId::new),
                groups: Some(groups.iter().map(|id| ChatId::new(*id)).collect()),
                require_mention: true,
            };
            Moved::open(path.clone()).unwrap().follow(&mut rules);
            let mut ids: Vec<_> =
                rules.groups.unwrap().iter().map(|id| id.as_str().to_owned()).collect();
            ids.sort();
            ids
        };
        assert_eq!(listed(&["-1"]), ["-1", "-1001"]);
        assert_eq!(listed(&["-3", "-1002"]), ["-1002", "-3"]);
        private::replace(&path, b"{ not json").unwrap();
        assert_eq!(listed(&["-1"]), ["-1"]);
    }

    #[test]
    fn the_line_of_an_id_is_found_and_no_longer_id_is_taken_for_it() {
        let text = "[channels.telegram]\ngroups = [\"-1234\"]\n# -12\ngroups = ['-123']\n";
        assert_eq!(line_of(text, "-123"), Some(4));
        assert_eq!(line_of(text, "-99"), None);
    }
}
