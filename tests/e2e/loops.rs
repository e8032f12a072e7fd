//! Many rounds of what must never go wrong: approvals that race, processes that are killed, disks that fail. The plain tests have
//! a few rounds, the ignored ones as many as `OC_ROUNDS` says.

mod faults;
mod kills;
mod ledger;
mod race;

use std::{cell::Cell, fs, path::Path};

use serde_json::Value;

use crate::{
    fake_telegram::FakeTelegram,
    process::{Home, texts},
};

/// An owner, a guest who is listed, and as many places as the configuration allows.
const CROWDED: &str = r#"
[owner]
allow_from = ["telegram:1001"]
[pairing]
max_pending = 1000
[channels.telegram]
allow_from = ["4711"]
bot_token = "{token}"
api_root = "{root}"
"#;

/// The owner's number.
const OWNER: i64 = 1001;
/// The number of the guest who is listed.
const GUEST: i64 = 4711;

/// How many rounds a long test has.
fn rounds(otherwise: usize) -> usize {
    std::env::var("OC_ROUNDS").map_or(otherwise, |rounds| rounds.parse().unwrap())
}

/// A person writes, and nobody waits for anything.
fn write(telegram: &FakeTelegram, id: i64, text: &str) {
    telegram.direct(id, &format!("n{id}"), text);
}

/// How many messages the bot has sent by now.
fn sent(telegram: &FakeTelegram) -> usize {
    telegram.with(|state| state.messages.len())
}

/// Waits for a message of the bot in a chat, among those that were sent after `from`.
async fn hear<T>(
    telegram: &FakeTelegram,
    from: usize,
    chat: i64,
    find: impl Fn(&str) -> Option<T>,
) -> T {
    let (at, heard) = (Cell::new(from), Cell::new(None));
    let what = format!("a message to {chat}");
    let holds = |state: &crate::fake_telegram::State| {
        let new = state.messages[at.get()..].iter().filter(|shown| shown.chat["id"] == chat);
        let found = new.map(|shown| &*shown.text).find_map(&find);
        at.set(state.messages.len());
        let is_found = found.is_some();
        heard.set(found);
        is_found
    };
    telegram.until(&what, holds).await;
    heard.take().unwrap()
}

/// The code in a challenge.
fn code_in(text: &str) -> Option<String> {
    Some(text.split_once("Pairing code: ")?.1[..8].to_owned())
}

/// A file of the credentials as JSON; it is readable at every moment.
fn credentials(home: &Home, file: &str) -> Value {
    match fs::read(home.state().join("credentials").join(file)) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{file}: {e}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Value::Null,
        Err(error) => panic!("{file}: {error}"),
    }
}

/// The approved senders of a channel, as they stand in the file.
fn allowed(home: &Home, channel: &str) -> Vec<String> {
    let file = credentials(home, &format!("{channel}-allowFrom.json"));
    let entries = file["allowFrom"].as_array().into_iter().flatten();
    entries.map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

/// A person who waits on a channel, with the code.
fn waiting(home: &Home, channel: &str) -> Vec<(String, String)> {
    let file = credentials(home, &format!("{channel}-pairing.json"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let requests = file["requests"].as_array().into_iter().flatten();
    requests.map(|request| (text(&request["id"]), text(&request["code"]))).collect()
}

/// The lines of the access log that say this, as request (where there is one) and subject.
fn said(home: &Home, action: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let log = home.read("audit/access.jsonl");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["action"] == action)
        .map(|line| (text(&line["request"]), text(&line["subject"])))
        .collect()
}

/// The access log is whole, and explains every grant.
fn verify(home: &Home) {
    let output = home.cli(&["audit", "verify"]);
    let (said, cried) = texts(&output);
    assert!(output.status.success(), "case_117: {said}{cried}\n{}", home.logged());
    assert!(said.contains("is intact") && !said.contains("No line explains"), "{said}");
}

/// Every file below the state folder that says it is JSON, is.
fn check_files(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = fs::read(&path) else {
            if path.is_dir() {
                check_files(&path);
            }
            continue;
        };
        let read = |bytes: &[u8]| {
            serde_json::from_slice::<Value>(bytes)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => read(&bytes),
            Some("jsonl") => {
                assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{} is torn", path.display());
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(read);
            }
            _ => {}
        }
    }
}

/// Everybody in it is there once.
fn assert_once(what: &str, all: &[String]) {
    let mut sorted: Vec<_> = all.to_vec();
    sorted.sort();
    let twice = sorted.windows(2).find_map(|two| (two[0] == two[1]).then(|| &two[0]));
    if let Some(twice) = twice {
        panic!("{what}: {twice} is there twice");
    }
}
