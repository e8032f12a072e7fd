//! From messages to calls of the Web API.

use openclaw_plugin_sdk::{
    Body, ChannelError, EventId, InboundRef, OutboundMessage, SentRef,
    kit::{api::Failure, draft::deleted},
};
use serde_json::json;
use slack_morphism::prelude::{
    SlackApiChatDeleteRequest, SlackApiChatPostEphemeralRequest, SlackApiChatPostMessageRequest,
    SlackApiChatUpdateRequest, SlackMessageContent,
};

use crate::{
    api::{self, Api, of_message},
    app::Slack,
    blocks, inbound, picture,
};

/// Where a message is to stand.
pub(crate) struct Place<'a> {
    pub(crate) channel: String,
    pub(crate) thread: Option<&'a str>,
}

impl Slack {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let api = self.api()?;
        if let Some(old) = deleted(message)? {
            self.take_away(api, old).await?;
            return Ok(old.clone());
        }
        let content = blocks::content(&message.body)?;
        let image = matches!(message.body, Body::Image(_));
        match (&message.replaces, &message.answers) {
            (Some(old), _) if image || picture::is_file(&old.id) => {
                self.take_away(api, old).await?;
            }
            (Some(old), _) => {
                let channel = self.channel(&old.chat).await?;
                let mut edited = replace(api, content, &channel, &old.id).await;
                if let Some(plain) = unmarked(&edited, &message.body) {
                    edited = replace(api, plain, &channel, &old.id).await;
                }
                edited.map_err(of_message)?;
                return Ok(old.clone());
            }
            (None, Some(InboundRef::Press(press))) if matches!(message.body, Body::Text(_)) => {
                if self.answer_press(api, press, &content).await? {
                    return Ok(SentRef { chat: message.to.id.clone(), id: press.clone() });
                }
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
        let place = Place { channel: self.channel(&message.to.id).await?, thread };
        let id = match &message.body {
            Body::Image(image) => picture::send(api, &place, image, content.blocks).await?,
            body => {
                let mut sent = send(api, &place, content).await;
                if let Some(plain) = unmarked(&sent, body) {
                    sent = send(api, &place, plain).await;
                }
                sent.map_err(of_message)?
            }
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
            match api.respond(url, &body).await {
                Some(Ok(())) => return Ok(true),
                Some(Err(failure)) => {
                    tracing::debug!(?failure, "an answer's address takes nothing");
                }
                None => tracing::warn!("an answer's address is not Slack's, and is not called"),
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

/// What is shown instead where Slack does not take our marks.
fn unmarked<T>(done: &Result<T, Failure>, body: &Body) -> Option<SlackMessageContent> {
    let is_refused = done.as_ref().is_err_and(|failure| failure.is("invalid_blocks"));
    blocks::unmarked(body).filter(|_| is_refused)
}

async fn send(
    api: &Api,
    place: &Place<'_>,
    content: SlackMessageContent,
) -> Result<EventId, Failure> {
    let mut request = SlackApiChatPostMessageRequest::new(place.channel.as_str().into(), content)
        .with_unfurl_links(false)
        .with_unfurl_media(false);
    request.thread_ts = place.thread.map(Into::into);
    let sent = api.call("chat.postMessage", &request).await.and_then(|sent| api::text(&sent, "ts"));
    sent.map(EventId::new)
}

async fn replace(
    api: &Api,
    content: SlackMessageContent,
    channel: &str,
    id: &EventId,
) -> Result<(), Failure> {
    // `blocks` goes along also when it is empty: that is what takes the old ones away.
    let request = SlackApiChatUpdateRequest::new(channel.into(), content, id.as_str().into());
    api.call("chat.update", &request).await.map(drop)
}

pub(crate) async fn delete(api: &Api, channel: &str, ts: &str) -> Result<(), ChannelError> {
    let request = SlackApiChatDeleteRequest::new(channel.into(), ts.into());
    match api.call("chat.delete", &request).await {
        Err(failure) if !failure.is("message_not_found") => Err(of_message(failure)),
        _ => Ok(()),
    }
}
