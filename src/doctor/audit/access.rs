//! Who has access, and whether it is meant.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::UnixMs;

use super::STALE_MS;
use crate::{
    Context, Finding, Severity,
    config::{Account, Config, Listed},
    control::{admissions, admissions::AdmittedBy, owners as all_owners},
    rules::{Contact, DmPolicy, group::GroupPolicy},
    store::{imports::Imported, owners_seen},
    text,
};

/// More people with access for good are many.
const MANY: usize = 25;
/// More owners are many.
const OWNERS: usize = 3;

fn accounts(context: &Context) -> impl Iterator<Item = (&Config, &Account)> {
    let all =
        context.config.iter().flat_map(|config| config.accounts.iter().map(move |it| (config, it)));
    all.filter(|(_, account)| account.enabled)
}

fn name(account: &Account) -> String {
    text::account(&account.key.channel, account.key.account.as_str())
}

/// The path of a key of an account that the file has: in its own table, or in its channel's.
fn key(context: &Context, account: &Account, key: &str) -> Option<crate::finding::Place> {
    let channel = format!("channels.{}", account.key.channel);
    let own = format!("{channel}.accounts.{}.{key}", account.key.account);
    let own = context.key(&own).filter(|place| place.line.is_some());
    own.or_else(|| context.key(&format!("{channel}.{key}")))
}

pub(super) fn open(context: &Context) -> Vec<Finding> {
    let open = accounts(context).filter(|(_, account)| account.dm_policy == DmPolicy::Open);
    let finding = |(_, account): (&Config, &Account)| {
        let found = Finding::new(Severity::Critical, name(account), text::OPEN);
        found.at(key(context, account, "dm_policy")).by_hand(text::pairing_again(&account.key))
    };
    open.map(finding).collect()
}

pub(super) fn group_open(context: &Context) -> Vec<Finding> {
    let open = accounts(context).filter(|(_, account)| account.groups.policy == GroupPolicy::Open);
    let finding = |(_, account): (&Config, &Account)| {
        let groups = &account.groups;
        let is_wide = !groups.require_mention && groups.groups.is_none();
        let severity = if is_wide { Severity::Critical } else { Severity::Warn };
        let found = Finding::new(severity, name(account), text::group_open(is_wide));
        found.at(key(context, account, "group_policy")).by_hand(text::groups_again(&account.key))
    };
    open.map(finding).collect()
}

pub(super) fn wildcard(context: &Context) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, account) in accounts(context) {
        let lists = [
            ("allow_from", account.dm_policy != DmPolicy::Open && account.allow_from.everyone()),
            (
                "group_allow_from",
                account.plugin.abilities.groups
                    && account.groups.policy == GroupPolicy::Allowlist
                    && account.groups.senders.everyone(),
            ),
        ];
        for (list, _) in lists.into_iter().filter(|(_, everyone)| *everyone) {
            let one = Finding::new(Severity::Critical, name(account), text::wildcard(list));
            let place = key(context, account, list);
            // Groups without a list of their own have that of direct messages.
            let is_inherited = place.as_ref().is_none_or(|place| place.line.is_none());
            let command = text::list_again(&account.key, list, is_inherited);
            found.push(one.at(place).by_hand(command));
        }
    }
    found
}

pub(super) fn many(context: &Context) -> Vec<Finding> {
    let mut people = 0;
    for (config, account) in accounts(context) {
        let all = admissions::all(&context.store, config, &account.key, context.now);
        let all = all.unwrap_or_default();
        people += all.iter().filter(|one| one.by == AdmittedBy::Approval(None)).count();
    }
    if people <= MANY {
        return Vec::new();
    }
    let found = Finding::new(Severity::Info, "", text::many(people));
    vec![found.by_hand("openclaw access list")]
}

fn listed(account: &Account) -> impl Iterator<Item = (&Listed, &openclaw_plugin_sdk::SenderId)> {
    account.listed.iter().filter_map(|listed| Some((listed, listed.sender.as_ref()?)))
}

fn at_line(context: &Context, account: &Account, listed: &Listed) -> Option<crate::finding::Place> {
    let place = key(context, account, "allow_from")?;
    Some(crate::finding::Place { line: Some(listed.line), ..place })
}

pub(super) fn twice(context: &Context) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, account) in accounts(context) {
        let Ok(approved) = context.store.approved(&account.key) else { continue };
        for (one, sender) in listed(account).filter(|(_, sender)| approved.names(sender)) {
            let who = Contact { key: account.key.clone(), sender: sender.clone() }.to_string();
            let command = text::revoke(&who);
            let finding = Finding::new(Severity::Info, who, text::TWICE);
            found.push(finding.at(at_line(context, account, one)).by_hand(command));
        }
    }
    found
}

pub(super) fn blocked(context: &Context) -> Vec<Finding> {
    let Ok(index) = context.store.records() else { return Vec::new() };
    let mut found = Vec::new();
    for (_, account) in accounts(context) {
        let channel = &account.key.channel;
        let is_blocked = |(_, sender): &(&Listed, &openclaw_plugin_sdk::SenderId)| {
            index.records().is_blocked(channel, sender)
        };
        for (one, sender) in listed(account).filter(is_blocked) {
            let subject = format!("{channel}:{sender}");
            let finding = Finding::new(Severity::Warn, subject, text::BLOCKED_BUT_LISTED);
            let command = text::unlist(one.line);
            found.push(finding.at(at_line(context, account, one)).by_hand(command));
        }
    }
    found
}

pub(super) fn owners(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let all = all_owners::all(&context.store, config).unwrap_or_default();
    let count = all.iter().map(|(owner, _)| owner).collect::<std::collections::BTreeSet<_>>().len();
    if count <= OWNERS {
        return Vec::new();
    }
    vec![Finding::new(Severity::Warn, "", text::owners(count)).by_hand("openclaw owner list")]
}

pub(super) fn unseen(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let seen = owners_seen::read(&context.state.owners_seen()).unwrap_or_default();
    let all = all_owners::all(&context.store, config).unwrap_or_default();
    let names: BTreeSet<String> = all.iter().map(|(owner, _)| owners_seen::name(owner)).collect();
    let last = names.into_iter().filter_map(|name| seen.get(&name).map(|at| (name, UnixMs(*at))));
    let finding = |(name, at): (String, UnixMs)| {
        let is_configured = config.owners.0.iter().any(|owner| owners_seen::name(owner) == name);
        let command =
            if is_configured { text::no_owner_any_more(&name) } else { text::remove_owner(&name) };
        Finding::new(Severity::Warn, name, text::OWNER_UNSEEN).since(at).by_hand(command)
    };
    last.filter(|(_, at)| context.age(*at) > STALE_MS).map(finding).collect()
}

pub(super) fn imported(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    // A record that cannot be read stops an import, and says so there.
    let record = Imported::read(&context.state).unwrap_or_default();
    let configured = config.owners.0.iter();
    let names = configured.map(|owner| format!("{}:{}", owner.channel, owner.sender));
    let came = names.filter(|name| record.owners.contains(name));
    let finding = |name: String| {
        let command = text::no_owner_any_more(&name);
        let found = Finding::new(Severity::Warn, name, text::OWNER_IMPORTED);
        found.at(context.key("owner.allow_from")).by_hand(command)
    };
    came.map(finding).collect()
}
