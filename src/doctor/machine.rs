//! What `/proc` says of other programs: which one holds a port, and which OpenClaw of Node runs on the same folder. On a
//! system without `/proc` it says nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::store::paths::StateDir;

/// A program that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) pid: u32,
    /// Its name alone: arguments may hold secrets.
    pub(crate) name: String,
}

/// What holds a port: the program, where this user may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder(pub(crate) Option<Program>);

/// What listens on this port, if a program does.
pub(crate) fn listener(machine: &Path, port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["tcp", "tcp6"]
        .iter()
        .flat_map(|name| {
            let text = fs::read_to_string(machine.join("proc/net").join(name)).unwrap_or_default();
            text.lines().filter_map(|line| listening(line, port)).collect::<Vec<_>>()
        })
        .collect();
    (!inodes.is_empty()).then(|| Holder(holder(machine, &inodes)))
}

/// The inode of a socket that listens on the port, in a line of `/proc/net/tcp`.
fn listening(line: &str, port: u16) -> Option<String> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let (_, own) = parts.get(1)?.rsplit_once(':')?;
    let is_listening = *parts.get(3)? == "0A" && u16::from_str_radix(own, 16).ok()? == port;
    is_listening.then(|| parts.get(9).map(|inode| format!("socket:[{inode}]")))?
}

fn holder(machine: &Path, inodes: &[String]) -> Option<Program> {
    pids(machine).find_map(|(pid, folder)| {
        let open = fs::read_dir(folder.join("fd")).ok()?;
        let mut targets = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        let holds = targets.any(|target| inodes.iter().any(|inode| target == Path::new(inode)));
        holds.then(|| Program { pid, name: name(&folder) })
    })
}

/// An OpenClaw of Node that works on this state folder.
pub(crate) fn foreign(machine: &Path, state: &StateDir) -> Option<Program> {
    pids(machine).find_map(|(pid, folder)| {
        let line = fs::read(folder.join("cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let program = words.next()?.into_owned();
        let is_node = ["node", "bun"].contains(&program.rsplit('/').next().unwrap_or_default());
        let theirs = ["openclaw", "clawdbot", "moltbot"];
        let is_theirs = is_node && words.any(|word| theirs.iter().any(|name| word.contains(name)));
        if !is_theirs {
            return None;
        }
        let env = environment(&folder)?;
        let folder = StateDir::find(|name| env.get(name).cloned()).ok()?;
        let is_here = folder.path().canonicalize().ok()? == state.path().canonicalize().ok()?;
        is_here.then(|| Program {
            pid,
            name: program.rsplit('/').next().unwrap_or_default().to_owned(),
        })
    })
}

/// What a process was started with; `None` for one of another user.
fn environment(folder: &Path) -> Option<BTreeMap<String, String>> {
    let text = fs::read(folder.join("environ")).ok()?;
    let entries = text.split(|byte| *byte == 0).filter_map(|entry| {
        let entry = String::from_utf8_lossy(entry);
        entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    });
    Some(entries.collect())
}

/// The name of a program, as the kernel has it.
pub(crate) fn name(folder: &Path) -> String {
    fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned()
}

/// Every process with its folder.
fn pids(machine: &Path) -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = fs::read_dir(machine.join("proc")).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, entry.path()))
    })
}

/// A value of `/proc/<pid>/status`.
pub(crate) fn status(machine: &Path, pid: u32, key: &str) -> Option<String> {
    let text = fs::read_to_string(machine.join(format!("proc/{pid}/status"))).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}
