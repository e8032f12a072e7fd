//! What the lines of a journal come to, in memory.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::journal::{
    EventKey,
    line::{Line, Task},
    mail::{Address, Mail},
};

/// So many event keys are remembered for each account.
pub(super) const REMEMBERED: usize = 8_192;
/// So many delivered challenges are remembered for each account: more than can wait within an hour.
const TOLD: usize = 2_048;

/// Where a line stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) at: u64,
    pub(super) length: usize,
}

/// A line whose text nobody needs any more.
#[derive(Debug)]
pub(super) struct Spent {
    pub(super) span: Span,
    pub(super) key: EventKey,
}

/// What is owed for an event.
#[derive(Clone)]
pub(crate) enum Owed {
    /// An answer.
    Answer(Task),
    /// What has become of this person's command is not known.
    Outcome(Address),
    /// A message that is to be sent.
    Send(Mail),
}

pub(super) struct Open {
    /// The order of the lines.
    pub(super) n: u64,
    pub(super) owed: Owed,
    pub(super) span: Option<Span>,
}

#[derive(Default)]
pub(super) struct Index {
    pub(super) order: VecDeque<EventKey>,
    pub(super) seen: HashSet<EventKey>,
    pub(super) open: HashMap<EventKey, Open>,
    pub(super) told: VecDeque<String>,
    lines: u64,
}

impl Index {
    /// What is owed, the oldest first.
    pub(super) fn owed(&self) -> Vec<(&EventKey, &Open)> {
        let mut all: Vec<_> = self.open.iter().collect();
        all.sort_by_key(|(_, open)| open.n);
        all
    }

    /// Takes one line in. What it makes worthless is said.
    pub(super) fn apply(&mut self, line: Line, span: Option<Span>) -> Option<Spent> {
        let (key, before) = match line {
            Line::Done { key } => {
                let before = self.open.remove(&key);
                (key, before)
            }
            Line::Job { key, job, n } => self.put(key, Open { n, owed: Owed::Answer(job), span }),
            Line::Run { key, to, n } => self.put(key, Open { n, owed: Owed::Outcome(to), span }),
            Line::Send { key, mail, n } => self.put(key, Open { n, owed: Owed::Send(mail), span }),
            Line::Begun { key } => self.change(key, |owed| {
                if let Owed::Answer(job) = owed {
                    job.begun += 1;
                }
            }),
            Line::Cut { key } => self.change(key, |owed| {
                if let Owed::Answer(job) = owed {
                    job.begun = job.begun.saturating_sub(1);
                }
            }),
            Line::Begins { key, stands } => self.change(key, |owed| {
                if let Owed::Answer(job) = owed {
                    job.shown = Some(stands.clone());
                }
            }),
            Line::Part { key, taken } => self.change(key, |owed| {
                if let Owed::Send(mail) = owed {
                    mail.taken = taken;
                }
            }),
            Line::Seen { key } | Line::Try { key } => (key, None),
            Line::Told { request } => {
                self.told.push_back(request);
                let extra = self.told.len().saturating_sub(TOLD);
                self.told.drain(..extra);
                return None;
            }
        };
        let spent = before.and_then(|open| Some(Spent { span: open.span?, key: key.clone() }));
        self.see(key);
        spent
    }

    /// The place of what is owed under a key: what takes the place of something keeps its turn.
    pub(super) fn turn(&mut self, key: &EventKey) -> u64 {
        if let Some(open) = self.open.get(key) {
            return open.n;
        }
        self.lines += 1;
        self.lines
    }

    fn put(&mut self, key: EventKey, mut open: Open) -> (EventKey, Option<Open>) {
        if open.n == 0 {
            open.n = self.turn(&key);
        }
        self.lines = self.lines.max(open.n);
        let before = self.open.insert(key.clone(), open);
        (key, before)
    }

    fn change(&mut self, key: EventKey, change: impl Fn(&mut Owed)) -> (EventKey, Option<Open>) {
        if let Some(open) = self.open.get_mut(&key) {
            change(&mut open.owed);
        }
        (key, None)
    }

    fn see(&mut self, key: EventKey) {
        if self.seen.insert(key.clone()) {
            self.order.push_back(key);
        }
        while self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.map(|key| self.seen.remove(&key));
        }
    }
}
