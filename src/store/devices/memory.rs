//! The files of devices as this process knows them, and what it has learnt and not written yet.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::{Mutex, MutexGuard};

use super::{
    Known,
    codes::Codes,
    loss::LastLoss,
    paired::{self, Paired},
    pending::Pending,
    table::{Edits, Table},
};
use crate::{
    Store, StoreError,
    cached_table::{CachedTable, Current, HeadSeen},
    expiry::Clock,
    file,
    rules::device::{
        identity::DeviceId,
        record::Device,
        request::{DeviceRequest, DeviceRequestId, DeviceRequests, LIFETIME_MS},
        role::Role,
        setup_code::{SetupCode, SetupId, State},
        token::TokenDigest,
    },
    transaction::Transaction,
    world,
};

/// Retries are written this often at most, so that other processes see who still waits.
const RETRIES_EVERY: Duration = Duration::from_mins(1);
/// Beyond so many, expired ones are forgotten.
const MANY: usize = 1_024;

/// The devices' files as this process knows them.
#[derive(Debug, Default)]
pub(crate) struct DeviceFiles {
    pub(super) paired: CachedTable<Paired>,
    pub(super) pending: CachedTable<Pending>,
    pub(super) codes: CachedTable<Codes>,
    pub(super) removed: CachedTable<Table>,
    pub(super) node_pending: CachedTable<Table>,
    pub(super) node_paired: CachedTable<Table>,
    pub(super) clock: Clock,
    seen: Mutex<HashMap<DeviceId, Seen>>,
    refreshes: Mutex<HashMap<DeviceRequestId, Refresh>>,
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

/// When a request was last refreshed, by its own time and by the monotonic clock.
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

impl DeviceFiles {
    pub(super) fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock()
    }

    pub(super) fn note_seen(&self, id: &DeviceId, token: Option<(Role, TokenDigest)>, now: UnixMs) {
        let mut seen = self.seen.lock();
        let fresh = || Seen { at: now, tokens: BTreeMap::new() };
        let of_device = seen.entry(id.clone()).or_insert_with(fresh);
        of_device.at = now;
        of_device.tokens.extend(token.map(|(role, digest)| (role, (digest, now))));
    }

    /// Adds what a device has shown to what is in the file.
    pub(super) fn freshen(&self, device: &mut Device) {
        if let Some(seen) = self.seen.lock().get(&device.id()) {
            seen.apply(device);
        }
    }

    /// These are in the file now.
    pub(super) fn written(&self, flushed: &HashMap<DeviceId, Seen>) {
        self.seen.lock().retain(|id, seen| {
            let same = |old: &Seen| (old.at, old.tokens.len()) == (seen.at, seen.tokens.len());
            !flushed.get(id).is_some_and(same)
        });
    }

    /// The device has asked for it again.
    pub(super) fn refresh(&self, id: &DeviceRequestId, at: UnixMs) {
        let since = (self.clock.0)();
        self.refreshes.lock().insert(id.clone(), Refresh { at, since });
    }

    /// The request as of its last retry; `None` if its time is over by the monotonic clock.
    pub(super) fn last_refresh(&self, request: &DeviceRequest) -> Option<UnixMs> {
        let (now, life) = ((self.clock.0)(), Duration::from_millis(LIFETIME_MS));
        let mut all = self.refreshes.lock();
        if all.len() >= MANY {
            all.retain(|_, refresh| now.saturating_sub(refresh.since) < life * 2);
        }
        let fresh = Refresh { at: request.refreshed_at, since: now };
        let refresh = all.entry(request.id.clone()).or_insert(fresh);
        if request.refreshed_at > refresh.at {
            *refresh = fresh;
        }
        (now.saturating_sub(refresh.since) <= life).then_some(refresh.at)
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
        let last = *self.retries_written.lock();
        let due = last.is_none_or(|last| (self.clock.0)().saturating_sub(last) >= RETRIES_EVERY);
        let mut rows = pending.rows.iter().map(|row| &row.request);
        due && rows.any(|row| self.last_refresh(row).is_some_and(|at| at > row.refreshed_at))
    }

    pub(super) fn retries_were_written(&self) {
        *self.retries_written.lock() = Some((self.clock.0)());
    }

    pub(super) fn note_code(&self, id: &SetupId, now: UnixMs) {
        let mut seen = self.codes_seen.lock();
        let at = seen.entry(id.clone()).or_insert(now);
        *at = now.max(*at);
    }

    /// A code as of when its device last came.
    pub(super) fn code(&self, code: &SetupCode) -> SetupCode {
        let mut code = code.clone();
        if let State::Bound { seen_at, .. } = &mut code.state
            && let Some(at) = self.codes_seen.lock().get(&code.id)
        {
            *seen_at = (*at).max(*seen_at);
        }
        code
    }

    /// The codes whose devices have come since the file was written.
    pub(super) fn codes_to_write(&self, codes: &Codes) -> Vec<SetupCode> {
        let ids: Vec<SetupId> = self.codes_seen.lock().keys().cloned().collect();
        let named = codes.all.iter().filter(|code| ids.contains(&code.id));
        let fresh = named.map(|code| (code, self.code(code)));
        fresh.filter(|(old, new)| old.state != new.state).map(|(_, new)| new).collect()
    }

    pub(super) fn codes_were_written(&self, codes: &Codes) {
        self.codes_seen.lock().retain(|id, _| {
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
        device.seen_at = device.seen_at.max(Some(self.at));
    }
}

impl Store {
    /// One device.
    pub fn device(&self, id: &DeviceId) -> Result<Known, StoreError> {
        let paired = self.paired()?.0;
        // The row of a removed device counts for nothing, also if it was written back.
        if self.removed()?.0.row(id.as_str()).is_some() || self.is_losing(id, None)? {
            return Ok(Known::Removed);
        }
        let device = paired.device(id, |device| self.devices.freshen(device))?;
        Ok(device.map_or(Known::Stranger, Known::Device))
    }

    /// All devices, the last approved first.
    pub fn devices(&self) -> Result<Vec<Arc<Device>>, StoreError> {
        let (paired, removed) = (self.paired()?.0, self.removed()?.0);
        let mut all = paired.all()?;
        if !removed.is_empty() {
            all.retain(|device| removed.row(device.id().as_str()).is_none());
        }
        for device in &mut all {
            self.devices.freshen(device);
        }
        all.sort_by(|a, b| b.approved_at.cmp(&a.approved_at).then_with(|| a.key.cmp(&b.key)));
        Ok(all.into_iter().map(Arc::new).collect())
    }

    /// The device has shown this token, or come without one (`None`). Kept in memory, and written with the others
    /// at the next [`Self::flush_devices`].
    pub fn device_seen(&self, id: &DeviceId, token: Option<(Role, TokenDigest)>, now: UnixMs) {
        self.devices.note_seen(id, token, now);
        // A device that was never read here is fresh when it is.
        if let Ok((paired, _)) = self.paired() {
            paired.touch(id, |device| self.devices.freshen(device));
        }
    }

    /// Writes what has gathered: last-used times, and retries of requests.
    pub fn flush_devices(&self) -> Result<(), StoreError> {
        let seen = self.devices.seen.lock().clone();
        let retries = self.devices.retries_are_due(&self.pending()?.0);
        let codes = self.devices.codes_to_write(&self.codes()?.0);
        if seen.is_empty() && !retries && codes.is_empty() {
            return Ok(());
        }
        let mut tx = Transaction::open_devices(self, None, world::now())?;
        let paired = self.paired()?;
        let mut edits = Edits::new();
        for (id, seen) in &seen {
            let before = paired.0.table.row(id.as_str());
            let (Some(before), Some(mut device)) = (before, tx.device(id)?) else { continue };
            seen.apply(&mut device);
            let row = paired::seen(before, &device, seen.at);
            if row != before {
                edits.insert(id.as_str().to_owned(), Some(row));
            }
        }
        if !edits.is_empty() {
            tx.put_paired(&paired, &edits, None)?;
        }
        if retries {
            let requests = self.devices.requests(&self.pending()?.0);
            tx.put_requests(&requests, None)?;
        }
        let codes = self.devices.codes_to_write(&self.codes()?.0);
        if !codes.is_empty() {
            tx.put_codes(&codes)?;
        }
        tx.commit(Vec::new())?;
        self.devices.written(&seen);
        self.devices.codes_were_written(&self.codes()?.0);
        if retries {
            self.devices.retries_were_written();
        }
        Ok(())
    }

    fn device_file<T>(
        &self,
        path: &Path,
        cache: &CachedTable<T>,
        of: impl FnOnce(Table) -> T,
    ) -> Result<Current<T>, StoreError> {
        let paths = || vec![path.to_owned()];
        cache.get(&self.state, &HeadSeen::default(), &(), paths, |mut all| {
            Table::parse(all.swap_remove(0)).map(of)
        })
    }

    pub(super) fn paired(&self) -> Result<Current<Paired>, StoreError> {
        let path = self.state.devices().join("paired.json");
        self.device_file(&path, &self.devices.paired, Paired::of)
    }

    pub(super) fn pending(&self) -> Result<Current<Pending>, StoreError> {
        let path = self.state.devices().join("pending.json");
        self.device_file(&path, &self.devices.pending, Pending::of)
    }

    pub(super) fn codes(&self) -> Result<Current<Codes>, StoreError> {
        let path = self.state.devices().join("bootstrap.json");
        self.device_file(&path, &self.devices.codes, Codes::of)
    }

    pub(super) fn removed(&self) -> Result<Current<Table>, StoreError> {
        let path = self.state.devices().join("removed.json");
        self.device_file(&path, &self.devices.removed, |table| table)
    }

    pub(super) fn node_pending(&self) -> Result<Current<Table>, StoreError> {
        let path = self.state.nodes().join("pending.json");
        self.device_file(&path, &self.devices.node_pending, |table| table)
    }

    pub(super) fn node_paired(&self) -> Result<Current<Table>, StoreError> {
        let path = self.state.nodes().join("paired.json");
        self.device_file(&path, &self.devices.node_paired, |table| table)
    }

    /// The ids in the files of paired and of removed devices, whatever the log says of these files.
    pub(crate) fn device_ids_in_files(&self) -> Result<(Vec<DeviceId>, Vec<DeviceId>), StoreError> {
        let ids = |name: &str| -> Result<Vec<DeviceId>, StoreError> {
            let table = Table::parse(file::read(&self.state.devices().join(name))?)?;
            Ok(table.rows().filter_map(|(key, _)| DeviceId::parse(key)).collect())
        };
        Ok((ids("paired.json")?, ids("removed.json")?))
    }

    /// Reads every row of every file. An error names the first row that cannot be parsed.
    pub(crate) fn check_devices(&self) -> Result<(), StoreError> {
        self.paired()?.0.all()?;
        self.pending()?;
        self.codes()?;
        self.removed()?;
        self.node_pending()?;
        self.node_paired().map(drop)
    }
}
