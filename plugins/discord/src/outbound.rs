//! From messages to Discord's requests. Nothing is cut: what is too long does not go. Nobody is ever mentioned.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatKind, Conversation, EventId, Image, InboundRef,
    OutboundMessage, SentRef, Text, reqwest::Method,
};
use serde_json::{Value, json};
use serenity::{
    builder::{
        CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateButton, CreateEmbed,
        CreateInteractionResponseFollowup, CreateMessage, EditAttachments, EditMessage,
    },
    model::{
        application::ButtonStyle,
        channel::{MessageFlags, MessageReference, MessageReferenceKind},
        id::{ChannelId, MessageId},
    },
};

use crate::{
    PLUGIN,
    api::{Api, Call, Failure},
    gateway::Discord,
    markdown::written,
    wire::Sent,
};

/// What the description of an embed holds: there goes what escaping makes too long for a message.
const EMBED_LIMIT: usize = 4096;
const ROWS: usize = 5;
const ROW: usize = 5;
const LABEL_LIMIT: usize = 80;
const BUTTON_DATA_LIMIT: usize = 64;
const PICTURE: &str = "image.png";
const NOTHING: &str = "there is no message to take away";

/// What Discord answers where a channel or a message is not there.
const UNKNOWN_CHANNEL: u64 = 10_003;
const UNKNOWN_MESSAGE: u64 = 10_008;

/// A message that fits, on its way.
struct Draft<'a> {
    content: String,
    embed: Option<String>,
    image: Option<&'a Image>,
    buttons: Vec<CreateActionRow>,
}

impl Discord {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = self.api()?;
        if message.body == Body::Gone {
            let old = message.replaces.as_ref().ok_or_else(|| undeliverable(NOTHING))?;
            return self.remove(&api, &message.to, old).await;
        }
        let draft = Draft::new(message)?;
        if let Some(old) = &message.replaces {
            return self.replace(&api, &message.to, &draft, old).await;
        }
        if let Some(InboundRef::Press(press)) = &message.answers
            && matches!(message.body, Body::Text(_))
            && let Some(open) = self.interactions.open(press)
            && open.follow_up(&api, &draft.follow_up()).await?
        {
            return Ok(SentRef { chat: message.to.id.clone(), id: press.clone() });
        }
        self.post(&api, message, &draft).await
    }

    async fn post(
        &self,
        api: &Api,
        message: &OutboundMessage,
        draft: &Draft<'_>,
    ) -> Result<SentRef, ChannelError> {
        let channel = self.places.channel(api, &message.to).await?;
        let mut body = draft.message();
        if let Some(reference) = self.answered(message, &channel) {
            body = body.reference_message(reference);
        }
        let call = Call::at(Method::POST, "/channels/{}/messages", &channel);
        let sent: Result<Sent, Failure> = match draft.image {
            Some(image) => api.upload(call, &body, (PICTURE, &image.png)).await,
            None => api.give(call, &body).await,
        };
        let sent = sent.map_err(|failure| self.failed(&message.to, failure))?;
        Ok(SentRef { chat: message.to.id.clone(), id: EventId::new(sent.id) })
    }

    /// The message that this one is shown as the answer to; a slash command is none.
    fn answered(&self, message: &OutboundMessage, channel: &str) -> Option<MessageReference> {
        let Some(InboundRef::Message(id)) = &message.answers else { return None };
        let none = self.interactions.open(id).is_some();
        let (id, channel) = (number(id.as_str())?, number(channel)?);
        let reference =
            MessageReference::new(MessageReferenceKind::Default, ChannelId::new(channel));
        (!none).then(|| reference.message_id(MessageId::new(id)).fail_if_not_exists(false))
    }

    async fn replace(
        &self,
        api: &Api,
        to: &Conversation,
        draft: &Draft<'_>,
        old: &SentRef,
    ) -> Result<SentRef, ChannelError> {
        let call = self.at(Method::PATCH, api, to, old).await?;
        let body = draft.edit();
        let edited: Result<Sent, Failure> = match draft.image {
            Some(image) => api.upload(call, &body, (PICTURE, &image.png)).await,
            None => api.give(call, &body).await,
        };
        edited.map(|_| old.clone()).map_err(|failure| self.failed(to, failure))
    }

    /// Also done where it is gone already.
    async fn remove(
        &self,
        api: &Api,
        to: &Conversation,
        old: &SentRef,
    ) -> Result<SentRef, ChannelError> {
        let call = self.at(Method::DELETE, api, to, old).await?;
        match api.tell(call, None::<&Value>).await {
            Err(failure) if !failure.is(UNKNOWN_MESSAGE) => Err(self.failed(to, failure)),
            _ => Ok(old.clone()),
        }
    }

    async fn at(
        &self,
        method: Method,
        api: &Api,
        to: &Conversation,
        old: &SentRef,
    ) -> Result<Call, ChannelError> {
        let unknown = || undeliverable("that is no message of Discord's");
        let id = number(old.id.as_str()).ok_or_else(unknown)?.to_string();
        let place = Conversation { id: old.chat.clone(), ..to.clone() };
        let channel = self.places.channel(api, &place).await?;
        Ok(Call::at(method, "/channels/{}/messages", &channel).and(&id))
    }

    fn failed(&self, to: &Conversation, failure: Failure) -> ChannelError {
        if failure.is(UNKNOWN_CHANNEL) && to.kind == ChatKind::Direct {
            self.places.forget(to);
        }
        failure.of_message()
    }
}

impl<'a> Draft<'a> {
    fn new(message: &'a OutboundMessage) -> Result<Self, ChannelError> {
        let (text, image, rows) = match &message.body {
            Body::Card(card) => (card.to_text(), None, card.buttons.as_slice()),
            Body::Gone => return Err(undeliverable(NOTHING)),
            Body::Image(image) => (image.caption.clone(), Some(image), [].as_slice()),
            Body::Text(text) => (text.clone(), None, [].as_slice()),
        };
        let (content, embed) = fitted(&text)?;
        if content.trim().is_empty() && embed.is_none() && image.is_none() {
            return Err(undeliverable("Discord takes no message without a text"));
        }
        Ok(Self { content, embed, image, buttons: buttons(rows)? })
    }

    fn embeds(&self) -> Vec<CreateEmbed> {
        self.embed.iter().map(|text| CreateEmbed::new().description(text)).collect()
    }

    /// Discord would fetch what a link points to. An embed of ours it would hide.
    fn flags(&self) -> MessageFlags {
        if self.embed.is_none() { MessageFlags::SUPPRESS_EMBEDS } else { MessageFlags::empty() }
    }

    fn message(&self) -> CreateMessage {
        let message = CreateMessage::new()
            .content(&self.content)
            .embeds(self.embeds())
            .flags(self.flags())
            .allowed_mentions(nobody())
            .components(self.buttons.clone());
        match self.image {
            // The bytes go beside it.
            Some(_) => message.add_file(CreateAttachment::bytes(Vec::new(), PICTURE)),
            None => message,
        }
    }

    /// All of the old message goes, its picture and its buttons too.
    fn edit(&self) -> EditMessage {
        let files = match self.image {
            Some(_) => EditAttachments::new().add(CreateAttachment::bytes(Vec::new(), PICTURE)),
            None => EditAttachments::new(),
        };
        EditMessage::new()
            .content(&self.content)
            .embeds(self.embeds())
            .flags(self.flags())
            .allowed_mentions(nobody())
            .components(self.buttons.clone())
            .attachments(files)
    }

    /// For the eyes of whoever pressed.
    fn follow_up(&self) -> Value {
        let body = CreateInteractionResponseFollowup::new()
            .content(&self.content)
            .embeds(self.embeds())
            .flags(self.flags() | MessageFlags::EPHEMERAL)
            .allowed_mentions(nobody());
        serde_json::to_value(body).unwrap_or_else(|_| json!({}))
    }
}

/// A text as a message's content, or as an embed where its marks make it too long for that.
fn fitted(text: &Text) -> Result<(String, Option<String>), ChannelError> {
    let (length, limit) = (PLUGIN.text_limit.measure(&text.to_plain()), PLUGIN.text_limit.max);
    if length > limit {
        return Err(undeliverable(&format!(
            "the text has {length} characters, and {limit} is Discord's limit"
        )));
    }
    let written = written(text);
    match written.chars().count() {
        count if count <= limit => Ok((written, None)),
        count if count <= EMBED_LIMIT => Ok((String::new(), Some(written))),
        _ => Err(undeliverable("the text has too many marks for Discord")),
    }
}

fn buttons(rows: &[Vec<Button>]) -> Result<Vec<CreateActionRow>, ChannelError> {
    let all: Vec<_> = rows.iter().flatten().collect();
    let most = usize::from(PLUGIN.abilities.buttons.unwrap_or_default());
    if all.len() > most {
        return Err(undeliverable(&format!("a card of Discord's has at most {most} buttons")));
    }
    if !all.iter().all(|button| (1..=BUTTON_DATA_LIMIT).contains(&button.data.len())) {
        return Err(undeliverable("a button's data has 1 to 64 bytes"));
    }
    if !all.iter().all(|button| (1..=LABEL_LIMIT).contains(&button.label.chars().count())) {
        return Err(undeliverable("a button's label has 1 to 80 characters"));
    }
    let given = rows.iter().filter(|row| !row.is_empty());
    let rows: Vec<Vec<&Button>> =
        if given.clone().count() <= ROWS && given.clone().all(|row| row.len() <= ROW) {
            given.map(|row| row.iter().collect()).collect()
        } else {
            all.chunks(ROW).map(<[_]>::to_vec).collect()
        };
    let button = |button: &&Button| {
        CreateButton::new(&button.data).label(&button.label).style(ButtonStyle::Secondary)
    };
    Ok(rows.iter().map(|row| CreateActionRow::Buttons(row.iter().map(button).collect())).collect())
}

/// Whatever a text says, it calls nobody.
fn nobody() -> CreateAllowedMentions {
    CreateAllowedMentions::new().replied_user(false)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

fn undeliverable(why: &str) -> ChannelError {
    ChannelError::Undeliverable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_marks_make_too_long_goes_as_an_embed() {
        let (content, embed) = fitted(&Text::plain("*".repeat(2000))).unwrap();
        assert_eq!((content.as_str(), embed), ("", Some("\\*".repeat(2000))));
        let (content, embed) = fitted(&Text::plain("x".repeat(2000))).unwrap();
        assert_eq!((content.len(), embed), (2000, None));
        assert!(fitted(&Text::plain("x".repeat(2001))).is_err());
    }

    #[test]
    fn a_button_that_discord_does_not_take_is_refused() {
        let button = |label: &str, data: String| Button { label: label.to_owned(), data };
        for button in [
            button("x", String::new()),
            button("x", "ä".repeat(33)),
            button("", "x".to_owned()),
            button(&"x".repeat(81), "x".to_owned()),
        ] {
            assert!(matches!(buttons(&[vec![button]]), Err(ChannelError::Undeliverable(_))));
        }
    }

    #[test]
    fn rows_stay_as_given_where_discord_takes_them() {
        let button = |index| Button { label: format!("{index}"), data: format!("b{index}") };
        let row = |range: std::ops::Range<u8>| range.map(button).collect::<Vec<_>>();
        assert_eq!(buttons(&[row(0..2), row(2..3)]).unwrap().len(), 2);
        assert_eq!(buttons(&[row(0..6)]).unwrap().len(), 2);
        let many: Vec<_> = (0..12).map(|at| row(at..at + 1)).collect();
        assert_eq!(buttons(&many).unwrap().len(), 3);
    }
}
