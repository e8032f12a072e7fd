//! `openclaw nodes pending`, `list`, `approve` and `reject`: nodes that ask, and the decisions about them.

use clap::Args;
use openclaw_plugin_sdk::UnixMs;
use serde_json::{Value, json};

use super::{Node, known::Filter, nodes, read};
use crate::{
    Cell, Ended, Exit, Host, Output, Text, Whole,
    devices::{age, short},
    reach::Common,
    text,
};

/// Decides.
#[derive(Debug, Args)]
#[command(after_help = "Prints JSON.")]
pub(crate) struct Decide {
    /// The request, as `nodes pending` names it
    request: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn pending(common: &Common, host: &Host, output: &mut Output) -> Ended {
    let mut link = common.link(&["node.pair.list"], host)?;
    let listed = link.call("node.pair.list", json!({}))?;
    link.close();
    if common.json {
        return output.json(&rows(&listed, "pending"));
    }
    let pending = read(&listed, "pending")?;
    if pending.is_empty() {
        output.line(text::NO_NODES_PENDING);
    } else {
        output.table(table(&pending, Host::now()));
    }
    Ok(Exit::Done)
}

pub(super) fn list(filter: &Filter, common: &Common, host: &Host, output: &mut Output) -> Ended {
    let mut link = common.link(&["node.pair.list", "node.list"], host)?;
    let mut listed = link.call("node.pair.list", json!({}))?;
    let (now, (_, known)) = (Host::now(), nodes(&mut link)?);
    link.close();
    let mut paired = rows(&listed, "paired");
    paired.retain(|row| {
        let id = row.get("nodeId").and_then(Value::as_str).unwrap_or_default();
        filter.keeps(known.iter().find(|node| node.id == id), now)
    });
    // A token that an old gateway lists is nobody's to read here.
    for row in paired.iter_mut().filter_map(Value::as_object_mut) {
        row.remove("token");
    }
    if common.json {
        return output.json(&json!({ "pending": rows(&listed, "pending"), "paired": paired }));
    }
    listed["paired"] = paired.into();
    let (pending, paired) = (read(&listed, "pending")?, read(&listed, "paired")?);
    output.line(text::nodes_paired(pending.len(), paired.len()));
    if !pending.is_empty() {
        output.table(table(&pending, now));
    }
    if !paired.is_empty() {
        let row = |node: &Node| {
            let at = node.approved_at_ms.map(|at| format!("{} ago", age(at, now)));
            vec![
                Text("Node", node.name()),
                Text("ID", short(&node.id)),
                Text("IP", node.remote_ip.clone().unwrap_or_default()),
                Whole("Approved", at.unwrap_or_default()),
            ]
        };
        output.table(paired.iter().map(row));
    }
    Ok(Exit::Done)
}

impl Decide {
    /// Shows what is decided, then decides it.
    pub(super) fn run(self, method: &'static str, host: &Host, output: &mut Output) -> Ended {
        let mut link = self.common.link(&["node.pair.list", method], host)?;
        let pending = read(&link.call("node.pair.list", json!({}))?, "pending")?;
        let id = self.request.trim();
        let Some(node) = pending.iter().find(|node| node.request_id == id) else {
            let ids: Vec<&str> = pending.iter().map(|node| &*node.request_id).collect();
            return Err(text::no_node_request(id, &ids));
        };
        if !self.common.json {
            output.note(format!("{} asks: {}", node.name(), node.asked()));
        }
        let answer = link.call(method, json!({ "requestId": id }))?;
        link.close();
        output.json(&answer)
    }
}

fn table(pending: &[Node], now: UnixMs) -> Vec<Vec<Cell>> {
    let row = |node: &Node| {
        vec![
            Whole("Request", node.request_id.clone()),
            Text("Node", node.name()),
            Text("IP", node.remote_ip.clone().unwrap_or_default()),
            Text("Asks for", node.asked()),
            Whole("Requested", format!("{} ago", age(node.ts, now))),
        ]
    };
    pending.iter().map(row).collect()
}

fn rows(listed: &Value, key: &str) -> Vec<Value> {
    listed.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}
