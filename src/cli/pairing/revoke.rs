//! `openclaw pairing revoke`: stored grants go at once; what the configuration still admits is said.

use clap::Args;
use openclaw_plugin_sdk::AccountId;
use serde_json::json;

use crate::{
    Ended, Exit, Host, Output,
    control::{admissions, owners},
    host,
    rules::AccountKey,
    text, whole,
};

/// Takes an approval back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw pairing revoke telegram 123456789                 Every account
  openclaw pairing revoke telegram 123456789 --account work  This one

The person's next message is that of a stranger. Access that the configuration
gives stays: the command names file and line, and exits with 1.")]
pub(crate) struct Revoke {
    /// The channel
    channel: String,
    /// The sender's id, as `pairing allowed` shows it
    #[arg(value_name = "ID")]
    sender: String,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Revoke {
    /// Removes the grants first: a configuration that cannot be read keeps nobody in.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let channel = host::pairing_channel(&self.channel)?;
        let sender = host::sender(channel, &self.sender)?;
        let (store, config) = (host.store()?, host.config());
        let keys = match self.account {
            Some(account) => [AccountKey { channel: channel.id.to_owned(), account }].into(),
            None => admissions::accounts(&host.state()?, config.as_ref().ok(), channel.id)?,
        };
        let revoked = admissions::revoke(&store, &Host::approver(), &keys, &sender, Host::now())?;
        let (channel, shown) = (channel.id, whole(sender.as_str()));
        if self.json {
            let accounts: Vec<&str> = revoked.iter().map(|key| key.account.as_str()).collect();
            output.json(&json!({ "channel": channel, "id": shown, "revoked": accounts }))?;
        } else if !revoked.is_empty() {
            output.line(text::sender_revoked(channel, &shown));
            for key in revoked.iter().filter(|key| !key.account.is_default()) {
                output.line(text::of_account(&key.account));
            }
        }
        let config = config.map_err(|failure| failure.hint(text::UNKNOWN_STILL))?;
        let admitting = keys.iter().find_map(|key| Some((key, config.admits(key, &sender)?)));
        if let Some((key, place)) = admitting {
            return Err(text::still_admitted(channel, &shown, &place, &key.account));
        }
        if owners::names(&store, &config, channel, &sender)? {
            return Err(text::still_owner(channel, &shown));
        }
        if revoked.is_empty() {
            return Err(text::none_approved(channel, &shown));
        }
        Ok(Exit::Done)
    }
}
