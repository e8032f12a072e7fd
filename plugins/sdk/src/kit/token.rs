//! A token that a platform gives for a secret, and that is used until shortly before its end.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

use crate::Secret;

/// No token is kept for longer, whatever the platform says.
const LONGEST: Duration = Duration::from_hours(24);

/// The last token, and until when it is used. One is asked for at a time, and the others wait for it.
#[derive(Debug, Default)]
pub struct TokenCache(Mutex<Option<(Secret, Instant)>>);

impl TokenCache {
    /// The token; a new one, with the time it is used for, where there is none to use.
    pub async fn get<E>(
        &self,
        ask: impl Future<Output = Result<(Secret, Duration), E>>,
    ) -> Result<Secret, E> {
        let mut kept = self.0.lock().await;
        match &*kept {
            Some((token, until)) if Instant::now() < *until => Ok(token.clone()),
            _ => keep(&mut kept, ask.await),
        }
    }

    /// A new token, whatever there is. Where none is given, the last one stays.
    pub async fn renew<E>(
        &self,
        ask: impl Future<Output = Result<(Secret, Duration), E>>,
    ) -> Result<Secret, E> {
        keep(&mut *self.0.lock().await, ask.await)
    }

    /// Makes a call with the token; and once more with a new one where the platform does not take the first.
    pub async fn call<T, E, A, C>(
        &self,
        ask: impl Fn() -> A,
        call: impl Fn(Secret) -> C,
        is_over: impl Fn(&E) -> bool,
    ) -> Result<T, E>
    where
        A: Future<Output = Result<(Secret, Duration), E>>,
        C: Future<Output = Result<T, E>>,
    {
        let token = self.get(ask()).await?;
        let called = call(token.clone()).await;
        if !called.as_ref().is_err_and(is_over) {
            return called;
        }
        self.forget(&token).await;
        call(self.get(ask()).await?).await
    }

    /// The platform does not take this token any more. One that came since stays.
    pub async fn forget(&self, token: &Secret) {
        self.0.lock().await.take_if(|(kept, _)| kept.expose() == token.expose());
    }
}

fn keep<E>(
    kept: &mut Option<(Secret, Instant)>,
    asked: Result<(Secret, Duration), E>,
) -> Result<Secret, E> {
    let (token, lasts) = asked?;
    *kept = Some((token.clone(), Instant::now() + lasts.min(LONGEST)));
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    async fn got(cache: &TokenCache, new: &str, lasts: Duration) -> String {
        let got = cache.get(async { Ok::<_, ()>((Secret::new(new), lasts)) }).await;
        got.unwrap().expose().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_used_until_its_time_is_over_or_it_is_refused() {
        let (cache, minute) = (TokenCache::default(), Duration::from_mins(1));
        assert_eq!(got(&cache, "a", minute).await, "a");
        assert_eq!(got(&cache, "b", minute).await, "a");
        tokio::time::advance(minute).await;
        assert_eq!(got(&cache, "c", minute).await, "c");
        cache.forget(&Secret::new("a")).await;
        assert_eq!(got(&cache, "d", minute).await, "c", "another one was refused");
        cache.forget(&Secret::new("c")).await;
        assert_eq!(got(&cache, "e", minute).await, "e");
        assert_eq!(cache.get(async { Err(()) }).await.unwrap().expose(), "e");
        assert!(cache.renew(async { Err(()) }).await.is_err());
        assert_eq!(got(&cache, "f", minute).await, "e", "it lasts longer than an outage");
        tokio::time::advance(minute).await;
        assert!(cache.get(async { Err(()) }).await.is_err(), "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_without_end_is_a_day() {
        let cache = TokenCache::default();
        assert_eq!(got(&cache, "a", Duration::MAX).await, "a");
        tokio::time::advance(LONGEST).await;
        assert_eq!(got(&cache, "b", Duration::ZERO).await, "b");
        assert_eq!(got(&cache, "c", Duration::ZERO).await, "c");
    }

    #[tokio::test]
    async fn a_call_is_made_once_more_where_its_token_is_over() {
        let (cache, asked) = (TokenCache::default(), AtomicUsize::new(0));
        let ask = || async {
            let number = asked.fetch_add(1, Ordering::Relaxed).to_string();
            Ok::<_, &str>((Secret::new(&number), Duration::from_mins(1)))
        };
        let with = |good: &'static str| {
            let call = move |token: Secret| {
                ready(if token.expose() == good { Ok(token) } else { Err("over") })
            };
            cache.call(ask, call, |error| *error == "over")
        };
        assert_eq!(with("1").await.unwrap().expose(), "1");
        assert_eq!(with("1").await.unwrap().expose(), "1");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "it is kept");
        assert!(with("none").await.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 3, "and no third time");
    }

    #[test]
    fn no_token_is_printed() {
        let kept = TokenCache(Mutex::new(Some((Secret::new("xyzzy"), Instant::now()))));
        assert!(!format!("{kept:?}").contains("xyzzy"));
    }
}
