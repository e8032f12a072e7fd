//! `openclaw access simulate`: what another configuration would say to those who wrote lately.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    Ended, Exit, Host, Output, Whole,
    control::simulate,
    decision_history::{self, Judged, Record},
    text,
};

/// Compares.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  openclaw access simulate new-config.toml

This changes nothing. The running gateway notes what it decided about the last
1,000 messages, without their texts. The other configuration decides about them
again, with the approvals and blocks of now.")]
pub(crate) struct Simulate {
    /// The other configuration file
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What would change for some messages: account, sender, group, the recorded verdict and the other one.
type Change<'a> = (String, &'a str, Option<&'a str>, &'a str, &'static str);

impl Simulate {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        if !self.file.exists() {
            return Err(text::no_file(&self.file));
        }
        let (config, store, state) = (host.config_at(&self.file)?, host.store()?, host.state()?);
        let seen = decision_history::read(&state.verdicts())?;
        let (mut changes, mut unknown) = (BTreeMap::new(), 0);
        for one in &seen {
            let then = simulate::judged(&store, (&config, &state), one, Host::now())?;
            match then.map(Judged::word) {
                Some(then) if one.verdict == then => {}
                Some(then) => *changes.entry(change(one, then)).or_insert(0) += 1,
                // It depends on a fact that was not noted.
                None => unknown += 1,
            }
        }
        if self.json {
            let row = |((account, sender, group, before, then), count): (&Change<'_>, &usize)| {
                json!({
                    "account": account, "sender": sender, "group": group,
                    "recorded": before, "then": then, "messages": count,
                })
            };
            let rows: Vec<_> = changes.iter().map(row).collect();
            let answer = json!({ "replayed": seen.len(), "changes": rows, "unknown": unknown });
            return output.json(&answer);
        }
        if unknown > 0 {
            output.note(text::not_compared(unknown));
        }
        if changes.is_empty() {
            output.line(text::nothing_would_change(seen.len()));
            return Ok(Exit::Done);
        }
        let row = |((account, sender, group, before, then), count): (Change<'_>, usize)| {
            vec![
                Whole("Account", account),
                Whole("Sender", sender.to_owned()),
                Whole("Group", group.unwrap_or_default().to_owned()),
                Whole("Messages", count.to_string()),
                Whole("Recorded", before.to_owned()),
                Whole("Then", then.to_owned()),
            ]
        };
        output.table(changes.into_iter().map(row));
        output.note(text::replayed(seen.len()));
        Ok(Exit::Done)
    }
}

fn change<'a>(one: &'a Record, then: &'static str) -> Change<'a> {
    let account = format!("{}/{}", one.channel, one.account);
    (account, &one.sender, one.group.as_deref(), &one.verdict, then)
}
