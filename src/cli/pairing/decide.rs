//! `openclaw pairing approve`, `deny` and `block`: one request, found by its code and decided by its own name.

use std::time::Duration;

use clap::Args;
use openclaw_plugin_sdk::{AccountId, ChannelPlugin, Decision, UnixMs};
use serde_json::{Value, json};

use super::meta;
use crate::{
    Ended, Exit, Failure, Host, Output, Text, Whole,
    control::pairing::{self, Choice},
    host,
    local_client::{LocalError, Notify},
    output::{Look, table},
    registry,
    rules::pairing::PairingRequest,
    store::Outcome,
    text, world,
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
    /// End the access after this time, such as `90m`, `24h` or `30d`
    #[arg(long = "for", value_name = "SPAN", value_parser = host::span)]
    lasting: Option<Duration>,
    /// Tell the person, through the running gateway
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

/// Blocks.
#[derive(Debug, Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
Examples:
  openclaw pairing block AB3D7X9K
  openclaw pairing block telegram AB3D7X9K

From then on nothing that this person writes is answered or shown to you.
`openclaw access unblock <WHO>` ends the block."
)]
pub(crate) struct Block {
    #[command(flatten)]
    which: Which,
}

/// Which request is meant.
#[derive(Debug, Args)]
struct Which {
    /// The channel; without it all are searched
    channel: Option<String>,
    /// The person's code of eight characters, in upper or lower case
    #[arg(required = true)]
    code: String,
    /// The channel, as an option
    #[arg(long = "channel", value_name = "CHANNEL", conflicts_with = "channel")]
    named: Option<String>,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
    /// The revision from `openclaw pairing list`, if the code alone is not enough
    #[arg(long, allow_hyphen_values = true, value_name = "REVISION")]
    as_shown: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Approve {
    /// Approves, and tells the sender where that is wanted: what cannot be told stays approved.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        if self.which.ends_in_a_span() {
            return Err(text::span_without_for());
        }
        let (request, at) = self.which.decide(Decision::Approve, self.lasting, host, output)?;
        let told = self.notify.then(|| notify(host, &request));
        if self.which.json {
            let mut said = encoded("approved", &request);
            let until = self.lasting.map(|lasting| at.0.saturating_add(milliseconds(lasting)));
            said["until"] = until.map(|until| world::iso(UnixMs(until))).into();
            said["notified"] = told.as_ref().map(Result::is_ok).into();
            output.json(&said)?;
        }
        if let Some(why) = unheard(host, &request) {
            output.note(why);
        }
        match told {
            None => {}
            Some(Ok(())) if self.which.json => {}
            Some(Ok(())) => output.line(text::notified(&request)),
            Some(Err(why)) => output.note(text::not_notified(&why)),
        }
        Ok(Exit::Done)
    }
}

impl Deny {
    /// Denies.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        self.which.refuse(Decision::Deny, "denied", host, output)
    }
}

impl Block {
    /// Blocks.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        self.which.refuse(Decision::Block, "blocked", host, output)
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Why the access counts for nothing now. A configuration that cannot be read says nothing here.
fn unheard(host: &Host, request: &PairingRequest) -> Option<String> {
    let why = text::counts_for_nothing(&host.config().ok()?, &request.key)?;
    Some(text::account_note(&request.key, why))
}

/// For a script. Never the code.
fn encoded(decided: &str, request: &PairingRequest) -> Value {
    json!({
        "decided": decided,
        "channel": request.key.channel,
        "accountId": request.key.account.as_str(),
        "id": request.sender.as_str(),
        "name": request.name(),
        "claims": request.displayed().claims,
    })
}

impl Which {
    /// True for `AB3D7X9K 24h`, as an owner writes it in a chat: a time stands where a code is meant, which is longer.
    fn ends_in_a_span(&self) -> bool {
        self.channel.is_some() && self.code.len() < 8 && host::span(&self.code).is_ok()
    }

    fn refuse(&self, decision: Decision, word: &str, host: &Host, output: &mut Output) -> Ended {
        let (request, _) = self.decide(decision, None, host, output)?;
        if self.json { output.json(&encoded(word, &request)) } else { Ok(Exit::Done) }
    }

    /// Decides the one request that is meant, and shows it. Unknown, expired and foreign codes get the same answer.
    fn decide(
        &self,
        decision: Decision,
        lasting: Option<Duration>,
        host: &Host,
        output: &mut Output,
    ) -> Result<(PairingRequest, UnixMs), Failure> {
        let typed = self.channel.as_ref().or(self.named.as_ref());
        let one = typed.map(|typed| host::pairing_channel(typed)).transpose()?;
        let (store, now) = (host.store()?, Host::now());
        let channel = one.map(|channel| channel.id);
        let found = pairing::by_code(&store, channel, self.account.as_ref(), &self.code, now);
        let mut found = found.map_err(|error| match channel {
            Some(_) => Failure::from(error),
            None => Failure::from(error).hint(text::ONE_CHANNEL),
        })?;
        let Some(request) = found.pop() else { return Err(self.unknown(one)) };
        if !found.is_empty() {
            found.push(request);
            output.note(several(&found));
            return Err(text::several_requests(found.len()));
        }
        let choice = Choice { lasting, shown: self.as_shown.clone(), ..decision.into() };
        let named = (&*request.key.channel, &request.id);
        match pairing::decide(&store, &Host::approver(), named, &choice, now)? {
            Outcome::Done(request) => {
                for line in text::decided(decision, &request).iter().filter(|_| !self.json) {
                    output.line(line);
                }
                Ok((request, now))
            }
            Outcome::Changed => Err(text::request_changed(&request, self.as_shown.is_some())),
            Outcome::ClaimIsOver => Err(text::claim_is_over(&request)),
            Outcome::Gone => Err(self.unknown(one)),
        }
    }

    fn unknown(&self, one: Option<&ChannelPlugin>) -> Failure {
        match registry::channel(&self.code.trim().to_ascii_lowercase()) {
            Some(channel) if one.is_none() => text::code_is_missing(channel.id),
            _ => text::no_request(&self.code, one.map(|channel| channel.id)),
        }
    }
}

fn several(found: &[PairingRequest]) -> String {
    let row = |request: &PairingRequest| {
        vec![
            Whole("Channel", request.key.channel.clone()),
            Whole("Account", request.key.account.to_string()),
            Whole("ID", request.sender.to_string()),
            Text("Meta", meta(request)),
        ]
    };
    table(found.iter().map(row), Look { width: Some(80), ..Look::default() })
}

fn notify(host: &Host, request: &PairingRequest) -> Result<(), String> {
    let notify = Notify {
        channel: request.key.channel.clone(),
        account: request.key.account.to_string(),
        sender: request.sender.to_string(),
    };
    let told = host.gateway().map_err(|failure| failure.spell(false))?;
    told.and_then(|mut gateway| gateway.notify(&notify)).map_err(|error| {
        let unsent = matches!(error, LocalError::Unreachable { .. });
        text::approval_stands(&error, unsent)
    })
}
