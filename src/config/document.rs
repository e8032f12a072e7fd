//! The file as a tree that knows its lines, with the environment's names filled in.

use openclaw_plugin_sdk::toml;
use toml_edit::{Document, Item, TableLike};

use super::{
    expand::expand,
    malformed, names,
    problem::{Problems, Stand},
};

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Stand,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug)]
pub(super) enum Value {
    /// Something is wrong with it, and was reported.
    Broken,
    List(Vec<Node>),
    /// A number, a truth or a date.
    Plain(toml::Value),
    Table(Table),
    Text(Text),
}

/// A text.
#[derive(Debug)]
pub(super) struct Text {
    /// With the environment's names filled in.
    pub(super) value: String,
    /// As it stands in the file: what an error may quote.
    pub(super) written: String,
    pub(super) from_env: bool,
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) at: Stand,
    pub(super) entries: Vec<(String, Node)>,
}

impl Table {
    pub(super) fn empty(at: Stand) -> Self {
        Self { at, entries: Vec::new() }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

impl Node {
    /// What kind of value it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Broken => "nothing",
            Value::List(_) => "a list",
            Value::Plain(toml::Value::Boolean(_)) => "true or false",
            Value::Plain(toml::Value::Datetime(_)) => "a date",
            Value::Plain(_) => "a number",
            Value::Table(_) => "a table",
            Value::Text(_) => "a text",
        }
    }

    /// True where some part of it was reported already.
    pub(super) fn is_broken(&self) -> bool {
        match &self.value {
            Value::Broken => true,
            Value::List(list) => list.iter().any(Self::is_broken),
            Value::Plain(_) | Value::Text(_) => false,
            Value::Table(table) => table.entries.iter().any(|(_, node)| node.is_broken()),
        }
    }

    /// True where some part of it came from the environment.
    pub(super) fn holds_env(&self) -> bool {
        match &self.value {
            Value::Broken | Value::Plain(_) => false,
            Value::List(list) => list.iter().any(Self::holds_env),
            Value::Table(table) => table.entries.iter().any(|(_, node)| node.holds_env()),
            Value::Text(text) => text.from_env,
        }
    }

    /// The value as plugins take it; `None` where it is broken.
    pub(super) fn to_toml(&self) -> Option<toml::Value> {
        Some(match &self.value {
            Value::Broken => return None,
            Value::List(list) => {
                toml::Value::Array(list.iter().map(Self::to_toml).collect::<Option<_>>()?)
            }
            Value::Plain(value) => value.clone(),
            Value::Table(table) => {
                let entry = |(key, node): &(String, Self)| Some((key.clone(), node.to_toml()?));
                toml::Value::Table(table.entries.iter().map(entry).collect::<Option<_>>()?)
            }
            Value::Text(text) => toml::Value::String(text.value.clone()),
        })
    }
}

/// Every secret in a table, wherever it stands.
fn hide(table: &Table, problems: &Problems) {
    for (key, node) in &table.entries {
        match &node.value {
            Value::Table(table) => hide(table, problems),
            Value::List(list) => {
                for node in list {
                    if let Value::Table(table) = &node.value {
                        hide(table, problems);
                    }
                }
            }
            Value::Text(text) if text.from_env || names::names_a_secret(&names::snake(key)) => {
                problems.hide(&text.value);
            }
            Value::Text(_) | Value::Broken | Value::Plain(_) => {}
        }
    }
}

/// Reads the file. What is wrong with its form goes to `problems`; the source line only with what may be a secret covered.
pub(super) fn parse(
    bytes: &[u8],
    env: &dyn Fn(&str) -> Option<String>,
    problems: &Problems,
) -> Option<Table> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = line_of(&String::from_utf8_lossy(bytes), error.valid_up_to());
            problems.add(Stand::Line(line), "this is not UTF-8");
            return None;
        }
    };
    match Document::parse(text) {
        Ok(document) => {
            let reader = Reader { text, env, problems };
            let table = reader.table(document.as_table(), Stand::Line(1), "");
            hide(&table, problems);
            Some(table)
        }
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let at = Stand::Line(line_of(text, span.start));
            let what = malformed::what(text, span.start, error.message());
            problems.show(at, &what, malformed::excerpt(text, &span));
            None
        }
    }
}

/// A key's path, dotted.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

struct Reader<'a> {
    text: &'a str,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a Problems,
}

impl Reader<'_> {
    fn table(&self, table: &dyn TableLike, at: Stand, path: &str) -> Table {
        let entry = |(name, item): (&str, &Item)| {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let at = span.map_or(at, |span| self.at(span.start));
            (name.to_owned(), self.item(item, at, &join(path, name)))
        };
        Table { at, entries: table.iter().map(entry).collect() }
    }

    fn item(&self, item: &Item, at: Stand, path: &str) -> Node {
        let value = match item {
            Item::None => Value::Broken,
            Item::Value(value) => self.value(value, at, path),
            Item::Table(table) => {
                let at = table.span().filter(|span| span.end > 0);
                let at = at.map(|span| self.at(span.start));
                let at = at.unwrap_or_else(|| self.first_line(table));
                return Node { at, value: Value::Table(self.table(table, at, path)) };
            }
            Item::ArrayOfTables(tables) => {
                let node = |table: &toml_edit::Table| {
                    let at = table.span().map_or(at, |span| self.at(span.start));
                    Node { at, value: Value::Table(self.table(table, at, path)) }
                };
                Value::List(tables.iter().map(node).collect())
            }
        };
        Node { at, value }
    }

    fn value(&self, value: &toml_edit::Value, at: Stand, path: &str) -> Value {
        use toml_edit::Value as V;
        match value {
            V::Array(list) => {
                let node = |value: &V| {
                    let at = value.span().map_or(at, |span| self.at(span.start));
                    Node { at, value: self.value(value, at, path) }
                };
                Value::List(list.iter().map(node).collect())
            }
            V::Boolean(value) => Value::Plain((*value.value()).into()),
            V::Datetime(value) => Value::Plain((*value.value()).into()),
            V::Float(value) => Value::Plain((*value.value()).into()),
            V::InlineTable(table) => Value::Table(self.table(table, at, path)),
            V::Integer(value) => Value::Plain((*value.value()).into()),
            V::String(text) => match expand(text.value(), self.env) {
                Ok(expanded) => Value::Text(Text {
                    value: expanded.text,
                    written: text.value().clone(),
                    from_env: expanded.from_env,
                }),
                Err(why) => {
                    self.problems.add(at, format!("`{path}`: {why}"));
                    Value::Broken
                }
            },
        }
    }

    fn at(&self, offset: usize) -> Stand {
        Stand::Line(line_of(self.text, offset))
    }

    /// The line of a table that only its parts' headers name.
    fn first_line(&self, table: &toml_edit::Table) -> Stand {
        let key = |(name, item): (&str, &Item)| {
            table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span())
        };
        let first = table.iter().filter_map(key).map(|span| span.start).min();
        self.at(first.unwrap_or_default())
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    1 + before.matches('\n').count()
}
