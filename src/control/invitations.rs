//! Invitations and links: one-time codes that owners and guests hand on.

use std::time::Duration;

use openclaw_plugin_sdk::{UnixMs, neutral, pasted};

use super::access::NOTE;
use crate::{
    rules::{
        Contact,
        approver::Approver,
        records::Invitation,
        ticket::{Ticket, TicketKind},
    },
    store::{Store, StoreError},
    world,
};

fn ticket(kind: TicketKind) -> Result<Ticket, StoreError> {
    world::random().map(|bytes| Ticket::from_random(kind, bytes)).map_err(|source| StoreError::Io {
        doing: "draw a code for",
        path: "the store".into(),
        source,
    })
}

/// Makes an invitation that gives its bearer access. Its name, and the code, which is kept nowhere.
pub fn invite(
    store: &Store,
    by: &Approver,
    note: Option<&str>,
    lasting: Duration,
    now: UnixMs,
) -> Result<(String, Ticket), StoreError> {
    let code = ticket(TicketKind::Invitation)?;
    let lasting = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX);
    let until = UnixMs(now.0.saturating_add(lasting));
    let note = note.map(|note| neutral(note, NOTE));
    let id = store.invite(by, &code, (note.as_deref(), until), now)?;
    Ok((id, code))
}

/// The invitations that can still be used.
pub fn open(store: &Store, now: UnixMs) -> Result<Vec<Invitation>, StoreError> {
    let index = store.records()?;
    Ok(index.records().invitations.iter().filter(|one| one.is_open(now)).cloned().collect())
}

/// Takes an invitation back. False where none of that name is open.
pub fn cancel(store: &Store, by: &Approver, id: &str, now: UnixMs) -> Result<bool, StoreError> {
    store.uninvite(by, &pasted(id), now)
}

/// Makes a code by which a guest says on another account who they are.
pub fn link(store: &Store, who: &Contact, now: UnixMs) -> Result<Ticket, StoreError> {
    let code = ticket(TicketKind::Link)?;
    store.open_link(who, &code, now).map(|()| code)
}
