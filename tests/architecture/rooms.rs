//! Which room of `src` may import which, and which crates.

use std::{collections::BTreeSet, fs};

use crate::{code, files_below, grouped, imports, module, root, shown};

/// A room and the crates that it must never import.
const CRATES: &[(&str, &[&str])] = &[
    ("rules", &["tokio", "std::fs", "std::time", "rand", "serde", "serde_json", "hyper"]),
    ("protocol", &["tokio", "std::fs", "std::time", "rand", "hyper"]),
    ("world", &["tokio", "hyper", "clap"]),
    ("registry", &["tokio", "hyper", "clap"]),
    ("config", &["tokio", "hyper", "clap"]),
    ("store", &["tokio", "hyper", "clap"]),
    ("control", &["tokio", "hyper", "clap"]),
    ("backup", &["tokio", "hyper", "clap"]),
    ("decision_history", &["tokio", "hyper", "clap"]),
    ("import", &["tokio", "hyper", "clap"]),
    ("local_client", &["tokio", "hyper", "clap"]),
    ("network", &["clap"]),
    ("service", &["tokio", "hyper", "clap"]),
    ("doctor", &["tokio", "hyper", "clap"]),
    ("client", &["hyper", "clap"]),
    ("gateway", &["clap"]),
    ("cli", &["tokio", "hyper"]),
];

/// Each room of `src/gateway`, lowest first: the rooms of the gateway that it imports, with a reason each. All of them
/// take the shared `Gateway`, the helpers of `lib.rs` and the texts of `text.rs`, which are no room.
const INSIDE: &[(&str, &[(&str, &str)])] = &[
    ("connections", &[]),
    ("gate", &[]),
    ("journal", &[]),
    (
        "accounts",
        &[("gate", "an account knows what is old"), ("journal", "an account owns its journal")],
    ),
    ("setup_codes", &[("accounts", "a message with a spent code is taken away in its chat")]),
    (
        "delivery",
        &[
            ("accounts", "what is owed goes out through an account"),
            ("gate", "the gate is asked before each piece"),
            ("journal", "what is owed stands there"),
        ],
    ),
    (
        "approvals",
        &[
            ("accounts", "cards stand in owners' chats"),
            ("delivery", "a press is answered, and an owner is written to"),
            ("gate", "only an owner that the gate has admitted decides"),
            ("journal", "a held message is taken on there"),
            ("setup_codes", "messages with codes are put in order before cards"),
        ],
    ),
    (
        "findings",
        &[("accounts", "checks see how accounts fare"), ("delivery", "and how the assistant is")],
    ),
    (
        "commands",
        &[
            ("accounts", "a command runs in a chat"),
            ("approvals", "an owner decides"),
            ("delivery", "replies are sent"),
            ("findings", "an owner asks what is wrong"),
            ("gate", "only what the gate has admitted runs a command"),
            ("journal", "that a command began is noted"),
            ("setup_codes", "an owner makes a code"),
        ],
    ),
    (
        "inbound",
        &[
            ("accounts", "an event comes from an account"),
            ("approvals", "a press is a decision, and owners are told of strangers"),
            ("commands", "an admitted command is run"),
            ("delivery", "an admitted message is answered"),
            ("gate", "each event is judged"),
            ("journal", "a message is taken on there"),
        ],
    ),
    (
        "rpc",
        &[
            ("accounts", "the state of channels"),
            ("approvals", "an operator decides, and owners are told of a device"),
            ("connections", "a client is known by its peer"),
            ("delivery", "an approved person is welcomed"),
            ("gate", "a device's message is judged, and codes are kept from the assistant"),
            ("setup_codes", "an administrator makes a code"),
        ],
    ),
    (
        "http",
        &[
            ("accounts", "pages and webhooks belong to accounts"),
            ("connections", "connections are counted and known by their peer"),
            ("findings", "metrics say how much is wrong"),
            ("rpc", "a WebSocket is served there"),
            ("setup_codes", "a join URL gives a code"),
        ],
    ),
    (
        "local",
        &[
            ("accounts", "the state of channels"),
            ("delivery", "an approved person is welcomed"),
            ("findings", "the command line sees what checks see"),
            ("http", "the command line asks for what the port carries"),
        ],
    ),
    (
        "runtime",
        &[
            ("accounts", "started and stopped"),
            ("approvals", "cards are kept"),
            ("commands", "what is remembered of commands begins empty"),
            ("connections", "limits follow the configuration"),
            ("delivery", "an account's page asks who may read"),
            ("findings", "checks are told what to look at"),
            ("gate", "an account's page asks what holds a code"),
            ("http", "the port is served"),
            ("inbound", "what accounts receive is taken"),
            ("journal", "journals are opened"),
            ("local", "the command line's socket is served"),
            ("rpc", "sessions are told and closed"),
            ("setup_codes", "messages with codes are kept"),
        ],
    ),
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

/// True where code of the gateway names one of its rooms.
fn names_room(code: &str, is_top: bool, room: &str) -> bool {
    let inline = |path: String| {
        code.match_indices(&path).any(|(at, _)| code[at + path.len()..].starts_with("::"))
    };
    let above = is_top && (grouped(code, "use super::{", room) || inline(format!("super::{room}")));
    above || grouped(code, "use crate::{", room) || inline(format!("crate::{room}"))
}

#[test]
fn every_room_of_the_gateway_imports_the_rooms_of_its_row_and_no_others() {
    let folder = root().join("src/gateway");
    let mut found = BTreeSet::new();
    for path in files_below(&folder, ".rs") {
        let inside = path.strip_prefix(&folder).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
        let own = first.trim_end_matches(".rs").to_owned();
        let is_tests = path.file_name().is_some_and(|name| name == "tests.rs");
        if ["lib", "text"].contains(&&*own) || is_tests {
            continue;
        }
        assert!(INSIDE.iter().any(|(room, _)| *room == own), "`{own}` has no row");
        let code = code(&fs::read_to_string(&path).unwrap());
        let is_top = inside.components().count() == 1;
        let others = INSIDE.iter().map(|(room, _)| *room).filter(|room| *room != own);
        let named = others.filter(|room| names_room(&code, is_top, room));
        found.extend(named.map(|room| (own.clone(), room)));
    }
    let mut allowed = BTreeSet::new();
    for (at, (room, row)) in INSIDE.iter().enumerate() {
        let is_lower = |other: &str| INSIDE[..at].iter().any(|(lower, _)| *lower == other);
        assert!(row.iter().all(|(other, _)| is_lower(other)), "`{room}` imports what is below it");
        allowed.extend(row.iter().map(|(other, _)| ((*room).to_owned(), *other)));
    }
    assert_eq!(found, allowed, "left: what imports what; right: what may");
}
