//! The house rules that the compiler cannot keep: floors, sizes, a complete registry, everyone under contract.

#![allow(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod packaging;
mod rooms;
mod words;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What building and testing leaves behind; git ignores it.
const IGNORED: &[&str] = &["proptest-regressions", "target"];

/// What `cli` may use of the gateway: its entrance.
const ENTRANCE: &[&str] = &[
    "run",
    "link_account",
    "try_account",
    "try_assistant",
    "Connected",
    "Start",
    "Origin",
    "Ready",
    "Ownership",
    "RunError",
    "SingleError",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files_below(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The code of a file without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    Some(first.trim_end_matches(".rs").to_owned())
}

/// True where the code names `banned`: a crate, a path of `std`, or a module of ours.
fn imports(code: &str, banned: &str) -> bool {
    if banned.contains("::") {
        let (krate, module) = banned.split_once("::").unwrap();
        return code.contains(banned) || grouped(code, &format!("use {krate}::{{"), module);
    }
    let ours = format!("crate::{banned}");
    let outside = format!("{banned}::");
    let starts = |line: &str| {
        let line = line.trim_start();
        line.starts_with(&format!("use {outside}")) || line.starts_with(&format!("use {banned};"))
    };
    let named = |needle: &str| {
        code.match_indices(needle).any(|(at, _)| {
            let after = code[at + needle.len()..].chars().next();
            let before = code[..at].chars().next_back();
            !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
                && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
        })
    };
    named(&ours)
        || code.lines().any(starts)
        || grouped(code, "use crate::{", banned)
        || inline_path(code, &outside)
}

/// A crate used by its full path inside code: `tokio::spawn(..)`.
fn inline_path(code: &str, outside: &str) -> bool {
    code.match_indices(outside).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            && ["tokio::", "rand::", "serde::", "hyper::", "clap::"].contains(&outside)
    })
}

fn grouped(code: &str, opening: &str, name: &str) -> bool {
    code.match_indices(opening).any(|(at, _)| {
        let rest = &code[at + opening.len()..];
        let end = rest.find("};").unwrap_or(rest.len());
        let mut depth = 0;
        let mut item = String::new();
        let mut items = Vec::new();
        for c in rest[..end].chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => items.push(std::mem::take(&mut item)),
                c => item.push(c),
            }
        }
        items.push(item);
        items.iter().any(|item| {
            let item = item.trim();
            item == name || item.starts_with(&format!("{name}::"))
        })
    })
}

#[test]
fn the_command_line_uses_the_entrance_of_the_gateway_only() {
    for path in files_below(&root().join("src/cli"), ".rs") {
        let text = code(&fs::read_to_string(&path).unwrap());
        for (at, _) in text.match_indices("gateway::") {
            // The `[gateway]` table of the configuration has the same name.
            if text[..at].ends_with("config::") {
                continue;
            }
            let rest = &text[at + "gateway::".len()..];
            let group = rest.strip_prefix('{').map_or(rest, |group| group);
            let names = group
                .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ' ' && c != ',')
                .next()
                .unwrap();
            for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                assert!(
                    ENTRANCE.contains(&name),
                    "{}: `gateway::{name}` is not for the command line",
                    shown(&path)
                );
            }
        }
    }
}

#[test]
fn the_rules_ask_no_clock_and_throw_no_dice() {
    let rules = ["src/rules", "src/protocol"];
    for path in rules.iter().flat_map(|dir| files_below(&root().join(dir), ".rs")) {
        let text = code(&fs::read_to_string(&path).unwrap());
        for call in ["::now()", "SystemTime", "Instant", "random()", "File::", "env::"] {
            assert!(
                !text.contains(call),
                "{}: `{call}` belongs into `world` or the store",
                shown(&path)
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let mut long = Vec::new();
    for dir in ["src", "plugins", "tests"] {
        for path in files_below(&root().join(dir), ".rs") {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > 500 {
                long.push(format!("{}: {lines} lines", shown(&path)));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    for dir in ["src", "plugins", "tests"] {
        for path in files_below(&root().join(dir), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with("//!") || text.starts_with("#![doc"),
                "{} begins without `//!`",
                shown(&path)
            );
        }
    }
}

fn plugin_folders() -> BTreeSet<String> {
    let folders = fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.join("Cargo.toml").is_file());
    folders
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "sdk")
        .collect()
}

fn package(folder: &str) -> String {
    let manifest =
        fs::read_to_string(root().join("plugins").join(folder).join("Cargo.toml")).unwrap();
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
    name.trim_matches('"').to_owned()
}

#[test]
fn every_plugin_folder_is_registered() {
    let registry = code(&fs::read_to_string(root().join("src/registry/lib.rs")).unwrap());
    let registered: BTreeSet<String> = registry
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .filter_map(|word| word.strip_suffix("::PLUGIN"))
        .map(|word| word.replace('_', "-"))
        .collect();
    let folders: BTreeSet<String> = plugin_folders().iter().map(|folder| package(folder)).collect();
    assert_eq!(
        registered, folders,
        "left: registered in src/registry/lib.rs; right: folders of plugins/"
    );
}

#[test]
fn every_channel_is_under_contract() {
    for folder in plugin_folders().iter().filter(|folder| package(folder).starts_with("channel-")) {
        let path = root().join("plugins").join(folder).join("tests/contract.rs");
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text.contains("contract::check"),
            "plugins/{folder} does not call `contract::check` in tests/contract.rs"
        );
    }
}

#[test]
fn each_platform_is_spoken_to_with_its_library() {
    for (folder, library) in
        [("discord", "serenity"), ("slack", "slack-morphism"), ("telegram", "teloxide")]
    {
        let folder = root().join("plugins").join(folder);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let needed = manifest.split("[dev-dependencies]").next().unwrap();
        let line = format!("{library}.workspace = true");
        assert!(needed.lines().any(|it| it == line), "{} has no `{line}`", shown(&folder));
        let module = format!("{}::", library.replace('-', "_"));
        let sources = files_below(&folder.join("src"), ".rs");
        let used =
            sources.iter().any(|it| code(&fs::read_to_string(it).unwrap()).contains(&module));
        assert!(used, "{} does not use `{library}`", shown(&folder));
    }
}

#[test]
fn plugins_import_the_sdk_and_nothing_else_of_ours() {
    for folder in plugin_folders() {
        let manifest =
            fs::read_to_string(root().join("plugins").join(&folder).join("Cargo.toml")).unwrap();
        let ours = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        for name in ours {
            let other = name == "openclaw"
                || ["channel-", "command-", "responder-"].iter().any(|kind| name.starts_with(kind));
            assert!(!other, "plugins/{folder} must not depend on `{name}`");
        }
    }
}

/// Where something is made durable beside the store: each such call goes off the runtime, by `AccountRuntime::written` or
/// `gateway::blocking`. A new file of this kind needs a row here.
const SYNCS: &[&str] = &[
    "src/gateway/approvals/held.rs",
    "src/gateway/approvals/outbox.rs",
    "src/gateway/delivery/owed_files.rs",
    "src/gateway/journal.rs",
    "src/gateway/rpc/methods/voicewake.rs",
    "src/gateway/setup_codes/shown_codes.rs",
];

#[test]
fn only_known_places_of_the_gateway_and_none_of_a_plugin_wait_for_the_disk() {
    let syncs = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let calls = ["sync_all", "sync_data", "private::replace", "private::sync", "private::once"];
        calls.iter().any(|call| text.contains(call))
    };
    let files = [files_below(&root().join("src/gateway"), ".rs"), plugin_sources()].concat();
    let found: Vec<_> = files.iter().filter(|path| syncs(path)).map(|path| shown(path)).collect();
    assert_eq!(found, SYNCS);
}

fn plugin_sources() -> Vec<PathBuf> {
    let folders = plugin_folders().into_iter();
    folders
        .flat_map(|folder| files_below(&root().join("plugins").join(folder).join("src"), ".rs"))
        .collect()
}

#[test]
fn a_channel_is_named_in_the_registry_and_the_manifest_only() {
    let folders = plugin_folders();
    let channels = folders.iter().filter(|folder| package(folder).starts_with("channel-"));
    for channel in channels {
        let krate = package(channel).replace('-', "_");
        for path in files_below(&root().join("src"), ".rs") {
            let text = code(&fs::read_to_string(&path).unwrap());
            let allowed =
                shown(&path) == "src/registry/lib.rs" || shown(&path).starts_with("src/cli/run");
            assert!(allowed || !text.contains(&krate), "{} names `{krate}`", shown(&path));
        }
    }
}

#[test]
fn the_top_level_is_the_users() {
    let expected: BTreeSet<&str> = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "config.example.toml",
        "plugins",
        "src",
        "tests",
    ]
    .into();
    let entries = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let visible: BTreeSet<String> =
        entries.filter(|name| !name.starts_with('.') && !IGNORED.contains(&&**name)).collect();
    assert_eq!(visible.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
}
