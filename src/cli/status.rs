//! `openclaw status`: everything that an owner looks at first, on one screen. Most of it is in the state folder; how
//! channels fare, and what owners are still to be told, only the running gateway knows.

use std::collections::BTreeSet;

use clap::Args;
use openclaw_plugin_sdk::neutral;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    channels,
    failure::{Exit, Failure},
    host::Host,
    output::{Output, whole},
};
use crate::{
    local_client::{
        Health, LocalError,
        status::{ChannelsStatus, Outbox},
    },
    registry,
    store::audit::{self, Line},
};

/// So many decisions are shown,
const DECISIONS: usize = 5;
/// found among so many lines of the access log.
const LOOKED_AT: usize = 200;

/// Show channels, waiting requests, devices, owners, the last decisions and the outbox
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw status
  openclaw status --json

Where no gateway answers it shows what the state folder says, and exits with 4.")]
pub(super) struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// All that is shown. What no gateway has said is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<Health>,
    channels: ChannelsStatus,
    /// Who waits, by channel.
    pending: Vec<(String, usize)>,
    pending_devices: usize,
    devices: usize,
    owners: BTreeSet<String>,
    decisions: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outbox: Option<Outbox>,
}

impl Status {
    /// Shows it.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let seen = look(host)?;
        let exit = if seen.gateway.is_some() { Exit::Done } else { Exit::Unreachable };
        if self.json {
            if exit != Exit::Done {
                output.note(NO_GATEWAY);
            }
            output.json(&spell(&seen)?)?;
            return Ok(exit);
        }
        for line in lines(&seen) {
            output.line(line);
        }
        Ok(exit)
    }
}

const NO_GATEWAY: &str = "No gateway runs. This is the content of the state folder.";

fn look(host: &Host) -> Result<Seen, Failure> {
    let (config, store, now) = (host.config()?, host.store()?, Host::now());
    let (gateway, channels, outbox) = match asked(host)? {
        Some((health, channels, outbox)) => (Some(health), channels, Some(outbox)),
        None => (None, ChannelsStatus::configured(&config, now), None),
    };
    let mut pending = Vec::new();
    for plugin in registry::pairing_channels() {
        let waiting = store.waiting(plugin.id, now)?.len();
        if waiting > 0 || channels.channels.contains_key(plugin.id) {
            pending.push((plugin.id.to_owned(), waiting));
        }
    }
    let added = store.owners()?;
    let owners = config.owners.0.iter().chain(&added.0);
    let owners = owners.map(|owner| format!("{}:{}", owner.channel, owner.sender)).collect();
    let decided = |line: &Line| audit::DECISIONS.contains(&line.action.as_str());
    let mut decisions = audit::show(&host.state()?, LOOKED_AT)?;
    decisions.retain(decided);
    let surplus = decisions.len().saturating_sub(DECISIONS);
    decisions.drain(..surplus);
    Ok(Seen {
        gateway,
        channels,
        pending,
        pending_devices: store.device_requests(now)?.len(),
        devices: store.devices()?.len(),
        owners,
        decisions,
        outbox,
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

fn spell(seen: &Seen) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(seen).map_err(anyhow::Error::from)?;
    let pending = seen.pending.iter().map(|(channel, count)| (channel.clone(), json!(count)));
    value["pending"] = Value::Object(pending.collect());
    Ok(value)
}

fn lines(seen: &Seen) -> Vec<String> {
    let mut lines = vec![match &seen.gateway {
        Some(health) => {
            let version = neutral(&health.version, 64);
            format!(
                "Gateway    runs: version {version}, port {}, process {}",
                health.port, health.pid
            )
        }
        None => NO_GATEWAY.to_owned(),
    }];
    let proxies = seen.gateway.as_ref().and_then(|health| health.unnamed_proxies.as_ref());
    lines.extend(proxies.map(|proxies| {
        let addresses: Vec<String> = proxies.addresses.iter().map(|text| whole(text)).collect();
        format!(
            "Proxies    {} requests with forwarding headers from {}, which `gateway.trusted_proxies` does not name",
            proxies.requests,
            addresses.join(", ")
        )
    }));
    lines.push("Channels".to_owned());
    lines.extend(channels::lines(&seen.channels).into_iter().map(|line| format!("  {line}")));
    let people: Vec<String> =
        seen.pending.iter().map(|(channel, count)| format!("{channel} {count}")).collect();
    let people = if people.is_empty() { "nobody".to_owned() } else { people.join(", ") };
    lines.push(format!("Pending    {people}; devices {}", seen.pending_devices));
    lines.push(format!("Devices    {}", seen.devices));
    let owners: Vec<String> = seen.owners.iter().map(|owner| whole(owner)).collect();
    lines.push(if owners.is_empty() {
        "Owners     none yet; `openclaw owner claim` prints a code".to_owned()
    } else {
        format!("Owners     {}", owners.join(", "))
    });
    if let Some(outbox) = &seen.outbox {
        let oldest = outbox.oldest_ms.map(|ms| format!(", the oldest for {} s", ms / 1000));
        lines.push(format!("Outbox     {}{}", outbox.depth, oldest.unwrap_or_default()));
    }
    if seen.decisions.is_empty() {
        lines.push("Decisions  none".to_owned());
        return lines;
    }
    lines.push("Decisions".to_owned());
    lines.extend(seen.decisions.iter().map(|line| {
        let about = [&line.channel, &line.subject].into_iter().flatten();
        let about: Vec<String> = about.map(|text| whole(text)).collect();
        let (actor, surface) = (whole(&line.actor), &line.surface);
        format!("  {} {} {} by {actor} ({surface})", line.at, line.action, about.join(":"))
    }));
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::local_client;

    #[test]
    fn one_screen_says_it_all() {
        let line = json!({
            "seq": 7, "at": "2026-02-13T10:00:00.000Z", "action": "approve", "surface": "cli",
            "actor": "uid:1000", "channel": "telegram", "account": "default", "subject": "42", "prev": "",
        });
        let unnamed_proxies = local_client::UnnamedProxies {
            requests: 12,
            addresses: vec!["203.0.113.5".to_owned(), "fd00::5".to_owned()],
        };
        let health = Health {
            ok: true,
            pid: 7,
            port: 18789,
            version: "1.2.3".to_owned(),
            unnamed_proxies: Some(unnamed_proxies),
        };
        let mut seen = Seen {
            gateway: Some(health),
            channels: ChannelsStatus::default(),
            pending: vec![("telegram".to_owned(), 2)],
            pending_devices: 1,
            devices: 3,
            owners: ["telegram:1".to_owned()].into(),
            decisions: vec![serde_json::from_value(line).unwrap()],
            outbox: Some(Outbox { depth: 2, oldest_ms: Some(61_000) }),
        };
        expect![[r"
            Gateway    runs: version 1.2.3, port 18789, process 7
            Proxies    12 requests with forwarding headers from 203.0.113.5, fd00::5, which `gateway.trusted_proxies` does not name
            Channels
            Pending    telegram 2; devices 1
            Devices    3
            Owners     telegram:1
            Outbox     2, the oldest for 61 s
            Decisions
              2026-02-13T10:00:00.000Z approve telegram:42 by uid:1000 (cli)"]]
        .assert_eq(&lines(&seen).join("\n"));
        (seen.gateway, seen.outbox) = (None, None);
        (seen.owners, seen.decisions) = (BTreeSet::new(), Vec::new());
        expect![[r"
            No gateway runs. This is the content of the state folder.
            Channels
            Pending    telegram 2; devices 1
            Devices    3
            Owners     none yet; `openclaw owner claim` prints a code
            Decisions  none"]]
        .assert_eq(&lines(&seen).join("\n"));
    }
}
