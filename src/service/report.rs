//! How a service is, read from what its manager shows.

use serde::Serialize;

use super::text;

/// What systemd is asked about a unit.
pub(super) const PROPERTIES: &[&str] = &[
    "LoadState",
    "UnitFileState",
    "ActiveState",
    "SubState",
    "ActiveEnterTimestamp",
    "MainPID",
    "NRestarts",
    "Result",
    "ExecMainStatus",
    "FragmentPath",
];

/// How a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What the manager calls it.
    pub name: String,
    /// It has a unit.
    pub installed: bool,
    /// It begins by itself.
    pub enabled: bool,
    /// Its state in the manager's word, such as `active`.
    pub state: String,
    /// Since when it is in it; empty where it never was.
    pub since: String,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// How often the manager has started it again.
    pub restarts: u32,
    /// The exit code of its last process, if it ended with one that is not zero.
    pub last_exit: Option<i32>,
    /// The same in words.
    pub last_exit_means: Option<String>,
    /// Its program was replaced since it began.
    pub replaced: bool,
    /// It stays after its user has logged out; `None` where nobody can say.
    pub lingers: Option<bool>,
    /// Where its unit is.
    pub unit: String,
}

impl Report {
    /// Reads `key=value` lines of systemd, or the outline of launchd.
    pub fn read(name: &str, shown: &str) -> Self {
        let of = |key: &str| {
            let line = shown.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == key).then_some(value.trim())
            });
            line.unwrap_or_default()
        };
        let number = |key: &str| of(key).parse::<u32>().ok();
        let is_launchd = !shown.contains("LoadState=");
        let code = if is_launchd { of("last exit code") } else { of("ExecMainStatus") };
        let last_exit = code.parse::<i32>().ok().filter(|code| *code != 0);
        let state = if is_launchd { of("state") } else { of("ActiveState") };
        let pid = number(if is_launchd { "pid" } else { "MainPID" }).filter(|pid| *pid != 0);
        Self {
            name: name.to_owned(),
            installed: if is_launchd { !state.is_empty() } else { of("LoadState") == "loaded" },
            enabled: if is_launchd {
                !state.is_empty()
            } else {
                of("UnitFileState").starts_with("enabled")
            },
            state: state.to_owned(),
            since: of("ActiveEnterTimestamp").to_owned(),
            pid,
            restarts: number("NRestarts").unwrap_or_default(),
            last_exit,
            last_exit_means: last_exit.map(|code| text::exit_code(code).to_owned()),
            replaced: pid.is_some_and(is_replaced),
            lingers: None,
            unit: if is_launchd { of("path") } else { of("FragmentPath") }.to_owned(),
        }
    }
}

/// True where the file of a running program is another one by now.
fn is_replaced(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    program.is_ok_and(|program| program.to_string_lossy().ends_with(" (deleted)"))
}
