//! Calls that are made again under the same key: they are done once, and answered alike for ten minutes.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use ring::digest;
use tokio::sync::watch;

use super::{super::invalid, Answer};

/// A key is remembered for so long.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// So many of them.
const MOST: usize = 1024;
/// Their answers take no more room than this together; of the oldest only the key is kept then.
const ROOM: usize = 16 * 1024 * 1024;

const NOT_KEPT: &str =
    "idempotencyKey: it was done, and its answer is not kept any more; use a new key";

/// What stands for a caller's key, or for what it was used for.
pub(super) type Mark = [u8; 32];

/// Each part counts, and where it ends.
pub(super) fn mark(parts: &[&str]) -> Mark {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut mark = [0; 32];
    mark.copy_from_slice(context.finish().as_ref());
    mark
}

/// What was called under which key.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    all: HashMap<Mark, IdempotentCall>,
    order: VecDeque<Mark>,
    room: usize,
}

#[derive(Debug)]
struct IdempotentCall {
    deed: Mark,
    since: Instant,
    /// `None` while it is being done.
    answer: watch::Sender<Option<Answer>>,
    /// The answer takes so much room; none where it is not kept.
    size: usize,
}

/// What a key stands for.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing yet: the caller is the one to do it, and to say what came of it.
    Fresh,
    /// It was done, or is being done: the answer is there or will be.
    Known(watch::Receiver<Option<Answer>>),
    /// Something else was done under this key.
    Other,
}

impl Repeats {
    /// Looks a key up, and takes it where nobody has.
    pub(super) fn enter(&mut self, key: Mark, deed: Mark, now: Instant) -> Found {
        self.make_room(now);
        if let Some(kept) = self.all.get(&key) {
            let is_same = kept.deed == deed;
            return if is_same { Found::Known(kept.answer.subscribe()) } else { Found::Other };
        }
        self.all.insert(
            key,
            IdempotentCall { deed, since: now, answer: watch::Sender::new(None), size: 0 },
        );
        self.order.push_back(key);
        Found::Fresh
    }

    /// It was done; the callers that wait hear of it.
    pub(super) fn done(&mut self, key: &Mark, answer: &Answer) {
        let Some(kept) = self.all.get_mut(key) else { return };
        kept.size = match answer {
            Ok(payload) => payload.to_string().len(),
            Err(refused) => refused.message.len() + 512,
        };
        self.room += kept.size;
        kept.answer.send_replace(Some(answer.clone()));
        for key in &self.order {
            if self.room <= ROOM {
                return;
            }
            if let Some(kept) = self.all.get_mut(key).filter(|kept| kept.size > 0) {
                self.room -= std::mem::take(&mut kept.size);
                kept.answer = watch::Sender::new(Some(Err(invalid(NOT_KEPT))));
            }
        }
    }

    /// It was not begun: the key is free again.
    pub(super) fn undone(&mut self, key: &Mark, answer: &Answer) {
        if let Some(kept) = self.forget(key) {
            kept.answer.send_replace(Some(answer.clone()));
        }
    }

    fn make_room(&mut self, now: Instant) {
        let over = |kept: &IdempotentCall| now.saturating_duration_since(kept.since) >= KEPT_FOR;
        while let Some(key) = self.order.front().copied()
            && self.all.get(&key).is_none_or(over)
        {
            self.forget(&key);
        }
        while self.order.len() >= MOST {
            let is_over =
                |key: &&Mark| self.all.get(*key).is_none_or(|kept| kept.answer.borrow().is_some());
            // What is being done now is bounded by the nodes.
            let Some(key) = self.order.iter().find(is_over).copied() else { return };
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &Mark) -> Option<IdempotentCall> {
        self.order.retain(|other| other != key);
        let kept = self.all.remove(key)?;
        self.room -= kept.size;
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key(number: usize) -> Mark {
        mark(&["ann", &number.to_string()])
    }

    fn answered(found: Found) -> Option<Answer> {
        let Found::Known(answer) = found else { panic!("{found:?}") };
        answer.borrow().clone()
    }

    #[test]
    fn a_key_is_done_once_and_answered_alike_until_it_is_forgotten() {
        let (mut repeats, now, deed) = (Repeats::default(), Instant::now(), mark(&["n", "c"]));
        assert!(matches!(repeats.enter(key(1), deed, now), Found::Fresh));
        let Found::Known(waits) = repeats.enter(key(1), deed, now) else { panic!() };
        assert!(waits.borrow().is_none());
        assert!(matches!(repeats.enter(key(1), mark(&["nc"]), now), Found::Other));
        repeats.done(&key(1), &Ok(json!(5)));
        assert_eq!(*waits.borrow(), Some(Ok(json!(5))));
        let again = answered(repeats.enter(key(1), deed, now + KEPT_FOR / 2));
        assert_eq!(again, Some(Ok(json!(5))));
        assert!(matches!(repeats.enter(key(1), deed, now + KEPT_FOR), Found::Fresh));
    }

    #[test]
    fn what_was_not_begun_may_be_tried_again() {
        let (mut repeats, now, deed) = (Repeats::default(), Instant::now(), mark(&["n"]));
        assert!(matches!(repeats.enter(key(1), deed, now), Found::Fresh));
        let Found::Known(waits) = repeats.enter(key(1), deed, now) else { panic!() };
        repeats.undone(&key(1), &Ok(Value::Null));
        assert!(waits.borrow().is_some());
        assert!(matches!(repeats.enter(key(1), deed, now), Found::Fresh));
    }

    #[test]
    fn many_keys_and_long_answers_take_bounded_room() {
        let (mut repeats, now, deed) = (Repeats::default(), Instant::now(), mark(&["n"]));
        assert!(matches!(repeats.enter(key(MOST * 3), deed, now), Found::Fresh));
        let long = Ok(Value::from("x".repeat(ROOM / 4)));
        for number in 0..MOST * 2 {
            assert!(matches!(repeats.enter(key(number), deed, now), Found::Fresh));
            let answer = if number % 256 == 0 { &long } else { &Ok(Value::Null) };
            repeats.done(&key(number), answer);
            assert!(repeats.room <= ROOM && repeats.all.len() <= MOST);
            assert_eq!(repeats.all.len(), repeats.order.len());
        }
        assert_eq!(answered(repeats.enter(key(MOST * 3), deed, now)), None, "it is being done");
        let last = answered(repeats.enter(key(MOST * 2 - 1), deed, now));
        assert_eq!(last, Some(Ok(Value::Null)));
        for number in 1..=4 {
            repeats.enter(key(MOST * 4 + number), deed, now);
            repeats.done(&key(MOST * 4 + number), &long);
        }
        let first = answered(repeats.enter(key(MOST * 4 + 1), deed, now));
        assert_eq!(first, Some(Err(invalid(NOT_KEPT))));
        assert_eq!(answered(repeats.enter(key(MOST * 4 + 4), deed, now)), Some(long));
    }
}
