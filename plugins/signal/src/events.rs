//! What arrives: server-sent events, and a sign of life every 15 seconds.

use std::{collections::VecDeque, time::Duration};

use openclaw_plugin_sdk::{ChannelError, kit::sse, reqwest::Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{failure, rpc::Rpc, text};

/// Three signs of life are missing.
const SILENCE: Duration = Duration::from_secs(45);

/// No envelope is as long.
const LONGEST_EVENT: usize = 1 << 20;

/// The events of one connection. What the daemon has written is gone there: nothing of it is dropped here.
pub(crate) struct Events {
    response: Response,
    read: sse::Events,
    ready: VecDeque<Value>,
    heard: Instant,
}

impl Events {
    pub(crate) async fn open(rpc: &Rpc) -> Result<Self, ChannelError> {
        let opened = rpc.events(SILENCE).await;
        let response = opened.map_err(|failure| match failure {
            // This is how it says that it does not know the account.
            failure::Failure::Status(status, _) if status.as_u16() == 400 => {
                ChannelError::Unauthorized(text::no_account(&rpc.account))
            }
            failure => failure::of_account(failure, &rpc.account),
        })?;
        let read = sse::Events::within(LONGEST_EVENT);
        Ok(Self { response, read, ready: VecDeque::new(), heard: Instant::now() })
    }

    /// The next event; nothing for a sign of life. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, ChannelError> {
        let lost = |why: &str| ChannelError::Disconnected(why.to_owned());
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let chunk = timeout_at(self.heard + SILENCE, self.response.chunk()).await;
            let Ok(chunk) = chunk else { return Err(lost(text::SILENT)) };
            let Ok(Some(bytes)) = chunk else { return Err(lost(text::ENDED)) };
            self.heard = Instant::now();
            let events = self.read.feed(&bytes).map_err(|_| lost(text::ENDLESS))?;
            if events.is_empty() && bytes.starts_with(b":") {
                return Ok(None);
            }
            self.ready.extend(events.iter().filter_map(|event| serde_json::from_str(event).ok()));
        }
    }
}
