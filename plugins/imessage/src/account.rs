//! One account: the program is started and probed, then what Messages has kept is heard, and what it brings from then on.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatKind, InboundEvent, InboundMessage, Inbox, Link, OutboundMessage,
    SentRef, Settings, SettingsError, UnixMs, async_trait,
    kit::{
        bounded::Bounded,
        handle,
        inbox::{AckQueue, Arrival, Received},
        json_rpc::{Ended, Events, Failure, Refusal},
        standing::Standing,
    },
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::{PLUGIN, catch_up::Mark, config::Config, failure, inbound, program::Program, text};

/// So long the program may say nothing before it is asked whether it lives.
const QUIET: Duration = Duration::from_secs(30);

/// What was sent to so many people, and for so long, is known again.
const MOST_SENT: usize = 512;
const SENT: Duration = Duration::from_hours(1);

/// The program takes more calls at once. One that Messages does not answer for a minute keeps no other back here.
const MOST_SENDING: usize = 16;

/// What the account sends to itself comes back as soon. Nobody else answers so fast with the same words.
const ECHO_MS: u64 = 2_000;

/// One Mac.
pub(crate) struct IMessage {
    pub(crate) program: Program,
    takes_all: bool,
    acks: AckQueue<Value>,
    pub(crate) standing: Standing,
    /// Messages of the account: what answers one in a group means us.
    pub(crate) ours: Mutex<Bounded<String, ()>>,
    /// What was sent to people, and when Messages wrote that down: what the account sends to itself comes back.
    pub(crate) sent: Mutex<Bounded<(String, String), Option<UnixMs>>>,
    /// Answers can be shown as such.
    pub(crate) shows_answers: AtomicBool,
    /// Where files are while they are sent.
    pub(crate) folder: Mutex<Option<PathBuf>>,
    /// So many are sent at once at most.
    pub(crate) turns: Semaphore,
    /// Nothing more can be sent by this child.
    pub(crate) poisoned: Notify,
}

#[async_trait]
impl Channel for IMessage {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        self.standing.begin();
        *self.folder.lock() = inbox.run_folder().map(Path::to_owned);
        let (mut daemon, events) = self.program.start()?.events();
        match self.listen(inbox, events).await {
            Err(ChannelError::Disconnected(said)) => Err(match daemon.end().await {
                Some(how) => PLUGIN.lost(&text::child(&how)),
                None => ChannelError::Disconnected(said),
            }),
            ended => ended,
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }
}

impl IMessage {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let config = Config::read(settings)?;
        Ok(Self {
            takes_all: config.takes_all,
            program: Program::new(config),
            acks: AckQueue::default(),
            standing: Standing::default(),
            ours: Mutex::default(),
            sent: Mutex::new(Bounded::expiring(MOST_SENT, SENT)),
            shows_answers: AtomicBool::new(false),
            folder: Mutex::default(),
            turns: Semaphore::new(MOST_SENDING),
            poisoned: Notify::new(),
        })
    }

    async fn listen(&self, inbox: &Inbox, mut events: Events) -> Result<(), ChannelError> {
        self.shows_answers.store(self.program.probe().await?, Ordering::Relaxed);
        self.learn_time(inbox).await;
        let mark = self.mark(inbox).await?;
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |message| self.translate(message));
        self.standing.say(inbox)?;
        let heard_to = self.catch_up(inbox, &mut pending, mark).await?;
        self.subscribe(heard_to).await?;
        inbox.caught_up();
        loop {
            tokio::select! {
                settled = pending.settled() => if let Some(mark) = settled?.last() {
                    mark.note(inbox).await?;
                },
                // Always taken: the answers to calls wait behind it.
                event = events.next(QUIET) => match event.map_err(over)? {
                    Some(event) if event["terminal"] == true => {
                        let after = event["resume_after_rowid"].as_u64();
                        let after = after.ok_or_else(|| PLUGIN.lost(text::UNREADABLE))?;
                        events.beside(self.subscribe(after)).await?;
                    }
                    Some(mut event) => {
                        let message = event["message"].take();
                        let Some(mark) = Mark::of(&message) else { continue };
                        if let Received::Refuse(_) = pending.receive(arrival(message), mark) {
                            return Err(PLUGIN.lost(text::TOO_MUCH));
                        }
                    }
                    None => {}
                },
                () = self.standing.changed() => self.standing.say(inbox)?,
                () = self.poisoned.notified() => return Err(PLUGIN.lost(text::POISONED)),
            }
        }
    }

    /// What a row of Messages is to the gateway.
    async fn translate(&self, row: Value) -> Result<Option<InboundEvent>, ChannelError> {
        let guid = row["guid"].as_str().unwrap_or_default();
        if row["is_from_me"] == true {
            self.ours.lock().insert(guid.to_owned(), ());
            if let Some((said, at)) = inbound::ours(&row) {
                self.sent.lock().insert(said, Some(at));
            }
        }
        let Some(mut message) = inbound::heard(&row) else { return Ok(None) };
        if self.ours.lock().contains(guid) || self.is_echo(&message, &row) {
            return Ok(None);
        }
        let chat = row["chat_guid"].as_str().unwrap_or_default();
        if !self.is_vouched(chat, guid).await? {
            if !self.takes_all {
                return Ok(None);
            }
            message.link = Link::Exposed;
        }
        if let (ChatKind::Group, Some(on)) = (message.conversation.kind, &message.reply_to) {
            message.mentions_us = self.ours.lock().contains(on.id.as_str());
        }
        Ok(Some(InboundEvent::Message(message)))
    }

    /// Whether these are our own words, which the account has sent to itself.
    fn is_echo(&self, message: &InboundMessage, row: &Value) -> bool {
        if message.conversation.kind != ChatKind::Direct {
            return false;
        }
        let person = message.sender.id.as_str();
        let said = (person.to_owned(), message.text.clone());
        let Some(&written) = self.sent.lock().get(&said) else { return false };
        let to = row["destination_caller_id"].as_str().and_then(handle::handle);
        to.as_deref() == Some(person)
            || written.is_some_and(|at| at.0.abs_diff(message.sent_at.0) <= ECHO_MS)
    }

    /// Whether Apple vouches for the sender of a message: by iMessage alone. A line of SMS or RCS can be forged.
    async fn is_vouched(&self, chat: &str, guid: &str) -> Result<bool, ChannelError> {
        match handle::chat(chat) {
            Some(("iMessage", ..)) => return Ok(true),
            // Newer systems have one chat for all services: the message's own one tells.
            Some(("any", ..)) => {}
            _ => return Ok(false),
        }
        let asked = self.program.call("message.send_status", &json!({ "guid": guid })).await;
        let service = match asked {
            Ok(status) => status["service"].as_str().map(str::to_owned),
            Err(Failure::Refused(Refusal { code, .. })) if !matches!(code, -32000 | -32002) => None,
            Err(failure) => return Err(failure::of_account(failure)),
        };
        let unsaid = service.is_none().then(|| text::NO_SERVICE_SAID.to_owned());
        self.standing.limit("service", unsaid);
        Ok(service.as_deref() == Some("iMessage"))
    }
}

/// Every row is handed on in its order, also what is no message: so the mark passes none that waits.
pub(crate) fn arrival(row: Value) -> Arrival<Value> {
    let part = |key: &str| row[key].as_str().unwrap_or_default();
    let key = format!("{}/{}/{}", part("chat_guid"), part("sender"), part("guid"));
    Arrival { item: row, keys: vec![key], repeats: true }
}

fn over(ended: Ended) -> ChannelError {
    PLUGIN.lost(match ended {
        Ended::Closed => text::ENDED,
        Ended::Endless => text::ENDLESS,
        Ended::Silent => text::SILENT,
    })
}
