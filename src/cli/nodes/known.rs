//! `openclaw nodes status`, `describe`, `rename`, `remove` and `invoke`.

use std::time::Duration;

use clap::Args;
use openclaw_plugin_sdk::{UnixMs, lasting, neutral};
use serde_json::{Value, json};

use super::{Node, find, nodes};
use crate::{
    Cell, Ended, Exit, Failure, Host, Output, Text, Whole,
    devices::{age, list, short},
    reach::Common,
    text, whole, world,
};

/// Which nodes are shown.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only those that are connected
    #[arg(long)]
    connected: bool,
    /// Only those that were connected within this time, such as 24h or 7d
    #[arg(long, value_name = "TIME", value_parser = span)]
    last_connected: Option<u64>,
}

impl Filter {
    /// True for a node that is shown. One that no gateway knows was never connected.
    pub(super) fn keeps(&self, node: Option<&Node>, now: UnixMs) -> bool {
        let seen = node.and_then(Node::seen);
        let recent = |span: u64| seen.is_some_and(|at| now.0.saturating_sub(at) <= span);
        (!self.connected || node.is_some_and(|node| node.connected))
            && self.last_connected.is_none_or(recent)
    }
}

/// Lets one do something.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw nodes invoke --node kitchen --command device.info
  openclaw nodes invoke --node kitchen --command system.notify \\
    --params '{\"title\":\"Tea\"}'")]
pub(crate) struct Invoke {
    /// The command
    #[arg(long)]
    command: String,
    /// The parameters, a JSON object
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

/// Names one.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The node: its id or the beginning of it, its name, or its address
    #[arg(long)]
    node: String,
    #[command(flatten)]
    common: Common,
}

/// Reads `30m`, `24h`, `7d`: milliseconds.
fn span(text: &str) -> Result<u64, String> {
    let digits = text.trim().bytes().all(|byte| byte.is_ascii_digit());
    let span = lasting(&if digits { format!("{}h", text.trim()) } else { text.to_owned() });
    let ms = span.and_then(|span| u64::try_from(span.as_millis()).ok());
    ms.ok_or_else(|| text::NO_TIME.to_owned())
}

/// Reads JSON.
pub(crate) fn parameters(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| text::no_json(&error))
}

pub(super) fn status(filter: &Filter, common: &Common, host: &Host, output: &mut Output) -> Ended {
    let mut link = common.link(&["node.list"], host)?;
    let (mut listed, mut all) = nodes(&mut link)?;
    link.close();
    let now = Host::now();
    let kept: Vec<bool> = all.iter().map(|node| filter.keeps(Some(node), now)).collect();
    if common.json {
        if let Some(rows) = listed.get_mut("nodes").and_then(Value::as_array_mut) {
            let mut kept = kept.iter();
            rows.retain(|_| kept.next().copied().unwrap_or(false));
        }
        return output.json(&listed);
    }
    let count = |is: fn(&Node) -> bool| all.iter().filter(|node| is(node)).count();
    let (paired, connected) = (count(|node| node.paired), count(|node| node.connected));
    output.line(text::nodes_known(all.len(), paired, connected));
    let mut kept = kept.into_iter();
    all.retain(|_| kept.next().unwrap_or(false));
    if !all.is_empty() {
        output.table(table(&all, now));
    }
    for node in &all {
        if let Some(id) = &node.pending_request_id {
            output.line(text::node_asks(&node.name(), id));
        }
    }
    Ok(Exit::Done)
}

fn table(nodes: &[Node], now: UnixMs) -> Vec<Vec<Cell>> {
    let row = |node: &Node| {
        vec![
            Text("Node", node.name()),
            Whole("ID", short(&node.id)),
            Text("IP", node.remote_ip.clone().unwrap_or_default()),
            Text("Detail", detail(node)),
            Text("Status", state(node, now)),
            Text("Caps", list(&node.caps)),
        ]
    };
    nodes.iter().map(row).collect()
}

fn detail(node: &Node) -> String {
    let parts = [&node.platform, &node.device_family, &node.model_identifier, &node.version];
    let parts = parts.into_iter().flatten().map(|part| neutral(part, 48));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn state(node: &Node, now: UnixMs) -> String {
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
        let mut link = self.common.link(&["node.list", method], host)?;
        let node = find(&nodes(&mut link)?.1, &self.node)?;
        if let Some(patience) = patience {
            link.be_patient(patience);
        }
        let answer = link.call(method, params(&node))?;
        link.close();
        Ok((node, answer))
    }

    pub(super) fn describe(self, host: &Host, output: &mut Output) -> Ended {
        let params = |node: &Node| json!({ "nodeId": node.id });
        let (_, answer) = self.ask(host, "node.describe", None, params)?;
        if self.common.json {
            return output.json(&answer);
        }
        let node: Node = serde_json::from_value(answer)?;
        let fields = [
            ("Node", node.name()),
            ("ID", whole(&node.id)),
            ("IP", node.remote_ip.clone().unwrap_or_default()),
            ("Detail", detail(&node)),
            ("Status", state(&node, Host::now())),
            ("Caps", node.caps.join(", ")),
        ];
        let row = |(field, value): (&str, String)| {
            vec![Whole("Field", field.to_owned()), Text("Value", value)]
        };
        output.table(fields.map(row));
        output.line(text::COMMANDS);
        for command in &node.commands {
            output.line(format!("- {}", neutral(command, 64)));
        }
        Ok(Exit::Done)
    }

    pub(super) fn rename(self, name: &str, host: &Host, output: &mut Output) -> Ended {
        let params = |node: &Node| json!({ "nodeId": node.id, "displayName": name });
        let (node, answer) = self.ask(host, "node.rename", None, params)?;
        output.answer(self.common.json, &answer, text::node_renamed(&node.id, name))
    }

    pub(super) fn remove(self, host: &Host, output: &mut Output) -> Ended {
        let params = |node: &Node| json!({ "nodeId": node.id });
        let (node, answer) = self.ask(host, "node.pair.remove", None, params)?;
        output.answer(self.common.json, &answer, text::node_removed(&node.id))
    }
}

impl Invoke {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
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
        output.json(&if self.which.common.json { answer } else { payload(&answer) })
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
    let random = u128::from_ne_bytes(world::random()?);
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
            └──────────────┴──────────────┴──────────┴───────────────────┴──────────────────────────────────────────────┴────────┘"]].assert_eq(&encoded(rows, Look { width: Some(400), ..Look::default() }));
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
