//! Errors whose variants say what the gateway does next. None of them may hold a secret or a URL with one.

use std::time::Duration;

/// What went wrong on a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Another program uses the same login: the gateway tries again with growing waits, shows it until it is over, and
    /// tells the owners once.
    #[error("{0}")]
    Contended(String),
    /// The connection is gone: the gateway reconnects with growing waits.
    #[error("{0}")]
    Disconnected(String),
    /// The gateway could not make an event durable: return, and let the platform deliver it again.
    #[error("the gateway cannot take events now")]
    Held,
    /// The platform takes this message only after the person has written again: it waits for that.
    #[error("{0}")]
    Later(String),
    /// The platform asks to wait: the gateway tries again after that.
    #[error("the platform asks to wait {} s", .0.as_secs())]
    RateLimited(Duration),
    /// The credentials do not work: the account stops, the operator is told.
    #[error("{0}")]
    Unauthorized(String),
    /// This one message cannot go: it is dropped.
    #[error("{0}")]
    Undeliverable(String),
}

impl ChannelError {
    /// The same with other words.
    #[must_use]
    pub fn in_words(self, words: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Contended(why) => Self::Contended(words(why)),
            Self::Disconnected(why) => Self::Disconnected(words(why)),
            Self::Later(why) => Self::Later(words(why)),
            Self::Unauthorized(why) => Self::Unauthorized(words(why)),
            Self::Undeliverable(why) => Self::Undeliverable(words(why)),
            Self::Held | Self::RateLimited(_) => self,
        }
    }
}

/// Why a command could not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The store or the platform failed: nothing was changed.
    #[error("{0}")]
    Failed(String),
    /// The store failed, and whether anything was changed is not known; the text says so.
    #[error("{0}")]
    InDoubt(String),
    /// The words after the command make no sense; the text says what would.
    #[error("{0}")]
    Usage(String),
}

/// Why a responder gave no answer. The sender gets one plain sentence; this goes to the log and to the owners.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponderError {
    /// It answered with a failure: the next try may work.
    #[error("{0}")]
    Failed(String),
    /// It answers nobody until the owner has changed something.
    #[error("{0}")]
    Misconfigured(String),
    /// It took longer than allowed.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl ResponderError {
    /// True where it may work later without a change.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::Misconfigured(_))
    }
}

/// A configuration value that a plugin cannot work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SettingsError {
    /// The key inside the plugin's table, dotted; empty for the table as a whole.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl SettingsError {
    /// An error about one key.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}
