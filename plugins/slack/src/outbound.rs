//! From messages to calls of the Web API. A picture's bytes go to an address that Slack names. Slack shares the file a
//! moment later, and says then where; so a picture is known by its file's id, and goes with its file.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, EventId, File, InboundRef, OutboundMessage, SentRef, ThreadId,
    kit::{
        api::{Failure, parsed},
        draft::{deleted, undeliverable},
        fetch,
    },
    reqwest::RequestBuilder,
};
use serde_json::{Map, Value, json};
use slack_morphism::prelude::{
    SlackApiChatDeleteRequest, SlackApiChatPostEphemeralRequest, SlackApiChatPostMessageRequest,
    SlackApiChatUpdateRequest, SlackApiFilesComplete, SlackApiFilesCompleteUploadExternalRequest,
    SlackBlock, SlackMessageContent,
};

use crate::{
    api::{Api, of_message},
    app::Slack,
    blocks, text,
};

/// How often we ask where a file was shared, a second apart.
const ASKS: usize = 5;

impl Slack {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = self.api()?;
        if let Some(old) = deleted(message)? {
            self.take_away(api, old).await?;
            return Ok(old.clone());
        }
        let (content, file) = blocks::content(&message.body)?;
        let edited = message.replaces.as_ref().filter(|old| file.is_none() && !is_file(&old.id));
        if let Some(old) = message.replaces.as_ref().filter(|_| edited.is_none()) {
            self.take_away(api, old).await?;
        } else if let Some(press) = message.pressed()
            && self.answer_press(api, press, &content).await?
        {
            return Ok(message.to.sent(press.as_str()));
        }
        let answered = match &message.answers {
            Some(InboundRef::Message(id) | InboundRef::Further(id)) => Some(id.as_str()),
            Some(InboundRef::Press(_)) | None => None,
        };
        let thread = message.to.thread.as_ref().map(ThreadId::as_str).or(answered);
        let channel = self.channel(edited.map_or(&message.to.id, |old| &old.chat)).await?;
        let id = if let Some(file) = file {
            send_file(api, (&channel, thread), file, content.blocks).await?
        } else {
            let mut sent = put(api, &channel, thread, edited, content).await;
            if sent.as_ref().is_err_and(|failure| failure.is("invalid_blocks"))
                && let Some(plain) = blocks::unmarked(&message.body)
            {
                sent = put(api, &channel, thread, edited, plain).await;
            }
            sent.map_err(of_message)?
        };
        Ok(edited.cloned().unwrap_or_else(|| message.to.sent(id)))
    }

    /// Also done where it is gone already. Of a picture, the messages that show it go first, and then the file: it would
    /// stay readable without one.
    async fn take_away(&self, api: &Api, old: &SentRef) -> Result<(), ChannelError> {
        let id = old.id.as_str();
        if !is_file(&old.id) {
            return delete(api, &self.channel(&old.chat).await?, id).await;
        }
        for ask in 1..=ASKS {
            let info = of_file(api, "files.info", id).await?;
            let shares = info["file"]["shares"].as_object().into_iter().flat_map(Map::values);
            let shown: Vec<_> = shares.filter_map(Value::as_object).flatten().collect();
            for (chat, messages) in &shown {
                for message in messages.as_array().into_iter().flatten() {
                    delete(api, chat, message["ts"].as_str().unwrap_or_default()).await?;
                }
            }
            if !shown.is_empty() || ask == ASKS {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        of_file(api, "files.delete", id).await.map(drop)
    }

    /// Answers a press so that only the person who pressed sees it; false where the press is not known any more.
    async fn answer_press(
        &self,
        api: &Api,
        press: &EventId,
        content: &SlackMessageContent,
    ) -> Result<bool, ChannelError> {
        let Some(reply) = self.replies.lock().get(press).cloned() else { return Ok(false) };
        if let Some(url) = &reply.url {
            let body = json!({
                "response_type": "ephemeral", "replace_original": false,
                "text": content.text, "blocks": content.blocks,
            });
            match api.post(url, |call| call.json(&body)).await {
                Ok(true) => return Ok(true),
                Ok(false) => tracing::warn!("an answer's address is not Slack's"),
                // Slack may repeat what was said.
                Err(_) => tracing::debug!("an answer's address takes nothing"),
            }
        }
        let (channel, user) = (reply.channel.into(), reply.user.into());
        let request = SlackApiChatPostEphemeralRequest::new(channel, user, content.clone());
        match api.call("chat.postEphemeral", &request).await.map_err(of_message) {
            Ok(_) => Ok(true),
            // There, no answer can be for one person alone: it is sent to all.
            Err(ChannelError::Undeliverable(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// True for the id of a picture: messages have numbers.
fn is_file(id: &EventId) -> bool {
    id.as_str().starts_with('F')
}

/// Sends a message, or edits that one.
async fn put(
    api: &Api,
    channel: &str,
    thread: Option<&str>,
    edited: Option<&SentRef>,
    content: SlackMessageContent,
) -> Result<String, Failure> {
    let channel = channel.into();
    let answer = if let Some(old) = edited {
        // `blocks` goes along also when it is empty: that is what takes the old ones away.
        let request = SlackApiChatUpdateRequest::new(channel, content, old.id.as_str().into());
        api.call("chat.update", &request).await?
    } else {
        let mut request = SlackApiChatPostMessageRequest::new(channel, content)
            .with_unfurl_links(false)
            .with_unfurl_media(false);
        request.thread_ts = thread.map(Into::into);
        api.call("chat.postMessage", &request).await?
    };
    parsed(answer.body["ts"].clone())
}

async fn send_file(
    api: &Api,
    (channel, thread): (&str, Option<&str>),
    File { name, kind, bytes }: File,
    blocks: Option<Vec<SlackBlock>>,
) -> Result<String, ChannelError> {
    let fields = json!({ "filename": name, "length": bytes.len() });
    let named = api.form("files.getUploadURLExternal", &fields).await.map_err(of_message)?;
    let part = |key: &str| parsed::<String>(named[key].clone()).map_err(of_message);
    let (upload_url, file_id) = (part("upload_url")?, part("file_id")?);
    let file = |call: RequestBuilder| {
        call.timeout(fetch::LIMIT).header("content-type", kind.media_type()).body(bytes)
    };
    if !api.post(&upload_url, file).await.map_err(of_message)? {
        return Err(undeliverable(text::FOREIGN_PICTURE));
    }
    let file = SlackApiFilesComplete::new(file_id.clone().into()).with_title(name);
    let mut request =
        SlackApiFilesCompleteUploadExternalRequest::new(vec![file]).with_channel_id(channel.into());
    request.blocks = blocks.filter(|blocks| !blocks.is_empty());
    request.thread_ts = thread.map(Into::into);
    api.call("files.completeUploadExternal", &request).await.map_err(of_message)?;
    Ok(file_id)
}

async fn delete(api: &Api, channel: &str, ts: &str) -> Result<(), ChannelError> {
    let request = SlackApiChatDeleteRequest::new(channel.into(), ts.into());
    match api.call("chat.delete", &request).await {
        Err(failure) if !failure.is("message_not_found") => Err(of_message(failure)),
        _ => Ok(()),
    }
}

/// Calls a method that is about a file; `Null` where that is gone.
async fn of_file(api: &Api, method: &str, file: &str) -> Result<Value, ChannelError> {
    match api.form(method, &json!({ "file": file })).await {
        Err(failure) if failure.is("file_not_found") || failure.is("file_deleted") => {
            Ok(Value::Null)
        }
        called => called.map_err(of_message),
    }
}
