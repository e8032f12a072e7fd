//! What of conversations is kept over restarts, and what is erased.

use std::{
    collections::BTreeSet, fs, io::Write, os::unix::fs::PermissionsExt, path::Path, sync::Arc,
};

use openclaw_plugin_sdk::{Body, Reader, Readers, SenderId, Text, UnixMs, now, toml};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{bench::Bench, browser::Page};

/// Who has access, as the gate would say it.
pub(super) struct Gate {
    admitted: Arc<Mutex<BTreeSet<String>>>,
    changes: watch::Sender<()>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { admitted: Arc::default(), changes: watch::channel(()).0 }
    }

    pub(super) fn readers(&self) -> Readers {
        let admitted = Arc::clone(&self.admitted);
        let reader = move |person: &SenderId| {
            if admitted.lock().contains(person.as_str()) { Reader::Admitted } else { Reader::Waits }
        };
        let codes = |text: &str| text.contains("AB3D7X9K");
        Readers::new(reader, self.changes.subscribe()).with_files(|| true).with_codes(codes)
    }

    pub(super) fn admit(&self, who: &str) {
        self.admitted.lock().insert(who.to_owned());
        self.changes.send_replace(());
    }

    pub(super) fn turn_away(&self, who: &str) {
        self.admitted.lock().remove(who);
        self.changes.send_replace(());
    }
}

pub(super) async fn bench(folder: &Path, gate: &Gate, most: Option<i64>) -> Bench {
    let mut table = toml::Table::new();
    table.extend(most.map(|most| ("history".to_owned(), most.into())));
    Bench::keeping(table, folder, gate.readers()).await
}

fn texts(ready: &Value) -> Vec<String> {
    let text = |message: &Value| {
        let words = message["body"]["spans"][0]["plain"].as_str().unwrap().to_owned();
        format!("{}: {words}", message["from"].as_str().unwrap())
    };
    ready["history"].as_array().unwrap().iter().map(text).collect()
}

async fn say(bench: &mut Bench, page: &mut Page, text: &str) {
    page.say(text).await;
    bench.message().await;
    assert_eq!(page.hear().await["type"], "taken");
}

fn append(path: &Path, text: &str) {
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    // One may be erased between the two.
    files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect()
}

#[tokio::test]
async fn both_sides_are_there_after_a_restart_and_in_every_tab() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let at = folder.path().join("webchat-default");
    let mut first = bench(&at, &gate, None).await;
    let mut browser = first.visitor().await;
    gate.admit(&browser.id());
    let (mut page, _) = browser.connect().await;
    say(&mut first, &mut page, "how are you?").await;
    say(&mut first, &mut page, "/pairing approve AB3D7X9K").await;
    let sent = first.send_kept(&browser.id(), Text::plain("fine")).await.unwrap();
    first.edit_kept(&sent, Text::plain("fine, thanks")).await.unwrap();
    let gone = first.send_kept(&browser.id(), Text::plain("for a moment")).await.unwrap();
    first.edit(&gone, Body::Gone).await.unwrap();
    // What the gateway does not mark, such as a code, is on no disk; nor is one that they write.
    first.send(&browser.id(), Text::plain("AB3D7X9K")).await.unwrap();
    let both = ["you: how are you?", "gateway: fine, thanks"];
    let (_, tab) = browser.connect().await;
    assert_eq!(texts(&tab), [both[0], both[1], "gateway: AB3D7X9K"]);
    drop(first);
    let second = bench(&at, &gate, None).await;
    browser.moved_to(second.address);
    assert_eq!(texts(&browser.connect().await.1), both);
    assert!(!files(&at).concat().contains("AB3D7X9K"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = fs::read_dir(&at).unwrap().next().unwrap().unwrap();
    assert_eq!((mode(&at), mode(&file.path())), (0o700, 0o600));
}

#[tokio::test]
async fn case_144_a_strangers_words_are_not_kept_and_access_that_ends_erases_all() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let mut bench = bench(folder.path(), &gate, None).await;
    let browser = bench.visitor().await;
    let (mut page, _) = browser.connect().await;
    say(&mut bench, &mut page, "let me in").await;
    bench.send_kept(&browser.id(), Text::plain("no access yet")).await.unwrap();
    assert_eq!(page.hear().await["type"], "message");
    assert_eq!(files(folder.path()), [""; 0], "nothing of a stranger");
    gate.admit(&browser.id());
    assert_eq!(page.hear().await, json!({ "type": "files", "offered": true }));
    say(&mut bench, &mut page, "my secret").await;
    assert!(files(folder.path()).concat().contains("my secret"));
    gate.turn_away(&browser.id());
    assert_eq!(page.hear().await, json!({ "type": "files", "offered": false }));
    let erased = async {
        while !files(folder.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(openclaw_plugin_sdk::contract::LIMIT, erased).await.unwrap();
    let (_, again) = browser.connect().await;
    assert!(!again.to_string().contains("my secret"), "{again}");
}

#[tokio::test]
async fn who_lost_access_while_the_gateway_was_off_has_nothing_left_after_its_start() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let who = "0".repeat(32);
    let line = r#"{"shown":{"id":"a","at":1,"from":"you","body":{"kind":"text","spans":[]}}}"#;
    append(&folder.path().join(format!("{who}.jsonl")), line);
    let _bench = bench(folder.path(), &gate, None).await;
    let erased = async {
        while !files(folder.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(openclaw_plugin_sdk::contract::LIMIT, erased).await.unwrap();
}

#[tokio::test]
async fn a_conversation_is_bounded_by_number_and_age_and_zero_keeps_none() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let some = bench(folder.path(), &gate, Some(3)).await;
    let browser = some.visitor().await;
    gate.admit(&browser.id());
    let (mut page, _) = browser.connect().await;
    for number in 0..200 {
        some.send_kept(&browser.id(), Text::plain(format!("number {number}"))).await.unwrap();
        page.hear().await;
    }
    assert!(files(folder.path()).concat().len() < 16_000, "old lines are taken out");
    drop(some);
    let month = UnixMs(now().0 - 31 * 24 * 3_600_000);
    let path = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let old = format!(
        "\n{{\"shown\":{{\"id\":\"a\",\"at\":{},\"from\":\"you\",\"body\":{{\"kind\":\"text\",\"spans\":[{{\"plain\":\"old\"}}]}}}}}}",
        month.0
    );
    // Half a line of a crash costs nothing but itself.
    append(&path, &(old + "\n{\"shown\":{\"id\":\"m"));
    let mut again = bench(folder.path(), &gate, Some(3)).await;
    let mut browser = browser.clone();
    browser.moved_to(again.address);
    let (mut page, ready) = browser.connect().await;
    let last = ["gateway: number 197", "gateway: number 198", "gateway: number 199"];
    assert_eq!(texts(&ready), last);
    say(&mut again, &mut page, "and on").await;
    drop(again);
    let again = bench(folder.path(), &gate, Some(3)).await;
    browser.moved_to(again.address);
    assert_eq!(texts(&browser.connect().await.1), [last[1], last[2], "you: and on"]);
    drop(again);
    let none = bench(folder.path(), &gate, Some(0)).await;
    browser.moved_to(none.address);
    assert_eq!(texts(&browser.connect().await.1), [""; 0]);
    none.send_kept(&browser.id(), Text::plain("not for the disk")).await.unwrap();
    assert!(!files(folder.path()).concat().contains("not for the disk"));
}
