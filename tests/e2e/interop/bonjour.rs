//! A browser of others finds the gateway on the network at home, reads of it what a phone reads, and sees it go.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::cli::{clients, node};
use crate::{
    network::{AT_HOME, GUEST, Guest, started, within},
    process::Home,
};

/// A browser on the guest's machine.
struct Browser {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Browser {
    fn start(guest: &Guest) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/interop/browse.mjs");
        let mut command = Command::new(node());
        command.arg(script).arg(clients().join("bonjour")).arg(GUEST);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        let mut command = within(guest.pid(), &command);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What comes or goes next; the browser ends by itself when nothing does for a minute.
    fn next(&mut self, what: &str) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let mut said: Value = serde_json::from_str(&line).unwrap_or_default();
        assert!(said[what].is_object(), "{what}: {line}");
        said[what].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs the browser that .ci/run installs, and network namespaces: unshare, nsenter and ip"]
fn a_browser_at_home_finds_the_gateway_and_sees_it_go() {
    let home = Home::new();
    home.configure("gateway.bind = \"lan\"\ngateway.tls.enabled = true\n");
    let gateway = started(&home);
    let pin = gateway.says("TLS:");
    let guest = Guest::come(&gateway);
    let mut browser = Browser::start(&guest);
    let found = browser.next("up");
    assert_eq!(found["port"], gateway.port);
    let addresses = found["addresses"].as_array().unwrap();
    assert!(addresses.contains(&json!(AT_HOME)), "{found}");
    let name = found["name"].as_str().unwrap();
    assert_eq!(found["host"], format!("{name}.local"));
    let txt = json!({
        "role": "gateway",
        "displayName": name,
        "lanHost": format!("{name}.local"),
        "gatewayPort": gateway.port.to_string(),
        "transport": "gateway",
        "gatewayDirectReachable": "1",
        "gatewayTls": "1",
        "gatewayTlsSha256": pin.trim_start_matches("sha256:"),
    });
    assert_eq!(found["txt"], txt, "case_056: this and nothing else");
    assert!(!found.to_string().contains(home.state().to_str().unwrap()));
    assert!(gateway.stop().success(), "{}", home.logged());
    assert_eq!(browser.next("down")["name"], name);
}
