//! Discord's rate limits, as its answers tell them: a bucket that is empty is waited for before it is asked.

use std::{collections::HashMap, time::Duration};

use openclaw_plugin_sdk::{http::HeaderMap, kit::api};
use parking_lot::Mutex;
use tokio::time::Instant;

/// So long a call waits by itself; for longer the gateway waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many buckets are remembered; those that are full again are forgotten first.
const MOST: usize = 1000;

/// What is known of the limits.
#[derive(Default)]
pub(crate) struct Limits(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The bucket of a kind of call.
    buckets: HashMap<String, String>,
    /// When an empty bucket, for one place, is full again.
    empty: HashMap<(String, String), Instant>,
    /// Nothing at all is to be asked before.
    all: Option<Instant>,
}

impl Limits {
    /// Waits until this kind of call at this place may be made, or says how long that would take.
    pub(crate) async fn ready(&self, kind: &str, place: &str) -> Result<(), Duration> {
        let Some(until) = self.until(kind, place) else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait > PATIENCE {
            return Err(wait);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn until(&self, kind: &str, place: &str) -> Option<Instant> {
        let known = self.0.lock();
        let bucket = known.buckets.get(kind);
        let own = bucket.and_then(|bucket| known.empty.get(&(bucket.clone(), place.to_owned())));
        // What answers an interaction is not held back with the rest.
        let answers = kind.contains(" /interactions/") || kind.contains(" /webhooks/");
        own.copied().max(known.all.filter(|_| !answers))
    }

    /// Learns from an answer.
    pub(crate) fn learn(&self, kind: &str, place: &str, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let Some(bucket) = text("x-ratelimit-bucket") else { return };
        let mut known = self.0.lock();
        known.buckets.insert(kind.to_owned(), bucket.to_owned());
        let key = (bucket.to_owned(), place.to_owned());
        let after = text("x-ratelimit-reset-after").and_then(seconds);
        if let (Some("0"), Some(after)) = (text("x-ratelimit-remaining"), after) {
            let now = Instant::now();
            if known.empty.len() >= MOST {
                known.empty.retain(|_, until| *until > now);
            }
            if known.empty.len() < MOST {
                known.empty.insert(key, now + after);
            }
        } else {
            known.empty.remove(&key);
        }
    }

    /// Everything is to wait.
    pub(crate) fn hold(&self, wait: Duration) {
        let mut known = self.0.lock();
        known.all = Some(Instant::now() + wait);
    }
}

/// A number of seconds as Discord writes it; what is none, or more than a day, counts as nothing said.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    api::seconds(text).filter(|wait| *wait <= Duration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(bucket: &str, remaining: &str, after: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-ratelimit-bucket", bucket),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset-after", after),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_bucket_is_waited_for_and_no_other() {
        let limits = Limits::default();
        limits.learn("send", "1", &headers("a", "0", "1.5"));
        let begun = Instant::now();
        assert_eq!(limits.ready("send", "2").await, Ok(()));
        assert_eq!(limits.ready("edit", "1").await, Ok(()));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        limits.learn("edit", "3", &headers("a", "1", "1.5"));
        assert_eq!(limits.ready("edit", "1").await, Ok(()), "one bucket, two kinds of calls");
        assert_eq!(begun.elapsed(), Duration::from_millis(1500));
        assert_eq!(limits.ready("send", "1").await, Ok(()));
        assert_eq!(begun.elapsed(), Duration::from_millis(1500), "it is full again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_the_gateways() {
        let limits = Limits::default();
        limits.learn("send", "1", &headers("a", "0", "60"));
        assert_eq!(limits.ready("send", "1").await, Err(Duration::from_mins(1)));
        limits.learn("send", "1", &headers("a", "4", "60"));
        assert_eq!(limits.ready("send", "1").await, Ok(()));
        limits.hold(Duration::from_secs(9));
        assert_eq!(limits.ready("other", "7").await, Err(Duration::from_secs(9)));
        assert_eq!(limits.ready("POST /interactions/{}", "7").await, Ok(()));
    }

    #[test]
    fn nonsense_is_no_number_of_seconds() {
        assert_eq!(seconds("64.57"), Some(Duration::from_millis(64_570)));
        for text in ["", "-1", "NaN", "inf", "1e9", "soon"] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }
}
