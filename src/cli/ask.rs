//! `openclaw gateway status` and `call`: any gateway, asked whether it is there, or anything else.

use clap::Args;
use openclaw_plugin_sdk::{UnixMs, neutral};
use serde_json::{Value, json};

use crate::{
    Ended, Exit, Failure, Host, Output,
    client::Link,
    devices::age,
    local_client::{Client, ready::Readiness},
    nodes::parameters,
    reach::{Common, Reach},
    text,
};

/// Whether it is there.
#[derive(Clone, Debug, Args)]
pub(super) struct Status {
    /// Only ask whether this machine's gateway is ready, as health checks do: exit code 0 or 1
    #[arg(long, conflicts_with_all = ["url", "token", "password", "tls_fingerprint"])]
    probe_only: bool,
    #[command(flatten)]
    common: Common,
}

/// Anything else.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw gateway call health
  openclaw gateway call node.describe --params '{\"nodeId\":\"…\"}'

Prints the answer as JSON.")]
pub(super) struct Call {
    /// The method
    method: String,
    /// The parameters, a JSON object
    #[arg(long, value_name = "JSON", value_parser = parameters)]
    params: Option<Value>,
    #[command(flatten)]
    reach: Reach,
    /// Print JSON, as without it
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Connects, and tells what the gateway says about itself.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        if self.probe_only {
            return probe(host, self.common.json, output);
        }
        let (json, target) = (self.common.json, self.common.reach.target(host)?);
        let at = target.address.to_string();
        let mut link = match Link::open(target, &["health", "status"]) {
            Ok(link) => link,
            Err(error) => {
                if json {
                    output.json(&json!({ "ok": false, "url": at, "error": error.to_string() }))?;
                }
                return Err(error.into());
            }
        };
        let hello = link.hello().clone();
        let health = link.call("health", json!({}))?;
        // A gateway of the field says nothing about it.
        let assistant = link.call("status", json!({})).unwrap_or_default()["assistant"].take();
        link.close();
        if json {
            return output.json(&json!({
                "ok": true,
                "url": at,
                "version": hello.server.version,
                "protocol": hello.protocol,
                "uptimeMs": hello.snapshot.uptime_ms,
                "auth": { "method": hello.auth.method, "role": hello.auth.role, "scopes": hello.auth.scopes },
                "health": health,
                "assistant": assistant,
            }));
        }
        let scopes = hello.auth.scopes.iter().map(|scope| neutral(scope, 64));
        let scopes = scopes.collect::<Vec<_>>().join(", ");
        let scopes = if scopes.is_empty() { "nothing" } else { &scopes };
        let version = neutral(&hello.server.version, 64);
        output.line(format!("Gateway:  {at}, reachable"));
        output.line(format!("Version:  {version}, protocol {}", hello.protocol));
        output.line(format!("Up for:   {}", age(0, UnixMs(hello.snapshot.uptime_ms))));
        output.line(format!("Rights:   {scopes}, by {}", neutral(&hello.auth.method, 32)));
        let word = |key: &str| Some(neutral(assistant.get(key)?.as_str()?, 64));
        if let (Some(responder), Some(state)) = (word("responder"), word("state")) {
            output.line(format!("Assistant: {responder}, {state}"));
        }
        Ok(Exit::Done)
    }
}

/// Asks the gateway of this state folder whether it is ready; no secret and no configuration is needed for it.
fn probe(host: &Host, json: bool, output: &mut Output) -> Ended {
    let asked = host.gateway()?.and_then(Client::ready);
    if json {
        let (ok, status) = match &asked {
            Ok(answer) => (answer.ok, answer.status.clone()),
            Err(_) => (false, "unreachable".to_owned()),
        };
        output.json(&json!({ "ok": ok, "status": status }))?;
        return Ok(if ok { Exit::Done } else { Exit::Failed });
    }
    match asked {
        Ok(Readiness { ok: true, status }) => output.line(neutral(&status, 64)),
        Ok(answer) => return Err(text::not_ready(&answer.status)),
        Err(error) => return Err(Failure::from(error).ending(Exit::Failed)),
    }
    Ok(Exit::Done)
}

impl Call {
    /// Asks, and prints the answer.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let method = self.method.trim();
        let mut link = Link::open(self.reach.target(host)?, &[method])?;
        let answer = link.call(method, self.params.unwrap_or_else(|| json!({})));
        link.close();
        output.json(&answer?)
    }
}
