//! What an account has seen, and what it still owes an answer: appended before an event is acknowledged.
//!
//! A job is a message of an admitted sender that goes to the responder. Commands are done before they are
//! acknowledged, so their words never stand here.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{
    Attachment, ChatId, ChatKind, Conversation, EventId, InboundMessage, Link, Sender, SenderId,
    ThreadId, UnixMs, own_file,
};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::access::pairing::RequestId;

/// So many event keys are remembered for each account.
const REMEMBERED: usize = 8_192;
/// So many delivered challenges are remembered for each account: more than can wait within an hour.
const TOLD: usize = 2_048;
/// A file longer than this is rewritten with what still matters.
const COMPACT_AT: u64 = 4 << 20;
/// An answer is tried at most so often: once, and once more after a crash.
const TRIES: u32 = 2;

/// What makes two deliveries the same event: login, chat, sender and event id (the account is the file).
pub(crate) type EventKey = String;

/// The journal of one account.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    order: VecDeque<EventKey>,
    seen: HashSet<EventKey>,
    open: HashMap<EventKey, Open>,
    told: VecDeque<String>,
    /// The last line may be a part of one.
    torn: bool,
    first_start: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct Open {
    tries: u32,
    message: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Line {
    Done { key: EventKey },
    Job { key: EventKey, job: Open },
    Seen { key: EventKey },
    Told { request: String },
    Try { key: EventKey },
}

/// The counterpart of an [`InboundMessage`] on disk.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the message")]
pub(crate) struct Kept {
    id: String,
    chat: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    direct: bool,
    sender: String,
    name: Option<String>,
    sent_at: u64,
    pub(crate) text: String,
    no_text: bool,
    mentions_us: bool,
    private: bool,
}

/// The key of an event that came to this login.
pub(crate) fn key(login: [u8; 16], chat: &ChatId, sender: &SenderId, event: &EventId) -> EventKey {
    let text = format!("{}\0{}\0{}", chat.as_str(), sender.as_str(), event.as_str());
    let all = [&login[..], text.as_bytes()].concat();
    let digest = ring::digest::digest(&ring::digest::SHA256, &all);
    digest.as_ref()[..16]
        .iter()
        .fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"))
}

impl Journal {
    /// Reads what is there. A torn last line is a line that was never acknowledged.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let text = match own_file::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let first_start = text.is_none();
        let file = appendable(&path)?;
        let (order, seen, open) = (VecDeque::new(), HashSet::new(), HashMap::new());
        let (told, torn) = (VecDeque::new(), false);
        let mut journal =
            Self { path, file, length: 0, order, seen, open, told, torn, first_start };
        let text = text.unwrap_or_default();
        let mut torn = 0;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(line) => journal.apply(line),
                Err(_) => torn += 1,
            }
        }
        if torn > 0 {
            warn!(file = %journal.path.display(), lines = torn, "what cannot be read of it is left out");
        }
        journal.compact()?;
        Ok(journal)
    }

    /// True where the account never ran before.
    pub(crate) fn first_start(&self) -> bool {
        self.first_start
    }

    /// True for an event that was taken or passed over before.
    pub(crate) fn knows(&self, key: &EventKey) -> bool {
        self.seen.contains(key)
    }

    /// Remembers an event that owes nothing.
    pub(crate) fn see(&mut self, key: &EventKey) -> io::Result<()> {
        self.append(&Line::Seen { key: key.clone() }, false)
    }

    /// Remembers that the challenge of this request was delivered.
    pub(crate) fn tell(&mut self, request: &RequestId) -> io::Result<()> {
        self.append(&Line::Told { request: request.as_str().to_owned() }, true)
    }

    /// True where the challenge of this request was delivered.
    pub(crate) fn has_told(&self, request: &RequestId) -> bool {
        self.told.iter().any(|told| told == request.as_str())
    }

    /// Takes a message on: after this returns, it is answered even if the machine stops.
    pub(crate) fn take(&mut self, key: &EventKey, message: &InboundMessage) -> io::Result<()> {
        let job = Open { tries: 1, message: keep(message) };
        self.append(&Line::Job { key: key.clone(), job }, true)
    }

    /// Its answer is given, or never will be.
    pub(crate) fn finish(&mut self, key: &EventKey) -> io::Result<()> {
        self.append(&Line::Done { key: key.clone() }, false)
    }

    /// What the last run left unanswered, each noted as tried once more; what was tried often enough is given up.
    pub(crate) fn left_over(&mut self) -> io::Result<Vec<(EventKey, InboundMessage)>> {
        let mut left = Vec::new();
        let open: Vec<(EventKey, Open)> =
            self.open.iter().map(|(key, job)| (key.clone(), job.clone())).collect();
        for (key, job) in open {
            match revive(job.message) {
                Some(message) if job.tries < TRIES => {
                    self.append(&Line::Try { key: key.clone() }, true)?;
                    left.push((key, message));
                }
                _ => {
                    warn!(file = %self.path.display(), "an answer is given up: it was cut off too often");
                    self.finish(&key)?;
                }
            }
        }
        left.sort_by_key(|(_, message)| message.sent_at);
        Ok(left)
    }

    fn append(&mut self, line: &Line, durable: bool) -> io::Result<()> {
        if self.length > COMPACT_AT {
            self.compact()?;
        }
        let bytes = to_line(line)?;
        if std::mem::take(&mut self.torn) {
            self.torn = self.file.write_all(b"\n").is_err();
        }
        let written = self.file.write_all(&bytes);
        // What stands there of it must not spoil the next line.
        self.torn |= written.is_err();
        written?;
        if durable {
            self.file.sync_data()?;
        }
        self.length += bytes.len() as u64;
        let line = serde_json::from_slice(&bytes)?;
        self.apply(line);
        Ok(())
    }

    fn apply(&mut self, line: Line) {
        let key = match line {
            Line::Done { key } => {
                self.open.remove(&key);
                key
            }
            Line::Job { key, job } => {
                self.open.insert(key.clone(), job);
                key
            }
            Line::Seen { key } => key,
            Line::Told { request } => {
                self.told.push_back(request);
                let extra = self.told.len().saturating_sub(TOLD);
                self.told.drain(..extra);
                return;
            }
            Line::Try { key } => {
                if let Some(job) = self.open.get_mut(&key) {
                    job.tries += 1;
                }
                key
            }
        };
        if self.seen.insert(key.clone()) {
            self.order.push_back(key);
        }
        while self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.map(|key| self.seen.remove(&key));
        }
    }

    fn compact(&mut self) -> io::Result<()> {
        let aside = self.path.with_extension("tmp");
        drop(fs::remove_file(&aside));
        let mut file = appendable(&aside)?;
        let mut bytes = Vec::new();
        for key in self.order.iter().filter(|key| !self.open.contains_key(*key)) {
            bytes.extend(to_line(&Line::Seen { key: key.clone() })?);
        }
        for request in &self.told {
            bytes.extend(to_line(&Line::Told { request: request.clone() })?);
        }
        for (key, job) in &self.open {
            bytes.extend(to_line(&Line::Job { key: key.clone(), job: job.clone() })?);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&aside, &self.path)?;
        (self.file, self.length, self.torn) = (file, bytes.len() as u64, false);
        Ok(())
    }
}

fn to_line(line: &Line) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn appendable(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        crate::store::private::ensure_dir(folder).map_err(io::Error::other)?;
    }
    own_file::open_with(OpenOptions::new().create(true).append(true).mode(0o600), path)
}

/// As it stands on disk.
pub(crate) fn keep(message: &InboundMessage) -> Kept {
    Kept {
        id: message.id.as_str().to_owned(),
        chat: message.conversation.id.as_str().to_owned(),
        thread: message.conversation.thread.as_ref().map(|thread| thread.as_str().to_owned()),
        direct: message.conversation.kind == ChatKind::Direct,
        sender: message.sender.id.as_str().to_owned(),
        name: message.sender.name.clone(),
        sent_at: message.sent_at.0,
        text: message.text.clone(),
        no_text: message.attachment.is_some(),
        mentions_us: message.mentions_us,
        private: message.link == Link::Private,
    }
}

/// As it came; `None` where its ids are none.
pub(crate) fn revive(kept: Kept) -> Option<InboundMessage> {
    let sender = Sender { id: SenderId::new(&kept.sender).ok()?, name: kept.name, meta: [].into() };
    let kind = if kept.direct { ChatKind::Direct } else { ChatKind::Group };
    Some(InboundMessage {
        id: EventId::new(kept.id),
        conversation: Conversation::new(ChatId::new(kept.chat), kind)
            .in_thread(kept.thread.map(ThreadId::new)),
        sender,
        sent_at: UnixMs(kept.sent_at),
        text: kept.text,
        attachment: kept.no_text.then_some(Attachment::File),
        mentions_us: kept.mentions_us,
        reply_to: None,
        link: if kept.private { Link::Private } else { Link::Exposed },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, text: &str) -> InboundMessage {
        let sender = Sender { id: SenderId::new("7").unwrap(), name: None, meta: [].into() };
        InboundMessage {
            id: EventId::new(id),
            conversation: Conversation::new(ChatId::new("7"), ChatKind::Direct),
            sender,
            sent_at: UnixMs(1),
            text: text.to_owned(),
            attachment: None,
            mentions_us: false,
            reply_to: None,
            link: Link::Private,
        }
    }

    fn key_of(message: &InboundMessage) -> EventKey {
        key([0; 16], &message.conversation.id, &message.sender.id, &message.id)
    }

    #[test]
    fn case_105_an_event_is_the_same_by_chat_sender_and_id() {
        let key = |chat: &str, sender: &str, id: &str| {
            super::key(
                [0; 16],
                &ChatId::new(chat),
                &SenderId::new(sender).unwrap(),
                &EventId::new(id),
            )
        };
        assert_eq!(key("1", "2", "3"), key("1", "2", "3"));
        let others =
            [key("9", "2", "3"), key("1", "9", "3"), key("1", "2", "9"), key("12", "3", "")];
        assert!(others.iter().all(|other| *other != key("1", "2", "3")));
        // Another bot numbers its messages anew.
        let of_another = super::key(
            [1; 16],
            &ChatId::new("1"),
            &SenderId::new("2").unwrap(),
            &EventId::new("3"),
        );
        assert_ne!(of_another, key("1", "2", "3"));
    }

    #[test]
    fn an_unfinished_answer_is_given_once_more_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inbox/telegram-default.jsonl");
        let (one, two) = (message("1", "hello"), message("2", "again"));
        let mut journal = Journal::open(path.clone()).unwrap();
        assert!(journal.first_start());
        journal.take(&key_of(&one), &one).unwrap();
        journal.take(&key_of(&two), &two).unwrap();
        journal.finish(&key_of(&two)).unwrap();
        for expected in [1, 0, 0] {
            let mut journal = Journal::open(path.clone()).unwrap();
            assert!(!journal.first_start() && journal.knows(&key_of(&two)));
            let left = journal.left_over().unwrap();
            assert_eq!(left.len(), expected);
            assert!(left.iter().all(|(_, message)| message.text == "hello"));
        }
    }

    #[test]
    fn an_unfinished_answer_remembers_its_topic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let mut one = message("1", "hello");
        one.conversation.thread = Some(ThreadId::new("7"));
        Journal::open(path.clone()).unwrap().take(&key_of(&one), &one).unwrap();
        let left = Journal::open(path).unwrap().left_over().unwrap();
        assert_eq!(left[0].1.conversation, one.conversation);
    }

    #[test]
    fn a_torn_line_was_never_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let one = message("1", "hello");
        Journal::open(path.clone()).unwrap().take(&key_of(&one), &one).unwrap();
        let bytes = fs::read(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(bytes.len() as u64 - 9).unwrap();
        let mut journal = Journal::open(path).unwrap();
        assert!(journal.left_over().unwrap().is_empty() && !journal.knows(&key_of(&one)));
    }

    #[test]
    fn half_a_line_does_not_spoil_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let (one, two) = (message("1", "hello"), message("2", "again"));
        let mut journal = Journal::open(path.clone()).unwrap();
        // The disk takes a part of the line, and then nothing.
        journal.file.write_all(b"{\"is\":\"jo").unwrap();
        journal.file = File::open(&path).unwrap();
        assert!(journal.take(&key_of(&one), &one).is_err());
        assert!(!journal.knows(&key_of(&one)));
        journal.file = appendable(&path).unwrap();
        journal.take(&key_of(&two), &two).unwrap();
        let left = Journal::open(path).unwrap().left_over().unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].1.text, "again");
    }

    #[test]
    fn a_delivered_challenge_is_remembered_across_starts_and_rewrites() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let (one, two) = (RequestId::from_text("one"), RequestId::from_text("two"));
        Journal::open(path.clone()).unwrap().tell(&one).unwrap();
        for _ in 0..3 {
            let journal = Journal::open(path.clone()).unwrap();
            assert!(journal.has_told(&one) && !journal.has_told(&two));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path().join("j.jsonl")).unwrap();
        for n in 0..REMEMBERED + 10 {
            journal.see(&n.to_string()).unwrap();
        }
        assert!(!journal.knows(&"0".to_owned()) && journal.knows(&(REMEMBERED + 9).to_string()));
        assert_eq!(journal.order.len(), REMEMBERED);
    }
}
