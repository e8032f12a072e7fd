//! `openclaw owner`: who may run owner commands. What the configuration names changes only there.

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::neutral;
use serde_json::json;

use super::{
    failure::{Exit, Failure},
    host::{self, Host},
    output::{Cell::Whole, Output, whole},
};
use crate::{
    config::Config,
    control::owners,
    registry,
    rules::{claim::ClaimCode, owner::Owner},
    world,
};

/// What can be done about owners.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw owner claim                   Print a code; send it to the bot
  openclaw owner add telegram:123456789
  openclaw owner show

A running gateway honours a change at the next message.")]
pub(super) enum OwnerCommand {
    /// Show the owners, and how each became one
    Show(Show),
    /// Make a person an owner
    Add(Change),
    /// Remove an owner that was added or claimed
    Remove(Change),
    /// Print a one-time code; the first person who sends it to the bot is an owner
    Claim,
}

/// Shows the owners.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Names an owner.
#[derive(Debug, Args)]
pub(super) struct Change {
    /// The person's id, such as telegram:123456789
    #[arg(value_name = "CHANNEL:ID")]
    owner: String,
}

impl OwnerCommand {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Show(show) => show.run(host, output),
            Self::Add(change) => change.add(host, output),
            Self::Remove(change) => change.remove(host, output),
            Self::Claim => claim(host, output),
        }
    }
}

impl Show {
    fn run(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let (config, store) = (host.config()?, host.store()?);
        let row = |(owner, from): (Owner, &str)| {
            [owner.channel, owner.sender.to_string(), from.to_owned()]
        };
        let rows: Vec<[String; 3]> = owners::all(&store, &config)?.into_iter().map(row).collect();
        if self.json {
            let owner = |[channel, id, from]: &[String; 3]| json!({ "channel": channel, "id": id, "from": from });
            let owners: Vec<_> = rows.iter().map(owner).collect();
            return output.json(&json!({ "owners": owners }));
        }
        if rows.is_empty() {
            output.line("No owner is configured, added or claimed.");
        } else {
            output.line(format!("Owners ({})\n", rows.len()));
            output.table(rows.into_iter().map(|[channel, id, from]| {
                vec![Whole("Channel", channel), Whole("ID", id), Whole("From", from)]
            }));
        }
        for console in registry::CHANNELS.iter().filter(|plugin| plugin.abilities.console) {
            let id = console.id;
            output.line(format!("The user at the {id} of a foreground gateway is an owner."));
        }
        if let (Some(file), false) = (&config.file, config.owners.is_empty()) {
            output.line(format!("Configured owners are in {}.", file.display()));
        }
        Ok(Exit::Done)
    }
}

impl Change {
    fn add(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let owner = parse(&self.owner)?;
        let config = host.config()?;
        if config.owners.0.contains(&owner) {
            output.line(format!("{} is an owner already: {}", spell(&owner), place(&config)));
            return Ok(Exit::Done);
        }
        let added = host.store()?.add_owner(&Host::approver(), &owner, Host::now())?;
        let owner = spell(&owner);
        output.line(if added {
            format!("✅ Added owner {owner}")
        } else {
            format!("{owner} is an owner already")
        });
        Ok(Exit::Done)
    }

    /// Removes the stored one first: a configuration that cannot be read keeps nobody as owner.
    fn remove(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let owner = parse(&self.owner)?;
        let removed = host.store()?.remove_owner(&Host::approver(), &owner, Host::now())?;
        if removed {
            output.line(format!("✅ Removed owner {}", spell(&owner)));
        }
        let config = host.config()?;
        if config.owners.0.contains(&owner) {
            let text = format!("{} is an owner in {}", spell(&owner), place(&config));
            let failure = Failure::new(Exit::Failed, text);
            return Err(failure.hint("remove it from `owner.allow_from` there"));
        }
        if !removed {
            let text = format!("No owner found: {}", spell(&owner));
            let failure = Failure::line(Exit::NoMatch, text);
            return Err(failure.hint("`openclaw owner show` shows them"));
        }
        Ok(Exit::Done)
    }
}

/// The code goes to standard output and nowhere else.
fn claim(host: &Host, output: &mut Output) -> Result<Exit, Failure> {
    let bytes = world::random().map_err(anyhow::Error::from)?;
    let code = ClaimCode::from_random(bytes);
    host.store()?.open_claim(&code, Host::now())?;
    let code = grouped(&code);
    output.line(format!("{code}\n"));
    output.line(format!(
        "Send this to the bot in a direct chat, within ten minutes:\n\n  /claim {code}\n"
    ));
    output.line(
        "The first person who sends it is an owner from then on. It works once; a new code replaces it.",
    );
    Ok(Exit::Done)
}

/// Four, four and four: fit to be read aloud.
pub(super) fn grouped(code: &ClaimCode) -> String {
    let encoded = code.spell();
    let groups = encoded.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("-")
}

/// Reads `telegram:123456789`. Neither `*` nor a group id is a person.
fn parse(typed: &str) -> Result<Owner, Failure> {
    let Some((channel, id)) = typed.split_once(':') else {
        let text = format!("`{}` names no channel", neutral(typed, 64));
        return Err(Failure::usage(text).hint("write <channel>:<id>, such as telegram:123456789"));
    };
    let plugin = host::pairing_channel(channel)?;
    let sender = host::sender(plugin, id)?;
    Ok(Owner { channel: plugin.id.to_owned(), sender })
}

fn spell(owner: &Owner) -> String {
    format!("{}:{}", owner.channel, whole(owner.sender.as_str()))
}

fn place(config: &Config) -> String {
    config.file.as_ref().map_or_else(|| "the configuration".to_owned(), |f| f.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_code_is_read_back_from_its_groups() {
        let code = ClaimCode::from_random([7; 12]);
        let shown = grouped(&code);
        assert_eq!(shown.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4]);
        assert!(ClaimCode::parse(&shown).is_some_and(|read| read.digest() == code.digest()));
    }
}
