//! `openclaw channels`: what is configured, and how it fares in the running gateway.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::neutral;
use serde_json::{Value, json};

use super::{
    failure::{Exit, Failure},
    host::Host,
    output::{Cell, Output, whole},
};
use crate::{
    config::{Account, Config},
    local_client::{
        LocalError,
        status::{AccountStatus, ChannelsStatus},
    },
    registry,
};

/// What can be asked about channels.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw channels list
  openclaw channels status --json")]
pub(super) enum Channels {
    /// Show every channel and its configured accounts
    List(Shape),
    /// Show the state of each account in the running gateway
    #[command(after_help = "\
Where no gateway answers it shows the configuration, and exits with 4.")]
    Status(Shape),
    /// Print an app manifest, to paste on the platform's site
    #[command(after_help = "\
Examples:
  openclaw channels manifest slack
  openclaw channels manifest slack --name \"Ann's assistant\" > manifest.json")]
    Manifest(Manifest),
}

/// Which app.
#[derive(Debug, Args)]
pub(super) struct Manifest {
    /// The channel
    channel: String,
    /// The name of the app
    #[arg(long, default_value = "OpenClaw")]
    name: String,
}

/// How it is printed.
#[derive(Debug, Args)]
pub(super) struct Shape {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Channels {
    /// Shows it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::List(shape) => list(&shape, &host.config()?, output),
            Self::Status(shape) => status(&shape, host, output),
            Self::Manifest(manifest) => manifest.print(output),
        }
    }
}

impl Manifest {
    fn print(&self, output: &mut Output) -> Result<Exit, Failure> {
        let Some(plugin) = registry::channel(&self.channel) else {
            let known: Vec<&str> = registry::CHANNELS.iter().map(|plugin| plugin.id).collect();
            let what = format!("there is no channel `{}`", neutral(&self.channel, 64));
            return Err(Failure::usage(what).hint(format!("channels are {}", known.join(", "))));
        };
        let Some(manifest) = plugin.manifest else {
            let what = format!("{} takes no manifest", plugin.label);
            return Err(Failure::usage(what).hint("the README says how its account is set up"));
        };
        let name = self.name.trim();
        if name.is_empty() || name != neutral(name, 35) {
            let hint = "give `--name` at most 35 letters, digits, blanks or marks";
            return Err(Failure::usage("that is not a valid name for an app").hint(hint));
        }
        output.line(manifest(name, &registry::listed_commands()));
        Ok(Exit::Done)
    }
}

fn list(shape: &Shape, config: &Config, output: &mut Output) -> Result<Exit, Failure> {
    let accounts =
        |id: &'static str| config.accounts.iter().filter(move |account| account.plugin.id == id);
    if shape.json {
        let spell = |account: &Account| {
            json!({
                "accountId": account.key.account.as_str(),
                "enabled": account.enabled,
                "dmPolicy": account.dm_policy.word(),
            })
        };
        let channel = |id, label| {
            let accounts: Vec<Value> = accounts(id).map(spell).collect();
            json!({ "id": id, "label": label, "accounts": accounts })
        };
        let channels = registry::CHANNELS.iter().map(|plugin| channel(plugin.id, plugin.label));
        return output.json(&json!({ "channels": channels.collect::<Vec<_>>() }));
    }
    let mut rows = Vec::new();
    for plugin in registry::CHANNELS {
        let before = rows.len();
        for account in accounts(plugin.id) {
            let enabled = if account.enabled { "enabled" } else { "disabled" };
            let policy = if plugin.abilities.console { "" } else { account.dm_policy.word() };
            rows.push([plugin.id, account.key.account.as_str(), enabled, policy]);
        }
        if rows.len() == before {
            rows.push([plugin.id, "", "not configured", ""]);
        }
    }
    output.table(rows.into_iter().map(|[id, account, state, policy]| {
        let row = [("Channel", id), ("Account", account), ("State", state), ("DM policy", policy)];
        row.map(|(column, text)| Cell::Whole(column, text.to_owned())).to_vec()
    }));
    Ok(Exit::Done)
}

fn status(shape: &Shape, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
    let told = host.gateway()?.and_then(|mut gateway| gateway.channels_status());
    let (status, exit) = match told {
        Ok(status) => (status, Exit::Done),
        Err(LocalError::Unreachable { .. } | LocalError::Broken(_)) => {
            (ChannelsStatus::configured(&host.config()?, Host::now()), Exit::Unreachable)
        }
        Err(error) => return Err(error.into()),
    };
    let headline = match exit {
        Exit::Done => "Gateway reachable.",
        _ => "Gateway not reachable; showing config-only status.",
    };
    if shape.json {
        if exit != Exit::Done {
            output.note(headline);
        }
        output.json(&status)?;
        return Ok(exit);
    }
    output.line(headline);
    for line in lines(&status) {
        output.line(line);
    }
    Ok(exit)
}

/// `- Telegram default: enabled, configured, running, connected, dm:pairing, allow:1,2`
pub(super) fn lines(status: &ChannelsStatus) -> Vec<String> {
    let labels: &BTreeMap<String, String> = &status.channel_labels;
    let mut lines = Vec::new();
    for channel in &status.channel_order {
        let label = labels.get(channel).unwrap_or(channel);
        for account in status.channel_accounts.get(channel).into_iter().flatten() {
            let id = &account.account_id;
            lines.push(format!("- {} {}: {}", neutral(label, 64), whole(id), words(account)));
        }
    }
    lines
}

fn words(account: &AccountStatus) -> String {
    let mut words = vec![if account.enabled { "enabled" } else { "disabled" }.to_owned()];
    words.extend(account.configured.then(|| "configured".to_owned()));
    words.extend(
        account.running.map(|runs| if runs { "running" } else { "not running" }.to_owned()),
    );
    let state = account.state.as_deref().filter(|state| !state.is_empty());
    match (state, account.connected) {
        (Some(state), _) if state != "disabled" => words.push(neutral(state, 64)),
        (None, Some(true)) => words.push("connected".to_owned()),
        _ => {}
    }
    words.push(format!("dm:{}", neutral(&account.dm_policy, 64)));
    if !account.allow_from.is_empty() {
        let first: Vec<String> = account.allow_from.iter().take(2).map(|id| whole(id)).collect();
        words.push(format!("allow:{}", first.join(",")));
    }
    let head = if account.connected == Some(true) { "limited" } else { "error" };
    let error = account.last_error.as_ref();
    words.extend(error.map(|error| format!("{head}: {}", neutral(error, 160))));
    words.extend(account.waiting.map(|count| format!("waiting to be sent: {count}")));
    words.extend(account.given_up.map(|count| format!("not sent within a day: {count}")));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_line_whatever_its_error_says() {
        let account = AccountStatus {
            account_id: "default".to_owned(),
            enabled: true,
            configured: true,
            running: Some(true),
            connected: Some(false),
            state: Some("unauthorized".to_owned()),
            last_error: Some("check\n`bot_token`".to_owned()),
            dm_policy: "pairing".to_owned(),
            allow_from: ["1", "2", "3"].map(str::to_owned).to_vec(),
            ..AccountStatus::default()
        };
        let status = ChannelsStatus {
            channel_order: vec!["telegram".to_owned()],
            channel_labels: [("telegram".to_owned(), "Telegram".to_owned())].into(),
            channel_accounts: [("telegram".to_owned(), vec![account])].into(),
            ..ChannelsStatus::default()
        };
        let expected = "- Telegram default: enabled, configured, running, unauthorized, dm:pairing, allow:1,2, error: check ˋbot_tokenˋ";
        assert_eq!(lines(&status), [expected]);
    }
}
