//! Owners, requests and devices: can anything be decided, and does anything wait in vain?

use openclaw_plugin_sdk::UnixMs;

use crate::{
    Context, Finding, Severity,
    control::owners,
    registry,
    rules::{AccountKey, DmPolicy},
    text,
};

const HOUR_MS: u64 = 3_600_000;
/// A full queue whose oldest request is this old is stuck.
const FULL_MS: u64 = HOUR_MS / 2;

pub(super) fn no_owner(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let Some(written) = &context.written else { return Vec::new() };
    // A channel that runs without being named is decided on at the command line.
    let named = |id: &str| crate::config::place::line(written, &format!("channels.{id}"));
    let asks = config.accounts.iter().find(|account| {
        let is_on = account.enabled && account.dm_policy == DmPolicy::Pairing;
        let has_strangers = registry::pairing_channels().any(|it| it.id == account.plugin.id);
        is_on && has_strangers && named(account.plugin.id).is_some()
    });
    let Some(asks) = asks else { return Vec::new() };
    // A store that cannot be read is told by itself.
    if !owners::all(&context.store, config).is_ok_and(|owners| owners.is_empty()) {
        return Vec::new();
    }
    let found = Finding::new(Severity::Error, asks.plugin.id, text::NO_OWNER);
    vec![
        found
            .at(context.key(&format!("channels.{}", asks.plugin.id)))
            .by_hand("openclaw owner claim"),
    ]
}

/// A channel without any account is switched off on purpose.
pub(super) fn no_account(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let keys = context.state.allowlist_keys().unwrap_or_default().into_iter();
    let keys = keys.filter(|key| {
        let has_others = config.accounts.iter().any(|it| it.key.channel == key.channel);
        has_others && config.account(key).is_none()
    });
    let counted =
        keys.map(|key| (context.store.approved(&key).map_or(0, |it| it.senders().count()), key));
    let finding = |(people, key): (usize, AccountKey)| {
        let (channel, account) = (&key.channel, key.account.as_str());
        let found = Finding::new(
            Severity::Warn,
            text::account(channel, account),
            text::not_configured(people),
        );
        found.by_hand(format!("openclaw pairing allowed {channel} --account {account}"))
    };
    counted.filter(|(people, _)| *people > 0).map(finding).collect()
}

pub(super) fn unreachable(context: &Context) -> Vec<Finding> {
    let Some(seen) = context.gateway.seen() else { return Vec::new() };
    let Some(waited) = seen.outbox.oldest_ms.filter(|waited| *waited > HOUR_MS) else {
        return Vec::new();
    };
    let since = UnixMs(context.now.0.saturating_sub(waited));
    let found = Finding::new(Severity::Warn, "", text::unreachable(seen.outbox.depth));
    vec![found.since(since).by_hand("openclaw channels status")]
}

pub(super) fn stuck(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let mut found = Vec::new();
    for account in config.accounts.iter().filter(|account| account.enabled) {
        let all = context.store.waiting(&account.key.channel, context.now).unwrap_or_default();
        let here: Vec<_> = all.iter().filter(|request| request.key == account.key).collect();
        let oldest = here.iter().map(|request| request.created_at).min();
        let is_full = here.len() >= config.pairing.places.max_pending;
        if let Some(oldest) = oldest.filter(|at| is_full && context.age(*at) > FULL_MS) {
            let subject = text::account(&account.key.channel, account.key.account.as_str());
            let one = Finding::new(Severity::Warn, subject, text::full(here.len())).since(oldest);
            let command = format!("openclaw pairing list {}", account.key.channel);
            found.push(one.by_hand(command));
        }
    }
    let channels =
        context.gateway.seen().into_iter().flat_map(|seen| &seen.channels.channel_accounts);
    for (channel, account) in channels.flat_map(|(id, all)| all.iter().map(move |one| (id, one))) {
        let since = account.waiting_since.map(UnixMs);
        if let Some(since) = since.filter(|since| context.age(*since) > 24 * HOUR_MS) {
            let subject = text::account(channel, &account.account_id);
            let says = text::unsent(account.waiting.unwrap_or_default());
            let one = Finding::new(Severity::Warn, subject, says).since(since);
            found.push(one.by_hand(text::CHANNELS_STATUS));
        }
    }
    found
}

/// Only where a program says that it keeps the time is it known that it does not.
pub(super) fn clock(context: &Context) -> Vec<Finding> {
    let folder = context.machine.join("run/systemd/timesync");
    if !folder.is_dir() || folder.join("synchronized").exists() {
        return Vec::new();
    }
    vec![Finding::new(Severity::Warn, "", text::CLOCK).by_hand("timedatectl timesync-status")]
}

pub(super) fn waiting(context: &Context) -> Vec<Finding> {
    let is_old = |at: UnixMs| context.age(at) > HOUR_MS;
    let devices = context.store.device_requests(context.now).unwrap_or_default();
    let devices = devices.into_iter().filter(|request| is_old(request.asked_at));
    let devices = devices.map(|request| (request.id.as_str().to_owned(), request.asked_at));
    let (nodes, _) = context.store.nodes(context.now).unwrap_or_default();
    let nodes = nodes.into_iter().filter(|request| is_old(request.asked_at));
    let nodes = nodes.map(|request| (request.id, request.asked_at));
    let finding = |(id, since): (String, UnixMs)| {
        let found = Finding::new(Severity::Info, id, text::DEVICE_WAITS).since(since);
        found.by_hand("openclaw devices list")
    };
    devices.chain(nodes).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::works::tests::context;

    #[test]
    fn a_clock_that_nobody_keeps_is_told_and_one_that_is_kept_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = context(folder.path());
        context.machine = folder.path().to_owned();
        assert_eq!(clock(&context), []);
        let run = folder.path().join("run/systemd/timesync");
        fs::create_dir_all(&run).unwrap();
        assert_eq!(clock(&context).len(), 1);
        fs::File::create(run.join("synchronized")).unwrap();
        assert_eq!(clock(&context), []);
    }
}
