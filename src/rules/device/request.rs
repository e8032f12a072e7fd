//! Devices that wait for a decision. A waiting request never changes: a retry that asks for no more keeps its
//! id, one that asks for more gets a new one, and what was displayed is what is decided.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::{ClientAddress, UnixMs};
use ring::digest;

use super::{
    approver::{Denied, DeviceApprover},
    identity::{DeviceId, DeviceKey, folded},
    role::{Profile, Role, Scopes},
    setup_code::Words,
};

/// A request waits this long after its last retry.
pub const LIFETIME_MS: u64 = 300_000;
/// So many wait at once.
pub const MOST: usize = 64;
/// So many of them from one address.
const MOST_AN_ADDRESS: usize = 8;

/// The opaque name of one device request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRequestId(String);

impl DeviceRequestId {
    /// Only what clients accept: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let starts = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        (starts && text.len() <= 128 && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rights that a device asks for. Its commands and abilities are claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedRights {
    /// What it wants to connect as.
    pub roles: BTreeSet<Role>,
    /// Of its operator.
    pub scopes: Scopes,
    /// Of its node.
    pub commands: BTreeSet<String>,
    /// Of its node.
    pub capabilities: BTreeSet<String>,
}

impl RequestedRights {
    /// True where `self` grants nothing that `other` does not.
    fn is_within(&self, other: &Self) -> bool {
        self.roles.is_subset(&other.roles)
            && self.scopes.union(other.scopes) == other.scopes
            && self.commands.is_subset(&other.commands)
            && self.capabilities.is_subset(&other.capabilities)
    }

    /// Both together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            roles: self.roles.union(&other.roles).copied().collect(),
            scopes: self.scopes.union(other.scopes),
            commands: self.commands.union(&other.commands).cloned().collect(),
            capabilities: self.capabilities.union(&other.capabilities).cloned().collect(),
        }
    }
}

/// What a device says about itself. Shown to the owner; decides nothing. Not neutralised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: Option<String>,
    /// Its system.
    pub platform: Option<String>,
    /// Its kind.
    pub family: Option<String>,
    /// The client's id.
    pub client_id: Option<String>,
    /// The client's mode.
    pub client_mode: Option<String>,
    /// The installation it claims to be.
    pub instance: Option<String>,
    /// Where its first request came from.
    pub address: Option<String>,
}

impl Described {
    /// The client that its request counts for.
    fn client(&self) -> Option<ClientAddress> {
        self.address.as_deref()?.parse().ok().map(ClientAddress::of)
    }

    /// One phone has two sockets of one name; the rest of what it says differs between them.
    fn is_as(&self, other: &Self) -> bool {
        let shown = |one: &Self| {
            [&one.name, &one.platform, &one.family]
                .map(|text| text.as_deref().map(folded).unwrap_or_default())
        };
        shown(self) == shown(other)
    }
}

/// A device that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Its opaque name.
    pub id: DeviceRequestId,
    /// Who asks.
    pub device: DeviceId,
    /// The key that `rules::device` is the hash of.
    pub key: DeviceKey,
    /// What for.
    pub asked: RequestedRights,
    /// What it says about itself.
    pub described: Described,
    /// Of the setup code it came with.
    pub profile: Option<Profile>,
    /// The three words of that code and this device.
    pub words: Option<Words>,
    /// It is known already, and asks again or for more.
    pub repair: bool,
    /// When it was opened.
    pub asked_at: UnixMs,
    /// When the device last asked for it.
    pub refreshed_at: UnixMs,
}

/// What a person saw of a request. Two requests that grant or show different things differ here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision([u8; 16]);

impl Revision {
    /// As our own files keep it.
    pub fn spell(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl DeviceRequest {
    /// A device's wish under a name.
    pub fn new(id: DeviceRequestId, wish: NewDeviceRequest, now: UnixMs) -> Self {
        let NewDeviceRequest { key, asked, described, profile, words, repair } = wish;
        let device = key.id();
        let (asked_at, refreshed_at) = (now, now);
        Self { id, device, key, asked, described, profile, words, repair, asked_at, refreshed_at }
    }

    /// True while it waits. A retry in the future is a clock set back: it counts as over.
    pub fn is_open(&self, now: UnixMs) -> bool {
        now.0.checked_sub(self.refreshed_at.0).is_some_and(|age| age <= LIFETIME_MS)
    }

    /// Of everything that is displayed or granted.
    pub fn revision(&self) -> Revision {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut field = |text: &str| {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        };
        field(self.id.as_str());
        field(self.device.as_str());
        field(&self.key.spell());
        field(self.profile.map_or("", Profile::word));
        field(&self.words.map_or_else(String::new, |words| words.to_string()));
        let RequestedRights { roles, scopes, commands, capabilities } = &self.asked;
        let lists: [Vec<&str>; 4] = [
            roles.iter().map(|role| role.word()).collect(),
            scopes.words(),
            commands.iter().map(String::as_str).collect(),
            capabilities.iter().map(String::as_str).collect(),
        ];
        for list in lists {
            field(&list.len().to_string());
            for text in list {
                field(text);
            }
        }
        let Described { name, platform, family, address, .. } = &self.described;
        for text in [name, platform, family, address] {
            field(text.as_deref().unwrap_or_default());
        }
        let mut short = [0; 16];
        short.copy_from_slice(&context.finish().as_ref()[..16]);
        Revision(short)
    }
}

/// A device's wish, before it has an id.
#[derive(Clone, Debug)]
pub struct NewDeviceRequest {
    /// Who asks.
    pub key: DeviceKey,
    /// What for.
    pub asked: RequestedRights,
    /// What it says about itself.
    pub described: Described,
    /// Of the setup code that is bound to this key.
    pub profile: Option<Profile>,
    /// Of that code and this device.
    pub words: Option<Words>,
    /// It is known already.
    pub repair: bool,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// No place: neither this one nor another was touched.
    Full {
        /// When the first place may be free.
        retry_after_ms: u64,
    },
    /// A new request waits; those replaced are over, and so is one that made way for a setup code.
    Opened {
        /// Its name.
        id: DeviceRequestId,
        /// The devices that were rejected; their sockets are told.
        over: Vec<DeviceRequestId>,
    },
    /// It waits already, unchanged.
    Refreshed(DeviceRequestId),
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// It is not what was displayed.
    Changed,
    /// The caller may not decide this.
    Denied(Denied),
    /// The device has asked for something else since, under this name.
    Superseded(DeviceRequestId),
    /// There is none, or none any more.
    Unknown,
}

/// All devices that wait.
#[derive(Clone, Debug, Default)]
pub struct DeviceRequests {
    waiting: BTreeMap<DeviceRequestId, DeviceRequest>,
}

impl DeviceRequests {
    /// As a state file has them. What another program wrote twice for one device counts once, the latest.
    pub fn from_rows(rows: impl IntoIterator<Item = DeviceRequest>) -> Self {
        let mut requests = Self::default();
        for row in rows {
            let same = requests.of(&row.device).map(|old| (old.id.clone(), old.asked_at));
            match same {
                Some((_, asked_at)) if asked_at > row.asked_at => continue,
                Some((old, _)) => drop(requests.waiting.remove(&old)),
                None => {}
            }
            requests.waiting.insert(row.id.clone(), row);
        }
        requests
    }

    /// Those that wait now, the newest first.
    pub fn open(&self, now: UnixMs) -> Vec<&DeviceRequest> {
        let mut open: Vec<_> = self.waiting.values().filter(|row| row.is_open(now)).collect();
        open.sort_by(|a, b| b.asked_at.cmp(&a.asked_at).then_with(|| a.id.cmp(&b.id)));
        open
    }

    /// The one of this device, open or not.
    pub fn of(&self, device: &DeviceId) -> Option<&DeviceRequest> {
        self.waiting.values().find(|row| row.device == *device)
    }

    /// True where another key claims to be the same installation.
    pub fn conflicts(&self, request: &DeviceRequest) -> bool {
        let claimed = request.described.instance.as_deref().filter(|claim| !claim.is_empty());
        claimed.is_some_and(|claim| {
            let claims = |row: &DeviceRequest| row.described.instance.as_deref() == Some(claim);
            self.waiting.values().any(|row| row.device != request.device && claims(row))
        })
    }

    /// A device asks. `unused_codes` places are kept for devices with a setup code; `id` is taken where needed.
    pub fn ask(
        &mut self,
        wish: NewDeviceRequest,
        id: DeviceRequestId,
        unused_codes: usize,
        now: UnixMs,
    ) -> Ask {
        self.waiting.retain(|_, row| row.is_open(now));
        let device = wish.key.id();
        let old = self.of(&device).cloned();
        if let Some(old) = &old {
            let same = wish.asked.is_within(&old.asked)
                && wish.described.is_as(&old.described)
                && wish.profile.is_none_or(|profile| Some(profile) == old.profile)
                && wish.words.is_none_or(|words| Some(words) == old.words);
            if same && let Some(row) = self.waiting.get_mut(&old.id) {
                row.refreshed_at = now;
                return Ask::Refreshed(old.id.clone());
            }
        }
        let mut over: Vec<_> = old.iter().map(|old| old.id.clone()).collect();
        if old.is_none() {
            match self.place_for(&wish, unused_codes, now) {
                Ok(made_way) => over.extend(made_way),
                Err(retry_after_ms) => return Ask::Full { retry_after_ms },
            }
        }
        for gone in &over {
            self.waiting.remove(gone);
        }
        let asked = match &old {
            Some(old) if wish.profile.is_none() && old.profile.is_none() => {
                old.asked.union(&wish.asked)
            }
            Some(old) => RequestedRights {
                commands: old.asked.commands.union(&wish.asked.commands).cloned().collect(),
                ..wish.asked.clone()
            },
            None => wish.asked.clone(),
        };
        let row = DeviceRequest::new(id.clone(), NewDeviceRequest { asked, ..wish }, now);
        self.waiting.insert(id.clone(), row);
        Ask::Opened { id, over }
    }

    /// Approves what was displayed, and nothing else. The request is over; its rights are in what comes back.
    pub fn approve(
        &mut self,
        approver: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<DeviceRequest, Undecided> {
        let row = self.find(id, displayed, now)?;
        approver.may_approve(row).map_err(Undecided::Denied)?;
        self.waiting.remove(id).ok_or(Undecided::Unknown)
    }

    /// Turns a device away.
    pub fn reject(
        &mut self,
        approver: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<DeviceRequest, Undecided> {
        let row = self.find(id, displayed, now)?;
        approver.may_manage(&row.device, Scopes::NONE).map_err(Undecided::Denied)?;
        self.waiting.remove(id).ok_or(Undecided::Unknown)
    }

    fn find(
        &self,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<&DeviceRequest, Undecided> {
        let open = self.waiting.get(id).filter(|row| row.is_open(now));
        let row = open.ok_or(Undecided::Unknown)?;
        if row.revision() == displayed { Ok(row) } else { Err(Undecided::Changed) }
    }

    /// A place for one more; for a setup code, the oldest one without a code makes way.
    fn place_for(
        &self,
        wish: &NewDeviceRequest,
        unused_codes: usize,
        now: UnixMs,
    ) -> Result<Option<DeviceRequestId>, u64> {
        let rows = || self.waiting.values();
        let soonest = |rows: &mut dyn Iterator<Item = &DeviceRequest>| {
            let ends = rows.map(|row| row.refreshed_at.0 + LIFETIME_MS + 1);
            ends.min().map_or(LIFETIME_MS, |end| end.saturating_sub(now.0))
        };
        if wish.profile.is_some() {
            if self.waiting.len() < MOST {
                return Ok(None);
            }
            let way = rows().filter(|row| row.profile.is_none()).min_by_key(|row| row.asked_at);
            return way.map(|row| Some(row.id.clone())).ok_or_else(|| soonest(&mut rows()));
        }
        let near = |row: &&DeviceRequest| {
            row.profile.is_none() && row.described.client() == wish.described.client()
        };
        if rows().filter(near).count() >= MOST_AN_ADDRESS {
            return Err(soonest(&mut rows().filter(near)));
        }
        if self.waiting.len() + unused_codes >= MOST {
            return Err(soonest(&mut rows()));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
