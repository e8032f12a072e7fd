//! `openclaw node run` of both versions: it waits, is approved, answers, and loses what is taken from it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use super::{
    Bed, Cli, TOKEN,
    operator::{FEBRUARY, of_both},
};

/// A node host that runs; dropped, it is killed.
pub(super) struct Host {
    child: Child,
}

impl Host {
    fn start(cli: &Cli, port: u16) -> Self {
        Self::of(Self::command(cli, "127.0.0.1", port, &[]))
    }

    /// What starts one.
    pub(super) fn command(cli: &Cli, host: &str, port: u16, more: &[&str]) -> Command {
        let port = port.to_string();
        let mut arguments =
            vec!["node", "run", "--host", host, "--port", &port, "--display-name", "Cellar"];
        arguments.extend(more);
        let mut command: Command = cli.command(&arguments);
        command
            .env("OPENCLAW_GATEWAY_TOKEN", TOKEN)
            // They would be installed from the registry.
            .env("OPENCLAW_DISABLE_BUNDLED_PLUGINS", "1");
        command
    }

    /// Started by this command.
    pub(super) fn of(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self { child: command.spawn().unwrap() }
    }

    async fn again(mut self, cli: &Cli, port: u16) -> Self {
        self.child.wait().await.unwrap();
        Self::start(cli, port)
    }

    pub(super) async fn end(mut self) -> String {
        let _gone = self.child.kill().await;
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).await.unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        said
    }
}

async fn a_node(version: &str) {
    let bed = Bed::start("").await;
    let (here, cellar) = (Cli::new(version), Cli::new(version));
    let waiting = Host::start(&cellar, bed.remote.port);
    let refused = bed.remote.hears("a refusal", |frame| frame["ok"] == false).await;
    assert_eq!(refused["error"]["code"], "NOT_PAIRED", "{refused}");
    let request = refused["error"]["details"]["requestId"].as_str().unwrap().to_owned();
    let said = waiting.end().await;

    let pending = bed.pending().await;
    assert_eq!(pending[0]["requestId"], request.as_str(), "{pending:?}\n{said}");
    assert_eq!(pending[0]["displayName"], "Cellar");
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "approve", &request]).await;
    if version == FEBRUARY {
        // It comes as an admin, who may approve what runs programs.
        assert!(done && said.contains("Approved"), "{said}");
    } else {
        // April's asks for `operator.pairing` alone.
        assert!(!done && said.contains("device pairing approval denied"), "{said}");
        bed.approve(&request).await;
    }

    let host = Host::start(&cellar, bed.remote.port);
    let hello = |frame: &Value| frame["payload"]["type"] == "hello-ok";
    let hello = bed.remote.hears("the node is let in", hello).await;
    assert_eq!(hello["payload"]["auth"]["role"], "node");
    let device = cellar.device();
    let nodes = bed.granted(&here, &["nodes", "status", "--json"]).await;
    let node = &nodes["nodes"][0];
    assert_eq!(
        (&node["nodeId"], &node["connected"]),
        (&device.as_str().into(), &true.into()),
        "{nodes}"
    );
    invokes(&bed, version, &here, &device).await;
    taken_away(&bed, version, &cellar, host).await;
    bed.end();
}

/// It answers what it was approved for, and nothing else.
async fn invokes(bed: &Bed, version: &str, here: &Cli, device: &str) {
    let which = [
        "nodes",
        "invoke",
        "--node",
        "Cellar",
        "--command",
        "system.which",
        "--params",
        r#"{"bins":["sh"]}"#,
        "--json",
    ];
    let answer = if version == FEBRUARY {
        here.json(bed.direct.port, TOKEN, &which).await
    } else {
        // April's asks for `operator.write`, which is not enough to run programs.
        let (_, _) = here.run(bed.direct.port, TOKEN, &which).await;
        bed.grant(here).await;
        let (done, said) = here.run(bed.direct.port, TOKEN, &which).await;
        assert!(!done && said.contains("missing scope: operator.admin"), "{said}");
        let params = json!({ "bins": ["sh"] });
        let which = json!({
            "nodeId": device, "command": "system.which", "params": params, "idempotencyKey": "1",
        });
        bed.call("node.invoke", which).await
    };
    assert!(
        answer["payload"]["bins"]["sh"].as_str().is_some_and(|path| path.ends_with("/sh")),
        "{answer}"
    );
    let (done, said) = here
        .run(
            bed.direct.port,
            TOKEN,
            &["nodes", "invoke", "--node", "Cellar", "--command", "camera.snap"],
        )
        .await;
    // April's asks for less than another device's node takes, whatever the command is.
    let why = if version == FEBRUARY { "node command not allowed" } else { "operator.admin" };
    assert!(!done && said.contains(why), "{said}");
}

/// A new token closes the node's socket, and it comes back by the secret; removed, it has to wait again.
async fn taken_away(bed: &Bed, version: &str, cellar: &Cli, host: Host) {
    let device = cellar.device();
    bed.remote.forget();
    let rotate = json!({ "deviceId": device, "role": "node" });
    let rotated = bed.call("device.token.rotate", rotate).await;
    assert!(rotated["token"].is_null(), "a token goes to its own device only");
    bed.remote.hears("its socket is closed", |frame| frame["closed"] == 4001).await;
    let host = if version == FEBRUARY { comes_again(bed, cellar, host).await } else { host };
    let hello = |frame: &Value| frame["payload"]["type"] == "hello-ok";
    bed.remote.hears("the node comes back", hello).await;

    bed.remote.forget();
    bed.remove(&device).await;
    bed.remote.hears("its socket is closed", |frame| frame["closed"] == 4001).await;
    let host = if version == FEBRUARY { comes_again(bed, cellar, host).await } else { host };
    let refused = bed.remote.hears("the node is refused", |frame| frame["ok"] == false).await;
    assert_eq!(refused["error"]["code"], "NOT_PAIRED", "{refused}");
    host.end().await;
}

/// February's host ends when it is closed, instead of coming again; and it shows its former token once more.
async fn comes_again(bed: &Bed, cellar: &Cli, host: Host) -> Host {
    let host = host.again(cellar, bed.remote.port).await;
    let refused = bed.remote.hears("a refusal", |frame| frame["ok"] == false).await;
    let said = refused["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("unauthorized: "), "{said}");
    bed.remote.forget();
    host.again(cellar, bed.remote.port).await
}

of_both! {
    a_node: the_node_host_of_february, the_node_host_of_april;
}
