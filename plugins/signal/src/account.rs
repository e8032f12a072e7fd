//! One account: probed, then heard until its connection ends.

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatId, EventId, InboundEvent, Inbox, OutboundMessage, SentRef,
    Settings, SettingsError, UnixMs, async_trait,
    kit::{
        bounded::Bounded,
        inbox::{AckQueue, Arrival},
        json_rpc::Failure,
    },
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    config::Config,
    failure::{self, Then, Told},
    inbound::{self, Me},
    rpc::Rpc,
    text,
};

/// So many messages can be quoted, by so many of their first characters.
const MOST_QUOTES: usize = 500;
const QUOTED: usize = 200;

/// So many conversations are remembered that nothing can be sent to.
const MOST_LIMITS: usize = 100;

/// One number.
pub(crate) struct Signal {
    rpc: Rpc,
    /// What has arrived and is not durable yet: the daemon never repeats it.
    acks: AckQueue<InboundEvent>,
    /// The beginnings of messages: an answer shows what it answers.
    pub(crate) quotes: Mutex<Bounded<EventId, String>>,
    trouble: Mutex<Trouble>,
    changed: Notify,
}

/// What was found out when something was sent.
struct Trouble {
    /// The account is not linked any more.
    refused: Option<ChannelError>,
    /// Something has come since the start.
    heard: bool,
    /// What the daemon fetches for strangers.
    fetches: Option<String>,
    /// Why nothing can be sent to a conversation until the operator does something.
    limits: Bounded<ChatId, String>,
}

#[async_trait]
impl Channel for Signal {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let rpc = &self.rpc;
        let doubted = self.trouble.lock().refused.take().is_some();
        let mut running = rpc.start(true, inbox.run_folder(), inbox.account()).await?;
        self.trouble.lock().fetches = running.as_ref().and_then(|one| one.fetches.clone());
        let me = match &mut running {
            Some(running) => running.events.beside(probe(rpc)).await?,
            None => probe(rpc).await?,
        };
        if doubted && let Some(refused) = self.refusal().await {
            return Err(self.refused(refused));
        }
        if inbox.is_trial() {
            // The daemon keeps no message once a program hears it.
            inbox.connected_but(self.trouble.lock().fetches.clone());
            return std::future::pending().await;
        }
        let mut events = rpc.hear(running).await?;
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |event| std::future::ready(Ok(Some(event))));
        inbox.connected_but(self.limitation());
        loop {
            tokio::select! {
                settled = pending.settled() => drop(settled?),
                event = events.next(), if pending.has_room() => match event? {
                    Some(event) => {
                        if !std::mem::replace(&mut self.trouble.lock().heard, true) {
                            inbox.connected_but(self.limitation());
                        }
                        let arrival = self.arrival(&event, &me, inbox);
                        pending.receive(arrival, ());
                    }
                    None => inbox.caught_up(),
                },
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

impl Signal {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let limits = Bounded::new(MOST_LIMITS);
        Ok(Self {
            rpc: Rpc::new(Config::read(settings)?)?,
            acks: AckQueue::default(),
            quotes: Mutex::new(Bounded::new(MOST_QUOTES)),
            trouble: Mutex::new(Trouble { refused: None, heard: false, fetches: None, limits }),
            changed: Notify::new(),
        })
    }

    /// Makes a call about a conversation, and remembers what it shows of the account.
    pub(crate) async fn ask(
        &self,
        chat: &ChatId,
        method: &str,
        params: Value,
    ) -> Result<Value, ChannelError> {
        match self.rpc.call(method, params).await.and_then(failure::taken) {
            Ok(result) => {
                if self.trouble.lock().limits.remove(chat).is_some() {
                    self.changed.notify_one();
                }
                Ok(result)
            }
            Err(failure) => {
                let Told { error, then } =
                    failure::of_message(failure, &self.rpc.account, chat.as_str());
                if matches!(error, ChannelError::Unauthorized(_)) {
                    self.refused(error.clone());
                }
                match then {
                    Then::Nothing => {}
                    Then::Lasts => {
                        self.trouble.lock().limits.insert(chat.clone(), error.to_string());
                        self.changed.notify_one();
                    }
                    Then::Ask => {
                        if let Some(refused) = self.refusal().await {
                            self.refused(refused);
                        }
                    }
                }
                Err(error)
            }
        }
    }

    /// Why Signal does not take the account any more. The list of its devices is shown to a linked device alone.
    async fn refusal(&self) -> Option<ChannelError> {
        let failure = self.rpc.call("listDevices", json!({})).await.err()?;
        let error = failure::of_account(failure, &self.rpc.account);
        matches!(error, ChannelError::Unauthorized(_)).then_some(error)
    }

    /// Ends the connection for this, and has the next one ask first.
    fn refused(&self, error: ChannelError) -> ChannelError {
        self.trouble.lock().refused = Some(error.clone());
        self.changed.notify_one();
        error
    }

    fn limitation(&self) -> Option<String> {
        let trouble = self.trouble.lock();
        let last = trouble.limits.iter().last().map(|(_, why)| why.clone());
        let unheard = (!trouble.heard).then(|| text::NOTHING_HEARD.to_owned());
        let all = [last, trouble.fetches.clone(), unheard];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What an event brings, if it is something for the gateway.
    fn arrival(&self, event: &Value, me: &Me, inbox: &Inbox) -> Option<Arrival<InboundEvent>> {
        let envelope = &event["envelope"];
        if event["account"].as_str().is_some_and(|account| account != self.rpc.account) {
            // The daemon is of another account alone.
            let why = text::no_account(&self.rpc.account);
            self.trouble.lock().limits.insert(ChatId::new("account"), why);
            self.changed.notify_one();
            return None;
        }
        if event.get("exception").is_some_and(|why| !why.is_null()) {
            tracing::warn!("a message on Signal could not be decrypted");
            return None;
        }
        if let Some(now) = envelope["serverDeliveredTimestamp"].as_u64().filter(|now| *now > 0) {
            inbox.platform_time(UnixMs(now));
        }
        let item = inbound::translate(envelope, me)?;
        let (place, id) = match &item {
            InboundEvent::Message(message) => {
                let begins = message.text.chars().take(QUOTED).collect();
                self.quotes.lock().insert(message.id.clone(), begins);
                (&message.conversation.id, &message.id)
            }
            InboundEvent::Reaction(reaction) => (&reaction.conversation.id, &reaction.id),
            InboundEvent::Changed(_)
            | InboundEvent::Failed(_)
            | InboundEvent::Moved(_)
            | InboundEvent::Press(_) => {
                return None;
            }
        };
        let keys = vec![format!("{place}/{id}")];
        Some(Arrival { item, keys, repeats: false })
    }
}

/// Finds out whether the daemon has the account, and who that is on Signal.
async fn probe(rpc: &Rpc) -> Result<Me, ChannelError> {
    let of_account = |failure| failure::of_account(failure, &rpc.account);
    match rpc.call("listAccounts", json!({})).await {
        Ok(Value::Array(all)) if all.iter().any(|one| one["number"] == rpc.account) => {}
        Ok(_) => return Err(ChannelError::Unauthorized(text::no_account(&rpc.account))),
        // A daemon of one account alone has no such call.
        Err(Failure::Refused(refusal)) if refusal.code == -32601 => {
            rpc.call("version", json!({})).await.map_err(of_account)?;
        }
        Err(failure) => return Err(of_account(failure)),
    }
    // Without it our number says who we are.
    let own = json!({ "recipient": [rpc.account], "allRecipients": true });
    let own = rpc.call("listContacts", own).await.unwrap_or_default();
    let own = own.as_array().into_iter().flatten().find(|one| one["number"] == rpc.account);
    let aci = own.and_then(|own| own["uuid"].as_str()).map(str::to_ascii_lowercase);
    Ok(Me { number: rpc.account.clone(), aci })
}
