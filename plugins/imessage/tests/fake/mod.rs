//! An imsg of our own: the program that the channel starts, with a Messages behind it, as strict as the real one where the
//! channel could be wrong. It depends on nothing of this crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "messages are made where they are sent")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod methods;
mod platform;
mod program;
mod state;

use openclaw_plugin_sdk::testing;
use serde_json::{Value, json};

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use state::{Failing, Receipt, Shown, State, time};

/// A group that all are in.
pub(crate) const GROUP: &str = "iMessage;+;chat831551415676550949";
/// The account's own handle.
pub(crate) const US: &str = "+15550000001";

/// A Mac; dropped, its program is gone.
pub(crate) struct FakeMessages {
    pub(crate) shared: Shared,
    program: testing::program::Program,
}

/// What program and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeMessages {
    /// One that may read the messages, with the bridge that shows answers.
    pub(crate) async fn start() -> Self {
        let shared = Shared::new(State::default());
        let program = program::new(&shared).await;
        Self { shared, program }
    }

    /// Where the program is.
    pub(crate) fn path(&self) -> String {
        self.program.path("imsg").display().to_string()
    }

    /// The variables that the program was started with.
    pub(crate) fn environment(&self) -> String {
        self.program.environment()
    }

    /// The program dies, and says this.
    pub(crate) fn dies(&self, words: &str) {
        self.program.fails_with(words);
        self.with(|state| state.broken = true);
    }

    /// A person writes to the account alone. The event's id.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, direct(name), json!({ "text": text }))
    }

    /// A person writes in a chat; `more` is whatever imsg would add. The event's id.
    pub(crate) fn message(&self, name: &str, chat: Value, more: Value) -> String {
        self.with(|state| state.message(name, chat, more))
    }

    /// A person answers a message of the account in the group: there is no other mention. The event's id.
    pub(crate) fn to_us(&self, name: &str, text: &str) -> String {
        let own = self.with(|state| state.own(GROUP, "by hand, on the Mac"));
        self.message(name, group(), json!({ "text": text, "thread_originator_guid": own }))
    }

    /// Changes how it behaves, or looks at what it knows.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// Waits until something holds, as often as anything changes.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        self.shared.until(what, holds).await;
    }
}

/// The handle of a person by name.
pub(crate) fn handle(name: &str) -> String {
    let sum = name.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 9_999_991);
    format!("+1555{sum:07}")
}

/// What a row says of a chat with this id.
pub(crate) fn chat(guid: &str) -> Value {
    let identifier = guid.rsplit(';').next();
    json!({
        "chat_id": 1, "chat_guid": guid, "chat_identifier": identifier, "chat_name": "Family",
        "is_group": guid.contains(";+;"), "participants": [],
    })
}

/// A person's direct chat with the account.
pub(crate) fn direct(name: &str) -> Value {
    chat(&format!("iMessage;-;{}", handle(name)))
}

/// A person's direct chat with the account, by SMS.
pub(crate) fn by_sms(name: &str) -> Value {
    chat(&format!("SMS;-;{}", handle(name)))
}

/// The group that all are in.
pub(crate) fn group() -> Value {
    chat(GROUP)
}
