//! The methods that a socket may call: the table says who may, one file a family does it. What is quick is answered
//! in place; the rest beside the socket, which goes on.

pub(crate) mod channel;
pub(crate) mod chat;
mod config_get;
pub(crate) mod device;
pub(crate) mod health;
mod info;
pub(crate) mod node;
mod pairing;
mod setup;
pub(crate) mod voicewake;

use std::sync::{Arc, atomic::Ordering};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Gateway,
    protocol::{
        frame::{INVALID_REQUEST, Refused, Request, Response, UNAVAILABLE},
        method::{self, Need},
        refusal::{CLOSE_POLICY, REPEATED},
    },
    rpc::hub::{Kind, Session},
    rules::device::{approver::Act, role::Role, token::Token},
    store::{Store, StoreError},
    world,
};

/// A client may wait for so many answers at once.
const UNDERWAY: usize = 64;
/// So many calls of the other role's methods end a session.
const TRESPASSES: u32 = 10;

/// What a method gives.
pub(crate) type Answer = Result<Value, Box<Refused>>;

/// A call, after its caller was found to have the right to it.
pub(crate) struct Call {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) session: Arc<Session>,
    pub(crate) method: String,
    pub(crate) params: Value,
    /// Done once the answer is on its way, which a close must not overtake.
    afterwards: Mutex<Option<Afterwards>>,
}

type Afterwards = Box<dyn FnOnce(&Arc<Gateway>) + Send>;

/// Takes a request on.
pub(crate) fn begin(gateway: &Arc<Gateway>, session: &Arc<Session>, request: Request) {
    let Request { id, method, params, .. } = request;
    let params = params.unwrap_or(Value::Object(serde_json::Map::new()));
    if let Err(refused) = method::allow(session.role, session.scopes, &method, &params) {
        trespass(session, &method);
        return session.answer(&Response::refused(id, *refused), Kind::Owed);
    }
    let (gateway, session) = (Arc::clone(gateway), Arc::clone(session));
    let call = Call { gateway, session, method, params, afterwards: Mutex::default() };
    if health::encoded(&call, &id) {
        return;
    }
    if let Some(answer) = at_once(&call) {
        return respond(&call, id, answer);
    }
    if call.session.underway.fetch_add(1, Ordering::Relaxed) >= UNDERWAY {
        call.session.underway.fetch_sub(1, Ordering::Relaxed);
        let refused = busy("too many calls at once; wait for an answer", 1_000);
        return call.session.answer(&Response::refused(id, *refused), Kind::Owed);
    }
    let tracker = call.gateway.tracker.clone();
    tracker.spawn(async move {
        let answer = tokio::select! {
            answer = beside(&call) => answer,
            () = call.gateway.stop.cancelled() => Err(unavailable("the gateway stops")),
        };
        call.session.underway.fetch_sub(1, Ordering::Relaxed);
        respond(&call, id, answer);
    });
}

fn respond(call: &Call, id: String, answer: Answer) {
    let answer = answer.map(|payload| with_what_is_left(call, payload));
    let answer = match answer {
        Ok(payload) => Response::done(id, payload),
        Err(refused) => Response::refused(id, *refused),
    };
    call.session.answer(&answer, kind(&call.method));
    let afterwards = call.afterwards.lock().take();
    if let Some(afterwards) = afterwards {
        afterwards(&call.gateway);
    }
}

/// Calls that change what the store holds end so.
const CHANGES: [&str; 9] =
    ["approve", "dismiss", "reject", "remove", "rename", "revoke", "rotate", "set", "setupCode"];

/// A caller that has taken its own rights is told so before it is closed.
fn kind(method: &str) -> Kind {
    match method {
        "chat.history" => Kind::Guarded,
        _ if changes(method) => Kind::Owed,
        _ => Kind::Told,
    }
}

fn changes(method: &str) -> bool {
    method.rsplit('.').next().is_some_and(|name| CHANGES.contains(&name))
}

/// Calls whose published result may hold nothing else.
const CLOSED: [&str; 3] =
    ["channels.pairing.approve", "channels.pairing.dismiss", "device.pair.setupCode"];

/// What was done is done. That its files follow is said beside it, where the result has room for that.
fn with_what_is_left(call: &Call, mut payload: Value) -> Value {
    if changes(&call.method)
        && !CLOSED.contains(&&*call.method)
        && call.gateway.store.is_unfinished()
        && let Some(payload) = payload.as_object_mut()
    {
        payload.insert("warning".to_owned(), crate::store::UNFINISHED.into());
    }
    payload
}

/// A client that keeps calling what is the other role's alone is closed.
fn trespass(session: &Session, method: &str) {
    let foreign = match method::need(method) {
        Some(Need::Node) => session.role == Role::Operator,
        Some(Need::Operator(_)) => session.role == Role::Node,
        None => false,
    };
    if foreign && session.trespasses.fetch_add(1, Ordering::Relaxed) >= TRESPASSES {
        tracing::warn!(
            connection = session.conn_id,
            method,
            "closed: calls the other role's methods"
        );
        session.close(CLOSE_POLICY, REPEATED);
    }
}

/// What needs no disk and nobody else; `None` for the rest.
fn at_once(call: &Call) -> Option<Answer> {
    Some(match call.method.as_str() {
        "channels.status" => channel::status(call),
        "config.get" => config_get::read(call),
        "node.invoke.progress" => node::invoke::progress(call),
        "node.invoke.result" => node::invoke::result(call),
        _ => {
            return chat::at_once(call)
                .or_else(|| node::events::at_once(call))
                .or_else(|| info::at_once(call));
        }
    })
}

/// What may take its time.
async fn beside(call: &Call) -> Answer {
    match call.method.as_str() {
        "channels.pairing.approve" => pairing::approve(call).await,
        "channels.pairing.dismiss" => pairing::dismiss(call).await,
        "channels.pairing.list" => pairing::list(call).await,
        "device.pair.approve" => device::decided(call, Act::Approve).await,
        "device.pair.list" => device::list(call).await,
        "device.pair.reject" => device::decided(call, Act::Reject).await,
        "device.pair.remove" => device::changed(call, Act::Remove).await,
        "device.pair.rename" => device::changed(call, Act::Rename).await,
        "device.pair.setupCode" => setup::code(call).await,
        "device.pair.setupStatus" => setup::status(call).await,
        "device.token.revoke" => device::changed(call, Act::RevokeToken).await,
        "device.token.rotate" => device::changed(call, Act::RotateToken).await,
        "node.describe" => node::list::describe(call).await,
        "node.invoke" => node::invoke::invoke(call).await,
        "node.list" => node::list::list(call).await,
        "node.pair.approve" => node::pair::approve(call).await,
        "node.pair.list" => node::pair::list(call).await,
        "node.pair.reject" => node::pair::reject(call).await,
        "node.pair.remove" => node::pair::remove(call).await,
        "node.pair.request" => node::legacy::request(call).await,
        "node.pair.verify" => node::legacy::verify(call).await,
        "node.rename" => node::pair::rename(call).await,
        "voicewake.get" => Ok(voicewake::get(&call.gateway).await),
        "voicewake.routing.get" => Ok(voicewake::routing()),
        "voicewake.set" => voicewake::set(call).await,
        method => Err(invalid(format!("unknown method: {method}"))),
    }
}

/// A session has ended.
pub(crate) fn left(gateway: &Arc<Gateway>, session: &Arc<Session>) {
    node::left(gateway, session);
    chat::left(gateway, session);
    gateway.rpc.snapshots.presence_changed();
}

impl Call {
    /// Does this once the answer is on its way.
    pub(crate) fn afterwards(&self, then: impl FnOnce(&Arc<Gateway>) + Send + 'static) {
        let mut afterwards = self.afterwards.lock();
        *afterwards = Some(Box::new(then));
    }

    /// Publishes what was committed once the answer is on its way.
    pub(crate) fn publish_afterwards(&self) {
        self.afterwards(|gateway| drop(gateway.follow_decisions()));
    }

    /// Asks the store.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Box<Refused>> {
        self.gateway.read(ask).await.map_err(store_failed)
    }

    /// Changes the store. What was decided is published before this returns.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Box<Refused>> {
        self.gateway.change(change).await.map_err(store_failed)
    }

    /// The parameters as a type; the error names what does not fit.
    pub(crate) fn params<T: DeserializeOwned>(&self) -> Result<T, Box<Refused>> {
        T::deserialize(&self.params).map_err(|error| self.wrong(error))
    }

    /// What is wrong with the parameters.
    pub(crate) fn wrong(&self, why: impl std::fmt::Display) -> Box<Refused> {
        invalid(format!("invalid {} params: {why}", self.method))
    }
}

/// A request that makes no sense.
pub(crate) fn invalid(message: impl Into<String>) -> Box<Refused> {
    Box::new(Refused::new(INVALID_REQUEST, message))
}

/// What cannot be done now.
pub(crate) fn unavailable(message: impl Into<String>) -> Box<Refused> {
    let mut refused = Refused::new(UNAVAILABLE, message);
    refused.retryable = Some(true);
    Box::new(refused)
}

/// What cannot be done before this time has passed.
pub(crate) fn busy(message: &str, retry_after_ms: u64) -> Box<Refused> {
    let mut refused = unavailable(message);
    refused.retry_after_ms = Some(retry_after_ms);
    refused
}

/// The same with more for programs.
pub(crate) fn detailed(mut refused: Box<Refused>, details: Value) -> Box<Refused> {
    refused.details = Some(details);
    refused
}

/// A fresh token.
fn token() -> Result<Token, Box<Refused>> {
    world::random().map(Token::from_random).map_err(|_| unavailable("no randomness now"))
}

/// The store's error: its text names the file, which a client elsewhere has no business with.
#[allow(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
pub(crate) fn store_failed(error: StoreError) -> Box<Refused> {
    if let StoreError::Withdrawn = error {
        return invalid(error.to_string());
    }
    tracing::warn!(%error, "a call has failed");
    if let StoreError::InDoubt { .. } = error {
        // Trying again might do it twice.
        let why = "it is not known whether this was done; look at the present state; see the gateway's log";
        return Box::new(Refused::new(UNAVAILABLE, why));
    }
    unavailable("the gateway's store cannot be used now; nothing was changed; see its log")
}
