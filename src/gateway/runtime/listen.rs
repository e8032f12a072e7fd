//! The gateway's way in, opened at the start: listeners, certificate, its own key, the announcement.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use openclaw_plugin_sdk::UnixMs;
use tokio::net::TcpListener;
use tracing::warn;

use crate::{
    RunError,
    config::Config,
    network::{
        bind::{self, BindError},
        identity::Identity,
        mdns::{self, Announced, Notice},
        tls::{self, Names, Served},
    },
    rules::device::endpoint::{Endpoint, Host},
    store::{Store, paths::StateDir},
};

/// What is open.
pub(crate) struct OpenPort {
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) port: u16,
    pub(crate) tls: Option<Served>,
    pub(crate) identity: Identity,
    /// Where others may look for this machine.
    beyond: Vec<IpAddr>,
    container: bool,
}

impl OpenPort {
    /// Opens it as the configuration says. Nothing is made or opened where a part of it cannot be.
    pub(crate) fn open(
        config: &Config,
        (state, store): (&StateDir, &Store),
        now: UnixMs,
    ) -> Result<Self, RunError> {
        if let Err(error) = bind::raise_file_limit() {
            warn!(%error, "the limit of open files stays as it is");
        }
        let (interfaces, container) = (bind::interfaces()?, bind::in_container());
        let own: Vec<IpAddr> = interfaces.iter().map(|one| one.address).collect();
        let beyond = bind::beyond(&interfaces, bind::default_route());
        let gateway = &config.gateway;
        let addresses = bind::listen_at(gateway.bind, &own, container)?;
        let identity = Identity::load(store)?;
        let listeners = bind::listen(&addresses, config.port)?;
        let tls = if gateway.tls.enabled {
            let names = Names { hosts: hosts(config, &own), now };
            Some(tls::load(&gateway.tls, state, &names)?)
        } else {
            None
        };
        let first = listeners.first().map(TcpListener::local_addr).transpose();
        let learnt = |source| BindError::Io { doing: "learn the port".to_owned(), source };
        let port = first.map_err(learnt)?.map_or(config.port, |address| address.port());
        Ok(Self { listeners, port, tls, identity, beyond, container })
    }

    /// Where this machine's own programs and browsers reach it.
    pub(crate) fn here(&self) -> SocketAddr {
        let first = self.listeners.first().and_then(|listener| listener.local_addr().ok());
        let address = match first.map(|address| address.ip()) {
            Some(IpAddr::V6(v6)) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            Some(address) if !address.is_unspecified() => address,
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        SocketAddr::new(address, self.port)
    }

    /// Where others reach it.
    pub(crate) fn elsewhere(&self) -> Vec<SocketAddr> {
        let bound = self.listeners.iter().filter_map(|listener| listener.local_addr().ok());
        let mut found = Vec::new();
        for address in bound.map(|address| address.ip()).filter(|address| !address.is_loopback()) {
            match address {
                IpAddr::V4(v4) if v4.is_unspecified() => {
                    found.extend(bind::private_addresses(&self.beyond).into_iter().map(IpAddr::V4));
                }
                IpAddr::V6(v6) if v6.is_unspecified() => {
                    found.extend(bind::private_addresses_v6(&self.beyond));
                }
                address => found.push(address),
            }
        }
        found.into_iter().map(|address| SocketAddr::new(address, self.port)).collect()
    }

    /// Tells the network, where it is to be told. A network that cannot be told is no reason not to start.
    pub(crate) fn announce(&self, config: &Config) -> Option<Announced> {
        let bind = config.gateway.bind;
        if !mdns::is_wanted(config.mdns, bind, self.container) {
            return None;
        }
        let host = host_name();
        let notice = Notice {
            host: &host,
            port: self.port,
            tls_fingerprint: self.tls.as_ref().map(|served| served.fingerprint),
        };
        let announced = mdns::announce(&notice, bind);
        announced.map_err(|error| warn!(%error, "the gateway is not announced")).ok()
    }
}

fn host_name() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The names and addresses that stand in a certificate.
fn hosts(config: &Config, own: &[IpAddr]) -> Vec<String> {
    let name = host_name();
    let mut hosts = Vec::new();
    if !name.is_empty() {
        let first = name.split('.').next().unwrap_or_default().to_owned();
        hosts.extend([name, format!("{first}.local")]);
    }
    match config.device_pair.public_url.as_ref().map(|Endpoint { host, .. }| host) {
        Some(Host::Name(name)) => hosts.push(name.clone()),
        Some(Host::Address(address)) => hosts.push(address.to_string()),
        None => {}
    }
    hosts.extend(own.iter().map(ToString::to_string));
    hosts
}
