//! One bot: its login is probed, then it is called until something goes wrong.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatId, InboundEvent, Inbox, OutboundMessage, SentRef, Settings,
    SettingsError, async_trait,
    kit::{
        inbox::{AckQueue, Arrival, keys},
        jwt::Keys,
        socket::heartbeat,
        standing::Standing,
        webhook,
    },
};
use serde_json::Value;

use crate::{
    PLUGIN,
    api::Api,
    config::Config,
    inbound::{self, Item},
    references::References,
    requests, text,
};

/// How often we ask whether the secret still works: nothing else may tell us that it does not.
const CHECK: Duration = Duration::from_mins(10);

/// One bot.
pub(crate) struct Teams {
    api: Result<Api, String>,
    pub(crate) keys: Keys,
    acks: AckQueue<Item>,
    pub(crate) references: References,
    pub(crate) standing: Standing,
}

#[async_trait]
impl Channel for Teams {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.api()?;
        self.standing.begin();
        self.references.begin(inbox, &api.config).await;
        inbox.learn_time(&api.renew().await?);
        let judge = |activity: Value| {
            let item = inbound::translate(&activity, &api.config, inbox.now());
            let answer = requests::answer(&activity, item.is_some());
            let arrival = |item: Item| Arrival { keys: keys(&item.event), item, repeats: true };
            (item.map(arrival), answer)
        };
        let kept = (&self.acks, &self.standing);
        let noted = |item| self.noted(inbox, item);
        let served = webhook::serve(inbox, kept, |it| self.proven(inbox, it), judge, noted);
        tokio::select! {
            ended = served => ended,
            error = refused(api, inbox) => Err(error),
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }
}

impl Teams {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let config = Config::read(settings)?;
        Ok(Self {
            keys: Keys::at(config.keys.clone()),
            api: Api::new(config),
            acks: AckQueue::default(),
            references: References::default(),
            standing: Standing::new(text::NOTHING_HEARD),
        })
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| PLUGIN.lost(why))
    }

    async fn noted(&self, inbox: &Inbox, item: Item) -> Result<Option<InboundEvent>, ChannelError> {
        let Item { event, chat, reference } = item;
        let person = match &event {
            InboundEvent::Message(it) => Some(&it.sender.id),
            InboundEvent::Press(it) => Some(&it.sender.id),
            _ => None,
        };
        match person {
            _ if chat.as_str().is_empty() => {}
            // What strangers bring is on no disk.
            Some(person) if inbox.may_read(person) => {
                self.references.learn(inbox, chat.as_str(), &reference).await?;
            }
            _ => self.references.remember(chat.as_str(), reference),
        }
        Ok(Some(event))
    }

    /// Remembers what a call about a conversation shows of the account.
    pub(crate) fn learned(&self, chat: &ChatId, error: Option<&ChannelError>) {
        match error {
            Some(ChannelError::Disconnected(why) | ChannelError::Undeliverable(why))
                if [text::NOT_INSTALLED, text::TOKEN_REFUSED].contains(&why.as_str()) =>
            {
                self.standing.limit(chat.as_str(), Some(format!("{chat}: {why}")));
            }
            Some(error) => self.standing.learn(error),
            None => self.standing.limit(chat.as_str(), None),
        }
    }
}

/// Ends when the login refuses the secret. One that is away for a moment is asked again.
async fn refused(api: &Api, inbox: &Inbox) -> ChannelError {
    let mut ticks = heartbeat(CHECK);
    loop {
        ticks.tick().await;
        match api.renew().await {
            Ok(headers) => inbox.learn_time(&headers),
            Err(error @ ChannelError::Unauthorized(_)) => return error,
            Err(error) => tracing::debug!(%error, "the login is away"),
        }
    }
}
