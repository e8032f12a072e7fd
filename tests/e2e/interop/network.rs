//! Clients that come over a network, at home and in a tailnet: what they refuse by themselves, and how they get in
//! where the owner's own command line approves them.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Cli, TOKEN,
    cli::{PATIENCE, clients, node},
    library::{Library, driver, operator},
    node_host::Host,
    operator::{APRIL, FEBRUARY},
};
use crate::{
    network::{
        AT_HOME, AT_HOME_V6, GUEST, Guest, IN_TAILNET, TAILNET_NAME, beside, fake_tailscale,
        started, within,
    },
    process::{Gateway, Home, texts, write},
};

/// The break-glass of April's.
const PLAIN: (&str, &str) = ("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS", "1");

/// The gateway's machine, and the guest's.
struct Place {
    home: Home,
    guest: Guest,
    gateway: Gateway,
}

impl Place {
    fn start(config: &str) -> Self {
        let home = Home::new();
        home.configure(&format!("gateway.auth.token = \"{TOKEN}\"\n{config}"));
        fake_tailscale(&home.bin());
        let gateway = started(&home);
        let guest = Guest::come(&gateway);
        Self { home, guest, gateway }
    }

    /// A command line of theirs on the guest's machine.
    async fn theirs(&self, cli: &Cli, with: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
        let mut plain = cli.command(arguments);
        plain.envs(with.iter().copied());
        let mut command = tokio::process::Command::from(self.at_the_guests(plain.as_std()));
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends").unwrap();
        let (out, err) = texts(&output);
        (output.status.success(), format!("{out}{err}"))
    }

    fn at_the_guests(&self, command: &Command) -> Command {
        within(self.guest.pid(), command)
    }

    /// Our command line on the gateway's machine, and the JSON it prints.
    fn ours(&self, arguments: &[&str]) -> Value {
        let done = beside(&self.home, &self.gateway, arguments);
        let (out, err) = texts(&done);
        assert!(done.status.success(), "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {out}"))
    }

    fn pending(&self) -> Vec<Value> {
        self.ours(&["devices", "list", "--json"])["pending"].as_array().unwrap().clone()
    }

    /// Lets in the one device that waits, which comes from the guest's machine.
    fn approve(&self, device: &str, from: &str) {
        let pending = self.pending();
        let [one] = &pending[..] else { panic!("one waits: {pending:?}") };
        assert_eq!((&one["deviceId"], &one["remoteIp"]), (&json!(device), &json!(from)));
        self.ours(&["devices", "approve", one["requestId"].as_str().unwrap(), "--json"]);
    }

    /// A setup code, as a client reads it.
    fn code(&self) -> Value {
        let said = self.ours(&["qr", "--json"]);
        let code = BASE64_URL_SAFE_NO_PAD.decode(said["setupCode"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&code).unwrap()
    }

    /// A program on the library at the guest's, with a setup code: it waits, is approved, and comes in.
    async fn comes_with(&self, code: &Value, from: &str, with: &[(&str, &str)]) {
        let mut settings = operator(&["operator.read", "operator.write"]);
        settings["token"] = Value::Null;
        settings["bootstrapToken"] = code["bootstrapToken"].clone();
        settings["tlsFingerprint"] = code["tlsFingerprint"].clone();
        let mut command = driver(code["url"].as_str().unwrap(), &settings);
        command.envs(with.iter().copied());
        let mut panel = Library::of(self.at_the_guests(&command)).await;
        let refused = panel.next("refused").await;
        assert_eq!(refused["details"]["recommendedNextStep"], "wait_then_retry", "{refused}");
        self.approve(&panel.device, from);
        // It tries again by itself.
        let auth = panel.next("hello").await["hello"]["auth"].take();
        assert_eq!(auth["method"], "bootstrap-token");
        assert_eq!(auth["scopes"], json!(["operator.read", "operator.write"]));
        panel.tell(&json!({ "restart": { "bootstrapToken": null } })).await;
        let auth = panel.next("hello").await["hello"]["auth"].take();
        assert_eq!(auth["method"], "device-token", "from here by its own token");
        let health = panel.ask("health", json!({})).await;
        assert!(health["answer"].is_object(), "{health}");
    }

    fn end(self) {
        assert!(self.gateway.stop().success(), "{}", self.home.logged());
        assert!(!self.home.logged().contains(TOKEN));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs, and network namespaces: unshare, nsenter and ip"]
async fn at_home_without_tls_they_come_in_as_far_as_they_dare() {
    let place = Place::start("gateway.bind = \"lan\"\n");
    let url = format!("ws://{AT_HOME}:{}", place.gateway.port);
    let list = ["devices", "list", "--url", &url, "--token", TOKEN];

    let april = Cli::new(APRIL);
    let (done, said) = place.theirs(&april, &[], &list).await;
    assert!(!done && said.contains("uses plaintext ws:// to a non-loopback address"), "{said}");
    assert_eq!(place.pending(), Vec::<Value>::new(), "it did not come");
    let (done, said) = place.theirs(&april, &[PLAIN], &list).await;
    assert!(!done && said.contains("pairing required"), "{said}");
    place.approve(&april.device(), GUEST);
    let (done, said) = place.theirs(&april, &[PLAIN], &list).await;
    assert!(done && said.contains("Paired (1)"), "{said}");

    // February's has no such doubt.
    let february = Cli::new(FEBRUARY);
    let (done, said) = place.theirs(&february, &[], &list).await;
    assert!(!done && said.contains("pairing required"), "{said}");
    place.approve(&february.device(), GUEST);
    let (done, said) = place.theirs(&february, &[], &list).await;
    assert!(done && said.contains("Paired (2)"), "{said}");

    // September's library takes a private address.
    let code = place.code();
    assert_eq!((&code["url"], &code["access"]), (&json!(url), &json!("limited")));
    place.comes_with(&code, GUEST, &[]).await;
    place.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs python3, and network namespaces: unshare, nsenter and ip"]
async fn the_page_answers_a_guest_under_every_address_that_the_start_prints() {
    let place = Place::start("gateway.bind = \"lan\"\n[channels.webchat]\n");
    let port = place.gateway.port;
    let printed = [place.gateway.says("Network:"), place.gateway.says("Network:")];
    assert_eq!(printed, [format!("{AT_HOME}:{port}"), format!("[{AT_HOME_V6}]:{port}")]);
    for at in printed {
        let url = format!("http://{at}/chat");
        let script =
            "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)";
        let mut plain = Command::new("python3");
        plain.args(["-c", script, &url]).env("PATH", std::env::var_os("PATH").unwrap());
        let done = place.at_the_guests(&plain).output().unwrap();
        let (out, err) = texts(&done);
        assert_eq!(out, "200\n", "{url}: {err}");
    }
    place.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs network namespaces: unshare, nsenter and ip"]
async fn a_setup_code_names_the_address_of_the_default_route_and_no_bridge() {
    let place = Place::start("gateway.bind = \"lan\"\n");
    let code = place.code();
    assert_eq!(code["url"], json!(format!("ws://{AT_HOME}:{}", place.gateway.port)));
    assert!(!code.to_string().contains("172.17"), "{code}");
    place.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs, and network namespaces: unshare, nsenter and ip"]
async fn at_home_with_tls_they_come_in_by_the_pin_and_not_without_it() {
    let place = Place::start("gateway.bind = \"lan\"\ngateway.tls.enabled = true\n");
    let port = place.gateway.port;
    let pin = place.gateway.says("TLS:");
    let url = format!("wss://{AT_HOME}:{port}");
    let wrong = format!("sha256:{}", "0".repeat(64));

    let april = Cli::new(APRIL);
    let told = |pin: Option<&str>| {
        let mut remote = json!({ "url": url, "token": TOKEN });
        remote["tlsFingerprint"] = pin.into();
        april.configure(&match pin {
            Some(_) => json!({ "gateway": { "mode": "remote", "remote": remote } }),
            None => {
                json!({ "gateway": { "mode": "remote", "remote": { "url": url, "token": TOKEN } } })
            }
        });
    };
    // Its own close comes back to it where it spoke TLS at all.
    let reasons = [
        (None, "gateway closed (1006"),
        (Some(&*wrong), "gateway closed (1008): gateway tls fingerprint mismatch"),
    ];
    for (pin, why) in reasons {
        told(pin);
        let (done, said) = place.theirs(&april, &[], &["devices", "list"]).await;
        assert!(!done && said.contains(why), "{pin:?}: {said}");
        assert_eq!(place.pending(), Vec::<Value>::new(), "it did not come");
    }
    told(Some(&pin));
    let (done, said) = place.theirs(&april, &[], &["devices", "list"]).await;
    assert!(!done && said.contains("pairing required"), "{said}");
    place.approve(&april.device(), GUEST);
    let (done, said) = place.theirs(&april, &[], &["devices", "list"]).await;
    assert!(done && said.contains("Paired (1)"), "{said}");

    let cellar = Cli::new(APRIL);
    let tls = ["--tls", "--tls-fingerprint", &pin];
    let start = || {
        let mut plain = Host::command(&cellar, AT_HOME, port, &tls);
        // One process, and none that outlives it.
        plain.env("OPENCLAW_NO_RESPAWN", "1");
        Host::of(place.at_the_guests(plain.as_std()).into())
    };
    let waiting = start();
    waits(&place).await;
    let said = waiting.end().await;
    let pending = place.pending();
    assert_eq!(pending[0]["displayName"], "Cellar", "{said}");
    place.approve(&cellar.device(), GUEST);
    let host = start();
    connected(&place, &cellar.device()).await;
    host.end().await;

    let mut code = place.code();
    assert_eq!(code["url"], url.as_str());
    assert_eq!(format!("sha256:{}", code["tlsFingerprint"].as_str().unwrap()), pin);
    place.comes_with(&code, GUEST, &[]).await;
    code["tlsFingerprint"] = wrong.into();
    let mut settings = operator(&["operator.read"]);
    settings["tlsFingerprint"] = code["tlsFingerprint"].take();
    let mut panel = Library::of(place.at_the_guests(&driver(&url, &settings))).await;
    let refused = panel.next("refused").await["refused"].take();
    assert!(refused.as_str().unwrap().contains("fingerprint mismatch"), "{refused}");
    drop(panel);
    place.end();
}

/// Until a device waits.
async fn waits(place: &Place) {
    until(|| !place.pending().is_empty()).await;
}

/// Until this node is connected.
async fn connected(place: &Place, device: &str) {
    until(|| {
        let nodes = place.ours(&["nodes", "status", "--json"]);
        let nodes = nodes["nodes"].as_array().cloned().unwrap_or_default();
        nodes.iter().any(|node| node["nodeId"] == device && node["connected"] == true)
    })
    .await;
}

async fn until(so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            crate::process::look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it comes to pass");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs, and network namespaces: unshare, nsenter and ip"]
async fn in_a_tailnet_they_come_in_at_the_address_and_by_the_name() {
    let tls = "gateway.tls.enabled = true\n";
    let place = Place::start(&format!("gateway.bind = \"tailnet\"\n{tls}"));
    let code = place.code();
    assert_eq!(code["url"], format!("wss://{IN_TAILNET}:{}", place.gateway.port));
    place.comes_with(&code, "100.64.7.8", &[]).await;
    let mut elsewhere = operator(&[]);
    elsewhere["tlsFingerprint"] = code["tlsFingerprint"].clone();
    let at_home = format!("wss://{AT_HOME}:{}", place.gateway.port);
    let mut panel = Library::of(place.at_the_guests(&driver(&at_home, &elsewhere))).await;
    let refused = panel.next("refused").await["refused"].take();
    assert!(refused.as_str().unwrap().contains("ECONNREFUSED"), "{refused}");
    drop(panel);
    place.end();

    let place = Place::start(
        "gateway.tailscale.mode = \"serve\"\ngateway.trusted_proxies = [\"127.0.0.1\"]\n",
    );
    let serve = Serve::start(&place);
    let code = place.code();
    assert_eq!(code["url"], format!("wss://{TAILNET_NAME}"));
    assert!(code["tlsFingerprint"].is_null(), "the certificate is not ours");
    let trust = serve.authority.to_str().unwrap();
    place.comes_with(&code, "100.64.7.8", &[("NODE_EXTRA_CA_CERTS", trust)]).await;
    let mut command = driver(code["url"].as_str().unwrap(), &operator(&[]));
    let mut panel =
        Library::of(place.at_the_guests(command.env_remove("NODE_EXTRA_CA_CERTS"))).await;
    let refused = panel.next("refused").await["refused"].take();
    assert!(refused.as_str().unwrap().contains("certificate"), "{refused}");
    drop((panel, serve));
    place.end();
}

/// What `tailscale serve` puts before the gateway; dropped, it is gone.
struct Serve {
    child: std::process::Child,
    authority: std::path::PathBuf,
}

impl Serve {
    fn start(place: &Place) -> Self {
        let made = rcgen::generate_simple_self_signed([TAILNET_NAME.to_owned()]).unwrap();
        let (authority, key) =
            (place.home.bin().join("cert.pem"), place.home.bin().join("key.pem"));
        write(&authority, &made.cert.pem());
        write(&key, &made.signing_key.serialize_pem());
        let mut plain = Command::new(node());
        plain.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/interop/serve.mjs"));
        plain.args([IN_TAILNET, &place.gateway.port.to_string()]).arg(&authority).arg(key);
        plain.current_dir(clients());
        let mut command = within(place.gateway.pid(), &plain);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self { child, authority }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
