//! `openclaw completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Cli, Exit, Output};

/// Prints completions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions
  openclaw completions bash > ~/.local/share/bash-completion/completions/openclaw
  openclaw completions fish > ~/.config/fish/completions/openclaw.fish")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub(super) fn run(&self, output: &mut Output) -> Exit {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "openclaw", &mut text);
        output.block(&String::from_utf8_lossy(&text));
        Exit::Done
    }
}
