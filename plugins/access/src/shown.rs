//! What the owner reads: lists, explanations, invitations.

use openclaw_plugin_sdk::{Invited, OpenInvitation, Permit, PermitState, Text, spell_span};

/// So many people are shown at once; the command line shows all.
const MOST: usize = 40;

/// Everyone with a grant or a block in the store.
pub(crate) fn permits(all: &[Permit]) -> Text {
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

fn state(one: &Permit) -> String {
    let state = match one.state {
        PermitState::Blocked => "⛔ blocked".to_owned(),
        PermitState::Ended(ago) => format!("⌛ ended {} ago", spell_span(ago)),
        PermitState::Lasting => "✅ permanent".to_owned(),
        PermitState::Until(left) => format!("⏳ {} left", spell_span(left)),
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
