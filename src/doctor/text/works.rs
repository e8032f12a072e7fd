//! What `openclaw doctor` says.

use std::path::Path;

use crate::{
    machine::{Holder, Program},
    store::StoreError,
};

// The configuration.
pub(crate) const STALE: &str =
    "The file has an error, so the running gateway still uses the configuration from before.";

pub(crate) fn correct(line: usize) -> String {
    format!("correct line {line}; `openclaw config check` shows whether the file holds")
}

pub(crate) fn export(name: &str) -> String {
    format!("export {name}=…")
}

pub(crate) fn needs_restart(key: &str) -> String {
    format!("`{key}` was changed, and the running gateway uses the old value until it restarts.")
}

pub(crate) fn foreign(path: &Path) -> String {
    format!("{} of OpenClaw is here and was never imported.", file_name(path))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

// The state folder.
pub(crate) const READABLE: &str = "Other users can read it.";
pub(crate) const CHANGEABLE: &str = "Other users can change it.";
pub(crate) const TORN_LINE: &str =
    "The last line of the access log is torn. It decided nothing; the next start cuts it off.";
pub(crate) const LEFT_FILE: &str = "A crash left this file behind.";
pub(crate) const LEFT_LOCK: &str = "No running program holds this lock; it was left behind.";
pub(crate) const READ_ONLY: &str = "The disk of the state folder can only be read.";
pub(crate) const INODES: &str =
    "The disk of the state folder has less than 5 % of its inodes left.";
pub(crate) const NETWORK: &str =
    "The state folder is on a network file system, where locks may not hold.";

pub(crate) const UNCONFIRMED: &str = "This state folder was restored from a backup: no account starts and no device connects until you confirm it.";

pub(crate) fn foreign_database(path: &Path) -> String {
    format!(
        "OpenClaw kept its approvals in {}, and nothing of it was imported: the people and devices in it are not \
         known here.",
        path.display()
    )
}

pub(crate) fn leftover(path: &Path) -> String {
    format!(
        "{} is an old list that is in use here, although OpenClaw kept its list in the database: people that were \
         removed there may have access here.",
        file_name(path)
    )
}

pub(crate) fn mode(path: &Path, why: &str, who: &str) -> String {
    format!("{}: {why}. {who}", path.display())
}

pub(crate) fn link(path: &Path) -> String {
    let target = path.read_link().unwrap_or_default();
    format!("{} is a link to {}.", path.display(), target.display())
}

pub(crate) fn damaged(error: &StoreError) -> String {
    format!("{error}. Nobody is let in by this file until it is repaired.")
}

pub(crate) fn torn(path: &Path) -> String {
    format!("{} holds no JSON.", path.display())
}

pub(crate) fn unfinished(seq: u64, action: &str) -> String {
    format!("Line {seq} of the access log ({action}) counts, but its files are not all in place.")
}

pub(crate) fn log_unreadable(why: &str) -> String {
    format!("The access log cannot be checked: {why}")
}

pub(crate) fn unexplained(count: usize) -> String {
    format!("No line of the access log explains {count} entries of our own files.")
}

pub(crate) fn and_more(count: usize) -> String {
    format!("And {count} more problems; `openclaw audit verify` lists them.")
}

pub(crate) fn df(path: &Path) -> String {
    format!("df -h {}", super::quoted(path))
}

pub(crate) fn disk_full(megabytes: u64) -> String {
    format!("The disk of the state folder has {megabytes} MB left; it needs 100 MB.")
}

pub(crate) fn synced(service: &str) -> String {
    format!(
        "{service} copies the state folder elsewhere: secrets leave this machine, and old files can come back."
    )
}

pub(crate) fn held(pid: Option<u32>, name: &str) -> String {
    match pid {
        Some(pid) if name.is_empty() => format!("Process {pid} holds the writers' lock too long."),
        Some(pid) => format!("Process {pid} ({name}) holds the writers' lock too long."),
        None => "A process holds the writers' lock too long.".to_owned(),
    }
}

pub(crate) fn end_holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("kill {pid}, if it does not end by itself"),
        None => "end the program that writes this state folder".to_owned(),
    }
}

pub(crate) fn two(here: &Path, other: &Path) -> String {
    format!("{} is in use; {} is another state folder.", here.display(), other.display())
}

pub(crate) fn two_in_unit(here: &Path, other: &Path) -> String {
    format!("This command uses {}, and the service uses {}.", here.display(), other.display())
}

// The gateway.
pub(crate) const SERVICE_DOWN: &str = "The service is installed, but no gateway runs.";
pub(crate) const STALE_SOCKET: &str = "The gateway is gone, and its socket was left behind.";
pub(crate) const SET_PORT: &str = "openclaw config set gateway.port <another port>";
pub(crate) const STOP_FOREIGN: &str = "systemctl --user disable --now openclaw-gateway";

pub(crate) fn silent_gateway(holder: &str, why: &str) -> String {
    format!("A gateway runs ({holder}) and does not answer: {why}")
}

pub(crate) fn other_build(theirs: &str, ours: &str) -> String {
    format!("The running gateway is version {theirs}, and this program is version {ours}.")
}

pub(crate) fn port(port: u16, held: Holder) -> String {
    match held.0 {
        Some(Program { pid, name }) => format!("Process {pid} ({name}) holds port {port}."),
        None => format!("Another user's program holds port {port}."),
    }
}

pub(crate) fn foreign_runs(program: &Program) -> String {
    let Program { pid, name } = program;
    format!(
        "Process {pid} ({name}) is an OpenClaw of Node on this state folder: both write its files and ask the same \
         platforms."
    )
}

// Accounts and the assistant.
pub(crate) const SILENT: &str = "It has heard nothing for a week, while other accounts have.";
pub(crate) const NO_PRIVATE: &str =
    "This machine has no private address, so a phone on its network cannot reach the port.";
pub(crate) const RENEW: &str = "renew the certificate, then restart the gateway";

pub(crate) fn token(why: &str) -> String {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("The platform refuses the credentials, and the account has stopped{why}")
}

pub(crate) fn connection(why: &str) -> String {
    format!("It does not work as it should: {why}")
}

pub(crate) const CHANNELS_STATUS: &str = "openclaw channels status";

pub(crate) fn set(key: &str) -> String {
    format!("openclaw config set {key} -")
}

pub(crate) fn assistant(why: &str) -> String {
    format!("It does not answer: {why}")
}

pub(crate) fn expiry(days: u64) -> String {
    match days {
        0 => "The certificate has expired, or does within a day.".to_owned(),
        days => format!("The certificate expires in {days} days."),
    }
}

// People and devices.
pub(crate) fn not_configured(people: usize) -> String {
    let have = if people == 1 { "One person has" } else { "Several people have" };
    format!(
        "{have} access here, and the configuration has no such account: they get in once it has."
    )
}

pub(crate) const NO_OWNER: &str = "Strangers can ask here, and there is no owner who gets a card.";
pub(crate) const CLOCK: &str =
    "The clock of this machine is not synchronised: devices are refused when it is off by minutes.";
pub(crate) const DEVICE_WAITS: &str = "It has waited for a decision for more than an hour.";

pub(crate) fn unreachable(count: usize) -> String {
    format!("{count} messages to owners have waited for more than an hour.")
}

pub(crate) fn full(count: usize) -> String {
    format!("All {count} places are taken by old requests: new strangers cannot ask.")
}

pub(crate) fn unsent(count: usize) -> String {
    format!("{count} messages wait, the oldest for more than a day.")
}

// The service.
pub(crate) const LINGER: &str = "The service is this user's, and ends when the user logs out.";

pub(crate) fn program_gone(program: &Path) -> String {
    format!("The unit starts {}, which does not exist.", program.display())
}

pub(crate) fn not_in_unit(name: &str, is_set_here: bool) -> String {
    if is_set_here {
        format!("`{name}` is set in this shell but not for the service.")
    } else {
        format!("The configuration needs `{name}`, and the service does not have it.")
    }
}

pub(crate) fn enable_linger(user: &str) -> String {
    format!("loginctl enable-linger {user}")
}
