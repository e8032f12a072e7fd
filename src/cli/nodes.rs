//! `openclaw nodes`: devices that offer their abilities, what they may do, and what they are asked to do.

mod known;
mod pairing;

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::known::parameters;
use self::known::{Filter, Which};
use crate::{
    Ended, Failure, Host, Output,
    client::Link,
    devices::{list, named},
    reach::Common,
    text,
};

/// What can be done about nodes.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw nodes status
  openclaw nodes describe --node kitchen
  openclaw nodes invoke --node kitchen --command device.info
  openclaw nodes pending

A node is named by its id, at least six of its first characters, its name or its
address. `openclaw devices approve` approves a new device. Here wait nodes that
ask for more commands than they were approved for.")]
pub(super) enum Nodes {
    /// Show nodes that wait for approval
    Pending(Common),
    /// Approve the request of a node
    Approve(pairing::Decide),
    /// Reject the request of a node
    Reject(pairing::Decide),
    /// Remove a node and disconnect it
    Remove(Which),
    /// Rename a node
    Rename {
        /// Its new name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Show all nodes and whether they are connected
    Status {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        common: Common,
    },
    /// Show waiting and paired nodes
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        common: Common,
    },
    /// Show all details of a node
    Describe(Which),
    /// Run a command on a node
    Invoke(known::Invoke),
}

impl Nodes {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Pending(common) => pairing::pending(&common, host, output),
            Self::Approve(decide) => decide.run("node.pair.approve", host, output),
            Self::Reject(decide) => decide.run("node.pair.reject", host, output),
            Self::Remove(which) => which.remove(host, output),
            Self::Rename { name, which } => which.rename(name.trim(), host, output),
            Self::Status { filter, common } => known::status(&filter, &common, host, output),
            Self::List { filter, common } => pairing::list(&filter, &common, host, output),
            Self::Describe(which) => which.describe(host, output),
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
    /// Of a request.
    request_id: String,
    /// When a request was made.
    ts: u64,
    approved_at_ms: Option<u64>,
}

impl Node {
    fn name(&self) -> String {
        named([&self.display_name], &self.id)
    }

    /// Each command that a request asks for, because each is granted.
    fn asked(&self) -> String {
        if self.commands.is_empty() { text::NO_COMMANDS.to_owned() } else { list(&self.commands) }
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
fn nodes(link: &mut Link) -> Result<(Value, Vec<Node>), Failure> {
    let listed = link.call("node.list", json!({}))?;
    let nodes = read(&listed, "nodes")?;
    Ok((listed, nodes))
}

/// The rows of an answer.
fn read(listed: &Value, key: &str) -> Result<Vec<Node>, Failure> {
    let rows = listed.get(key).cloned().unwrap_or_else(|| json!([]));
    serde_json::from_value(rows).map_err(|error| text::unreadable_list("nodes", &error))
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
            many => return Err(text::several_nodes(many.len(), typed)),
        }
    }
    Err(text::no_node(typed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exit;

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
