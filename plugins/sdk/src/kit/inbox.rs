//! Acknowledges to a platform only what is durable. What it repeats until then arrives once; what it never repeats is
//! acknowledged at once, and is owed: it stays here over broken connections until it is durable.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    pin::Pin,
};

use parking_lot::Mutex;
use serde_json::Value;

use crate::{ChannelError, Handed, InboundEvent, Row, kit::bounded::Bounded};

/// So many wait at most, and so many bytes; what comes then is not acknowledged.
const MOST_WAITING: usize = 1000;
const MOST_BYTES: usize = 16 << 20;

/// What an event takes beside its text.
const EVENT: usize = 512;

/// So many are handed over and not durable yet.
const MOST_UNDERWAY: usize = 64;

/// So many keys are remembered; platforms repeat an event within minutes.
const MOST_SEEN: usize = 8192;

/// Something that a platform has delivered.
#[derive(Clone, Debug)]
pub struct Arrival<T> {
    /// What it is.
    pub item: T,
    /// Names under which it comes again. They say who sent it: no sender can suppress what another sends.
    pub keys: Vec<String>,
    /// The platform delivers it again until it is acknowledged.
    pub repeats: bool,
}

/// What waits takes memory.
pub trait Weigh {
    /// About how many bytes.
    fn bytes(&self) -> usize;
}

impl Weigh for InboundEvent {
    fn bytes(&self) -> usize {
        EVENT + if let Self::Message(message) = self { message.text.len() } else { 0 }
    }
}

impl Weigh for Value {
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::String(text) => text.len(),
                Self::Array(all) => all.iter().map(Self::bytes).sum(),
                Self::Object(all) => all.iter().map(|(key, value)| key.len() + value.bytes()).sum(),
                Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            }
    }
}

/// The name of an event that comes again as it is: no sender can suppress what another sends. Of what no platform
/// repeats, there is none.
pub fn keys(event: &InboundEvent) -> Vec<String> {
    let (place, sender, id) = match event {
        InboundEvent::Message(it) => (&it.conversation.id, &it.sender.id, &it.id),
        InboundEvent::Press(it) => (&it.conversation.id, &it.sender.id, &it.id),
        InboundEvent::Reaction(it) => (&it.conversation.id, &it.sender.id, &it.id),
        InboundEvent::Changed(it) => return vec![format!("changed/{}/{:?}", it.is, it.was)],
        InboundEvent::Failed(it) => return vec![format!("failed/{}/{}", it.sent.chat, it.sent.id)],
        InboundEvent::Moved(_) => return Vec::new(),
    };
    vec![format!("{place}/{sender}/{id}")]
}

impl Arrival<InboundEvent> {
    /// An event that its platform repeats until it is acknowledged.
    pub fn repeated(item: InboundEvent) -> Self {
        Self { keys: keys(&item), item, repeats: true }
    }
}

/// What outlives a connection: what was acknowledged before it was durable, and the keys of what was durable.
#[derive(Debug)]
pub struct AckQueue<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    owed: VecDeque<Arrival<T>>,
    seen: Bounded<String, ()>,
}

type HandOver<'a> = Pin<Box<dyn Future<Output = Result<Option<Handed>, ChannelError>> + Send + 'a>>;

/// What waits on one connection, with the ways to acknowledge it.
#[expect(missing_debug_implementations, reason = "it holds what people wrote")]
pub struct Pending<'a, T, A> {
    queue: &'a AckQueue<T>,
    hand_over: Box<dyn Fn(T) -> HandOver<'a> + Send + 'a>,
    waiting: VecDeque<Waiting<T, A>>,
    /// What they take.
    bytes: usize,
    /// So many of them have begun, the first ones.
    begun: usize,
    /// The last one that has begun, until it is handed over.
    current: Option<HandOver<'a>>,
    /// Those that were handed over; `None` for what was not for the gateway.
    handed: VecDeque<Option<Handed>>,
}

struct Waiting<T, A> {
    /// Until it is handed over.
    item: Option<T>,
    bytes: usize,
    keys: Vec<String>,
    acks: Vec<A>,
}

/// What becomes of an arrival.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<A> {
    /// Acknowledge it now.
    Acknowledge(A),
    /// Too much waits: do not acknowledge it.
    Refuse(A),
    /// [`Pending::settled`] says when to acknowledge it.
    Waits,
}

impl<T> Default for AckQueue<T> {
    fn default() -> Self {
        Self(Mutex::new(State { owed: VecDeque::new(), seen: Bounded::new(MOST_SEEN) }))
    }
}

impl<T: Clone + Send + Weigh> AckQueue<T> {
    /// Begins a connection. What earlier ones have acknowledged comes first. `translate` makes an event of an item,
    /// or nothing where it is not for the gateway.
    pub fn connect<'a, A, F>(
        &'a self,
        row: &'a Row<'a>,
        translate: impl Fn(T) -> F + Send + 'a,
    ) -> Pending<'a, T, A>
    where
        F: Future<Output = Result<Option<InboundEvent>, ChannelError>> + Send + 'a,
    {
        let hand_over = move |item| -> HandOver<'a> {
            let event = translate(item);
            Box::pin(async move {
                match event.await? {
                    Some(event) => row.hand(event).await.map(Some),
                    None => Ok(None),
                }
            })
        };
        let owed = self.0.lock().owed.clone();
        let waiting: VecDeque<_> = owed.into_iter().map(|owed| waiting(owed, Vec::new())).collect();
        Pending {
            queue: self,
            hand_over: Box::new(hand_over),
            bytes: waiting.iter().map(|one| one.bytes).sum(),
            waiting,
            begun: 0,
            current: None,
            handed: VecDeque::new(),
        }
    }
}

impl<T: Clone + Weigh, A> Pending<'_, T, A> {
    /// True where nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True where what arrives next is not refused.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < MOST_WAITING && self.bytes < MOST_BYTES
    }

    /// Takes what has arrived, if it is something for the gateway, and how to acknowledge it.
    pub fn receive(&mut self, arrival: impl Into<Option<Arrival<T>>>, ack: A) -> Received<A> {
        let Some(arrival) = arrival.into() else { return Received::Acknowledge(ack) };
        let mut queue = self.queue.0.lock();
        if arrival.keys.iter().any(|key| queue.seen.contains(key)) {
            return Received::Acknowledge(ack);
        }
        let has_room = self.has_room();
        let is_same =
            |known: &&mut Waiting<T, A>| known.keys.iter().any(|key| arrival.keys.contains(key));
        match self.waiting.iter_mut().find(is_same) {
            Some(_) if !arrival.repeats => return Received::Acknowledge(ack),
            Some(same) => same.acks.push(ack),
            None if !has_room => return Received::Refuse(ack),
            None => {
                self.bytes += arrival.item.bytes();
                if !arrival.repeats {
                    queue.owed.push_back(arrival.clone());
                    self.waiting.push_back(waiting(arrival, Vec::new()));
                    return Received::Acknowledge(ack);
                }
                self.waiting.push_back(waiting(arrival, vec![ack]));
            }
        }
        Received::Waits
    }

    /// Hands over what waits, in its order, until the first of it is durable: what to acknowledge now. May be dropped
    /// and called again.
    pub async fn settled(&mut self) -> Result<Vec<A>, ChannelError> {
        loop {
            if self.current.is_none()
                && self.begun < MOST_UNDERWAY
                && let Some(next) = self.waiting.get_mut(self.begun)
            {
                self.begun += 1;
                self.current = next.item.take().map(&self.hand_over);
            }
            tokio::select! {
                handed = next(&mut self.current) => {
                    self.current = None;
                    self.handed.push_back(handed?);
                }
                durable = first_durable(&mut self.handed) => {
                    durable?;
                    return Ok(self.settle_first());
                }
            }
        }
    }

    fn settle_first(&mut self) -> Vec<A> {
        self.handed.pop_front();
        self.begun = self.begun.saturating_sub(1);
        let Some(Waiting { keys, acks, bytes, .. }) = self.waiting.pop_front() else {
            return Vec::new();
        };
        self.bytes -= bytes;
        let mut queue = self.queue.0.lock();
        queue.owed.retain(|owed| owed.keys != keys);
        for key in keys {
            queue.seen.insert(key, ());
        }
        acks
    }
}

fn waiting<T: Weigh, A>(arrival: Arrival<T>, acks: Vec<A>) -> Waiting<T, A> {
    let bytes = arrival.item.bytes();
    Waiting { item: Some(arrival.item), bytes, keys: arrival.keys, acks }
}

/// What the future comes to; never, where there is none. May be dropped and called again.
pub async fn next<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn first_durable(handed: &mut VecDeque<Option<Handed>>) -> Result<(), ChannelError> {
    match handed.front_mut() {
        Some(Some(handed)) => handed.durable().await,
        Some(None) => Ok(()),
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::{AccountId, Inbox};

    impl Weigh for &'static str {
        fn bytes(&self) -> usize {
            self.len()
        }
    }

    fn inbox() -> Inbox {
        let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
        Inbox::new(AccountId::default_account(), deliveries, exchanges, watch::channel(false).0)
    }

    fn message(keys: &[&str]) -> Arrival<&'static str> {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Arrival { item: "message", keys, repeats: true }
    }

    fn press(key: &str) -> Arrival<&'static str> {
        Arrival { item: "press", repeats: false, ..message(&[key]) }
    }

    /// Nothing is for the gateway, so that all is settled in its turn.
    async fn not_for_us(_: &'static str) -> Result<Option<InboundEvent>, ChannelError> {
        Ok(None)
    }

    async fn settled<A>(pending: &mut Pending<'_, &'static str, A>) -> Option<Vec<A>> {
        let settled = pending.settled();
        tokio::select! { biased; settled = settled => settled.ok(), () = tokio::task::yield_now() => None }
    }

    #[tokio::test]
    async fn an_event_is_acknowledged_when_it_is_durable_however_often_it_came() {
        let (queue, inbox) = (AckQueue::default(), inbox());
        let row = inbox.row();
        let mut pending = queue.connect(&row, not_for_us);
        assert_eq!(pending.receive(message(&["1.1", "event/1"]), 1), Received::Waits);
        assert_eq!(pending.receive(message(&["1.1", "event/1"]), 2), Received::Waits);
        // A mention is announced twice, as two events.
        assert_eq!(pending.receive(message(&["1.1", "event/2"]), 3), Received::Waits);
        assert_eq!(settled(&mut pending).await, Some(vec![1, 2, 3]));
        assert_eq!(settled(&mut pending).await, None);
        assert_eq!(pending.receive(message(&["1.1"]), 4), Received::Acknowledge(4));
    }

    #[tokio::test]
    async fn what_was_not_durable_is_forgotten_with_its_connection_unless_it_was_acknowledged() {
        let (queue, inbox) = (AckQueue::default(), inbox());
        let row = inbox.row();
        let mut pending = queue.connect(&row, not_for_us);
        assert_eq!(pending.receive(message(&["1.1"]), 1), Received::Waits);
        assert_eq!(pending.receive(press("2.1"), 2), Received::Acknowledge(2));
        let handed = AtomicUsize::new(0);
        let count = |item| {
            assert_eq!(item, "press");
            handed.fetch_add(1, Ordering::Relaxed);
            not_for_us(item)
        };
        let mut pending = queue.connect(&row, count);
        assert_eq!(settled::<u8>(&mut pending).await, Some(Vec::new()));
        let mut pending = queue.connect(&row, count);
        assert_eq!(settled(&mut pending).await, None, "and once is enough");
        assert_eq!(pending.receive(press("2.1"), 3), Received::Acknowledge(3));
        assert_eq!(settled(&mut pending).await, None);
        assert_eq!(handed.load(Ordering::Relaxed), 1);
        assert_eq!(pending.receive(message(&["1.1"]), 4), Received::Waits);
    }

    #[test]
    fn what_is_too_much_is_not_acknowledged() {
        let (queue, inbox) = (AckQueue::default(), inbox());
        let row = inbox.row();
        let mut pending = queue.connect(&row, not_for_us);
        for number in 0..MOST_WAITING {
            assert_eq!(pending.receive(message(&[&number.to_string()]), number), Received::Waits);
        }
        assert_eq!(pending.receive(press("9.9"), 7), Received::Refuse(7));
    }

    #[tokio::test]
    async fn what_is_too_long_together_is_not_acknowledged_until_some_of_it_is_durable() {
        let long: &'static str = "x".repeat(1 << 20).leak();
        let message = |key: &str| Arrival { item: long, ..message(&[key]) };
        let (queue, inbox) = (AckQueue::default(), inbox());
        let row = inbox.row();
        let mut pending = queue.connect(&row, not_for_us);
        for number in 0..16 {
            let received = pending.receive(message(&number.to_string()), number);
            assert_eq!(received, Received::Waits, "{number}");
        }
        assert!(!pending.has_room());
        assert_eq!(pending.receive(message("16"), 16), Received::Refuse(16));
        assert_eq!(settled(&mut pending).await, Some(vec![0]));
        assert_eq!(pending.receive(message("16"), 16), Received::Waits);
        assert!(!pending.has_room());
    }

    #[test]
    fn all_that_a_row_holds_is_counted() {
        let row = serde_json::json!({ "text": "x".repeat(1000), "all": ["y".repeat(100), 7] });
        assert!((1100..1600).contains(&row.bytes()), "{}", row.bytes());
    }
}
