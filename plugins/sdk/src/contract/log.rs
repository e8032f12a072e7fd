//! Everything that is logged during the suite, at the finest level, to be searched for secrets.

use std::{
    io::{self, Write},
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;

/// All log lines of this process since the first call of [`capture`].
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to keep what is logged, by `tracing` or `log`.
pub(super) fn capture() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    let begin = || {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        let begun = subscriber.with_ansi(false).with_writer(move || writer.clone()).try_init();
        assert!(begun.is_ok(), "the suite must be the one to set the log up: {begun:?}");
        log
    };
    LOG.get_or_init(begin).clone()
}
