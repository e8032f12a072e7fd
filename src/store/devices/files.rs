//! Not there yet.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::{DeviceStore, Known, LegacyNode, NodeRequest, Untouched};
use crate::{
    device::{
        approver::DeviceApprover,
        handshake::Setup,
        identity::{DeviceId, DeviceKey},
        record::{ApprovedVia, Device},
        request::{Ask, DeviceRequest, DeviceRequestId, Revision, Undecided, Wish},
        role::{Profile, Role, Scopes},
        setup_code::{SetupCode, SetupId},
        token::{DeviceToken, Token, TokenDigest},
    },
    store::{StoreError, files::FileStore},
};

fn missing() -> StoreError {
    StoreError::Io {
        doing: "use",
        path: "devices".into(),
        source: std::io::Error::other("not there yet"),
    }
}

impl DeviceStore for FileStore {
    fn device(&self, _id: &DeviceId) -> Result<Known, StoreError> {
        Err(missing())
    }

    fn devices(&self) -> Result<Vec<Arc<Device>>, StoreError> {
        Err(missing())
    }

    fn device_requests(&self, _now: UnixMs) -> Result<Vec<DeviceRequest>, StoreError> {
        Err(missing())
    }

    fn ask_device(&self, _wish: &Wish, _now: UnixMs) -> Result<Ask, StoreError> {
        Err(missing())
    }

    fn admit_device(
        &self,
        _wish: &Wish,
        _via: ApprovedVia,
        _fresh: &[(Role, Token)],
        _now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        Err(missing())
    }

    fn approve_device(
        &self,
        _by: &DeviceApprover,
        _id: &DeviceRequestId,
        _displayed: Revision,
        _now: UnixMs,
    ) -> Result<Result<Arc<Device>, Undecided>, StoreError> {
        Err(missing())
    }

    fn reject_device(
        &self,
        _by: &DeviceApprover,
        _id: &DeviceRequestId,
        _displayed: Revision,
        _now: UnixMs,
    ) -> Result<Result<DeviceRequest, Undecided>, StoreError> {
        Err(missing())
    }

    fn issue_tokens(
        &self,
        _id: &DeviceId,
        _fresh: &[(Role, Token)],
        _now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        Err(missing())
    }

    fn device_seen(&self, _id: &DeviceId, _token: Option<(Role, TokenDigest)>, _now: UnixMs) {}

    fn flush_devices(&self) -> Result<(), StoreError> {
        Err(missing())
    }

    fn remove_device(
        &self,
        _by: &DeviceApprover,
        _id: &DeviceId,
        _now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        Err(missing())
    }

    fn rename_device(
        &self,
        _by: &DeviceApprover,
        _id: &DeviceId,
        _label: &str,
        _now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        Err(missing())
    }

    fn rotate_token(
        &self,
        _by: &DeviceApprover,
        _id: &DeviceId,
        _change: (Role, Option<Scopes>, &Token),
        _now: UnixMs,
    ) -> Result<Result<DeviceToken, Untouched>, StoreError> {
        Err(missing())
    }

    fn revoke_token(
        &self,
        _by: &DeviceApprover,
        _id: &DeviceId,
        _role: Role,
        _now: UnixMs,
    ) -> Result<Result<UnixMs, Untouched>, StoreError> {
        Err(missing())
    }

    fn mint_code(
        &self,
        _by: &DeviceApprover,
        _profile: Profile,
        _token: &Token,
        _now: UnixMs,
    ) -> Result<SetupCode, StoreError> {
        Err(missing())
    }

    fn setup_codes(&self) -> Result<Vec<SetupCode>, StoreError> {
        Err(missing())
    }

    fn code_shown(
        &self,
        _token: &TokenDigest,
        _key: &DeviceKey,
        _now: UnixMs,
    ) -> Result<Setup, StoreError> {
        Err(missing())
    }

    fn redeem_code(
        &self,
        _token: &TokenDigest,
        _key: &DeviceKey,
        _now: UnixMs,
    ) -> Result<Setup, StoreError> {
        Err(missing())
    }

    fn cancel_codes(
        &self,
        _by: &DeviceApprover,
        _these: Option<&[SetupId]>,
        _now: UnixMs,
    ) -> Result<Vec<SetupId>, StoreError> {
        Err(missing())
    }

    fn nodes(&self, _now: UnixMs) -> Result<(Vec<NodeRequest>, Vec<LegacyNode>), StoreError> {
        Err(missing())
    }

    fn ask_node(
        &self,
        _request: &NodeRequest,
        _now: UnixMs,
    ) -> Result<Option<(NodeRequest, bool)>, StoreError> {
        Err(missing())
    }

    fn approve_node(
        &self,
        _by: &DeviceApprover,
        _request: &str,
        _fresh: &Token,
        _now: UnixMs,
    ) -> Result<Option<LegacyNode>, StoreError> {
        Err(missing())
    }

    fn reject_node(
        &self,
        _by: &DeviceApprover,
        _request: &str,
        _now: UnixMs,
    ) -> Result<Option<NodeRequest>, StoreError> {
        Err(missing())
    }

    fn remove_node(
        &self,
        _by: &DeviceApprover,
        _node: &str,
        _now: UnixMs,
    ) -> Result<bool, StoreError> {
        Err(missing())
    }

    fn rename_node(
        &self,
        _by: &DeviceApprover,
        _node: &str,
        _name: &str,
        _now: UnixMs,
    ) -> Result<bool, StoreError> {
        Err(missing())
    }
}
