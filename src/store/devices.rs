//! What is remembered of devices, setup codes and the legacy nodes: whole decisions, each atomic and durable on
//! return. A known device's connection reads and writes no file but for one `stat` each.

mod ask;
mod cached_table;
mod codes;
mod decide;
mod files;
mod loss;
mod memory;
mod nodes;
mod page;
mod paired;
mod pending;
mod row;
mod setup;
mod table;
mod transaction;

use std::{collections::BTreeMap, sync::Arc};

use openclaw_plugin_sdk::UnixMs;

pub(super) use self::memory::DeviceFiles;
use super::StoreError;
use crate::rules::{
    authority::Authority,
    device::{
        approver::{Denied, DeviceApprover},
        handshake::Setup,
        identity::{DeviceId, DeviceKey},
        record::{ApprovedVia, Device},
        request::{Ask, DeviceRequest, DeviceRequestId, Revision, Undecided, Wish},
        role::{Profile, Role, Scopes},
        setup_code::{SetupCode, SetupId},
        token::{DeviceToken, Token, TokenDigest},
    },
};

/// What is known about a device.
#[derive(Clone, Debug)]
pub enum Known {
    /// It has rights.
    Device(Arc<Device>),
    /// It had some, and they were taken away: it is never let in again without a decision.
    Removed,
    /// Never seen.
    Stranger,
}

/// A page of the devices.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of the list.
    pub devices: Vec<Arc<Device>>,
    /// The one after which the next page begins; nothing where this is the last.
    pub next: Option<DeviceId>,
    /// How many there are on all pages.
    pub total: usize,
}

/// Why nothing was done about a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untouched {
    /// Not his to do.
    Denied(Denied),
    /// There is no such device, or it does not have that role.
    Unknown,
}

/// A request of the legacy node store (`node.pair.request`). It opens no socket by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRequest {
    /// Its opaque name.
    pub id: String,
    /// Whom it is for; the client's own word.
    pub node: String,
    /// What it says about itself: `displayName`, `platform`, `version`, `coreVersion`, `uiVersion`,
    /// `deviceFamily`, `modelIdentifier`, `remoteIp`.
    pub described: BTreeMap<String, String>,
    /// What it claims to offer.
    pub caps: Vec<String>,
    /// What it claims to do.
    pub commands: Vec<String>,
    /// The same node was let in before.
    pub repair: bool,
    /// When.
    pub asked_at: UnixMs,
}

/// A node of the legacy store that was let in. Its token rests as a digest.
#[derive(Clone, Debug)]
pub struct LegacyNode {
    /// What was let in.
    pub request: NodeRequest,
    /// Of its token.
    pub digest: TokenDigest,
    /// First.
    pub created_at: UnixMs,
    /// Last.
    pub approved_at: UnixMs,
}

/// The store of devices. Every call blocks on disk: from async code, off the runtime, but for [`Self::device`],
/// [`Self::device_seen`] and [`Self::code_shown`], which touch no more than one `stat` a file while nothing changed.
pub trait DeviceStore: Send + Sync + std::fmt::Debug {
    /// One device.
    fn device(&self, id: &DeviceId) -> Result<Known, StoreError>;

    /// All devices, the last approved first.
    fn devices(&self) -> Result<Vec<Arc<Device>>, StoreError>;

    /// A page of at most so many devices behind this one. The order is that of [`Self::devices`] where there is one
    /// page, and by id where there are more.
    fn device_page(&self, after: Option<&DeviceId>, most: usize) -> Result<Page, StoreError>;

    /// The devices that wait, the newest first, none of them expired.
    fn device_requests(&self, now: UnixMs) -> Result<Vec<DeviceRequest>, StoreError>;

    /// The ids that waiting requests have replaced, each with its successor.
    fn replaced_requests(
        &self,
        now: UnixMs,
    ) -> Result<Vec<(DeviceRequestId, DeviceRequestId)>, StoreError>;

    /// A device asks, or asks again. A place is kept for each unused setup code.
    fn ask_device(&self, wish: &Wish, now: UnixMs) -> Result<Ask, StoreError>;

    /// Lets a device in without a request, as the configuration says (`via`), and gives it these tokens, in one
    /// change; `by` is what it has shown. Never one that was removed, and never more to one that is known: `None` then.
    fn admit_device(
        &self,
        by: &Authority,
        wish: (&Wish, ApprovedVia),
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError>;

    /// Approves a waiting device as it was displayed; the setup code it came with is its own from here.
    fn approve_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<Arc<Device>, Undecided>, StoreError>;

    /// Turns a waiting device away; the setup code it came with is over.
    fn reject_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<DeviceRequest, Undecided>, StoreError>;

    /// Puts fresh tokens in their roles' places, for the roles that the device still has; `by` is what it has shown. `None` where it has
    /// lost one meanwhile: nothing was changed.
    fn issue_tokens(
        &self,
        by: &Authority,
        id: &DeviceId,
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError>;

    /// The device has shown this token, or come without one (`None`). Kept in memory, and written with the others
    /// at the next [`Self::flush_devices`].
    fn device_seen(&self, id: &DeviceId, token: Option<(Role, TokenDigest)>, now: UnixMs);

    /// Writes what has gathered: last-used times, and retries of requests.
    fn flush_devices(&self) -> Result<(), StoreError>;

    /// Forgets a device for good, with its requests; its setup code is over.
    fn remove_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError>;

    /// Gives a device the name that owners see.
    fn rename_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        label: &str,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError>;

    /// Replaces a token; without `scopes` it keeps those it has. Its setup code is over.
    fn rotate_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        change: (Role, Option<Scopes>, &Token),
        now: UnixMs,
    ) -> Result<Result<DeviceToken, Untouched>, StoreError>;

    /// Takes a role away until somebody approves it again; its setup code is over.
    fn revoke_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        role: Role,
        now: UnixMs,
    ) -> Result<Result<UnixMs, Untouched>, StoreError>;

    /// Makes a setup code; only the digest of its token is kept.
    fn mint_code(
        &self,
        by: &DeviceApprover,
        profile: Profile,
        token: &Token,
        now: UnixMs,
    ) -> Result<SetupCode, StoreError>;

    /// Every code that is kept, the newest first.
    fn setup_codes(&self) -> Result<Vec<SetupCode>, StoreError>;

    /// How a code would be taken, without taking it; [`Setup::Unknown`] where there is none with this token.
    fn code_shown(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError>;

    /// A device that has proven its key shows a code: the first has it for good. Durable before it returns.
    fn redeem_code(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError>;

    /// Takes codes back: these, or all that nobody has used.
    fn cancel_codes(
        &self,
        by: &DeviceApprover,
        these: Option<&[SetupId]>,
        now: UnixMs,
    ) -> Result<Vec<SetupId>, StoreError>;

    /// The legacy nodes that wait, and those that were let in; the newest first.
    fn nodes(&self, now: UnixMs) -> Result<(Vec<NodeRequest>, Vec<LegacyNode>), StoreError>;

    /// A legacy node asks; true where the request is new. At most 64 wait; `None` beyond.
    fn ask_node(
        &self,
        request: &NodeRequest,
        now: UnixMs,
    ) -> Result<Option<(NodeRequest, bool)>, StoreError>;

    /// Approves a waiting legacy node with a fresh token. `None` where it does not wait.
    fn approve_node(
        &self,
        by: &DeviceApprover,
        request: &str,
        fresh: &Token,
        now: UnixMs,
    ) -> Result<Option<LegacyNode>, StoreError>;

    /// Turns a waiting legacy node away. `None` where it does not wait.
    fn reject_node(
        &self,
        by: &DeviceApprover,
        request: &str,
        now: UnixMs,
    ) -> Result<Option<NodeRequest>, StoreError>;

    /// Forgets a legacy node. False where there is none.
    fn remove_node(&self, by: &DeviceApprover, node: &str, now: UnixMs)
    -> Result<bool, StoreError>;

    /// Gives a legacy node another name. False where there is none.
    fn rename_node(
        &self,
        by: &DeviceApprover,
        node: &str,
        name: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests;
