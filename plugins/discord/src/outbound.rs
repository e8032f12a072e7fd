//! From messages to Discord's requests. No person is ever mentioned.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatKind, Conversation, InboundRef, OutboundMessage, SentRef, Text,
    kit::{
        api::Failure,
        draft::{Draft, Limits, deleted, no_message, undeliverable},
        ids, rich,
    },
    reqwest::Method,
};
use serde_json::{Value, json};
use serenity::{
    builder::{
        CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateButton, CreateEmbed,
        EditAttachments, EditMessage,
    },
    model::{application::ButtonStyle, channel::MessageFlags},
};

use crate::{
    PLUGIN,
    api::{Call, Sent, of_message},
    gateway::Discord,
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

impl Discord {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let (api, to) = (self.api()?, &message.to);
        if let Some(old) = deleted(message)? {
            return match api.tell(self.sent(Method::DELETE, to, old).await?).await {
                // Also done where it is gone already.
                Err(failure) if !failure.is(UNKNOWN_MESSAGE) => Err(self.failed(to, failure)),
                _ => Ok(old.clone()),
            };
        }
        if message.body == Body::Typing {
            let call = Call::at(Method::POST, "/channels/{}/typing", &self.channel(to).await?);
            return api.tell(call).await.map(|_| no_message(to)).map_err(of_message);
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        let mut body = content(&draft, MessageFlags::empty())?;
        if let Some(old) = &message.replaces {
            let call = self.sent(Method::PATCH, to, old).await?.with(&body);
            let edited = api.ask::<Sent>(Call { file: draft.file.as_ref(), ..call }).await;
            return edited.map(|_| old.clone()).map_err(|failure| self.failed(to, failure));
        }
        if let Some(press) = message.pressed()
            && let Some(open) = self.open_interaction(press)
            // Only for the person who pressed.
            && self.follow_up(&open, &content(&draft, MessageFlags::EPHEMERAL)?).await?
        {
            return Ok(to.sent(press.as_str()));
        }
        if let Some(InboundRef::Message(id)) = &message.answers
            && ids::number(id.as_str()).is_some()
            // A slash command is no message.
            && self.open_interaction(id).is_none()
        {
            body["message_reference"] =
                json!({ "message_id": id.as_str(), "fail_if_not_exists": false });
        }
        let call = Call::at(Method::POST, "/channels/{}/messages", &self.channel(to).await?);
        let call = Call { file: draft.file.as_ref(), ..call.with(&body) };
        let sent = api.ask::<Sent>(call).await.map_err(|failure| self.failed(to, failure))?;
        Ok(to.sent(sent.id))
    }

    /// A call about a sent message.
    async fn sent(
        &self,
        method: Method,
        to: &Conversation,
        old: &SentRef,
    ) -> Result<Call<'static>, ChannelError> {
        let id = old.id.as_str();
        if ids::number(id).is_none() {
            return Err(undeliverable(text::NO_MESSAGE));
        }
        let to = Conversation { id: old.chat.clone(), ..to.clone() };
        Ok(Call::at(method, "/channels/{}/messages", &self.channel(&to).await?).and(id))
    }

    fn failed(&self, to: &Conversation, failure: Failure) -> ChannelError {
        if failure.is(UNKNOWN_CHANNEL) && to.kind == ChatKind::Direct {
            self.direct.forget(to.id.as_str());
        }
        of_message(failure)
    }
}

/// A message as Discord takes it, but for the bytes of its file, which go beside it. It can be sent, take the place of
/// all of another one, or follow on an interaction.
fn content(draft: &Draft<'_>, mut flags: MessageFlags) -> Result<Value, ChannelError> {
    let (content, embed) = fitted(&draft.text)?;
    if content.trim().is_empty() && embed.is_none() && draft.file.is_none() {
        return Err(undeliverable(text::NO_TEXT));
    }
    // Discord would fetch what a link points to. An embed of ours it would hide.
    flags.set(MessageFlags::SUPPRESS_EMBEDS, embed.is_none());
    let file = draft.file.as_ref().map(|file| CreateAttachment::bytes([], &file.name));
    let message = EditMessage::new()
        .content(content)
        .embeds(embed.into_iter().map(|text| CreateEmbed::new().description(text)).collect())
        .flags(flags)
        // Whatever a text says, it mentions nobody.
        .allowed_mentions(CreateAllowedMentions::new().replied_user(false))
        .components(buttons(draft.rows))
        .attachments(file.into_iter().fold(EditAttachments::new(), EditAttachments::add));
    Ok(json!(message))
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
