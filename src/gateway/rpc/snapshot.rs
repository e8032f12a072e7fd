//! Who is there and how the gateway is, as clients are told: at a connect, and when it changes.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::Mutex;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    Gateway,
    protocol::{connect::ClientMode, hello::StateVersion, node::filled},
    rpc::{
        hub::{Audience, Event, Session},
        methods::health,
    },
    rules::device::{identity::DeviceId, role::Scope},
    world,
};

/// So many who are there are named in one answer.
const SHOWN: usize = 32;

/// The gateway's name in its own network.
pub(crate) static HOST: LazyLock<String> = LazyLock::new(|| {
    nix::unistd::gethostname()
        .map_or_else(|_| "openclaw".to_owned(), |name| name.to_string_lossy().into_owned())
});

/// Presence and health, and the numbers of their changes.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    presence: AtomicU64,
    health: AtomicU64,
    presence_told: AtomicBool,
    /// Who was there when it was last told, encoded.
    shown: Mutex<Arc<str>>,
    /// How the gateway is, encoded, and when.
    well: Mutex<Option<(UnixMs, Arc<RawValue>)>>,
}

impl Snapshots {
    /// A client came or went.
    pub(crate) fn presence_changed(&self) {
        self.presence.fetch_add(1, Ordering::Relaxed);
        self.presence_told.store(false, Ordering::Relaxed);
    }

    /// Who was there a moment ago, as a list.
    pub(crate) fn presence(&self) -> Arc<str> {
        Arc::clone(&self.shown.lock())
    }

    /// How the gateway is, as operators may know it; encoded anew once a second at most.
    pub(crate) fn health(&self, gateway: &Gateway, now: UnixMs) -> Arc<RawValue> {
        let mut well = self.well.lock();
        if let Some((at, text)) = &*well
            && now.0.saturating_sub(at.0) < 1_000
        {
            return Arc::clone(text);
        }
        let text: Arc<RawValue> = to_raw_value(&health::full(gateway)).unwrap_or_default().into();
        *well = Some((now, Arc::clone(&text)));
        text
    }

    /// As they are.
    pub(crate) fn version(&self) -> StateVersion {
        let at = |number: &AtomicU64| number.load(Ordering::Relaxed);
        StateVersion { presence: at(&self.presence), health: at(&self.health) }
    }

    /// Tells operators how the gateway is.
    pub(crate) fn tell_health(&self, gateway: &Gateway) {
        self.health.fetch_add(1, Ordering::Relaxed);
        let event = Event::new("health", &health::full(gateway));
        let event = event.versioned(self.version()).droppable();
        gateway.rpc.sessions.broadcast(Audience::Holding(Scope::Read), &event);
    }

    /// Tells operators who came and went since the last time.
    pub(crate) fn tell_presence(&self, gateway: &Gateway) {
        if self.presence_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let presence = Value::from(presence(gateway));
        let text: Arc<str> = presence.to_string().into();
        *self.shown.lock() = text;
        let event = Event::new("presence", &json!({ "presence": presence }));
        let event = event.versioned(self.version()).droppable();
        gateway.rpc.sessions.broadcast(Audience::Holding(Scope::Read), &event);
    }
}

/// Who is there: the gateway itself, and the newest others.
pub(crate) fn presence(gateway: &Gateway) -> Vec<Value> {
    let own = json!({
        "host": *HOST,
        "version": env!("CARGO_PKG_VERSION"),
        "platform": std::env::consts::OS,
        "mode": "gateway",
        "reason": "self",
        "text": format!("Gateway: {}", *HOST),
        "ts": world::now().0,
    });
    let others = gateway.rpc.sessions.newest(SHOWN);
    let shown = others.iter().filter(|session| !is_passing(session));
    std::iter::once(own).chain(shown.map(|session| presence_of(session))).collect()
}

/// A command line comes and goes.
fn is_passing(session: &Session) -> bool {
    session.client.mode == ClientMode::Cli
}

/// A client that is there.
pub(crate) fn presence_of(session: &Session) -> Value {
    let client = &session.client;
    let name = client.display_name.as_deref().unwrap_or(client.id.as_str());
    filled(json!({
        "host": name,
        "ip": session.address.to_string(),
        "version": client.version,
        "platform": client.platform,
        "deviceFamily": client.device_family,
        "modelIdentifier": client.model_identifier,
        "mode": client.mode.word(),
        "reason": "connect",
        "text": format!("{}: {name}", session.role.word()),
        "ts": session.since.0,
        "deviceId": session.device.as_ref().map(DeviceId::as_str),
        "roles": [session.role.word()],
        "scopes": session.scopes.words(),
        "instanceId": client.instance_id,
    }))
}
