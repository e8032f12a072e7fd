//! `openclaw channels`: what is configured, and how it fares in the running gateway.

pub(super) mod set_up;

use clap::Subcommand;
use openclaw_plugin_sdk::neutral;
use serde_json::{Value, json};

use self::set_up::{Login, Manifest};
use crate::{
    Cell, Ended, Exit, Host, Output,
    config::{Account, Config},
    local_client::{
        LocalError,
        status::{AccountStatus, ChannelsStatus},
    },
    registry, text, whole,
};

/// What can be asked about channels.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw channels list
  openclaw channels status --json")]
pub(super) enum Channels {
    /// Show every channel and its configured accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the state of each account in the running gateway
    #[command(after_help = "\
If no gateway answers, it shows the configuration, and exits with 4.")]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Link an account by a code that the platform's app scans
    Login(Login),
    /// Print an app manifest, to give to the platform's site
    Manifest(Manifest),
}

impl Channels {
    /// Shows it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::List { json } => list(json, &host.config()?, output),
            Self::Status { json } => status(json, host, output),
            Self::Login(login) => login.run(host, output),
            Self::Manifest(manifest) => manifest.run(host, output),
        }
    }
}

fn list(json: bool, config: &Config, output: &mut Output) -> Ended {
    let accounts =
        |id: &'static str| config.accounts.iter().filter(move |account| account.plugin.id == id);
    if json {
        let encoded = |account: &Account| {
            json!({
                "accountId": account.key.account.as_str(),
                "enabled": account.enabled,
                "dmPolicy": account.dm_policy.word(),
            })
        };
        let channel = |id, label| {
            let accounts: Vec<Value> = accounts(id).map(encoded).collect();
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

fn status(json: bool, host: &Host, output: &mut Output) -> Ended {
    let told = host.gateway()?.and_then(|mut gateway| gateway.channels_status());
    let (status, exit, headline) = match told {
        Ok(status) => (status, Exit::Done, text::REACHABLE),
        Err(LocalError::Unreachable { .. } | LocalError::Broken(_)) => {
            let status = ChannelsStatus::configured(&host.config()?, Host::now());
            (status, Exit::Unreachable, text::NOT_REACHABLE)
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        if exit != Exit::Done {
            output.note(headline);
        }
        output.json(&status)?;
    } else {
        output.line(headline);
        if let Some(restored) = host.store()?.unconfirmed()? {
            output.line(text::unconfirmed(&restored));
        }
        for line in lines(&status) {
            output.line(line);
        }
    }
    Ok(exit)
}

/// `- Telegram default: enabled, configured, running, connected, dm:pairing, allow:1,2`
pub(super) fn lines(status: &ChannelsStatus) -> Vec<String> {
    let of_channel = |channel: &String| {
        let label = neutral(status.channel_labels.get(channel).unwrap_or(channel), 64);
        let accounts = status.channel_accounts.get(channel).into_iter().flatten();
        let line = |account: &AccountStatus| {
            format!("- {label} {}: {}", whole(&account.account_id), words(account))
        };
        accounts.map(line).collect::<Vec<_>>()
    };
    status.channel_order.iter().flat_map(of_channel).collect()
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
    words.extend(error.map(|error| format!("{head}: {}", in_terminal(error, 160))));
    words.extend(account.waiting.map(|count| format!("waiting to be sent: {count}")));
    words.extend(account.given_up.map(|count| format!("not sent within a day: {count}")));
    words.join(", ")
}

/// A problem in one line. Its backticks are ours, and mark nothing up in a terminal.
pub(super) fn in_terminal(error: &str, most: usize) -> String {
    neutral(error, most).replace('ˋ', "`")
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
        let expected = "- Telegram default: enabled, configured, running, unauthorized, dm:pairing, allow:1,2, error: check `bot_token`";
        assert_eq!(lines(&status), [expected]);
    }
}
