//! `openclaw gateway status` and `call`: any gateway, asked whether it is there, or anything else.

use clap::Args;
use openclaw_plugin_sdk::neutral;
use serde_json::{Value, json};

use super::{
    caller::{Caller, ask},
    failure::{Exit, Failure},
    host::Host,
    nodes::parameters,
    output::Output,
    reach::Reach,
};
use crate::client::RemoteError;

/// Whether it is there.
#[derive(Clone, Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    reach: Reach,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    #[arg(value_name = "METHOD")]
    method: String,
    /// Its parameters, in JSON
    #[arg(long, value_name = "JSON", value_parser = parameters)]
    params: Option<Value>,
    #[command(flatten)]
    reach: Reach,
    /// Print JSON; it always does
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Connects, and tells what the gateway says about itself.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let target = self.reach.target(host)?;
        let at = target.address.to_string();
        let mut caller = match Caller::open(target, &["health"]) {
            Ok(caller) => caller,
            Err(error) => return self.unreachable(&at, error, output),
        };
        let hello = caller.link().hello().clone();
        let health = caller.call("health", json!({}))?;
        caller.close();
        if self.json {
            return output.json(&json!({
                "ok": true,
                "url": at,
                "version": hello.server.version,
                "protocol": hello.protocol,
                "uptimeMs": hello.snapshot.uptime_ms,
                "auth": { "method": hello.auth.method, "role": hello.auth.role, "scopes": hello.auth.scopes },
                "health": health,
            }));
        }
        output.line(format!("Gateway:  {at}, reachable"));
        let version = neutral(&hello.server.version, 64);
        output.line(format!("Version:  {version}, protocol {}", hello.protocol));
        output.line(format!(
            "Up for:   {}",
            super::devices::age(0, openclaw_plugin_sdk::UnixMs(hello.snapshot.uptime_ms))
        ));
        let scopes = hello.auth.scopes.iter().map(|scope| neutral(scope, 64));
        let scopes = scopes.collect::<Vec<_>>().join(", ");
        let scopes = if scopes.is_empty() { "nothing".to_owned() } else { scopes };
        output.line(format!("Rights:   {scopes}, by {}", neutral(&hello.auth.method, 32)));
        Ok(Exit::Done)
    }

    fn unreachable(
        &self,
        at: &str,
        error: RemoteError,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        if self.json {
            output.json(&json!({ "ok": false, "url": at, "error": error.to_string() }))?;
        }
        Err(error.into())
    }
}

impl Call {
    /// Asks, and prints the answer.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let params = self.params.unwrap_or_else(|| json!({}));
        let answer = ask(self.reach.target(host)?, self.method.trim(), params)?;
        output.json(&answer)
    }
}
