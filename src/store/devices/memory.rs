//! What this process knows of the devices' files, and what it has learnt that is not written yet.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::{Mutex, MutexGuard};

use super::{codes::Codes, loss::LastLoss, paired::Paired, pending::Pending, table::Table};
use crate::{
    rules::device::{
        identity::DeviceId,
        record::Device,
        request::{DeviceRequest, DeviceRequestId, DeviceRequests, LIFETIME_MS},
        role::Role,
        setup_code::{SetupCode, SetupId, State},
        token::TokenDigest,
    },
    store::{
        Store, StoreError,
        devices::cached_table::CachedTable,
        file::{self, Identity},
    },
};

/// Retries are written this often at most, so that other processes see who still waits.
const RETRIES_EVERY: Duration = Duration::from_mins(1);
/// Beyond so many, those that wait no more are forgotten.
const MANY: usize = 1_024;

/// The devices' files as this process knows them.
#[derive(Debug)]
pub(in crate::store) struct DeviceFiles {
    pub(super) paired: CachedTable<Paired>,
    pub(super) pending: CachedTable<Pending>,
    pub(super) codes: CachedTable<Codes>,
    pub(super) removed: CachedTable<Table>,
    pub(super) node_pending: CachedTable<Table>,
    pub(super) node_paired: CachedTable<Table>,
    clock: fn() -> Duration,
    seen: Mutex<HashMap<DeviceId, Seen>>,
    pulses: Mutex<HashMap<DeviceRequestId, Refresh>>,
    codes_seen: Mutex<HashMap<SetupId, UnixMs>>,
    retries_written: Mutex<Option<Duration>>,
    live: Mutex<Option<Live>>,
    pub(super) last_loss: LastLoss,
}

/// What a device has shown since the last flush.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: UnixMs,
    pub(super) tokens: BTreeMap<Role, (TokenDigest, UnixMs)>,
}

/// When a request was last refreshed, by its own time and by a clock that nobody can set.
#[derive(Clone, Copy, Debug)]
struct Refresh {
    at: UnixMs,
    since: Duration,
}

/// The requests with their retries, ready for the next one.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) of: Arc<Pending>,
    pub(super) requests: DeviceRequests,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl DeviceFiles {
    /// Nothing is known yet. The clock must never go back.
    pub(in crate::store) fn new(clock: fn() -> Duration) -> Self {
        Self {
            paired: CachedTable::default(),
            pending: CachedTable::default(),
            codes: CachedTable::default(),
            removed: CachedTable::default(),
            node_pending: CachedTable::default(),
            node_paired: CachedTable::default(),
            clock,
            seen: Mutex::default(),
            pulses: Mutex::default(),
            codes_seen: Mutex::default(),
            retries_written: Mutex::default(),
            live: Mutex::default(),
            last_loss: LastLoss::default(),
        }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Option<Live>> {
        lock(&self.live)
    }

    pub(super) fn note_seen(&self, id: &DeviceId, token: Option<(Role, TokenDigest)>, now: UnixMs) {
        let mut seen = lock(&self.seen);
        let fresh = || Seen { at: now, tokens: BTreeMap::new() };
        let of_device = seen.entry(id.clone()).or_insert_with(fresh);
        of_device.at = now;
        of_device.tokens.extend(token.map(|(role, digest)| (role, (digest, now))));
    }

    /// Adds what a device has shown to what stands in the file.
    pub(super) fn freshen(&self, device: &mut Device) {
        if let Some(seen) = lock(&self.seen).get(&device.id()) {
            seen.apply(device);
        }
    }

    pub(super) fn all_seen(&self) -> HashMap<DeviceId, Seen> {
        lock(&self.seen).clone()
    }

    /// These stand in the file now.
    pub(super) fn written(&self, flushed: &HashMap<DeviceId, Seen>) {
        lock(&self.seen).retain(|id, seen| {
            let same = |old: &Seen| (old.at, old.tokens.len()) == (seen.at, seen.tokens.len());
            !flushed.get(id).is_some_and(same)
        });
    }

    /// The device has asked for it again.
    pub(super) fn pulse(&self, id: &DeviceRequestId, at: UnixMs) {
        let since = (self.clock)();
        lock(&self.pulses).insert(id.clone(), Refresh { at, since });
    }

    /// The request as of its last retry; `None` where its time is over by the clock that nobody can set.
    pub(super) fn last_refresh(&self, request: &DeviceRequest) -> Option<UnixMs> {
        let (now, life) = ((self.clock)(), Duration::from_millis(LIFETIME_MS));
        let mut pulses = lock(&self.pulses);
        if pulses.len() >= MANY {
            pulses.retain(|_, pulse| now.saturating_sub(pulse.since) < life * 2);
        }
        let fresh = Refresh { at: request.refreshed_at, since: now };
        let pulse = pulses.entry(request.id.clone()).or_insert(fresh);
        if request.refreshed_at > pulse.at {
            *pulse = fresh;
        }
        (now.saturating_sub(pulse.since) <= life).then_some(pulse.at)
    }

    /// The requests of a file with what is known of their retries.
    pub(super) fn requests(&self, pending: &Pending) -> DeviceRequests {
        self.requests_but(pending, None)
    }

    /// The same without those of one device.
    pub(super) fn requests_but(&self, pending: &Pending, but: Option<&DeviceId>) -> DeviceRequests {
        let rows = pending.rows.iter().filter(|row| Some(&row.request.device) != but);
        DeviceRequests::from_rows(rows.filter_map(|row| {
            let refreshed_at = self.last_refresh(&row.request)?;
            Some(DeviceRequest { refreshed_at, ..row.request.clone() })
        }))
    }

    /// True where the file says less of who still waits than is known; once a minute.
    pub(super) fn retries_are_due(&self, pending: &Pending) -> bool {
        let last = *lock(&self.retries_written);
        let due = last.is_none_or(|last| (self.clock)().saturating_sub(last) >= RETRIES_EVERY);
        let mut rows = pending.rows.iter().map(|row| &row.request);
        due && rows.any(|row| self.last_refresh(row).is_some_and(|at| at > row.refreshed_at))
    }

    pub(super) fn retries_were_written(&self) {
        *lock(&self.retries_written) = Some((self.clock)());
    }

    pub(super) fn note_code(&self, id: &SetupId, now: UnixMs) {
        let mut seen = lock(&self.codes_seen);
        let at = seen.entry(id.clone()).or_insert(now);
        *at = now.max(*at);
    }

    /// A code as of when its device last came.
    pub(super) fn code(&self, code: &SetupCode) -> SetupCode {
        let mut code = code.clone();
        if let State::Bound { seen_at, .. } = &mut code.state
            && let Some(at) = lock(&self.codes_seen).get(&code.id)
        {
            *seen_at = (*at).max(*seen_at);
        }
        code
    }

    /// The codes whose devices have come since the file was written.
    pub(super) fn codes_to_write(&self, codes: &Codes) -> Vec<SetupCode> {
        let ids: Vec<SetupId> = lock(&self.codes_seen).keys().cloned().collect();
        let named = codes.all.iter().filter(|code| ids.contains(&code.id));
        let fresh = named.map(|code| (code, self.code(code)));
        fresh.filter(|(old, new)| old.state != new.state).map(|(_, new)| new).collect()
    }

    pub(super) fn codes_were_written(&self, codes: &Codes) {
        lock(&self.codes_seen).retain(|id, _| {
            let of =
                |code: &&SetupCode| code.id == *id && matches!(code.state, State::Bound { .. });
            codes.all.iter().any(|code| of(&code))
        });
    }
}

impl Seen {
    pub(super) fn apply(&self, device: &mut Device) {
        for (role, (digest, at)) in &self.tokens {
            device.shown(*role, digest, *at);
        }
    }
}

/// What a file holds, and which file that is.
type Held<T> = Result<(Arc<T>, Option<Identity>), StoreError>;

impl Store {
    pub(super) fn paired(&self) -> Held<Paired> {
        let path = self.state.devices().join("paired.json");
        self.devices.paired.look(&self.state, &path, |found| Paired::parse(&path, found))
    }

    pub(super) fn pending(&self) -> Held<Pending> {
        let path = self.state.devices().join("pending.json");
        self.devices.pending.look(&self.state, &path, |found| Pending::parse(&path, found))
    }

    pub(super) fn codes(&self) -> Held<Codes> {
        let path = self.state.devices().join("bootstrap.json");
        self.devices.codes.look(&self.state, &path, |found| Codes::parse(&path, found))
    }

    pub(super) fn removed(&self) -> Held<Table> {
        let path = self.state.devices().join("removed.json");
        self.devices.removed.look(&self.state, &path, |found| Table::parse(&path, found))
    }

    pub(super) fn node_pending(&self) -> Held<Table> {
        let path = self.state.nodes().join("pending.json");
        self.devices.node_pending.look(&self.state, &path, |found| Table::parse(&path, found))
    }

    pub(super) fn node_paired(&self) -> Held<Table> {
        let path = self.state.nodes().join("paired.json");
        self.devices.node_paired.look(&self.state, &path, |found| Table::parse(&path, found))
    }

    /// The names in the files of paired and of removed devices, whatever the log says of these files.
    pub(in crate::store) fn device_names_in_files(
        &self,
    ) -> Result<(Vec<DeviceId>, Vec<DeviceId>), StoreError> {
        let names = |name: &str| -> Result<Vec<DeviceId>, StoreError> {
            let path = self.state.devices().join(name);
            let table = Table::parse(&path, file::read(&path)?)?;
            Ok(table.rows().filter_map(|(key, _)| DeviceId::parse(key)).collect())
        };
        Ok((names("paired.json")?, names("removed.json")?))
    }

    /// Reads every row of every file. An error names the one that cannot be understood.
    pub(in crate::store) fn check_devices(&self) -> Result<(), StoreError> {
        self.paired()?.0.all()?;
        self.pending()?;
        self.codes()?;
        self.removed()?;
        self.node_pending()?;
        self.node_paired().map(drop)
    }
}
