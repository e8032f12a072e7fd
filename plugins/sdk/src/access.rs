//! What commands learn and wish about permissions. Texts are neutralised; codes are opaque.

use std::time::Duration;

use async_trait::async_trait;

use crate::{CommandError, Opaque, spell_span};

/// A person with a grant or a block in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessEntry {
    /// The id, as commands take it: `telegram:4711`, or `telegram/work:4711`.
    pub who: String,
    /// An owner's note about the person.
    pub note: Option<String>,
    /// How it stands.
    pub state: AccessState,
    /// For how long already, where that is known.
    pub age: Option<Duration>,
    /// Who decided it: `telegram:7`, `uid:1000`; nothing for what was imported.
    pub by: Option<String>,
    /// How, in a word of the access log.
    pub how: Option<String>,
    /// The other ids of the same person.
    pub joined: Vec<String>,
}

impl AccessEntry {
    /// Who decided, how and when: `approved 3 d 0 h ago by telegram:7`. Empty where nothing is known of it.
    pub fn decision(&self) -> String {
        let how = match self.how.as_deref() {
            Some("approve") => Some("approved"),
            Some("accept") => Some("accepted"),
            Some("block") => Some("blocked"),
            other => other,
        };
        let ago = self.age.map(|age| format!("{} ago", spell_span(age)));
        let by = self.by.as_ref().map(|by| format!("by {by}"));
        let parts = [how.map(str::to_owned), ago, by];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// How a permission stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessState {
    /// Blocked: no message of the person is answered.
    Blocked,
    /// It has ended, so long ago.
    Ended(Duration),
    /// For good.
    #[default]
    Lasting,
    /// For so long yet.
    Until(Duration),
}

/// A change of a person's permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessChange {
    /// Messages of the person are ignored from now on.
    Block,
    /// A grant that ends lasts so long from now; for good where nothing stands there.
    Extend(Option<Duration>),
    /// Sets the owner's note; `None` removes it.
    Rename(Option<String>),
    /// Removes the grants under all ids of the person.
    Revoke,
    /// Removes the block; the person is a stranger then.
    Unblock,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessChanged {
    /// Done for these ids; the configuration or ownership may still give access.
    Done {
        /// The ids.
        ids: Vec<String>,
        /// What still gives the person access.
        still: Option<String>,
    },
    /// The person is an owner: nothing was changed.
    Owner,
    /// There was nothing to change.
    Nothing {
        /// What still gives the person access.
        still: Option<String>,
    },
    /// No id of any channel looks like that; the text says what would be.
    Unknown(String),
}

/// An invitation that nobody has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its name, by which it is cancelled.
    pub id: String,
    /// The owner's note about its recipient.
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
    /// The person who asks has no approval, so there is nothing to join.
    NotApproved,
}

/// What the gateway does about permissions, in the name of the person who runs a command.
#[async_trait]
pub trait AccessControl: Send + Sync {
    /// Everyone with a grant or a block in the store, on one channel or all.
    async fn list(&self, channel: Option<&str>) -> Result<Vec<AccessEntry>, CommandError>;
    /// Changes a person's permission.
    async fn change(&self, change: &AccessChange, who: &str)
    -> Result<AccessChanged, CommandError>;
    /// What decides now about a person, or about a group and perhaps a sender in it: label and value, a line each.
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
    /// A code by which the person who runs this says on another channel who they are.
    async fn link(&self) -> Result<Linked, CommandError>;
}
