//! Reading a table key by key. A value of another kind than the key wants is reported with what is wanted.

use std::ops::RangeInclusive;

use super::{
    document::{Node, Table, Text, Value, join},
    names,
    problem::{Problems, Stand},
};

/// A table and its path.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    pub(super) path: String,
    pub(super) table: &'a Table,
    pub(super) problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(table: &'a Table, problems: &'a Problems) -> Self {
        Self { path: String::new(), table, problems }
    }

    /// The path of a key.
    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Where a key stands, or else the table.
    pub(super) fn at(&self, key: &str) -> Stand {
        self.table.get(key).map_or(self.table.at, |node| node.at)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Reports what is wrong with a key: the text follows the key's path.
    pub(super) fn wrong(&self, key: &str, at: Stand, what: &str) {
        self.problems.add(at, format!("`{}` {what}", self.key(key)));
    }

    /// Reports every key that is not among these.
    pub(super) fn check_keys(&self, known: &[&str], excuse: impl Fn(&str) -> Option<String>) {
        for (key, node) in &self.table.entries {
            if known.contains(&key.as_str()) {
                continue;
            }
            let path = self.key(key);
            let excuse = excuse(key);
            let respelled = known.contains(&names::snake(key).as_str());
            if excuse.is_some() || respelled || !self.refuse_moved(&path, node) {
                let hint = excuse.unwrap_or_else(|| names::hint(key, known));
                let place = match self.path.as_str() {
                    "" => "at the top level".to_owned(),
                    path => format!("in `{path}`"),
                };
                let key = names::shown(key);
                self.problems.add(node.at, format!("unknown key {key} {place}{hint}"));
            }
        }
    }

    /// The table below a key.
    pub(super) fn section(&self, key: &str) -> Option<Section<'a>> {
        let table = self.read(key, "a table", |value| match value {
            Value::Table(table) => Some(table),
            _ => None,
        })?;
        Some(Section { path: self.key(key), table, problems: self.problems })
    }

    /// A table of the gateway's own below a key, with its keys checked.
    pub(super) fn below(&self, key: &str) -> Option<Section<'a>> {
        let table = self.section(key)?;
        table.check_keys(names::nested(&table.path), |_| None);
        Some(table)
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a Text> {
        self.read(key, "a text in quotes", |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.read(key, "`true` or `false`", |value| match value {
            Value::Plain(plain) => plain.as_bool(),
            _ => None,
        })
    }

    pub(super) fn list(&self, key: &str) -> Option<&'a [Node]> {
        self.read(key, "a list, such as `[\"...\"]`", |value| match value {
            Value::List(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub(super) fn number(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &wanted, |value| match value {
            Value::Plain(plain) => plain.as_integer().filter(|number| range.contains(number)),
            _ => None,
        })
    }

    /// One word of several.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let choice = choices.iter().find(|(word, _)| *word == text.value);
        if choice.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let hint = names::nearest(&text.written, &words)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            self.wrong(key, self.at(key), &format!("is one of {}{hint}", names::list(&words)));
        }
        choice.map(|(_, choice)| *choice)
    }

    /// A value as it is wanted. One of another kind is reported, if nothing was reported of it yet.
    fn read<T>(&self, key: &str, wanted: &str, of: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let node = self.table.get(key)?;
        let found = of(&node.value);
        if found.is_none() && !matches!(node.value, Value::Broken) {
            let not = match node.kind() {
                "a number" if wanted.contains("number") => String::new(),
                kind => format!(", not {kind}"),
            };
            self.wrong(key, node.at, &format!("is {wanted}{not}"));
        }
        found
    }

    /// True where the key, or each key below it, moved and was reported.
    fn refuse_moved(&self, path: &str, node: &Node) -> bool {
        match &node.value {
            Value::Table(table) if names::has_moved_parts(path) && !table.entries.is_empty() => {
                for (key, node) in &table.entries {
                    if !self.refuse_moved(&join(path, key), node) {
                        self.add(node, format!("unknown key {} in `{path}`", names::shown(key)));
                    }
                }
                true
            }
            _ => names::moved(path).is_some_and(|text| self.add(node, text)),
        }
    }

    fn add(&self, node: &Node, text: String) -> bool {
        self.problems.add(node.at, text);
        true
    }
}
