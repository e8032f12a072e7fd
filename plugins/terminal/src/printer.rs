//! Prints texts in order, in a thread of its own: a caller never waits for the terminal.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::text;

/// How many messages wait at most for a terminal that stands still.
const WAITING: usize = 1024;

/// What to show.
enum Job {
    /// Tell once all before it is shown.
    Flush(SyncSender<()>),
    /// Lines, each with its end.
    Lines(String),
}

/// The way to the thread that shows.
#[derive(Clone)]
pub(crate) struct Printer {
    jobs: SyncSender<Job>,
    lost: Arc<AtomicU64>,
}

/// The terminal stands still and too much waits already.
pub(crate) struct NoRoom;

impl Printer {
    /// Starts the thread. `show` returns when the lines are on the terminal.
    pub(crate) fn start(show: impl FnMut(&str) + Send + 'static) -> io::Result<Self> {
        let (jobs, work) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = thread::Builder::new().name("console-print".to_owned());
        thread.spawn(move || run(&work, &counted, show))?;
        Ok(Self { jobs, lost })
    }

    /// Shows lines soon, unless too many wait.
    pub(crate) fn print(&self, lines: impl Into<String>) -> Result<(), NoRoom> {
        self.jobs.try_send(Job::Lines(lines.into())).map_err(|_| NoRoom)
    }

    /// As [`Printer::print`]; what there is no room for is counted, and the count is shown.
    pub(crate) fn print_or_count(&self, lines: &str) {
        if self.print(lines).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is shown, but not long.
    pub(crate) fn flush(&self) {
        let (done, shown) = sync_channel(1);
        if self.jobs.try_send(Job::Flush(done)).is_ok() {
            // A terminal that stands still is not waited for.
            let _in_time = shown.recv_timeout(Duration::from_millis(500));
        }
    }
}

fn run(work: &Receiver<Job>, lost: &AtomicU64, mut show: impl FnMut(&str)) {
    while let Ok(job) = work.recv() {
        match job {
            Job::Flush(done) => drop(done.send(())),
            Job::Lines(lines) => show(&lines),
        }
        let many = lost.swap(0, Ordering::Relaxed);
        if many > 0 {
            show(&text::missed(many));
        }
    }
}
