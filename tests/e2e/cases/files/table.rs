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
use crate::{
    cases::{OWNED, sockets::ALL},
    fake_telegram::{TOKEN, person},
    process::{Home, PATIENCE, texts, write},
    wire::Wire,
    world::{World, number},
};

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
/// made anew; of one that is no file of ours nothing is taken. `?`: it refuses, and names the file that this one is
/// for. A `*` in a name stands for any part of it.
const TABLE: &[(&str, &str)] = &[
    ("*.oc-lock", "ssss???"),
    ("*.oc-wait", "ssss???"),
    ("access/grants.json", "rrrrrrr"),
    ("access/owners-seen.json", "sssssss"),
    ("access/verdicts.json", "sssssss"),
    ("audit/access-1.jsonl.gz", "sssssss"),
    ("audit/access.jsonl", "rrrrrrr"),
    ("audit/head", "rrsrrrr"),
    ("audit/index.json", "sssssss"),
    ("config.toml", "rrrsrrr"),
    ("credentials/access-log", "sssssss"),
    ("credentials/gateway-token", "srrsrrr"),
    ("credentials/owners.json", "rrrrrrr"),
    ("credentials/telegram-pairing.json", "rrrsrrr"),
    ("credentials/webchat-allowFrom.json", "rrrsrrr"),
    ("credentials/webchat-denied.json", "rrrsrrr"),
    ("credentials/webchat-pairing.json", "rrrsrrr"),
    ("credentials/webchat-pairing.json.orig", "ssssrrr"),
    ("devices/bootstrap.json", "rrrsrrr"),
    ("devices/paired.json", "rrrsrrr"),
    ("devices/pending.json", "rrrsrrr"),
    ("devices/pending.json.orig", "ssssrrr"),
    ("devices/removed.json", "rrrrrrr"),
    ("gateway/tls/gateway-cert.pem", "srrsrrr"),
    ("gateway/tls/gateway-key.pem", "rrrsrrr"),
    ("held/*.json", "sssssss"),
    ("identity/device-auth.json", "sssssss"),
    ("identity/device.json", "sssssss"),
    ("identity/gateways.json", "sssssss"),
    ("inbox/setup-messages.json", "sssssss"),
    ("inbox/telegram-default.groups.json", "ssssrrr"),
    ("inbox/telegram-default.jsonl", "ssssrrr"),
    ("inbox/webchat-default.jsonl", "ssssrrr"),
    ("keys/gateway-identity.key", "srrsrrr"),
    ("keys/webchat-default.key", "srrsrrr"),
    ("node.json", "sssssss"),
    ("nodes/paired.json", "rrrsrrr"),
    ("nodes/pending.json", "rrrsrrr"),
    ("outbox/cards.json", "sssssss"),
    ("run/gateway.lock", "ssssrrr"),
    ("settings/config-memory.json", "srrsrrr"),
    ("settings/voicewake.json", "sssssss"),
];

/// What this machine is to other gateways, which is none of this gateway's business.
const ELSEWHERE: [&str; 4] =
    ["identity/device.json", "identity/device-auth.json", "identity/gateways.json", "node.json"];

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
async fn lived(world: &mut World, round: u32) {
    let id = |n: u32| format!("web:{:032x}", n + 10 * round);
    for name in ELSEWHERE {
        let _ = fs::remove_file(world.home.state().join(name));
    }
    let moving = "group_policy = \"open\"\ngroups = [\"-100999\"]\nbot_token";
    let holding = "[pairing]\nhold_first_message = true\n[channels.telegram]";
    let config = OWNED.replace("bot_token", moving).replace("[channels.telegram]", holding);
    let config = config.replace("{root}", &world.telegram.root()).replace("{token}", TOKEN);
    world.home.configure(&format!("# round {round}\n{config}"));
    wait(&world.home, &id(1), "AB3D7X9K", REQUEST);
    world.run();
    world.stop();
    let home = &world.home;
    done(home, &["pairing", "approve", "webchat", "AB3D7X9K"]);
    done(home, &["devices", "approve", REQUEST]);
    wait(home, &id(2), "CB3D7X9K", REQUEST);
    done(home, &["pairing", "deny", "webchat", "CB3D7X9K"]);
    done(home, &["owner", "add", &format!("telegram:{}", 5 + round)]);
    done(home, &["access", "block", &format!("webchat:{}", id(3))]);
    done(home, &["devices", "remove", &DEVICE[..8]]);
    if round == 0 {
        fill_log(home);
    }
    world.run();
    happens(world, round).await;
    world.stop();
    world.home.configure(&format!("# round {round}\n{config}[gateway.tls]\nenabled = true\n"));
    world.run();
    world.stop();
    // Only where two have waited at once is there a queue.
    world.home.put("audit/access.jsonl.oc-wait", "");
    mode(&world.home.state().join("audit/access.jsonl.oc-wait"), 0o600);
    for name in ELSEWHERE {
        world.home.put(name, &format!("{{\"round\":{round}}}\n"));
        mode(&world.home.state().join(name), 0o600);
    }
}

/// What happens in chats and on sockets while a gateway runs.
async fn happens(world: &mut World, round: u32) {
    let stranger = format!("ann{round}");
    world.say(&stranger, "is the blue lamp still there?").await;
    world.next(number(&stranger)).await;
    world.say("owner", "/pair local").await;
    let family = json!({ "id": -100_999, "type": "group", "title": "Family" });
    let moves = json!({ "migrate_to_chat_id": -222 });
    world.tell(family, person(4711, "Guest"), moves).await;
    let token = world.home.read("credentials/gateway-token");
    let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
    let auth = json!({ "token": token.trim() });
    wire.connect(Wire::params("operator", &ALL, auth)).await.unwrap();
    wire.call("voicewake.set", json!({ "triggers": [format!("oak {round}")] })).await.unwrap();
    for (node, is_let_in) in [("cellar", true), ("loft", false)] {
        let node = json!({ "nodeId": format!("{node}{round}"), "platform": "linux" });
        let asked = wire.call("node.pair.request", node).await.unwrap();
        if is_let_in {
            let request = json!({ "requestId": asked["request"]["requestId"] });
            wire.call("node.pair.approve", request).await.unwrap();
        }
    }
    let written = async {
        for name in
            ["outbox/cards.json", "inbox/setup-messages.json", "inbox/telegram-default.groups.json"]
        {
            while world.home.read(name).is_empty() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("all of it is written");
}

/// So many lines of strangers that the next one finds the access log full.
fn fill_log(home: &Home) {
    let path = home.state().join("audit/access.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    while text.len() < 8 * 1024 * 1024 {
        let last = text.lines().last().unwrap();
        let hash = ring::digest::digest(&ring::digest::SHA256, last.as_bytes());
        let prev: String =
            hash.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let mut line: serde_json::Value = serde_json::from_str(last).unwrap();
        let seq = line["seq"].as_u64().unwrap() + 1;
        line = json!({ "seq": seq, "at": line["at"], "action": "refused", "surface": "chat", "actor": "x".repeat(50_000), "prev": prev });
        text += &line.to_string();
        text.push('\n');
    }
    write(&path, &text);
}

/// Every file below the folder, by its name there. Sockets are made anew.
fn names(folder: &Path) -> Vec<String> {
    let (mut all, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let (path, kind) = entry.map(|it| (it.path(), it.file_type().unwrap())).unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                all.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    all.sort();
    all
}

fn is_in(row: &str, name: &str) -> bool {
    match row.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => row == name,
    }
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
        // One that is new has no older copy.
        Hurt::Older => drop(fs::copy(older.state().join(name), &path)),
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
    let is_named = said.contains(name) && matches!(code, Some(71 | 78));
    (if ended == 'r' && !is_named { '?' } else { ended }, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_125_to_141_each_file_of_the_state_folder_has_one_outcome_for_each_thing_that_becomes_of_it()
 {
    let (older, mut world) = (Home::new(), World::prepare(OWNED).await);
    lived(&mut world, 0).await;
    copy(&world.home.state(), &older.state());
    lived(&mut world, 1).await;
    let whole = &world.home;
    let names = names(&whole.state());
    let unknown = names.iter().filter(|name| !TABLE.iter().any(|(row, _)| is_in(row, name)));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new(), "a file without a row");
    let first = |row: &str| {
        let found = names.iter().find(|name| is_in(row, name));
        found.unwrap_or_else(|| panic!("no file for the row {row}"))
    };
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
                    let (name, outcomes) = (first(TABLE[row].0), TABLE[row].1);
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
