//! What `doctor` and `security audit` find through the socket of a running gateway, and what they see of other programs.

use std::{
    fs,
    fs::Permissions,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixListener, process::CommandExt},
    process::{Child, Command, Stdio},
    thread,
};

use nix::sys::signal::Signal;
use openclaw::protocol::frame::{Request, Response};
use serde_json::{Value, json};

use crate::{
    doctor::{fresh, ids, own, said},
    running::{Running, patiently},
    support::{Folder, keep_private, write},
};

/// Looks until a list finds this.
#[track_caller]
fn found(folder: &Folder, command: &str, id: &str) -> Value {
    let found = patiently(|| {
        let said = said(folder, command);
        said["findings"].as_array().unwrap().iter().find(|one| one["id"] == id).cloned()
    });
    found.ok_or_else(|| format!("{id}: {:#}", said(folder, command))).unwrap()
}

/// A platform that answers each request with this.
fn platform(status: &'static str, body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = move |mut stream: TcpStream| {
        let _read = stream.read(&mut [0; 4096]);
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
        let _ended =
            write!(stream, "{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    };
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    port
}

fn telegram_at(folder: &Folder, port: u16) {
    let text = format!(
        "[owner]\nallow_from = [\"telegram:9\"]\n[channels.telegram]\nbot_token = \"123456:abcdef\"\n\
         api_root = \"http://127.0.0.1:{port}\"\n"
    );
    own(folder, "config.toml", &text);
}

/// A port of this machine on which nothing listens.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn credentials_that_a_platform_refuses_are_found() {
    let folder = fresh();
    let refusal = "{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}";
    telegram_at(&folder, platform("401 Unauthorized", refusal));
    let mut gateway = Running::gateway(&folder);
    let finding = found(&folder, "doctor --json", "channel.telegram.default.token");
    assert_eq!(finding["severity"], "error");
    assert!(!finding.to_string().contains("abcdef"), "{finding}");
    assert_eq!(folder.run("doctor").code, Some(1));
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn an_account_that_is_not_connected_is_found() {
    let folder = fresh();
    telegram_at(&folder, closed());
    let mut gateway = Running::gateway(&folder);
    let finding = found(&folder, "doctor --json", "channel.telegram.default.connection");
    assert_eq!(finding["severity"], "warn");
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_configuration_that_the_gateway_does_not_use_is_found() {
    let folder = fresh();
    own(&folder, "config.toml", "[discovery.mdns]\nmode = \"minimal\"\n");
    let mut gateway = Running::gateway(&folder);
    own(&folder, "config.toml", "[discovery.mdns]\nmode = \"off\"\n");
    let finding = found(&folder, "doctor --json", "config.stale-in-gateway");
    assert_eq!(
        (&finding["severity"], &finding["subject"]),
        (&"warn".into(), &"discovery.mdns".into())
    );
    own(&folder, "config.toml", "[discovery\n");
    let all = ids(&folder, "doctor --json");
    assert!(all.contains(&"config.stale-in-gateway".to_owned()), "{all:?}");
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn an_assistant_that_does_not_answer_is_found() {
    let folder = fresh();
    let base = format!("http://127.0.0.1:{}/v1", closed());
    let text = format!(
        "[assistant]\nresponder = \"openai\"\n[assistant.openai]\nbase_url = \"{base}\"\nmodel = \"m\"\n"
    );
    own(&folder, "config.toml", &text);
    let mut gateway = Running::gateway(&folder);
    let shallow = ids(&folder, "doctor --json");
    assert!(!shallow.contains(&"assistant.unreachable".to_owned()), "{shallow:?}");
    let finding = found(&folder, "doctor --deep --json", "assistant.unreachable");
    assert_eq!((&finding["severity"], &finding["subject"]), (&"error".into(), &"openai".into()));
    own(&folder, "config.toml", "");
    let deep = ids(&folder, "doctor --deep --json");
    assert!(!deep.contains(&"assistant.unreachable".to_owned()), "{deep:?}");
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_gateway_of_root_is_found() {
    let folder = fresh();
    let mut gateway = Running::gateway(&folder);
    // Without root there is none; a unit test looks at the other half.
    let is_found = ids(&folder, "security audit --json").contains(&"process.root".to_owned());
    assert_eq!(is_found, nix::unistd::geteuid().is_root());
    gateway.stop(Signal::SIGTERM);
}

/// What the socket of a gateway says that runs long enough for everything to have happened.
fn gateway_that_says(health: &Value, channels: &Value, outbox: &Value) -> Folder {
    let folder = fresh();
    fs::create_dir(folder.path("run")).unwrap();
    fs::set_permissions(folder.path("run"), Permissions::from_mode(0o700)).unwrap();
    let listener = UnixListener::bind(folder.path("run/gateway.sock")).unwrap();
    fs::set_permissions(folder.path("run/gateway.sock"), Permissions::from_mode(0o600)).unwrap();
    let answers = [
        ("health", health.clone()),
        ("channels.status", channels.clone()),
        ("outbox", outbox.clone()),
    ];
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let request: Request = serde_json::from_str(&line).unwrap();
                let (_, answer) = answers.iter().find(|(it, _)| *it == request.method).unwrap();
                let response = Response::done(&request.id, answer.clone());
                let line = serde_json::to_string(&response).unwrap();
                let _ended = writeln!(&stream, "{line}");
            }
        }
    });
    folder
}

fn healthy() -> Value {
    json!({ "ok": true, "pid": std::process::id(), "port": 1, "version": env!("CARGO_PKG_VERSION") })
}

fn hours_ago(hours: i64) -> i64 {
    jiff::Timestamp::now().as_millisecond() - hours * 3_600_000
}

/// Two accounts of a channel, the one heard just now, with what is known of the other.
fn accounts(other: &Value) -> Value {
    let row = |id: &str, heard: i64| {
        json!({ "accountId": id, "enabled": true, "configured": true, "running": true,
            "connected": true, "state": "connected", "lastInboundAt": heard, "dmPolicy": "pairing",
            "allowFrom": [] })
    };
    let mut second = row("work", hours_ago(0));
    second.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    json!({ "ts": hours_ago(0), "channelOrder": ["telegram"], "channelLabels": {},
        "channels": { "telegram": { "configured": true } },
        "channelAccounts": { "telegram": [row("default", hours_ago(0)), second] },
        "channelDefaultAccountId": {} })
}

/// The ids, without what the gateway's rights are: this test's process stands for it.
fn doctor_says(health: &Value, channels: &Value, outbox: &Value) -> Vec<String> {
    ids(&gateway_that_says(health, channels, outbox), "doctor --json")
}

#[test]
fn what_a_gateway_has_gone_through_for_days_is_found() {
    let (health, channels, outbox) = (healthy(), accounts(&json!({})), json!({ "depth": 0 }));
    assert_eq!(doctor_says(&health, &channels, &outbox), [""; 0]);
    let mut other = health.clone();
    other["version"] = "0.0.1".into();
    assert_eq!(doctor_says(&other, &channels, &outbox), ["gateway.other-build"]);
    let silent = accounts(&json!({ "lastInboundAt": hours_ago(8 * 24) }));
    assert_eq!(doctor_says(&health, &silent, &outbox), ["channel.telegram.work.silent"]);
    let owed = json!({ "depth": 2, "oldestMs": 2 * 3_600_000 });
    assert_eq!(doctor_says(&health, &channels, &owed), ["owner.unreachable"]);
    let young = json!({ "depth": 2, "oldestMs": 60_000 });
    assert_eq!(doctor_says(&health, &channels, &young), [""; 0]);
    let unsent = accounts(&json!({ "waiting": 3, "waitingSince": hours_ago(25) }));
    assert_eq!(doctor_says(&health, &unsent, &outbox), ["pairing.stuck"]);
}

#[test]
fn forwarding_headers_of_nobody_named_are_found() {
    let (channels, outbox) = (accounts(&json!({})), json!({ "depth": 0 }));
    let mut health = healthy();
    health["unnamedProxies"] = json!({ "requests": 3, "addresses": ["10.0.0.1"] });
    let folder = gateway_that_says(&health, &channels, &outbox);
    let finding = found(&folder, "security audit --json", "gateway.proxy");
    assert_eq!(finding["severity"], "warn");
}

/// Whether the user lingers, and whether they are root, depends on the machine: unit tests look at both.
#[test]
fn nothing_else_is_found_with_a_service_that_fits_and_runs() {
    let folder = fresh();
    own(&folder, "config.toml", "[gateway.auth]\ntoken = \"${GATEWAY_SECRET}\"\n");
    let home = folder.state().parent().unwrap().to_owned();
    let unit = format!(
        "[Service]\nExecStart=/bin/sh\nEnvironment=OPENCLAW_STATE_DIR={}\nEnvironmentFile=-%h/openclaw.env\n",
        folder.state().display()
    );
    let secret = "Jk3-91xQ_pLm7zRtUvW5aB8c";
    for (name, text) in [
        (".config/systemd/user/openclaw.service", unit),
        ("openclaw.env", format!("GATEWAY_SECRET={secret}\n")),
    ] {
        write(&home.join(name), &text);
        keep_private(&home.join(name));
    }
    let mut command = folder.command("gateway run --port 0");
    command.env("GATEWAY_SECRET", secret);
    let mut gateway = Running::start(command);
    gateway.until("Approve:");
    for list in ["doctor --json", "security audit --json"] {
        let ran = folder.command(list).env("GATEWAY_SECRET", secret).output().unwrap();
        let said: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let mut found: Vec<&Value> = said["findings"].as_array().unwrap().iter().collect();
        found.retain(|one| one["id"] != "service.linger" && one["id"] != "process.root");
        assert!(found.is_empty(), "{list}: {found:?}");
        let skipped = said["skipped"].to_string();
        assert!(!skipped.contains("no service") && !skipped.contains("no gateway"), "{skipped}");
    }
    gateway.stop(Signal::SIGTERM);
}

/// A program that calls itself Node and works on this folder; ends with its standard input.
fn of_node(state: &std::path::Path) -> Child {
    let mut command = Command::new("/bin/sh");
    command.arg0("node").args(["-c", "read line", "/opt/openclaw/dist/index.js", "gateway"]);
    command.env_clear().env("OPENCLAW_STATE_DIR", state);
    command.stdin(Stdio::piped()).spawn().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn an_openclaw_of_node_on_the_same_folder_is_found_and_on_another_is_not() {
    let (folder, other) = (fresh(), fresh());
    let mut elsewhere = of_node(&other.state());
    assert_eq!(ids(&folder, "doctor --json"), [""; 0]);
    let mut here = of_node(&folder.state());
    let finding = found(&folder, "doctor --json", "gateway.foreign-running");
    assert_eq!((&finding["severity"], &finding["subject"]), (&"error".into(), &"node".into()));
    assert!(finding["message"].as_str().unwrap().contains(&here.id().to_string()), "{finding}");
    for child in [&mut elsewhere, &mut here] {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    assert_eq!(ids(&folder, "doctor --json"), [""; 0]);
}
