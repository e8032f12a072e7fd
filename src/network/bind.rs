//! Which addresses the port listens on, and how many files this process may have open.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
};

use nix::{
    ifaddrs::getifaddrs,
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        socket::{setsockopt, sockopt::Ipv6V6Only},
    },
};
use tokio::net::{TcpListener, TcpSocket};

pub use crate::text::BindError;
use crate::{
    config::gateway::Bind,
    rules::device::endpoint::{Nearness, nearness},
};

/// As many connections may wait to be taken.
const BACKLOG: u32 = 1024;
/// So often the system is asked for another port where the one it chose is taken at another address.
const TRIES: usize = 8;

/// One address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What the system calls its network.
    pub name: String,
    /// The address.
    pub address: IpAddr,
}

/// The addresses of this machine's networks, loopback left out, in the system's order.
pub fn interfaces() -> Result<Vec<Interface>, BindError> {
    let failed = |error: nix::Error| BindError::Io {
        doing: "list this machine's addresses".to_owned(),
        source: error.into(),
    };
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let storage = interface.address?;
        let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let v6 = || storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
        Some(Interface { name: interface.interface_name, address: v4.or_else(v6)? })
    };
    let found = getifaddrs().map_err(failed)?.filter_map(address);
    Ok(found.filter(|interface| !interface.address.is_loopback()).collect())
}

/// The address from which this machine speaks to the world. Nothing is sent to find it out.
pub fn default_route() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Of a range that is nobody's: only the default route leads there.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

/// The addresses at which others may find this machine: that of the default route first, and none of a bridge or of
/// a network of containers, which phones are not in.
pub fn beyond(interfaces: &[Interface], route: Option<IpAddr>) -> Vec<IpAddr> {
    let is_route = |interface: &&Interface| Some(interface.address) == route;
    let others = interfaces.iter().filter(|one| !is_route(one) && !is_inside(one));
    interfaces.iter().filter(is_route).chain(others).map(|one| one.address).collect()
}

fn is_inside(interface: &Interface) -> bool {
    const NAMES: [&str; 8] = ["br-", "cni", "docker", "lxcbr", "lxdbr", "podman", "veth", "virbr"];
    let of_docker = matches!(interface.address, IpAddr::V4(v4) if v4.octets()[..2] == [172, 17]);
    of_docker || NAMES.iter().any(|name| interface.name.starts_with(name))
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

/// The addresses of IPv6 in networks at home, without those that need a network's name beside them.
pub fn private_addresses_v6(own: &[IpAddr]) -> Vec<IpAddr> {
    let found = own.iter().filter(|address| match address {
        IpAddr::V6(v6) => nearness(**address) == Nearness::Private && !v6.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    });
    found.copied().collect()
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

/// Where the port listens, IPv4 first. This machine's own programs reach it at `127.0.0.1` and at `::1`,
/// whatever is said.
pub fn listen_at(bind: Bind, own: &[IpAddr], container: bool) -> Result<Vec<IpAddr>, BindError> {
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const HERE_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
    const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    const EVERYWHERE_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    Ok(match bind {
        Bind::Auto if container => vec![EVERYWHERE, EVERYWHERE_V6],
        Bind::Auto | Bind::Loopback => vec![HERE, HERE_V6],
        Bind::Custom(EVERYWHERE) => vec![EVERYWHERE, HERE_V6],
        Bind::Custom(EVERYWHERE_V6) | Bind::Lan => vec![EVERYWHERE, EVERYWHERE_V6],
        Bind::Custom(address) => match address.to_canonical() {
            HERE | HERE_V6 => vec![HERE, HERE_V6],
            address => vec![HERE, HERE_V6, address],
        },
        Bind::Tailnet => {
            vec![HERE, HERE_V6, IpAddr::V4(tailnet_address(own).ok_or(BindError::NoTailnet)?)]
        }
    })
}

/// Opens the port at each of them. Where the system chooses it, it is the same one at all. A machine without IPv6 does
/// without what every machine with it has.
pub fn listen(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        match listen_once(addresses, port) {
            Err(BindError::Taken(_)) if tries > 0 => {}
            listening => return listening,
        }
    }
}

fn listen_once(addresses: &[IpAddr], mut port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    for address in addresses {
        let at = SocketAddr::new(*address, port);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(at),
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs(*address),
            _ => BindError::Io { doing: format!("listen at {at}"), source },
        };
        let listener = match open(at) {
            Err(error) if !listeners.is_empty() && lacks_v6(*address, &error) => continue,
            listener => listener.map_err(failed)?,
        };
        port = listener.local_addr().map_err(failed)?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

fn lacks_v6(address: IpAddr, error: &io::Error) -> bool {
    let needless = address.is_ipv6() && (address.is_loopback() || address.is_unspecified());
    let unknown = error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32);
    needless && (unknown || error.kind() == io::ErrorKind::AddrNotAvailable)
}

fn open(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if at.is_ipv6() {
        // IPv4 has a listener of its own.
        setsockopt(&socket, Ipv6V6Only, &true)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
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
        let table: [(Bind, bool, &[&str]); 12] = [
            (Bind::Loopback, false, &["127.0.0.1", "::1"]),
            (Bind::Loopback, true, &["127.0.0.1", "::1"]),
            (Bind::Auto, false, &["127.0.0.1", "::1"]),
            (Bind::Auto, true, &["0.0.0.0", "::"]),
            (Bind::Lan, false, &["0.0.0.0", "::"]),
            (Bind::Tailnet, false, &["127.0.0.1", "::1", "100.64.3.4"]),
            (Bind::Custom(ip("192.168.1.10")), false, &["127.0.0.1", "::1", "192.168.1.10"]),
            (Bind::Custom(ip("::ffff:192.168.1.10")), false, &["127.0.0.1", "::1", "192.168.1.10"]),
            (Bind::Custom(ip("127.0.0.1")), false, &["127.0.0.1", "::1"]),
            (Bind::Custom(ip("::1")), false, &["127.0.0.1", "::1"]),
            (Bind::Custom(ip("0.0.0.0")), false, &["0.0.0.0", "::1"]),
            (Bind::Custom(ip("::")), false, &["0.0.0.0", "::"]),
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

    #[test]
    fn the_address_of_the_default_route_is_first_and_no_bridge_is_offered() {
        let table = [
            ("docker0", "172.17.0.1"),
            ("br-5f3a", "172.18.0.1"),
            ("eth1", "10.0.0.5"),
            ("veth12ab", "169.254.7.7"),
            ("virbr0", "192.168.122.1"),
            ("weird", "172.17.3.4"),
            ("eth0", "192.168.1.10"),
            ("eth0", "fd00::10"),
            ("tailscale0", "100.64.3.4"),
        ];
        let interface = |(name, address): &(&str, &str)| Interface {
            name: (*name).to_owned(),
            address: ip(address),
        };
        let interfaces: Vec<_> = table.iter().map(interface).collect();
        let found = |route: Option<&str>| -> Vec<String> {
            beyond(&interfaces, route.map(ip)).iter().map(ToString::to_string).collect()
        };
        let rest = ["10.0.0.5", "192.168.1.10", "fd00::10", "100.64.3.4"];
        assert_eq!(found(None), rest);
        let first = ["192.168.1.10", "10.0.0.5", "fd00::10", "100.64.3.4"];
        assert_eq!(found(Some("192.168.1.10")), first);
        // In a container that network is the way out, and a bridge may be it on a host of machines.
        assert_eq!(found(Some("172.17.3.4"))[0], "172.17.3.4");
        assert_eq!(found(Some("172.18.0.1"))[0], "172.18.0.1");
    }

    #[tokio::test]
    async fn both_kinds_of_addresses_are_served_at_one_port() {
        let everywhere = listen(&[ip("0.0.0.0"), ip("::")], 0).unwrap();
        let port = everywhere[0].local_addr().unwrap().port();
        for by in ["127.0.0.1", "::1"] {
            tokio::net::TcpStream::connect((by, port)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn every_address_has_the_same_port() {
        let listeners = listen(&[ip("127.0.0.1"), ip("127.0.0.2")], 0).unwrap();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert!(ports[0] != 0 && ports[0] == ports[1], "{ports:?}");
        let taken = listen(&[ip("127.0.0.1")], ports[0]).unwrap_err();
        assert!(matches!(taken, BindError::Taken(_)), "{taken}");
        let not_ours = listen(&[ip("192.0.2.1")], 0).unwrap_err().to_string();
        assert!(
            not_ours.contains("192.0.2.1, which is not an address of this machine"),
            "{not_ours}"
        );
    }

    #[test]
    fn the_file_limit_goes_up_and_stays_up() {
        let first = raise_file_limit().unwrap();
        assert_eq!(raise_file_limit().unwrap(), first);
        assert!(interfaces().unwrap().iter().all(|interface| !interface.address.is_loopback()));
    }
}
