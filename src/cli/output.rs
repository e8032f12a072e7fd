//! What the commands print: lines, tables for people, JSON for scripts. The only place that writes to the standard streams.
//!
//! A reader that went away (`| head`) ends the printing, not the work.

use std::io::{self, BufWriter, IsTerminal, Write};

use comfy_table::{
    Attribute, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
};
use openclaw_plugin_sdk::neutral;
use serde::Serialize;

use crate::{Ended, Exit, Failure};

/// The longest text that a cell shows whole, in characters; the middle of a longer one is left out.
const CELL: usize = 160;

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
    /// How wide the terminal is; `None` where there is none, and tables are as wide as what they hold.
    pub(super) width: Option<u16>,
}

/// A cell of a table beside the head of its column: how it may be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Wrapped where the terminal is narrow.
    Text(&'static str, String),
    /// Never wrapped: it is to be copied.
    Whole(&'static str, String),
}

impl Output {
    /// The standard streams of this process.
    pub(super) fn standard() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let out = io::stdout();
        let look = Look {
            out_colours: wanted && out.is_terminal(),
            err_colours: wanted && io::stderr().is_terminal(),
            width: out.is_terminal().then(|| Table::new().width()).flatten(),
        };
        Self::to(Box::new(BufWriter::new(out)), Box::new(io::stderr()), look)
    }

    /// Any two streams.
    pub(super) fn to(out: Box<dyn Write>, err: Box<dyn Write>, look: Look) -> Self {
        let stream = |to| Stream { to, gone: false, failed: None };
        Self { out: stream(out), err: stream(err), look }
    }

    /// How wide the terminal is; `None` where there is none.
    pub(super) fn width(&self) -> Option<u16> {
        self.look.width
    }

    /// A line of the result.
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.out.write(&format!("{}\n", text.as_ref()));
    }

    /// A result that has its own line ends.
    pub(super) fn block(&mut self, text: &str) {
        self.out.write(text);
    }

    /// A line about the result, on standard error.
    pub(super) fn note(&mut self, text: impl AsRef<str>) {
        self.out.flush();
        self.err.write(&format!("{}\n", text.as_ref()));
    }

    /// A result for scripts.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Ended {
        self.line(visible(&serde_json::to_string_pretty(value)?));
        Ok(Exit::Done)
    }

    /// One of many results for scripts, each on a line of its own.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(serde_json::to_string(value)?);
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
        self.line(text);
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

/// A table as text, without the last line end. Every cell is neutralised.
pub(super) fn table(rows: impl IntoIterator<Item = Vec<Cell>>, look: Look) -> String {
    let mut table = Table::new();
    table.load_style(LINES);
    if let Some(width) = look.width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    if look.out_colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let mut rows = rows.into_iter().peekable();
    let columns = rows.peek().cloned().unwrap_or_default();
    table.set_header(columns.iter().map(|cell| {
        let (Cell::Text(name, _) | Cell::Whole(name, _)) = cell;
        comfy_table::Cell::new(name).add_attribute(Attribute::Bold)
    }));
    for row in rows {
        table.add_row(row.iter().map(|cell| match cell {
            Cell::Text(_, text) => neutral(text, CELL),
            Cell::Whole(_, text) => whole(text),
        }));
    }
    for (at, cell) in columns.iter().enumerate() {
        if let (Cell::Whole(..), Some(shown)) = (cell, table.column_mut(at)) {
            shown.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.to_string()
}

/// A text that is to be copied, such as an id: nothing invisible in it, and otherwise as it is.
pub(super) fn whole(text: &str) -> String {
    let shown = |c: char| match c {
        ' ' | '@' | '`' => c,
        c if neutral(c.encode_utf8(&mut [0; 4]), 1).is_empty() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
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

    #[test]
    fn a_piped_table_is_as_wide_as_what_it_holds() {
        expect![[r#"
            ┌──────────┬───────────┬──────────────────────────────────────────────────────────┐
            │ Code     │ ID        │ Meta                                                     │
            ├──────────┼───────────┼──────────────────────────────────────────────────────────┤
            │ AB3D7X9K │ 123456789 │                                                          │
            │ ABCD2345 │ 7         │ {"firstName":"Ann of the seven rivers","username":"ann"} │
            └──────────┴───────────┴──────────────────────────────────────────────────────────┘"#]]
        .assert_eq(&table(rows(), Look::default()));
    }

    #[test]
    fn a_narrow_terminal_wraps_what_is_not_to_be_copied() {
        let look = Look { width: Some(50), ..Look::default() };
        let text = table(rows(), look);
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
        for whole in ["AB3D7X9K", "ABCD2345", "123456789"] {
            assert!(text.contains(whole), "{text}");
        }
    }

    #[test]
    fn a_terminal_without_colours_gets_none() {
        let look = Look { width: Some(80), ..Look::default() };
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
        let text = table(rows, Look::default());
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '@']), "{text}");
        assert!(text.contains("AB3D7X9K") && text.lines().all(|line| line.chars().count() < 250));
    }

    #[test]
    fn an_id_can_be_copied_and_hides_nothing() {
        assert_eq!(whole("@ann:example.org"), "@ann:example.org");
        assert_eq!(whole("7\u{202e}8\u{1b}"), "7\u{fffd}8\u{fffd}");
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
