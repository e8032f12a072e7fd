//! Groups: never paired, never opened by a direct approval. These rules cannot name the approved list.

use std::collections::HashSet;

use openclaw_plugin_sdk::{ChatId, SenderId, ThreadId};

use super::{admission::Group, allowlist::Allowlist};

/// Who is heard in groups (`group_policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupPolicy {
    /// Only the listed senders.
    #[default]
    Allowlist,
    /// Nobody.
    Disabled,
    /// Everyone in the groups that count.
    Open,
}

impl GroupPolicy {
    /// As the configuration spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowlist => "allowlist",
            Self::Disabled => "disabled",
            Self::Open => "open",
        }
    }
}

/// The group rules of one account, all from the configuration.
#[derive(Clone, Debug)]
pub struct GroupRules {
    /// Who is heard.
    pub policy: GroupPolicy,
    /// The senders: `group_allow_from`, or where that is unset the configured `allow_from`.
    pub senders: Allowlist,
    /// The groups that count; `None` for any.
    pub groups: Option<HashSet<ChatId>>,
    /// Only messages that mention the account.
    pub require_mention: bool,
}

impl GroupRules {
    /// What counts for this sender in a group, or in a thread of it.
    pub fn facts(&self, chat: &ChatId, thread: Option<&ThreadId>, sender: &SenderId) -> Group {
        Group {
            policy: self.policy,
            listed: self.senders.admits(sender),
            counts: self.counts(chat, thread),
            require_mention: self.require_mention,
        }
    }

    /// True where a group counts, with all its threads, or this thread of it by itself.
    pub fn counts(&self, chat: &ChatId, thread: Option<&ThreadId>) -> bool {
        let Some(groups) = &self.groups else { return true };
        let listed = |thread: &ThreadId| groups.contains(&ChatId::new(thread.as_str()));
        groups.contains(chat) || thread.is_some_and(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Age, Chat, Event, Facts, Ground, Verdict, judge};

    fn rules(policy: GroupPolicy, senders: &[&str]) -> GroupRules {
        let senders = Allowlist::configured(senders, SenderId::new);
        GroupRules { policy, senders, groups: None, require_mention: true }
    }

    fn ask(rules: &GroupRules, chat: &str, sender: &str, mentions_us: bool) -> bool {
        let (chat, sender) = (ChatId::new(chat), SenderId::new(sender).unwrap());
        let chat = Chat::Group(rules.facts(&chat, None, &sender));
        let facts = Facts { enabled: true, owner: false, blocked: false, chat };
        let event = Event::Message { age: Age::New, mentions_us };
        judge(&event, &facts) == Verdict::Admit(Ground::Listed)
    }

    #[test]
    fn the_default_hears_nobody() {
        assert!(!ask(&rules(GroupPolicy::Allowlist, &[]), "-1", "7", true));
    }

    #[test]
    fn a_listed_sender_is_heard_when_mentioning_us() {
        let rules = rules(GroupPolicy::Allowlist, &["7"]);
        assert!(ask(&rules, "-1", "7", true));
        assert!(!ask(&rules, "-1", "7", false));
        assert!(!ask(&rules, "-1", "8", true));
    }

    #[test]
    fn case_081_only_the_listed_group_ids_count() {
        let mut rules = rules(GroupPolicy::Open, &[]);
        rules.groups = Some([ChatId::new("-1")].into());
        assert!(ask(&rules, "-1", "8", true));
        assert!(!ask(&rules, "-2", "8", true));
    }

    #[test]
    fn case_081_a_thread_counts_with_its_group_or_by_itself() {
        let mut rules = rules(GroupPolicy::Open, &[]);
        rules.groups = Some([ChatId::new("-1"), ChatId::new("55")].into());
        let counts = |chat: &str, thread: &str| {
            rules.counts(&ChatId::new(chat), Some(&ThreadId::new(thread)))
        };
        assert!(counts("-1", "7") && counts("-2", "55"));
        assert!(!counts("-2", "7") && !counts("-2", "-2"));
    }

    #[test]
    fn disabled_hears_nobody_at_all() {
        assert!(!ask(&rules(GroupPolicy::Disabled, &["*"]), "-1", "7", true));
    }
}
