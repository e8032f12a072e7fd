//! What a line about a sender or an owner does to the files. Lines of older versions name no staged files: a start
//! finishes such a line with the same code, and what is done already stays as it is.

use openclaw_plugin_sdk::SenderId;

use super::{
    StoreError,
    allowlist::{self, Spliced},
    audit::{Line, action},
    file::{self, damaged},
    own,
    owners::{self, How, OwnersDoc},
    pairing,
    transaction::Transaction,
};
use crate::{
    rules::{
        Contact,
        owner::Owner,
        pairing::{PairingRequests, RequestId},
    },
    world,
};

/// Writes a line, and does what it says.
pub(super) fn carry_out(mut tx: Transaction<'_>, line: Line) -> Result<(), StoreError> {
    stage(&mut tx, &line)?;
    tx.commit(vec![line])
}

/// Writes aside what the line does.
pub(super) fn stage(tx: &mut Transaction<'_>, line: &Line) -> Result<(), StoreError> {
    match line.action.as_str() {
        action::APPROVE => {
            // What another program has approved waited there.
            if line.request.is_some() {
                forget(tx, line)?;
            }
            grant(tx, line)
        }
        action::CLAIM => {
            take_requests(tx, line)?;
            change_owners(tx, |doc| {
                let owner = owner(line)?;
                let spent = doc.set_claim(None);
                Some(doc.add(&owner, How::Claimed, &line.at) || spent)
            })
        }
        action::CLAIM_SPENT => change_owners(tx, |doc| Some(doc.set_claim(None))),
        action::DENY => {
            forget(tx, line)?;
            deny(tx, line)
        }
        action::EVICT => forget(tx, line),
        action::OWNER_ADD => {
            take_requests(tx, line)?;
            change_owners(tx, |doc| Some(doc.add(&owner(line)?, How::Added, &line.at)))
        }
        action::OWNER_REMOVE => change_owners(tx, |doc| Some(doc.remove(&owner(line)?))),
        action::REVOKE => revoke(tx, line),
        // A request, or an opened claim, whose code was never told; and notes.
        _ => Ok(()),
    }
}

/// Takes the request out, with expired ones.
fn forget(tx: &mut Transaction<'_>, line: &Line) -> Result<(), StoreError> {
    let channel = &part(tx, line.contact())?.key.channel;
    let request = RequestId::from_text(part(tx, line.request.as_deref())?);
    let path = tx.store.state.pairing(channel);
    let now = tx.now;
    tx.keep_requests(channel, &path, |known| known.id != request && known.is_open(now))
}

fn grant(tx: &mut Transaction<'_>, line: &Line) -> Result<(), StoreError> {
    let Contact { key, sender } = part(tx, line.contact())?;
    let parse = tx.store.parse;
    let paths = tx.store.state.allowlists(&key);
    // Only a store that was just opened must read every entry.
    let known = tx.store.approved.peek(&key)?;
    if known.as_ref().is_some_and(|known| known.names(&sender)) {
        return Ok(());
    }
    for path in paths[1..].iter().filter(|_| known.is_none()) {
        if allowlist::grants(&file::read(path)?)?.names(&sender, &key.channel, parse) {
            return Ok(());
        }
    }
    tx.lock(&paths[0])?;
    let found = file::read(&paths[0])?;
    let (path, before) = (found.path.clone(), found.identity);
    // What we rendered needs no parsing, only its new end.
    let is_ours = tx.is_ours(&path, before);
    match is_ours.then(|| allowlist::with_entry(&found.text, &sender)).flatten() {
        Some(Spliced::Added(text)) => tx.write(&path, before, &text)?,
        Some(Spliced::There) => return Ok(()),
        None => {
            let mut grants = allowlist::grants(&found)?;
            if known.is_none() && grants.names(&sender, &key.channel, parse) {
                return Ok(());
            }
            grants.add(&sender);
            tx.put(&found, &grants)?;
        }
    }
    tx.when_written(path.clone(), move |store, after| {
        store.approved.amend(&key, &path, before, after, |list| list.add(sender));
    });
    Ok(())
}

fn revoke(tx: &mut Transaction<'_>, line: &Line) -> Result<(), StoreError> {
    let contact = part(tx, line.contact())?;
    tx.take_entries(&[contact].into()).map(drop)
}

fn deny(tx: &mut Transaction<'_>, line: &Line) -> Result<(), StoreError> {
    let Contact { key, sender } = part(tx, line.contact())?;
    let until = part(tx, line.until.as_deref().and_then(world::from_iso))?;
    let path = tx.store.state.denied(&key.channel);
    let found = file::read(&path)?;
    let mut denials = pairing::denials(&found)?;
    let mut all = PairingRequests { requests: Vec::new(), denials: denials.known() };
    let before = all.denials.clone();
    all.prune(tx.now);
    all.deny(&key.account, &sender, until);
    if all.denials == before {
        return Ok(());
    }
    denials.follow(&all.denials);
    tx.put(&found, &denials)
}

/// Changes the owners' file; `edit` tells whether it did, or `None` where the line is no such line.
pub(super) fn change_owners(
    tx: &mut Transaction<'_>,
    edit: impl FnOnce(&mut OwnersDoc) -> Option<bool>,
) -> Result<(), StoreError> {
    let found = own::read(&tx.store.state, &tx.store.state.owners())?;
    let (mut doc, _) = owners::owners(&found)?;
    let changed = edit(&mut doc);
    if part(tx, changed)? { tx.put(&found, &doc) } else { Ok(()) }
}

/// A new owner waits for nobody: their open requests go.
fn take_requests(tx: &mut Transaction<'_>, line: &Line) -> Result<(), StoreError> {
    let Some(owner) = owner(line) else { return Ok(()) };
    tx.take_requests(|open| open.key.channel == owner.channel && open.sender == owner.sender)
}

fn owner(line: &Line) -> Option<Owner> {
    let sender = SenderId::new(line.subject.as_deref()?).ok()?;
    Some(Owner { channel: line.channel.clone()?, sender })
}

fn part<T>(tx: &Transaction<'_>, part: Option<T>) -> Result<T, StoreError> {
    let log = tx.store.state.access_log();
    part.ok_or_else(|| damaged(&log, None, "its last line does not say enough to be finished"))
}
