//! From messages to calls of the Web API. Nothing is cut: what is too long does not go.

use openclaw_plugin_sdk::{Body, ChannelError, EventId, InboundRef, OutboundMessage, SentRef};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use slack_morphism::prelude::{
    SlackApiChatDeleteRequest, SlackApiChatPostEphemeralRequest, SlackApiChatPostMessageRequest,
    SlackApiChatUpdateRequest, SlackMessageContent,
};

use crate::{api::Api, app::Slack, blocks, inbound, picture};

/// Where a message that we sent stands.
#[derive(Deserialize)]
struct Sent {
    ts: String,
}

impl Slack {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = self.api()?;
        if message.body == Body::Gone {
            let old = message.replaces.as_ref();
            let old = old.ok_or_else(|| undeliverable("there is no message to take away"))?;
            self.take_away(api, old).await?;
            return Ok(old.clone());
        }
        let content = blocks::content(&message.body)?;
        if let (None, Body::Text(_), Some(InboundRef::Press(press))) =
            (&message.replaces, &message.body, &message.answers)
            && self.whispered(api, press, &content).await?
        {
            return Ok(SentRef { chat: message.to.id.clone(), id: press.clone() });
        }
        match (&message.replaces, &message.body) {
            (Some(old), Body::Image(_)) => self.take_away(api, old).await?,
            (Some(old), _) if picture::is_file(&old.id) => self.take_away(api, old).await?,
            (Some(old), _) => {
                replace(api, content, &self.channel(&old.chat).await?, &old.id).await?;
                return Ok(old.clone());
            }
            (None, _) => {}
        }
        let thread = match (&message.to.thread, &message.answers) {
            (Some(thread), _) => Some(thread.as_str()),
            (None, Some(InboundRef::Message(id) | InboundRef::Further(id))) => {
                Some(inbound::thread_of(id))
            }
            (None, Some(InboundRef::Press(_)) | None) => None,
        };
        let channel = self.channel(&message.to.id).await?;
        let id = match &message.body {
            Body::Image(image) => picture::send(api, &channel, image, content, thread).await?,
            _ => send(api, &channel, content, thread).await?,
        };
        Ok(SentRef { chat: message.to.id.clone(), id })
    }

    /// Also done where it is gone already.
    async fn take_away(&self, api: &Api, old: &SentRef) -> Result<(), ChannelError> {
        if picture::is_file(&old.id) {
            return picture::take_away(api, old).await;
        }
        delete(api, &self.channel(&old.chat).await?, old.id.as_str()).await
    }

    /// Answers a press so that only whoever pressed sees it; false where the press is not known any more.
    async fn whispered(
        &self,
        api: &Api,
        press: &EventId,
        content: &SlackMessageContent,
    ) -> Result<bool, ChannelError> {
        let Some(reply) = self.replies.find(press) else { return Ok(false) };
        if let Some(url) = &reply.url {
            let body = json!({
                "response_type": "ephemeral", "replace_original": false,
                "text": content.text, "blocks": content.blocks,
            });
            match api.respond(url, &body).await {
                Some(Ok(())) => return Ok(true),
                Some(Err(failed)) => tracing::debug!(?failed, "an answer's address takes nothing"),
                None => tracing::warn!("an answer's address is not Slack's, and is not called"),
            }
        }
        let whisper = SlackApiChatPostEphemeralRequest::new(
            reply.channel.into(),
            reply.user.into(),
            content.clone(),
        );
        let whispered: Result<IgnoredAny, _> = api.call("chat.postEphemeral", &whisper).await;
        match whispered.map_err(crate::api::Failed::of_message) {
            Ok(IgnoredAny) => Ok(true),
            // There, it cannot be whispered: it can be said.
            Err(ChannelError::Undeliverable(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

async fn send(
    api: &Api,
    channel: &str,
    content: SlackMessageContent,
    thread: Option<&str>,
) -> Result<EventId, ChannelError> {
    let mut request = SlackApiChatPostMessageRequest::new(channel.into(), content)
        .with_unfurl_links(false)
        .with_unfurl_media(false);
    request.thread_ts = thread.map(Into::into);
    let sent: Result<Sent, _> = api.call("chat.postMessage", &request).await;
    sent.map(|sent| EventId::new(sent.ts)).map_err(crate::api::Failed::of_message)
}

async fn replace(
    api: &Api,
    mut content: SlackMessageContent,
    channel: &str,
    id: &EventId,
) -> Result<(), ChannelError> {
    // Also when there are none: that is what takes the old ones away.
    content.blocks.get_or_insert_default();
    let request = SlackApiChatUpdateRequest::new(channel.into(), content, id.as_str().into());
    let edited: Result<IgnoredAny, _> = api.call("chat.update", &request).await;
    edited.map(|IgnoredAny| ()).map_err(crate::api::Failed::of_message)
}

pub(crate) async fn delete(api: &Api, chat: &str, ts: &str) -> Result<(), ChannelError> {
    let request = SlackApiChatDeleteRequest::new(chat.into(), ts.into());
    let deleted: Result<IgnoredAny, _> = api.call("chat.delete", &request).await;
    match deleted {
        Err(failed) if !failed.is("message_not_found") => Err(failed.of_message()),
        _ => Ok(()),
    }
}

pub(crate) fn undeliverable(why: &str) -> ChannelError {
    ChannelError::Undeliverable(why.to_owned())
}
