//! Reading the log: from its end, or all of it and then what is new.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::own_file;

use super::{Line, hash, index::LogPosition, rotated, seal};
use crate::{StoreError, file, io, paths::StateDir};

/// So much of a log is read at once, from its end.
const PIECE: u64 = 64 * 1024;

/// A log as far as it was read, whole lines only.
#[derive(Debug)]
pub(super) struct Reading {
    state: StateDir,
    path: PathBuf,
    /// The full logs that are read.
    number: u64,
    current: Option<File>,
    at: u64,
    line: usize,
}

/// What is told of each line; false where it is not taken, and read again.
pub(super) type Heard<'a> = &'a mut dyn FnMut(&Path, usize, &[u8]) -> bool;

impl Reading {
    /// From the first line on.
    pub(super) fn new(state: &StateDir) -> Self {
        let (state, path) = (state.clone(), state.access_log());
        Self { state, path, number: 0, current: None, at: 0, line: 0 }
    }

    /// From the end of the log as it is now.
    pub(super) fn at_end(state: &StateDir) -> Result<Self, StoreError> {
        let mut reading = Self::new(state);
        reading.current = existing(&reading.path)?;
        if let Some(file) = &reading.current {
            reading.at = file.metadata().map_err(|error| io("read", &reading.path, error))?.len();
        }
        // A log that was put aside meanwhile counts as read: it is still open here.
        reading.number = rotated(state)?.last().map_or(0, |(number, _)| *number);
        Ok(reading)
    }

    /// From where an earlier one came to; `None` where that is no place in this log.
    pub(super) fn resume(
        state: &StateDir,
        place: &LogPosition,
    ) -> Result<Option<Self>, StoreError> {
        let mut reading = Self::new(state);
        (reading.number, reading.at) = (place.number, place.at);
        if *place == LogPosition::default() {
            return Ok(Some(reading));
        }
        let aside = rotated(state)?.into_iter().find(|(number, _)| *number == place.number + 1);
        let path = aside.map_or_else(|| reading.path.clone(), |(_, path)| path);
        if seal::is_sealed(&path) {
            // Its lines are not where they were.
            return Ok((place.at == 0).then_some(reading));
        }
        reading.current = existing(&path)?;
        let is_there = match &reading.current {
            Some(file) if place.at > 0 => {
                line_before(file, &path, place.at)?.is_some_and(|line| hash(&line) == place.hash)
            }
            _ => place.at == 0,
        };
        Ok(is_there.then_some(reading))
    }

    /// Where it is: the full logs that it has read, the bytes of the next one, the hash of the last line.
    pub(super) fn place(&self) -> Result<LogPosition, StoreError> {
        let line = match &self.current {
            Some(file) if self.at > 0 => line_before(file, &self.path, self.at)?,
            _ => None,
        };
        let hash = line.map(|line| hash(&line)).unwrap_or_default();
        Ok(LogPosition { number: self.number, at: self.at, hash })
    }

    /// Hands over every whole line that was not handed over yet, with its file and its number there. False where one
    /// was not taken. Takes no lock: a caller that needs the very last lines has it.
    pub(super) fn go(&mut self, heard: Heard<'_>) -> Result<bool, StoreError> {
        loop {
            if !self.rest(heard)? {
                return Ok(false);
            }
            let next = existing(&self.path)?;
            if self.current.is_some() && inode(next.as_ref()) == inode(self.current.as_ref()) {
                return Ok(true);
            }
            // What was written before it was put aside.
            if !self.rest(heard)? {
                return Ok(false);
            }
            // It stands under the first new number now.
            let mut is_read = self.current.take().is_some();
            (self.at, self.line) = (0, 0);
            for (number, path) in rotated(&self.state)? {
                if number <= self.number {
                    continue;
                }
                self.number = number;
                if std::mem::take(&mut is_read) {
                    continue;
                }
                full(&path, heard)?;
            }
            self.current = existing(&self.path)?;
            if self.current.is_none() {
                return Ok(true);
            }
        }
    }

    /// Hands over the whole lines from here on, and moves behind each that is taken.
    fn rest(&mut self, heard: Heard<'_>) -> Result<bool, StoreError> {
        let Self { path, current: Some(file), at, line, .. } = self else { return Ok(true) };
        let failed = |error| io("read", path, error);
        file.seek(SeekFrom::Start(*at)).map_err(failed)?;
        let mut lines = BufReader::with_capacity(128 * 1024, file);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let length = lines.read_until(b'\n', &mut bytes).map_err(failed)?;
            // Without its end it is not written yet.
            if bytes.pop() != Some(b'\n') {
                return Ok(true);
            }
            if !heard(path, *line + 1, &bytes) {
                return Ok(false);
            }
            *line += 1;
            *at += u64::try_from(length).unwrap_or_default();
        }
    }
}

/// Hands over every line of a full log.
fn full(path: &Path, heard: Heard<'_>) -> Result<(), StoreError> {
    for (at, bytes) in seal::lines(path)?.split(b'\n').enumerate() {
        heard(path, at + 1, &bytes.map_err(|error| io("read", path, error))?);
    }
    Ok(())
}

/// The last lines of a sealed log, the newest first.
fn last_of_sealed(path: &Path, n: usize) -> Result<Vec<Line>, StoreError> {
    let mut newest = VecDeque::new();
    full(path, &mut |_, _, bytes| {
        newest.extend(serde_json::from_slice::<Line>(bytes).ok());
        if newest.len() > n {
            newest.pop_front();
        }
        true
    })?;
    Ok(newest.into_iter().rev().collect())
}

/// The last lines of one log, at most `n`, the newest first; what is no line is left out.
pub(super) fn last(path: &Path, n: usize) -> Result<Vec<Line>, StoreError> {
    if seal::is_sealed(path) {
        return last_of_sealed(path, n);
    }
    let mut found = Vec::new();
    let Some(file) = existing(path)? else { return Ok(found) };
    let failed = |error| io("read", path, error);
    let mut end = file.metadata().map_err(failed)?.len();
    // The start of a line whose end was read already.
    let mut rest: Vec<u8> = Vec::new();
    while end > 0 && found.len() < n {
        let start = end.saturating_sub(PIECE);
        let mut piece = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(&mut piece, start).map_err(failed)?;
        piece.append(&mut rest);
        let mut lines: Vec<&[u8]> = piece.split(|byte| *byte == b'\n').collect();
        let first = if start > 0 { lines.remove(0).to_vec() } else { Vec::new() };
        for bytes in lines.iter().rev() {
            if found.len() < n {
                found.extend(serde_json::from_slice::<Line>(bytes).ok());
            }
        }
        (rest, end) = (first, start);
    }
    Ok(found)
}

/// The whole line that ends here.
fn line_before(file: &File, path: &Path, end: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let failed = |error| io("read", path, error);
    if file.metadata().map_err(failed)?.len() < end {
        return Ok(None);
    }
    let start = end.saturating_sub(PIECE);
    let mut piece = vec![0; usize::try_from(end - start).unwrap_or_default()];
    file.read_exact_at(&mut piece, start).map_err(failed)?;
    let Some(bytes) = piece.strip_suffix(b"\n") else { return Ok(None) };
    let from = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(Some(bytes[from..].to_vec()))
}

/// The log at a path; `None` where there is none.
fn existing(path: &Path) -> Result<Option<File>, StoreError> {
    file::existing(path, own_file::open(path))
}

/// What tells one log from the next.
fn inode(file: Option<&File>) -> Option<u64> {
    file.and_then(|file| file.metadata().ok()).map(|meta| meta.ino())
}
