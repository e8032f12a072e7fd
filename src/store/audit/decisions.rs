//! The newest decision about each request, kept up with the log as it grows.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use parking_lot::Mutex;

use super::{Line, action, show, tail::Tail};
use crate::store::{StoreError, paths::StateDir};

/// So many decisions are remembered, and so many lines are looked at first.
const MOST: usize = 4_096;

/// The latest decisions. A caller reads what is new, and no more.
#[derive(Debug, Default)]
pub struct Decisions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    tail: Option<Tail>,
    lines: HashMap<String, Line>,
    order: VecDeque<String>,
}

impl Decisions {
    /// The newest decision about each of these requests. Blocks on disk; takes no lock of the store's.
    pub fn about(
        &self,
        state: &StateDir,
        requests: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Line>, StoreError> {
        let mut known = self.0.lock();
        known.follow(state)?;
        let found = requests.iter().filter_map(|name| known.lines.get_key_value(*name));
        Ok(found.map(|(name, line)| (name.clone(), line.clone())).collect())
    }
}

impl Known {
    fn follow(&mut self, state: &StateDir) -> Result<(), StoreError> {
        let (lines, order) = (&mut self.lines, &mut self.order);
        let mut tail = if let Some(tail) = self.tail.take() {
            tail
        } else {
            let tail = Tail::at_end(state)?;
            // What was written meanwhile is heard twice, and says the same.
            show(state, MOST)?.into_iter().for_each(|line| note(lines, order, line));
            tail
        };
        let read = tail.read(|line| note(lines, order, line));
        self.tail = Some(tail);
        read
    }
}

fn note(lines: &mut HashMap<String, Line>, order: &mut VecDeque<String>, line: Line) {
    const OPENS: [&str; 4] =
        [action::REQUEST, action::DEVICE_REQUEST, action::LINK_SPENT, action::NODE_REQUEST];
    let Some(request) = line.request.clone().filter(|_| !OPENS.contains(&line.action.as_str()))
    else {
        return;
    };
    if lines.insert(request.clone(), line).is_none() {
        order.push_back(request);
    }
    if order.len() > MOST
        && let Some(oldest) = order.pop_front()
    {
        lines.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use openclaw_plugin_sdk::UnixMs;

    use super::*;

    fn append(state: &StateDir, count: u64, request: &str) {
        let path = state.access_log();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        let mut file = std::io::BufWriter::new(file);
        for number in 0..count {
            let line = Line::new("cli", "uid:1", action::APPROVE, UnixMs(number));
            let line = line.about("7").named(&format!("{request}-{number}"));
            writeln!(file, "{}", serde_json::to_string(&line).unwrap()).unwrap();
        }
        file.flush().unwrap();
    }

    /// What all reading of this thread has brought in, as the system counts it.
    fn read_by_this_thread() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        line.trim().parse().unwrap()
    }

    #[test]
    fn a_look_for_an_outcome_reads_what_is_new_whatever_the_log_holds() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        append(&state, 100_000, "old");
        let decisions = Decisions::default();
        let look = |name: &str| {
            let before = read_by_this_thread();
            let found = decisions.about(&state, &BTreeSet::from([name])).unwrap();
            (found.len(), read_by_this_thread() - before)
        };
        let (found, read) = look("old-99999");
        assert!(found == 1 && read < 5 * 1024 * 1024, "{found} {read}");
        append(&state, 3, "new");
        for _ in 0..5 {
            let (found, read) = look("new-2");
            assert!(found == 1 && read < 4_096, "{found} {read}");
        }
        assert_eq!(look("none").0, 0);
        append(&state, 6_000, "more");
        assert_eq!((look("more-5999").0, look("old-99999").0), (1, 0), "memory is bounded");
    }
}
