//! `devices/paired.json`: devices with rights. Unknown fields of a row stay in it, and grant nothing.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::Mutex;
use serde_json::Value;

use super::{
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    StoreError,
    rules::device::{
        identity::{DeviceId, DeviceKey},
        record::{ApprovedVia, Device},
        request::RequestedRights,
        role::{Role, Scopes},
        surface,
        token::{DeviceToken, Token},
    },
};

/// So many parsed devices are cached.
const MOST_PARSED: usize = 8_192;

/// The file, and its parsed devices.
#[derive(Debug, Default)]
pub(super) struct Paired {
    pub(super) table: Table,
    parsed: Mutex<HashMap<DeviceId, Arc<Device>>>,
}

impl Paired {
    /// The devices of a table.
    pub(super) fn of(table: Table) -> Self {
        Self { table, parsed: Mutex::default() }
    }

    /// One device. `freshen` adds what is known and not yet written.
    pub(super) fn device(
        &self,
        id: &DeviceId,
        freshen: impl FnOnce(&mut Device),
    ) -> Result<Option<Arc<Device>>, StoreError> {
        let mut parsed = self.parsed.lock();
        if let Some(device) = parsed.get(id) {
            return Ok(Some(Arc::clone(device)));
        }
        let Some(text) = self.table.row(id.as_str()) else { return Ok(None) };
        let mut device = self.parse(id.as_str(), text)?;
        freshen(&mut device);
        let device = Arc::new(device);
        if parsed.len() >= MOST_PARSED {
            parsed.clear();
        }
        parsed.insert(id.clone(), Arc::clone(&device));
        Ok(Some(device))
    }

    /// Changes a parsed device.
    pub(super) fn touch(&self, id: &DeviceId, change: impl FnOnce(&mut Device)) {
        let mut parsed = self.parsed.lock();
        if let Some(device) = parsed.get_mut(id) {
            change(Arc::make_mut(device));
        }
    }

    /// Every device; an error names the row that is none.
    pub(super) fn all(&self) -> Result<Vec<Device>, StoreError> {
        self.table.rows().map(|(key, text)| self.parse(key, text)).collect()
    }

    /// The file after these devices were changed, or removed. The first time, every plain token goes.
    pub(super) fn edited(
        &self,
        edits: &Edits,
        is_ours: bool,
        device: Option<Device>,
    ) -> Result<Self, StoreError> {
        let keep = |text| if is_ours { Cow::Borrowed(text) } else { scrubbed(text) };
        let table = self.table.edited(edits, keep)?;
        let mut parsed = self.parsed.lock().clone();
        parsed.retain(|id, _| !edits.contains_key(id.as_str()));
        parsed.extend(device.map(|device| (device.id(), Arc::new(device))));
        Ok(Self { table, parsed: Mutex::new(parsed) })
    }

    fn parse(&self, key: &str, text: &str) -> Result<Device, StoreError> {
        let device = table::object(text).and_then(|row| device(key, &row));
        device.ok_or_else(|| self.table.damage(key, "this device has no key of its own"))
    }
}

impl AsRef<str> for Paired {
    fn as_ref(&self) -> &str {
        self.table.as_ref()
    }
}

/// Reads a row. `None` where its key does not make its id.
pub(super) fn device(id: &str, row: &Row) -> Option<Device> {
    let key = DeviceKey::parse(row::text(row, "publicKey")?)?;
    if key.id().as_str() != id {
        return None;
    }
    let scopes = row::list(row, "approvedScopes").or_else(|| row::list(row, "scopes"));
    let scopes = Scopes::parse(&scopes.unwrap_or_default());
    let roles = row::roles(row);
    let described = row::described(row);
    let (mut commands, mut capabilities) = (BTreeSet::new(), BTreeSet::new());
    if roles.contains(&Role::Node) {
        match row.get("nodeSurface").and_then(Value::as_object) {
            Some(known) => {
                (commands, capabilities) = (row::set(known, "commands"), row::set(known, "caps"));
            }
            None => commands = inherited(row),
        }
    }
    let created_at = row::time(row, "createdAtMs").unwrap_or(UnixMs(0));
    let tokens = row.get("tokens").and_then(Value::as_object);
    let tokens = tokens.into_iter().flatten().filter_map(|(word, kept)| {
        let (role, kept) = (Role::parse(word)?, kept.as_object()?);
        let own = Scopes::parse(&row::list(kept, "scopes").unwrap_or_default());
        // A revocation of any form is one, and it counts without the token too.
        let revoked = kept.get("revokedAtMs").filter(|at| !at.is_null());
        let revoked_at = revoked.map(|at| UnixMs(at.as_u64().unwrap_or(0)));
        let unusable = || revoked_at.map(|_| Token::from_random([0; 32]).digest());
        let token = DeviceToken {
            digest: row::digest(kept).or_else(unusable)?,
            role,
            scopes: if role == Role::Node { Scopes::NONE } else { scopes.narrow(own) },
            created_at: row::time(kept, "createdAtMs").unwrap_or(created_at),
            rotated_at: row::time(kept, "rotatedAtMs"),
            revoked_at,
            last_used_at: row::time(kept, "lastUsedAtMs"),
        };
        Some((role, token))
    });
    Some(Device {
        key,
        tokens: tokens.collect::<BTreeMap<_, _>>(),
        approved: RequestedRights { roles, scopes, commands, capabilities },
        described,
        label: row::text(row, "operatorLabel").map(str::to_owned),
        via: via(row),
        created_at,
        approved_at: row::time(row, "approvedAtMs").unwrap_or(created_at),
        seen_at: row::time(row, "lastSeenAtMs"),
    })
}

/// A row whose commands were never recorded keeps the harmless ones of its platform.
fn inherited(row: &Row) -> BTreeSet<String> {
    surface::inherited(row::text(row, "platform").unwrap_or_default())
}

fn via(row: &Row) -> ApprovedVia {
    let all = [ApprovedVia::Code, ApprovedVia::Network, ApprovedVia::Owner, ApprovedVia::Silent];
    let word = row::text(row, "approvedVia").unwrap_or_default();
    all.into_iter().find(|via| via.word() == word).unwrap_or(ApprovedVia::Owner)
}

/// The new row of a device.
pub(super) fn render(before: Option<&str>, device: &Device) -> String {
    let mut row = before.and_then(table::object).unwrap_or_default();
    let decided = row::time(&row, "approvedAtMs") != Some(device.approved_at);
    row::put(&mut row, "deviceId", Some(device.id().as_str()));
    row::put(&mut row, "publicKey", Some(device.key.spell()));
    row::put_described(&mut row, &device.described);
    row::put_roles(&mut row, &device.approved.roles);
    row::put_scopes(&mut row, "scopes", device.approved.scopes);
    row::put_scopes(&mut row, "approvedScopes", device.approved.scopes);
    put_tokens(&mut row, device);
    if decided || via(&row) != device.via {
        row::put(&mut row, "approvedVia", Some(device.via.word()));
    }
    let is_node = device.approved.roles.contains(&Role::Node);
    if is_node && (decided || row.contains_key("nodeSurface")) {
        let known = row.get("nodeSurface").and_then(Value::as_object);
        let mut known = known.cloned().unwrap_or_default();
        row::put_set(&mut known, "caps", &device.approved.capabilities);
        row::put_set(&mut known, "commands", &device.approved.commands);
        row::put(&mut row, "nodeSurface", Some(known));
    }
    row::put(&mut row, "operatorLabel", device.label.as_deref());
    row::put_time(&mut row, "createdAtMs", Some(device.created_at));
    row::put_time(&mut row, "approvedAtMs", Some(device.approved_at));
    if before.is_none() {
        // What another program has seen of it counts on.
        row::put_time(&mut row, "lastSeenAtMs", device.seen_at);
    }
    table::render(&row)
}

fn put_tokens(row: &mut Row, device: &Device) {
    let mut tokens = row.get("tokens").and_then(Value::as_object).cloned().unwrap_or_default();
    tokens.retain(|word, _| Role::parse(word).is_none_or(|role| device.tokens.contains_key(&role)));
    for (role, token) in &device.tokens {
        let known = tokens.get(role.word()).and_then(Value::as_object);
        let mut kept = known.cloned().unwrap_or_default();
        kept.shift_remove("token");
        row::put(&mut kept, "tokenSha256", Some(token.digest.spell()));
        row::put(&mut kept, "role", Some(role.word()));
        row::put_scopes(&mut kept, "scopes", token.scopes);
        row::put_time(&mut kept, "createdAtMs", Some(token.created_at));
        row::put_time(&mut kept, "rotatedAtMs", token.rotated_at);
        row::put_time(&mut kept, "revokedAtMs", token.revoked_at);
        row::put_time(&mut kept, "lastUsedAtMs", token.last_used_at);
        tokens.insert(role.word().to_owned(), kept.into());
    }
    for kept in tokens.values_mut().filter_map(Value::as_object_mut) {
        row::scrub(kept);
    }
    row::put(row, "tokens", Some(tokens));
}

/// The row of another program without plain tokens.
pub(super) fn scrubbed(text: &str) -> Cow<'_, str> {
    let Some(mut row) = table::object(text) else { return Cow::Borrowed(text) };
    let mut changed = row::scrub(&mut row);
    let tokens = row.get_mut("tokens").and_then(Value::as_object_mut);
    for kept in tokens.into_iter().flat_map(|tokens| tokens.values_mut()) {
        changed |= kept.as_object_mut().is_some_and(row::scrub);
    }
    if changed { Cow::Owned(table::render(&row)) } else { Cow::Borrowed(text) }
}

/// The row of a device that has just been seen.
pub(super) fn seen(before: &str, device: &Device, at: UnixMs) -> String {
    let mut row = table::object(&render(Some(before), device)).unwrap_or_default();
    let last = row::time(&row, "lastSeenAtMs").map_or(at, |last| last.max(at));
    row::put_time(&mut row, "lastSeenAtMs", Some(last));
    table::render(&row)
}
