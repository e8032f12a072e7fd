//! From messages to calls of the Chat API. A call goes to a space or a message that Google has named, never to a text of
//! a sender.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatId, InboundRef, OutboundMessage, SentRef,
    kit::{
        api::Failed,
        draft::{Draft, Limits, deleted, no_message, undeliverable},
        rich,
    },
    reqwest::Method,
};
use serde_json::{Value, json};

use crate::{PLUGIN, api::Call, app::GoogleChat, inbound, is_space, text};

const LIMITS: Limits = Limits { caption: 0, label: 100, data: 1000 };

impl GoogleChat {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if let Some(old) = deleted(message)? {
            return self.take_away(old).await;
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        if draft.file.is_some() {
            return Err(undeliverable(text::NO_PICTURE));
        }
        let mut body = self.content(&message.body, &draft);
        if let Some(old) = &message.replaces {
            let query = &[("updateMask", "text,cardsV2")];
            self.ask(&Call(Method::PATCH, named(old)?, query, body)).await?;
            return Ok(old.clone());
        }
        let answered = match &message.answers {
            Some(InboundRef::Message(id) | InboundRef::Further(id)) => {
                inbound::thread_of(id.as_str())
            }
            Some(InboundRef::Press(_)) | None => None,
        };
        let thread = message.to.thread.as_ref().map(|thread| thread.as_str().to_owned());
        let thread = thread.or(answered);
        if let Some(thread) = &thread {
            body["thread"] = json!({ "name": thread });
        }
        let space = self.space(&message.to.id).await?;
        let key = message.key.as_deref().map(|key| ("requestId", key));
        let query = [("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")];
        let query: Vec<_> = query.into_iter().chain(key).collect();
        let name = format!("{space}/messages");
        let sent = match self.ask(&Call(Method::POST, &name, &query, body)).await {
            Ok(sent) => sent.body,
            // It is there already, by this key.
            Err(Failed { status: Some(409), .. }) if key.is_some() => {
                return Ok(no_message(&message.to));
            }
            Err(failed) => {
                if failed.status == Some(404) {
                    self.spaces.forget(message.to.id.as_str());
                }
                return Err(failed.into());
            }
        };
        let unreadable = || PLUGIN.lost("answered something unreadable");
        let name = sent["name"].as_str().ok_or_else(unreadable)?;
        *self.us.lock() = sent["sender"]["name"].as_str().map(str::to_owned);
        if let (None, Some(begun)) = (thread, sent["thread"]["name"].as_str()) {
            self.begins(begun, name, !draft.rows.is_empty()).await?;
        }
        Ok(message.to.sent(name))
    }

    /// A message of ours has begun this thread. What is in it answers that message; a card is answered after a restart,
    /// too.
    async fn begins(&self, thread: &str, name: &str, is_card: bool) -> Result<(), ChannelError> {
        let (thread, name) = (thread.to_owned(), name.to_owned());
        self.threads.lock().insert(thread.clone(), name.clone());
        let notes = self.notes.lock().clone().filter(|_| is_card);
        if let Some(notes) = notes {
            let written = notes.write(thread, name).await;
            written.map_err(|error| ChannelError::Disconnected(error.to_string()))?;
        }
        Ok(())
    }

    /// Also done where it is gone already.
    async fn take_away(&self, old: &SentRef) -> Result<SentRef, ChannelError> {
        match self.ask(&Call(Method::DELETE, named(old)?, &[], Value::Null)).await {
            Err(failed) if failed.status != Some(404) => Err(failed.into()),
            _ => Ok(old.clone()),
        }
    }

    /// What a message shows. An edit names both parts, so that nothing of the old one stays.
    fn content(&self, body: &Body, draft: &Draft<'_>) -> Value {
        let Body::Card(card) = body else {
            return json!({ "text": rich::google(&draft.text), "cardsV2": [] });
        };
        let text = rich::google_card(&draft.text);
        let mut widgets = vec![json!({ "textParagraph": { "text": text } })];
        let button = |Button { label, data }: &Button| {
            let action =
                json!({ "function": self.function, "parameters": [{ "key": "d", "value": data }] });
            json!({ "text": label, "onClick": { "action": action } })
        };
        let rows = draft.rows.iter().filter(|row| !row.is_empty());
        widgets.extend(rows.map(|row| {
            let buttons: Vec<Value> = row.iter().map(button).collect();
            json!({ "buttonList": { "buttons": buttons } })
        }));
        let card_body = json!({ "sections": [{ "widgets": widgets }] });
        json!({
            "text": "", "fallbackText": card.title,
            "cardsV2": [{ "cardId": "card", "card": card_body }],
        })
    }

    /// The space of a conversation: of the direct one with a person, which bears their id, Google is asked once.
    async fn space(&self, chat: &ChatId) -> Result<String, ChannelError> {
        let id = chat.as_str();
        if is_space(id) {
            return Ok(id.to_owned());
        }
        let is_person = id.starts_with("users/") && crate::parse_sender(id).is_ok();
        if !is_person {
            return Err(undeliverable(text::NO_CONVERSATION));
        }
        if let Some(space) = self.spaces.with(id) {
            return Ok(space);
        }
        let query = &[("name", id)];
        let call = Call(Method::GET, "spaces:findDirectMessage", query, Value::Null);
        let found = match self.ask(&call).await {
            Ok(found) => found.body,
            Err(failed) if failed.status == Some(404) => {
                return Err(undeliverable(text::NEVER_WROTE));
            }
            Err(failed) => return Err(failed.into()),
        };
        let space = found["name"].as_str().filter(|name| is_space(name));
        let space = space.ok_or_else(|| PLUGIN.lost("answered something unreadable"))?;
        self.spaces.learn(id, space);
        Ok(space.to_owned())
    }
}

fn named(sent: &SentRef) -> Result<&str, ChannelError> {
    let name = sent.id.as_str();
    let parts = name.split_once("/messages/");
    let is_message = parts.is_some_and(|(space, id)| is_space(space) && !id.contains('/'));
    if is_message { Ok(name) } else { Err(undeliverable(text::NO_MESSAGE)) }
}
