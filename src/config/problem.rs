//! What is wrong with a configuration: collected, so that one run names all of it. No text holds a value that may be a secret.

use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It says something that cannot be; everything that is wrong, in the order of the file.
    #[error("{}", one_a_line(.0))]
    Invalid(Vec<Problem>),
    /// It was there, and is gone, empty or cut off.
    #[error("{path} {why}", path = path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// What became of it, and the way on.
        why: String,
    },
    /// A file was named, and is not there.
    #[error("{named_by} names {path}, which does not exist", path = path.display())]
    Missing {
        /// `--config` or the environment name.
        named_by: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Others can put another file in its place.
    #[error("{0}")]
    Untrusted(String),
    /// The operating system does not give it.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line in the file, from 1; `None` for what the environment said.
    pub line: Option<usize>,
    /// The file; `None` for what the environment said.
    pub file: Option<PathBuf>,
    /// What, naming the key, and what would be right.
    pub text: String,
    /// The line with a mark under what is wrong; for a person at a terminal, and for no log.
    pub excerpt: Option<String>,
}

impl ConfigError {
    /// The same for a person at a terminal: with the line that is no TOML.
    pub fn at_length(&self) -> String {
        let Self::Invalid(problems) = self else { return self.to_string() };
        let shown = |problem: &Problem| {
            let excerpt = problem.excerpt.iter().map(|excerpt| format!("\n{excerpt}"));
            format!("{problem}{}", excerpt.collect::<String>())
        };
        problems.iter().map(shown).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        match (&self.file, self.line) {
            (Some(_), Some(line)) => write!(f, "{line}: {}", self.text),
            (Some(_), None) => write!(f, " {}", self.text),
            (None, _) => f.write_str(&self.text),
        }
    }
}

/// A shorter value is no secret, and hiding it would leave no text readable.
const SHORTEST: usize = 4;

/// Where problems and warnings are put while the file is read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    file: Option<PathBuf>,
    found: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    lacking: RefCell<Vec<Problem>>,
    /// What no text repeats, as a key or otherwise.
    secrets: RefCell<Vec<String>>,
}

/// Where something stands: in a line of the file, or in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Environment,
    Line(usize),
}

impl Problems {
    pub(super) fn of(file: Option<&Path>) -> Self {
        Self { file: file.map(Path::to_owned), ..Self::default() }
    }

    pub(super) fn add(&self, at: Stand, text: impl Into<String>) {
        self.found.borrow_mut().push(self.problem(at, &text.into()));
    }

    /// The same with the line itself.
    pub(super) fn show(&self, at: Stand, text: &str, excerpt: String) {
        let excerpt = Some(excerpt);
        self.found.borrow_mut().push(Problem { excerpt, ..self.problem(at, text) });
    }

    /// From here on nothing repeats this value.
    pub(super) fn hide(&self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() >= SHORTEST {
            self.secrets.borrow_mut().push(secret.to_owned());
        }
    }

    pub(super) fn warn(&self, at: Stand, text: impl Into<String>) {
        self.warnings.borrow_mut().push(self.problem(at, &text.into()));
    }

    /// What the file names and this machine does not have.
    pub(super) fn lacks(&self, at: Stand, text: impl Into<String>) {
        self.lacking.borrow_mut().push(self.problem(at, &text.into()));
    }

    /// The warnings and what this machine lacks, a sentence each, or everything that is wrong. What several accounts
    /// inherit is told once.
    pub(super) fn finish(self) -> Result<(Vec<String>, Vec<String>), ConfigError> {
        let secrets = self.secrets.into_inner();
        let without = |problem: &mut Problem| {
            for secret in &secrets {
                problem.text = problem.text.replace(secret.as_str(), "…");
                let shown = problem.excerpt.take();
                problem.excerpt = shown.map(|shown| shown.replace(secret.as_str(), "…"));
            }
        };
        let mut found = self.found.into_inner();
        found.iter_mut().for_each(without);
        found.sort();
        found.dedup();
        if !found.is_empty() {
            return Err(ConfigError::Invalid(found));
        }
        let told = |problems: RefCell<Vec<Problem>>| {
            let mut problems = problems.into_inner();
            problems.iter_mut().for_each(without);
            problems.sort();
            problems.dedup();
            problems.iter().map(Problem::to_string).collect()
        };
        Ok((told(self.warnings), told(self.lacking)))
    }

    fn problem(&self, at: Stand, text: &str) -> Problem {
        // One line each, whatever a key or a plugin says.
        let text = text.replace(char::is_control, " ");
        match at {
            Stand::Environment => Problem { line: None, file: None, text, excerpt: None },
            Stand::Line(line) => {
                Problem { line: Some(line), file: self.file.clone(), text, excerpt: None }
            }
        }
    }
}

fn one_a_line(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
