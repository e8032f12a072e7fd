//! What a reply to a card says.

use crate::approvals::Choice;

/// Words that mean a decision and are none of a card's.
const CLOSE: &str = "accept aprobar allow da ja jawohl jep nah nee nein nie nö non nope okay oui please \
    reject si sim sí sure refuse yeah yep yup";

/// What a reply to a card says, where it is an answer to one: a number, or a word of any state of any card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// No choice, and close to one: a slip, or a word of another language. It decides nothing.
    Close,
    /// The choice with this number.
    Number(usize),
    /// A word, in small letters and without blanks.
    Word(String),
}

/// Reads a reply to a card; `None` for an ordinary message. Numbers count where cards have no buttons.
pub(crate) fn said(text: &str, numbered: bool) -> Option<Said> {
    let word: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let word = word.trim_end_matches(['.', '!']).to_lowercase();
    let number = text.trim().trim_end_matches(['.', '!']);
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.parse().ok().filter(|_| numbered).map(Said::Number);
    }
    if Choice::ALL.iter().any(|choice| choice.is_said(&word)) {
        return Some(Said::Word(word));
    }
    is_close(text).then_some(Said::Close)
}

/// What a reaction to a card says: 👍 or 👎, in any tone of skin.
pub(crate) fn reacted(emoji: &str) -> Option<Said> {
    let plain = |c: &char| !matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe0f}');
    let word = match emoji.chars().filter(plain).collect::<String>().as_str() {
        "👍" => "approve",
        "👎" => "deny",
        _ => return None,
    };
    Some(Said::Word(word.to_owned()))
}

/// True for one word that is close to a choice, or a few that begin with one.
fn is_close(text: &str) -> bool {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let Some(first) = words.first().filter(|_| words.len() <= 3) else { return false };
    let is_choice = |word: &str| Choice::ALL.iter().any(|choice| choice.is_said(word));
    let digits = first.chars().take_while(char::is_ascii_digit).count();
    let is_span = digits > 0 && (words.len() == 2 || first.len() == digits + 1);
    let slips = |choice: &String| {
        let far = if choice.len() > 4 { 2 } else { 1 };
        words.len() == 1 && first.len() > 2 && strsim::osa_distance(first, choice) <= far
    };
    is_choice(first)
        || is_span
        || CLOSE.split_whitespace().any(|word| word == first)
        || Choice::ALL.iter().flat_map(|choice| choice.words()).any(|choice| slips(&choice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_themselves_are_an_answer() {
        for text in ["Yes", " ok. ", "NO!", "Approve and deliver", "24 h", "for good", "Back"] {
            assert!(matches!(said(text, false), Some(Said::Word(_))), "{text}");
        }
        assert_eq!((said("2.", true), said("2.", false)), (Some(Said::Number(2)), None));
    }

    #[test]
    fn two_reactions_are_an_answer_and_no_other_is() {
        for (emoji, word) in
            [("👍", "approve"), ("👍🏿", "approve"), ("👎\u{fe0f}", "deny"), ("👎🏻", "deny")]
        {
            assert_eq!(reacted(emoji), Some(Said::Word(word.to_owned())), "{emoji}");
        }
        for emoji in ["", "👌", "❤️", "👍👎", "👍👍", "approve", "🏿", "✅"] {
            assert_eq!(reacted(emoji), None, "{emoji}");
        }
    }

    #[test]
    fn what_is_close_to_a_choice_is_told_from_a_message() {
        for text in [
            "ja",
            "sure",
            "aprove",
            "Aproved",
            "yes please",
            "approve it",
            "nope",
            "okay",
            "48 h",
            "blok!",
        ] {
            assert_eq!(said(text, true), Some(Said::Close), "{text}");
        }
        for text in [
            "",
            "+1",
            "why?",
            "no, I do not know who that is",
            "who is that",
            "Anna",
            "2 of them are my cousins",
        ] {
            assert_eq!(said(text, true), None, "{text}");
        }
    }
}
