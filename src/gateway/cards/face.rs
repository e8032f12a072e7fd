//! How cards look: what is asked and who asks, the choices, and in the end what became of it.

use openclaw_plugin_sdk::{Abilities, Body, Button, Card, Text, UnixMs};

use super::{
    asks::Ask,
    book::{Choice, Entry, Face, Fact, Token},
    outcome::{How, Outcome},
};
use crate::{gateway::setup_book::OwnersChat, world};

/// What a card is drawn for.
#[derive(Clone, Copy)]
pub(super) struct Canvas<'a> {
    pub(super) abilities: Abilities,
    pub(super) face: Face,
    /// What stood there before something changed.
    pub(super) before: &'a [Fact],
    pub(super) tokens: &'a [Token],
}

/// The choices of a card, in order. Their numbers are for platforms without buttons.
pub(super) fn choices(face: Face) -> &'static [Choice] {
    match face {
        Face::Ask => &[Choice::Approve, Choice::Deny, Choice::Later],
        Face::Later(_) => &[Choice::Approve, Choice::Deny],
    }
}

impl Choice {
    /// What stands on the button.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Deny => "Deny",
            Self::Later => "Later",
        }
    }
}

/// A card that asks for a decision.
pub(super) fn asking(ask: &Ask, canvas: Canvas<'_>) -> Body {
    let changed = canvas.before.iter().any(|fact| !ask.facts.contains(fact));
    let title = if changed || !canvas.before.is_empty() {
        "Somebody asks to be let in, and something has changed since you were told."
    } else {
        "Somebody asks to be let in."
    };
    let mut fields: Vec<(String, Text)> = ask.facts.iter().map(field).collect();
    let gone = canvas.before.iter().filter(|fact| !ask.facts.contains(fact));
    fields.extend(gone.map(|fact| (format!("{}, before", fact.label), value(fact))));
    fields.push(("Asked".to_owned(), asked(ask)));
    let code = ask.request.code.spell();
    fields.push(("Code".to_owned(), Text::default().code(code.clone())));
    let buttons = canvas
        .tokens
        .iter()
        .map(|token| Button { label: token.choice.label().to_owned(), data: token.text.clone() });
    let buttons: Vec<Button> = buttons.collect();
    Card {
        title: title.to_owned(),
        fields,
        footer: Some(footer(ask, canvas, &code)),
        buttons: if buttons.is_empty() { Vec::new() } else { vec![buttons] },
    }
    .into()
}

fn asked(ask: &Ask) -> Text {
    let at = world::clock(ask.request.created_at);
    Text::plain(format!("{at}, open until {}", world::clock(UnixMs(ask.ends))))
}

fn footer(ask: &Ask, canvas: Canvas<'_>, code: &str) -> Text {
    let (abilities, channel) = (canvas.abilities, &ask.request.key.channel);
    let prefix = abilities.command_prefix;
    let approve = format!("{prefix}pairing approve {channel} {code}");
    let later = match canvas.face {
        Face::Later(until) => format!("You are asked again at {}. ", world::clock(UnixMs(until))),
        Face::Ask => String::new(),
    };
    if abilities.buttons.is_some() {
        return Text::plain(format!("{later}Or send: ")).code(approve);
    }
    if abilities.replies {
        let numbered = choices(canvas.face).iter().enumerate();
        let numbered =
            numbered.map(|(n, choice)| format!("{} {}", n + 1, choice.label().to_lowercase()));
        let numbered = numbered.collect::<Vec<_>>().join(", ");
        let text = format!("{later}Reply to this message with a number: {numbered}. Or send: ");
        return Text::plain(text).code(approve);
    }
    let deny = format!("{prefix}pairing deny {channel} {code}");
    Text::plain("To let him in, send: ").code(approve).and("\nTo refuse: ").code(deny)
}

/// A card of which nothing is left to decide.
pub(super) fn over(card: &Entry, outcome: &Outcome) -> Body {
    let mut fields: Vec<(String, Text)> = card.facts.iter().map(field).collect();
    let decided = decided(outcome, &card.to);
    fields.push((if outcome.by.is_some() { "Decided" } else { "Over" }.to_owned(), decided.into()));
    let title = verdict(outcome);
    Card { title, fields, footer: None, buttons: Vec::new() }.into()
}

/// What takes the place of a card that was asked again.
pub(super) fn retired(card: &Entry) -> Body {
    let fields = card.facts.iter().map(field).collect();
    let title = "You are asked again below.".to_owned();
    Card { title, fields, footer: None, buttons: Vec::new() }.into()
}

/// In one sentence: what became of it, by whom and when.
pub(super) fn sentence(outcome: &Outcome, to: &OwnersChat) -> String {
    let joint = if outcome.by.is_some() { " " } else { ", " };
    format!("{}{joint}{}.", verdict(outcome), decided(outcome, to))
}

fn verdict(outcome: &Outcome) -> String {
    match (outcome.how, outcome.until.as_deref().and_then(world::from_iso)) {
        (How::Approved, Some(until)) => format!("✅ Approved until {}", world::date(until)),
        (How::Approved, None) => "✅ Approved".to_owned(),
        (How::Blocked, _) => "🚫 Blocked".to_owned(),
        (How::Denied, _) => "⛔ Denied".to_owned(),
        (How::Elsewhere, _) => "✅ Let in by another program".to_owned(),
        (How::Evicted, _) => "⌛ Made room for somebody newer".to_owned(),
        (How::Expired, _) => "⌛ Expired, and nobody has decided".to_owned(),
        (How::Replaced, _) => "↪ Asks for something else now; see its newest card".to_owned(),
        (How::Withdrawn, _) => "Taken out by another program".to_owned(),
    }
}

/// By whom and when.
fn decided(outcome: &Outcome, to: &OwnersChat) -> String {
    let at = world::date(UnixMs(outcome.at));
    let Some(by) = outcome.by.as_deref() else { return at };
    let who = match outcome.surface.as_deref() {
        _ if outcome.is_by(to) => "by you".to_owned(),
        Some("cli") => format!("on this machine ({by})"),
        Some("socket") => format!("over the socket ({by})"),
        _ => format!("by {by}"),
    };
    format!("{who}, {at}")
}

fn field(fact: &Fact) -> (String, Text) {
    (fact.label.clone(), value(fact))
}

fn value(fact: &Fact) -> Text {
    if fact.whole { Text::default().code(&fact.value) } else { Text::plain(&fact.value) }
}
