//! Which room of `src` may import which, and which crates.

use std::{collections::BTreeSet, fs};

use crate::{code, files_below, imports, module, root, shown};

/// Each room of `src`, lowest first: it may import the rooms of its row, for the reason in it, and no others.
const ROOMS: &[(&str, &[&str], &str)] = &[
    ("rules", &[], "pure decisions: values in, a verdict out"),
    ("protocol", &["rules"], "frames carry the roles and scopes of the rules"),
    ("registry", &[], "the list of plugins"),
    ("world", &[], "clock, randomness and the user of the process"),
    ("store", &["rules", "world"], "keeps what the rules decide; each line has a time"),
    (
        "config",
        &["rules", "store", "world"],
        "typed settings; paths and safe reads are the store's",
    ),
    ("decision_history", &["store"], "verdicts of each account, in a file"),
    (
        "control",
        &["config", "decision_history", "protocol", "registry", "rules", "store", "world"],
        "lists, decides and changes for every surface, and answers as the protocol does",
    ),
    (
        "local_client",
        &["config", "protocol", "registry", "store", "world"],
        "asks the running gateway",
    ),
    (
        "network",
        &["config", "protocol", "rules", "store", "world"],
        "addresses, certificates, keys",
    ),
    (
        "client",
        &["local_client", "network", "protocol", "rules", "store", "world"],
        "the client of any gateway keeps its own keys and tokens",
    ),
    (
        "gateway",
        &[
            "config",
            "control",
            "decision_history",
            "local_client",
            "network",
            "protocol",
            "registry",
            "rules",
            "store",
            "world",
        ],
        "brings all of it together, but for the command line",
    ),
    (
        "cli",
        &[
            "client",
            "config",
            "control",
            "decision_history",
            "gateway",
            "local_client",
            "network",
            "protocol",
            "registry",
            "rules",
            "store",
            "world",
        ],
        "one command for each thing an owner does",
    ),
];

/// A room and the crates that it must never import.
const CRATES: &[(&str, &[&str])] = &[
    ("rules", &["tokio", "std::fs", "std::time", "rand", "serde", "serde_json", "hyper"]),
    ("protocol", &["tokio", "std::fs", "std::time", "rand", "hyper"]),
    ("world", &["tokio", "hyper", "clap"]),
    ("registry", &["tokio", "hyper", "clap"]),
    ("config", &["tokio", "hyper", "clap"]),
    ("store", &["tokio", "hyper", "clap"]),
    ("control", &["tokio", "hyper", "clap"]),
    ("decision_history", &["tokio", "hyper", "clap"]),
    ("local_client", &["tokio", "hyper", "clap"]),
    ("network", &["clap"]),
    ("client", &["hyper", "clap"]),
    ("gateway", &["clap"]),
    ("cli", &["tokio", "hyper"]),
];

/// The rooms that a room is built with: its manifest names them, so the compiler keeps to them. The rest of the
/// manifest is for tests.
fn rooms(room: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("src").join(room).join("Cargo.toml")).unwrap();
    let needed = manifest.split("[dev-dependencies]").next().unwrap();
    let ours = needed.lines().filter_map(|line| line.strip_prefix("openclaw-"));
    let names = ours.filter_map(|line| line.strip_suffix(".workspace = true"));
    names.map(|name| name.replace('-', "_")).filter(|name| name != "plugin_sdk").collect()
}

#[test]
fn every_room_imports_the_rooms_of_its_row_and_no_others() {
    let folders = fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path());
    let folders: BTreeSet<String> = folders
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, ROOMS.iter().map(|(room, ..)| (*room).to_owned()).collect());
    let mut lower = BTreeSet::new();
    for (room, allowed, _) in ROOMS {
        let allowed: BTreeSet<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
        assert!(allowed.is_subset(&lower), "`{room}` may import what is below it: {lower:?}");
        assert_eq!(rooms(room), allowed, "what `{room}` imports; right: what it may");
        lower.insert((*room).to_owned());
    }
}

#[test]
fn no_room_imports_a_crate_that_is_not_for_it() {
    let mut broken = Vec::new();
    for path in files_below(&root().join("src"), ".rs") {
        let Some(module) = module(&path) else { continue };
        let Some((_, banned)) = CRATES.iter().find(|(name, _)| *name == module) else { continue };
        let code = code(&fs::read_to_string(&path).unwrap());
        for banned in banned.iter().filter(|banned| imports(&code, banned)) {
            broken.push(format!("{}: `{module}` must not import `{banned}`", shown(&path)));
        }
    }
    assert_eq!(CRATES.len(), ROOMS.len(), "each room has a row");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
