//! A state folder whose path is too long for a socket.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::signal::Signal;

use crate::{
    running::Running,
    support::{Folder, Ran, mode},
};

struct Long {
    folder: Folder,
    state: PathBuf,
}

impl Long {
    fn new() -> Self {
        let folder = Folder::empty();
        let state = folder.cwd().join("d".repeat(90)).join("e".repeat(60));
        Self { folder, state }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.folder.command(line);
        command.env("OPENCLAW_STATE_DIR", &self.state);
        command
    }

    fn run(&self, line: &str) -> Ran {
        Ran::from(self.command(line).output().unwrap())
    }

    /// A gateway with one more variable in its environment.
    fn gateway(&self, name: &str, value: &Path) -> Running {
        let mut command = self.command("gateway run --port 0");
        let mut running = Running::start({
            command.env(name, value);
            command
        });
        running.until("Approve:");
        running
    }

    fn place(&self, name: &str) -> PathBuf {
        let place = self.folder.cwd().join(name);
        fs::create_dir(&place).unwrap();
        place
    }
}

fn opened(folder: &Path, mode: u32) {
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_state_path_too_long_for_a_socket_has_it_in_a_short_private_folder() {
    for (variable, folder) in [
        ("XDG_RUNTIME_DIR", "openclaw".to_owned()),
        ("TMPDIR", format!("openclaw-{}", nix::unistd::Uid::effective())),
    ] {
        let long = Long::new();
        let place = long.place("short");
        let mut gateway = long.gateway(variable, &place);
        let short = place.join(folder);
        assert_eq!((mode(&short), fs::read_dir(&short).unwrap().count()), (0o700, 1), "{variable}");
        // A command has another environment than a service, and finds it nevertheless.
        for line in ["channels status", "gateway status", "devices list"] {
            let ran = long.run(line);
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}: {ran:?}");
        }
        assert_eq!(gateway.stop(Signal::SIGTERM).code, Some(0));
        assert_eq!(fs::read_dir(&short).unwrap().count(), 0, "it is taken away at the end");
        assert_eq!(long.run("channels status").code, Some(4));
    }
}

#[test]
fn a_short_folder_that_others_could_have_made_is_used_by_neither_end() {
    let long = Long::new();
    let place = long.place("short");
    let mut gateway = long.gateway("XDG_RUNTIME_DIR", &place);
    let (short, aside) = (place.join("openclaw"), place.join("aside"));
    let refused = |why: &str| {
        for line in ["gateway status", "devices list", "nodes status", "status"] {
            let ran = long.run(line);
            assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
            assert!(ran.err.contains(why), "{line}: {ran:?}");
        }
    };
    for open in [0o755, 0o770, 0o707] {
        opened(&short, open);
        refused("is open to others");
    }
    opened(&short, 0o700);
    fs::rename(&short, &aside).unwrap();
    symlink(&aside, &short).unwrap();
    refused("is a link");
    fs::remove_file(&short).unwrap();
    fs::rename(&aside, &short).unwrap();
    assert_eq!(long.run("gateway status").code, Some(0));
    gateway.stop(Signal::SIGTERM);

    // The gateway goes on to the next folder, which is its own.
    opened(&short, 0o755);
    let temporary = long.place("t");
    let mut command = long.command("gateway run --port 0");
    command.env("XDG_RUNTIME_DIR", &place).env("TMPDIR", &temporary);
    let mut gateway = Running::start(command);
    gateway.until("Approve:");
    assert_eq!(fs::read_dir(&short).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    assert_eq!(long.run("gateway status").code, Some(0));
    gateway.stop(Signal::SIGTERM);
}
