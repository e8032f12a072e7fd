//! Pictures: bytes to an address that Slack names, then the share. Slack shares a file a moment after it
//! has said yes, and says then where; so a picture is known by its file's id, and goes with its file.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, EventId, Image, SentRef,
    kit::{api::Failure, draft::undeliverable},
};
use serde_json::{Map, Value};
use slack_morphism::prelude::{
    SlackApiFilesComplete, SlackApiFilesCompleteUploadExternalRequest, SlackBlock,
};

use crate::{
    api::{Api, of_message, text},
    outbound::{Place, delete},
    text as words,
};

/// How often we ask where a file was shared, a second apart.
const ASKS: usize = 5;

/// True for the id of a picture: messages have numbers.
pub(crate) fn is_file(id: &EventId) -> bool {
    id.as_str().starts_with('F')
}

pub(crate) async fn send(
    api: &Api,
    place: &Place<'_>,
    image: &Image,
    blocks: Option<Vec<SlackBlock>>,
) -> Result<EventId, ChannelError> {
    let length = image.png.len().to_string();
    let fields = [("filename", "image.png"), ("length", length.as_str())];
    let answer = api.form("files.getUploadURLExternal", &fields).await.map_err(of_message)?;
    let part = |key| text(&answer, key).map_err(of_message);
    let (upload_url, file_id) = (part("upload_url")?, part("file_id")?);
    let uploaded = api.upload(&upload_url, image.png.clone()).await;
    uploaded.ok_or_else(|| undeliverable(words::FOREIGN_PICTURE))?.map_err(of_message)?;
    let file =
        SlackApiFilesComplete::new(file_id.clone().into()).with_title("image.png".to_owned());
    let mut request = SlackApiFilesCompleteUploadExternalRequest::new(vec![file])
        .with_channel_id(place.channel.as_str().into());
    request.blocks = blocks.filter(|blocks| !blocks.is_empty());
    request.thread_ts = place.thread.map(Into::into);
    api.call("files.completeUploadExternal", &request).await.map_err(of_message)?;
    Ok(EventId::new(file_id))
}

/// The messages that show the picture, then the file itself: it would stay readable without one.
pub(crate) async fn take_away(api: &Api, old: &SentRef) -> Result<(), ChannelError> {
    for ask in 0..ASKS {
        let shares = shares(api, old.id.as_str()).await?;
        for (chat, ts) in &shares {
            delete(api, chat, ts).await?;
        }
        if !shares.is_empty() || ask + 1 == ASKS {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    match api.form("files.delete", &[("file", old.id.as_str())]).await {
        Err(failure) if !is_gone(&failure) => Err(of_message(failure)),
        _ => Ok(()),
    }
}

/// Where a file is shown, by chat and message; nowhere, where it is gone.
async fn shares(api: &Api, file: &str) -> Result<Vec<(String, String)>, ChannelError> {
    let info = match api.form("files.info", &[("file", file)]).await {
        Ok(info) => info,
        Err(failure) if is_gone(&failure) => return Ok(Vec::new()),
        Err(failure) => return Err(of_message(failure)),
    };
    let shares = info["file"]["shares"].as_object().into_iter().flat_map(Map::values);
    let by_chat = shares.filter_map(Value::as_object).flatten();
    let messages = by_chat.flat_map(|(chat, messages)| {
        let messages = messages.as_array().into_iter().flatten();
        messages.filter_map(|message| Some((chat.clone(), message["ts"].as_str()?.to_owned())))
    });
    Ok(messages.collect())
}

fn is_gone(failure: &Failure) -> bool {
    failure.is("file_not_found") || failure.is("file_deleted")
}
