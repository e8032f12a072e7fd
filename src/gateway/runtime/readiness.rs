//! Whether the gateway takes work: what `/readyz` answers.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    Gateway,
    accounts::{Accounts, account::AccountRuntime, status::State},
    runtime::manager,
};

/// Where the gateway is between its start and its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Its accounts are not open yet.
    #[default]
    Opening,
    Open,
    /// It stops: what was begun ends, and nothing new is taken on.
    Draining,
}

/// Whether the gateway takes work.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Phase>);

/// Why it takes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReady {
    Opening,
    Draining,
    /// The files of an account cannot be read.
    StoreUnreadable,
    /// An account has stopped, and all of them were asked for.
    AccountStopped,
    /// The state folder was restored, and an owner at the host has not confirmed it.
    Unconfirmed,
}

impl NotReady {
    /// The word in the answer.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Opening => "starting",
            Self::Draining => "draining",
            Self::StoreUnreadable => "store-unreadable",
            Self::AccountStopped => "account-stopped",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

impl Readiness {
    /// Every account is open.
    fn opened(&self) {
        *self.0.lock() = Phase::Open;
    }

    /// The gateway was asked to stop, which the service manager hears too.
    pub(crate) fn drains(&self) {
        *self.0.lock() = Phase::Draining;
        manager::stopping();
    }

    /// Whether it takes work; with `every_account`, whether each account that is switched on does.
    pub(crate) fn check(&self, accounts: &Accounts, every_account: bool) -> Result<(), NotReady> {
        match *self.0.lock() {
            Phase::Opening => return Err(NotReady::Opening),
            Phase::Draining => return Err(NotReady::Draining),
            Phase::Open => {}
        }
        let states = accounts.on().into_iter().map(|account| account.status.get().state);
        judge(states, every_account)
    }
}

impl Gateway {
    /// The same for this gateway, whose state folder may wait for a confirmation.
    pub(crate) fn is_ready(&self, every_account: bool) -> Result<(), NotReady> {
        self.readiness.check(&self.accounts, every_account)?;
        if self.is_unconfirmed() { Err(NotReady::Unconfirmed) } else { Ok(()) }
    }
}

fn judge(states: impl Iterator<Item = State>, every_account: bool) -> Result<(), NotReady> {
    let mut found = Ok(());
    for state in states {
        match state {
            State::StoreUnreadable => return Err(NotReady::StoreUnreadable),
            State::Unauthorized | State::Stopped if every_account => {
                found = Err(NotReady::AccountStopped);
            }
            _ => {}
        }
    }
    found
}

/// Once each of these accounts has begun, the gateway takes work, and the service manager hears of it. What platforms
/// answer is not waited for. It never ends.
pub(crate) async fn rises(gateway: &Gateway, accounts: Vec<Arc<AccountRuntime>>) {
    for account in accounts {
        account.begun.cancelled().await;
    }
    gateway.readiness.opened();
    manager::ready();
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_and_each_account_says_whether_work_is_taken() {
        let none = Accounts::default();
        let readiness = Readiness::default();
        assert_eq!(readiness.check(&none, false), Err(NotReady::Opening));
        readiness.opened();
        assert_eq!(readiness.check(&none, true), Ok(()));
        readiness.drains();
        assert_eq!(readiness.check(&none, false), Err(NotReady::Draining));
        for state in State::ALL {
            let (unreadable, stopped) =
                (Err(NotReady::StoreUnreadable), Err(NotReady::AccountStopped));
            let (some, every) = match state {
                State::StoreUnreadable => (unreadable, unreadable),
                State::Unauthorized | State::Stopped => (Ok(()), stopped),
                _ => (Ok(()), Ok(())),
            };
            let with = |every| judge([State::Connected, state.clone()].into_iter(), every);
            assert_eq!((with(false), with(true)), (some, every), "{state:?}");
        }
        let worst = [State::Unauthorized, State::StoreUnreadable].into_iter();
        assert_eq!(judge(worst, true), Err(NotReady::StoreUnreadable));
    }
}
