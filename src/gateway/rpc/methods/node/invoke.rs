//! What nodes are asked to do: each call goes to the one node that is meant, within what it may do at this moment,
//! and only that node answers it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::{
    super::{busy, detailed, invalid, store_failed, unavailable},
    Answer, Call, refresh_commands,
    repeats::{Found, mark},
};
use crate::{
    Gateway,
    protocol::{
        frame::{Refused, UNAVAILABLE},
        node::invoke_request,
        refusal::missing_scope,
    },
    rpc::{
        hello,
        hub::{Event, NodeSide, Session},
    },
    rules::device::{
        identity::DeviceId,
        role::{Role, Scope, is_exec_class},
    },
    store::devices::Known,
};

/// A node has so long where the caller says nothing.
const PATIENCE_MS: u64 = 30_000;
/// And no longer, whatever the caller says.
const LONGEST_MS: u64 = 300_000;
/// One node has no more to do at once.
const MOST: usize = 64;
/// A node's own words about a failure are cut here.
const WORDS: usize = 500;

/// What nodes were asked to do: by session, then by the id of the call.
pub(super) type Outstanding = BTreeMap<u64, HashMap<String, PendingCall>>;

/// One call that waits for its node.
#[derive(Debug)]
pub(super) struct PendingCall {
    command: String,
    answer: oneshot::Sender<Answer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invoke {
    node_id: String,
    command: String,
    params: Option<Value>,
    timeout_ms: Option<u64>,
    idempotency_key: Option<String>,
}

/// `node.invoke`.
pub(crate) async fn invoke(call: &Call) -> Answer {
    let asked: Invoke = call.params()?;
    may_ask(call, &asked)?;
    let Some(key) = asked.idempotency_key.as_deref().filter(|key| !key.is_empty()) else {
        return run(call, &asked).await?;
    };
    let params = asked.params.as_ref().map(Value::to_string).unwrap_or_default();
    let deed = mark(&[&asked.node_id, &asked.command, &params]);
    // The same word of another caller is another key.
    let key = mark(&[&call.session.actor(), key]);
    let repeats = &call.gateway.rpc.nodes.repeats;
    let found = repeats.lock().enter(key, deed, Instant::now());
    match found {
        Found::Fresh => match run(call, &asked).await {
            Ok(answer) => {
                repeats.lock().done(&key, &answer);
                answer
            }
            Err(refused) => {
                let answer = Err(refused);
                repeats.lock().undone(&key, &answer);
                answer
            }
        },
        Found::Known(mut answer) => match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err(unavailable("no answer"))),
            Err(_) => Err(unavailable("the call ended without an answer")),
        },
        Found::Other => Err(invalid("idempotencyKey was used for another call; use a new key")),
    }
}

/// Running programs on a node is an admin's, and so is asking another device's node that the configuration does not
/// share. Who shows the shared secret at this machine, without a device, is one, although command lines ask for no
/// more than the method itself needs.
fn may_ask(call: &Call, asked: &Invoke) -> Result<(), Box<Refused>> {
    let session = &call.session;
    let Some(own) = &session.device else { return Ok(()) };
    let node = DeviceId::parse(&asked.node_id);
    let shared = &call.gateway.config().gateway.nodes.shared;
    let theirs = node.is_some_and(|node| node == *own || shared.contains(&node));
    if session.scopes.allow(Scope::Admin) || theirs && !is_exec_class(&asked.command) {
        return Ok(());
    }
    Err(Box::new(missing_scope(Scope::Admin, &[Scope::Write, Scope::Admin])))
}

/// Asks the node and waits for it. The outer error: nothing was sent.
async fn run(call: &Call, asked: &Invoke) -> Result<Answer, Box<Refused>> {
    let gateway = &call.gateway;
    let node = ready(gateway, asked)?;
    let timeout_ms = asked.timeout_ms.unwrap_or(PATIENCE_MS).clamp(1, LONGEST_MS);
    let (id, (answer, answered)) = (hello::uuid(), oneshot::channel());
    {
        let mut outstanding = gateway.rpc.nodes.outstanding.lock();
        let of_node = outstanding.entry(node.number).or_default();
        if of_node.len() >= MOST {
            return Err(busy("the node has too much to do; wait for its answers", 1_000));
        }
        of_node.insert(id.clone(), PendingCall { command: asked.command.clone(), answer });
    }
    // It has not gone meanwhile: from here its leaving answers the call.
    let there = |session: &Arc<Session>| session.number == node.number;
    if node.device.as_ref().is_none_or(|id| !gateway.rpc.sessions.of(id).iter().any(there)) {
        take(gateway, node.number, &id);
        return Err(not_connected());
    }
    let key = asked.idempotency_key.as_deref();
    let named = (id.as_str(), asked.node_id.as_str(), asked.command.as_str());
    let request = invoke_request(named, asked.params.as_ref(), timeout_ms, key);
    node.event_to_it(&Event::new("node.invoke.request", &request));
    info!(
        by = call.session.actor(),
        node = asked.node_id,
        command = asked.command,
        "a node was asked"
    );
    let waited = tokio::time::timeout(Duration::from_millis(timeout_ms), answered).await;
    if let Ok(answer) = waited {
        return Ok(answer.unwrap_or_else(|_| Err(not_connected())));
    }
    take(gateway, node.number, &id);
    cancel(&node, &id);
    let late = Box::new(Refused::new(UNAVAILABLE, "the node did not answer in time"));
    Ok(Err(detailed(late, json!({ "code": "TIMEOUT" }))))
}

/// The node's session, where it may do this now, whatever has changed since it came.
fn ready(gateway: &Gateway, asked: &Invoke) -> Result<Arc<Session>, Box<Refused>> {
    let device = DeviceId::parse(&asked.node_id).ok_or_else(not_connected)?;
    let node = gateway.rpc.sessions.node(&device).filter(|node| node.closing().is_none());
    let node = node.ok_or_else(not_connected)?;
    match gateway.store.device(&device).map_err(store_failed)? {
        Known::Device(record) if record.may_be(Role::Node) => {
            refresh_commands(gateway, &node, &record);
        }
        Known::Device(_) | Known::Removed | Known::Stranger => return Err(not_connected()),
    }
    let has = |side: &NodeSide| {
        let command = &asked.command;
        (side.declared_commands.contains(command), side.commands.contains(command))
    };
    let (declared, works) = node.node().map(|side| has(&side)).unwrap_or_default();
    if works {
        return Ok(node);
    }
    let permits = gateway.config().gateway.nodes.commands.permits(&asked.command);
    let reason = match (declared, permits) {
        (false, _) => "the node does not offer it",
        (true, false) => "the configuration does not permit it",
        (true, true) => "it waits for approval",
    };
    Err(not_allowed(&asked.command, reason))
}

fn not_allowed(command: &str, reason: &str) -> Box<Refused> {
    let details = json!({ "reason": reason, "command": command });
    detailed(invalid("node command not allowed"), details)
}

fn not_connected() -> Box<Refused> {
    detailed(unavailable("node not connected"), json!({ "code": "NOT_CONNECTED" }))
}

fn take(gateway: &Gateway, session: u64, id: &str) -> Option<PendingCall> {
    let mut outstanding = gateway.rpc.nodes.outstanding.lock();
    let of_node = outstanding.get_mut(&session)?;
    let asked = of_node.remove(id);
    if of_node.is_empty() {
        outstanding.remove(&session);
    }
    asked
}

fn cancel(node: &Session, id: &str) {
    node.event_to_it(&Event::new("node.invoke.cancel", &json!({ "invokeId": id })));
}

/// A node has gone: nobody waits for it any longer.
pub(super) fn left(gateway: &Gateway, session: &Session) {
    let of_node = gateway.rpc.nodes.outstanding.lock().remove(&session.number);
    for asked in of_node.into_iter().flat_map(HashMap::into_values) {
        // The caller may have gone too.
        let _ = asked.answer.send(Err(not_connected()));
    }
}

/// What a node may not do any more, it is told to stop.
pub(super) fn recall(gateway: &Gateway, session: &Session, works: &BTreeSet<String>) {
    let mut outstanding = gateway.rpc.nodes.outstanding.lock();
    let Some(of_node) = outstanding.get_mut(&session.number) else { return };
    for (id, asked) in of_node.extract_if(|_, asked| !works.contains(&asked.command)) {
        cancel(session, &id);
        let refused = not_allowed(&asked.command, "the right to it was taken away");
        let _ = asked.answer.send(Err(refused));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    id: String,
    node_id: String,
    ok: bool,
    payload: Option<Value>,
    #[serde(default, rename = "payloadJSON")]
    payload_json: Option<String>,
    error: Option<NodeError>,
}

#[derive(Deserialize)]
struct NodeError {
    code: Option<String>,
    message: Option<String>,
}

fn is_own(call: &Call, node: &str) -> Result<(), Box<Refused>> {
    let own = call.session.device.as_ref().is_some_and(|own| own.as_str() == node);
    if own { Ok(()) } else { Err(invalid("nodeId mismatch")) }
}

/// `node.invoke.result`: of the node that was asked, once, and in time; anything else is passed over.
pub(crate) fn result(call: &Call) -> Answer {
    let done: Done = call.params()?;
    is_own(call, &done.node_id)?;
    let Some(asked) = take(&call.gateway, call.session.number, &done.id) else {
        warn!(node = done.node_id, "a node answers what it was not asked, or too late");
        return Ok(json!({ "ok": true, "ignored": true }));
    };
    let answer = answer_of(&asked.command, done);
    // The caller may have gone.
    let _ = asked.answer.send(answer);
    Ok(json!({ "ok": true }))
}

fn answer_of(command: &str, done: Done) -> Answer {
    if done.ok {
        let text = done.payload_json.as_deref();
        let parsed = || text.and_then(|text| serde_json::from_str(text).ok());
        let payload = done.payload.or_else(parsed);
        return Ok(json!({
            "ok": true,
            "nodeId": done.node_id,
            "command": command,
            "payload": payload,
            "payloadJSON": done.payload_json,
        }));
    }
    let cut = |text: String| text.chars().take(WORDS).collect::<String>();
    let error = done.error.unwrap_or(NodeError { code: None, message: None });
    let (code, message) = (error.code.map(cut), error.message.map(cut));
    let said = message.clone().unwrap_or_else(|| "the node could not do it".to_owned());
    let details = json!({ "nodeError": { "code": code, "message": message } });
    Err(detailed(Box::new(Refused::new(UNAVAILABLE, said)), details))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    invoke_id: String,
    node_id: String,
}

/// `node.invoke.progress`: heard; no caller of ours reads it.
pub(crate) fn progress(call: &Call) -> Answer {
    let progress: Progress = call.params()?;
    is_own(call, &progress.node_id)?;
    let outstanding = call.gateway.rpc.nodes.outstanding.lock();
    let of_node = outstanding.get(&call.session.number);
    if of_node.is_some_and(|of_node| of_node.contains_key(&progress.invoke_id)) {
        return Ok(json!({ "ok": true }));
    }
    debug!(node = progress.node_id, "a node tells of what it was not asked");
    Ok(json!({ "ok": true, "ignored": true }))
}
