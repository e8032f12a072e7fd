//! A responder: what answers an admitted person's message that is no command.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{ResponderError, Settings, SettingsError};

/// A responder as the registry lists it.
#[derive(Debug)]
pub struct ResponderPlugin {
    /// Lower case; names its table below `[assistant]` and the folder `responder-<id>`.
    pub id: &'static str,
    /// One line for `plugins list`.
    pub summary: &'static str,
    /// The keys its table may have.
    pub keys: &'static [&'static str],
    /// Makes it. Does no I/O.
    pub open: fn(Settings) -> Result<Box<dyn Responder>, SettingsError>,
}

/// What is asked. Owner commands, codes and strangers' messages never get here.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Stable and unique to channel, account, conversation and person: history is kept by it.
    pub conversation: String,
    /// The channel's id.
    pub channel: String,
    /// The person's stable id.
    pub sender: String,
    /// The person's name, neutralised.
    pub name: Option<String>,
    /// What was written, at most 16 KiB.
    pub text: String,
}

/// Where a responder puts its answer, piece by piece.
#[derive(Clone, Debug)]
pub struct Answer(mpsc::Sender<String>);

impl Answer {
    /// The gateway's end listens on the other side.
    pub fn new(pieces: mpsc::Sender<String>) -> Self {
        Self(pieces)
    }

    /// Adds a piece; false when nobody waits for the answer any more.
    pub async fn push(&self, piece: impl Into<String>) -> bool {
        self.0.send(piece.into()).await.is_ok()
    }
}

/// Answers prompts. One prompt of a conversation at a time.
#[async_trait]
pub trait Responder: Send + Sync {
    /// Answers one prompt.
    async fn respond(&self, prompt: &Prompt, answer: &Answer) -> Result<(), ResponderError>;

    /// Forgets what was said in a conversation (`/reset`).
    async fn forget(&self, conversation: &str);
}
