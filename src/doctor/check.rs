//! A check is a row of a table: its id, what it needs, and a function that looks.

use std::borrow::Cow;

use crate::{Context, Finding, Report, Severity, audit, report::Skipped, text, works};

/// What has to be there for a check to say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A configuration that holds.
    Config,
    /// The running gateway of this state folder.
    Gateway,
    /// That the caller has asked the assistant.
    Deep,
    /// A unit file of a service.
    Service,
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The id of its findings; `*` stands for a channel and an account.
    pub id: &'static str,
    /// What it finds, without a name, a path or a value: what a chat may be told.
    pub about: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// Looks.
    pub run: fn(&Context) -> Vec<Finding>,
}

/// Runs both lists, and what stands in both once.
pub fn run_all(context: &Context) -> Report {
    let is_new = |check: &&Check| works::CHECKS.iter().all(|other| other.id != check.id);
    run_each(works::CHECKS.iter().chain(audit::CHECKS.iter().filter(is_new)), context)
}

/// Runs checks. What the owner accepts counts no more, but stays visible.
pub fn run(checks: &[Check], context: &Context) -> Report {
    run_each(checks.iter(), context)
}

fn run_each<'a>(checks: impl Iterator<Item = &'a Check>, context: &Context) -> Report {
    let mut report = Report::new(context);
    for check in checks {
        if let Some(why) = missing(check.needs, context) {
            report.skipped.push(Skipped { id: check.id, why });
            continue;
        }
        report.ran += 1;
        for mut finding in (check.run)(context) {
            if finding.id.is_empty() {
                finding.id = Cow::Borrowed(check.id);
            }
            report.add(finding, check, context);
        }
    }
    report.findings.sort_by_key(|found| std::cmp::Reverse(found.0.severity));
    report
}

/// Why a check cannot say anything here.
fn missing(needs: Needs, context: &Context) -> Option<&'static str> {
    match needs {
        Needs::Config if context.config.is_none() => Some(text::NO_CONFIG),
        Needs::Gateway if context.gateway.seen().is_none() => Some(text::NO_GATEWAY),
        Needs::Deep if context.assistant.is_none() => Some(text::NOT_DEEP),
        Needs::Service if context.unit.is_none() => Some(text::NO_SERVICE),
        _ => None,
    }
}

/// True where a list says that something is wrong; warnings may be let pass.
pub(crate) fn is_wrong(worst: Option<Severity>, warn_ok: bool) -> bool {
    worst.is_some_and(|worst| worst > if warn_ok { Severity::Warn } else { Severity::Info })
}
