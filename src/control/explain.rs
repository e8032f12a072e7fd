//! What decides about a sender's messages now: the verdict of the gate, the rule behind it, and where it stands.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    ChatId, ChatKind, Conversation, Link, SenderId, UnixMs, neutral, own_file,
};

use crate::{
    config::{Account, Config},
    facts::{Person, Rules},
    rules::{
        AccountKey, Contact,
        admission::{Age, Chat, Event, Facts, Ground, Group, Reason, Verdict, judge},
        group::GroupPolicy,
        records::Standing,
    },
    store::{Store, StoreError, moved::Moved, paths::StateDir},
    text,
};

/// What the explanation is based on.
#[derive(Clone, Copy, Debug)]
pub struct ExplainQuery<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The folder of the store's files.
    pub state: &'a StateDir,
    /// The account.
    pub key: &'a AccountKey,
    /// Whose messages are in question.
    pub subject: Subject<'a>,
}

/// Whose messages are in question.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The direct messages of a sender.
    Direct(&'a SenderId),
    /// The messages in a group: of everyone in it, or of one sender.
    Group(&'a ChatId, Option<&'a SenderId>),
}

/// What decides, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The sender or group: `telegram:4711`.
    pub who: String,
    /// Further ids of this person on the account.
    pub joined: Vec<String>,
    /// `admitted`, `asks for a code`, `ignored`.
    pub verdict: &'static str,
    /// The rule, in words.
    pub rule: String,
    /// The file and the entry in it that decide; nothing where the lack of one does.
    pub place: Option<String>,
    /// The account's policy.
    pub policy: &'static str,
}

impl Explanation {
    /// Label and value, a line each.
    pub fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![
            ("Who", self.who.clone()),
            ("Now", self.verdict.to_owned()),
            ("Because", self.rule.clone()),
        ];
        if !self.joined.is_empty() {
            lines.insert(1, ("Other ids", self.joined.join(", ")));
        }
        lines.extend(self.place.clone().map(|place| ("Where", place)));
        lines.push(("Policy", self.policy.to_owned()));
        lines.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }
}

/// A message that mentions nobody: what is admitted only with a mention is told so.
const MESSAGE: Event = Event::Message { age: Age::New, mentions_us: false };

/// Explains the verdict, as the gate would give it now.
pub fn explain(
    store: &Store,
    asked: ExplainQuery<'_>,
    now: UnixMs,
) -> Result<Explanation, StoreError> {
    let ExplainQuery { config, state, key, subject } = asked;
    let person = |sender: &SenderId| Contact { key: key.clone(), sender: sender.clone() };
    let who = match subject {
        Subject::Direct(sender) => person(sender).to_string(),
        Subject::Group(chat, sender) => {
            let by = sender.map(|sender| format!("{} in ", person(sender))).unwrap_or_default();
            let account =
                if key.account.is_default() { String::new() } else { format!("/{}", key.account) };
            format!("{by}{}{account} group {}", key.channel, neutral(chat.as_str(), 64))
        }
    };
    let others = match subject {
        Subject::Direct(sender) => others(store, &person(sender))?,
        Subject::Group(..) => Vec::new(),
    };
    let joined = others.iter().map(|other| person(other).to_string()).collect();
    let said =
        |verdict, (rule, place), policy| Explanation { who, joined, verdict, rule, place, policy };
    let Some(account) = config.account(key) else {
        let rule = text::NO_ACCOUNT.to_owned();
        return Ok(said(text::IGNORED, (rule, None), "none"));
    };
    let policy = match subject {
        Subject::Direct(_) => account.dm_policy.word(),
        Subject::Group(..) => account.groups.policy.word(),
    };
    let (subject, verdict) = verdict(store, asked, (account, &others), now)?;
    let because = match (verdict, subject) {
        (Verdict::Ignore(Reason::Disabled), _) => (
            text::SWITCHED_OFF.to_owned(),
            Some(format!("channels.{}: enabled = false", key.channel)),
        ),
        (_, Subject::Direct(sender)) => {
            in_direct_chat(store, (config, state), (&person(sender), verdict), now)?
        }
        (_, Subject::Group(_, sender)) => {
            let (rule, entry) = in_group(verdict, account.groups.policy, sender);
            let place = entry.map(|entry| format!("channels.{}: {entry}", key.channel));
            (rule.to_owned(), place)
        }
    };
    let denied = match subject {
        Subject::Direct(sender) => store.denied_until(key, sender, now)?,
        Subject::Group(..) => None,
    };
    let verdict = match verdict {
        Verdict::Pair if denied.is_some() => text::IGNORED,
        Verdict::Admit(_) => text::ADMITTED,
        Verdict::Ignore(Reason::NotMentioned) => text::WHEN_MENTIONED,
        Verdict::Pair => text::ASKS,
        Verdict::Ignore(_) | Verdict::Misplaced | Verdict::Refuse(_) => text::IGNORED,
    };
    Ok(said(verdict, because, policy))
}

/// The further ids of a person on the same account.
fn others(store: &Store, contact: &Contact) -> Result<Vec<SenderId>, StoreError> {
    let index = store.records()?;
    let person = index.records().person(contact).into_iter();
    let others = person.filter(|one| one.key == contact.key && one.sender != contact.sender);
    Ok(others.map(|one| one.sender).collect())
}

/// The verdict about a person, and the id of theirs that it rests on: one that another was joined to opens for both.
fn verdict<'a>(
    store: &Store,
    asked: ExplainQuery<'a>,
    (account, others): (&Account, &'a [SenderId]),
    now: UnixMs,
) -> Result<(Subject<'a>, Verdict), StoreError> {
    let of = |subject| {
        let facts = facts(store, ExplainQuery { subject, ..asked }, (account, others), now)?;
        Ok((subject, judge(&MESSAGE, &facts)))
    };
    let first = of(asked.subject)?;
    if !matches!(first.1, Verdict::Admit(_)) {
        for other in others {
            let found = of(Subject::Direct(other))?;
            if matches!(found.1, Verdict::Admit(_)) {
                return Ok(found);
            }
        }
    }
    Ok(first)
}

/// What the gate would know of a message that comes over a link which nobody else reads.
fn facts(
    store: &Store,
    ExplainQuery { config, state, key, subject }: ExplainQuery<'_>,
    (account, also): (&Account, &[SenderId]),
    now: UnixMs,
) -> Result<Facts, StoreError> {
    let link = Link::Private;
    let (account, conversation, sender) = match subject {
        Subject::Direct(sender) => {
            let chat = Conversation::new(ChatId::new(sender.as_str()), ChatKind::Direct);
            let rules = Rules { account, owners: &config.owners, store };
            return Ok(rules.facts(Person { conversation: &chat, sender, also, link }, now)?.0);
        }
        Subject::Group(chat, sender) => {
            let (groups, chat) = Moved::of(state, key)?.judged(&account.groups, chat);
            let account = Account { groups, ..account.clone() };
            (account, Conversation::new(chat, ChatKind::Group), sender)
        }
    };
    let rules = Rules { account: &account, owners: &config.owners, store };
    if let Some(sender) = sender {
        return Ok(rules
            .facts(Person { conversation: &conversation, sender, also: &[], link }, now)?
            .0);
    }
    // A sender who is listed, for what can be said of everyone.
    let chat = Chat::Group(Group {
        policy: account.groups.policy,
        listed: true,
        counts: account.groups.counts(&conversation.id, None),
        require_mention: account.groups.require_mention,
    });
    Ok(Facts { enabled: account.enabled, owner: false, blocked: false, chat })
}

/// The rule in a group, and the key that holds it.
fn in_group(
    verdict: Verdict,
    policy: GroupPolicy,
    sender: Option<&SenderId>,
) -> (&'static str, Option<&'static str>) {
    let is_open = policy == GroupPolicy::Open;
    match verdict {
        Verdict::Ignore(Reason::GroupsOff) => (text::GROUPS_OFF, Some("group_policy")),
        Verdict::Ignore(Reason::GroupNotListed) => (text::NO_GROUP, Some("groups")),
        Verdict::Ignore(Reason::Blocked) => (text::BLOCKED, None),
        Verdict::Admit(_) | Verdict::Ignore(Reason::NotMentioned) => match sender {
            _ if is_open => (text::GROUP_OPEN, Some("group_policy")),
            Some(_) => (text::LISTED, Some("group_allow_from")),
            None => (text::GROUP_LISTED, Some("group_allow_from")),
        },
        Verdict::Ignore(_) | Verdict::Misplaced | Verdict::Pair | Verdict::Refuse(_) => {
            (text::NOT_IN_GROUP, Some("group_allow_from"))
        }
    }
}

/// The rule in a direct chat, and where it stands.
fn in_direct_chat(
    store: &Store,
    (config, state): (&Config, &StateDir),
    (contact, verdict): (&Contact, Verdict),
    now: UnixMs,
) -> Result<(String, Option<String>), StoreError> {
    let Contact { key, sender } = contact;
    let policy = config.account(key).map_or("none", |account| account.dm_policy.word());
    let records = store.records()?;
    let records_at = state.access_records().display().to_string();
    Ok(match verdict {
        Verdict::Admit(Ground::Owner) => {
            let place = if config.owners.names(&key.channel, sender) {
                config.file.as_ref().map(|file| format!("{}: owner.allow_from", file.display()))
            } else {
                Some(state.owners().display().to_string())
            };
            (text::OWNER.to_owned(), place)
        }
        Verdict::Admit(Ground::Listed | Ground::Everyone) => {
            let place = config.admits(key, sender);
            let place = place.map(|place| format!("{}:{}", place.file.display(), place.line));
            let everyone = verdict == Verdict::Admit(Ground::Everyone);
            let rule = if everyone { text::EVERYONE } else { text::LISTED };
            (rule.to_owned(), place)
        }
        Verdict::Admit(Ground::Approved) => match records.grant(key, sender) {
            Some(grant) if store.standing(key, sender, now)? == Standing::Granted => {
                (text::approved(&grant.by, grant.ends(now), grant.since), Some(records_at))
            }
            _ => {
                let files = state.allowlists(key);
                let entry = format!("{sender}\"");
                let lists = |file: &&PathBuf| {
                    own_file::read_to_string(file).is_ok_and(|text| text.contains(&entry))
                };
                let place = files
                    .iter()
                    .find(lists)
                    .or(files.first())
                    .map(|file| format!("{}: {sender}", file.display()));
                (text::APPROVED.to_owned(), place)
            }
        },
        Verdict::Ignore(Reason::Blocked) => {
            let blocks = &records.records().blocks;
            let ids = others(store, contact)?;
            let block = blocks.iter().find(|block| {
                let is_theirs = block.sender == *sender || ids.contains(&block.sender);
                block.channel == key.channel && is_theirs
            });
            let by = block.map(|block| text::blocked(&block.by, block.since));
            (by.unwrap_or_else(|| text::BLOCKED.to_owned()), Some(records_at))
        }
        Verdict::Pair => match store.denied_until(key, sender, now)? {
            Some(until) => {
                let file = state.denied(&key.channel).display().to_string();
                (text::denied(until), Some(file))
            }
            None => (text::NOT_APPROVED.to_owned(), None),
        },
        _ => (text::nobody_can_ask(policy), None),
    })
}
