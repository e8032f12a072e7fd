//! `openclaw audit`: the decisions, who made them, and whether the log is intact.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    host::Host,
    output::{
        Cell::{self, Whole},
        Output, whole,
    },
};
use crate::store::audit::{
    self, Line,
    verify::{Report, Unexplained},
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
    /// for grants that no line explains
    Verify,
}

/// Takes the files as they are.
#[derive(Debug, Args)]
#[command(after_help = "\
Better than this is to put a copy of the right file back, while no gateway runs.
What a lost file said is not known any more: blocks, access that ends, removed devices, owners. Look at
`openclaw access list`, `openclaw devices list` and `openclaw owner show` afterwards.

Examples:
  openclaw audit accept
  openclaw audit accept --yes")]
pub(super) struct Accept {
    /// Do it; without this it only says what would be accepted
    #[arg(long)]
    yes: bool,
}

/// Shows lines.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw audit show
  openclaw audit show 100 --json")]
pub(super) struct Show {
    /// How many
    #[arg(value_name = "N", default_value = "20")]
    count: NonZeroUsize,
    /// Print JSON, a line each
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Accept(accept) => accept.run(host, output),
            Self::Show(show) => show.run(host, output),
            Self::Verify => verify(host, output),
        }
    }
}

impl Accept {
    fn run(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let store = host.store()?;
        let report = store.verify(Host::now())?;
        for line in said(&report) {
            output.line(line);
        }
        if report.is_whole() {
            return Ok(Exit::Done);
        }
        if !self.yes {
            let text = "Nothing was changed.";
            let hint = "`openclaw audit accept --yes` accepts the files as they are";
            return Err(Failure::line(Exit::Failed, text).hint(hint));
        }
        store.accept_as_is(&Host::approver(), Host::now())?;
        output.line("Accepted. A new line in the access log says so.");
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let lines = audit::show(&host.state()?, self.count.get())?;
        if self.json {
            for line in &lines {
                output.line(serde_json::to_string(line).map_err(anyhow::Error::from)?);
            }
            return Ok(Exit::Done);
        }
        if lines.is_empty() {
            output.line("The access log is empty.");
            return Ok(Exit::Done);
        }
        output.table(lines.iter().map(row));
        Ok(Exit::Done)
    }
}

fn row(line: &Line) -> Vec<Cell> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        Whole("No", line.seq.to_string()),
        Whole("When", line.at.clone()),
        Whole("What", line.action.clone()),
        Whole("Channel", or_none(&line.channel)),
        Whole("Account", or_none(&line.account)),
        Whole("Subject", or_none(&line.subject)),
        Whole("By", line.actor.clone()),
        Whole("Where", line.surface.clone()),
    ]
}

fn verify(host: &Host, output: &mut Output) -> Result<Exit, Failure> {
    let report = host.store()?.verify(Host::now())?;
    for line in said(&report) {
        output.line(line);
    }
    if report.is_whole() {
        return Ok(Exit::Done);
    }
    let text = format!(
        "the access log or a state file in {} is not as it was written",
        host.state()?.path().display()
    );
    let hint = "put copies of the right files back, or see `openclaw audit accept --help`";
    Err(Failure::new(Exit::Failed, text).hint(hint))
}

/// Entries of the field without a line are told and are no failure: every folder of another program has them.
fn said(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    if report.repaired {
        lines.push("The last line was incomplete and had no effect; it was removed.".to_owned());
    }
    if let Some((seq, old)) = report.accepted.as_ref().filter(|(_, old)| !old.is_empty()) {
        let old: Vec<String> = old.iter().map(ToString::to_string).collect();
        lines.push(format!("Accepted in line {seq}: {}.", old.join("; ")));
    }
    lines.extend(report.unexplained.iter().map(|grant| match grant {
        Unexplained::Block(channel, sender) => {
            let sender = whole(sender.as_str());
            format!("No line explains the block of {channel}:{sender} in access/grants.json.")
        }
        Unexplained::Device(device) => format!("No line explains the device {device}."),
        Unexplained::Entry { file, sender } => {
            let (file, sender) = (file.display(), whole(sender.as_str()));
            format!("No line explains {sender} in {file}.")
        }
        Unexplained::Grant(contact) => {
            format!("No line explains {} in access/grants.json.", whole(&contact.to_string()))
        }
        Unexplained::Owner(owner) => {
            let sender = whole(owner.sender.as_str());
            format!("No line explains the owner {}:{sender}.", owner.channel)
        }
        Unexplained::Removed(device) => {
            format!("No line explains that the device {device} was removed.")
        }
    }));
    if report.is_whole() {
        let lines_word = if report.lines == 1 { "line" } else { "lines" };
        lines.push(format!("The access log is intact: {} {lines_word}.", report.lines));
    }
    lines
}
