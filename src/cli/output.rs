//! What the commands print: lines, tables for people, JSON for scripts. The only place that writes to the standard streams.
//!
//! A reader that went away (`| head`) ends the printing, not the work.

use std::io::{self, BufWriter, IsTerminal, Write};

use comfy_table::{
    Attribute, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
};
use openclaw_plugin_sdk::{is_unseen, neutral, whole};
use serde::Serialize;

use crate::{Ended, Exit, Failure};

/// The longest text that a cell shows whole, in characters; the middle of a longer one is left out.
const CELL: usize = 160;
/// A longer id is shown without its middle where the table does not fit the terminal, in characters.
const LONG: usize = 20;
/// So many characters stay at each end of it.
const ENDS: usize = 8;
/// The width of a terminal that does not say how wide it is.
const USUAL: u16 = 80;
/// A column that may be wrapped gets at least so many characters, or there is no table.
const NARROWEST: usize = 10;

const LINES: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('┌', '─', '┬', '┐'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .bottom_border(LineStyle::new('└', '─', '┴', '┘'));

/// Where a command prints.
pub(super) struct Output {
    out: Stream,
    err: Stream,
    look: Look,
    /// A result for scripts is on one line.
    one_line: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("look", &self.look).finish_non_exhaustive()
    }
}

/// How it looks there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Standard output is a terminal that wants colours.
    pub(super) out_colours: bool,
    /// Standard error is.
    pub(super) err_colours: bool,
    /// How wide the terminal is; `None` where there is none.
    pub(super) width: Option<u16>,
    /// Tables are as wide as what they hold, whatever the terminal's width.
    pub(super) wide: bool,
}

/// A cell of a table beside the head of its column: how it may be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Wrapped where the terminal is narrow.
    Text(&'static str, String),
    /// Never wrapped: it is to be copied. The middle of an id is left out where it does not fit the terminal.
    Whole(&'static str, String),
}

impl Cell {
    fn head(&self) -> &'static str {
        let (Self::Text(head, _) | Self::Whole(head, _)) = self;
        head
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(_, text) => neutral(text, CELL),
            Self::Whole(_, text) => whole(text),
        }
    }

    /// Leaves out the middle of a long id. What stands before its first colon is its channel, and stays.
    fn shorten(&self, text: &mut String) {
        let length = text.chars().count();
        let channel = text.split_once(':').map_or(0, |(channel, _)| channel.chars().count() + 1);
        let is_id = matches!(self, Self::Whole(..)) && !text.contains(' ');
        if is_id && length > channel + LONG {
            let (begin, end) =
                (text.chars().take(channel + ENDS), text.chars().skip(length - ENDS));
            *text = begin.chain(['…']).chain(end).collect();
        }
    }
}

impl Output {
    /// The standard streams of this process.
    pub(super) fn standard(wide: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let out = io::stdout();
        let look = Look {
            out_colours: wanted && out.is_terminal(),
            err_colours: wanted && io::stderr().is_terminal(),
            width: out.is_terminal().then(|| {
                // Some terminals say 0.
                Table::new().width().filter(|width| *width > 0).unwrap_or(USUAL)
            }),
            wide,
        };
        Self::to(Box::new(BufWriter::new(out)), Box::new(io::stderr()), look)
    }

    /// Any two streams.
    pub(super) fn to(out: Box<dyn Write>, err: Box<dyn Write>, look: Look) -> Self {
        let stream = |to| Stream { to, gone: false, failed: None };
        Self { out: stream(out), err: stream(err), look, one_line: false }
    }

    /// How wide the terminal is; `None` where there is none.
    pub(super) fn width(&self) -> Option<u16> {
        self.look.width
    }

    /// A line of the result. What steers a terminal is taken out of it.
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.out.write(&format!("{}\n", tamed(text.as_ref())));
    }

    /// A result that has its own line ends.
    pub(super) fn block(&mut self, text: &str) {
        self.out.write(text);
    }

    /// A line about the result, on standard error.
    pub(super) fn note(&mut self, text: impl AsRef<str>) {
        self.out.flush();
        self.err.write(&format!("{}\n", tamed(text.as_ref())));
    }

    /// A result for scripts.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Ended {
        let json = if self.one_line {
            serde_json::to_string(value)?
        } else {
            serde_json::to_string_pretty(value)?
        };
        self.line(visible(&json));
        Ok(Exit::Done)
    }

    /// One of many results for scripts, each on a line of its own.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(visible(&serde_json::to_string(value)?));
        Ok(())
    }

    /// A result for scripts, or a line for people.
    pub(super) fn answer(
        &mut self,
        json: bool,
        value: &impl Serialize,
        line: impl AsRef<str>,
    ) -> Ended {
        if json {
            return self.json(value);
        }
        self.line(line);
        Ok(Exit::Done)
    }

    /// A result for people.
    pub(super) fn table(&mut self, rows: impl IntoIterator<Item = Vec<Cell>>) {
        let text = table(rows, self.look);
        self.block(&format!("{text}\n"));
    }

    /// From here on each result for scripts is on one line.
    pub(super) fn put_json_on_one_line(&mut self) {
        self.one_line = true;
    }

    /// Empties the terminal.
    pub(super) fn clear(&mut self) {
        self.block("\u{1b}[2J\u{1b}[H");
    }

    /// True where nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        self.out.gone
    }

    /// Sends out what was printed so far.
    pub(super) fn flush(&mut self) {
        self.out.flush();
    }

    /// Says why it failed, with the way on where there is one.
    pub(super) fn failure(&mut self, failure: &Failure) {
        self.out.flush();
        let text = failure.spell(self.look.err_colours);
        self.err.write(&text);
    }

    /// Sends everything out. An error is one of standard output, and no reader that went away.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush();
        self.err.flush();
        self.out.failed.map_or(Ok(()), Err)
    }
}

/// Rows as text, without the last line end: a table that fits the terminal, lines of fields where the terminal is too
/// narrow for one, values between tabs where there is no terminal. Every cell is neutralised.
pub(super) fn table(rows: impl IntoIterator<Item = Vec<Cell>>, look: Look) -> String {
    let rows: Vec<Vec<Cell>> = rows.into_iter().collect();
    let heads: Vec<&str> = rows.first().into_iter().flatten().map(Cell::head).collect();
    let mut shown: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(Cell::shown).collect()).collect();
    let Some(width) = look.width.map(usize::from) else {
        let heads = heads.iter().map(ToString::to_string).collect();
        let lines = std::iter::once(heads).chain(shown).map(|row: Vec<String>| row.join("\t"));
        return lines.collect::<Vec<_>>().join("\n");
    };
    let wide = look.wide || room(&rows, &shown, usize::MAX) <= width;
    if !wide {
        let mut short = shown.clone();
        let cells = rows.iter().flatten().zip(short.iter_mut().flatten());
        cells.for_each(|(cell, text)| cell.shorten(text));
        if room(&rows, &short, NARROWEST) > width {
            return fields(&heads, &shown);
        }
        shown = short;
    }
    let mut table = Table::new();
    table.load_style(LINES);
    if !wide {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(look.width.unwrap_or(u16::MAX));
    }
    if look.out_colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let bold = |head| comfy_table::Cell::new(head).add_attribute(Attribute::Bold);
    table.set_header(heads.iter().map(bold));
    table.add_rows(shown);
    for (at, cell) in rows.first().into_iter().flatten().enumerate() {
        if let (Cell::Whole(..), Some(column)) = (cell, table.column_mut(at)) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.to_string()
}

/// How wide the table is where a column that may be wrapped takes at most `wrapped` characters.
fn room(rows: &[Vec<Cell>], shown: &[Vec<String>], wrapped: usize) -> usize {
    let column = |(at, cell): (usize, &Cell)| {
        let texts = shown.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count());
        let widest = texts.max().unwrap_or_default().max(cell.head().len());
        let most = if matches!(cell, Cell::Text(..)) { wrapped } else { usize::MAX };
        widest.min(most.max(cell.head().len())) + 3
    };
    rows.first().into_iter().flatten().enumerate().map(column).sum::<usize>() + 1
}

/// Each value on a line of its own behind the head of its column; a blank line between the rows.
fn fields(heads: &[&str], shown: &[Vec<String>]) -> String {
    let widest = heads.iter().map(|head| head.len()).max().unwrap_or_default();
    let row = |row: &Vec<String>| {
        let line = |(head, text): (&&str, &String)| format!("{head:widest$}  {text}");
        let lines = heads.iter().zip(row).filter(|(_, text)| !text.is_empty()).map(line);
        lines.collect::<Vec<_>>().join("\n")
    };
    shown.iter().map(row).collect::<Vec<_>>().join("\n\n")
}

/// JSON that says the same without a character that is invisible or steers a terminal: those are escaped.
fn visible(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        let hidden = !c.is_ascii() && neutral(c.encode_utf8(&mut [0; 4]), 1).is_empty();
        if hidden || c == '\u{7f}' {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            shown.extend(units.map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Lines without a character that is invisible or steers a terminal: names of files and words of other programs may
/// have some.
pub(super) fn tamed(text: &str) -> String {
    let steers = |c: char| match c {
        // The last two belong to emoji.
        '\n' | '\t' | '\u{200d}' | '\u{fe0f}' => false,
        c => c.is_control() || is_unseen(c),
    };
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

struct Stream {
    to: Box<dyn Write>,
    gone: bool,
    failed: Option<io::Error>,
}

impl Stream {
    fn write(&mut self, text: &str) {
        if !self.gone {
            let written = self.to.write_all(text.as_bytes());
            self.keep(written);
        }
    }

    fn flush(&mut self) {
        if !self.gone {
            let flushed = self.to.flush();
            self.keep(flushed);
        }
    }

    fn keep(&mut self, result: io::Result<()>) {
        let Err(error) = result else { return };
        self.gone = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        let row = |[code, id, meta]: [&str; 3]| {
            let cell = |name, text: &str| Cell::Whole(name, text.to_owned());
            vec![cell("Code", code), cell("ID", id), Cell::Text("Meta", meta.to_owned())]
        };
        vec![
            row(["AB3D7X9K", "123456789", ""]),
            row(["ABCD2345", "7", r#"{"firstName":"Ann of the seven rivers","username":"ann"}"#]),
        ]
    }

    fn on(width: u16) -> Look {
        Look { width: Some(width), ..Look::default() }
    }

    #[test]
    fn a_table_that_fits_is_as_wide_as_what_it_holds() {
        expect![[r#"
            ┌──────────┬───────────┬──────────────────────────────────────────────────────────┐
            │ Code     │ ID        │ Meta                                                     │
            ├──────────┼───────────┼──────────────────────────────────────────────────────────┤
            │ AB3D7X9K │ 123456789 │                                                          │
            │ ABCD2345 │ 7         │ {"firstName":"Ann of the seven rivers","username":"ann"} │
            └──────────┴───────────┴──────────────────────────────────────────────────────────┘"#]]
        .assert_eq(&table(rows(), on(100)));
        assert_eq!(table(rows(), Look { wide: true, ..on(40) }), table(rows(), on(100)));
    }

    #[test]
    fn a_piped_table_is_values_between_tabs() {
        let piped = "Code\tID\tMeta\nAB3D7X9K\t123456789\t\nABCD2345\t7\t{\"firstName\":\"Ann of the \
                     seven rivers\",\"username\":\"ann\"}";
        assert_eq!(table(rows(), Look::default()), piped);
    }

    #[test]
    fn a_narrow_terminal_wraps_what_is_not_to_be_copied() {
        let text = table(rows(), on(50));
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
        for whole in ["AB3D7X9K", "ABCD2345", "123456789"] {
            assert!(text.contains(whole), "{text}");
        }
    }

    #[test]
    fn a_long_id_loses_its_middle_and_a_narrower_terminal_gets_lines_of_fields() {
        let id = "0123456789abcdef".repeat(4);
        let mut rows = rows();
        rows[1][1] = Cell::Whole("ID", id.clone());
        assert!(table(rows.clone(), on(200)).contains(&id));
        let text = table(rows.clone(), on(60));
        assert!(text.contains("01234567…89abcdef") && text.starts_with('┌'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        let mut named = rows.clone();
        named[1][1] = Cell::Whole("ID", format!("webchat:web:{id}"));
        let text = table(named, on(70));
        assert!(text.contains("webchat:web:0123…89abcdef"), "{text}");
        expect![[r#"
            Code  AB3D7X9K
            ID    123456789

            Code  ABCD2345
            ID    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            Meta  {"firstName":"Ann of the seven rivers","username":"ann"}"#]]
        .assert_eq(&table(rows.clone(), on(40)));
        assert!(table(rows, Look { wide: true, ..on(40) }).contains(&id));
    }

    #[test]
    fn a_terminal_without_colours_gets_none() {
        let look = on(80);
        assert!(!table(rows(), look).contains('\u{1b}'));
        let look = Look { out_colours: true, ..look };
        assert!(table(rows(), look).contains("\u{1b}[1m"));
    }

    #[test]
    fn case_111_a_name_cannot_steer_the_terminal() {
        let name = format!("\u{1b}[2J\r\n│\u{202e}Ann@everyone{}", "x".repeat(10_000));
        let mut rows = rows();
        rows.truncate(1);
        rows[0][2] = Cell::Text("Meta", name);
        let text = table(rows.clone(), on(300));
        assert_eq!(text.lines().count(), 5, "{text}");
        assert_eq!(table(rows, Look::default()).lines().count(), 2);
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '@']), "{text}");
        assert!(text.contains("AB3D7X9K") && text.lines().all(|line| line.chars().count() < 250));
    }

    #[test]
    fn case_142_a_line_steers_no_terminal() {
        assert_eq!(tamed("\u{1b}[2J\u{202e}⚠️ a\tb\nc"), "\u{fffd}[2J\u{fffd}⚠️ a\tb\nc");
    }

    #[test]
    fn case_142_json_says_the_same_without_what_steers_a_terminal() {
        let name = "\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}né\u{1f600}\"";
        let text = serde_json::to_string_pretty(&[name]).unwrap();
        let shown = visible(&text);
        assert!(shown.contains("né\u{1f600}"), "{shown}");
        let steers = |c: char| {
            c.is_control() && c != '\n' || "\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}".contains(c)
        };
        assert!(!shown.contains(steers), "{shown:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [name]);
    }

    struct Gone(io::ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_and_a_full_disk_is_one() {
        for (kind, fine) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)]
        {
            let mut output =
                Output::to(Box::new(Gone(kind)), Box::new(Vec::new()), Look::default());
            output.line("one");
            output.line("two");
            assert_eq!(output.finish().is_ok(), fine, "{kind:?}");
        }
    }
}
