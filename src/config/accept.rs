//! `[audit] accept`: findings that the owner has decided to live with, each with a reason and an end.

use jiff::{civil::Date, tz::TimeZone};
use openclaw_plugin_sdk::UnixMs;

use super::{document::Value, section::Section};
use crate::world;

/// The keys of one acceptance.
pub(super) const KEYS: &[&str] = &["id", "reason", "subject", "until"];

/// A finding that the owner accepts until a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The finding's id, such as `access.open`.
    pub id: String,
    /// What it is about, such as `telegram`; `None` for every finding of this id.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// The first day on which it counts again, as it is written.
    pub until: String,
    /// The same as a moment.
    pub ends: UnixMs,
    /// Its line in the file, from 1.
    pub line: usize,
}

impl Accepted {
    /// True until its day has come.
    pub fn lasts(&self, now: UnixMs) -> bool {
        now < self.ends
    }
}

/// The `[audit]` table.
pub(super) fn read(root: &Section<'_>) -> Vec<Accepted> {
    let Some(audit) = root.below("audit") else { return Vec::new() };
    let mut accepted = Vec::new();
    for node in audit.list("accept").unwrap_or_default() {
        let Value::Table(table) = &node.value else {
            if !node.is_broken() {
                audit.wrong("accept", node.at, WANTED);
            }
            continue;
        };
        let one = Section { path: audit.key("accept"), table, problems: audit.problems };
        one.check_keys(KEYS, |_| None);
        accepted.extend(entry(&one));
    }
    accepted
}

const WANTED: &str = "has tables such as `{ id = \"access.open\", reason = \"a public help desk\", until = \"2027-01-01\" }`";

fn entry(table: &Section<'_>) -> Option<Accepted> {
    let text = |key: &str, needed: &str| {
        let text = table.text(key).map(|text| text.value.trim().to_owned());
        let text = text.filter(|text| !text.is_empty());
        let is_reported = table.table.get(key).is_some_and(super::document::Node::is_broken);
        if text.is_none() && !needed.is_empty() && !is_reported {
            table.wrong(key, table.at(key), needed);
        }
        text
    };
    let id = text("id", "is missing; it is the id of a finding, such as `access.open`");
    let reason = text("reason", "is missing; nothing is accepted without a reason");
    let until = text("until", "is missing; nothing is accepted without an end")?;
    let subject = text("subject", "");
    let Some(ends) = day(&until) else {
        table.wrong("until", table.at("until"), "is a day, such as `\"2027-01-01\"`");
        return None;
    };
    let line = match table.at("id") {
        super::problem::Stand::Line(line) => line,
        super::problem::Stand::Environment => 0,
    };
    let one = Accepted { id: id?, subject, reason: reason?, until, ends, line };
    if !one.lasts(world::now()) {
        let text = format!("`{}` of `{}` is over: the finding counts again", table.path, one.id);
        table.problems.warn(table.at("until"), text);
    }
    Some(one)
}

fn day(text: &str) -> Option<UnixMs> {
    let start = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
    u64::try_from(start.timestamp().as_millisecond()).ok().map(UnixMs)
}
