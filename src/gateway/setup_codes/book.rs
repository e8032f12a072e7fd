//! Which chat a setup code was made in, which of our messages shows it, and which chats are told of devices without
//! one. Kept across restarts; no code stands in it.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    AccountId, ChatId, ChatKind, Conversation, EventId, SenderId, SentRef, own_file,
};
use serde::{Deserialize, Serialize};

use crate::{
    rules::{AccountKey, device::setup_code::SetupId},
    store::{StoreError, private},
};

/// So many codes that are over are remembered, for the devices that came with them.
const REMEMBERED: usize = 64;

/// An owner's direct chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct OwnersChat {
    channel: String,
    account: String,
    chat: String,
    pub(crate) owner: String,
}

impl OwnersChat {
    /// The direct chat in which an owner writes to this account.
    pub(crate) fn new(key: &AccountKey, chat: &ChatId, owner: &SenderId) -> Self {
        Self {
            channel: key.channel.clone(),
            account: key.account.as_str().to_owned(),
            chat: chat.as_str().to_owned(),
            owner: owner.as_str().to_owned(),
        }
    }

    /// True for an account.
    pub(crate) fn is_on(&self, key: &AccountKey) -> bool {
        self.channel == key.channel && self.account == key.account.as_str()
    }

    /// A message of ours in it.
    pub(crate) fn reference(&self, message: &str) -> SentRef {
        SentRef { chat: ChatId::new(&self.chat), id: EventId::new(message) }
    }

    /// The account that the owner writes to.
    pub(crate) fn account(&self) -> AccountKey {
        let account = AccountId::parse(&self.account).unwrap_or_else(AccountId::default_account);
        AccountKey { channel: self.channel.clone(), account }
    }

    /// The channel's id.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// The owner, as the access log names them.
    pub(crate) fn actor(&self) -> String {
        format!("{}:{}", self.channel, self.owner)
    }

    /// Where to write.
    pub(crate) fn conversation(&self) -> Conversation {
        Conversation::new(ChatId::new(&self.chat), ChatKind::Direct)
    }
}

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
struct Entry {
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
    codes: Vec<Entry>,
    listeners: Vec<Listener>,
}

/// All of it, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct SetupBook {
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

impl SetupBook {
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
        let over = |entry: &&Entry| entry.stage == Stage::Over;
        let surplus = self.pages.codes.iter().filter(over).count().saturating_sub(REMEMBERED);
        let mut left = surplus;
        self.pages.codes.retain(|entry| {
            let goes = left > 0 && entry.stage == Stage::Over;
            left -= usize::from(goes);
            !goes
        });
        let code = code.as_str().to_owned();
        self.pages.codes.push(Entry { code, chat, stage: Stage::Sending });
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
        let standing = |entry: &Entry| match &entry.stage {
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
    use super::*;

    fn chat(owner: &str) -> OwnersChat {
        OwnersChat {
            channel: "telegram".to_owned(),
            account: "default".to_owned(),
            chat: owner.to_owned(),
            owner: owner.to_owned(),
        }
    }

    fn sent(message: &str) -> SentRef {
        SentRef { chat: ChatId::new("7"), id: EventId::new(message) }
    }

    #[test]
    fn case_049_what_stands_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("setup-messages.json");
        let mut book = SetupBook::open(path.clone());
        let [one, two, three] = ["one", "two", "three"].map(SetupId::from_text);
        for code in [&one, &two, &three] {
            book.made(code, chat("7"));
        }
        book.stands(&one, &sent("41"));
        book.stands(&two, &sent("42"));
        book.over(&one);
        book.writing().unwrap()().unwrap();
        assert!(book.writing().is_none(), "written once");
        let book = SetupBook::open(path);
        let standing = book.standing();
        assert_eq!(standing.len(), 1);
        assert_eq!((&standing[0].code, &standing[0].sent), (&two, &sent("42")));
        assert_eq!(book.chat_of(&three), Some(chat("7")), "also of what never arrived");
    }

    #[test]
    fn a_chat_that_listens_once_hears_once() {
        let mut book = SetupBook::default();
        book.listen(chat("7"), Some(false));
        book.listen(chat("8"), Some(true));
        assert_eq!((book.listens(&chat("7")), book.listens(&chat("8"))), (Some(false), Some(true)));
        assert_eq!(book.listeners(), [chat("7"), chat("8")]);
        assert_eq!(book.listeners(), [chat("7")]);
        book.listen(chat("7"), None);
        assert!(book.listeners().is_empty());
    }

    #[test]
    fn the_book_has_an_end() {
        let mut book = SetupBook::default();
        for n in 0..1000 {
            let code = SetupId::from_text(&n.to_string());
            book.made(&code, chat("7"));
            book.over(&code);
        }
        assert!(book.pages.codes.len() <= REMEMBERED + 1);
    }
}
