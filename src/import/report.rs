//! What an import found, and what becomes of it: one line each, for people and for scripts.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::text;

/// All that an import says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The file or folder that was read.
    pub source: PathBuf,
    /// Which meaning its keys have.
    pub generation: Generation,
    /// The version that wrote it last, as it says itself.
    pub version: Option<String>,
    /// What becomes of the settings.
    pub settings: Vec<Item>,
    /// What becomes of the state: senders, requests, devices.
    pub state: Vec<Item>,
    /// The files that were written.
    pub written: Vec<String>,
}

/// A generation of the program that is moved from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// Its state is files.
    #[default]
    Files,
    /// Its state is a database.
    Database,
}

/// What becomes of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is here, with the same meaning.
    Taken,
    /// It is here or left out, and the note says what that changes.
    Changed,
    /// Without it more people would get in, so nothing is written.
    Refused,
    /// It has no counterpart, which lets nobody in.
    Ignored,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What becomes of it.
    pub kind: Kind,
    /// The key, or the name of a thing of the state.
    pub what: String,
    /// Where it is now, or why it is not; may be empty.
    pub note: String,
    /// Its line in the file.
    pub line: Option<u32>,
    /// It is dangerous as it is.
    pub critical: bool,
}

impl Generation {
    /// The generation by the version that its last file release had.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "2026.2",
            Self::Database => "2026.9",
        }
    }
}

impl Kind {
    /// All, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Taken, Self::Changed, Self::Refused, Self::Ignored];

    /// The name of its list in JSON.
    fn list(self) -> &'static str {
        match self {
            Self::Taken => "mapped",
            Self::Changed => "warnings",
            Self::Refused => "refused",
            Self::Ignored => "dropped",
        }
    }
}

impl Item {
    /// A thing with its fate and a note.
    pub fn new(kind: Kind, what: impl Into<String>, note: impl Into<String>) -> Self {
        Self { kind, what: what.into(), note: note.into(), line: None, critical: false }
    }

    /// The same, marked as dangerous.
    #[must_use]
    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    /// The same, with its line in the file.
    #[must_use]
    pub fn at(mut self, line: Option<u32>) -> Self {
        self.line = line;
        self
    }

    fn json(&self) -> Value {
        json!({
            "path": self.what,
            "message": self.note,
            "line": self.line,
            "critical": self.critical,
        })
    }
}

impl Report {
    /// The items that are refused.
    pub fn refused(&self) -> impl Iterator<Item = &Item> {
        self.settings.iter().chain(&self.state).filter(|item| item.kind == Kind::Refused)
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({
            "source": {
                "path": self.source,
                "generation": self.generation.as_str(),
                "version": self.version,
            },
            "config": lists(&self.settings),
            "state": lists(&self.state),
            "written": self.written,
        })
    }

    /// For people: taken over, changed meaning, refused, ignored.
    pub fn table(&self) -> String {
        text::table(self)
    }
}

fn lists(items: &[Item]) -> Value {
    let list = |kind: Kind| {
        let those = items.iter().filter(|item| item.kind == kind).map(Item::json);
        (kind.list().to_owned(), those.collect::<Value>())
    };
    Kind::ALL.into_iter().map(list).collect::<serde_json::Map<_, _>>().into()
}
