//! `chat.*` and `sessions.list`: each device has a conversation of its own with the assistant, and sees no other.

pub(crate) mod transcripts;
pub(crate) mod turn;

use std::{collections::HashSet, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    ChatId, ChatKind, Conversation, EventId, InboundMessage, Sender, SenderId,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::{
    transcripts::{Begun, End, Said, Speaker, Transcripts},
    turn::Run,
};
use super::{Answer, Call, invalid, unavailable};
use crate::{
    Gateway,
    protocol::{
        frame::Refused,
        refusal::{CLOSE_INVALIDATED, invalidated},
    },
    rpc::hub::{Event, Session},
    rules::device::{
        identity::DeviceId,
        role::{Role, Scope},
    },
    store::devices::Known,
    world,
};

/// The one conversation that a client has, as all clients call it.
pub(crate) const MAIN: &str = "agent:main:main";
/// Its short name.
const ALIAS: &str = "main";
/// A message has at most so many bytes.
const MESSAGE: usize = 16 * 1024;
/// The name of a run has at most so many.
const RUN_ID: usize = 256;
/// So many messages of history come where nobody says how many.
const HISTORY: usize = 200;

/// Every device's conversation.
#[derive(Debug, Default)]
pub(crate) struct Chats {
    transcripts: Mutex<Transcripts>,
    /// The nodes that want to hear their device's conversation, by the number of their session.
    listeners: Mutex<HashSet<u64>>,
}

impl Chats {
    /// How many conversations there are.
    pub(crate) fn count(&self) -> usize {
        self.transcripts.lock().count()
    }
}

/// Answers a method of this family.
pub(super) fn at_once(call: &Call) -> Option<Answer> {
    Some(match call.method.as_str() {
        "chat.abort" => abort(call),
        "chat.history" => history(call),
        "chat.send" => send(call),
        "node.event" => return subscribe(call),
        "sessions.list" => Ok(list(call)),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Send {
    session_key: String,
    message: String,
    idempotency_key: String,
    attachments: Option<Vec<Value>>,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Which {
    session_key: String,
    run_id: Option<String>,
    limit: Option<usize>,
}

/// True for the one name of a conversation.
pub(super) fn is_main(key: &str) -> bool {
    [MAIN, ALIAS].contains(&key.trim())
}

/// There is one conversation for each caller, and no name for another's.
fn own(call: &Call, key: &str) -> Result<Speaker, Box<Refused>> {
    if !is_main(key) {
        let why = format!("unknown session; this gateway has `{MAIN}` for each device");
        return Err(invalid(why));
    }
    Ok(Speaker::of(&call.session))
}

fn wrong(call: &Call, why: &str) -> Box<Refused> {
    invalid(format!("invalid {} params: {why}", call.method))
}

fn send(call: &Call) -> Answer {
    let params: Send = call.params()?;
    let speaker = own(call, &params.session_key)?;
    let id = params.idempotency_key;
    if id.trim().is_empty() || id.len() > RUN_ID {
        return Err(wrong(call, "`idempotencyKey` has 1 to 256 bytes"));
    }
    if params.attachments.is_some_and(|attachments| !attachments.is_empty()) {
        return Err(wrong(call, "the assistant reads text only; send no attachments"));
    }
    if params.message.trim().is_empty() {
        return Err(wrong(call, "`message` is empty"));
    }
    if params.message.len() > MESSAGE {
        return Err(wrong(call, "`message` is longer than 16 KiB; send it in parts"));
    }
    let message = written(call, &speaker, (&id, params.message))?;
    let stop = CancellationToken::new();
    let begun = call.gateway.chats.transcripts.lock().begin(&speaker, &id, stop.clone());
    let status = match begun {
        Begun::Ended(End::Failed) => "error",
        Begun::Ended(End::Answered | End::Stopped) => "ok",
        Begun::InFlight => "in_flight",
        Begun::Full => {
            let mut refused = unavailable("too many messages wait for an answer; wait for one");
            refused.retry_after_ms = Some(5_000);
            return Err(refused);
        }
        Begun::Started(place) => {
            let limit = params.timeout_ms.filter(|limit| *limit > 0).map(Duration::from_millis);
            let run = Run { id: id.clone(), place, message, limit };
            call.afterwards(move |gateway| turn::put(gateway, run, stop));
            "started"
        }
    };
    Ok(json!({ "runId": id, "status": status }))
}

/// What a device has written, as a message of a channel is.
fn written(
    call: &Call,
    speaker: &Speaker,
    (id, text): (&str, String),
) -> Result<Arc<InboundMessage>, Box<Refused>> {
    let sender = SenderId::new(speaker.id()).map_err(|error| wrong(call, &error.to_string()))?;
    let sender = Sender::new(sender, call.session.client.display_name.as_deref(), &[]);
    let conversation = Conversation::new(ChatId::new(speaker.conversation()), ChatKind::Direct);
    let message = InboundMessage::new(EventId::new(id), conversation, sender, world::now(), text);
    Ok(Arc::new(message))
}

fn abort(call: &Call) -> Answer {
    let params: Which = call.params()?;
    let speaker = own(call, &params.session_key)?;
    let stopped = {
        let mut transcripts = call.gateway.chats.transcripts.lock();
        let stopped = transcripts.stop(&speaker, params.run_id.as_deref());
        for (run, seq) in &stopped {
            tell(&call.gateway, &speaker, &Told { run, seq: *seq, what: What::Stopped });
        }
        stopped
    };
    let runs: Vec<_> = stopped.into_iter().map(|(run, _)| run).collect();
    Ok(json!({ "ok": true, "aborted": !runs.is_empty(), "runIds": runs }))
}

fn history(call: &Call) -> Answer {
    let params: Which = call.params()?;
    let speaker = own(call, &params.session_key)?;
    let said =
        call.gateway.chats.transcripts.lock().said(&speaker, params.limit.unwrap_or(HISTORY));
    let messages: Vec<Value> = said.iter().map(message).collect();
    Ok(json!({
        "sessionKey": MAIN,
        "sessionId": speaker.conversation(),
        "messages": messages,
        "thinkingLevel": "off",
    }))
}

fn list(call: &Call) -> Value {
    let sessions = recent(call);
    json!({
        "ts": world::now().0,
        "path": "",
        "count": sessions.len(),
        "defaults": { "model": null, "contextTokens": null },
        "sessions": sessions,
    })
}

/// The caller's own conversation, where something was said in it.
pub(super) fn recent(call: &Call) -> Vec<Value> {
    let speaker = Speaker::of(&call.session);
    let updated = call.gateway.chats.transcripts.lock().updated(&speaker);
    let row = updated.map(|at| {
        json!({
            "key": MAIN,
            "kind": "direct",
            "displayName": "Main",
            "updatedAt": at.0,
            "sessionId": speaker.conversation(),
        })
    });
    row.into_iter().collect()
}

/// A message in the protocol's shape.
fn message(said: &Said) -> Value {
    let content = [json!({ "type": "text", "text": said.text() })];
    json!({ "role": said.role(), "content": content, "timestamp": said.at.0 })
}

/// What a `chat` event tells.
struct Told<'a> {
    run: &'a str,
    seq: u64,
    what: What<'a>,
}

enum What<'a> {
    /// All of the answer so far, and what of it is new.
    Delta(&'a Said, &'a str),
    Failed(&'a str),
    Final(&'a Said),
    Stopped,
}

impl Told<'_> {
    fn payload(&self, protocol: u32) -> Value {
        let (state, said, more) = match self.what {
            What::Delta(said, new) if protocol >= 4 => {
                ("delta", Some(said), Some(("deltaText", new)))
            }
            What::Delta(said, _) => ("delta", Some(said), None),
            What::Failed(why) => ("error", None, Some(("errorMessage", why))),
            What::Final(said) => ("final", Some(said), None),
            What::Stopped => ("aborted", None, None),
        };
        let mut payload =
            json!({ "runId": self.run, "sessionKey": MAIN, "seq": self.seq, "state": state });
        if let Some(said) = said {
            payload["message"] = message(said);
        }
        if let Some((key, text)) = more {
            payload[key] = text.into();
        }
        payload
    }

    fn event(&self, protocol: u32) -> Event {
        let event = Event::new("chat", &self.payload(protocol)).guarded();
        if matches!(self.what, What::Delta(..)) { event.droppable() } else { event }
    }
}

/// Tells all of the speaker's operators, and those of its nodes that listen, while their rights are there: another
/// process may have taken them. Called with the transcripts open, so that events go out in their order.
fn tell(gateway: &Gateway, speaker: &Speaker, told: &Told<'_>) {
    let sessions = match speaker {
        Speaker::Device(device) => gateway.rpc.sessions.of(device),
        Speaker::Client(_) | Speaker::Connection(_) => {
            let mut all = gateway.rpc.sessions.all();
            all.retain(|session| session.device.is_none() && Speaker::of(session) == *speaker);
            all
        }
    };
    let (mut old, mut new) = (None, None);
    for session in sessions {
        if !session.still_may(&gateway.store) {
            session.close(CLOSE_INVALIDATED, &invalidated("rights have changed"));
            continue;
        }
        let event = if session.protocol < 4 {
            old.get_or_insert_with(|| told.event(3))
        } else {
            new.get_or_insert_with(|| told.event(4))
        };
        match session.role {
            Role::Operator if session.scopes.allow(Scope::Read) => session.event(event),
            Role::Node if gateway.chats.listeners.lock().contains(&session.number) => {
                session.event_to_it(event);
            }
            Role::Operator | Role::Node => {}
        }
    }
}

#[derive(Deserialize)]
struct Word {
    event: String,
    payload: Option<Value>,
    #[serde(default, rename = "payloadJSON")]
    payload_json: Option<String>,
}

/// `node.event`, where a node wants to hear its device's conversation, or no longer.
fn subscribe(call: &Call) -> Option<Answer> {
    let word: Word = call.params().ok()?;
    let wants = match word.event.as_str() {
        "chat.subscribe" => true,
        "chat.unsubscribe" => false,
        _ => return None,
    };
    let parsed = word.payload_json.and_then(|text| serde_json::from_str(&text).ok());
    let payload = word.payload.or(parsed).unwrap_or_default();
    let own = payload.get("sessionKey").and_then(Value::as_str).is_none_or(is_main);
    if own {
        let mut listeners = call.gateway.chats.listeners.lock();
        let number = call.session.number;
        if wants {
            listeners.insert(number)
        } else {
            listeners.remove(&number)
        };
    }
    Some(Ok(json!({ "ok": true, "event": word.event, "handled": own })))
}

/// A session has ended.
pub(super) fn left(gateway: &Arc<Gateway>, session: &Session) {
    gateway.chats.listeners.lock().remove(&session.number);
    let speaker = Speaker::of(session);
    if matches!(speaker, Speaker::Connection(_)) {
        drop_talk(gateway, &speaker);
    }
}

/// A device has lost its rights: what it said is forgotten, and it is answered no more.
pub(crate) fn forget(gateway: &Arc<Gateway>, device: &DeviceId) {
    drop_talk(gateway, &Speaker::Device(device.clone()));
}

fn drop_talk(gateway: &Arc<Gateway>, speaker: &Speaker) {
    if !gateway.chats.transcripts.lock().forget(speaker) {
        return;
    }
    let (it, conversation) = (Arc::clone(gateway), speaker.conversation());
    gateway.beside(async move { it.responder().forget(&conversation).await });
}

/// The devices have changed: those without rights are forgotten.
pub(crate) fn recheck(gateway: &Arc<Gateway>) {
    let devices = gateway.chats.transcripts.lock().devices();
    for device in devices.iter().filter(|device| has_lost(gateway, device)) {
        forget(gateway, device);
    }
}

/// True where it is certain: a store that cannot be read takes no conversation away.
fn has_lost(gateway: &Gateway, device: &DeviceId) -> bool {
    match gateway.store.device(device) {
        Ok(Known::Device(device)) => device.scopes_as(Role::Operator).is_none(),
        Ok(Known::Removed | Known::Stranger) => true,
        Err(_) => false,
    }
}
