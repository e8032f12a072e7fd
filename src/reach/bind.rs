//! Which addresses the port listens on, and how many files this process may have open.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use nix::{
    ifaddrs::getifaddrs,
    sys::resource::{Resource, getrlimit, setrlimit},
};
use tokio::net::TcpListener;

use crate::{
    config::gateway::Bind,
    device::endpoint::{Nearness, nearness},
};

/// Why the port listens nowhere.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has it.
    #[error("port {} is taken by another program; choose another with `--port` or `gateway.port`", .0.port())]
    Taken(SocketAddr),
    /// This machine has no such address.
    #[error("`gateway.custom_bind_host` is {0}, which is no address of this machine")]
    NotOurs(IpAddr),
    /// There is no tailnet.
    #[error(
        "`gateway.bind` is `tailnet`, and this machine has no address of one (100.64.0.0/10); \
         start Tailscale first, or choose another `gateway.bind`"
    )]
    NoTailnet,
    /// The operating system refused.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// What it said.
        source: io::Error,
    },
}

/// The addresses of this machine's networks, loopback left out, in the system's order.
pub fn own_addresses() -> Result<Vec<IpAddr>, BindError> {
    let failed = |error: nix::Error| BindError::Io {
        doing: "list this machine's addresses".to_owned(),
        source: error.into(),
    };
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let storage = interface.address?;
        let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    };
    let found = getifaddrs().map_err(failed)?.filter_map(address);
    Ok(found.filter(|address| !address.is_loopback()).collect())
}

/// True in a container, where this machine is nobody's.
pub fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
}

/// The address in a tailnet.
pub fn tailnet_address(own: &[IpAddr]) -> Option<Ipv4Addr> {
    own.iter().find_map(|address| match address {
        IpAddr::V4(v4) if v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64 => Some(*v4),
        _ => None,
    })
}

/// The addresses in private networks that phones at home are in: of IPv4, link-local ones last.
pub fn private_addresses(own: &[IpAddr]) -> Vec<Ipv4Addr> {
    let v4 = own.iter().filter_map(|address| match address {
        IpAddr::V4(v4) if nearness(*address) == Nearness::Private => Some(*v4),
        _ => None,
    });
    let mut found: Vec<Ipv4Addr> = v4.collect();
    found.sort_by_key(Ipv4Addr::is_link_local);
    found
}

/// Where the port listens. This machine's own programs reach it at 127.0.0.1, whatever is said.
pub fn listen_at(bind: Bind, own: &[IpAddr], container: bool) -> Result<Vec<IpAddr>, BindError> {
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    Ok(match bind {
        Bind::Auto if container => vec![EVERYWHERE],
        Bind::Auto | Bind::Loopback => vec![HERE],
        Bind::Custom(address) if address.is_unspecified() => vec![address],
        Bind::Custom(address) if address.to_canonical() == HERE => vec![HERE],
        Bind::Custom(address) => vec![HERE, address],
        Bind::Lan => vec![EVERYWHERE],
        Bind::Tailnet => {
            vec![HERE, IpAddr::V4(tailnet_address(own).ok_or(BindError::NoTailnet)?)]
        }
    })
}

/// Opens the port at each of them. Where the system chooses it, it is the same one at all.
pub async fn listen(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut port = port;
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let at = SocketAddr::new(*address, port);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(at),
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs(*address),
            _ => BindError::Io { doing: format!("listen at {at}"), source },
        };
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        port = listener.local_addr().map_err(failed)?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Lets this process have as many files open as the system grants it. Gives their number.
pub fn raise_file_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(bind: Bind, own: &[&str], container: bool) -> Result<Vec<String>, String> {
        let own: Vec<IpAddr> = own.iter().map(|text| ip(text)).collect();
        let at = listen_at(bind, &own, container).map_err(|error| error.to_string())?;
        Ok(at.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn this_machine_reaches_its_port_wherever_else_it_listens() {
        let own = ["203.0.113.7", "100.64.3.4", "192.168.1.10"];
        let table: [(Bind, bool, &[&str]); 8] = [
            (Bind::Loopback, false, &["127.0.0.1"]),
            (Bind::Loopback, true, &["127.0.0.1"]),
            (Bind::Auto, false, &["127.0.0.1"]),
            (Bind::Auto, true, &["0.0.0.0"]),
            (Bind::Lan, false, &["0.0.0.0"]),
            (Bind::Tailnet, false, &["127.0.0.1", "100.64.3.4"]),
            (Bind::Custom(ip("192.168.1.10")), false, &["127.0.0.1", "192.168.1.10"]),
            (Bind::Custom(ip("127.0.0.1")), false, &["127.0.0.1"]),
        ];
        for (bind, container, expected) in table {
            assert_eq!(at(bind, &own, container).unwrap(), expected, "{bind:?}");
        }
        let refused = at(Bind::Tailnet, &["100.128.0.1", "192.168.1.10"], false).unwrap_err();
        assert!(refused.contains("start Tailscale"), "{refused}");
    }

    #[test]
    fn private_addresses_are_those_that_no_router_passes_on() {
        let own = ["169.254.1.1", "8.8.8.8", "10.0.0.1", "172.32.0.1", "fd00::1", "100.64.0.1"];
        let own: Vec<IpAddr> = own.iter().map(|text| ip(text)).collect();
        let found: Vec<String> = private_addresses(&own).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.1", "169.254.1.1"]);
    }

    #[tokio::test]
    async fn every_address_has_the_same_port() {
        let listeners = listen(&[ip("127.0.0.1"), ip("127.0.0.2")], 0).await.unwrap();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert!(ports[0] != 0 && ports[0] == ports[1], "{ports:?}");
        let taken = listen(&[ip("127.0.0.1")], ports[0]).await.unwrap_err();
        assert!(matches!(taken, BindError::Taken(_)), "{taken}");
        let not_ours = listen(&[ip("192.0.2.1")], 0).await.unwrap_err().to_string();
        assert!(not_ours.contains("192.0.2.1, which is no address of this machine"), "{not_ours}");
    }

    #[test]
    fn the_file_limit_goes_up_and_stays_up() {
        let first = raise_file_limit().unwrap();
        assert_eq!(raise_file_limit().unwrap(), first);
        assert!(own_addresses().unwrap().iter().all(|address| !address.is_loopback()));
    }
}
