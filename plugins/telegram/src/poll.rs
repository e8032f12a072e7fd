//! The poll: one update after the other, each acknowledged when the gateway has made it and all before it durable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{ChannelError, EventId, GroupMoved, InboundEvent, Inbox};
use parking_lot::Mutex;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use teloxide::{
    RequestError,
    payloads::{
        AnswerCallbackQuery, DeleteWebhook, GetMe, GetMyCommands, GetUpdates, SetMyCommands,
    },
    types::{AllowedUpdate, BotCommand, BotCommandScope, CallbackQueryId},
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    api::{Api, POLL, is_hooked, reason},
    config::Config,
    inbound,
    press::Presses,
    wire::Me,
};

/// So many updates come in one answer; with fewer, nothing is left of what waited.
const MOST: u8 = 100;

/// What time it is at Telegram is asked so often.
const TIME: Duration = Duration::from_mins(5);

/// What to do where the bot is shown only a part of what is written in groups.
const PRIVACY: &str = "in groups the bot is shown only commands, mentions and replies, although `require_mention` is \
                       false: send /setprivacy to @BotFather, choose the bot and Disable, then take the bot out of \
                       each group and add it again";

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
    pub(crate) fn new(config: Config, commands: Vec<(String, String)>) -> Self {
        let commands: Vec<_> =
            commands.into_iter().filter_map(|(name, summary)| listed(name, &summary)).collect();
        let (api, offset) = (Mutex::default(), AtomicI32::new(0));
        let (presses, moves) = (Presses::default(), Moves::default());
        let listed = AtomicBool::new(commands.is_empty());
        Self { config, commands, listed, api, offset, presses, moves }
    }

    /// Polls until something goes wrong.
    pub(crate) async fn listen(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.connect().await?;
        let (me, mut told) = tokio::join!(api.call(GetMe::new()), tell_time(&api, inbox));
        let me: Me = me.map_err(|error| api.lost(&error))?;
        let backlog = self.first(&api, inbox).await?;
        let hears_all = me.can_read_all_group_messages != Some(false);
        inbox.hears_mentions_only((!hears_all).then(|| PRIVACY.to_owned()));
        if let Some(name) = &me.username {
            inbox.deep_link_is(format!("https://t.me/{name}?start="));
        }
        inbox.connected();
        self.take(backlog, &me, inbox).await?;
        self.list_commands(&api).await;
        loop {
            let updates = self.poll(&api, POLL, inbox).await?;
            self.take(updates, &me, inbox).await?;
            if told.elapsed() > TIME {
                told = tell_time(&api, inbox).await;
            }
        }
    }

    /// The first poll does not wait: it shows at once whether another program polls, or a webhook is set, which is
    /// then taken away; what waits stays.
    async fn first(
        &self,
        api: &Api,
        inbox: &Inbox,
    ) -> Result<Vec<Map<String, Value>>, ChannelError> {
        match self.ask(api, Duration::ZERO, inbox).await {
            Err(error) if is_hooked(&error) => {
                let unhooked: Result<IgnoredAny, _> = api.call(DeleteWebhook::new()).await;
                unhooked.map_err(|error| api.lost(&error))?;
                self.poll(api, Duration::ZERO, inbox).await
            }
            polled => polled.map_err(|error| api.lost(&error)),
        }
    }

    /// The bot's way to Telegram, of the last connection if there was one.
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
        if let Err(error) = answered {
            tracing::debug!(error = %api.lost(&error), "a button's spinner stays");
        }
    }

    async fn connect(&self) -> Result<Arc<Api>, ChannelError> {
        let token = self.config.token().await?;
        let api = Arc::new(Api::new(&token, &self.config)?);
        *self.api.lock() = Some(Arc::clone(&api));
        Ok(api)
    }

    async fn poll(
        &self,
        api: &Api,
        wait: Duration,
        inbox: &Inbox,
    ) -> Result<Vec<Map<String, Value>>, ChannelError> {
        self.ask(api, wait, inbox).await.map_err(|error| api.lost(&error))
    }

    async fn ask(
        &self,
        api: &Api,
        wait: Duration,
        inbox: &Inbox,
    ) -> Result<Vec<Map<String, Value>>, RequestError> {
        let mut request = GetUpdates::new();
        request.offset = Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset > 0);
        request.limit = Some(MOST);
        request.timeout = u32::try_from(wait.as_secs()).ok();
        request.allowed_updates = Some(vec![AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        let poll = api.poll(request);
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

    async fn take(
        &self,
        updates: Vec<Map<String, Value>>,
        me: &Me,
        inbox: &Inbox,
    ) -> Result<(), ChannelError> {
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

    /// A convenience: without it, commands are typed from memory.
    async fn list_commands(&self, api: &Api) {
        if self.listed.load(Ordering::Acquire) || self.are_listed(api).await {
            return self.listed.store(true, Ordering::Release);
        }
        let mut request = SetMyCommands::new(self.commands.clone());
        request.scope = Some(BotCommandScope::AllPrivateChats);
        let listed: Result<IgnoredAny, _> = api.call(request).await;
        match listed {
            Ok(IgnoredAny) => self.listed.store(true, Ordering::Release),
            Err(error) => {
                let said = reason(&error);
                tracing::warn!(error = %api.lost(&error), said, "the commands are not listed");
            }
        }
    }

    /// True where Telegram lists them already.
    async fn are_listed(&self, api: &Api) -> bool {
        let mut request = GetMyCommands::new();
        request.scope = Some(BotCommandScope::AllPrivateChats);
        let known: Result<Vec<BotCommand>, _> = api.call(request).await;
        known.is_ok_and(|known| known == self.commands)
    }
}

fn number(update: &Map<String, Value>) -> Result<i32, ChannelError> {
    let number = update.get("update_id").and_then(Value::as_i64);
    number.and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
        ChannelError::Disconnected("Telegram: sent an update without a number".to_owned())
    })
}

/// Groups that were found to have moved when something was sent to them.
pub(crate) struct Moves {
    found: mpsc::UnboundedSender<GroupMoved>,
    all: tokio::sync::Mutex<mpsc::UnboundedReceiver<GroupMoved>>,
}

impl Default for Moves {
    fn default() -> Self {
        let (found, all) = mpsc::unbounded_channel();
        Self { found, all: tokio::sync::Mutex::new(all) }
    }
}

impl Moves {
    pub(crate) fn add(&self, moved: GroupMoved) {
        drop(self.found.send(moved));
    }

    async fn next(&self) -> GroupMoved {
        match self.all.lock().await.recv().await {
            Some(moved) => moved,
            None => std::future::pending().await,
        }
    }
}

/// As Telegram lists it; `None` for a name that it does not take.
fn listed(name: String, summary: &str) -> Option<BotCommand> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let takes =
        (1..=32).contains(&name.len()) && name.chars().all(fits) && !summary.trim().is_empty();
    takes.then(|| BotCommand::new(name, summary.chars().take(256).collect::<String>()))
}

/// Tells the gateway what time it is at Telegram, where that is said; when it was asked.
async fn tell_time(api: &Api, inbox: &Inbox) -> Instant {
    if let Some(now) = api.time().await {
        inbox.platform_time(now);
    }
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_telegram_does_not_take_is_left_out() {
        assert_eq!(listed("pairing".to_owned(), "Who waits").unwrap().command, "pairing");
        for name in ["", "device-pair", "Pair", "a b", &"x".repeat(33)] {
            assert!(listed(name.to_owned(), "x").is_none(), "{name:?}");
        }
        assert!(listed("pair".to_owned(), " ").is_none());
        assert_eq!(
            listed("pair".to_owned(), &"ä".repeat(300)).unwrap().description.chars().count(),
            256
        );
    }
}
