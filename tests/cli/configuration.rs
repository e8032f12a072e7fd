//! `config`: what is said of a file, and one key of it changed.

use std::{io::Write, os::unix::fs::PermissionsExt, process::Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    running::Running,
    support::{Folder, Ran, keep_private, mode},
};

const FILE: &str = "[channels.telegram]\nbot_token = \"1:s3cret-token\" # mine\n";

fn with(text: &str) -> Folder {
    let folder = Folder::empty();
    folder.put("config.toml", text);
    keep_private(&folder.path("config.toml"));
    folder
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_line_that_is_no_toml_is_shown_with_a_mark_and_without_a_secret() {
    let folder = with("[gateway]\nport = 18x\n");
    let file = folder.path("config.toml").display().to_string();
    let said = folder.fails(1, "config check");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with(&format!("error: {file}:2: this is not valid TOML: ")), "{said}");
    assert_eq!(lines[1..], ["  2 | port = 18x", "    |        ^^^"]);
    let folder = with("[channels.telegram]\nbot_token = 1234:s3cret\n");
    let said = folder.fails(1, "config check");
    assert!(said.contains("bot_token = ****") && !said.contains("s3cret"), "{said}");
    let json = folder.run("config check --json");
    assert_eq!((json.code, parsed(&json.out)["problems"][0]["line"].as_u64()), (Some(1), Some(2)));
    assert!(!json.out.contains("s3cret"), "{json:?}");
}

#[test]
fn what_is_hardly_meant_is_a_warning_of_the_check() {
    let folder = with(
        "[owner]\nallow_from = [\"telegram:7\"]\nnotify = [\"telegram:8\"]\n[gateway]\nbind = \"lan\"\n",
    );
    let ran = folder.run("config check");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for said in
        ["`owner.allow_from` has `telegram:7`", "`owner.notify` names telegram:8", "without TLS"]
    {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(ran.err.matches("warning: ").count(), 3, "{}", ran.err);
    folder.done("owner add telegram:8");
    let ran = folder.run("config check --json");
    let said = parsed(&ran.out);
    assert_eq!((said["ok"].as_bool(), said["warnings"].as_array().unwrap().len()), (Some(true), 2));
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path("config.toml"), open).unwrap();
    assert!(folder.run("config check").err.contains("everybody may read it"));
}

#[test]
fn a_key_is_set_read_and_removed_beside_its_comment() {
    let folder = with(FILE);
    let file = folder.path("config.toml").display().to_string();
    assert_eq!(
        folder.done("config set channels.telegram.dm_policy disabled"),
        format!("✅ Set `channels.telegram.dm_policy` in {file}\n")
    );
    assert_eq!(folder.done("config get channels.telegram.dm_policy"), "disabled\n");
    folder.done("config set owner.allow_from telegram:7 telegram:8");
    assert_eq!(folder.done("config get owner.allow_from"), "telegram:7\ntelegram:8\n");
    folder.done("config set channels.telegram.groups -100123");
    let text = folder.text("config.toml");
    assert!(text.starts_with(FILE) && text.contains("dm_policy = \"disabled\""), "{text}");
    assert_eq!(mode(&folder.path("config.toml")), 0o600);
    let said = folder.done("config unset channels.telegram.dm_policy --json");
    assert_eq!(parsed(&said)["key"], "channels.telegram.dm_policy");
    assert_eq!(folder.done("config get channels.telegram.dm_policy"), "pairing\n");
    let said = folder.fails(3, "config unset channels.telegram.dm_policy");
    assert!(said.contains("is not in ") && said.contains("\nhint: "), "{said}");
    folder.fails(3, "config get owner.quiet");
    assert_eq!(folder.done("config get gateway.limits.per_address"), "64\n");
}

#[test]
fn case_114_a_secret_is_set_without_being_shown() {
    let folder = with("");
    let mut command = folder.command("config set channels.telegram.bot_token -");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"1:s3cret-token\n").unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert!(ran.code == Some(0) && !ran.out.contains("s3cret"), "{ran:?}");
    assert!(folder.text("config.toml").contains("bot_token = \"1:s3cret-token\"\n"));
    for line in [
        "config get channels.telegram.bot_token",
        "config get channels.telegram",
        "config show",
        "config show --json",
        "config get channels.telegram.bot_token --json",
    ] {
        let said = folder.done(line);
        assert!(!said.contains("s3cret"), "{line}: {said}");
    }
    assert!(folder.done("config get channels.telegram.bot_token").starts_with("It is set."));
    let said = parsed(&folder.done("config get channels.telegram.bot_token --json"));
    let key = "channels.telegram.bot_token";
    assert_eq!(said, json!({ "key": key, "value": null, "secret": true }));
}

#[test]
fn nothing_is_written_that_does_not_load() {
    let folder = with(FILE);
    let said = folder.fails(1, "config set gateway.bind custom");
    assert!(
        said.contains("the change was not made") && said.contains("custom_bind_host"),
        "{said}"
    );
    let said = folder.fails(2, "config set gateway.prt 1");
    assert!(said.contains("did you mean `port`?") && said.contains("\nhint: "), "{said}");
    assert_eq!(folder.text("config.toml"), FILE);
    let broken = with("[gateway]\nprt = 1\n");
    let said = broken.fails(1, "config set gateway.port 1");
    assert!(said.contains("did you mean `port`?") && said.contains("repair the file"), "{said}");
    assert_eq!(broken.text("config.toml"), "[gateway]\nprt = 1\n");
}

#[test]
fn the_example_is_as_the_schema_wants_it() {
    let folder = Folder::empty();
    let schema = parsed(&folder.done("config schema"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let switched_on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with([' ', ':']) => rest.to_owned(),
        _ => line.to_owned(),
    };
    let example = include_str!("../../config.example.toml");
    let text: String = example.lines().map(|line| switched_on(line) + "\n").collect();
    let value: Value = toml_json(&text);
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    for wrong in ["gateway.port = 'x'", "[gateway]\nprt = 1", "pairing.reply = 'loud'", "x = 1"] {
        assert!(!validator.is_valid(&toml_json(wrong)), "{wrong}");
    }
}

fn toml_json(text: &str) -> Value {
    let table: openclaw_plugin_sdk::toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn what_a_change_needs_first_is_named_with_the_command() {
    let folder = Folder::empty();
    for (line, key) in [
        ("config set assistant.responder command", "assistant.command.program"),
        ("config set assistant.responder openai", "assistant.openai.base_url"),
        ("config set channels.telegram.dm_policy allowlist", "channels.telegram.bot_token"),
    ] {
        let said = folder.fails(1, line);
        assert!(said.contains(&format!("`{key}`: is missing")), "{said}");
        assert!(
            said.contains(&format!("set that first: `openclaw config set {key} <value>`")),
            "{said}"
        );
    }
    folder.done("config set assistant.command.program /bin/cat");
    folder.done("config set assistant.responder command");
    assert_eq!(folder.done("config get assistant.command.history_turns"), "10\n");
}

#[test]
fn a_file_that_says_nothing_is_called_so() {
    for text in ["", "# mine\n\n"] {
        let folder = with(text);
        let said = folder.done("config check");
        assert!(
            said.contains("is empty or has only comments: the defaults are in effect"),
            "{said}"
        );
    }
    assert!(with(FILE).done("config check").ends_with("is fine.\n"));
}

#[test]
fn a_star_beside_pairing_is_a_warning_of_check_and_start() {
    let folder = with("[channels.webchat]\nallow_from = [\"*\"]\n");
    let ran = folder.run("config check");
    assert!(ran.err.contains("warning: ") && ran.err.contains("everyone has access"), "{ran:?}");
    let mut gateway = Running::gateway(&folder);
    assert!(gateway.stop(Signal::SIGINT).err.contains("everyone has access"));
}
