//! `nodes/{pending,paired}.json`: the legacy nodes. They open no socket.

use openclaw_plugin_sdk::UnixMs;
use serde_json::Value;

use super::{
    LegacyNode, NodeRequest,
    ask::random_id,
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    Store, StoreError,
    audit::{Line, action},
    rules::device::{
        approver::DeviceApprover,
        request::{LIFETIME_MS, MOST},
        token::Token,
    },
    transaction::Transaction,
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

impl Store {
    /// The legacy nodes that wait, and the approved ones; the newest first.
    pub fn nodes(&self, now: UnixMs) -> Result<(Vec<NodeRequest>, Vec<LegacyNode>), StoreError> {
        let (pending, paired) = (self.node_pending()?.0, self.node_paired()?.0);
        let mut waiting = open(&pending, now);
        waiting.sort_by_key(|request| std::cmp::Reverse(request.asked_at));
        let mut approved: Vec<_> =
            paired.objects().filter_map(|(key, row)| node(key, &row)).collect();
        approved.sort_by_key(|node| std::cmp::Reverse(node.approved_at));
        Ok((waiting, approved))
    }

    /// A legacy node asks; true if the request is new. At most 64 wait; `None` beyond.
    pub fn ask_node(
        &self,
        asked: &NodeRequest,
        now: UnixMs,
    ) -> Result<Option<(NodeRequest, bool)>, StoreError> {
        let answer = |pending: &Table, now| {
            let waiting = open(pending, now);
            let is_full = waiting.len() >= MOST;
            let known = waiting.into_iter().find(|request| request.node == asked.node);
            match known {
                Some(known) => Some(Some((known, false))),
                None if is_full => Some(None),
                None => None,
            }
        };
        if let Some(answer) = answer(&self.node_pending()?.0, now) {
            return Ok(answer);
        }
        let id = random_id(self)?;
        let mut tx = Transaction::open_nodes(self, None, now)?;
        let now = tx.now;
        let pending = self.node_pending()?;
        if let Some(answer) = answer(&pending.0, now) {
            return Ok(answer);
        }
        let repair = self.node_paired()?.0.row(&asked.node).is_some();
        let request = NodeRequest { id, repair, asked_at: now, ..asked.clone() };
        let mut edits = expired(&pending.0, now);
        edits.insert(request.id.clone(), Some(render_request(&request)));
        tx.put_waiting_nodes(&pending, &edits)?;
        let line = Line::new("socket", "node", action::NODE_REQUEST, now);
        tx.commit(vec![line.about(&request.node).named(&request.id)])?;
        Ok(Some((request, true)))
    }

    /// Approves a waiting legacy node with a fresh token. `None` if it does not wait.
    pub fn approve_node(
        &self,
        by: &DeviceApprover,
        id: &str,
        fresh: &Token,
        now: UnixMs,
    ) -> Result<Option<LegacyNode>, StoreError> {
        let mut tx = Transaction::open_nodes(self, Some(by.approver().authority()), now)?;
        let now = tx.now;
        let (pending, paired) = (self.node_pending()?, self.node_paired()?);
        let Some(request) = waiting(&pending.0, id, now) else { return Ok(None) };
        let before = paired.0.object(&request.node).unwrap_or_default();
        let node = LegacyNode {
            digest: fresh.digest(),
            created_at: row::time(&before, "createdAtMs").unwrap_or(now),
            approved_at: now,
            request,
        };
        let edits = [(node.request.node.clone(), Some(render_node(before, &node)))].into();
        tx.put_nodes(&paired, &edits)?;
        tx.put_waiting_nodes(&pending, &expired_and(id, &pending.0, now))?;
        let line = Line::by(by.approver(), action::NODE_APPROVE, now);
        tx.commit(vec![line.about(&node.request.node).named(id)])?;
        Ok(Some(node))
    }

    /// Rejects a waiting legacy node. `None` if it does not wait.
    pub fn reject_node(
        &self,
        by: &DeviceApprover,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<NodeRequest>, StoreError> {
        let mut tx = Transaction::open_nodes(self, Some(by.approver().authority()), now)?;
        let (now, pending) = (tx.now, self.node_pending()?);
        let Some(request) = waiting(&pending.0, id, now) else { return Ok(None) };
        tx.put_waiting_nodes(&pending, &expired_and(id, &pending.0, now))?;
        let line = Line::by(by.approver(), action::NODE_REJECT, now);
        tx.commit(vec![line.about(&request.node).named(id)])?;
        Ok(Some(request))
    }

    /// Forgets a legacy node. False if there is none.
    pub fn remove_node(
        &self,
        by: &DeviceApprover,
        node: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::open_nodes(self, Some(by.approver().authority()), now)?;
        let paired = self.node_paired()?;
        if paired.0.object(node).is_none() {
            return Ok(false);
        }
        tx.put_nodes(&paired, &[(node.to_owned(), None)].into())?;
        let pending = self.node_pending()?;
        let gone = open(&pending.0, tx.now).into_iter().filter(|request| request.node == node);
        let edits: Edits = gone.map(|request| (request.id, None)).collect();
        if !edits.is_empty() {
            tx.put_waiting_nodes(&pending, &edits)?;
        }
        let line = Line::by(by.approver(), action::NODE_REMOVE, tx.now).about(node);
        tx.commit(vec![line]).map(|()| true)
    }

    /// Gives a legacy node another name. False if there is none.
    pub fn rename_node(
        &self,
        by: &DeviceApprover,
        node: &str,
        name: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::open_nodes(self, Some(by.approver().authority()), now)?;
        let paired = self.node_paired()?;
        let Some(mut row) = paired.0.object(node) else { return Ok(false) };
        row::put(&mut row, "displayName", Some(name));
        row::scrub(&mut row);
        tx.put_nodes(&paired, &[(node.to_owned(), Some(table::render(&row)))].into())?;
        let line = Line::by(by.approver(), action::NODE_RENAME, tx.now).about(node);
        tx.commit(vec![line]).map(|()| true)
    }
}

fn waiting(pending: &Table, id: &str, now: UnixMs) -> Option<NodeRequest> {
    request(id, &pending.object(id)?).filter(|request| is_open(request, now))
}

fn open(pending: &Table, now: UnixMs) -> Vec<NodeRequest> {
    let requests = pending.objects().filter_map(|(key, row)| request(key, &row));
    requests.filter(|request| is_open(request, now)).collect()
}

fn is_open(request: &NodeRequest, now: UnixMs) -> bool {
    now.0.checked_sub(request.asked_at.0).is_some_and(|age| age <= LIFETIME_MS)
}

/// Takes out expired rows, also those of other programs.
fn expired(pending: &Table, now: UnixMs) -> Edits {
    let is_over = |text: &str| {
        let at = table::object(text).and_then(|row| row::time(&row, "ts"));
        let age = at.and_then(|at| now.0.checked_sub(at.0));
        age.is_none_or(|age| age > LIFETIME_MS)
    };
    let over = pending.rows().filter(|(_, text)| is_over(text));
    over.map(|(key, _)| (key.to_owned(), None)).collect()
}

/// The same, and this row.
fn expired_and(id: &str, pending: &Table, now: UnixMs) -> Edits {
    let mut edits = expired(pending, now);
    edits.insert(id.to_owned(), None);
    edits
}

fn shared(row: &Row, node: &str) -> NodeRequest {
    let described = DESCRIBED
        .iter()
        .filter_map(|key| row::text(row, key).map(|text| ((*key).to_owned(), text.to_owned())));
    let texts = |key| row::list(row, key).unwrap_or_default().into_iter().map(str::to_owned);
    NodeRequest {
        node: node.to_owned(),
        described: described.collect(),
        caps: texts("caps").collect(),
        commands: texts("commands").collect(),
        ..NodeRequest::default()
    }
}

fn request(id: &str, row: &Row) -> Option<NodeRequest> {
    (row::text(row, "requestId")? == id).then_some(())?;
    Some(NodeRequest {
        id: id.to_owned(),
        repair: row.get("isRepair").and_then(Value::as_bool).unwrap_or(false),
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

fn render_request(request: &NodeRequest) -> String {
    let mut row = Row::new();
    row::put(&mut row, "requestId", Some(request.id.as_str()));
    put_shared(&mut row, request);
    row::put(&mut row, "isRepair", Some(request.repair));
    row::put_time(&mut row, "ts", Some(request.asked_at));
    table::render(&row)
}

pub(super) fn render_node(mut row: Row, node: &LegacyNode) -> String {
    row.shift_remove("token");
    put_shared(&mut row, &node.request);
    row::put(&mut row, "tokenSha256", Some(node.digest.spell()));
    row::put_time(&mut row, "createdAtMs", Some(node.created_at));
    row::put_time(&mut row, "approvedAtMs", Some(node.approved_at));
    table::render(&row)
}
