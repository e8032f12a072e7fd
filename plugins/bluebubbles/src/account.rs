//! One account: the server is asked who it is and to call us, and then both what it calls with and what it has kept is
//! heard.

use std::{future::ready, pin::pin, time::Duration};

use futures_util::StreamExt;
use openclaw_plugin_sdk::{
    Channel, ChannelError, Exchange, InboundEvent, Inbox, Link, OutboundMessage, Readers, SenderId,
    SentRef, Settings, SettingsError, async_trait,
    http::StatusCode,
    kit::{
        bounded::Bounded,
        directory::DirectChats,
        handle,
        inbox::{AckQueue, Arrival, Received},
        webhook::{reply, requests},
    },
    reqwest::Method,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{sync::Notify, time::MissedTickBehavior};

use crate::{
    api::{Api, SEND_LIMIT},
    catch_up::SERVICE,
    config::{self, Config},
    failure::{self, Failure},
    inbound::{self, Heard, Known},
    parse_sender, text,
    webhook::{FAILED, NEW, Webhook},
};

/// The server calls once, and tells nobody that it could not.
const CATCH_UP: Duration = Duration::from_mins(5);

/// One server.
pub(crate) struct BlueBubbles {
    api: Result<Api, String>,
    webhook: Webhook,
    /// Others on the network can read what we ask the server.
    pub(crate) is_exposed: bool,
    takes_all: bool,
    every: Duration,
    acks: AckQueue<InboundEvent>,
    /// The direct chats as the server calls them.
    pub(crate) directs: DirectChats,
    /// Messages of the account: who answers one in a group means us.
    pub(crate) ours: Mutex<Bounded<String, ()>>,
    /// The ids of messages that were on their way, by their marks.
    pub(crate) echoes: Mutex<Bounded<String, String>>,
    echoed: Notify,
    /// Where the last message was that was too long to be heard.
    pub(crate) skipped: Mutex<Option<(u64, usize)>>,
    /// One is sent at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) news: Mutex<News>,
    changed: Notify,
}

/// What was found out.
pub(crate) struct News {
    /// The password does not work any more.
    refused: Option<ChannelError>,
    /// Why the server cannot be asked to call us.
    uncalled: Option<String>,
    /// The server calls us.
    heard: bool,
    /// Messages on the Mac has an account.
    signed_in: bool,
    me: Option<SenderId>,
    /// Answers can be shown as such.
    pub(crate) private_api: bool,
    /// What the server's direct chats begin with.
    pub(crate) service: String,
}

/// How what has arrived is acknowledged.
pub(crate) enum Ack {
    Call(Box<Exchange>),
    Page,
}

#[async_trait]
impl Channel for BlueBubbles {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        self.news.lock().refused = None;
        if let Some(service) = inbox.noted(SERVICE) {
            self.news.lock().service = service;
        }
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |event| ready(Ok(Some(event))));
        let mut calls = pin!(requests(inbox, |request| ready(self.webhook.proven(request))));
        let (mut due, mut is_here) = (tokio::time::interval(self.every), false);
        let readers = inbox.readers();
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                settled = pending.settled() => settled?.into_iter().for_each(Ack::done),
                _ = due.tick() => {
                    self.look(inbox).await.map_err(failure::of_account)?;
                    let missed = self.catch_up(inbox, &mut pending).await?;
                    // Before the first time, it could not call us.
                    if missed && is_here {
                        self.is_called(false);
                    }
                    is_here = true;
                    inbox.caught_up();
                }
                () = self.changed.notified() => {
                    if let Some(refused) = self.news.lock().refused.clone() {
                        return Err(refused);
                    }
                    inbox.connected_but(self.limitation());
                }
                // What was kept meanwhile comes before what the server calls with.
                Some(call) = calls.next(), if is_here => {
                    let (exchange, event) = call?;
                    self.is_called(true);
                    let kind = event["type"].as_str().unwrap_or_default();
                    let arrival = self.arrival(readers.as_ref(), kind, &event["data"], exchange.client.link());
                    match pending.receive(arrival, Ack::Call(Box::new(exchange))) {
                        Received::Acknowledge(ack) => ack.done(),
                        Received::Refuse(ack) => ack.refused(),
                        Received::Waits => {}
                    }
                }
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }
}

impl BlueBubbles {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let config = Config::read(settings)?;
        let webhook = Webhook::new(&settings.key, config.callback.clone());
        Ok(Self {
            api: Api::new(&config, webhook.secret()),
            webhook,
            is_exposed: config::is_exposed(&config.server),
            takes_all: config.takes_all,
            every: CATCH_UP,
            acks: AckQueue::default(),
            directs: DirectChats::default(),
            ours: Mutex::default(),
            echoes: Mutex::default(),
            echoed: Notify::new(),
            skipped: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            news: Mutex::new(News {
                refused: None,
                uncalled: None,
                heard: false,
                signed_in: true,
                me: None,
                private_api: false,
                service: "iMessage".to_owned(),
            }),
            changed: Notify::new(),
        })
    }

    pub(crate) fn api(&self) -> Result<&Api, Failure> {
        self.api.as_ref().map_err(|why| Failure::Lost(why.clone()))
    }

    pub(crate) async fn send_call(&self, body: &Value) -> Result<Value, Failure> {
        let sent = self.api()?.call(Method::POST, &["message", "text"], body, SEND_LIMIT).await;
        sent.map(|(_, data)| data)
    }

    /// Remembers what the failure of a message shows of the account.
    pub(crate) fn noticed(&self, error: ChannelError) -> ChannelError {
        if matches!(error, ChannelError::Unauthorized(_)) {
            self.news.lock().refused = Some(error.clone());
            self.changed.notify_one();
        }
        error
    }

    /// Waits for what the server says of a message with this mark that is on its way: its id.
    pub(crate) async fn echo(&self, mark: &str) -> Option<String> {
        let echo = async {
            loop {
                let echoed = self.echoed.notified();
                if let Some(guid) = self.echoes.lock().remove(mark) {
                    return guid;
                }
                echoed.await;
            }
        };
        tokio::time::timeout(SEND_LIMIT, echo).await.ok()
    }

    /// Asks the server who it is, and to call us.
    async fn look(&self, inbox: &Inbox) -> Result<(), Failure> {
        let api = self.api()?;
        let (headers, info) = api.ask(Method::GET, &["server", "info"], &Value::Null).await?;
        inbox.learn_time(&headers);
        let account = info["detected_imessage"].as_str().filter(|it| !it.is_empty());
        let uncalled = match self.register(api).await {
            Ok(()) => None,
            Err(failure) => match failure.said() {
                Some(words) => Some(text::uncalled(words)),
                None => return Err(failure),
            },
        };
        {
            let mut news = self.news.lock();
            news.signed_in = account.is_some();
            news.me = account.and_then(|it| parse_sender(it).ok());
            news.private_api = info["private_api"] == true && info["helper_connected"] == true;
            news.uncalled = uncalled;
        }
        inbox.connected_but(self.limitation());
        Ok(())
    }

    async fn register(&self, api: &Api) -> Result<(), Failure> {
        let (_, webhooks) = api.ask(Method::GET, &["webhook"], &Value::Null).await?;
        let webhooks = webhooks.as_array().map(Vec::as_slice).unwrap_or_default();
        for outdated in webhooks.iter().filter(|it| self.webhook.is_outdated(it)) {
            let id = outdated["id"].to_string();
            api.ask(Method::DELETE, &["webhook", &id], &Value::Null).await?;
        }
        if !webhooks.iter().any(|it| self.webhook.is_registered(it)) {
            api.ask(Method::POST, &["webhook"], &self.webhook.wanted()).await?;
        }
        Ok(())
    }

    /// What an event brings, if it is something for the gateway.
    pub(crate) fn arrival(
        &self,
        readers: Option<&Readers>,
        kind: &str,
        data: &Value,
        link: Link,
    ) -> Option<Arrival<InboundEvent>> {
        let guid = data["guid"].as_str()?;
        if kind == FAILED {
            let item = inbound::failed(data)?;
            return Some(Arrival { item, keys: vec![format!("failed/{guid}")], repeats: false });
        }
        if kind != NEW {
            return None;
        }
        if data["isFromMe"] == true {
            self.ours.lock().insert(guid.to_owned(), ());
            if let Some(mark) = data["tempGuid"].as_str() {
                self.echoes.lock().insert(mark.to_owned(), guid.to_owned());
                self.echoed.notify_one();
            }
            return None;
        }
        let me = self.news.lock().me.clone();
        let known = Known { me: me.as_ref(), takes_all: self.takes_all, link };
        let Heard { mut message, direct } = inbound::heard(data, &known)?;
        if let Some(chat) = direct {
            let person = &message.sender.id;
            let is_theirs = |of: &str| handle::handle(of).as_deref() == Some(person.as_str());
            // A forged SMS, or a chat with another one, draws nothing of theirs to itself.
            if let Some((service @ ("any" | "iMessage"), _, of)) = handle::chat(&chat)
                && is_theirs(of)
            {
                if readers.is_none_or(|readers| readers.has_access(person)) {
                    service.clone_into(&mut self.news.lock().service);
                }
                self.directs.learn(person.as_str(), &chat);
            }
        } else if let Some(answered) = &message.reply_to {
            message.mentions_us = self.ours.lock().contains(answered.id.as_str());
        }
        let keys = vec![format!("{}/{}/{guid}", message.conversation.id, message.sender.id)];
        Some(Arrival { item: InboundEvent::Message(message), keys, repeats: true })
    }

    /// The server has called us, or has not although there was something to say.
    fn is_called(&self, heard: bool) {
        if std::mem::replace(&mut self.news.lock().heard, heard) != heard {
            self.changed.notify_one();
        }
    }

    fn limitation(&self) -> Option<String> {
        let news = self.news.lock();
        let signed_out = (!news.signed_in).then_some(text::SIGNED_OUT);
        let unheard = (!news.heard).then_some(text::NOT_CALLED);
        let exposed = self.is_exposed.then_some(text::EXPOSED);
        let lasting = signed_out.or(unheard).or(exposed).map(str::to_owned);
        news.uncalled.clone().or(lasting)
    }
}

impl Ack {
    pub(crate) fn done(self) {
        self.answer(StatusCode::OK);
    }

    fn refused(self) {
        self.answer(StatusCode::SERVICE_UNAVAILABLE);
    }

    fn answer(self, status: StatusCode) {
        if let Self::Call(exchange) = self {
            reply(*exchange, status);
        }
    }
}

#[cfg(test)]
mod tests;
