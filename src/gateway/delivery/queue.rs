//! Turns: in a conversation one thing after the other, beside whatever goes on in others.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
};

use openclaw_plugin_sdk::{Conversation, InboundMessage};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    FINISH_WITHIN, Gateway,
    accounts::account::AccountRuntime,
    delivery::{Fresh, answer, challenge},
    journal::{
        EventKey,
        mail::{Mail, Only, Part, Stands},
    },
    rules::{AccountKey, pairing::RequestId},
};

/// So many answers are made at once.
const AT_ONCE: usize = 8;
/// So many messages of one conversation may wait for their turn.
const QUEUE: usize = 32;
/// So much of any kind may wait in one conversation, also what need not be answered.
const MOST: usize = 8 * QUEUE;

const TOO_MUCH: &str = "That was too much at once: this message is left out.";

/// Something to do in a conversation of an account, in its turn.
pub(crate) enum Task {
    /// Forget what was said.
    Forget(Conversation),
    /// Answer a message that the journal has taken on, in the place of what was shown of an answer.
    Respond { key: EventKey, message: Arc<InboundMessage>, shown: Option<Stands> },
    /// Send what the journal has taken on.
    Send { key: EventKey, mail: Box<Mail>, fresh: Fresh },
}

/// The answer to a device's message, in the turn of its chat.
pub(crate) struct DeviceAnswer {
    pub(crate) to: Conversation,
    pub(crate) answer: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Nobody waits for it any more.
    pub(crate) stop: CancellationToken,
}

enum QueuedTask {
    Account(Arc<AccountRuntime>, Task),
    Device(DeviceAnswer),
}

/// Each topic and thread of an account has turns of its own, and so has the chat of each device, which is on none.
type QueueKey = (Option<AccountKey>, Conversation);

/// What waits for its turn.
pub(crate) struct ConversationQueue {
    waiting: Mutex<Queues<QueuedTask>>,
    slots: Semaphore,
}

impl Default for ConversationQueue {
    fn default() -> Self {
        Self { waiting: Mutex::default(), slots: Semaphore::new(AT_ONCE) }
    }
}

impl ConversationQueue {
    /// A place among those who are answered at once; `None` where there are none any more.
    pub(crate) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }
}

/// What waits in each conversation in which something is done.
struct Queues<T>(HashMap<QueueKey, VecDeque<T>>);

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Queues<T> {
    /// Waits behind the others of its conversation that still count. True where there are none, not even one that is
    /// being done: then a worker has to begin.
    fn join(&mut self, place: &QueueKey, job: T, counts: impl Fn(&T) -> bool) -> bool {
        let begins = !self.0.contains_key(place);
        let queue = self.0.entry(place.clone()).or_default();
        queue.retain(counts);
        queue.push_back(job);
        begins
    }

    /// What is to be done next; `None` ends the work in this conversation.
    fn next(&mut self, place: &QueueKey) -> Option<T> {
        let next = self.0.get_mut(place).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.0.remove(place);
        }
        next
    }

    fn length(&self, place: &QueueKey) -> usize {
        self.0.get(place).map_or(0, VecDeque::len)
    }
}

/// Puts a task into its conversation's turn. What is too much is left out.
pub(crate) async fn put(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>, task: Task) {
    let length = gateway.turns.waiting.lock().length(&place_of(account, &task));
    match task {
        Task::Respond { key, message, .. } if length >= QUEUE => {
            let mail = Mail::answer(&message, vec![Part::text(&TOO_MUCH.into())]);
            Box::pin(answer::send_for(gateway, account, key, (mail, Fresh::default()))).await;
        }
        Task::Send { key, mail, .. } if length >= MOST => {
            let channel = account.config.plugin.id;
            warn!(channel, "too much waits to be sent in a conversation: left out");
            if let Only::Waiting(request) = &mail.only {
                challenge::ended(account, &RequestId::from_text(request));
            }
            answer::finish(account, &key).await;
        }
        task => join(gateway, account, task),
    }
}

/// Puts a task into its conversation's turn, however much waits there.
pub(crate) fn join(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>, task: Task) {
    begin(gateway, place_of(account, &task), QueuedTask::Account(Arc::clone(account), task));
}

/// Puts the answer to a device's message into the turn of its chat, which takes no more than it may hold.
pub(crate) fn join_device(gateway: &Arc<Gateway>, answer: DeviceAnswer) {
    begin(gateway, (None, answer.to.clone()), QueuedTask::Device(answer));
}

fn begin(gateway: &Arc<Gateway>, place: QueueKey, job: QueuedTask) {
    let counts =
        |job: &QueuedTask| !matches!(job, QueuedTask::Device(answer) if answer.stop.is_cancelled());
    if gateway.turns.waiting.lock().join(&place, job, counts) {
        gateway.tracker.spawn(work(Arc::clone(gateway), place));
    }
}

fn place_of(account: &AccountRuntime, task: &Task) -> QueueKey {
    let to = match task {
        Task::Forget(to) => to.clone(),
        Task::Respond { message, .. } => message.conversation.clone(),
        Task::Send { mail, .. } => mail.to.conversation(),
    };
    (Some(account.config.key.clone()), to)
}

async fn work(gateway: Arc<Gateway>, place: QueueKey) {
    let mut all = std::pin::pin!(work_off(&gateway, &place));
    tokio::select! {
        () = &mut all => {}
        () = gateway.stop.cancelled() => {
            let _cut = tokio::time::timeout(FINISH_WITHIN, all).await;
        }
    }
}

async fn work_off(gateway: &Arc<Gateway>, place: &QueueKey) {
    // What waits at a stop is for the next start.
    while !gateway.stop.is_cancelled() {
        let job = gateway.turns.waiting.lock().next(place);
        match job {
            Some(QueuedTask::Account(account, task)) => answer::run(gateway, &account, task).await,
            Some(QueuedTask::Device(DeviceAnswer { answer, stop, .. })) => tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = gateway.stop.cancelled() => {}
                () = answer => {}
            },
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{ChatId, ChatKind};

    use super::*;

    #[test]
    fn one_conversation_does_one_thing_after_the_other_and_others_do_not_wait() {
        let place = |chat: &str| (None, Conversation::new(ChatId::new(chat), ChatKind::Direct));
        let (ann, ben) = (place("ann"), place("ben"));
        let mut turns = Queues::default();
        let join = |turns: &mut Queues<u32>, place, n| turns.join(place, n, |n| *n != 2);
        assert!(join(&mut turns, &ann, 1));
        assert_eq!(turns.next(&ann), Some(1));
        assert!(!join(&mut turns, &ann, 2), "the first one is being done");
        assert!(join(&mut turns, &ben, 4));
        assert!(!join(&mut turns, &ann, 3));
        assert_eq!(turns.length(&ann), 1, "what is stopped takes no place");
        assert_eq!((turns.next(&ann), turns.next(&ben)), (Some(3), Some(4)));
        assert_eq!((turns.next(&ann), turns.next(&ann)), (None, None));
        assert!(join(&mut turns, &ann, 5), "its turns had ended");
    }
}
