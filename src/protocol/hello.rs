//! What the gateway says first, and what it says to an accepted client. Fields that one generation of clients
//! needs and another ignores are all sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `connect.challenge`, sent before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// To be signed, once.
    pub nonce: String,
    /// The gateway's clock: newer clients sign this instead of their own.
    pub ts: u64,
}

/// The frame of the challenge.
pub fn challenge(challenge: &Challenge) -> Value {
    serde_json::json!({ "type": "event", "event": "connect.challenge", "payload": challenge })
}

/// The payload of the answer to `connect`. What is the same for all may be encoded beforehand (`F`, and the `P` and
/// `H` of the snapshot).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloOk<F = Features, P = Vec<Value>, H = Value> {
    #[serde(rename = "type")]
    kind: Kind,
    /// The version that is spoken from here.
    pub protocol: u32,
    /// Who speaks.
    pub server: Server,
    /// What may be asked.
    pub features: F,
    /// How things stand.
    pub snapshot: Snapshot<P, H>,
    /// Where a canvas would be; read by apps of protocol 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas_host_url: Option<String>,
    /// What the client is, and may do. Apps of protocol 4 do not decode an answer without it.
    #[serde(default)]
    pub auth: HelloAuth,
    /// The limits.
    pub policy: Limits,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    #[default]
    #[serde(rename = "hello-ok")]
    HelloOk,
}

impl<F, P, H> HelloOk<F, P, H> {
    /// An answer.
    pub fn new(
        protocol: u32,
        server: Server,
        features: F,
        snapshot: Snapshot<P, H>,
        auth: HelloAuth,
    ) -> Self {
        Self {
            kind: Kind::HelloOk,
            protocol,
            server,
            features,
            snapshot,
            canvas_host_url: None,
            auth,
            policy: Limits::default(),
        }
    }
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Of the gateway.
    pub version: String,
    /// The gateway's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Of this connection.
    pub conn_id: String,
}

/// What may be asked, and heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Methods.
    pub methods: Vec<String>,
    /// Events.
    pub events: Vec<String>,
    /// Abilities beyond them.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot<P = Vec<Value>, H = Value> {
    /// Who is there; each entry has an integer `ts`.
    pub presence: P,
    /// How the gateway is.
    pub health: H,
    /// The numbers of those two.
    pub state_version: StateVersion,
    /// How long it has run.
    pub uptime_ms: u64,
    /// For an admin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// For an admin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// What a conversation is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_defaults: Option<SessionDefaults>,
}

/// Counts the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersion {
    /// Of who is there.
    pub presence: u64,
    /// Of how the gateway is.
    pub health: u64,
}

/// What a conversation is called on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    /// The agent.
    pub default_agent_id: String,
    /// The short name.
    pub main_key: String,
    /// The whole name.
    pub main_session_key: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl Default for SessionDefaults {
    /// One agent with one conversation a device.
    fn default() -> Self {
        Self {
            default_agent_id: "main".to_owned(),
            main_key: "main".to_owned(),
            main_session_key: "agent:main:main".to_owned(),
            scope: Some("per-sender".to_owned()),
        }
    }
}

/// What the client is, and may do.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloAuth {
    /// How it was recognised.
    #[serde(default)]
    pub method: String,
    /// As what.
    #[serde(default)]
    pub role: String,
    /// With what.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Its token for this role, where one is handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// When that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at_ms: Option<u64>,
    /// The tokens of its other roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_tokens: Vec<RoleToken>,
}

/// A token of another role.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleToken {
    /// The token.
    pub device_token: String,
    /// Its role.
    pub role: String,
    /// The most it is good for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub issued_at_ms: u64,
}

impl std::fmt::Debug for HelloAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, role, scopes, .. } = self;
        write!(f, "HelloAuth {{ {method} {role} {scopes:?} .. }}")
    }
}

impl std::fmt::Debug for RoleToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RoleToken {{ {} {:?} .. }}", self.role, self.scopes)
    }
}

/// The limits after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Of one message, in bytes.
    pub max_payload: usize,
    /// Of what may wait to be sent.
    pub max_buffered_bytes: usize,
    /// How often a tick comes.
    pub tick_interval_ms: u64,
}

impl Default for Limits {
    /// The field's.
    fn default() -> Self {
        Self { max_payload: 26_214_400, max_buffered_bytes: 52_428_800, tick_interval_ms: 30_000 }
    }
}

/// Of one message before the handshake, in bytes.
pub const UNKNOWN_MAX_PAYLOAD: usize = 65_536;
/// The handshake is over by then, or the socket is closed.
pub const HANDSHAKE_MS: u64 = 15_000;

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn hello() -> HelloOk {
        let server =
            Server { version: "1".to_owned(), host: Some("h".to_owned()), conn_id: "c".to_owned() };
        let snapshot = Snapshot {
            health: json!({}),
            session_defaults: Some(SessionDefaults::default()),
            ..Snapshot::default()
        };
        let token = |role: &str| RoleToken {
            device_token: format!("{role}-secret"),
            role: role.to_owned(),
            scopes: vec![],
            issued_at_ms: 8,
        };
        let auth = HelloAuth {
            method: "bootstrap-token".to_owned(),
            role: "node".to_owned(),
            scopes: vec![],
            device_token: Some("node-secret".to_owned()),
            issued_at_ms: Some(7),
            device_tokens: vec![token("operator")],
        };
        HelloOk::new(4, server, Features::default(), snapshot, auth)
    }

    #[test]
    fn an_answer_has_the_fields_that_each_generation_reads() {
        expect![[r#"{"type":"hello-ok","protocol":4,"server":{"version":"1","host":"h","connId":"c"},"features":{"methods":[],"events":[],"capabilities":[]},"snapshot":{"presence":[],"health":{},"stateVersion":{"presence":0,"health":0},"uptimeMs":0,"sessionDefaults":{"defaultAgentId":"main","mainKey":"main","mainSessionKey":"agent:main:main","scope":"per-sender"}},"auth":{"method":"bootstrap-token","role":"node","scopes":[],"deviceToken":"node-secret","issuedAtMs":7,"deviceTokens":[{"deviceToken":"operator-secret","role":"operator","scopes":[],"issuedAtMs":8}]},"policy":{"maxPayload":26214400,"maxBufferedBytes":52428800,"tickIntervalMs":30000}}"#]]
        .assert_eq(&serde_json::to_string(&hello()).unwrap());
    }

    #[test]
    fn the_recorded_answers_of_other_gateways_are_read() {
        let two = json!({
            "type": "hello-ok", "protocol": 3,
            "server": { "version": "dev", "host": "vm", "connId": "3c4b" },
            "features": { "methods": ["health"], "events": ["tick"] },
            "snapshot": {
                "presence": [{ "host": "vm", "ts": 1 }], "health": { "ok": true },
                "stateVersion": { "presence": 1, "health": 7 }, "uptimeMs": 189_484,
                "configPath": "/c", "stateDir": "/s",
                "sessionDefaults": {
                    "defaultAgentId": "main", "mainKey": "main",
                    "mainSessionKey": "agent:main:main", "scope": "per-sender"
                }
            },
            "canvasHostUrl": "http://127.0.0.1:18802",
            "policy": { "maxPayload": 8_388_608, "maxBufferedBytes": 16_777_216, "tickIntervalMs": 30_000 }
        });
        assert_eq!(serde_json::from_value::<HelloOk>(two).unwrap().auth, HelloAuth::default());
        let nine = json!({
            "type": "hello-ok", "protocol": 4,
            "server": { "version": "2026.9.6", "buildId": "b", "bootId": "e", "connId": "f430" },
            "features": { "methods": [], "events": [], "capabilities": ["model-catalog-snapshot"] },
            "snapshot": {
                "suspension": { "phase": "accepting" }, "presence": [], "health": {},
                "stateVersion": { "presence": 0, "health": 0 }, "uptimeMs": 1
            },
            "auth": {
                "method": "token", "role": "node", "scopes": [], "deviceToken": "t", "issuedAtMs": 5
            },
            "policy": {
                "maxPayload": 1, "maxBufferedBytes": 1, "tickIntervalMs": 1,
                "attachments": { "maxBytes": 1 }, "allowedSessionVisibilities": ["shared"]
            }
        });
        let nine: HelloOk = serde_json::from_value(nine).unwrap();
        assert_eq!(nine.auth.device_token.as_deref(), Some("t"));
    }

    #[test]
    fn the_challenge_is_an_event_without_a_number() {
        let frame = challenge(&Challenge { nonce: "n".to_owned(), ts: 5 });
        expect![[r#"{"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":5}}"#]]
            .assert_eq(&frame.to_string());
    }

    #[test]
    fn case_114_an_answer_prints_no_token() {
        let hello = hello();
        let printed = format!("{hello:?} {:?}", hello.auth.device_tokens);
        assert!(printed.contains("operator") && !printed.contains("secret"), "{printed}");
    }
}
