//! What was said between devices and the assistant in this run of the gateway, and what is being answered.
//! Bounded by device and in all; nothing of it is on disk.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use openclaw_plugin_sdk::{InboundMessage, UnixMs};
use tokio_util::sync::CancellationToken;

use crate::{rpc::hub::Session, rules::device::identity::DeviceId};

/// So many messages of a device are kept.
const MESSAGES: usize = 200;
/// So many bytes of a device are kept.
const BYTES: usize = 256 * 1024;
/// So many bytes of all devices are kept; the conversation that was silent longest goes first.
const BYTES_IN_ALL: usize = 64 * 1024 * 1024;
/// So many conversations are kept.
const TALKS: usize = 1024;
/// So many messages of a device may wait or be answered.
const WAITING: usize = 8;
/// So many of all.
const WAITING_IN_ALL: usize = 512;
/// The ends of so many runs are remembered, for a device that asks again.
const ENDS: usize = 64;
/// What a message costs beside its text.
const OVERHEAD: usize = 64;

/// Whose conversation it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Speaker {
    /// A device's.
    Device(DeviceId),
    /// That of an installation which showed the shared secret and no device.
    Client(String),
    /// That of a connection which names no installation; it ends with it.
    Connection(String),
}

impl Speaker {
    /// Whose conversation a session takes part in.
    pub(crate) fn of(session: &Session) -> Self {
        let instance = session.client.instance_id.as_deref().filter(|id| !id.trim().is_empty());
        match (&session.device, instance) {
            (Some(device), _) => Self::Device(device.clone()),
            // What a client calls itself has any length and any characters.
            (None, Some(instance)) => Self::Client(digest(instance)),
            (None, None) => Self::Connection(session.conn_id.clone()),
        }
    }

    /// As a responder knows the person.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Device(device) => device.as_str(),
            Self::Client(id) | Self::Connection(id) => id,
        }
    }

    /// As a responder knows the conversation.
    pub(crate) fn conversation(&self) -> String {
        let kind = match self {
            Self::Device(_) => "device",
            Self::Client(_) => "client",
            Self::Connection(_) => "connection",
        };
        format!("{kind}/{}", self.id())
    }
}

fn digest(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) what: Words,
    pub(crate) at: UnixMs,
}

/// What was said.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// By the assistant.
    Answer(Arc<str>),
    /// By the device.
    Message(Arc<InboundMessage>),
}

impl Said {
    /// Who said it, in the word of the protocol.
    pub(crate) fn role(&self) -> &'static str {
        match &self.what {
            Words::Answer(_) => "assistant",
            Words::Message(_) => "user",
        }
    }

    pub(crate) fn text(&self) -> &str {
        match &self.what {
            Words::Answer(text) => text,
            Words::Message(message) => &message.text,
        }
    }

    fn cost(&self) -> usize {
        self.text().len() + OVERHEAD
    }
}

/// A message that is being answered, or waits for that.
#[derive(Debug)]
struct Run {
    id: String,
    /// Of its last event.
    number: u64,
    stop: CancellationToken,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    Failed,
    Stopped,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It was sent before, and is over.
    Ended(End),
    /// Too much waits.
    Full,
    /// It was sent before, and is not over.
    InFlight,
    /// It waits for its turn.
    Started(ChatRef),
}

/// A conversation, which is another one after it was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChatRef {
    pub(crate) speaker: Speaker,
    number: u64,
}

/// All conversations.
#[derive(Debug, Default)]
pub(crate) struct Transcripts {
    talks: HashMap<Speaker, Transcript>,
    bytes: usize,
    waiting: usize,
    next: u64,
}

#[derive(Debug, Default)]
struct Transcript {
    number: u64,
    /// When it was last used, by the count of uses.
    used: u64,
    said: VecDeque<Said>,
    bytes: usize,
    runs: VecDeque<Run>,
    ends: VecDeque<(String, End)>,
}

impl Transcripts {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn at(&mut self, place: &ChatRef) -> Option<&mut Transcript> {
        self.talks.get_mut(&place.speaker).filter(|talk| talk.number == place.number)
    }

    /// Takes a message on, by the name that the client gave it.
    pub(crate) fn begin(&mut self, speaker: &Speaker, id: &str, stop: CancellationToken) -> Begun {
        let used = self.tick();
        if let Some(talk) = self.talks.get(speaker) {
            if talk.runs.iter().any(|known| known.id == id) {
                return Begun::InFlight;
            }
            if let Some((_, end)) = talk.ends.iter().find(|(known, _)| known == id) {
                return Begun::Ended(*end);
            }
            if talk.runs.len() >= WAITING {
                return Begun::Full;
            }
        } else if self.talks.len() >= TALKS && !self.drop_oldest(None) {
            return Begun::Full;
        }
        if self.waiting >= WAITING_IN_ALL {
            return Begun::Full;
        }
        self.waiting += 1;
        let new = || Transcript { number: used, ..Transcript::default() };
        let talk = self.talks.entry(speaker.clone()).or_insert_with(new);
        talk.used = used;
        talk.runs.push_back(Run { id: id.to_owned(), number: 0, stop });
        Begun::Started(ChatRef { speaker: speaker.clone(), number: talk.number })
    }

    /// The number of the run's next event; `None` where it is over.
    pub(crate) fn number(&mut self, place: &ChatRef, run: &str) -> Option<u64> {
        let talk = self.at(place)?;
        let run = talk.runs.iter_mut().find(|known| known.id == run)?;
        run.number += 1;
        Some(run.number)
    }

    /// Ends a run: the number of its last event; `None` where it was over already.
    pub(crate) fn end(&mut self, place: &ChatRef, run: &str, end: End) -> Option<u64> {
        let talk = self.at(place)?;
        let at = talk.runs.iter().position(|known| known.id == run)?;
        let over = talk.runs.remove(at)?;
        remember(&mut talk.ends, run, end);
        self.waiting -= 1;
        Some(over.number + 1)
    }

    /// Stops one run, or all; gives each with the number of its last event.
    pub(crate) fn stop(&mut self, speaker: &Speaker, run: Option<&str>) -> Vec<(String, u64)> {
        let Some(talk) = self.talks.get_mut(speaker) else { return Vec::new() };
        let mut stopped = Vec::new();
        for known in std::mem::take(&mut talk.runs) {
            if run.is_some_and(|run| run != known.id) {
                talk.runs.push_back(known);
                continue;
            }
            known.stop.cancel();
            remember(&mut talk.ends, &known.id, End::Stopped);
            stopped.push((known.id, known.number + 1));
        }
        self.waiting -= stopped.len();
        stopped
    }

    /// Keeps what was said; the oldest goes where there is too much.
    pub(crate) fn say(&mut self, place: &ChatRef, said: Said) {
        let used = self.tick();
        let Some(talk) = self.at(place) else { return };
        talk.used = used;
        let before = talk.bytes;
        talk.bytes += said.cost();
        talk.said.push_back(said);
        while talk.said.len() > MESSAGES || talk.bytes > BYTES {
            let Some(gone) = talk.said.pop_front() else { break };
            talk.bytes -= gone.cost();
        }
        let after = talk.bytes;
        self.bytes = self.bytes + after - before;
        while self.bytes > BYTES_IN_ALL && self.drop_oldest(Some(&place.speaker)) {}
    }

    /// Forgets the conversation that was silent longest and in which nothing goes on.
    fn drop_oldest(&mut self, but: Option<&Speaker>) -> bool {
        let idle = |(speaker, talk): &(&Speaker, &Transcript)| {
            talk.runs.is_empty() && but != Some(*speaker)
        };
        let oldest = self.talks.iter().filter(idle).min_by_key(|(_, talk)| talk.used);
        let Some(speaker) = oldest.map(|(speaker, _)| speaker.clone()) else { return false };
        self.forget(&speaker)
    }

    /// What was said last, the oldest first.
    pub(crate) fn said(&self, speaker: &Speaker, most: usize) -> Vec<Said> {
        let Some(talk) = self.talks.get(speaker) else { return Vec::new() };
        talk.said.iter().skip(talk.said.len().saturating_sub(most)).cloned().collect()
    }

    /// When something was last said.
    pub(crate) fn updated(&self, speaker: &Speaker) -> Option<UnixMs> {
        self.talks.get(speaker)?.said.back().map(|said| said.at)
    }

    /// Forgets what was said, and lets what goes on go on.
    pub(crate) fn clear(&mut self, place: &ChatRef) {
        let Some(talk) = self.at(place) else { return };
        talk.said.clear();
        let freed = std::mem::take(&mut talk.bytes);
        self.bytes -= freed;
    }

    /// Forgets a conversation and stops what goes on in it. False where there was none.
    pub(crate) fn forget(&mut self, speaker: &Speaker) -> bool {
        let Some(talk) = self.talks.remove(speaker) else { return false };
        self.bytes -= talk.bytes;
        self.waiting -= talk.runs.len();
        talk.runs.iter().for_each(|run| run.stop.cancel());
        true
    }

    /// The devices that have a conversation.
    pub(crate) fn devices(&self) -> Vec<DeviceId> {
        let device = |speaker: &Speaker| match speaker {
            Speaker::Device(device) => Some(device.clone()),
            Speaker::Client(_) | Speaker::Connection(_) => None,
        };
        self.talks.keys().filter_map(device).collect()
    }

    /// How many conversations there are.
    pub(crate) fn count(&self) -> usize {
        self.talks.len()
    }
}

fn remember(ends: &mut VecDeque<(String, End)>, run: &str, end: End) {
    if ends.len() >= ENDS {
        ends.pop_front();
    }
    ends.push_back((run.to_owned(), end));
}

#[cfg(test)]
mod tests;
