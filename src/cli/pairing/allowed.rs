//! `openclaw pairing allowed`: everyone with access on a channel, and why: approved, configured or owner.

use clap::Args;
use openclaw_plugin_sdk::{AccountId, ChannelPlugin};
use serde_json::{Value, json};

use crate::{
    Ended, Exit, Host, Output, Text, Whole,
    config::Config,
    control::admissions::{self, Admission, AdmittedBy},
    host,
    rules::AccountKey,
    text, world,
};

/// Shows who has access.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw pairing allowed telegram
  openclaw pairing allowed telegram --account work --json")]
pub(crate) struct Allowed {
    /// The channel
    channel: String,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Allowed {
    /// Shows them.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let channel = host::pairing_channel(&self.channel)?;
        let (config, store) = (host.config()?, host.store()?);
        let keys = match self.account {
            Some(account) => [AccountKey { channel: channel.id.to_owned(), account }].into(),
            None => admissions::accounts(&host.state()?, Some(&config), channel.id)?,
        };
        let mut all = Vec::new();
        for key in &keys {
            all.extend(admissions::all(&store, &config, key, Host::now())?);
        }
        if self.json {
            return output.json(&encoded(channel, &all, &config));
        }
        output.line(text::allowed(channel.id, all.len()));
        if !all.is_empty() {
            print(&all, &config, output);
        }
        for key in &keys {
            let Some(account) = config.account(key) else {
                if all.iter().any(|one| one.account == key.account) {
                    output.note(text::account_note(key, text::NOT_CONFIGURED));
                }
                continue;
            };
            let is_approved = |one: &Admission| {
                one.account == key.account && matches!(one.by, AdmittedBy::Approval(_))
            };
            let approved = all.iter().any(is_approved);
            if let Some(why) = text::unheard(account.enabled, account.dm_policy, approved) {
                output.note(text::account_note(key, why));
            }
        }
        Ok(Exit::Done)
    }
}

fn print(all: &[Admission], config: &Config, output: &mut Output) {
    let accounts = all.iter().any(|one| !one.account.is_default());
    let row = |one: &Admission| {
        let account = accounts.then(|| Whole("Account", one.account.to_string()));
        let from = text::admitted_by(one.by, config.file.as_deref());
        let cells = [Whole("ID", one.sender.clone()), Text("From", from)];
        account.into_iter().chain(cells).collect()
    };
    output.table(all.iter().map(row));
}

fn encoded(channel: &ChannelPlugin, all: &[Admission], config: &Config) -> Value {
    let encoded = |one: &Admission| {
        let from = match one.by {
            AdmittedBy::Approval(_) => "approved",
            AdmittedBy::Config(_) => "config",
            AdmittedBy::Ownership => "owner",
        };
        let mut row = json!({ "accountId": one.account.as_str(), "id": one.sender, "from": from });
        match one.by {
            AdmittedBy::Approval(Some(until)) => row["until"] = world::iso(until).into(),
            AdmittedBy::Config(line) => {
                row["file"] = config.file.as_ref().map(|file| file.display().to_string()).into();
                row["line"] = line.into();
            }
            AdmittedBy::Approval(None) | AdmittedBy::Ownership => {}
        }
        row
    };
    json!({ "channel": channel.id, "senders": all.iter().map(encoded).collect::<Vec<_>>() })
}
