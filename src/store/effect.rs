//! What a line of the access log does to the files. The first time and when it is finished after a crash,
//! it is the same code: what is done already is left alone.

use openclaw_plugin_sdk::{AccountId, SenderId};

use super::{
    StoreError, allowlist,
    audit::{Line, action},
    file::{self, damaged},
    owners::{self, How, OwnersDoc},
    pairing::{self, Requests},
    writer::Writer,
};
use crate::{
    access::{
        AccountKey,
        owner::Owner,
        pairing::{PairingRequests, RequestId},
    },
    world,
};

/// Writes aside what the line does.
pub(super) fn stage(writer: &mut Writer<'_>, line: &Line) -> Result<(), StoreError> {
    match line.action.as_str() {
        action::APPROVE => {
            forget(writer, line)?;
            grant(writer, line)
        }
        action::CLAIM => change_owners(writer, |doc| {
            let owner = owner(line)?;
            let spent = doc.set_claim(None);
            Some(doc.add(&owner, How::Claimed, &line.at) || spent)
        }),
        action::DENY => {
            forget(writer, line)?;
            deny(writer, line)
        }
        action::EVICT => forget(writer, line),
        action::OWNER_ADD => {
            change_owners(writer, |doc| Some(doc.add(&owner(line)?, How::Added, &line.at)))
        }
        action::OWNER_REMOVE => change_owners(writer, |doc| Some(doc.remove(&owner(line)?))),
        action::REVOKE => revoke(writer, line),
        // A request, or an opened claim, whose code was told to nobody; and notes.
        _ => Ok(()),
    }
}

/// Takes the request out, with what has run its time.
fn forget(writer: &mut Writer<'_>, line: &Line) -> Result<(), StoreError> {
    let channel = &key(writer, line)?.channel;
    let request = RequestId::from_text(part(writer, line.request.as_deref())?);
    let path = writer.store.state.pairing(channel);
    writer.hold(&path)?;
    let found = file::read(&path)?;
    let mut requests = Requests::parse(found.as_ref(), channel, writer.store.parse)?;
    let mut open = requests.known();
    let before = open.len();
    open.retain(|known| known.id != request && known.is_open(writer.now));
    if open.len() == before {
        return Ok(());
    }
    requests.become_(&open, writer.now);
    writer.stage(&path, found.as_ref(), &requests.render(&path)?)
}

fn grant(writer: &mut Writer<'_>, line: &Line) -> Result<(), StoreError> {
    let (key, sender) = (key(writer, line)?, sender(writer, line)?);
    let parse = writer.store.parse;
    let paths = writer.store.state.allowlists(&key);
    for path in &paths[1..] {
        let found = file::read(path)?;
        if allowlist::grants(found.as_ref())?.name(&sender, &key.channel, parse) {
            return Ok(());
        }
    }
    writer.hold(&paths[0])?;
    let found = file::read(&paths[0])?;
    let mut grants = allowlist::grants(found.as_ref())?;
    if grants.name(&sender, &key.channel, parse) {
        return Ok(());
    }
    grants.add(&sender);
    writer.stage(&paths[0], found.as_ref(), &grants.render(&paths[0])?)
}

fn revoke(writer: &mut Writer<'_>, line: &Line) -> Result<(), StoreError> {
    let (key, sender) = (key(writer, line)?, sender(writer, line)?);
    for path in writer.store.state.allowlists(&key) {
        writer.hold(&path)?;
        let found = file::read(&path)?;
        let mut grants = allowlist::grants(found.as_ref())?;
        if grants.remove(&sender, &key.channel, writer.store.parse) {
            writer.stage(&path, found.as_ref(), &grants.render(&path)?)?;
        }
    }
    Ok(())
}

fn deny(writer: &mut Writer<'_>, line: &Line) -> Result<(), StoreError> {
    let (key, sender) = (key(writer, line)?, sender(writer, line)?);
    let until = part(writer, line.until.as_deref().and_then(world::from_iso))?;
    let path = writer.store.state.denied(&key.channel);
    let found = file::read(&path)?;
    let mut denials = pairing::denials(found.as_ref())?;
    let mut all = PairingRequests { requests: Vec::new(), denials: denials.known() };
    let before = all.denials.clone();
    all.prune(writer.now);
    all.deny(&key.account, &sender, until);
    if all.denials == before {
        return Ok(());
    }
    denials.become_(&all.denials);
    writer.stage(&path, found.as_ref(), &denials.render(&path)?)
}

/// Changes the owners' file; `change` tells whether it did, or `None` where the line is no such line.
fn change_owners(
    writer: &mut Writer<'_>,
    change: impl FnOnce(&mut OwnersDoc) -> Option<bool>,
) -> Result<(), StoreError> {
    let path = writer.store.state.owners();
    let found = file::read(&path)?;
    let (mut doc, _) = owners::owners(found.as_ref())?;
    let changed = change(&mut doc);
    if part(writer, changed)? {
        writer.stage(&path, found.as_ref(), &doc.render(&path)?)?;
    }
    Ok(())
}

fn owner(line: &Line) -> Option<Owner> {
    let sender = SenderId::new(line.subject.as_deref()?).ok()?;
    Some(Owner { channel: line.channel.clone()?, sender })
}

fn key(writer: &Writer<'_>, line: &Line) -> Result<AccountKey, StoreError> {
    let key = line.channel.clone().zip(line.account.as_deref().and_then(AccountId::parse));
    part(writer, key.map(|(channel, account)| AccountKey { channel, account }))
}

fn sender(writer: &Writer<'_>, line: &Line) -> Result<SenderId, StoreError> {
    part(writer, line.subject.as_deref().and_then(|subject| SenderId::new(subject).ok()))
}

fn part<T>(writer: &Writer<'_>, part: Option<T>) -> Result<T, StoreError> {
    let log = writer.store.state.access_log();
    part.ok_or_else(|| damaged(&log, None, "its last line does not say enough to be finished"))
}
