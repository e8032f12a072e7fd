//! Why a command did not do it: a chain for a person, an exit code for a script, and the way on.

use std::process::ExitCode;

use crate::{
    client::RemoteError, config::problem::ConfigError, local_client::LocalError, output::tamed,
    service::ServiceError, store::StoreError, text,
};

/// What a command ends with. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, also where only a message about it failed.
    Done = 0,
    /// It failed, or the configuration is bad.
    Failed = 1,
    /// Wrong usage, or an unknown channel.
    Usage = 2,
    /// Nothing matched.
    NoMatch = 3,
    /// No gateway answers.
    Unreachable = 4,
    /// `gateway run`: its files cannot be read.
    Unreadable = 71,
    /// `gateway run`: another program has the state folder or the port.
    Taken = 75,
    /// `gateway run`: the configuration is wrong, or asks for what this machine refuses.
    Misconfigured = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How a command ends.
pub(super) type Ended = Result<Exit, Failure>;

/// Why a command did not do it.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    said: Said,
    hint: Option<String>,
}

#[derive(Debug)]
enum Said {
    /// After `error: `, with its causes.
    Error(anyhow::Error),
    /// One of the texts that the tutorial promises, alone on its line.
    Line(String),
}

impl Failure {
    /// A text that stands alone on its line.
    pub(super) fn line(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, said: Said::Line(text.into()), hint: None }
    }

    /// An error that has no cause beneath it.
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, said: Said::Error(anyhow::Error::msg(text.into())), hint: None }
    }

    /// The command line makes no sense.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// The same, with the way on.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub(super) fn ending(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// What the command ends with.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// The lines for standard error.
    pub(super) fn spell(&self, colours: bool) -> String {
        let (before, after) = if colours { ("\u{1b}[1;", "\u{1b}[0m") } else { ("", "") };
        let word = |word: &str, colour: &str| {
            let colour = if colours { colour } else { "" };
            format!("{before}{colour}{word}:{after}")
        };
        let said = match &self.said {
            Said::Error(error) => {
                let text = tamed(&chain(error));
                // What is indented belongs to the line above.
                let lines = text.lines().map(|line| match line.strip_prefix("  ") {
                    Some(_) => line.to_owned(),
                    None => format!("{} {line}", word("error", "31m")),
                });
                lines.collect::<Vec<_>>().join("\n")
            }
            Said::Line(line) => tamed(line),
        };
        let hints = self.hint.iter().flat_map(|hint| hint.lines());
        let hints = hints.map(|line| format!("{} {}", word("hint", "36m"), tamed(line)));
        let mut text = [said].into_iter().chain(hints).collect::<Vec<_>>().join("\n");
        text.push('\n');
        text
    }
}

/// An error and its causes. Some errors tell their cause themselves: it is not told twice.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut error = error.into();
        let (mut exit, mut hint) = (Exit::Failed, None);
        if let Some(error) = error.downcast_ref::<RemoteError>() {
            (exit, hint) = (exit_of(error), text::hint_remote(error));
        } else if let Some(error) = error.downcast_ref::<LocalError>() {
            (exit, hint) = (exit_of_local(error), text::hint_local(error));
        } else if let Some(error) = error.downcast_ref::<StoreError>() {
            hint = text::hint_store(error);
        } else if let Some(error) = error.downcast_ref::<ServiceError>() {
            hint = error.way_out().map(str::to_owned);
        } else if let Some(invalid) = error.downcast_ref::<ConfigError>() {
            hint = text::hint_config(invalid);
            error = anyhow::Error::msg(invalid.at_length());
        }
        Self { exit, said: Said::Error(error), hint }
    }
}

fn exit_of(error: &RemoteError) -> Exit {
    match error {
        RemoteError::Address(_) | RemoteError::NoSecret(_) | RemoteError::Plaintext(_) => {
            Exit::Usage
        }
        RemoteError::Local(error) => exit_of_local(error),
        RemoteError::Closed { .. }
        | RemoteError::Foreign(_)
        | RemoteError::Silent(_)
        | RemoteError::Unreachable { .. } => Exit::Unreachable,
        RemoteError::Refused(refused) if is_unknown(&refused.message) => Exit::NoMatch,
        _ => Exit::Failed,
    }
}

fn exit_of_local(error: &LocalError) -> Exit {
    match error {
        LocalError::Broken(_) | LocalError::Unreachable { .. } => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// True where the gateway knows no such request, device or node.
pub(super) fn is_unknown(message: &str) -> bool {
    let starts = ["unknown requestId", "unknown deviceId", "unknown nodeId"];
    starts.iter().any(|start| message.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_chain_with_the_way_on() {
        let error = anyhow::anyhow!("permission denied").context("cannot write /s/a.json");
        let failure = Failure::from(error).hint("look at it\nthen again");
        let plain = "error: cannot write /s/a.json: permission denied\nhint: look at it\nhint: then again\n";
        assert_eq!(failure.spell(false), plain);
        assert!(failure.spell(true).starts_with("\u{1b}[1;31merror:\u{1b}[0m cannot write"));
        assert_eq!(failure.exit(), Exit::Failed);
    }

    #[test]
    fn no_cause_is_told_twice() {
        let source = std::io::Error::other("the disk is full");
        let error = StoreError::Io { doing: "write", path: "/s/a.json".into(), source };
        let failure = Failure::from(error);
        assert_eq!(
            failure.spell(false),
            "error: cannot write /s/a.json: the disk is full\nhint: nothing was changed\n"
        );
    }

    #[test]
    fn a_promised_text_stands_alone_on_its_line() {
        let failure = Failure::line(Exit::NoMatch, "Nobody.");
        assert_eq!((failure.spell(true), failure.exit()), ("Nobody.\n".to_owned(), Exit::NoMatch));
    }
}
