//! Which addresses a setup code carries: the ones that are named go before the ones that are found, those that
//! answer before those that do not, and none that leads to another program.

use std::{
    ffi::OsString,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use super::{
    bind::{self, private_addresses, tailnet_address},
    identity::Identity,
    probe::{self, Echo},
    tailscale,
};
use crate::{
    config::{
        Config,
        gateway::{Bind, Tailscale},
    },
    protocol::setup_code::MOST_URLS,
    rules::device::endpoint::{Endpoint, Host, NoEndpoint},
    setup_code::Way,
};

/// What is asked for beside what the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// This address and no other.
    pub public_url: Option<String>,
    /// For a node on this machine.
    pub local: bool,
    /// Whether addresses are tried, where the configuration does not say no.
    pub probe: bool,
}

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWayIn {
    /// Another program answers at every one.
    Another(Vec<String>),
    /// What was asked for is no address.
    Invalid(NoEndpoint),
    /// This machine alone reaches the port; and what was tried beside it.
    Loopback(Vec<String>),
}

impl NoWayIn {
    /// What is so, in a sentence; `Display` says what helps too.
    pub fn why(&self) -> String {
        match self {
            Self::Another(urls) => format!("another gateway answers at {}.", urls.join(", ")),
            Self::Invalid(why) => format!("the address {why}."),
            Self::Loopback(tried) if tried.is_empty() => {
                "only this machine can reach this gateway.".to_owned()
            }
            Self::Loopback(tried) => {
                format!("only this machine can reach this gateway: {}.", tried.join("; "))
            }
        }
    }
}

impl fmt::Display for NoWayIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let helps = match self {
            Self::Another(_) => {
                "correct `plugins.device-pair.public_url`, or the proxy or tunnel behind it"
            }
            Self::Invalid(_) => "write it like `wss://gateway.example.com`",
            Self::Loopback(_) => {
                "set `plugins.device-pair.public_url` or `gateway.bind = \"lan\"`; \
                 a node on this machine takes a code of `/pair local`"
            }
        };
        write!(f, "{} Way out: {helps}", self.why())
    }
}

impl std::error::Error for NoWayIn {}

/// An address, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    endpoint: Endpoint,
    source: &'static str,
    /// It is the port itself, so its certificate is the port's.
    direct: bool,
}

/// This machine, as far as addresses depend on it.
struct Here<'a> {
    config: &'a Config,
    port: u16,
    own: &'a [IpAddr],
    container: bool,
}

/// Finds the addresses for a setup code and tries them.
pub async fn offer(
    config: &Config,
    port: u16,
    tls_fingerprint: Option<&str>,
    identity: &Identity,
    wish: &Wish,
) -> Result<Way, NoWayIn> {
    let mut tried = Vec::new();
    let interfaces = bind::interfaces().unwrap_or_else(|error| {
        tried.push(error.to_string());
        Vec::new()
    });
    let own = bind::beyond(&interfaces, bind::default_route());
    let here = Here { config, port, own: &own, container: bind::in_container() };
    offer_here(&here, tls_fingerprint, identity, wish, (std::env::var_os("PATH"), tried)).await
}

/// The same for a program that waits for it.
pub fn offer_now(
    config: &Config,
    port: u16,
    tls_fingerprint: Option<&str>,
    identity: &Identity,
    wish: &Wish,
) -> std::io::Result<Result<Way, NoWayIn>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(offer(config, port, tls_fingerprint, identity, wish)))
}

async fn offer_here(
    here: &Here<'_>,
    tls_fingerprint: Option<&str>,
    identity: &Identity,
    wish: &Wish,
    (path, mut tried): (Option<OsString>, Vec<String>),
) -> Result<Way, NoWayIn> {
    let candidates = if let Some(candidate) = asked(here, wish)? {
        vec![candidate]
    } else {
        let tailnet = match here.config.gateway.tailscale {
            Tailscale::Off => None,
            Tailscale::Funnel | Tailscale::Serve => Some(tailscale::host(path.as_deref()).await),
        };
        candidates(here, tailnet, &mut tried)
    };
    if candidates.is_empty() {
        return Err(NoWayIn::Loopback(tried));
    }
    let mut found = Found { notes: tried, ..Found::default() };
    let probes = wish.probe && here.config.device_pair.probe && !wish.local;
    let ask = |candidate: Candidate| async move {
        let echo = if probes {
            probe::ask(&candidate.endpoint, identity, tls_fingerprint).await
        } else {
            Echo::Ours { own_certificate: candidate.direct }
        };
        (candidate, echo)
    };
    for (candidate, echo) in futures_util::future::join_all(candidates.into_iter().map(ask)).await {
        found.sort_in(candidate, echo);
    }
    found.way(tls_fingerprint)
}

/// The one address that was asked for, if one was.
fn asked(here: &Here<'_>, wish: &Wish) -> Result<Option<Candidate>, NoWayIn> {
    let tls = here.config.gateway.tls.enabled;
    if let Some(url) = &wish.public_url {
        let endpoint = Endpoint::parse(url, tls).map_err(NoWayIn::Invalid)?;
        return Ok(Some(Candidate { endpoint, source: "--url", direct: false }));
    }
    let local = || direct(here, IpAddr::V4(Ipv4Addr::LOCALHOST), "loopback");
    Ok(wish.local.then(local))
}

fn direct(here: &Here<'_>, address: IpAddr, source: &'static str) -> Candidate {
    let tls = here.config.gateway.tls.enabled;
    let endpoint = Endpoint { tls, host: Host::Address(address), port: Some(here.port) };
    Candidate { endpoint, source, direct: true }
}

/// What the configuration names, then what this machine has. What led to none is put to `tried`.
fn candidates(
    here: &Here<'_>,
    tailnet: Option<Result<Host, String>>,
    tried: &mut Vec<String>,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(endpoint) = here.config.device_pair.public_url.clone() {
        let source = "plugins.device-pair.public_url";
        found.push(Candidate { endpoint, source, direct: false });
    }
    match tailnet {
        Some(Ok(host)) => {
            let endpoint = Endpoint { tls: true, host, port: None };
            let source = "gateway.tailscale.mode";
            found.push(Candidate { endpoint, source, direct: false });
        }
        Some(Err(why)) => tried.push(format!("`gateway.tailscale.mode` led to no name: {why}")),
        None => {}
    }
    for candidate in bound(here, tried) {
        // What is written down is checked where it is read; here it is this machine's own address.
        match Endpoint::parse(&candidate.endpoint.to_string(), candidate.endpoint.tls) {
            Ok(_) => found.push(candidate),
            Err(why) => tried.push(format!(
                "`{}` {why}; `gateway.tls.enabled` or `tailscale serve` encrypts",
                candidate.source
            )),
        }
    }
    found
}

fn bound(here: &Here<'_>, tried: &mut Vec<String>) -> Vec<Candidate> {
    let lan = |source| {
        let found = private_addresses(here.own);
        found.into_iter().map(|v4| direct(here, IpAddr::V4(v4), source)).collect::<Vec<_>>()
    };
    let (found, none) = match here.config.gateway.bind {
        Bind::Auto if here.container => {
            (lan("gateway.bind = \"auto\""), "this container has no private address")
        }
        Bind::Auto | Bind::Loopback => return Vec::new(),
        Bind::Custom(address) if address.is_unspecified() => {
            (lan("gateway.bind = \"custom\""), "this machine has no private address")
        }
        Bind::Custom(address) if address.to_canonical().is_loopback() => return Vec::new(),
        Bind::Custom(address) => (vec![direct(here, address, "gateway.bind = \"custom\"")], ""),
        Bind::Lan => (lan("gateway.bind = \"lan\""), "this machine has no private address"),
        Bind::Tailnet => {
            let found = tailnet_address(here.own).map(IpAddr::V4);
            let found = found.map(|address| direct(here, address, "gateway.bind = \"tailnet\""));
            (found.into_iter().collect(), "this machine has no address of a tailnet")
        }
    };
    if found.is_empty() {
        tried.push(none.to_owned());
    }
    found
}

/// What the trial said of each.
#[derive(Default)]
struct Found {
    /// With whether it shows the port's own certificate.
    good: Vec<(Candidate, bool)>,
    silent: Vec<(Candidate, String)>,
    another: Vec<String>,
    notes: Vec<String>,
}

impl Found {
    fn sort_in(&mut self, candidate: Candidate, echo: Echo) {
        match echo {
            Echo::Ours { own_certificate } => self.good.push((candidate, own_certificate)),
            Echo::Another => self.another.push(candidate.endpoint.to_string()),
            Echo::Nothing(why) => self.silent.push((candidate, why)),
        }
    }

    fn way(mut self, tls_fingerprint: Option<&str>) -> Result<Way, NoWayIn> {
        let encrypted = |candidate: &Candidate| !candidate.endpoint.is_open_to_listeners();
        if self.good.iter().any(|(candidate, _)| encrypted(candidate)) {
            // A code with one safe way has no unsafe one.
            self.good.retain(|(candidate, _)| encrypted(candidate));
            self.silent.retain(|(candidate, _)| encrypted(candidate));
        }
        for url in &self.another {
            self.notes.push(format!("{url} leads to another gateway and was left out"));
        }
        for (candidate, why) in &self.silent {
            let url = &candidate.endpoint;
            self.notes.push(format!("{url} could not be reached from here ({why})"));
        }
        let silent = self.silent.into_iter().map(|(candidate, _)| (candidate.direct, candidate));
        let good = self.good.into_iter().map(|(candidate, own)| (own, candidate));
        let all: Vec<(bool, Candidate)> = good.chain(silent).take(MOST_URLS).collect();
        let Some((own_certificate, first)) = all.first() else {
            return Err(NoWayIn::Another(self.another));
        };
        let open = all.iter().find(|(_, candidate)| candidate.endpoint.is_open_to_listeners());
        if let Some((_, candidate)) = open {
            self.notes.push(format!(
                "{} is not encrypted: the network can read along, the device gets limited rights, \
                 and some versions of the app take `wss` only; `gateway.tls.enabled` encrypts",
                candidate.endpoint
            ));
        }
        let mut urls = Vec::new();
        for (_, candidate) in &all {
            let url = candidate.endpoint.to_string();
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        let pinned = tls_fingerprint.filter(|_| *own_certificate && first.endpoint.tls);
        Ok(Way {
            urls,
            notes: self.notes,
            tls_fingerprint: pinned.map(str::to_owned),
            source: first.source.to_owned(),
            plaintext_beyond_loopback: open.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;
