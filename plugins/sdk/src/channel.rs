//! A channel: facts, a parser for sender ids, a constructor, and two methods.

use std::{path::PathBuf, pin::Pin, time::Duration};

use async_trait::async_trait;

use crate::{
    Bytes, ChannelError, ChatId, Conversation, FetchError, FileRef, Inbox, InvalidGroupId,
    InvalidSenderId, OutboundMessage, Secret, SenderId, SentRef, Settings, SettingsError, toml,
};

/// A channel as the registry lists it.
#[derive(Debug)]
pub struct ChannelPlugin {
    /// Lower case; names the table in the configuration, the state files and the folder.
    pub id: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What the field's files and tables call a sender id here, such as `telegramUserId`.
    pub id_label: &'static str,
    /// How the challenge introduces the sender's own id, such as `Your Telegram user id`.
    pub id_line: &'static str,
    /// How events arrive.
    pub ingress: Ingress,
    /// The longest text that one message carries; the gateway splits longer ones.
    pub text_limit: TextLimit,
    /// What the platform can do.
    pub abilities: Abilities,
    /// The keys of its own that an account's table may have.
    pub keys: &'static [&'static str],
    /// The keys among them whose values are secrets; never shown.
    pub secret_keys: &'static [&'static str],
    /// Environment names that give the default account a key it lacks: `(key, environment name)`.
    pub env_keys: &'static [(&'static str, &'static str)],
    /// Links an account to the platform where its app scans something for that; `None` where keys do it.
    pub login: Option<Login>,
    /// Writes what the platform's own site wants to be given to set an app up; `None` where it wants nothing.
    pub manifest: Option<WriteManifest>,
    /// Reads an id as a person would write it in a list: strips prefixes, refuses what is no person's stable id.
    pub parse_sender: fn(&str) -> Result<SenderId, InvalidSenderId>,
    /// Reads the id of a group as a person would write it in `groups`. An error names the right form.
    pub parse_group: fn(&str) -> Result<ChatId, InvalidGroupId>,
    /// Makes an account's channel. Does no I/O.
    pub open: fn(Settings) -> Result<Box<dyn Channel>, SettingsError>,
}

impl ChannelPlugin {
    /// The connection to the platform does not work.
    pub fn lost(&self, why: &str) -> ChannelError {
        ChannelError::Disconnected(format!("{}: {why}", self.label))
    }
}

/// Begins to link the account of these settings. A program that it starts may keep its sockets in the folder, which may
/// not exist yet.
pub type Login = fn(Settings, PathBuf) -> Step<Linking>;

/// A step of a login, or why it was not done.
pub type Step<T> = Pin<Box<dyn Future<Output = Result<T, ChannelError>> + Send>>;

/// An account that is being linked.
#[expect(missing_debug_implementations, reason = "it holds what links")]
pub struct Linking {
    /// What the platform's app scans, within a few minutes. No log and no error may hold it.
    pub link: Secret,
    /// Ends once it was scanned.
    pub linked: Step<LinkedAccount>,
}

/// An account that was linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedAccount {
    /// What the platform calls it.
    pub name: String,
    /// The key of the account's table, and its value, that the configuration lacks; `None` where it lacks none.
    pub lacks: Option<(&'static str, String)>,
}

/// Writes a manifest for an app of this name. The settings are empty where the configuration has no such account; their
/// commands are always there.
pub type WriteManifest = fn(&Settings, name: &str) -> Result<Manifest, SettingsError>;

/// What a platform's own site wants to be given to set an app up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its name in the package.
    pub file: &'static str,
    /// What is in it.
    pub json: String,
    /// The package's other files, name and content; empty where the site takes the manifest alone.
    pub others: Vec<(&'static str, Vec<u8>)>,
}

/// How events reach a channel.
#[derive(Clone, Copy, Debug)]
pub enum Ingress {
    /// The channel goes and gets them.
    Connect,
    /// The gateway's server hands HTTP requests at this path and below to [`Inbox::exchange`].
    Serve {
        /// Starts with `/`, has no trailing one.
        path: &'static str,
    },
    /// Each account's settings choose between the two.
    Chosen {
        /// Of settings that open: the path it is served at, or `None` for an account that connects.
        /// Starts with `/`, has no trailing one; no two accounts may have the same.
        path: fn(&toml::Table) -> Option<String>,
    },
}

impl Ingress {
    /// Where an account with these settings is served, if it is.
    pub fn path(&self, settings: &toml::Table) -> Option<String> {
        match self {
            Self::Connect => None,
            Self::Serve { path } => Some((*path).to_owned()),
            Self::Chosen { path } => path(settings),
        }
    }
}

/// The longest text of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit {
    /// How many units.
    pub max: usize,
    /// What the platform counts.
    pub unit: TextUnit,
}

/// What a platform counts when it limits a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextUnit {
    /// UTF-8 bytes.
    Bytes,
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
}

impl TextLimit {
    /// The length of a text as the platform counts it.
    pub fn measure(&self, text: &str) -> usize {
        match self.unit {
            TextUnit::Bytes => text.len(),
            TextUnit::Chars => text.chars().count(),
            TextUnit::Utf16 => text.chars().map(char::len_utf16).sum(),
        }
    }
}

/// What a platform can do, as data: a missing ability is a value, never an empty method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Abilities {
    /// Several accounts can be configured.
    pub accounts: bool,
    /// How many buttons a card may have; `None` where there are none.
    pub buttons: Option<u8>,
    /// What stands before a command's name, such as `/`.
    pub command_prefix: &'static str,
    /// Everyone who writes here sits at the machine and is its owner. There are no strangers and no pairing.
    pub console: bool,
    /// A sent message can be taken away again, with [`crate::Body::Gone`].
    pub deletes: bool,
    /// A sent message can be replaced.
    pub edits: bool,
    /// The files of a message are fetched when the gateway asks for them, and never before. False where the platform's
    /// client fetches for everybody: then nothing is asked for.
    pub fetches: bool,
    /// Files can be sent, with [`crate::Body::File`].
    pub files: bool,
    /// A conversation shows nothing after a restart: what a person still needs is sent again at a start.
    pub forgets: bool,
    /// How an id begins that the platform only gives beside a person's own one, and may give to another person later: in
    /// the configuration's lists it matches nobody.
    pub further_ids: Option<&'static str>,
    /// There are conversations of more than two.
    pub groups: bool,
    /// A message that is sent again with the key it had is the same message, even after a restart.
    pub idempotent: bool,
    /// Pictures can be sent.
    pub images: bool,
    /// The plugin needs [`Settings::key`].
    pub key: bool,
    /// Reactions to our messages arrive.
    pub reactions: bool,
    /// A message can answer a message, and says which.
    pub replies: bool,
    /// How long the platform wants between two edits of a message that grows while its answer is written; `None` where
    /// an answer comes whole.
    pub streams: Option<Duration>,
    /// How long the sign is shown that an answer is being written, with [`crate::Body::Typing`]; `None` where there is
    /// no such sign.
    pub typing: Option<Duration>,
    /// A card that has just blocked a person is to offer to undo that.
    pub undoes: bool,
    /// How long after a person's last message they can be written to; `None` where they always can.
    pub window: Option<Duration>,
}

impl Abilities {
    /// A platform that can do nothing but take texts.
    pub const NONE: Self = Self {
        accounts: false,
        buttons: None,
        command_prefix: "/",
        console: false,
        deletes: false,
        edits: false,
        fetches: false,
        files: false,
        forgets: false,
        further_ids: None,
        groups: false,
        idempotent: false,
        images: false,
        key: false,
        reactions: false,
        replies: false,
        streams: None,
        typing: None,
        undoes: false,
        window: None,
    };

    /// What platforms for chats have in common.
    pub const CHATS: Self = Self {
        accounts: true,
        buttons: Some(25),
        deletes: true,
        edits: true,
        fetches: true,
        files: true,
        groups: true,
        images: true,
        replies: true,
        streams: Some(Duration::from_millis(1500)),
        ..Self::NONE
    };
}

/// One account of a channel, speaking to its platform.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Translates what arrives until the connection ends.
    /// The gateway cancels by dropping the future and reconnects by calling again.
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError>;

    /// Delivers one message, within the text limit, and says how to refer to it.
    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError>;

    /// Fetches a file of a message by what its platform knows it by, at most so many bytes of it. The gateway asks for
    /// files of messages that its gate has admitted, and for nothing else. Only where [`Abilities::fetches`].
    async fn fetch(&self, _file: &FileRef, _limit: usize) -> Result<Bytes, FetchError> {
        Err(FetchError::Unavailable("this channel fetches no files".to_owned()))
    }

    /// Waits until what is sent next reaches the person. A platform keeps what is sent for people who are away, so
    /// only a channel without a platform behind it ever waits.
    async fn ready(&self, _to: &Conversation) {}

    /// Says whether what was sent has reached the person. A platform has it when it has taken it.
    async fn arrived(&self, _to: &Conversation) -> bool {
        true
    }
}
