//! The programs of the service manager, found by `PATH`.

use std::{
    io::ErrorKind,
    process::{Command, Output, Stdio},
};

use super::{Kind, Service, ServiceError, plist};

/// What is asked of the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It takes up a unit that is new or has changed.
    Enable,
    /// It lets go of a unit, and stops it.
    Disable,
    /// It begins.
    Start,
    /// It ends.
    Stop,
    /// It ends, and begins again.
    Restart,
}

/// The commands that do this, each a program with its arguments.
pub fn commands(service: &Service, action: Action, unit: &str) -> Vec<Vec<String>> {
    let name = service.name();
    if service.kind == Kind::Launchd {
        let domain = format!("gui/{}", nix::unistd::getuid());
        let target = format!("{domain}/{name}");
        return match action {
            // What was booted out stays disabled until it is enabled.
            Action::Enable => vec![line(&["launchctl", "enable", &target])],
            Action::Start => vec![line(&["launchctl", "bootstrap", &domain, unit])],
            Action::Disable | Action::Stop => vec![line(&["launchctl", "bootout", &target])],
            Action::Restart => vec![line(&["launchctl", "kickstart", "-k", &target])],
        };
    }
    let systemctl = |words: &[&str]| {
        let mut whole = vec!["systemctl"];
        whole.extend((service.kind == Kind::User).then_some("--user"));
        whole.extend(words);
        line(&whole)
    };
    match action {
        Action::Enable => vec![systemctl(&["daemon-reload"]), systemctl(&["enable", &name])],
        Action::Disable => vec![systemctl(&["disable", "--now", &name])],
        Action::Start => vec![systemctl(&["start", "--no-block", &name])],
        Action::Stop => vec![systemctl(&["stop", &name])],
        Action::Restart => vec![systemctl(&["restart", "--no-block", &name])],
    }
}

/// The manager forgets a unit that is gone; launchd has nothing to forget.
pub fn forget(service: &Service) -> Vec<Vec<String>> {
    match service.kind {
        Kind::Launchd => Vec::new(),
        Kind::System => vec![line(&["systemctl", "daemon-reload"])],
        Kind::User => vec![line(&["systemctl", "--user", "daemon-reload"])],
    }
}

/// The command that shows how the unit is.
pub fn show(service: &Service) -> Vec<String> {
    if service.kind == Kind::Launchd {
        let target = format!("gui/{}/{}", nix::unistd::getuid(), service.name());
        return line(&["launchctl", "print", &target]);
    }
    let mut words = vec!["systemctl"];
    words.extend((service.kind == Kind::User).then_some("--user"));
    let (name, properties) = (service.name(), super::report::PROPERTIES.join(","));
    let properties = format!("--property={properties}");
    words.extend(["show", &*name, &*properties]);
    line(&words)
}

/// What is shown of a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// New lines too, until it is interrupted.
    pub follow: bool,
    /// So many of the newest at most.
    pub lines: Option<u32>,
    /// Only from this time on, as journalctl reads it.
    pub since: Option<&'a str>,
    /// As JSON, where it is a journal.
    pub json: bool,
}

/// The command that shows the log.
pub fn logs(service: &Service, shown: Shown<'_>) -> Vec<String> {
    let Shown { follow, lines, since, json } = shown;
    let lines = lines.map(|lines| lines.to_string());
    if service.kind == Kind::Launchd {
        let log = plist::log(service).display().to_string();
        let how = if follow { "-F" } else { "-q" };
        return line(&["tail", "-n", lines.as_deref().unwrap_or("200"), how, &*log]);
    }
    let (name, kind) =
        (service.name(), if service.kind == Kind::User { "--user-unit" } else { "--unit" });
    let mut words = vec!["journalctl", kind, &*name];
    words.extend(follow.then_some("--follow"));
    if let Some(lines) = &lines {
        words.extend(["--lines", lines]);
    }
    if let Some(since) = since {
        words.extend(["--since", since]);
    }
    words.extend(json.then_some("--output=json"));
    line(&words)
}

fn line(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs commands one after the other, up to the first that fails.
pub fn run(commands: &[Vec<String>]) -> Result<(), ServiceError> {
    commands.iter().try_for_each(|command| ask(command).map(drop))
}

/// Runs a command, and gives what it prints.
pub fn ask(command: &[String]) -> Result<String, ServiceError> {
    let failed = |why: String| ServiceError::Command { command: command.join(" "), why };
    let Output { status, stdout, stderr } = prepared(command)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        let said = said.lines().next().unwrap_or_default().trim().to_owned();
        return Err(failed(if said.is_empty() { status.to_string() } else { said }));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Runs a command on the terminal, until it ends or is interrupted.
pub fn hand_over(command: &[String]) -> Result<(), ServiceError> {
    let failed = |why: String| ServiceError::Command { command: command.join(" "), why };
    let status = prepared(command).status().map_err(|error| match error.kind() {
        ErrorKind::NotFound => ServiceError::Absent(command.first().cloned().unwrap_or_default()),
        _ => failed(error.to_string()),
    })?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

fn prepared(command: &[String]) -> Command {
    let (program, arguments) = command.split_first().map_or(("", &[][..]), |(a, b)| (&**a, b));
    let mut prepared = Command::new(program);
    // What is read of it is read in one language.
    prepared.args(arguments).env("LC_ALL", "C");
    prepared
}

/// Whether the services of a user outlive their login; `None` where nobody can say.
pub fn lingers(user: &str) -> Option<bool> {
    let command = line(&["loginctl", "show-user", user, "--property=Linger", "--value"]);
    match ask(&command).ok()?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
