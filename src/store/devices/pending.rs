//! `devices/pending.json`: devices that wait. A row names the ids that it has replaced, so that every process can
//! tell a reader of an old id.

use std::{borrow::Cow, collections::BTreeSet};

use openclaw_plugin_sdk::UnixMs;

use super::{
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    StoreError,
    rules::device::{
        identity::{DeviceId, DeviceKey},
        request::{DeviceRequest, DeviceRequestId, DeviceRequests, LIFETIME_MS, RequestedRights},
        role::{Profile, Role, Scopes},
        setup_code::Words,
    },
};

/// So many replaced ids are remembered of one row.
const MOST_REPLACED: usize = 16;

/// The file, and the rows that we understand.
#[derive(Debug, Default)]
pub(super) struct Pending {
    table: Table,
    pub(super) rows: Vec<Waiting>,
}

/// A row that we understand.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) request: DeviceRequest,
    pub(super) replaces: Vec<DeviceRequestId>,
}

impl Pending {
    /// The requests of a table.
    pub(super) fn of(table: Table) -> Self {
        let rows = table.objects().filter_map(|(key, row)| waiting(key, &row)).collect();
        Self { table, rows }
    }

    /// The request that has replaced this one.
    pub(super) fn successor(&self, id: &DeviceRequestId, now: UnixMs) -> Option<&DeviceRequestId> {
        let row = self.rows.iter().find(|row| row.replaces.contains(id))?;
        row.request.is_open(now).then_some(&row.request.id)
    }

    /// Every replaced id, with the request that waits in its place.
    pub(super) fn replaced(&self, now: UnixMs) -> Vec<(DeviceRequestId, DeviceRequestId)> {
        let open = self.rows.iter().filter(|row| row.request.is_open(now));
        let pairs = |row: &Waiting| {
            let new = row.request.id.clone();
            row.replaces.clone().into_iter().map(move |old| (old, new.clone()))
        };
        open.flat_map(pairs).collect()
    }

    /// True where something of this device stands there, parsed or not.
    pub(super) fn names(&self, device: &DeviceId) -> bool {
        let is_of = |row: &Row| row::text(row, "deviceId") == Some(device.as_str());
        self.table.objects().any(|(_, row)| is_of(&row))
    }

    /// The file after the rules have decided. Rows that we do not understand stay for their five minutes, but for those
    /// of `forgotten`.
    pub(super) fn edited(
        &self,
        requests: &DeviceRequests,
        forgotten: Option<&DeviceId>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let open = requests.open(now);
        let mut edits = Edits::new();
        for (key, text) in self.table.rows() {
            let known = self.rows.iter().find(|row| row.request.id.as_str() == key);
            match known {
                Some(Waiting { request: old, .. }) => {
                    let new = open.iter().find(|new| new.id == old.id);
                    let same = new.is_some_and(|new| new.refreshed_at == old.refreshed_at);
                    if !same {
                        let row = new.map(|new| refreshed(text, new.refreshed_at));
                        edits.insert(key.to_owned(), row);
                    }
                }
                None if keeps(text, forgotten, now) => {}
                None => drop(edits.insert(key.to_owned(), None)),
            }
        }
        let added = open.iter().filter(|new| self.table.row(new.id.as_str()).is_none());
        for new in added {
            let replaces = self.replaced_by(new);
            edits.insert(new.id.as_str().to_owned(), Some(render(new, &replaces)));
        }
        Ok(Self::of(self.table.edited(&edits, Cow::Borrowed)?))
    }

    fn replaced_by(&self, new: &DeviceRequest) -> Vec<DeviceRequestId> {
        let before = self.rows.iter().filter(|row| row.request.device == new.device);
        let ids = before.flat_map(|row| row.replaces.iter().chain([&row.request.id]));
        let ids: Vec<_> = ids.cloned().collect();
        ids[ids.len().saturating_sub(MOST_REPLACED)..].to_vec()
    }
}

impl AsRef<str> for Pending {
    fn as_ref(&self) -> &str {
        self.table.as_ref()
    }
}

fn keeps(text: &str, forgotten: Option<&DeviceId>, now: UnixMs) -> bool {
    let Some(row) = table::object(text) else { return false };
    let named = row::text(&row, "deviceId");
    let at = row::time(&row, "refreshedAtMs").or_else(|| row::time(&row, "ts"));
    let age = at.and_then(|at| now.0.checked_sub(at.0));
    age.is_some_and(|age| age <= LIFETIME_MS)
        && (named.is_none() || named != forgotten.map(DeviceId::as_str))
}

fn waiting(key: &str, row: &Row) -> Option<Waiting> {
    let public = DeviceKey::parse(row::text(row, "publicKey")?)?;
    let device = public.id();
    if row::text(row, "deviceId")? != device.as_str() || row::text(row, "requestId")? != key {
        return None;
    }
    let roles = row::roles(row);
    let asked_at = row::time(row, "ts")?;
    let scopes = Scopes::parse(&row::list(row, "scopes").unwrap_or_default());
    let is_node = roles.contains(&Role::Node);
    let claims = |key| if is_node { row::set(row, key) } else { BTreeSet::default() };
    let replaces = row::list(row, "replaces").unwrap_or_default().into_iter();
    let request = DeviceRequest {
        id: DeviceRequestId::parse(key)?,
        device,
        key: public,
        asked: RequestedRights {
            scopes: if roles.contains(&Role::Operator) { scopes } else { Scopes::NONE },
            commands: claims("commands"),
            capabilities: claims("caps"),
            roles,
        },
        described: row::described(row),
        profile: row::text(row, "access").and_then(Profile::parse),
        words: row::text(row, "words").and_then(Words::parse),
        repair: row.get("isRepair").and_then(serde_json::Value::as_bool).unwrap_or(false),
        asked_at,
        refreshed_at: row::time(row, "refreshedAtMs").unwrap_or(asked_at),
    };
    Some(Waiting { request, replaces: replaces.filter_map(DeviceRequestId::parse).collect() })
}

fn refreshed(text: &str, at: UnixMs) -> String {
    let mut row = table::object(text).unwrap_or_default();
    row::put_time(&mut row, "refreshedAtMs", Some(at));
    table::render(&row)
}

fn render(request: &DeviceRequest, replaces: &[DeviceRequestId]) -> String {
    let mut row = Row::new();
    let RequestedRights { roles, scopes, commands, capabilities } = &request.asked;
    row::put(&mut row, "requestId", Some(request.id.as_str()));
    row::put(&mut row, "deviceId", Some(request.device.as_str()));
    row::put(&mut row, "publicKey", Some(request.key.spell()));
    row::put_described(&mut row, &request.described);
    row::put_roles(&mut row, roles);
    row::put_scopes(&mut row, "scopes", *scopes);
    row::put_set(&mut row, "commands", commands);
    row::put_set(&mut row, "caps", capabilities);
    row::put(&mut row, "access", request.profile.map(Profile::word));
    row::put(&mut row, "words", request.words.map(|words| words.to_string()));
    row::put(&mut row, "isRepair", Some(request.repair));
    if !replaces.is_empty() {
        let ids: Vec<_> = replaces.iter().map(|id| id.as_str().into()).collect();
        row::put(&mut row, "replaces", Some(serde_json::Value::Array(ids)));
    }
    row::put_time(&mut row, "ts", Some(request.asked_at));
    row::put_time(&mut row, "refreshedAtMs", Some(request.refreshed_at));
    table::render(&row)
}
