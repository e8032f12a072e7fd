//! `openclaw pairing approve` and `deny`: one request, found by its code and decided by its own name.

use std::time::Duration;

use clap::Args;
use openclaw_plugin_sdk::{AccountId, ChannelPlugin, Decision, neutral};

use super::meta;
use crate::{
    control::{
        pairing::{self, Choice},
        text,
    },
    failure::{Exit, Failure},
    host::{self, Host},
    local_client::{LocalError, Notify},
    output::{
        self,
        Cell::{Text, Whole},
        Look, Output,
    },
    registry,
    rules::pairing::PairingRequest,
    store::Outcome,
};

/// Approves.
#[derive(Debug, Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
Examples:
  openclaw pairing approve AB3D7X9K                    On any channel
  openclaw pairing approve telegram AB3D7X9K           On this channel
  openclaw pairing approve telegram AB3D7X9K --for 24h Until tomorrow
  openclaw pairing approve telegram AB3D7X9K --notify  And tell the sender

An approval gives access. It never makes an owner."
)]
pub(crate) struct Approve {
    #[command(flatten)]
    which: Which,
    /// Limit the access to this time, such as `90m`, `24h` or `30d`
    #[arg(long = "for", value_name = "SPAN", value_parser = host::span)]
    lasting: Option<Duration>,
    /// Tell the sender, through the running gateway
    #[arg(long)]
    notify: bool,
}

/// Denies.
#[derive(Debug, Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
Examples:
  openclaw pairing deny AB3D7X9K
  openclaw pairing deny telegram AB3D7X9K --account work"
)]
pub(crate) struct Deny {
    #[command(flatten)]
    which: Which,
}

/// Which request is meant.
#[derive(Debug, Args)]
struct Which {
    /// The channel; without it all are searched
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// The eight-character code of the stranger, in upper or lower case
    #[arg(value_name = "CODE", required = true)]
    code: String,
    /// The channel, as an option
    #[arg(long = "channel", value_name = "CHANNEL", conflicts_with = "channel")]
    named: Option<String>,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
    /// The revision in `openclaw pairing list`, where the code alone is not enough
    #[arg(long, value_name = "REVISION")]
    as_shown: Option<String>,
}

impl Approve {
    /// Approves, and tells the sender where that is wanted: what cannot be told stays approved.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let request = self.which.decide(Decision::Approve, self.lasting, host, output)?;
        let (channel, sender) = (&request.key.channel, whole(&request));
        output.line(format!("{} {channel} sender {sender}", text::verdict(Decision::Approve)));
        describe(&request, output);
        if self.notify {
            match notify(host, &request) {
                Ok(()) => output.line(format!("Notified {channel} sender {sender}")),
                Err(why) => output.note(format!("Failed to notify requester: {why}")),
            }
        }
        Ok(Exit::Done)
    }
}

impl Deny {
    /// Denies.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let request = self.which.decide(Decision::Deny, None, host, output)?;
        let (verdict, channel) = (text::verdict(Decision::Deny), &request.key.channel);
        output.line(format!("{verdict} {channel} sender {}", whole(&request)));
        describe(&request, output);
        Ok(Exit::Done)
    }
}

impl Which {
    /// Decides the one request that is meant. Unknown, expired and foreign codes all get the same answer.
    fn decide(
        &self,
        decision: Decision,
        lasting: Option<Duration>,
        host: &Host,
        output: &mut Output,
    ) -> Result<PairingRequest, Failure> {
        let typed = self.channel.as_ref().or(self.named.as_ref());
        let one = typed.map(|typed| host::pairing_channel(typed)).transpose()?;
        let (store, now) = (host.store()?, Host::now());
        let channel = one.map(|channel| channel.id);
        let found = pairing::by_code(&store, channel, self.account.as_ref(), &self.code, now);
        let mut found = found.map_err(|error| match channel {
            Some(_) => Failure::from(error),
            None => Failure::from(error).hint("name the channel to search only that one"),
        })?;
        let Some(request) = found.pop() else { return Err(self.unknown(one)) };
        if !found.is_empty() {
            found.push(request);
            return Err(several(&found, output));
        }
        let choice = Choice { lasting, shown: self.as_shown.clone(), ..decision.into() };
        let named = (&*request.key.channel, &request.id);
        match pairing::decide(&store, &Host::approver(), named, &choice, now)? {
            Outcome::Done(request) => Ok(request),
            Outcome::Changed => Err(self.changed(&request)),
            Outcome::ClaimIsOver => Err(claim_is_over(&request)),
            Outcome::Gone => Err(self.unknown(one)),
        }
    }

    fn changed(&self, request: &PairingRequest) -> Failure {
        let claims = request.displayed().claims;
        let why = match (&self.as_shown, claims) {
            (Some(_), _) => "the request no longer has that revision".to_owned(),
            (None, Some(claims)) => {
                format!("the sender claims to be {claims}, so the code alone is not enough")
            }
            (None, None) => "this request has changed since its code was sent".to_owned(),
        };
        let list = format!("`openclaw pairing list {}`", request.key.channel);
        Failure::new(Exit::Failed, format!("{why}; nothing was changed"))
            .hint(format!("look at it with {list}, then repeat this with `--as-shown <revision>`"))
    }

    fn unknown(&self, one: Option<&ChannelPlugin>) -> Failure {
        let channel = registry::channel(&self.code.trim().to_ascii_lowercase());
        if let (Some(channel), None) = (channel, one) {
            let text = format!("`{}` is a channel; the code is missing", channel.id);
            return Failure::usage(text).hint("`openclaw pairing list` shows who waits");
        }
        let typed = neutral(&self.code, 64);
        let list = one.map_or_else(String::new, |channel| format!(" {}", channel.id));
        let text = format!("No pending pairing request found for code: {typed}");
        Failure::line(Exit::NoMatch, text).hint(format!(
            "`openclaw pairing list{list}` shows who waits; a code is valid for one hour"
        ))
    }
}

fn claim_is_over(request: &PairingRequest) -> Failure {
    let claims = request.displayed().claims.unwrap_or_default();
    let text = format!("the linked person {claims} no longer has access; nothing was changed");
    Failure::new(Exit::Failed, text)
        .hint("deny the request; the sender can then ask again as a stranger")
}

fn several(found: &[PairingRequest], output: &mut Output) -> Failure {
    let row = |request: &PairingRequest| {
        vec![
            Whole("Channel", request.key.channel.clone()),
            Whole("Account", request.key.account.to_string()),
            Whole("ID", request.sender.to_string()),
            Text("Meta", meta(request)),
        ]
    };
    output.note(output::table(found.iter().map(row), Look::default()));
    Failure::usage(format!("{} requests have this code; nothing was changed", found.len()))
        .hint("add the channel, and the account with `--account`")
}

/// What else the owner may want to read beneath a decision. Never the code.
fn describe(request: &PairingRequest, output: &mut Output) {
    if let Some(name) = request.name() {
        let later = request.later_name.as_ref().filter(|later| **later != name);
        let later = later.map(|later| format!(" (later: {})", neutral(later, 64)));
        output.line(format!("name: {}{}", neutral(&name, 64), later.unwrap_or_default()));
    }
    if let Some(claims) = request.displayed().claims {
        output.line(format!("joined with: {claims}"));
    }
    if !request.key.account.is_default() {
        output.line(format!("account: {}", request.key.account));
    }
}

fn whole(request: &PairingRequest) -> String {
    output::whole(request.sender.as_str())
}

fn notify(host: &Host, request: &PairingRequest) -> Result<(), String> {
    let notify = Notify {
        channel: request.key.channel.clone(),
        account: request.key.account.to_string(),
        sender: request.sender.to_string(),
    };
    let told = host.gateway().map_err(|failure| failure.spell(false))?;
    told.and_then(|mut gateway| gateway.notify(&notify)).map_err(|error| match error {
        LocalError::Unreachable { .. } => {
            format!("{error}; the approval stands, the notice was not sent")
        }
        LocalError::Broken(_)
        | LocalError::Place(_)
        | LocalError::Refused(_)
        | LocalError::Stranger { .. }
        | LocalError::Unreadable(_) => {
            format!("{error}; the approval stands")
        }
    })
}
