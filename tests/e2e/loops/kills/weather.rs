//! Cuts of the network and storms of "too many requests"; a page whose questions are answered exactly once; and people
//! who are blocked while their answer waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Bed, write};
use crate::{process::texts, visitor::Visitor};

/// A guest on the page, who asks and may leave at once.
#[derive(Default)]
pub(super) struct Asker {
    visitor: Option<Visitor>,
    pub(super) asked: usize,
    /// The messages in which each question was answered.
    answered: BTreeMap<String, BTreeSet<String>>,
}

/// Who is blocked in a round.
pub(super) fn victim(round: usize) -> i64 {
    8_000_000 + i64::try_from(round).unwrap()
}

impl Bed {
    /// It changes until nobody waits for it any more.
    pub(super) async fn weather(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(5 + self.roll(40))).await;
            let (cut, storm) = (self.roll(3) == 0, self.roll(3) == 0);
            let left = usize::try_from(self.roll(4)).unwrap();
            self.world.telegram.with(|state| {
                (state.cut, state.storm) = (cut, storm.then_some((left, 1)));
            });
        }
    }

    pub(super) fn calm(&self) {
        self.world.telegram.with(|state| (state.cut, state.storm) = (false, None));
    }

    /// A person asks while the platform takes nothing, and is blocked before it does again.
    pub(super) async fn block_a_victim(&mut self, round: usize) {
        let (telegram, id) = (&self.world.telegram, victim(round));
        telegram.with(|state| state.storm = Some((0, 1)));
        write(telegram, id, &format!("a question of {id}"));
        telegram.until("it is taken", |state| state.updates.is_empty()).await;
        let blocked = self.world.home.cli(&["access", "block", &format!("telegram:{id}")]);
        assert!(blocked.status.success(), "{:?}", texts(&blocked));
        // A call that had left before the block arrives meanwhile, and is refused.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = telegram.with(|state| state.messages.len());
        self.blocked.push((id, before));
        self.calm();
    }

    pub(super) fn check_the_blocked(&self) {
        self.world.telegram.with(|state| {
            for (id, before) in &self.blocked {
                let after = state.messages.iter().skip(*before);
                let heard = after.filter(|shown| shown.chat["id"] == *id).count();
                assert_eq!(heard, 0, "case_133: {id} was blocked");
            }
        });
    }

    /// A few questions are taken; then the page stays, or goes at once.
    pub(super) async fn ask_on_the_page(&mut self) {
        let port = self.world.gateway.as_ref().unwrap().port;
        let (count, stays) = (1 + self.roll(3), self.roll(2) == 0);
        let mut visitor = match self.asker.visitor.take() {
            Some(visitor) => visitor,
            None => Visitor::come(port).await,
        };
        visitor.connect(port).await;
        for _ in 0..count {
            self.asker.asked += 1;
            visitor.say(&page_question(self.asker.asked)).await.unwrap();
        }
        if !stays {
            visitor.leave();
        }
        self.asker.visitor = Some(visitor);
    }

    /// Every question that was taken was answered in one message, however often that was sent.
    pub(super) async fn check_the_page(&mut self) {
        let Some(mut visitor) = self.asker.visitor.take() else { return };
        visitor.hear_out().await;
        visitor.connect(self.world.gateway.as_ref().unwrap().port).await;
        loop {
            for (id, text) in visitor.shown() {
                let question = text.lines().last().unwrap_or_default().to_owned();
                self.asker.answered.entry(question).or_default().insert(id);
            }
            let missing = (1..=self.asker.asked)
                .any(|number| !self.asker.answered.contains_key(&page_question(number)));
            if !missing {
                break;
            }
            visitor.hear().await;
        }
        for (question, messages) in &self.asker.answered {
            assert_eq!(messages.len(), 1, "{question} was answered in {messages:?}");
        }
        self.asker.visitor = Some(visitor);
    }
}

fn page_question(number: usize) -> String {
    format!("page question {number}")
}
