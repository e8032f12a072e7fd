//! `openclaw nodes`: devices that offer their abilities, what they may do, and what they are asked to do.

mod known;
mod pairing;

use clap::Subcommand;
use openclaw_plugin_sdk::neutral;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::known::parameters;
use super::{
    caller::Caller,
    failure::{Exit, Failure},
    host::Host,
    output::Output,
    reach::Common,
};

/// What can be done about nodes.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw nodes status
  openclaw nodes describe --node kitchen
  openclaw nodes invoke --node kitchen --command device.info
  openclaw nodes pending

A node is named by its id, at least six of its first characters, its name or its address. A new device is let
in with `openclaw devices approve`; here wait nodes that ask for more commands than they were approved for.")]
pub(super) enum Nodes {
    /// Show nodes that wait for approval
    Pending(pairing::Pending),
    /// Approve the request of a node
    Approve(pairing::Decide),
    /// Reject the request of a node
    Reject(pairing::Decide),
    /// Remove a node and disconnect it
    Remove(known::Remove),
    /// Rename a node
    Rename(known::Rename),
    /// Show all nodes and whether they are connected
    Status(known::Status),
    /// Show waiting and paired nodes
    List(pairing::List),
    /// Show all details of a node
    Describe(known::Describe),
    /// Run a command on a node
    Invoke(known::Invoke),
}

impl Nodes {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Pending(pending) => pending.run(host, output),
            Self::Approve(decide) => decide.run("node.pair.approve", host, output),
            Self::Reject(decide) => decide.run("node.pair.reject", host, output),
            Self::Remove(remove) => remove.run(host, output),
            Self::Rename(rename) => rename.run(host, output),
            Self::Status(status) => status.run(host, output),
            Self::List(list) => list.run(host, output),
            Self::Describe(describe) => describe.run(host, output),
            Self::Invoke(invoke) => invoke.run(host, output),
        }
    }
}

/// A node as lists have it, as far as people read it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    #[serde(rename = "nodeId")]
    id: String,
    display_name: Option<String>,
    platform: Option<String>,
    version: Option<String>,
    device_family: Option<String>,
    model_identifier: Option<String>,
    remote_ip: Option<String>,
    caps: Vec<String>,
    commands: Vec<String>,
    paired: bool,
    connected: bool,
    approval_state: Option<String>,
    pending_request_id: Option<String>,
    connected_at_ms: Option<u64>,
    last_connected_at_ms: Option<u64>,
    last_seen_at_ms: Option<u64>,
}

impl Node {
    fn name(&self) -> String {
        let name = self.display_name.as_deref().map(|name| neutral(name, 64));
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| super::devices::short(&self.id))
    }

    /// When it was last there.
    fn seen(&self) -> Option<u64> {
        [self.connected_at_ms, self.last_connected_at_ms, self.last_seen_at_ms]
            .into_iter()
            .flatten()
            .max()
    }
}

/// All nodes that a gateway knows.
fn nodes(caller: &mut Caller) -> Result<(Value, Vec<Node>), Failure> {
    let listed = caller.call("node.list", json!({}))?;
    let rows = listed.get("nodes").cloned().unwrap_or_else(|| json!([]));
    let nodes = serde_json::from_value(rows).map_err(|error| {
        let why = format!("the gateway's list of nodes is unreadable: {error}");
        Failure::new(Exit::Failed, why)
    })?;
    Ok((listed, nodes))
}

/// The node that was meant. A name that two nodes have names neither.
fn find(nodes: &[Node], typed: &str) -> Result<Node, Failure> {
    let typed = typed.trim();
    let lower = typed.to_ascii_lowercase();
    let ways: [&dyn Fn(&Node) -> bool; 4] = [
        &|node| node.id == typed,
        &|node| node.remote_ip.as_deref() == Some(typed),
        &|node| node.display_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(typed)),
        &|node| typed.len() >= 6 && node.id.starts_with(&lower),
    ];
    for way in ways {
        let found: Vec<_> = nodes.iter().filter(|node| way(node)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            many => {
                let text = format!("{} nodes match {}", many.len(), neutral(typed, 64));
                return Err(Failure::usage(text).hint("use the id of the node"));
            }
        }
    }
    let text = format!("there is no node {}", neutral(typed, 64));
    Err(Failure::new(Exit::NoMatch, text).hint("`openclaw nodes status` shows all"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, name: &str, ip: &str) -> Node {
        Node {
            id: id.to_owned(),
            display_name: Some(name.to_owned()),
            remote_ip: Some(ip.to_owned()),
            ..Node::default()
        }
    }

    #[test]
    fn a_node_is_found_by_id_address_name_or_the_beginning_of_its_id() {
        let nodes = [
            node("aaaaaa11", "Kitchen", "10.0.0.1"),
            node("bbbbbb22", "aaaaaa11", "10.0.0.2"),
            node("aaaaaa33", "twin", "10.0.0.3"),
            node("cccccc44", "twin", "10.0.0.3"),
        ];
        for (typed, id) in [
            ("aaaaaa11", "aaaaaa11"),
            ("kitchen", "aaaaaa11"),
            ("10.0.0.2", "bbbbbb22"),
            ("CCCCCC", "cccccc44"),
        ] {
            assert_eq!(find(&nodes, typed).unwrap().id, id, "{typed}");
        }
        for (typed, exit) in
            [("twin", Exit::Usage), ("aaaaaa", Exit::Usage), ("bbbbb", Exit::NoMatch)]
        {
            assert_eq!(find(&nodes, typed).unwrap_err().exit(), exit, "{typed}");
        }
    }
}
