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
    /// Stable and unique to channel, account, conversation and topic: history is kept by it.
    pub conversation: String,
    /// The channel's id.
    pub channel: String,
    /// The person's stable id.
    pub sender: String,
    /// The person's name, neutralised.
    pub name: Option<String>,
    /// Several people write in this conversation.
    pub shared: bool,
    /// What was written, at most 16 KiB.
    pub text: String,
}

impl Prompt {
    /// The text as it stands in a history: where several people write, each says who they are, by name and id.
    /// Nothing that one of them writes begins a line as another.
    pub fn line(&self) -> String {
        if !self.shared {
            return self.text.clone();
        }
        let id = &self.sender;
        let speaker = self.name.as_ref().map_or(id.clone(), |name| format!("{name} ({id})"));
        let lines: Vec<&str> = self.text.lines().collect();
        format!("{speaker}: {}", lines.join("\n  "))
    }
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
    /// What it answers is Markdown. False where it repeats what people wrote, which is shown as written.
    fn markdown(&self) -> bool {
        true
    }

    /// Answers one prompt.
    async fn respond(&self, prompt: &Prompt, answer: &Answer) -> Result<(), ResponderError>;

    /// Forgets what was said in a conversation (`/reset`).
    async fn forget(&self, conversation: &str);
}
