//! A file that is one object with a row for each key, and the place of each row in its text. Unchanged rows are copied
//! byte for byte; rows are parsed one at a time.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use serde::{
    Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    StoreError,
    doc::unparsable,
    file::{Found, damaged},
    io,
};

/// The rows of one file.
#[derive(Debug, Default)]
pub(super) struct Table {
    path: PathBuf,
    text: String,
    rows: Vec<(Arc<str>, Range<usize>)>,
    places: HashMap<Arc<str>, usize>,
}

/// Changed rows: the new text, or nothing for a removed one.
pub(super) type Edits = BTreeMap<String, Option<String>>;

impl Table {
    /// Reads a file. A missing one is empty; one that is no object, or names a row twice, is damaged.
    pub(super) fn parse(Found { path, text, .. }: Found) -> Result<Self, StoreError> {
        let mut table = Self { path, ..Self::default() };
        if text.is_empty() {
            return Ok(table);
        }
        let mut json = serde_json::Deserializer::from_str(&text);
        let places = json.deserialize_map(Places(&text)).and_then(|rows| json.end().map(|()| rows));
        table.rows = places.map_err(|error| unparsable(&table.path, &error))?;
        table.text = text;
        table.places = index(&table.rows);
        if table.places.len() != table.rows.len() {
            return Err(damaged(&table.path, None, "a row stands there twice"));
        }
        Ok(table)
    }

    /// The text of a row.
    pub(super) fn row(&self, key: &str) -> Option<&str> {
        let (_, place) = &self.rows[*self.places.get(key)?];
        self.text.get(place.clone())
    }

    /// All rows, in the order of the file.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|(key, place)| (&**key, self.text.get(place.clone()).unwrap_or("")))
    }

    /// A row as an object; `None` if it is missing or no object.
    pub(super) fn object(&self, key: &str) -> Option<Map<String, Value>> {
        object(self.row(key)?)
    }

    /// The rows that are objects, in the order of the file.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&str, Map<String, Value>)> {
        self.rows().filter_map(|(key, text)| Some((key, object(text)?)))
    }

    /// True if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The error for a row that cannot be parsed.
    pub(super) fn damage(&self, key: &str, why: &str) -> StoreError {
        let start = self.places.get(key).map_or(0, |place| self.rows[*place].1.start);
        let line = self.text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        damaged(&self.path, Some(line), why)
    }

    /// The table after some rows were changed, removed or added. Every other row goes through `keep`.
    pub(super) fn edited<'t>(
        &'t self,
        edits: &'t Edits,
        keep: impl Fn(&'t str) -> std::borrow::Cow<'t, str>,
    ) -> Result<Self, StoreError> {
        let mut made =
            Self { text: String::with_capacity(self.text.len() + 4_096), ..Self::default() };
        made.path.clone_from(&self.path);
        for (key, place) in &self.rows {
            match edits.get(&**key) {
                Some(None) => {}
                Some(Some(row)) => made.push(Arc::clone(key), row)?,
                None => made.push(Arc::clone(key), &keep(&self.text[place.clone()]))?,
            }
        }
        for (key, row) in edits {
            if let (Some(row), false) = (row, self.places.contains_key(key.as_str())) {
                made.push(Arc::from(key.as_str()), row)?;
            }
        }
        made.text.push_str(if made.rows.is_empty() { "{}\n" } else { "\n}\n" });
        made.places = index(&made.rows);
        Ok(made)
    }

    fn push(&mut self, key: Arc<str>, row: &str) -> Result<(), StoreError> {
        let encoded = serde_json::to_string(&*key)
            .map_err(|error| io("write", &self.path, std::io::Error::other(error)))?;
        self.text.push_str(if self.rows.is_empty() { "{\n  " } else { ",\n  " });
        self.text.push_str(&encoded);
        self.text.push_str(": ");
        let start = self.text.len();
        self.text.push_str(row);
        self.rows.push((key, start..self.text.len()));
        Ok(())
    }
}

impl AsRef<str> for Table {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

fn index(rows: &[(Arc<str>, Range<usize>)]) -> HashMap<Arc<str>, usize> {
    rows.iter().enumerate().map(|(place, (key, _))| (Arc::clone(key), place)).collect()
}

/// A row as an object; `None` where it is none.
pub(super) fn object(row: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(row).ok()
}

/// A row's text, indented as it stands in a file.
pub(super) fn render(row: &Map<String, Value>) -> String {
    // An object of strings and numbers can always be written.
    let text = serde_json::to_string_pretty(row).unwrap_or_else(|_| "{}".to_owned());
    text.replace('\n', "\n  ")
}

struct Places<'t>(&'t str);

impl<'de> Visitor<'de> for Places<'de> {
    type Value = Vec<(Arc<str>, Range<usize>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some((key, row)) =
            map.next_entry::<std::borrow::Cow<'de, str>, &'de RawValue>()?
        {
            let row = row.get();
            let start = (row.as_ptr() as usize).checked_sub(self.0.as_ptr() as usize);
            let start = start.filter(|start| self.0.get(*start..*start + row.len()) == Some(row));
            let start = start.ok_or_else(|| A::Error::custom("a row is not in its text"))?;
            rows.push((Arc::from(&*key), start..start + row.len()));
        }
        Ok(rows)
    }
}
