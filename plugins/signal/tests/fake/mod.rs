//! A signal-cli of our own: the daemon's JSON-RPC and server-sent events on a loopback port, as strict as the real one
//! where the channel could be wrong. It depends on nothing of this crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod http;
mod lines;
mod methods;
mod platform;
mod state;

use std::time::Duration;

use openclaw_plugin_sdk::{
    SentRef,
    testing::{self, Server},
};
use serde_json::{Value, json};

pub(crate) use state::{Failing, Shown, State};

/// The account's number.
pub(crate) const NUMBER: &str = "+15550000001";
/// Who the account is on Signal.
pub(crate) const US: &str = "11111111-2222-4333-8444-555555555555";
/// A group that all are in.
pub(crate) const GROUP: &str = "WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=";

/// What a phone scans to link the account.
pub(crate) const LINK: &str = "sgnl://linkdevice?uuid=c2VjcmV0LXV1aWQ%3D&pub_key=BSecretPublicKey";

/// What the program writes on both outputs. It is a secret.
pub(crate) const NOISE: &str = "INFO sgnl://linkdevice?uuid=NOISE&pub_key=NOISE";

/// A running daemon; dropped, it is gone.
pub(crate) struct FakeSignal {
    pub(crate) shared: Shared,
    server: Server,
    /// Where the channel starts it itself.
    program: Option<lines::Program>,
}

/// What handlers and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeSignal {
    /// Starts on a free port, linked to the account.
    pub(crate) async fn start() -> Self {
        let shared = Shared::new(State::default());
        let server = Server::start(|address| http::app(shared.clone(), address)).await;
        Self { shared, server, program: None }
    }

    /// A signal-cli of this version, that the channel starts itself.
    pub(crate) async fn program(version: &str) -> Self {
        let mut fake = Self::start().await;
        fake.program = Some(lines::Program::new(version, &fake.shared));
        fake
    }

    /// Where the program is.
    pub(crate) fn program_path(&self) -> std::path::PathBuf {
        self.program.as_ref().expect("a program").path()
    }

    /// How the program was started each time, with its process.
    pub(crate) fn program_starts(&self) -> Vec<(u32, Vec<String>)> {
        self.program.as_ref().expect("a program").starts()
    }

    /// The variables that the program was started with.
    pub(crate) fn program_environment(&self) -> String {
        self.program.as_ref().expect("a program").environment()
    }

    /// The account is not, or not any more, one of the program's.
    pub(crate) fn unlink(&self, unlinked: bool) {
        self.program.as_ref().expect("a program").unlink(unlinked);
    }

    /// Where it answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A person writes to the account alone. The event's id, as the channel spells it.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, json!({ "message": text }))
    }

    /// A person sends this, beside what each message has. The event's id, as the channel spells it.
    pub(crate) fn message(&self, name: &str, data: Value) -> String {
        self.shared.change(|state| state.message(name, data))
    }

    /// An envelope of a person as it stands, but for its sender and times. The event's id.
    pub(crate) fn envelope(&self, name: &str, more: Value) -> String {
        self.shared.change(|state| state.envelope(name, more))
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

/// True while this process runs.
pub(crate) fn is_running(id: u32) -> bool {
    // One that waits to be reaped has ended.
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// The ACI of a person by name.
pub(crate) fn aci(name: &str) -> String {
    let hex = name.bytes().take(6).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("0f1e2d3c-4b5a-4968-8776-{hex:0<12}")
}

/// The number of a person by name.
pub(crate) fn number(name: &str) -> String {
    let sum = name.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 9_999_991);
    format!("+1555{sum:07}")
}

/// The group, as messages in it name it.
pub(crate) fn group() -> Value {
    json!({ "groupId": GROUP, "groupName": "Family", "revision": 3, "type": "DELIVER" })
}

/// A mention of the account, at the beginning of a text.
pub(crate) fn mention() -> Value {
    json!([{ "name": NUMBER, "number": NUMBER, "uuid": US, "start": 0, "length": 1 }])
}

/// A reaction with this emoji to what this person has sent.
pub(crate) fn reaction(emoji: &str, author: &str, at: u64, is_remove: bool) -> Value {
    json!({ "message": null, "reaction": {
        "emoji": emoji, "targetAuthor": author, "targetAuthorNumber": null, "targetAuthorUuid": author,
        "targetSentTimestamp": at, "isRemove": is_remove,
    } })
}

/// When a message of ours was sent.
pub(crate) fn sent_at(sent: &SentRef) -> u64 {
    sent.id.as_str().parse().expect("a time")
}

/// A rate limit that names its seconds.
pub(crate) fn slow_down(wait: Duration) -> Failing {
    let one = json!({ "type": "RATE_LIMIT_FAILURE", "retryAfterSeconds": wait.as_secs() });
    let data = json!({ "response": { "timestamp": 1, "results": [one] } });
    Failing::Error(-5, "Failed to send message due to rate limiting", data)
}

/// What a message quotes.
pub(crate) fn quote(at: u64, author: &str, text: &str) -> Value {
    json!({ "id": at, "author": author, "authorNumber": null, "authorUuid": author, "text": text, "attachments": [] })
}
