//! `device.pair.*` and `device.token.*`: the devices that wait, the paired ones, and the decisions about them.

use openclaw_plugin_sdk::Decision;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, invalid, store_failed, unknown};
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
        token::Token,
    },
    store::{
        Store,
        devices::{Known, Page, Untouched},
    },
    world,
};

/// Answers a method of this family.
pub(super) async fn answer(call: &Call) -> Answer {
    match call.method.as_str() {
        "device.pair.approve" => approve(call).await,
        "device.pair.list" => list(call).await,
        "device.pair.reject" => reject(call).await,
        "device.pair.remove" => remove(call).await,
        "device.pair.rename" => rename(call).await,
        "device.pair.setupCode" | "device.pair.setupStatus" => super::setup::answer(call).await,
        "device.token.revoke" => revoke(call).await,
        "device.token.rotate" => rotate(call).await,
        method => unknown(method),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfRequest {
    request_id: String,
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

async fn waiting(call: &Call) -> Result<Vec<DeviceRequest>, Box<Refused>> {
    call.gateway.read(|store| store.device_requests(world::now())).await.map_err(store_failed)
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
        let wrong = |why: &str| invalid(format!("invalid {} params: {why}", call.method));
        if limit.is_some_and(|limit| !(1..=PAGE).contains(&limit)) {
            return Err(wrong("`limit` is 1 to 1000"));
        }
        let after = cursor.as_deref().map(|text| DeviceId::parse(text).ok_or("`cursor` is no id"));
        Ok((limit, after.transpose().map_err(wrong)?))
    }
}

/// The devices that are asked for, and that the caller sees.
async fn known(
    call: &Call,
    after: Option<&DeviceId>,
    limit: Option<usize>,
) -> Result<Page, Box<Refused>> {
    let (own, after) = (own_only(call), after.cloned());
    let read = call.gateway.read(move |store| match own {
        Some(own) => {
            let devices = match store.device(&own)? {
                Known::Device(device) => vec![device],
                Known::Removed | Known::Stranger => Vec::new(),
            };
            Ok(Page { total: devices.len(), devices, next: None })
        }
        None => store.device_page(after.as_ref(), limit.unwrap_or(usize::MAX)),
    });
    read.await.map_err(store_failed)
}

async fn list(call: &Call) -> Answer {
    let (mut limit, after) = Paging::read(call)?;
    let own = own_only(call);
    let sees = |device: &DeviceId| own.as_ref().is_none_or(|own| own == device);
    let waits = waiting(call).await?;
    let waits: Vec<_> = waits.into_iter().filter(|row| sees(&row.device)).collect();
    let waits = all_pending(&waits, &replaced(call)?).into_iter();
    let mut room = usize::try_from(Limits::default().max_payload).unwrap_or(usize::MAX);
    let waits = fitting(waits, &mut room).ok_or_else(|| too_long(0))?;
    let page = if limit.is_some() { room.min(PAGE_BYTES) } else { room };
    let connected = |id: &DeviceId| !call.gateway.sessions.of(id).is_empty();
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
    let mut refused = Refused::new(UNAVAILABLE, why);
    refused.details = Some(json!({ "code": TOO_LONG }));
    Box::new(refused)
}

/// The request by its name. A name stands for one unchanging request, so a caller who knows it has seen what it is.
async fn find(call: &Call, act: Act) -> Result<DeviceRequest, Box<Refused>> {
    let params: OfRequest = call.params()?;
    let unknown = || match own_only(call) {
        Some(_) => invalid(act.denial()),
        None => invalid("unknown requestId"),
    };
    let id = DeviceRequestId::parse(&params.request_id).ok_or_else(unknown)?;
    if let Some(found) = waiting(call).await?.into_iter().find(|row| row.id == id) {
        return Ok(found);
    }
    let replaced = replaced(call)?;
    let successor = replaced.iter().find(|(old, _)| *old == id && own_only(call).is_none());
    Err(successor
        .map_or_else(unknown, |(_, new)| undecided(&Undecided::Superseded(new.clone()), act)))
}

async fn approve(call: &Call) -> Answer {
    decided(call, Act::Approve).await
}

async fn reject(call: &Call) -> Answer {
    decided(call, Act::Reject).await
}

async fn decided(call: &Call, act: Act) -> Answer {
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
        Undecided::Changed | Undecided::Unknown => invalid("unknown requestId"),
        Undecided::Superseded(by) => {
            let mut refused = invalid("unknown requestId");
            refused.details = Some(json!({ "code": "SUPERSEDED", "requestId": by.as_str() }));
            refused
        }
    }
}

pub(super) fn refused(denied: Denied, act: Act) -> Box<Refused> {
    match denied {
        Denied::NotYours => invalid(act.denial()),
        Denied::Scope(scope) => Box::new(refusal::missing_scope(scope, &[scope])),
    }
}

fn untouched(why: &Untouched, act: Act, missing: &str) -> Box<Refused> {
    match why {
        Untouched::Denied(denied) => refused(*denied, act),
        Untouched::Unknown => invalid(missing),
    }
}

/// The device that the parameters name, and whether the caller sees it.
fn device(call: &Call, act: Act, missing: &str) -> Result<(OfDevice, DeviceId), Box<Refused>> {
    let params: OfDevice = call.params()?;
    let id = DeviceId::parse(params.device_id.trim()).ok_or_else(|| match own_only(call) {
        Some(_) => invalid(act.denial()),
        None => invalid(missing),
    })?;
    Ok((params, id))
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
    let changed = call.gateway.read(change).await.map_err(store_failed)?;
    let answer = changed.map_err(|why| untouched(&why, act, missing))?;
    call.publish_afterwards();
    Ok(answer)
}

async fn remove(call: &Call) -> Answer {
    let missing = "unknown deviceId";
    let by = approver(call, Act::Remove)?;
    let (_, id) = device(call, Act::Remove, missing)?;
    change(call, by, &id, Change::Remove, missing).await
}

async fn rename(call: &Call) -> Answer {
    let missing = "unknown deviceId";
    let by = approver(call, Act::Rename)?;
    let (params, id) = device(call, Act::Rename, missing)?;
    let label = params.label.as_deref().map(str::trim).unwrap_or_default().to_owned();
    if label.is_empty() || label.chars().count() > LABEL {
        let why = "`label` has 1 to 64 characters";
        return Err(invalid(format!("invalid {} params: {why}", call.method)));
    }
    change(call, by, &id, Change::Rename(label), missing).await
}

const NO_ROLE: &str = "unknown deviceId/role";

fn role(call: &Call, params: &OfDevice) -> Result<Role, Box<Refused>> {
    let role = params.role.as_deref().and_then(|text| Role::parse(text.trim()));
    role.ok_or_else(|| match &params.role {
        None => invalid(format!("invalid {} params: missing field `role`", call.method)),
        Some(_) => invalid(NO_ROLE),
    })
}

async fn rotate(call: &Call) -> Answer {
    let by = approver(call, Act::RotateToken)?;
    let (params, id) = device(call, Act::RotateToken, NO_ROLE)?;
    let role = role(call, &params)?;
    let scopes = params.scopes.as_deref().map(Scopes::parse);
    let random = world::random().map_err(|_| super::unavailable("no randomness now"))?;
    let fresh = Token::from_random(random);
    let text = fresh.spell();
    let wish = Change::Rotate(role, scopes, fresh);
    let mut answer = change(call, by, &id, wish, NO_ROLE).await?;
    // Only the device itself sees its new token: everyone else learns that there is one.
    if call.session.token_device().is_some_and(|own| own == id) {
        answer["tokenDelivery"] = "in-band".into();
        answer["token"] = Value::String(text);
    }
    Ok(answer)
}

async fn revoke(call: &Call) -> Answer {
    let by = approver(call, Act::RevokeToken)?;
    let (params, id) = device(call, Act::RevokeToken, NO_ROLE)?;
    let role = role(call, &params)?;
    change(call, by, &id, Change::Revoke(role), NO_ROLE).await
}
