//! The legacy node store, as some programs still use it: a node asks there for a token of its own. It opens no
//! socket by itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{busy, device},
    Answer, Call, say,
};
use crate::{
    protocol::node::{filled, required_scopes},
    rpc::hub::Event,
    rules::device::{approver::Act, token::TokenDigest},
    store::devices::{LegacyNode, NodeRequest},
    world,
};

/// The longest text of a request, in bytes.
const WORD: usize = 256;
/// So many abilities or commands.
const OFFERS: usize = 512;
/// A place among those that wait is free again after this at the latest.
const RETRY_MS: u64 = 300_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asks {
    node_id: String,
    #[serde(default)]
    caps: Vec<String>,
    #[serde(default)]
    commands: Vec<String>,
}

/// What a node says about itself, by the names of the protocol and of the state files.
const DESCRIBED: [&str; 7] = [
    "coreVersion",
    "deviceFamily",
    "displayName",
    "modelIdentifier",
    "platform",
    "uiVersion",
    "version",
];

/// `node.pair.request`.
pub(crate) async fn request(call: &Call) -> Answer {
    let Asks { node_id, caps, commands } = call.params()?;
    let node = node_id.trim().to_owned();
    let mut described: BTreeMap<String, String> = DESCRIBED
        .iter()
        .filter_map(|name| {
            let text = call.params.get(*name)?.as_str()?.trim();
            (!text.is_empty()).then(|| ((*name).to_owned(), text.to_owned()))
        })
        .collect();
    let long = |text: &String| text.len() > WORD;
    let lists = [&caps, &commands];
    if node.is_empty()
        || long(&node)
        || described.values().any(long)
        || lists.iter().any(|list| list.len() > OFFERS || list.iter().any(long))
    {
        let why = "`nodeId` is needed; a text has at most 256 bytes, a list 512 entries";
        return Err(call.wrong(why));
    }
    // Where it comes from is what the socket says.
    described.insert("remoteIp".to_owned(), call.session.address.to_string());
    let now = world::now();
    // Its name, and whether it was let in before, are the store's to say.
    let (id, repair) = (String::new(), false);
    let request = NodeRequest { id, node, described, caps, commands, repair, asked_at: now };
    let asked = call.read(move |store| store.ask_node(&request, now)).await?;
    let Some((request, created)) = asked else {
        return Err(busy("too many nodes wait; approve or reject one first", RETRY_MS));
    };
    let row = pending(&request);
    if created {
        say(&call.gateway, &Event::new("node.pair.requested", &row), None);
    }
    Ok(json!({ "status": "pending", "request": row, "created": created }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    node_id: String,
    token: String,
}

/// `node.pair.verify`: whether this is the node's token. It is good for nothing else here.
pub(crate) async fn verify(call: &Call) -> Answer {
    let Shown { node_id, token } = call.params()?;
    device::approver(call, Act::Approve)?;
    let (_, known) = call.read(|store| store.nodes(world::now())).await?;
    let shown = TokenDigest::of(&token);
    let node = known.iter().find(|node| node.request.node == node_id.trim());
    let node = node.filter(|node| node.digest.matches(&shown));
    Ok(match node {
        Some(node) => json!({ "ok": true, "node": paired(node) }),
        None => json!({ "ok": false }),
    })
}

/// A request of this store as operators see it.
pub(super) fn pending(request: &NodeRequest) -> Value {
    let mut row = described(request);
    row["requestId"] = request.id.as_str().into();
    row["requiredApproveScopes"] = json!(required_scopes(&request.commands));
    row["silent"] = false.into();
    row["isRepair"] = request.repair.into();
    row["ts"] = request.asked_at.0.into();
    row
}

/// A node of this store as operators see it: without its token.
pub(super) fn paired(node: &LegacyNode) -> Value {
    let mut row = described(&node.request);
    row["createdAtMs"] = node.created_at.0.into();
    row["approvedAtMs"] = node.approved_at.0.into();
    row
}

fn described(request: &NodeRequest) -> Value {
    let mut row = json!(request.described);
    row["nodeId"] = request.node.as_str().into();
    row["caps"] = json!(request.caps);
    row["commands"] = json!(request.commands);
    filled(row)
}
