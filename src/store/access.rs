//! The whole life of a permission: timed grants, blocks, people with several ids, invitations. A decision changes the
//! lists of the field in the same transaction.

mod changes;
mod decide;
mod grants_report;
mod records_file;
mod tickets;
mod vouched;

use openclaw_plugin_sdk::UnixMs;

pub(super) use self::{
    changes::named,
    decide::{decide, spend_link},
    records_file::index,
};
use crate::rules::Contact;

/// When a grant is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// When it ends as the owner was shown it; `None` if they only named the person.
    pub was: Option<UnixMs>,
    /// When it ends from now on; never if `None`.
    pub until: Option<UnixMs>,
}

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Blocked already.
    Already,
    /// Done, for these ids.
    Done(Vec<Contact>),
    /// One of the person's ids is an owner's: nothing was changed.
    Owner,
}

/// A person with access by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who, and where.
    pub contact: Contact,
    /// Since when, where it is known.
    pub since: Option<UnixMs>,
    /// Until when; permanent if `None`.
    pub until: Option<UnixMs>,
    /// Who approved them, as the access log says; `None` for imported ones.
    pub by: Option<String>,
    /// The word of the access log for how.
    pub how: Option<String>,
}

/// An invitation that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its opaque name.
    pub id: String,
    /// The person it was for, in the owner's words.
    pub note: Option<String>,
    /// Who made it, as the access log says.
    pub by: String,
}
