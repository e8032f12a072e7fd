//! The schema of protocol 4, as the npm package `@openclaw/gateway-protocol` publishes it.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::Value;

const HEALTH: &str = "HelloOk/properties/snapshot/properties/health";

/// What is published of a frame's payload: a definition, or a place in one. Of the others only the frame itself is.
const PAYLOADS: &[(&str, &str)] = &[
    ("error", "ErrorShape"),
    ("event chat", "ChatEvent"),
    ("event device.pair.requested", "DevicePairRequestedEvent"),
    ("event device.pair.resolved", "DevicePairResolvedEvent"),
    ("event device.pair.setup.completed", "DevicePairSetupCompletedEvent"),
    ("event device.pair.setup.deliveryUncertain", "DevicePairSetupDeliveryUncertainEvent"),
    ("event health", HEALTH),
    ("event node.invoke.request", "NodeInvokeRequestEvent"),
    ("event shutdown", "ShutdownEvent"),
    ("event tick", "TickEvent"),
    ("res agent.identity.get", "AgentIdentityResult"),
    ("res agents.list", "AgentsListResult"),
    ("res channels.pairing.approve", "ChannelsPairingApproveResult"),
    ("res channels.pairing.dismiss", "ChannelsPairingDismissResult"),
    ("res channels.pairing.list", "ChannelsPairingListResult"),
    ("res channels.status", "ChannelsStatusResult"),
    ("res connect", "HelloOk"),
    ("res device.pair.setupCode", "DevicePairSetupCodeResult"),
    ("res device.pair.setupStatus", "DevicePairSetupStatusResult"),
    ("res device.token.rotate", "DeviceTokenRotateResult"),
    ("res health", HEALTH),
    ("res models.list", "ModelsListResult"),
    ("res node.event", "NodeEventResult"),
    ("res node.pending.drain", "NodePendingDrainResult"),
    ("res node.pending.enqueue", "NodePendingEnqueueResult"),
    ("res skills.bins", "SkillsBinsResult"),
    ("res talk.config", "TalkConfigResult"),
    ("res update.status", "UpdateStatusResult"),
];

struct Schema {
    definitions: Value,
    compiled: Mutex<HashMap<String, Validator>>,
}

static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| {
    let path = std::env::var_os("OPENCLAW_SCHEMA")?;
    let text = std::fs::read_to_string(&path);
    let text =
        text.unwrap_or_else(|error| panic!("OPENCLAW_SCHEMA names {}: {error}", path.display()));
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    let definitions = schema["definitions"].take();
    Some(Schema { definitions, compiled: Mutex::default() })
});

/// Nothing is wrong where no schema is named.
pub(super) fn check(name: &str, frame: &Value, payload: &Value) -> Result<(), String> {
    let Some(schema) = &*SCHEMA else { return Ok(()) };
    let kind = if frame["type"] == "event" { "EventFrame" } else { "ResponseFrame" };
    schema.check(kind, frame)?;
    match PAYLOADS.iter().find(|(of, _)| *of == name) {
        Some((_, definition)) => schema.check(definition, &super::known(4, name, payload)),
        None => Ok(()),
    }
}

impl Schema {
    fn check(&self, definition: &str, instance: &Value) -> Result<(), String> {
        let mut compiled = self.compiled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let validator = compiled.entry(definition.to_owned()).or_insert_with(|| {
            let schema = self.definitions.pointer(&format!("/{definition}"));
            let schema = schema.unwrap_or_else(|| panic!("the schema has no {definition}"));
            jsonschema::draft7::new(schema).unwrap()
        });
        let wrong = |error: jsonschema::ValidationError<'_>| {
            format!("{definition} at `{}`: {error}", error.instance_path())
        };
        let found: Vec<String> = validator.iter_errors(instance).map(wrong).collect();
        if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
    }
}

#[test]
#[ignore = "needs the clients that .ci/run installs"]
fn the_schema_refuses_what_it_does_not_know() {
    assert!(SCHEMA.is_some(), "OPENCLAW_SCHEMA names the published schema");
    let tick = |payload: Value| serde_json::json!({ "type": "event", "event": "tick", "payload": payload });
    let checked = |frame: &Value| check("event tick", frame, &frame["payload"]);
    assert_eq!(checked(&tick(serde_json::json!({ "ts": 1 }))), Ok(()));
    assert!(checked(&tick(serde_json::json!({ "ts": 1, "more": 1 }))).is_err());
    assert!(
        checked(
            &serde_json::json!({ "type": "event", "event": "tick", "payload": { "ts": 1 }, "x": 1 })
        )
        .is_err()
    );
    for (_, definition) in PAYLOADS {
        let definitions = &SCHEMA.as_ref().unwrap().definitions;
        assert!(definitions.pointer(&format!("/{definition}")).is_some(), "{definition}");
    }
}
