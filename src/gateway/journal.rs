//! What an account has seen, and what it still owes: an answer, or a message that the platform has not taken yet.
//! Written before an event is acknowledged.
//!
//! What a command was told never stands here, for its words may be codes, and neither does any code that is sent.
//! A line whose text nobody needs any more is overwritten where it stands.

mod index;
mod line;
pub(crate) mod mail;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use openclaw_plugin_sdk::{ChatId, EventId, InboundMessage, SenderId, own_file};
use parking_lot::Mutex;
use tracing::warn;

pub(crate) use self::{index::Owed, line::JournaledMessage};
use self::{
    index::{Index, Open, Span, Spent},
    line::{Line, Task},
    mail::{Address, Mail, Stands, hex},
    queue::{Queue, Waiting},
};
use crate::rules::pairing::RequestId;

/// A shorter file is not worth compacting.
const SMALL: u64 = 1 << 20;

/// What makes two deliveries the same event: login, chat, sender and event id (the account is the file).
pub(crate) type EventKey = String;

/// The journal of one account. Whatever is written waits for the disk: never on the runtime.
pub(crate) struct Journal {
    /// Locked before the index, which is never held while the disk works.
    tail: Mutex<Tail>,
    index: Mutex<Index>,
    /// Lines that wait for the tail.
    queue: Queue,
    first_start: bool,
    /// The file is open only while a line is written.
    resting: AtomicBool,
}

/// The end of the file.
struct Tail {
    path: PathBuf,
    /// `None` while it is closed.
    file: Option<File>,
    length: u64,
    compact_at: u64,
    /// The last line may be a part of one.
    torn: bool,
    spent: Vec<Spent>,
}

/// The key of an event that came to this login.
pub(crate) fn key(login: [u8; 16], chat: &ChatId, sender: &SenderId, event: &EventId) -> EventKey {
    let text = format!("{}\0{}\0{}", chat.as_str(), sender.as_str(), event.as_str());
    let all = [&login[..], text.as_bytes()].concat();
    let digest = ring::digest::digest(&ring::digest::SHA256, &all);
    hex(&digest.as_ref()[..16])
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
        let (mut index, mut torn) = (Index::default(), 0);
        let text = text.unwrap_or_default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(line) => drop(index.apply(line, None)),
                Err(_) => torn += 1,
            }
        }
        if torn > 0 {
            warn!(file = ?path, lines = torn, "what cannot be read of it is left out");
        }
        let file = Some(appendable(&path)?);
        let is_empty = text.is_empty();
        let tail =
            Tail { path, file, length: 0, compact_at: SMALL, torn: false, spent: Vec::new() };
        let (tail, index, resting) = (Mutex::new(tail), Mutex::new(index), AtomicBool::new(false));
        let journal = Self { tail, index, queue: Queue::default(), first_start, resting };
        if !is_empty {
            journal.compact(&mut journal.tail.lock())?;
        }
        Ok(journal)
    }

    /// True where the account never ran before.
    pub(crate) fn first_start(&self) -> bool {
        self.first_start
    }

    /// True for an event that was taken or passed over before.
    pub(crate) fn knows(&self, key: &EventKey) -> bool {
        self.index.lock().seen.contains(key)
    }

    /// Remembers an event that owes nothing.
    pub(crate) fn see(&self, key: &EventKey) -> io::Result<()> {
        self.append(Line::Seen { key: key.clone() }, false)
    }

    /// Remembers that the challenge of this request was delivered.
    pub(crate) fn tell(&self, request: &RequestId) -> io::Result<()> {
        self.append(Line::Told { request: request.as_str().to_owned() }, true)
    }

    /// True where the challenge of this request was delivered.
    pub(crate) fn has_told(&self, request: &RequestId) -> bool {
        self.index.lock().told.iter().any(|told| told == request.as_str())
    }

    /// Takes a message on: after this returns, it is answered even if the machine stops.
    pub(crate) fn take(&self, key: &EventKey, message: &Arc<InboundMessage>) -> io::Result<()> {
        let job = Task { begun: 0, message: JournaledMessage(Arc::clone(message)), shown: None };
        let n = self.index.lock().turn(key);
        self.append(Line::Job { key: key.clone(), job, n }, true)
    }

    /// A responder begins with it.
    pub(crate) fn begin(&self, key: &EventKey) -> io::Result<()> {
        self.append(Line::Begun { key: key.clone() }, false)
    }

    /// The answer that is being written stands in this message.
    pub(crate) fn begins(&self, key: &EventKey, stands: Stands) -> io::Result<()> {
        self.append(Line::Begins { key: key.clone(), stands }, true)
    }

    /// A clean stop has cut the responder off.
    pub(crate) fn cut(&self, key: &EventKey) -> io::Result<()> {
        self.append(Line::Cut { key: key.clone() }, true)
    }

    /// A command of this person begins, and is not run again.
    pub(crate) fn run(&self, key: &EventKey, to: Address) -> io::Result<()> {
        let n = self.index.lock().turn(key);
        self.append(Line::Run { key: key.clone(), to, n }, true)
    }

    /// Takes a message on that is to be sent, in the place of what was owed under this key.
    pub(crate) fn send(&self, key: &EventKey, mail: Mail) -> io::Result<()> {
        let n = self.index.lock().turn(key);
        self.append(Line::Send { key: key.clone(), mail, n }, true)
    }

    /// The platform has taken so many pieces.
    pub(crate) fn sent(&self, key: &EventKey, taken: usize) -> io::Result<()> {
        self.append(Line::Part { key: key.clone(), taken }, false)
    }

    /// Nothing is owed under this key any more.
    pub(crate) fn finish(&self, key: &EventKey) -> io::Result<()> {
        self.append(Line::Done { key: key.clone() }, false)
    }

    /// What the last run has left to do, the oldest first.
    pub(crate) fn left_over(&self) -> Vec<(EventKey, Owed)> {
        let index = self.index.lock();
        index.owed().into_iter().map(|(key, open)| (key.clone(), open.owed.clone())).collect()
    }

    /// How many messages wait to be taken by the platform, and since when the oldest does.
    pub(crate) fn unsent(&self) -> (usize, Option<u64>) {
        let index = self.index.lock();
        let made = index.open.values().filter_map(|open| match &open.owed {
            Owed::Send(mail) => Some(mail.made),
            Owed::Answer(_) | Owed::Outcome(_) => None,
        });
        made.fold((0, None), |(count, oldest), at| {
            (count + 1, Some(oldest.map_or(at, |oldest: u64| oldest.min(at))))
        })
    }

    /// Overwrites what nobody needs any more.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        let mut tail = self.tail.lock();
        let spent = std::mem::take(&mut tail.spent);
        let overwritten = overwrite(&tail.path, &spent);
        if overwritten.is_err() {
            tail.spent.extend(spent);
        }
        overwritten
    }

    /// Closes the file. Until [`Journal::wake`], each line that is still written opens it and closes it again.
    pub(crate) fn rest(&self) {
        self.resting.store(true, Ordering::Release);
        self.tail.lock().file = None;
    }

    /// From the next line on the file stays open. Never waits for the disk.
    pub(crate) fn wake(&self) {
        self.resting.store(false, Ordering::Release);
    }

    /// What comes while the disk works on other lines is written after them, together, with one sync for all.
    fn append(&self, line: Line, durable: bool) -> io::Result<()> {
        let own = self.queue.join(line, durable);
        let mut tail = self.tail.lock();
        if let Some(ended) = own.ended() {
            return ended;
        }
        self.write(&mut tail, &self.queue.all());
        if self.resting.load(Ordering::Acquire) {
            tail.file = None;
        }
        own.ended().unwrap_or_else(|| Err(io::Error::other("the journal has lost a line")))
    }

    fn write(&self, tail: &mut Tail, lines: &[Arc<Waiting>]) {
        let ready = self.ready(tail);
        let mut failed = ready.err();
        let mut put = |tail: &mut Tail, waiting: &Waiting| {
            if let Some(error) = &failed {
                return Err(queue::again(error));
            }
            let written = to_line(&waiting.line).and_then(|line| tail.write(&line));
            failed = written.as_ref().err().map(queue::again);
            written
        };
        let spans: Vec<_> = lines.iter().map(|waiting| put(tail, waiting)).collect();
        let wants =
            |(waiting, span): (&Arc<Waiting>, &io::Result<Span>)| waiting.durable && span.is_ok();
        let wanted = lines.iter().zip(&spans).any(wants);
        let synced = if wanted { tail.sync() } else { Ok(()) };
        for (waiting, span) in lines.iter().zip(spans) {
            let span = match (&synced, span) {
                (Err(error), Ok(_)) if waiting.durable => Err(queue::again(error)),
                (_, span) => span,
            };
            waiting.end(span.map(|span| {
                tail.spent.extend(self.index.lock().apply(waiting.line.clone(), Some(span)));
            }));
        }
    }

    /// Opens or compacts the file where that is due. Only here, where all that was written is in the index.
    fn ready(&self, tail: &mut Tail) -> io::Result<()> {
        if tail.length > tail.compact_at || !tail.reopen()? {
            self.compact(tail)?;
        }
        Ok(())
    }

    fn compact(&self, tail: &mut Tail) -> io::Result<()> {
        let aside = tail.path.with_extension("tmp");
        drop(fs::remove_file(&aside));
        let mut file = appendable(&aside)?;
        let (bytes, spans) = gathered(&self.index.lock())?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&aside, &tail.path)?;
        let length = bytes.len() as u64;
        (tail.file, tail.length, tail.torn) = (Some(file), length, false);
        tail.compact_at = SMALL.max(2 * length);
        tail.spent.clear();
        // Nothing was written meanwhile: a writer holds the tail.
        let mut index = self.index.lock();
        for (key, span) in spans {
            if let Some(open) = index.open.get_mut(&key) {
                open.span = Some(span);
            }
        }
        Ok(())
    }
}

impl Tail {
    /// Opens the file where it is closed. False where it is not as long as it was left: then it is to be written anew.
    fn reopen(&mut self) -> io::Result<bool> {
        if self.file.is_none() {
            let file = appendable(&self.path)?;
            let is_whole = file.metadata()?.len() == self.length;
            self.file = is_whole.then_some(file);
        }
        Ok(self.file.is_some())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<Span> {
        let closed = || io::Error::other("the journal is closed");
        let mut file = self.file.as_ref().ok_or_else(closed)?;
        if self.torn {
            file.write_all(b"\n")?;
            (self.torn, self.length) = (false, self.length + 1);
        }
        let at = self.length;
        if let Err(error) = file.write_all(line) {
            // What stands there of it must not spoil the next line.
            self.torn = true;
            // A length that is not known asks for a new file.
            self.length = file.metadata().map_or(u64::MAX, |data| data.len());
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(Span { at, length: line.len() })
    }
}

type Spans = Vec<(EventKey, Span)>;

/// All that still matters, and where each line stands that something is owed for.
fn gathered(index: &Index) -> io::Result<(Vec<u8>, Spans)> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for key in index.order.iter().filter(|key| !index.open.contains_key(*key)) {
        bytes.extend(to_line(&Line::Seen { key: key.clone() })?);
    }
    for request in &index.told {
        bytes.extend(to_line(&Line::Told { request: request.clone() })?);
    }
    for (key, open) in index.owed() {
        let line = to_line(&line_of(key, open))?;
        spans.push((key.clone(), Span { at: bytes.len() as u64, length: line.len() }));
        bytes.extend(line);
    }
    Ok((bytes, spans))
}

fn line_of(key: &EventKey, open: &Open) -> Line {
    let (key, n) = (key.clone(), open.n);
    match &open.owed {
        Owed::Answer(job) => Line::Job { key, job: job.clone(), n },
        Owed::Outcome(to) => Line::Run { key, to: to.clone(), n },
        Owed::Send(mail) => Line::Send { key, mail: mail.clone(), n },
    }
}

/// Puts a line of the same length in the place of each: the event was seen, and blanks.
fn overwrite(path: &Path, spent: &[Spent]) -> io::Result<()> {
    if spent.is_empty() {
        return Ok(());
    }
    // A file that is open to be appended to cannot be overwritten.
    let file = own_file::open_with(File::options().write(true), path)?;
    for Spent { span, key } in spent {
        let mut line = serde_json::to_vec(&Line::Seen { key: key.clone() })?;
        line.resize(span.length.saturating_sub(1), b' ');
        file.write_all_at(&line, span.at)?;
    }
    file.sync_data()
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
