//! The lines that are appended to the access log while it is followed, by any process.

use super::{Line, read::Reading};
use crate::{StoreError, paths::StateDir};

/// A place in the log.
#[derive(Debug)]
pub struct Tail(Reading);

impl Tail {
    /// The log's end as it is now.
    pub fn at_end(state: &StateDir) -> Result<Self, StoreError> {
        Reading::at_end(state).map(Self)
    }

    /// Hands over every whole line that was written since, up to the line of this number. What is no line is left out.
    /// False where a later line is there: whether it counts is not known yet, and it is read again.
    pub fn read(
        &mut self,
        committed: u64,
        mut heard: impl FnMut(Line),
    ) -> Result<bool, StoreError> {
        self.0.go(&mut |_, _, bytes| {
            let Ok(line) = serde_json::from_slice::<Line>(bytes) else { return true };
            let counts = line.seq <= committed;
            if counts {
                heard(line);
            }
            counts
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::Write,
        path::Path,
    };

    use openclaw_plugin_sdk::UnixMs;

    use super::*;

    fn append(path: &Path, action: &str, torn: bool) {
        let line = serde_json::to_string(&Line::new("cli", "uid:1", action, UnixMs(1))).unwrap();
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        let end = if torn { "" } else { "\n" };
        file.write_all(format!("{line}{end}").as_bytes()).unwrap();
    }

    fn heard(tail: &mut Tail) -> Vec<String> {
        let mut actions = Vec::new();
        assert!(tail.read(u64::MAX, |line| actions.push(line.action)).unwrap());
        actions
    }

    #[test]
    fn what_is_appended_is_heard_once_across_a_log_that_was_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let mut absent = Tail::at_end(&state).unwrap();
        assert!(heard(&mut absent).is_empty());
        let log = state.access_log();
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        append(&log, "approve", false);
        assert_eq!(heard(&mut absent), ["approve"]);
        let mut tail = Tail::at_end(&state).unwrap();
        assert!(heard(&mut tail).is_empty());
        append(&log, "deny", false);
        append(&log, "torn", true);
        assert_eq!(heard(&mut tail), ["deny"]);
        File::options().append(true).open(&log).unwrap().write_all(b"\nno line\n").unwrap();
        fs::rename(&log, log.with_file_name("access-1.jsonl")).unwrap();
        append(&log, "block", false);
        assert_eq!(heard(&mut tail), ["torn", "block"]);
        assert!(heard(&mut tail).is_empty());
    }

    #[test]
    fn a_line_that_is_not_committed_is_heard_once_it_is_and_never_if_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let log = state.access_log();
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        File::create(&log).unwrap();
        let mut tail = Tail::at_end(&state).unwrap();
        let put = |seq: u64, action: &str| {
            let line = Line { seq, ..Line::new("cli", "uid:1", action, UnixMs(1)) };
            let line = serde_json::to_string(&line).unwrap();
            let mut file = File::options().append(true).open(&log).unwrap();
            writeln!(file, "{line}").unwrap();
        };
        put(1, "approve");
        let length = fs::metadata(&log).unwrap().len();
        put(2, "block");
        let mut actions = Vec::new();
        let whole = tail.read(1, |line| actions.push(line.action)).unwrap();
        assert_eq!((actions, whole), (vec!["approve".to_owned()], false));
        File::options().write(true).open(&log).unwrap().set_len(length).unwrap();
        put(2, "deny");
        assert_eq!(heard(&mut tail), ["deny"]);
    }

    /// What all reading of this thread has brought in, as the system counts it.
    fn read_by_this_thread() -> u64 {
        let text = fs::read_to_string("/proc/thread-self/io").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        line.trim().parse().unwrap()
    }

    #[test]
    fn a_look_reads_what_is_new_whatever_the_log_holds() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let log = state.access_log();
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        let line = serde_json::to_string(&Line::new("cli", "uid:1", "approve", UnixMs(1))).unwrap();
        let mut file = File::create(&log).unwrap();
        file.write_all(format!("{line}\n").repeat(100_000).as_bytes()).unwrap();
        let mut tail = Tail::at_end(&state).unwrap();
        for _ in 0..5 {
            append(&log, "deny", false);
            let before = read_by_this_thread();
            assert_eq!(heard(&mut tail), ["deny"]);
            let read = read_by_this_thread() - before;
            assert!(read < 8_192, "{read}");
        }
    }
}
