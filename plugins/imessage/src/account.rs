//! One account: the program is started and probed, then what Messages has kept is heard, and what it brings from then on.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatKind, EventId, InboundEvent, Inbox, Link, OutboundMessage, SentRef,
    Settings, SettingsError, async_trait,
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
use tokio::sync::Notify;

use crate::{PLUGIN, catch_up::Mark, config::Config, failure, inbound, program::Program, text};

/// So long the program may say nothing before it is asked whether it lives.
const QUIET: Duration = Duration::from_secs(30);

/// So many messages of ours may come back, and so soon.
const MOST_ECHOES: usize = 64;
const ECHO: Duration = Duration::from_secs(10);

/// So many messages that came by another service can be answered by it.
const MOST_BY_SMS: usize = 500;

/// One Mac.
pub(crate) struct IMessage {
    pub(crate) program: Program,
    takes_all: bool,
    acks: AckQueue<Value>,
    pub(crate) standing: Standing,
    /// Messages of the account: what answers one in a group means us.
    pub(crate) ours: Mutex<Bounded<String, ()>>,
    /// What was sent to people a moment ago: what the account sends to itself comes back, as if it were theirs.
    pub(crate) echoes: Mutex<Bounded<(String, String), ()>>,
    /// The chats of messages that came by another service. Only an answer to one goes there: what is sent to a person
    /// else never leaves in plain text because their number was forged.
    pub(crate) by_sms: Mutex<Bounded<EventId, String>>,
    /// Answers can be shown as such.
    pub(crate) shows_answers: AtomicBool,
    /// Where files are while they are sent.
    pub(crate) folder: Mutex<Option<PathBuf>>,
    /// One is sent at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
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
            echoes: Mutex::new(Bounded::expiring(MOST_ECHOES, ECHO)),
            by_sms: Mutex::new(Bounded::new(MOST_BY_SMS)),
            shows_answers: AtomicBool::new(false),
            folder: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
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
                        self.subscribe(after.ok_or_else(|| PLUGIN.lost(text::UNREADABLE))?).await?;
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
        }
        let Some(mut message) = inbound::heard(&row) else { return Ok(None) };
        let said = (message.sender.id.as_str().to_owned(), message.text.clone());
        if self.ours.lock().contains(guid) || self.echoes.lock().remove(&said).is_some() {
            return Ok(None);
        }
        let chat = row["chat_guid"].as_str().unwrap_or_default();
        if !self.is_vouched(chat, guid).await? {
            if !self.takes_all {
                return Ok(None);
            }
            message.link = Link::Exposed;
            if message.conversation.kind == ChatKind::Direct {
                self.by_sms.lock().insert(message.id.clone(), chat.to_owned());
            }
        }
        if let (ChatKind::Group, Some(on)) = (message.conversation.kind, &message.reply_to) {
            message.mentions_us = self.ours.lock().contains(on.id.as_str());
        }
        Ok(Some(InboundEvent::Message(message)))
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
            Err(Failure::Refused(Refusal { code: -32601 | -32602, .. })) => None,
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
