//! The poll: updates in order, each acknowledged when the gateway has made it and all before it durable.

use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, EventId, FetchError, FileRef, GroupMoved, InboundEvent, Inbox,
    OutboundMessage, SentRef, Settings, SettingsError, async_trait,
    kit::{
        self,
        api::{Failure, parsed},
        bounded::Bounded,
    },
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use teloxide::{
    payloads::{
        AnswerCallbackQuery, DeleteWebhook, GetMe, GetMyCommands, GetUpdates, SetMyCommands,
    },
    types::{AllowedUpdate, BotCommand, BotCommandScope, CallbackQueryId, ChatId},
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

/// Telegram keeps a press answerable for longer, but a person does not wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// Parts of an album come within this of each other.
const ALBUM: Duration = Duration::from_millis(500);

/// As Telegram sends it.
#[derive(Deserialize)]
struct Update {
    update_id: i32,
    #[serde(flatten)]
    content: Value,
}

/// One bot.
pub(crate) struct Telegram {
    config: Config,
    /// What Telegram lists for owners: strangers see `/start` alone.
    commands: Vec<BotCommand>,
    /// The chats that Telegram lists them in.
    listed_in: Mutex<BTreeSet<ChatId>>,
    api: Mutex<Option<Arc<Api>>>,
    /// The first update that is not acknowledged; 0 is all that Telegram keeps.
    offset: Mutex<i32>,
    /// Presses that Telegram shows a spinner for, and when we end it, oldest first.
    presses: Mutex<Bounded<EventId, Instant>>,
    /// Groups that were found to have moved when something was sent to them.
    pub(crate) found: mpsc::UnboundedSender<GroupMoved>,
    moves: tokio::sync::Mutex<mpsc::UnboundedReceiver<GroupMoved>>,
}

#[async_trait]
impl Channel for Telegram {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.connect().await?;
        let lost = |failure| api.of_account(failure);
        let me: Me = api.ask(&GetMe::new()).await.map_err(lost)?;
        // The first poll does not wait: it shows at once whether another program polls, or a webhook is set, which is
        // then removed; what waits stays.
        let mut updates = self.poll(&api, Duration::ZERO, inbox).await;
        if updates.as_ref().is_err_and(|failure| failure.says("webhook is active")) {
            api.ask::<_, Value>(&DeleteWebhook::new()).await.map_err(lost)?;
            updates = self.poll(&api, Duration::ZERO, inbox).await;
        }
        let updates = updates.map_err(lost)?;
        let hears_all = me.can_read_all_group_messages != false;
        inbox.hears_mentions_only((!hears_all).then(|| text::PRIVACY.to_owned()));
        if let Some(name) = &me.username {
            inbox.deep_link_is(format!("https://t.me/{name}?start="));
        }
        inbox.connected();
        self.take(updates, &me, inbox).await?;
        let start = BotCommand::new("start", text::START);
        list_commands(&api, BotCommandScope::AllPrivateChats, vec![start]).await;
        loop {
            let mut updates = self.poll(&api, POLL, inbox).await.map_err(lost)?;
            if updates.last().is_some_and(|last| inbound::album(&last.content).is_some()) {
                // Not acknowledged, they come again, with those that were still on their way.
                tokio::time::sleep(ALBUM).await;
                updates = self.poll(&api, Duration::ZERO, inbox).await.map_err(lost)?;
            }
            self.take(updates, &me, inbox).await?;
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }

    async fn fetch(&self, file: &FileRef, limit: usize) -> Result<Bytes, FetchError> {
        self.api().await?.fetch(&file.id, limit).await
    }
}

impl Telegram {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let commands = kit::listed(&settings.commands, "", 256)
            .map(|(name, summary)| BotCommand::new(name, summary));
        let (found, moves) = mpsc::unbounded_channel();
        Ok(Self {
            config: Config::read(settings)?,
            commands: commands.collect(),
            listed_in: Mutex::default(),
            api: Mutex::default(),
            offset: Mutex::default(),
            presses: Mutex::default(),
            found,
            moves: tokio::sync::Mutex::new(moves),
        })
    }

    /// The Bot API, of the last connection if there was one.
    pub(crate) async fn api(&self) -> Result<Arc<Api>, ChannelError> {
        if let Some(api) = self.api.lock().clone() {
            return Ok(api);
        }
        self.connect().await
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

    /// Ends the spinner on a button, unless that was done before; true where it shows the text then.
    pub(crate) async fn answer_press(
        &self,
        api: &Api,
        press: &EventId,
        text: Option<String>,
    ) -> Result<bool, ChannelError> {
        if self.presses.lock().remove(press).is_none() {
            return Ok(false);
        }
        let has_text = text.is_some();
        let mut answer = AnswerCallbackQuery::new(CallbackQueryId(press.as_str().to_owned()));
        answer.text = text;
        match api.ask::<_, Value>(&answer).await.map_err(|failure| api.of_message(failure)) {
            Ok(_) => Ok(has_text),
            Err(error) if has_text && !matches!(error, ChannelError::Undeliverable(_)) => {
                self.note_press(press.clone());
                Err(error)
            }
            // Too late for Telegram; a message is not. What Telegram says may repeat the text.
            Err(_) => {
                tracing::debug!("a button's spinner stays");
                Ok(false)
            }
        }
    }

    async fn connect(&self) -> Result<Arc<Api>, ChannelError> {
        let token = self.config.token.secret().await?;
        let api = Arc::new(Api::new(&token, &self.config)?);
        *self.api.lock() = Some(Arc::clone(&api));
        Ok(api)
    }

    async fn poll(&self, api: &Api, wait: Duration, inbox: &Inbox) -> Result<Vec<Update>, Failure> {
        let mut request = GetUpdates::new();
        request.offset = Some(*self.offset.lock()).filter(|offset| *offset > 0);
        request.limit = Some(MOST);
        request.timeout = u32::try_from(wait.as_secs()).ok();
        request.allowed_updates = Some(vec![AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        let mut poll = pin!(api.poll(&request));
        let mut moves = self.moves.lock().await;
        loop {
            tokio::select! {
                polled = &mut poll => {
                    let answer = polled?;
                    inbox.learn_time(&answer.headers);
                    return parsed(answer.body);
                }
                press = self.overdue() => drop(self.answer_press(api, &press, None).await),
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
        let now = inbox.now();
        let events = updates.iter().map(|one| inbound::translate(&one.content, me, now)).collect();
        let albums = updates.iter().map(|one| inbound::album(&one.content)).collect::<Vec<_>>();
        let events = inbound::in_albums(events, &albums);
        for (Update { update_id, .. }, event) in updates.iter().zip(events) {
            let Some(event) = event else {
                handed.push((*update_id, None));
                continue;
            };
            if let InboundEvent::Press(press) = &event {
                self.note_press(press.id.clone());
            }
            handed.push((*update_id, Some(row.hand(event).await?)));
        }
        for (number, event) in handed {
            if let Some(mut event) = event {
                event.durable().await?;
            }
            *self.offset.lock() = number.saturating_add(1);
        }
        if is_last {
            inbox.caught_up();
        }
        Ok(())
    }

    /// Lists the commands in an owner's chat, which is known by its first card.
    pub(crate) async fn list_for_owner(&self, api: &Api, chat: ChatId) {
        if self.listed_in.lock().insert(chat) {
            let scope = BotCommandScope::Chat { chat_id: chat.into() };
            list_commands(api, scope, self.commands.clone()).await;
        }
    }
}

/// A convenience: without it, commands are typed from memory. Telegram is told only where it lists others.
async fn list_commands(api: &Api, scope: BotCommandScope, commands: Vec<BotCommand>) {
    let (mut known, mut wanted) = (GetMyCommands::new(), SetMyCommands::new(commands.clone()));
    (known.scope, wanted.scope) = (Some(scope.clone()), Some(scope));
    let known: Result<Vec<BotCommand>, _> = api.ask(&known).await;
    if !known.is_ok_and(|known| known == commands)
        && let Err(failure) = api.ask::<_, Value>(&wanted).await
    {
        let error = api.of_account(failure);
        tracing::warn!(%error, "the commands are not listed");
    }
}
