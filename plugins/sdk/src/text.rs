//! Text as we send it, and the neutralising of text that strangers chose.

use std::fmt;

/// A text with the one distinction that every platform can show: what is to be copied whole.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text {
    spans: Vec<Span>,
}

/// A run of a [`Text`].
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_debug_implementations, reason = "a code may stand in it")]
pub enum Span {
    /// To be copied as it stands: a code, a command.
    Code(String),
    /// A code that only the gateway knows; filled in before a channel sees it.
    Opaque(Opaque),
    /// Anything else, line breaks included.
    Plain(String),
}

/// A code that a command plugin can place in a reply, but not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opaque(pub usize);

impl Text {
    /// A text without codes.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { spans: vec![Span::Plain(text.into())] }
    }

    /// Appends ordinary text.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>) -> Self {
        self.spans.push(Span::Plain(text.into()));
        self
    }

    /// Appends what is to be copied whole.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.spans.push(Span::Code(text.into()));
        self
    }

    /// Appends a code that only the gateway can spell.
    #[must_use]
    pub fn opaque(mut self, code: Opaque) -> Self {
        self.spans.push(Span::Opaque(code));
        self
    }

    /// Appends a run.
    #[must_use]
    pub fn with(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// The runs, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Replaces each opaque code by what the gateway knows it to be.
    #[must_use]
    pub fn filled(&self, spell: impl Fn(Opaque) -> String) -> Self {
        let fill = |span: &Span| match span {
            Span::Opaque(code) => Span::Code(spell(*code)),
            other => other.clone(),
        };
        Self { spans: self.spans.iter().map(fill).collect() }
    }

    /// All runs as one string, without marks; an unfilled code shows as `…`.
    pub fn to_plain(&self) -> String {
        let spell = |span: &Span| match span {
            Span::Code(text) | Span::Plain(text) => text.clone(),
            Span::Opaque(_) => "…".to_owned(),
        };
        self.spans.iter().map(spell).collect()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

/// Only the length: a text may hold a code.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} characters)", self.to_plain().chars().count())
    }
}

/// Makes a text that a stranger chose fit to be shown on one line: no control or formatting
/// characters, no mass mention, and when it is longer than `limit` characters its head, its tail and its length.
pub fn neutral(text: &str, limit: usize) -> String {
    let clean: Vec<char> = text.chars().map(tame).collect();
    let line = clean
        .split(|c| c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(&' ');
    if line.len() <= limit {
        return line.into_iter().collect();
    }
    let (head, tail) = (limit * 2 / 3, limit / 3);
    let start: String = line.iter().take(head).collect();
    let end: String = line.iter().skip(line.len() - tail).collect();
    format!("{start}…{end} ({} characters)", line.len())
}

/// True for a character that nobody sees, such as one without width.
pub fn is_unseen(c: char) -> bool {
    !c.is_whitespace() && tame(c) == ' '
}

/// A code as it was made, out of what people paste: no characters that nobody sees, and neither quotes, brackets,
/// blanks nor full stops around it.
pub fn pasted(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    let part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    seen.trim_matches(|c: char| !part(c)).to_owned()
}

/// The same of a code whose letters are capitals: also without dashes and small letters.
pub fn pasted_capitals(text: &str) -> String {
    let dash = |c: char| {
        matches!(
            c,
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
        )
    };
    pasted(text).chars().filter(|c| !dash(*c)).collect::<String>().to_ascii_uppercase()
}

fn tame(c: char) -> char {
    match c {
        '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => ' ',
        '@' => '＠',
        '`' => 'ˋ',
        c if c.is_control() => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_111_a_name_cannot_steer_what_shows_it() {
        let name = "\u{1b}[31mAnn\u{1b}[0m\r\nfrom \u{202e}evil\u{202c} @everyone \u{200b}`x`\0";
        let shown = neutral(name, 64);
        assert_eq!(shown, "[31mAnn [0m from evil ＠everyone ˋxˋ");
    }

    #[test]
    fn case_036_a_long_name_shows_head_tail_and_length() {
        let name = format!("{}{}", "a".repeat(4000), "z".repeat(96));
        let shown = neutral(&name, 60);
        assert!(
            shown.starts_with("aaa")
                && shown.contains("zzz")
                && shown.ends_with("(4096 characters)"),
            "{shown}"
        );
        assert!(shown.chars().count() < 90);
    }

    #[test]
    fn a_code_is_read_as_people_paste_it() {
        for text in [
            "AB3D7X9K",
            " <AB3D7X9K> ",
            "`ab3d7x9k`.",
            "“Ab3d-7x9k”",
            "\u{200b}AB3D\u{2060}7X9K\u{feff}",
            "(AB3D\u{2013}7X9K)!",
            "*AB3D7X9K*",
        ] {
            assert_eq!(pasted_capitals(text), "AB3D7X9K", "{text}");
        }
        assert_eq!(pasted("<inv-Ab_c->."), "inv-Ab_c-");
        assert_eq!(pasted_capitals("AB3D 7X9K"), "AB3D 7X9K", "two words are not one");
    }

    #[test]
    fn a_text_does_not_print_itself() {
        let text = Text::plain("code ").code("ABCD2345");
        assert_eq!(format!("{text:?}"), "Text(13 characters)");
        assert_eq!(text.to_plain(), "code ABCD2345");
    }

    #[test]
    fn case_057_a_plugin_cannot_read_an_opaque_code() {
        let text = Text::plain("code ").opaque(Opaque(3));
        assert_eq!(text.to_plain(), "code …");
        assert_eq!(text.filled(|code| format!("#{}", code.0)).to_plain(), "code #3");
    }
}
