//! `openclaw gateway`: the gateway in the foreground, and what it says when it is ready; `status` and `call` ask one.

use std::{
    io::{ErrorKind, IsTerminal},
    path::Path,
    sync::Arc,
};

use clap::{Args, Subcommand};

use crate::{
    Ended, Exit, Failure, Host, Output, ask,
    auth_token::AuthToken,
    gateway::{RunError, SingleError, Start, run},
    log,
    network::{bind::BindError, identity::IdentityError, secret::SecretError, tls::TlsError},
    store::{StoreError, imports},
    text,
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
logs more of one part.

Exit codes: 0 asked to stop, 71 files unreadable, 75 state folder or port
taken, 78 wrong configuration, 1 anything else.")]
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
    /// Start although a database was not imported
    #[arg(long)]
    ignore_database: bool,
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
        given.serve(host, output)
    }
}

impl Run {
    /// Serves until it is told to stop. Its exit codes tell a service manager whether another try helps.
    fn serve(self, host: &Host, output: &mut Output) -> Ended {
        let wrong = |failure: Failure| failure.ending(Exit::Misconfigured);
        let origin = Arc::new(host.origin(self.port).map_err(wrong)?);
        let mut config = host.config().map_err(wrong)?;
        config.port = self.port.unwrap_or(config.port);
        self.may_start(host)?;
        let terminal = std::io::stdout().is_terminal();
        let console = openclaw_plugin_sdk::console::attended();
        log::start(self.log_format, self.log.as_deref())?;
        for warning in host.warnings(&config)?.iter().chain(&config.lacking) {
            tracing::warn!("{warning}");
        }
        let state = host.state()?;
        if state.is_fresh() {
            for other in state.others(Host::env) {
                tracing::warn!("{}", text::other_state(state.path(), &other));
            }
        }
        let folder = state.path().to_owned();
        let ended = run(Start { config, state, origin, console, terminal }, |ready| {
            for line in text::ready(ready) {
                output.line(line);
            }
            output.flush();
        });
        ended.map(|()| Exit::Done).map_err(|error| ended_by(error, &folder))
    }

    /// An error where lists of approved people stand beside a database that decides otherwise, or an import is half
    /// done. No database is opened.
    fn may_start(&self, host: &Host) -> Result<(), Failure> {
        let state = host.state()?;
        if let Some(folder) = imports::unfinished(&state)? {
            return Err(text::half_imported(&folder).ending(Exit::Misconfigured));
        }
        match imports::unimported(&state)? {
            Some(database) if !self.ignore_database => {
                Err(text::not_imported(&database).ending(Exit::Misconfigured))
            }
            _ => Ok(()),
        }
    }
}

fn ended_by(error: RunError, folder: &Path) -> Failure {
    let forbidden = is_forbidden(&error);
    let exit = if forbidden { Exit::Misconfigured } else { exit_of(&error) };
    let failure = Failure::from(error).ending(exit);
    if forbidden { failure.hint(text::hint_forbidden(folder)) } else { failure }
}

/// True where this user may not write into the state folder, as with a volume that belongs to root.
fn is_forbidden(error: &RunError) -> bool {
    let RunError::Single(
        SingleError::Folder(StoreError::Io { source, .. }) | SingleError::Io { source, .. },
    ) = error
    else {
        return false;
    };
    matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn exit_of(error: &RunError) -> Exit {
    match error {
        // A tailnet comes up later than the gateway: another try helps.
        RunError::Single(SingleError::Runs(_))
        | RunError::Bind(BindError::Taken(_) | BindError::NoTailnet) => Exit::Taken,
        RunError::Single(SingleError::Folder(error))
        | RunError::Store(error)
        | RunError::Identity(IdentityError::Store(error))
        | RunError::Secret(SecretError::Store(error))
        | RunError::Tls(TlsError::Store(error)) => exit_of_store(error),
        RunError::Single(SingleError::Io { .. })
        | RunError::Journal { .. }
        | RunError::Identity(IdentityError::Damaged) => Exit::Unreadable,
        RunError::Bind(BindError::Io { source, .. })
            if source.kind() != ErrorKind::PermissionDenied =>
        {
            Exit::Failed
        }
        RunError::Bind(BindError::NotOurs(_) | BindError::Io { .. })
        | RunError::Plugin { .. }
        | RunError::Secret(SecretError::NoPassword)
        | RunError::Tls(TlsError::Missing(..) | TlsError::NoPem(..) | TlsError::Mismatch { .. }) => {
            Exit::Misconfigured
        }
        RunError::Io { .. } | RunError::Tls(_) => Exit::Failed,
    }
}

fn exit_of_store(error: &StoreError) -> Exit {
    if matches!(error, StoreError::Busy { .. }) { Exit::Taken } else { Exit::Unreadable }
}
