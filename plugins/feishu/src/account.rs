//! One app: what both ways of receiving share.

use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, FetchError, FileRef, InboundEvent, Inbox, OutboundMessage,
    SentRef, async_trait,
    kit::{
        api::{Failure, parsed},
        bounded::Bounded,
        inbox::{AckQueue, Arrival},
        standing::Standing,
    },
    reqwest::Method,
};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    PLUGIN,
    api::Api,
    config::{Config, Events},
    failure,
    inbound::{self, Me},
    text,
};

/// One app.
pub(crate) struct Feishu {
    app_id: String,
    api: Result<Api, String>,
    events: Events,
    pub(crate) acks: AckQueue<InboundEvent>,
    /// The messages that we have sent: an answer to one is meant for us.
    pub(crate) sent: Mutex<Bounded<String, ()>>,
    pub(crate) standing: Standing,
}

#[async_trait]
impl Channel for Feishu {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        self.standing.begin();
        let me = self.probe(inbox).await?;
        match &self.events {
            Events::Socket => self.connect(inbox, &me).await,
            Events::Webhook(keys) => self.serve(inbox, &me, keys).await,
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }

    async fn fetch(&self, file: &FileRef, limit: usize) -> Result<Bytes, FetchError> {
        self.api()?.fetch(&inbound::resource(&file.id)?, limit).await
    }
}

impl Feishu {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            api: Api::new(config.root, config.app_id.clone(), config.app_secret),
            app_id: config.app_id,
            events: config.events,
            acks: AckQueue::default(),
            sent: Mutex::default(),
            standing: Standing::new(text::NOTHING_HEARD),
        }
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| PLUGIN.lost(why))
    }

    /// Asks who the app is in chats.
    async fn probe(&self, inbox: &Inbox) -> Result<Me, ChannelError> {
        let answer = self.api()?.call(Method::GET, "open-apis/bot/v3/info", None).await;
        let mut answer = answer.map_err(failure::of_account)?;
        inbox.learn_time(&answer.headers);
        let open_id = parsed(answer.body["bot"]["open_id"].take()).map_err(failure::of_account)?;
        Ok(Me { app_id: self.app_id.clone(), open_id })
    }

    /// Why the connection has ended: Feishu does not say it where it does not take the app any more.
    pub(crate) async fn ended(&self, inbox: &Inbox, why: &str) -> ChannelError {
        let probe = async {
            self.api()?.renew_token().await.map_err(failure::of_account)?;
            self.probe(inbox).await
        };
        match probe.await {
            Err(error @ ChannelError::Unauthorized(_)) => error,
            _ => PLUGIN.lost(why),
        }
    }

    /// What a payload is, if it is something for the gateway.
    pub(crate) fn arrival(
        &self,
        inbox: &Inbox,
        me: &Me,
        payload: &Value,
    ) -> Option<Arrival<InboundEvent>> {
        self.standing.heard();
        let is_ours = |id: &str| self.sent.lock().contains(id);
        inbound::translate(payload, me, is_ours, inbox.now()).map(Arrival::repeated)
    }

    /// What a failed call about a message means. Remembers what it shows of the app.
    pub(crate) fn failed(&self, failure: Failure) -> ChannelError {
        let lacks = failure.is(failure::NO_PERMISSION);
        let error = failure::of_message(failure);
        self.standing.learn(&error);
        if lacks {
            self.standing.limit("permission", Some(error.to_string()));
        }
        error
    }
}
