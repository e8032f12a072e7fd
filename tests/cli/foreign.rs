//! Another program on the gateway's port, or in a gateway's place: no command shows it a secret.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message, accept_hdr,
    handshake::server::{Request, Response},
};

use crate::{
    running::{Running, json as asked, patiently, token},
    support::{CODE, Folder, request},
};

const OPERATOR: &str = "operator-device-token-of-this-machine";

/// Every command that may connect, as it is typed. What is no command any more fails the test below.
const COMMANDS: &[&str] = &[
    "channels list",
    "channels login telegram",
    "channels manifest slack",
    "channels status",
    "channels status --json",
    "devices approve",
    "devices approve 0b1f7f3c",
    "devices clear --yes --pending",
    "devices list",
    "devices list --json",
    "devices reject 0b1f7f3c",
    "devices remove 0b1f7f3c",
    "devices rename --device 0b1f7f3c --name desk",
    "devices revoke --device 0b1f7f3c --role operator",
    "devices rotate --device 0b1f7f3c --role operator",
    "gateway auth-token",
    "gateway call health",
    "gateway status",
    "gateway status --json",
    "nodes approve 0b1f7f3c",
    "nodes describe --node hut",
    "nodes invoke --node hut --command device.info",
    "nodes list",
    "nodes pending",
    "nodes reject 0b1f7f3c",
    "nodes remove --node hut",
    "nodes rename --node hut --name shed",
    "nodes status",
    "pairing list",
    "pairing approve telegram AB3D7X9K --notify",
    "qr --setup-code-only --local",
    "status",
    "status --json",
];

/// Does what a gateway does, as far as it can without the gateway's key, and keeps everything that it is sent.
struct Foreign {
    heard: Arc<Mutex<Vec<u8>>>,
    port: u16,
    stop: Receiver<()>,
}

/// A connection whose bytes are kept.
struct Tapped(TcpStream, Arc<Mutex<Vec<u8>>>);

impl Read for Tapped {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(into)?;
        self.1.lock().unwrap().extend_from_slice(&into[..count]);
        Ok(count)
    }
}

impl Write for Tapped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Foreign {
    /// Listens there, and names the key that a gateway has proven before.
    fn listen(port: u16, key: &str) -> Self {
        let listener = patiently(|| TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let (kept, key) = (Arc::clone(&heard), key.to_owned());
        let (ended, stop) = channel::<()>();
        thread::spawn(move || {
            let _ended = ended;
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, key) = (Arc::clone(&kept), key.clone());
                thread::spawn(move || Self::answer(Tapped(stream, kept), &key));
            }
        });
        Self { heard, port, stop }
    }

    #[expect(clippy::result_large_err, reason = "the library's callback")]
    fn answer(tapped: Tapped, key: &str) {
        tapped.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let named = |_: &Request, mut response: Response| {
            let headers = response.headers_mut();
            headers.insert("openclaw-gateway", key.parse().unwrap());
            headers.insert("openclaw-signature", "A".repeat(86).parse().unwrap());
            Ok(response)
        };
        let Ok(mut socket) = accept_hdr(tapped, named) else { return };
        let challenge = json!({
            "type": "event", "event": "connect.challenge",
            "payload": { "nonce": "11111111-2222-4333-8444-555555555555", "ts": 1_760_000_000_000_u64 },
        });
        drop(socket.send(Message::text(challenge.to_string())));
        // Frames of clients are masked: they are kept as they read.
        while let Ok(message) = socket.read() {
            let text = message.into_data();
            socket.get_mut().1.lock().unwrap().extend_from_slice(&text);
        }
    }

    /// All that it was sent.
    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn knows_none_of(&self, secrets: &[String], after: &str) {
        let heard = self.heard();
        for secret in secrets {
            assert!(!secret.is_empty() && !heard.contains(secret), "{after}: {heard}");
        }
        assert!(self.stop.try_recv().is_err(), "it listens to the end");
    }
}

/// A machine that is its own gateway's node and operator; what it knows is given back.
fn machine() -> (Folder, u16, Vec<String>) {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    folder.put("config.toml", &format!("[gateway]\nport = {free}\n"));
    let mut gateway = Running::gateway_at(&folder, free);
    let token = token(&folder);
    let line = format!("node run --host 127.0.0.1 --port {free} --token {token}");
    let mut node = Running::start(folder.command(&line));
    node.until("Approve: ");
    let waits = patiently(|| asked(&folder, "devices list --json")["pending"].get(0).cloned());
    folder.done(&format!("devices approve {}", waits.unwrap()["requestId"].as_str().unwrap()));
    node.until("Connected to ");
    node.stop(Signal::SIGINT);
    gateway.stop(Signal::SIGTERM);
    let mut book = folder.json("identity/device-auth.json");
    let own = book["tokens"]["node"]["token"].as_str().unwrap().to_owned();
    // As the field's command line leaves it: for this machine's gateway, wherever it listens.
    book["tokens"]["operator"] = json!({ "token": OPERATOR, "role": "operator", "scopes": [] });
    folder.put("identity/device-auth.json", &book.to_string());
    (folder, free, vec![token, own, OPERATOR.to_owned()])
}

fn known_key(folder: &Folder, port: u16) -> String {
    let known = folder.json("identity/gateways.json");
    known["gateways"][format!("127.0.0.1:{port}")].as_str().unwrap().to_owned()
}

/// The subcommands that a group has, as its help lists them.
fn subcommands(folder: &Folder, group: &str) -> Vec<String> {
    let help = folder.done(&format!("{group} --help"));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| line.starts_with("  "));
    let names = names.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

#[test]
fn case_210_no_command_shows_a_secret_to_another_program_on_the_port() {
    let (folder, port, mut secrets) = machine();
    let foreign = Foreign::listen(port, &known_key(&folder, port));
    secrets.push("token-of-the-environment".to_owned());
    for line in COMMANDS {
        let ran = folder.run(line);
        foreign.knows_none_of(&secrets, &format!("{line}: {ran:?}"));
    }
    for line in ["devices list", "nodes status", "gateway status", "devices clear --yes"] {
        for name in ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"] {
            let mut command = folder.command(line);
            let ran = command.env(name, "token-of-the-environment").output().unwrap();
            foreign.knows_none_of(&secrets, &format!("{name} {line}: {ran:?}"));
        }
    }
    let mut node = Running::start(folder.command("node run"));
    node.until("has not proven the key");
    node.stop(Signal::SIGINT);
    foreign.knows_none_of(&secrets, "node run");
    assert!(foreign.heard().contains("openclaw-nonce"), "it was asked who it is");

    let named = format!("another program listens at 127.0.0.1:{port}");
    for line in ["gateway status", "nodes status", "gateway call health"] {
        let said = folder.fails(4, line);
        assert!(said.contains(&named), "{line}: {said}");
    }
    let listed = folder.run("devices list");
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.err.contains(&named), "{listed:?}");

    for group in ["channels", "devices", "gateway", "nodes"] {
        for name in subcommands(&folder, group) {
            let line = format!("{group} {name}");
            let asked = COMMANDS.iter().any(|command| command.starts_with(&line));
            assert!(asked || line == "gateway run", "{line} is in no list of this test");
        }
    }
}

#[test]
fn case_210_a_command_finds_its_gateway_although_another_program_has_the_port() {
    let (folder, port, secrets) = machine();
    let foreign = Foreign::listen(port, &known_key(&folder, port));
    let mut gateway = Running::gateway(&folder);
    let paired = asked(&folder, "devices list --json")["paired"].clone();
    assert_eq!(paired.as_array().map(Vec::len), Some(1), "{paired}");
    let status: Value = asked(&folder, "gateway status --json");
    assert_eq!(status["ok"], json!(true));
    assert!(folder.done("nodes status").contains("Known: 1"));
    assert_eq!(foreign.heard(), "", "nobody asked it anything");
    foreign.knows_none_of(&secrets, "beside a gateway");
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn case_210_a_gateway_that_was_named_once_has_to_prove_its_key_again() {
    let (folder, port, secrets) = machine();
    let key = known_key(&folder, port);
    let mut gateway = Running::gateway_at(&folder, port);
    let url = format!("ws://127.0.0.1:{port}");
    let line = format!("devices list --json --url {url} --token {}", secrets[0]);
    assert_eq!(asked(&folder, &line)["pending"], json!([]));
    gateway.stop(Signal::SIGTERM);
    let foreign = Foreign::listen(port, &key);
    let said = folder.fails(1, &line);
    assert!(said.contains("has not proven the key") && said.contains("gateways.json"), "{said}");
    // A token of this machine needs the key even where nobody has ever named that place.
    let elsewhere = Foreign::listen(0, &key);
    let mut book = folder.json("identity/device-auth.json");
    for role in ["node", "operator"] {
        book["tokens"][role]["gateway"] = json!(format!("127.0.0.1:{}", elsewhere.port));
    }
    folder.put("identity/device-auth.json", &book.to_string());
    let mut place = folder.json("node.json");
    place["gateway"]["port"] = json!(elsewhere.port);
    folder.put("node.json", &place.to_string());
    let said = folder.fails(1, "node run");
    assert!(said.contains("has never proven a key"), "{said}");
    folder.fails(4, &format!("devices list --url ws://127.0.0.1:{}", elsewhere.port));
    for foreign in [&foreign, &elsewhere] {
        foreign.knows_none_of(&secrets, "named places");
    }
}

#[test]
fn case_210_where_the_socket_is_gone_the_gateway_proves_its_key_over_tcp() {
    let folder = Folder::empty();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    folder.put("config.toml", &format!("[gateway]\nport = {free}\n"));
    let mut gateway = Running::gateway_at(&folder, free);
    std::fs::remove_file(folder.path("run/gateway.sock")).unwrap();
    assert_eq!(asked(&folder, "gateway status --json")["ok"], json!(true));
    // A state folder that knows no key believes nobody.
    let key = folder.path("keys/gateway-identity.key");
    std::fs::rename(&key, folder.path("keys/aside")).unwrap();
    let said = folder.fails(4, "gateway status");
    assert!(said.contains(&format!("another program listens at 127.0.0.1:{free}")), "{said}");
    gateway.stop(Signal::SIGTERM);
}

/// Passes everything on to a gateway at another port, as a program of another user could.
fn relay(to: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<u8>>>::default());
    let kept = Arc::clone(&heard);
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { return };
            let (mut back, mut client) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut back, &mut client));
            let (mut tapped, mut far) = (Tapped(near, Arc::clone(&kept)), far);
            thread::spawn(move || std::io::copy(&mut tapped, &mut far));
        }
    });
    (port, heard)
}

#[test]
fn case_210_a_relay_on_the_port_does_not_carry_the_proof_of_the_gateway_on_another() {
    let folder = Folder::empty();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut gateway = Running::gateway_at(&folder, free);
    std::fs::remove_file(folder.path("run/gateway.sock")).unwrap();
    let (port, heard) = relay(free);
    let status = |line: &str, port: u16| {
        let asked = folder.command(line).env("OPENCLAW_GATEWAY_PORT", port.to_string()).output();
        let asked = asked.unwrap();
        (asked.status.code(), String::from_utf8(asked.stderr).unwrap())
    };
    assert_eq!(status("gateway call health", free), (Some(0), String::new()), "without a relay");
    for line in ["gateway status", "gateway call health", "nodes status"] {
        let (_, said) = status(line, port);
        assert!(said.contains("another program listens at 127.0.0.1"), "{line}: {said}");
    }
    let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
    assert!(heard.contains("openclaw-reached"), "it was asked: {heard}");
    // Frames of clients are masked: a client that shows nothing sends none but the goodbye.
    let sent = heard.rsplit("\r\n\r\n").next().unwrap_or_default();
    assert!(sent.len() < 64, "{sent:?}");
    gateway.stop(Signal::SIGTERM);
}
