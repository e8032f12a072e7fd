//! What was typed after the commands' names, as values. Knows no store and no channel.

use std::time::Duration;

use openclaw_plugin_sdk::{AccessChange, lasting};

use crate::INVITATION;

/// So many lines of the log are shown where no number is given.
const LINES: usize = 10;
/// And at most so many.
const MOST_LINES: usize = 50;

/// What `/access` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words<'a> {
    /// Change a person's permission.
    Change(AccessChange, &'a str),
    /// What decides about a person, or about a group and perhaps a sender in it.
    Explain { channel: &'a str, id: &'a str, sender: Option<&'a str> },
    /// How it works.
    Help,
    /// Who has access, on one channel or all.
    List(Option<&'a str>),
    /// The newest decisions.
    Log(usize),
    /// A verb that is known, with too few or too many words: how it is used.
    Misused(&'static str),
    /// No verb of ours.
    Unknown,
}

/// What `/invite` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invite<'a> {
    /// Take one back.
    Cancel(&'a str),
    /// Show those that are open.
    List,
    /// Make one.
    Make { note: Option<&'a str>, lasting: Duration },
    /// None of that.
    Misused,
}

/// Reads the words of `/access`.
pub(crate) fn parse(args: &str) -> Words<'_> {
    let (verb, rest) = head(args);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let one = |change, usage| match words[..] {
        [who] => Words::Change(change, who),
        _ => Words::Misused(usage),
    };
    match (verb.to_ascii_lowercase().as_str(), &words[..]) {
        ("" | "help", _) => Words::Help,
        ("block", _) => one(AccessChange::Block, "block <who>"),
        ("explain", [channel, id]) => Words::Explain { channel, id, sender: None },
        ("explain", [channel, id, sender]) => Words::Explain { channel, id, sender: Some(sender) },
        ("explain", _) => Words::Misused("explain <channel> <id> [sender]"),
        ("extend", [who, span]) => extend(who, span),
        ("extend", _) => Words::Misused("extend <who> <24h|always>"),
        ("list", []) => Words::List(None),
        ("list", [channel]) => Words::List(Some(channel)),
        ("list", _) => Words::Misused("list [channel]"),
        ("log", []) => Words::Log(LINES),
        ("log", [count]) => match count.parse::<usize>() {
            Ok(count @ 1..) => Words::Log(count.min(MOST_LINES)),
            _ => Words::Misused("log [how many]"),
        },
        ("log", _) => Words::Misused("log [how many]"),
        ("rename", [who, ..]) => {
            let note = Some(head(rest).1.to_owned()).filter(|note| !note.is_empty());
            Words::Change(AccessChange::Rename(note), who)
        }
        ("rename", []) => Words::Misused("rename <who> <note>"),
        ("revoke", _) => one(AccessChange::Revoke, "revoke <who>"),
        ("unblock", _) => one(AccessChange::Unblock, "unblock <who>"),
        _ => Words::Unknown,
    }
}

fn extend<'a>(who: &'a str, span: &str) -> Words<'a> {
    let span =
        if span.eq_ignore_ascii_case("always") { Some(None) } else { lasting(span).map(Some) };
    match span {
        Some(span) => Words::Change(AccessChange::Extend(span), who),
        None => Words::Misused("extend <who> <24h|always>"),
    }
}

/// Reads the words of `/invite`: a note, and perhaps a span behind it.
pub(crate) fn invite(args: &str) -> Invite<'_> {
    let (verb, rest) = head(args);
    match (verb.to_ascii_lowercase().as_str(), rest) {
        ("list", "") => return Invite::List,
        ("cancel", id) if !id.is_empty() && !id.contains(char::is_whitespace) => {
            return Invite::Cancel(id);
        }
        ("cancel", _) | ("help", "") => return Invite::Misused,
        _ => {}
    }
    let (note, last) = args.trim().rsplit_once(char::is_whitespace).unwrap_or(("", args.trim()));
    let (note, span) = match lasting(last) {
        Some(span) => (note.trim(), span),
        None => (args.trim(), INVITATION),
    };
    if span > INVITATION {
        return Invite::Misused;
    }
    Invite::Make { note: Some(note).filter(|note| !note.is_empty()), lasting: span }
}

fn head(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (head, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (head, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        use AccessChange::{Block, Extend, Rename, Revoke, Unblock};
        let change = |change, who| Words::Change(change, who);
        let day = Duration::from_hours(24);
        for (args, meant) in [
            ("", Words::Help),
            (" HELP ", Words::Help),
            ("list", Words::List(None)),
            ("List telegram", Words::List(Some("telegram"))),
            ("block telegram:7", change(Block, "telegram:7")),
            ("unblock telegram:7", change(Unblock, "telegram:7")),
            ("revoke telegram/work:7", change(Revoke, "telegram/work:7")),
            ("extend telegram:7 24h", change(Extend(Some(day)), "telegram:7")),
            ("extend telegram:7 Always", change(Extend(None), "telegram:7")),
            (
                "rename telegram:7  Ann  from work ",
                change(Rename(Some("Ann  from work".to_owned())), "telegram:7"),
            ),
            ("rename telegram:7", change(Rename(None), "telegram:7")),
            ("explain telegram 7", Words::Explain { channel: "telegram", id: "7", sender: None }),
            (
                "explain telegram -5 7",
                Words::Explain { channel: "telegram", id: "-5", sender: Some("7") },
            ),
            ("log", Words::Log(10)),
            ("log 1000", Words::Log(50)),
            ("log 0", Words::Misused("log [how many]")),
            ("block", Words::Misused("block <who>")),
            ("block a b", Words::Misused("block <who>")),
            ("extend telegram:7 soon", Words::Misused("extend <who> <24h|always>")),
            ("approve x", Words::Unknown),
        ] {
            assert_eq!(parse(args), meant, "{args:?}");
        }
    }

    #[test]
    fn an_invitation_has_a_note_and_a_span_or_neither() {
        let make =
            |note, hours: u64| Invite::Make { note, lasting: Duration::from_secs(hours * 3600) };
        for (args, meant) in [
            ("", make(None, 24)),
            ("2h", make(None, 2)),
            ("for Ann 24h", make(Some("for Ann"), 24)),
            ("for Ann", make(Some("for Ann"), 24)),
            ("list", Invite::List),
            ("cancel ab12", Invite::Cancel("ab12")),
            ("cancel", Invite::Misused),
            ("Ann 30d", Invite::Misused),
        ] {
            assert_eq!(invite(args), meant, "{args:?}");
        }
    }
}
