//! `openclaw pairing revoke`: stored grants go at once; what the configuration still admits is said.

use std::collections::BTreeSet;

use clap::Args;
use openclaw_plugin_sdk::{AccountId, SenderId};

use super::grants;
use crate::{
    config::Config,
    control::owners,
    failure::{Exit, Failure},
    host::{self, Host},
    output::{self, Output},
    rules::{AccountKey, Contact, owner::Owner},
    store::Store,
};

/// Takes an approval back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw pairing revoke telegram 123456789                 On every account
  openclaw pairing revoke telegram 123456789 --account work  On this one

The next message of that sender is a stranger's. What the configuration lists
is not touched: the command names file and line, and exits with 1.")]
pub(crate) struct Revoke {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
    /// The sender's id, as `pairing allowed` shows it
    #[arg(value_name = "ID")]
    sender: String,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
}

impl Revoke {
    /// Removes the grants first: a configuration that cannot be read keeps nobody in.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let channel = host::pairing_channel(&self.channel)?;
        let sender = host::sender(channel, &self.sender)?;
        let (store, config) = (host.store()?, host.config());
        let accounts = match self.account {
            Some(account) => BTreeSet::from([account]),
            None => grants::accounts(channel, config.as_ref().ok(), &host.state()?)?,
        };
        let keys = accounts
            .into_iter()
            .map(|account| AccountKey { channel: channel.id.to_owned(), account });
        let keys: Vec<AccountKey> = keys.collect();
        let revoked = revoke(&keys, &sender, &store)?;
        let shown = output::whole(sender.as_str());
        if !revoked.is_empty() {
            output.line(format!("✅ Revoked {} sender {shown}", channel.id));
            for key in revoked.iter().filter(|key| !key.account.is_default()) {
                output.line(format!("account: {}", key.account));
            }
        }
        let config = config.map_err(|failure| {
            failure.hint("so it is unknown whether the configuration gives that sender access")
        })?;
        if let Some(failure) = still_admitted(&keys, &sender, &config, &store)? {
            return Err(failure);
        }
        if revoked.is_empty() {
            let text = format!("No approved {} sender found with id: {shown}", channel.id);
            let hint = format!("`openclaw pairing allowed {}` shows them", channel.id);
            return Err(Failure::line(Exit::NoMatch, text).hint(hint));
        }
        Ok(Exit::Done)
    }
}

fn revoke<'a>(
    keys: &'a [AccountKey],
    sender: &SenderId,
    store: &Store,
) -> Result<Vec<&'a AccountKey>, Failure> {
    let (approver, now) = (Host::approver(), Host::now());
    let mut revoked = Vec::new();
    for key in keys {
        let who = Contact { key: key.clone(), sender: sender.clone() };
        if !store.revoke(&approver, &who, now)?.is_empty() {
            revoked.push(key);
        }
    }
    Ok(revoked)
}

fn still_admitted(
    keys: &[AccountKey],
    sender: &SenderId,
    config: &Config,
    store: &Store,
) -> Result<Option<Failure>, Failure> {
    let (Some(AccountKey { channel, .. }), shown) = (keys.first(), output::whole(sender.as_str()))
    else {
        return Ok(None);
    };
    for key in keys {
        if let Some(place) = config.admits(key, sender) {
            let (file, line, account) = (place.file.display(), place.line, &key.account);
            let text = format!("{channel} sender {shown} still has access: {file}:{line}");
            let hint = format!("that line gives access to account {account}; remove the id there");
            return Ok(Some(Failure::new(Exit::Failed, text).hint(hint)));
        }
    }
    if owners::names(store, config, channel, sender)? {
        let owner = Owner { channel: channel.clone(), sender: sender.clone() };
        let text = format!("{channel} sender {shown} is an owner and still has access");
        let hint = format!("`openclaw owner remove {}:{}`", owner.channel, shown);
        return Ok(Some(Failure::new(Exit::Failed, text).hint(hint)));
    }
    Ok(None)
}
