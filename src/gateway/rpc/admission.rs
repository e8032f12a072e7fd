//! What follows the handshake's decision: tokens are made, a request is opened, and the session begins.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    events,
    handshake::{ConnectAttempt, unavailable},
    hello,
};
use crate::{
    Gateway, approvals, blocking,
    control::devices,
    protocol::{
        hello::{HelloAuth, RoleToken},
        refusal::{self, Rejection},
    },
    rpc::{
        hub::{NodeSide, Opening, Outgoing, Session},
        methods::node,
    },
    rules::{
        authority::{Authority, Rights, Shown},
        device::{
            handshake::{Hello, Waiting},
            identity::ProvenDevice,
            record::Device,
            request::{Ask, NewDeviceRequest},
            role::Role,
            setup_code::{SetupId, words},
            token::{Token, TokenDigest},
        },
    },
    store::{StoreError, devices::Known},
    world,
};

/// Lets a client in: with its tokens, if any are due.
pub(crate) async fn admit(
    gateway: &Arc<Gateway>,
    coming: &ConnectAttempt<'_>,
    hello: Hello,
    device: Option<&ProvenDevice>,
) -> Result<(Arc<Session>, Outgoing), Box<Rejection>> {
    let handed = hand_out(gateway, coming, &hello, device).await;
    let handed = handed.map_err(|error| unavailable(&coming.id, &error))?;
    let Some((auth, record)) = handed else {
        let why = "what you may do has changed meanwhile; connect again";
        return Err(Box::new(refusal::unavailable(&coming.id, why)));
    };
    let shown = shown(coming, &hello);
    if let Some(device) = &hello.device {
        let token = match shown {
            Shown::DeviceToken(token) => Some((coming.role, token)),
            Shown::Secret(_) | Shown::SetupCode(_) => None,
        };
        gateway.store.device_seen(device, token, coming.now);
    }
    let node = (coming.role == Role::Node).then(|| Mutex::new(declared(coming)));
    let opening = Opening {
        conn_id: hello::uuid(),
        protocol: coming.protocol,
        role: hello.role,
        scopes: hello.scopes,
        method: hello.method,
        device: hello.device.clone(),
        shown,
        client: coming.params.client.clone(),
        address: coming.facts.address,
        since: coming.now,
        node,
    };
    let (session, outgoing) = gateway.rpc.sessions.prepare(opening);
    if let Some(record) = &record {
        node::refresh_commands(gateway, &session, record);
    }
    session.text(hello::answer(gateway, &coming.id, &session, auth));
    gateway.rpc.sessions.enter(&session);
    if session.still_may(&gateway.store) {
        node::joined(gateway, &session, record.as_deref());
        gateway.rpc.snapshots.presence_changed();
    } else {
        session.close(refusal::CLOSE_INVALIDATED, &refusal::invalidated("rights have changed"));
    }
    Ok((session, outgoing))
}

fn shown(coming: &ConnectAttempt<'_>, hello: &Hello) -> Shown {
    let device_token = coming.device_token().map(TokenDigest::of);
    let setup_code = coming.setup_token().map(|(token, _)| token);
    Shown::of(hello.method, coming.secret.mark(), device_token, setup_code)
}

fn declared(coming: &ConnectAttempt<'_>) -> NodeSide {
    let list = |list: &Option<Vec<String>>| list.iter().flatten().cloned().collect();
    NodeSide {
        declared_caps: list(&coming.params.caps),
        declared_commands: list(&coming.params.commands),
        permissions: coming.params.permissions.clone().unwrap_or_default(),
        path_env: coming.params.path_env.clone(),
        ..NodeSide::default()
    }
}

/// Makes the tokens that are due, and says what the answer says of them. `None` where the device has lost its
/// rights since it was decided about.
async fn hand_out(
    gateway: &Arc<Gateway>,
    coming: &ConnectAttempt<'_>,
    hello: &Hello,
    device: Option<&ProvenDevice>,
) -> Result<Option<(HelloAuth, Option<Arc<Device>>)>, StoreError> {
    let mut auth = HelloAuth {
        method: hello.method.word().to_owned(),
        role: hello.role.word().to_owned(),
        scopes: hello.scopes.words().into_iter().map(str::to_owned).collect(),
        ..HelloAuth::default()
    };
    let Some(device) = device.filter(|_| hello.device.is_some()) else {
        return Ok(Some((auth, None)));
    };
    let mut fresh = Vec::new();
    let mut encoded = Vec::new();
    for role in &hello.issue {
        let token = Token::from_random(world::random().map_err(no_dice)?);
        encoded.push((*role, token.spell()));
        fresh.push((*role, token));
    }
    let record = match record(gateway, coming, hello, device, fresh).await {
        Ok(Some(record)) => record,
        Ok(None) | Err(StoreError::Withdrawn) => return Ok(None),
        Err(error) => return Err(error),
    };
    for (role, text) in encoded {
        let Some(token) = record.tokens.get(&role) else { continue };
        let issued_at_ms = token.rotated_at.unwrap_or(token.created_at).0;
        if role == hello.role {
            (auth.device_token, auth.issued_at_ms) = (Some(text), Some(issued_at_ms));
        } else {
            let scopes = token.scopes.words().into_iter().map(str::to_owned).collect();
            let role = role.word().to_owned();
            auth.device_tokens.push(RoleToken { device_token: text, role, scopes, issued_at_ms });
        }
    }
    if hello.echo_token && auth.device_token.is_none() {
        let token = record.tokens.get(&hello.role);
        auth.issued_at_ms = token.map(|token| token.rotated_at.unwrap_or(token.created_at).0);
        auth.device_token = coming.device_token().map(str::to_owned);
    }
    Ok(Some((auth, Some(record))))
}

fn no_dice(source: std::io::Error) -> StoreError {
    StoreError::Io { doing: "draw a token for", path: "a device".into(), source }
}

/// The device as it is once its tokens are made.
async fn record(
    gateway: &Arc<Gateway>,
    coming: &ConnectAttempt<'_>,
    hello: &Hello,
    device: &ProvenDevice,
    fresh: Vec<(Role, Token)>,
) -> Result<Option<Arc<Device>>, StoreError> {
    let (now, id) = (coming.now, device.id().clone());
    if let Some((via, asked)) = &hello.approve {
        let (via, address) = (*via, coming.facts.address);
        let wish = NewDeviceRequest {
            key: *device.key(),
            asked: asked.clone(),
            described: coming.described(),
            profile: None,
            words: None,
            repair: false,
        };
        let by = Authority::Newcomer(shown(coming, hello));
        let admitted =
            gateway.change(move |store| store.admit_device(&by, (&wish, via), &fresh, now)).await?;
        if admitted.is_some() {
            tracing::info!(device = %id, %address, via = via.word(), "device admitted");
        }
        return Ok(admitted);
    }
    if fresh.is_empty() {
        return Ok(match gateway.store.device(&id)? {
            Known::Device(device) => Some(device),
            Known::Removed | Known::Stranger => None,
        });
    }
    let (role, scopes, shown) = (hello.role, hello.scopes, shown(coming, hello));
    let by = Authority::Session(Rights { role, scopes, device: Some(id.clone()), shown });
    gateway.read(move |store| store.issue_tokens(&by, &id, &fresh, now)).await
}

/// Opens a request, or finds the one that waits, and says what the device is told.
pub(crate) async fn wait(
    gateway: &Arc<Gateway>,
    coming: &ConnectAttempt<'_>,
    waiting: Waiting,
    device: Option<&ProvenDevice>,
) -> Box<Rejection> {
    // Only a device that has proven its key is ever told to wait.
    let Some(device) = device else {
        return Box::new(refusal::unavailable(&coming.id, "no device waits here"));
    };
    let code = waiting.profile.and_then(|_| coming.setup_token()).map(|(token, _)| token);
    let wish = NewDeviceRequest {
        key: *device.key(),
        asked: waiting.asked.clone(),
        described: coming.described(),
        profile: waiting.profile,
        words: code.map(|token| words(device.id(), &token)),
        repair: waiting.repair,
    };
    let request = match ask(gateway, wish, code).await {
        Ok(Ask::Opened { id, .. } | Ask::Refreshed(id)) => id,
        Ok(Ask::Full { retry_after_ms }) => {
            return Box::new(refusal::full(&coming.id, retry_after_ms));
        }
        Err(error) => return unavailable(&coming.id, &error),
    };
    let known = match gateway.store.device(device.id()) {
        Ok(Known::Device(device)) => Some(device),
        Ok(Known::Removed | Known::Stranger) => None,
        Err(error) => return unavailable(&coming.id, &error),
    };
    let farewell = refusal::pairing_required(
        &coming.id,
        &request,
        device.id(),
        coming.role,
        &waiting,
        known.as_deref(),
    );
    Box::new(farewell)
}

/// A device asks; those who may decide hear of a new request, and of those that it replaced.
pub(crate) async fn ask(
    gateway: &Arc<Gateway>,
    wish: NewDeviceRequest,
    code: Option<TokenDigest>,
) -> Result<Ask, StoreError> {
    let (store, now) = (Arc::clone(&gateway.store), world::now());
    let (ask, request, code) = blocking(move || {
        let ask = store.ask_device(&wish, now)?;
        let Ask::Opened { id, .. } = &ask else { return Ok((ask, None, None)) };
        let request = devices::request(&store, id, now)?;
        Ok((ask, request, code.map(|token| setup_id(&store, &token)).transpose()?.flatten()))
    })
    .await?;
    if let Ask::Opened { over, .. } = &ask {
        for old in over {
            events::over(gateway, old.as_str(), false);
        }
    }
    if let Some(request) = request {
        events::asked(gateway, &request);
        approvals::device_asks(gateway, &request, code.as_ref());
    }
    Ok(ask)
}

fn setup_id(
    store: &crate::store::Store,
    token: &TokenDigest,
) -> Result<Option<SetupId>, StoreError> {
    let codes = store.setup_codes()?;
    Ok(codes.into_iter().find(|code| code.digest.matches(token)).map(|code| code.id))
}
