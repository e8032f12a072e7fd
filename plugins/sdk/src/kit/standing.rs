//! What an account's state says beside "connected", as far as calls and requests show it.

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{ChannelError, Inbox, kit::bounded::Bounded};

/// So many things may be limited at once.
const MOST_LIMITS: usize = 100;

/// Whether an account still works, and what of it does not.
#[derive(Debug)]
pub struct Standing {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug)]
struct Known {
    refused: Option<ChannelError>,
    unheard: Option<&'static str>,
    limits: Bounded<String, String>,
    /// What of them stands in the log.
    logged: Option<String>,
}

/// Of an account of which nothing is said until something does not work.
impl Default for Standing {
    fn default() -> Self {
        let standing = Self::new("");
        standing.known.lock().unheard = None;
        standing
    }
}

impl Standing {
    /// Of an account of which this is said until something is heard.
    pub fn new(unheard: &'static str) -> Self {
        let limits = Bounded::new(MOST_LIMITS);
        let known = Known { refused: None, unheard: Some(unheard), limits, logged: None };
        Self { known: Mutex::new(known), changed: Notify::new() }
    }

    /// A connection begins: what was wrong with the last one may be mended.
    pub fn begin(&self) {
        let mut known = self.known.lock();
        (known.refused, known.limits) = (None, Bounded::new(MOST_LIMITS));
    }

    /// Something has arrived that is the platform's own.
    pub fn heard(&self) {
        self.change(|known| known.unheard.take().is_some());
    }

    /// Why this does not work, or that it does.
    pub fn limit(&self, what: &str, why: Option<String>) {
        self.change(|known| match why {
            Some(why) if known.limits.get(what) == Some(&why) => false,
            Some(why) => {
                known.limits.insert(what.to_owned(), why);
                true
            }
            None => known.limits.remove(what).is_some(),
        });
    }

    /// Remembers an error that ends the account.
    pub fn learn(&self, error: &ChannelError) {
        if matches!(error, ChannelError::Unauthorized(_)) {
            self.change(|known| {
                known.refused = Some(error.clone());
                true
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut Known) -> bool) {
        if change(&mut self.known.lock()) {
            self.changed.notify_one();
        }
    }

    /// Says that the platform answers, and what does not work; or why the account ends.
    pub fn say(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let mut known = self.known.lock();
        if let Some(refused) = &known.refused {
            return Err(refused.clone());
        }
        let last = known.limits.iter().last().map(|(_, why)| why.clone());
        if last != known.logged {
            known.logged.clone_from(&last);
            if let Some(why) = &last {
                tracing::warn!("{}", inbox.without_secrets(why.clone()));
            }
        }
        inbox.connected_but(last.or_else(|| known.unheard.map(str::to_owned)));
        Ok(())
    }

    /// Ends when there is something else to say.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::{AccountId, Reader, Readers};

    #[tokio::test]
    async fn what_does_not_work_is_said_without_a_code() {
        let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
        let account = AccountId::default_account();
        let inbox = Inbox::new(account, deliveries, exchanges, watch::channel(false).0);
        let readers = Readers::new(|_| Reader::Nobody, watch::channel(()).1);
        inbox.ask_for_readers(readers.with_codes(|text| text.contains("AB3D7X9K")));
        let standing = Standing::default();
        standing.limit("calls", Some("the platform says: AB3D7X9K is no word".to_owned()));
        standing.say(&inbox).unwrap();
        assert!(inbox.limitation().is_some_and(|it| it.contains("are left out")));
    }

    #[tokio::test]
    async fn the_last_thing_that_does_not_work_is_said_and_nothing_twice() {
        let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
        let account = AccountId::default_account();
        let inbox = Inbox::new(account, deliveries, exchanges, watch::channel(false).0);
        let standing = Standing::new("nothing heard");
        let said = || {
            standing.say(&inbox).unwrap();
            inbox.limitation()
        };
        assert_eq!(said().as_deref(), Some("nothing heard"));
        standing.limit("keys", Some("no keys".to_owned()));
        standing.limit("calls", Some("no scope".to_owned()));
        standing.changed().await;
        assert_eq!(said().as_deref(), Some("no scope"));
        standing.limit("calls", Some("no scope".to_owned()));
        standing.limit("others", None);
        let nothing_new = tokio::time::timeout(std::time::Duration::ZERO, standing.changed());
        assert!(nothing_new.await.is_err());
        standing.limit("calls", None);
        assert_eq!(said().as_deref(), Some("no keys"));
        standing.limit("keys", None);
        standing.heard();
        assert_eq!(said(), None);
        standing.learn(&ChannelError::Disconnected("for a moment".to_owned()));
        assert_eq!(said(), None);
        let refused = ChannelError::Unauthorized("check `secret`".to_owned());
        standing.learn(&refused);
        assert_eq!(standing.say(&inbox), Err(refused));
        standing.begin();
        assert_eq!(said(), None);
        assert_eq!(Standing::default().say(&inbox), Ok(()));
        assert_eq!(inbox.limitation(), None);
    }
}
