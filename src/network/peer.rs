//! Whose socket is at the other end of a connection on this machine. The kernel says it; the client cannot.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
};

/// Of every user that this namespace does not know.
const NOBODY: u32 = 65_534;
/// Only then both ends are there: of one that has gone, root would be the owner.
const ESTABLISHED: &str = "01";

/// The user who has opened the socket at `peer` that leads to `own`. `None` where that is unknown: the other end has
/// gone, is not on this machine, or the system has no list of its sockets to read.
pub fn owner(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let user = asked(peer, own).or_else(|| listed(peer, own))?;
    (user != NOBODY).then_some(user)
}

/// Asks for this one socket, which costs no more where there are many. Some kernels do not answer.
#[cfg(target_os = "linux")]
fn asked(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
        socket,
    };
    let (kind, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
    let kernel = socket(AddressFamily::Netlink, kind, flags, SockProtocol::NetlinkSockDiag).ok()?;
    let question = question(peer, own)?;
    sendto(kernel.as_raw_fd(), &question, &NetlinkAddr::new(0, 0), MsgFlags::empty()).ok()?;
    let mut answer = [0; 512];
    // It has answered when the question is sent.
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT).ok()?;
    answered(&question, &answer[..length])
}

#[cfg(not(target_os = "linux"))]
fn asked(_: SocketAddr, _: SocketAddr) -> Option<u32> {
    None
}

/// `SOCK_DIAG_BY_FAMILY`, as `sock_diag(7)` describes it.
#[cfg(any(target_os = "linux", test))]
const BY_FAMILY: u16 = 20;

#[cfg(any(target_os = "linux", test))]
fn question(peer: SocketAddr, own: SocketAddr) -> Option<Vec<u8>> {
    const REQUEST: u16 = 1;
    const LENGTH: u32 = 72;
    const IPV4: [u8; 4] = [2, 6, 0, 0];
    const IPV6: [u8; 4] = [10, 6, 0, 0];
    let (peer_ip, own_ip) = (peer.ip().to_canonical(), own.ip().to_canonical());
    let bytes = |address: IpAddr| match address {
        IpAddr::V4(ip) => [&ip.octets()[..], &[0; 12]].concat(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    if peer_ip.is_ipv4() != own_ip.is_ipv4() {
        return None;
    }
    let mut question = Vec::new();
    question.extend(LENGTH.to_ne_bytes());
    question.extend(BY_FAMILY.to_ne_bytes());
    question.extend(REQUEST.to_ne_bytes());
    question.extend([0; 8]);
    question.extend(if peer_ip.is_ipv4() { IPV4 } else { IPV6 });
    // Those that are established.
    question.extend((1_u32 << 1).to_ne_bytes());
    question.extend([peer.port().to_be_bytes(), own.port().to_be_bytes()].concat());
    question.extend([bytes(peer_ip), bytes(own_ip)].concat());
    // On any network, and whatever the kernel's number for it is.
    question.extend([0; 4]);
    question.extend([0xff; 8]);
    Some(question)
}

/// The kernel's answer counts if it is about the very socket, and that is established.
#[cfg(any(target_os = "linux", test))]
fn answered(question: &[u8], answer: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let is_it = answer.get(20..56)? == question.get(24..60)?;
    let user = u32::from_ne_bytes(answer.get(80..84)?.try_into().ok()?);
    (kind == BY_FAMILY && answer[17] == 1 && is_it).then_some(user)
}

/// Looks it up in the list of all.
fn listed(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    [("/proc/self/net/tcp", false), ("/proc/self/net/tcp6", true)].into_iter().find_map(
        |(table, long)| {
            let (peer, own) = (encoded(peer, long)?, encoded(own, long)?);
            owner_in(BufReader::new(File::open(table).ok()?), &peer, &own)
        },
    )
}

fn owner_in(table: impl BufRead, peer: &str, own: &str) -> Option<u32> {
    table.lines().map_while(Result::ok).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let ends = (columns.next()?, columns.next()?, columns.next()?);
        (ends == (peer, own, ESTABLISHED)).then(|| columns.nth(3)?.parse().ok())
    })?
}

/// As the kernel's list has it: words of four bytes, each as this machine counts.
fn encoded(address: SocketAddr, long: bool) -> Option<String> {
    let words = match (address.ip().to_canonical(), long) {
        (IpAddr::V4(ip), false) => word(ip.octets()),
        (IpAddr::V6(_), false) => return None,
        (IpAddr::V4(ip), true) => words(ip.to_ipv6_mapped().octets()),
        (IpAddr::V6(ip), true) => words(ip.octets()),
    };
    Some(format!("{words}:{:04X}", address.port()))
}

fn words(bytes: [u8; 16]) -> String {
    bytes.as_chunks().0.iter().map(|bytes| word(*bytes)).collect()
}

fn word(bytes: [u8; 4]) -> String {
    format!("{:08X}", u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0
   1: 0100007F:4965 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0
   2: 0100007F:C350 0100007F:4965 01 00000000:00000000 00:00000000 00000000    33        0 3 1 0
   3: 0100007F:C351 0100007F:4965 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
   4: 0100007F:C352 0100007F:4965 01 00000000:00000000 00:00000000 00000000 65534        0 4 1 0
   5: 0100007F:C353 0100007F:0016 01 00000000:00000000 00:00000000 00000000  1000        0 5 1 0
";

    #[test]
    fn case_128_only_the_clients_own_open_socket_says_whose_it_is() {
        let own = "0100007F:4965";
        let table = [
            ("0100007F:C350", Some(33)),
            // It has gone; the kernel calls what is left of it root's.
            ("0100007F:C351", None),
            ("0100007F:C352", Some(NOBODY)),
            // It leads elsewhere.
            ("0100007F:C353", None),
            ("0100007F:C354", None),
        ];
        for (peer, user) in table {
            assert_eq!(owner_in(TABLE.as_bytes(), peer, own), user, "{peer}");
        }
    }

    #[test]
    fn case_128_only_an_answer_about_the_very_socket_counts() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let question = question(at(5), at(6)).unwrap();
        assert_eq!(question.len(), 72);
        let answer = |kind: u16, state: u8, of: &[u8]| {
            let mut answer = vec![0; 88];
            answer[4..6].copy_from_slice(&kind.to_ne_bytes());
            answer[17] = state;
            answer[20..56].copy_from_slice(&of[24..60]);
            answer[80..84].copy_from_slice(&33_u32.to_ne_bytes());
            answer
        };
        assert_eq!(answered(&question, &answer(BY_FAMILY, 1, &question)), Some(33));
        let other = super::question(at(7), at(6)).unwrap();
        for wrong in [
            answer(BY_FAMILY, 1, &other),
            answer(BY_FAMILY, 10, &question),
            answer(2, 1, &question),
            answer(BY_FAMILY, 1, &question)[..60].to_vec(),
            Vec::new(),
        ] {
            assert_eq!(answered(&question, &wrong), None, "{wrong:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn case_128_the_kernel_names_the_owner_at_every_kind_of_address() {
        let user = crate::world::user();
        for (at, by) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("[::]:0", "127.0.0.1")]
        {
            let listener = TcpListener::bind(at).unwrap();
            let port = listener.local_addr().unwrap().port();
            let near = TcpStream::connect((by, port)).unwrap();
            let (far, peer) = listener.accept().unwrap();
            assert_eq!(owner(peer, far.local_addr().unwrap()), Some(user), "{at}");
            let own = far.local_addr().unwrap();
            assert_eq!(listed(peer, own), Some(user), "{at}");
            assert!([None, Some(user)].contains(&asked(peer, own)), "{at}");
            drop(near);
            assert_eq!(owner(peer, own), None, "{at}: it has gone");
        }
    }
}
