//! Every text that an import says.

pub(crate) mod settings;

use openclaw_plugin_sdk::neutral;
use openclaw_store::imports::{Entry, Left};

use crate::{
    report::{Item, Kind, Report},
    state::Refused,
};

/// The longest text of one line, in characters.
const LONGEST: usize = 400;

/// The report for people.
pub(crate) fn table(report: &Report) -> String {
    let version =
        report.version.as_deref().map(|it| format!(", last written by {}", neutral(it, 40)));
    let generation = report.generation.as_str();
    let mut lines = vec![format!(
        "From {} (generation {generation}{})",
        neutral(&report.source.display().to_string(), LONGEST),
        version.unwrap_or_default()
    )];
    for kind in Kind::ALL {
        let all = || report.settings.iter().chain(&report.state).filter(|item| item.kind == kind);
        let count = all().count();
        if count > 0 {
            lines.push(String::new());
            lines.push(format!("{} ({count})", head(kind)));
            lines.extend(all().map(line));
        }
    }
    lines.join("\n")
}

fn head(kind: Kind) -> &'static str {
    match kind {
        Kind::Taken => "Taken over",
        Kind::Changed => "Changed meaning, or to look at",
        Kind::Refused => "Refused",
        Kind::Ignored => "Ignored",
    }
}

fn line(item: &Item) -> String {
    let mark = if item.critical { "! critical: " } else { "" };
    let place = item.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    // Notes mark commands and keys with backticks.
    let note = neutral(&item.note, LONGEST).replace('ˋ', "`");
    let note = if note.is_empty() { note } else { format!(": {note}") };
    format!("  {mark}{}{place}{note}", neutral(&item.what, LONGEST))
}

/// A person, a request, a device or a node.
pub(crate) fn entry(entry: &Entry, name: &str) -> String {
    match entry {
        Entry::Sender(_) | Entry::Shared(_) => format!("person {name}"),
        Entry::Request(_) => format!("request of {name}"),
        Entry::Device(device) => {
            let label = device.label.as_ref().or(device.described.name.as_ref());
            let label = label.map(|label| format!(" ({label})")).unwrap_or_default();
            format!("device {}{label}", name.get(..12).unwrap_or(name))
        }
        Entry::Node(_) => format!("node {name}"),
    }
}

/// Why one of them was not taken over.
pub(crate) fn left(why: Left) -> &'static str {
    match why {
        Left::Blocked => "an owner has blocked them here",
        Left::Expired => "the request is older than an hour",
        Left::Full => "as many wait here as may",
        Left::Known => "here already",
        Left::OneAccount => "an owner has let them in here, on one account",
        Left::Removed => "an owner has removed it here; it can ask again",
        Left::TakenAway => "an owner has taken their access away here; they can ask again",
    }
}

pub(crate) const SHARED: &str = "had access to every account of the channel before 2026.2.26, and keeps it; revoke what you did not mean";

pub(crate) const NO_ACCOUNT: &str =
    "the configuration has no such account: it counts once there is one";

/// Why something could not be read as one of them.
pub(crate) fn refused(why: Refused) -> &'static str {
    match why {
        Refused::NoStableId => {
            "this is a name and no id that stays the same; the person has to ask again"
        }
        Refused::PassingBrowser => {
            "a browser's page that let itself in on its own machine; `--browsers` takes it too"
        }
        Refused::LeftOver => {
            "it stands in an old list beside the database, and not in the database"
        }
        Refused::NoAccount => {
            "the request does not say to which account they wrote; they have to write again"
        }
        Refused::Unreadable => "OpenClaw writes no such row",
    }
}

/// A database of a version that came after this program.
pub(crate) fn newer_schema(version: i64) -> String {
    format!("its schema {version} is newer than this program; what is known of it was read")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_table_is_grouped_and_no_name_breaks_a_line() {
        let report = Report {
            source: "/home/ann/.openclaw".into(),
            version: Some("2026.2.12".to_owned()),
            settings: vec![
                Item::new(Kind::Ignored, "cron\n\u{1b}[2J", ""),
                Item::new(Kind::Taken, "gateway.port", "gateway.port").at(Some(3)),
                Item::new(Kind::Refused, "gateway.roles", "no counterpart").critical(),
            ],
            state: vec![Item::new(Kind::Changed, "@ann", "no stable id")],
            ..Report::default()
        };
        expect![[r"
            From /home/ann/.openclaw (generation 2026.2, last written by 2026.2.12)

            Taken over (1)
              gateway.port (line 3): gateway.port

            Changed meaning, or to look at (1)
              ＠ann: no stable id

            Refused (1)
              ! critical: gateway.roles: no counterpart

            Ignored (1)
              cron [2J"]]
        .assert_eq(&report.table());
    }
}
