//! What an app asks before it shows itself connected: who answers, what there is, who is there. What this gateway
//! does not have is an empty list here only where the list is the truth.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, chat, invalid, unavailable};
use crate::{
    accounts::overview,
    config::Config,
    rpc::{
        hub::{Audience, Event},
        snapshot,
    },
    rules::device::role::Scope,
    world,
};

/// The one assistant, as clients call it.
pub(super) const AGENT: &str = "main";
/// The phase of a talk mode has at most so many bytes.
const PHASE: usize = 64;

/// Answers a method of this family.
pub(super) fn at_once(call: &Call) -> Option<Answer> {
    Some(match call.method.as_str() {
        "agent.identity.get" => identity(call),
        "agents.list" => Ok(agents()),
        "cron.list" => Ok(json!({ "jobs": [] })),
        "cron.status" => Ok(json!({ "enabled": false, "jobs": 0 })),
        "exec.approval.list" => Ok(json!({ "approvals": [] })),
        "last-heartbeat" => Ok(Value::Null),
        "models.list" => Ok(json!({ "models": models(&call.gateway.config()) })),
        "set-heartbeats" => heartbeats(call),
        "skills.status" => Ok(json!({ "workspaceDir": "", "managedSkillsDir": "", "skills": [] })),
        "status" => Ok(status(call)),
        "system-presence" => Ok(Value::Array(snapshot::presence(&call.gateway))),
        // There is no speech here, and so no secret of it.
        "talk.config" => Ok(json!({ "config": { "session": { "mainKey": AGENT } } })),
        "talk.mode" => talk(call),
        _ => return None,
    })
}

fn agents() -> Value {
    json!({
        "defaultId": AGENT,
        "mainKey": AGENT,
        "scope": "per-sender",
        "agents": [{ "id": AGENT, "name": "Main" }],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Which {
    agent_id: Option<String>,
    session_key: Option<String>,
}

fn identity(call: &Call) -> Answer {
    let which: Which = call.params()?;
    let foreign = which.agent_id.is_some_and(|id| id.trim() != AGENT)
        || which.session_key.is_some_and(|key| !chat::is_main(&key));
    if foreign {
        return Err(invalid("unknown agent; this gateway has `main`"));
    }
    Ok(json!({ "agentId": AGENT, "name": "Main" }))
}

/// The model that the chosen responder asks, where it names one.
fn models(config: &Config) -> Vec<Value> {
    let assistant = &config.assistant;
    let id = assistant.responder.as_str();
    let hidden = assistant.hidden.get(id).is_some_and(|keys| keys.contains("model"));
    let table = assistant.tables.get(id).filter(|_| !hidden);
    let model = table.and_then(|table| table.get("model")?.as_str());
    let row = |model: &str| json!({ "id": model, "name": model, "provider": id });
    model.filter(|model| !model.trim().is_empty()).map(row).into_iter().collect()
}

#[derive(Deserialize)]
struct Switch {
    enabled: bool,
    phase: Option<String>,
}

fn heartbeats(call: &Call) -> Answer {
    let switch: Switch = call.params()?;
    if switch.enabled {
        return Err(unavailable("this gateway's assistant does nothing by the clock"));
    }
    Ok(json!({ "ok": true, "enabled": false }))
}

/// Tells the other apps; nothing else goes by it.
fn talk(call: &Call) -> Answer {
    let Switch { enabled, phase } = call.params()?;
    if phase.as_ref().is_some_and(|phase| phase.len() > PHASE) {
        return Err(invalid("invalid talk.mode params: `phase` is longer than 64 bytes"));
    }
    let mode = json!({ "enabled": enabled, "phase": phase, "ts": world::now().0 });
    let event = Event::new("talk.mode", &mode);
    call.gateway.rpc.sessions.broadcast(Audience::Holding(Scope::Read), &event);
    Ok(mode)
}

fn status(call: &Call) -> Value {
    let gateway = &call.gateway;
    let channels = overview::all(gateway);
    let mut lines = Vec::new();
    for id in &channels.channel_order {
        let label = channels.channel_labels.get(id).unwrap_or(id);
        for row in channels.channel_accounts.get(id).into_iter().flatten() {
            let state = row.state.as_deref().unwrap_or("disabled");
            lines.push(format!("{label} ({}): {state}", row.account_id));
        }
    }
    let recent = chat::recent(call);
    json!({
        "runtimeVersion": env!("CARGO_PKG_VERSION"),
        "heartbeat": { "defaultAgentId": AGENT, "agents": [] },
        "channelSummary": lines,
        "queuedSystemEvents": [],
        // Where it asks, and what came back, is for those who run the gateway.
        "assistant": {
            "responder": gateway.config().assistant.responder,
            "state": gateway.assistant.words().0,
        },
        "sessions": {
            "paths": [],
            "count": recent.len(),
            "defaults": { "model": null, "contextTokens": null },
            "recent": recent,
            "byAgent": [],
        },
    })
}
