//! The log's end: reading it, repairing it, and writing behind it. Only under the writer's lock.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{UnixMs, own_file};

use super::{
    Line, NOTHING, hash,
    head::{self, Head, HeadFile, HeadRead},
    rotated, seal, show,
};
use crate::{
    StoreError,
    file::{Identity, damaged, sync_dir},
    io, own,
    paths::StateDir,
    world,
};

/// A full log is put aside.
pub(crate) const ROTATE_AT: u64 = 8 * 1024 * 1024;
/// A head is never further behind its log than this, but for an older copy.
const MOST_BEHIND: usize = 10_000;
/// No line is longer, by the bounds of its parts.
const TAIL: u64 = 64 * 1024;

/// The log, open at its end.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Not there before the first line.
    file: Option<File>,
    length: u64,
    rotate_at: u64,
    rotated: u64,
    head_file: HeadFile,
    head: Head,
    /// What the next line follows.
    after: (u64, String),
    unfinished: Option<Line>,
    written_at: Option<UnixMs>,
    end: FileEnd,
    in_doubt: bool,
    doubt: Option<Doubt>,
    was_full: bool,
}

/// Why log and head do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    path: PathBuf,
    why: String,
}

/// What stands behind the last whole line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileEnd {
    /// Nothing.
    Whole,
    /// Part of a line.
    Torn,
    /// Nothing any more.
    Repaired,
}

/// A whole line at the end of a log.
struct Last {
    line: Line,
    hash: String,
}

impl Log {
    /// Opens it, and cuts off a last line that was never whole: such a line has decided nothing. A log and a head
    /// that do not belong together are told by [`Self::doubt`], and nothing is written or cut off then.
    pub(crate) fn open(state: &StateDir, rotate_at: u64) -> Result<Self, StoreError> {
        let (path, head_path) = (state.access_log(), state.access_head());
        let seen = head::read_head(&head_path)?;
        let file = existing(&path)?;
        let (end, torn) = match &file {
            Some(file) => {
                let end = end_of(file, &path)?;
                let length = file.metadata().map_err(|error| io("read", &path, error))?.len();
                let torn = end.length < length;
                (end, if torn { FileEnd::Torn } else { FileEnd::Whole })
            }
            None => (End { length: 0, last: None }, FileEnd::Whole),
        };
        let mut rotated_to = 0;
        let mut last = end.last;
        if end.length == 0 || end.length >= rotate_at {
            let aside = rotated(state)?;
            rotated_to = aside.last().map_or(0, |(number, _)| *number);
            // A log is sealed only when there is a line behind it.
            if let (None, Some((_, path))) =
                (&last, aside.last().filter(|(_, path)| !seal::is_sealed(path)))
            {
                last = end_of(&open(path)?, path)?.last;
            }
        }
        let written_at = last.as_ref().and_then(|last| world::from_iso(&last.line.at));
        let doubt = doubt(state, &seen, last.as_ref());
        let mut log = Self {
            path,
            file,
            length: end.length,
            rotate_at,
            rotated: rotated_to,
            head_file: HeadFile::at(head_path),
            head: Head::default(),
            after: (0, NOTHING.to_owned()),
            unfinished: None,
            written_at,
            end: torn,
            in_doubt: false,
            doubt,
            was_full: false,
        };
        if log.doubt.is_none() {
            log.repair()?;
        }
        log.follow(state, seen, last)?;
        Ok(log)
    }

    /// Says what the next line follows, and makes a head that knows of the files.
    fn follow(
        &mut self,
        state: &StateDir,
        seen: HeadRead,
        last: Option<Last>,
    ) -> Result<(), StoreError> {
        self.head = match seen {
            HeadRead::Head(head) => head,
            HeadRead::Nothing | HeadRead::Unreadable => Head::default(),
        };
        match last {
            Some(last) if last.line.seq > self.head.count => {
                self.after = (last.line.seq, last.hash);
                self.unfinished = Some(last.line).filter(|_| self.doubt.is_none());
            }
            // The chain goes on from the head: what is missing before it stays visible.
            _ if self.head.count > 0 => self.after = (self.head.count, self.head.hash.clone()),
            _ => {}
        }
        if self.doubt.is_none() && self.head.own.is_none() {
            self.head.own = Some(own::present(state));
            self.head_file.write(&self.head, true)?;
        }
        if self.doubt.is_some() {
            return Ok(());
        }
        state.saw_log();
        own::mark(state)
    }

    /// True where it was full, and was put aside.
    pub(crate) fn was_full(&self) -> bool {
        self.was_full
    }

    /// Why log and head do not belong together, if they do not.
    pub(crate) fn doubt(&self) -> Option<StoreError> {
        let Doubt { path, why } = self.doubt.as_ref()?;
        let why = format!("{why}; put the right files there, or see `openclaw audit accept`");
        Some(damaged(path, None, &why))
    }

    /// What is wrong, for a person: below the state folder.
    pub(crate) fn doubted(&self) -> Option<(&Path, &str)> {
        self.doubt.as_ref().map(|doubt| (doubt.path.as_path(), doubt.why.as_str()))
    }

    /// What the head says.
    pub(crate) fn said(&self) -> &Head {
        &self.head
    }

    /// Cuts off what stands behind the last whole line.
    fn repair(&mut self) -> Result<(), StoreError> {
        let torn = self.file.as_ref().filter(|_| self.end == FileEnd::Torn);
        let Some(file) = torn else { return Ok(()) };
        let cut = file.set_len(self.length).and_then(|()| file.sync_data());
        cut.map_err(|error| io("write", &self.path, error))?;
        self.end = FileEnd::Repaired;
        tracing::warn!(log = ?self.path, "the access log's last line was torn, and is cut off");
        Ok(())
    }

    /// Goes on with the files as they are.
    pub(crate) fn accept(&mut self, state: &StateDir) -> Result<(), StoreError> {
        self.repair()?;
        self.doubt = None;
        self.head.own = Some(own::present(state));
        self.head.wrote.retain(|name, _| state.named(name).exists());
        Ok(())
    }

    /// True where a line could be neither written whole nor taken back.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The number of the last line.
    pub(crate) fn count(&self) -> u64 {
        self.after.0
    }

    /// The last line, where it is not known to be finished.
    pub(crate) fn unfinished(&self) -> Option<&Line> {
        self.unfinished.as_ref()
    }

    /// When the last line was written, by the clock of its writer.
    pub(crate) fn written_at(&self) -> Option<UnixMs> {
        self.written_at
    }

    /// True where the last line was torn.
    pub(crate) fn was_repaired(&self) -> bool {
        self.end == FileEnd::Repaired
    }

    /// True where the file is as we left it.
    pub(crate) fn wrote(&self, path: &Path, identity: Identity) -> bool {
        self.head.wrote.get(&name(path)).is_some_and(|text| *text == identity.to_text())
    }

    /// Appends lines, durable on return. On an error none of them is there.
    pub(crate) fn append(&mut self, lines: Vec<Line>) -> Result<(), StoreError> {
        let mut text = Vec::new();
        let mut after = self.after.clone();
        for line in lines {
            let line = Line { seq: after.0 + 1, prev: after.1, ..line };
            let bytes = serde_json::to_vec(&line).map_err(std::io::Error::other);
            let bytes = bytes.map_err(|error| io("write", &self.path, error))?;
            after = (line.seq, hash(&bytes));
            text.extend(bytes);
            text.push(b'\n');
        }
        if self.length >= self.rotate_at {
            self.rotate()?;
        }
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            let made = open(&self.path)?;
            self.path.parent().map_or(Ok(()), sync_dir)?;
            made
        };
        let file = self.file.insert(file);
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What is there of it must not be taken for a decision.
            let taken_back = file.set_len(self.length).and_then(|()| file.sync_data());
            taken_back.map_err(|source| {
                self.in_doubt = true;
                StoreError::InDoubt { path: self.path.clone(), source }
            })?;
            return Err(io("write", &self.path, error));
        }
        self.length += u64::try_from(text.len()).unwrap_or_default();
        self.after = after;
        Ok(())
    }

    /// Says that everything the log says is done, and which files that has made; `own` holds the digests of those
    /// that nobody else writes.
    pub(crate) fn finish(
        &mut self,
        wrote: impl IntoIterator<Item = (PathBuf, Identity)>,
        own: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let wrote = wrote.into_iter().map(|(path, identity)| (name(&path), identity.to_text()));
        let wrote: BTreeMap<_, _> = wrote.collect();
        let is_news = !own.is_empty();
        self.head.wrote.extend(wrote);
        self.head.own.get_or_insert_default().extend(own);
        (self.head.count, self.head.hash) = self.after.clone();
        self.head_file.write(&self.head, is_news)?;
        self.unfinished = None;
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), StoreError> {
        let failed = |error| io("write", &self.path, error);
        self.rotated += 1;
        let aside = self.path.with_file_name(format!("access-{}.jsonl", self.rotated));
        std::fs::rename(&self.path, aside).map_err(failed)?;
        self.file = Some(open(&self.path)?);
        self.length = 0;
        self.was_full = true;
        self.path.parent().map_or(Ok(()), sync_dir)
    }
}

/// Why log and head do not belong together.
fn doubt(state: &StateDir, seen: &HeadRead, last: Option<&Last>) -> Option<Doubt> {
    let of_head = |why: &str| Doubt { path: state.access_head(), why: why.to_owned() };
    let of_log = |why: String| Doubt { path: state.access_log(), why };
    let head = match (seen, last) {
        (HeadRead::Nothing, None) if !own::has_had_log(state) => return None,
        (HeadRead::Nothing, None) => {
            return Some(of_head("it is missing, and so is its access log"));
        }
        (HeadRead::Nothing, Some(_)) => {
            return Some(of_head("it is missing beside its access log"));
        }
        (HeadRead::Unreadable, _) => return Some(of_head("it cannot be read")),
        (HeadRead::Head(head), _) => head,
    };
    let count = head.count;
    let Some(last) = last else {
        let why = || of_log(format!("it is missing; its head says that it has {count} lines"));
        return (count > 0).then(why);
    };
    let (seq, before) = (last.line.seq, if count > 0 { head.hash.as_str() } else { NOTHING });
    if seq < count {
        return Some(of_log(format!("it ends with line {seq}; its head says {count}")));
    }
    if seq > count + 1 && is_older(state, count, seq) {
        return Some(of_head("it is older than its access log"));
    }
    let is_other = seq == count && last.hash != head.hash;
    let is_strange = seq == count + 1 && last.line.prev != before;
    (is_other || is_strange)
        .then(|| of_log("its end is not the one that its head names".to_owned()))
}

/// The same for those who only look: nothing is repaired, and no lock is taken. The file, and what is wrong with it.
pub(super) fn doubt_of(state: &StateDir) -> Result<Option<(PathBuf, String)>, StoreError> {
    let seen = head::read_head(&state.access_head())?;
    let path = state.access_log();
    let mut newest = match existing(&path)? {
        Some(file) => end_of(&file, &path)?.last,
        None => None,
    };
    let aside = rotated(state)?;
    if let (None, Some((_, path))) =
        (&newest, aside.last().filter(|(_, path)| !seal::is_sealed(path)))
        && let Some(file) = existing(path)?
    {
        newest = end_of(&file, path)?.last;
    }
    Ok(doubt(state, &seen, newest.as_ref()).map(|Doubt { path, why }| (path, why)))
}

/// False where something stands behind the last whole line.
pub(super) fn ends_whole(state: &StateDir) -> Result<bool, StoreError> {
    let path = state.access_log();
    let Some(file) = existing(&path)? else { return Ok(true) };
    let end = end_of(&file, &path)?;
    let length = file.metadata().map_err(|error| io("read", &path, error))?.len();
    Ok(end.length >= length)
}

/// What a loss of power takes from a head is little, and no news about files: that is durable before another line
/// follows. A head without it is an older copy.
fn is_older(state: &StateDir, count: u64, seq: u64) -> bool {
    let behind = usize::try_from(seq - count).unwrap_or(usize::MAX);
    let lines = if behind > MOST_BEHIND { Ok(Vec::new()) } else { show(state, behind) };
    let lines = lines.unwrap_or_default();
    let news = |line: &Line| line.seq > count && !line.made.is_empty();
    lines.is_empty() || lines.iter().rev().skip(1).any(news)
}

/// The last line, where it is one behind the line of this number: it may be underway. Takes no lock.
pub(crate) fn underway(state: &StateDir, count: u64) -> Option<Line> {
    last(state).filter(|line| line.seq > count)
}

/// The last line that is whole. Takes no lock.
pub(crate) fn last(state: &StateDir) -> Option<Line> {
    let path = state.access_log();
    Some(end_of(&own_file::open(&path).ok()?, &path).ok()?.last?.line)
}

/// The file's name, and its folder's where that is not the one of grants: two folders have a `paired.json`.
pub(crate) fn name(path: &Path) -> String {
    let text = |name: Option<&std::ffi::OsStr>| {
        name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let (folder, file) = (text(path.parent().and_then(Path::file_name)), text(path.file_name()));
    if folder == "credentials" { file } else { format!("{folder}/{file}") }
}

fn existing(path: &Path) -> Result<Option<File>, StoreError> {
    match own_file::open_with(OpenOptions::new().read(true).append(true), path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("write", path, error)),
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    own_file::open_with(&mut options, path).map_err(|error| io("write", path, error))
}

struct End {
    length: u64,
    last: Option<Last>,
}

/// Where the last whole line ends, and what it says. A line that cannot be read counts as torn if it is the last.
fn end_of(file: &File, path: &Path) -> Result<End, StoreError> {
    let length = file.metadata().map_err(|error| io("read", path, error))?.len();
    let from = length.saturating_sub(TAIL);
    let mut tail = vec![0; usize::try_from(length - from).unwrap_or_default()];
    file.read_exact_at(&mut tail, from).map_err(|error| io("read", path, error))?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut end = whole;
    // The last one may be torn in spite of its line break; the one before it may not.
    for _ in 0..2 {
        let Some(bytes) = tail[..end].strip_suffix(b"\n") else { break };
        let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Ok(line) = serde_json::from_slice(&bytes[start..]) {
            let last = Some(Last { line, hash: hash(&bytes[start..]) });
            return Ok(End { length: from + u64::try_from(end).unwrap_or_default(), last });
        }
        end = start;
    }
    if end == 0 && from == 0 {
        return Ok(End { length: 0, last: None });
    }
    Err(damaged(path, None, "its last lines cannot be read; move it away, and the chain goes on"))
}
