//! `openclaw audit`: the decisions, who made them, and whether the log is intact.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    Cell, Ended, Exit, Host, Output, Whole,
    store::audit::{self, Line},
    text,
};

/// What can be done with the access log.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw audit show 100
  openclaw audit verify
  openclaw audit accept --yes")]
pub(super) enum Audit {
    /// Accept the access log and the state files as they are, despite what `verify` reports
    Accept(Accept),
    /// Show the newest lines
    Show(Show),
    /// Look for changed, missing, reordered or cut lines, for files that are gone or not as they were written, and
    /// for access that no line explains
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Takes the files as they are.
#[derive(Debug, Args)]
#[command(after_help = "\
It is better to put a copy of the right file back while no gateway runs.
What a lost file said is unknown from then on: blocks, access that ends, removed
devices, owners. Look afterwards at `openclaw access list`,
`openclaw devices list` and `openclaw owner show`.

Examples:
  openclaw audit accept
  openclaw audit accept --yes")]
pub(super) struct Accept {
    /// Do it; without this it only says what would be accepted
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows lines.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw audit show
  openclaw audit show 100 --json")]
pub(super) struct Show {
    /// How many lines
    #[arg(value_name = "N", default_value = "20")]
    count: NonZeroUsize,
    /// Print JSON, a line each
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let (accepts, json) = match self {
            Self::Accept(Accept { yes, json }) => (Some(yes), json),
            Self::Show(show) => return show.run(host, output),
            Self::Verify { json } => (None, json),
        };
        let store = host.store()?;
        let report = store.verify(Host::now())?;
        let lines = text::audit_report(&report);
        if !json {
            for line in &lines {
                output.line(line);
            }
        }
        let accepted = !report.is_whole() && accepts == Some(true);
        if accepted {
            store.accept_as_is(&Host::approver(), Host::now())?;
        }
        if json {
            let whole = report.is_whole();
            let count = report.lines;
            let said =
                json!({ "intact": whole, "lines": count, "report": lines, "accepted": accepted });
            output.json(&said)?;
        }
        match accepts {
            _ if report.is_whole() => Ok(Exit::Done),
            None => Err(text::not_as_written(host.state()?.path())),
            Some(false) => Err(text::not_accepted()),
            Some(true) if json => Ok(Exit::Done),
            Some(true) => {
                output.line(text::ACCEPTED);
                Ok(Exit::Done)
            }
        }
    }
}

impl Show {
    fn run(&self, host: &Host, output: &mut Output) -> Ended {
        let lines = audit::show(&host.state()?, self.count.get())?;
        if self.json {
            for line in &lines {
                output.json_line(line)?;
            }
        } else if lines.is_empty() {
            output.line(text::NO_LINES);
        } else {
            output.table(lines.iter().map(row));
        }
        Ok(Exit::Done)
    }
}

fn to_the_second((seconds, _): (&str, &str)) -> String {
    format!("{seconds}Z")
}

fn row(line: &Line) -> Vec<Cell> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        Whole("No", line.seq.to_string()),
        Whole("When", line.at.split_once('.').map_or_else(|| line.at.clone(), to_the_second)),
        Whole("What", line.action.clone()),
        Whole("Channel", or_none(&line.channel)),
        Whole("Account", or_none(&line.account)),
        Whole("Subject", or_none(&line.subject)),
        Whole("By", line.actor.clone()),
        Whole("Where", line.surface.clone()),
    ]
}
