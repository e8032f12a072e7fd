//! The parts together: whatever order things come in, a device ends with what an owner was shown.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::UnixMs;
use proptest::prelude::*;

use super::{
    approver::{DeviceApprover, Listed},
    identity::DeviceKey,
    record::{ApprovedVia, Device},
    request::{
        Ask, Described, DeviceRequestId, DeviceRequests, NewDeviceRequest, RequestedRights,
        Revision, Undecided,
    },
    role::{Role, Scope, Scopes},
};
use crate::approver::Approver;

#[derive(Clone, Debug)]
enum Step {
    /// The device comes back and asks for this.
    Reconnect(Vec<Scope>),
    /// The owner looks at what waits.
    Look,
    /// The owner approves what the owner last looked at.
    Approve,
    /// The owner takes it all back.
    Revoke,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let scopes = prop::sample::subsequence(Scope::ALL.to_vec(), 0..4);
    let step = prop_oneof![
        4 => scopes.prop_map(Step::Reconnect),
        3 => Just(Step::Look),
        3 => Just(Step::Approve),
        1 => Just(Step::Revoke),
    ];
    prop::collection::vec(step, 0..40)
}

fn wish(scopes: &[Scope]) -> NewDeviceRequest {
    NewDeviceRequest {
        key: DeviceKey::from_raw([1; 32]),
        asked: RequestedRights {
            roles: [Role::Operator].into(),
            scopes: Scopes::of(scopes),
            ..RequestedRights::default()
        },
        described: Described::default(),
        profile: None,
        words: None,
        repair: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn case_030_a_thousand_orders_of_approving_and_reconnecting_end_with_what_was_displayed(
        steps in steps(),
    ) {
        let owner = DeviceApprover::of(&Approver::on_host(0), Listed::Commands);
        let (mut requests, mut device) = (DeviceRequests::default(), None::<Device>);
        let mut looked: Option<(DeviceRequestId, Revision, Scopes)> = None;
        let mut granted = Scopes::NONE;
        let mut waited = BTreeSet::new();
        for (at, step) in steps.into_iter().enumerate() {
            let now = UnixMs(u64::try_from(at).unwrap());
            match step {
                Step::Reconnect(scopes) => {
                    let id = DeviceRequestId::parse(&format!("r{at}")).unwrap();
                    if let Ask::Opened { id, .. } = requests.ask(wish(&scopes), id, 0, now) {
                        waited.insert(id);
                    }
                }
                Step::Look => {
                    looked = requests.open(now).first().map(|row| {
                        (row.id.clone(), row.revision(), row.asked.scopes)
                    });
                }
                Step::Approve => {
                    let Some((id, revision, shown)) = &looked else { continue };
                    match requests.approve(&owner, id, *revision, now) {
                        Ok(request) => {
                            prop_assert_eq!(request.asked.scopes, *shown);
                            prop_assert!(waited.remove(id), "decided twice");
                            device = Device::approve(device, &request, ApprovedVia::Owner, now);
                            granted = granted.union(*shown);
                        }
                        Err(Undecided::Unknown) => {}
                        Err(other) => prop_assert!(false, "{:?}", other),
                    }
                }
                Step::Revoke => {
                    if let Some(device) = &mut device {
                        device.revoke(Role::Operator, now);
                        granted = Scopes::NONE;
                    }
                }
            }
            let held = device.as_ref().and_then(|device| device.scopes_as(Role::Operator));
            prop_assert_eq!(held.unwrap_or(Scopes::NONE), granted);
        }
    }
}
