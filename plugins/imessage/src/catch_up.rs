//! What was written while nobody listened: Messages keeps it, and a mark says how far it was heard. A mark is only good for
//! the database that it was made in.

use openclaw_plugin_sdk::{
    ChannelError, Inbox,
    kit::inbox::{Pending, Received},
};
use serde_json::{Value, json};

use crate::{
    PLUGIN,
    account::{IMessage, arrival},
    inbound::time,
    text,
};

/// So many messages are asked for at once.
const PAGE: usize = 100;

/// What is noted: how far was heard, and the last message with its row.
const HEARD_TO: &str = "heard-to";

/// How far was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    /// After the last message there may be rows that are none.
    pub(crate) cursor: u64,
    row: u64,
    guid: String,
}

impl Mark {
    /// That of a row; `None` for what is none.
    pub(crate) fn of(message: &Value) -> Option<Self> {
        let row = message["id"].as_u64()?;
        let guid = message["guid"].as_str().unwrap_or_default().to_owned();
        Some(Self { cursor: message["cursor"].as_u64().unwrap_or(row), row, guid })
    }

    fn noted(inbox: &Inbox) -> Option<Self> {
        let noted = inbox.noted(HEARD_TO)?;
        let mut parts = noted.splitn(3, ':');
        Some(Self {
            cursor: parts.next()?.parse().ok()?,
            row: parts.next()?.parse().ok()?,
            guid: parts.next()?.to_owned(),
        })
    }

    pub(crate) async fn note(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let Self { cursor, row, guid } = self;
        inbox.note(HEARD_TO, format!("{cursor}:{row}:{guid}")).await
    }
}

impl IMessage {
    /// Where to go on: at the mark, or at the end where there is none for this database.
    pub(crate) async fn mark(&self, inbox: &Inbox) -> Result<Mark, ChannelError> {
        if let Some(mark) = Mark::noted(inbox) {
            // That of an empty database is good: there was nothing before.
            let found = self.after(mark.row.saturating_sub(1)).await?;
            if mark.row == 0 || found.is_some_and(|it| (it.row, &it.guid) == (mark.row, &mark.guid))
            {
                return Ok(mark);
            }
            self.standing.limit("database", Some(text::OTHER_DATABASE.to_owned()));
        }
        let end = self.end().await?;
        end.note(inbox).await?;
        Ok(end)
    }

    /// The last message of all, which nothing but rows can find: older ones may have come in later.
    async fn end(&self) -> Result<Mark, ChannelError> {
        let (mut last, mut step) = (Mark::default(), 1);
        while let Some(later) = self.after(last.row + step).await? {
            (last, step) = (later, step * 2);
        }
        // After it there is none any more.
        let mut end = last.row + step;
        while last.row < end {
            let middle = last.row + (end - last.row) / 2;
            match self.after(middle).await? {
                Some(later) => last = later,
                None => end = middle,
            }
        }
        Ok(last)
    }

    /// The first message after a row.
    async fn after(&self, row: u64) -> Result<Option<Mark>, ChannelError> {
        let params = json!({ "since_rowid": row, "limit": 1 });
        let page = self.program.ask("messages.after", &params).await?;
        Ok(Mark::of(&page["messages"][0]))
    }

    /// Learns what time it is on the Mac, as it says with whatever is asked about a message.
    pub(crate) async fn learn_time(&self, inbox: &Inbox) {
        let asked = self.program.call("message.send_status", &json!({ "guid": "none" })).await;
        if let Some(now) = asked.ok().and_then(|status| time(&status["checked_at"])) {
            inbox.platform_time(now);
        }
    }

    /// Asks for what was written since the mark, and waits until that is durable: how far that was.
    pub(crate) async fn catch_up(
        &self,
        inbox: &Inbox,
        pending: &mut Pending<'_, Value, Mark>,
        mut mark: Mark,
    ) -> Result<u64, ChannelError> {
        loop {
            let params = json!({ "since_rowid": mark.cursor, "limit": PAGE, "attachments": true });
            let mut page = self.program.ask("messages.after", &params).await?;
            let (messages, next) = (page["messages"].take(), page["next_rowid"].as_u64());
            let (Value::Array(messages), Some(next)) = (messages, next) else {
                return Err(PLUGIN.lost(text::UNREADABLE));
            };
            let (before, mut owed) = (mark.cursor, 0);
            for message in messages {
                let Some(of_it) = Mark::of(&message) else { continue };
                mark = of_it;
                match pending.receive(arrival(message), mark.clone()) {
                    Received::Acknowledge(_) => {}
                    Received::Refuse(_) => return Err(ChannelError::Held),
                    Received::Waits => owed += 1,
                }
            }
            while owed > 0 {
                owed -= pending.settled().await?.len().min(owed);
            }
            mark.cursor = next.max(before);
            if mark.cursor > before {
                mark.note(inbox).await?;
            }
            if page["has_more"] != true || next <= before {
                return Ok(mark.cursor);
            }
        }
    }

    /// Wants to be told what is written after this row.
    pub(crate) async fn subscribe(&self, after: u64) -> Result<(), ChannelError> {
        // Zero would be the end, and that may have moved.
        let after = i64::try_from(after).ok().filter(|after| *after > 0).unwrap_or(-1);
        let params =
            json!({ "since_rowid": after, "attachments": true, "include_reactions": false });
        self.program.ask("watch.subscribe", &params).await.map(drop)
    }
}
