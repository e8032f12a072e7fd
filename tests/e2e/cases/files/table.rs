//! Every file of the state folder, and everything that can become of it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::chown,
    path::Path,
    process::Stdio,
    sync::{Mutex, mpsc},
    time::Duration,
};

use nix::{
    sys::stat::Mode,
    unistd::{geteuid, mkfifo},
};
use serde_json::json;

use super::{ANN, mode};
use crate::process::{Home, texts, write};

/// What becomes of a file, in the order of the columns.
const HURTS: [Hurt; 7] =
    [Hurt::Missing, Hurt::Empty, Hurt::Cut, Hurt::Older, Hurt::Fifo, Hurt::Foreign, Hurt::Open];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hurt {
    Missing,
    Empty,
    Cut,
    Older,
    Fifo,
    Foreign,
    Open,
}

/// `r`: the start refuses and names the file. `s`: it starts, for the file decides nothing, or is read as it is, or is
/// made anew. `?`: it refuses, and names what contradicts the file.
const TABLE: &[(&str, &str)] = &[
    ("config.toml", "rrrsrrr"),
    ("settings/config-memory.json", "srrsrrr"),
    ("access/grants.json", "rrrrrrr"),
    ("audit/access.jsonl", "rrrrrrr"),
    ("audit/head", "rrsrrrr"),
    ("credentials/gateway-token", "srrsrrr"),
    ("credentials/owners.json", "rrrrrrr"),
    ("credentials/webchat-allowFrom.json", "rrrsrrr"),
    ("credentials/webchat-denied.json", "rrrsrrr"),
    ("credentials/webchat-pairing.json", "rrrsrrr"),
    ("credentials/webchat-pairing.json.orig", "ssssrrr"),
    ("devices/paired.json", "rrrsrrr"),
    ("devices/pending.json", "rrrsrrr"),
    ("devices/pending.json.orig", "ssssrrr"),
    ("devices/removed.json", "rrrrrrr"),
    ("inbox/webchat-default.jsonl", "ssssrrr"),
    ("keys/gateway-identity.key", "srrsrrr"),
    ("keys/webchat-default.key", "srrsrrr"),
    ("run/gateway.lock", "ssssrrr"),
];

const DEVICE: &str = "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c";
const REQUEST: &str = "0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11";

fn done(home: &Home, line: &[&str]) {
    let output = home.cli(line);
    assert!(output.status.success(), "{line:?}: {:?}", texts(&output));
}

fn wait(home: &Home, sender: &str, code: &str, request: &str) {
    let now = jiff::Timestamp::now();
    let asked = json!({ "version": 1, "requests": [{
        "id": sender, "code": code, "createdAt": format!("{now:.3}"), "lastSeenAt": format!("{now:.3}"),
    }] });
    home.put("credentials/webchat-pairing.json", &asked.to_string());
    let row = json!({
        "requestId": request, "deviceId": DEVICE, "publicKey": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "platform": "iOS 18.0.0", "clientId": "openclaw-ios", "clientMode": "ui", "role": "operator",
        "roles": ["operator"], "scopes": ["operator.read"], "silent": false, "isRepair": false,
        "ts": now.as_millisecond(),
    });
    home.put("devices/pending.json", &json!({ (request): row }).to_string());
}

/// A state folder in which everything has happened once, and then once more.
fn lived(home: &Home, round: u32) {
    let id = |n: u32| format!("web:{:032x}", n + 10 * round);
    home.configure(&format!("# round {round}\n[owner]\nallow_from = [\"telegram:1\"]\n"));
    wait(home, &id(1), "AB3D7X9K", REQUEST);
    home.gateway("info").stop();
    done(home, &["pairing", "approve", "webchat", "AB3D7X9K"]);
    done(home, &["devices", "approve", REQUEST]);
    wait(home, &id(2), "CB3D7X9K", REQUEST);
    done(home, &["pairing", "deny", "webchat", "CB3D7X9K"]);
    done(home, &["owner", "add", &format!("telegram:{}", 5 + round)]);
    done(home, &["access", "block", &format!("webchat:{}", id(3))]);
    done(home, &["devices", "remove", &DEVICE[..8]]);
    home.gateway("info").stop();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    mode(to, 0o700);
    for entry in fs::read_dir(from).unwrap() {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
        let target = to.join(path.file_name().unwrap());
        if kind.is_dir() {
            copy(&path, &target);
        } else if kind.is_file() {
            fs::copy(&path, &target).unwrap();
            let times = fs::metadata(&path).unwrap().modified().unwrap();
            File::options().append(true).open(&target).unwrap().set_modified(times).unwrap();
        }
    }
}

fn hurt(home: &Home, older: &Home, name: &str, how: Hurt) {
    let path = home.state().join(name);
    let bytes = fs::read(&path).unwrap();
    match how {
        Hurt::Missing => fs::remove_file(&path).unwrap(),
        Hurt::Empty => write(&path, ""),
        Hurt::Cut => {
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(bytes.len() as u64 / 2)
                .unwrap();
        }
        Hurt::Older => drop(fs::copy(older.state().join(name), &path).unwrap()),
        Hurt::Fifo => {
            fs::remove_file(&path).unwrap();
            mkfifo(&path, Mode::S_IRWXU).unwrap();
        }
        Hurt::Foreign => chown(&path, Some(ANN), None).unwrap(),
        Hurt::Open => mode(&path, 0o666),
    }
}

/// How a start ends: `s`, `r`, `?` for an error that does not name the file, `h` where it waits for ever.
fn started(home: &Home, name: &str) -> (char, String) {
    let mut command = home.program(&["gateway", "run", "--port", "0"]);
    let log = File::create(home.log()).unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let (lines, heard) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let ended = loop {
        match heard.recv_timeout(Duration::from_secs(30)) {
            Ok(line) if line.starts_with("State:") => break 's',
            Ok(_) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => break 'h',
            Err(mpsc::RecvTimeoutError::Disconnected) => break 'r',
        }
    };
    let _ = child.kill();
    let code = child.wait().unwrap().code();
    reader.join().unwrap();
    let said = home.logged();
    let is_named = said.contains(name) && code == Some(1);
    (if ended == 'r' && !is_named { '?' } else { ended }, said)
}

#[test]
fn case_125_to_141_each_file_of_the_state_folder_has_one_outcome_for_each_thing_that_becomes_of_it()
{
    let (older, whole) = (Home::new(), Home::new());
    lived(&older, 0);
    fs::create_dir_all(whole.state()).unwrap();
    copy(&older.state(), &whole.state());
    lived(&whole, 1);
    let rows: Vec<(usize, Hurt)> = (0..TABLE.len() * HURTS.len())
        .map(|at| (at / HURTS.len(), HURTS[at % HURTS.len()]))
        .filter(|(_, how)| *how != Hurt::Foreign || geteuid().is_root())
        .collect();
    let (next, wrong) = (Mutex::new(rows.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((row, how)) = next.lock().unwrap().next() else { return };
                    let (name, outcomes) = TABLE[row];
                    let column = HURTS.iter().position(|hurt| *hurt == how).unwrap();
                    let home = Home::new();
                    fs::create_dir_all(home.state()).unwrap();
                    copy(&whole.state(), &home.state());
                    hurt(&home, &older, name, how);
                    let (found, said) = started(&home, name);
                    if Some(found) != outcomes.chars().nth(column) {
                        let last: Vec<&str> = said.lines().rev().take(2).collect();
                        wrong.lock().unwrap().push(format!("{name} {how:?}: {found} {last:?}"));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
