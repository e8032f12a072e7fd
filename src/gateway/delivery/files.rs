//! The files of a message that is answered now. The one place that has a channel fetch any, and only for what the gate
//! has admitted.

use std::{path::PathBuf, time::Duration};

use openclaw_plugin_sdk::{
    Bytes, Channel, FetchError, File, FileRef, InboundMessage, Takes, kit::backoff::Backoff,
    own_file,
};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    gate::{Admitted, Incoming},
    store::paths::StateDir,
    text::files as said,
};

/// So many files of a message are fetched.
const MOST: usize = 4;
/// They have so many bytes together.
const MOST_BYTES: usize = 10 * 1024 * 1024;

/// A fetch that fails for the moment is tried again so often, and not when a message has waited longer for its files.
const AGAIN: usize = 2;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(2));
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of the files of a message.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) files: Vec<File>,
    /// What the sender is told of those that are left out, a sentence each.
    pub(super) left_out: Vec<&'static str>,
}

impl Fetched {
    fn leave_out(&mut self, why: &'static str) {
        if !self.left_out.contains(&why) {
            self.left_out.push(why);
        }
    }
}

/// Which files of messages on this account the responder gets.
pub(crate) fn taken(gateway: &Gateway, account: &AccountRuntime) -> Takes {
    let on = gateway.config().assistant.attachments && account.config.plugin.abilities.fetches;
    if on { gateway.responder().takes() } else { Takes::Nothing }
}

/// Fetches the files of an admitted message, as many as the responder gets.
pub(super) async fn fetch(
    gateway: &Gateway,
    account: &AccountRuntime,
    admitted: &Admitted,
) -> Fetched {
    let (takes, mut fetched) = (taken(gateway, account), Fetched::default());
    let Incoming::Message(message) = admitted.what() else { return fetched };
    if takes == Takes::Nothing {
        return fetched;
    }
    if message.files.len() > MOST {
        fetched.leave_out(said::TOO_MANY);
    }
    let (channel, mut room, begun) = (account.channel(), MOST_BYTES, Instant::now());
    for file in message.files.iter().take(MOST) {
        let is_too_large = file.size.is_some_and(|size| size > room as u64);
        let bytes = if is_too_large {
            Err(FetchError::TooLarge)
        } else {
            // A channel may not have kept to the limit.
            let bytes = patiently(&*channel, file, (room, begun)).await;
            bytes.and_then(|it| if it.len() > room { Err(FetchError::TooLarge) } else { Ok(it) })
        };
        match bytes {
            Ok(bytes) => {
                room -= bytes.len();
                let file = File::new(file.name.as_deref(), bytes);
                if takes == Takes::Files || file.kind.is_picture() {
                    fetched.files.push(file);
                } else {
                    fetched.leave_out(said::PICTURES_ONLY);
                }
            }
            Err(error) => {
                let why = account.words(error.to_string());
                info!(channel = account.config.plugin.id, why, "a file is left out");
                fetched.leave_out(match error {
                    FetchError::TooLarge => said::TOO_LARGE,
                    FetchError::Lost(_) | FetchError::Unavailable(_) => said::UNAVAILABLE,
                });
            }
        }
    }
    fetched
}

/// Has a file fetched, again where it may be there in a moment.
async fn patiently(
    channel: &dyn Channel,
    file: &FileRef,
    (room, begun): (usize, Instant),
) -> Result<Bytes, FetchError> {
    let mut backoff = BACKOFF;
    for _ in 0..AGAIN {
        match channel.fetch(file, room).await {
            Err(FetchError::Lost(_)) if begun.elapsed() < PATIENCE => {
                debug!("a file is fetched again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
            fetched => return fetched,
        }
    }
    channel.fetch(file, room).await
}

/// True where a message has nothing that the responder could get.
pub(super) fn is_empty(takes: Takes, message: &InboundMessage) -> bool {
    message.text.trim().is_empty() && (takes == Takes::Nothing || message.files.is_empty())
}

/// Where a responder may put files, while they are switched on.
pub(super) fn folder(gateway: &Gateway) -> Option<PathBuf> {
    gateway.config().assistant.attachments.then(|| gateway.state.files())
}

/// Erases the files that another run has left; a responder makes its folder when it has one. What cannot be erased is
/// said, and keeps no gateway from starting. Blocks on disk.
pub(crate) fn clear(state: &StateDir) {
    let path = state.files();
    if let Err(error) = own_file::remove_folder(&path) {
        warn!(%error, ?path, "files of earlier questions could not be erased");
    }
}
