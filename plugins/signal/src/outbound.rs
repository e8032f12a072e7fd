//! From messages to calls of the daemon. A call goes to an id that we have checked, never to a text of a sender.

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::{
    Body, ChannelError, ChatId, EventId, File, InboundRef, OutboundMessage, SentRef,
    kit::{
        draft::{Draft, Limits, deleted, no_message, undeliverable},
        rich::{self, Range, Style},
    },
};
use serde_json::{Value, json};

use crate::{LONGEST, PLUGIN, account::Signal, text};

const LIMITS: Limits = Limits { caption: LONGEST, label: 0, data: 0 };

impl Signal {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if let Some(old) = deleted(message)? {
            let mut params = place(&old.chat)?;
            params["targetTimestamp"] = timestamp(old.id.as_str())?.into();
            self.ask(&old.chat, "remoteDelete", params).await?;
            return Ok(old.clone());
        }
        let chat = &message.to.id;
        let mut params = place(chat)?;
        if message.body == Body::Typing {
            self.ask(chat, "sendTyping", params).await?;
            return Ok(no_message(&message.to));
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        let (text, ranges) = rich::ranges(&draft.text);
        params["message"] = text.into();
        if !ranges.is_empty() {
            params["textStyle"] = ranges.iter().map(styled).collect();
        }
        if let Some(file) = &draft.file {
            params["attachment"] = json!([attached(file)]);
        }
        if let Some(InboundRef::Message(id)) = &message.answers {
            self.quote(id, &mut params);
        }
        let sent = self.ask(chat, "send", params).await?;
        let sent = sent["timestamp"].as_u64().map(|at| message.to.sent(at.to_string()));
        sent.ok_or_else(|| undeliverable(text::unsure("answered something unreadable")))
    }

    /// Shows what is answered. Signal shows the copy that we give: without one it would show nothing.
    fn quote(&self, id: &EventId, params: &mut Value) {
        let quotes = self.quotes.lock();
        let begins = quotes.get(id).filter(|text| !text.trim().is_empty());
        let parts = id.as_str().rsplit_once(':');
        let Some(((author, at), begins)) = parts.zip(begins) else { return };
        if let (Ok(author), Ok(at)) = (crate::parse_sender(author), timestamp(at)) {
            params["quoteAuthor"] = author.as_str().into();
            params["quoteTimestamp"] = at.into();
            params["quoteMessage"] = begins.as_str().into();
        }
    }
}

/// The person or the group that a conversation is.
fn place(chat: &ChatId) -> Result<Value, ChannelError> {
    if let Ok(person) = crate::parse_sender(chat.as_str()) {
        return Ok(json!({ "recipient": [person.as_str()] }));
    }
    let group = crate::parse_group(chat.as_str());
    let group = group.map_err(|_| undeliverable(text::NO_CONVERSATION))?;
    Ok(json!({ "groupId": group.as_str() }))
}

fn timestamp(id: &str) -> Result<u64, ChannelError> {
    id.parse().map_err(|_| undeliverable(text::NO_MESSAGE))
}

/// A file as it goes in a call. Its name ends where such an address would go on.
fn attached(File { name, kind, bytes }: &File) -> String {
    let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    format!("data:{};filename={name};base64,{}", kind.media_type(), STANDARD.encode(bytes))
}

fn styled(Range { start, length, style }: &Range) -> Value {
    let style = match style {
        Style::Bold => "BOLD",
        Style::Italic => "ITALIC",
        Style::Monospace => "MONOSPACE",
        Style::Strike => "STRIKETHROUGH",
    };
    format!("{start}:{length}:{style}").into()
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{Bytes, FileKind};

    use super::*;

    #[test]
    fn a_place_is_a_person_or_a_group_and_never_a_name() {
        let aci = "0f1e2d3c-4b5a-4968-8776-655443322110";
        assert_eq!(place(&ChatId::new(aci)), Ok(json!({ "recipient": [aci] })));
        let group = "WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=";
        assert_eq!(place(&ChatId::new(group)), Ok(json!({ "groupId": group })));
        for wrong in
            ["", "999999999", "u:ann.01", "PNI:0f1e2d3c-4b5a-4968-8776-655443322110", "--help"]
        {
            assert!(
                matches!(place(&ChatId::new(wrong)), Err(ChannelError::Undeliverable(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_name_does_not_end_the_address_of_a_file() {
        let (name, bytes) = ("my;base64,x/ä.pdf".to_owned(), Bytes::from_static(b"1"));
        let file = attached(&File { name, kind: FileKind::Pdf, bytes });
        assert_eq!(file, "data:application/pdf;filename=my_base64_x_ä.pdf;base64,MQ==");
    }
}
