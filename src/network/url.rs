//! Which addresses a setup code carries: the ones that are named go before the ones that are found, those that
//! answer before those that do not, and none that leads to another program.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
};

use super::{
    bind::{self, private_addresses, tailnet_address},
    identity::Identity,
    probe::{self, Echo},
    tailscale,
    tls::Fingerprint,
};
pub use crate::text::NoWayIn;
use crate::{
    config::{
        Config,
        gateway::{Bind, Tailscale},
    },
    protocol::setup_code::MOST_URLS,
    rules::device::endpoint::{Endpoint, Host},
    setup_code::Way,
    text,
};

/// What is asked for beside what the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlOptions {
    /// This address and no other.
    pub public_url: Option<String>,
    /// For a node on this machine.
    pub local: bool,
    /// Addresses are not tried, whatever the configuration says.
    pub no_probe: bool,
}

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
pub async fn find_url(
    config: &Config,
    port: u16,
    pin: Option<Fingerprint>,
    identity: &Identity,
    options: &UrlOptions,
) -> Result<Way, NoWayIn> {
    let mut tried = Vec::new();
    let interfaces = bind::interfaces().unwrap_or_else(|error| {
        tried.push(error.to_string());
        Vec::new()
    });
    let own = bind::beyond(&interfaces, bind::default_route());
    let here = Here { config, port, own: &own, container: bind::in_container() };
    offer_here(&here, pin, identity, options, (std::env::var_os("PATH"), tried)).await
}

/// The same for a program that waits for it.
pub fn offer_now(
    config: &Config,
    port: u16,
    pin: Option<Fingerprint>,
    identity: &Identity,
    options: &UrlOptions,
) -> std::io::Result<Result<Way, NoWayIn>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(find_url(config, port, pin, identity, options)))
}

async fn offer_here(
    here: &Here<'_>,
    pin: Option<Fingerprint>,
    identity: &Identity,
    options: &UrlOptions,
    (path, mut tried): (Option<OsString>, Vec<String>),
) -> Result<Way, NoWayIn> {
    let candidates = if let Some(candidate) = asked(here, options)? {
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
    let probes = !options.no_probe && here.config.device_pair.probe && !options.local;
    let ask = |candidate: Candidate| async move {
        let echo = if probes {
            probe::ask(&candidate.endpoint, identity, pin).await
        } else {
            Echo::Ours { own_certificate: candidate.direct }
        };
        (candidate, echo)
    };
    for (candidate, echo) in futures_util::future::join_all(candidates.into_iter().map(ask)).await {
        found.sort_in(candidate, echo);
    }
    found.way(pin)
}

/// The one address that was asked for, if one was.
fn asked(here: &Here<'_>, options: &UrlOptions) -> Result<Option<Candidate>, NoWayIn> {
    let tls = here.config.gateway.tls.enabled;
    if let Some(url) = &options.public_url {
        let endpoint = Endpoint::parse(url, tls).map_err(NoWayIn::Invalid)?;
        return Ok(Some(Candidate { endpoint, source: "--url", direct: false }));
    }
    let local = || direct(here, IpAddr::V4(Ipv4Addr::LOCALHOST), "loopback");
    Ok(options.local.then(local))
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
        Some(Err(why)) => tried.push(text::no_name(&why)),
        None => {}
    }
    for candidate in bound(here, tried) {
        // What is written down is checked where it is read; here it is this machine's own address.
        match Endpoint::parse(&candidate.endpoint.to_string(), candidate.endpoint.tls) {
            Ok(_) => found.push(candidate),
            Err(why) => tried.push(text::unsafe_address(candidate.source, why)),
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
        Bind::Auto if here.container => (lan("gateway.bind = \"auto\""), text::NO_PRIVATE_HERE),
        Bind::Auto | Bind::Loopback => return Vec::new(),
        Bind::Custom(address) if address.is_unspecified() => {
            (lan("gateway.bind = \"custom\""), text::NO_PRIVATE)
        }
        Bind::Custom(address) if address.to_canonical().is_loopback() => return Vec::new(),
        Bind::Custom(address) => (vec![direct(here, address, "gateway.bind = \"custom\"")], ""),
        Bind::Lan => (lan("gateway.bind = \"lan\""), text::NO_PRIVATE),
        Bind::Tailnet => {
            let found = tailnet_address(here.own).map(IpAddr::V4);
            let found = found.map(|address| direct(here, address, "gateway.bind = \"tailnet\""));
            (found.into_iter().collect(), text::NO_TAILNET)
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

    fn way(mut self, pin: Option<Fingerprint>) -> Result<Way, NoWayIn> {
        let encrypted = |candidate: &Candidate| !candidate.endpoint.is_open_to_listeners();
        if self.good.iter().any(|(candidate, _)| encrypted(candidate)) {
            // A code with one safe way has no unsafe one.
            self.good.retain(|(candidate, _)| encrypted(candidate));
            self.silent.retain(|(candidate, _)| encrypted(candidate));
        }
        for url in &self.another {
            self.notes.push(text::left_out(url));
        }
        for (candidate, why) in &self.silent {
            self.notes.push(text::unreached(&candidate.endpoint, why));
        }
        let silent = self.silent.into_iter().map(|(candidate, _)| (candidate.direct, candidate));
        let good = self.good.into_iter().map(|(candidate, own)| (own, candidate));
        let all: Vec<(bool, Candidate)> = good.chain(silent).take(MOST_URLS).collect();
        let Some((own_certificate, first)) = all.first() else {
            return Err(NoWayIn::Another(self.another));
        };
        let open = all.iter().find(|(_, candidate)| candidate.endpoint.is_open_to_listeners());
        if let Some((_, candidate)) = open {
            self.notes.push(text::not_encrypted(&candidate.endpoint));
        }
        let mut urls = Vec::new();
        for (_, candidate) in &all {
            let url = candidate.endpoint.to_string();
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        let pinned = pin.filter(|_| *own_certificate && first.endpoint.tls);
        Ok(Way {
            urls,
            notes: self.notes,
            tls_fingerprint: pinned.map(|pin| pin.to_string()),
            source: first.source.to_owned(),
            plaintext_beyond_loopback: open.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;
