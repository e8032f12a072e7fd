//! How long an account waits before it connects again, and when it does not any more. Pure.

use std::time::Duration;

use openclaw_plugin_sdk::{ChannelError, kit::backoff::Backoff};

const FIRST: Duration = Duration::from_millis(500);
/// The longest wait before the next try to connect.
const LONGEST: Duration = Duration::from_mins(1);
/// Credentials that worked and are refused are tried once more after so long.
const DOUBT: Duration = Duration::from_secs(30);
/// The gateway cannot take events.
const HELD: Duration = Duration::from_secs(1);

/// What follows the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Connect again after this.
    Again(Duration),
    /// Another program uses the login: connect again after this.
    Contended { wait: Duration, first: bool },
    /// The credentials worked before: try them once more after this.
    Doubt(Duration),
    /// Only other credentials or another configuration help.
    Stop,
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// The platform did not answer, or refused.
    Nowhere,
    /// The platform answered, and it ended soon after that: nothing had come over it.
    Soon,
    /// It lasted, or something came over it.
    Far,
}

/// What is remembered from connection to connection.
#[derive(Debug)]
pub(crate) struct Patience {
    backoff: Backoff,
    /// The platform has taken the credentials since it last refused them.
    trusted: bool,
    contended: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { backoff: Backoff::new(FIRST, LONGEST), trusted: false, contended: false }
    }
}

impl Patience {
    /// What follows. A platform may answer, and end each connection at once: then the waits grow too.
    pub(crate) fn next(&mut self, ended: &Result<(), ChannelError>, came: Came) -> Next {
        self.trusted |= came != Came::Nowhere;
        if came == Came::Far && !self.contended {
            self.backoff.reset();
        }
        match ended {
            Err(ChannelError::Unauthorized(_)) if std::mem::take(&mut self.trusted) => {
                Next::Doubt(DOUBT)
            }
            Err(ChannelError::Unauthorized(_)) => Next::Stop,
            Err(ChannelError::Held) => Next::Again(HELD),
            Err(ChannelError::RateLimited(wait)) => Next::Again(*wait),
            Err(ChannelError::Contended(_)) => {
                let first = !std::mem::replace(&mut self.contended, true);
                Next::Contended { wait: self.backoff.next_wait(), first }
            }
            Ok(())
            | Err(
                ChannelError::Disconnected(_)
                | ChannelError::Later(_)
                | ChannelError::Undeliverable(_),
            ) => Next::Again(self.backoff.next_wait()),
        }
    }

    /// True while another program uses the login.
    pub(crate) fn is_contended(&self) -> bool {
        self.contended
    }

    /// A connection has lasted: no other program uses the login any more.
    pub(crate) fn calm(&mut self) {
        self.contended = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<(), ChannelError> {
        Err(ChannelError::Unauthorized("check `token`".to_owned()))
    }

    fn broken() -> Result<(), ChannelError> {
        Err(ChannelError::Disconnected("gone".to_owned()))
    }

    #[test]
    fn a_single_refusal_between_successes_is_tried_again_and_a_second_stops_the_account() {
        let mut patience = Patience::default();
        assert_eq!(patience.next(&refused(), Came::Nowhere), Next::Stop, "never taken");
        for came in [Came::Soon, Came::Nowhere] {
            // The refusal may end the connection itself, or the next try to connect.
            let mut patience = Patience::default();
            patience.next(&broken(), Came::Soon);
            assert_eq!(patience.next(&refused(), came), Next::Doubt(DOUBT));
            assert_eq!(patience.next(&refused(), Came::Nowhere), Next::Stop);
        }
        let mut patience = Patience::default();
        for _ in 0..3 {
            assert_eq!(
                patience.next(&refused(), Came::Soon),
                Next::Doubt(DOUBT),
                "taken in between"
            );
        }
    }

    #[test]
    fn waits_grow_to_a_minute_and_begin_anew_after_a_connection_that_came_far() {
        for came in [Came::Nowhere, Came::Soon] {
            let mut patience = Patience::default();
            let mut waits: Vec<_> = (0..9).map(|_| patience.next(&broken(), came)).collect();
            assert_eq!((waits[0], waits.pop()), (Next::Again(FIRST), Some(Next::Again(LONGEST))));
            assert_eq!(patience.next(&broken(), Came::Far), Next::Again(FIRST));
        }
    }

    #[test]
    fn two_programs_with_one_login_back_off_to_a_minute_although_each_connects() {
        let mut patience = Patience::default();
        let contended = Err(ChannelError::Contended("another program".to_owned()));
        let mut last = FIRST;
        for round in 0..9 {
            let Next::Contended { wait, first } = patience.next(&contended, Came::Far) else {
                panic!("contended")
            };
            assert!(first == (round == 0) && wait >= last, "{round}: {wait:?}");
            last = wait;
        }
        assert_eq!(last, LONGEST);
        patience.calm();
        assert_eq!(patience.next(&broken(), Came::Far), Next::Again(FIRST));
    }
}
