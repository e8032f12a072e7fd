//! How cards look: what is asked and who asks, the choices, and in the end what became of it.

use jiff::tz::TimeZone;
use openclaw_plugin_sdk::{Abilities, Body, Button, Card, Text, TextLimit, UnixMs};

use super::{
    next_action::Counts,
    outcome::{How, Outcome},
};
use crate::{
    accounts::owners_chat::OwnersChat,
    approvals::{
        outbox::{About, CardCopy, CardState, Choice, Fact, Token},
        pending::{Ask, Asking, HELD},
    },
    control::text::acted,
    world,
};

/// So many are listed at the end of quiet hours.
const LISTED: usize = 20;

/// What a card is drawn for.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) abilities: Abilities,
    pub(super) limit: TextLimit,
    pub(super) zone: &'a TimeZone,
    pub(super) face: CardState,
    /// What stood there before something changed.
    pub(super) before: &'a [Fact],
    pub(super) tokens: &'a [Token],
}

/// The closed set of choices of a state of a card, in order. Their numbers are for platforms without buttons.
pub(super) fn choices(about: &About, face: CardState, facts: &[Fact]) -> &'static [Choice] {
    use Choice::{Approve, Back, Block, Deliver, Deny, Extend, ForGood, Hours, Later};
    let holds = facts.iter().any(|fact| fact.label == HELD);
    match (about, face) {
        (About::Notice { .. } | About::Outage { .. }, _) => &[],
        (_, CardState::Terms) => &[Hours(1), Hours(24), Hours(30 * 24), ForGood, Back],
        (About::Device { .. }, CardState::Ask) => &[Approve, Deny, Later],
        (About::Device { .. }, CardState::Later(_)) => &[Approve, Deny],
        (About::Lapse { .. }, CardState::Ask) => &[Extend, Later],
        (About::Lapse { .. }, CardState::Later(_)) => &[Extend],
        (About::Sender { .. }, CardState::Ask) if holds => &[Approve, Deliver, Deny, Block, Later],
        (About::Sender { .. }, CardState::Later(_)) if holds => &[Approve, Deliver, Deny, Block],
        (About::Sender { .. }, CardState::Ask) => &[Approve, Deny, Block, Later],
        (About::Sender { .. }, CardState::Later(_)) => &[Approve, Deny, Block],
    }
}

/// So many buttons stand in a row.
const ROW: usize = 4;

impl Choice {
    /// Every choice that any state of any card has.
    pub(crate) const ALL: [Self; 11] = [
        Self::Approve,
        Self::Back,
        Self::Block,
        Self::Deliver,
        Self::Deny,
        Self::Extend,
        Self::ForGood,
        Self::Hours(1),
        Self::Hours(24),
        Self::Hours(30 * 24),
        Self::Later,
    ];

    /// True for a word, in small letters and without blanks, that means this.
    pub(crate) fn is_said(self, word: &str) -> bool {
        self.words().iter().any(|known| known == word)
    }

    /// The words for it, in small letters and without blanks.
    pub(crate) fn words(self) -> Vec<String> {
        let more: &[&str] = match self {
            Self::Approve => &["yes", "ok"],
            Self::Deliver => &["deliver"],
            Self::Deny => &["no"],
            Self::ForGood => &["always"],
            Self::Back | Self::Block | Self::Extend | Self::Hours(_) | Self::Later | Self::Undo => {
                &[]
            }
        };
        let label = self.label().to_lowercase().replace(' ', "");
        std::iter::once(label).chain(more.iter().map(|word| (*word).to_owned())).collect()
    }

    /// What stands on the button.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Approve => "Approve".to_owned(),
            Self::Back => "Back".to_owned(),
            Self::Block => "Block".to_owned(),
            Self::Deliver => "Approve and deliver".to_owned(),
            Self::Deny => "Deny".to_owned(),
            Self::Extend => "Extend".to_owned(),
            Self::ForGood => "For good".to_owned(),
            Self::Hours(hours @ ..48) => format!("{hours} h"),
            Self::Hours(hours) => format!("{} d", hours / 24),
            Self::Later => "Later".to_owned(),
            Self::Undo => "Undo".to_owned(),
        }
    }
}

/// A card that asks for a decision. Where it does not fit into one message it is a text, without buttons.
pub(super) fn asking(ask: &Ask, canvas: Layout<'_>) -> Body {
    let title = match (&ask.what, canvas.before.is_empty()) {
        (_, false) => "This request has changed:",
        (Asking::Device(device, _), true) if device.profile.is_some() => {
            "A device came with your setup code, and waits for you."
        }
        (Asking::Device(..), true) => "A device asks for access.",
        (Asking::Lapsed, true) => "Access expired.",
        (Asking::Sender(_), true) => "A sender asks for access.",
    };
    let mut fields: Vec<(String, Text)> = ask.facts.iter().map(field).collect();
    let gone = canvas.before.iter().filter(|fact| !ask.facts.contains(fact));
    fields.extend(gone.map(|fact| (format!("{}, before", fact.label), value(fact))));
    if let Asking::Sender(request) = &ask.what {
        let (from, to) = (request.created_at, UnixMs(ask.ends));
        let asked = clock(Text::default(), from, canvas.zone).and(", open until ");
        fields.push(("Asked".to_owned(), clock(asked, to, canvas.zone)));
        fields.push(("Code".to_owned(), Text::default().code(request.code.spell())));
    }
    let card = Card {
        title: title.to_owned(),
        fields,
        footer: Some(footer(ask, canvas)),
        buttons: buttons(canvas.tokens),
    };
    let text = card.to_text();
    let fits = canvas.limit.measure(&text.to_plain()) <= canvas.limit.max;
    if fits { card.into() } else { text.into() }
}

fn buttons(tokens: &[Token]) -> Vec<Vec<Button>> {
    let button = |token: &Token| Button { label: token.choice.label(), data: token.text.clone() };
    tokens.chunks(ROW).map(|row| row.iter().map(button).collect()).collect()
}

fn clock(text: Text, at: UnixMs, zone: &TimeZone) -> Text {
    text.moment(at, world::clock(at, zone))
}

fn footer(ask: &Ask, canvas: Layout<'_>) -> Text {
    let abilities = canvas.abilities;
    let (start, mut hint) = match canvas.face {
        CardState::Later(until) => {
            let start = Text::plain("You are asked again at ");
            (clock(start, UnixMs(until), canvas.zone), ". ".to_owned())
        }
        CardState::Ask => (Text::default(), String::new()),
        CardState::Terms => (Text::default(), "Approve for how long? ".to_owned()),
    };
    let offered = choices(&ask.about, canvas.face, &ask.facts);
    let decides = [Choice::Approve, Choice::Deny].iter().all(|choice| offered.contains(choice));
    if abilities.buttons.is_none() && abilities.reactions && decides {
        hint += "React to this message with 👍 to approve or with 👎 to deny. ";
    }
    if abilities.buttons.is_none() && abilities.replies {
        let numbered = offered.iter().enumerate();
        let numbered =
            numbered.map(|(n, choice)| format!("{} {}", n + 1, choice.label().to_lowercase()));
        let numbered = numbered.collect::<Vec<_>>().join(", ");
        hint = format!("{hint}Reply to this message with a number: {numbered}. ");
    }
    if let Some(most) = abilities.buttons {
        let said = offered.iter().skip(most.into());
        let said: Vec<_> =
            said.map(|choice| format!("“{}”", choice.label().to_lowercase())).collect();
        if !said.is_empty() {
            hint = format!("{hint}Or reply to this message with {}. ", said.join(" or "));
        }
    }
    let prefix = abilities.command_prefix;
    match &ask.what {
        Asking::Device(device, _) => {
            if device.words.is_some() {
                hint += "A device that shows three words must show these. ";
            }
            start
                .and(hint + "Approve: ")
                .code(format!("{prefix}pair approve"))
                .and("\nReject: ")
                .code(format!("{prefix}pair reject {}", device.request))
        }
        Asking::Lapsed => {
            let who = ask.about.request();
            start.and(hint + "Extend: ").code(format!("{prefix}access extend {who} 24h"))
        }
        Asking::Sender(request) => {
            let words = format!("{} {}", request.key.channel, request.code.spell());
            let text = start.and(hint + "Approve: ");
            let text = text.code(format!("{prefix}pairing approve {words}"));
            if abilities.buttons.is_some() || abilities.replies {
                return text;
            }
            let text = text.and("\nDeny: ");
            let text = text.code(format!("{prefix}pairing deny {words}"));
            text.and("\nBlock: ").code(format!("{prefix}pairing block {words}"))
        }
    }
}

/// A card of which nothing is left to decide, but perhaps to undo.
pub(super) fn over(card: &CardCopy, outcome: &Outcome, zone: &TimeZone, tokens: &[Token]) -> Body {
    let moment = |text: Text, at| text.moment(at, world::date(at, zone));
    let at = UnixMs(outcome.at);
    if matches!(card.about, About::Outage { .. }) {
        let text = Text::plain(format!("{}, ", verdict(outcome.how)));
        return moment(text, at).and(".").into();
    }
    // What was held is answered or erased by now.
    let facts = card.facts.iter().filter(|fact| fact.label != HELD);
    let mut fields: Vec<(String, Text)> = facts.map(field).collect();
    let until = outcome.until().map(|until| moment(Text::default(), until));
    fields.extend(until.map(|until| ("Until".to_owned(), until)));
    let (label, decided) = match decider(outcome, &card.to) {
        Some(who) => ("Decided", Text::plain(who + ", ")),
        None => ("Over", Text::default()),
    };
    fields.push((label.to_owned(), moment(decided, at)));
    Card { title: verdict(outcome.how).to_owned(), fields, footer: None, buttons: buttons(tokens) }
        .into()
}

/// What takes the place of a card that was asked again.
pub(super) fn retired(card: &CardCopy) -> Body {
    let fields = card.facts.iter().map(field).collect();
    let title = "You are asked again below.".to_owned();
    Card { title, fields, footer: None, buttons: Vec::new() }.into()
}

/// A sentence in which what stands between backticks is code.
pub(crate) fn ticked(text: &str) -> Text {
    text.split('`').enumerate().fold(Text::default(), |told, (n, part)| match n % 2 {
        0 => told.and(part),
        _ => told.code(part),
    })
}

/// How many others wait or were turned away, and how to see who waits.
pub(super) fn digest(counts: Counts, prefix: &str) -> Body {
    let Counts { waiting, turned_away } = counts;
    if counts == Counts::default() {
        return Text::plain("Nobody else waits.").into();
    }
    let full = (turned_away > 0).then(|| {
        let were = if turned_away == 1 { "person was" } else { "people were" };
        format!(
            "The queue is full: {turned_away} {were} turned away without a code, and can ask again once you have \
             decided about a person who waits. "
        )
    });
    let more = (waiting > 0).then(|| {
        let come = if waiting == 1 { "card waits and comes" } else { "cards wait and come" };
        format!("{waiting} more {come} later. ")
    });
    let told: String = full.into_iter().chain(more).collect();
    let text = Text::plain(told + "To see who waits: ");
    let text = text.code(format!("{prefix}pairing list")).and("; which devices: ");
    text.code(format!("{prefix}pair status")).into()
}

/// What came in quiet hours.
pub(super) fn morning(waiting: &[String], missed: &[String], prefix: &str) -> Body {
    let mut told = vec!["Quiet hours are over.".to_owned()];
    let parts = [(waiting, "waits", "wait"), (missed, "has expired", "have expired")];
    for (lines, one, many) in parts.into_iter().filter(|(lines, ..)| !lines.is_empty()) {
        let verb = if lines.len() == 1 { one } else { many };
        let head = format!("\n{} {verb}:", lines.len());
        let more = lines.len().saturating_sub(LISTED);
        told.push(head);
        told.extend(lines.iter().take(LISTED).map(|line| format!("• {line}")));
        told.extend((more > 0).then(|| format!("• and {more} more")));
    }
    let text = told.join("\n") + "\n\nTo see who waits: ";
    Text::plain(text).code(format!("{prefix}pairing list")).into()
}

/// Who asks, on one line.
pub(super) fn line(facts: &[Fact]) -> String {
    facts.iter().map(|fact| fact.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// In one sentence: what became of it, who decided and when.
pub(super) fn sentence(outcome: &Outcome, to: &OwnersChat, zone: &TimeZone) -> String {
    let joint = if outcome.by.is_some() { " " } else { ", " };
    let until = outcome.until().map(|until| format!(" until {}", world::date(until, zone)));
    let (verdict, until) = (verdict(outcome.how), until.unwrap_or_default());
    format!("{verdict}{until}{joint}{}.", decided(outcome, to, zone))
}

fn verdict(how: How) -> &'static str {
    match how {
        How::Approved => "✅ Approved",
        How::Blocked => "⛔ Blocked",
        How::Configured => "✅ Let in by the configuration",
        How::Denied => "⛔ Denied",
        How::Owner => "Is an owner now",
        How::Elsewhere => "✅ Approved by another program",
        How::Evicted => "⌛ Replaced by a newer request",
        How::Extended => "✅ Access extended",
        How::Expired => "⌛ Expired without a decision",
        How::Recovered => "✅ The assistant answers again",
        How::Replaced => "↪ Replaced; see the newest card",
        How::Told => "Told",
        How::Unblocked => "↩ Block undone",
        How::Withdrawn => "Withdrawn",
    }
}

/// Who decided, and when.
fn decided(outcome: &Outcome, to: &OwnersChat, zone: &TimeZone) -> String {
    let at = world::date(UnixMs(outcome.at), zone);
    decider(outcome, to).map_or_else(|| at.clone(), |who| format!("{who}, {at}"))
}

fn decider(outcome: &Outcome, to: &OwnersChat) -> Option<String> {
    let by = outcome.by.as_deref()?;
    if outcome.is_by(to) {
        return Some("by you".to_owned());
    }
    Some(format!("by {}", acted(by, outcome.surface.as_deref().unwrap_or("chat"))))
}

fn field(fact: &Fact) -> (String, Text) {
    (fact.label.clone(), value(fact))
}

fn value(fact: &Fact) -> Text {
    match fact.time {
        _ if fact.whole => Text::default().code(&fact.value),
        Some(at) => Text::default().moment(UnixMs(at), &fact.value),
        None => Text::plain(&fact.value),
    }
}

#[cfg(test)]
mod tests;
