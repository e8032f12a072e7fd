//! The lines that are appended to the access log while it is followed, by any process.

use std::{fs::File, path::PathBuf};

use super::{
    Line,
    read::{existing, inode, lines_from},
};
use crate::store::{StoreError, io, paths::StateDir};

/// A place in the log.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// The log that is being read; a full one is put aside, and still read to its end.
    file: Option<File>,
    at: u64,
}

impl Tail {
    /// The log's end as it is now.
    pub fn at_end(state: &StateDir) -> Result<Self, StoreError> {
        let path = state.access_log();
        let file = existing(&path)?;
        let at = match &file {
            Some(file) => file.metadata().map_err(|error| io("read", &path, error))?.len(),
            None => 0,
        };
        Ok(Self { path, file, at })
    }

    /// Hands over every whole line that was written since. What is no line is left out.
    pub fn read(&mut self, mut heard: impl FnMut(Line)) -> Result<(), StoreError> {
        loop {
            self.rest(&mut heard)?;
            let next = existing(&self.path)?;
            if inode(next.as_ref()) == inode(self.file.as_ref()) {
                return Ok(());
            }
            // What was written before it was put aside.
            self.rest(&mut heard)?;
            (self.file, self.at) = (next, 0);
        }
    }

    fn rest(&mut self, heard: &mut impl FnMut(Line)) -> Result<(), StoreError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        lines_from(file, &self.path, &mut self.at, &mut |bytes| {
            if let Ok(line) = serde_json::from_slice(bytes) {
                heard(line);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, path::Path};

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
        tail.read(|line| actions.push(line.action)).unwrap();
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
}
