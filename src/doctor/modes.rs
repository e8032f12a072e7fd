//! Files and folders that others can read, change or replace.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::own_file::Rights;

use crate::{Context, Finding, Severity, repair::Repair, text};

/// The configurations of another OpenClaw: they hold tokens too.
pub(crate) const FOREIGN: [&str; 3] = ["openclaw.json", "clawdbot.json", "moltbot.json"];

/// What is wrong with who may do what in the state folder.
pub(crate) fn check(context: &Context) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = context.state.path();
    let Ok(meta) = fs::metadata(root) else { return found };
    found.extend(folder(context, root, &meta));
    let beside = context.state.loose_files().into_iter().chain([context.state.env()]);
    let foreign = FOREIGN.map(|name| root.join(name));
    for path in beside.chain([context.file.clone()]).chain(foreign) {
        found.extend(named(context, &path));
    }
    let folders = context.state.folders();
    for path in &folders {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_symlink() {
            continue;
        }
        found.extend(folder(context, path, &meta));
        for path in files(path) {
            found.extend(named(context, &path));
        }
    }
    found
}

/// Every link in the state folder that stands for a file or folder of ours.
pub(crate) fn links(context: &Context) -> Vec<Finding> {
    let root = context.state.path().to_owned();
    let folders = context.state.folders();
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder)).collect();
    let beside = context.state.loose_files();
    let all = [root, context.file.clone()].into_iter().chain(beside).chain(folders).chain(files);
    let is_link = |path: &PathBuf| {
        // A socket whose path is too long is a link by design.
        *path != context.state.socket() && path.symlink_metadata().is_ok_and(|it| it.is_symlink())
    };
    let finding = |path: PathBuf| {
        let subject = context.short(&path);
        let command = text::in_place_of(&path);
        Finding::new(Severity::Warn, subject, text::link(&path)).in_file(&path).by_hand(command)
    };
    all.filter(is_link).map(finding).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn named(context: &Context, path: &Path) -> Option<Finding> {
    let meta = path.symlink_metadata().ok()?;
    let is_special = meta.is_symlink() || meta.file_type().is_socket() || meta.is_dir();
    if is_special { None } else { file(context, path, &meta) }
}

fn folder(context: &Context, path: &Path, meta: &Metadata) -> Option<Finding> {
    let rights = Rights::of(meta);
    if let Err(why) = rights.owned() {
        return Some(finding(context, Severity::Error, path, &why).by_hand(text::chown(path)));
    }
    if let (Err(why), false) = (rights.unwritable(), rights.is_sticky()) {
        let repair = Repair::mode(path, 0o700);
        let found = finding(context, Severity::Error, path, &why);
        return Some(found.by_itself(text::chmod(0o700, path), repair));
    }
    // A folder with nothing but a configuration holds nothing to list.
    let is_fresh = path == context.state.path() && context.state.is_fresh();
    if let (Err(why), false) = (rights.unreadable(), is_fresh) {
        let repair = Repair::mode(path, 0o700);
        let found = finding(context, Severity::Warn, path, &why);
        return Some(found.by_itself(text::chmod(0o700, path), repair));
    }
    None
}

fn file(context: &Context, path: &Path, meta: &Metadata) -> Option<Finding> {
    let rights = Rights::of(meta);
    if let Err(why) = rights.owned() {
        return Some(finding(context, Severity::Error, path, &why).by_hand(text::chown(path)));
    }
    let (severity, why) = match (rights.unwritable(), rights.unreadable()) {
        (Err(why), _) => (Severity::Error, why),
        (Ok(()), Err(why)) => (Severity::Warn, why),
        (Ok(()), Ok(())) => return None,
    };
    let found = finding(context, severity, path, &why);
    // Another name of the file may lead out of the folder.
    if meta.nlink() > 1 {
        return Some(found.by_hand(text::chmod(0o600, path)));
    }
    Some(found.by_itself(text::chmod(0o600, path), Repair::mode(path, 0o600)))
}

fn finding(context: &Context, severity: Severity, path: &Path, why: &str) -> Finding {
    let why = why.split(": ").next().unwrap_or(why);
    let who = if severity == Severity::Warn { text::READABLE } else { text::CHANGEABLE };
    Finding::new(severity, context.short(path), text::mode(path, why, who)).in_file(path)
}
