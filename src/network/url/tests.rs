//! The order and the rules of addresses, and trials through real sockets.

mod trial;

use super::*;
use crate::{
    config::{Plugins, Source, load},
    store::paths::StateDir,
};

pub(super) fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    crate::store::private::replace(&state.config(), text.as_bytes()).unwrap();
    let source = Source { flag: None, env: &|_| None, state: &state };
    load(&source, Plugins { channels: &[], responders: &[] }).unwrap()
}

pub(super) const OWN: [&str; 5] =
    ["203.0.113.7", "192.168.1.10", "10.0.0.5", "100.64.3.4", "fd00::7"];

fn own(addresses: &[&str]) -> Vec<IpAddr> {
    addresses.iter().map(|text| text.parse().unwrap()).collect()
}

/// What is found, a line each: address and source; then what led nowhere.
fn found(text: &str, addresses: &[&str], tailnet: Option<Result<&str, &str>>) -> Vec<String> {
    let (config, own) = (config(text), own(addresses));
    let here = Here { config: &config, port: 18789, own: &own, container: false };
    let tailnet = tailnet.map(|said| match said {
        Ok(host) => Ok(Host::parse(host).unwrap()),
        Err(why) => Err(why.to_owned()),
    });
    let mut tried = Vec::new();
    let found = candidates(&here, tailnet, &mut tried);
    let line = |it: &Candidate| format!("{} {}", it.endpoint, it.source);
    found.iter().map(line).chain(tried).collect()
}

#[test]
fn what_is_named_goes_before_what_is_found() {
    assert_eq!(found("", &OWN, None), [""; 0]);
    assert_eq!(found("gateway.bind = 'auto'", &OWN, None), [""; 0]);
    assert_eq!(
        found("gateway.bind = 'lan'", &OWN, None),
        [
            "ws://192.168.1.10:18789 gateway.bind = \"lan\"",
            "ws://10.0.0.5:18789 gateway.bind = \"lan\"",
        ]
    );
    assert_eq!(
        found(
            "gateway = { bind = 'lan', tls.enabled = true, tailscale.mode = 'serve' }\n\
             plugins.device-pair.public_url = 'https://gw.example.com'",
            &OWN,
            Some(Ok("studio.tail1.ts.net.")),
        ),
        [
            "wss://gw.example.com plugins.device-pair.public_url",
            "wss://studio.tail1.ts.net gateway.tailscale.mode",
            "wss://192.168.1.10:18789 gateway.bind = \"lan\"",
            "wss://10.0.0.5:18789 gateway.bind = \"lan\"",
        ]
    );
    assert_eq!(
        found("gateway = { bind = 'custom', custom_bind_host = '192.168.1.10' }", &OWN, None),
        ["ws://192.168.1.10:18789 gateway.bind = \"custom\""]
    );
    assert_eq!(
        found("gateway = { bind = 'custom', custom_bind_host = '0.0.0.0' }", &OWN[..2], None),
        ["ws://192.168.1.10:18789 gateway.bind = \"custom\""]
    );
    assert_eq!(
        found("gateway = { bind = 'custom', custom_bind_host = '127.0.0.1' }", &OWN, None),
        [""; 0]
    );
    assert_eq!(
        found("gateway = { bind = 'tailnet', tls.enabled = true }", &OWN, None),
        ["wss://100.64.3.4:18789 gateway.bind = \"tailnet\""]
    );
}

#[test]
fn case_051_no_credential_goes_over_a_tailnet_or_the_internet_in_the_clear() {
    for (text, key) in [
        ("gateway.bind = 'tailnet'", "gateway.bind = \"tailnet\""),
        (
            "gateway = { bind = 'custom', custom_bind_host = '203.0.113.7' }",
            "gateway.bind = \"custom\"",
        ),
    ] {
        let said = found(text, &OWN, None);
        let [said] = said.as_slice() else { panic!("{said:?}") };
        assert!(said.starts_with(&format!("`{key}` leads beyond a private network")), "{said}");
        assert!(said.contains("`gateway.tls.enabled` or `tailscale serve` encrypts"), "{said}");
    }
}

#[test]
fn what_leads_nowhere_is_told() {
    assert_eq!(
        found("gateway.bind = 'lan'", &["203.0.113.7"], None),
        ["this machine has no private address"]
    );
    assert_eq!(
        found("gateway.bind = 'tailnet'", &["10.0.0.1"], None),
        ["this machine has no address of a tailnet"]
    );
    assert_eq!(
        found("gateway.tailscale.mode = 'funnel'", &OWN, Some(Err("it is down"))),
        ["`gateway.tailscale.mode` led to no name: it is down"]
    );
    let none = NoWayIn::Loopback(vec!["it is down".to_owned()]);
    assert_eq!(none.why(), "only this machine can reach this gateway: it is down.");
}

fn sorted(echoes: &[(&str, bool, Echo)], pin: Option<Fingerprint>) -> Result<Way, NoWayIn> {
    let mut found = Found::default();
    for (url, direct, echo) in echoes {
        let endpoint = Endpoint::parse(url, false).unwrap();
        found.sort_in(Candidate { endpoint, source: "s", direct: *direct }, echo.clone());
    }
    found.way(pin)
}

fn pin() -> Option<Fingerprint> {
    Fingerprint::parse(&"ab".repeat(32))
}

const OURS: Echo = Echo::Ours { own_certificate: false };
const OURS_PINNED: Echo = Echo::Ours { own_certificate: true };

#[test]
fn who_answers_goes_first_and_another_program_is_left_out() {
    let silent = || Echo::Nothing("it sleeps".to_owned());
    let way = sorted(
        &[
            ("wss://a.example.com", false, silent()),
            ("wss://b.example.com", false, Echo::Another),
            ("wss://192.168.1.10:1", true, OURS_PINNED),
            ("wss://c.example.com", false, OURS),
        ],
        pin(),
    )
    .unwrap();
    assert_eq!(way.urls, ["wss://192.168.1.10:1", "wss://c.example.com", "wss://a.example.com"]);
    assert_eq!(way.tls_fingerprint, pin().map(|pin| pin.to_string()));
    assert!(!way.plaintext_beyond_loopback);
    assert_eq!(
        way.notes,
        [
            "wss://b.example.com leads to another gateway and was left out",
            "wss://a.example.com could not be reached from here (it sleeps)",
        ]
    );
    let none = sorted(&[("wss://b.example.com", false, Echo::Another)], None).unwrap_err();
    assert_eq!(none.why(), "another gateway answers at wss://b.example.com.");
    let last = sorted(&[("wss://a.example.com", false, silent())], pin()).unwrap();
    assert_eq!((last.urls.len(), last.tls_fingerprint), (1, None));
}

#[test]
fn a_pin_belongs_to_the_first_address_only_where_it_shows_that_certificate() {
    let pinned = |url, direct, echo| {
        sorted(&[(url, direct, echo)], pin()).unwrap().tls_fingerprint.is_some()
    };
    assert!(pinned("wss://192.168.1.10:1", true, OURS_PINNED));
    assert!(pinned("wss://gw.example.com", false, OURS_PINNED));
    assert!(!pinned("wss://gw.example.com", false, OURS));
    assert!(!pinned("ws://127.0.0.1:1", true, OURS));
    assert!(pinned("wss://192.168.1.10:1", true, Echo::Nothing(String::new())));
}

#[test]
fn case_051_a_code_with_a_safe_way_has_no_unsafe_one() {
    let way =
        sorted(&[("ws://192.168.1.10:1", true, OURS), ("wss://gw.example.com", false, OURS)], None)
            .unwrap();
    assert_eq!(way.urls, ["wss://gw.example.com"]);
    let open = sorted(&[("ws://192.168.1.10:1", true, OURS)], None).unwrap();
    assert!(open.plaintext_beyond_loopback);
    assert!(open.notes[0].contains("limited rights") && open.notes[0].contains("`wss` only"));
    let here = sorted(&[("ws://127.0.0.1:1", true, OURS)], None).unwrap();
    assert!(!here.plaintext_beyond_loopback && here.notes.is_empty());
    let many: Vec<(String, bool, Echo)> =
        (1..20).map(|at| (format!("wss://10.0.0.{at}:1"), true, OURS)).collect();
    let many: Vec<_> = many.iter().map(|(url, d, echo)| (url.as_str(), *d, echo.clone())).collect();
    assert_eq!(sorted(&many, None).unwrap().urls.len(), MOST_URLS);
}
