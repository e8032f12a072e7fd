//! Texts made fit for a terminal: no byte of a foreign text may control it.

use crate::{Frame, Span, Text, text::addressed};

const BAR: &str = "│ ";

/// The text as a terminal shows it: where `styled`, what marks an answer has in bold, italic, struck out and in colour.
pub fn terminal(text: &Text, styled: bool) -> String {
    let mut shown = String::new();
    for (frame, runs) in text.frames() {
        let runs = addressed(runs);
        let runs = runs.map(|(run, address)| {
            let text = tame(run.text());
            let text = if styled { style(text, run) } else { text };
            text + &tame(&address)
        });
        let runs: String = runs.collect();
        if frame == Frame::Quote {
            shown.push_str(BAR);
            shown.push_str(&runs.replace('\n', &format!("\n{BAR}")));
        } else {
            shown.push_str(&runs);
        }
    }
    shown
}

fn style(text: String, run: &Span) -> String {
    let Span::Marked(_, marks) = run else { return text };
    let code = marks.code || marks.block.is_some();
    let styles = [
        (marks.bold, "1", "22"),
        (marks.italic, "3", "23"),
        (marks.strike, "9", "29"),
        (code, "36", "39"),
    ];
    styles
        .iter()
        .filter(|(set, ..)| *set)
        .fold(text, |text, (_, begin, end)| format!("\u{1b}[{begin}m{text}\u{1b}[{end}m"))
}

/// Keeps line breaks; tabs become spaces; what moves the cursor, rings, colours or turns text around goes.
fn tame(text: &str) -> String {
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
