//! Takes a key out of the text of a file. No comment is lost: what stood beside the value gets a line of its own.

use std::ops::Range;

use super::END;
use toml_edit::{Document, DocumentMut, Item, Key, Table, TableLike, Value};

/// The text without a key and what stands below it; `None` where there is none. The head of a table in which nothing
/// is left goes too, where no comment stands beside it.
pub(super) fn cut(text: &str, path: &[&str]) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let (name, above) = path.split_last()?;
    let mut table: &dyn TableLike = document.as_table();
    for part in above {
        let item = table.get(part)?;
        if matches!(item, Item::Value(Value::InlineTable(_))) {
            return inline(text, path);
        }
        table = item.as_table_like()?;
    }
    let (key, item) = table.get_key_value(name)?;
    let mut spans = Vec::new();
    collect(key, item, &mut spans);
    spans.sort_unstable_by_key(|span| span.start);
    let mut left = text.to_owned();
    for span in spans.into_iter().rev() {
        left = without(&left, span);
    }
    let left = (1..path.len()).rev().fold(left, |left, depth| without_head(left, &path[..depth]));
    // A comment is worth less than another key.
    if is_without(text, path, &left) { Some(left) } else { inline(text, path) }
}

/// True where nothing else has changed; of empty tables none counts.
fn is_without(before: &str, path: &[&str], after: &str) -> bool {
    let (Ok(mut before), Ok(mut after)) = (before.parse(), after.parse::<toml::Table>()) else {
        return false;
    };
    remove(&mut before, path);
    drop_empty(&mut before);
    drop_empty(&mut after);
    before == after
}

fn remove(table: &mut toml::Table, path: &[&str]) {
    match path {
        [] => {}
        [name] => drop(table.remove(*name)),
        [name, below @ ..] => {
            if let Some(toml::Value::Table(table)) = table.get_mut(*name) {
                remove(table, below);
            }
        }
    }
}

fn drop_empty(table: &mut toml::Table) {
    table.retain(|_, value| {
        let Some(table) = value.as_table_mut() else { return true };
        drop_empty(table);
        !table.is_empty()
    });
}

/// The head of a table. One without a head of its own spans those of others.
fn head(table: &Table) -> Option<Range<usize>> {
    let has_head = !table.is_implicit() && !table.is_dotted();
    table.span().filter(|head| has_head && !head.is_empty())
}

/// The same by the library, which keeps what stands in braces on one line, and drops the comments above a key.
fn inline(text: &str, path: &[&str]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let (name, above) = path.split_last()?;
    let root: &mut dyn TableLike = document.as_table_mut();
    let table = above.iter().try_fold(root, |table, part| table.get_mut(part)?.as_table_like_mut());
    table?.remove(name)?;
    Some(document.to_string())
}

/// Where each key stands with its value, and each head of a table.
fn collect(key: &Key, item: &Item, spans: &mut Vec<Range<usize>>) {
    let mut tables = Vec::new();
    match item {
        Item::None => {}
        Item::Value(value) => {
            let (from, to) = (key.span(), value.span());
            spans.extend(from.zip(to).map(|(from, to)| from.start..to.end));
        }
        Item::Table(table) => tables.push(table),
        Item::ArrayOfTables(all) => tables.extend(all.iter()),
    }
    for table in tables {
        spans.extend(head(table));
        for (name, item) in table {
            if let Some(key) = table.key(name) {
                collect(key, item, spans);
            }
        }
    }
}

/// The text without the lines of this place. Of a head the blank lines above it go too.
fn without(text: &str, place: Range<usize>) -> String {
    let (before, rest) = (&text[..place.start], &text[place.end..]);
    let mut start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = rest.find('\n').map_or(text.len(), |at| place.end + at + 1);
    let comment = text[place.end..end].trim();
    let mut kept = String::new();
    if comment.starts_with('#') {
        kept = format!("{comment}\n");
    } else if text[place].starts_with('[') {
        let above = text[..start].trim_end().len();
        // The line above keeps its end.
        start =
            text[above..start].find('\n').filter(|_| above > 0).map_or(above, |at| above + at + 1);
    }
    format!("{}{kept}{}", &text[..start], &text[end..])
}

fn without_head(text: String, path: &[&str]) -> String {
    let head = Document::parse(&*text).ok().and_then(|document| {
        let mut item = document.as_item();
        for part in path {
            item = item.get(part)?;
        }
        item.as_table().filter(|table| table.is_empty()).and_then(head)
    });
    let Some(head) = head else { return text };
    let line_start = text[..head.start].rfind('\n').map_or(0, |end| end + 1);
    let above = text[..line_start].lines().next_back();
    let beside_and_below = text[head.end..].splitn(3, '\n').take(2);
    let mut around = above.into_iter().chain(beside_and_below).map(str::trim);
    if around.any(|line| line.starts_with('#') && line != END) {
        return text;
    }
    without(&text, head)
}
