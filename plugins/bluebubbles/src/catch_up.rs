//! What the server could not tell: it calls once, and keeps what it could have said.

use openclaw_plugin_sdk::{
    ChannelError, InboundEvent, Inbox, Link,
    kit::inbox::{Pending, Received},
    reqwest::Method,
};
use serde_json::{Value, json};

use crate::{
    account::{Ack, BlueBubbles},
    failure::{self, Failure},
    text,
    webhook::NEW,
};

/// What is asked for again, before the newest message that was heard, in milliseconds: messages may come out of order.
const AGAIN: u64 = 60_000;

/// So many messages are asked for at once, and so many in a row.
const PAGE: usize = 10;
const MOST: usize = 20_000;

/// What is noted: when the newest message was written that was heard, and what the server's direct chats begin with.
const HEARD_TO: &str = "heard-to";
pub(crate) const SERVICE: &str = "service";

impl BlueBubbles {
    /// Asks for what was written since the newest message that was heard, and waits until that is durable: whether there
    /// was something that the server had not called with.
    pub(crate) async fn catch_up(
        &self,
        inbox: &Inbox,
        pending: &mut Pending<'_, InboundEvent, Ack>,
    ) -> Result<bool, ChannelError> {
        let now = inbox.now().0;
        let mut noted: Option<u64> = inbox.noted(HEARD_TO).and_then(|at| at.parse().ok());
        let since = noted.unwrap_or(now).min(now);
        let readers = inbox.readers();
        let link = if self.is_exposed { Link::Exposed } else { Link::Private };
        let (mut newest, mut offset, mut missed) = (since, 0, false);
        loop {
            let (page, asked) = self.page(since.saturating_sub(AGAIN), offset).await?;
            let (mut owed, before) = (0, pending.len());
            for message in &page {
                newest = newest.max(message["dateCreated"].as_u64().unwrap_or_default());
                match pending.receive(self.arrival(readers.as_ref(), NEW, message, link), Ack::Page)
                {
                    Received::Acknowledge(_) => {}
                    Received::Refuse(_) => return Err(ChannelError::Held),
                    Received::Waits => owed += 1,
                }
            }
            // What waited already came by a call.
            missed |= pending.len() > before;
            while owed > 0 {
                for ack in pending.settled().await? {
                    match ack {
                        Ack::Call(_) => ack.done(),
                        Ack::Page => owed -= 1,
                    }
                }
            }
            // What is durable is not asked for again, whatever becomes of the next page. A clock that was wrong leads nobody
            // past what is written next.
            let heard_to = newest.min(now);
            if noted != Some(heard_to) {
                inbox.note(HEARD_TO, heard_to.to_string()).await?;
                noted = Some(heard_to);
            }
            offset += page.len();
            if page.len() < asked || offset >= MOST {
                break;
            }
        }
        let service = self.news.lock().service.clone();
        if inbox.noted(SERVICE).as_ref() != Some(&service) {
            inbox.note(SERVICE, service).await?;
        }
        Ok(missed)
    }

    /// Some messages, and how many were asked for. One that is too long by itself is `Null` in its place.
    async fn page(&self, after: u64, offset: usize) -> Result<(Vec<Value>, usize), ChannelError> {
        let (mut page, mut asked) = (self.query(after, offset, PAGE).await, PAGE);
        if matches!(page, Err(Failure::Long)) {
            (page, asked) = (self.query(after, offset, 1).await, 1);
        }
        if matches!(page, Err(Failure::Long)) {
            if self.skipped.lock().replace((after, offset)) != Some((after, offset)) {
                tracing::warn!("{}", text::SKIPPED);
            }
            page = Ok(vec![Value::Null]);
        }
        Ok((page.map_err(failure::of_account)?, asked))
    }

    async fn query(&self, after: u64, offset: usize, limit: usize) -> Result<Vec<Value>, Failure> {
        let query = json!({
            "after": after, "limit": limit, "offset": offset, "sort": "ASC",
            "with": ["chat", "handle", "attachment"],
        });
        match self.api()?.ask(Method::POST, &["message", "query"], &query).await? {
            (_, Value::Array(page)) => Ok(page),
            _ => Err(Failure::Unsure(text::UNREADABLE.to_owned())),
        }
    }
}
