//! `openclaw pairing allowed`: everyone with access on a channel, and why: approved, configured or owner.

use std::collections::BTreeSet;

use clap::Args;
use openclaw_plugin_sdk::{AccountId, ChannelPlugin, SenderId, UnixMs};
use serde_json::{Value, json};

use crate::{
    config::Config,
    failure::{Exit, Failure},
    host::{self, Host},
    output::{
        Cell::{Text, Whole},
        Output,
    },
    rules::{AccountKey, DmPolicy, owner::Owners},
    store::{Store, paths::StateDir},
    world,
};

/// Shows who has access.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw pairing allowed telegram
  openclaw pairing allowed telegram --account work --json")]
pub(crate) struct Allowed {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A sender with access to an account.
struct Grant {
    account: AccountId,
    /// The id, or `*`.
    sender: String,
    from: Source,
}

enum Source {
    Approved,
    ApprovedUntil(UnixMs),
    Config(usize),
    Owner,
}

impl Allowed {
    /// Shows them.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let channel = host::pairing_channel(&self.channel)?;
        let (config, store) = (host.config()?, host.store()?);
        let accounts = match self.account {
            Some(account) => BTreeSet::from([account]),
            None => accounts(channel, Some(&config), &host.state()?)?,
        };
        let mut grants = Vec::new();
        for account in &accounts {
            let key = AccountKey { channel: channel.id.to_owned(), account: account.clone() };
            grants.extend(grants_of(&key, &config, &store)?);
        }
        if self.json {
            return output.json(&spell(channel, &grants, &config));
        }
        print(channel, &grants, &config, output);
        for account in &accounts {
            let key = AccountKey { channel: channel.id.to_owned(), account: account.clone() };
            if let Some(note) = unheard(&key, &config, &grants) {
                output.note(note);
            }
        }
        Ok(Exit::Done)
    }
}

/// Every account of a channel that is configured or has grants in the state folder, and the default one.
pub(super) fn accounts(
    channel: &ChannelPlugin,
    config: Option<&Config>,
    state: &StateDir,
) -> Result<BTreeSet<AccountId>, Failure> {
    let mut accounts = BTreeSet::from([AccountId::default_account()]);
    let configured = config.into_iter().flat_map(|config| &config.accounts);
    let here = configured.filter(|account| account.key.channel == channel.id);
    accounts.extend(here.map(|account| account.key.account.clone()));
    let folder = state.credentials();
    let unreadable = |error: std::io::Error| {
        anyhow::Error::from(error).context(format!("cannot read {}", folder.display()))
    };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(accounts),
        Err(error) => return Err(unreadable(error).into()),
    };
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        accounts.extend(name.to_str().and_then(|name| account_of(channel.id, name)));
    }
    Ok(accounts)
}

/// The account in the name of a file of grants.
fn account_of(channel: &str, file: &str) -> Option<AccountId> {
    let account = file.strip_prefix(channel)?.strip_prefix('-')?;
    AccountId::parse(account.strip_suffix("-allowFrom.json")?)
}

fn grants_of(key: &AccountKey, config: &Config, store: &Store) -> Result<Vec<Grant>, Failure> {
    let grant = |sender: String, from: Source| Grant { account: key.account.clone(), sender, from };
    let mut grants = Vec::new();
    for entry in config.account(key).into_iter().flat_map(|account| &account.listed) {
        let sender = entry.sender.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
        grants.push(grant(sender, Source::Config(entry.line)));
    }
    let owns = |owners: &Owners| -> Vec<String> {
        let here = owners.0.iter().filter(|owner| owner.channel == key.channel);
        here.map(|owner| owner.sender.to_string()).collect()
    };
    let owners: BTreeSet<String> =
        owns(&config.owners).into_iter().chain(owns(&*store.owners()?)).collect();
    grants.extend(owners.into_iter().map(|owner| grant(owner, Source::Owner)));
    let approved = store.approved(key)?;
    let approved: BTreeSet<String> = approved.senders().map(ToString::to_string).collect();
    grants.extend(approved.into_iter().map(|sender| grant(sender, Source::Approved)));
    let (records, now) = (store.records()?, Host::now());
    let recorded = records.records().grants.iter();
    for one in recorded.filter(|one| one.contact.key == *key && one.lasts(now)) {
        let from = one.ends(now).map_or(Source::Approved, Source::ApprovedUntil);
        grants.push(grant(one.contact.sender.to_string(), from));
    }
    // A block beats the configuration too, but not ownership.
    grants.retain(|grant| {
        let blocked = SenderId::new(&grant.sender)
            .is_ok_and(|sender| records.records().is_blocked(&key.channel, &sender));
        !blocked || matches!(grant.from, Source::Owner)
    });
    Ok(grants)
}

/// Why an account's policy makes some of these grants count for nothing now.
fn unheard(key: &AccountKey, config: &Config, grants: &[Grant]) -> Option<String> {
    let account = config.account(key)?;
    let approved = grants.iter().any(|grant| {
        grant.account == key.account
            && matches!(grant.from, Source::Approved | Source::ApprovedUntil(_))
    });
    let why = match account.dm_policy {
        _ if !account.enabled => "is not enabled: nobody is answered",
        DmPolicy::Disabled => "has `dm_policy = \"disabled\"`: nobody is answered",
        DmPolicy::Allowlist | DmPolicy::Open if approved => {
            "does not have `dm_policy = \"pairing\"`: approved entries do not count"
        }
        DmPolicy::Allowlist | DmPolicy::Open | DmPolicy::Pairing => return None,
    };
    Some(format!("note: {} account {} {why}", key.channel, key.account))
}

fn place(config: &Config, line: usize) -> String {
    let file = config.file.as_ref().map_or_else(String::new, |file| file.display().to_string());
    format!("{file}:{line}")
}

fn print(channel: &ChannelPlugin, grants: &[Grant], config: &Config, output: &mut Output) {
    if grants.is_empty() {
        output.line(format!("No allowed {} senders.", channel.id));
        return;
    }
    output.line(format!("Allowed {} senders ({})\n", channel.id, grants.len()));
    let accounts = grants.iter().any(|grant| !grant.account.is_default());
    let row = |grant: &Grant| {
        let from = match grant.from {
            Source::Approved => "approved".to_owned(),
            Source::ApprovedUntil(until) => format!("approved until {}", world::iso(until)),
            Source::Config(line) => place(config, line),
            Source::Owner => "owner".to_owned(),
        };
        let account = accounts.then(|| Whole("Account", grant.account.to_string()));
        let cells = [Whole("ID", grant.sender.clone()), Text("From", from)];
        account.into_iter().chain(cells).collect()
    };
    output.table(grants.iter().map(row));
}

fn spell(channel: &ChannelPlugin, grants: &[Grant], config: &Config) -> Value {
    let spell = |grant: &Grant| {
        let from = match grant.from {
            Source::Approved | Source::ApprovedUntil(_) => "approved",
            Source::Config(_) => "config",
            Source::Owner => "owner",
        };
        let mut encoded =
            json!({ "accountId": grant.account.as_str(), "id": grant.sender, "from": from });
        if let Source::ApprovedUntil(until) = grant.from {
            encoded["until"] = world::iso(until).into();
        }
        if let Source::Config(line) = grant.from {
            encoded["file"] = config.file.as_ref().map(|file| file.display().to_string()).into();
            encoded["line"] = line.into();
        }
        encoded
    };
    json!({ "channel": channel.id, "senders": grants.iter().map(spell).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_075_an_account_is_read_from_its_own_file_only() {
        let account = |file| account_of("telegram", file).map(|account| account.to_string());
        assert_eq!(account("telegram-work-allowFrom.json").as_deref(), Some("work"));
        assert_eq!(account("telegram-default-allowFrom.json").as_deref(), Some("default"));
        for other in [
            "telegram-allowFrom.json",
            "telegram-pairing.json",
            "telegrams-work-allowFrom.json",
            "telegram-work-allowFrom.json.orig",
            "webchat-work-allowFrom.json",
        ] {
            assert_eq!(account(other), None, "{other}");
        }
    }
}
