//! Who may read what an account's channel keeps.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::SenderId;

/// What a person is to this account now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// They have access.
    Admitted,
    /// Neither has access nor waits.
    Nobody,
    /// Their request waits for a decision.
    Waits,
}

/// Asks the gate about people, and hears when its answers may have changed.
#[derive(Clone)]
pub struct Readers {
    pub(super) of: Arc<dyn Fn(&SenderId) -> Reader + Send + Sync>,
    files: Arc<dyn Fn() -> bool + Send + Sync>,
    codes: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    changes: watch::Receiver<()>,
}

impl Readers {
    /// The gateway's end makes it.
    pub fn new(
        of: impl Fn(&SenderId) -> Reader + Send + Sync + 'static,
        changes: watch::Receiver<()>,
    ) -> Self {
        Self { of: Arc::new(of), files: Arc::new(|| false), codes: Arc::new(|_| false), changes }
    }

    /// Says whether a code stands in a text.
    #[must_use]
    pub fn with_codes(self, codes: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { codes: Arc::new(codes), ..self }
    }

    /// True where a code stands in a text: a channel keeps no such text.
    pub fn holds_a_code(&self, text: &str) -> bool {
        (self.codes)(text)
    }

    /// Says whether what answers takes files of people with access.
    #[must_use]
    pub fn with_files(self, files: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { files: Arc::new(files), ..self }
    }

    /// True where what answers takes files of people with access.
    pub fn take_files(&self) -> bool {
        (self.files)()
    }

    /// True for a person who has access now.
    pub fn has_access(&self, person: &SenderId) -> bool {
        (self.of)(person) == Reader::Admitted
    }

    /// Returns when access may have changed since the last call; never, once the gateway has ended.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers")
    }
}
