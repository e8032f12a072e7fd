//! The answer to a connect. What is the same for all is spelt once.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use openclaw_plugin_sdk::UnixMs;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    Gateway,
    protocol::{
        hello::{Features, HelloAuth, HelloOk, Server, SessionDefaults, Snapshot},
        method::METHODS,
    },
    rpc::{hub::Session, methods::health},
    rules::device::role::{Role, Scope},
    runtime::ticker::Ticker,
    world,
};

/// So many who are there are named in one answer.
const SHOWN: usize = 32;

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

/// The gateway's name in its own network.
static HOST: LazyLock<String> = LazyLock::new(|| {
    nix::unistd::gethostname()
        .map_or_else(|_| "openclaw".to_owned(), |name| name.to_string_lossy().into_owned())
});

/// A random name, spelt as the field spells them.
pub(crate) fn uuid() -> String {
    let bytes: [u8; 16] = world::random().unwrap_or_default();
    crate::rules::device::identity::Nonce::from_random(bytes).as_str().to_owned()
}

/// What may be asked and heard, spelt once.
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
    let others = if may_look { gateway.ticker.presence() } else { Arc::default() };
    let presence = with_own(&others, &presence_of(session));
    let health = if may_look { Ticker::health(gateway, now) } else { brief(now) };
    let snapshot = Snapshot {
        presence: &*presence,
        health: &*health,
        state_version: gateway.ticker.version(),
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
            tracing::error!(%error, "a welcome cannot be spelt");
            String::new()
        }
    }
}

/// That the gateway is well, and nothing of its channels.
fn brief(now: UnixMs) -> Arc<RawValue> {
    to_raw_value(&health::brief(now)).unwrap_or_default().into()
}

/// A list that is spelt already, and one entry more.
fn with_own(others: &str, own: &Value) -> Box<RawValue> {
    let inside = others.trim_start_matches('[').trim_end_matches(']');
    let joint = if inside.is_empty() { "" } else { "," };
    RawValue::from_string(format!("[{inside}{joint}{own}]")).unwrap_or_default()
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
    let others = gateway.sessions.newest(SHOWN);
    let shown = others.iter().filter(|session| !is_passing(session));
    std::iter::once(own).chain(shown.map(|session| presence_of(session))).collect()
}

/// A command line comes and goes.
fn is_passing(session: &Session) -> bool {
    session.client.mode == crate::protocol::connect::ClientMode::Cli
}

fn presence_of(session: &Session) -> Value {
    let client = &session.client;
    let name = client.display_name.as_deref().unwrap_or(client.id.as_str());
    let mut entry = json!({
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
        "deviceId": session.device.as_ref().map(crate::rules::device::identity::DeviceId::as_str),
        "roles": [session.role.word()],
        "scopes": session.scopes.words(),
        "instanceId": client.instance_id,
    });
    if let Some(entry) = entry.as_object_mut() {
        entry.retain(|_, value| !value.is_null());
    }
    entry
}
