//! What a service manager and a health check see of the gateway: exit codes, `/readyz`, and the notices on its socket.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::chown, net::UnixDatagram, process::CommandExt},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    running::{Running, port},
    support::Folder,
};

const NOBODY: u32 = 65_534;

#[test]
fn each_end_of_a_gateway_has_its_exit_code() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("gateway run --port {}", taken.local_addr().unwrap().port());
    let start = "gateway run --port 0";
    for (line, file, text, code, said) in [
        (start, "config.toml", "nonsense", 78, "config.toml:1"),
        (start, "config.toml", "[gateway]\nbnd = 'lan'\n", 78, "unknown key"),
        (start, "config.toml", "[gateway.auth]\nmode = 'password'\n", 78, "password"),
        (
            start,
            "config.toml",
            "[gateway]\nbind = 'custom'\ncustom_bind_host = '192.0.2.1'\n",
            78,
            "custom_bind_host",
        ),
        (
            start,
            "config.toml",
            "[gateway.tls]\nenabled = true\ncert_path = '/no/c'\nkey_path = '/no/k'\n",
            78,
            "/no/c",
        ),
        (&taken, "note", "", 75, "is taken"),
        (start, "credentials/owners.json", "{", 71, "audit/head"),
    ] {
        let folder = Folder::empty();
        folder.put(file, text);
        crate::support::keep_private(&folder.path(file));
        let error = folder.fails(code, line);
        assert!(error.contains(said), "{file} {text}: {error}");
    }
    let folder = Folder::empty();
    let mut first = Running::gateway(&folder);
    folder.fails(75, start);
    assert_eq!(first.stop(Signal::SIGTERM).code, Some(0));
}

/// As with a volume that belongs to root, and a container that runs as another user.
#[test]
fn a_state_folder_that_may_not_be_written_is_named_with_the_way_out() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = Folder::empty();
    std::fs::create_dir(folder.state()).unwrap();
    let program = folder.cwd().join("openclaw");
    std::fs::copy(env!("CARGO_BIN_EXE_openclaw"), &program).unwrap();
    chown(&program, Some(NOBODY), None).unwrap();
    let root = folder.cwd().parent().unwrap().to_owned();
    for path in [root, folder.cwd(), folder.state()] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    }
    let mut command = std::process::Command::new(&program);
    command.args(["gateway", "run", "--port", "0"]).env_clear().uid(NOBODY).gid(NOBODY);
    command.env("HOME", folder.cwd()).env("OPENCLAW_STATE_DIR", folder.state());
    let ran = crate::support::Ran::from(command.output().unwrap());
    assert_eq!(ran.code, Some(78), "{ran:?}");
    let way = format!("chown -R {NOBODY} '{}'", folder.state().display());
    assert!(ran.err.contains(&way), "{ran:?}");
}

/// The status and the body of an answer.
fn get(port: u16, path: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[test]
fn a_probe_asks_the_gateway_of_the_folder_and_needs_no_configuration() {
    let folder = Folder::empty();
    let error = folder.fails(1, "gateway status --probe-only");
    assert!(error.contains("no gateway answers"), "{error}");
    let ran = folder.run("gateway status --probe-only --json");
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, said), (Some(1), json!({ "ok": false, "status": "unreachable" })));
    let mut running = Running::gateway(&folder);
    let ready = crate::running::patiently(|| {
        let ran = folder.run("gateway status --probe-only");
        (ran.code == Some(0)).then_some(ran)
    });
    assert_eq!(ready.unwrap().out, "ready\n");
    for path in ["/readyz", "/readyz?accounts=all", "/ready"] {
        assert_eq!(get(port(&folder), path), (200, json!({ "ok": true, "status": "ready" })));
    }
    // A configuration that is broken by now is not looked at.
    folder.put("config.toml", "nonsense");
    assert_eq!(folder.done("gateway status --probe-only"), "ready\n");
    let said: Value =
        serde_json::from_str(&folder.done("gateway status --probe-only --json")).unwrap();
    assert_eq!(said, json!({ "ok": true, "status": "ready" }));
    folder.fails(2, "gateway status --probe-only --token x");
    running.stop(Signal::SIGTERM);
    folder.fails(1, "gateway status --probe-only");
}

/// What arrives at the manager's socket until a notice like this, or in this time.
fn notices(socket: &UnixDatagram, last: &str, within: Duration) -> Vec<String> {
    let (until, mut heard) = (Instant::now() + within, Vec::new());
    while !heard.iter().any(|it: &String| it == last) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
            break;
        }
        let mut buffer = [0; 256];
        let Ok(length) = socket.recv(&mut buffer) else { break };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        heard.extend(text.lines().map(str::to_owned));
    }
    heard
}

#[test]
fn the_service_manager_hears_that_it_is_ready_that_it_lives_and_that_it_stops() {
    const LONG: Duration = Duration::from_secs(30);
    let (folder, place) = (Folder::empty(), tempfile::tempdir().unwrap());
    let place = place.path().join("notify");
    let socket = UnixDatagram::bind(&place).unwrap();
    let mut command = folder.command("gateway run --port 0");
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "600000");
    let mut running = Running::start(command);
    let heard = notices(&socket, "READY=1", LONG);
    assert_eq!(heard.last().map(String::as_str), Some("READY=1"), "{heard:?}");
    assert_eq!(get(port(&folder), "/readyz").0, 200);
    for _ in 0..3 {
        let heard = notices(&socket, "WATCHDOG=1", LONG);
        assert_eq!(heard.last().map(String::as_str), Some("WATCHDOG=1"), "{heard:?}");
    }
    // A process that stands still says nothing.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(running.pid()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
    notices(&socket, "nothing", Duration::from_millis(100));
    assert_eq!(notices(&socket, "WATCHDOG=1", Duration::from_secs(1)), [""; 0]);
    nix::sys::signal::kill(pid, Signal::SIGCONT).unwrap();
    assert!(!notices(&socket, "WATCHDOG=1", LONG).is_empty());
    assert_eq!(running.stop(Signal::SIGTERM).code, Some(0));
    let heard = notices(&socket, "STOPPING=1", LONG);
    assert_eq!(heard.iter().filter(|it| *it == "STOPPING=1").count(), 1, "{heard:?}");
}

#[test]
fn without_a_watchdog_the_manager_hears_no_pulse_and_without_a_manager_nothing_is_said() {
    let (folder, place) = (Folder::empty(), tempfile::tempdir().unwrap());
    let place = place.path().join("notify");
    let socket = UnixDatagram::bind(&place).unwrap();
    let mut command = folder.command("gateway run --port 0");
    command.env("NOTIFY_SOCKET", &place);
    let mut running = Running::start(command);
    notices(&socket, "READY=1", Duration::from_secs(30));
    assert_eq!(notices(&socket, "WATCHDOG=1", Duration::from_secs(1)), [""; 0]);
    running.stop(Signal::SIGTERM);
    let mut running = Running::gateway(&folder);
    let ran = running.stop(Signal::SIGTERM);
    assert!(!ran.err.contains("service manager"), "{ran:?}");
}
