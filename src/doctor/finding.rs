//! One thing that is wrong, where it stands, and the command that ends it.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::UnixMs;

use crate::repair::Repair;

/// How bad it is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// It can become a problem.
    Warn,
    /// Something does not work.
    Error,
    /// Others can get in, or read secrets.
    Critical,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Error, Self::Warn, Self::Info];

    /// As JSON and metrics spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// Where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// The key of the configuration.
    pub key: Option<String>,
}

/// What ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The command, or the line to write.
    pub command: String,
    /// What `--fix` does about it by itself.
    pub(crate) repair: Option<Repair>,
}

impl Fix {
    /// True where `--fix` does it.
    pub fn is_automatic(&self) -> bool {
        self.repair.is_some()
    }
}

/// One thing that is wrong. No text of it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its id, a promise to scripts and to `[audit] accept`.
    pub id: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: an account, a file below the state folder, a device. Empty for the whole set-up.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// What ends it.
    pub fix: Option<Fix>,
    /// Since when, where that is known.
    pub since: Option<UnixMs>,
}

impl Finding {
    /// A finding that names no place and no way out yet; the list gives it its id.
    pub(crate) fn new(
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            id: Cow::Borrowed(""),
            severity,
            subject: subject.into(),
            message: message.into(),
            place: None,
            fix: None,
            since: None,
        }
    }

    pub(crate) fn in_file(mut self, file: &Path) -> Self {
        self.place = Some(Place { file: file.to_owned(), ..Place::default() });
        self
    }

    pub(crate) fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub(crate) fn since(mut self, since: UnixMs) -> Self {
        self.since = Some(since);
        self
    }

    /// A person does it.
    pub(crate) fn by_hand(mut self, command: impl Into<String>) -> Self {
        self.fix = Some(Fix { command: command.into(), repair: None });
        self
    }

    /// `--fix` does it.
    pub(crate) fn by_itself(mut self, command: impl Into<String>, repair: Repair) -> Self {
        self.fix = Some(Fix { command: command.into(), repair: Some(repair) });
        self
    }
}
