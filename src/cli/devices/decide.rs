//! `openclaw devices approve` and `reject`: one request, by its name, as it was shown. Nothing is chosen for the user.

use clap::Args;
use openclaw_plugin_sdk::{Decision, pasted};
use serde_json::json;

use super::{
    show::{Listing, Pending},
    source::Source,
};
use crate::{Ended, Exit, Failure, Host, Output, reach::Common, text, whole};

/// Approves.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw devices approve 0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11
  openclaw devices approve --latest  Show the newest request only

With the id of a device the command approves nothing: it shows what that device
asks for now, and the command that approves it. Compare the three words with
those on the device, if both show them.")]
pub(crate) struct Approve {
    /// The request, as `devices list` names it
    #[arg(conflicts_with = "latest")]
    request: Option<String>,
    /// Show the newest request, and the command that approves it
    #[arg(long)]
    latest: bool,
    #[command(flatten)]
    common: Common,
}

impl Approve {
    /// Approves what it has shown; without a name it only shows.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let methods = ["device.pair.list", "device.pair.approve"];
        let mut source = Source::open(&self.common, &methods, host, output)?;
        let listing = Listing::read(&source.list()?)?;
        let Some(id) = &self.request else {
            let newest = listing.pending.iter().max_by_key(|pending| pending.ts);
            let newest = newest.ok_or_else(text::no_devices_pending)?;
            return self.select(newest, &listing, &source, output);
        };
        if let Some(pending) = of_device(&listing, id) {
            return self.select(pending, &listing, &source, output);
        }
        let pending = find(&listing, id)?;
        if !self.common.json {
            for line in pending.lines(listing.known(&pending.device_id)) {
                output.line(line);
            }
            output.flush();
        }
        let answer = source.decide(&pending.request_id, Decision::Approve)?;
        source.close();
        let said = text::device_approved(&pending.device_id, &pending.request_id);
        output.answer(self.common.json, &answer, said)
    }

    /// Which one it would be. It could be one that has just pushed itself to the front: a person looks first.
    fn select(
        &self,
        newest: &Pending,
        listing: &Listing,
        source: &Source,
        output: &mut Output,
    ) -> Ended {
        let known = listing.known(&newest.device_id);
        let command = command(newest, &self.common, source);
        if self.common.json {
            let (token, password) = self.common.reach.typed();
            output.json(&json!({
                "selected": selected(newest),
                "approvalState": newest.state(known),
                "approveCommand": command,
                "requiresAuthFlags": { "token": token, "password": password },
            }))?;
            return Ok(Exit::Failed);
        }
        let others = listing.pending.len() - 1;
        for line in text::device_selected(&newest.request_id, newest.lines(known), others, &command)
        {
            output.note(line);
        }
        Ok(Exit::Failed)
    }
}

pub(super) fn reject(typed: &str, common: &Common, host: &Host, output: &mut Output) -> Ended {
    let methods = ["device.pair.list", "device.pair.reject"];
    let mut source = Source::open(common, &methods, host, output)?;
    let listing = Listing::read(&source.list()?)?;
    let pending = find(&listing, typed)?;
    let answer = source.decide(&pending.request_id, Decision::Deny)?;
    source.close();
    output.answer(common.json, &answer, text::device_rejected(&pending.device_id))
}

/// The request of the device that was typed: its id, or the beginning of one alone.
fn of_device<'a>(listing: &'a Listing, typed: &str) -> Option<&'a Pending> {
    let lower = pasted(typed).to_ascii_lowercase();
    if listing.pending.iter().any(|one| one.request_id.eq_ignore_ascii_case(&lower)) {
        return None;
    }
    let starts = |pending: &&Pending| lower.len() >= 6 && pending.device_id.starts_with(&lower);
    let found: Vec<_> = listing.pending.iter().filter(starts).collect();
    let newest = found.iter().max_by_key(|pending| pending.ts)?;
    found.iter().all(|pending| pending.device_id == newest.device_id).then_some(*newest)
}

fn find<'a>(listing: &'a Listing, typed: &str) -> Result<&'a Pending, Failure> {
    let typed = &*pasted(typed);
    let found = listing.pending.iter().find(|one| one.request_id.eq_ignore_ascii_case(typed));
    let replaces = |one: &&Pending| one.replaces.iter().any(|old| old.eq_ignore_ascii_case(typed));
    if let (None, Some(next)) = (found, listing.pending.iter().find(replaces)) {
        return Err(text::request_moved(typed, Some(&next.request_id)));
    }
    found.ok_or_else(|| text::no_device_request(typed))
}

/// The command without secrets: it may end up in a history.
fn command(pending: &Pending, common: &Common, source: &Source) -> String {
    let mut command = format!("openclaw devices approve {}", whole(&pending.request_id));
    if let (Some(_), Some(target)) = (&common.reach.url, source.target()) {
        command = format!("{command} --url {}", target.address);
    }
    command
}

fn selected(pending: &Pending) -> serde_json::Value {
    json!({
        "requestId": pending.request_id,
        "deviceId": pending.device_id,
        "displayName": pending.display_name,
        "platform": pending.platform,
        "remoteIp": pending.remote_ip,
        "roles": pending.roles,
        "scopes": pending.scopes,
        "commands": pending.commands,
        "words": pending.words,
        "isRepair": pending.is_repair,
        "ts": pending.ts,
    })
}
