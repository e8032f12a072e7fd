//! One app: its account is probed, then it hears what Google calls it with.

use std::{future::ready, pin::pin, sync::Arc};

use futures_util::StreamExt;
use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, Exchange, InboundEvent, Inbox, Notes, OutboundMessage, SentRef,
    Settings, SettingsError, async_trait,
    http::{HeaderValue, Request, Response, StatusCode},
    kit::{
        api::Answer,
        bounded::Bounded,
        directory::DirectChats,
        inbox::{AckQueue, Received},
        jwt::{self, Refused},
        webhook::{reply, requests},
    },
    reqwest::Method,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    PLUGIN,
    api::{Api, Call, Failed},
    config::{Audience, Config},
    failure::About,
    proof::Proof,
    text,
};

/// One app.
pub(crate) struct GoogleChat {
    api: Result<Api, String>,
    proof: Proof,
    acks: AckQueue<InboundEvent>,
    /// What the buttons of an add-on have to call; other apps take any word.
    pub(crate) function: String,
    /// The space of the direct chat with a person.
    pub(crate) spaces: DirectChats,
    /// The message of ours that began a thread: a reply stands in that thread.
    pub(crate) threads: Mutex<Bounded<String, String>>,
    /// Who the app is, as Google has said.
    pub(crate) us: Mutex<Option<String>>,
    /// The same after a restart: a card is answered then, too.
    pub(crate) notes: Mutex<Option<Arc<dyn Notes>>>,
    news: Mutex<News>,
    changed: Notify,
}

/// What the account's state is to say.
#[derive(Default)]
struct News {
    /// Google does not take the account any more.
    refused: Option<ChannelError>,
    /// Requests cannot be judged.
    no_keys: Option<String>,
    /// Why something was not taken.
    denied: Option<String>,
    /// Google has called, and it was for us.
    heard: bool,
}

#[async_trait]
impl Channel for GoogleChat {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        self.news.lock().refused = None;
        *self.notes.lock() = inbox.notes();
        inbox.learn_time(&self.probe().await?.headers);
        inbox.caught_up();
        inbox.connected_but(self.limitation());
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |event| ready(Ok(Some(event))));
        let mut requests = pin!(requests(inbox, |request| self.judged(request, inbox)));
        loop {
            tokio::select! {
                settled = pending.settled() => settled?.into_iter().for_each(done),
                Some(proven) = requests.next() => {
                    let (exchange, event) = proven?;
                    match pending.receive(self.arrival(&event, inbox), exchange) {
                        Received::Acknowledge(exchange) => done(exchange),
                        Received::Refuse(exchange) => reply(exchange, StatusCode::SERVICE_UNAVAILABLE),
                        Received::Waits => {}
                    }
                }
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
        self.deliver(message).await
    }
}

impl GoogleChat {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let Config { source, api_root, keys_root, audience } = Config::read(settings)?;
        let function = match &audience {
            Audience::Project(_) => PLUGIN.id.to_owned(),
            Audience::Url { url, .. } => url.clone(),
        };
        Ok(Self {
            function,
            api: Api::new(api_root, source),
            proof: Proof::new(audience, &keys_root),
            acks: AckQueue::default(),
            spaces: DirectChats::default(),
            threads: Mutex::default(),
            us: Mutex::default(),
            notes: Mutex::default(),
            news: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Makes a call about a message or its space, and remembers what it shows of the account.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Result<Answer, Failed> {
        let api = self.api.as_ref().map_err(|why| PLUGIN.lost(why))?;
        let called = api.call(call, About::Message).await;
        let mut news = self.news.lock();
        let denied = news.denied.take();
        match &called {
            Ok(_) => {}
            Err(Failed { error, status: Some(403) }) => news.denied = Some(error.to_string()),
            Err(Failed { error, .. }) => {
                news.denied.clone_from(&denied);
                if matches!(error, ChannelError::Unauthorized(_)) {
                    news.refused = Some(error.clone());
                }
            }
        }
        if news.denied != denied || news.refused.is_some() {
            self.changed.notify_one();
        }
        called
    }

    /// The event in a request, if that is Google's; otherwise how to refuse it.
    fn judged<'a>(
        &'a self,
        request: &Request<Bytes>,
        inbox: &'a Inbox,
    ) -> impl Future<Output = Result<Value, StatusCode>> + Send + use<'a> {
        let (token, body) = (jwt::bearer(request).map(str::to_owned), request.body().clone());
        async move {
            let own = self.api.as_ref().ok().and_then(|api| api.tokens.email());
            let judged = self.proof.event(token, &body, own, inbox.now()).await;
            let no_keys = match &judged {
                Err(Refused::NoKeys(why)) => Some(text::no_keys(why)),
                Err(Refused::Token(_)) => return Err(StatusCode::UNAUTHORIZED),
                Ok(_) => None,
            };
            let mut news = self.news.lock();
            let heard = news.heard || no_keys.is_none();
            if news.no_keys != no_keys || news.heard != heard {
                (news.no_keys, news.heard) = (no_keys, heard);
                self.changed.notify_one();
            }
            judged.map_err(|refused| refused.status())
        }
    }

    fn limitation(&self) -> Option<String> {
        let news = self.news.lock();
        let unheard = (!news.heard).then(|| text::NOTHING_HEARD.to_owned());
        news.no_keys.clone().or_else(|| news.denied.clone()).or(unheard)
    }

    /// Finds out whether the account works.
    async fn probe(&self) -> Result<Answer, ChannelError> {
        let api = self.api.as_ref().map_err(|why| PLUGIN.lost(why))?;
        let call = Call(Method::GET, "spaces", &[("pageSize", "1")], Value::Null);
        Ok(api.call(&call, About::Account).await?)
    }
}

/// Nothing is said in the answer: what we say goes through the API.
fn done(exchange: Exchange) {
    let mut response = Response::new(Bytes::from_static(b"{}"));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    exchange.reply(response);
}
