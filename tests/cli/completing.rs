//! What a shell offers: commands, options, and what is there now.

use std::process::Command;

use crate::support::{CODE, Folder, of_account, request};

fn offered(folder: &Folder, words: &[&str]) -> Vec<String> {
    let mut command = folder.command("__complete fish openclaw");
    let output = command.args(words).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn folder() -> Folder {
    let requests = [request("7", CODE), of_account(request("8", "ABCD2345"), "work")];
    let folder = Folder::waiting(&requests);
    folder.put(
        "config.toml",
        "[channels.telegram]\nbot_token = '1:a'\n[channels.telegram.accounts.work]\nbot_token = '2:a'\n",
    );
    folder
}

#[test]
fn commands_options_and_words_are_offered() {
    let folder = Folder::empty();
    assert_eq!(offered(&folder, &["pai"]), ["pairing"]);
    assert_eq!(offered(&folder, &["pairing", "b"]), ["block"]);
    assert_eq!(offered(&folder, &["pairing", "list", "--wa"]), ["--watch"]);
    assert_eq!(offered(&folder, &["completions", "z"]), ["zsh"]);
    assert!(!offered(&folder, &[""]).contains(&"__complete".to_owned()));
    assert_eq!(offered(&folder, &["config", "get", "gateway.tls.e"]), ["gateway.tls.enabled"]);
    assert!(!folder.state().exists(), "a question makes no folder");
}

#[test]
fn what_is_there_now_is_offered() {
    let folder = folder();
    assert_eq!(offered(&folder, &["pairing", "list", "te"]), ["telegram"]);
    assert_eq!(offered(&folder, &["pairing", "approve", "A"]), [CODE, "ABCD2345"]);
    assert_eq!(offered(&folder, &["pairing", "approve", "telegram", "AB3"]), [CODE]);
    assert_eq!(offered(&folder, &["pairing", "approve", "discord", "A"]), [""; 0]);
    assert_eq!(offered(&folder, &["pairing", "list", "--account", "w"]), ["work"]);
    assert_eq!(offered(&folder, &["pairing", "list", "--account=w"]), ["--account=work"]);
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("owner add telegram:9");
    assert_eq!(offered(&folder, &["access", "block", "t"]), ["telegram:7"]);
    assert_eq!(offered(&folder, &["pairing", "revoke", "telegram", ""]), ["7"]);
    assert_eq!(offered(&folder, &["owner", "remove", "telegram:"]), ["telegram:9"]);
    let invited = folder.done("invite create --json");
    let id = offered(&folder, &["invite", "cancel", ""]);
    assert!(id.len() == 1 && invited.contains(&id[0]), "{id:?}");
}

#[test]
fn what_cannot_be_read_offers_nothing_and_says_nothing() {
    let folder = folder();
    folder.put("credentials/telegram-pairing.json", "{");
    folder.put("config.toml", "x = 1\n");
    assert_eq!(offered(&folder, &["pairing", "approve", "A"]), [""; 0]);
    assert_eq!(offered(&folder, &["pairing", "list", "--account", ""]), [""; 0]);
}

/// What bash itself makes of it: it breaks words at a colon.
#[test]
fn bash_completes_behind_a_colon() {
    let folder = folder();
    folder.done("pairing approve telegram AB3D7X9K");
    let script = folder.cwd().join("openclaw.bash");
    crate::support::write(&script, &folder.done("completions bash"));
    let bash = |line: &str| {
        let ask = format!(
            "source {}; COMP_LINE='{line}'; COMP_POINT={}; _openclaw {}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            line.len(),
            env!("CARGO_BIN_EXE_openclaw")
        );
        let mut command = Command::new("bash");
        command.args(["--norc", "-c", &ask]).env("HOME", folder.cwd());
        let output = command.env("OPENCLAW_STATE_DIR", folder.state()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(bash("openclaw pairing appr"), "approve\n");
    assert_eq!(bash("openclaw access block telegram:"), "7\n");
}

#[test]
fn every_shell_has_a_script() {
    let folder = Folder::empty();
    for shell in ["bash", "fish", "zsh"] {
        let script = folder.done(&format!("completions {shell}"));
        assert!(script.contains(&format!("__complete {shell} ")), "{shell}");
    }
    for shell in ["elvish", "powershell"] {
        assert!(folder.done(&format!("completions {shell}")).contains("pairing"), "{shell}");
    }
}
