//! Which room of `src` may import which, and which crates.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{code, files_below, grouped, imports, module, root, shown};

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

/// The rooms that this code imports: after `crate::`, alone or in a group.
fn rooms(code: &str) -> BTreeSet<&'static str> {
    let names = ROOMS.iter().map(|(name, ..)| *name);
    names
        .filter(|name| {
            let path = format!("crate::{name}");
            let whole = code.match_indices(&path).any(|(at, _)| {
                let after = code[at + path.len()..].chars().next();
                !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
            });
            whole || grouped(code, "use crate::{", name)
        })
        .collect()
}

#[test]
fn every_room_imports_the_rooms_of_its_row_and_no_others() {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in files_below(&root().join("src"), ".rs") {
        let module = module(&path).unwrap_or_default();
        let Some((room, ..)) = ROOMS.iter().find(|(name, ..)| *name == module) else {
            assert!(["lib", "main"].contains(&&*module), "{} is in no room", shown(&path));
            continue;
        };
        let code = code(&fs::read_to_string(&path).unwrap());
        let imports = if shown(&path).contains("/tests") { BTreeSet::new() } else { rooms(&code) };
        found.entry(room).or_default().extend(imports.into_iter().filter(|one| one != room));
    }
    let mut lower = BTreeSet::new();
    for (room, allowed, _) in ROOMS {
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(allowed.is_subset(&lower), "`{room}` may import what is below it: {lower:?}");
        assert_eq!(found.get(room), Some(&allowed), "what `{room}` imports; right: what it may");
        lower.insert(*room);
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
