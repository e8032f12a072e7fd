//! From messages to Telegram's requests.

use std::str::FromStr;

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatId as Place, EventId, GroupMoved, InboundRef, OutboundMessage,
    SentRef,
    kit::{
        api::{Failure, unreadable},
        draft::{Draft, Limits, deleted, no_message, undeliverable},
        rich,
    },
};
use serde_json::Value;
use teloxide::{
    payloads::{DeleteMessage, EditMessageText, SendChatAction, SendMessage, SendPhoto},
    types::{
        ChatAction, ChatId, FileId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile,
        LinkPreviewOptions, MessageId, ParseMode, ReplyMarkup, ReplyParameters, ThreadId,
    },
};

use crate::{
    PLUGIN,
    api::{ATTACHED, Api},
    inbound,
    poll::Telegram,
    text,
};

const LIMITS: Limits = Limits { caption: 1024, label: usize::MAX, data: 64 };
const TOAST_LIMIT: usize = 200;

/// Telegram would fetch what a link points to.
const NO_PREVIEW: LinkPreviewOptions = LinkPreviewOptions {
    is_disabled: true,
    url: None,
    prefer_small_media: false,
    prefer_large_media: false,
    show_above_text: false,
};

/// A message that fits, on its way.
struct Message<'a> {
    draft: Draft<'a>,
    chat: ChatId,
    topic: Option<ThreadId>,
    answers: Option<MessageId>,
    /// `None` once Telegram could not read our marks.
    mode: Option<ParseMode>,
    /// The chat is the group's new id already.
    moved: bool,
}

impl Telegram {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = &*self.api().await?;
        if let Some(old) = deleted(message)? {
            delete(api, old).await?;
            return Ok(old.clone());
        }
        if message.body == Body::Typing {
            let mut request = SendChatAction::new(chat(&message.to.id)?, ChatAction::Typing);
            request.message_thread_id = topic(message)?;
            api.tell(request).await.map_err(|failure| api.of_message(failure))?;
            return Ok(no_message(&message.to));
        }
        let draft = Message::new(message)?;
        if let Some(InboundRef::Press(press)) = &message.answers {
            if let Some(toast) = draft.toast(message)
                && self.toast(api, press, toast).await?
            {
                return Ok(SentRef { chat: message.to.id.clone(), id: press.clone() });
            }
            self.hush(api, press).await;
        }
        match &message.replaces {
            Some(old) => self.replace(api, draft, old).await,
            None => self.send_new(api, draft).await,
        }
    }

    /// True if the answer stands on the button that was pressed.
    async fn toast(&self, api: &Api, press: &EventId, text: String) -> Result<bool, ChannelError> {
        let answered = self.answer_press(api, press, Some(text)).await;
        match answered.map_err(|failure| api.of_message(failure)) {
            // Too late for Telegram; a message is not.
            Err(ChannelError::Undeliverable(_)) => Ok(false),
            Err(error) => {
                self.note_press(press.clone());
                Err(error)
            }
            answered => answered,
        }
    }

    async fn send_new(&self, api: &Api, mut message: Message<'_>) -> Result<SentRef, ChannelError> {
        loop {
            match message.send(api).await {
                Ok(sent) => {
                    let sent = inbound::sent(&sent["chat"], &sent);
                    return sent.ok_or_else(|| api.of_message(unreadable()));
                }
                Err(failure) if self.adapted(&mut message, &failure) => {}
                Err(failure) => return Err(api.of_message(failure)),
            }
        }
    }

    /// True where the message may be taken in another form, which is tried once.
    fn adapted(&self, message: &mut Message<'_>, failure: &Failure) -> bool {
        if let Some(new) = moved_to(failure)
            && !std::mem::replace(&mut message.moved, true)
        {
            let (from, to) = (Place::new(message.chat.to_string()), Place::new(new.to_string()));
            self.has_moved(GroupMoved { from, to });
            message.chat = new;
            return true;
        }
        // The topic was deleted meanwhile: its conversation is still there.
        failure.says("message thread not found") && message.topic.take().is_some()
            || message.unmarked(failure)
    }

    async fn replace(
        &self,
        api: &Api,
        mut message: Message<'_>,
        old: &SentRef,
    ) -> Result<SentRef, ChannelError> {
        if message.draft.image.is_none() {
            let (chat, id) = (chat(&old.chat)?, number(old)?);
            let mut edited = message.edit(api, chat, id).await;
            if edited.as_ref().is_err_and(|failure| message.unmarked(failure)) {
                edited = message.edit(api, chat, id).await;
            }
            match edited {
                Err(failure) if failure.says("there is no text in the message to edit") => {}
                // The message in the old group stays as it is.
                Err(failure) if moved_to(&failure).is_some() => {
                    return self.send_new(api, message).await;
                }
                Err(failure) if !failure.says("message is not modified") => {
                    return Err(api.of_message(failure));
                }
                _ => return Ok(old.clone()),
            }
        }
        // A picture cannot become a text: the old message goes, and the new one comes.
        delete(api, old).await?;
        self.send_new(api, message).await
    }
}

impl<'a> Message<'a> {
    fn new(message: &'a OutboundMessage) -> Result<Self, ChannelError> {
        let answers = match &message.answers {
            Some(InboundRef::Message(id)) => id.as_str().parse().ok().map(MessageId),
            Some(InboundRef::Further(_) | InboundRef::Press(_)) | None => None,
        };
        Ok(Self {
            draft: Draft::new(&message.body, &PLUGIN, &LIMITS)?,
            chat: chat(&message.to.id)?,
            topic: topic(message)?,
            answers,
            mode: Some(ParseMode::Html),
            moved: false,
        })
    }

    fn toast(&self, message: &OutboundMessage) -> Option<String> {
        let text = self.draft.text.to_plain();
        let fits = matches!(message.body, Body::Text(_))
            && PLUGIN.text_limit.measure(&text) <= TOAST_LIMIT;
        (fits && message.replaces.is_none()).then_some(text)
    }

    /// True the first time that Telegram cannot read our marks: then the message has none.
    fn unmarked(&mut self, failure: &Failure) -> bool {
        failure.says("can't parse entities") && self.mode.take().is_some()
    }

    fn text(&self) -> String {
        if self.mode.is_some() { rich::html(&self.draft.text) } else { self.draft.text.to_plain() }
    }

    async fn send(&self, api: &Api) -> Result<Value, Failure> {
        let reply = self.answers.map(|id| ReplyParameters::new(id).allow_sending_without_reply());
        if let Some(image) = self.draft.image {
            let file = InputFile::file_id(FileId(ATTACHED.to_owned()));
            let mut request = SendPhoto::new(self.chat, file);
            request.caption = Some(self.text()).filter(|caption| !caption.is_empty());
            request.parse_mode = self.mode;
            request.reply_parameters = reply;
            request.message_thread_id = self.topic;
            return api.upload(&request, image.png.clone()).await;
        }
        let mut request = SendMessage::new(self.chat, self.text());
        request.parse_mode = self.mode;
        request.link_preview_options = Some(NO_PREVIEW);
        request.reply_parameters = reply;
        request.message_thread_id = self.topic;
        let keyboard = Some(keyboard(self.draft.rows));
        let keyboard = keyboard.filter(|keyboard| !keyboard.inline_keyboard.is_empty());
        request.reply_markup = keyboard.map(ReplyMarkup::InlineKeyboard);
        api.call(request).await
    }

    async fn edit(&self, api: &Api, chat: ChatId, id: MessageId) -> Result<(), Failure> {
        let mut request = EditMessageText::new(chat, id, self.text());
        request.parse_mode = self.mode;
        request.link_preview_options = Some(NO_PREVIEW);
        // Also when it is empty: that is what takes the old buttons away.
        request.reply_markup = Some(keyboard(self.draft.rows));
        api.tell(request).await
    }
}

/// Also done where the message is gone already.
async fn delete(api: &Api, old: &SentRef) -> Result<(), ChannelError> {
    match api.tell(DeleteMessage::new(chat(&old.chat)?, number(old)?)).await {
        Err(failure) if !failure.says("message to delete not found") => {
            Err(api.of_message(failure))
        }
        _ => Ok(()),
    }
}

fn moved_to(failure: &Failure) -> Option<ChatId> {
    failure.refusal()?.code.parse().ok().map(ChatId)
}

fn number(sent: &SentRef) -> Result<MessageId, ChannelError> {
    parsed(sent.id.as_str(), text::NO_MESSAGE).map(MessageId)
}

fn topic(message: &OutboundMessage) -> Result<Option<ThreadId>, ChannelError> {
    let thread = message.to.thread.as_ref().map(|thread| parsed(thread.as_str(), text::NO_TOPIC));
    Ok(thread.transpose()?.map(|id| ThreadId(MessageId(id))))
}

fn chat(chat: &Place) -> Result<ChatId, ChannelError> {
    parsed(chat.as_str(), text::NO_CONVERSATION).map(ChatId)
}

fn parsed<T: FromStr>(id: &str, wrong: &str) -> Result<T, ChannelError> {
    id.parse().map_err(|_| undeliverable(wrong))
}

fn keyboard(rows: &[Vec<Button>]) -> InlineKeyboardMarkup {
    let button =
        |button: &Button| InlineKeyboardButton::callback(button.label.clone(), button.data.clone());
    let row = |row: &Vec<Button>| row.iter().map(button).collect::<Vec<_>>();
    InlineKeyboardMarkup::new(rows.iter().filter(|row| !row.is_empty()).map(row))
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::Card;

    use super::*;

    #[test]
    fn a_button_whose_data_telegram_does_not_take_is_refused() {
        for data in [String::new(), "ä".repeat(33)] {
            let row = vec![Button { label: "x".to_owned(), data }];
            let body = Body::Card(Card { buttons: vec![row], ..Card::default() });
            let draft = Draft::new(&body, &PLUGIN, &LIMITS);
            assert!(matches!(draft, Err(ChannelError::Undeliverable(_))));
        }
    }
}
