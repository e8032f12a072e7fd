//! `backup`: a copy made beside a running gateway, and the folder that it becomes again.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::{Value, json};

use crate::{
    running::{Running, patiently, port},
    support::{CODE, Folder, keep_private, request, write},
};

const CONFIG: &str = "[channels.webchat]\nenabled = true\n# the end\n";
const MISSING: &str = "people who were blocked or revoked";

/// A folder in which 7 is approved, 66 is blocked, and 1 is an owner.
fn decided() -> Folder {
    let folder = Folder::waiting(&[request("7", CODE)]);
    folder.put("config.toml", CONFIG);
    keep_private(&folder.path("config.toml"));
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("access block telegram:66");
    folder.done("owner add telegram:1");
    folder
}

fn phrase(folder: &Folder, text: &str) -> String {
    let file = folder.cwd().join("phrase");
    write(&file, text);
    keep_private(&file);
    file.display().to_string()
}

fn said(folder: &Folder, line: &str) -> Value {
    serde_json::from_str(&folder.done(line)).unwrap()
}

fn decisions(folder: &Folder) -> [Value; 3] {
    let mut said = ["access list --json", "owner list --json", "devices list --json"]
        .map(|line| said(folder, line));
    for one in said[0]["access"].as_array_mut().into_iter().flatten() {
        one.as_object_mut().unwrap().remove("secondsSince");
    }
    said
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// From one folder into another by this way of closing the copy.
fn round(create: &str, open: &str, folder: &Folder) -> Folder {
    folder.done(&format!("backup create a.backup {create}"));
    let copy = folder.cwd().join("a.backup");
    assert_eq!(mode(&copy), 0o600);
    let before = decisions(folder);
    let copy = copy.display();
    let whole = said(folder, &format!("backup verify {copy} {open} --json"));
    let new = Folder::empty();
    let dry = said(&new, &format!("backup restore {copy} {open} --dry-run --json"));
    assert_eq!((&dry["lines"], &dry["restored"]), (&whole["lines"], &json!(false)));
    assert!(!new.state().exists());
    let told = new.done(&format!("backup restore {copy} {open}"));
    assert!(told.contains(MISSING) && told.contains("openclaw backup confirm"), "{told}");
    assert_eq!(decisions(&new), before);
    new
}

#[test]
fn a_backup_comes_back_as_it_was_whatever_closes_it() {
    let folder = decided();
    let gateway = Running::gateway(&folder);
    let plain = round("--plain", "", &folder);
    let file = format!("--passphrase-file {}", phrase(&folder, "a long enough one\n"));
    fs::remove_file(folder.cwd().join("a.backup")).unwrap();
    let closed = round(&file, &file, &folder);
    drop(gateway);
    for new in [plain, closed] {
        assert_eq!((mode(&new.state()), mode(&new.path("config.toml"))), (0o700, 0o600));
        assert_eq!(new.text("config.toml"), CONFIG);
        assert!(!new.path("held").exists() && !new.path("inbox").exists());
        new.done("backup confirm --yes");
        assert!(new.done("audit show").contains("restore-confirm"));
        assert!(new.done("audit verify").contains("intact"));
        assert!(new.done("backup confirm").starts_with("Nothing was changed"));
    }
}

#[test]
fn nothing_opens_on_a_restored_folder_before_it_is_confirmed() {
    let folder = decided();
    folder.done("backup create a.backup --plain");
    let new = Folder::empty();
    new.done(&format!("backup restore {}", folder.cwd().join("a.backup").display()));
    for line in ["config check", "status", "channels status"] {
        let ran = new.run(line);
        assert!(
            format!("{}{}", ran.out, ran.err).contains("openclaw backup confirm"),
            "{line}: {ran:?}"
        );
    }
    let mut gateway = Running::start(new.command("gateway run --port 0"));
    gateway.until("Gateway:");
    let told = new.done("channels status");
    assert!(told.contains("not confirmed") && !told.contains(", running"), "{told}");
    assert!(ready(&new).starts_with("HTTP/1.1 503"), "{}", ready(&new));
    let token = new.text("credentials/gateway-token");
    let (port, token) = (port(&new), token.trim());
    let device = format!("gateway status --url ws://127.0.0.1:{port} --token {token}");
    let refused = new.run(&device);
    assert!(refused.err.contains("openclaw backup confirm"), "{refused:?}");
    let refused = new.run("backup confirm");
    assert!(refused.code == Some(1) && refused.err.contains("--yes"), "{refused:?}");
    assert!(new.path("access/unconfirmed").exists());
    new.done("backup confirm --yes");
    let open = || new.run("channels status").out.contains("configured, running");
    assert!(patiently(|| ready(&new).starts_with("HTTP/1.1 200").then_some(())).is_some());
    let admitted = new.run(&device);
    assert!(!admitted.err.contains("openclaw backup confirm"), "{admitted:?}");
    assert!(patiently(|| open().then_some(())).is_some(), "{}", new.run("channels status").out);
}

#[test]
fn a_backup_that_is_not_as_it_was_made_is_refused() {
    let folder = decided();
    let file = format!("--passphrase-file {}", phrase(&folder, "a long enough one\n"));
    folder.done(&format!("backup create a.backup {file}"));
    let again = folder.fails(1, &format!("backup create a.backup {file}"));
    assert!(again.contains("it is there already"), "{again}");
    let inside = folder.path("b.backup").display().to_string();
    let inside = folder.fails(1, &format!("backup create {inside} --plain"));
    assert!(inside.contains("state folder"), "{inside}");
    let none = folder.run("backup verify a.backup");
    assert!(none.code == Some(1) && none.err.contains("--passphrase-file"), "{none:?}");
    let wrong = format!("--passphrase-file {}", phrase(&folder, "another long one\n"));
    assert!(
        folder
            .fails(1, &format!("backup verify a.backup {wrong}"))
            .contains("the passphrase is wrong")
    );
    let short = format!("--passphrase-file {}", phrase(&folder, "short\n"));
    assert!(folder.fails(1, &format!("backup create c.backup {short}")).contains("at least 12"));
    let private = "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
    let refused = folder.fails(1, &format!("backup create c.backup --recipient {private}"));
    assert!(refused.contains("age1") && !refused.contains("QQQQ"), "{refused}");
    nix::unistd::mkfifo(&folder.cwd().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(folder.fails(1, "backup verify fifo").contains("no plain file"));
    folder.done("backup create plain.backup --plain");
    let whole = fs::read(folder.cwd().join("plain.backup")).unwrap();
    let cut = folder.cwd().join("cut.backup");
    for end in [0, 10, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        put(&cut, &whole[..end]);
        let refused = folder.run("backup verify cut.backup");
        assert!(refused.code == Some(1), "{end}: {refused:?}");
    }
    let kept = Folder::empty();
    kept.put("config.toml", CONFIG);
    let full = format!("backup restore {}", folder.cwd().join("plain.backup").display());
    assert!(kept.fails(1, &full).contains("not empty"));
}

/// What the port says about itself.
fn ready(folder: &Folder) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port(folder))).unwrap();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn put(path: &Path, bytes: &[u8]) {
    #[expect(clippy::disallowed_methods, reason = "another program's file")]
    fs::write(path, bytes).unwrap();
}
