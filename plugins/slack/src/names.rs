//! What people call themselves, for owners to read: a message does not say it. Nothing is decided by it, and nobody
//! waits long for it.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::api::{Api, Failed};

/// So many are remembered.
const MOST: usize = 10_000;

/// Longer nobody waits for a name.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long nobody is asked for again where Slack does not say.
const PAUSE: Duration = Duration::from_mins(10);

/// The names that are known.
#[derive(Default)]
pub(crate) struct Names(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_user: BTreeMap<String, Option<String>>,
    pause: Option<Instant>,
}

#[derive(Deserialize)]
struct Info {
    user: User,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    real_name: Option<String>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    real_name: String,
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
        let asked = timeout(PATIENCE, api.form::<Info>("users.info", &[("user", user)])).await;
        let mut known = self.0.lock();
        let name = match asked {
            Ok(Ok(info)) => info.user.name(),
            // This one is not known; others may be.
            Ok(Err(failed)) if failed.is("user_not_found") || failed.is("user_not_visible") => None,
            other => {
                let wait = match other {
                    Ok(Err(Failed::Slow(wait))) => wait,
                    _ => PAUSE,
                };
                tracing::debug!(seconds = wait.as_secs(), "Slack says no names for now");
                known.pause = Some(Instant::now() + wait);
                return None;
            }
        };
        if known.by_user.len() < MOST {
            known.by_user.insert(user.to_owned(), name.clone());
        }
        name
    }
}

impl User {
    fn name(self) -> Option<String> {
        let names = [self.profile.display_name, self.profile.real_name];
        let names = names.into_iter().chain(self.real_name);
        names.map(|name| name.trim().to_owned()).find(|name| !name.is_empty())
    }
}
