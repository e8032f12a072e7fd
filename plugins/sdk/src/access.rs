//! What commands learn and wish about permissions. Texts are neutralised; codes are opaque.

use std::time::Duration;

use async_trait::async_trait;

use crate::{CommandError, Opaque};

/// Somebody whom the store lets in, or keeps out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit {
    /// The id, as commands take it: `telegram:4711`, or `telegram/work:4711`.
    pub who: String,
    /// An owner's note about him.
    pub note: Option<String>,
    /// How it stands.
    pub state: PermitState,
    /// For how long already, where that is known.
    pub age: Option<Duration>,
    /// Who decided it: `telegram:7`, `uid:1000`; nothing for what was imported.
    pub by: Option<String>,
    /// How, in a word of the access log.
    pub how: Option<String>,
    /// The other ids of the same person.
    pub joined: Vec<String>,
}

/// How a permission stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermitState {
    /// He is kept out.
    Blocked,
    /// It has ended, so long ago.
    Ended(Duration),
    /// For good.
    #[default]
    Lasting,
    /// For so long yet.
    Until(Duration),
}

/// What is to become of somebody's permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitChange<'a> {
    /// He is not heard any more.
    Block,
    /// A grant that ends lasts so long from now; for good where nothing stands there.
    Extend(Option<Duration>),
    /// He has this note; none where nothing stands there.
    Rename(Option<&'a str>),
    /// His grants go, under each of his ids.
    Revoke,
    /// The block goes; he is a stranger then.
    Unblock,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermitChanged {
    /// Done, for these ids; where the configuration or a seat still admits him, it is said.
    Done {
        /// The ids.
        whom: Vec<String>,
        /// What still lets him in.
        still: Option<String>,
    },
    /// He is an owner: nothing was changed.
    Owner,
    /// There was nothing to change; what still lets him in, where something does.
    Nothing {
        /// What still lets him in.
        still: Option<String>,
    },
    /// No id of any channel is spelt like that; the text says what would be.
    Unknown(String),
}

/// An invitation that nobody has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its name, by which it is cancelled.
    pub id: String,
    /// Whom it is for, as the owner wrote it.
    pub note: Option<String>,
    /// Who made it.
    pub by: String,
    /// For how long it is open.
    pub left: Duration,
}

/// An invitation that was made now.
#[derive(Clone, Debug)]
pub struct Invited {
    /// Its name, by which it is cancelled.
    pub id: String,
    /// What its bearer sends.
    pub code: Opaque,
    /// Links that send it by themselves, by the channel's label.
    pub links: Vec<(&'static str, Opaque)>,
    /// For how long it is open.
    pub left: Duration,
}

/// A way to say on another channel who one is.
#[derive(Clone, Copy, Debug)]
pub enum Linked {
    /// Send this there, within that time.
    Code(Opaque, Duration),
    /// Whoever asks is not let in by an approval; there is nothing to join.
    NotApproved,
}

/// What the gateway does about permissions, in the name of whoever runs a command.
#[async_trait]
pub trait Permits: Send + Sync {
    /// Everybody whom the store lets in or keeps out, on one channel or all.
    async fn list(&self, channel: Option<&str>) -> Result<Vec<Permit>, CommandError>;
    /// Changes somebody's permission.
    async fn change(
        &self,
        change: PermitChange<'_>,
        who: &str,
    ) -> Result<PermitChanged, CommandError>;
    /// What decides about somebody, or about a group and perhaps a sender in it, now: label and value, a line each.
    async fn explain(
        &self,
        channel: &str,
        id: &str,
        sender: Option<&str>,
    ) -> Result<Vec<(String, String)>, CommandError>;
    /// So many of the newest decisions, a line each, the newest last.
    async fn log(&self, count: usize) -> Result<Vec<String>, CommandError>;
    /// Makes an invitation.
    async fn invite(&self, note: Option<&str>, lasting: Duration) -> Result<Invited, CommandError>;
    /// The invitations that nobody has used.
    async fn invitations(&self) -> Result<Vec<OpenInvitation>, CommandError>;
    /// Takes an invitation back. False where none of that name is open.
    async fn uninvite(&self, id: &str) -> Result<bool, CommandError>;
    /// A code by which whoever runs this says on another channel who he is.
    async fn link(&self) -> Result<Linked, CommandError>;
}
