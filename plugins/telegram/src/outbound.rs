//! From messages to Telegram's requests.

use std::str::FromStr;

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, ChatId as SdkChatId, File, FileKind, GroupMoved, InboundRef,
    OutboundMessage, SentRef,
    kit::{
        api::{Failure, unreadable},
        draft::{Draft, Limits, deleted, no_message, undeliverable},
        rich,
    },
};
use serde_json::Value;
use teloxide::{
    payloads::{
        DeleteMessage, EditMessageText, SendChatAction, SendDocument, SendMessage, SendPhoto,
    },
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

/// A message that Telegram shows.
type Sent<'a> = (&'a SentRef, ChatId, MessageId);

/// A message that fits, on its way.
struct Message<'a> {
    draft: Draft<'a>,
    chat: ChatId,
    topic: Option<ThreadId>,
    reply: Option<ReplyParameters>,
    /// `None` once Telegram could not read our marks.
    mode: Option<ParseMode>,
}

impl Telegram {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = &*self.api().await?;
        if let Some(old) = deleted(message)? {
            delete(api, shown(old)?).await?;
            return Ok(old.clone());
        }
        if message.body == Body::Typing {
            let mut request = SendChatAction::new(chat(&message.to.id)?, ChatAction::Typing);
            request.message_thread_id = topic(message)?;
            let shown = api.ask::<_, Value>(&request).await;
            return shown.map(|_| no_message(&message.to)).map_err(|it| api.of_message(it));
        }
        let draft = Message::new(message)?;
        if let Some(InboundRef::Press(press)) = &message.answers
            && self.answer_press(api, press, draft.toast(message)).await?
        {
            return Ok(message.to.sent(press.as_str()));
        }
        let sent = self.show(api, draft, message.replaces.as_ref()).await?;
        if matches!(message.body, Body::Card(_)) {
            self.list_for_owner(api, chat(&message.to.id)?).await;
        }
        Ok(sent)
    }

    /// Edits the old message, if there is one, or sends a new one; in another form where Telegram takes only that.
    async fn show(
        &self,
        api: &Api,
        mut message: Message<'_>,
        old: Option<&SentRef>,
    ) -> Result<SentRef, ChannelError> {
        let mut edited = old.map(shown).transpose()?;
        // A picture cannot become a text: the old message goes, and the new one comes.
        if let Some(picture) = edited.take_if(|_| message.draft.file.is_some()) {
            delete(api, picture).await?;
        }
        let mut has_moved = false;
        loop {
            let failure = match message.show(api, edited).await {
                Ok(sent) => return Ok(sent),
                Err(failure) => failure,
            };
            let new = failure.refusal().and_then(|refusal| refusal.code.parse().ok().map(ChatId));
            match (edited, new) {
                // The group has a new id, and the message in the old one stays as it is. This is tried once.
                (Some(_), Some(_)) => edited = None,
                (None, Some(new)) if !has_moved => {
                    let [from, to] = [message.chat, new].map(|id| SdkChatId::new(id.to_string()));
                    // We hold the other end.
                    self.found.send(GroupMoved { from, to }).ok();
                    (message.chat, has_moved) = (new, true);
                }
                // Telegram cannot read our marks: the message goes without.
                _ if failure.says("can't parse entities") && message.mode.take().is_some() => {}
                // The topic was deleted meanwhile: its conversation is still there.
                (None, _)
                    if failure.says("message thread not found")
                        && message.topic.take().is_some() => {}
                (Some(picture), _) if failure.says("there is no text in the message to edit") => {
                    delete(api, picture).await?;
                    edited = None;
                }
                _ => return Err(api.of_message(failure)),
            }
        }
    }
}

impl<'a> Message<'a> {
    fn new(message: &'a OutboundMessage) -> Result<Self, ChannelError> {
        let answered = match &message.answers {
            Some(InboundRef::Message(id)) => id.as_str().parse().ok().map(MessageId),
            _ => None,
        };
        Ok(Self {
            draft: Draft::new(&message.body, &PLUGIN, &LIMITS)?,
            chat: chat(&message.to.id)?,
            topic: topic(message)?,
            reply: answered.map(|id| ReplyParameters::new(id).allow_sending_without_reply()),
            mode: Some(ParseMode::Html),
        })
    }

    fn toast(&self, message: &OutboundMessage) -> Option<String> {
        let text = self.draft.text.to_plain();
        let fits = PLUGIN.text_limit.measure(&text) <= TOAST_LIMIT;
        message.pressed().filter(|_| fits).map(|_| text)
    }

    async fn show(&self, api: &Api, edited: Option<Sent<'_>>) -> Result<SentRef, Failure> {
        let draft = &self.draft;
        let text =
            if self.mode.is_some() { rich::html(&draft.text) } else { draft.text.to_plain() };
        let keyboard = keyboard(draft.rows);
        if let Some((old, chat, id)) = edited {
            let mut request = EditMessageText::new(chat, id, text);
            request.parse_mode = self.mode;
            request.link_preview_options = Some(NO_PREVIEW);
            // Also when it is empty: that is what takes the old buttons away.
            request.reply_markup = Some(keyboard);
            return match api.ask::<_, Value>(&request).await {
                Err(failure) if !failure.says("message is not modified") => Err(failure),
                _ => Ok(old.clone()),
            };
        }
        if let Some(file) = &draft.file {
            return self.upload(api, file, text).await;
        }
        let mut request = SendMessage::new(self.chat, text);
        request.parse_mode = self.mode;
        request.link_preview_options = Some(NO_PREVIEW);
        request.reply_parameters = self.reply.clone();
        request.message_thread_id = self.topic;
        let has_buttons = !keyboard.inline_keyboard.is_empty();
        request.reply_markup = has_buttons.then_some(ReplyMarkup::InlineKeyboard(keyboard));
        sent(&api.ask(&request).await?)
    }

    /// A picture as one, where Telegram takes it so; every other file as it is.
    async fn upload(&self, api: &Api, file: &File, caption: String) -> Result<SentRef, Failure> {
        let attached = || InputFile::file_id(FileId(ATTACHED.to_owned()));
        if matches!(file.kind, FileKind::Jpeg | FileKind::Png) {
            let mut request = SendPhoto::new(self.chat, attached());
            request.caption = Some(caption).filter(|caption| !caption.is_empty());
            request.parse_mode = self.mode;
            request.reply_parameters = self.reply.clone();
            request.message_thread_id = self.topic;
            let shown = api.upload(&request, file).await;
            // It may be too large for a picture, or too narrow. Ours, which has a caption, is neither.
            let is_wrong = shown.as_ref().is_err_and(|failure| failure.says("Bad Request"));
            if !is_wrong || request.caption.is_some() {
                return sent(&shown?);
            }
        }
        let mut request = SendDocument::new(self.chat, attached());
        request.reply_parameters = self.reply.clone();
        request.message_thread_id = self.topic;
        sent(&api.upload(&request, file).await?)
    }
}

fn sent(message: &Value) -> Result<SentRef, Failure> {
    inbound::sent(&message["chat"], message).ok_or_else(unreadable)
}

/// Also done where the message is gone already.
async fn delete(api: &Api, (_, chat, id): Sent<'_>) -> Result<(), ChannelError> {
    match api.ask::<_, Value>(&DeleteMessage::new(chat, id)).await {
        Err(failure) if !failure.says("message to delete not found") => {
            Err(api.of_message(failure))
        }
        _ => Ok(()),
    }
}

fn shown(sent: &SentRef) -> Result<Sent<'_>, ChannelError> {
    Ok((sent, chat(&sent.chat)?, MessageId(parsed(sent.id.as_str(), text::NO_MESSAGE)?)))
}

fn topic(message: &OutboundMessage) -> Result<Option<ThreadId>, ChannelError> {
    let thread = message.to.thread.as_ref().map(|thread| parsed(thread.as_str(), text::NO_TOPIC));
    Ok(thread.transpose()?.map(|id| ThreadId(MessageId(id))))
}

fn chat(chat: &SdkChatId) -> Result<ChatId, ChannelError> {
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
