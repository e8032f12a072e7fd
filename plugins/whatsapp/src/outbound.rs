//! From messages to calls. A call goes to an id that we have checked, never to a text of a sender.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatKind, Conversation, InboundRef, OutboundMessage, SentRef,
    kit::{
        draft::{Draft, Limits, no_message, undeliverable},
        ids::is_phone,
        rich,
    },
};
use serde_json::{Value, json};

use crate::{PLUGIN, account::WhatsApp, failure, is_user, text};

const LIMITS: Limits = Limits { caption: 1024, label: 20, data: 256 };

/// What stands above buttons has its own limit.
const LONGEST_ABOVE_BUTTONS: usize = 1024;

impl WhatsApp {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let to = address(&message.to)?;
        if matches!(message.body, Body::Typing) {
            return self.shows_that_we_write(&message.to).await;
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        let shown = shown(&draft, PLUGIN.text_limit.max);
        let buttons: Vec<&Button> = draft.rows.iter().flatten().collect();
        let content = match (&draft.file, &message.body) {
            (Some(file), _) => {
                let id = self.api()?.upload(file).await.map_err(failure::of_message)?;
                let mut image = json!({ "id": id });
                if !shown.is_empty() {
                    image["caption"] = shown.into();
                }
                Content("image", image)
            }
            (None, Body::Card(card)) if !buttons.is_empty() => {
                let mut above = shown;
                if PLUGIN.text_limit.measure(&above) > LONGEST_ABOVE_BUTTONS {
                    // Nothing is cut: it stands in a message of its own, above the one with the buttons.
                    self.post(message, &to, &words(&above)).await?;
                    above = card.title.chars().take(LONGEST_ABOVE_BUTTONS / 2).collect();
                }
                Content("interactive", interactive(&above, &buttons))
            }
            (None, _) => words(&shown),
        };
        let sent = self.post(message, &to, &content).await?;
        self.sent.lock().insert(sent.clone(), message.to.id.clone());
        Ok(message.to.sent(sent))
    }

    /// Sends one message; the id that Meta gives it.
    async fn post(
        &self,
        message: &OutboundMessage,
        to: &Value,
        Content(kind, content): &Content,
    ) -> Result<String, ChannelError> {
        let mut body = to.clone();
        body["messaging_product"] = "whatsapp".into();
        body["type"] = (*kind).into();
        body[*kind] = content.clone();
        if let Some(InboundRef::Message(id)) = &message.answers {
            body["context"] = json!({ "message_id": id.as_str() });
        }
        let sent = self.api()?.post(&body).await.map_err(failure::of_message)?;
        let id = sent["messages"][0]["id"].as_str().filter(|id| !id.is_empty());
        // It was taken: to send it again would show it twice.
        id.map(str::to_owned)
            .ok_or_else(|| undeliverable(text::unsure("answered something unreadable")))
    }

    /// Also says that the person's message was read. The gateway asks for it where the person has access.
    async fn shows_that_we_write(&self, to: &Conversation) -> Result<SentRef, ChannelError> {
        let last = self.last.lock().get(&to.id).cloned();
        let last = last.ok_or_else(|| undeliverable(text::NO_MESSAGE_TO_ANSWER))?;
        let body = json!({
            "messaging_product": "whatsapp", "status": "read", "message_id": last.as_str(),
            "typing_indicator": { "type": "text" },
        });
        self.api()?.post(&body).await.map_err(failure::of_message)?;
        Ok(no_message(to))
    }
}

/// A kind of message, and what stands under that key.
struct Content(&'static str, Value);

/// WhatsApp would fetch what a text names, to show it: it is not to.
fn words(body: &str) -> Content {
    Content("text", json!({ "body": body, "preview_url": false }))
}

fn interactive(above: &str, buttons: &[&Button]) -> Value {
    let button = |button: &&Button| {
        let reply = json!({ "id": button.data, "title": button.label });
        json!({ "type": "reply", "reply": reply })
    };
    let buttons: Vec<Value> = buttons.iter().map(button).collect();
    json!({ "type": "button", "body": { "text": above }, "action": { "buttons": buttons } })
}

/// The text with its marks; without them where they would be too much.
fn shown(draft: &Draft<'_>, longest: usize) -> String {
    let marked = rich::whatsapp(&draft.text);
    if PLUGIN.text_limit.measure(&marked) <= longest { marked } else { draft.text.to_plain() }
}

/// Where a message goes: a person by their number or their id, which Meta takes under another key; or a group.
fn address(to: &Conversation) -> Result<Value, ChannelError> {
    let id = to.id.as_str();
    match to.kind {
        ChatKind::Direct if is_phone(id) => {
            let digits = id.trim_start_matches('+');
            Ok(json!({ "recipient_type": "individual", "to": digits }))
        }
        ChatKind::Direct if is_user(id) => {
            Ok(json!({ "recipient_type": "individual", "recipient": id }))
        }
        ChatKind::Group if crate::parse_group(id).is_ok() => {
            Ok(json!({ "recipient_type": "group", "to": id }))
        }
        _ => Err(undeliverable(text::NO_CONVERSATION)),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{Card, ChatId, Text};

    use super::*;

    fn to(id: &str, kind: ChatKind) -> Result<Value, ChannelError> {
        address(&Conversation::new(ChatId::new(id), kind))
    }

    #[test]
    fn a_number_and_an_id_have_keys_of_their_own() {
        assert_eq!(to("+15551234567", ChatKind::Direct).unwrap()["to"], "15551234567");
        let user = to("US.13491208655302741918", ChatKind::Direct).unwrap();
        assert_eq!(user["recipient"], "US.13491208655302741918");
        assert!(user.get("to").is_none());
        let group = to("Y2FwaV9ncm91cA==", ChatKind::Group).unwrap();
        assert_eq!(
            (&group["recipient_type"], &group["to"]),
            (&"group".into(), &"Y2FwaV9ncm91cA==".into())
        );
    }

    #[test]
    fn a_place_is_never_a_name() {
        for (id, kind) in [
            ("", ChatKind::Direct),
            ("ann", ChatKind::Direct),
            ("999999999", ChatKind::Direct),
            ("12345678901234@lid", ChatKind::Direct),
            ("Y2FwaV9ncm91cA==", ChatKind::Direct),
            ("+15551234567", ChatKind::Group),
            ("US.13491208655302741918", ChatKind::Group),
            ("+15551234567", ChatKind::Unknown),
        ] {
            assert!(matches!(to(id, kind), Err(ChannelError::Undeliverable(_))), "{id} {kind:?}");
        }
    }

    #[test]
    fn marks_that_are_too_much_are_left_out() {
        let draft = |text: &str| {
            let body = Body::Text(Text::plain(text));
            shown(&Draft::new(&body, &PLUGIN, &LIMITS).unwrap(), PLUGIN.text_limit.max)
        };
        assert_eq!(draft("a*b").chars().count(), 5);
        assert_eq!(draft(&"*".repeat(4096)), "*".repeat(4096));
    }

    #[test]
    fn a_label_has_at_most_twenty_characters() {
        let card = |label: &str| {
            let button = Button { label: label.to_owned(), data: "x".to_owned() };
            Body::Card(Card { buttons: vec![vec![button]], ..Card::default() })
        };
        assert!(Draft::new(&card("Approve and deliver!"), &PLUGIN, &LIMITS).is_ok());
        assert!(Draft::new(&card("Approve and deliver!!"), &PLUGIN, &LIMITS).is_err());
    }
}
