//! The running gateway: does it answer, do its accounts, can it be reached?

use std::borrow::Cow;

use openclaw_plugin_sdk::UnixMs;

use crate::{
    Context, Finding, Severity, Standing,
    config::{gateway::Bind, place},
    finding::Place,
    local_client::status::AccountStatus,
    machine,
    network::bind::{self, BindError},
    registry,
    repair::{Repair, is_plain_socket},
    text,
};

const DAY_MS: u64 = 86_400_000;

pub(super) fn down(context: &Context) -> Vec<Finding> {
    match &context.gateway {
        Standing::Silent { holder, why } => {
            let found = Finding::new(Severity::Error, "", text::silent_gateway(holder, why));
            vec![found.in_file(&context.state.gateway_lock()).by_hand(text::RESTART)]
        }
        Standing::Off | Standing::Stale(_) => {
            let found = context.unit.as_ref().map(|unit| {
                let found = Finding::new(Severity::Error, "service", text::SERVICE_DOWN);
                found.in_file(&unit.path).by_hand("openclaw service start")
            });
            found.into_iter().collect()
        }
        Standing::Runs(_) => Vec::new(),
    }
}

pub(super) fn socket_stale(context: &Context) -> Vec<Finding> {
    let Standing::Stale(path) = &context.gateway else { return Vec::new() };
    let found = Finding::new(Severity::Warn, context.short(path), text::STALE_SOCKET).in_file(path);
    let repair = Repair::Socket(path.clone());
    vec![if is_plain_socket(context) { found.by_itself(text::FIX_IT, repair) } else { found }]
}

pub(super) fn other_build(context: &Context) -> Vec<Finding> {
    let Some(seen) = context.gateway.seen() else { return Vec::new() };
    let own = env!("CARGO_PKG_VERSION");
    if seen.health.version == own {
        return Vec::new();
    }
    let found = Finding::new(Severity::Warn, "", text::other_build(&seen.health.version, own));
    vec![found.by_hand(text::RESTART)]
}

pub(super) fn port(context: &Context) -> Vec<Finding> {
    let is_free_to_look = matches!(context.gateway, Standing::Off | Standing::Stale(_));
    let Some(config) = context.config.as_ref().filter(|config| is_free_to_look && config.port > 0)
    else {
        return Vec::new();
    };
    let Some(held) = machine::listener(&context.machine, config.port) else { return Vec::new() };
    let found =
        Finding::new(Severity::Error, config.port.to_string(), text::port(config.port, held));
    vec![found.at(context.key("gateway.port")).by_hand(text::SET_PORT)]
}

pub(super) fn foreign(context: &Context) -> Vec<Finding> {
    let program = machine::foreign(&context.machine, &context.state);
    let finding = |program: machine::Program| {
        let found =
            Finding::new(Severity::Error, program.name.clone(), text::foreign_runs(&program));
        found.by_hand(text::STOP_FOREIGN)
    };
    program.map(finding).into_iter().collect()
}

/// Every account that is on, by channel.
fn accounts(context: &Context) -> impl Iterator<Item = (&str, &AccountStatus)> {
    let channels =
        context.gateway.seen().into_iter().flat_map(|seen| &seen.channels.channel_accounts);
    let all = channels.flat_map(|(id, all)| all.iter().map(|account| (id.as_str(), account)));
    all.filter(|(_, account)| account.enabled)
}

fn of(channel: &str, account: &AccountStatus, what: &str) -> Cow<'static, str> {
    Cow::Owned(format!("channel.{channel}.{}.{what}", account.account_id))
}

fn about(channel: &str, account: &AccountStatus) -> String {
    text::account(channel, &account.account_id)
}

/// The key of the configuration that has the credential of an account, if one alone has.
fn credential(context: &Context, channel: &str, account: &str) -> Option<String> {
    let written = context.written.as_ref()?;
    let keys = registry::channel(channel)?.env_keys.iter();
    let at = |key: &str| {
        [
            format!("channels.{channel}.accounts.{account}.{key}"),
            format!("channels.{channel}.{key}"),
        ]
    };
    let mut written = keys
        .filter_map(|(key, _)| at(key).into_iter().find(|key| place::line(written, key).is_some()));
    let only = written.next()?;
    written.next().is_none().then_some(only)
}

pub(super) fn tokens(context: &Context) -> Vec<Finding> {
    let refused =
        accounts(context).filter(|(_, account)| account.state.as_deref() == Some("unauthorized"));
    let finding = |(channel, account): (&str, &AccountStatus)| {
        let why = account.last_error.as_deref().unwrap_or_default();
        let subject = about(channel, account);
        let found = Finding::new(Severity::Error, subject, text::token(why));
        let key = credential(context, channel, &account.account_id);
        let place = key.clone().unwrap_or_else(|| format!("channels.{channel}"));
        let found = found.at(context.key(&place));
        let id = of(channel, account, "token");
        let fix = key.map_or_else(|| text::CHANNELS_STATUS.to_owned(), |key| text::set(&key));
        Finding { id, ..found.by_hand(fix) }
    };
    refused.map(finding).collect()
}

pub(super) fn connections(context: &Context) -> Vec<Finding> {
    let troubled = accounts(context).filter(|(_, account)| {
        let is_told = matches!(account.state.as_deref(), Some("unauthorized" | "disabled"));
        account.last_error.is_some() && !is_told
    });
    let finding = |(channel, account): (&str, &AccountStatus)| {
        let why = account.last_error.as_deref().unwrap_or_default();
        let found = Finding::new(Severity::Warn, about(channel, account), text::connection(why));
        let id = of(channel, account, "connection");
        Finding { id, ..found.by_hand(text::CHANNELS_STATUS) }
    };
    troubled.map(finding).collect()
}

pub(super) fn silent(context: &Context) -> Vec<Finding> {
    let is_recent = |at: u64| context.age(UnixMs(at)) < DAY_MS;
    let heard = |account: &AccountStatus| account.last_inbound_at;
    if !accounts(context).any(|(_, account)| heard(account).is_some_and(is_recent)) {
        return Vec::new();
    }
    let finding = |(channel, account): (&str, &AccountStatus)| {
        let at = heard(account).map(UnixMs).filter(|at| context.age(*at) > 7 * DAY_MS)?;
        let found = Finding::new(Severity::Info, about(channel, account), text::SILENT).since(at);
        let id = of(channel, account, "silent");
        Some(Finding { id, ..found.by_hand(text::CHANNELS_STATUS) })
    };
    accounts(context).filter_map(finding).collect()
}

/// What a setup code would carry now.
pub(super) fn reach(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let Ok(interfaces) = bind::interfaces() else { return Vec::new() };
    let own: Vec<_> = interfaces.iter().map(|interface| interface.address).collect();
    let found = |severity, says: String| {
        let one = Finding::new(severity, "", says).at(context.key("gateway.bind"));
        vec![one.by_hand("openclaw config get gateway.bind")]
    };
    if let Bind::Custom(address) = config.gateway.bind {
        let address = address.to_canonical();
        let is_ours = address.is_loopback() || address.is_unspecified() || own.contains(&address);
        if !is_ours {
            return found(Severity::Error, BindError::NotOurs(address).to_string());
        }
    }
    match bind::listen_at(config.gateway.bind, &own, bind::in_container()) {
        Err(error) => found(Severity::Error, error.to_string()),
        Ok(_) if config.gateway.bind == Bind::Lan && bind::private_addresses(&own).is_empty() => {
            found(Severity::Warn, text::NO_PRIVATE.to_owned())
        }
        Ok(_) => Vec::new(),
    }
}

pub(super) fn assistant(context: &Context) -> Vec<Finding> {
    let Some(Err(why)) = &context.assistant else { return Vec::new() };
    let name = context.config.iter().map(|config| config.assistant.responder.clone()).next();
    let found = Finding::new(Severity::Error, name.unwrap_or_default(), text::assistant(why));
    vec![found.at(context.key("assistant")).by_hand("openclaw config check --deep")]
}

const SOON_MS: u64 = 21 * DAY_MS;

pub(super) fn expiry(context: &Context) -> Vec<Finding> {
    let Some(config) = context.config.as_ref().filter(|config| config.gateway.tls.enabled) else {
        return Vec::new();
    };
    let tls = &config.gateway.tls;
    let path = tls.cert_path.clone().unwrap_or_else(|| context.state.certificate());
    let Some(ends) = std::fs::read(&path).ok().and_then(|pem| crate::certificate::ends(&pem))
    else {
        return Vec::new();
    };
    let left = ends.0.saturating_sub(context.now.0);
    if left >= SOON_MS {
        return Vec::new();
    }
    let severity = if left == 0 { Severity::Error } else { Severity::Warn };
    let found = Finding::new(severity, context.short(&path), text::expiry(left / DAY_MS));
    let place = Place { file: path.clone(), line: None, key: Some("gateway.tls".to_owned()) };
    let command =
        if tls.cert_path.is_some() { text::RENEW.to_owned() } else { text::move_away(&path) };
    vec![found.at(Some(place)).by_hand(command)]
}
