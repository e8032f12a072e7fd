//! `openclaw devices remove`, `clear`, `rename`, `rotate` and `revoke`: what becomes of paired devices.

use clap::Args;
use openclaw_plugin_sdk::{Decision, neutral};
use serde_json::{Value, json};

use super::{Common, show::Listing};
use crate::{
    control::devices::{Change, LABEL},
    failure::{Exit, Failure},
    host::Host,
    output::{Output, whole},
    rules::device::{
        role::{Role, Scope, Scopes},
        token::Token,
    },
    world,
};

/// Removes.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The device, or the beginning of its id
    #[arg(value_name = "DEVICE")]
    device: String,
    #[command(flatten)]
    common: Common,
}

/// Removes all.
#[derive(Debug, Args)]
pub(crate) struct Clear {
    /// Really
    #[arg(long)]
    yes: bool,
    /// And turn away every device that waits
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    common: Common,
}

/// Names.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The device, or the beginning of its id
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// Its name, at most 64 characters
    #[arg(long, value_name = "NAME", value_parser = label)]
    name: String,
    #[command(flatten)]
    common: Common,
}

/// Replaces a token.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints JSON. The new token is in it only where the device is this machine's own. Any other device gets it when
it comes again with the gateway's own token, or with a new setup code.")]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Which,
    /// What the new token is good for; without it, what the old one was
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    /// It is good for nothing but connecting
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
}

/// Takes a role away.
#[derive(Debug, Args)]
#[command(after_help = "Prints JSON.")]
pub(crate) struct Revoke {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// The device, or the beginning of its id
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// `node` or `operator`
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    #[command(flatten)]
    common: Common,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text.trim()).ok_or_else(|| "it is `node` or `operator`".to_owned())
}

fn scope(text: &str) -> Result<String, String> {
    let known = Scope::parse(text.trim()).map(|scope| scope.word().to_owned());
    known.ok_or_else(|| "no such scope; one is `operator.read`".to_owned())
}

fn label(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LABEL;
    if fits { Ok(text.to_owned()) } else { Err("a name has 1 to 64 characters".to_owned()) }
}

impl Common {
    /// Changes the device that was typed. Its id, and the answer.
    fn change(
        &self,
        typed: &str,
        change: &Change,
        host: &Host,
        output: &mut Output,
    ) -> Result<(String, Value), Failure> {
        let mut source = self.source(&["device.pair.list", change.method()], host, output)?;
        let device = Listing::read(&source.list()?)?.find(typed)?;
        let answer = source.change(&device, change)?;
        source.close();
        Ok((device, answer))
    }
}

impl Remove {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let (device, answer) = self.common.change(&self.device, &Change::Remove, host, output)?;
        output.answer(self.common.json, &answer, format!("Removed {}", whole(&device)))
    }
}

impl Clear {
    /// What could be done before an error is told: it stays done.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        if !self.yes {
            return Err(Failure::line(
                Exit::Failed,
                "Refusing to clear pairing table without --yes",
            ));
        }
        let methods = ["device.pair.list", "device.pair.remove", "device.pair.reject"];
        let mut source = self.common.source(&methods, host, output)?;
        let listing = Listing::read(&source.list()?)?;
        let (mut removed, mut rejected, mut failed) = (Vec::new(), Vec::new(), None);
        for paired in &listing.paired {
            match source.change(&paired.device_id, &Change::Remove) {
                Ok(_) => removed.push(paired.device_id.clone()),
                Err(error) => failed = Some(error),
            }
        }
        for pending in listing.pending.iter().filter(|_| self.pending) {
            // A request of a device that was removed is over already.
            match source.decide(&pending.request_id, Decision::Deny) {
                Ok(_) => rejected.push(pending.request_id.clone()),
                Err(_) if removed.contains(&pending.device_id) => {}
                Err(error) => failed = Some(error),
            }
        }
        source.close();
        if self.common.json {
            output.json(&json!({ "removedDevices": removed, "rejectedPending": rejected }))?;
        } else {
            output.line(format!("Cleared {} paired device(s)", removed.len()));
            if self.pending {
                output.line(format!("Rejected {} pending request(s)", rejected.len()));
            }
        }
        failed.map_or(Ok(Exit::Done), Err)
    }
}

impl Rename {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let change = Change::Rename(self.name.clone());
        let (device, answer) = self.common.change(&self.device, &change, host, output)?;
        output.answer(
            self.common.json,
            &answer,
            format!("Renamed {} → {}", whole(&device), neutral(&self.name, 64)),
        )
    }
}

impl Which {
    fn change(&self, change: &Change, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let (_, answer) = self.common.change(&self.device, change, host, output)?;
        output.json(&answer)
    }
}

impl Rotate {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let named = self.no_scopes || !self.scopes.is_empty();
        let scopes = named.then(|| Scopes::parse(&self.scopes));
        let fresh = Token::from_random(world::random().map_err(anyhow::Error::from)?);
        self.which.change(&Change::Rotate(self.which.role, scopes, fresh), host, output)
    }
}

impl Revoke {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        self.which.change(&Change::Revoke(self.which.role), host, output)
    }
}
