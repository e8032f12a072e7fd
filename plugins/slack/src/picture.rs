//! Pictures: bytes to an address that Slack names, then the share. Slack shares a file a moment after it
//! has said yes, and says then where; so a picture is known by its file's id, and goes with its file.

use std::time::Duration;

use openclaw_plugin_sdk::{ChannelError, EventId, Image, SentRef};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use slack_morphism::prelude::{
    SlackApiFilesComplete, SlackApiFilesCompleteUploadExternalRequest, SlackMessageContent,
};

use crate::{
    api::{Api, Failed},
    outbound::{delete, undeliverable},
};

/// How often we ask where a file was shared, a second apart.
const ASKS: usize = 5;

#[derive(Deserialize)]
struct Place {
    upload_url: String,
    file_id: String,
}

#[derive(Deserialize)]
struct Info {
    file: File,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    shares: Map<String, Value>,
}

/// True for the id of a picture: messages have numbers.
pub(crate) fn is_file(id: &EventId) -> bool {
    id.as_str().starts_with('F')
}

pub(crate) async fn send(
    api: &Api,
    channel: &str,
    image: &Image,
    content: SlackMessageContent,
    thread: Option<&str>,
) -> Result<EventId, ChannelError> {
    let length = image.png.len().to_string();
    let fields = [("filename", "image.png"), ("length", length.as_str())];
    let asked: Result<Place, _> = api.form("files.getUploadURLExternal", &fields).await;
    let Place { upload_url, file_id } = asked.map_err(Failed::of_message)?;
    match api.upload(&upload_url, image.png.clone()).await {
        Some(uploaded) => uploaded.map_err(Failed::of_message)?,
        None => {
            return Err(undeliverable(
                "Slack names an address for the picture that is not its own",
            ));
        }
    }
    let file =
        SlackApiFilesComplete::new(file_id.clone().into()).with_title("image.png".to_owned());
    let mut request =
        SlackApiFilesCompleteUploadExternalRequest::new(vec![file]).with_channel_id(channel.into());
    request.blocks = content.blocks.filter(|blocks| !blocks.is_empty());
    request.thread_ts = thread.map(Into::into);
    let shared: Result<IgnoredAny, _> = api.call("files.completeUploadExternal", &request).await;
    shared.map_err(Failed::of_message)?;
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
    let deleted: Result<IgnoredAny, _> =
        api.form("files.delete", &[("file", old.id.as_str())]).await;
    match deleted {
        Err(failed) if !is_gone(&failed) => Err(failed.of_message()),
        _ => Ok(()),
    }
}

/// Where a file is shown, by chat and message; nowhere, where it is gone.
async fn shares(api: &Api, file: &str) -> Result<Vec<(String, String)>, ChannelError> {
    let info: Result<Info, _> = api.form("files.info", &[("file", file)]).await;
    let info = match info {
        Ok(info) => info,
        Err(failed) if is_gone(&failed) => return Ok(Vec::new()),
        Err(failed) => return Err(failed.of_message()),
    };
    let by_chat = info.file.shares.values().filter_map(Value::as_object).flatten();
    let messages = by_chat.flat_map(|(chat, messages)| {
        let messages = messages.as_array().into_iter().flatten();
        messages.filter_map(|message| Some((chat.clone(), message["ts"].as_str()?.to_owned())))
    });
    Ok(messages.collect())
}

fn is_gone(failed: &Failed) -> bool {
    failed.is("file_not_found") || failed.is("file_deleted")
}
