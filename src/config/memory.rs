//! What a configuration file was when it last held, so that one that is gone, empty or cut off is noticed, also by the
//! next start. It is remembered as digests, a line each.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::problem::ConfigError;
use crate::store::{StoreError, paths::StateDir, private};

/// So many files are remembered.
const FILES: usize = 8;

/// One file as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Below the state folder, which may be moved, or else as a whole.
    file: PathBuf,
    /// Its last line had its end.
    ended: bool,
    /// Of everything up to the end of each line that is not blank.
    lines: Vec<String>,
    /// So many of them reach to the last line that is no comment.
    says: usize,
}

impl Memory {
    /// A file as it is now.
    pub(super) fn of(state: &StateDir, file: &Path, bytes: &[u8]) -> Self {
        let mut memory =
            Self { file: below(state, file), ended: bytes.ends_with(b"\n"), ..Self::default() };
        let mut read = ring::digest::Context::new(&ring::digest::SHA256);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.trim_ascii_end();
            let mut here = read.clone();
            here.update(text);
            read.update(line);
            if !text.is_empty() {
                memory.lines.push(HEXLOWER.encode(&here.finish().as_ref()[..8]));
                if !text.trim_ascii_start().starts_with(b"#") {
                    memory.says = memory.lines.len();
                }
            }
        }
        memory
    }

    /// It is empty, or has only comments.
    pub(super) fn says_nothing(&self) -> bool {
        self.says == 0
    }

    /// The reason why what is there now cannot be what its writer meant.
    pub(super) fn then(&self, now: Option<&Self>) -> Result<(), &'static str> {
        match now {
            Some(now) => now.follows(self),
            None if self.says == 0 => Ok(()),
            None => Err(
                "existed before and is missing now; restore it, or create it with only a comment in it",
            ),
        }
    }

    /// The reason why this cannot be what its writer meant, if it was `before`.
    fn follows(&self, before: &Self) -> Result<(), &'static str> {
        if self.lines.is_empty() && before.says > 0 {
            return Err("is empty; restore its content, or write a comment into it");
        }
        let whole = self.lines.len();
        // What is cut within a line ends without a line's end.
        let least = if before.ended && !self.ended { whole.saturating_sub(1) } else { whole };
        for length in [whole, least] {
            let end = length.checked_sub(1).and_then(|at| self.lines.get(at));
            let place = end.and_then(|end| before.lines.iter().position(|line| line == end));
            let reaches = if length == 0 { Some(0) } else { place.map(|at| at + 1) };
            if reaches.is_some_and(|reaches| reaches < before.says) {
                return Err(
                    "ends where more stood when it last held: it looks cut off; put the rest back, or, if that is \
                     meant, add a line at its end, such as `# end`",
                );
            }
        }
        Ok(())
    }
}

/// Refuses a file that is gone, empty or cut off although it was there.
pub(super) fn check(
    state: &StateDir,
    file: &Path,
    now: Option<&Memory>,
) -> Result<(), ConfigError> {
    let known = below(state, file);
    let before = recall(state)?.into_iter().find(|kept| kept.file == known);
    before.map_or(Ok(()), |before| before.then(now).map_err(|why| lost(file, why)))
}

fn below(state: &StateDir, file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    file.strip_prefix(state.path()).map_or_else(|_| file.clone(), Path::to_owned)
}

/// Remembers a file that holds from now on.
pub(super) fn remember(state: &StateDir, now: &Memory) -> Result<(), StoreError> {
    let mut kept = read(state)?;
    if kept.first() == Some(now) {
        return Ok(());
    }
    kept.retain(|kept| kept.file != now.file);
    kept.insert(0, now.clone());
    kept.truncate(FILES);
    private::replace_json(&state.config_memory(), &kept)?;
    state.config_memory().parent().map_or(Ok(()), private::sync)
}

/// Forgets a file that is gone on purpose.
pub(super) fn forget(state: &StateDir, file: &Path) -> Result<(), StoreError> {
    let (mut kept, file) = (read(state)?, below(state, file));
    let before = kept.len();
    kept.retain(|kept| kept.file != file);
    if kept.len() == before {
        return Ok(());
    }
    private::replace_json(&state.config_memory(), &kept)?;
    state.config_memory().parent().map_or(Ok(()), private::sync)
}

/// The files that are remembered, but for the usual one.
pub(super) fn others(state: &StateDir) -> Result<Vec<PathBuf>, StoreError> {
    let files = read(state)?.into_iter().map(|kept| state.path().join(kept.file));
    Ok(files.filter(|file| *file != state.config()).collect())
}

fn recall(state: &StateDir) -> Result<Vec<Memory>, ConfigError> {
    read(state).map_err(|error| lost(&state.config_memory(), &error.to_string()))
}

fn read(state: &StateDir) -> Result<Vec<Memory>, StoreError> {
    let path = state.config_memory();
    let Some(bytes) = private::read(&path)? else { return Ok(Vec::new()) };
    let why = "it is not as the gateway wrote it; look whether the configuration is whole, then remove this file";
    serde_json::from_slice(&bytes).map_err(|_| StoreError::Damaged {
        path,
        line: None,
        why: why.to_owned(),
    })
}

pub(super) fn lost(file: &Path, why: &str) -> ConfigError {
    ConfigError::Lost { path: file.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        "# ours\n[gateway]\nport = 18790\n\n[owner]\ntelegram = [\"1\"]\n\n# the end\n";

    fn good(text: &str) -> bool {
        let state = StateDir::at("/s");
        let of = |text: &str| Memory::of(&state, &state.config(), text.as_bytes());
        of(text).follows(&of(WHOLE)).is_ok()
    }

    #[test]
    fn case_125_a_file_that_is_the_beginning_of_what_it_was_is_cut() {
        for (at, _) in WHOLE.match_indices('\n').filter(|(at, _)| *at < WHOLE.len() - 12) {
            assert!(!good(&WHOLE[..at]), "{}", &WHOLE[..at]);
            assert!(!good(&WHOLE[..=at]), "{}", &WHOLE[..=at]);
        }
        assert!(!good(""));
        assert!(!good("# ours\n[gateway]\nport = 1879"), "within a number");
    }

    #[test]
    fn case_125_what_is_changed_is_not_cut() {
        assert!(good(WHOLE) && good(&WHOLE.replace("# the end\n", "")));
        assert!(
            good("# ours\n[gateway]\nport = 18790\n# end\n"),
            "a line at its end says that it is meant"
        );
        assert!(good("# ours\n[gateway]\nport = 18791\n"), "another value");
        assert!(good(&format!("{WHOLE}[pairing]\nreply = \"silent\"")));
        assert!(good("[owner]\ntelegram = [\"1\"]\n"));
    }
}
