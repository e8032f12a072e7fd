//! The chain of lines, read once and in bounded memory: does each line name the one before it?

use super::{Line, NOTHING, hash, seal::Aged, verify::Problem};

/// No more than this is kept of what is wrong.
const MOST: usize = 1_000;

/// The chain, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// How many lines there were.
    pub(super) lines: u64,
    last: Option<(u64, String)>,
    /// Lines that were not there where they belong, and what the line behind them says of the last of them.
    gaps: Vec<Gap>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Gap {
    from: u64,
    to: u64,
    said: Option<String>,
}

impl Chain {
    /// The next line, and its bytes.
    pub(super) fn read(&mut self, line: &Line, bytes: &[u8]) {
        self.lines += 1;
        let own = hash(bytes);
        let last = self.last();
        if line.seq <= last {
            self.late(line.seq, &own);
            return;
        }
        if line.seq == last + 1 {
            let before = self.last.as_ref().map_or(NOTHING, |(_, own)| own.as_str());
            if line.prev != before {
                self.problem(Problem::Changed(last.max(1)));
            }
        } else {
            let said = Some(line.prev.clone());
            self.gaps.push(Gap { from: last + 1, to: line.seq - 1, said });
            if self.gaps.len() > MOST {
                let gap = self.gaps.remove(0);
                self.problem(Problem::Missing { from: gap.from, to: gap.to });
            }
        }
        self.last = Some((line.seq, own));
    }

    /// Lines that are left out, by the hashes at their ends.
    pub(super) fn aged(&mut self, aged: &Aged) {
        let last = self.last();
        self.lines += aged.to.saturating_sub(aged.from) + 1;
        let before = self.last.as_ref().map_or(NOTHING, |(_, own)| own.as_str());
        if aged.from == last + 1 && aged.prev != before {
            self.problem(Problem::Changed(last.max(1)));
        }
        if aged.from > last + 1 {
            self.problem(Problem::Missing { from: last + 1, to: aged.from - 1 });
        }
        if aged.from <= last || aged.to < aged.from {
            return self.problem(Problem::Reordered(aged.from));
        }
        self.last = Some((aged.to, aged.hash.clone()));
    }

    /// True where lines are missing.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
            || self.problems.iter().any(|it| matches!(it, Problem::Missing { .. }))
    }

    /// The end of a sealed log: true where it is the last line's.
    pub(super) fn ends_with(&self, seq: u64, hash: &str) -> bool {
        self.last.as_ref().is_some_and(|(last, own)| (*last, own.as_str()) == (seq, hash))
    }

    /// The number of the last line.
    pub(super) fn last(&self) -> u64 {
        self.last.as_ref().map_or(0, |(seq, _)| *seq)
    }

    /// Something that is wrong, if there is still room for it.
    pub(super) fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MOST {
            self.problems.push(problem);
        }
    }

    /// What is wrong, given what the head says.
    pub(super) fn end(mut self, (count, head): (u64, &str)) -> Vec<Problem> {
        let (last, own) = self.last.take().unwrap_or_default();
        if last == count && count > 0 && own != head {
            self.problem(Problem::Changed(last));
        }
        if count > last {
            self.problem(Problem::Cut { from: last + 1, to: count });
        }
        let gaps = self.gaps.into_iter();
        self.problems.extend(gaps.map(|Gap { from, to, .. }| Problem::Missing { from, to }));
        self.problems.sort();
        self.problems.dedup();
        self.problems
    }

    /// A line behind a later one.
    fn late(&mut self, seq: u64, own: &str) {
        self.problem(Problem::Reordered(seq));
        let Some(at) = self.gaps.iter().position(|gap| (gap.from..=gap.to).contains(&seq)) else {
            return;
        };
        let gap = self.gaps.remove(at);
        if seq == gap.to && gap.said.as_deref().is_some_and(|said| said != own) {
            self.problem(Problem::Changed(seq));
        }
        if gap.from < seq {
            self.gaps.push(Gap { from: gap.from, to: seq - 1, said: None });
        }
        if seq < gap.to {
            self.gaps.push(Gap { from: seq + 1, ..gap });
        }
    }
}
