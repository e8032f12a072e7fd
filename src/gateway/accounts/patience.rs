//! How long an account waits before it connects again, and when it does not any more. Pure.

use std::time::Duration;

use openclaw_plugin_sdk::{ChannelError, kit::backoff::Backoff};

const FIRST: Duration = Duration::from_millis(500);
/// The longest wait before the next try to connect.
const LONGEST: Duration = Duration::from_mins(1);
/// Credentials that worked and are refused are tried once more after so long.
const DOUBT: Duration = Duration::from_secs(30);
/// What stopped an account outside of the configuration is looked for again so often: at first, and at last.
const PATIENT: Duration = Duration::from_secs(10);
const MOST_PATIENT: Duration = Duration::from_mins(5);
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
    /// It has stopped, and no other configuration is needed to mend it: try once more after this.
    Patient(Duration),
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
    /// The waits of an account whose cause to stop is outside of the configuration.
    patient: Option<Backoff>,
}

impl Patience {
    /// With an account that has no credentials in the configuration, none of them can be wrong.
    pub(crate) fn new(has_credentials: bool) -> Self {
        Self {
            backoff: Backoff::new(FIRST, LONGEST),
            trusted: false,
            contended: false,
            patient: (!has_credentials).then(|| Backoff::new(PATIENT, MOST_PATIENT)),
        }
    }

    /// What follows. A platform may answer, and end each connection at once: then the waits grow too.
    pub(crate) fn next(&mut self, ended: &Result<(), ChannelError>, came: Came) -> Next {
        self.trusted |= came != Came::Nowhere;
        if came == Came::Far && !self.contended {
            self.backoff.reset();
        }
        if let Some(patient) = self.patient.as_mut().filter(|_| came != Came::Nowhere) {
            patient.reset();
        }
        match ended {
            Err(ChannelError::Unauthorized(_)) if std::mem::take(&mut self.trusted) => {
                Next::Doubt(DOUBT)
            }
            Err(ChannelError::Unauthorized(_)) => {
                self.patient.as_mut().map_or(Next::Stop, |waits| Next::Patient(waits.next_wait()))
            }
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
        let mut patience = Patience::new(true);
        assert_eq!(patience.next(&refused(), Came::Nowhere), Next::Stop, "never taken");
        for came in [Came::Soon, Came::Nowhere] {
            // The refusal may end the connection itself, or the next try to connect.
            let mut patience = Patience::new(true);
            patience.next(&broken(), Came::Soon);
            assert_eq!(patience.next(&refused(), came), Next::Doubt(DOUBT));
            assert_eq!(patience.next(&refused(), Came::Nowhere), Next::Stop);
        }
        let mut patience = Patience::new(true);
        for _ in 0..3 {
            assert_eq!(
                patience.next(&refused(), Came::Soon),
                Next::Doubt(DOUBT),
                "taken in between"
            );
        }
    }

    #[test]
    fn what_has_stopped_for_a_cause_outside_of_the_configuration_is_tried_again_patiently() {
        let mut patience = Patience::new(false);
        let mut waits: Vec<_> = (0..9).map(|_| patience.next(&refused(), Came::Nowhere)).collect();
        let ends = (waits[0], waits.pop());
        assert_eq!(ends, (Next::Patient(PATIENT), Some(Next::Patient(MOST_PATIENT))));
        assert_eq!(patience.next(&broken(), Came::Far), Next::Again(FIRST));
        assert_eq!(patience.next(&refused(), Came::Nowhere), Next::Doubt(DOUBT));
        assert_eq!(patience.next(&refused(), Came::Nowhere), Next::Patient(PATIENT));
    }

    #[test]
    fn waits_grow_to_a_minute_and_begin_anew_after_a_connection_that_came_far() {
        for came in [Came::Nowhere, Came::Soon] {
            let mut patience = Patience::new(true);
            let mut waits: Vec<_> = (0..9).map(|_| patience.next(&broken(), came)).collect();
            assert_eq!((waits[0], waits.pop()), (Next::Again(FIRST), Some(Next::Again(LONGEST))));
            assert_eq!(patience.next(&broken(), Came::Far), Next::Again(FIRST));
        }
    }

    #[test]
    fn two_programs_with_one_login_back_off_to_a_minute_although_each_connects() {
        let mut patience = Patience::new(true);
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
