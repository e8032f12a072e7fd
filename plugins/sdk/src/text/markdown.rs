//! From the Markdown that a responder writes to runs: `CommonMark` with tables, strikes and task lists. HTML is text.

use std::{collections::HashSet, fmt::Write as _};

use pulldown_cmark::{
    Alignment, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd,
};
use reqwest::Url;

use super::{Marks, Span, Text, shows};

const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_TASKLISTS);

const BULLET: &str = "• ";
const RULE: &str = "———";

/// So often a text is read again to show what Markdown would hide.
const READINGS: usize = 4;

/// A longer one is none: the marks of one run fit on every platform.
const LONGEST_LINK: usize = 800;

/// So many runs a text has at most, and so much longer than its source it is: beyond that nobody reads it, and each
/// piece of it costs time and memory.
const RUNS: usize = 5_000;
const GROWTH: usize = 4;
const ROOM: usize = 4_096;

/// So many lists and quotations begin on one line at most: the parser looks at all of them for each further line.
const DEPTH: usize = 64;

/// Lists within lists step in so often, and the columns of a table are filled up to so many characters.
const STEPS: usize = 4;
const COLUMN: usize = 40;

impl Text {
    /// Reads Markdown. For what a responder writes, and for nothing else: its writer chooses where links lead. What
    /// would show nothing, or far more than was written, is shown as it was written.
    pub fn markdown(source: &str) -> Self {
        if source.lines().any(|line| depth(line) > DEPTH) {
            return Self::plain(source);
        }
        let shown = with_all_shown(source);
        let mut writer = Writer { room: source.len() * GROWTH + ROOM, ..Writer::default() };
        for event in Parser::new_ext(&shown, OPTIONS) {
            writer.event(event);
            if writer.written > writer.room || writer.spans.len() > RUNS {
                return Self::plain(source);
            }
        }
        if writer.spans.iter().all(|span| span.text().trim().is_empty()) {
            return Self::plain(source);
        }
        Self { spans: writer.spans }
    }
}

/// How many lists and quotations may begin on this line.
fn depth(line: &str) -> usize {
    let markers = line.find(|c: char| !(c.is_ascii_digit() || " \t>-*+.)".contains(c)));
    let line = &line[..markers.unwrap_or(line.len())];
    let quotes = line.matches('>').count();
    let lists = ["- ", "* ", "+ ", ". ", ") "].iter().map(|marker| line.matches(marker).count());
    quotes + lists.sum::<usize>()
}

/// The same text, in which a definition of a link that no link uses is text.
fn with_all_shown(source: &str) -> String {
    let mut source = source.to_owned();
    for _ in 0..READINGS {
        let mut parser = Parser::new_ext(&source, OPTIONS);
        if parser.reference_definitions().iter().next().is_none() {
            break;
        }
        let mut used = HashSet::new();
        while let Some(event) = parser.next() {
            if let Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) = event
                && let Some(definition) = parser.reference_definitions().get(&id)
                && address(&definition.dest).is_some()
            {
                used.insert(definition.span.start);
            }
        }
        let all = parser.reference_definitions().iter().map(|(_, one)| one.span.start);
        let mut unused: Vec<usize> = all.filter(|start| !used.contains(start)).collect();
        if unused.is_empty() {
            break;
        }
        unused.sort_unstable();
        unused.iter().rev().for_each(|start| source.insert(*start, '\\'));
    }
    source
}

/// Where a link may lead.
fn address(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let fits = matches!(url.scheme(), "http" | "https" | "mailto");
    Some(url.to_string()).filter(|url| fits && url.len() <= LONGEST_LINK)
}

#[derive(Default)]
struct Writer {
    spans: Vec<Span>,
    bold: usize,
    italic: usize,
    strike: usize,
    quotes: usize,
    /// The language of the block of code that is open.
    block: Option<String>,
    links: Vec<OpenLink>,
    /// Lists that are open, with the number of the next item.
    lists: Vec<Option<u64>>,
    table: Table,
    /// Line breaks that stand before what comes next.
    owed: usize,
    /// A bullet waits for what it stands before.
    bulleted: bool,
    /// The last run belongs to the quotation that is open.
    quoting: bool,
    /// How many bytes were written, with the addresses of links, and how many may be.
    written: usize,
    room: usize,
}

/// A link or a picture.
#[derive(Default)]
struct OpenLink {
    /// `None` where nobody is led there.
    to: Option<String>,
    label: String,
    /// The first run of the label.
    begin: usize,
}

#[derive(Default)]
struct Table {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<String>>,
    /// What stands before the table, and what it owes, while a cell is written.
    before: (Vec<Span>, usize),
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Code(code) => {
                let marks = Marks { code: true, ..self.marks() };
                self.write(&code, marks);
            }
            Event::Rule => {
                self.begin();
                self.push(RULE);
            }
            Event::SoftBreak | Event::HardBreak => self.line(),
            Event::TaskListMarker(done) => {
                if let Some(Span::Plain(last) | Span::Marked(last, _)) = self.spans.last_mut()
                    && last.ends_with(BULLET)
                {
                    last.truncate(last.len() - BULLET.len());
                }
                self.push(if done { "☑ " } else { "☐ " });
            }
            Event::InlineHtml(html) if is_break(&html) => self.line(),
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.push(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.begin();
                self.bold += 1;
            }
            Tag::BlockQuote(_) => {
                self.begin();
                self.quoting &= self.quotes > 0;
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => self.code(&kind),
            Tag::List(first) => {
                self.begin();
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Table(alignments) => {
                self.begin();
                self.table.alignments = alignments;
            }
            Tag::TableHead | Tag::TableRow => self.table.rows.push(Vec::new()),
            Tag::TableCell => {
                self.table.before =
                    (std::mem::take(&mut self.spans), std::mem::take(&mut self.owed));
            }
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::Strikethrough => self.strike += 1,
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
                self.link(&format!("mailto:{dest_url}"));
            }
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.link(&dest_url),
            _ => self.begin(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::BlockQuote(_) => self.quotes -= 1,
            TagEnd::CodeBlock | TagEnd::HtmlBlock => {
                if let Some(Span::Plain(last) | Span::Marked(last, _)) = self.spans.last_mut()
                    && last.ends_with('\n')
                {
                    last.pop();
                }
                self.block = None;
            }
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::TableCell => self.cell(),
            TagEnd::Table => {
                let table = std::mem::take(&mut self.table);
                self.block = Some(String::new());
                self.push(&drawn(&table.rows, &table.alignments, self.room));
                self.block = None;
            }
            TagEnd::Emphasis => self.italic -= 1,
            TagEnd::Heading(_) | TagEnd::Strong => self.bold -= 1,
            TagEnd::Strikethrough => self.strike -= 1,
            TagEnd::Link | TagEnd::Image => self.linked(),
            _ => {}
        }
    }

    /// A block begins: on lines of its own.
    fn begin(&mut self) {
        if !self.bulleted {
            self.owed = self.owed.max(if self.lists.is_empty() { 2 } else { 1 });
        }
    }

    fn item(&mut self) {
        let level = self.lists.len().saturating_sub(1);
        self.owed = self.owed.max(usize::from(!self.bulleted));
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => BULLET.to_owned(),
        };
        self.settle(level);
        let marks = self.marks();
        self.add(&bullet, marks);
        self.bulleted = true;
    }

    fn code(&mut self, kind: &CodeBlockKind<'_>) {
        self.begin();
        let CodeBlockKind::Fenced(info) = kind else {
            self.block = Some(String::new());
            return;
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "+-#._".contains(c);
        let is_language = info.len() <= 32 && info.chars().all(fits);
        self.block = Some(if is_language { info.to_string() } else { String::new() });
        if !is_language {
            // More than a language, and nothing is to be lost.
            self.push(&format!("{info}\n"));
        }
    }

    fn cell(&mut self) {
        let (before, owed) = std::mem::take(&mut self.table.before);
        let cell = Text { spans: std::mem::replace(&mut self.spans, before) }.to_plain();
        self.owed = owed;
        let cell = cell.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(row) = self.table.rows.last_mut() {
            row.push(cell);
        }
    }

    fn link(&mut self, to: &str) {
        let begin = self.spans.len();
        self.links.push(OpenLink { to: address(to), begin, ..OpenLink::default() });
    }

    fn linked(&mut self) {
        if let Some(OpenLink { to: Some(link), label, .. }) = self.links.last()
            && label.trim().is_empty()
        {
            self.push(&link.clone());
        }
        let Some(OpenLink { to: Some(link), label, begin }) = self.links.pop() else { return };
        let is_address = label.contains("://") || label.trim_start().starts_with("www.");
        if !is_address || shows(&label, &link) {
            return;
        }
        // A label that looks like one address leads to no other one.
        for span in self.spans.iter_mut().skip(begin) {
            if let Span::Marked(_, marks) = span {
                marks.link = None;
            }
        }
        self.push(&format!(" ({link})"));
    }

    fn line(&mut self) {
        let indent = "  ".repeat(self.lists.len().min(STEPS));
        self.push(&format!("\n{indent}"));
    }

    /// How what comes next is shown.
    fn marks(&self) -> Marks {
        if self.block.is_some() {
            return Marks { block: self.block.clone(), ..Marks::default() };
        }
        Marks {
            bold: self.bold > 0,
            italic: self.italic > 0,
            strike: self.strike > 0,
            quote: self.quotes > 0,
            link: self.links.iter().rev().find_map(|link| link.to.clone()),
            ..Marks::default()
        }
    }

    fn push(&mut self, text: &str) {
        let marks = self.marks();
        self.write(text, marks);
    }

    fn write(&mut self, text: &str, marks: Marks) {
        if text.is_empty() {
            return;
        }
        self.settle(self.lists.len());
        self.bulleted = false;
        if let Some(link) = self.links.last_mut() {
            link.label.push_str(text);
        }
        self.add(text, marks);
    }

    /// Writes the line breaks that are owed, and as many steps of indentation.
    fn settle(&mut self, steps: usize) {
        let owed = std::mem::take(&mut self.owed);
        let quote = self.quotes > 0;
        if owed > 0 && !self.spans.is_empty() {
            let marks = Marks { quote: quote && self.quoting, ..Marks::default() };
            self.add(&"\n".repeat(owed), marks);
            if steps > 0 && self.block.is_none() {
                self.add(&"  ".repeat(steps.min(STEPS)), Marks { quote, ..Marks::default() });
            }
        }
        self.quoting = quote;
    }

    fn add(&mut self, text: &str, marks: Marks) {
        self.written += text.len() + marks.link.as_ref().map_or(0, String::len);
        match self.spans.last_mut() {
            Some(span) if *span.marks() == marks => {
                if let Span::Plain(last) | Span::Marked(last, _) = span {
                    last.push_str(text);
                }
            }
            _ if marks == Marks::default() => self.spans.push(Span::Plain(text.to_owned())),
            _ => self.spans.push(Span::Marked(text.to_owned(), marks)),
        }
    }
}

fn is_break(html: &CowStr<'_>) -> bool {
    let name: String = html.chars().filter(|c| !c.is_whitespace()).collect();
    matches!(name.to_ascii_lowercase().as_str(), "<br>" | "<br/>")
}

/// A table in letters of one width; without filling where that would need more room than there is.
fn drawn(rows: &[Vec<String>], alignments: &[Alignment], room: usize) -> String {
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max();
    let mut widths: Vec<usize> =
        (0..alignments.len()).filter_map(width).map(|width| width.min(COLUMN)).collect();
    if widths.iter().map(|width| width + 3).sum::<usize>().saturating_mul(rows.len()) > room {
        widths.fill(1);
    }
    let mut drawn = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        let cells = row.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        for (column, cell) in row.iter().enumerate().take(cells) {
            let (width, separator) = (
                widths.get(column).copied().unwrap_or_default(),
                if column > 0 { " | " } else { "" },
            );
            line.push_str(separator);
            let _written = match alignments.get(column) {
                Some(Alignment::Right) => write!(line, "{cell:>width$}"),
                Some(Alignment::Center) => write!(line, "{cell:^width$}"),
                _ => write!(line, "{cell:<width$}"),
            };
        }
        if number > 0 {
            drawn.push('\n');
        }
        drawn.push_str(line.trim_end());
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            drawn.push('\n');
            drawn.push_str(&rules.join("-+-"));
        }
    }
    drawn
}
