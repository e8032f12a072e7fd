//! `openclaw status`: everything that an owner looks at first, on one screen. Most of it is in the state folder; how
//! channels fare, and what owners are still to be told, only the running gateway knows.

pub(super) mod report;

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Ended, Exit, Failure, Host, Output, channels,
    control::{owners, pairing},
    local_client::{
        Health, LocalError,
        status::{ChannelsStatus, Outbox},
    },
    store::{
        audit::{self, Line},
        copies::Restored,
    },
    text,
    watch::Watch,
};

/// So many decisions are shown,
const DECISIONS: usize = 5;
/// found among so many lines of the access log.
const LOOKED_AT: usize = 200;

/// Show the assistant, channels, waiting requests, devices, owners, the last decisions and the outbox
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw status
  openclaw status --json
  openclaw status --watch
  openclaw status --all     A report to paste into an issue

If no gateway answers, it shows what the state folder says, and exits with 4.
The report has no id, name, token or path in it, and exits with 0.")]
pub(super) struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Report everything that says what is wrong, and nothing that says who you are
    #[arg(long, conflicts_with = "watch")]
    all: bool,
    #[command(flatten)]
    watch: Watch,
}

/// All that is shown. What no gateway has said is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<Health>,
    /// The configured one.
    #[serde(skip)]
    pub(super) responder: String,
    pub(super) channels: ChannelsStatus,
    /// Who waits, by channel.
    /// The channel, how many wait, and how many can.
    pub(super) pending: Vec<(String, usize, usize)>,
    pub(super) pending_devices: usize,
    pub(super) devices: usize,
    pub(super) owners: BTreeSet<String>,
    pub(super) decisions: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outbox: Option<Outbox>,
    /// The folder is a restored copy that nobody has confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unconfirmed: Option<Restored>,
}

impl Status {
    /// Shows it.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        if self.all {
            return report::show(host, self.json, output);
        }
        self.watch.run(self.json, output, |output| self.show(host, output))
    }

    fn show(&self, host: &Host, output: &mut Output) -> Ended {
        let seen = look(host)?;
        let exit = if seen.gateway.is_some() { Exit::Done } else { Exit::Unreachable };
        if self.json {
            if exit != Exit::Done {
                output.note(text::NO_GATEWAY);
            }
            output.json(&encoded(&seen)?)?;
            return Ok(exit);
        }
        for line in text::status(&seen, channels::lines(&seen.channels)) {
            output.line(line);
        }
        Ok(exit)
    }
}

fn look(host: &Host) -> Result<Seen, Failure> {
    let (config, store, now) = (host.config()?, host.store()?, Host::now());
    let (gateway, channels, outbox) = match asked(host)? {
        Some((health, channels, outbox)) => (Some(health), channels, Some(outbox)),
        None => (None, ChannelsStatus::configured(&config, now), None),
    };
    let mut pending = Vec::new();
    for channel in pairing::channels(None) {
        let waiting = pairing::waiting(&store, Some(channel), now)?.len();
        if waiting > 0 || channels.channels.contains_key(channel) {
            let accounts = config.accounts.iter().filter(|account| account.key.channel == channel);
            let places = accounts.count().saturating_mul(config.pairing.places.max_pending);
            pending.push((channel.to_owned(), waiting, places));
        }
    }
    let owners = owners::all(&store, &config)?.into_iter();
    let owners = owners.map(|(owner, _)| format!("{}:{}", owner.channel, owner.sender)).collect();
    let decided = |line: &Line| audit::DECISIONS.contains(&line.action.as_str());
    let mut decisions = audit::show(&host.state()?, LOOKED_AT)?;
    decisions.retain(decided);
    let surplus = decisions.len().saturating_sub(DECISIONS);
    decisions.drain(..surplus);
    Ok(Seen {
        gateway,
        responder: config.assistant.responder,
        channels,
        pending,
        pending_devices: store.device_requests(now)?.len(),
        devices: store.devices()?.len(),
        owners,
        decisions,
        outbox,
        unconfirmed: store.unconfirmed()?,
    })
}

/// What the running gateway says; `None` where there is none.
fn asked(host: &Host) -> Result<Option<(Health, ChannelsStatus, Outbox)>, Failure> {
    let ask = || {
        let mut gateway = host.gateway()??;
        let health = gateway.health()?;
        Ok::<_, Failure>((health, gateway.channels_status()?, gateway.outbox()?))
    };
    match host.gateway()? {
        Err(LocalError::Unreachable { .. }) => Ok(None),
        _ => ask().map(Some),
    }
}

fn encoded(seen: &Seen) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(seen)?;
    let pending = seen.pending.iter().map(|(channel, count, _)| (channel.clone(), json!(count)));
    value["pending"] = Value::Object(pending.collect());
    Ok(value)
}
