//! `openclaw config`: whether it is right, where it is, what it comes to.

use clap::Subcommand;

use crate::{Ended, Exit, Host, Output, config, text};

/// What can be asked about the configuration.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw config check
  openclaw config check --config ./config.example.toml")]
pub(super) enum ConfigCommand {
    /// Check it as the start of the gateway does
    Check,
    /// Print which file is read
    Path,
    /// Print what is in effect, defaults included and secrets masked
    Show,
}

impl ConfigCommand {
    /// Does it.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Check => {
                let config = host.config()?;
                for warning in &config.warnings {
                    output.note(format!("warning: {warning}"));
                }
                output.line(text::config_checked(config.file.as_deref()));
            }
            Self::Path => {
                let file = host.config_file()?;
                output.line(file.display().to_string());
                if !file.exists() {
                    output.note(text::NO_CONFIG);
                }
            }
            Self::Show => output.block(&config::show::show(&host.config()?)),
        }
        Ok(Exit::Done)
    }
}
