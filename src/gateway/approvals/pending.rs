//! Who waits for a decision, people and devices, as cards show it.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::{UnixMs, WaitingDevice, neutral};

use crate::{
    Gateway,
    approvals::outbox::{About, Fact},
    blocking,
    delivery::shown::{Display, displayed},
    gate::NAME_LIMIT,
    registry,
    rules::{
        AccountKey, Contact,
        device::request::DeviceRequest,
        pairing::PairingRequest,
        records::{Grant, Records},
    },
    store::StoreError,
    world,
};

/// So long an owner is shown that leave has ended.
const LAPSE_SHOWN_MS: u64 = 24 * 3_600_000;
/// What stands on a card before the length of the message that is held.
pub(super) const HELD: &str = "First message";

/// A request that waits.
pub(super) struct Ask {
    pub(super) about: About,
    /// When its time is over.
    pub(super) ends: u64,
    pub(super) revision: String,
    pub(super) facts: Vec<Fact>,
    pub(super) what: Asking,
}

/// What waits, as the store has it.
pub(super) enum Asking {
    /// A device, and what counts as displayed where all of its facts are.
    Device(Box<WaitingDevice>, Display),
    /// A person whose access has expired.
    Lapsed,
    /// A person.
    Sender(PairingRequest),
}

impl Ask {
    /// The account that it came on.
    pub(super) fn account(&self) -> Option<&AccountKey> {
        match &self.what {
            Asking::Device(..) | Asking::Lapsed => None,
            Asking::Sender(request) => Some(&request.key),
        }
    }
}

/// Everybody who waits on an account that runs.
pub(super) async fn gather(gateway: &Arc<Gateway>) -> Result<Vec<Ask>, StoreError> {
    let here = Arc::clone(gateway);
    blocking(move || {
        let now = world::now();
        let mut asks = Vec::new();
        for plugin in registry::pairing_channels() {
            let waiting = here.store.waiting(plugin.id, now)?.into_iter();
            let owners = here.store.owners()?;
            // A sender who is an owner by now needs no approval.
            let runs = |request: &PairingRequest| {
                let (channel, sender) = (&request.key.channel, &request.sender);
                let owner =
                    here.config().owners.names(channel, sender) || owners.names(channel, sender);
                here.account(&request.key).is_some() && !owner
            };
            asks.extend(waiting.filter(runs).map(|request| sender(plugin.label, request)));
        }
        let rows = here.store.device_requests(now)?;
        asks.extend(rows.iter().map(|row| device(row, &rows, now)));
        let records = here.store.records()?;
        for grant in &records.records().grants {
            asks.extend(lapsed(&here, records.records(), grant, now)?);
        }
        Ok(asks)
    })
    .await
}

/// When the next leave ends.
pub(super) fn next_lapse(gateway: &Gateway, now: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let records = gateway.store.records()?;
    let ends = records.records().grants.iter().filter_map(|grant| grant.until);
    Ok(ends.filter(|until| *until > now).min())
}

fn sender(label: &str, request: PairingRequest) -> Ask {
    let shown = request.displayed();
    let about = About::Sender {
        channel: request.key.channel.clone(),
        account: request.key.account.as_str().to_owned(),
        sender: request.sender.to_string(),
        request: request.id.as_str().to_owned(),
    };
    // The id stands before the name, and is never cut.
    let mut facts = vec![
        Fact::new("Channel", format!("{label} ({})", request.key.account)),
        Fact::whole("Id", request.sender.as_str()),
    ];
    // The name already is the username where the person gives no other.
    let username = request.meta.get("username").filter(|_| request.meta.contains_key("firstName"));
    let named = [
        ("Name (not verified)", request.name()),
        ("Username (not verified)", username.map(|name| format!("@{name}"))),
        ("New name (not verified)", request.later_name.clone()),
    ];
    for (label, name) in named {
        facts.extend(name.map(|name| Fact::new(label, neutral(&name, NAME_LIMIT))));
    }
    // An approval joins the two: the claim is shown whole.
    facts.extend(shown.claims.clone().map(|of| Fact::whole("Claims to be", of)));
    facts.extend(shown.first_message().map(|held| Fact::new(HELD, held)));
    Ask {
        about,
        ends: shown.ends.0,
        revision: shown.revision,
        facts,
        what: Asking::Sender(request),
    }
}

/// Leave that has ended lately, and is not given again.
fn lapsed(
    gateway: &Gateway,
    records: &Records,
    grant: &Grant,
    now: UnixMs,
) -> Result<Option<Ask>, StoreError> {
    let Grant { contact: Contact { key, sender }, until: Some(until), by, .. } = grant else {
        return Ok(None);
    };
    let ends = until.0.saturating_add(LAPSE_SHOWN_MS);
    let over = until.0 <= now.0 && now.0 < ends;
    if !over || gateway.account(key).is_none() || records.is_blocked(&key.channel, sender) {
        return Ok(None);
    }
    if gateway.store.approved(key)?.names(sender) {
        return Ok(None);
    }
    let about = About::Lapse { who: grant.contact.to_string(), until: until.0 };
    let mut facts = vec![Fact::whole("Who", grant.contact.to_string())];
    let note = records.note(&key.channel, sender);
    facts.extend(note.map(|note| Fact::new("Note", neutral(note, NAME_LIMIT))));
    facts.push(Fact::new("Approved by", by));
    let zone = &gateway.config().telling.zone;
    facts.push(Fact::moment("Until", *until, world::date(*until, zone)));
    Ok(Some(Ask { about, ends, revision: of_facts(&facts), facts, what: Asking::Lapsed }))
}

/// The leave of this card as it would be shown now; nothing where there is none to be given again.
pub(super) async fn lapse(
    gateway: &Arc<Gateway>,
    contact: &Contact,
) -> Result<Option<Ask>, StoreError> {
    let (here, contact) = (Arc::clone(gateway), contact.clone());
    blocking(move || {
        let records = here.store.records()?;
        let grant = records.grant(&contact.key, &contact.sender).cloned();
        let Some(grant) = grant else { return Ok(None) };
        lapsed(&here, records.records(), &grant, world::now())
    })
    .await
}

/// The revision of what says everything in its facts.
fn of_facts(facts: &[Fact]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for text in facts.iter().flat_map(|fact| [&fact.label, &fact.value]) {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut revision = URL_SAFE_NO_PAD.encode(context.finish());
    revision.truncate(22);
    revision
}

fn device(row: &DeviceRequest, all: &[DeviceRequest], now: UnixMs) -> Ask {
    let about = About::Device {
        request: row.id.as_str().to_owned(),
        device: row.device.as_str().to_owned(),
    };
    let (device, display) = displayed(row, all, now);
    let lines = device.lines().into_iter();
    let facts = lines.map(|(label, value)| Fact::new(label, value.to_plain())).collect();
    // It lives on as long as the device comes again.
    let (ends, revision) = (u64::MAX, display.revision.spell());
    Ask { about, ends, revision, facts, what: Asking::Device(Box::new(device), display) }
}
