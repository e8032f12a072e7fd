//! The `[gateway]` table: the port, who can reach it, what it asks for, and what nodes may be asked to do.

mod values;

use std::{net::IpAddr, path::PathBuf};

use openclaw_plugin_sdk::Secret;

use self::values::{entries, networks, path, secret, words};
use super::{opening, problem::Stand, section::Section};
use crate::rules::device::{identity::DeviceId, locality::Network, surface::CommandPolicy};

/// The `[gateway]` table but for its port, which is `Config::port`.
#[derive(Clone, Debug, Default)]
pub struct GatewayConfig {
    /// Who can reach it.
    pub bind: Bind,
    /// What a client shows that is no paired device.
    pub auth: Auth,
    /// TLS on the port.
    pub tls: Tls,
    /// The proxies whose word about an address is believed.
    pub trusted_proxies: Vec<Network>,
    /// How many may be connected that nobody knows yet.
    pub limits: Limits,
    /// What holds for nodes.
    pub nodes: Nodes,
    /// Whether Tailscale leads here.
    pub tailscale: Tailscale,
    /// Pages of other origins.
    pub control_ui: ControlUi,
}

/// Where the port listens (`gateway.bind`, and `gateway.custom_bind_host` for the one address).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// In a container on every address, else on this machine.
    Auto,
    /// On one address.
    Custom(IpAddr),
    /// On every address.
    Lan,
    /// On this machine.
    #[default]
    Loopback,
    /// On the tailnet's address.
    Tailnet,
}

/// `[gateway.auth]`, with what the environment says before it.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// Which secret is asked for.
    pub mode: AuthMode,
    /// The shared token.
    pub token: Option<Given>,
    /// The shared password.
    pub password: Option<Given>,
}

/// Which secret a client shows that is no paired device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// None; on loopback only.
    None,
    /// The shared password.
    Password,
    /// The shared token.
    #[default]
    Token,
}

/// A secret, and who gave it.
#[derive(Clone, Debug)]
pub struct Given {
    /// The secret.
    pub secret: Secret,
    /// The variable that gave it; `None` for the file.
    pub env: Option<&'static str>,
}

/// `[gateway.tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether the port speaks TLS.
    pub enabled: bool,
    /// Whether a certificate is made where none is named.
    pub auto_generate: bool,
    /// The certificate, and those that signed it, in PEM.
    pub cert_path: Option<PathBuf>,
    /// Its key, in PEM.
    pub key_path: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { enabled: false, auto_generate: true, cert_path: None, key_path: None }
    }
}

/// `[gateway.limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that have not said who they are, in all.
    pub unauthenticated: usize,
    /// Of those, from one address.
    pub per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unauthenticated: 512, per_address: 64 }
    }
}

/// `[gateway.nodes]`.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// `[gateway.nodes.commands]`.
    pub commands: CommandPolicy,
    /// The nodes that every device with `operator.write` may ask; any other one is its own device's and admins'.
    pub shared: Vec<DeviceId>,
    /// Whether an operator of this machine who knows the secret needs no approval (`pairing.auto_approve_local`).
    pub auto_approve_local: bool,
    /// Where a fresh node that offers nothing needs none (`pairing.auto_approve_cidrs`).
    pub auto_approve_cidrs: Vec<Network>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            commands: CommandPolicy::default(),
            shared: Vec::new(),
            auto_approve_local: true,
            auto_approve_cidrs: Vec::new(),
        }
    }
}

/// `gateway.tailscale.mode`: what `tailscale serve` or `tailscale funnel` was set up for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tailscale {
    /// The whole internet reaches it.
    Funnel,
    /// Nothing.
    #[default]
    Off,
    /// The tailnet reaches it.
    Serve,
}

/// `[gateway.control_ui]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlUi {
    /// Whose pages may open a socket, beside the gateway's own: `https://host` or `http://host:port`.
    pub allowed_origins: Vec<String>,
}

/// The words of `gateway.bind`; `None` for the one whose address is another key's.
pub(super) const BINDS: &[(&str, Option<Bind>)] = &[
    ("auto", Some(Bind::Auto)),
    ("custom", None),
    ("lan", Some(Bind::Lan)),
    ("loopback", Some(Bind::Loopback)),
    ("tailnet", Some(Bind::Tailnet)),
];

/// The words of `gateway.auth.mode`.
pub(super) const AUTH_MODES: &[(&str, AuthMode)] =
    &[("none", AuthMode::None), ("password", AuthMode::Password), ("token", AuthMode::Token)];

/// The words of `gateway.tailscale.mode`.
pub(super) const TAILSCALE: &[(&str, Tailscale)] =
    &[("funnel", Tailscale::Funnel), ("off", Tailscale::Off), ("serve", Tailscale::Serve)];

/// The variables that give a secret, the field's older name last.
pub(super) const TOKENS: [&str; 2] = ["OPENCLAW_GATEWAY_TOKEN", "CLAWDBOT_GATEWAY_TOKEN"];
pub(super) const PASSWORDS: [&str; 2] = ["OPENCLAW_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_PASSWORD"];

impl Bind {
    /// True where nobody but this machine can reach it, whatever else is so.
    pub fn is_loopback(self) -> bool {
        match self {
            Self::Custom(address) => address.to_canonical().is_loopback(),
            Self::Loopback => true,
            Self::Auto | Self::Lan | Self::Tailnet => false,
        }
    }
}

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The `[gateway]` table.
pub(super) fn read(root: &Section<'_>, env: Env<'_>) -> GatewayConfig {
    let mut config = GatewayConfig::default();
    let gateway = root.below("gateway");
    if let Some(gateway) = &gateway {
        config.bind = bind(gateway).unwrap_or_default();
        config.tls = tls(gateway).unwrap_or_default();
        config.limits = limits(gateway).unwrap_or_default();
        config.nodes = nodes(gateway).unwrap_or_default();
        config.trusted_proxies = networks(gateway, "trusted_proxies");
        config.control_ui.allowed_origins = origins(gateway);
        config.tailscale = gateway
            .below("tailscale")
            .and_then(|table| table.choice("mode", TAILSCALE))
            .unwrap_or_default();
    }
    config.auth = auth(gateway.as_ref(), env);
    if let Some(gateway) = &gateway
        && config.auth.mode == AuthMode::None
    {
        nobody_asked(gateway, &config);
    }
    if let Some(gateway) = &gateway {
        in_plain_text(gateway, &config);
    }
    config
}

impl GatewayConfig {
    /// True where a proxy on another machine may speak TLS. One on this machine needs no port that others reach.
    pub fn has_remote_proxy(&self) -> bool {
        self.trusted_proxies.iter().any(|proxy| !proxy.is_loopback())
    }
}

/// On a network, only TLS keeps tokens and messages from those who read along.
fn in_plain_text(gateway: &Section<'_>, config: &GatewayConfig) {
    let bind = match config.bind {
        Bind::Custom(address) if !address.to_canonical().is_loopback() => "custom",
        Bind::Lan => "lan",
        _ => return,
    };
    if config.tls.enabled || config.has_remote_proxy() {
        return;
    }
    let text = format!(
        "`gateway.bind` is `{bind}` without TLS: others on that network can read tokens and messages; set \
         `gateway.tls.enabled = true`, or name the proxy that speaks TLS in `gateway.trusted_proxies`; with a proxy \
         on this machine, set `gateway.bind = \"loopback\"`"
    );
    gateway.problems.warn(gateway.at("bind"), text);
}

/// Without a secret nobody but this machine may come near the port.
fn nobody_asked(gateway: &Section<'_>, config: &GatewayConfig) {
    if !config.bind.is_loopback() {
        let what = "is `loopback` where `gateway.auth.mode` is `none`";
        gateway.wrong("bind", gateway.at("bind"), what);
    }
    if config.tailscale != Tailscale::Off
        && let Some(table) = gateway.section("tailscale")
    {
        table.wrong("mode", table.at("mode"), "is `off` where `gateway.auth.mode` is `none`");
    }
}

fn bind(gateway: &Section<'_>) -> Option<Bind> {
    const HOST: &str = "custom_bind_host";
    let host = gateway.text(HOST);
    let chosen = gateway.choice("bind", BINDS);
    if host.is_some() && chosen.is_some_and(|bind| bind.is_some()) {
        let what = "is for `gateway.bind = \"custom\"` only";
        gateway.wrong(HOST, gateway.at(HOST), what);
    }
    if let Some(bind) = chosen? {
        return Some(bind);
    }
    if !gateway.has(HOST) {
        let what = "is `custom`, which needs `gateway.custom_bind_host`";
        gateway.wrong("bind", gateway.at("bind"), what);
    }
    let address = host?.value.trim().parse().ok();
    if address.is_none() {
        let what = "must be one address of this machine, such as `192.168.1.10`";
        gateway.wrong(HOST, gateway.at(HOST), what);
    }
    address.map(Bind::Custom)
}

fn auth(gateway: Option<&Section<'_>>, env: Env<'_>) -> Auth {
    let table = gateway.and_then(|gateway| gateway.below("auth"));
    let from_file = |key| table.as_ref().and_then(|table| secret(table, key));
    let from_env = |names: [&'static str; 2]| {
        let given = |name| {
            opening::set(env, name)
                .map(|value| Given { secret: Secret::new(value.trim()), env: Some(name) })
        };
        names.into_iter().find_map(given)
    };
    let token = from_env(TOKENS).or_else(|| from_file("token"));
    let password = from_env(PASSWORDS).or_else(|| from_file("password"));
    let said = table.as_ref().and_then(|table| {
        if table.text("mode").is_some_and(|mode| mode.value == "trusted-proxy") {
            let what = "cannot be `trusted-proxy`: a header of a proxy does not prove who connects; \
                        use `token`, and pair each device";
            table.wrong("mode", table.at("mode"), what);
            return None;
        }
        table.choice("mode", AUTH_MODES)
    });
    let guessed = match (&token, &password) {
        (None, Some(_)) => AuthMode::Password,
        _ => AuthMode::Token,
    };
    Auth { mode: said.unwrap_or(guessed), token, password }
}

fn tls(gateway: &Section<'_>) -> Option<Tls> {
    let table = gateway.below("tls")?;
    let default = Tls::default();
    let cert_path = path(&table, "cert_path");
    let key_path = path(&table, "key_path");
    for (key, other) in [("cert_path", "key_path"), ("key_path", "cert_path")] {
        if table.has(key) && !table.has(other) {
            table.wrong(key, table.at(key), &format!("needs `{}` beside it", table.key(other)));
        }
    }
    Some(Tls {
        enabled: table.flag("enabled").unwrap_or(default.enabled),
        auto_generate: table.flag("auto_generate").unwrap_or(default.auto_generate),
        cert_path,
        key_path,
    })
}

fn limits(gateway: &Section<'_>) -> Option<Limits> {
    let table = gateway.below("limits")?;
    let mut limits = Limits::default();
    let read = |key, default: usize| {
        let number = table.number(key, 1..=65_535).and_then(|number| usize::try_from(number).ok());
        number.unwrap_or(default)
    };
    limits.unauthenticated = read("unauthenticated", limits.unauthenticated);
    limits.per_address = read("per_address", limits.per_address.min(limits.unauthenticated));
    if limits.per_address > limits.unauthenticated {
        let what =
            format!("must be at most {}, the number of places in total", limits.unauthenticated);
        table.wrong("per_address", table.at("per_address"), &what);
    }
    Some(limits)
}

fn nodes(gateway: &Section<'_>) -> Option<Nodes> {
    let table = gateway.below("nodes")?;
    let shared = entries(&table, "shared", |text| {
        DeviceId::parse(text.value.trim())
            .ok_or("must list ids of nodes, as `openclaw nodes status --json` prints them")
    });
    let mut nodes = Nodes { shared, ..Nodes::default() };
    if let Some(commands) = table.below("commands") {
        nodes.commands.allow = words(&commands, "allow").into_iter().collect();
        nodes.commands.deny = words(&commands, "deny").into_iter().collect();
    }
    if let Some(pairing) = table.below("pairing") {
        nodes.auto_approve_local =
            pairing.flag("auto_approve_local").unwrap_or(nodes.auto_approve_local);
        nodes.auto_approve_cidrs = networks(&pairing, "auto_approve_cidrs");
    }
    Some(nodes)
}

fn origins(gateway: &Section<'_>) -> Vec<String> {
    let Some(table) = gateway.below("control_ui") else { return Vec::new() };
    let origins = words(&table, "allowed_origins");
    let is_origin = |origin: &str| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*']))
    };
    if !origins.iter().all(|origin| is_origin(origin)) {
        let what = "must list origins such as `https://host` or `http://host:8080`, and never `*`";
        table.wrong("allowed_origins", table.at("allowed_origins"), what);
    }
    origins.iter().map(|origin| origin.to_ascii_lowercase()).collect()
}

/// The port: `OPENCLAW_GATEWAY_PORT`, else `gateway.port`.
pub(super) fn port(root: &Section<'_>, env: Env<'_>) -> u16 {
    const NAME: &str = "OPENCLAW_GATEWAY_PORT";
    let mut port = super::PORT;
    if let Some(gateway) = root.section("gateway") {
        let number = gateway.number("port", 0..=i64::from(u16::MAX));
        port = number.and_then(|number| u16::try_from(number).ok()).unwrap_or(port);
    }
    let Some(named) = opening::set(env, NAME) else { return port };
    named.trim().parse().unwrap_or_else(|_| {
        root.problems.add(Stand::Environment, format!("`{NAME}` is a port from 0 to 65535"));
        port
    })
}
