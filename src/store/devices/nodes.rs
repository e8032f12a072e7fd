//! `nodes/{pending,paired}.json`: the legacy nodes. They open no socket.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::UnixMs;

use super::{
    LegacyNode, NodeRequest,
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    rules::device::{
        approver::DeviceApprover,
        identity::Nonce,
        request::{LIFETIME_MS, MOST},
        token::Token,
    },
    store::{
        Store, StoreError,
        audit::{Line, action},
        devices::transaction::{NodeFile, Transaction},
        io,
    },
    world,
};

const DESCRIBED: [&str; 8] = [
    "coreVersion",
    "deviceFamily",
    "displayName",
    "modelIdentifier",
    "platform",
    "remoteIp",
    "uiVersion",
    "version",
];

type Nodes = (Vec<NodeRequest>, Vec<LegacyNode>);

pub(super) fn all(store: &Store, now: UnixMs) -> Result<Nodes, StoreError> {
    let (pending, paired) = (store.node_pending()?.0, store.node_paired()?.0);
    let mut waiting = open(&pending, now);
    waiting.sort_by_key(|request| std::cmp::Reverse(request.asked_at));
    let read = |(key, text)| node(key, &table::object(text)?);
    let mut let_in: Vec<_> = paired.rows().filter_map(read).collect();
    let_in.sort_by_key(|node| std::cmp::Reverse(node.approved_at));
    Ok((waiting, let_in))
}

pub(super) fn ask(
    store: &Store,
    wished: &NodeRequest,
    now: UnixMs,
) -> Result<Option<(NodeRequest, bool)>, StoreError> {
    let answer = |pending: &Table, now| {
        let waiting = open(pending, now);
        let full = waiting.len() >= MOST;
        let known = waiting.into_iter().find(|request| request.node == wished.node);
        match known {
            Some(known) => Some(Some((known, false))),
            None if full => Some(None),
            None => None,
        }
    };
    if let Some(answer) = answer(&store.node_pending()?.0, now) {
        return Ok(answer);
    }
    let drawn = world::random().map(Nonce::from_random);
    let id = drawn.map_err(|error| io("draw an id for", &store.state.nodes(), error))?;
    let mut tx = Transaction::of_nodes(store, None, now)?;
    let now = tx.now;
    let pending = store.node_pending()?;
    if let Some(answer) = answer(&pending.0, now) {
        return Ok(answer);
    }
    let request = NodeRequest {
        id: id.as_str().to_owned(),
        repair: store.node_paired()?.0.row(&wished.node).is_some(),
        asked_at: now,
        ..wished.clone()
    };
    let mut edits = expired(&pending.0, now);
    edits.insert(request.id.clone(), Some(spell_request(&request)));
    tx.put_nodes(NodeFile::Pending, &pending, &edits)?;
    let line = Line::new("socket", "node", action::NODE_REQUEST, now);
    tx.commit(line.about(&request.node).named(&request.id))?;
    Ok(Some((request, true)))
}

pub(super) fn approve(
    store: &Store,
    by: &DeviceApprover,
    id: &str,
    fresh: &Token,
    now: UnixMs,
) -> Result<Option<LegacyNode>, StoreError> {
    let mut tx = Transaction::of_nodes(store, Some(by.authority()), now)?;
    let now = tx.now;
    let (pending, paired) = (store.node_pending()?, store.node_paired()?);
    let Some(request) = waiting(&pending.0, id, now) else { return Ok(None) };
    let before = paired.0.row(&request.node).and_then(table::object);
    let before = before.unwrap_or_default();
    let node = LegacyNode {
        digest: fresh.digest(),
        created_at: row::time(&before, "createdAtMs").unwrap_or(now),
        approved_at: now,
        request,
    };
    let row = spell_node(before, &node);
    let edits = [(node.request.node.clone(), Some(row))].into();
    tx.put_nodes(NodeFile::Paired, &paired, &edits)?;
    let mut edits = expired(&pending.0, now);
    edits.insert(id.to_owned(), None);
    tx.put_nodes(NodeFile::Pending, &pending, &edits)?;
    let line = Line::by_device_approver(by, action::NODE_APPROVE, now);
    tx.commit(line.about(&node.request.node).named(id))?;
    Ok(Some(node))
}

pub(super) fn reject(
    store: &Store,
    by: &DeviceApprover,
    id: &str,
    now: UnixMs,
) -> Result<Option<NodeRequest>, StoreError> {
    let mut tx = Transaction::of_nodes(store, Some(by.authority()), now)?;
    let now = tx.now;
    let pending = store.node_pending()?;
    let Some(request) = waiting(&pending.0, id, now) else { return Ok(None) };
    let mut edits = expired(&pending.0, now);
    edits.insert(id.to_owned(), None);
    tx.put_nodes(NodeFile::Pending, &pending, &edits)?;
    let line = Line::by_device_approver(by, action::NODE_REJECT, now);
    tx.commit(line.about(&request.node).named(id))?;
    Ok(Some(request))
}

/// Changes a node that was let in: a new row, or none. False where there is no such node.
pub(super) fn change(
    store: &Store,
    by: &DeviceApprover,
    (action, name): (&str, &str),
    now: UnixMs,
    change: impl FnOnce(Row) -> Option<Row>,
) -> Result<bool, StoreError> {
    let mut tx = Transaction::of_nodes(store, Some(by.authority()), now)?;
    let paired = store.node_paired()?;
    let Some(row) = paired.0.row(name).and_then(table::object) else { return Ok(false) };
    let row = change(row).map(|mut row| {
        row::scrub(&mut row);
        table::spell(&row)
    });
    tx.put_nodes(NodeFile::Paired, &paired, &[(name.to_owned(), row)].into())?;
    if action == action::NODE_REMOVE {
        let pending = store.node_pending()?;
        let of = |request: &NodeRequest| request.node == name;
        let gone = open(&pending.0, tx.now).into_iter().filter(of);
        let edits: Edits = gone.map(|request| (request.id, None)).collect();
        if !edits.is_empty() {
            tx.put_nodes(NodeFile::Pending, &pending, &edits)?;
        }
    }
    let line = Line::by_device_approver(by, action, tx.now).about(name);
    tx.commit(line).map(|()| true)
}

fn waiting(pending: &Table, id: &str, now: UnixMs) -> Option<NodeRequest> {
    request(id, &table::object(pending.row(id)?)?).filter(|request| is_open(request, now))
}

fn open(pending: &Table, now: UnixMs) -> Vec<NodeRequest> {
    let read = |(key, text)| request(key, &table::object(text)?);
    pending.rows().filter_map(read).filter(|request| is_open(request, now)).collect()
}

fn is_open(request: &NodeRequest, now: UnixMs) -> bool {
    now.0.checked_sub(request.asked_at.0).is_some_and(|age| age <= LIFETIME_MS)
}

/// Takes out what has run its time, whoever wrote it.
fn expired(pending: &Table, now: UnixMs) -> Edits {
    let is_over = |text: &str| {
        let at = table::object(text).and_then(|row| row::time(&row, "ts"));
        let age = at.and_then(|at| now.0.checked_sub(at.0));
        age.is_none_or(|age| age > LIFETIME_MS)
    };
    let over = pending.rows().filter(|(_, text)| is_over(text));
    over.map(|(key, _)| (key.to_owned(), None)).collect()
}

fn shared(row: &Row, node: &str) -> NodeRequest {
    let described = DESCRIBED
        .iter()
        .filter_map(|key| row::text(row, key).map(|text| ((*key).to_owned(), text.to_owned())));
    let texts = |key| {
        let list = row::list(row, key).unwrap_or_default();
        list.into_iter().map(str::to_owned).collect()
    };
    NodeRequest {
        id: String::new(),
        node: node.to_owned(),
        described: described.collect::<BTreeMap<_, _>>(),
        caps: texts("caps"),
        commands: texts("commands"),
        repair: false,
        asked_at: UnixMs(0),
    }
}

fn request(id: &str, row: &Row) -> Option<NodeRequest> {
    (row::text(row, "requestId")? == id).then_some(())?;
    Some(NodeRequest {
        id: id.to_owned(),
        repair: row.get("isRepair").and_then(serde_json::Value::as_bool).unwrap_or(false),
        asked_at: row::time(row, "ts")?,
        ..shared(row, row::text(row, "nodeId")?)
    })
}

fn node(name: &str, row: &Row) -> Option<LegacyNode> {
    (row::text(row, "nodeId")? == name).then_some(())?;
    let created_at = row::time(row, "createdAtMs").unwrap_or(UnixMs(0));
    let approved_at = row::time(row, "approvedAtMs").unwrap_or(created_at);
    Some(LegacyNode {
        request: NodeRequest { asked_at: approved_at, ..shared(row, name) },
        digest: row::digest(row)?,
        created_at,
        approved_at,
    })
}

fn put_shared(row: &mut Row, request: &NodeRequest) {
    row::put(row, "nodeId", Some(request.node.as_str()));
    for key in DESCRIBED {
        row::put(row, key, request.described.get(key).map(String::as_str));
    }
    row::put(row, "caps", Some(request.caps.clone()));
    row::put(row, "commands", Some(request.commands.clone()));
}

fn spell_request(request: &NodeRequest) -> String {
    let mut row = Row::new();
    row::put(&mut row, "requestId", Some(request.id.as_str()));
    put_shared(&mut row, request);
    row::put(&mut row, "isRepair", Some(request.repair));
    row::put_time(&mut row, "ts", Some(request.asked_at));
    table::spell(&row)
}

fn spell_node(before: Row, node: &LegacyNode) -> String {
    let mut row = before;
    row.shift_remove("token");
    put_shared(&mut row, &node.request);
    row::put(&mut row, "tokenSha256", Some(node.digest.spell()));
    row::put_time(&mut row, "createdAtMs", Some(node.created_at));
    row::put_time(&mut row, "approvedAtMs", Some(node.approved_at));
    table::spell(&row)
}
