//! Added and claimed owners, and the open claim: a file of our own.

use std::{path::Path, sync::Arc};

use openclaw_plugin_sdk::{SenderId, UnixMs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    StoreError,
    doc::Doc,
    file::{Found, damaged},
};
use crate::{
    rules::{
        claim::OpenClaim,
        owner::{Owner, Owners},
    },
    store::audit::{hex, unhex},
    world,
};

const OWNERS: &str = "owners";
const CLAIM: &str = "claim";

/// An owner, and how he became one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOwner {
    /// Who.
    pub owner: Owner,
    /// By which way.
    pub how: How,
    /// When, as the file writes it.
    pub at: String,
}

/// How somebody became an owner.
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
pub(super) struct Seats {
    pub(super) owners: Arc<Owners>,
    pub(super) known: Vec<KnownOwner>,
    pub(super) claim: Option<OpenClaim>,
}

/// The file itself.
pub(super) type OwnersDoc = Doc<Row>;

/// An owner as he stands in the file.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Row {
    channel: String,
    id: String,
    how: How,
    at: String,
}

/// Reads the owners' file. Strict, since nobody else writes it: an owner is never left out in silence.
pub(super) fn owners(found: Option<&Found>) -> Result<(OwnersDoc, Seats), StoreError> {
    let doc: OwnersDoc = Doc::parse(OWNERS, found)?;
    let seats = doc.seats();
    let path = found.map_or(Path::new("owners.json"), |found| &found.path);
    let seats = seats.map_err(|why| damaged(path, None, why))?;
    Ok((doc, seats))
}

impl OwnersDoc {
    fn seats(&self) -> Result<Seats, &'static str> {
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
        Ok(Seats { owners: Arc::new(owners), known, claim })
    }

    /// Adds an owner. False where he is one already.
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

    /// Removes an owner. False where he is none.
    pub(super) fn remove(&mut self, owner: &Owner) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| !row.is(owner));
        self.rows.len() < before
    }

    /// Opens a claim, or closes the open one. False where none was open.
    pub(super) fn set_claim(&mut self, claim: Option<&OpenClaim>) -> bool {
        let Some(claim) = claim else { return self.fields.shift_remove(CLAIM).is_some() };
        let created_at = world::iso(claim.created_at);
        let value = json!({ "digest": hex(&claim.digest), "createdAt": created_at });
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
