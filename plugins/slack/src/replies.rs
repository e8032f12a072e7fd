//! Where the answers to presses go, for as long as Slack takes them.

use std::{collections::VecDeque, time::Duration};

use openclaw_plugin_sdk::EventId;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::inbound::Reply;

/// Slack takes answers for half an hour.
const PATIENCE: Duration = Duration::from_mins(29);

const MOST: usize = 256;

/// The presses that can be answered, oldest first.
#[derive(Default)]
pub(crate) struct Replies(Mutex<VecDeque<(EventId, Reply, Instant)>>);

impl Replies {
    pub(crate) fn add(&self, press: EventId, reply: Reply) {
        let mut replies = self.0.lock();
        replies.retain(|(known, ..)| *known != press);
        if replies.len() >= MOST {
            replies.pop_front();
        }
        replies.push_back((press, reply, Instant::now()));
    }

    pub(crate) fn find(&self, press: &EventId) -> Option<Reply> {
        let replies = self.0.lock();
        let (_, reply, since) = replies.iter().find(|(known, ..)| known == press)?;
        (since.elapsed() < PATIENCE).then(|| reply.clone())
    }
}
