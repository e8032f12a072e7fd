//! `openclaw owner`: who may run owner commands. What the configuration names changes only there.

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::UnixMs;
use serde_json::json;

use crate::{
    Ended, Exit, Failure, Host, Output, Whole,
    control::owners,
    host, registry,
    rules::{
        claim::{self, ClaimCode},
        owner::Owner,
    },
    text, whole, world,
};

/// What can be done about owners.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw owner claim                   Print a code; send it to the bot
  openclaw owner add telegram:123456789
  openclaw owner list

A change takes effect at the next message.")]
pub(super) enum OwnerCommand {
    /// Show the owners, and how each became one
    #[command(visible_alias = "list")]
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a person an owner
    Add(Change),
    /// Remove an owner who was added or has claimed
    Remove(Change),
    /// Print a one-time code; the first person who sends it to the bot is an owner
    Claim {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Names an owner.
#[derive(Debug, Args)]
pub(super) struct Change {
    /// The person's id, such as telegram:123456789
    #[arg(value_name = "CHANNEL:ID")]
    owner: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl OwnerCommand {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Show { json } => show(json, host, output),
            Self::Add(change) => change.add(host, output),
            Self::Remove(change) => change.remove(host, output),
            Self::Claim { json } => claim(json, host, output),
        }
    }
}

fn show(json: bool, host: &Host, output: &mut Output) -> Ended {
    let (config, store) = (host.config()?, host.store()?);
    let all = owners::all(&store, &config)?;
    if json {
        let owner = |(owner, from): &(Owner, &str)| json!({ "channel": owner.channel, "id": owner.sender.as_str(), "from": from });
        return output.json(&json!({ "owners": all.iter().map(owner).collect::<Vec<_>>() }));
    }
    output.line(text::owners(all.len()));
    if !all.is_empty() {
        output.table(all.into_iter().map(|(owner, from)| {
            let Owner { channel, sender } = owner;
            vec![
                Whole("Channel", channel),
                Whole("ID", sender.to_string()),
                Whole("From", from.to_owned()),
            ]
        }));
    }
    for console in registry::CHANNELS.iter().filter(|plugin| plugin.abilities.console) {
        output.line(text::owner_at_console(console.id));
    }
    if let (Some(file), false) = (&config.file, config.owners.is_empty()) {
        output.line(text::configured_owners(file));
    }
    Ok(Exit::Done)
}

impl Change {
    fn add(&self, host: &Host, output: &mut Output) -> Ended {
        let owner = parse(&self.owner)?;
        let (config, shown) = (host.config()?, spell(&owner));
        let (added, said) = if config.owners.0.contains(&owner) {
            (false, text::owner_in_config(&shown, config.file.as_deref()))
        } else if host.store()?.add_owner(&Host::approver(), &owner, Host::now())? {
            (true, text::owner_added(&shown))
        } else {
            (false, text::owner_already(&shown))
        };
        output.answer(self.json, &json!({ "owner": shown, "added": added }), said)
    }

    /// Removes the stored one first: a configuration that cannot be read keeps nobody as owner.
    fn remove(&self, host: &Host, output: &mut Output) -> Ended {
        let owner = parse(&self.owner)?;
        let (removed, shown) =
            (host.store()?.remove_owner(&Host::approver(), &owner, Host::now())?, spell(&owner));
        let said = json!({ "owner": shown, "removed": removed });
        if self.json {
            output.json(&said)?;
        } else if removed {
            output.line(text::owner_removed(&shown));
        }
        let config = host.config()?;
        if config.owners.0.contains(&owner) {
            return Err(text::owner_stays(&shown, config.file.as_deref()));
        }
        if removed { Ok(Exit::Done) } else { Err(text::no_owner(&shown)) }
    }
}

/// The code goes to standard output and nowhere else.
pub(super) fn claim(json: bool, host: &Host, output: &mut Output) -> Ended {
    let (code, now) = (ClaimCode::from_random(world::random()?), Host::now());
    host.store()?.open_claim(&code, now)?;
    let code = grouped(&code);
    let until = world::iso(UnixMs(now.0 + claim::LIFETIME_MS));
    output.answer(json, &json!({ "code": code, "until": until }), text::claim(&code))
}

/// Four, four and four: fit to be read aloud.
pub(super) fn grouped(code: &ClaimCode) -> String {
    let encoded = code.spell();
    let groups = encoded.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("-")
}

/// Reads `telegram:123456789`. Neither `*` nor a group id is a person.
fn parse(typed: &str) -> Result<Owner, Failure> {
    let (channel, id) = typed.split_once(':').ok_or_else(|| text::no_channel_named(typed))?;
    let plugin = host::pairing_channel(channel)?;
    let sender = host::sender(plugin, id)?;
    Ok(Owner { channel: plugin.id.to_owned(), sender })
}

fn spell(owner: &Owner) -> String {
    format!("{}:{}", owner.channel, whole(owner.sender.as_str()))
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
