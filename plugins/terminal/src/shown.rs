//! Texts made fit for a terminal: no byte of a foreign text may control it.

/// Keeps line breaks; tabs become spaces; what moves the cursor, rings, colours or turns text around goes.
pub(crate) fn tame(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\t', "    ").chars().filter(|c| !steers(*c)).collect()
}

fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && c != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_111_nothing_steers_the_terminal() {
        for (text, expected) in [
            ("two\r\nlines\n", "two\nlines\n"),
            ("\u{1b}[2Jgone\u{1b}]0;title\u{7}", "[2Jgone]0;title"),
            ("over\rwritten\u{8}\u{7f}\0", "overwritten"),
            ("\u{9b}31mred\u{85}", "31mred"),
            ("\u{202e}backwards\u{2066}\u{200f}", "backwards"),
            ("a\tb", "a    b"),
            ("👩\u{200d}🔧 Ärger ✅\u{fe0f}", "👩\u{200d}🔧 Ärger ✅\u{fe0f}"),
        ] {
            assert_eq!(tame(text), expected, "{text:?}");
        }
    }
}
