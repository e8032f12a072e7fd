//! `openclaw access simulate`: what another configuration would say to those who wrote lately.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    cli::{
        failure::{Exit, Failure},
        host::Host,
        output::{Column, Output},
    },
    store::Store,
    verdicts::{self, Seen},
};

/// Compares.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  openclaw access simulate new-config.toml

Nothing is changed. The last 1,000 messages count, without their texts, as the
running gateway has noted them; the store is taken as it is now.")]
pub(in crate::cli) struct Simulate {
    /// The other configuration file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whom a change would concern: the account, the sender, the group where it is one.
type Whom = (String, String, Option<String>);

impl Simulate {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let (now_config, then_config) = (host.config()?, host.config_at(&self.file)?);
        let store = host.store()?;
        let seen = verdicts::read(&host.state()?.verdicts())?;
        let now = Host::now();
        let mut changes: BTreeMap<(Whom, &str, &str), usize> = BTreeMap::new();
        for one in &seen {
            let judged = |config| verdicts::judged(&store as &dyn Store, config, one, now);
            let (before, after) = (judged(&now_config)?, judged(&then_config)?);
            if before != after {
                *changes.entry((whom(one), before.word(), after.word())).or_default() += 1;
            }
        }
        if self.json {
            let row = |(((account, sender, group), before, after), count): (
                &(Whom, &str, &str),
                &usize,
            )| {
                json!({
                    "account": account, "sender": sender, "group": group,
                    "now": before, "then": after, "messages": count,
                })
            };
            let rows: Vec<_> = changes.iter().map(row).collect();
            output.json(&json!({ "replayed": seen.len(), "changes": rows }))?;
            return Ok(Exit::Done);
        }
        if changes.is_empty() {
            output.line(format!("Nothing would change for the last {} messages.", seen.len()));
            return Ok(Exit::Done);
        }
        let columns = ["Account", "Sender", "Group", "Messages", "Now", "Then"].map(Column::Whole);
        let row =
            |(((account, sender, group), before, after), count): (&(Whom, &str, &str), &usize)| {
                let group = group.clone().unwrap_or_default();
                let count = count.to_string();
                vec![
                    account.clone(),
                    sender.clone(),
                    group,
                    count,
                    (*before).to_owned(),
                    (*after).to_owned(),
                ]
            };
        output.table(&columns, changes.iter().map(row).collect());
        output.note(format!("{} messages were replayed; nothing was changed", seen.len()));
        Ok(Exit::Done)
    }
}

fn whom(one: &Seen) -> Whom {
    let account = format!("{}/{}", one.channel, one.account);
    (account, one.sender.clone(), one.group.clone())
}
