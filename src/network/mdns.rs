//! The announcement to the network it is bound to, so that apps there find the gateway. It says what a scan of the
//! port would, and is a hint: nobody who reads it is asked to believe it.

use std::net::IpAddr;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

use crate::{
    config::{device_pair::Mdns, gateway::Bind},
    tls::Fingerprint,
};

const SERVICE: &str = "_openclaw-gw._tcp.local.";

/// What is announced.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// This machine's name.
    pub host: &'a str,
    /// The gateway's.
    pub port: u16,
    /// Of its certificate, where it speaks TLS.
    pub tls_fingerprint: Option<Fingerprint>,
}

/// The announcement. Dropped, it is taken back.
#[expect(missing_debug_implementations, reason = "it is a thread of another crate")]
pub struct Announced {
    daemon: ServiceDaemon,
    name: String,
}

/// True where there is a network to announce to.
pub fn is_wanted(mode: Mdns, bind: Bind, container: bool) -> bool {
    let network = match bind {
        Bind::Auto => container,
        Bind::Custom(address) => !address.to_canonical().is_loopback(),
        Bind::Lan => true,
        // A tailnet passes no multicast on.
        Bind::Loopback | Bind::Tailnet => false,
    };
    mode == Mdns::Minimal && network
}

/// Announces the gateway: on the network of one address, or on all.
pub fn announce(notice: &Notice<'_>, bind: Bind) -> Result<Announced, mdns_sd::Error> {
    let daemon = ServiceDaemon::new()?;
    if let Bind::Custom(address) = bind
        && !address.is_unspecified()
    {
        daemon.disable_interface(IfKind::All)?;
        daemon.enable_interface(IfKind::Addr(address))?;
    }
    let label = label(notice.host);
    let host = format!("{label}.local.");
    let records = records(notice);
    let records: Vec<(&str, &str)> =
        records.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let addresses: &[IpAddr] = &[];
    let info =
        ServiceInfo::new(SERVICE, &label, &host, addresses, notice.port, records.as_slice())?;
    let name = info.get_fullname().to_owned();
    daemon.register(info.enable_addr_auto())?;
    Ok(Announced { daemon, name })
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Only this process waits for the answer, and it ends anyway.
        drop(self.daemon.unregister(&self.name));
        drop(self.daemon.shutdown());
    }
}

fn records(notice: &Notice<'_>) -> Vec<(&'static str, String)> {
    let label = label(notice.host);
    let mut records = vec![
        ("role", "gateway".to_owned()),
        ("displayName", label.clone()),
        ("lanHost", format!("{label}.local")),
        ("gatewayPort", notice.port.to_string()),
        ("transport", "gateway".to_owned()),
        ("gatewayDirectReachable", "1".to_owned()),
    ];
    if let Some(fingerprint) = notice.tls_fingerprint {
        records.push(("gatewayTls", "1".to_owned()));
        records.push(("gatewayTlsSha256", fingerprint.to_string()));
    }
    records
}

/// The first part of a machine's name, as far as it fits into a name of the network.
fn label(host: &str) -> String {
    let first = host.split('.').next().unwrap_or_default();
    let fits = first.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40);
    let label: String = fits.collect::<String>().trim_matches('-').to_owned();
    if label.is_empty() { "openclaw".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_056_the_announcement_holds_no_path_and_no_secret() {
        let pin = "ab".repeat(32);
        let notice =
            Notice { host: "studio.lan", port: 18789, tls_fingerprint: Fingerprint::parse(&pin) };
        let said: Vec<String> =
            records(&notice).iter().map(|(key, value)| format!("{key}={value}")).collect();
        let expected = [
            "role=gateway",
            "displayName=studio",
            "lanHost=studio.local",
            "gatewayPort=18789",
            "transport=gateway",
            "gatewayDirectReachable=1",
            "gatewayTls=1",
        ];
        assert_eq!(said[..7], expected);
        assert_eq!(said[7..], [format!("gatewayTlsSha256={pin}")]);
        let plain = Notice { tls_fingerprint: None, ..notice };
        assert!(records(&plain).iter().all(|(key, _)| !key.starts_with("gatewayTls")));
        assert_eq!((label("").as_str(), label("-ä.x").as_str()), ("openclaw", "openclaw"));
    }

    #[test]
    fn nothing_is_announced_to_nobody() {
        let custom = |text: &str| Bind::Custom(text.parse().unwrap());
        let table = [
            (Bind::Loopback, false),
            (Bind::Auto, false),
            (Bind::Tailnet, false),
            (custom("127.0.0.1"), false),
            (custom("192.168.1.10"), true),
            (Bind::Lan, true),
        ];
        for (bind, wanted) in table {
            assert_eq!(is_wanted(Mdns::Minimal, bind, false), wanted, "{bind:?}");
            assert!(!is_wanted(Mdns::Off, bind, true));
        }
        assert!(is_wanted(Mdns::Minimal, Bind::Auto, true));
    }

    #[test]
    fn an_announcement_can_be_made_and_taken_back() {
        let notice = Notice { host: "studio", port: 7, tls_fingerprint: None };
        let announced = announce(&notice, Bind::Custom("127.0.0.1".parse().unwrap())).unwrap();
        assert_eq!(announced.name, "studio._openclaw-gw._tcp.local.");
    }
}
