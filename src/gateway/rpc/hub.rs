//! Who is connected over the gateway's socket, and what is sent to which client. Events are numbered for each receiver.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::{Mutex, MutexGuard, RwLock};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    protocol::{
        connect::Client,
        frame::Response,
        hello::{Limits, StateVersion},
        refusal::{self, CLOSE_INVALIDATED, CLOSE_POLICY},
    },
    rules::{
        authority::{Authority, Rights, Shown},
        device::{
            handshake::Method,
            identity::DeviceId,
            role::{Role, Scope, Scopes},
        },
    },
    store::Store,
};

/// One connection of a client that was let in.
#[derive(Debug)]
pub(crate) struct Session {
    /// Of this run of the gateway.
    pub(crate) number: u64,
    opening: Opening,
    /// Calls that are not answered yet.
    pub(crate) underway: AtomicUsize,
    /// Calls of the other role's methods.
    pub(crate) trespasses: AtomicU32,
    line: Mutex<Line>,
    waiting_bytes: AtomicUsize,
    closing: Mutex<Option<Closing>>,
    pub(crate) closed: Notify,
}

/// What a connected node declared, and what of it works.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeSide {
    pub(crate) declared_caps: BTreeSet<String>,
    pub(crate) declared_commands: BTreeSet<String>,
    pub(crate) permissions: BTreeMap<String, bool>,
    pub(crate) path_env: Option<String>,
    /// What it may be asked to do.
    pub(crate) commands: BTreeSet<String>,
    /// What of its abilities is approved.
    pub(crate) caps: BTreeSet<String>,
}

/// Why and how a socket is closed.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

#[derive(Debug)]
struct Line {
    events: u64,
    out: mpsc::UnboundedSender<Frame>,
}

/// What waits for a session's socket.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) text: Utf8Bytes,
    pub(crate) kind: Kind,
}

/// What becomes of a frame whose session loses its rights while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It goes: what a call has changed is told before the close that it causes.
    Owed,
    /// It is dropped.
    Told,
    /// It is dropped, and its rights are asked for once more when its turn comes.
    Guarded,
}

/// What a session is made of.
#[derive(Debug)]
pub(crate) struct Opening {
    /// As `hello-ok` names it.
    pub(crate) conn_id: String,
    pub(crate) protocol: u32,
    pub(crate) role: Role,
    pub(crate) scopes: Scopes,
    pub(crate) method: Method,
    pub(crate) device: Option<DeviceId>,
    /// What it showed: it ends with it.
    pub(crate) shown: Shown,
    pub(crate) client: Client,
    pub(crate) address: IpAddr,
    pub(crate) since: UnixMs,
    pub(crate) node: Option<Mutex<NodeSide>>,
}

impl Deref for Session {
    type Target = Opening;

    fn deref(&self) -> &Opening {
        &self.opening
    }
}

/// What goes out on a session's line.
pub(crate) type Outgoing = mpsc::UnboundedReceiver<Frame>;

/// An event, encoded once for all its receivers.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    head: String,
    /// Left out for a receiver who is slow.
    droppable: bool,
    kind: Kind,
}

impl Event {
    pub(crate) fn new(name: &str, payload: &Value) -> Self {
        let name = Value::from(name);
        let head = format!(r#"{{"type":"event","event":{name},"payload":{payload}"#);
        Self { head, droppable: false, kind: Kind::Told }
    }

    /// With the numbers of presence and health that it brings.
    pub(crate) fn versioned(mut self, version: StateVersion) -> Self {
        let StateVersion { presence, health } = version;
        let version = format!(r#","stateVersion":{{"presence":{presence},"health":{health}}}"#);
        self.head.push_str(&version);
        self
    }

    pub(crate) fn droppable(mut self) -> Self {
        self.droppable = true;
        self
    }

    /// Its receivers' rights are asked for again before it goes.
    pub(crate) fn guarded(mut self) -> Self {
        self.kind = Kind::Guarded;
        self
    }

    /// For one receiver, who was meant by name: without a number.
    fn targeted(&self) -> String {
        format!("{}}}", self.head)
    }
}

impl Session {
    /// Sends an answer, after whatever was sent before.
    pub(crate) fn answer(&self, response: &Response, kind: Kind) {
        match serde_json::to_string(response) {
            Ok(text) => self.put(&self.line.lock(), text, kind),
            Err(error) => tracing::error!(%error, "an answer cannot be encoded"),
        }
    }

    /// Sends text as it is.
    pub(crate) fn text(&self, text: String) {
        self.put(&self.line.lock(), text, Kind::Owed);
    }

    /// Sends an event that everybody of its audience gets: numbered.
    pub(crate) fn event(&self, event: &Event) {
        if event.droppable
            && self.waiting_bytes.load(Ordering::Relaxed) > Limits::default().max_buffered_bytes / 2
        {
            return;
        }
        let mut line = self.line.lock();
        line.events += 1;
        let text = format!(r#"{},"seq":{}}}"#, event.head, line.events);
        self.put(&line, text, event.kind);
    }

    /// Sends an event that is for this client alone.
    pub(crate) fn event_to_it(&self, event: &Event) {
        self.put(&self.line.lock(), event.targeted(), event.kind);
    }

    fn put(&self, line: &Line, text: String, kind: Kind) {
        let waiting = self.waiting_bytes.fetch_add(text.len(), Ordering::Relaxed) + text.len();
        // A client that has gone is told nothing.
        let _ = line.out.send(Frame { text: text.into(), kind });
        if waiting > Limits::default().max_buffered_bytes {
            self.close(CLOSE_POLICY, refusal::SLOW);
        }
    }

    /// The socket has taken this much.
    pub(crate) fn sent(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Ends the session: nothing that it sends counts any more.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let mut closing = self.closing.lock();
        closing.get_or_insert_with(|| Closing { code, reason: refusal::cut(reason) });
        self.closed.notify_one();
    }

    /// How it is closed, once it is.
    pub(crate) fn closing(&self) -> Option<Closing> {
        self.closing.lock().clone()
    }

    /// What its node declared; nothing for an operator.
    pub(crate) fn node(&self) -> Option<MutexGuard<'_, NodeSide>> {
        self.node.as_ref().map(|node| node.lock())
    }

    /// The device that its own token stands for; nobody where the shared secret was shown.
    pub(crate) fn token_device(&self) -> Option<DeviceId> {
        self.rights().own_device().cloned()
    }

    /// What it may do, and what that rests on.
    pub(crate) fn rights(&self) -> Rights {
        let (role, scopes, shown) = (self.role, self.scopes, self.shown);
        Rights { role, scopes, device: self.device.clone(), shown }
    }

    /// True while the rights that it came with are there.
    pub(crate) fn still_may(&self, store: &Store) -> bool {
        store.holds(&Authority::Session(self.rights())).unwrap_or(false)
    }

    /// How the access log names it.
    pub(crate) fn actor(&self) -> String {
        match &self.device {
            Some(device) => format!("device:{device}"),
            None => format!("{}:{}", self.client.id.as_str(), self.address),
        }
    }
}

/// Who hears an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody.
    All,
    /// Operators who hold this scope.
    Holding(Scope),
}

impl Audience {
    fn has(self, session: &Session) -> bool {
        match self {
            Self::All => true,
            Self::Holding(scope) => session.role == Role::Operator && session.scopes.allow(scope),
        }
    }
}

/// Everybody who is connected.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    next: AtomicU64,
    inside: RwLock<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: BTreeMap<u64, Arc<Session>>,
    by_device: HashMap<DeviceId, BTreeSet<u64>>,
}

impl Sessions {
    /// Makes a session that nobody can find yet: what is sent first is its maker's to say.
    pub(crate) fn prepare(&self, opening: Opening) -> (Arc<Session>, Outgoing) {
        let (out, outgoing) = mpsc::unbounded_channel();
        let session = Session {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            opening,
            underway: AtomicUsize::new(0),
            trespasses: AtomicU32::new(0),
            line: Mutex::new(Line { events: 0, out }),
            waiting_bytes: AtomicUsize::new(0),
            closing: Mutex::default(),
            closed: Notify::new(),
        };
        (Arc::new(session), outgoing)
    }

    /// From here it is found, and hears events.
    pub(crate) fn enter(&self, session: &Arc<Session>) {
        let mut inside = self.inside.write();
        inside.all.insert(session.number, Arc::clone(session));
        if let Some(device) = &session.device {
            inside.by_device.entry(device.clone()).or_default().insert(session.number);
        }
    }

    /// It has gone.
    pub(crate) fn leave(&self, session: &Session) {
        let mut inside = self.inside.write();
        inside.all.remove(&session.number);
        if let Some(device) = &session.device
            && let Some(numbers) = inside.by_device.get_mut(device)
        {
            numbers.remove(&session.number);
            if numbers.is_empty() {
                inside.by_device.remove(device);
            }
        }
    }

    /// Everybody, the first who came first.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let inside = self.inside.read();
        inside.all.values().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.inside.read().all.len()
    }

    /// The newest ones, at most so many.
    pub(crate) fn newest(&self, most: usize) -> Vec<Arc<Session>> {
        let inside = self.inside.read();
        inside.all.values().rev().take(most).cloned().collect()
    }

    /// The devices that are connected.
    pub(crate) fn devices(&self) -> Vec<DeviceId> {
        let inside = self.inside.read();
        inside.by_device.keys().cloned().collect()
    }

    /// The sessions of a device.
    pub(crate) fn of(&self, device: &DeviceId) -> Vec<Arc<Session>> {
        let inside = self.inside.read();
        let numbers = inside.by_device.get(device).into_iter().flatten();
        numbers.filter_map(|number| inside.all.get(number)).cloned().collect()
    }

    /// The device's latest session as a node.
    pub(crate) fn node(&self, device: &DeviceId) -> Option<Arc<Session>> {
        self.of(device).into_iter().rev().find(|session| session.role == Role::Node)
    }

    /// Sends an event to its audience.
    pub(crate) fn broadcast(&self, audience: Audience, event: &Event) {
        let inside = self.inside.read();
        for session in inside.all.values().filter(|session| audience.has(session)) {
            session.event(event);
        }
    }

    /// Closes the device's sessions, in one role or all: its rights have changed.
    pub(crate) fn invalidate(&self, device: &DeviceId, role: Option<Role>, why: &str) {
        let concerned = |session: &&Arc<Session>| role.is_none_or(|role| role == session.role);
        for session in self.of(device).iter().filter(concerned) {
            session.close(CLOSE_INVALIDATED, &refusal::invalidated(why));
        }
    }

    /// Closes everybody's.
    pub(crate) fn close_all(&self, code: u16, reason: &str) {
        for session in self.all() {
            session.close(code, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::{authority::SecretMark, device::handshake::SecretKind};

    fn opening(role: Role, scopes: &[Scope]) -> Opening {
        let client = json!({ "id": "cli", "version": "1", "platform": "linux", "mode": "cli" });
        Opening {
            conn_id: "c".to_owned(),
            protocol: 4,
            role,
            scopes: Scopes::of(scopes),
            method: Method::Token,
            device: None,
            shown: Shown::Secret(SecretMark::new(SecretKind::Token, None)),
            client: serde_json::from_value(client).unwrap(),
            address: IpAddr::from([127, 0, 0, 1]),
            since: UnixMs(1),
            node: None,
        }
    }

    #[test]
    fn each_receiver_counts_what_it_was_sent() {
        let sessions = Sessions::default();
        let (reader, mut to_reader) = sessions.prepare(opening(Role::Operator, &[Scope::Read]));
        let (pairer, mut to_pairer) = sessions.prepare(opening(Role::Operator, &[Scope::Pairing]));
        let (node, mut to_node) = sessions.prepare(opening(Role::Node, &[Scope::Admin]));
        for session in [&reader, &pairer, &node] {
            sessions.enter(session);
        }
        let asked = Event::new("device.pair.requested", &json!({ "requestId": "r" }));
        sessions.broadcast(Audience::Holding(Scope::Pairing), &asked);
        let tick = Event::new("tick", &json!({ "ts": 1 }));
        sessions.broadcast(Audience::All, &tick);
        let got = |outgoing: &mut Outgoing| {
            std::iter::from_fn(|| outgoing.try_recv().ok())
                .map(|frame| frame.text.to_string())
                .collect::<Vec<_>>()
        };
        let numbered =
            |n| format!(r#"{{"type":"event","event":"tick","payload":{{"ts":1}},"seq":{n}}}"#);
        assert_eq!(got(&mut to_reader), [numbered(1)]);
        assert_eq!(got(&mut to_node), [numbered(1)]);
        let asked = r#"{"type":"event","event":"device.pair.requested","payload":{"requestId":"r"},"seq":1}"#;
        assert_eq!(got(&mut to_pairer), [asked.to_owned(), numbered(2)]);
        node.event_to_it(&Event::new("x", &json!(null)));
        assert_eq!(got(&mut to_node), [r#"{"type":"event","event":"x","payload":null}"#]);
        sessions.leave(&reader);
        assert_eq!(sessions.count(), 2);
    }

    #[test]
    fn a_client_that_does_not_read_is_closed_and_loses_what_may_be_left_out_before() {
        let sessions = Sessions::default();
        let (slow, mut outgoing) = sessions.prepare(opening(Role::Operator, &[Scope::Read]));
        let most = Limits::default().max_buffered_bytes;
        slow.text("x".repeat(most / 2 + 1));
        slow.event(&Event::new("presence", &json!({})).droppable());
        outgoing.try_recv().unwrap();
        assert!(outgoing.try_recv().is_err() && slow.closing().is_none());
        slow.sent(most / 2 + 1);
        slow.event(&Event::new("presence", &json!({})).droppable());
        assert!(outgoing.try_recv().is_ok());
        slow.text("x".repeat(most + 1));
        let closing = slow.closing().unwrap();
        assert_eq!((closing.code, closing.reason.as_str()), (1008, "slow consumer"));
    }
}
