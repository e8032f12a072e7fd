//! What a reply to a card says.

use crate::approvals::Choice;

/// What a reply to a card says, where it is an answer to one: a number, or a word of any state of any card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The choice with this number.
    Number(usize),
    /// A word, in small letters and without blanks.
    Word(String),
}

/// Reads a reply to a card; `None` for an ordinary message. Numbers count where cards have no buttons.
pub(crate) fn said(text: &str, numbered: bool) -> Option<Said> {
    let word: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let word = word.trim_end_matches(['.', '!']).to_lowercase();
    if let Ok(number) = word.parse() {
        return numbered.then_some(Said::Number(number));
    }
    Choice::ALL.iter().any(|choice| choice.is_said(&word)).then_some(Said::Word(word))
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
        for text in ["", "yes please", "approve it", "nope", "okay", "48 h"] {
            assert_eq!(said(text, true), None, "{text}");
        }
    }
}
