//! Answers: in order and one at a time in a conversation, at most eight responders at once, beside the gate.

use std::{
    collections::{HashMap, VecDeque},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Answer, ChatKind, Conversation, InboundEvent, InboundMessage, InboundRef, OutboundMessage,
    Prompt, ResponderError, Text,
};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tracing::{debug, warn};

use super::{
    FINISH_WITHIN, Gateway,
    account::Running,
    challenge,
    gate::{self, Admitted, Passage, Rules, What},
    journal::EventKey,
    outbound,
    reply::{self, Replies},
    secrets::{self, Kind},
};
use crate::{
    access::{AccountKey, pairing::RequestId},
    store::StoreError,
};

/// So many answers are made at once.
const AT_ONCE: usize = 8;
/// So many messages of one conversation may wait for their turn.
const QUEUE: usize = 32;
/// So much of any kind may wait in one conversation, also what need not be answered.
const MOST: usize = 8 * QUEUE;
/// A responder is given so much of a message.
const PROMPT_LIMIT: usize = 16 * 1024;

/// Where the store cannot be read, what waits for an answer is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Something to do in a conversation, in its turn.
pub(crate) enum Job {
    /// Send the challenge of a request.
    Challenge { of: RequestId, message: Box<OutboundMessage> },
    /// Forget what was said.
    Forget,
    /// Answer a message that the journal has taken on.
    Respond { key: EventKey, message: Box<InboundMessage> },
    /// Send what a command answers.
    Reply(Box<Replies>),
    /// Send these.
    Send(Vec<OutboundMessage>),
}

/// A conversation of an account: each topic and thread has turns of its own.
type Place = (AccountKey, Conversation);

/// What waits for its turn.
pub(crate) struct Turns {
    waiting: Mutex<HashMap<Place, VecDeque<Job>>>,
    slots: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { waiting: Mutex::default(), slots: Semaphore::new(AT_ONCE) }
    }
}

impl Turns {
    /// A place among those who are answered at once; `None` where there are none any more.
    pub(crate) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }
}

/// Sends messages in their conversation's turn.
pub(crate) async fn send(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    messages: Vec<OutboundMessage>,
) {
    let Some(to) = messages.first().map(|message| message.to.clone()) else { return };
    put(gateway, account, to, Job::Send(messages)).await;
}

/// Puts a job for the conversation of its message.
pub(crate) async fn enqueue(gateway: &Arc<Gateway>, account: &Arc<Running>, job: Job) {
    let Job::Respond { message, .. } = &job else { return };
    let to = message.conversation.clone();
    put(gateway, account, to, job).await;
}

/// Puts a job into its conversation's turn.
pub(crate) async fn put(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    to: Conversation,
    job: Job,
) {
    let place = (account.config.key.clone(), to);
    let refused = {
        let mut waiting = gateway.turns.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(&place) {
            Some(queue) if queue.len() >= QUEUE && matches!(job, Job::Respond { .. }) => Some(job),
            Some(queue) if queue.len() >= MOST => Some(job),
            Some(queue) => {
                queue.push_back(job);
                None
            }
            None => {
                waiting.insert(place.clone(), VecDeque::from([job]));
                gateway.tracker.spawn(work(Arc::clone(gateway), Arc::clone(account), place));
                None
            }
        }
    };
    match refused {
        None => {}
        Some(Job::Respond { key, message }) => {
            finish(account, &key);
            let text = Text::plain("That was too much at once: this message is left out.");
            let told = OutboundMessage::new(message.conversation.clone(), text);
            Box::pin(send(gateway, account, vec![told])).await;
        }
        Some(Job::Challenge { of, .. }) => challenge::ended(account, &of),
        Some(Job::Forget | Job::Reply(_) | Job::Send(_)) => {
            warn!(
                channel = account.config.plugin.id,
                "too much waits to be sent in a conversation: left out"
            );
        }
    }
}

async fn work(gateway: Arc<Gateway>, account: Arc<Running>, place: Place) {
    let mut all = std::pin::pin!(work_off(&gateway, &account, &place));
    tokio::select! {
        () = &mut all => {}
        () = gateway.stop.cancelled() => {
            let _cut = tokio::time::timeout(FINISH_WITHIN, all).await;
        }
    }
}

async fn work_off(gateway: &Arc<Gateway>, account: &Arc<Running>, place: &Place) {
    loop {
        let job = {
            let mut waiting = gateway.turns.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let job = waiting.get_mut(place).and_then(VecDeque::pop_front);
            if job.is_none() {
                waiting.remove(place);
            }
            job
        };
        let Some(job) = job else { return };
        run(gateway, account, &place.1, job).await;
    }
}

async fn run(gateway: &Arc<Gateway>, account: &Arc<Running>, to: &Conversation, job: Job) {
    match job {
        Job::Challenge { of, message } => challenge::deliver(account, &of, *message).await,
        Job::Forget => gateway.responder().forget(&conversation(account, to)).await,
        Job::Reply(replies) => reply::deliver(gateway, account, &to.id, *replies).await,
        Job::Send(messages) => {
            for message in messages {
                outbound::deliver(account, message).await;
            }
        }
        Job::Respond { key, message } => {
            loop {
                match answer(gateway, account, &message).await {
                    Ok(ControlFlow::Break(())) => return,
                    Ok(ControlFlow::Continue(())) => break,
                    Err(error) => {
                        warn!(channel = account.config.plugin.id, %error, "not answered yet");
                    }
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
            finish(account, &key);
        }
    }
}

/// Asks the gate again, and answers: whoever was revoked while his message waited is a stranger again. Where the
/// store cannot be read, nobody is answered. Breaks at a stop: what is left is answered at the next start.
async fn answer(
    gateway: &Arc<Gateway>,
    account: &Running,
    message: &InboundMessage,
) -> Result<ControlFlow<()>, StoreError> {
    let _slot = tokio::select! {
        slot = gateway.turns.slots.acquire() => slot,
        () = gateway.stop.cancelled() => return Ok(ControlFlow::Break(())),
    };
    let event = InboundEvent::Message(message.clone());
    let passage = admit(gateway, account, event)?;
    let Passage::Admitted(admitted) = passage else {
        debug!(channel = account.config.plugin.id, "no longer admitted: dropped");
        return Ok(ControlFlow::Continue(()));
    };
    respond(gateway, account, &admitted).await
}

/// Asks the gate, by the rules of this moment.
fn admit(gateway: &Gateway, account: &Running, event: InboundEvent) -> Result<Passage, StoreError> {
    let (config, account) = (gateway.config(), account.rules());
    let rules = Rules { account: &account, owners: &config.owners, store: &*gateway.store };
    gate::admit(rules, event, super::moment_of_answer())
}

/// Answers somebody the gate has admitted; breaks where the stop cut the responder off.
/// Nothing else reaches a responder.
async fn respond(
    gateway: &Arc<Gateway>,
    account: &Running,
    admitted: &Admitted,
) -> Result<ControlFlow<()>, StoreError> {
    let (who, What::Message(message)) = (admitted.who(), admitted.what()) else {
        return Ok(ControlFlow::Continue(()));
    };
    let to = &who.conversation;
    if let Some(text) = instead(gateway, account, admitted, message)? {
        outbound::say(account, to, text).await;
        return Ok(ControlFlow::Continue(()));
    }
    let (text, cut) = head(&message.text, PROMPT_LIMIT);
    if cut {
        let text = "That message is longer than 16 KiB; only its beginning is read.";
        outbound::say(account, to, text).await;
    }
    let prompt = Prompt {
        conversation: conversation(account, to),
        channel: account.config.plugin.id.to_owned(),
        sender: who.sender.to_string(),
        name: who.name.clone(),
        shared: to.kind == ChatKind::Group,
        text: text.to_owned(),
    };
    let answer = tokio::select! {
        answer = ask(gateway, &prompt) => answer,
        () = gateway.stop.cancelled() => return Ok(ControlFlow::Break(())),
    };
    let answer = match answer {
        Ok(answer) if answer.trim().is_empty() => "(The assistant had nothing to say.)".to_owned(),
        Ok(answer) => answer,
        Err(error) => {
            warn!(channel = account.config.plugin.id, sender = %who.sender, %error, "responder failed");
            "The assistant could not answer just now. Please try again in a while.".to_owned()
        }
    };
    // Whoever was revoked or blocked while the assistant thought is not answered.
    let event = InboundEvent::Message(message.clone());
    if !matches!(admit(gateway, account, event)?, Passage::Admitted(_)) {
        debug!(channel = account.config.plugin.id, "no longer admitted: not answered");
        return Ok(ControlFlow::Continue(()));
    }
    let mut answer = OutboundMessage::new(to.clone(), Text::plain(answer));
    if to.kind == ChatKind::Group {
        answer.answers = Some(InboundRef::Message(message.id.clone()));
    }
    outbound::deliver(account, answer).await;
    Ok(ControlFlow::Continue(()))
}

/// What is said in place of an assistant's answer: to what it cannot read, and to codes, which it must not.
fn instead(
    gateway: &Gateway,
    account: &Running,
    admitted: &Admitted,
    message: &InboundMessage,
) -> Result<Option<Text>, StoreError> {
    if message.text.trim().is_empty() {
        return Ok(Some(Text::plain("I can only read text. Please write what you mean.")));
    }
    let prefix = account.config.plugin.abilities.command_prefix;
    let command = |hint: &str, words: &str| Text::plain(hint).code(format!("{prefix}{words}"));
    let pairing = "pairing approve <code>";
    Ok(secrets::code_in(gateway, &message.text)?.map(|kind| match (kind, admitted.seat()) {
        (Kind::Pairing, Some(_)) => {
            command("That is a pairing code. To let its sender in, send: ", pairing)
        }
        (Kind::Pairing, None) => {
            command("That is a pairing code. Only the owner can use it, with: ", pairing)
        }
        (Kind::Setup, Some(_)) => command(
            "That is a setup code. It belongs into the app, not here. If others have seen it: ",
            "pair cleanup",
        ),
        (Kind::Setup, None) => {
            Text::plain("That is a setup code, or was one. It belongs into the app, not here.")
        }
        (Kind::Ticket, _) => Text::plain(
            "That is an invitation or a link, or was one. It is for somebody who is not let in yet.",
        ),
    }))
}

async fn ask(gateway: &Gateway, prompt: &Prompt) -> Result<String, ResponderError> {
    let (pieces, mut heard) = mpsc::channel(16);
    let answer = Answer::new(pieces);
    // The listener hears the end when the only answer is dropped.
    let _timed = gateway.metrics.responder.time();
    let speak = async move { gateway.responder().respond(prompt, &answer).await };
    let listen = async {
        let mut whole = String::new();
        while let Some(piece) = heard.recv().await {
            whole.push_str(&piece);
        }
        whole
    };
    let (result, whole) = tokio::join!(speak, listen);
    result.map(|()| whole)
}

/// What history is kept by: each topic and thread has its own.
fn conversation(account: &Running, to: &Conversation) -> String {
    let place = format!("{}:{}:{}", account.config.plugin.id, account.config.key.account, to.id);
    match &to.thread {
        Some(thread) => format!("{place}/{thread}"),
        None => place,
    }
}

fn finish(account: &Running, key: &EventKey) {
    let finished = account.journal.lock().unwrap_or_else(PoisonError::into_inner).finish(key);
    if let Err(error) = finished {
        warn!(channel = account.config.plugin.id, %error, "an answer may be given twice after a restart");
    }
}

fn head(text: &str, limit: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(limit);
    (&text[..end], end < text.len())
}
