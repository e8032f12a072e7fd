//! Which waiting devices a chat has been shown, as they were: what was displayed is what is approved.

use std::{collections::HashMap, time::Duration};

use openclaw_plugin_sdk::{ChatId, UnixMs, WaitingDevice, neutral};

use super::gate::NAME_LIMIT;
use crate::{
    access::AccountKey,
    device::{
        approver::Listed,
        request::{DeviceRequest, DeviceRequestId, DeviceRequests, LIFETIME_MS, Revision},
        role::{Profile, Role, is_exec_class},
    },
};

/// So many commands of one device are listed; a device with more is approved on the machine, if it can run programs.
const MOST_COMMANDS: usize = 100;
/// So many displays are remembered for one chat.
const REMEMBERED: usize = 128;

/// A chat on one account.
pub(crate) type Place = (AccountKey, ChatId);

/// A request, as it was displayed.
#[derive(Clone, Debug)]
pub(crate) struct Display {
    pub(crate) id: DeviceRequestId,
    pub(crate) revision: Revision,
    pub(crate) listed: Listed,
}

/// What each chat was shown. Only owners' direct chats are in it.
#[derive(Debug, Default)]
pub(crate) struct Shown(HashMap<Place, Vec<Display>>);

impl Shown {
    /// The chat has these before it now.
    pub(crate) fn add(&mut self, place: &Place, displays: impl IntoIterator<Item = Display>) {
        let known = self.0.entry(place.clone()).or_default();
        for display in displays {
            known.retain(|old| old.id != display.id);
            known.push(display);
        }
        let surplus = known.len().saturating_sub(REMEMBERED);
        known.drain(..surplus);
    }

    /// What the chat was shown of this request, last.
    pub(crate) fn find(&self, place: &Place, id: &str) -> Option<Display> {
        self.0.get(place)?.iter().find(|display| display.id.as_str() == id).cloned()
    }

    /// The request is over.
    pub(crate) fn forget(&mut self, id: &DeviceRequestId) {
        for known in self.0.values_mut() {
            known.retain(|display| display.id != *id);
        }
    }
}

/// A request among all that wait, as owners see it, and what counts as displayed then.
pub(crate) fn displayed(
    row: &DeviceRequest,
    all: &[DeviceRequest],
    now: UnixMs,
) -> (WaitingDevice, Display) {
    let shown = |text: &str| neutral(text, NAME_LIMIT);
    let commands: Vec<String> =
        row.asked.commands.iter().take(MOST_COMMANDS).map(|one| shown(one)).collect();
    let whole = row.asked.commands.len() == commands.len()
        && row.asked.commands.iter().zip(&commands).all(|(asked, listed)| asked == listed);
    let listed = if whole { Listed::Commands } else { Listed::Nothing };
    let described = &row.described;
    let id: String = row.device.as_str().chars().take(12).collect();
    let name = described.name.as_deref().map(shown).filter(|name| !name.is_empty());
    let system = [&described.platform, &described.family];
    let system: Vec<String> = system.into_iter().flatten().map(|text| shown(text)).collect();
    let since = |at: UnixMs| now.0.saturating_sub(at.0);
    let device = WaitingDevice {
        request: row.id.as_str().to_owned(),
        name: name.unwrap_or(id),
        platform: (!system.is_empty()).then(|| system.join(", ")),
        address: described.address.as_deref().map(shown),
        profile: row.profile.map(Profile::word).map(str::to_owned),
        words: row.words.map(|words| words.to_string()),
        roles: row.asked.roles.iter().map(|role| role.word().to_owned()).collect(),
        scopes: row.asked.scopes.words().into_iter().map(str::to_owned).collect(),
        commands_left_out: row.asked.commands.len() - commands.len(),
        commands,
        offers: row.asked.capabilities.iter().take(MOST_COMMANDS).map(|one| shown(one)).collect(),
        runs_programs: row.asked.roles.contains(&Role::Node)
            && row.asked.commands.iter().any(|command| is_exec_class(command)),
        conflicts: DeviceRequests::from_rows(all.iter().cloned()).conflicts(row),
        known: row.repair,
        age: Duration::from_millis(since(row.asked_at)),
        left: Duration::from_millis(LIFETIME_MS.saturating_sub(since(row.refreshed_at))),
    };
    (device, Display { id: row.id.clone(), revision: row.revision(), listed })
}
