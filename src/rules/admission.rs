//! The one verdict about what arrives: an event and facts in, a verdict out. The gate asks it before anything is
//! answered; `access explain` and `access simulate` ask it with facts that were read the same way.

use super::{DmPolicy, group::GroupPolicy};

/// What arrived, as far as the verdict depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message that starts with a command's name. Groups have no commands.
    Command {
        /// When it was sent.
        age: Age,
        /// It names no other account.
        ours: bool,
    },
    /// Something that we owe the sender is about to be sent.
    Delivery,
    /// A message without text and attachment.
    Empty,
    /// Any other message.
    Message {
        /// When it was sent.
        age: Age,
        /// The account was mentioned, or one of its messages answered.
        mentions_us: bool,
    },
    /// A press of a button on one of our cards.
    Press,
    /// A reaction to one of our messages.
    Reaction,
}

/// When something was sent, compared with the start of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Since the start.
    New,
    /// Before the start, and soon enough to be answered.
    Old,
    /// So long before the start that nobody expects an answer.
    TooOld,
}

/// What the verdict depends on beside the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The account is switched on.
    pub enabled: bool,
    /// The sender is an owner, recognised over a link that nobody else reads.
    pub owner: bool,
    /// An owner has blocked the sender.
    pub blocked: bool,
    /// What counts in this kind of chat.
    pub chat: Chat,
}

/// What counts in a chat. A group has no word for what an owner approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chat {
    /// The chat of a paired device with the assistant.
    Device {
        /// The device has the right to write.
        may_write: bool,
    },
    /// A chat between two.
    Direct(Direct),
    /// A chat of several.
    Group(Group),
    /// The channel does not say which kind it is.
    Unknown,
}

/// What counts in a direct chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direct {
    /// `dm_policy`.
    pub policy: DmPolicy,
    /// The configuration names this sender in `allow_from`.
    pub listed: bool,
    /// `allow_from` says `*`.
    pub everyone: bool,
    /// An owner has approved this sender, and the approval has not expired.
    pub approved: bool,
}

/// What counts in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// `group_policy`.
    pub policy: GroupPolicy,
    /// `group_allow_from` admits this sender.
    pub listed: bool,
    /// `groups` has this group or this thread, or is not set.
    pub counts: bool,
    /// Only messages that mention the account count.
    pub require_mention: bool,
}

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Process it.
    Admit(Ground),
    /// Silence.
    Ignore(Reason),
    /// An owner used a command in a group: tell them to write directly.
    Misplaced,
    /// Open a pairing request, or let the open one stand.
    Pair,
    /// A press that was not the sender's to make: silence, and a line in the access log.
    Refuse(Reason),
}

/// Why a sender has access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// An owner approved the sender.
    Approved,
    /// The device was paired with the right to write.
    Device,
    /// The configuration's list says `*`.
    Everyone,
    /// The configuration lists the sender.
    Listed,
    /// The sender is an owner.
    Owner,
}

/// Why there is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is older than the start of the gateway.
    Backlog,
    /// An owner has blocked the sender.
    Blocked,
    /// A command in a group.
    Command,
    /// The device lost the right to write.
    DeviceRights,
    /// The account is switched off.
    Disabled,
    /// Nothing stands in it.
    Empty,
    /// `groups` does not have this group.
    GroupNotListed,
    /// `group_policy` is `disabled`.
    GroupsOff,
    /// It does not mention the account.
    NotMentioned,
    /// A press in a chat of several.
    PressInGroup,
    /// A press of a sender without access.
    PressOfStranger,
    /// A reaction of a sender without access, or outside a direct chat.
    Reaction,
    /// The policy hears listed senders only.
    SenderNotListed,
    /// Nobody knows which kind of chat it is.
    UnknownChat,
}

impl Reason {
    /// For the log.
    pub fn text(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Blocked => "blocked",
            Self::Command => "command in a group",
            Self::DeviceRights => "the device has no right to write",
            Self::Disabled => "the account is disabled",
            Self::Empty => "no content",
            Self::GroupNotListed => "the group is not listed",
            Self::GroupsOff => "nobody is heard in groups",
            Self::NotMentioned => "not mentioned",
            Self::PressInGroup => "a press outside a direct chat",
            Self::PressOfStranger => "a press of a stranger",
            Self::Reaction => "a reaction of a stranger, or outside a direct chat",
            Self::SenderNotListed => "not on the list",
            Self::UnknownChat => "unknown kind of chat",
        }
    }
}

/// The verdict. What is missing in the facts is `false`, and `false` admits nobody.
pub fn judge(event: &Event, facts: &Facts) -> Verdict {
    let (event, facts) = (*event, *facts);
    // What is owed waits while the account is off.
    if !facts.enabled && event != Event::Delivery {
        return Verdict::Ignore(Reason::Disabled);
    }
    match (event, facts.chat) {
        (Event::Empty, _) => Verdict::Ignore(Reason::Empty),
        (Event::Press, Chat::Direct(chat)) => match in_direct_chat(facts, chat) {
            Verdict::Admit(ground) => Verdict::Admit(ground),
            _ => Verdict::Refuse(Reason::PressOfStranger),
        },
        (Event::Press, _) => Verdict::Refuse(Reason::PressInGroup),
        (Event::Reaction, Chat::Direct(chat)) => match in_direct_chat(facts, chat) {
            Verdict::Admit(ground) => Verdict::Admit(ground),
            _ => Verdict::Ignore(Reason::Reaction),
        },
        (Event::Reaction, _) => Verdict::Ignore(Reason::Reaction),
        (_, Chat::Unknown) => Verdict::Ignore(Reason::UnknownChat),
        (_, Chat::Device { may_write: true }) => Verdict::Admit(Ground::Device),
        (_, Chat::Device { may_write: false }) => Verdict::Ignore(Reason::DeviceRights),
        (Event::Delivery, Chat::Direct(chat)) => in_direct_chat(facts, chat),
        (Event::Message { age, .. } | Event::Command { age, .. }, Chat::Direct(chat)) => {
            aged(age, in_direct_chat(facts, chat))
        }
        (_, Chat::Group(_)) if facts.blocked && !facts.owner => Verdict::Ignore(Reason::Blocked),
        (Event::Command { age, ours }, Chat::Group(group)) => {
            let counts = group.policy != GroupPolicy::Disabled && group.counts;
            if facts.owner && counts && ours && age == Age::New {
                Verdict::Misplaced
            } else {
                Verdict::Ignore(Reason::Command)
            }
        }
        (Event::Message { age, mentions_us }, Chat::Group(group)) => aged(
            age,
            in_group(
                facts,
                Group { require_mention: group.require_mention && !mentions_us, ..group },
            ),
        ),
        // What is answered mentioned us when it came. An owner is told where to write, also where nobody lists them.
        (Event::Delivery, Chat::Group(group)) => in_group(
            facts,
            Group { require_mention: false, listed: group.listed || facts.owner, ..group },
        ),
    }
}

/// A block beats every grant and list, but not ownership.
fn in_direct_chat(facts: Facts, chat: Direct) -> Verdict {
    let Direct { policy, listed, everyone, approved } = chat;
    match policy {
        DmPolicy::Disabled => Verdict::Ignore(Reason::SenderNotListed),
        _ if facts.owner => Verdict::Admit(Ground::Owner),
        _ if facts.blocked => Verdict::Ignore(Reason::Blocked),
        _ if listed => Verdict::Admit(Ground::Listed),
        _ if everyone => Verdict::Admit(Ground::Everyone),
        DmPolicy::Pairing if approved => Verdict::Admit(Ground::Approved),
        DmPolicy::Pairing => Verdict::Pair,
        DmPolicy::Allowlist | DmPolicy::Open => Verdict::Ignore(Reason::SenderNotListed),
    }
}

fn in_group(facts: Facts, group: Group) -> Verdict {
    let heard = group.policy == GroupPolicy::Open || group.listed;
    match group.policy {
        GroupPolicy::Disabled => Verdict::Ignore(Reason::GroupsOff),
        _ if !group.counts => Verdict::Ignore(Reason::GroupNotListed),
        _ if !heard => Verdict::Ignore(Reason::SenderNotListed),
        _ if group.require_mention => Verdict::Ignore(Reason::NotMentioned),
        _ if facts.owner => Verdict::Admit(Ground::Owner),
        _ => Verdict::Admit(Ground::Listed),
    }
}

/// Nobody gets a code for a message from before the start, and nobody an answer that comes too late.
fn aged(age: Age, verdict: Verdict) -> Verdict {
    match (verdict, age) {
        (Verdict::Pair, Age::Old | Age::TooOld) | (Verdict::Admit(_), Age::TooOld) => {
            Verdict::Ignore(Reason::Backlog)
        }
        (verdict, _) => verdict,
    }
}

#[cfg(test)]
mod tests;
