//! Full logs, put aside for good: compressed, without what strangers have caused long ago, and with what holds at
//! their end. No line that decides anything is left out, and the chain stays whole: in place of what is left out
//! stand the hashes at its ends.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
};

use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use openclaw_plugin_sdk::{UnixMs, own_file};
use serde::{Deserialize, Serialize};

use super::{Line, action, hash, index::Index, replay::State, rotated};
use crate::{
    StoreError,
    file::{StagedFile, sync_dir, with_suffix},
    io,
    paths::StateDir,
    world,
};

/// What strangers have caused is kept so long at least.
const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
const ENDING: &str = "gz";

/// What stands in a sealed log beside lines.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mark {
    /// In place of lines that strangers have caused.
    Aged(Aged),
    /// The end.
    Sealed(Box<Sealed>),
}

/// The lines that are left out, and what the chain says of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Aged {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) prev: String,
    pub(super) hash: String,
}

/// The last line, with its hash, and what holds there by the lines.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Sealed {
    pub(super) seq: u64,
    pub(super) hash: String,
    pub(super) state: State,
}

/// True for a line that decides nothing and that every stranger can cause.
fn is_of_strangers(line: &Line) -> bool {
    let known = action::is_known(&line.action);
    let knock = [action::REQUEST, action::EVICT].contains(&line.action.as_str());
    line.made.is_empty() && (knock || (!known && line.staged.is_empty()))
}

/// True where a log is sealed.
pub(super) fn is_sealed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ENDING)
}

/// The lines of a full log, sealed or not.
pub(super) fn lines(path: &Path) -> Result<Box<dyn BufRead>, StoreError> {
    let file = own_file::open(path).map_err(|error| io("read", path, error))?;
    let file = BufReader::with_capacity(128 * 1024, file);
    if !is_sealed(path) {
        return Ok(Box::new(file));
    }
    Ok(Box::new(BufReader::with_capacity(128 * 1024, GzDecoder::new(file))))
}

/// Seals the oldest full log that is not sealed yet, if there is one. Needs no lock: nobody writes a full log.
fn oldest(state: &StateDir, now: UnixMs) -> Result<(), StoreError> {
    // Where the log begins anew, the one before it has the last line.
    if std::fs::metadata(state.access_log()).map_or(0, |meta| meta.len()) == 0 {
        return Ok(());
    }
    let all = rotated(state)?;
    let Some(at) = all.iter().position(|(_, path)| !is_sealed(path)) else { return Ok(()) };
    let before = match at.checked_sub(1).and_then(|before| all.get(before)) {
        Some((_, path)) => end(path)?,
        None => State::default(),
    };
    let path = &all[at].1;
    Index::keep(state)?;
    let sealed = write(path, before, now)?;
    let target = with_suffix(path, &format!(".{ENDING}"));
    StagedFile::write(&target, &sealed, None)?.put()?;
    path.parent().map_or(Ok(()), sync_dir)?;
    std::fs::remove_file(path).map_err(|error| io("remove", path, error))
}

/// The same where it may fail: then the log stays as it is until the next time.
pub(crate) fn seal_or_warn(state: &StateDir, now: UnixMs) {
    if let Err(error) = oldest(state, now) {
        tracing::warn!(%error, "a full access log could not be sealed");
    }
}

/// What holds at the end of a sealed log.
fn end(path: &Path) -> Result<State, StoreError> {
    let mut state = State::default();
    for line in lines(path)?.split(b'\n') {
        let line = line.map_err(|error| io("read", path, error))?;
        if let Ok(Mark::Sealed(sealed)) = serde_json::from_slice(&line) {
            state = sealed.state;
        }
    }
    Ok(state)
}

/// The bytes of the sealed log.
fn write(path: &Path, mut state: State, now: UnixMs) -> Result<Vec<u8>, StoreError> {
    let failed = |error| io("write", path, error);
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    let mut aged: Option<Aged> = None;
    let mut last = (0, String::new());
    for bytes in lines(path)?.split(b'\n') {
        let bytes = bytes.map_err(|error| io("read", path, error))?;
        let line = serde_json::from_slice::<Line>(&bytes).ok();
        if let Some(line) = &line {
            last = (line.seq, hash(&bytes));
            state.read(line);
        }
        let at = line.as_ref().and_then(|line| world::from_iso(&line.at));
        let is_old = at.is_some_and(|at| now.0.saturating_sub(at.0) >= KEPT_MS);
        let old = line.filter(|line| is_old && is_of_strangers(line));
        // What follows on the lines that are left out is left out with them.
        let follows = |aged: &mut Aged| old.as_ref().is_some_and(|old| aged.to + 1 == old.seq);
        if let Some(before) = aged.take_if(|aged| !follows(aged)) {
            put(&mut out, &Mark::Aged(before)).map_err(failed)?;
        }
        if let Some(Line { seq, prev, .. }) = old {
            let aged = aged.get_or_insert(Aged { from: seq, to: seq, prev, hash: String::new() });
            (aged.to, aged.hash) = last.clone();
        } else {
            out.write_all(&bytes).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        }
    }
    if let Some(before) = aged.take() {
        put(&mut out, &Mark::Aged(before)).map_err(failed)?;
    }
    let (seq, hash) = last;
    let sealed = Sealed { seq, hash, state };
    put(&mut out, &Mark::Sealed(Box::new(sealed))).map_err(failed)?;
    out.finish().map_err(failed)
}

fn put(out: &mut GzEncoder<Vec<u8>>, mark: &Mark) -> std::io::Result<()> {
    let text = serde_json::to_vec(mark).map_err(std::io::Error::other)?;
    out.write_all(&text)?;
    out.write_all(b"\n")
}
