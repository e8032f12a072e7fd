//! The `[pairing]` table, and the text of the challenge.

use openclaw_plugin_sdk::Text;

use super::{Pairing, Reply, Template, names, section::Section};
use crate::rules::pairing::{Places, WhenFull};

/// The words of `pairing.reply`.
pub(super) const REPLIES: &[(&str, Reply)] = &[("code", Reply::Code), ("silent", Reply::Silent)];

/// The words of `pairing.when_full`.
pub(super) const WHEN_FULL: &[(&str, WhenFull)] =
    &[("evict-oldest", WhenFull::EvictOldest), ("ignore", WhenFull::Ignore)];

const BLANKS: &[&str] = &["channel", "code", "id", "id_label"];

impl Default for Pairing {
    fn default() -> Self {
        Self {
            places: Places { max_pending: 3, when_full: WhenFull::default() },
            message: Template::default(),
            reply: Reply::default(),
            notify_on_approval: true,
            hold_first_message: false,
        }
    }
}

impl Default for Template {
    fn default() -> Self {
        Self(
            "OpenClaw: access not configured.\n\n{id_label}: {id}\n\nPairing code: {code}\n\n\
             Ask the bot owner to approve with:\nopenclaw pairing approve {channel} {code}"
                .to_owned(),
        )
    }
}

/// What a challenge says at its blanks.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a code stands in it")]
pub struct Blanks<'a> {
    /// The channel's id, as the command line takes it.
    pub channel: &'a str,
    /// What the channel calls a sender id, such as `Your Telegram user id`.
    pub id_label: &'a str,
    /// The sender's own id.
    pub id: &'a str,
    /// The pairing code.
    pub code: &'a str,
}

impl Template {
    /// A template whose blanks are known, the code among them; an error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = pieces(text).find_map(|piece| match piece {
            Piece::Blank(name) if !BLANKS.contains(&name) => Some(name),
            _ => None,
        });
        if let Some(name) = unknown {
            let hint = names::hint(name, BLANKS);
            return Err(format!("has the unknown placeholder `{{{name}}}`{hint}"));
        }
        if !pieces(text).any(|piece| matches!(piece, Piece::Blank("code"))) {
            return Err("lacks `{code}`, without which nobody can be approved".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The challenge. The code and the sender's id can be copied whole.
    pub fn fill(&self, blanks: Blanks<'_>) -> Text {
        pieces(&self.0).fold(Text::default(), |text, piece| match piece {
            Piece::Blank("channel") => text.and(blanks.channel),
            Piece::Blank("code") => text.code(blanks.code),
            Piece::Blank("id") => text.code(blanks.id),
            Piece::Blank("id_label") => text.and(blanks.id_label),
            Piece::Blank(name) => text.and(format!("{{{name}}}")),
            Piece::Words(words) => text.and(words),
        })
    }
}

/// The `[pairing]` table.
pub(super) fn read(root: &Section<'_>) -> Pairing {
    let mut pairing = Pairing::default();
    let Some(section) = root.section("pairing") else { return pairing };
    section.check_keys(names::PAIRING, |_| None);
    let max_pending = section.number("max_pending", 1..=1000);
    if let Some(max_pending) = max_pending.and_then(|count| usize::try_from(count).ok()) {
        pairing.places.max_pending = max_pending;
    }
    if let Some(when_full) = section.choice("when_full", WHEN_FULL) {
        pairing.places.when_full = when_full;
    }
    if let Some(message) = section.text("message") {
        match Template::parse(&message.value) {
            Ok(template) => pairing.message = template,
            Err(why) => section.wrong("message", section.at("message"), &why),
        }
    }
    if let Some(reply) = section.choice("reply", REPLIES) {
        pairing.reply = reply;
    }
    if let Some(hold) = section.flag("hold_first_message") {
        pairing.hold_first_message = hold;
    }
    if let Some(notify) = section.flag("notify_on_approval") {
        pairing.notify_on_approval = notify;
    }
    pairing
}

#[derive(Clone, Copy)]
enum Piece<'a> {
    Blank(&'a str),
    Words(&'a str),
}

/// A blank is a word of lower-case letters in braces; any other brace is one.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let blank = |from: usize| {
            let inside = rest[from..].strip_prefix('{')?;
            let (name, _) = inside.split_once('}')?;
            let is_word =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            is_word.then_some(name)
        };
        if let Some(name) = blank(0) {
            rest = &rest[name.len() + 2..];
            return Some(Piece::Blank(name));
        }
        let next = rest.match_indices('{').map(|(at, _)| at).find(|at| blank(*at).is_some());
        let (words, behind) = rest.split_at(next.unwrap_or(rest.len()));
        rest = behind;
        Some(Piece::Words(words))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLANKS: Blanks<'_> =
        Blanks { channel: "x", id_label: "Your id", id: "4711", code: "ABCD2345" };

    #[test]
    fn the_challenge_names_label_id_and_code() {
        let text = Template::default().fill(BLANKS).to_plain();
        assert_eq!(
            text,
            "OpenClaw: access not configured.\n\nYour id: 4711\n\nPairing code: ABCD2345\n\n\
             Ask the bot owner to approve with:\nopenclaw pairing approve x ABCD2345"
        );
        assert!(Template::parse(&Template::default().0).is_ok());
    }

    #[test]
    fn a_template_needs_the_code_and_knows_its_blanks() {
        assert!(Template::parse("hello").unwrap_err().contains("`{code}`"));
        assert!(Template::parse("{code} {idlabel}").unwrap_err().contains("`id_label`"));
        let odd = Template::parse("{ {A} {} {code}} {").unwrap();
        assert_eq!(odd.fill(BLANKS).to_plain(), "{ {A} {} ABCD2345} {");
    }

    #[test]
    fn what_a_sender_is_called_is_not_filled_in_again() {
        let template = Template::parse("{id} {code}").unwrap();
        let blanks = Blanks { id: "{code}", ..BLANKS };
        assert_eq!(template.fill(blanks).to_plain(), "{code} ABCD2345");
    }
}
