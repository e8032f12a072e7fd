//! The shape that all state files share: an object with a `version` and one list. Unknown fields
//! stay as they are.

use std::{fmt, marker::PhantomData, path::Path};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::{Map, Value, error::Category};

use super::{
    StoreError,
    file::{Found, damaged},
    io,
};

const VERSION: u64 = 1;

/// A state file: its list, and everything beside it in the order of the file.
#[derive(Debug)]
pub(super) struct Doc<T> {
    list: &'static str,
    /// Everything but the list, whose place a `null` holds.
    pub(super) fields: Map<String, Value>,
    /// The list.
    pub(super) rows: Vec<T>,
}

impl<T> Doc<T> {
    /// A file that has nothing in its list.
    pub(super) fn empty(list: &'static str) -> Self {
        let mut fields = Map::new();
        fields.insert("version".to_owned(), VERSION.into());
        fields.insert(list.to_owned(), Value::Null);
        Self { list, fields, rows: Vec::new() }
    }

    /// Reads a file. A missing one is empty; one without the list, or of another version, is damaged.
    pub(super) fn parse<'de>(
        list: &'static str,
        Found { path, text, .. }: &'de Found,
    ) -> Result<Self, StoreError>
    where
        T: Deserialize<'de>,
    {
        if text.is_empty() {
            return Ok(Self::empty(list));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let doc = Seed { list, rows: PhantomData }.deserialize(&mut json);
        doc.and_then(|doc| json.end().map(|()| doc)).map_err(|error| unparsable(path, &error))
    }
}

/// JSON with two spaces, and a newline at its end.
pub(super) fn to_text(value: &impl Serialize, path: &Path) -> Result<String, StoreError> {
    let text = serde_json::to_string_pretty(value);
    let mut text = text.map_err(|error| io("write", path, error.into()))?;
    text.push('\n');
    Ok(text)
}

/// The parser's own words may quote the file, and a code with it.
pub(super) fn unparsable(path: &Path, error: &serde_json::Error) -> StoreError {
    let why = match error.classify() {
        Category::Data => "this is not of the shape that is kept here",
        Category::Eof => "it ends in the middle",
        Category::Io | Category::Syntax => "this is not JSON",
    };
    damaged(path, Some(error.line().max(1)), why)
}

struct Seed<T> {
    list: &'static str,
    rows: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = Doc<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Doc<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Seed<T> {
    type Value = Doc<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list `{}`", self.list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Doc<T>, A::Error> {
        let (mut fields, mut rows) = (Map::new(), None);
        while let Some(key) = map.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom("a field stands there twice"));
            }
            let value = if key == self.list {
                rows = Some(map.next_value()?);
                Value::Null
            } else {
                map.next_value()?
            };
            if key == "version" && value != VERSION {
                return Err(A::Error::custom("another version"));
            }
            fields.insert(key, value);
        }
        let rows = rows.ok_or_else(|| A::Error::missing_field(self.list))?;
        Ok(Doc { list: self.list, fields, rows })
    }
}

impl<T: Serialize> Serialize for Doc<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (key, value) in &self.fields {
            if key == self.list {
                map.serialize_entry(key, &self.rows)?;
            } else {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}
