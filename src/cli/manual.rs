//! `openclaw help`: the help of a command, and its man page.

use std::ffi::OsString;

use clap::{Args, CommandFactory, Parser};

use crate::{Cli, Ended, Exit, Failure, Output, text, unparsed};

/// Shows help.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw help pairing approve
  openclaw help --man | man -l -
  openclaw help --man pairing approve > openclaw-pairing-approve.1")]
pub(super) struct Help {
    /// Print the man page instead
    #[arg(long)]
    man: bool,
    /// The command
    command: Vec<String>,
}

/// `openclaw pairing help approve` as `openclaw help pairing approve`.
pub(super) fn with_help_first(mut args: Vec<OsString>) -> Vec<OsString> {
    if let Some(at) = args.iter().position(|arg| arg == "help") {
        let help = args.remove(at);
        args.insert(1.min(args.len()), help);
    }
    args
}

impl Help {
    /// Prints it.
    pub(super) fn run(&self, output: &mut Output) -> Ended {
        if self.man {
            output.block(&self.page()?);
            return Ok(Exit::Done);
        }
        let words = self.command.iter().map(|word| word.to_ascii_lowercase());
        let words = words.chain(["--help".to_owned()]);
        let asked = std::iter::once("openclaw".to_owned()).chain(words);
        match Cli::try_parse_from(asked) {
            Ok(_) => Ok(Exit::Done),
            Err(help) => Ok(unparsed(&help)),
        }
    }

    fn page(&self) -> Result<String, Failure> {
        let mut root = Cli::command();
        root.build();
        let found = self.command.iter().try_fold(&root, |command, word| {
            command.find_subcommand(word.to_ascii_lowercase()).ok_or_else(|| text::no_command(word))
        })?;
        let mut bytes = Vec::new();
        clap_mangen::Man::new(found.clone()).render(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
