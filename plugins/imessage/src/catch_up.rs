//! What was written while nobody listened: Messages keeps it, and a mark says how far it was heard. A mark is only good for
//! the database that it was made in.

use std::iter::once;

use openclaw_plugin_sdk::{
    ChannelError, Inbox,
    kit::{
        inbox::{Pending, Received},
        json_rpc::{Failure, Refusal, TOO_LONG},
    },
};
use serde_json::{Value, json};

use crate::{
    PLUGIN,
    account::{IMessage, arrival},
    failure,
    inbound::time,
    text,
};

/// So many messages are asked for at once: long ones fit as well.
const PAGE: usize = 10;

/// So many rows after one that is too long are looked at.
const MOST_SKIPPED: u64 = 1_000;

/// So many of the last messages are noted: one that was taken away since is not missed.
const MOST_NOTED: usize = 8;

/// Longer than any id of a message.
const LONGEST_GUID: usize = 64;

/// What is noted: how far was heard, and the last messages with their rows.
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
        let guid = message["guid"].as_str().unwrap_or_default();
        let guid = guid.chars().filter(|c| !",:".contains(*c)).take(LONGEST_GUID).collect();
        let near = row..row.saturating_add(MOST_SKIPPED);
        let cursor = message["cursor"].as_u64().filter(|cursor| near.contains(cursor));
        Some(Self { cursor: cursor.unwrap_or(row), row, guid })
    }

    /// Those that are noted, the newest first.
    fn noted(inbox: &Inbox) -> Option<Vec<Self>> {
        let noted = inbox.noted(HEARD_TO)?;
        noted.split(',').map(Self::read).collect()
    }

    fn read(noted: &str) -> Option<Self> {
        let mut parts = noted.splitn(3, ':');
        Some(Self {
            cursor: parts.next()?.parse().ok()?,
            row: parts.next()?.parse().ok()?,
            guid: parts.next()?.to_owned(),
        })
    }

    pub(crate) async fn note(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let before = Self::noted(inbox).unwrap_or_default();
        let others =
            before.iter().filter(|mark| mark.row != self.row && mark.row > 0).take(MOST_NOTED - 1);
        let all = once(self).chain(others);
        let all: Vec<String> =
            all.map(|Self { cursor, row, guid }| format!("{cursor}:{row}:{guid}")).collect();
        inbox.note(HEARD_TO, all.join(",")).await
    }
}

impl IMessage {
    /// Where to go on: after what was heard, or at the end where this is another database.
    pub(crate) async fn mark(&self, inbox: &Inbox) -> Result<Mark, ChannelError> {
        if let Some(marks) = Mark::noted(inbox).filter(|marks| !marks.is_empty()) {
            for mark in &marks {
                let found = self.after(mark.row.saturating_sub(1)).await?;
                let is_there = found.is_some_and(|it| (it.row, &it.guid) == (mark.row, &mark.guid));
                // That of an empty database is good: there was nothing before.
                if is_there || (mark.row == 0 && marks.len() == 1) {
                    // What was heard after an older one comes again, and is known by its id.
                    return Ok(mark.clone());
                }
            }
            self.standing.limit("database", Some(text::OTHER_DATABASE.to_owned()));
        }
        let end = self.end().await?;
        inbox.note(HEARD_TO, String::new()).await?;
        end.note(inbox).await?;
        Ok(end)
    }

    /// The last message of all, which nothing but rows can find: older ones may have come in later.
    async fn end(&self) -> Result<Mark, ChannelError> {
        let (mut last, mut step) = (Mark::default(), 1);
        while let Some(later) = self.after(last.row.saturating_add(step)).await? {
            if later.row <= last.row {
                return Err(PLUGIN.lost(text::UNREADABLE));
            }
            (last, step) = (later, step.saturating_mul(2));
        }
        // After it there is none any more.
        let mut end = last.row.saturating_add(step);
        while last.row < end {
            let middle = last.row + (end - last.row) / 2;
            match self.after(middle).await? {
                Some(later) if later.row > middle => last = later,
                Some(_) => return Err(PLUGIN.lost(text::UNREADABLE)),
                None => end = middle,
            }
        }
        Ok(last)
    }

    /// The first message after a row.
    async fn after(&self, row: u64) -> Result<Option<Mark>, ChannelError> {
        let page = self.page(row, 1).await?;
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
            let mut page = self.page(mark.cursor, PAGE).await?;
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

    /// Some messages after a row. One that is too long is left out, and nothing beside it.
    async fn page(&self, after: u64, most: usize) -> Result<Value, ChannelError> {
        for (limit, skipped) in once((most, 0)).chain((0..MOST_SKIPPED).map(|row| (1, row))) {
            let since = after.saturating_add(skipped);
            let params = json!({ "since_rowid": since, "limit": limit, "attachments": true });
            match self.program.call("messages.after", &params).await {
                Err(Failure::Refused(Refusal { code: TOO_LONG, .. })) => {}
                page => return page.map_err(failure::of_account),
            }
        }
        Err(PLUGIN.lost(text::ENDLESS))
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
