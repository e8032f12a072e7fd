//! Every text of these commands: what owners read, and what guests read of links.

use std::time::Duration;

use openclaw_plugin_sdk::{
    AccessChange, AccessEntry, AccessState, Invited, Opaque, OpenInvitation, Text, spell_span,
};

/// So many people are shown at once; the command line shows all.
const MOST: usize = 40;

/// Everyone with a grant or a block in the store.
pub(crate) fn entries(all: &[AccessEntry]) -> Text {
    if all.is_empty() {
        return Text::plain(
            "No stored access and no blocks. Owners and senders in the configuration are not listed here.",
        );
    }
    let head = Text::plain(format!("Access and blocks ({})", all.len()));
    let listed = all.iter().take(MOST).fold(head, |text, one| {
        let note = one.note.as_ref().map(|note| format!(" “{note}”")).unwrap_or_default();
        let text = text.and("\n\n").code(&one.who).and(format!("{note}\n{}", state(one)));
        if one.joined.is_empty() {
            text
        } else {
            text.and(format!("\nalso {}", one.joined.join(", ")))
        }
    });
    match all.len().checked_sub(MOST) {
        Some(more @ 1..) => {
            listed.and(format!("\n\nand {more} more: ")).code("openclaw access list")
        }
        _ => listed,
    }
}

fn state(one: &AccessEntry) -> String {
    let state = match one.state {
        AccessState::Blocked => "⛔ blocked".to_owned(),
        AccessState::Ended(ago) => format!("⌛ ended {} ago", spell_span(ago)),
        AccessState::Lasting => "✅ permanent".to_owned(),
        AccessState::Until(left) => format!("⏳ {} left", spell_span(left)),
    };
    [state, one.decision()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}

/// What decides about a person, a line each.
pub(crate) fn explained(lines: &[(String, String)]) -> Text {
    let line = |(label, value): &(String, String)| format!("{label}: {value}");
    Text::plain(lines.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// The newest lines of the access log, the newest last.
pub(crate) fn log(lines: &[String]) -> Text {
    if lines.is_empty() {
        return Text::plain("Nothing was decided yet.");
    }
    Text::plain(lines.join("\n"))
}

/// The invitations that are open.
pub(crate) fn invitations(prefix: &str, open: &[OpenInvitation]) -> Text {
    if open.is_empty() {
        return Text::plain("No invitation is open.");
    }
    let head = Text::plain(format!("Open invitations ({})", open.len()));
    let listed = open.iter().fold(head, |text, one| {
        let note = one.note.as_ref().map(|note| format!(" “{note}”")).unwrap_or_default();
        let (left, by) = (spell_span(one.left), &one.by);
        text.and("\n").code(&one.id).and(format!("{note}, {left} left, by {by}"))
    });
    listed.and("\n").code(format!("{prefix}invite cancel <name>"))
}

/// An invitation that was made now.
pub(crate) fn invited(prefix: &str, made: &Invited, note: Option<&str>) -> Text {
    let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
    let text = Text::plain(format!(
        "This code{note} gives access to the first person who sends it to me in a direct chat: "
    ))
    .opaque(made.code);
    let text = made
        .links
        .iter()
        .fold(text, |text, (label, link)| text.and(format!("\nOn {label}: ")).opaque(*link));
    text.and(format!("\nIt works once, within {}. To take it back: ", spell_span(made.left)))
        .code(format!("{prefix}invite cancel {}", made.id))
}

/// A change that was made.
pub(crate) fn done(change: &AccessChange) -> String {
    match change {
        AccessChange::Block => "⛔ Blocked".to_owned(),
        AccessChange::Extend(None) => "✅ Access is permanent now:".to_owned(),
        AccessChange::Extend(Some(lasting)) => {
            format!("✅ Access ends in {}:", spell_span(*lasting))
        }
        AccessChange::Rename(Some(_)) => "Note saved for".to_owned(),
        AccessChange::Rename(None) => "Note removed for".to_owned(),
        AccessChange::Revoke => "⛔ Revoked".to_owned(),
        AccessChange::Unblock => "Block removed; a stranger again:".to_owned(),
    }
}

/// A change that changed nothing.
pub(crate) fn nothing(change: &AccessChange) -> &'static str {
    match change {
        AccessChange::Block => "Already blocked. Nothing changed.",
        AccessChange::Extend(_) => "No temporary access. Nothing changed.",
        AccessChange::Rename(_) => "The note says that already. Nothing changed.",
        AccessChange::Revoke => "No approved access. Nothing changed.",
        AccessChange::Unblock => "Not blocked. Nothing changed.",
    }
}

/// How `/access` is used.
pub(crate) fn help(prefix: &str) -> Text {
    let line = |text: Text, words: &str, what: &str| {
        text.and("\n").code(format!("{prefix}access {words}")).and(format!(" {what}"))
    };
    let lines = [
        ("list [channel]", "shows who has access and who is blocked"),
        ("revoke <who>", "removes the access of all ids of a person"),
        ("block <who>", "ignores a person until you unblock them"),
        ("unblock <who>", "removes the block; the person may ask again"),
        ("extend <who> <24h|always>", "sets a new end of temporary access"),
        ("rename <who> <note>", "sets your note about a person"),
        (
            "explain <channel> <id>",
            "shows the rule that decides about a sender, or about a group (and a sender in it)",
        ),
        ("log [n]", "shows the newest decisions"),
    ];
    let head = Text::plain("Access. <who> is an id as the list shows it, such as telegram:4711.");
    lines.into_iter().fold(head, |text, (words, what)| line(text, words, what))
}

/// The person is an owner.
pub(crate) const OWNER: &str =
    "This person is an owner. Owners cannot be blocked. Nothing changed.";
pub(crate) const CANCELLED: &str = "Invitation cancelled. Its code gives no access.";
pub(crate) const NO_INVITATION: &str =
    "No open invitation has that id. `/invite list` shows the ids.";
pub(crate) const LINKED_HERE: &str =
    "You already have access here. Send the code on the channel where you have none.";
pub(crate) const NOTHING_TO_JOIN: &str =
    "Your access comes from the configuration or from ownership, so there is nothing to join.";

/// What still gives the person access.
pub(crate) fn still(why: Option<&String>) -> String {
    why.map(|why| format!("\n⚠️ Still has access: {why}")).unwrap_or_default()
}

/// How `/invite` is used.
pub(crate) fn invite_usage(prefix: &str) -> String {
    format!(
        "`{prefix}invite [note] [24h]`, `{prefix}invite list`, `{prefix}invite cancel <name>`; \
         an invitation is open for a day at most"
    )
}

/// A code that identifies its sender on another channel.
pub(crate) fn link(code: Opaque, left: Duration) -> Text {
    let left = spell_span(left);
    Text::plain("Send this to me on the other channel: ")
        .opaque(code)
        .and(format!("\nIt works once, within {left}. The owner then confirms that it is you."))
}
