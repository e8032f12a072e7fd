//! One number: token and id are probed, then it hears what Meta calls it with.

use std::{future::ready, pin::pin};

use futures_util::StreamExt;
use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, ChatId, EventId, Exchange, InboundEvent, Inbox, OutboundMessage,
    SentRef, Settings, SettingsError, async_trait,
    http::{Request, StatusCode},
    kit::{
        bounded::Bounded,
        inbox::{AckQueue, Arrival, Pending, Received},
        webhook::requests_by,
    },
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    PLUGIN,
    api::Api,
    config::Config,
    failure,
    inbound::{self, Me, digits},
    text,
    webhook::{self, Call, METHODS, Proof, Said},
};

/// So many messages and conversations are remembered.
const MOST: usize = 1000;

/// One number.
pub(crate) struct WhatsApp {
    number_id: String,
    api: Result<Api, String>,
    proof: Proof,
    acks: AckQueue<InboundEvent>,
    /// Where a message of ours has gone: Meta may name its person by another id when it fails later.
    pub(crate) sent: Mutex<Bounded<String, ChatId>>,
    /// The last message of a conversation, below which it is shown that we write.
    pub(crate) last: Mutex<Bounded<ChatId, EventId>>,
    news: Mutex<News>,
    changed: Notify,
}

/// What the account's state is to say.
struct News {
    /// Meta does not take token or number any more.
    refused: Option<ChannelError>,
    /// Who cannot be written to until they write.
    closed: Bounded<ChatId, ()>,
    /// Meta has called, and it was about this number.
    heard: bool,
    /// A request came that was not signed with the secret.
    missigned: bool,
}

#[async_trait]
impl Channel for WhatsApp {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        self.news.lock().refused = None;
        let me = self.probe(inbox).await?;
        inbox.deep_link_is(format!("https://wa.me/{}?text=", me.digits));
        inbox.caught_up();
        inbox.connected_but(self.limitation());
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |event| ready(Ok(Some(event))));
        let mut requests = pin!(requests_by(METHODS, inbox, |request| ready(self.judge(request))));
        loop {
            tokio::select! {
                settled = pending.settled() => settled?.into_iter().for_each(Call::done),
                Some(proven) = requests.next() => match proven? {
                    (exchange, Said::Challenge(text)) => webhook::repeat(exchange, text),
                    (exchange, Said::Events(payload)) => {
                        self.take(&payload, exchange, (inbox, &me), &mut pending);
                    }
                },
                () = self.changed.notified() => {
                    inbox.connected_but(self.limitation());
                    if let Some(refused) = self.news.lock().refused.clone() {
                        return Err(refused);
                    }
                }
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let sent = self.deliver(message).await;
        let mut news = self.news.lock();
        match &sent {
            Err(error @ ChannelError::Unauthorized(_)) => news.refused = Some(error.clone()),
            Err(ChannelError::Later(_)) => news.closed.insert(message.to.id.clone(), ()),
            Ok(_) | Err(_) => return sent,
        }
        self.changed.notify_one();
        sent
    }
}

impl WhatsApp {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let config = Config::read(settings)?;
        Ok(Self {
            number_id: config.number_id.clone(),
            proof: Proof::new(&config.app_secret, config.verify_token.clone()),
            api: Api::new(config),
            acks: AckQueue::default(),
            sent: Mutex::new(Bounded::new(MOST)),
            last: Mutex::new(Bounded::new(MOST)),
            news: Mutex::new(News {
                refused: None,
                closed: Bounded::new(MOST),
                heard: false,
                missigned: false,
            }),
            changed: Notify::new(),
        })
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| PLUGIN.lost(why))
    }

    /// Asks Meta who the number is: by that, token and id are known to work.
    async fn probe(&self, inbox: &Inbox) -> Result<Me, ChannelError> {
        let answer = self.api()?.probe().await.map_err(failure::of_account)?;
        inbox.learn_time(&answer.headers);
        let shown = answer.body["display_phone_number"].as_str().map(digits).unwrap_or_default();
        if shown.is_empty() {
            return Err(PLUGIN.lost("answered something unreadable"));
        }
        Ok(Me { number_id: self.number_id.clone(), digits: shown })
    }

    /// Takes all that a request brings.
    fn take(
        &self,
        payload: &Value,
        exchange: Exchange,
        (inbox, me): (&Inbox, &Me),
        pending: &mut Pending<'_, InboundEvent, Call>,
    ) {
        let call = Call::new(exchange);
        let sent_to = |id: &str| self.sent.lock().get(id).cloned();
        for value in inbound::values(payload, me) {
            self.heard();
            for event in inbound::events(value, me, inbox.now(), sent_to) {
                self.learn(&event);
                match pending.receive(Arrival::repeated(event), call.clone()) {
                    Received::Acknowledge(call) => call.done(),
                    Received::Refuse(call) => call.refuse(),
                    Received::Waits => {}
                }
            }
        }
        call.done();
    }

    fn judge(&self, request: &Request<Bytes>) -> Result<Said, StatusCode> {
        let judged = self.proof.judge(request);
        if matches!(judged, Err(StatusCode::UNAUTHORIZED)) {
            let mut news = self.news.lock();
            if !news.heard && !std::mem::replace(&mut news.missigned, true) {
                self.changed.notify_one();
            }
        }
        judged
    }

    fn heard(&self) {
        let mut news = self.news.lock();
        if !news.heard {
            news.heard = true;
            self.changed.notify_one();
        }
    }

    /// What an event shows of its conversation.
    fn learn(&self, event: &InboundEvent) {
        let mut news = self.news.lock();
        let changes = match event {
            InboundEvent::Failed(failed) => {
                let is_later = matches!(failed.error, ChannelError::Later(_));
                if is_later {
                    news.closed.insert(failed.sent.chat.clone(), ());
                }
                is_later
            }
            InboundEvent::Message(it) => {
                self.last.lock().insert(it.conversation.id.clone(), it.id.clone());
                news.closed.remove(&it.conversation.id).is_some()
            }
            InboundEvent::Press(it) => news.closed.remove(&it.conversation.id).is_some(),
            InboundEvent::Changed(_) | InboundEvent::Moved(_) | InboundEvent::Reaction(_) => false,
        };
        if changes {
            self.changed.notify_one();
        }
    }

    fn limitation(&self) -> Option<String> {
        let news = self.news.lock();
        let closed = news.closed.iter().last().map(|(chat, ())| text::closed(chat.as_str()));
        let unheard = if news.missigned { text::WRONG_SIGNATURE } else { text::NOTHING_HEARD };
        closed.or_else(|| (!news.heard).then(|| unheard.to_owned()))
    }
}
