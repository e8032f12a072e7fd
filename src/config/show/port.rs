//! The tables about the port, and about how phones find it.

use openclaw_plugin_sdk::toml::{Table, Value};

use super::{MASK, list, table, text, word};
use crate::{
    Config,
    device_pair::{APPROVALS, MDNS},
    gateway::{AUTH_MODES, BINDS, Bind, Given, TAILSCALE, Tls},
    rules::device::locality::Network,
};

/// `[gateway]`.
pub(super) fn gateway(config: &Config) -> Value {
    let it = &config.gateway;
    let mut shown = Table::new();
    let mut add = |key: &str, value| shown.insert(key.to_owned(), value);
    let named = Some(it.bind).filter(|bind| !matches!(bind, Bind::Custom(_)));
    add("bind", word(BINDS, named));
    if let Bind::Custom(address) = it.bind {
        add("custom_bind_host", text(&address.to_string()));
    }
    add("port", Value::Integer(config.port.into()));
    add("trusted_proxies", networks(&it.trusted_proxies));
    add("auth", auth(config));
    add("control_ui", table([("allowed_origins", list(it.control_ui.allowed_origins.clone()))]));
    add(
        "limits",
        table([
            ("per_address", count(it.limits.per_address)),
            ("unauthenticated", count(it.limits.unauthenticated)),
        ]),
    );
    let commands = table([
        ("allow", list(it.nodes.commands.allow.iter().cloned())),
        ("deny", list(it.nodes.commands.deny.iter().cloned())),
    ]);
    let pairing = table([
        ("auto_approve_cidrs", networks(&it.nodes.auto_approve_cidrs)),
        ("auto_approve_local", Value::Boolean(it.nodes.auto_approve_local)),
    ]);
    let shared = list(it.nodes.shared.iter().map(|node| node.as_str().to_owned()));
    add("nodes", table([("commands", commands), ("pairing", pairing), ("shared", shared)]));
    add("tailscale", table([("mode", word(TAILSCALE, it.tailscale))]));
    add("tls", tls(&it.tls));
    Value::Table(shown)
}

/// `[discovery]`.
pub(super) fn discovery(config: &Config) -> Value {
    table([("mdns", table([("mode", word(MDNS, config.mdns))]))])
}

/// `[plugins]`.
pub(super) fn plugins(config: &Config) -> Value {
    let it = &config.device_pair;
    let mut shown = Table::new();
    shown.insert("approve".to_owned(), word(APPROVALS, it.approve));
    shown.insert("probe".to_owned(), Value::Boolean(it.probe));
    if let Some(url) = &it.public_url {
        shown.insert("public_url".to_owned(), text(&url.to_string()));
    }
    table([("device-pair", Value::Table(shown))])
}

fn auth(config: &Config) -> Value {
    let it = &config.gateway.auth;
    let mut shown = Table::new();
    shown.insert("mode".to_owned(), word(AUTH_MODES, it.mode));
    let mut mask = |key: &str, given: &Option<Given>| {
        if given.is_some() {
            shown.insert(key.to_owned(), text(MASK));
        }
    };
    mask("password", &it.password);
    mask("token", &it.token);
    Value::Table(shown)
}

fn tls(tls: &Tls) -> Value {
    let mut shown = Table::new();
    shown.insert("auto_generate".to_owned(), Value::Boolean(tls.auto_generate));
    shown.insert("enabled".to_owned(), Value::Boolean(tls.enabled));
    for (key, path) in [("cert_path", &tls.cert_path), ("key_path", &tls.key_path)] {
        if let Some(path) = path {
            shown.insert(key.to_owned(), text(&path.display().to_string()));
        }
    }
    Value::Table(shown)
}

fn networks(networks: &[Network]) -> Value {
    list(networks.iter().map(ToString::to_string))
}

fn count(count: usize) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
