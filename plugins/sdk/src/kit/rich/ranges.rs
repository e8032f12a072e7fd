//! A plain text, and beside it which runs of it are shown how: for platforms that have no marks in the text itself.

use crate::{Frame, Marks, Text, text::addressed};

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Style {
    Bold,
    Italic,
    Monospace,
    Strike,
}

/// A run, counted in UTF-16 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Range {
    pub start: usize,
    pub length: usize,
    pub style: Style,
}

/// The text as it is read, and its runs in order. What stands in the text is shown and never obeyed.
pub fn ranges(text: &Text) -> (String, Vec<Range>) {
    let (mut written, mut ranges, mut at) = (String::new(), Vec::<Range>::new(), 0);
    for (frame, runs) in text.frames() {
        let quoted = frame == Frame::Quote;
        for (number, (run, address)) in addressed(runs).enumerate() {
            let mut shown = run.text().to_owned() + &address;
            if quoted {
                let head = if number == 0 { "> " } else { "" };
                shown = head.to_owned() + &shown.replace('\n', "\n> ");
            }
            let length = shown.encode_utf16().count();
            for style in styles(run.marks()).filter(|_| length > 0) {
                let goes_on =
                    |range: &&mut Range| range.style == style && range.start + range.length == at;
                match ranges.iter_mut().find(goes_on) {
                    Some(range) => range.length += length,
                    None => ranges.push(Range { start: at, length, style }),
                }
            }
            at += length;
            written.push_str(&shown);
        }
    }
    (written, ranges)
}

fn styles(marks: &Marks) -> impl Iterator<Item = Style> + use<> {
    let code = marks.code || marks.block.is_some();
    let all = [
        (Style::Bold, marks.bold),
        (Style::Italic, marks.italic),
        (Style::Monospace, code),
        (Style::Strike, marks.strike),
    ];
    all.into_iter().filter(|(_, set)| *set).map(|(style, _)| style)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs as they are read, with their styles.
    fn read(text: &Text) -> Vec<(String, Style)> {
        let (written, ranges) = ranges(text);
        let units: Vec<u16> = written.encode_utf16().collect();
        let run = |range: &Range| {
            let units = &units[range.start..range.start + range.length];
            (String::from_utf16(units).unwrap(), range.style)
        };
        ranges.iter().map(run).collect()
    }

    #[test]
    fn each_run_is_counted_in_utf_16_units() {
        let text = Text::markdown("😀 **bold *both* 😀** ~~gone~~ `code`\n\n```rust\nlet a;\n```");
        assert_eq!(
            read(&text),
            [
                ("bold both 😀".to_owned(), Style::Bold),
                ("both".to_owned(), Style::Italic),
                ("gone".to_owned(), Style::Strike),
                ("code".to_owned(), Style::Monospace),
                ("let a;".to_owned(), Style::Monospace),
            ]
        );
    }

    #[test]
    fn case_111_markup_in_a_name_is_text() {
        let text = Text::plain("**Ann** `x` ").code("AB3D7X9K").and(" <@1>");
        assert_eq!(ranges(&text).0, text.to_plain());
        assert_eq!(read(&text), [("AB3D7X9K".to_owned(), Style::Monospace)]);
    }

    #[test]
    fn a_quotation_begins_its_lines_and_a_link_shows_its_address() {
        let (written, _) = ranges(&Text::markdown("> one\n> two\n\n[here](https://a.example/)"));
        assert!(written.contains("> one\n> two"), "{written}");
        assert!(written.ends_with("here (https://a.example/)"), "{written}");
    }
}
