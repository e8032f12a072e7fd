//! What the fake daemon knows: envelopes that wait at Signal, and what the account has sent.

use std::collections::{BTreeSet, VecDeque};

use openclaw_plugin_sdk::{ChatId, EventId, contract::Seen};
use serde_json::{Value, json};

use super::{NUMBER, aci, number};

/// Everything, and the switches for what can go wrong.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct State {
    /// Events that wait at Signal: with `--receive-mode=on-connection` nobody has fetched them.
    pub(crate) waiting: VecDeque<Value>,
    /// What the present connection was given. A connection can end between what was written and what was read: the
    /// real daemon has lost that, this one gives it to the next connection again, so that no test races with it.
    given: Vec<Value>,
    /// Then it is lost here too.
    pub(crate) lossy: bool,
    /// What the account sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// The calls that were made: method and parameters.
    pub(crate) calls: Vec<(String, Value)>,
    /// Who is not on Signal any more.
    pub(crate) gone: BTreeSet<String>,
    /// How often people were shown that the account writes.
    pub(crate) typed: usize,
    /// The next calls that send something fail so, in order.
    pub(crate) failing: VecDeque<Failing>,
    /// All of them do.
    pub(crate) storm: Option<Failing>,
    /// Every request is answered with this status.
    pub(crate) status: Option<u16>,
    /// The account is not, or not any more, one of the daemon's.
    pub(crate) unlinked: bool,
    /// Signal does not take the account any more, and the daemon has not noticed.
    pub(crate) expelled: bool,
    /// Another account is what the phone links.
    pub(crate) links: Option<&'static str>,
    /// Nobody scans the link: what is said then.
    pub(crate) unscanned: Option<&'static str>,
    /// It was started with `-a`: there is no `listAccounts`.
    pub(crate) single: bool,
    /// It cannot tell what Signal's clock shows.
    pub(crate) timeless: bool,
    /// By so many milliseconds Signal's clock is behind.
    pub(crate) behind: u64,
    /// The connection that hears events now, if there is one.
    pub(crate) listener: Option<u64>,
    /// It ends, in the middle of an event.
    pub(crate) broken: bool,
    /// It is written this, which is no event.
    pub(crate) noise: Option<&'static str>,
    connections: u64,
    last: u64,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub(crate) enum Failing {
    /// An error of JSON-RPC: code, words and data. Nothing was sent.
    Error(i64, &'static str, Value),
    /// It was sent, and half an answer comes.
    Half,
    /// A result with these results, and nothing was sent.
    Results(Value),
}

/// A message that the account sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// An ACI, a number or a group.
    pub(crate) chat: String,
    /// When it was sent, which is its id.
    pub(crate) at: u64,
    pub(crate) text: String,
    /// As `start:length:STYLE`.
    pub(crate) styles: Vec<String>,
    /// The first attachment: its head, and its bytes.
    pub(crate) file: Option<(String, Vec<u8>)>,
    /// Author, time and text of what it quotes.
    pub(crate) quote: Option<(String, u64, String)>,
}

impl Shown {
    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            chat: Some(ChatId::new(&self.chat)),
            id: Some(EventId::new(self.at.to_string())),
            text: self.text.clone(),
            image: self.file.as_ref().map(|(_, bytes)| bytes.clone()),
            answers: self.quote.as_ref().map(|(who, at, _)| EventId::new(format!("{who}:{at}"))),
            ..Seen::default()
        }
    }
}

impl State {
    /// A moment that no other message has, by Signal's clock.
    pub(crate) fn stamp(&mut self) -> u64 {
        self.last = (self.now()).max(self.last + 1);
        self.last
    }

    /// Milliseconds since the epoch, by Signal's clock.
    pub(crate) fn now(&self) -> u64 {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or_default() - self.behind
    }

    pub(crate) fn message(&mut self, name: &str, data: Value) -> String {
        let at = self.stamp();
        let mut message = json!({
            "timestamp": at, "message": "", "expiresInSeconds": 0, "isExpirationUpdate": false, "viewOnce": false,
        });
        merge(&mut message, data);
        self.send(name, at, json!({ "dataMessage": message }))
    }

    pub(crate) fn envelope(&mut self, name: &str, more: Value) -> String {
        let at = self.stamp();
        self.send(name, at, more)
    }

    fn send(&mut self, name: &str, at: u64, more: Value) -> String {
        let (aci, number) = (aci(name), number(name));
        let mut envelope = json!({
            "source": number, "sourceNumber": number, "sourceUuid": aci, "sourceName": name, "sourceDevice": 1,
            "timestamp": at, "serverReceivedTimestamp": at, "serverDeliveredTimestamp": 0,
        });
        if self.timeless {
            envelope["serverReceivedTimestamp"] = 0.into();
        }
        merge(&mut envelope, more);
        let id = format!("{}:{}", who(&envelope), envelope["timestamp"]);
        self.waiting.push_back(envelope);
        id
    }

    /// A client hears events now, and no other.
    pub(crate) fn connect(&mut self) -> u64 {
        self.connections += 1;
        self.listener = Some(self.connections);
        let given = std::mem::take(&mut self.given);
        if !self.lossy {
            for event in given.into_iter().rev() {
                self.waiting.push_front(event);
            }
        }
        self.connections
    }

    /// That client has gone.
    pub(crate) fn leave(&mut self, connection: u64) {
        if self.listener == Some(connection) {
            self.listener = None;
        }
    }

    /// The next event for a connection.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut envelope = self.waiting.pop_front()?;
        self.given.push(envelope.clone());
        if !self.timeless {
            envelope["serverDeliveredTimestamp"] = self.now().into();
        }
        // What could not be decrypted is said beside the envelope.
        let mut beside = |key| envelope.as_object_mut().and_then(|parts| parts.remove(key));
        let (exception, account) = (beside("exception"), beside("account"));
        let account = account.unwrap_or_else(|| NUMBER.into());
        let mut event = json!({ "account": account, "envelope": envelope });
        if let Some(exception) = exception {
            event["exception"] = exception;
        }
        Some(event)
    }
}

/// The sender's id as the channel spells it.
fn who(envelope: &Value) -> String {
    let id =
        [&envelope["sourceUuid"], &envelope["sourceNumber"]].into_iter().find_map(Value::as_str);
    id.unwrap_or_default().to_owned()
}

fn merge(into: &mut Value, from: Value) {
    if let Value::Object(from) = from {
        for (key, value) in from {
            into[key] = value;
        }
    }
}
