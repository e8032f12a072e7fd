//! `openclaw access simulate`: what another configuration would say to those who wrote lately.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use openclaw_plugin_sdk::count;
use serde_json::json;

use crate::{
    control::simulate,
    decision_history::{self, Judged, Record},
    failure::{Exit, Failure},
    host::Host,
    output::{Cell::Whole, Output},
    store::StoreError,
};

/// Compares.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  openclaw access simulate new-config.toml

Nothing is changed. The last 1,000 messages count, without their texts, with the
verdict that the running gateway noted then; the store is taken as it is now.")]
pub(crate) struct Simulate {
    /// The other configuration file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a change would concern: the account, the sender, the group where it is one.
type Subject = (String, String, Option<String>);

impl Simulate {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        if !self.file.exists() {
            let text = format!("{} does not exist", self.file.display());
            return Err(Failure::new(Exit::Failed, text));
        }
        let then_config = host.config_at(&self.file)?;
        let store = host.store()?;
        let state = host.state()?;
        let seen = decision_history::read(&state.verdicts())?;
        let then = |one: &Record| {
            let then = simulate::judged(&store, (&then_config, &state), one, Host::now());
            then.map(|then| then.map(Judged::word))
        };
        let Compared { changes, unknown } = compared(&seen, then)?;
        if self.json {
            let row = |(((account, sender, group), before, after), count): (
                &(Subject, &str, &str),
                &usize,
            )| {
                json!({
                    "account": account, "sender": sender, "group": group,
                    "recorded": before, "then": after, "messages": count,
                })
            };
            let rows: Vec<_> = changes.iter().map(row).collect();
            let answer = json!({ "replayed": seen.len(), "changes": rows, "unknown": unknown });
            return output.json(&answer);
        }
        if unknown > 0 {
            let many = count(unknown, "message");
            output.note(format!("{many}: not compared; an older version did not note enough"));
        }
        if changes.is_empty() {
            let last = match seen.len() {
                1 => "message".to_owned(),
                many => format!("{many} messages"),
            };
            output.line(format!("Nothing would change for the last {last}."));
            return Ok(Exit::Done);
        }
        let row = |(((account, sender, group), before, after), many): (
            &(Subject, &str, &str),
            &usize,
        )| {
            vec![
                Whole("Account", account.clone()),
                Whole("Sender", sender.clone()),
                Whole("Group", group.clone().unwrap_or_default()),
                Whole("Messages", many.to_string()),
                Whole("Recorded", (*before).to_owned()),
                Whole("Then", (*after).to_owned()),
            ]
        };
        output.table(changes.iter().map(row));
        let replayed = if seen.len() == 1 { "was" } else { "were" };
        let many = count(seen.len(), "message");
        output.note(format!("{many} {replayed} replayed; nothing was changed"));
        Ok(Exit::Done)
    }
}

/// What would change, with how many messages.
#[derive(Default)]
struct Compared<'a> {
    changes: BTreeMap<(Subject, &'a str, &'a str), usize>,
    /// So many depend on a fact that was not noted.
    unknown: usize,
}

fn compared(
    seen: &[Record],
    judged: impl Fn(&Record) -> Result<Option<&'static str>, StoreError>,
) -> Result<Compared<'_>, StoreError> {
    let mut compared = Compared::default();
    for one in seen {
        match judged(one)? {
            Some(then) if one.verdict == then => {}
            Some(then) => {
                let change = (subject(one), one.verdict.as_str(), then);
                *compared.changes.entry(change).or_default() += 1;
            }
            None => compared.unknown += 1,
        }
    }
    Ok(compared)
}

fn subject(one: &Record) -> Subject {
    let account = format!("{}/{}", one.channel, one.account);
    (account, one.sender.clone(), one.group.clone())
}
