//! Paired devices and nodes: what they may do, and how they came in.

use openclaw_plugin_sdk::UnixMs;

use super::{STALE_MS, port, refused};
use crate::{
    Context, Finding, Severity,
    rules::device::{
        handshake::SetupApproval,
        record::{ApprovedVia, Device},
        role::{Role, Scope, is_exec_class},
        surface::is_dangerous,
    },
    text,
};

fn devices(context: &Context) -> Vec<std::sync::Arc<Device>> {
    context.store.devices().unwrap_or_default()
}

fn seen(device: &Device) -> UnixMs {
    let used = device.tokens.values().filter_map(|token| token.last_used_at);
    used.chain(device.seen_at).fold(device.approved_at, UnixMs::max)
}

fn name(device: &Device) -> String {
    device.key.id().to_string()
}

pub(super) fn admin(context: &Context) -> Vec<Finding> {
    let all = devices(context).into_iter();
    let admins = all.filter(|device| device.approved.scopes.name(Scope::Admin));
    let finding = |device: std::sync::Arc<Device>| {
        let says = text::admin(device.via.word(), context.age(seen(&device)) / 86_400_000);
        let found = Finding::new(Severity::Info, name(&device), says).since(device.created_at);
        found.by_hand("openclaw devices list")
    };
    admins.map(finding).collect()
}

pub(super) fn silent(context: &Context) -> Vec<Finding> {
    let all = devices(context).into_iter();
    let silent = all.filter(|device| {
        device.via == ApprovedVia::Silent && device.approved.roles.contains(&Role::Node)
    });
    let finding = |device: std::sync::Arc<Device>| {
        let found = Finding::new(Severity::Warn, name(&device), text::SILENT_DEVICE);
        found.since(device.approved_at).by_hand(text::remove(&name(&device)))
    };
    silent.map(finding).collect()
}

pub(super) fn cidr(context: &Context) -> Vec<Finding> {
    let mut found = refused(context, "auto_approve_cidrs", "everyone");
    let ranges = context.config.iter().flat_map(|it| &it.gateway.nodes.auto_approve_cidrs);
    let wide = ranges.filter(|range| {
        let (bits, is_v4) = range.width();
        bits < if is_v4 { 16 } else { 48 }
    });
    let key = "gateway.nodes.pairing.auto_approve_cidrs";
    found.extend(wide.map(|range| {
        let one = Finding::new(Severity::Critical, text::bits(range.width().0), text::WIDE);
        one.at(context.key(key)).by_hand(text::take_out(&range.to_string(), key))
    }));
    found
}

pub(super) fn stale(context: &Context) -> Vec<Finding> {
    let all = devices(context).into_iter();
    let stale = all.filter(|device| context.age(seen(device)) > STALE_MS);
    let finding = |device: std::sync::Arc<Device>| {
        let found = Finding::new(Severity::Warn, name(&device), text::STALE_DEVICE);
        found.since(seen(&device)).by_hand(text::remove(&name(&device)))
    };
    stale.map(finding).collect()
}

pub(super) fn plain_code(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let url = config.device_pair.public_url.as_ref();
    let is_plain = port::is_plain(context) || url.is_some_and(|url| !url.tls);
    if config.device_pair.approve != SetupApproval::Code || !is_plain {
        return Vec::new();
    }
    let key = "plugins.device-pair.approve";
    let found = Finding::new(Severity::Warn, "", text::PLAIN_CODE).at(context.key(key));
    vec![found.by_hand(format!("openclaw config set {key} owner"))]
}

pub(super) fn dangerous(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let policy = &config.gateway.nodes.commands;
    let key = "gateway.nodes.commands.allow";
    let risky = |command: &&String| is_dangerous(command) || is_exec_class(command);
    let mut found: Vec<Finding> = policy
        .allow
        .iter()
        .filter(risky)
        .map(|command| {
            let one = Finding::new(Severity::Warn, command.clone(), text::DANGEROUS);
            one.at(context.key(key)).by_hand(text::take_out(command, key))
        })
        .collect();
    for device in devices(context) {
        let runs = device
            .approved
            .commands
            .iter()
            .find(|command| is_exec_class(command) && policy.permits(command));
        found.extend(runs.map(|command| {
            let one = Finding::new(Severity::Warn, name(&device), text::runs_programs(command));
            one.since(device.approved_at).by_hand(text::deny(command))
        }));
    }
    found
}

pub(super) fn deny_pattern(context: &Context) -> Vec<Finding> {
    let denied = context.config.iter().flat_map(|it| &it.gateway.nodes.commands.deny);
    let is_name = |entry: &str| entry.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let odd = denied.filter(|entry| !is_name(entry) || !entry.contains('.'));
    let key = "gateway.nodes.commands.deny";
    let finding = |entry: &String| {
        let found = Finding::new(Severity::Warn, entry.clone(), text::DENY_PATTERN);
        found.at(context.key(key)).by_hand(text::take_out(entry, key))
    };
    odd.map(finding).collect()
}
