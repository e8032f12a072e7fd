//! The gateway with clients that others wrote. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed
//! two versions of the command line, the client library, and the Node that they run on.

mod bonjour;
mod cli;
mod close;
mod leaving;
mod library;
mod moving;
mod network;
mod node_host;
mod operator;
mod proxy;
mod shared_folder;

use serde_json::{Value, json};

use self::{cli::Cli, proxy::Proxy};
use super::{
    client::Client,
    process::{Gateway, Home},
};

/// The secret of the gateway.
const TOKEN: &str = "interop-0123456789abcdefghij";
/// The address of a client that the proxy forwards.
const ELSEWHERE: &str = "203.0.113.9";

/// A gateway on a state folder of its own, and what stands before it.
struct Bed {
    home: Home,
    gateway: Option<Gateway>,
    /// Changes nothing.
    direct: Proxy,
    /// Says that the client is not at this machine.
    remote: Proxy,
}

impl Bed {
    async fn start(more: &str) -> Self {
        let home = Home::new();
        home.configure(&format!(
            "[gateway]\ntrusted_proxies = [\"127.0.0.2\"]\n[gateway.auth]\ntoken = \"{TOKEN}\"\n{more}"
        ));
        let gateway = home.gateway("debug");
        let direct = Proxy::start(gateway.port, None).await;
        let remote = Proxy::start(gateway.port, Some(ELSEWHERE)).await;
        Self { home, gateway: Some(gateway), direct, remote }
    }

    /// Another gateway on the same folder.
    fn restart(&mut self) {
        assert!(self.gateway.take().unwrap().stop().success(), "{}", self.home.logged());
        self.run();
    }

    /// The gateway, where none runs.
    fn run(&mut self) {
        let gateway = self.home.gateway("debug");
        let next = gateway.port;
        self.gateway = Some(gateway);
        for proxy in [&self.direct, &self.remote] {
            proxy.moved(next);
        }
    }

    /// Asks the gateway as an admin at this machine, with the secret and no device.
    async fn call(&self, method: &str, params: Value) -> Value {
        let mut client = Client::open(&format!("ws://127.0.0.1:{}", self.direct.port)).await;
        let connect = json!({
            "minProtocol": 4, "maxProtocol": 4,
            "client": { "id": "cli", "version": "1", "platform": "linux", "mode": "cli" },
            "role": "operator", "scopes": ["operator.admin"], "auth": { "token": TOKEN },
        });
        client.ask("connect", connect).await.unwrap();
        let answer = client.ask(method, params).await.unwrap_or_else(|e| panic!("{method}: {e:?}"));
        client.leave().await;
        answer
    }

    /// What waits.
    async fn pending(&self) -> Vec<Value> {
        self.call("device.pair.list", json!({})).await["pending"].as_array().unwrap().clone()
    }

    /// What is paired.
    async fn paired(&self) -> Vec<Value> {
        self.call("device.pair.list", json!({})).await["paired"].as_array().unwrap().clone()
    }

    /// Runs a command that prints JSON at this machine; whatever scope the command line lacks for it is granted.
    async fn granted(&self, cli: &Cli, arguments: &[&str]) -> Value {
        if !cli.run(self.direct.port, TOKEN, arguments).await.0 {
            self.grant(cli).await;
        }
        cli.json(self.direct.port, TOKEN, arguments).await
    }

    /// Approves what a command line waits for.
    async fn grant(&self, cli: &Cli) {
        let pending = self.pending().await;
        let asks = pending.iter().find(|request| request["deviceId"] == cli.device());
        let asks = asks.unwrap_or_else(|| panic!("it does not wait: {pending:?}"));
        self.approve(asks["requestId"].as_str().unwrap()).await;
    }

    async fn approve(&self, request: &str) {
        self.call("device.pair.approve", json!({ "requestId": request })).await;
    }

    async fn remove(&self, device: &str) {
        self.call("device.pair.remove", json!({ "deviceId": device })).await;
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
