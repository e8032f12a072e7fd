//! The state folder: is it whole, is it the right one, does its disk fit?

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::{
    Context, Finding, Severity,
    finding::Place,
    registry,
    repair::Repair,
    rules::AccountKey,
    store::{StoreError, imports, leftovers},
    text, unit,
};

/// A lock that is held longer than this is worth a word.
const HELD_MS: u64 = 5_000;
const LEAST_BYTES: u64 = 100 * 1024 * 1024;

pub(super) fn foreign_database(context: &Context) -> Vec<Finding> {
    let unread = imports::unread(&context.state).ok().flatten();
    let finding = |path: PathBuf| {
        let found =
            Finding::new(Severity::Error, context.short(&path), text::foreign_database(&path));
        found.in_file(&path).by_hand("openclaw import --dry-run")
    };
    unread.map(finding).into_iter().collect()
}

pub(super) fn unconfirmed(context: &Context) -> Vec<Finding> {
    if !matches!(context.store.unconfirmed(), Ok(Some(_))) {
        return Vec::new();
    }
    vec![Finding::new(Severity::Error, "", text::UNCONFIRMED).by_hand("openclaw backup confirm")]
}

pub(super) fn foreign_leftover(context: &Context) -> Vec<Finding> {
    let is_unread = imports::unread(&context.state).is_ok_and(|unread| unread.is_some());
    let lists = is_unread.then(|| imports::foreign_files(&context.state).unwrap_or_default());
    let finding = |path: PathBuf| {
        let found = Finding::new(Severity::Error, context.short(&path), text::leftover(&path));
        found.in_file(&path).by_hand("openclaw import --dry-run")
    };
    lists.unwrap_or_default().into_iter().map(finding).collect()
}

pub(super) fn damaged(context: &Context) -> Vec<Finding> {
    let store = &context.store;
    let mut errors: Vec<StoreError> = Vec::new();
    let configured = context.config.iter().flat_map(|config| &config.accounts);
    let mut keys: BTreeSet<AccountKey> = configured.map(|account| account.key.clone()).collect();
    match context.state.allowlist_keys() {
        Ok(more) => keys.extend(more),
        Err(error) => errors.push(error),
    }
    errors.extend(keys.iter().filter_map(|key| store.approved(key).err()));
    let channels = registry::pairing_channels();
    errors.extend(channels.filter_map(|channel| store.waiting(channel.id, context.now).err()));
    errors.extend(store.records().err());
    errors.extend(store.known_owners().err());
    errors.extend(store.devices().err());
    errors.extend(store.device_requests(context.now).err());
    errors.extend(store.nodes(context.now).err());
    let mut found: Vec<Finding> = Vec::new();
    for error in errors {
        let finding = unreadable(context, &error);
        if found.iter().all(|other| other.subject != finding.subject) {
            found.push(finding);
        }
    }
    found.extend(torn(context));
    found
}

fn unreadable(context: &Context, error: &StoreError) -> Finding {
    let (path, line) = match error {
        StoreError::Damaged { path, line, .. } => (path.clone(), *line),
        StoreError::Busy { path, .. }
        | StoreError::Io { path, .. }
        | StoreError::InDoubt { path, .. } => (path.clone(), None),
        StoreError::Withdrawn => (context.state.path().to_owned(), None),
    };
    let kept = path.with_file_name({
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".orig");
        name
    });
    let command =
        if kept.is_file() { text::copy_back(&kept, &path) } else { text::VERIFY.to_owned() };
    let found = Finding::new(Severity::Error, context.short(&path), text::damaged(error));
    found.at(Some(Place { file: path, line, key: None })).by_hand(command)
}

/// Small files of the gateway that are no JSON.
fn torn(context: &Context) -> Vec<Finding> {
    let memory = context.state.config_memory();
    let all = [context.state.cards(), memory, context.state.voicewake()];
    let is_torn = |path: &PathBuf| {
        let read = fs::read(path);
        read.is_ok_and(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).is_err())
    };
    let finding = |path: PathBuf| {
        let found = Finding::new(Severity::Error, context.short(&path), text::torn(&path));
        found.in_file(&path).by_hand(text::move_away(&path))
    };
    all.into_iter().filter(is_torn).map(finding).collect()
}

pub(super) fn unfinished(context: &Context) -> Vec<Finding> {
    // What is being written just now is not left behind.
    if leftovers::held_lock(&context.state).is_some() {
        return Vec::new();
    }
    let log = context.state.access_log();
    let mut found = Vec::new();
    if let Some(Ok(seen)) = &context.log {
        let says = seen.unfinished.as_ref().map(|line| text::unfinished(line.seq, &line.action));
        let says = says.or_else(|| seen.torn.then(|| text::TORN_LINE.to_owned()));
        let finding = |says| Finding::new(Severity::Warn, context.short(&log), says);
        let place = Place { file: log.clone(), line: None, key: None };
        found.extend(
            says.map(|says| finding(says).at(Some(place)).by_itself(text::FIX_IT, Repair::Start)),
        );
    }
    let left = leftovers::left_files(&context.state).into_iter();
    found.extend(left.map(|path| {
        let one = Finding::new(Severity::Warn, context.short(&path), text::LEFT_FILE);
        one.in_file(&path).by_itself(text::FIX_IT, Repair::Start)
    }));
    found
}

pub(super) fn log_broken(context: &Context) -> Vec<Finding> {
    let log = context.state.access_log();
    let finding = |says: String| {
        let found = Finding::new(Severity::Error, context.short(&log), says);
        found.in_file(&log).by_hand(text::VERIFY)
    };
    match &context.log {
        None => Vec::new(),
        Some(Err(why)) => vec![finding(text::log_unreadable(why))],
        Some(Ok(seen)) => {
            let mut says: Vec<String> = seen.problems.iter().map(ToString::to_string).collect();
            let lacking = seen.unexplained.len();
            says.extend((lacking > 0).then(|| text::unexplained(lacking)));
            let more = says.len().saturating_sub(MOST_SAID);
            says.truncate(MOST_SAID);
            says.extend((more > 0).then(|| text::and_more(more)));
            says.into_iter().map(finding).collect()
        }
    }
}

const MOST_SAID: usize = 5;

pub(super) fn disk(context: &Context) -> Vec<Finding> {
    let path = context.state.path();
    let mut found = Vec::new();
    let mut say = |severity, says: String| {
        found.push(Finding::new(severity, ".", says).in_file(path).by_hand(text::df(path)));
    };
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if let Ok(disk) = statvfs(there) {
        if disk.flags().contains(FsFlags::ST_RDONLY) {
            say(Severity::Error, text::READ_ONLY.to_owned());
        }
        #[allow(clippy::useless_conversion, reason = "the width of these differs between systems")]
        let (free, unit) = (u64::from(disk.blocks_available()), u64::from(disk.fragment_size()));
        let free = free.saturating_mul(unit);
        if free < LEAST_BYTES {
            say(Severity::Error, text::disk_full(free / 1024 / 1024));
        }
        #[allow(clippy::useless_conversion, reason = "the width of these differs between systems")]
        let (files, left) = (u64::from(disk.files()), u64::from(disk.files_available()));
        if files > 0 && left < files / 20 {
            say(Severity::Warn, text::INODES.to_owned());
        }
    }
    if is_on_network(there) {
        say(Severity::Warn, text::NETWORK.to_owned());
    }
    if let Some(service) = synced(path) {
        say(Severity::Warn, text::synced(service));
    }
    found
}

#[cfg(target_os = "linux")]
fn is_on_network(path: &Path) -> bool {
    /// NFS, SMB, CIFS and SMB 2, as the kernel numbers them.
    const KINDS: [i64; 4] = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42];
    #[allow(clippy::useless_conversion, reason = "the width of it differs between systems")]
    let kind = nix::sys::statfs::statfs(path).map(|found| i64::from(found.filesystem_type().0));
    kind.is_ok_and(|kind| KINDS.contains(&kind))
}

#[cfg(not(target_os = "linux"))]
fn is_on_network(_path: &Path) -> bool {
    false
}

/// The service that copies this folder elsewhere.
pub(crate) fn synced(path: &Path) -> Option<&'static str> {
    const SERVICES: [(&str, &str); 6] = [
        ("Dropbox", "Dropbox"),
        ("OneDrive", "OneDrive"),
        ("Google Drive", "Google Drive"),
        ("Mobile Documents", "iCloud"),
        ("iCloud Drive", "iCloud"),
        ("Nextcloud", "Nextcloud"),
    ];
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.find_map(|part| {
        let found = SERVICES.iter().find(|(name, _)| part.starts_with(name));
        found.map(|(_, service)| *service)
    })
}

pub(super) fn lock(context: &Context) -> Vec<Finding> {
    let mut found = Vec::new();
    let held = leftovers::held_lock(&context.state);
    if let Some(held) = held.filter(|held| context.age(held.since) > HELD_MS) {
        let name = held
            .pid
            .map(|pid| crate::machine::name(&context.machine.join("proc").join(pid.to_string())));
        let says = text::held(held.pid, name.as_deref().unwrap_or_default());
        let path = context.state.access_log();
        let one = Finding::new(Severity::Warn, context.short(&path), says).since(held.since);
        found.push(one.in_file(&path).by_hand(text::end_holder(held.pid)));
    }
    let left = leftovers::left_locks(&context.state).into_iter();
    found.extend(left.map(|path| {
        let one = Finding::new(Severity::Warn, context.short(&path), text::LEFT_LOCK);
        one.in_file(&path).by_itself(text::FIX_IT, Repair::Start)
    }));
    found
}

pub(super) fn two(context: &Context) -> Vec<Finding> {
    let here = context.state.path();
    let others = context.state.others(context.env).into_iter();
    let mut found: Vec<Finding> = others
        .map(|other| {
            let subject = other.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let one = Finding::new(Severity::Warn, subject, text::two(here, &other));
            one.in_file(&other).by_hand(text::move_away(&other))
        })
        .collect();
    if let Some((at, folder)) = context.unit.as_ref().and_then(unit::Unit::state_folder)
        && folder.canonicalize().ok() != here.canonicalize().ok()
    {
        let unit = context.unit.iter().map(|unit| unit.path.clone()).next().unwrap_or_default();
        let one = Finding::new(Severity::Warn, "service", text::two_in_unit(here, &folder));
        let place = Place { file: unit, line: Some(at), key: None };
        found.push(one.at(Some(place)).by_hand(text::REINSTALL));
    }
    found
}
