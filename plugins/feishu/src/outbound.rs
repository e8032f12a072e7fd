//! From messages to calls. A call goes to an id that we have checked, never to a text of a sender.

use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::{
    ChannelError, File, InboundRef, OutboundMessage, SentRef, ThreadId,
    kit::{
        api::parsed,
        draft::{Draft, deleted, undeliverable},
    },
    reqwest::{
        Method,
        multipart::{Form, Part},
    },
};
use ring::digest;
use serde_json::json;

use crate::{
    PLUGIN,
    account::Feishu,
    content::{self, Content, LIMITS},
    inbound::is_message,
    text,
};

const MESSAGES: &str = "open-apis/im/v1/messages";

impl Feishu {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if let Some(old) = deleted(message)? {
            self.take_away(old).await?;
            return Ok(old.clone());
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        // Before anything is uploaded.
        addressee(message)?;
        let mut image_key = None;
        let mut content = match &draft.file {
            Some(file) if file.kind.is_picture() => {
                image_key = Some(self.upload(file).await?);
                content::post(&draft.text, image_key.as_deref())
            }
            Some(file) => content::file(&self.upload(file).await?),
            None => content::card(&message.body, &draft, message.to.id.as_str())
                .unwrap_or_else(|| content::post(&draft.text, None)),
        };
        let mut sent = self.put(message, &content).await;
        if is_refused(&sent)
            && content.kind == "post"
            && let Some(plain) = content::unmarked(&draft.text, image_key.as_deref())
        {
            content = plain;
            sent = self.put(message, &content).await;
        }
        match &message.replaces {
            // Feishu takes so many edits of a message, and none that makes another kind of message of it.
            Some(old) if is_refused(&sent) => {
                self.take_away(old).await?;
                self.post(message, &content, Some(old)).await
            }
            _ => sent,
        }
    }

    /// Edits the message that this one takes the place of, or sends it.
    async fn put(
        &self,
        message: &OutboundMessage,
        content: &Content,
    ) -> Result<SentRef, ChannelError> {
        let Some(old) = &message.replaces else { return self.post(message, content, None).await };
        let path = format!("{MESSAGES}/{}", id(old.id.as_str())?);
        let text = content.json.to_string();
        let (method, body) = match content.kind {
            "interactive" => (Method::PATCH, json!({ "content": text })),
            "post" => (Method::PUT, json!({ "msg_type": content.kind, "content": text })),
            _ => return Err(undeliverable(text::NO_EDIT)),
        };
        let edited = self.api()?.call(method, &path, Some(&body)).await;
        edited.map(|_| old.clone()).map_err(|failure| self.failed(failure))
    }

    async fn post(
        &self,
        message: &OutboundMessage,
        content: &Content,
        instead_of: Option<&SentRef>,
    ) -> Result<SentRef, ChannelError> {
        let mut body = json!({ "msg_type": content.kind, "content": content.json.to_string() });
        if let Some(key) = &message.key {
            body["uuid"] = uuid(key, instead_of).into();
        }
        let thread = message.to.thread.as_ref().map(ThreadId::as_str);
        let answered = match &message.answers {
            Some(InboundRef::Message(id)) => Some(id.as_str()),
            Some(InboundRef::Further(_) | InboundRef::Press(_)) | None => thread,
        };
        let path = if let Some(answered) = answered {
            if thread.is_some() {
                body["reply_in_thread"] = true.into();
            }
            format!("{MESSAGES}/{}/reply", id(answered)?)
        } else {
            let (kind, id) = addressee(message)?;
            body["receive_id"] = id.into();
            format!("{MESSAGES}?receive_id_type={kind}")
        };
        let sent = self.api()?.call(Method::POST, &path, Some(&body)).await;
        let sent = sent.and_then(|mut sent| parsed(sent.body["data"]["message_id"].take()));
        let sent: String = sent.map_err(|failure| self.failed(failure))?;
        self.sent.lock().insert(sent.clone(), ());
        Ok(message.to.sent(sent))
    }

    /// Also done where it is gone already, which Feishu says when it is asked.
    async fn take_away(&self, old: &SentRef) -> Result<(), ChannelError> {
        let path = format!("{MESSAGES}/{}", id(old.id.as_str())?);
        let api = self.api()?;
        let Err(failure) = api.call(Method::DELETE, &path, None).await else { return Ok(()) };
        let error = self.failed(failure);
        if !matches!(error, ChannelError::Undeliverable(_)) {
            return Err(error);
        }
        let shown = api.call(Method::GET, &path, None).await.map_err(|why| self.failed(why))?;
        if shown.body["data"]["items"][0]["deleted"] == true { Ok(()) } else { Err(error) }
    }

    /// The key by which Feishu knows a file from now on.
    async fn upload(&self, file: &File) -> Result<String, ChannelError> {
        let File { name, kind, bytes } = file;
        let part = || {
            let part = Part::stream_with_length(bytes.clone(), bytes.len() as u64);
            part.file_name(name.clone())
        };
        let api = self.api()?;
        let key = if kind.is_picture() {
            let form = || Form::new().text("image_type", "message").part("image", part());
            api.upload(("open-apis/im/v1/images", "image_key"), form).await
        } else {
            let form = || {
                let form = Form::new().text("file_type", "stream").text("file_name", name.clone());
                form.part("file", part())
            };
            api.upload(("open-apis/im/v1/files", "file_key"), form).await
        };
        key.map_err(|failure| self.failed(failure))
    }
}

/// The person or the group that a message goes to, and what kind of id that is.
fn addressee(message: &OutboundMessage) -> Result<(&'static str, &str), ChannelError> {
    let chat = message.to.id.as_str();
    match (crate::parse_sender(chat), crate::parse_group(chat)) {
        (Ok(_), _) => Ok(("open_id", chat)),
        (_, Ok(_)) => Ok(("chat_id", chat)),
        _ => Err(undeliverable(text::NO_CONVERSATION)),
    }
}

/// What sends a message once. What is sent anew in the place of another message is another one.
fn uuid(key: &str, instead_of: Option<&SentRef>) -> String {
    let old = instead_of.map_or("", |old| old.id.as_str());
    let digest = digest::digest(&digest::SHA256, format!("{key}/{old}").as_bytes());
    HEXLOWER.encode(&digest.as_ref()[..16])
}

fn id(id: &str) -> Result<&str, ChannelError> {
    if is_message(id) { Ok(id) } else { Err(undeliverable(text::NO_MESSAGE)) }
}

fn is_refused(sent: &Result<SentRef, ChannelError>) -> bool {
    matches!(sent, Err(ChannelError::Undeliverable(_)))
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{ChatId, ChatKind, Conversation, Text};

    use super::*;

    #[test]
    fn a_place_is_a_person_or_a_group_and_never_a_name() {
        let to = |id: &str| {
            let chat = Conversation::new(ChatId::new(id), ChatKind::Direct);
            let message = OutboundMessage::new(chat, Text::plain("x"));
            addressee(&message).map(|(kind, _)| kind)
        };
        assert_eq!(to("ou_84aad35d084aa403a838cf73ee18467a"), Ok("open_id"));
        assert_eq!(to("oc_84aad35d084aa403a838cf73ee18467a"), Ok("chat_id"));
        for wrong in ["", "999999999", "ann", "on_84aad35d084aa403", "oc_x&receive_id_type=email"] {
            assert!(matches!(to(wrong), Err(ChannelError::Undeliverable(_))), "{wrong}");
        }
    }

    #[test]
    fn the_id_of_a_message_leads_to_no_other_address() {
        assert!(id("om_dc13264520392913993dd051dba21dcf").is_ok());
        for wrong in ["", "om_", "om_a/reply", "om_../../x", "om_a?b", "dc13264520392913"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
