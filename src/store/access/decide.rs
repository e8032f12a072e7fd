//! Decisions about permissions: approve with an end or a link, block, unblock, revoke.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::{Decision, SenderId, UnixMs};

use super::Blocked;
use crate::{
    Decide, Outcome, Store, StoreError,
    audit::{Line, action},
    rules::{Contact, approver::Approver, owner::Owners, pairing::PairingRequest, records::Grant},
    transaction::Transaction,
};

/// A line about one id.
pub(super) fn line_about(by: &Approver, action: &str, who: &Contact, now: UnixMs) -> Line {
    Line::by(by, action, now).of(&who.key).about(who.sender.as_str())
}

/// Decides a request by a change of the records: an approval that ends, one that links ids, or a block.
pub(crate) fn decide(
    mut tx: Transaction<'_>,
    by: &Approver,
    decide: &Decide<'_>,
    request: &PairingRequest,
) -> Result<Outcome, StoreError> {
    let (now, contact) = (tx.now, request.contact());
    let mut records = tx.records()?;
    if decide.decision == Decision::Block {
        tx.block(&mut records, by.actor(), &contact)?;
        let line = line_about(by, action::BLOCK, &contact, now).named(request.id.as_str());
        return tx.commit_records(records, line).map(|()| Outcome::Done(request.clone()));
    }
    let mut line = line_about(by, action::APPROVE, &contact, now).named(request.id.as_str());
    tx.take_requests(|open| open.id == request.id)?;
    let mut until = decide.until;
    if let Some(claimed) = request.claims.as_deref() {
        if records.is_blocked(&claimed.key.channel, &claimed.sender) {
            return Ok(Outcome::ClaimIsOver);
        }
        let person: BTreeSet<Contact> = records.person(claimed).into_iter().collect();
        let recorded = records.grant(claimed).filter(|grant| grant.lasts(now)).cloned();
        let moved = tx.take_entries(&person)?;
        if recorded.is_none() && !moved.contains(claimed) {
            return Ok(Outcome::ClaimIsOver);
        }
        // The new id gets no more than the one that it is joined to.
        let most = recorded.and_then(|grant| grant.until);
        until = match (until, most) {
            (Some(until), Some(most)) => Some(until.min(most)),
            (until, most) => until.or(most),
        };
        for contact in moved {
            records.let_in(Grant { contact, since: now, until: None, by: by.actor().to_owned() });
        }
        records.join(claimed, &contact);
        line = line.with(&claimed.to_string());
    }
    records.let_in(Grant { contact, since: now, until, by: by.actor().to_owned() });
    tx.commit_records(records, line.until(until))?;
    Ok(Outcome::Done(request.clone()))
}

/// Spends the link that proves a claim to be another id. False if it is not open any more.
pub(crate) fn spend_link(
    tx: &mut Transaction<'_>,
    claims: Option<&Contact>,
) -> Result<bool, StoreError> {
    let Some(claims) = claims else { return Ok(false) };
    let (now, mut records) = (tx.now, tx.records()?);
    let before = records.links.len();
    records.links.retain(|link| link.contact != *claims || !link.is_open(now));
    if records.links.len() == before {
        return Ok(false);
    }
    tx.put_records(records).map(|()| true)
}

impl Store {
    /// Takes away every stored grant of this id and of the ids that are joined to it, and forgets that they are
    /// joined. Returns the ids that lost something.
    pub fn revoke(
        &self,
        by: &Approver,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Vec<Contact>, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let mut records = tx.records()?;
        let people: BTreeSet<Contact> = records.person(who).into_iter().collect();
        // A claim to be this person is worth nothing now.
        let is_claim = |claims: &Contact| people.contains(claims);
        tx.take_requests(|open| open.claims.as_deref().is_some_and(is_claim))?;
        let lost = tx.take_grants(&mut records, &people)?;
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        if people.len() > 1 {
            records.part(who);
        }
        let line = line_about(by, action::REVOKE, who, tx.now);
        tx.commit_records(records, line)?;
        Ok(lost.into_iter().collect())
    }

    /// Blocks a person under every id that is joined to this one; grants and open requests go in the same decision.
    /// `owners` are those that the configuration names: an owner cannot be blocked.
    pub fn block(
        &self,
        by: &Approver,
        who: &Contact,
        owners: &Owners,
        now: UnixMs,
    ) -> Result<Blocked, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let (mut records, added) = (tx.records()?, self.owners()?);
        let is_owner = |contact: &Contact| {
            let Contact { key, sender } = contact;
            owners.names(&key.channel, sender) || added.names(&key.channel, sender)
        };
        if tx.all_ids(&records, who)?.iter().any(is_owner) {
            return Ok(Blocked::Owner);
        }
        let blocked = tx.block(&mut records, by.actor(), who)?;
        if blocked.is_empty() {
            return Ok(Blocked::Already);
        }
        let line = line_about(by, action::BLOCK, who, tx.now);
        tx.commit_records(records, line)?;
        Ok(Blocked::Done(blocked.into_iter().collect()))
    }

    /// Takes the block of a person away, under every id that is joined to this one. None if there was none. An import
    /// takes back its own blocks alone.
    pub fn unblock(
        &self,
        by: &Approver,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Vec<Contact>, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        let mut records = tx.records()?;
        let mut done: BTreeSet<Contact> =
            records.on_channel(&who.key.channel, &who.sender).into_iter().collect();
        done.insert(who.clone());
        if by.actor() == Approver::importing().actor() {
            let is_own = |channel: &str, sender: &SenderId| {
                let mut blocks = records.blocks.iter();
                blocks
                    .any(|it| it.channel == channel && it.sender == *sender && it.by == by.actor())
            };
            done.retain(|contact| is_own(&contact.key.channel, &contact.sender));
        }
        done.retain(|contact| records.unblock(&contact.key.channel, &contact.sender));
        if !done.is_empty() {
            let line = line_about(by, action::UNBLOCK, who, tx.now);
            tx.commit_records(records, line)?;
        }
        Ok(done.into_iter().collect())
    }
}
