//! `openclaw service` against recording programs in the place of systemctl, loginctl and journalctl.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
};

use serde_json::{Value, json};

use crate::support::{Folder, Ran, keep_private, write};

/// Notes how it was called; answers what its file `answer-<first word>` beside it says.
const RECORDER: &str = r#"#!/bin/sh
here=${0%/*}
echo "${0##*/} $*" >>"$here/calls"
for word in "$@"; do
  if [ -e "$here/answer-$word" ]; then cat "$here/answer-$word"; fi
  if [ -e "$here/fails-$word" ]; then echo "Failed to $word: no bus" >&2; exit 1; fi
done
"#;

const ACTIVE: &str = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nMainPID=0\n\
                      NRestarts=0\nExecMainStatus=0\nFragmentPath=/u\n";

pub(crate) struct Machine {
    pub(crate) folder: Folder,
    pub(crate) bin: PathBuf,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = Folder::empty();
        let bin = folder.cwd().join("bin");
        for name in ["systemctl", "loginctl", "journalctl"] {
            write(&bin.join(name), RECORDER);
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let machine = Self { folder, bin };
        machine.answers("answer-show", ACTIVE);
        machine.answers("answer-show-user", "no\n");
        machine
    }

    pub(crate) fn answers(&self, name: &str, text: &str) {
        write(&self.bin.join(name), text);
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.cwd().parent().unwrap().to_owned()
    }

    pub(crate) fn unit(&self) -> PathBuf {
        self.home().join(".config/systemd/user/openclaw.service")
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.folder.command(line);
        // The port of the folder is a matter of the tests.
        command.env_remove("OPENCLAW_GATEWAY_PORT");
        command.env("PATH", format!("{}:/usr/bin:/bin", self.bin.display()));
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::from(self.command(line).output().unwrap())
    }

    /// What the managers were asked since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.bin.join("calls")).unwrap_or_default();
        drop(fs::remove_file(self.bin.join("calls")));
        calls.lines().map(str::to_owned).collect()
    }
}

const SHOW: &str = "systemctl --user show openclaw.service --property=LoadState,UnitFileState,\
                    ActiveState,SubState,ActiveEnterTimestamp,MainPID,NRestarts,Result,\
                    ExecMainStatus,FragmentPath";
const LINGER: &str = "--property=Linger --value";

#[test]
fn it_is_installed_once_and_taken_away() {
    let machine = Machine::new();
    let ran = machine.run("service install --now");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("was written") && ran.out.ends_with("runs and is ready.\n"),
        "{ran:?}"
    );
    assert!(ran.err.contains("loginctl enable-linger"), "{ran:?}");
    let mut calls = machine.calls();
    let linger = calls.remove(2);
    assert!(linger.starts_with("loginctl show-user ") && linger.ends_with(LINGER), "{linger}");
    assert_eq!(
        calls,
        [
            "systemctl --user daemon-reload",
            "systemctl --user enable openclaw.service",
            "systemctl --user restart --no-block openclaw.service",
            SHOW,
        ]
    );
    let unit = fs::read_to_string(machine.unit()).unwrap();
    let start = format!("ExecStart=\"{}\" gateway run\n", env!("CARGO_BIN_EXE_openclaw"));
    assert!(unit.contains(&start), "{unit}");
    let again = machine.run("service install --json");
    let said: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((said["changed"].as_bool(), said["started"].as_bool()), (Some(false), Some(false)));
    assert_eq!(said["unit"], machine.unit().display().to_string());
    assert_eq!(fs::read_to_string(machine.unit()).unwrap(), unit);

    // By a link, as package managers make it: the unit names the link.
    let link = machine.folder.cwd().join("current");
    symlink(env!("CARGO_BIN_EXE_openclaw"), &link).unwrap();
    let mut command = Command::new(&link);
    let plain = machine.command("service install");
    command.args(["service", "install"]).env_clear().current_dir(machine.folder.cwd());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(command.status().unwrap().success());
    let unit = fs::read_to_string(machine.unit()).unwrap();
    assert!(unit.contains(&format!("ExecStart=\"{}\" gateway run\n", link.display())), "{unit}");

    machine.calls();
    let ran = machine.run("service uninstall");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!machine.unit().exists());
    let calls =
        ["systemctl --user disable --now openclaw.service", "systemctl --user daemon-reload"];
    assert_eq!(machine.calls(), calls);
    assert_eq!(machine.run("service uninstall").code, Some(3));
}

#[test]
fn print_touches_nothing_and_asks_nobody() {
    let machine = Machine::new();
    for line in ["service install --print", "service install --print --system"] {
        let ran = machine.run(line);
        // The system's service cannot see a program where tests are built.
        let said: Vec<&str> = ran.err.lines().filter(|line| !line.contains("cannot see")).collect();
        assert_eq!((ran.code, said), (Some(0), vec![]), "{line}");
        assert!(ran.out.starts_with("# Written by") && ran.out.contains("Type=notify"), "{ran:?}");
        let json = machine.run(&format!("{line} --json"));
        let said: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(said["text"], ran.out);
    }
    assert_eq!(machine.calls(), [""; 0]);
    assert!(!machine.home().join(".config").exists() && !machine.folder.state().exists());
}

#[test]
fn what_the_unit_would_lack_is_listed_and_nothing_is_written() {
    let machine = Machine::new();
    let config =
        "[gateway.auth]\ntoken = '${GATE_TOKEN}'\n[channels.telegram]\nbot_token = '${BOT}'\n";
    machine.folder.put("config.toml", config);
    keep_private(&machine.folder.path("config.toml"));
    let install = || {
        let mut command = machine.command("service install");
        command.env("GATE_TOKEN", "s3cret-gate").env("BOT", "1:s3cret-bot");
        Ran::from(command.output().unwrap())
    };
    let ran = install();
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.err.contains("BOT, GATE_TOKEN") && ran.err.contains("0600"), "{ran:?}");
    assert!(!ran.err.contains("s3cret"), "{ran:?}");
    assert!(!machine.unit().exists() && machine.calls().is_empty());
    machine.folder.put("env", "# of the service\nGATE_TOKEN=s3cret-gate\nBOT=\"1:s3cret-bot\"\n");
    let ran = install();
    assert!(ran.code == Some(1) && ran.err.contains("may read it"), "{ran:?}");
    keep_private(&machine.folder.path("env"));
    let ran = install();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let unit = fs::read_to_string(machine.unit()).unwrap();
    assert!(!unit.contains("s3cret") && !unit.contains("GATE_TOKEN"), "{unit}");
    let named = format!("EnvironmentFile=-{}\n", machine.folder.path("env").display());
    assert!(unit.contains(&named), "{unit}");

    // What stands in the file need not be set in this shell.
    let ran = machine.run("service install");
    assert_eq!(ran.code, Some(0), "{ran:?}");

    // A name that is nowhere, and a configuration that is wrong, are told as ever.
    machine.folder.put("env", "GATE_TOKEN=s3cret-gate\n");
    let ran = machine.run("service install");
    let file = machine.folder.path("env").display().to_string();
    assert!(ran.code == Some(1) && ran.err.contains("BOT") && ran.err.contains(&file), "{ran:?}");
    machine.folder.put("config.toml", "[channels.telegram]\nbot_tokn = 'x'\n");
    let ran = machine.run("service install");
    assert!(ran.code == Some(1) && ran.err.contains("config.toml:2"), "{ran:?}");
}

#[test]
fn a_unit_that_was_edited_stays_and_the_units_of_the_node_version_are_named() {
    let machine = Machine::new();
    let theirs = machine.home().join(".config/systemd/user/openclaw-gateway.service");
    write(&theirs, "[Service]\n");
    let ran = machine.run("service install");
    let way = "systemctl --user disable --now openclaw-gateway.service";
    assert!(ran.code == Some(0) && ran.err.contains(way), "{ran:?}");
    let edited =
        fs::read_to_string(machine.unit()).unwrap().replace("RestartSec=2", "RestartSec=9");
    write(&machine.unit(), &edited);
    machine.calls();
    for line in ["service install", "service uninstall"] {
        let ran = machine.run(line);
        assert!(ran.code == Some(1) && ran.err.contains("--force"), "{line}: {ran:?}");
        assert_eq!(fs::read_to_string(machine.unit()).unwrap(), edited, "{line}");
    }
    assert_eq!(machine.calls(), [""; 0]);
    assert_eq!(machine.run("service install --force").code, Some(0));
    let kept = machine.unit().with_extension("service.orig");
    assert_eq!(fs::read_to_string(kept).unwrap(), edited);
}

#[test]
fn the_status_says_how_it_ended_and_a_start_that_fails_says_why() {
    let machine = Machine::new();
    machine.run("service install");
    let failed = ACTIVE.replace("=active", "=failed").replace("Status=0", "Status=78");
    machine.answers("answer-show", &failed);
    let said = "exit code 78: the configuration is wrong: `openclaw config check`";
    let ran = machine.run("service status");
    assert!(ran.code == Some(0) && ran.out.contains(said), "{ran:?}");
    assert!(ran.out.contains("loginctl enable-linger"), "{ran:?}");
    let status: Value = serde_json::from_str(&machine.run("service status --json").out).unwrap();
    assert_eq!((&status["lastExit"], &status["lingers"]), (&json!(78), &json!(false)), "{status}");
    for line in ["service start", "service restart", "service install --now"] {
        let ran = machine.run(line);
        assert!(ran.code == Some(1) && ran.err.contains(said), "{line}: {ran:?}");
    }
    machine.answers("answer-show", "LoadState=not-found\nActiveState=inactive\n");
    let ran = machine.run("service status");
    assert!(ran.code == Some(3) && ran.out.contains("is not installed"), "{ran:?}");
    machine.answers("answer-show", ACTIVE);
    machine.calls();
    assert_eq!(machine.run("service start").code, Some(0));
    assert_eq!(machine.run("service stop --json").code, Some(0));
    machine.run("service logs --follow --since yesterday");
    let calls = [
        "systemctl --user start --no-block openclaw.service",
        SHOW,
        "systemctl --user stop openclaw.service",
        "journalctl --user-unit openclaw.service --follow --since yesterday",
    ];
    assert_eq!(machine.calls(), calls);
    machine.answers("fails-stop", "");
    let ran = machine.run("service stop");
    let said = "`systemctl --user stop openclaw.service` failed: Failed to stop: no bus";
    assert!(ran.code == Some(1) && ran.err.contains(said), "{ran:?}");
}

#[test]
fn a_service_that_is_not_there_is_named_with_the_way_on() {
    let machine = Machine::new();
    machine.answers("answer-show", "LoadState=not-found\nActiveState=inactive\n");
    for line in ["service start", "service restart", "service stop"] {
        let ran = machine.run(line);
        let said = "openclaw.service is not installed\nhint: `openclaw service install`";
        assert!(ran.code == Some(3) && ran.err.contains(said), "{line}: {ran:?}");
    }
    machine.calls();
    let ran = machine.run("service uninstall");
    assert!(ran.code == Some(3) && ran.out.contains("is not installed"), "{ran:?}");
    assert_eq!(machine.calls(), [] as [&str; 0]);
}

#[test]
fn a_second_gateway_has_a_name_a_unit_and_a_folder() {
    let machine = Machine::new();
    let ran = machine.run("service install --name work");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let unit = machine.home().join(".config/systemd/user/openclaw-work.service");
    let unit = fs::read_to_string(unit).unwrap();
    let folder = machine.home().join(".openclaw-work");
    assert!(unit.contains(&format!("OPENCLAW_STATE_DIR={}\"", folder.display())), "{unit}");
    assert!(ran.out.contains("`openclaw service start --name work`"), "{ran:?}");
    for name in ["gateway", "../x", "A"] {
        assert_eq!(machine.run(&format!("service install --name {name}")).code, Some(2), "{name}");
    }
}

/// What packages carry is what the program prints for them.
#[test]
fn the_packaged_unit_is_the_one_that_the_program_prints() {
    let service = openclaw::service::Service {
        kind: openclaw::service::Kind::System,
        profile: None,
        program: "/usr/bin/openclaw".into(),
        state: "/var/lib/openclaw".into(),
        config: None,
        starts_programs: false,
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/packaging/openclaw.service");
    let printed = service.text().unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        write(path.as_ref(), &printed);
    }
    assert_eq!(fs::read_to_string(path).unwrap(), printed);
}
