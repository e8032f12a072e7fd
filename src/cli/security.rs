//! `openclaw security audit`: is this set-up safe? It changes nothing without `--fix`.

use clap::{Args, Subcommand};

use crate::{
    Ended, Host, Output,
    checks::{Context, audit},
    doctor::How,
};

/// What can be asked about safety.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw security audit
  openclaw security audit --json")]
pub(super) enum Security {
    /// Look for what lets others in, or lets them read secrets
    Audit(Audit),
}

/// Looks.
#[derive(Debug, Args)]
#[command(after_help = "\
A finding that you want to live with goes into `[audit] accept` of the
configuration, with a reason and an end. Without --fix nothing is changed;
with it, only file modes.

Examples:
  openclaw security audit
  openclaw security audit --warn-ok")]
pub(super) struct Audit {
    #[command(flatten)]
    how: How,
}

impl Security {
    /// Looks.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let Self::Audit(Audit { how }) = self;
        let read = || Ok(Context::read(host.found(None)?));
        how.show(audit::CHECKS, &read, output).map(|(exit, _)| exit)
    }
}
