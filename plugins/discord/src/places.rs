//! Places: whose direct channel is which, and what is known of the others. Direct channels are known to the
//! gateway by the person's id, so that it can write to an owner who has not written yet.

use std::{collections::BTreeMap, ops::RangeInclusive};

use openclaw_plugin_sdk::{
    ChannelError, ChatId, ChatKind, Conversation, ThreadId,
    kit::{bounded::Bounded, directory::DirectChats, draft::undeliverable},
    reqwest::Method,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Call, Sent, of_message},
    is_snowflake, text,
};

/// So many places are remembered.
const MOST: usize = 10_000;

/// The kinds of channels: one person and the bot, and several people without a server.
const DIRECT: u64 = 1;
const GROUP_DIRECT: u64 = 3;
/// The kinds of threads, which are channels of their own.
const THREADS: RangeInclusive<u64> = 10..=12;

pub(crate) struct Places {
    /// By channel.
    channels: Mutex<Bounded<String, Place>>,
    pub(crate) direct: DirectChats,
}

impl Default for Places {
    fn default() -> Self {
        Self { channels: Mutex::new(Bounded::new(MOST)), direct: DirectChats::default() }
    }
}

/// A channel, and the people in a direct one.
#[derive(Clone, Deserialize)]
struct Place {
    id: String,
    #[serde(rename = "type")]
    kind: u64,
    parent_id: Option<String>,
    #[serde(default)]
    recipients: Vec<Sent>,
}

impl Place {
    /// The one person of a direct channel.
    fn person(&self) -> Option<&str> {
        match self.recipients.as_slice() {
            [person] if self.kind == DIRECT => Some(&person.id),
            _ => None,
        }
    }
}

/// Where something came from, as Discord says it.
pub(crate) struct Origin<'a> {
    pub(crate) guild: Option<&'a str>,
    pub(crate) channel: &'a str,
    pub(crate) person: &'a str,
    /// Of which kind the channel is, where that is said.
    pub(crate) kind: Option<u64>,
}

impl Places {
    /// Where that is, for the gateway.
    pub(crate) async fn conversation(
        &self,
        api: &Api,
        origin: &Origin<'_>,
    ) -> Result<Conversation, ChannelError> {
        let at = |kind| Conversation::new(ChatId::new(origin.channel), kind);
        if origin.guild.is_some() {
            let parent = self.parent(api, origin).await?;
            let thread = parent.is_some().then(|| ThreadId::new(origin.channel));
            let id = ChatId::new(parent.unwrap_or_else(|| origin.channel.to_owned()));
            return Ok(Conversation::new(id, ChatKind::Group).in_thread(thread));
        }
        let place = match origin.kind {
            Some(kind) => Some(self.told(origin, kind)),
            None => self.place(api, origin.channel).await?,
        };
        Ok(match place {
            Some(place) if place.person() == Some(origin.person) => {
                Conversation::new(ChatId::new(origin.person), ChatKind::Direct)
            }
            Some(Place { kind: GROUP_DIRECT, .. }) => at(ChatKind::Group),
            _ => at(ChatKind::Unknown),
        })
    }

    /// True where one of the servers that count is that, and the channel, or the one its thread hangs on, too.
    pub(crate) async fn counts(
        &self,
        api: &Api,
        guilds: &BTreeMap<String, Vec<String>>,
        origin: &Origin<'_>,
    ) -> Result<bool, ChannelError> {
        let Some(guild) = origin.guild else { return Ok(true) };
        let Some(channels) = guilds.get(guild) else { return Ok(false) };
        let listed = |id: &str| channels.iter().any(|channel| channel == id);
        if channels.is_empty() || listed(origin.channel) {
            return Ok(true);
        }
        Ok(self.parent(api, origin).await?.is_some_and(|parent| listed(&parent)))
    }

    /// The channel that a thread of a server hangs on; `None` for what is no thread. Where Discord says of which kind
    /// a channel is, it is asked about threads only.
    async fn parent(&self, api: &Api, origin: &Origin<'_>) -> Result<Option<String>, ChannelError> {
        if origin.kind.is_some_and(|kind| !THREADS.contains(&kind)) {
            return Ok(None);
        }
        let place = self.place(api, origin.channel).await?;
        let thread = place.filter(|place| THREADS.contains(&place.kind));
        Ok(thread.and_then(|place| place.parent_id))
    }

    /// The channel that a message goes to.
    pub(crate) async fn channel(
        &self,
        api: &Api,
        to: &Conversation,
    ) -> Result<String, ChannelError> {
        let id = to.id.as_str();
        if !is_snowflake(id) {
            return Err(undeliverable(text::NO_CONVERSATION));
        }
        if to.kind != ChatKind::Direct {
            return Ok(to.thread.as_ref().map_or(id, ThreadId::as_str).to_owned());
        }
        if let Some(channel) = self.direct.with(id) {
            return Ok(channel);
        }
        let call = Call::at(Method::POST, "/users/@me/channels", "");
        let call = call.with(&json!({ "recipient_id": id }));
        let opened: Place = api.ask(call).await.map_err(of_message)?;
        self.keep(&opened);
        // Also where Discord does not name the person: it was asked for this one.
        self.direct.learn(id, &opened.id);
        Ok(opened.id)
    }

    async fn place(&self, api: &Api, channel: &str) -> Result<Option<Place>, ChannelError> {
        let known = self.channels.lock().get(channel).cloned();
        if known.is_some() {
            return Ok(known);
        }
        if !is_snowflake(channel) {
            return Ok(None);
        }
        let found = api.ask::<Place>(Call::at(Method::GET, "/channels/{}", channel)).await;
        match found.map_err(of_message) {
            Ok(found) if found.id == channel => {
                self.keep(&found);
                Ok(Some(found))
            }
            Ok(_) | Err(ChannelError::Undeliverable(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a person writes in their direct channel says which it is; of all others nothing is kept.
    fn told(&self, origin: &Origin<'_>, kind: u64) -> Place {
        let recipients = vec![Sent { id: origin.person.to_owned() }];
        let place = Place { id: origin.channel.to_owned(), kind, parent_id: None, recipients };
        if kind == DIRECT && is_snowflake(origin.channel) {
            self.keep(&place);
        }
        place
    }

    fn keep(&self, place: &Place) {
        if let Some(person) = place.person() {
            self.direct.learn(person, &place.id);
        }
        self.channels.lock().insert(place.id.clone(), place.clone());
    }
}
