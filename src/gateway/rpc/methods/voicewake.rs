//! `voicewake.*`: the words that wake an app, the same on every device. Kept in `<state>/settings/voicewake.json`.

use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use openclaw_plugin_sdk::{neutral, own_file};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Call, invalid};
use crate::{
    FileMark, Gateway, blocking, file_mark,
    rpc::hub::{Audience, Event},
    rules::authority::Authority,
    store::{StoreError, private},
    world,
};

/// What apps listen for where nobody has said anything else.
const DEFAULT: [&str; 3] = ["openclaw", "claude", "computer"];
/// So many words at most.
const WORDS: usize = 32;
/// So many characters a word at most.
const LENGTH: usize = 64;
/// A longer file is not ours.
const FILE: u64 = 64 * 1024;

/// `voicewake.get`.
pub(super) async fn get(gateway: &Gateway) -> Value {
    shown(&or_usual(read(gateway).await))
}

/// `voicewake.routing.get`: every word wakes the one assistant.
pub(super) fn routing() -> Value {
    json!({ "config": {
        "version": 1, "defaultTarget": { "mode": "current" }, "routes": [], "updatedAtMs": 0,
    } })
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredTriggers {
    triggers: Vec<String>,
    #[serde(default)]
    updated_at_ms: u64,
}

#[derive(Deserialize)]
struct TriggerParams {
    triggers: Vec<String>,
}

fn shown(triggers: &[String]) -> Value {
    json!({ "triggers": triggers })
}

fn defaults() -> Vec<String> {
    DEFAULT.map(str::to_owned).to_vec()
}

/// Words fit to be kept and shown; the usual ones where none is left.
fn tidy(triggers: &[String]) -> Vec<String> {
    let words = triggers.iter().map(|word| neutral(word, LENGTH)).filter(|word| !word.is_empty());
    let mut tidy: Vec<String> = Vec::new();
    for word in words.take(WORDS) {
        if !tidy.contains(&word) {
            tidy.push(word);
        }
    }
    if tidy.is_empty() { defaults() } else { tidy }
}

/// What a node is told when it comes, and the file that it was encoded from.
pub(crate) type Encoded = Mutex<Option<(FileMark, Arc<Event>)>>;

/// What a node is told when it comes, where the file is the one that was read last.
pub(super) fn known_event(gateway: &Gateway) -> Option<Arc<Event>> {
    let encoded = gateway.rpc.wake_words.lock();
    let (mark, event) = encoded.as_ref()?;
    (*mark == file_mark(&gateway.state.voicewake())).then(|| Arc::clone(event))
}

/// What a node is told when it comes.
pub(super) async fn changed_event(gateway: &Gateway) -> Arc<Event> {
    // Before the file is read: what is written meanwhile is another one.
    let mark = file_mark(&gateway.state.voicewake());
    let read = read(gateway).await;
    let is_read = read.is_ok();
    let event = Arc::new(Event::new("voicewake.changed", &shown(&or_usual(read))));
    if is_read {
        let mut encoded = gateway.rpc.wake_words.lock();
        *encoded = Some((mark, Arc::clone(&event)));
    }
    event
}

async fn read(gateway: &Gateway) -> Result<Vec<String>, StoreError> {
    let path = gateway.state.voicewake();
    let kept = blocking(move || load(&path).map_err(|source| unread(&path, source))).await?;
    Ok(kept.map_or_else(defaults, |kept| tidy(&kept.triggers)))
}

fn unread(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { doing: "read", path: path.to_owned(), source }
}

fn or_usual(read: Result<Vec<String>, StoreError>) -> Vec<String> {
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "the wake words cannot be read; the usual ones are used");
        defaults()
    })
}

/// `None` where nobody has said anything.
fn load(path: &Path) -> io::Result<Option<StoredTriggers>> {
    let mut text = String::new();
    match own_file::open(path) {
        Ok(file) => file.take(FILE).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    serde_json::from_str(&text).map(Some).map_err(io::Error::other)
}

/// `voicewake.set`.
pub(super) async fn set(call: &Call) -> Answer {
    let wished: TriggerParams = call.params()?;
    let long = |word: &String| word.trim().chars().count() > LENGTH;
    if wished.triggers.len() > WORDS || wished.triggers.iter().any(long) {
        return Err(call.wrong("`triggers` has at most 32 words of at most 64 characters"));
    }
    let triggers = tidy(&wished.triggers);
    let kept = StoredTriggers { triggers: triggers.clone(), updated_at_ms: world::now().0 };
    let text = serde_json::to_vec_pretty(&kept).map_err(|error| invalid(error.to_string()))?;
    let path = call.gateway.state.voicewake();
    let by = call.session.rights();
    call.read(move |store| {
        let mut replace = || private::replace(&path, &text);
        store.while_holding(&Authority::Session(by), &mut replace)
    })
    .await?;
    let event = Event::new("voicewake.changed", &shown(&triggers));
    call.gateway.rpc.sessions.broadcast(Audience::All, &event);
    Ok(shown(&triggers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_tidied_and_never_none() {
        let tidied =
            |words: &[&str]| tidy(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(tidied(&[]), DEFAULT);
        assert_eq!(tidied(&["  ", "\u{202e}"]), DEFAULT);
        assert_eq!(tidied(&["hey", " hey ", "you\nthere"]), ["hey", "you there"]);
        assert_eq!(tidied(&vec!["a"; 99]).len(), 1);
    }

    #[test]
    fn what_was_kept_is_read_and_a_broken_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("voicewake.json");
        assert!(load(&path).unwrap().is_none());
        private::replace(&path, br#"{"triggers":["hey"],"updatedAtMs":5}"#).unwrap();
        assert_eq!(load(&path).unwrap().unwrap().triggers, ["hey"]);
        private::replace(&path, b"{").unwrap();
        assert!(load(&path).is_err());
    }
}
