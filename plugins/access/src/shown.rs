//! What the owner reads: lists, explanations, invitations.

use openclaw_plugin_sdk::{Invited, OpenInvitation, Permit, PermitState, Text, spell_span};

/// So many people are shown at once; the command line shows all.
const MOST: usize = 40;

/// Everybody whom the store lets in or keeps out.
pub(crate) fn permits(all: &[Permit]) -> Text {
    if all.is_empty() {
        return Text::plain(
            "The store lets nobody in and keeps nobody out. Owners and whom the configuration lists need no entry.",
        );
    }
    let head = Text::plain(format!("Who may talk, and who may not ({})", all.len()));
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
    let age = one.age.map(|age| format!(" since {}", spell_span(age))).unwrap_or_default();
    let by = match (&one.how, &one.by) {
        (_, None) => String::new(),
        (None, Some(by)) => format!(", by {by}"),
        (Some(how), Some(by)) => format!(", {how} by {by}"),
    };
    match one.state {
        PermitState::Blocked => format!("⛔ blocked{age}{by}"),
        PermitState::Ended(ago) => format!("ended {} ago{by}", spell_span(ago)),
        PermitState::Lasting => format!("✅ for good{age}{by}"),
        PermitState::Until(left) => format!("⏳ {} left{age}{by}", spell_span(left)),
    }
}

/// What decides about somebody, a line each.
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
    let whom = note.map(|note| format!(" ({note})")).unwrap_or_default();
    let text =
        Text::plain(format!("Whoever sends me this in a direct chat is let in at once{whom}: "))
            .opaque(made.code);
    let text = made
        .links
        .iter()
        .fold(text, |text, (label, link)| text.and(format!("\nOn {label}: ")).opaque(*link));
    text.and(format!("\nIt works once, within {}. To take it back: ", spell_span(made.left)))
        .code(format!("{prefix}invite cancel {}", made.id))
}
