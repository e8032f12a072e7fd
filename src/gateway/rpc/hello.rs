//! The answer to a connect. What is the same for all is encoded once.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    Gateway,
    protocol::{
        hello::{Features, HelloAuth, HelloOk, Server, SessionDefaults, Snapshot},
        method::METHODS,
    },
    rpc::{
        hub::Session,
        methods::health,
        snapshot::{HOST, presence_of},
    },
    rules::device::role::{Role, Scope},
    world,
};

/// The events that a client may hear.
pub(crate) const EVENTS: [&str; 16] = [
    "chat",
    "connect.challenge",
    "device.pair.changed",
    "device.pair.requested",
    "device.pair.resolved",
    "health",
    "node.invoke.cancel",
    "node.invoke.request",
    "node.pair.requested",
    "node.pair.resolved",
    "presence",
    "shutdown",
    "talk.mode",
    "tick",
    "voicewake.changed",
    "voicewake.routing.changed",
];

/// A random name in the form of the field.
pub(crate) fn uuid() -> String {
    let bytes: [u8; 16] = world::random().unwrap_or_default();
    crate::rules::device::identity::Nonce::from_random(bytes).as_str().to_owned()
}

/// What may be asked and heard, encoded once.
static FEATURES: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    let features = Features {
        methods: METHODS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        events: EVENTS.map(str::to_owned).to_vec(),
        capabilities: Vec::new(),
    };
    to_raw_value(&features).unwrap_or_default()
});

/// The answer, as text.
pub(crate) fn answer(gateway: &Gateway, id: &str, session: &Session, auth: HelloAuth) -> String {
    let server = Server {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: Some(HOST.clone()),
        conn_id: session.conn_id.clone(),
    };
    let now = world::now();
    let admin = session.role == Role::Operator && session.scopes.allow(Scope::Admin);
    let may_look = session.role == Role::Operator && session.scopes.allow(Scope::Read);
    let path = |path: PathBuf| admin.then(|| path.display().to_string());
    let others = if may_look { gateway.rpc.snapshots.presence() } else { Arc::default() };
    let presence = with_own(&others, &presence_of(session));
    let health = if may_look {
        gateway.rpc.snapshots.health(gateway, now)
    } else {
        to_raw_value(&health::brief(now)).unwrap_or_default().into()
    };
    let snapshot = Snapshot {
        presence: &*presence,
        health: &*health,
        state_version: gateway.rpc.snapshots.version(),
        uptime_ms: u64::try_from(gateway.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        config_path: path(gateway.config().file.clone().unwrap_or_else(|| gateway.state.config())),
        state_dir: path(gateway.state.path().to_owned()),
        session_defaults: Some(SessionDefaults::default()),
    };
    let hello = HelloOk::new(session.protocol, server, &**FEATURES, snapshot, auth);
    match serde_json::to_string(&hello) {
        Ok(hello) => {
            let id = Value::from(id);
            format!(r#"{{"type":"res","id":{id},"ok":true,"payload":{hello}}}"#)
        }
        Err(error) => {
            tracing::error!(%error, "a welcome cannot be encoded");
            String::new()
        }
    }
}

/// A list that is encoded already, and one entry more.
fn with_own(others: &str, own: &Value) -> Box<RawValue> {
    let inside = others.trim_start_matches('[').trim_end_matches(']');
    let joint = if inside.is_empty() { "" } else { "," };
    RawValue::from_string(format!("[{inside}{joint}{own}]")).unwrap_or_default()
}
