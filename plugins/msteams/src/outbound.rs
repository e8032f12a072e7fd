//! From messages to calls of Teams. A call goes to an address that was checked, and to ids that stand in it as one part.

use openclaw_plugin_sdk::{
    Body, ChannelError, ChatId, Conversation, InboundRef, OutboundMessage, SentRef,
    kit::{
        api::unreadable,
        draft::{deleted, no_message, undeliverable},
    },
    reqwest::{Method, Url},
};
use serde_json::{Value, json};

use crate::{
    account::Teams,
    api::{Api, below},
    cards, failure,
    references::Reference,
    text,
};

impl Teams {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = self.api()?;
        let old = message.replaces.as_ref();
        let chat = old.map_or(&message.to.id, |old| &old.chat);
        let asked = async {
            let place = self.place(api, chat, &message.to).await?;
            self.put(api, &place, message).await
        };
        let sent = asked.await;
        self.learned(chat, sent.as_ref().err());
        sent
    }

    async fn put(
        &self,
        api: &Api,
        place: &Url,
        message: &OutboundMessage,
    ) -> Result<SentRef, ChannelError> {
        let activity = |id: &str| below(place, &["activities", id]);
        if let Some(old) = deleted(message)? {
            return match api.call(Method::DELETE, activity(old.id.as_str()), None, true).await {
                Err(failed) if failed.status != Some(404) => Err(failed.error),
                _ => Ok(old.clone()),
            };
        }
        let all = below(place, &["activities"]);
        if message.body == Body::Typing {
            api.call(Method::POST, all, Some(&json!({ "type": "typing" })), true).await?;
            return Ok(no_message(&message.to));
        }
        let mut body = cards::content(&message.body)?;
        body["type"] = "message".into();
        if let Some(old) = &message.replaces {
            api.call(Method::PUT, activity(old.id.as_str()), Some(&body), true).await?;
            return Ok(old.clone());
        }
        let url = match &message.answers {
            Some(InboundRef::Message(id)) => {
                body["replyToId"] = id.as_str().into();
                activity(id.as_str())
            }
            Some(InboundRef::Further(_) | InboundRef::Press(_)) | None => all,
        };
        let sent = api.call(Method::POST, url, Some(&body), false).await?;
        Ok(message.to.sent(named(&sent, false)?))
    }

    /// The address of a conversation. Teams knows the one with a person by an id of its own, which it says when it is asked
    /// to begin it.
    async fn place(
        &self,
        api: &Api,
        chat: &ChatId,
        to: &Conversation,
    ) -> Result<Url, ChannelError> {
        let known = self.references.of(chat.as_str());
        let known = known.and_then(|known| {
            let service = api.config.services.trusted(&known.service)?;
            Some((service, known.conversation))
        });
        let default = &api.config.services.default;
        let (service, mut conversation) = match known {
            Some(known) => known,
            None if crate::parse_group(chat.as_str()).is_ok() => {
                (default.clone(), chat.as_str().to_owned())
            }
            None => (default.clone(), self.begin(api, chat).await?),
        };
        if let Some(thread) = &to.thread {
            conversation = format!("{conversation};messageid={thread}");
        }
        Ok(below(&service, &["v3", "conversations", &conversation]))
    }

    async fn begin(&self, api: &Api, person: &ChatId) -> Result<String, ChannelError> {
        let person = crate::parse_sender(person.as_str());
        let person = person.map_err(|_| undeliverable(text::NO_CONVERSATION))?;
        let (config, default) = (&api.config, &api.config.services.default);
        let wish = json!({
            "isGroup": false, "bot": { "id": format!("28:{}", config.app_id) },
            "members": [{ "id": person.as_str() }], "tenantId": config.tenant_id,
            "channelData": { "tenant": { "id": config.tenant_id } },
        });
        let url = below(default, &["v3", "conversations"]);
        let begun = api.call(Method::POST, url, Some(&wish), true).await?;
        let conversation = named(&begun, true)?.to_owned();
        let service = default.as_str().to_owned();
        let reference = Reference { service, conversation: conversation.clone() };
        self.references.remember(person.as_str(), reference);
        Ok(conversation)
    }
}

fn named(answer: &Value, again: bool) -> Result<&str, ChannelError> {
    let id = answer["id"].as_str().filter(|id| !id.is_empty());
    id.ok_or_else(|| failure::of_message(unreadable(), again))
}
