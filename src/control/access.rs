//! Permissions as owners see and change them, from a chat and from the command line alike.

use std::{collections::BTreeSet, time::Duration};

use openclaw_plugin_sdk::{
    AccessChange, AccessChanged, AccessEntry, AccessState, ChatId, SenderId, UnixMs, neutral,
};

use crate::{
    config::Config,
    explain::{ExplainQuery, Explanation, Subject, explain},
    owners, registry,
    rules::{AccountKey, Contact, approver::Approver},
    store::{
        Store, StoreError,
        access::{Blocked, Ends},
        moved::Moved,
        paths::StateDir,
    },
    text,
};

/// A note is cut to so many characters.
pub const NOTE: usize = 80;

/// The change that sets an owner's note; a blank one is removed.
pub fn note(note: &str) -> AccessChange {
    AccessChange::Rename(Some(neutral(note, NOTE)).filter(|note| !note.is_empty()))
}

/// Reads an id as `access list` shows it: `telegram:4711`, `telegram/work:4711`.
pub fn contact(text: &str) -> Result<Contact, String> {
    let wrong = || text::no_id(text);
    let (place, id) = text.split_once(':').ok_or_else(wrong)?;
    let channel = place.split('/').next().unwrap_or_default();
    let sender = sender(channel, id)?;
    let contact = Contact::parse(text).ok_or_else(wrong)?;
    Ok(Contact { sender, ..contact })
}

/// Reads the id of a sender on a channel.
pub fn sender(channel: &str, id: &str) -> Result<SenderId, String> {
    let plugin = registry::pairing_channels().find(|plugin| plugin.id == channel);
    let plugin = plugin.ok_or_else(|| text::unknown_channel(channel))?;
    (plugin.parse_sender)(id).map_err(|error| format!("{}: {error}", neutral(id, 64)))
}

/// What decides about a sender's direct messages, or about a group, on every account of a channel. Two ids are a
/// group and a sender in it; one that is no sender's, or that a configuration lists as a group, is a group.
pub fn explained(
    store: &Store,
    (config, state): (&Config, &StateDir),
    channel: &str,
    (id, in_it): (&str, Option<&str>),
    now: UnixMs,
) -> Result<Result<Vec<Explanation>, String>, StoreError> {
    let keys = match keys(config, channel) {
        Ok(keys) => keys,
        Err(why) => return Ok(Err(why)),
    };
    let chat = ChatId::new(id.trim());
    let mut is_listed = false;
    for key in &keys {
        let Some(account) = config.account(key) else { continue };
        let (rules, chat) = Moved::of(state, key)?.judged(&account.groups, &chat);
        is_listed |= rules.groups.is_some_and(|groups| groups.contains(&chat));
    }
    let who = match (sender(channel, id), in_it) {
        (_, Some(in_it)) => sender(channel, in_it).map(|sender| (true, Some(sender))),
        (Ok(_), None) if is_listed => Ok((true, None)),
        (Ok(sender), None) => Ok((false, Some(sender))),
        (Err(_), None) if has_groups(channel) && could_be_a_group(id) => Ok((true, None)),
        (Err(why), None) => Err(why),
    };
    let (group, sender) = match who {
        Ok(who) => who,
        Err(why) => return Ok(Err(why)),
    };
    let subject = match &sender {
        Some(sender) if !group => Subject::Direct(sender),
        sender => Subject::Group(&chat, sender.as_ref()),
    };
    let found =
        keys.iter().map(|key| explain(store, ExplainQuery { config, state, key, subject }, now));
    Ok(Ok(found.collect::<Result<_, _>>()?))
}

fn has_groups(channel: &str) -> bool {
    let mut all = registry::pairing_channels();
    all.any(|plugin| plugin.id == channel && plugin.abilities.groups)
}

/// Ids of groups are numbers, or have one: no name of a person is taken for one.
fn could_be_a_group(id: &str) -> bool {
    let digits = id.trim().trim_start_matches('-');
    digits.chars().all(|c| c.is_ascii_alphanumeric())
        && digits.contains(|c: char| c.is_ascii_digit())
}

/// The accounts of a channel.
pub fn keys(config: &Config, channel: &str) -> Result<Vec<AccountKey>, String> {
    if registry::pairing_channels().all(|plugin| plugin.id != channel) {
        return Err(text::unknown_channel(channel));
    }
    let here = config.accounts.iter().filter(|account| account.key.channel == channel);
    let mut keys: Vec<AccountKey> = here.map(|account| account.key.clone()).collect();
    if keys.is_empty() {
        keys.push(AccountKey::default_of(channel));
    }
    Ok(keys)
}

/// Everyone with a grant or a block in the store, the blocked last.
pub fn all(
    store: &Store,
    channel: Option<&str>,
    now: UnixMs,
) -> Result<Vec<AccessEntry>, StoreError> {
    let index = store.records()?;
    let records = index.records();
    let since = |at: UnixMs| Duration::from_millis(now.0.saturating_sub(at.0));
    let shown = |text: &str| neutral(text, 80);
    let joined = |contact: &Contact| -> Vec<String> {
        let others = records.person(contact).into_iter().filter(|one| one != contact);
        others.map(|one| one.to_string()).collect()
    };
    let holders = store.grants_report(channel, now)?;
    let let_in = holders.into_iter().map(|holder| {
        let contact = &holder.contact;
        let state = match holder.until {
            None => AccessState::Lasting,
            Some(until) if until > now => {
                AccessState::Until(Duration::from_millis(until.0 - now.0))
            }
            Some(until) => AccessState::Ended(since(until)),
        };
        AccessEntry {
            who: contact.to_string(),
            note: records.note(&contact.key.channel, &contact.sender).map(shown),
            state,
            age: holder.since.map(since),
            by: holder.by.as_deref().map(shown),
            how: holder.how.clone(),
            joined: joined(contact),
        }
    });
    let blocks = records.blocks.iter();
    let blocks = blocks.filter(|block| channel.is_none_or(|channel| block.channel == channel));
    let kept_out = blocks.map(|block| {
        let key = AccountKey::default_of(&block.channel);
        let contact = Contact { key, sender: block.sender.clone() };
        AccessEntry {
            who: contact.to_string(),
            note: records.note(&block.channel, &block.sender).map(shown),
            state: AccessState::Blocked,
            age: Some(since(block.since)),
            by: Some(shown(&block.by)),
            how: Some("block".to_owned()),
            joined: joined(&contact),
        }
    });
    Ok(let_in.chain(kept_out).collect())
}

/// Changes a sender's permission.
pub fn change(
    store: &Store,
    config: &Config,
    (by, who, change): (&Approver, &Contact, &AccessChange),
    now: UnixMs,
) -> Result<AccessChanged, StoreError> {
    let done = |ids: Vec<Contact>, still: Option<String>| {
        if ids.is_empty() {
            return AccessChanged::Nothing { still };
        }
        AccessChanged::Done { ids: ids.iter().map(ToString::to_string).collect(), still }
    };
    let one = |changed: bool| if changed { vec![who.clone()] } else { Vec::new() };
    Ok(match change {
        AccessChange::Block => match store.block(by, who, &config.owners, now)? {
            Blocked::Already => AccessChanged::Nothing { still: None },
            Blocked::Done(mut ids) => {
                ids.dedup_by(|a, b| a.key.channel == b.key.channel && a.sender == b.sender);
                done(ids, None)
            }
            Blocked::Owner => AccessChanged::Owner,
        },
        AccessChange::Extend(lasting) => {
            let ms = lasting.map(|lasting| u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX));
            let until = ms.map(|ms| UnixMs(now.0.saturating_add(ms)));
            done(one(store.extend(by, who, Ends { was: None, until }, now)?), None)
        }
        AccessChange::Rename(note) => {
            done(one(store.annotate(by, who, note.as_deref(), now)?), None)
        }
        AccessChange::Revoke => {
            let mut ids = store.revoke(by, who, now)?;
            let mut places = vec![still(store, config, who)?];
            for other in elsewhere(store, config, who, now)? {
                ids.extend(store.revoke(by, &other, now)?);
                places.push(still(store, config, &other)?);
            }
            ids.sort_unstable();
            ids.dedup();
            done(ids, places.into_iter().flatten().next())
        }
        AccessChange::Unblock => done(store.unblock(by, who, now)?, None),
    })
}

/// The same sender on the other accounts of the channel, where none is named: `telegram:4711` is a person there, and
/// `telegram/work:4711` is one on one account.
fn elsewhere(
    store: &Store,
    config: &Config,
    who: &Contact,
    now: UnixMs,
) -> Result<BTreeSet<Contact>, StoreError> {
    if !who.key.account.is_default() {
        return Ok(BTreeSet::new());
    }
    let holders = store.grants_report(Some(&who.key.channel), now)?.into_iter();
    let configured = config.accounts.iter().filter(|it| it.key.channel == who.key.channel);
    let there = |key: &AccountKey| Contact { key: key.clone(), sender: who.sender.clone() };
    let all = holders.map(|holder| holder.contact.key).chain(configured.map(|it| it.key.clone()));
    Ok(all.map(|key| there(&key)).filter(|contact| contact != who).collect())
}

/// What gives a sender access without the store: the configuration, or ownership.
fn still(store: &Store, config: &Config, who: &Contact) -> Result<Option<String>, StoreError> {
    let Contact { key, sender } = who;
    if owners::names(store, config, &key.channel, sender)? {
        return Ok(Some(text::AS_OWNER.to_owned()));
    }
    let place = config.admits(key, sender);
    Ok(place.map(|place| format!("{}:{}", place.file.display(), place.line)))
}
