//! The gateway that approved a node, in `<state>/node.json`, so that it finds it again without being told. It
//! holds no secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Fingerprint,
    address::Address,
    files,
    rules::device::identity::DeviceId,
    store::{StoreError, paths::StateDir},
    text::{NO_ADDRESS, NO_MEMORY, NO_PIN},
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeFile {
    version: u32,
    node_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway: Option<GatewayAddress>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GatewayAddress {
    host: String,
    port: u16,
    #[serde(default)]
    tls: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls_fingerprint: Option<String>,
}

/// What is remembered.
#[derive(Clone, Debug)]
pub struct Known {
    /// Where.
    pub address: Address,
    /// Its certificate.
    pub pin: Option<Fingerprint>,
    /// The node's name.
    pub name: Option<String>,
}

fn path(state: &StateDir) -> PathBuf {
    state.path().join("node.json")
}

/// The gateway that let this node in, where one did.
pub fn recall(state: &StateDir) -> Result<Option<Known>, StoreError> {
    let path = path(state);
    let Some(kept) = files::read::<NodeFile>(&path, NO_MEMORY)? else { return Ok(None) };
    let Some(place) = kept.gateway else { return Ok(None) };
    let address = Address::of(&place.host, place.port, place.tls)
        .map_err(|_| files::damaged(&path, NO_ADDRESS))?;
    // A pin that cannot be read is not taken for none.
    let pin = place.tls_fingerprint.as_deref();
    let pin = pin.map(|text| Fingerprint::parse(text).ok_or_else(|| files::damaged(&path, NO_PIN)));
    Ok(Some(Known { address, pin: pin.transpose()?, name: kept.display_name }))
}

pub(super) fn remember(
    state: &StateDir,
    node: &DeviceId,
    address: &Address,
    pin: Option<Fingerprint>,
    name: Option<&str>,
) -> Result<(), StoreError> {
    let place = GatewayAddress {
        host: address.host().to_owned(),
        port: address.port(),
        tls: address.tls(),
        tls_fingerprint: pin.map(|pin| pin.to_string()),
    };
    let kept = NodeFile {
        version: 1,
        node_id: node.as_str().to_owned(),
        display_name: name.map(str::to_owned),
        gateway: Some(place),
    };
    files::write(&path(state), &kept)
}
