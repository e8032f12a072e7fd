//! From messages to calls of the server, one after the other: Messages on the Mac writes one at a time. A call goes to a
//! chat that the server has named, or to a handle that we have checked.

use openclaw_plugin_sdk::{
    ChannelError, ChatId, InboundRef, OutboundMessage, SentRef,
    kit::draft::{Draft, Limits, deleted, undeliverable},
};
use serde_json::{Value, json};

use crate::{
    PLUGIN,
    account::BlueBubbles,
    failure::{self, Failure},
    parse_group, parse_sender, text,
};

const LIMITS: Limits = Limits { caption: 0, label: 0, data: 0 };

impl BlueBubbles {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if deleted(message)?.is_some() {
            return Err(undeliverable(text::NO_REMOVAL));
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        if draft.file.is_some() {
            return Err(undeliverable(text::NO_PICTURE));
        }
        // It is no key: the server forgets it with the end of the call. Until then it takes no second one.
        let mark = message.key.as_ref().map_or_else(random, |key| format!("oc-{key}"));
        let body = json!({
            "chatGuid": self.chat(&message.to.id)?, "tempGuid": mark,
            "message": draft.text.to_plain(), "method": "apple-script",
        });
        let _turn = self.turn.lock().await;
        self.echoes.lock().remove(&mark);
        let sent = match self.answered(message) {
            Some(question) => {
                let mut reply = body.clone();
                reply["method"] = "private-api".into();
                reply["selectedMessageGuid"] = question.into();
                match self.write(&reply).await {
                    Err(failure) if failure.lacks_private_api() => {
                        self.news.lock().private_api = false;
                        self.write(&body).await
                    }
                    sent => sent,
                }
            }
            None => self.write(&body).await,
        };
        let sent = match sent {
            // It was sent before a restart, and is on its way.
            Err(failure) if failure.is_queued() => {
                self.echo(&mark).await.ok_or(Failure::Unsure(text::QUEUED.to_owned()))
            }
            sent => sent,
        };
        match sent {
            Ok(guid) => {
                self.ours.lock().insert(guid.clone(), ());
                Ok(message.to.sent(guid))
            }
            Err(failure) => Err(self.noticed(failure::of_message(failure))),
        }
    }

    /// The message that is shown as answered, where the server can show it.
    fn answered(&self, message: &OutboundMessage) -> Option<String> {
        match &message.answers {
            Some(InboundRef::Message(id)) if self.news.lock().private_api => Some(id.to_string()),
            _ => None,
        }
    }

    /// Sends a text: the id that it has.
    async fn write(&self, body: &Value) -> Result<String, Failure> {
        let sent = self.send_call(body).await?;
        let guid = sent["guid"].as_str().filter(|guid| !guid.is_empty());
        guid.map(str::to_owned).ok_or_else(|| Failure::Unsure(text::UNREADABLE.to_owned()))
    }

    /// The server's name of a conversation: of the direct one with a person, which bears their handle, the one that they
    /// wrote in.
    fn chat(&self, chat: &ChatId) -> Result<String, ChannelError> {
        if let Ok(group) = parse_group(chat.as_str()) {
            return Ok(group.to_string());
        }
        let person = parse_sender(chat.as_str());
        let person = person.map_err(|_| undeliverable(text::NO_CONVERSATION))?;
        let known = self.directs.with(person.as_str());
        Ok(known.unwrap_or_else(|| format!("{};-;{person}", self.news.lock().service)))
    }
}

fn random() -> String {
    format!("oc-{:032x}", rand::random::<u128>())
}
