//! Channels: whose direct channel is which, and what is known of the others. Direct channels are known to the
//! gateway by the person's id, so that it can write to an owner who has not written yet.

use std::ops::RangeInclusive;

use openclaw_plugin_sdk::{
    ChannelError, ChatId, ChatKind, Conversation, ThreadId, kit::draft::undeliverable,
    reqwest::Method,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Call, Sent, of_message},
    gateway::Discord,
    is_snowflake, text,
};

/// The kinds of channels: one person and the bot, and several people without a server.
const DIRECT: u64 = 1;
const GROUP_DIRECT: u64 = 3;
/// The kinds of threads, which are channels of their own.
const THREADS: RangeInclusive<u64> = 10..=12;

/// What Discord says of a channel, with the people in a direct one.
#[derive(Clone, Deserialize)]
pub(crate) struct ChannelInfo {
    id: String,
    #[serde(rename = "type")]
    kind: u64,
    parent_id: Option<String>,
    #[serde(default)]
    recipients: Vec<Sent>,
}

impl ChannelInfo {
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

impl Discord {
    /// Where that is, for the gateway; `None` where the server does not count, or neither the channel nor the one that
    /// its thread hangs on.
    pub(crate) async fn conversation(
        &self,
        origin: &Origin<'_>,
    ) -> Result<Option<Conversation>, ChannelError> {
        let Some(guild) = origin.guild else { return self.without_server(origin).await.map(Some) };
        let guilds = self.config.guilds.as_ref();
        let listed = guilds.map(|guilds| guilds.get(guild).map(Vec::as_slice));
        let Some(listed) = listed.unwrap_or(Some(&[])) else { return Ok(None) };
        let parent = self.parent(origin).await?;
        let counts = |id: &String| id == origin.channel || Some(id) == parent.as_ref();
        if !listed.is_empty() && !listed.iter().any(counts) {
            return Ok(None);
        }
        let thread = parent.is_some().then(|| ThreadId::new(origin.channel));
        let id = ChatId::new(parent.unwrap_or_else(|| origin.channel.to_owned()));
        Ok(Some(Conversation::new(id, ChatKind::Group).in_thread(thread)))
    }

    async fn without_server(&self, origin: &Origin<'_>) -> Result<Conversation, ChannelError> {
        let info = match origin.kind {
            Some(kind) => {
                let (id, person) = (origin.channel.to_owned(), origin.person.to_owned());
                let recipients = vec![Sent { id: person }];
                let info = ChannelInfo { id, kind, parent_id: None, recipients };
                // What a person writes in their direct channel says which it is; of all others nothing is kept.
                if kind == DIRECT && is_snowflake(origin.channel) {
                    self.keep(&info);
                }
                Some(info)
            }
            None => self.info(origin.channel).await?,
        };
        let (id, kind) = match info {
            Some(info) if info.person() == Some(origin.person) => (origin.person, ChatKind::Direct),
            Some(ChannelInfo { kind: GROUP_DIRECT, .. }) => (origin.channel, ChatKind::Group),
            _ => (origin.channel, ChatKind::Unknown),
        };
        Ok(Conversation::new(ChatId::new(id), kind))
    }

    /// The channel that a thread of a server hangs on; `None` for what is no thread. Where Discord says of which kind
    /// a channel is, it is asked about threads only.
    async fn parent(&self, origin: &Origin<'_>) -> Result<Option<String>, ChannelError> {
        if origin.kind.is_some_and(|kind| !THREADS.contains(&kind)) {
            return Ok(None);
        }
        let info = self.info(origin.channel).await?;
        Ok(info.filter(|info| THREADS.contains(&info.kind)).and_then(|info| info.parent_id))
    }

    /// The channel that a message goes to.
    pub(crate) async fn channel(&self, to: &Conversation) -> Result<String, ChannelError> {
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
        let opened: ChannelInfo = self.api()?.ask(call).await.map_err(of_message)?;
        self.keep(&opened);
        // Also where Discord does not name the person: it was asked for this one.
        self.direct.learn(id, &opened.id);
        Ok(opened.id)
    }

    async fn info(&self, channel: &str) -> Result<Option<ChannelInfo>, ChannelError> {
        let known = self.channels.lock().get(channel).cloned();
        if known.is_some() || !is_snowflake(channel) {
            return Ok(known);
        }
        let call = Call::at(Method::GET, "/channels/{}", channel);
        match self.api()?.ask::<ChannelInfo>(call).await.map_err(of_message) {
            Ok(found) if found.id == channel => {
                self.keep(&found);
                Ok(Some(found))
            }
            Ok(_) | Err(ChannelError::Undeliverable(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, info: &ChannelInfo) {
        if let Some(person) = info.person() {
            self.direct.learn(person, &info.id);
        }
        self.channels.lock().insert(info.id.clone(), info.clone());
    }
}
