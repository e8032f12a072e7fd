//! How each account is, for `channels status`.

use openclaw_plugin_sdk::UnixMs;
use parking_lot::Mutex;

/// How an account is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// The configuration switches it off.
    #[default]
    Disabled,
    /// On its way to the platform, or back to it.
    Connecting,
    /// The platform answers.
    Connected,
    /// The platform asked to wait.
    Waiting,
    /// Its credentials do not work; it has stopped.
    Unauthorized,
    /// Its files cannot be read; it answers nobody.
    StoreUnreadable,
    /// The gateway stops, or its channel failed by a fault in the program.
    Stopped,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Disabled,
        Self::Connecting,
        Self::Connected,
        Self::Waiting,
        Self::Unauthorized,
        Self::StoreUnreadable,
        Self::Stopped,
    ];

    /// The word that `channels status` prints.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "rate limited",
            Self::Unauthorized => "unauthorized",
            Self::StoreUnreadable => "store unreadable",
            Self::Stopped => "stopped",
        }
    }
}

/// What is known of an account while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The last thing that went wrong, until the account is connected again; then what does not work all the same.
    pub(crate) last_error: Option<String>,
    pub(crate) last_inbound: Option<UnixMs>,
    pub(crate) last_outbound: Option<UnixMs>,
    /// Messages that the platform did not take within a day, since the start.
    pub(crate) given_up: usize,
}

/// A [`Status`] that many may write.
#[derive(Debug, Default)]
pub(crate) struct StatusCell(Mutex<Status>);

impl StatusCell {
    /// A copy of it.
    pub(crate) fn get(&self) -> Status {
        self.0.lock().clone()
    }

    /// Changes it.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock());
    }

    /// Enters a state, with what went wrong if something did.
    pub(crate) fn enter(&self, state: State, error: Option<String>) {
        self.update(|status| (status.state, status.last_error) = (state, error));
    }
}
