//! A look at the access log and the state beside it that takes no lock and changes nothing: for those who only want to
//! know. What is written meanwhile is looked at again.

use openclaw_plugin_sdk::UnixMs;

use super::{
    Head, HeadRead, Line,
    log::{doubt_of, last},
    read::Reading,
    read_head,
    verify::{Problem, Read, Unexplained, below, files},
};
use crate::{Store, StoreError};

/// So often it is looked at again while others write.
const TRIES: usize = 3;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// How many lines there are.
    pub lines: u64,
    /// The last line, where its files are not all in place.
    pub unfinished: Option<Line>,
    /// Something stands behind the last whole line.
    pub torn: bool,
    /// What is wrong with the log, or with what only this program writes.
    pub problems: Vec<Problem>,
    /// Access that no line explains, in files that only this program writes.
    pub unexplained: Vec<Unexplained>,
}

impl Store {
    /// Looks at log and state as they are. [`Self::verify`] says the same under the lock, and repairs first.
    pub fn inspect(&self, now: UnixMs) -> Result<Inspection, StoreError> {
        let mut seen = self.look(now)?;
        for _ in 0..TRIES {
            if seen.problems.is_empty() && seen.unexplained.is_empty() && !seen.torn {
                break;
            }
            // Another process may have been writing.
            let again = self.look(now)?;
            if again == seen {
                break;
            }
            seen = again;
        }
        Ok(seen)
    }

    fn look(&self, now: UnixMs) -> Result<Inspection, StoreError> {
        let state = &self.state;
        let head = match read_head(&state.access_head())? {
            HeadRead::Head(head) => head,
            HeadRead::Nothing | HeadRead::Unreadable => Head::default(),
        };
        let count = head.count;
        let (mut reading, mut read) = (Reading::new(state), Read::default());
        reading.go(&mut |file, number, bytes| read.line(file, number, bytes))?;
        let Read { chain, replay, accepted } = read;
        let lines = chain.lines;
        let unfinished = last(state).filter(|line| line.seq > count && count > 0);
        let mut problems = chain.end((count, &head.hash));
        let mut lacking = Vec::new();
        if let Some((path, why)) = doubt_of(state)? {
            problems.push(Problem::File(below(self, &path), why));
        } else if unfinished.is_none() {
            problems.extend(files(self, &head)?);
            let (undone, unexplained) = replay.compare(self, now);
            problems.extend(undone);
            if accepted.is_none() {
                lacking.extend(unexplained.into_iter().filter(Unexplained::is_ours));
            }
        }
        problems.retain(|problem| !problem.is_before(accepted));
        problems.sort();
        problems.dedup();
        let torn = !super::log::ends_whole(state)?;
        Ok(Inspection { lines, unfinished, torn, problems, unexplained: lacking })
    }
}
