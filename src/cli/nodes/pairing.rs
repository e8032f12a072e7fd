//! `openclaw nodes pending`, `list`, `approve` and `reject`: nodes that ask, and the decisions about them.

use clap::Args;
use openclaw_plugin_sdk::{UnixMs, neutral};
use serde_json::{Value, json};

use super::Common;
use crate::{
    devices::{age, short},
    failure::{Exit, Failure},
    host::Host,
    output::{
        Cell::{Text, Whole},
        Output, whole,
    },
};

/// Shows who asks.
#[derive(Debug, Args)]
pub(crate) struct Pending {
    #[command(flatten)]
    common: Common,
}

/// Shows both.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that are connected
    #[arg(long)]
    connected: bool,
    /// Only those that were connected within this time, such as 24h or 7d
    #[arg(long, value_name = "TIME", value_parser = super::known::span)]
    last_connected: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Decides.
#[derive(Debug, Args)]
#[command(after_help = "Prints JSON.")]
pub(crate) struct Decide {
    /// The request, as `nodes pending` names it
    #[arg(value_name = "REQUEST")]
    request: String,
    #[command(flatten)]
    common: Common,
}

impl Pending {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let mut caller = self.common.caller(&["node.pair.list"], host)?;
        let listed = caller.call("node.pair.list", json!({}))?;
        caller.close();
        let pending = rows(&listed, "pending");
        if self.common.json {
            output.json(&pending)?;
        } else if pending.is_empty() {
            output.line("No pending pairing requests.");
        } else {
            print_pending(&pending, Host::now(), output);
        }
        Ok(Exit::Done)
    }
}

impl List {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let mut caller = self.common.caller(&["node.pair.list", "node.list"], host)?;
        let listed = caller.call("node.pair.list", json!({}))?;
        let now = Host::now();
        let (_, nodes) = super::nodes(&mut caller)?;
        caller.close();
        let kept = |row: &Value| {
            let id = text(row, "nodeId");
            let node = nodes.iter().find(|node| node.id == id);
            let connected = node.is_some_and(|node| node.connected);
            let seen = node.and_then(super::Node::seen);
            let recent = |span: u64| seen.is_some_and(|at| now.0.saturating_sub(at) <= span);
            (!self.connected || connected) && self.last_connected.is_none_or(recent)
        };
        let pending = rows(&listed, "pending");
        // A token that an old gateway lists is nobody's to read here.
        let mut paired: Vec<Value> = rows(&listed, "paired").into_iter().filter(kept).collect();
        for row in paired.iter_mut().filter_map(Value::as_object_mut) {
            row.remove("token");
        }
        if self.common.json {
            return output.json(&json!({ "pending": pending, "paired": paired }));
        }
        output.line(format!("Pending: {} · Paired: {}", pending.len(), paired.len()));
        if !pending.is_empty() {
            print_pending(&pending, now, output);
        }
        if !paired.is_empty() {
            let row = |row: &Value| {
                let at = row.get("approvedAtMs").and_then(Value::as_u64);
                let at = at.map(|at| format!("{} ago", age(at, now))).unwrap_or_default();
                vec![
                    Text("Node", name(row)),
                    Text("ID", short(text(row, "nodeId"))),
                    Text("IP", text(row, "remoteIp").to_owned()),
                    Whole("Approved", at),
                ]
            };
            output.table(paired.iter().map(row));
        }
        Ok(Exit::Done)
    }
}

impl Decide {
    /// Shows what is decided, then decides it.
    pub(super) fn run(
        self,
        method: &'static str,
        host: &Host,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let mut caller = self.common.caller(&["node.pair.list", method], host)?;
        let listed = caller.call("node.pair.list", json!({}))?;
        let pending = rows(&listed, "pending");
        let id = self.request.trim();
        let Some(row) = pending.iter().find(|row| text(row, "requestId") == id) else {
            return Err(unknown(id, &pending));
        };
        if !self.common.json {
            output.note(format!("{} asks: {}", name(row), asked(row)));
        }
        let answer = caller.call(method, json!({ "requestId": id }))?;
        caller.close();
        output.json(&answer)
    }
}

fn unknown(id: &str, pending: &[Value]) -> Failure {
    let ids: Vec<String> = pending.iter().map(|row| whole(text(row, "requestId"))).collect();
    let there = if ids.is_empty() {
        "No pending node pairing requests are currently visible.".to_owned()
    } else {
        format!("Pending requestIds: {}", ids.join(", "))
    };
    let text = format!("Unknown node pairing requestId: {}\n{there}", neutral(id, 128));
    Failure::line(Exit::NoMatch, text).hint("`openclaw nodes pending` shows what waits")
}

fn print_pending(pending: &[Value], now: UnixMs, output: &mut Output) {
    let row = |row: &Value| {
        let at = row.get("ts").and_then(Value::as_u64).unwrap_or_default();
        vec![
            Whole("Request", text(row, "requestId").to_owned()),
            Text("Node", name(row)),
            Text("IP", text(row, "remoteIp").to_owned()),
            Text("Asks for", asked(row)),
            Whole("Requested", format!("{} ago", age(at, now))),
        ]
    };
    output.table(pending.iter().map(row));
}

/// Each command, because each is granted.
fn asked(row: &Value) -> String {
    let words = row.get("commands").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<_> = words.filter_map(Value::as_str).map(|word| neutral(word, 64)).collect();
    if words.is_empty() { "no commands".to_owned() } else { words.join(", ") }
}

fn rows(listed: &Value, key: &str) -> Vec<Value> {
    listed.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn name(row: &Value) -> String {
    let name = neutral(text(row, "displayName"), 64);
    if name.is_empty() { short(text(row, "nodeId")) } else { name }
}
