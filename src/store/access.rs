//! The whole life of a permission: timed grants, blocks, people with several ids, invitations. Whole decisions,
//! each atomic and durable on return, with the lists of the field changed in the same decision.

mod decide;
mod doc;
mod grants_report;
mod tickets;

use openclaw_plugin_sdk::UnixMs;

pub(super) use self::decide::{Settled, settle, spend_link};
pub(super) use self::doc::index;
use crate::rules::Contact;

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
