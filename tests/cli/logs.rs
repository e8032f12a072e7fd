//! `logs`: where the log of a gateway is kept, and what is said where it is not.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{
    running::patiently,
    service::Machine,
    support::{Ran, write},
};

/// A line, and then none until it is interrupted.
const ENDLESS: &str = r#"#!/bin/sh
trap 'echo interrupted >>"${0%/*}/calls"; exit 143' TERM
echo "a line"
while :; do sleep 0.05; done
"#;

#[test]
fn the_journal_of_the_service_is_shown_wherever_its_unit_is() {
    let machine = Machine::new();
    machine.answers("answer---lines", "started\n");
    let ran = machine.run("logs");
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
    assert!(ran.err.contains("standard error") && ran.err.contains("service install"), "{ran:?}");
    assert!(machine.calls().is_empty());
    write(&machine.unit(), "[Service]\n");
    let ran = machine.run("logs");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "started\n"), "{ran:?}");
    machine.run("logs --lines 7 --json");
    machine.run("logs -f -n 1");
    machine.run("service logs --lines 9");
    let calls = [
        "journalctl --user-unit openclaw.service --lines 200",
        "journalctl --user-unit openclaw.service --lines 7 --output=json",
        "journalctl --user-unit openclaw.service --follow --lines 1",
        "journalctl --user-unit openclaw.service --lines 9",
    ];
    assert_eq!(machine.calls(), calls);
    assert_eq!(machine.run("logs --lines 0").code, Some(2));
    // A second gateway has a service and a folder of its own.
    let folder = machine.home().join(".openclaw-work");
    write(&machine.unit().with_file_name("openclaw-work.service"), "[Service]\n");
    let mut command = machine.command("logs");
    command.env("OPENCLAW_STATE_DIR", folder);
    assert_eq!(Ran::from(command.output().unwrap()).code, Some(0));
    let calls = ["journalctl --user-unit openclaw-work.service --lines 200"];
    assert_eq!(machine.calls(), calls);
}

#[test]
fn a_log_file_is_shown_where_the_manager_keeps_no_journal() {
    let machine = Machine::new();
    machine.folder.put("gateway.log", "one\ntwo\nthree\n");
    let ran = machine.run("logs --lines 2");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "two\nthree\n"), "{ran:?}");
    assert!(machine.calls().is_empty());
}

#[test]
fn a_missing_or_failing_journalctl_is_one_clear_error() {
    let machine = Machine::new();
    write(&machine.unit(), "[Service]\n");
    let empty = machine.folder.cwd().join("empty");
    fs::create_dir(&empty).unwrap();
    for line in ["logs", "service logs"] {
        let mut command = machine.command(line);
        let ran = Ran::from(command.env("PATH", &empty).output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.err.starts_with("error: there is no program `journalctl`"), "{ran:?}");
        assert!(ran.err.contains("\nhint: "), "{ran:?}");
    }
    machine.answers("fails---lines", "");
    let ran = machine.run("logs");
    assert!(ran.code == Some(1) && ran.err.contains("`journalctl --user-unit"), "{ran:?}");
}

#[test]
fn following_ends_with_a_signal_and_leaves_nothing_running() {
    let machine = Machine::new();
    write(&machine.unit(), "[Service]\n");
    write(&machine.bin.join("journalctl"), ENDLESS);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(machine.bin.join("journalctl"), mode).unwrap();
    let mut command = machine.command("logs --follow");
    command.process_group(0).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "a line");
    // Programs that a shell starts in the background ignore an interrupt.
    killpg(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(lines.next().is_none(), "what was started has ended too");
    let calls = patiently(|| Some(machine.calls()).filter(|calls| !calls.is_empty())).unwrap();
    assert_eq!(calls, ["interrupted"]);
}
