//! The poll: updates in order, each acknowledged when the gateway has made it and all before it durable.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{
    ChannelError, EventId, GroupMoved, InboundEvent, Inbox,
    kit::{self, api::Failure},
};
use parking_lot::Mutex;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use teloxide::{
    payloads::{
        AnswerCallbackQuery, DeleteWebhook, GetMe, GetMyCommands, GetUpdates, SetMyCommands,
    },
    types::{AllowedUpdate, BotCommand, BotCommandScope, CallbackQueryId},
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    api::{Api, POLL},
    config::Config,
    inbound::{self, Me},
    press::Presses,
};

/// An answer has at most so many updates; with fewer, nothing is left of what waited.
const MOST: u8 = 100;

/// What time it is at Telegram is asked so often.
const TIME: Duration = Duration::from_mins(5);

/// What to do where the bot is shown only a part of what is written in groups.
const PRIVACY: &str = "in groups the bot is shown only commands, mentions and replies, although `require_mention` is \
                       false: send /setprivacy to @BotFather, choose the bot and Disable, then take the bot out of \
                       each group and add it again";

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
    pub(crate) presses: Presses,
    pub(crate) moves: Moves,
}

impl Telegram {
    pub(crate) fn new(config: Config, commands: &[(String, String)]) -> Self {
        let commands: Vec<_> = kit::listed(commands, "", 256)
            .map(|(name, summary)| BotCommand::new(name, summary))
            .collect();
        Self {
            config,
            listed: AtomicBool::new(commands.is_empty()),
            commands,
            api: Mutex::default(),
            offset: AtomicI32::new(0),
            presses: Presses::default(),
            moves: Moves::default(),
        }
    }

    /// Polls until something goes wrong.
    pub(crate) async fn listen(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.connect().await?;
        let lost = |failure| api.of_account(failure);
        let (me, mut told) = tokio::join!(api.call(GetMe::new()), tell_time(&api, inbox));
        let me: Me = me.map_err(lost)?;
        let backlog = self.first(&api, inbox).await.map_err(lost)?;
        let hears_all = me.can_read_all_group_messages != Some(false);
        inbox.hears_mentions_only((!hears_all).then(|| PRIVACY.to_owned()));
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

    /// The first poll does not wait: it shows at once whether another program polls, or a webhook is set, which is
    /// then removed; what waits stays.
    async fn first(&self, api: &Api, inbox: &Inbox) -> Result<Vec<Update>, Failure> {
        match self.poll(api, Duration::ZERO, inbox).await {
            Err(failure) if failure.says("webhook is active") => {
                let _removed: IgnoredAny = api.call(DeleteWebhook::new()).await?;
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

    /// Ends the spinner on a button without a word.
    pub(crate) async fn hush(&self, api: &Api, press: &EventId) {
        if !self.presses.take(press) {
            return;
        }
        let answer = AnswerCallbackQuery::new(CallbackQueryId(press.as_str().to_owned()));
        let answered: Result<IgnoredAny, _> = api.call(answer).await;
        if let Err(failure) = answered {
            tracing::debug!(error = %api.of_account(failure), "a button's spinner stays");
        }
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
        loop {
            tokio::select! {
                updates = &mut poll => return updates,
                press = self.presses.overdue() => self.hush(api, &press).await,
                moved = self.moves.next() => {
                    // Undelivered, it is found again with the next message to that group.
                    drop(inbox.deliver(InboundEvent::Moved(moved)).await);
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
                self.presses.add(press.id.clone());
            }
            let mut handed_over = None;
            if let Some(event) = event {
                handed_over = Some(row.hand(event).await?);
            } else {
                tracing::debug!(update = number, "an update that is no message");
            }
            handed.push((number, handed_over));
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
        if !known.is_ok_and(|known| known == self.commands) {
            let listed: Result<IgnoredAny, _> = api.call(wanted).await;
            if let Err(failure) = listed {
                let error = api.of_account(failure);
                return tracing::warn!(%error, "the commands are not listed");
            }
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

/// Groups that were found to have moved when something was sent to them.
#[derive(Default)]
pub(crate) struct Moves {
    found: Mutex<VecDeque<GroupMoved>>,
    more: Notify,
}

impl Moves {
    pub(crate) fn add(&self, moved: GroupMoved) {
        self.found.lock().push_back(moved);
        self.more.notify_one();
    }

    async fn next(&self) -> GroupMoved {
        loop {
            let found = self.found.lock().pop_front();
            match found {
                Some(moved) => return moved,
                None => self.more.notified().await,
            }
        }
    }
}

/// Tells the gateway what time it is at Telegram, where that is said; when it was asked.
async fn tell_time(api: &Api, inbox: &Inbox) -> Instant {
    if let Some(now) = api.time().await {
        inbox.platform_time(now);
    }
    Instant::now()
}
