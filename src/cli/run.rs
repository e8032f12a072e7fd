//! `openclaw gateway`: the gateway in the foreground, and what it says when it is ready; `status` and `call` ask one.

use std::{io::IsTerminal, sync::Arc};

use clap::{Args, Subcommand};

use crate::{
    Ended, Exit, Host, Output, ask,
    auth_token::AuthToken,
    gateway::{Start, run},
    log, text,
};

/// The gateway.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Gateway {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start it in the foreground; the same as `openclaw gateway`
    Run(Run),
    /// Show whether a gateway runs, and which one
    Status(ask::Status),
    /// Call a method of a gateway
    Call(ask::Call),
    /// Show where the command line's token comes from, or print it
    AuthToken(AuthToken),
}

/// Starts it.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw gateway run
  openclaw gateway run --config ~/openclaw.toml --port 18790

It listens on this machine only, unless `gateway.bind` says otherwise.
Ctrl-C stops it. `--log debug` logs more; `--log info,openclaw_gateway=debug`
logs more of one part.")]
struct Run {
    /// The port, instead of `gateway.port`
    #[arg(long)]
    port: Option<u16>,
    /// The log level, or levels by target; instead of `OPENCLAW_LOG`
    #[arg(long, value_name = "LEVELS")]
    log: Option<String>,
    /// The log format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: log::Format,
}

impl Gateway {
    /// True where it is to become a gateway.
    pub(super) fn serves(&self) -> bool {
        matches!(self.what, None | Some(What::Run(_)))
    }

    /// Runs until it is told to stop.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let given = match self.what {
            Some(What::AuthToken(asked)) => return asked.run(host, output),
            Some(What::Run(given)) => given,
            Some(What::Status(status)) => return status.run(host, output),
            Some(What::Call(call)) => return call.run(host, output),
            None => self.run,
        };
        let origin = Arc::new(host.origin(given.port)?);
        let mut config = host.config()?;
        config.port = given.port.unwrap_or(config.port);
        let terminal = std::io::stdout().is_terminal();
        let console = openclaw_plugin_sdk::console::attended();
        log::start(given.log_format, given.log.as_deref())?;
        for warning in host.warnings(&config)?.iter().chain(&config.lacking) {
            tracing::warn!("{warning}");
        }
        let state = host.state()?;
        if state.is_fresh() {
            for other in state.others(Host::env) {
                tracing::warn!("{}", text::other_state(state.path(), &other));
            }
        }
        run(Start { config, state, origin, console, terminal }, |ready| {
            for line in text::ready(ready) {
                output.line(line);
            }
            output.flush();
        })?;
        Ok(Exit::Done)
    }
}
