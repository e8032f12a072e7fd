//! What is remembered of devices, setup codes and the legacy nodes: whole decisions, each atomic and durable on
//! return. A known device's connection reads and writes no file but for one `stat` each.

mod ask;
mod changes;
mod codes;
mod decide;
mod import;
mod loss;
mod memory;
mod nodes;
mod page;
mod paired;
mod pending;
mod row;
mod setup;
mod table;

use std::{collections::BTreeMap, sync::Arc};

use openclaw_plugin_sdk::UnixMs;

pub(super) use self::import::read_device;
pub(super) use self::memory::DeviceFiles;
use crate::rules::device::{
    approver::Denied, identity::DeviceId, record::Device, token::TokenDigest,
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
    /// The caller may not do it.
    Denied(Denied),
    /// There is no such device, or it does not have that role.
    Unknown,
}

/// A request of the legacy node store (`node.pair.request`). It opens no socket by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRequest {
    /// Its opaque name.
    pub id: String,
    /// The node it is for, in the client's own words.
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

#[cfg(test)]
mod tests;
