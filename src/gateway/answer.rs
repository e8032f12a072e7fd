//! Answers: in order and one at a time in a conversation, at most eight responders at once, beside the gate.

use std::{
    collections::{HashMap, VecDeque},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use openclaw_plugin_sdk::{
    Answer, ChatId, ChatKind, InboundEvent, InboundMessage, InboundRef, OutboundMessage, Prompt,
    ResponderError, Text,
};
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, warn};

use super::{
    Gateway,
    account::Running,
    gate::{self, Admitted, Passage, Rules, What},
    journal::EventKey,
    outbound, secrets,
};
use crate::access::AccountKey;

/// So many answers are made at once.
const AT_ONCE: usize = 8;
/// So many messages of one conversation may wait for their turn.
const QUEUE: usize = 32;
/// A responder is given so much of a message.
const PROMPT_LIMIT: usize = 16 * 1024;

/// Something to do in a conversation, in its turn.
pub(crate) enum Job {
    /// Forget what was said.
    Forget,
    /// Answer a message that the journal has taken on.
    Respond { key: EventKey, message: Box<InboundMessage> },
    /// Send these.
    Send(Vec<OutboundMessage>),
}

/// What waits for its turn.
pub(crate) struct Turns {
    waiting: Mutex<HashMap<(AccountKey, ChatId), VecDeque<Job>>>,
    slots: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { waiting: Mutex::default(), slots: Semaphore::new(AT_ONCE) }
    }
}

/// Sends messages in their conversation's turn.
pub(crate) async fn send(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    messages: Vec<OutboundMessage>,
) {
    let Some(chat) = messages.first().map(|message| message.to.id.clone()) else { return };
    put(gateway, account, chat, Job::Send(messages)).await;
}

/// Puts a job for the conversation of its message.
pub(crate) async fn enqueue(gateway: &Arc<Gateway>, account: &Arc<Running>, job: Job) {
    let Job::Respond { message, .. } = &job else { return };
    let chat = message.conversation.id.clone();
    put(gateway, account, chat, job).await;
}

/// Puts a job into its conversation's turn.
pub(crate) async fn put(gateway: &Arc<Gateway>, account: &Arc<Running>, chat: ChatId, job: Job) {
    let place = (account.config.key.clone(), chat);
    let refused = {
        let mut waiting = gateway.turns.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(&place) {
            Some(queue) if queue.len() >= QUEUE && matches!(job, Job::Respond { .. }) => Some(job),
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
    if let Some(Job::Respond { key, message }) = refused {
        finish(account, &key);
        outbound::say(
            account,
            &message.conversation,
            "That was too much at once: this message is left out.",
        )
        .await;
    }
}

async fn work(gateway: Arc<Gateway>, account: Arc<Running>, place: (AccountKey, ChatId)) {
    loop {
        let job = {
            let mut waiting = gateway.turns.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let job = waiting.get_mut(&place).and_then(VecDeque::pop_front);
            if job.is_none() {
                waiting.remove(&place);
            }
            job
        };
        let Some(job) = job else { return };
        run(&gateway, &account, &place.1, job).await;
    }
}

async fn run(gateway: &Arc<Gateway>, account: &Arc<Running>, chat: &ChatId, job: Job) {
    match job {
        Job::Forget => gateway.responder.forget(&conversation(account, chat)).await,
        Job::Send(messages) => {
            for message in messages {
                outbound::deliver(account, message).await;
            }
        }
        Job::Respond { key, message } => {
            // What is left unanswered at a stop is answered at the next start.
            let _slot = tokio::select! {
                slot = gateway.turns.slots.acquire() => slot,
                () = gateway.stop.cancelled() => return,
            };
            // Whoever was revoked while his message waited is a stranger again.
            let rules = Rules {
                account: &account.config,
                owners: &gateway.config.owners,
                store: &*gateway.store,
            };
            match gate::admit(rules, InboundEvent::Message(*message), super::moment_of_answer()) {
                Ok(Passage::Admitted(admitted)) => {
                    if respond(gateway, account, &admitted).await.is_break() {
                        return;
                    }
                }
                Ok(_) => debug!(channel = account.config.plugin.id, "no longer admitted: dropped"),
                Err(error) => warn!(channel = account.config.plugin.id, %error, "not answered"),
            }
            finish(account, &key);
        }
    }
}

/// Answers somebody the gate has admitted; breaks where the stop cut the responder off.
/// Nothing else reaches a responder.
async fn respond(
    gateway: &Arc<Gateway>,
    account: &Running,
    admitted: &Admitted,
) -> ControlFlow<()> {
    let (who, What::Message(message)) = (admitted.who(), admitted.what()) else {
        return ControlFlow::Continue(());
    };
    let to = &who.conversation;
    if let Some(text) = instead(gateway, account, admitted, message) {
        outbound::say(account, to, text).await;
        return ControlFlow::Continue(());
    }
    let (text, cut) = head(&message.text, PROMPT_LIMIT);
    if cut {
        let text = "That message is longer than 16 KiB; only its beginning is read.";
        outbound::say(account, to, text).await;
    }
    let prompt = Prompt {
        conversation: conversation(account, &to.id),
        channel: account.config.plugin.id.to_owned(),
        sender: who.sender.to_string(),
        name: who.name.clone(),
        text: text.to_owned(),
    };
    let answer = tokio::select! {
        answer = ask(gateway, &prompt) => answer,
        () = gateway.stop.cancelled() => return ControlFlow::Break(()),
    };
    let answer = match answer {
        Ok(answer) if answer.trim().is_empty() => "(The assistant had nothing to say.)".to_owned(),
        Ok(answer) => answer,
        Err(error) => {
            warn!(channel = account.config.plugin.id, sender = %who.sender, %error, "responder failed");
            "The assistant could not answer just now. Please try again in a while.".to_owned()
        }
    };
    let mut answer = OutboundMessage::new(to.clone(), Text::plain(answer));
    if to.kind == ChatKind::Group {
        answer.answers = Some(InboundRef::Message(message.id.clone()));
    }
    outbound::deliver(account, answer).await;
    ControlFlow::Continue(())
}

/// What is said in place of an assistant's answer: to what it cannot read, and to codes, which it must not.
fn instead(
    gateway: &Gateway,
    account: &Running,
    admitted: &Admitted,
    message: &InboundMessage,
) -> Option<Text> {
    if message.text.trim().is_empty() {
        return Some(Text::plain("I can only read text. Please write what you mean."));
    }
    if !secrets::holds_a_code(gateway, &message.text) {
        return None;
    }
    let hint = match admitted.seat() {
        Some(_) => "That is a pairing code. To let its sender in, send: ",
        None => "That is a pairing code. Only the owner can use it, with: ",
    };
    let prefix = account.config.plugin.abilities.command_prefix;
    Some(Text::plain(hint).code(format!("{prefix}pairing approve <code>")))
}

async fn ask(gateway: &Gateway, prompt: &Prompt) -> Result<String, ResponderError> {
    let (pieces, mut heard) = mpsc::channel(16);
    let answer = Answer::new(pieces);
    // The listener hears the end when the only answer is dropped.
    let speak = async move { gateway.responder.respond(prompt, &answer).await };
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

fn conversation(account: &Running, chat: &ChatId) -> String {
    format!("{}:{}:{chat}", account.config.plugin.id, account.config.key.account)
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
