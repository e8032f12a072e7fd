//! What a list of checks has found, as text, as JSON, as numbers, and for an owner's chat.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{UnixMs, neutral};
use serde_json::{Value, json};

use crate::{
    Check, Context, Finding, Severity,
    check::{is_wrong, run_all},
    config::Accepted,
    text, world,
};

/// A check that was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its id.
    pub id: &'static str,
    /// Why.
    pub why: &'static str,
}

/// Something that `--fix` has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The finding's id.
    pub id: String,
    /// What was done.
    pub did: String,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    state: String,
    /// So many checks were run.
    pub ran: usize,
    /// These were not.
    pub skipped: Vec<Skipped>,
    /// What is wrong, the worst first, with what its check finds in general.
    pub(crate) findings: Vec<(Finding, &'static str)>,
    /// What is wrong and accepted.
    pub(crate) accepted: Vec<(Finding, Accepted)>,
    /// What `--fix` has done.
    pub fixed: Vec<Fixed>,
}

impl Report {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            state: context.state.path().display().to_string(),
            ran: 0,
            skipped: Vec::new(),
            findings: Vec::new(),
            accepted: Vec::new(),
            fixed: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, finding: Finding, check: &Check, context: &Context) {
        let accepted = context.config.iter().flat_map(|config| &config.accepted);
        let fits = |one: &&Accepted| {
            let is_subject = one.subject.as_ref().is_none_or(|about| *about == finding.subject);
            one.id == finding.id && is_subject && one.lasts(context.now)
        };
        match accepted.clone().find(fits) {
            Some(one) => self.accepted.push((finding, one.clone())),
            None => self.findings.push((finding, check.about)),
        }
    }

    /// What is wrong and not accepted.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().map(|(finding, _)| finding)
    }

    /// False where a script should notice.
    pub fn is_ok(&self, warn_ok: bool) -> bool {
        !is_wrong(self.findings().map(|finding| finding.severity).max(), warn_ok)
    }

    /// How many findings there are of each severity.
    pub fn counts(&self) -> BTreeMap<Severity, usize> {
        let mut counts: BTreeMap<_, _> = Severity::ALL.map(|severity| (severity, 0)).into();
        for finding in self.findings() {
            *counts.entry(finding.severity).or_default() += 1;
        }
        counts
    }

    /// For a terminal, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for finding in self.findings() {
            lines.push(text::headline(finding));
            lines.push(format!("  {}", neutral(&finding.message, 600).replace('ˋ', "`")));
            lines.extend(finding.place.as_ref().map(|place| format!("  {}", text::place(place))));
            lines.extend(finding.fix.as_ref().map(|fix| format!("  {}", text::fix(fix))));
        }
        lines.extend(self.accepted.iter().map(|(finding, one)| text::accepted(finding, one)));
        lines.dedup();
        lines.extend(self.fixed.iter().map(|fixed| text::fixed(&fixed.id, &fixed.did)));
        if self.findings.is_empty() {
            lines.push(text::nothing(self.ran));
        } else {
            lines.push(text::counted(&self.counts()));
        }
        // What was not run for want of a service or a deep look is no news.
        let broken = self.skipped.iter().filter(|skipped| skipped.why == text::NO_CONFIG).count();
        lines.extend((broken > 0).then(|| text::skipped(broken)));
        lines
    }

    /// For an owner's chat: no message, path or value, and what a check finds in general.
    pub fn for_chat(&self) -> String {
        let line = |(finding, about): &(Finding, &'static str)| {
            let subject = neutral(&finding.subject, 80);
            text::in_chat(finding.severity, &finding.id, &subject, about)
        };
        let mut lines: Vec<String> =
            self.findings.iter().take(text::MOST_IN_CHAT).map(line).collect();
        let more = self.findings.len().saturating_sub(text::MOST_IN_CHAT);
        lines.extend((more > 0).then(|| text::more_in_chat(more)));
        if lines.is_empty() {
            return text::nothing(self.ran);
        }
        lines.push(text::AT_THE_HOST.to_owned());
        lines.join("\n")
    }

    /// For a script.
    pub fn json(&self, warn_ok: bool) -> Value {
        let skipped = |one: &Skipped| json!({ "id": one.id, "why": one.why });
        let fixed = |one: &Fixed| json!({ "id": one.id, "did": one.did });
        let accepted = |(finding, one): &(Finding, Accepted)| {
            let mut value = json_of(finding);
            value["reason"] = one.reason.clone().into();
            value["until"] = one.until.clone().into();
            value
        };
        json!({
            "schema": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "state": self.state,
            "ok": self.is_ok(warn_ok),
            "ran": self.ran,
            "skipped": self.skipped.iter().map(skipped).collect::<Vec<_>>(),
            "findings": self.findings().map(json_of).collect::<Vec<_>>(),
            "accepted": self.accepted.iter().map(accepted).collect::<Vec<_>>(),
            "fixed": self.fixed.iter().map(fixed).collect::<Vec<_>>(),
        })
    }
}

fn json_of(finding: &Finding) -> Value {
    let place = finding.place.as_ref().map(|place| {
        json!({ "file": place.file.display().to_string(), "line": place.line, "key": place.key })
    });
    let fix = finding
        .fix
        .as_ref()
        .map(|fix| json!({ "command": fix.command, "automatic": fix.is_automatic() }));
    json!({
        "id": finding.id,
        "severity": finding.severity.word(),
        "subject": finding.subject,
        "message": finding.message,
        "where": place,
        "fix": fix,
        "since": finding.since.map(|at: UnixMs| world::iso(at)),
    })
}

/// The ids of everything that both lists find, each with its severity: fit to paste, for it names nothing else, and no
/// account either.
pub fn ids(context: &Context) -> Vec<(Severity, String)> {
    let report = run_all(context);
    let found = report.findings().map(|one| (one.severity, without_account(&one.id)));
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| b.cmp(a));
    found.dedup();
    found
}

/// `channel.telegram.*.token`: an account is called what its user likes.
fn without_account(id: &str) -> String {
    let parts: Vec<&str> = id.split('.').collect();
    match parts[..] {
        ["channel", channel, _, what] => format!("channel.{channel}.*.{what}"),
        _ => id.to_owned(),
    }
}
