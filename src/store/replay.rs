//! What a line of the access log does to the files. The first time and when it is finished after a crash,
//! it is the same code: what is done already is left alone.

use openclaw_plugin_sdk::{AccountId, SenderId};

use super::{
    StoreError,
    allowlist::{self, Spliced},
    audit::{Line, action},
    change::Change,
    file::{self, damaged},
    own,
    owners::{self, How, OwnersDoc},
    pairing::{self, Requests},
};
use crate::{
    rules::{
        AccountKey,
        owner::Owner,
        pairing::{PairingRequests, RequestId},
    },
    world,
};

/// Writes a line, and does what it says.
pub(super) fn carry_out(mut change: Change<'_>, line: Line) -> Result<(), StoreError> {
    stage(&mut change, &line)?;
    change.commit(vec![line])
}

/// Writes aside what the line does.
pub(super) fn stage(change: &mut Change<'_>, line: &Line) -> Result<(), StoreError> {
    if !line.staged.is_empty() {
        return change.adopt(&line.staged);
    }
    match line.action.as_str() {
        action::APPROVE => {
            forget(change, line)?;
            grant(change, line)
        }
        action::CLAIM => change_owners(change, |doc| {
            let owner = owner(line)?;
            let spent = doc.set_claim(None);
            Some(doc.add(&owner, How::Claimed, &line.at) || spent)
        }),
        action::CLAIM_SPENT => change_owners(change, |doc| Some(doc.set_claim(None))),
        action::DENY => {
            forget(change, line)?;
            deny(change, line)
        }
        action::EVICT => forget(change, line),
        action::OWNER_ADD => {
            change_owners(change, |doc| Some(doc.add(&owner(line)?, How::Added, &line.at)))
        }
        action::OWNER_REMOVE => change_owners(change, |doc| Some(doc.remove(&owner(line)?))),
        action::REVOKE => revoke(change, line),
        // A request, or an opened claim, whose code was told to nobody; and notes.
        _ => Ok(()),
    }
}

/// Takes the request out, with what has run its time.
fn forget(change: &mut Change<'_>, line: &Line) -> Result<(), StoreError> {
    let channel = &key(change, line)?.channel;
    let request = RequestId::from_text(part(change, line.request.as_deref())?);
    let path = change.store.state.pairing(channel);
    change.hold(&path)?;
    let found = file::read(&path)?;
    let mut requests = Requests::parse(found.as_ref(), channel, change.store.parse)?;
    let mut open = requests.known();
    let before = open.len();
    open.retain(|known| known.id != request && known.is_open(change.now));
    if open.len() == before {
        return Ok(());
    }
    requests.follow(&open, change.now);
    change.stage(&path, found.as_ref(), &requests.render(&path)?)
}

fn grant(change: &mut Change<'_>, line: &Line) -> Result<(), StoreError> {
    let (key, sender) = (key(change, line)?, sender(change, line)?);
    let parse = change.store.parse;
    let paths = change.store.state.allowlists(&key);
    // Only a store that has just been opened must look at every entry.
    let known = change.store.approved.peek(&key)?;
    if known.as_ref().is_some_and(|known| known.names(&sender)) {
        return Ok(());
    }
    for path in paths[1..].iter().filter(|_| known.is_none()) {
        let found = file::read(path)?;
        if allowlist::grants(found.as_ref())?.name(&sender, &key.channel, parse) {
            return Ok(());
        }
    }
    change.hold(&paths[0])?;
    let found = file::read(&paths[0])?;
    // What we rendered needs no understanding again, only its new end.
    let ours = found.as_ref().filter(|found| change.log().wrote(&paths[0], found.identity));
    let spliced = ours.and_then(|ours| allowlist::with_entry(&ours.text, &sender));
    let text = match spliced {
        Some(Spliced::Added(text)) => text,
        Some(Spliced::There) => return Ok(()),
        None => {
            let mut grants = allowlist::grants(found.as_ref())?;
            if known.is_none() && grants.name(&sender, &key.channel, parse) {
                return Ok(());
            }
            grants.add(&sender);
            grants.render(&paths[0])?
        }
    };
    change.stage(&paths[0], found.as_ref(), &text)?;
    change.granted(key, sender, found.map(|found| found.identity));
    Ok(())
}

fn revoke(change: &mut Change<'_>, line: &Line) -> Result<(), StoreError> {
    let (key, sender) = (key(change, line)?, sender(change, line)?);
    for path in change.store.state.allowlists(&key) {
        change.hold(&path)?;
        let found = file::read(&path)?;
        let mut grants = allowlist::grants(found.as_ref())?;
        if grants.remove(&sender, &key.channel, change.store.parse) {
            change.stage(&path, found.as_ref(), &grants.render(&path)?)?;
        }
    }
    Ok(())
}

fn deny(change: &mut Change<'_>, line: &Line) -> Result<(), StoreError> {
    let (key, sender) = (key(change, line)?, sender(change, line)?);
    let until = part(change, line.until.as_deref().and_then(world::from_iso))?;
    let path = change.store.state.denied(&key.channel);
    let found = file::read(&path)?;
    let mut denials = pairing::denials(found.as_ref())?;
    let mut all = PairingRequests { requests: Vec::new(), denials: denials.known() };
    let before = all.denials.clone();
    all.prune(change.now);
    all.deny(&key.account, &sender, until);
    if all.denials == before {
        return Ok(());
    }
    denials.follow(&all.denials);
    change.stage(&path, found.as_ref(), &denials.render(&path)?)
}

/// Changes the owners' file; `edit` tells whether it did, or `None` where the line is no such line.
fn change_owners(
    change: &mut Change<'_>,
    edit: impl FnOnce(&mut OwnersDoc) -> Option<bool>,
) -> Result<(), StoreError> {
    let path = change.store.state.owners();
    let found = own::read(&change.store.state, &path)?;
    let (mut doc, _) = owners::owners(found.as_ref())?;
    let changed = edit(&mut doc);
    if part(change, changed)? {
        change.stage(&path, found.as_ref(), &doc.render(&path)?)?;
    }
    Ok(())
}

fn owner(line: &Line) -> Option<Owner> {
    let sender = SenderId::new(line.subject.as_deref()?).ok()?;
    Some(Owner { channel: line.channel.clone()?, sender })
}

fn key(change: &Change<'_>, line: &Line) -> Result<AccountKey, StoreError> {
    let key = line.channel.clone().zip(line.account.as_deref().and_then(AccountId::parse));
    part(change, key.map(|(channel, account)| AccountKey { channel, account }))
}

fn sender(change: &Change<'_>, line: &Line) -> Result<SenderId, StoreError> {
    part(change, line.subject.as_deref().and_then(|subject| SenderId::new(subject).ok()))
}

fn part<T>(change: &Change<'_>, part: Option<T>) -> Result<T, StoreError> {
    let log = change.store.state.access_log();
    part.ok_or_else(|| damaged(&log, None, "its last line does not say enough to be finished"))
}
