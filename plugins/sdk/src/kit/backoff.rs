//! How long to wait before something is tried again.

use std::time::Duration;

/// Waits that double, from the first to the longest.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The wait after so many failures in a row.
    pub fn after(&self, failures: u32) -> Duration {
        let times = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(times).min(self.longest)
    }

    /// Counts a failure: the wait after it.
    pub fn next_wait(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.after(self.failures)
    }

    /// The same, a fifth more or less: many who wait for one server do not come back at once.
    pub fn next_jittered(&mut self) -> Duration {
        let wait = self.next_wait().mul_f64(rand::random_range(0.8..=1.2));
        wait.min(self.longest)
    }

    /// The next wait is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(10));

    #[test]
    fn each_failure_waits_longer_up_to_the_longest() {
        let mut backoff = BACKOFF;
        let waits: Vec<u64> = (0..60).map(|_| backoff.next_wait().as_secs()).collect();
        assert_eq!(waits[..4], [2, 4, 8, 16]);
        assert_eq!(waits[59], 600);
        assert!(waits.is_sorted());
        assert_eq!(BACKOFF.after(3).as_secs(), 8);
        backoff.reset();
        assert_eq!(backoff.next_wait().as_secs(), 2);
    }

    #[test]
    fn a_jittered_wait_is_a_fifth_more_or_less_and_never_beyond_the_longest() {
        let mut backoff = BACKOFF;
        for failure in 1..=40 {
            let (plain, wait) = (BACKOFF.after(failure), backoff.next_jittered());
            assert!(wait >= plain.mul_f64(0.8) && wait <= plain.mul_f64(1.2), "{wait:?}");
            assert!(wait <= Duration::from_mins(10), "{wait:?}");
        }
    }
}
