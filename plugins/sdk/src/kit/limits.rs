//! Rate limits as the headers of answers tell them: a bucket that is empty is waited for before it is asked.

use std::{collections::HashMap, time::Duration};

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{api, bounded::Bounded};

/// So long a call waits by itself; for longer the gateway waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many empty buckets are remembered.
const MOST: usize = 1000;

/// The headers that tell of a call's bucket: its name, how many calls are left in it, and in how many seconds it is
/// full again.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the type says it")]
pub struct Headers {
    pub bucket: &'static str,
    pub remaining: &'static str,
    pub reset_after: &'static str,
}

/// What is known of the limits.
#[derive(Debug)]
pub struct Limits {
    headers: Headers,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// The bucket of a kind of call.
    buckets: HashMap<String, String>,
    /// When an empty bucket, for one place, is full again.
    empty: Bounded<(String, String), Instant>,
    /// Nothing at all is to be asked before.
    all: Option<Instant>,
}

impl Limits {
    /// Nothing is known yet.
    pub fn new(headers: Headers) -> Self {
        let (buckets, empty) = (HashMap::new(), Bounded::new(MOST));
        Self { headers, known: Mutex::new(Known { buckets, empty, all: None }) }
    }

    /// Waits until this kind of call at this place may be made, or says how long that would take. What is urgent is
    /// not held back with all the rest.
    pub async fn ready(&self, kind: &str, place: &str, urgent: bool) -> Result<(), Duration> {
        let until = {
            let known = self.known.lock();
            let own = known.buckets.get(kind);
            let own = own.and_then(|own| known.empty.get(&(own.clone(), place.to_owned())));
            own.copied().max(known.all.filter(|_| !urgent))
        };
        let Some(until) = until else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait > PATIENCE {
            return Err(wait);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Learns from an answer.
    pub fn learn(&self, kind: &str, place: &str, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let Some(bucket) = text(self.headers.bucket) else { return };
        let mut known = self.known.lock();
        known.buckets.insert(kind.to_owned(), bucket.to_owned());
        let key = (bucket.to_owned(), place.to_owned());
        let after = text(self.headers.reset_after).and_then(seconds);
        match (text(self.headers.remaining), after) {
            (Some("0"), Some(after)) => known.empty.insert(key, Instant::now() + after),
            _ => drop(known.empty.remove(&key)),
        }
    }

    /// Everything is to wait that is not urgent.
    pub fn hold(&self, wait: Duration) {
        self.known.lock().all = Some(Instant::now() + wait);
    }
}

/// A number of seconds; what is none, or more than a day, counts as nothing said.
pub fn seconds(text: &str) -> Option<Duration> {
    api::seconds(text).filter(|wait| *wait <= Duration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: Headers =
        Headers { bucket: "x-bucket", remaining: "x-remaining", reset_after: "x-reset-after" };

    fn headers(bucket: &str, remaining: &str, after: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("x-bucket", bucket), ("x-remaining", remaining), ("x-reset-after", after)]
        {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_bucket_is_waited_for_and_no_other() {
        let limits = Limits::new(HEADERS);
        limits.learn("send", "1", &headers("a", "0", "1.5"));
        let begun = Instant::now();
        assert_eq!(limits.ready("send", "2", false).await, Ok(()));
        assert_eq!(limits.ready("edit", "1", false).await, Ok(()));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        limits.learn("edit", "3", &headers("a", "1", "1.5"));
        assert_eq!(
            limits.ready("edit", "1", false).await,
            Ok(()),
            "one bucket, two kinds of calls"
        );
        assert_eq!(begun.elapsed(), Duration::from_millis(1500));
        assert_eq!(limits.ready("send", "1", false).await, Ok(()));
        assert_eq!(begun.elapsed(), Duration::from_millis(1500), "it is full again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_the_gateways() {
        let limits = Limits::new(HEADERS);
        limits.learn("send", "1", &headers("a", "0", "60"));
        assert_eq!(limits.ready("send", "1", false).await, Err(Duration::from_mins(1)));
        limits.learn("send", "1", &headers("a", "4", "60"));
        assert_eq!(limits.ready("send", "1", false).await, Ok(()));
        limits.hold(Duration::from_secs(9));
        assert_eq!(limits.ready("other", "7", false).await, Err(Duration::from_secs(9)));
        assert_eq!(limits.ready("answer", "7", true).await, Ok(()));
    }

    #[test]
    fn nonsense_is_no_number_of_seconds() {
        assert_eq!(seconds("64.57"), Some(Duration::from_millis(64_570)));
        for text in ["", "-1", "NaN", "inf", "1e9", "soon"] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }
}
