//! `openclaw node run` of both versions: it waits, is approved, answers, and loses what is taken from it.

use std::process::Stdio;

use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use super::{Bed, Cli, TOKEN, operator::of_both};

/// A node host that runs; dropped, it is killed.
struct Host {
    child: Child,
}

impl Host {
    fn start(cli: &Cli, port: u16) -> Self {
        let port = port.to_string();
        let arguments =
            ["node", "run", "--host", "127.0.0.1", "--port", &port, "--display-name", "Cellar"];
        let mut command: Command = cli.command(&arguments);
        command
            .env("OPENCLAW_GATEWAY_TOKEN", TOKEN)
            // They would be installed from the registry.
            .env("OPENCLAW_DISABLE_BUNDLED_PLUGINS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { child: command.spawn().unwrap() }
    }

    async fn end(mut self) -> String {
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
    // The shared secret at this machine is an admin's: what runs programs may be approved by it.
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "approve", &request]).await;
    assert!(done && said.contains("Approved"), "{said}");

    let host = Host::start(&cellar, bed.remote.port);
    let hello = |frame: &serde_json::Value| frame["payload"]["type"] == "hello-ok";
    let hello = bed.remote.hears("the node is let in", hello).await;
    assert_eq!(hello["payload"]["auth"]["role"], "node");
    let device = cellar.device();
    let nodes = here.json(bed.direct.port, TOKEN, &["nodes", "status", "--json"]).await;
    let node = &nodes["nodes"][0];
    assert_eq!(
        (&node["nodeId"], &node["connected"]),
        (&device.as_str().into(), &true.into()),
        "{nodes}"
    );
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
    let answer = here.json(bed.direct.port, TOKEN, &which).await;
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
    assert!(!done && said.contains("node command not allowed"), "{said}");

    taken_away(&bed, &here, &cellar).await;
    host.end().await;
    bed.end();
}

/// A new token closes the node's socket, and it comes back by the secret; removed, it has to wait again.
async fn taken_away(bed: &Bed, here: &Cli, cellar: &Cli) {
    let device = cellar.device();
    bed.remote.forget();
    let rotate = ["devices", "rotate", "--device", &device, "--role", "node"];
    here.json(bed.direct.port, TOKEN, &rotate).await;
    let hello = |frame: &serde_json::Value| frame["payload"]["type"] == "hello-ok";
    bed.remote.hears("the node comes back", hello).await;

    bed.remote.forget();
    bed.remove(&device).await;
    let refused = bed.remote.hears("the node is refused", |frame| frame["ok"] == false).await;
    assert_eq!(refused["error"]["code"], "NOT_PAIRED", "{refused}");
}

of_both! {
    a_node: the_node_host_of_february, the_node_host_of_april;
}
