//! A decision about a person's request, made in the running gateway.

use std::sync::Arc;

use openclaw_plugin_sdk::Decision;

use crate::{
    Gateway,
    approvals::held,
    control::{
        devices::{self, Verdict},
        pairing::{self, Choice},
    },
    rules::{
        approver::Approver,
        device::{
            approver::DeviceApprover,
            request::{DeviceRequestId, Revision, Undecided},
        },
        pairing::RequestId,
    },
    store::{Outcome, Store, StoreError},
    world,
};

/// Decides one request by its opaque name.
pub(crate) async fn decide(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    channel: &str,
    request: &RequestId,
    choice: Choice,
) -> Result<Outcome, StoreError> {
    let owner = choice.delivers().then(|| approver.actor());
    let _alone = held::promise(gateway, request, owner).await?;
    let (by, channel, request) = (approver.clone(), channel.to_owned(), request.clone());
    let decision = choice.decision;
    let decide = move |store: &Store| {
        pairing::decide(store, &by, (&channel, &request), &choice, world::now())
    };
    let outcome = gateway.change(decide).await?;
    if let Outcome::Done(decided) = &outcome {
        info_unless_at_console!(
            channel = decided.key.channel,
            account = %decided.key.account,
            sender = %decided.sender,
            actor = approver.actor(),
            ?decision,
            "request decided"
        );
    }
    gateway.cards.look();
    Ok(outcome)
}

/// Decides about a device as it was displayed.
pub(crate) async fn device(
    gateway: &Arc<Gateway>,
    by: DeviceApprover,
    decision: Decision,
    (request, displayed): (DeviceRequestId, Revision),
) -> Result<Result<Verdict, Undecided>, StoreError> {
    let (actor, id) = (by.approver().actor().to_owned(), request.clone());
    let decide = move |store: &Store| {
        devices::decide(store, &by, decision, (&request, displayed), world::now())
    };
    let decided = gateway.change(decide).await?;
    if decided.is_ok() {
        info_unless_at_console!(request = id.as_str(), actor, ?decision, "device decided");
    }
    Ok(decided)
}
