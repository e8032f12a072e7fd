//! What people call themselves, for owners to read: a message does not say it. Nothing is decided by it, and no message
//! waits long for it.

use std::time::Duration;

use openclaw_plugin_sdk::kit::{api::Failure, bounded::Bounded};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::api::Api;

/// So many are remembered.
const MOST: usize = 10_000;

/// A message waits no longer for a name.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long no name is asked for where Slack does not say.
const PAUSE: Duration = Duration::from_mins(10);

/// The names that are known.
pub(crate) struct Names(Mutex<Known>);

struct Known {
    by_user: Bounded<String, Option<String>>,
    /// Until then none is asked for.
    pause: Option<Instant>,
}

impl Default for Names {
    fn default() -> Self {
        Self(Mutex::new(Known { by_user: Bounded::new(MOST), pause: None }))
    }
}

impl Names {
    /// The name of a person, if Slack says it at once.
    pub(crate) async fn of(&self, api: &Api, user: &str) -> Option<String> {
        {
            let known = self.0.lock();
            if let Some(name) = known.by_user.get(user) {
                return name.clone();
            }
            if known.pause.is_some_and(|until| Instant::now() < until) {
                return None;
            }
        }
        let asked = timeout(PATIENCE, api.form("users.info", &[("user", user)])).await;
        let mut known = self.0.lock();
        let wait = match asked {
            Ok(Ok(info)) => {
                let name = name(&info);
                known.by_user.insert(user.to_owned(), name.clone());
                return name;
            }
            // This one is not known; others may be.
            Ok(Err(failure)) if failure.is("user_not_found") || failure.is("user_not_visible") => {
                known.by_user.insert(user.to_owned(), None);
                return None;
            }
            Ok(Err(Failure::SlowDown(wait))) => wait,
            _ => PAUSE,
        };
        tracing::debug!(seconds = wait.as_secs(), "Slack says no names for now");
        known.pause = Some(Instant::now() + wait);
        None
    }
}

fn name(info: &Value) -> Option<String> {
    let keys = ["/user/profile/display_name", "/user/profile/real_name", "/user/real_name"];
    let names = keys.into_iter().filter_map(|key| info.pointer(key)?.as_str());
    names.map(str::trim).find(|name| !name.is_empty()).map(str::to_owned)
}
