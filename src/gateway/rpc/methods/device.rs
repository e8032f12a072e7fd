//! `device.pair.*` and `device.token.*`: who waits, who was let in, and the decisions about them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, chat, invalid, store_failed, unknown};
use crate::{
    gateway::{
        blocking,
        rpc::events::{self, Happened},
    },
    protocol::{
        device::{TOO_LONG, all_pending, paired},
        frame::{Refused, UNAVAILABLE},
        hello::Limits,
        refusal,
    },
    rules::device::{
        approver::{Act, Denied, DeviceApprover},
        identity::DeviceId,
        record::Device,
        request::{DeviceRequest, DeviceRequestId, Undecided},
        role::{Role, Scope, Scopes},
        token::Token,
    },
    store::devices::{Known, Page, Untouched},
    world,
};

/// The longest name that an owner gives, in characters.
const LABEL: usize = 64;

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
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    label: Option<String>,
}

/// The caller, as somebody who decides. The table has asked for the scope already.
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
    let store = Arc::clone(&call.gateway.store);
    let read = blocking(move || store.device_requests(world::now())).await;
    read.map_err(|error| store_failed(&error))
}

/// A page holds at most so many devices.
const PAGE: usize = 1_000;
/// And so many bytes of them.
const PAGE_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
struct Paging {
    /// At most so many devices; without it all of them.
    #[serde(default)]
    limit: Option<usize>,
    /// The device after which the page begins.
    #[serde(default)]
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
    let store = Arc::clone(&call.gateway.store);
    let read = blocking(move || match own {
        Some(own) => {
            let devices = match store.device(&own)? {
                Known::Device(device) => vec![device],
                Known::Removed | Known::Stranger => Vec::new(),
            };
            Ok(Page { total: devices.len(), devices, next: None })
        }
        None => store.device_page(after.as_ref(), limit.unwrap_or(usize::MAX)),
    });
    read.await.map_err(|error| store_failed(&error))
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
    call.gateway.store.replaced_requests(world::now()).map_err(|error| store_failed(&error))
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

/// The request by its name. A name stands for one unchanging request, so whoever knows it has seen what it is.
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
    let by = approver(call, Act::Approve)?;
    let request = find(call, Act::Approve).await?;
    let device = approve_request(call, by, &request).await?;
    Ok(json!({ "requestId": request.id.as_str(), "device": paired(&device, None) }))
}

/// Approves it as it was found; what a connected node may do follows at once.
pub(super) async fn approve_request(
    call: &Call,
    by: DeviceApprover,
    request: &DeviceRequest,
) -> Result<Arc<Device>, Box<Refused>> {
    let (store, id, displayed) =
        (Arc::clone(&call.gateway.store), request.id.clone(), request.revision());
    let _timed = call.gateway.metrics.decision.time();
    let decided = blocking(move || store.approve_device(&by, &id, displayed, world::now())).await;
    let device = decided
        .map_err(|error| store_failed(&error))?
        .map_err(|why| undecided(&why, Act::Approve))?;
    events::tell(&call.gateway, &Happened::Decided { request: &request.id, approved: true });
    events::tell(&call.gateway, &Happened::Changed);
    crate::gateway::runtime::watch::recheck(&call.gateway).await;
    Ok(device)
}

async fn reject(call: &Call) -> Answer {
    let by = approver(call, Act::Reject)?;
    let request = find(call, Act::Reject).await?;
    let request = reject_request(call, by, &request).await?;
    Ok(json!({ "requestId": request.id.as_str(), "deviceId": request.device.as_str() }))
}

/// Turns it away as it was found.
pub(super) async fn reject_request(
    call: &Call,
    by: DeviceApprover,
    request: &DeviceRequest,
) -> Result<DeviceRequest, Box<Refused>> {
    let (store, id, displayed) =
        (Arc::clone(&call.gateway.store), request.id.clone(), request.revision());
    let _timed = call.gateway.metrics.decision.time();
    let decided = blocking(move || store.reject_device(&by, &id, displayed, world::now())).await;
    let request = decided
        .map_err(|error| store_failed(&error))?
        .map_err(|why| undecided(&why, Act::Reject))?;
    events::tell(&call.gateway, &Happened::Decided { request: &request.id, approved: false });
    Ok(request)
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

async fn remove(call: &Call) -> Answer {
    let missing = "unknown deviceId";
    let by = approver(call, Act::Remove)?;
    let (_, id) = device(call, Act::Remove, missing)?;
    let (store, gone) = (Arc::clone(&call.gateway.store), id.clone());
    let removed = blocking(move || store.remove_device(&by, &gone, world::now())).await;
    removed
        .map_err(|error| store_failed(&error))?
        .map_err(|why| untouched(&why, Act::Remove, missing))?;
    let gateway = &call.gateway;
    close_afterwards(call, &id, None, "device removed");
    chat::forget(gateway, &id);
    events::tell(gateway, &Happened::Changed);
    Ok(json!({ "deviceId": id.as_str() }))
}

/// The caller may be one of those that are closed: his answer goes first.
pub(super) fn close_afterwards(
    call: &Call,
    device: &DeviceId,
    role: Option<Role>,
    why: &'static str,
) {
    let device = device.clone();
    call.afterwards(move |gateway| gateway.sessions.invalidate(&device, role, why));
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
    let (store, of, name) = (Arc::clone(&call.gateway.store), id.clone(), label.clone());
    let renamed = blocking(move || store.rename_device(&by, &of, &name, world::now())).await;
    renamed
        .map_err(|error| store_failed(&error))?
        .map_err(|why| untouched(&why, Act::Rename, missing))?;
    events::tell(&call.gateway, &Happened::Changed);
    Ok(json!({ "deviceId": id.as_str(), "label": label }))
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
    let (store, of) = (Arc::clone(&call.gateway.store), id.clone());
    let rotated =
        blocking(move || store.rotate_token(&by, &of, (role, scopes, &fresh), world::now())).await;
    let token = rotated
        .map_err(|error| store_failed(&error))?
        .map_err(|why| untouched(&why, Act::RotateToken, NO_ROLE))?;
    // A new token is for its own device's eyes: everybody else learns that there is one.
    let own = call.session.token_device().is_some_and(|own| own == id);
    let mut answer = json!({
        "deviceId": id.as_str(),
        "role": role.word(),
        "scopes": token.scopes.words(),
        "rotatedAtMs": token.rotated_at.unwrap_or(token.created_at).0,
        "tokenDelivery": if own { "in-band" } else { "withheld-cross-device" },
    });
    if own {
        answer["token"] = Value::String(text);
    }
    close_afterwards(call, &id, Some(role), "device token rotated");
    events::tell(&call.gateway, &Happened::Changed);
    Ok(answer)
}

async fn revoke(call: &Call) -> Answer {
    let by = approver(call, Act::RevokeToken)?;
    let (params, id) = device(call, Act::RevokeToken, NO_ROLE)?;
    let role = role(call, &params)?;
    let (store, of) = (Arc::clone(&call.gateway.store), id.clone());
    let revoked = blocking(move || store.revoke_token(&by, &of, role, world::now())).await;
    let at = revoked
        .map_err(|error| store_failed(&error))?
        .map_err(|why| untouched(&why, Act::RevokeToken, NO_ROLE))?;
    close_afterwards(call, &id, Some(role), "device token revoked");
    if role == Role::Operator {
        chat::forget(&call.gateway, &id);
    }
    events::tell(&call.gateway, &Happened::Changed);
    Ok(json!({ "deviceId": id.as_str(), "role": role.word(), "revokedAtMs": at.0 }))
}
