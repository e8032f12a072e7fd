//! What is kept of a session, so that the next connection goes on where the last one ended.

use parking_lot::{Mutex, MutexGuard};

use crate::wire::Ready;

/// The session, if there is one that can be gone on with.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Option<Session>>);

/// One session.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// Where it is gone on with; `None` for where sessions begin.
    pub(crate) url: Option<String>,
    /// The last event whose consequences are durable: Discord sends again what came after it.
    pub(crate) settled: u64,
    /// The bot's own id.
    pub(crate) me: String,
}

impl Sessions {
    pub(crate) fn begin(&self, ready: Ready) {
        let Ready { user, session_id, resume_gateway_url, .. } = ready;
        let (id, url, me) = (session_id, resume_gateway_url, user.id);
        *self.lock() = Some(Session { id, url, settled: 0, me });
    }

    pub(crate) fn known(&self) -> Option<Session> {
        self.lock().clone()
    }

    /// The consequences of an event are durable.
    pub(crate) fn settle(&self, number: u64) {
        if let Some(session) = self.lock().as_mut() {
            session.settled = session.settled.max(number);
        }
    }

    /// It cannot be gone on with.
    pub(crate) fn end(&self) {
        *self.lock() = None;
    }

    /// It cannot be reached where it was said to be.
    pub(crate) fn forget_url(&self) {
        if let Some(session) = self.lock().as_mut() {
            session.url = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock()
    }
}
