//! The whole life of a permission: timed grants, blocks, people with several ids, invitations. Whole decisions,
//! each atomic and durable on return, with the lists of the field changed in the same decision.

mod decide;
mod doc;
mod grants_report;
mod tickets;

use std::sync::Arc;

use openclaw_plugin_sdk::{SenderId, UnixMs};

pub(super) use self::decide::{Settled, settle, spend_link};
pub(super) use self::doc::index;
use super::StoreError;
use crate::rules::{
    AccountKey, Contact,
    approver::Approver,
    owner::Owners,
    records::{Index, Standing},
    ticket::Ticket,
};

/// What is kept of permissions beside the lists of the field (`access/grants.json`).
pub trait AccessStore {
    /// What the records say of a sender now. One `stat` while nothing changed.
    fn standing(
        &self,
        key: &AccountKey,
        sender: &SenderId,
        now: UnixMs,
    ) -> Result<Standing, StoreError>;

    /// Everything that is kept. One `stat` while nothing changed.
    fn records(&self) -> Result<Arc<Index>, StoreError>;

    /// Everybody whom the store lets in on a channel, or on all, by the lists and by the records; ended grants too.
    fn holders(&self, channel: Option<&str>, now: UnixMs) -> Result<Vec<Holder>, StoreError>;

    /// Takes every stored grant of this id away, and of every id that is joined to it, and forgets that they are
    /// joined. The ids that lost something; none where nobody had anything.
    fn revoke(&self, by: &Approver, who: &Contact, now: UnixMs)
    -> Result<Vec<Contact>, StoreError>;

    /// Blocks a person under every id that is joined to this one; grants and open requests go in the same decision.
    /// `owners` are those that the configuration names: an owner cannot be blocked.
    fn block(
        &self,
        by: &Approver,
        who: &Contact,
        owners: &Owners,
        now: UnixMs,
    ) -> Result<Blocked, StoreError>;

    /// Takes the block of a person away, under every id that is joined to this one. None where there was none.
    fn unblock(
        &self,
        by: &Approver,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Vec<Contact>, StoreError>;

    /// Names somebody, or takes the name away. False where that changes nothing.
    fn annotate(
        &self,
        by: &Approver,
        who: &Contact,
        note: Option<&str>,
        now: UnixMs,
    ) -> Result<bool, StoreError>;

    /// Gives a grant that ends, or has ended, another end. False where there is no such grant, where it ends at
    /// another time than was shown, or where the person is blocked.
    fn extend(
        &self,
        by: &Approver,
        who: &Contact,
        ends: Ends,
        now: UnixMs,
    ) -> Result<bool, StoreError>;

    /// Opens a link for somebody who is let in, in place of the one that may be open.
    fn open_link(&self, who: &Contact, code: &Ticket, now: UnixMs) -> Result<(), StoreError>;

    /// Whom the bearer of a link says to be; `None` where the link is not open.
    fn linked(&self, code: &Ticket, now: UnixMs) -> Result<Option<Contact>, StoreError>;

    /// Opens an invitation with a note, until then; its opaque name. The store cuts its time to a day.
    fn invite(
        &self,
        by: &Approver,
        code: &Ticket,
        words: (Option<&str>, UnixMs),
        now: UnixMs,
    ) -> Result<String, StoreError>;

    /// Takes an invitation back that nobody has used. False where there is none of that name.
    fn uninvite(&self, by: &Approver, id: &str, now: UnixMs) -> Result<bool, StoreError>;

    /// Spends an invitation, and lets its bearer in for good. What it was; `None` where it is not open, or he is
    /// blocked or let in already.
    fn accept(
        &self,
        code: &Ticket,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Option<Accepted>, StoreError>;
}

/// When a grant is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// When it ends as whoever decides was shown it; nothing where the person is all that was named.
    pub was: Option<UnixMs>,
    /// When it ends from now on; never where nothing stands there.
    pub until: Option<UnixMs>,
}

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// He is blocked already.
    Already,
    /// Done, for these ids.
    Done(Vec<Contact>),
    /// He, or somebody joined to him, is an owner: nothing was changed.
    Owner,
}

/// Somebody whom the store lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who, and where.
    pub contact: Contact,
    /// Since when, where it is known.
    pub since: Option<UnixMs>,
    /// Until when; for good where nothing stands there.
    pub until: Option<UnixMs>,
    /// Who let him in, as the access log names him; nothing for what was imported.
    pub by: Option<String>,
    /// The word of the access log for how.
    pub how: Option<String>,
}

/// An invitation that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its opaque name.
    pub id: String,
    /// Whom it was for, as the owner wrote it.
    pub note: Option<String>,
    /// Who made it, as the access log names him.
    pub by: String,
}
