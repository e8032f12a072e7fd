//! Which room of `src` may import which, and which crates.

use std::{collections::BTreeSet, fs};

use crate::{code, files_below, imports, module, root, shown};

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

fn architecture() -> String {
    fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The table of rooms in `ARCHITECTURE.md`, lowest first: each with the rooms that it may use.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let text = architecture();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| [`")?.split_once("`] |"));
    let rows = rows.map(|(room, rest)| {
        let used = rest.split('|').nth(1).unwrap();
        (room.to_owned(), quoted(used).map(str::to_owned).collect())
    });
    rows.collect()
}

#[test]
fn every_room_uses_the_rooms_of_its_row_and_no_others() {
    let folders = fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path());
    let folders: BTreeSet<String> = folders
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, table().into_iter().map(|(room, _)| room).collect());
    let mut above = BTreeSet::new();
    for (room, allowed) in table() {
        assert!(allowed.is_subset(&above), "`{room}` may use what is above it: {above:?}");
        assert_eq!(rooms(&room), allowed, "what `{room}` uses; right: what it may");
        above.insert(room);
    }
}

#[test]
fn the_ways_to_read_are_short_and_each_step_is_true() {
    let text = architecture();
    let ways = text.split("## Two ways to read it").nth(1).unwrap();
    let ways = ways.split("\n## ").next().unwrap();
    let mut lengths = Vec::new();
    for line in ways.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let (number, step) = line.split_once(". ").unwrap();
        let mut quoted = quoted(step);
        let file = quoted.next().unwrap();
        let code = code(&fs::read_to_string(root().join(file)).unwrap());
        let named = quoted.last().unwrap_or_else(|| panic!("{file}: nothing is named"));
        assert!(code.contains(named), "{file} does not contain `{named}`");
        if number == "1" {
            lengths.push(0);
        }
        *lengths.last_mut().unwrap() += 1;
        assert_eq!(number.parse(), Ok(*lengths.last().unwrap()));
    }
    assert!(lengths.len() == 2 && lengths.iter().all(|steps| *steps <= 8), "{lengths:?}");
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
    assert_eq!(CRATES.len(), table().len(), "each room has a row");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
