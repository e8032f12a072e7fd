//! All that this room says to people.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Kind, Service, report::Report};

/// What is wrong with `--name`.
pub const NO_PROFILE: &str =
    "a name has 1 to 32 of `a-z`, `0-9` and `-`; `gateway` is a name of OpenClaw's Node version";

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The program that shows the log is missing.
    #[error("there is no program `{0}` on the PATH")]
    Absent(String),
    /// A program of the manager failed, or is missing.
    #[error("`{command}` failed: {why}")]
    Command {
        /// The whole command.
        command: String,
        /// What it said.
        why: String,
    },
    /// The unit is not what this program wrote.
    #[error(
        "{path} was edited, or another program wrote it; nothing was changed. `--force` keeps it as {path}.orig",
        path = .0.display()
    )]
    Edited(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A unit cannot name this path.
    #[error(
        "a unit cannot name the path {0:?}; use an absolute path without control characters, or `$` in the program"
    )]
    Path(PathBuf),
}

impl ServiceError {
    /// What to do about it, where that is known.
    pub fn way_out(&self) -> Option<&'static str> {
        let Self::Command { command, why } = self else { return None };
        // In a container, and after `su` or `sudo`, there is none.
        let has_no_session = command.starts_with("systemctl --user") && why.contains("to bus");
        has_no_session.then_some(
            "log in as this user, not by `su` or `sudo`; or run `openclaw gateway run` here; or, as root, \
             `openclaw service install --system`",
        )
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}

/// What an exit code of the gateway means.
pub fn exit_code(code: i32) -> &'static str {
    match code {
        0 => "it was asked to stop",
        71 => "its files cannot be read: `openclaw audit verify` names them",
        75 => "another gateway has the state folder, or another program has the port",
        78 => "the configuration is wrong: `openclaw config check` says where",
        200..=243 => "the service manager could not prepare it, see the log",
        _ => "it failed: `openclaw service logs` says why",
    }
}

/// How a service is, a line each.
pub fn report(it: &Report) -> Vec<String> {
    if !it.installed {
        return vec![
            format!("Service:  {} is not installed", it.name),
            "Install:  openclaw service install".to_owned(),
        ];
    }
    let since = if it.since.is_empty() { String::new() } else { format!(" since {}", it.since) };
    let starts = if it.enabled { "starts by itself" } else { "does not start by itself" };
    let mut lines =
        vec![format!("Service:  {}, {starts}", it.name), format!("State:    {}{since}", it.state)];
    lines.extend(it.pid.map(|pid| format!("Process:  {pid}")));
    if it.restarts > 0 {
        lines.push(format!("Restarts: {}", it.restarts));
    }
    if let (Some(code), Some(means)) = (it.last_exit, &it.last_exit_means) {
        lines.push(format!("Last end: exit code {code}: {means}"));
    }
    if it.replaced {
        let text = "another than the one that runs; `openclaw service restart` takes it";
        lines.push(format!("Program:  {text}"));
    }
    if it.lingers == Some(false) {
        lines.push(format!("Logout:   it ends when you log out; {LINGER} keeps it"));
    }
    lines.push(format!("Unit:     {}", it.unit));
    lines
}

const LINGER: &str = "`loginctl enable-linger`";

/// The service ends with the login of its user.
pub fn no_linger() -> String {
    format!("the service ends when you log out; {LINGER} keeps it running")
}

/// A unit of OpenClaw's Node version is there.
pub fn of_node(unit: &str) -> String {
    let command = match unit.strip_suffix(".plist") {
        Some(label) => format!("launchctl bootout gui/$(id -u)/{label}"),
        None => format!("systemctl --user disable --now {unit}"),
    };
    format!(
        "{unit} is there too, from OpenClaw's Node version; two gateways take each other's messages: `{command}`"
    )
}

/// Names of the environment that the unit does not have.
pub fn lacking(names: &[String], file: &Path) -> String {
    format!(
        "the service would not have these names of this environment: {}; write each as NAME=value into {} (mode 0600)",
        names.join(", "),
        file.display()
    )
}

/// Where names of the environment go that nothing sets.
pub fn names_stand_in(file: &Path) -> String {
    format!(
        "what the service takes from its environment stands in {}, as NAME=value",
        file.display()
    )
}

/// The configuration does not load, so nobody knows whether the gateway starts other programs.
pub const UNREAD_CONFIG: &str = "the configuration does not load yet: this unit is for a gateway that starts no other program, such as signal-cli";

/// The system's unit hides the program.
pub fn hidden_program(program: &Path) -> String {
    format!(
        "the system's service cannot see {}: put the program into /usr/local/bin and install from there",
        program.display()
    )
}

/// The file with the unit's environment is open to others.
pub fn open_env(why: &str, file: &Path) -> String {
    format!("{}: {why}", file.display())
}

/// The user of the system's unit is missing.
pub const NO_USER: &str = "there is no user `openclaw`, which the system's unit runs as; make it first: \
     useradd --system --home-dir /var/lib/openclaw --shell /usr/sbin/nologin openclaw";

/// It was installed.
pub fn installed(service: &Service, path: &Path, changed: bool) -> String {
    let name = service.name();
    let what = if changed { "was written" } else { "is as it was" };
    let when = if service.kind == Kind::System { "with the machine" } else { "when you log in" };
    format!("{} {what}; {name} starts {when}.", path.display())
}

/// The way to start it now.
pub fn start_it(service: &Service) -> String {
    format!("Start it with `openclaw service start{}`.", flags(service))
}

/// The options that name this service.
fn flags(service: &Service) -> String {
    let system = if service.kind == Kind::System { " --system" } else { "" };
    let name = service.profile.as_ref().map(|profile| format!(" --name {}", profile.as_str()));
    format!("{system}{}", name.unwrap_or_default())
}

/// It is ready.
pub fn runs(service: &Service) -> String {
    format!("{} runs and is ready.", service.name())
}

/// It is not ready in time.
pub fn not_ready(service: &Service, report: &Report) -> String {
    let why = match (report.last_exit, &report.last_exit_means) {
        (Some(code), Some(means)) => format!("exit code {code}: {means}"),
        _ => format!("it is {}", report.state),
    };
    format!(
        "{} is not ready after 10 seconds: {why}; see `openclaw service logs{}`",
        service.name(),
        flags(service)
    )
}

/// It was taken away, or was not there.
pub fn uninstalled(service: &Service, was_there: bool) -> String {
    let name = service.name();
    if was_there {
        format!("{name} was stopped and removed; the state folder stays.")
    } else {
        format!("{name} is not installed.")
    }
}

/// What start, stop and restart say.
pub fn stopped(service: &Service) -> String {
    format!("{} was stopped.", service.name())
}
