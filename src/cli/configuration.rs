//! `openclaw config`: whether it is right, where it is, what it comes to.

use clap::Subcommand;

use crate::{Ended, Exit, Failure, Host, Output, config, gateway, text};

/// What can be asked about the configuration.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw config check
  openclaw config check --deep
  openclaw config check --config ./config.example.toml")]
pub(super) enum ConfigCommand {
    /// Check it as the start of the gateway does
    Check {
        /// Ask the assistant too, whether it answers; takes at most 20 seconds
        #[arg(long)]
        deep: bool,
    },
    /// Print which file is read
    Path,
    /// Print what is in effect, defaults included and secrets masked
    Show,
}

impl ConfigCommand {
    /// Does it.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Check { deep } => check(*deep, host, output)?,
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

fn check(deep: bool, host: &Host, output: &mut Output) -> Result<(), Failure> {
    let config = host.config()?;
    for warning in host.warnings(&config)? {
        output.note(format!("warning: {warning}"));
    }
    if !config.lacking.is_empty() {
        return Err(Failure::new(Exit::Failed, config.lacking.join("\n")));
    }
    output.line(text::config_checked(config.file.as_deref()));
    if deep {
        let tried = gateway::try_assistant(&config)?;
        output.line(text::assistant_asked(&config.assistant.responder, &tried.asks));
        let answer = tried.result.map_err(|error| text::assistant_failed(&error))?;
        output.line(text::assistant_answers(&answer));
    }
    Ok(())
}
