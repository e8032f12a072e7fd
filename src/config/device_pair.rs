//! The tables `[plugins.device-pair]` and `[discovery]`: how phones find the way here.

use super::section::Section;
use crate::rules::device::{endpoint::Endpoint, handshake::SetupApproval};

/// `[plugins.device-pair]`.
#[derive(Clone, Debug)]
pub struct DevicePair {
    /// The gateway's address from outside.
    pub public_url: Option<Endpoint>,
    /// What a fresh setup code is worth.
    pub approve: SetupApproval,
    /// Whether an address is tried before it is handed out.
    pub probe: bool,
}

impl Default for DevicePair {
    fn default() -> Self {
        Self { public_url: None, approve: SetupApproval::Owner, probe: true }
    }
}

/// `discovery.mdns.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mdns {
    /// The gateway announces itself to a network it is bound to: name, port, and whether it speaks TLS.
    #[default]
    Minimal,
    /// It does not.
    Off,
}

/// The words of `plugins.device-pair.approve`.
pub(super) const APPROVALS: &[(&str, SetupApproval)] =
    &[("code", SetupApproval::Code), ("owner", SetupApproval::Owner)];

/// The words of `discovery.mdns.mode`.
pub(super) const MDNS: &[(&str, Mdns)] = &[("minimal", Mdns::Minimal), ("off", Mdns::Off)];

/// `[plugins.device-pair]`; an address without a scheme has the port's own, and an open one asks for a secret.
pub(super) fn read(root: &Section<'_>, tls: bool, asks_nothing: bool) -> DevicePair {
    let mut config = DevicePair::default();
    let plugins = root.below("plugins");
    let Some(table) = plugins.and_then(|it| it.below("device-pair")) else { return config };
    if let Some(text) = table.text("public_url") {
        match Endpoint::parse(&text.value, tls) {
            Ok(_) if asks_nothing => {
                let what = "cannot be where `gateway.auth.mode` is `none`: \
                            every client from there would get in without a secret";
                table.wrong("public_url", table.at("public_url"), what);
            }
            Ok(endpoint) => config.public_url = Some(endpoint),
            Err(why) => table.wrong("public_url", table.at("public_url"), &why.to_string()),
        }
    }
    config.approve = table.choice("approve", APPROVALS).unwrap_or(config.approve);
    config.probe = table.flag("probe").unwrap_or(config.probe);
    config
}

/// `[discovery]`.
pub(super) fn mdns(root: &Section<'_>) -> Mdns {
    let mdns = root.below("discovery").and_then(|discovery| discovery.below("mdns"));
    mdns.and_then(|mdns| mdns.choice("mode", MDNS)).unwrap_or_default()
}
