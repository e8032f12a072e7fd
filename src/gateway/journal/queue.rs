//! Lines that wait until those before them are on the disk.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use crate::journal::line::Line;

/// All that wait, in their order. Each waits for its end, so there are no more than calls that write.
#[derive(Default)]
pub(super) struct Queue(Mutex<Vec<Arc<Waiting>>>);

pub(super) struct Waiting {
    pub(super) line: Line,
    /// It is to be on the disk before anything rests on it.
    pub(super) durable: bool,
    ended: Mutex<Option<io::Result<()>>>,
}

impl Queue {
    pub(super) fn join(&self, line: Line, durable: bool) -> Arc<Waiting> {
        let waiting = Arc::new(Waiting { line, durable, ended: Mutex::default() });
        self.0.lock().push(Arc::clone(&waiting));
        waiting
    }

    /// Takes out all that wait.
    pub(super) fn all(&self) -> Vec<Arc<Waiting>> {
        std::mem::take(&mut *self.0.lock())
    }

    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.0.lock().len()
    }
}

impl Waiting {
    pub(super) fn end(&self, how: io::Result<()>) {
        *self.ended.lock() = Some(how);
    }

    /// How it ended, where another has written it.
    pub(super) fn ended(&self) -> Option<io::Result<()>> {
        self.ended.lock().take()
    }
}

/// The same error for another who waited.
pub(super) fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
