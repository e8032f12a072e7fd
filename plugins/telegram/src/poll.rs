//! The poll: one update after the other, each acknowledged when the gateway has made it durable.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{ChannelError, EventId, InboundEvent, Inbox, UnixMs};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use teloxide::{
    payloads::{AnswerCallbackQuery, DeleteWebhook, GetMe, GetUpdates, SetMyCommands},
    types::{AllowedUpdate, BotCommand, BotCommandScope, CallbackQueryId},
};

use crate::{
    api::{Api, POLL, reason},
    config::Config,
    inbound,
    press::Presses,
    wire::Me,
};

/// One bot.
pub(crate) struct Telegram {
    config: Config,
    commands: Vec<BotCommand>,
    api: Mutex<Option<Arc<Api>>>,
    /// The first update that is not acknowledged; 0 is all that Telegram keeps.
    offset: AtomicI32,
    pub(crate) presses: Presses,
}

impl Telegram {
    pub(crate) fn new(config: Config, commands: Vec<(String, String)>) -> Self {
        let commands =
            commands.into_iter().filter_map(|(name, summary)| listed(name, &summary)).collect();
        let (api, offset, presses) = (Mutex::default(), AtomicI32::new(0), Presses::default());
        Self { config, commands, api, offset, presses }
    }

    /// Polls until something goes wrong.
    pub(crate) async fn listen(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.connect().await?;
        let me: Me = api.call(GetMe::new()).await.map_err(|error| api.lost(&error))?;
        // Pending updates stay; without this, polling is refused where a webhook was set.
        let unhooked: Result<IgnoredAny, _> = api.call(DeleteWebhook::new()).await;
        unhooked.map_err(|error| api.lost(&error))?;
        // The first poll does not wait: it shows at once whether another program polls.
        let backlog = self.poll(&api, Duration::ZERO).await?;
        if let Some(name) = &me.username {
            inbox.deep_link_is(format!("https://t.me/{name}?start="));
        }
        inbox.connected();
        self.take(backlog, &me, inbox).await?;
        self.list_commands(&api).await;
        loop {
            let updates = self.poll(&api, POLL).await?;
            self.take(updates, &me, inbox).await?;
        }
    }

    /// The bot's way to Telegram, of the last connection if there was one.
    pub(crate) async fn api(&self) -> Result<Arc<Api>, ChannelError> {
        let known = self.api.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
        *self.api.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&api));
        Ok(api)
    }

    async fn poll(
        &self,
        api: &Api,
        wait: Duration,
    ) -> Result<Vec<Map<String, Value>>, ChannelError> {
        let mut request = GetUpdates::new();
        request.offset = Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset > 0);
        request.limit = Some(100);
        request.timeout = u32::try_from(wait.as_secs()).ok();
        request.allowed_updates = Some(vec![AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        let poll = api.poll(request);
        tokio::pin!(poll);
        loop {
            tokio::select! {
                updates = &mut poll => return updates.map_err(|error| api.lost(&error)),
                press = self.presses.overdue() => self.hush(api, &press).await,
            }
        }
    }

    async fn take(
        &self,
        updates: Vec<Map<String, Value>>,
        me: &Me,
        inbox: &Inbox,
    ) -> Result<(), ChannelError> {
        for update in updates {
            let number = update
                .get("update_id")
                .and_then(Value::as_i64)
                .and_then(|number| i32::try_from(number).ok());
            let Some(number) = number else {
                return Err(ChannelError::Disconnected(
                    "Telegram: sent an update without a number".to_owned(),
                ));
            };
            if let Some(event) = inbound::translate(&update, me, now()) {
                if let InboundEvent::Press(press) = &event {
                    self.presses.add(press.id.clone());
                }
                inbox.deliver(event).await?;
            } else {
                tracing::debug!(update = number, "an update that is no message");
            }
            self.offset.store(number.saturating_add(1), Ordering::Release);
        }
        Ok(())
    }

    /// A convenience: without it, commands are typed from memory.
    async fn list_commands(&self, api: &Api) {
        if self.commands.is_empty() {
            return;
        }
        let mut request = SetMyCommands::new(self.commands.clone());
        request.scope = Some(BotCommandScope::AllPrivateChats);
        let listed: Result<IgnoredAny, _> = api.call(request).await;
        if let Err(error) = listed {
            let said = reason(&error);
            tracing::warn!(error = %api.lost(&error), said, "the commands are not listed");
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

#[expect(clippy::disallowed_methods, reason = "Telegram does not say when a button was pressed")]
fn now() -> UnixMs {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
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
