//! `openclaw logs` and `openclaw service logs`: what the service has logged, from where its manager keeps it.

use std::path::Path;

use clap::Args;

use super::{Which, home};
use crate::{
    Ended, Exit, Failure, Host, Output,
    service::{Kind, Profile, Service as Unit, ServiceError, manager, manager::Shown, plist},
    text,
};

/// So many lines are shown where none are asked for.
const LINES: u32 = 200;

/// Which lines.
#[derive(Clone, Debug, Args)]
struct Lines {
    /// Show new lines until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// At most so many lines, the newest
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    lines: Option<u32>,
}

/// What a named service has logged.
#[derive(Clone, Debug, Args)]
pub(crate) struct OfService {
    #[command(flatten)]
    lines: Lines,
    /// Only from this time on, as journalctl reads it: `1 hour ago`, `2026-12-02`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Show the log of the gateway that runs as a service
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw logs
  openclaw logs --follow
  openclaw logs --lines 1000 --json

It shows the log of the service of this state folder: of this user, else of
the machine. A gateway that was started by hand logs to its terminal.
`openclaw service logs` names another service. `openclaw audit show` shows
the decisions.")]
pub(crate) struct Logs {
    #[command(flatten)]
    lines: Lines,
    /// Print the journal as JSON; a log file is printed as it is
    #[arg(long)]
    json: bool,
}

impl OfService {
    /// Shows it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let unit = self.which.unit(host)?;
        let Lines { follow, lines } = self.lines;
        let shown = Shown { follow, lines, since: self.since.as_deref(), json: self.which.json };
        show(&unit, shown, output)
    }
}

impl Logs {
    /// Shows it.
    pub(crate) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let state = std::path::absolute(host.state()?.path())?;
        let unit = found(&state)?.ok_or_else(text::no_service_log)?;
        let Lines { follow, lines } = self.lines;
        let shown = Shown { follow, lines: lines.or(Some(LINES)), since: None, json: self.json };
        show(&unit, shown, output)
    }
}

fn show(unit: &Unit, shown: Shown<'_>, output: &mut Output) -> Ended {
    output.flush();
    match manager::hand_over(&manager::logs(unit, shown)) {
        Err(ServiceError::Absent(program)) => Err(text::no_log_program(&program)),
        ended => Ok(ended.map(|()| Exit::Done)?),
    }
}

/// The service that logs for this state folder; `None` where nothing keeps a log.
fn found(state: &Path) -> Result<Option<Unit>, Failure> {
    let home = home()?;
    let name = state.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let profile = name.strip_prefix(".openclaw-").and_then(|name| Profile::parse(name).ok());
    let of = |kind| Unit { profile: profile.clone(), state: state.to_owned(), ..Unit::usual(kind) };
    let units = [Kind::User, Kind::System].map(of);
    if let Some(unit) = units.into_iter().find(|unit| unit.unit_path(&home).exists()) {
        return Ok(Some(unit));
    }
    let agent = of(Kind::Launchd);
    Ok(plist::log(&agent).is_file().then_some(agent))
}
