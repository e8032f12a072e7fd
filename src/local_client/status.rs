//! How the accounts fare, in the shape that the field's `channels.status` has.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::UnixMs;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Account, Config},
    registry,
};

/// The answer to [`super::CHANNELS_STATUS`], in the field's shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelsStatus {
    /// When, in milliseconds since the epoch.
    pub ts: u64,
    /// The channels' ids, in the order to show them.
    pub channel_order: Vec<String>,
    /// What people call each.
    pub channel_labels: BTreeMap<String, String>,
    /// Each channel in short.
    pub channels: BTreeMap<String, ChannelSummary>,
    /// Each account of each channel.
    pub channel_accounts: BTreeMap<String, Vec<AccountStatus>>,
    /// The account that is meant where none is named.
    pub channel_default_account_id: BTreeMap<String, String>,
}

/// What owners are still to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outbox {
    /// How much of it there is.
    pub depth: usize,
    /// How long the oldest of it waits, quiet hours left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
}

/// How the assistant is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssistantStatus {
    /// The responder's id.
    pub responder: String,
    /// Where it asks; empty where it asks nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asks: String,
    /// `working`, `failing`, or `unasked` since the start.
    pub state: String,
    /// Since when it is failing, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Why it is failing, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A channel in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSummary {
    /// It has an account.
    pub configured: bool,
    /// One of its accounts runs; unknown where no gateway says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
}

/// How one account fares. What no gateway has said is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The account's id.
    pub account_id: String,
    /// False: it answers nothing.
    pub enabled: bool,
    /// It stands in the configuration.
    pub configured: bool,
    /// Its loop runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// The platform answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// A few words on what it does or what ails it: `connecting`, `unauthorized`, `store unreadable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What went wrong last, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When something last arrived, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_inbound_at: Option<u64>,
    /// When something last left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_outbound_at: Option<u64>,
    /// So many messages wait until the platform takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<usize>,
    /// Since when the oldest of them waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<u64>,
    /// So many were given up since the start: the platform did not take them within a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<usize>,
    /// `pairing`, `allowlist`, `open`, `disabled`.
    pub dm_policy: String,
    /// The configured list.
    pub allow_from: Vec<String>,
}

impl ChannelsStatus {
    /// What the configuration alone says.
    pub fn configured(config: &Config, now: UnixMs) -> Self {
        let mut status = Self { ts: now.0, ..Self::default() };
        for plugin in registry::CHANNELS {
            let accounts = config.accounts.iter().filter(|account| account.plugin.id == plugin.id);
            let accounts: Vec<AccountStatus> = accounts.map(AccountStatus::configured).collect();
            let Some(first) = accounts.first().map(|account| account.account_id.clone()) else {
                continue;
            };
            let id = plugin.id.to_owned();
            let has_default = accounts.iter().any(|account| account.account_id == "default");
            let default = if has_default { "default".to_owned() } else { first };
            status.channel_order.push(id.clone());
            status.channel_labels.insert(id.clone(), plugin.label.to_owned());
            status.channels.insert(id.clone(), ChannelSummary { configured: true, running: None });
            status.channel_default_account_id.insert(id.clone(), default);
            status.channel_accounts.insert(id, accounts);
        }
        status
    }
}

impl AccountStatus {
    fn configured(account: &Account) -> Self {
        let id = |id: &Option<_>| id.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
        Self {
            account_id: account.key.account.to_string(),
            enabled: account.enabled,
            configured: true,
            dm_policy: account.dm_policy.word().to_owned(),
            allow_from: account.listed.iter().map(|entry| id(&entry.sender)).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_status_has_the_shape_of_the_field() {
        let account = AccountStatus {
            account_id: "default".to_owned(),
            enabled: true,
            configured: true,
            running: Some(true),
            dm_policy: "pairing".to_owned(),
            ..AccountStatus::default()
        };
        let status = ChannelsStatus {
            ts: 1,
            channel_order: vec!["telegram".to_owned()],
            channel_labels: [("telegram".to_owned(), "Telegram".to_owned())].into(),
            channels: [("telegram".to_owned(), ChannelSummary { configured: true, running: None })]
                .into(),
            channel_accounts: [("telegram".to_owned(), vec![account])].into(),
            channel_default_account_id: [("telegram".to_owned(), "default".to_owned())].into(),
        };
        expect![[r#"{"ts":1,"channelOrder":["telegram"],"channelLabels":{"telegram":"Telegram"},"channels":{"telegram":{"configured":true}},"channelAccounts":{"telegram":[{"accountId":"default","enabled":true,"configured":true,"running":true,"dmPolicy":"pairing","allowFrom":[]}]},"channelDefaultAccountId":{"telegram":"default"}}"#]]
            .assert_eq(&serde_json::to_string(&status).unwrap());
    }
}
