//! What another configuration would say to a message that the gateway has judged: the same verdict, from the facts that
//! were noted then and the store as it is now. A fact that was not noted is not guessed.

use std::{borrow::Cow, collections::BTreeSet};

use openclaw_plugin_sdk::{
    AccountId, ChatId, ChatKind, Conversation, Link, SenderId, ThreadId, UnixMs,
};

use crate::{
    config::{Account, Config},
    decision_history::{Judged, Record},
    facts::{Person, Rules},
    rules::{
        AccountKey,
        admission::{Age, Chat, Event, Facts, Group, Verdict, judge},
    },
    store::{Store, StoreError, moved::Moved, paths::StateDir},
};

/// The verdict of a configuration; `None` where it depends on a fact that was not noted.
pub fn judged(
    store: &Store,
    (config, state): (&Config, &StateDir),
    record: &Record,
    now: UnixMs,
) -> Result<Option<Judged>, StoreError> {
    let key = AccountId::parse(&record.account)
        .map(|account| AccountKey { channel: record.channel.clone(), account });
    let (Some(key), Ok(sender)) = (key, SenderId::new(&record.sender)) else {
        return Ok(Some(Judged::Ignored));
    };
    let Some(account) = config.account(&key) else { return Ok(Some(Judged::Ignored)) };
    let (account, conversation) = match &record.group {
        None => {
            let chat = ChatId::new(sender.as_str());
            (Cow::Borrowed(account), Conversation::new(chat, ChatKind::Direct))
        }
        Some(group) => {
            let moved = Moved::of(state, &key)?;
            let (groups, chat) = moved.judged(&account.groups, &ChatId::new(group));
            let thread = record.thread.as_ref().map(ThreadId::new);
            let account = Account { groups, ..account.clone() };
            (Cow::Owned(account), Conversation::new(chat, ChatKind::Group).in_thread(thread))
        }
    };
    let rules = Rules { account: &account, owners: &config.owners, store };
    let mut verdicts = BTreeSet::new();
    for link in links(record) {
        let person = Person { conversation: &conversation, sender: &sender, also: &[], link };
        let (facts, _) = rules.facts(person, now)?;
        for facts in places(record, facts) {
            verdicts.extend(possible_ages(record).map(|age| {
                let event = Event::Message { age, mentions_us: record.mentioned };
                match judge(&event, &facts) {
                    Verdict::Admit(_) => Judged::Admitted,
                    Verdict::Pair => Judged::Asks,
                    Verdict::Ignore(_) | Verdict::Misplaced | Verdict::Refuse(_) => Judged::Ignored,
                }
            }));
        }
    }
    let only = verdicts.pop_first();
    Ok(only.filter(|_| verdicts.is_empty()))
}

/// The links that the message may have come over.
fn links(record: &Record) -> impl Iterator<Item = Link> {
    let may_be = |exposed| record.exposed.is_none_or(|known| known == exposed);
    let private = may_be(false).then_some(Link::Private);
    private.into_iter().chain(may_be(true).then_some(Link::Exposed))
}

/// How old the message may have been. Nothing old ever opened a request.
fn possible_ages(record: &Record) -> impl Iterator<Item = Age> + use<> {
    let is_known = record.exposed.is_some() || record.verdict == Judged::Asks.word();
    let new = (!is_known || !record.old).then_some(Age::New);
    new.into_iter().chain((!is_known || record.old).then_some(Age::Old))
}

/// The facts, also as they would be in a thread that counts by itself where nobody noted the thread.
fn places(record: &Record, facts: Facts) -> impl Iterator<Item = Facts> + use<> {
    let elsewhere = match facts.chat {
        Chat::Group(group) if record.exposed.is_none() && !group.counts => {
            Some(Facts { chat: Chat::Group(Group { counts: true, ..group }), ..facts })
        }
        _ => None,
    };
    std::iter::once(facts).chain(elsewhere)
}
