//! Text as we send it, and the neutralising of text that strangers chose.

mod markdown;
mod pieces;

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use crate::UnixMs;

/// A text: runs, one after the other, each with its marks. Only [`Text::markdown`] reads marks out of a string.
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
    /// Of an answer that was written in Markdown.
    Marked(String, Marks),
    /// A code that only the gateway knows; filled in before a channel sees it.
    Opaque(Opaque),
    /// Anything else, line breaks included.
    Plain(String),
}

/// How a run is shown. A channel leaves out what its platform does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a run has any of them")]
pub struct Marks {
    /// Also a heading.
    #[serde(skip_serializing_if = "is_unset")]
    pub bold: bool,
    /// Emphasis.
    #[serde(skip_serializing_if = "is_unset")]
    pub italic: bool,
    /// Struck out.
    #[serde(skip_serializing_if = "is_unset")]
    pub strike: bool,
    /// Code within a line.
    #[serde(skip_serializing_if = "is_unset")]
    pub code: bool,
    /// A quotation; never in a block of code.
    #[serde(skip_serializing_if = "is_unset")]
    pub quote: bool,
    /// A block of code, or a table: its language, or nothing where none is said. Without other marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// Where it leads: an address of `http`, `https` or `mailto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The moment that it spells, in milliseconds since the epoch, for what can show it in the reader's own zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
}

const NO_MARKS: Marks = Marks {
    bold: false,
    italic: false,
    strike: false,
    code: false,
    quote: false,
    block: None,
    link: None,
    time: None,
};
static PLAIN: Marks = NO_MARKS;
static CODE: Marks = Marks { code: true, ..NO_MARKS };

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_unset(mark: &bool) -> bool {
    !mark
}

/// What runs stand in together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A block of code in this language, or in none.
    Block(&'a str),
    /// Ordinary text.
    Open,
    /// A quotation.
    Quote,
}

impl Span {
    /// What a person reads; an unfilled code shows as `…`.
    pub fn text(&self) -> &str {
        match self {
            Self::Code(text) | Self::Marked(text, _) | Self::Plain(text) => text,
            Self::Opaque(_) => "…",
        }
    }

    /// How it is shown.
    pub fn marks(&self) -> &Marks {
        match self {
            Self::Code(_) => &CODE,
            Self::Marked(_, marks) => marks,
            Self::Opaque(_) | Self::Plain(_) => &PLAIN,
        }
    }

    fn frame(&self) -> Frame<'_> {
        match self.marks() {
            Marks { block: Some(language), .. } => Frame::Block(language),
            Marks { quote: true, .. } => Frame::Quote,
            _ => Frame::Open,
        }
    }

    /// The same run with another text.
    fn with_text(&self, text: &str) -> Self {
        match self {
            Self::Code(_) => Self::Code(text.to_owned()),
            Self::Marked(_, marks) => Self::Marked(text.to_owned(), marks.clone()),
            Self::Opaque(code) => Self::Opaque(*code),
            Self::Plain(_) => Self::Plain(text.to_owned()),
        }
    }
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

    /// Appends a moment, spelled for those who cannot show it in the reader's own zone.
    #[must_use]
    pub fn moment(self, at: UnixMs, spelled: impl Into<String>) -> Self {
        self.with(Span::Marked(spelled.into(), Marks { time: Some(at.0), ..NO_MARKS }))
    }

    /// Appends a run.
    #[must_use]
    pub fn with(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// Appends all runs of another text.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.spans.extend_from_slice(&other.spans);
        self
    }

    /// The runs, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The runs, by what they stand in together.
    pub fn frames(&self) -> impl Iterator<Item = (Frame<'_>, &[Span])> {
        let runs = self.spans.chunk_by(|one, next| one.frame() == next.frame());
        runs.filter_map(|runs| Some((runs.first()?.frame(), runs)))
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

    /// All runs as one string, without marks. A link that does not show its address has it beside it.
    pub fn to_plain(&self) -> String {
        addressed(&self.spans).map(|(span, address)| span.text().to_owned() + &address).collect()
    }
}

/// Runs, each with what stands behind it: the address of a link that ends there and does not show it.
pub(crate) fn addressed(spans: &[Span]) -> impl Iterator<Item = (&Span, String)> {
    let mut label = String::new();
    spans.iter().enumerate().map(move |(at, span)| {
        let Some(link) = &span.marks().link else { return (span, String::new()) };
        label.push_str(span.text());
        let goes_on =
            spans.get(at + 1).is_some_and(|next| next.marks().link.as_ref() == Some(link));
        if goes_on {
            return (span, String::new());
        }
        let label = std::mem::take(&mut label);
        (span, if shows(&label, link) { String::new() } else { format!(" ({link})") })
    })
}

/// True for a label that says itself where the link leads.
pub(crate) fn shows(label: &str, link: &str) -> bool {
    let label = label.trim();
    label == link.strip_prefix("mailto:").unwrap_or(link)
        || Url::parse(label).is_ok_and(|url| url.as_str() == link)
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

/// A text that is to be copied, such as an id or a path: on one line, nothing invisible in it, and otherwise as it is.
pub fn whole(text: &str) -> String {
    let shown = |c: char| match c {
        ' ' | '@' | '`' => c,
        c if neutral(c.encode_utf8(&mut [0; 4]), 1).is_empty() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
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
        | '\u{fff9}'..='\u{fffc}'
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
        let name =
            "\u{1b}[31mAnn\u{1b}[0m\r\nfrom \u{202e}evil\u{202c} @everyone \u{200b}`x`\u{fffc}\0";
        let shown = neutral(name, 64);
        assert_eq!(shown, "[31mAnn [0m from evil ＠everyone ˋxˋ");
    }

    #[test]
    fn an_id_can_be_copied_and_hides_nothing() {
        assert_eq!(whole("@ann:example.org"), "@ann:example.org");
        assert_eq!(whole("7\u{202e}8\u{1b}"), "7\u{fffd}8\u{fffd}");
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
