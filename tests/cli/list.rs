//! `pairing list`, on files as a 2026.2 program left them.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::support::{CODE, Folder, expired, file, named, of_account, request};

#[test]
fn the_table_is_the_tutorials() {
    let mut bare = request("123456789", CODE);
    bare["meta"] = json!({});
    bare["createdAt"] = crate::support::ago(10).into();
    let folder = Folder::waiting(&[bare]);
    let expected = "\
Pairing requests (1)

Code\tID\tMeta\tRequested
AB3D7X9K\t123456789\t\t10m ago
";
    assert_eq!(folder.done("pairing list telegram"), expected);
    assert_eq!(folder.done("pairing list --channel telegram"), expected);
    assert_eq!(folder.done("pairing list TELEGRAM"), expected);
}

#[test]
fn nobody_waits() {
    let folder = Folder::empty();
    let none = "No pending telegram pairing requests.\n";
    assert_eq!(folder.done("pairing list telegram"), none);
    assert_eq!(folder.done("pairing list"), "No pending pairing requests.\n");
    assert_eq!(folder.done("pairing list --json"), "{\n  \"requests\": []\n}\n");
    assert!(!folder.state().exists(), "a question makes no folder");
    let folder = Folder::waiting(&[expired(request("7", CODE))]);
    assert_eq!(folder.done("pairing list telegram"), none);
}

#[test]
fn without_a_channel_all_are_listed() {
    let folder = Folder::waiting(&[of_account(request("7", CODE), "work")]);
    let list = folder.done("pairing list");
    assert!(list.contains("Channel\tAccount\tCode\tID\t"), "{list}");
    assert!(list.contains("telegram\twork\tAB3D7X9K\t7\t"), "{list}");
}

#[test]
fn an_account_is_asked_for_alone() {
    let requests = [request("7", CODE), of_account(request("8", "ABCD2345"), "work")];
    let folder = Folder::waiting(&requests);
    let work = folder.done("pairing list telegram --account work");
    assert!(work.contains("ABCD2345") && !work.contains(CODE), "{work}");
    let none = "No pending telegram pairing requests.\n";
    assert_eq!(folder.done("pairing list telegram --account home"), none);
    assert!(folder.fails(2, "pairing list telegram --account=").contains("must not be blank"));
}

#[test]
fn json_has_the_shape_of_the_field() {
    let one = request("123456789", CODE);
    let folder = Folder::waiting(std::slice::from_ref(&one));
    let list: Value = serde_json::from_str(&folder.done("pairing list telegram --json")).unwrap();
    let mut row = list["requests"][0].clone();
    // What we show beyond the field.
    let (ends, revision) = (row["expiresAt"].take(), row["revision"].take());
    assert!(ends.is_string() && revision.is_string(), "{list}");
    let ours = ["expiresAt", "revision"];
    row.as_object_mut().unwrap().retain(|key, _| !ours.contains(&key.as_str()));
    assert_eq!(row, one);
    assert_eq!(list["channel"], "telegram");
}

#[test]
fn a_channel_without_pairing_is_wrong_usage() {
    let folder = Folder::empty();
    for (typed, shown) in [("xxx", "xxx"), ("\u{1b}[2J", "[2J")] {
        let said = folder.fails(2, &format!("pairing list {typed}"));
        let mut lines = said.lines();
        let first = format!("Channel {shown} does not support pairing");
        assert_eq!(lines.next(), Some(first.as_str()));
        assert!(lines.next().unwrap().contains("telegram"), "{said}");
    }
}

#[test]
fn case_111_a_name_cannot_steer_the_terminal() {
    let name = format!("\u{1b}]0;owned\u{7}Ann\r\n│ \u{202e}{}", "x".repeat(4096));
    let folder = Folder::waiting(&[named(request("7", CODE), &name)]);
    let list = folder.done("pairing list telegram");
    assert!(!list.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{list}");
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.contains("AB3D7X9K\t7\t"), "{list}");
    let json = folder.done("pairing list telegram --json");
    assert!(!json.contains(['\u{1b}', '\u{7}', '\r']) && json.contains(r"\u001b]0;owned\u0007Ann"));
    let list: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(list["requests"][0]["meta"]["firstName"], Value::from(name));
}

/// What `pairing list` prints on a terminal.
fn on_a_terminal(folder: &Folder, env: &[(&str, &str)]) -> String {
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut command = folder.command("pairing list");
    command.env("TERM", "xterm").envs(env.iter().copied()).stdout(pty.slave);
    let mut child = command.spawn().unwrap();
    // The last writer has gone with it, so that reading ends.
    drop(command);
    let (mut shown, mut terminal) = (Vec::new(), std::fs::File::from(pty.master));
    let ended = terminal.read_to_end(&mut shown);
    assert!(ended.is_ok() || ended.is_err_and(|error| error.raw_os_error() == Some(5)));
    assert!(child.wait().unwrap().success());
    String::from_utf8(shown).unwrap()
}

#[test]
fn a_terminal_gets_colours_unless_it_wants_none() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let shown = on_a_terminal(&folder, &[]);
    assert!(shown.contains("\u{1b}[1m") && shown.contains(CODE), "{shown}");
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = on_a_terminal(&folder, &[env]);
        assert!(!shown.contains('\u{1b}') && shown.contains(CODE), "{shown}");
    }
}

#[test]
fn a_watched_list_is_a_line_of_json_each_time_and_draws_on_terminals_only() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    for line in ["pairing list --watch", "status --watch", "devices list --watch"] {
        let said = folder.fails(2, line);
        assert!(
            said.contains("`--watch` draws on a terminal") && said.contains("--json"),
            "{said}"
        );
    }
    let mut command = folder.command("pairing list --watch --json");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
    let lines: Vec<String> = lines.collect::<Result<_, _>>().unwrap();
    for line in lines {
        let list: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(list["requests"][0]["code"], CODE);
    }
    // Nobody reads any more: it ends by itself.
    assert!(child.wait().unwrap().success());
    let said = folder.fails(2, "pairing list nowhere --watch --json");
    assert!(said.contains("does not support pairing"), "{said}");
}

#[test]
fn a_piped_list_has_no_colours() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    for (name, value) in [("NO_COLOR", "1"), ("NO_COLOR", ""), ("TERM", "xterm-256color")] {
        let output = folder.command("pairing list").env(name, value).output().unwrap();
        assert!(output.status.success() && !output.stdout.contains(&0x1b), "{name}={value}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_left_alone() {
    let broken = file(&[request("7", CODE)]).replace("\"code\"", "code");
    for text in ["", "{", "[]", &broken] {
        let folder = Folder::empty();
        folder.put("credentials/telegram-pairing.json", text);
        let before = folder.files();
        for line in ["pairing list", "pairing list --json", &format!("pairing approve {CODE}")] {
            let said = folder.fails(1, line);
            assert!(
                said.starts_with("error: ") && said.contains("telegram-pairing.json"),
                "{said}"
            );
            assert!(said.contains("\nhint: ") && !said.contains(CODE), "{said}");
        }
        let after: Vec<_> = folder
            .files()
            .into_iter()
            .filter(|(path, _)| before.iter().any(|b| b.0 == *path))
            .collect();
        assert_eq!(after, before);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_an_error() {
    let folder = Folder::empty();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = folder.command("pairing list").stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("error: cannot write to standard output: "), "{said}");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = Folder::empty();
    for line in ["completions bash", "pairing list", "--help"] {
        let mut command = folder.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{line}");
    }
}
