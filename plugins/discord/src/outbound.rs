//! From messages to Discord's requests. No person is ever mentioned.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatKind, Conversation, EventId, InboundRef, OutboundMessage,
    SentRef, Text,
    kit::{
        api::Failure,
        draft::{Draft, Limits, deleted, no_message, undeliverable},
        ids, rich,
    },
    reqwest::Method,
};
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
    api::{Api, Call, PICTURE, Sent, of_message},
    gateway::Discord,
    interaction::follow_up,
    text,
};

const LIMITS: Limits = Limits { caption: 2000, label: 80, data: 64 };
/// What the description of an embed holds: there goes what escaping makes too long for a message.
const EMBED_LIMIT: usize = 4096;
const ROWS: usize = 5;
const ROW: usize = 5;

/// What Discord answers where a channel or a message is not there.
const UNKNOWN_CHANNEL: &str = "10003";
const UNKNOWN_MESSAGE: &str = "10008";

/// A message that fits, on its way.
struct Message<'a> {
    draft: Draft<'a>,
    content: String,
    embeds: Vec<CreateEmbed>,
    flags: MessageFlags,
}

impl Discord {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = self.api()?;
        if let Some(old) = deleted(message)? {
            let call = self.at(Method::DELETE, api, &message.to, old).await?;
            return match api.tell(call).await {
                // Also done where it is gone already.
                Err(failure) if !failure.is(UNKNOWN_MESSAGE) => {
                    Err(self.failed(&message.to, failure))
                }
                _ => Ok(old.clone()),
            };
        }
        if message.body == Body::Typing {
            let channel = self.places.channel(api, &message.to).await?;
            let shown = api.tell(Call::at(Method::POST, "/channels/{}/typing", &channel)).await;
            return shown.map(|_| no_message(&message.to)).map_err(of_message);
        }
        let draft = Message::new(message)?;
        if let Some(old) = &message.replaces {
            let call = self.at(Method::PATCH, api, &message.to, old).await?;
            let call = Call { image: draft.draft.image, ..call.with(&draft.edit()) };
            let edited = api.ask::<Sent>(call).await;
            edited.map_err(|failure| self.failed(&message.to, failure))?;
            return Ok(old.clone());
        }
        if let Some(InboundRef::Press(press)) = &message.answers
            && matches!(message.body, Body::Text(_))
            && let Some(open) = self.interactions.open(press)
            && follow_up(api, &open, &draft.follow_up()).await?
        {
            return Ok(SentRef { chat: message.to.id.clone(), id: press.clone() });
        }
        let channel = self.places.channel(api, &message.to).await?;
        let mut body = draft.message();
        if let Some(reference) = self.answered(message, &channel) {
            body = body.reference_message(reference);
        }
        let call = Call::at(Method::POST, "/channels/{}/messages", &channel).with(&body);
        let sent = api.ask::<Sent>(Call { image: draft.draft.image, ..call }).await;
        let sent = sent.map_err(|failure| self.failed(&message.to, failure))?;
        Ok(SentRef { chat: message.to.id.clone(), id: EventId::new(sent.id) })
    }

    /// The message that this one is shown as the answer to; a slash command is none.
    fn answered(&self, message: &OutboundMessage, channel: &str) -> Option<MessageReference> {
        let Some(InboundRef::Message(id)) = &message.answers else { return None };
        let is_command = self.interactions.open(id).is_some();
        let (id, channel) = (ids::number(id.as_str())?, ids::number(channel)?);
        let reference =
            MessageReference::new(MessageReferenceKind::Default, ChannelId::new(channel));
        (!is_command).then(|| reference.message_id(MessageId::new(id)).fail_if_not_exists(false))
    }

    async fn at(
        &self,
        method: Method,
        api: &Api,
        to: &Conversation,
        old: &SentRef,
    ) -> Result<Call<'static>, ChannelError> {
        let id = old.id.as_str();
        if ids::number(id).is_none() {
            return Err(undeliverable(text::NO_MESSAGE));
        }
        let place = Conversation { id: old.chat.clone(), ..to.clone() };
        let channel = self.places.channel(api, &place).await?;
        Ok(Call::at(method, "/channels/{}/messages", &channel).and(id))
    }

    fn failed(&self, to: &Conversation, failure: Failure) -> ChannelError {
        if failure.is(UNKNOWN_CHANNEL) && to.kind == ChatKind::Direct {
            self.places.direct.forget(to.id.as_str());
        }
        of_message(failure)
    }
}

impl<'a> Message<'a> {
    fn new(message: &'a OutboundMessage) -> Result<Self, ChannelError> {
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        let (content, embed) = fitted(&draft.text)?;
        if content.trim().is_empty() && embed.is_none() && draft.image.is_none() {
            return Err(undeliverable(text::NO_TEXT));
        }
        // Discord would fetch what a link points to. An embed of ours it would hide.
        let shows = MessageFlags::SUPPRESS_EMBEDS;
        let flags = if embed.is_none() { shows } else { MessageFlags::empty() };
        let embeds = embed.iter().map(|text| CreateEmbed::new().description(text)).collect();
        Ok(Self { draft, content, embeds, flags })
    }

    /// The bytes go beside it.
    fn files(&self) -> Option<CreateAttachment> {
        self.draft.image.map(|_| CreateAttachment::bytes(Vec::new(), PICTURE))
    }

    fn message(&self) -> CreateMessage {
        CreateMessage::new()
            .content(&self.content)
            .embeds(self.embeds.clone())
            .flags(self.flags)
            .allowed_mentions(nobody())
            .components(buttons(self.draft.rows))
            .add_files(self.files())
    }

    /// All of the old message goes, its picture and its buttons too.
    fn edit(&self) -> EditMessage {
        let files = self.files().into_iter().fold(EditAttachments::new(), EditAttachments::add);
        EditMessage::new()
            .content(&self.content)
            .embeds(self.embeds.clone())
            .flags(self.flags)
            .allowed_mentions(nobody())
            .components(buttons(self.draft.rows))
            .attachments(files)
    }

    /// Only for the person who pressed.
    fn follow_up(&self) -> CreateInteractionResponseFollowup {
        CreateInteractionResponseFollowup::new()
            .content(&self.content)
            .embeds(self.embeds.clone())
            .flags(self.flags | MessageFlags::EPHEMERAL)
            .allowed_mentions(nobody())
    }
}

/// A text as a message's content, or as an embed where its marks make it too long for that.
fn fitted(text: &Text) -> Result<(String, Option<String>), ChannelError> {
    let written = rich::discord(text);
    match written.chars().count() {
        count if count <= PLUGIN.text_limit.max => Ok((written, None)),
        count if count <= EMBED_LIMIT => Ok((String::new(), Some(written))),
        _ => Err(undeliverable(text::TOO_MANY_MARKS)),
    }
}

/// Rows as given, where Discord takes so many.
fn buttons(rows: &[Vec<Button>]) -> Vec<CreateActionRow> {
    let button = |button: &Button| {
        CreateButton::new(&button.data).label(&button.label).style(ButtonStyle::Secondary)
    };
    let row = |row: &[Button]| CreateActionRow::Buttons(row.iter().map(button).collect());
    let given = || rows.iter().filter(|row| !row.is_empty());
    if given().count() <= ROWS && given().all(|row| row.len() <= ROW) {
        return given().map(|buttons| row(buttons)).collect();
    }
    rows.concat().chunks(ROW).map(row).collect()
}

/// Whatever a text says, it mentions nobody.
fn nobody() -> CreateAllowedMentions {
    CreateAllowedMentions::new().replied_user(false)
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::Card;

    use super::*;

    #[test]
    fn what_marks_make_too_long_goes_as_an_embed() {
        let (content, embed) = fitted(&Text::plain("*".repeat(2000))).unwrap();
        assert_eq!((content.as_str(), embed), ("", Some("\\*".repeat(2000))));
        let (content, embed) = fitted(&Text::plain("x".repeat(2000))).unwrap();
        assert_eq!((content.len(), embed), (2000, None));
        let long = Body::Text(Text::plain("x".repeat(2001)));
        assert!(Draft::new(&long, &PLUGIN, &LIMITS).is_err());
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
            let body = Body::Card(Card { buttons: vec![vec![button]], ..Card::default() });
            let draft = Draft::new(&body, &PLUGIN, &LIMITS);
            assert!(matches!(draft, Err(ChannelError::Undeliverable(_))));
        }
    }

    #[test]
    fn rows_stay_as_given_where_discord_takes_them() {
        let button = |index| Button { label: format!("{index}"), data: format!("b{index}") };
        let row = |range: std::ops::Range<u8>| range.map(button).collect::<Vec<_>>();
        assert_eq!(buttons(&[row(0..2), row(2..3)]).len(), 2);
        assert_eq!(buttons(&[row(0..6)]).len(), 2);
        let many: Vec<_> = (0..12).map(|at| row(at..at + 1)).collect();
        assert_eq!(buttons(&many).len(), 3);
    }
}
