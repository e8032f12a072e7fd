//! Which chat a setup code was made in, which of our messages shows it, and which chats are told of devices without
//! one. Kept across restarts; no code stands in it.

use std::path::PathBuf;

use openclaw_plugin_sdk::{EventId, SentRef, own_file};
use serde::{Deserialize, Serialize};

use crate::{
    accounts::owners_chat::OwnersChat,
    rules::device::setup_code::SetupId,
    store::{StoreError, private},
};

/// So many codes that are over are remembered, for the devices that came with them.
const REMEMBERED: usize = 64;

/// What stands in the chat of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    /// Its message is on its way.
    Sending,
    /// This message shows it.
    Standing(String),
    /// Nothing any more.
    Over,
}

/// One code.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ShownCode {
    code: String,
    chat: OwnersChat,
    stage: Stage,
}

/// A chat that is told of devices without a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Listener {
    chat: OwnersChat,
    once: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Pages {
    codes: Vec<ShownCode>,
    listeners: Vec<Listener>,
}

/// All of it, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct ShownCodes {
    path: PathBuf,
    pages: Pages,
    changed: bool,
}

/// A message that shows a code.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) code: SetupId,
    pub(crate) chat: OwnersChat,
    pub(crate) sent: SentRef,
}

impl ShownCodes {
    /// Reads what is there; what cannot be read is forgotten, for nothing in it decides anything.
    pub(crate) fn open(path: PathBuf) -> Self {
        let bytes = own_file::read(&path).unwrap_or_default();
        let mut pages: Pages = serde_json::from_slice(&bytes).unwrap_or_default();
        for entry in &mut pages.codes {
            // What was on its way when the gateway ended stands nowhere that we know of.
            if entry.stage == Stage::Sending {
                entry.stage = Stage::Over;
            }
        }
        Self { path, pages, changed: false }
    }

    /// Writes what has changed since the last time; blocks on disk.
    pub(crate) fn writing(&mut self) -> Option<impl FnOnce() -> Result<(), StoreError> + use<>> {
        std::mem::take(&mut self.changed).then(|| {
            let (path, pages) = (self.path.clone(), self.pages.clone());
            move || private::replace_json(&path, &pages)
        })
    }

    /// A code was made in this chat, and its message goes out.
    pub(crate) fn made(&mut self, code: &SetupId, chat: OwnersChat) {
        let over = |entry: &&ShownCode| entry.stage == Stage::Over;
        let surplus = self.pages.codes.iter().filter(over).count().saturating_sub(REMEMBERED);
        let mut left = surplus;
        self.pages.codes.retain(|entry| {
            let goes = left > 0 && entry.stage == Stage::Over;
            left -= usize::from(goes);
            !goes
        });
        let code = code.as_str().to_owned();
        self.pages.codes.push(ShownCode { code, chat, stage: Stage::Sending });
        self.changed = true;
    }

    /// This message shows the code.
    pub(crate) fn stands(&mut self, code: &SetupId, sent: &SentRef) {
        self.put(code, Stage::Standing(sent.id.as_str().to_owned()));
    }

    /// No message shows the code any more.
    pub(crate) fn over(&mut self, code: &SetupId) {
        self.put(code, Stage::Over);
    }

    fn put(&mut self, code: &SetupId, stage: Stage) {
        if let Some(entry) = self.pages.codes.iter_mut().find(|one| one.code == code.as_str()) {
            entry.stage = stage;
            self.changed = true;
        }
    }

    /// Every message that shows a code.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        let standing = |entry: &ShownCode| match &entry.stage {
            Stage::Standing(message) => Some(Standing {
                code: SetupId::from_text(&entry.code),
                chat: entry.chat.clone(),
                sent: SentRef {
                    chat: entry.chat.conversation().id,
                    id: EventId::new(message.clone()),
                },
            }),
            Stage::Over | Stage::Sending => None,
        };
        self.pages.codes.iter().filter_map(standing).collect()
    }

    /// The chat that a code was made in.
    pub(crate) fn chat_of(&self, code: &SetupId) -> Option<OwnersChat> {
        let entry = self.pages.codes.iter().find(|entry| entry.code == code.as_str());
        entry.map(|entry| entry.chat.clone())
    }

    /// Whether a chat listens: `None` where not, else whether once only.
    pub(crate) fn listens(&self, chat: &OwnersChat) -> Option<bool> {
        self.pages.listeners.iter().find(|one| one.chat == *chat).map(|one| one.once)
    }

    /// Lets a chat listen, or not any more.
    pub(crate) fn listen(&mut self, chat: OwnersChat, once: Option<bool>) {
        self.pages.listeners.retain(|one| one.chat != chat);
        self.pages.listeners.extend(once.map(|once| Listener { chat, once }));
        self.changed = true;
    }

    /// Every chat that listens; one that listens once has listened.
    pub(crate) fn listeners(&mut self) -> Vec<OwnersChat> {
        let all = self.pages.listeners.iter().map(|one| one.chat.clone()).collect();
        let before = self.pages.listeners.len();
        self.pages.listeners.retain(|one| !one.once);
        self.changed |= self.pages.listeners.len() < before;
        all
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{ChatId, SenderId};

    use super::*;
    use crate::rules::AccountKey;

    fn chat(owner: &str) -> OwnersChat {
        let key = AccountKey::default_of("telegram");
        OwnersChat::new(&key, &ChatId::new(owner), &SenderId::new(owner).unwrap())
    }

    fn sent(message: &str) -> SentRef {
        SentRef { chat: ChatId::new("7"), id: EventId::new(message) }
    }

    #[test]
    fn case_049_what_stands_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("setup-messages.json");
        let mut shown = ShownCodes::open(path.clone());
        let [one, two, three] = ["one", "two", "three"].map(SetupId::from_text);
        for code in [&one, &two, &three] {
            shown.made(code, chat("7"));
        }
        shown.stands(&one, &sent("41"));
        shown.stands(&two, &sent("42"));
        shown.over(&one);
        shown.writing().unwrap()().unwrap();
        assert!(shown.writing().is_none(), "written once");
        let shown = ShownCodes::open(path);
        let standing = shown.standing();
        assert_eq!(standing.len(), 1);
        assert_eq!((&standing[0].code, &standing[0].sent), (&two, &sent("42")));
        assert_eq!(shown.chat_of(&three), Some(chat("7")), "also of what never arrived");
    }

    #[test]
    fn a_chat_that_listens_once_hears_once() {
        let mut shown = ShownCodes::default();
        shown.listen(chat("7"), Some(false));
        shown.listen(chat("8"), Some(true));
        assert_eq!(
            (shown.listens(&chat("7")), shown.listens(&chat("8"))),
            (Some(false), Some(true))
        );
        assert_eq!(shown.listeners(), [chat("7"), chat("8")]);
        assert_eq!(shown.listeners(), [chat("7")]);
        shown.listen(chat("7"), None);
        assert!(shown.listeners().is_empty());
    }

    #[test]
    fn the_book_has_an_end() {
        let mut shown = ShownCodes::default();
        for n in 0..1000 {
            let code = SetupId::from_text(&n.to_string());
            shown.made(&code, chat("7"));
            shown.over(&code);
        }
        assert!(shown.pages.codes.len() <= REMEMBERED + 1);
    }
}
