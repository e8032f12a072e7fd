//! `openclaw devices remove`, `clear`, `rename`, `rotate` and `revoke`: what becomes of paired devices.

use clap::Args;
use openclaw_plugin_sdk::Decision;
use serde_json::{Value, json};

use super::{show::Listing, source::Source};
use crate::{
    Ended, Exit, Failure, Host, Output,
    control::devices::{Change, LABEL},
    reach::Common,
    rules::device::{
        role::{Role, Scope, Scopes},
        token::Token,
    },
    text, world,
};

/// Removes all.
#[derive(Debug, Args)]
pub(crate) struct Clear {
    /// Confirm; without this nothing is removed
    #[arg(long)]
    yes: bool,
    /// Also reject every device that waits
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    common: Common,
}

/// Names.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The device, or the beginning of its id
    #[arg(long)]
    device: String,
    /// Its name, at most 64 characters
    #[arg(long, value_parser = label)]
    name: String,
    #[command(flatten)]
    common: Common,
}

/// Replaces a token.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints JSON. The new token is in it only if the device is this machine. Any
other device gets it when it connects again with the gateway's token or a new
setup code.")]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Revoke,
    /// A scope of the new token; without this, the scopes of the old token
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    /// Give the new token no scope: it can connect and nothing else
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
}

/// Takes a role away.
#[derive(Debug, Args)]
#[command(after_help = "Prints JSON.")]
pub(crate) struct Revoke {
    /// The device, or the beginning of its id
    #[arg(long)]
    device: String,
    /// `node` or `operator`
    #[arg(long, value_parser = role)]
    role: Role,
    #[command(flatten)]
    common: Common,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text.trim()).ok_or_else(|| text::NO_ROLE.to_owned())
}

fn scope(text: &str) -> Result<String, String> {
    let known = Scope::parse(text.trim()).map(|scope| scope.word().to_owned());
    known.ok_or_else(|| text::NO_SCOPE.to_owned())
}

fn label(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LABEL;
    if fits { Ok(text.to_owned()) } else { Err(text::NO_LABEL.to_owned()) }
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
        let methods = ["device.pair.list", change.method()];
        let mut source = Source::open(self, &methods, host, output)?;
        let device = Listing::read(&source.list()?)?.find(typed)?;
        let answer = source.change(&device, change)?;
        source.close();
        Ok((device, answer))
    }
}

pub(super) fn remove(typed: &str, common: &Common, host: &Host, output: &mut Output) -> Ended {
    let (device, answer) = common.change(typed, &Change::Remove, host, output)?;
    output.answer(common.json, &answer, text::device_removed(&device))
}

impl Clear {
    /// What could be done before an error is told: it stays done.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        if !self.yes {
            return Err(text::not_cleared());
        }
        let methods = ["device.pair.list", "device.pair.remove", "device.pair.reject"];
        let mut source = Source::open(&self.common, &methods, host, output)?;
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
            output.line(text::cleared(removed.len()));
            if self.pending {
                output.line(text::cleared_pending(rejected.len()));
            }
        }
        failed.map_or(Ok(Exit::Done), Err)
    }
}

impl Rename {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let change = Change::Rename(self.name.clone());
        let (device, answer) = self.common.change(&self.device, &change, host, output)?;
        let said = text::device_renamed(&device, &self.name);
        output.answer(self.common.json, &answer, said)
    }
}

impl Revoke {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        self.change(&Change::Revoke(self.role), host, output)
    }

    fn change(&self, change: &Change, host: &Host, output: &mut Output) -> Ended {
        let (_, answer) = self.common.change(&self.device, change, host, output)?;
        output.json(&answer)
    }
}

impl Rotate {
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let named = self.no_scopes || !self.scopes.is_empty();
        let scopes = named.then(|| Scopes::parse(&self.scopes));
        let fresh = Token::from_random(world::random()?);
        self.which.change(&Change::Rotate(self.which.role, scopes, fresh), host, output)
    }
}
