//! `openclaw nodes status`, `describe`, `rename`, `remove` and `invoke`.

use std::time::Duration;

use clap::Args;
use openclaw_plugin_sdk::{UnixMs, lasting, neutral};
use serde_json::{Value, json};

use super::{Common, Node, find, nodes};
use crate::{
    devices::{age, short},
    failure::{Exit, Failure},
    host::Host,
    output::{
        Cell::{self, Text, Whole},
        Output, whole,
    },
    world,
};

/// Shows all.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only those that are connected
    #[arg(long)]
    connected: bool,
    /// Only those that were connected within this time, such as 24h or 7d
    #[arg(long, value_name = "TIME", value_parser = span)]
    last_connected: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Shows one.
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    which: Which,
}

/// Names one.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Its new name
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    which: Which,
}

/// Forgets one.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    which: Which,
}

/// Lets one do something.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw nodes invoke --node kitchen --command device.info
  openclaw nodes invoke --node kitchen --command system.notify --params '{\"title\":\"Tea\"}'")]
pub(crate) struct Invoke {
    /// The command
    #[arg(long, value_name = "COMMAND")]
    command: String,
    /// Its parameters, in JSON
    #[arg(long, value_name = "JSON", value_parser = parameters)]
    params: Option<Value>,
    /// How long the node may take, in milliseconds
    #[arg(long = "invoke-timeout", value_name = "MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    patience: u64,
    /// Idempotency key: a repeated key runs nothing again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// The node: its id or the beginning of it, its name, or its address
    #[arg(long, value_name = "NODE")]
    node: String,
    #[command(flatten)]
    common: Common,
}

/// Reads `30m`, `24h`, `7d`: milliseconds.
pub(super) fn span(text: &str) -> Result<u64, String> {
    let digits = text.trim().bytes().all(|byte| byte.is_ascii_digit());
    let span = lasting(&if digits { format!("{}h", text.trim()) } else { text.to_owned() });
    let ms = span.and_then(|span| u64::try_from(span.as_millis()).ok());
    ms.ok_or_else(|| "write a duration such as 30m, 24h or 7d".to_owned())
}

/// Reads JSON.
pub(crate) fn parameters(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))
}

impl Status {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let mut caller = self.common.caller(&["node.list"], host)?;
        let (mut listed, mut all) = nodes(&mut caller)?;
        caller.close();
        let now = Host::now();
        let keeps = |node: &Node| {
            let recent = |span: u64| node.seen().is_some_and(|at| now.0.saturating_sub(at) <= span);
            (!self.connected || node.connected) && self.last_connected.is_none_or(recent)
        };
        let kept: Vec<bool> = all.iter().map(keeps).collect();
        if self.common.json {
            if let Some(rows) = listed.get_mut("nodes").and_then(Value::as_array_mut) {
                let mut kept = kept.iter();
                rows.retain(|_| kept.next().copied().unwrap_or(false));
            }
            return output.json(&listed);
        }
        let count = |is: fn(&Node) -> bool| all.iter().filter(|node| is(node)).count();
        let (paired, connected) = (count(|node| node.paired), count(|node| node.connected));
        output.line(format!("Known: {} · Paired: {paired} · Connected: {connected}", all.len()));
        let mut kept = kept.into_iter();
        all.retain(|_| kept.next().unwrap_or(false));
        if !all.is_empty() {
            output.table(table(&all, now));
        }
        for node in &all {
            if let Some(id) = &node.pending_request_id {
                let id = whole(id);
                output.line(format!("{} asks for more: openclaw nodes approve {id}", node.name()));
            }
        }
        Ok(Exit::Done)
    }
}

fn table(nodes: &[Node], now: UnixMs) -> Vec<Vec<Cell>> {
    let row = |node: &Node| {
        let caps = node.caps.iter().map(|cap| neutral(cap, 32)).collect::<Vec<_>>();
        vec![
            Text("Node", node.name()),
            Whole("ID", short(&node.id)),
            Text("IP", node.remote_ip.clone().unwrap_or_default()),
            Text("Detail", detail(node)),
            Text("Status", status(node, now)),
            Text("Caps", caps.join(", ")),
        ]
    };
    nodes.iter().map(row).collect()
}

fn detail(node: &Node) -> String {
    let parts = [&node.platform, &node.device_family, &node.model_identifier, &node.version];
    let parts = parts.into_iter().flatten().map(|part| neutral(part, 48));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn status(node: &Node, now: UnixMs) -> String {
    let paired = if node.paired { "paired" } else { "unpaired" };
    let connected = if node.connected { "connected" } else { "disconnected" };
    let seen = node.seen().map(|at| format!(" ({})", age(at, now))).unwrap_or_default();
    let state = node.approval_state.as_deref().filter(|state| *state != "approved");
    let state = state.map(|state| format!(" · {}", neutral(state, 32))).unwrap_or_default();
    format!("{paired} · {connected}{seen}{state}")
}

impl Which {
    /// Asks about the node that was meant, or asks it.
    fn ask(
        &self,
        host: &Host,
        method: &str,
        patience: Option<Duration>,
        params: impl FnOnce(&Node) -> Value,
    ) -> Result<(Node, Value), Failure> {
        let mut caller = self.common.caller(&["node.list", method], host)?;
        let node = find(&nodes(&mut caller)?.1, &self.node)?;
        if let Some(patience) = patience {
            caller.link().be_patient(patience);
        }
        let answer = caller.call(method, params(&node))?;
        caller.close();
        Ok((node, answer))
    }
}

impl Describe {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let common = &self.which.common;
        let params = |node: &Node| json!({ "nodeId": node.id });
        let (_, answer) = self.which.ask(host, "node.describe", None, params)?;
        if common.json {
            return output.json(&answer);
        }
        let node: Node = serde_json::from_value(answer).map_err(anyhow::Error::from)?;
        let fields = [
            ("Node", node.name()),
            ("ID", whole(&node.id)),
            ("IP", node.remote_ip.clone().unwrap_or_default()),
            ("Detail", detail(&node)),
            ("Status", status(&node, Host::now())),
            ("Caps", node.caps.join(", ")),
        ];
        output
            .table(fields.map(|(field, value)| {
                vec![Whole("Field", field.to_owned()), Text("Value", value)]
            }));
        output.line("Commands");
        for command in &node.commands {
            output.line(format!("- {}", neutral(command, 64)));
        }
        Ok(Exit::Done)
    }
}

impl Rename {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let common = &self.which.common;
        let params = |node: &Node| json!({ "nodeId": node.id, "displayName": self.name.trim() });
        let (node, answer) = self.which.ask(host, "node.rename", None, params)?;
        let (id, name) = (whole(&node.id), neutral(self.name.trim(), 64));
        output.answer(common.json, &answer, format!("node rename ok: {id} -> {name}"))
    }
}

impl Remove {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let common = &self.which.common;
        let params = |node: &Node| json!({ "nodeId": node.id });
        let (node, answer) = self.which.ask(host, "node.pair.remove", None, params)?;
        output.answer(common.json, &answer, format!("Removed paired node {}", whole(&node.id)))
    }
}

impl Invoke {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let common = &self.which.common;
        let key = match &self.idempotency_key {
            Some(key) => key.clone(),
            None => fresh_key()?,
        };
        // The gateway answers when the node has had its time.
        let patience = Some(Duration::from_millis(self.patience + 5_000));
        let (_, answer) = self.which.ask(host, "node.invoke", patience, |node| {
            let mut params = json!({
                "nodeId": node.id,
                "command": self.command.trim(),
                "timeoutMs": self.patience,
                "idempotencyKey": key,
            });
            if let Some(given) = &self.params {
                params["params"] = given.clone();
            }
            params
        })?;
        output.json(&if common.json { answer } else { payload(&answer) })
    }
}

/// What the node gave, as a value or as the text of one.
fn payload(answer: &Value) -> Value {
    let text = answer.get("payloadJSON").and_then(Value::as_str);
    let encoded = text.and_then(|text| serde_json::from_str(text).ok());
    let given = answer.get("payload").filter(|payload| !payload.is_null()).cloned();
    given.or(encoded).unwrap_or(Value::Null)
}

fn fresh_key() -> Result<String, Failure> {
    let random = u128::from_ne_bytes(world::random().map_err(anyhow::Error::from)?);
    Ok(format!("{random:032x}"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::output::{Look, table as encoded};

    #[test]
    fn nodes_are_a_table() {
        let nodes: Vec<Node> = serde_json::from_value(json!([
            { "nodeId": "ab".repeat(32), "displayName": "kitchen", "platform": "linux",
              "deviceFamily": "Linux", "version": "1", "remoteIp": "10.0.0.7", "caps": ["device"],
              "commands": ["device.info"], "paired": true, "connected": true,
              "connectedAtMs": 1_000, "approvalState": "approved" },
            { "nodeId": "cd".repeat(32), "caps": [], "commands": [], "paired": false,
              "connected": false, "approvalState": "pending-reapproval", "pendingRequestId": "r" }
        ]))
        .unwrap();
        let rows = table(&nodes, UnixMs(61_000));
        expect![[r"
            ┌──────────────┬──────────────┬──────────┬───────────────────┬──────────────────────────────────────────────┬────────┐
            │ Node         │ ID           │ IP       │ Detail            │ Status                                       │ Caps   │
            ├──────────────┼──────────────┼──────────┼───────────────────┼──────────────────────────────────────────────┼────────┤
            │ kitchen      │ abababababab │ 10.0.0.7 │ linux · Linux · 1 │ paired · connected (1m)                      │ device │
            │ cdcdcdcdcdcd │ cdcdcdcdcdcd │          │                   │ unpaired · disconnected · pending-reapproval │        │
            └──────────────┴──────────────┴──────────┴───────────────────┴──────────────────────────────────────────────┴────────┘"]].assert_eq(&encoded(rows, Look::default()));
    }

    #[test]
    fn a_span_is_read_with_its_unit() {
        let table =
            [("30m", 1_800_000), ("24h", 86_400_000), ("7d", 604_800_000), ("2", 7_200_000)];
        for (text, ms) in table {
            assert_eq!(span(text), Ok(ms), "{text}");
        }
        for text in ["", "h", "0d", "-1h", "1w", "99999999999999999999d", "1 h"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_payload_is_read_in_either_form() {
        let both = json!({ "payload": null, "payloadJSON": "{\"a\":1}" });
        assert_eq!(payload(&both), json!({ "a": 1 }));
        assert_eq!(payload(&json!({ "payload": [1] })), json!([1]));
        assert_eq!(payload(&json!({ "payloadJSON": "x" })), Value::Null);
    }
}
