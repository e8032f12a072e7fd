//! Added and claimed owners, and the open claim: a file of our own.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::{SenderId, UnixMs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Note, Store, StoreError,
    audit::{Line, action, unhex},
    cached_table::HeadSeen,
    doc::Doc,
    file::{Found, damaged},
    replay,
    transaction::Transaction,
};
use crate::{
    rules::{
        approver::Approver,
        claim::{self, ClaimCode, OpenClaim},
        owner::{Owner, Owners},
        records::Index,
    },
    world,
};

pub(super) const OWNERS: &str = "owners";
const CLAIM: &str = "claim";

/// An owner, and how they became one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOwner {
    /// Who.
    pub owner: Owner,
    /// By which way.
    pub how: How,
    /// When, as the file writes it.
    pub at: String,
}

/// How a person became an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// By a command on the host.
    Added,
    /// By the one-time code.
    Claimed,
}

/// What the owners' file says.
#[derive(Debug, Default)]
pub(super) struct OwnersState {
    pub(super) owners: Arc<Owners>,
    pub(super) known: Vec<KnownOwner>,
    pub(super) claim: Option<OpenClaim>,
}

/// The file itself.
pub(super) type OwnersDoc = Doc<Row>;

/// An owner as the file has them.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Row {
    channel: String,
    id: String,
    how: How,
    at: String,
}

/// Reads the owners' file. Only this program writes it: an owner that cannot be read is an error, never left out.
pub(super) fn owners(found: &Found) -> Result<(OwnersDoc, OwnersState), StoreError> {
    let doc: OwnersDoc = Doc::parse(OWNERS, found)?;
    let state = doc.state().map_err(|why| damaged(&found.path, None, why))?;
    Ok((doc, state))
}

impl Store {
    pub(super) fn owners_state(&self) -> Result<Arc<OwnersState>, StoreError> {
        self.owners_with(&HeadSeen::default())
    }

    /// The owners that were added or claimed, and the records, by one look at the head.
    pub fn owners_and_records(&self) -> Result<(Arc<Owners>, Arc<Index>), StoreError> {
        let seen = &HeadSeen::default();
        let owners = Arc::clone(&self.owners_with(seen)?.owners);
        Ok((owners, self.records_file(seen)?.0))
    }

    pub(super) fn owners_with(&self, seen: &HeadSeen) -> Result<Arc<OwnersState>, StoreError> {
        let path = || vec![self.state.owners()];
        let current = self.owners.get(&self.state, seen, &(), path, |found| {
            let state = owners(&found[0])?.1;
            if let Some(claim) = &state.claim {
                self.ages.note(&claim.digest, claim::LIFETIME_MS);
            }
            Ok(state)
        });
        Ok(current?.0)
    }

    /// The owners that were added or claimed. One `stat` while nothing changed.
    pub fn owners(&self) -> Result<Arc<Owners>, StoreError> {
        Ok(Arc::clone(&self.owners_state()?.owners))
    }

    /// The added and claimed owners, and how each became one.
    pub fn known_owners(&self) -> Result<Vec<KnownOwner>, StoreError> {
        Ok(self.owners_state()?.known.clone())
    }

    /// Adds an owner. False if they are one already.
    pub fn add_owner(&self, by: &Approver, owner: &Owner, now: UnixMs) -> Result<bool, StoreError> {
        self.change_owner(by, owner, action::OWNER_ADD, now)
    }

    /// Removes an added or claimed owner. False if they are none.
    pub fn remove_owner(
        &self,
        by: &Approver,
        owner: &Owner,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        self.change_owner(by, owner, action::OWNER_REMOVE, now)
    }

    fn change_owner(
        &self,
        by: &Approver,
        owner: &Owner,
        action: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        if self.owners()?.0.contains(owner) == (action == action::OWNER_ADD) {
            return Ok(false);
        }
        let line = of_owner(Line::by(by, action, tx.now), owner);
        replay::carry_out(tx, line).map(|()| true)
    }

    /// Opens a claim, in place of an open one. Only the code's digest is kept.
    pub fn open_claim(&self, code: &ClaimCode, now: UnixMs) -> Result<(), StoreError> {
        let mut tx = Transaction::open(self, None, now)?;
        let claim = OpenClaim { digest: code.digest(), created_at: now };
        replay::change_owners(&mut tx, |doc| Some(doc.set_claim(Some(&claim))))?;
        let actor = format!("uid:{}", world::user());
        tx.commit(vec![Line::new("cli", &actor, action::CLAIM_OPEN, now)])
    }

    /// Spends the claim code, if it is the open one and fresh, and makes its bearer an owner. False if it is not.
    pub fn redeem_claim(
        &self,
        code: &ClaimCode,
        owner: &Owner,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let actor = format!("{}:{}", owner.channel, owner.sender);
        let line = of_owner(Line::new("chat", &actor, action::CLAIM, now), owner);
        self.close_claim(|claim| claim.accepts(code, now), line, now)
    }

    /// Spends the open claim if its code is anywhere in this text, with this line. It makes nobody an owner.
    /// False if the code is not there, or no claim is open.
    pub fn spend_claim(
        &self,
        text: &str,
        note: &Note<'_>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let is_shown =
            |claim: &OpenClaim| ClaimCode::all_in(text).any(|code| claim.accepts(&code, now));
        self.close_claim(is_shown, Line::noting(note, action::CLAIM_SPENT, now), now)
    }

    fn close_claim(
        &self,
        is_open: impl Fn(&OpenClaim) -> bool,
        line: Line,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let accepts = || -> Result<bool, StoreError> {
            let state = self.owners_state()?;
            let claim = state.claim.as_ref().filter(|claim| is_open(claim));
            let over = |claim: &OpenClaim| self.ages.is_over(&claim.digest, claim::LIFETIME_MS);
            Ok(claim.is_some_and(|claim| !over(claim)))
        };
        // A wrong guess needs no lock.
        if !accepts()? {
            return Ok(false);
        }
        let tx = Transaction::open(self, None, now)?;
        if !accepts()? {
            return Ok(false);
        }
        let line = Line { at: world::iso(tx.now), ..line };
        replay::carry_out(tx, line).map(|()| true)
    }
}

fn of_owner(line: Line, owner: &Owner) -> Line {
    line.on(&owner.channel).about(owner.sender.as_str())
}

impl OwnersDoc {
    fn state(&self) -> Result<OwnersState, &'static str> {
        let known = |row: &Row| {
            let sender = SenderId::new(&row.id).ok()?;
            let owner = Owner { channel: row.channel.clone(), sender };
            Some(KnownOwner { owner, how: row.how, at: row.at.clone() })
        };
        let known: Option<Vec<_>> = self.rows.iter().map(known).collect();
        let known = known.ok_or("an owner has no sender id")?;
        let claim = match self.fields.get(CLAIM) {
            None | Some(Value::Null) => None,
            Some(claim) => Some(open_claim(claim).ok_or("the claim is no claim")?),
        };
        let owners = Owners(known.iter().map(|known| known.owner.clone()).collect());
        Ok(OwnersState { owners: Arc::new(owners), known, claim })
    }

    /// Adds an owner. False if they are one already.
    pub(super) fn add(&mut self, owner: &Owner, how: How, at: &str) -> bool {
        if self.rows.iter().any(|row| row.is(owner)) {
            return false;
        }
        self.rows.push(Row {
            channel: owner.channel.clone(),
            id: owner.sender.as_str().to_owned(),
            how,
            at: at.to_owned(),
        });
        true
    }

    /// Removes an owner. False if they are none.
    pub(super) fn remove(&mut self, owner: &Owner) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| !row.is(owner));
        self.rows.len() < before
    }

    /// Opens a claim, or closes the open one. False if none was open.
    pub(super) fn set_claim(&mut self, claim: Option<&OpenClaim>) -> bool {
        let Some(claim) = claim else { return self.fields.shift_remove(CLAIM).is_some() };
        let created_at = world::iso(claim.created_at);
        let value = json!({ "digest": HEXLOWER.encode(&claim.digest), "createdAt": created_at });
        self.fields.insert(CLAIM.to_owned(), value);
        true
    }
}

impl Row {
    fn is(&self, owner: &Owner) -> bool {
        self.channel == owner.channel && self.id == owner.sender.as_str()
    }
}

fn open_claim(claim: &Value) -> Option<OpenClaim> {
    let created_at: UnixMs = world::from_iso(claim.get("createdAt")?.as_str()?)?;
    Some(OpenClaim { digest: unhex(claim.get("digest")?.as_str()?)?, created_at })
}
