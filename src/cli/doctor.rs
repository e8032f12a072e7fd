//! `openclaw doctor`: does this set-up work? It changes nothing without `--fix`.

use clap::Args;
use serde_json::json;

use crate::{
    Cell, Ended, Exit, Failure, Host, Output,
    checks::{Check, Context, repair, run, works},
    gateway, text,
};

/// Look for what does not work, and say how to end it
#[derive(Debug, Args)]
#[command(after_help = "\
Without --fix nothing is changed. With it, only file modes, stale sockets and
locks, and what a crash left behind; never the configuration or a permission.

Examples:
  openclaw doctor
  openclaw doctor --deep
  openclaw doctor --fix

Exit codes: 0 nothing or only news, 1 something is wrong, 2 wrong usage,
4 --deep found no running gateway.")]
pub(super) struct Doctor {
    /// Ask the running gateway and the assistant too; this takes at most 20 seconds
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    how: How,
}

/// What both lists of checks can be told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct How {
    /// Repair what can be repaired without a decision
    #[arg(long)]
    fix: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit with 0 where there are only warnings
    #[arg(long)]
    warn_ok: bool,
    /// Only list the checks: the id of each, and what it finds
    #[arg(long, conflicts_with_all = ["fix", "warn_ok"])]
    list: bool,
}

impl Doctor {
    /// Looks.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let assistant = if self.deep && !self.how.list { asked(host)? } else { None };
        let read = || Ok(Context::read(host.found(assistant.clone())?));
        let (exit, has_gateway) = self.how.show(works::CHECKS, &read, output)?;
        if self.deep && !has_gateway {
            return Err(text::deep_needs_a_gateway());
        }
        Ok(exit)
    }
}

/// Whether the assistant answers; nothing where no configuration says which.
fn asked(host: &Host) -> Result<Option<Result<(), String>>, Failure> {
    let Ok(config) = host.loaded_anyway()? else { return Ok(None) };
    let tried = gateway::try_assistant(&config)?;
    Ok(Some(tried.result.map(drop).map_err(|error| error.to_string())))
}

impl How {
    /// Lists the checks.
    fn tell(&self, checks: &[Check], output: &mut Output) -> Ended {
        if self.json {
            let all = checks.iter().map(|check| json!({ "id": check.id, "finds": check.about }));
            return output.json(&all.collect::<Vec<_>>());
        }
        let rows = checks.iter().map(|check| [("Id", check.id), ("Finds", check.about)]);
        output.table(
            rows.map(|row| row.map(|(name, text)| Cell::Whole(name, text.to_owned())).into()),
        );
        Ok(Exit::Done)
    }

    /// Runs a list of checks, repairs what was asked for, and shows what was found, or what is left of it. Says also
    /// whether a gateway runs.
    pub(super) fn show(
        &self,
        checks: &[Check],
        read: &dyn Fn() -> Result<Context, Failure>,
        output: &mut Output,
    ) -> Result<(Exit, bool), Failure> {
        if self.list {
            return self.tell(checks, output).map(|exit| (exit, true));
        }
        let mut context = read()?;
        let mut report = run(checks, &context);
        if self.fix {
            let failed = repair::all(&mut report, &context, &Host::approver());
            for repair::Failed { id, why } in failed {
                output.note(text::not_repaired(&id, &why));
            }
            // What is repaired may have hidden other things, or have been the cause of them.
            context = read()?;
            let fixed = std::mem::take(&mut report.fixed);
            report = run(checks, &context);
            report.fixed = fixed;
        }
        if self.json {
            output.json(&report.json(self.warn_ok))?;
        } else {
            for line in report.lines() {
                output.line(line);
            }
        }
        let exit = if report.is_ok(self.warn_ok) { Exit::Done } else { Exit::Failed };
        Ok((exit, context.has_gateway()))
    }
}
