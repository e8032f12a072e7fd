//! What has arrived and is not yet durable, in order, and what has been seen.
//!
//! An event is acknowledged when the gateway has made it durable, and not before: until then Slack repeats
//! it. A press and a slash command are acknowledged at once, for Slack never repeats them, and stay here
//! until they are durable, over broken connections too; only the end of the process loses one.

use std::{
    collections::{BTreeSet, VecDeque},
    future::pending,
};

use openclaw_plugin_sdk::{ButtonPress, ChannelError, Handed, InboundMessage};
use parking_lot::{Mutex, MutexGuard};

use crate::{inbound::Reply, wire::Slash};

/// So many wait at most; what comes then is not acknowledged.
const MOST_WAITING: usize = 1000;

/// So many are handed over and not durable yet.
const MOST_UNDERWAY: usize = 64;

/// So many are remembered; Slack repeats an event within minutes.
const MOST_SEEN: usize = 8192;

/// Something for the gateway.
#[derive(Clone)]
pub(crate) enum Arrival {
    /// Slack says that tokens were revoked or the app removed: are ours?
    Check,
    Message(Box<InboundMessage>),
    Press(Box<(ButtonPress, Reply)>),
    Slash(Box<Slash>),
}

impl Arrival {
    /// Names under which it comes again; the account is ours, so that its place, its sender and its id name it.
    fn keys(&self, event_id: Option<&str>) -> Vec<String> {
        let own = match self {
            Self::Check => None,
            Self::Message(it) => Some((&it.conversation.id, &it.sender.id, &it.id)),
            Self::Press(it) => Some((&it.0.conversation.id, &it.0.sender.id, &it.0.id)),
            Self::Slash(it) => return vec![format!("slash/{}/{}", it.user_id, it.trigger_id)],
        };
        let own = own.map(|(chat, sender, id)| format!("{chat}/{sender}/{id}"));
        own.into_iter().chain(event_id.map(|id| format!("event/{id}"))).collect()
    }

    /// True where Slack does not repeat it.
    pub(crate) fn comes_once(&self) -> bool {
        matches!(self, Self::Press(_) | Self::Slash(_))
    }
}

/// What outlives a connection.
#[derive(Default)]
pub(crate) struct AckQueue(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Acknowledged, and not yet durable.
    owed: VecDeque<(Vec<String>, Arrival)>,
    seen: BTreeSet<String>,
    order: VecDeque<String>,
}

impl AckQueue {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock()
    }
}

impl Kept {
    fn see(&mut self, keys: Vec<String>) {
        for key in keys {
            if self.seen.insert(key.clone()) {
                self.order.push_back(key);
            }
        }
        while self.order.len() > MOST_SEEN {
            if let Some(oldest) = self.order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
    }
}

/// What waits on one connection, with the ways to acknowledge it.
pub(crate) struct Line<A> {
    waiting: VecDeque<Waiting<A>>,
    /// So many of them have begun, the first ones.
    begun: usize,
    /// Those of them that were handed over; `None` for what was not for the gateway.
    handed: VecDeque<Option<Handed>>,
}

struct Waiting<A> {
    arrival: Arrival,
    keys: Vec<String>,
    acks: Vec<A>,
}

/// What became of an arrival; what is to be acknowledged now is given back.
pub(crate) enum Taken<A> {
    Acknowledge(A),
    Full(A),
    Waits,
}

impl<A> Line<A> {
    /// What the last connection has acknowledged comes first.
    pub(crate) fn new(desk: &AckQueue) -> Self {
        let owed = desk.lock().owed.clone();
        let waiting =
            owed.into_iter().map(|(keys, arrival)| Waiting { arrival, keys, acks: Vec::new() });
        Self { waiting: waiting.collect(), begun: 0, handed: VecDeque::new() }
    }

    pub(crate) fn take(
        &mut self,
        desk: &AckQueue,
        arrival: Arrival,
        event_id: Option<&str>,
        ack: A,
    ) -> Taken<A> {
        let keys = arrival.keys(event_id);
        let mut kept = desk.lock();
        if keys.iter().any(|key| kept.seen.contains(key)) {
            return Taken::Acknowledge(ack);
        }
        let same = |waiting: &&mut Waiting<A>| waiting.keys.iter().any(|key| keys.contains(key));
        if let Some(waiting) = self.waiting.iter_mut().find(same) {
            if arrival.comes_once() {
                return Taken::Acknowledge(ack);
            }
            waiting.acks.push(ack);
            return Taken::Waits;
        }
        if self.waiting.len() >= MOST_WAITING {
            return Taken::Full(ack);
        }
        if arrival.comes_once() {
            kept.owed.push_back((keys.clone(), arrival.clone()));
            self.waiting.push_back(Waiting { arrival, keys, acks: Vec::new() });
            return Taken::Acknowledge(ack);
        }
        self.waiting.push_back(Waiting { arrival, keys, acks: vec![ack] });
        Taken::Waits
    }

    /// What comes next, which begins.
    pub(crate) fn begin(&mut self) -> Option<Arrival> {
        let next = self.waiting.get(self.begun).filter(|_| self.begun < MOST_UNDERWAY)?;
        self.begun += 1;
        Some(next.arrival.clone())
    }

    /// The next of those that have begun was handed over; nothing where it was not for the gateway.
    pub(crate) fn handed(&mut self, handed: Option<Handed>) {
        self.handed.push_back(handed);
    }

    /// Ends when the first that was handed over is durable; never where there is none. May be dropped and called again.
    pub(crate) async fn durable(&mut self) -> Result<(), ChannelError> {
        match self.handed.front_mut() {
            Some(Some(handed)) => handed.durable().await,
            Some(None) => Ok(()),
            None => pending().await,
        }
    }

    /// The first is durable: what is to be acknowledged now.
    pub(crate) fn settled(&mut self, desk: &AckQueue) -> Vec<A> {
        let Some(waiting) = self.waiting.pop_front() else { return Vec::new() };
        self.handed.pop_front();
        self.begun = self.begun.saturating_sub(1);
        let mut kept = desk.lock();
        kept.owed.retain(|(keys, _)| *keys != waiting.keys);
        kept.see(waiting.keys);
        waiting.acks
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::UnixMs;
    use serde_json::json;

    use super::*;
    use crate::{inbound, wire::Me};

    fn me() -> Me {
        Me { user_id: "U0BOT00000".to_owned(), team_id: "T0HOME0000".to_owned() }
    }

    fn message(user: &str, ts: &str) -> Arrival {
        let event = json!({ "type": "message", "channel_type": "im", "channel": "D1", "user": user, "ts": ts, "text": "x" });
        let callback = serde_json::from_value(json!({ "event": event })).unwrap();
        Arrival::Message(Box::new(inbound::message(&callback, &me(), &[]).unwrap()))
    }

    fn press(ts: &str) -> Arrival {
        let payload = json!({
            "type": "block_actions", "user": { "id": "U024BE7LH", "team_id": "T0HOME0000" },
            "container": { "channel_id": "D1", "message_ts": "1.1" },
            "actions": [{ "value": "a", "action_ts": ts }],
        });
        Arrival::Press(Box::new(inbound::press(&payload, &me(), UnixMs(1)).unwrap()))
    }

    #[test]
    fn an_event_is_acknowledged_when_it_is_durable_however_often_it_came() {
        let (desk, ann) = (AckQueue::default(), "U024BE7LH");
        let mut line = Line::new(&desk);
        assert!(matches!(line.take(&desk, message(ann, "1.1"), Some("Ev1"), 1), Taken::Waits));
        assert!(matches!(line.take(&desk, message(ann, "1.1"), Some("Ev1"), 2), Taken::Waits));
        // A mention is announced twice, as two events.
        assert!(matches!(line.take(&desk, message(ann, "1.1"), Some("Ev2"), 3), Taken::Waits));
        assert_eq!(line.settled(&desk), [1, 2, 3]);
        assert!(line.begin().is_none());
        assert!(matches!(line.take(&desk, message(ann, "1.1"), None, 4), Taken::Acknowledge(4)));
    }

    #[test]
    fn case_105_nobody_suppresses_the_message_of_another() {
        let desk = AckQueue::default();
        let mut line = Line::new(&desk);
        for (user, ack) in [("U024BE7LH", 1), ("U024BE7LX", 2)] {
            assert!(matches!(line.take(&desk, message(user, "1.1"), None, ack), Taken::Waits));
        }
        assert_eq!(line.settled(&desk), [1]);
        assert_eq!(line.settled(&desk), [2]);
    }

    #[test]
    fn what_was_not_durable_is_forgotten_with_its_connection_unless_it_was_acknowledged() {
        let desk = AckQueue::default();
        let mut line = Line::new(&desk);
        assert!(matches!(line.take(&desk, message("U024BE7LH", "1.1"), None, 1), Taken::Waits));
        assert!(matches!(line.take(&desk, press("2.1"), None, 2), Taken::Acknowledge(2)));
        let mut line = Line::<u8>::new(&desk);
        assert!(matches!(line.begin(), Some(Arrival::Press(_))));
        assert!(line.settled(&desk).is_empty());
        assert!(Line::<u8>::new(&desk).begin().is_none(), "and once is enough");
        assert!(matches!(line.take(&desk, press("2.1"), None, 3), Taken::Acknowledge(3)));
        assert!(line.begin().is_none());
        assert!(matches!(line.take(&desk, message("U024BE7LH", "1.1"), None, 4), Taken::Waits));
    }

    #[test]
    fn what_is_too_much_is_not_acknowledged() {
        let desk = AckQueue::default();
        let mut line = Line::new(&desk);
        for number in 0..MOST_WAITING {
            let taken =
                line.take(&desk, message("U024BE7LH", &format!("1.{number}")), None, number);
            assert!(matches!(taken, Taken::Waits));
        }
        assert!(matches!(line.take(&desk, press("9.9"), None, 7), Taken::Full(7)));
    }

    #[test]
    fn what_was_seen_is_remembered_within_bounds() {
        let mut kept = Kept::default();
        for number in 0..MOST_SEEN + 10 {
            kept.see(vec![number.to_string()]);
        }
        assert_eq!((kept.seen.len(), kept.order.len()), (MOST_SEEN, MOST_SEEN));
        assert!(!kept.seen.contains("9") && kept.seen.contains("10"));
    }
}
