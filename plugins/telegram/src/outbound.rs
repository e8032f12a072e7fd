//! From messages to Telegram's requests. Nothing is cut: what is too long does not go.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatId as Place, EventId, GroupMoved, Image, InboundRef,
    OutboundMessage, SentRef, Span, Text, ThreadId as Thread,
};
use serde::de::IgnoredAny;
use teloxide::{
    RequestError,
    payloads::{AnswerCallbackQuery, DeleteMessage, EditMessageText, SendMessage, SendPhoto},
    types::{
        CallbackQueryId, ChatId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile,
        LinkPreviewOptions, MessageId, ParseMode, Recipient, ReplyMarkup, ReplyParameters,
        ThreadId,
    },
};

use crate::{
    PLUGIN,
    api::{Api, Sent, reason},
    poll::Telegram,
};

const CAPTION_LIMIT: usize = 1024;
const TOAST_LIMIT: usize = 200;
const BUTTON_DATA_LIMIT: usize = 64;
const NOTHING: &str = "there is no message to take away";

/// A message that fits, on its way.
struct Draft<'a> {
    chat: Recipient,
    topic: Option<ThreadId>,
    text: Text,
    image: Option<&'a Image>,
    buttons: InlineKeyboardMarkup,
    answers: Option<MessageId>,
}

impl Telegram {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if message.body == Body::Gone {
            let old = message.replaces.as_ref().ok_or_else(|| undeliverable(NOTHING))?;
            delete(&*self.api().await?, recipient(&old.chat)?, number(old)?).await?;
            return Ok(old.clone());
        }
        let draft = Draft::new(message)?;
        let api = self.api().await?;
        if let Some(InboundRef::Press(press)) = &message.answers {
            if let Some(toast) = draft.toast(message)
                && self.toast(&api, press, toast).await?
            {
                return Ok(SentRef { chat: message.to.id.clone(), id: press.clone() });
            }
            self.hush(&api, press).await;
        }
        match &message.replaces {
            Some(old) => self.replace(&api, draft, old).await,
            None => self.send(&api, draft).await,
        }
    }

    /// True if the answer stands on the button that was pressed.
    async fn toast(&self, api: &Api, press: &EventId, text: String) -> Result<bool, ChannelError> {
        if !self.presses.take(press) {
            return Ok(false);
        }
        let mut answer = AnswerCallbackQuery::new(CallbackQueryId(press.as_str().to_owned()));
        answer.text = Some(text);
        let answered: Result<IgnoredAny, _> = api.call(answer).await;
        match answered.map_err(|error| api.refused(&error)) {
            Ok(IgnoredAny) => Ok(true),
            // Too late for Telegram; a message is not.
            Err(ChannelError::Undeliverable(_)) => Ok(false),
            Err(error) => {
                self.presses.add(press.clone());
                Err(error)
            }
        }
    }

    async fn send(&self, api: &Api, mut draft: Draft<'_>) -> Result<SentRef, ChannelError> {
        let mut sent = send_once(api, &draft).await;
        if let Err(RequestError::MigrateToChatId(new)) = sent {
            let (from, to) = (Place::new(draft.chat.to_string()), Place::new(new.to_string()));
            self.moves.add(GroupMoved { from, to });
            draft.chat = new.into();
            sent = send_once(api, &draft).await;
        }
        if draft.topic.is_some() && sent.as_ref().is_err_and(is_without_topic) {
            // The topic was deleted meanwhile: its conversation is still there.
            draft.topic = None;
            sent = send_once(api, &draft).await;
        }
        let sent = sent.map_err(|error| api.refused(&error))?;
        Ok(SentRef {
            chat: Place::new(sent.chat.id.to_string()),
            id: EventId::new(sent.message_id.to_string()),
        })
    }

    async fn replace(
        &self,
        api: &Api,
        draft: Draft<'_>,
        old: &SentRef,
    ) -> Result<SentRef, ChannelError> {
        let chat = recipient(&old.chat)?;
        let id = number(old)?;
        if draft.image.is_some() {
            return self.send_instead(api, draft, chat, id).await;
        }
        let edited = match edit_as(api, &draft, &chat, id, Some(ParseMode::Html)).await {
            Err(error) if unparsed(&error) => edit_as(api, &draft, &chat, id, None).await,
            edited => edited,
        };
        let Err(error) = edited else { return Ok(old.clone()) };
        if let RequestError::MigrateToChatId(_) = error {
            // What stands in the old group stays as it is.
            return self.send(api, draft).await;
        }
        let said = reason(&error).unwrap_or_default();
        if said.contains("message is not modified") {
            return Ok(old.clone());
        }
        if said.contains("there is no text in the message to edit") {
            return self.send_instead(api, draft, chat, id).await;
        }
        Err(api.refused(&error))
    }

    /// A picture cannot become a text: it goes, and the new message comes.
    async fn send_instead(
        &self,
        api: &Api,
        draft: Draft<'_>,
        chat: Recipient,
        id: MessageId,
    ) -> Result<SentRef, ChannelError> {
        delete(api, chat, id).await?;
        self.send(api, draft).await
    }
}

impl<'a> Draft<'a> {
    fn new(message: &'a OutboundMessage) -> Result<Self, ChannelError> {
        let (text, image, rows, limit) = match &message.body {
            Body::Card(card) => {
                (card.to_text(), None, card.buttons.as_slice(), PLUGIN.text_limit.max)
            }
            Body::Gone => return Err(undeliverable(NOTHING)),
            Body::Image(image) => {
                (image.caption.clone(), Some(image), [].as_slice(), CAPTION_LIMIT)
            }
            Body::Text(text) => (text.clone(), None, [].as_slice(), PLUGIN.text_limit.max),
        };
        let length = PLUGIN.text_limit.measure(&text.to_plain());
        if length > limit {
            return Err(undeliverable(&format!(
                "the text has {length} characters, and {limit} is Telegram's limit"
            )));
        }
        let answers = match &message.answers {
            Some(InboundRef::Message(id)) => id.as_str().parse().ok().map(MessageId),
            Some(InboundRef::Further(_) | InboundRef::Press(_)) | None => None,
        };
        Ok(Self {
            chat: recipient(&message.to.id)?,
            topic: message.to.thread.as_ref().map(topic).transpose()?,
            text,
            image,
            buttons: keyboard(rows)?,
            answers,
        })
    }

    fn toast(&self, message: &OutboundMessage) -> Option<String> {
        let text = self.text.to_plain();
        let fits = matches!(message.body, Body::Text(_))
            && PLUGIN.text_limit.measure(&text) <= TOAST_LIMIT;
        (fits && message.replaces.is_none()).then_some(text)
    }

    fn written(&self, mode: Option<ParseMode>) -> String {
        if mode.is_some() { html(&self.text) } else { self.text.to_plain() }
    }

    fn reply(&self) -> Option<ReplyParameters> {
        self.answers.map(|id| ReplyParameters::new(id).allow_sending_without_reply())
    }
}

async fn send_once(api: &Api, draft: &Draft<'_>) -> Result<Sent, RequestError> {
    match send_as(api, draft, Some(ParseMode::Html)).await {
        Err(error) if unparsed(&error) => send_as(api, draft, None).await,
        sent => sent,
    }
}

async fn send_as(
    api: &Api,
    draft: &Draft<'_>,
    mode: Option<ParseMode>,
) -> Result<Sent, RequestError> {
    if let Some(image) = draft.image {
        let file = InputFile::memory(image.png.clone()).file_name("image.png");
        let mut request = SendPhoto::new(draft.chat.clone(), file);
        request.caption = Some(draft.written(mode)).filter(|caption| !caption.is_empty());
        request.parse_mode = mode;
        request.reply_parameters = draft.reply();
        request.message_thread_id = draft.topic;
        return api.upload(&request, image.png.clone()).await;
    }
    let mut request = SendMessage::new(draft.chat.clone(), draft.written(mode));
    request.parse_mode = mode;
    request.link_preview_options = Some(no_preview());
    request.reply_parameters = draft.reply();
    request.message_thread_id = draft.topic;
    let armed = !draft.buttons.inline_keyboard.is_empty();
    request.reply_markup = armed.then(|| ReplyMarkup::InlineKeyboard(draft.buttons.clone()));
    api.call(request).await
}

async fn edit_as(
    api: &Api,
    draft: &Draft<'_>,
    chat: &Recipient,
    id: MessageId,
    mode: Option<ParseMode>,
) -> Result<IgnoredAny, RequestError> {
    let mut request = EditMessageText::new(chat.clone(), id, draft.written(mode));
    request.parse_mode = mode;
    request.link_preview_options = Some(no_preview());
    // Also when it is empty: that is what takes the old buttons away.
    request.reply_markup = Some(draft.buttons.clone());
    api.call(request).await
}

/// Also done where it is gone already.
async fn delete(api: &Api, chat: Recipient, id: MessageId) -> Result<(), ChannelError> {
    let deleted: Result<IgnoredAny, _> = api.call(DeleteMessage::new(chat, id)).await;
    match deleted {
        Err(error)
            if !reason(&error).is_some_and(|said| said.contains("message to delete not found")) =>
        {
            Err(api.refused(&error))
        }
        _ => Ok(()),
    }
}

fn number(sent: &SentRef) -> Result<MessageId, ChannelError> {
    let id = sent.id.as_str().parse().map(MessageId);
    id.map_err(|_| undeliverable("that is no message of Telegram's"))
}

fn unparsed(error: &RequestError) -> bool {
    reason(error).is_some_and(|said| said.contains("can't parse entities"))
}

fn is_without_topic(error: &RequestError) -> bool {
    reason(error).is_some_and(|said| said.contains("message thread not found"))
}

fn topic(thread: &Thread) -> Result<ThreadId, ChannelError> {
    let id = thread.as_str().parse().map(|id| ThreadId(MessageId(id)));
    id.map_err(|_| undeliverable("that is no topic of Telegram's"))
}

fn recipient(chat: &Place) -> Result<Recipient, ChannelError> {
    let id = chat
        .as_str()
        .parse()
        .map_err(|_| undeliverable("that is no conversation of Telegram's"))?;
    Ok(ChatId(id).into())
}

fn keyboard(rows: &[Vec<Button>]) -> Result<InlineKeyboardMarkup, ChannelError> {
    let most = usize::from(PLUGIN.abilities.buttons.unwrap_or_default());
    let buttons = || rows.iter().flatten();
    if buttons().count() > most {
        return Err(undeliverable(&format!("a card of Telegram's has at most {most} buttons")));
    }
    if !buttons().all(|button| (1..=BUTTON_DATA_LIMIT).contains(&button.data.len())) {
        return Err(undeliverable("a button's data has 1 to 64 bytes"));
    }
    let button =
        |button: &Button| InlineKeyboardButton::callback(button.label.clone(), button.data.clone());
    let row = |row: &Vec<Button>| row.iter().map(button).collect::<Vec<_>>();
    Ok(InlineKeyboardMarkup::new(rows.iter().filter(|row| !row.is_empty()).map(row)))
}

/// Telegram would fetch what a link points to.
fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

/// HTML that shows the text as it stands, whatever stands in it.
fn html(text: &Text) -> String {
    let span = |span: &Span| match span {
        Span::Code(code) => format!("<code>{}</code>", escaped(code)),
        Span::Opaque(_) => "…".to_owned(),
        Span::Plain(text) => escaped(text),
    };
    text.spans().iter().map(span).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn undeliverable(why: &str) -> ChannelError {
    ChannelError::Undeliverable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_111_markup_in_a_name_is_shown_and_not_obeyed() {
        let text = Text::plain("<b>Ann</b> & *co* ").code("A<B&C>").and("</code>&lt;");
        let expected =
            "&lt;b&gt;Ann&lt;/b&gt; &amp; *co* <code>A&lt;B&amp;C&gt;</code>&lt;/code&gt;&amp;lt;";
        assert_eq!(html(&text), expected);
    }

    #[test]
    fn a_button_whose_data_telegram_does_not_take_is_refused() {
        for data in [String::new(), "ä".repeat(33)] {
            let row = vec![Button { label: "x".to_owned(), data }];
            assert!(matches!(keyboard(&[row]), Err(ChannelError::Undeliverable(_))));
        }
    }
}
