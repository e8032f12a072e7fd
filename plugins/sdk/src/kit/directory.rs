//! Which conversation of a platform is the direct chat with a person: the gateway knows that chat by the person's id.

use parking_lot::Mutex;

use super::bounded::Bounded;

/// The direct chats that are known.
#[derive(Debug, Default)]
pub struct DirectChats(Mutex<Bounded<String, String>>);

impl DirectChats {
    /// The chat with this person.
    pub fn with(&self, person: &str) -> Option<String> {
        self.0.lock().get(person).cloned()
    }

    /// The person whose chat this is.
    pub fn person_in(&self, chat: &str) -> Option<String> {
        let chats = self.0.lock();
        chats.iter().find(|(_, known)| *known == chat).map(|(person, _)| person.clone())
    }

    /// Remembers a chat.
    pub fn learn(&self, person: &str, chat: &str) {
        self.0.lock().insert(person.to_owned(), chat.to_owned());
    }

    /// The chat with this person is not where it was.
    pub fn forget(&self, person: &str) {
        self.0.lock().remove(person);
    }
}
