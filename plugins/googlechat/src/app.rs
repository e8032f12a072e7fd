//! One app: its account is probed, then it hears what Google calls it with.

use std::{future::ready, sync::Arc};

use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, InboundEvent, Inbox, Notes, OutboundMessage, SentRef, Settings,
    SettingsError, async_trait,
    http::{Request, StatusCode},
    kit::{
        api::{Answer, Failed},
        bounded::Bounded,
        directory::DirectChats,
        inbox::AckQueue,
        jwt::{self, Refused},
        standing::Standing,
        webhook,
    },
    reqwest::Method,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    PLUGIN,
    api::{Api, Call},
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
    standing: Standing,
}

#[async_trait]
impl Channel for GoogleChat {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        self.standing.begin();
        *self.notes.lock() = inbox.notes();
        inbox.learn_time(&self.probe().await?.headers);
        // What we say goes through the API: nothing is said in an answer.
        let judge = |event: Value| (self.arrival(&event, inbox), webhook::json(&json!({})));
        let kept = (&self.acks, &self.standing);
        let taken = |event| ready(Ok(Some(event)));
        webhook::serve(inbox, kept, |it| self.judged(it, inbox), judge, taken).await
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
            standing: Standing::new(text::NOTHING_HEARD),
        })
    }

    /// Makes a call about a message or its space, and remembers what it shows of the account.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Result<Answer, Failed> {
        let api = self.api.as_ref().map_err(|why| PLUGIN.lost(why))?;
        let called = api.call(call, About::Message).await;
        match &called {
            Err(Failed { error, status: Some(401 | 403) }) => {
                self.standing.limit("messages", Some(error.to_string()));
            }
            Err(Failed { error, .. }) => self.standing.learn(error),
            Ok(_) => self.standing.limit("messages", None),
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
            match &judged {
                Err(Refused::NoKeys(why)) => self.standing.limit("keys", Some(text::no_keys(why))),
                Err(Refused::Token(_)) => {}
                Ok(_) => {
                    self.standing.limit("keys", None);
                    self.standing.heard();
                }
            }
            judged.map_err(|refused| refused.status())
        }
    }

    /// Finds out whether the account works.
    async fn probe(&self) -> Result<Answer, ChannelError> {
        let api = self.api.as_ref().map_err(|why| PLUGIN.lost(why))?;
        let call = Call(Method::GET, "spaces", &[("pageSize", "1")], Value::Null);
        Ok(api.call(&call, About::Account).await?)
    }
}
