//! `device.pair.*` and `device.token.*`: the devices that wait, the paired ones, and the decisions about them.

use openclaw_plugin_sdk::Decision;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, detailed, invalid, store_failed};
use crate::{
    approvals::decide,
    control::devices::{self, Change, LABEL, Verdict},
    protocol::{
        device::{TOO_LONG, all_pending, paired},
        frame::{Refused, UNAVAILABLE},
        hello::Limits,
        refusal,
    },
    rules::device::{
        approver::{Act, Denied, DeviceApprover},
        identity::DeviceId,
        request::{DeviceRequest, DeviceRequestId, Undecided},
        role::{Role, Scope, Scopes},
    },
    store::{
        Store,
        devices::{Known, Page, Untouched},
    },
    world,
};

/// There is no such request, or the caller does not see it.
pub(super) const NO_REQUEST: &str = "unknown requestId";

/// The parameters of a decision.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfRequest {
    pub(super) request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfDevice {
    device_id: String,
    role: Option<String>,
    scopes: Option<Vec<String>>,
    label: Option<String>,
}

/// The caller, as one who decides. The table has asked for the scope already.
pub(super) fn approver(call: &Call, act: Act) -> Result<DeviceApprover, Box<Refused>> {
    let of = DeviceApprover::of_session(&call.session.rights(), &call.session.actor());
    of.ok_or_else(|| invalid(act.denial()))
}

fn is_admin(call: &Call) -> bool {
    call.session.scopes.allow(Scope::Admin)
}

/// A device with its own token and without admin sees itself alone.
pub(super) fn own_only(call: &Call) -> Option<DeviceId> {
    call.session.token_device().filter(|_| !is_admin(call))
}

/// What is not there. A caller that sees its own device alone is not told which others there are.
pub(super) fn not_found(call: &Call, act: Act, missing: &str) -> Box<Refused> {
    invalid(if own_only(call).is_some() { act.denial() } else { missing })
}

/// A page holds at most so many devices.
const PAGE: usize = 1_000;
/// And so many bytes of them.
const PAGE_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
struct Paging {
    /// At most so many devices; without it all of them.
    limit: Option<usize>,
    /// The device after which the page begins.
    cursor: Option<String>,
}

impl Paging {
    fn read(call: &Call) -> Result<(Option<usize>, Option<DeviceId>), Box<Refused>> {
        let Self { limit, cursor } = call.params()?;
        if limit.is_some_and(|limit| !(1..=PAGE).contains(&limit)) {
            return Err(call.wrong("`limit` is 1 to 1000"));
        }
        let after = cursor.as_deref().map(|text| DeviceId::parse(text).ok_or("`cursor` is no id"));
        Ok((limit, after.transpose().map_err(|why| call.wrong(why))?))
    }
}

/// The devices that are asked for, and that the caller sees.
async fn known(
    call: &Call,
    after: Option<&DeviceId>,
    limit: Option<usize>,
) -> Result<Page, Box<Refused>> {
    let (own, after) = (own_only(call), after.cloned());
    call.read(move |store| match own {
        Some(own) => {
            let devices = match store.device(&own)? {
                Known::Device(device) => vec![device],
                Known::Removed | Known::Stranger => Vec::new(),
            };
            Ok(Page { total: devices.len(), devices, next: None })
        }
        None => store.device_page(after.as_ref(), limit.unwrap_or(usize::MAX)),
    })
    .await
}

/// `device.pair.list`.
pub(super) async fn list(call: &Call) -> Answer {
    let (mut limit, after) = Paging::read(call)?;
    let own = own_only(call);
    let sees = |device: &DeviceId| own.as_ref().is_none_or(|own| own == device);
    let mut waits = call.read(|store| store.device_requests(world::now())).await?;
    waits.retain(|row| sees(&row.device));
    let waits = all_pending(&waits, &replaced(call)?).into_iter();
    let mut room = Limits::default().max_payload;
    let waits = fitting(waits, &mut room).ok_or_else(|| too_long(0))?;
    let page = if limit.is_some() { room.min(PAGE_BYTES) } else { room };
    let connected = |id: &DeviceId| !call.gateway.rpc.sessions.of(id).is_empty();
    loop {
        let Page { devices, next, total } = known(call, after.as_ref(), limit).await?;
        let rows = devices.iter().map(|device| paired(device, Some(connected(&device.id()))));
        let mut left = page;
        let Some(known) = fitting(rows, &mut left) else {
            // Of large rows a page holds fewer.
            limit = limit.map(|limit| limit.min(devices.len()) / 2).filter(|limit| *limit > 0);
            if limit.is_none() {
                return Err(too_long(devices.len()));
            }
            continue;
        };
        let mut listed = json!({ "pending": waits, "paired": known });
        if let Some(next) = next {
            (listed["nextCursor"], listed["total"]) = (next.as_str().into(), total.into());
        }
        return Ok(listed);
    }
}

fn replaced(call: &Call) -> Result<Vec<(DeviceRequestId, DeviceRequestId)>, Box<Refused>> {
    call.gateway.store.replaced_requests(world::now()).map_err(store_failed)
}

/// The rows, where there is room for them all.
fn fitting(rows: impl Iterator<Item = Value>, room: &mut usize) -> Option<Vec<Value>> {
    let fits = |row: Value| {
        *room = room.checked_sub(row.to_string().len() + 1)?;
        Some(row)
    };
    rows.map(fits).collect()
}

/// No client takes a longer answer than it was told.
fn too_long(devices: usize) -> Box<Refused> {
    let why = format!(
        "{devices} devices are more than one answer holds; ask for pages with `limit` and `cursor`, \
         as `openclaw devices list` does"
    );
    detailed(Box::new(Refused::new(UNAVAILABLE, why)), json!({ "code": TOO_LONG }))
}

/// The request by its name. A name stands for one unchanging request, so a caller who knows it has seen what it is.
async fn find(call: &Call, act: Act) -> Result<DeviceRequest, Box<Refused>> {
    let params: OfRequest = call.params()?;
    let unknown = || not_found(call, act, NO_REQUEST);
    let id = DeviceRequestId::parse(&params.request_id).ok_or_else(unknown)?;
    let wanted = id.clone();
    let found = call.read(move |store| devices::request(store, &wanted, world::now())).await?;
    if let Some(found) = found {
        return Ok(found);
    }
    let replaced = replaced(call)?;
    let successor = replaced.iter().find(|(old, _)| *old == id && own_only(call).is_none());
    Err(successor
        .map_or_else(unknown, |(_, new)| undecided(&Undecided::Superseded(new.clone()), act)))
}

/// `device.pair.approve` and `device.pair.reject`.
pub(super) async fn decided(call: &Call, act: Act) -> Answer {
    let by = approver(call, act)?;
    let request = find(call, act).await?;
    Ok(decide(call, by, &request, act).await?.answer(&request.id))
}

/// Decides a request as it was found.
pub(super) async fn decide(
    call: &Call,
    by: DeviceApprover,
    request: &DeviceRequest,
    act: Act,
) -> Result<Verdict, Box<Refused>> {
    let decision = if act == Act::Approve { Decision::Approve } else { Decision::Deny };
    let shown = (request.id.clone(), request.revision());
    let decided = decide::device(&call.gateway, by, decision, shown).await.map_err(store_failed)?;
    decided.map_err(|why| undecided(&why, act))
}

fn undecided(why: &Undecided, act: Act) -> Box<Refused> {
    match why {
        Undecided::Denied(denied) => refused(*denied, act),
        Undecided::Changed | Undecided::Unknown => invalid(NO_REQUEST),
        Undecided::Superseded(by) => {
            let details = json!({ "code": "SUPERSEDED", "requestId": by.as_str() });
            detailed(invalid(NO_REQUEST), details)
        }
    }
}

pub(super) fn refused(denied: Denied, act: Act) -> Box<Refused> {
    match denied {
        Denied::NotYours => invalid(act.denial()),
        Denied::Scope(scope) => Box::new(refusal::missing_scope(scope, &[scope])),
    }
}

/// Changes a device. The caller may be closed by that: the answer goes first.
pub(super) async fn change(
    call: &Call,
    by: DeviceApprover,
    id: &DeviceId,
    change: Change,
    missing: &str,
) -> Answer {
    let (of, act) = (id.clone(), change.act());
    let change = move |store: &Store| devices::change(store, &by, &of, &change, world::now());
    let answer = call.read(change).await?.map_err(|why| match why {
        Untouched::Denied(denied) => refused(denied, act),
        Untouched::Unknown => invalid(missing),
    })?;
    call.publish_afterwards();
    Ok(answer)
}

/// `device.pair.remove`, `device.pair.rename`, `device.token.revoke` and `device.token.rotate`.
pub(super) async fn changed(call: &Call, act: Act) -> Answer {
    let missing = match act {
        Act::RevokeToken | Act::RotateToken => NO_ROLE,
        _ => "unknown deviceId",
    };
    let by = approver(call, act)?;
    let params: OfDevice = call.params()?;
    let id = DeviceId::parse(params.device_id.trim());
    let id = id.ok_or_else(|| not_found(call, act, missing))?;
    let wish = match act {
        Act::Rename => Change::Rename(label(call, &params)?),
        Act::RevokeToken => Change::Revoke(role(call, &params)?),
        Act::RotateToken => return rotate(call, by, &id, &params).await,
        _ => Change::Remove,
    };
    change(call, by, &id, wish, missing).await
}

fn label(call: &Call, params: &OfDevice) -> Result<String, Box<Refused>> {
    let label = params.label.as_deref().map(str::trim).unwrap_or_default();
    if label.is_empty() || label.chars().count() > LABEL {
        return Err(call.wrong("`label` has 1 to 64 characters"));
    }
    Ok(label.to_owned())
}

const NO_ROLE: &str = "unknown deviceId/role";

fn role(call: &Call, params: &OfDevice) -> Result<Role, Box<Refused>> {
    let Some(role) = &params.role else { return Err(call.wrong("missing field `role`")) };
    Role::parse(role.trim()).ok_or_else(|| invalid(NO_ROLE))
}

async fn rotate(call: &Call, by: DeviceApprover, id: &DeviceId, params: &OfDevice) -> Answer {
    let role = role(call, params)?;
    let scopes = params.scopes.as_deref().map(Scopes::parse);
    let fresh = super::token()?;
    let text = fresh.spell();
    let mut answer = change(call, by, id, Change::Rotate(role, scopes, fresh), NO_ROLE).await?;
    // Only the device itself sees its new token: everyone else learns that there is one.
    if call.session.token_device().is_some_and(|own| own == *id) {
        answer["tokenDelivery"] = "in-band".into();
        answer["token"] = Value::String(text);
    }
    Ok(answer)
}
