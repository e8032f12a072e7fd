//! One bot: its login is probed, then it is called until something goes wrong.

use std::{pin::pin, time::Duration};

use futures_util::StreamExt;
use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatId, InboundEvent, Inbox, OutboundMessage, SentRef, Settings,
    SettingsError, async_trait,
    kit::{
        bounded::Bounded,
        inbox::{AckQueue, Arrival, Received},
        jwt::Keys,
        socket::heartbeat,
        webhook,
    },
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    PLUGIN,
    api::Api,
    config::Config,
    inbound::{self, Item},
    references::References,
    requests::Answer,
    text,
};

/// How often we ask whether the secret still works: nothing else may tell us that it does not.
const CHECK: Duration = Duration::from_mins(10);

/// So many conversations are remembered that nothing can be sent to.
const MOST_LIMITS: usize = 100;

/// One bot.
pub(crate) struct Teams {
    api: Result<Api, String>,
    pub(crate) keys: Keys,
    acks: AckQueue<Item>,
    pub(crate) references: References,
    trouble: Mutex<Trouble>,
    changed: Notify,
}

/// What was found out meanwhile.
struct Trouble {
    /// The bot's credentials do not work any more.
    refused: Option<ChannelError>,
    /// Teams has called.
    heard: bool,
    /// Why a call of Teams was not taken.
    limit: Option<String>,
    /// Why nothing can be sent to a conversation.
    limits: Bounded<ChatId, String>,
}

#[async_trait]
impl Channel for Teams {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.api()?;
        self.trouble.lock().refused = None;
        self.references.begin(inbox, &api.config).await;
        inbox.learn_time(&api.renew().await?);
        inbox.caught_up();
        inbox.connected_but(self.limitation());
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |item| self.noted(inbox, item));
        let mut requests = pin!(webhook::requests(inbox, |request| self.proven(inbox, request)));
        let mut refused = pin!(refused(api, inbox));
        loop {
            tokio::select! {
                settled = pending.settled() => settled?.into_iter().for_each(Answer::taken),
                Some(proven) = requests.next() => {
                    let (exchange, activity) = proven?;
                    let answer = Answer::new(exchange, &activity);
                    let item = inbound::translate(&activity, &api.config, inbox.now());
                    let Some(item) = item else {
                        answer.ignored();
                        continue;
                    };
                    match pending.receive(arrival(item), answer) {
                        Received::Acknowledge(answer) => answer.taken(),
                        Received::Refuse(answer) => answer.refused(),
                        Received::Waits => {}
                    }
                }
                error = &mut refused => return Err(error),
                () = self.changed.notified() => {
                    if let Some(refused) = self.trouble.lock().refused.clone() {
                        return Err(refused);
                    }
                    inbox.connected_but(self.limitation());
                }
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }
}

impl Teams {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let config = Config::read(settings)?;
        let (keys, limits) = (Keys::at(config.keys.clone()), Bounded::new(MOST_LIMITS));
        Ok(Self {
            api: Api::new(config),
            keys,
            acks: AckQueue::default(),
            references: References::default(),
            trouble: Mutex::new(Trouble { refused: None, heard: false, limit: None, limits }),
            changed: Notify::new(),
        })
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| PLUGIN.lost(why))
    }

    async fn noted(&self, inbox: &Inbox, item: Item) -> Result<Option<InboundEvent>, ChannelError> {
        if !item.chat.as_str().is_empty() {
            self.references.learn(inbox, item.chat.as_str(), &item.reference).await?;
        }
        Ok(Some(item.event))
    }

    /// Teams calls, and its call was taken.
    pub(crate) fn heard(&self) {
        let mut trouble = self.trouble.lock();
        if !trouble.heard || trouble.limit.is_some() {
            (trouble.heard, trouble.limit) = (true, None);
            self.changed.notify_one();
        }
    }

    /// A call was not taken, and this is why.
    pub(crate) fn limited(&self, why: String) {
        let mut trouble = self.trouble.lock();
        if trouble.limit.as_ref() != Some(&why) {
            tracing::warn!("{why}");
            trouble.limit = Some(why);
            self.changed.notify_one();
        }
    }

    /// Remembers what a call about a conversation shows of the account.
    pub(crate) fn learned(&self, chat: &ChatId, error: Option<&ChannelError>) {
        let mut trouble = self.trouble.lock();
        let is_news = match error {
            Some(refused @ ChannelError::Unauthorized(_)) => {
                trouble.refused = Some(refused.clone());
                true
            }
            Some(ChannelError::Undeliverable(why)) if why == text::NOT_INSTALLED => {
                trouble.limits.insert(chat.clone(), format!("{chat}: {why}"));
                true
            }
            Some(_) => false,
            None => trouble.limits.remove(chat).is_some(),
        };
        if is_news {
            self.changed.notify_one();
        }
    }

    fn limitation(&self) -> Option<String> {
        let trouble = self.trouble.lock();
        let unheard = (!trouble.heard).then(|| text::NOTHING_HEARD.to_owned());
        let last = || trouble.limits.iter().last().map(|(_, why)| why.clone());
        trouble.limit.clone().or(unheard).or_else(last)
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

/// The place, the sender and the id name it: no sender can suppress what another sends.
fn arrival(item: Item) -> Arrival<Item> {
    let key = match &item.event {
        InboundEvent::Message(it) => format!("{}/{}/{}", it.conversation.id, it.sender.id, it.id),
        InboundEvent::Press(it) => {
            format!("press/{}/{}/{}", it.conversation.id, it.sender.id, it.id)
        }
        InboundEvent::Failed(_) | InboundEvent::Moved(_) | InboundEvent::Reaction(_) => {
            String::new()
        }
    };
    Arrival { item, keys: vec![key], repeats: true }
}
