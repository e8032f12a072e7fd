//! The gateway with clients that others wrote. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed
//! two versions of the command line, the client library, and the Node that they run on.

mod cli;
mod library;
mod node_host;
mod operator;
mod proxy;

use self::{cli::Cli, proxy::Proxy};
use super::process::{Gateway, Home};

/// The secret of the gateway.
const TOKEN: &str = "interop-0123456789abcdefghij";
/// Whence somebody comes whom the proxy forwards.
const ELSEWHERE: &str = "203.0.113.9";

/// A gateway on a state folder of its own, and what stands before it.
struct Bed {
    home: Home,
    gateway: Option<Gateway>,
    /// Changes nothing.
    direct: Proxy,
    /// Says that whoever comes is not at this machine.
    remote: Proxy,
}

impl Bed {
    async fn start(more: &str) -> Self {
        let home = Home::new();
        home.configure(&format!(
            "[gateway]\ntrusted_proxies = [\"127.0.0.1\"]\n[gateway.auth]\ntoken = \"{TOKEN}\"\n{more}"
        ));
        let gateway = home.gateway("debug");
        let direct = Proxy::start(gateway.port, None).await;
        let remote = Proxy::start(gateway.port, Some(ELSEWHERE)).await;
        Self { home, gateway: Some(gateway), direct, remote }
    }

    /// Another gateway on the same folder.
    fn restart(&mut self) {
        assert!(self.gateway.take().unwrap().stop().success(), "{}", self.home.logged());
        let gateway = self.home.gateway("debug");
        let next = gateway.port;
        self.gateway = Some(gateway);
        for proxy in [&self.direct, &self.remote] {
            proxy.moved(next);
        }
    }

    /// The program under test, on the state folder; what it prints.
    fn ours(&self, arguments: &[&str]) -> String {
        let output = self.home.cli(arguments);
        let (out, err) = super::process::texts(&output);
        assert!(output.status.success(), "openclaw {arguments:?}: {out}{err}");
        out
    }

    /// What waits, as our command line tells it.
    fn pending(&self) -> Vec<serde_json::Value> {
        self.devices("pending")
    }

    /// What is paired.
    fn paired(&self) -> Vec<serde_json::Value> {
        self.devices("paired")
    }

    fn devices(&self, which: &str) -> Vec<serde_json::Value> {
        let list = self.ours(&["devices", "list", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list[which].as_array().unwrap_or_else(|| panic!("no `{which}` in {list}")).clone()
    }

    /// Stops everything; every frame of the gateway was as it should be.
    fn end(mut self) {
        let status = self.gateway.take().unwrap().stop();
        let logged = self.home.logged();
        assert!(status.success(), "{logged}");
        assert!(!logged.contains(TOKEN), "the secret stands in the log");
        for proxy in [&self.direct, &self.remote] {
            let wrong = proxy.wrong();
            assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        }
    }
}
