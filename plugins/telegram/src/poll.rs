//! The poll: updates in order, each acknowledged when the gateway has made it and all before it durable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{
    Channel, ChannelError, EventId, GroupMoved, InboundEvent, Inbox, OutboundMessage, SentRef,
    Settings, SettingsError, async_trait,
    kit::{self, api::Failure, bounded::Bounded},
};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use teloxide::{
    payloads::{
        AnswerCallbackQuery, DeleteWebhook, GetMe, GetMyCommands, GetUpdates, SetMyCommands,
    },
    types::{AllowedUpdate, BotCommand, BotCommandScope, CallbackQueryId},
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    api::{Api, POLL},
    config::Config,
    inbound::{self, Me},
    text,
};

/// An answer has at most so many updates; with fewer, nothing is left of what waited.
const MOST: u8 = 100;

/// What time it is at Telegram is asked so often.
const TIME: Duration = Duration::from_mins(5);

/// Telegram keeps a press answerable for longer, but a person does not wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many presses wait for an answer; beyond that, Telegram itself lets a spinner end.
const MOST_PRESSES: usize = 256;

/// As Telegram sends it.
pub(crate) type Update = Map<String, Value>;

/// One bot.
pub(crate) struct Telegram {
    config: Config,
    commands: Vec<BotCommand>,
    /// Telegram has the commands as they are.
    listed: AtomicBool,
    api: Mutex<Option<Arc<Api>>>,
    /// The first update that is not acknowledged; 0 is all that Telegram keeps.
    offset: AtomicI32,
    /// Presses that Telegram shows a spinner for, and when we end it, oldest first.
    presses: Mutex<Bounded<EventId, Instant>>,
    /// Groups that were found to have moved when something was sent to them.
    found: mpsc::UnboundedSender<GroupMoved>,
    moves: tokio::sync::Mutex<mpsc::UnboundedReceiver<GroupMoved>>,
}

#[async_trait]
impl Channel for Telegram {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.connect().await?;
        let lost = |failure| api.of_account(failure);
        let (me, mut told) = tokio::join!(api.call(GetMe::new()), tell_time(&api, inbox));
        let me: Me = me.map_err(lost)?;
        let backlog = self.first(&api, inbox).await.map_err(lost)?;
        let hears_all = me.can_read_all_group_messages != false;
        inbox.hears_mentions_only((!hears_all).then(|| text::PRIVACY.to_owned()));
        if let Some(name) = &me.username {
            inbox.deep_link_is(format!("https://t.me/{name}?start="));
        }
        inbox.connected();
        self.take(backlog, &me, inbox).await?;
        self.list_commands(&api).await;
        loop {
            let updates = self.poll(&api, POLL, inbox).await.map_err(lost)?;
            self.take(updates, &me, inbox).await?;
            if told.elapsed() > TIME {
                told = tell_time(&api, inbox).await;
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }
}

impl Telegram {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let commands: Vec<_> = kit::listed(&settings.commands, "", 256)
            .map(|(name, summary)| BotCommand::new(name, summary))
            .collect();
        let (found, moves) = mpsc::unbounded_channel();
        Ok(Self {
            config: Config::read(settings)?,
            listed: AtomicBool::new(commands.is_empty()),
            commands,
            api: Mutex::default(),
            offset: AtomicI32::new(0),
            presses: Mutex::new(Bounded::new(MOST_PRESSES)),
            found,
            moves: tokio::sync::Mutex::new(moves),
        })
    }

    /// The first poll does not wait: it shows at once whether another program polls, or a webhook is set, which is
    /// then removed; what waits stays.
    async fn first(&self, api: &Api, inbox: &Inbox) -> Result<Vec<Update>, Failure> {
        match self.poll(api, Duration::ZERO, inbox).await {
            Err(failure) if failure.says("webhook is active") => {
                api.tell(DeleteWebhook::new()).await?;
                self.poll(api, Duration::ZERO, inbox).await
            }
            polled => polled,
        }
    }

    /// The Bot API, of the last connection if there was one.
    pub(crate) async fn api(&self) -> Result<Arc<Api>, ChannelError> {
        let known = self.api.lock().clone();
        match known {
            Some(api) => Ok(api),
            None => self.connect().await,
        }
    }

    /// Notes a press before it is delivered; one that is delivered again waits anew.
    pub(crate) fn note_press(&self, id: EventId) {
        self.presses.lock().insert(id, Instant::now() + PATIENCE);
    }

    /// The press that waits for its answer the longest, once its time is over; never, if there is none.
    async fn overdue(&self) -> EventId {
        let oldest = self.presses.lock().iter().next().map(|(id, until)| (id.clone(), *until));
        let Some((id, until)) = oldest else { return std::future::pending().await };
        tokio::time::sleep_until(until).await;
        id
    }

    /// Ends the spinner on a button, perhaps with a text; false where that was done before.
    pub(crate) async fn answer_press(
        &self,
        api: &Api,
        press: &EventId,
        text: Option<String>,
    ) -> Result<bool, Failure> {
        let waits = self.presses.lock().remove(press).is_some();
        if waits {
            let mut answer = AnswerCallbackQuery::new(CallbackQueryId(press.as_str().to_owned()));
            answer.text = text;
            api.tell(answer).await?;
        }
        Ok(waits)
    }

    /// Ends the spinner on a button without a word.
    pub(crate) async fn hush(&self, api: &Api, press: &EventId) {
        if let Err(failure) = self.answer_press(api, press, None).await {
            tracing::debug!(error = %api.of_account(failure), "a button's spinner stays");
        }
    }

    /// A group has another id; told to the gateway while we listen.
    pub(crate) fn has_moved(&self, moved: GroupMoved) {
        // We hold the other end.
        self.found.send(moved).ok();
    }

    async fn connect(&self) -> Result<Arc<Api>, ChannelError> {
        let token = self.config.token.secret().await?;
        let api = Arc::new(Api::new(token, &self.config)?);
        *self.api.lock() = Some(Arc::clone(&api));
        Ok(api)
    }

    async fn poll(&self, api: &Api, wait: Duration, inbox: &Inbox) -> Result<Vec<Update>, Failure> {
        let mut request = GetUpdates::new();
        request.offset = Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset > 0);
        request.limit = Some(MOST);
        request.timeout = u32::try_from(wait.as_secs()).ok();
        request.allowed_updates = Some(vec![AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        let poll = api.poll(&request);
        tokio::pin!(poll);
        let mut moves = self.moves.lock().await;
        loop {
            tokio::select! {
                updates = &mut poll => return updates,
                press = self.overdue() => self.hush(api, &press).await,
                Some(group) = moves.recv() => {
                    // Undelivered, it is found again with the next message to that group.
                    drop(inbox.deliver(InboundEvent::Moved(group)).await);
                }
            }
        }
    }

    async fn take(&self, updates: Vec<Update>, me: &Me, inbox: &Inbox) -> Result<(), ChannelError> {
        let is_last = updates.len() < usize::from(MOST);
        let (row, mut handed) = (inbox.row(), Vec::new());
        for update in updates {
            let number = number(&update)?;
            let event = inbound::translate(&update, me, inbox.now());
            if let Some(InboundEvent::Press(press)) = &event {
                self.note_press(press.id.clone());
            }
            let event = match event {
                Some(event) => Some(row.hand(event).await?),
                None => None,
            };
            handed.push((number, event));
        }
        for (number, event) in handed {
            if let Some(mut event) = event {
                event.durable().await?;
            }
            self.offset.store(number.saturating_add(1), Ordering::Release);
        }
        if is_last {
            inbox.caught_up();
        }
        Ok(())
    }

    /// A convenience: without it, commands are typed from memory. Telegram is told only where it lists others.
    async fn list_commands(&self, api: &Api) {
        if self.listed.load(Ordering::Acquire) {
            return;
        }
        let scope = Some(BotCommandScope::AllPrivateChats);
        let (mut known, mut wanted) =
            (GetMyCommands::new(), SetMyCommands::new(self.commands.clone()));
        (known.scope, wanted.scope) = (scope.clone(), scope);
        let known: Result<Vec<BotCommand>, _> = api.call(known).await;
        if !known.is_ok_and(|known| known == self.commands)
            && let Err(failure) = api.tell(wanted).await
        {
            let error = api.of_account(failure);
            return tracing::warn!(%error, "the commands are not listed");
        }
        self.listed.store(true, Ordering::Release);
    }
}

fn number(update: &Update) -> Result<i32, ChannelError> {
    let number = update.get("update_id").and_then(Value::as_i64);
    number.and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
        ChannelError::Disconnected("Telegram: sent an update without a number".to_owned())
    })
}

/// Tells the gateway what time it is at Telegram, where that is said; when it was asked.
async fn tell_time(api: &Api, inbox: &Inbox) -> Instant {
    if let Some(now) = api.time().await {
        inbox.platform_time(now);
    }
    Instant::now()
}
