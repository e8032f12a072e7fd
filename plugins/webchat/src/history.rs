//! Both sides of the conversations of people with access, over restarts: a file a person, a line a change. Never a
//! stranger's words, and never a message that shows a code.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use openclaw_plugin_sdk::{Inbox, Readers, now, own_file};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::interval;

use crate::{
    visitor::Visitor,
    wire::{Author, Shown},
};

/// Messages of a person that are kept unless the configuration says another number.
pub(crate) const MESSAGES: usize = 200;
/// What is older is not kept.
pub(crate) const OLDEST: Duration = Duration::from_hours(30 * 24);
/// Bytes of a person's messages.
const BYTES: usize = 2 << 20;
/// People with a file: the one that has not changed for longest makes room.
const PEOPLE: usize = 1000;
const HOUR: Duration = Duration::from_hours(1);

/// What changed in a conversation.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Change {
    /// The message with this id was taken away.
    Gone(String),
    /// A message is new, or takes the place of the one with its id.
    Shown(Shown),
}

/// Where it is kept; nowhere before [`History::open`], and where nothing is to be kept.
pub(crate) struct History {
    most: usize,
    files: OnceLock<Arc<Files>>,
}

pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) most: usize,
    readers: Readers,
    /// The lines of each file that was read or written since the start. One at a time works on the files.
    pub(crate) lines: Mutex<HashMap<Visitor, usize>>,
}

impl History {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, files: OnceLock::new() }
    }

    /// From now on conversations are kept, and erased when a person loses access.
    pub(crate) fn open(&self, inbox: &Inbox) {
        if let (Some(folder), Some(readers)) = (inbox.conversations_folder(), inbox.readers()) {
            let (folder, most, lines) = (folder.to_owned(), self.most, Mutex::default());
            self.files.get_or_init(|| Arc::new(Files { folder, most, readers, lines }));
        }
    }

    /// True for a visitor who has access now, where conversations are kept.
    pub(crate) fn keeps(&self, visitor: &Visitor) -> bool {
        self.files.get().is_some_and(|files| files.most > 0 && files.has_access(visitor))
    }

    /// The same, for what they wrote: no code is kept.
    pub(crate) fn keeps_text(&self, visitor: &Visitor, text: &str) -> bool {
        self.keeps(visitor) && self.readers().is_some_and(|readers| !readers.holds_a_code(text))
    }

    pub(crate) fn readers(&self) -> Option<Readers> {
        self.files.get().map(|files| files.readers.clone())
    }

    /// The conversation of a visitor who has access, the oldest message first.
    pub(crate) async fn read(&self, visitor: &Visitor) -> Vec<Shown> {
        let visitor = visitor.clone();
        let read = self.work(move |files| files.read(&visitor)).await;
        read.and_then(Result::ok).unwrap_or_default()
    }

    /// Keeps a change, where its visitor has access. What cannot be written is not there after a restart: nobody is
    /// helped by an error in the conversation.
    pub(crate) async fn keep(&self, visitor: &Visitor, change: Change) {
        let visitor = visitor.clone();
        drop(self.work(move |files| files.keep(&visitor, &change)).await);
    }

    /// Erases what is too old, and at once all of a person who loses access, who is `gone` then. Never ends.
    pub(crate) async fn tidy(&self, gone: impl Fn(&Visitor)) -> Infallible {
        let Some(files) = self.files.get() else { return std::future::pending().await };
        let (mut readers, mut hours) = (files.readers.clone(), interval(HOUR));
        loop {
            let old = tokio::select! {
                () = readers.changed() => false,
                _ = hours.tick() => true,
            };
            let swept = self.work(move |files| files.sweep(old)).await;
            swept.iter().flatten().for_each(&gone);
        }
    }

    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> T + Send + 'static,
    ) -> Option<T> {
        let files = Arc::clone(self.files.get()?);
        tokio::task::spawn_blocking(move || work(&files)).await.ok()
    }
}

impl Files {
    pub(crate) fn has_access(&self, visitor: &Visitor) -> bool {
        visitor.sender().is_ok_and(|person| self.readers.has_access(&person))
    }

    fn path(&self, visitor: &Visitor) -> PathBuf {
        self.folder.join(format!("{}.jsonl", visitor.digits()))
    }

    fn read(&self, visitor: &Visitor) -> io::Result<Vec<Shown>> {
        let _turn = self.lines.lock();
        if !self.has_access(visitor) {
            return Ok(Vec::new());
        }
        self.kept(visitor).map(|(shown, _)| shown)
    }

    /// What is to be shown of a file, and how many lines it has.
    fn kept(&self, visitor: &Visitor) -> io::Result<(Vec<Shown>, usize)> {
        let bytes = match own_file::read(&self.path(visitor)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        let (mut shown, mut lines) = (Vec::<Shown>::new(), 0);
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            lines += 1;
            // A crash may have left half a line.
            match serde_json::from_slice(line) {
                Ok(Change::Gone(id)) => shown.retain(|old| old.id != id),
                Ok(Change::Shown(new)) => match shown.iter_mut().find(|old| old.id == new.id) {
                    // It stays where it stood.
                    Some(old) => *old = Shown { at: old.at, ..new },
                    None => shown.push(new),
                },
                Err(_) => {}
            }
        }
        let oldest = now().0.saturating_sub(u64::try_from(OLDEST.as_millis()).unwrap_or(u64::MAX));
        shown.retain(|one| one.at >= oldest);
        in_order(&mut shown);
        let (mut room, mut first) = (BYTES, shown.len());
        while first > 0 && shown.len() - first < self.most {
            let size = serde_json::to_string(&shown[first - 1]).map_or(BYTES, |line| line.len());
            let Some(left) = room.checked_sub(size) else { break };
            (room, first) = (left, first - 1);
        }
        Ok((shown.split_off(first), lines))
    }

    fn keep(&self, visitor: &Visitor, change: &Change) -> io::Result<()> {
        let mut all = self.lines.lock();
        // Asked with the files in hand: no line comes after the erasing of its file.
        if self.most == 0 || !self.has_access(visitor) {
            return Ok(());
        }
        let path = self.path(visitor);
        if !path.exists() {
            if matches!(change, Change::Gone(_)) {
                return Ok(());
            }
            self.make_room()?;
        }
        append(&path, change)?;
        let lines = match all.get(visitor) {
            Some(lines) => lines + 1,
            None => self.kept(visitor)?.1,
        };
        all.insert(visitor.clone(), lines);
        if lines > 2 * self.most + 64 {
            let kept = self.rewrite(visitor)?;
            all.insert(visitor.clone(), kept);
        }
        Ok(())
    }

    /// Only what is still shown stays in a file.
    fn rewrite(&self, visitor: &Visitor) -> io::Result<usize> {
        let (path, (shown, before)) = (self.path(visitor), self.kept(visitor)?);
        let lines = shown.len();
        if lines == 0 {
            fs::remove_file(&path)?;
        }
        if lines == 0 || lines == before {
            return Ok(lines);
        }
        let new = path.with_extension("new");
        let mut file = create(&new, true)?;
        for one in shown {
            file.write_all(&line(&Change::Shown(one))?)?;
        }
        fs::rename(new, path)?;
        Ok(lines)
    }

    fn visitors(&self) -> Vec<(Visitor, PathBuf)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let visitor = |path: &Path| Visitor::parse(&format!("web:{}", path.file_stem()?.to_str()?));
        files.filter_map(|file| Some((visitor(&file.path())?, file.path()))).collect()
    }

    fn make_room(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut files = self.visitors();
        let surplus = (files.len() + 1).saturating_sub(PEOPLE);
        let changed = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        files.sort_by_key(|(_, path)| changed(path));
        files.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }

    fn sweep(&self, old: bool) -> Vec<Visitor> {
        let mut all = self.lines.lock();
        let mut gone = Vec::new();
        self.sweep_files(old);
        for (visitor, path) in self.visitors() {
            if self.most > 0 && self.has_access(&visitor) {
                if old && let Ok(lines) = self.rewrite(&visitor) {
                    all.insert(visitor, lines);
                }
                continue;
            }
            all.remove(&visitor);
            // Left where it cannot be removed: the next sweep tries again, and nothing reads it.
            if fs::remove_file(path).is_ok() {
                gone.push(visitor);
            }
        }
        gone
    }
}

/// The oldest first. A question and its fast answer share a millisecond: then the question comes first.
pub(crate) fn in_order(shown: &mut [Shown]) {
    shown.sort_by_key(|one| (one.at, one.from != Author::You));
}

fn line(change: &Change) -> io::Result<Vec<u8>> {
    // The end of a half line that a crash has left comes first.
    let mut line = vec![b'\n'];
    serde_json::to_writer(&mut line, change)?;
    line.push(b'\n');
    Ok(line)
}

fn append(path: &Path, change: &Change) -> io::Result<()> {
    create(path, false)?.write_all(&line(change)?)
}

/// For this user alone, from the first byte.
pub(crate) fn create(path: &Path, empty: bool) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.create(true).append(!empty).write(true).truncate(empty).mode(0o600);
    own_file::open_with(&mut how, path)
}
