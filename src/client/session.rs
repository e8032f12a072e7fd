//! One connection to a gateway: the challenge is answered, then requests and events go both ways. Everything has a
//! time limit, and a message that is too long ends it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::neutral;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WireError, Message,
        client::IntoClientRequest,
        error::CapacityError,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Fingerprint, RemoteError,
    address::Address,
    text::{BAD_FRAME, BINARY, NO_REASON, TOO_LONG},
    who::ClientInfo,
};
use crate::{
    local_client::{Client, LocalError},
    network::{
        identity::{
            GatewayKey, KEY_HEADER, NONCE_HEADER, REACHED_HEADER, SIGNATURE_HEADER, fresh_nonce,
        },
        tls,
    },
    protocol::{
        frame::{Refused, Request},
        hello::{Challenge, HelloOk},
    },
    store::paths::StateDir,
};

/// A program on this machine's port has so long to prove that it is this machine's gateway.
const PROOF: Duration = Duration::from_secs(3);
/// So long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// Whatever carries the frames.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Where to, and how long anything may take there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dial<'a> {
    pub(super) address: &'a Address,
    /// Whose gateway it is: its socket is tried first, and the other end of that is this user's.
    pub(super) door: Option<&'a StateDir>,
    pub(super) pin: Option<Fingerprint>,
    pub(super) trust: Trust<'a>,
    /// It is this machine's gateway, and nothing may stand between: it signs the address that was reached.
    pub(super) direct: bool,
    pub(super) patience: Duration,
    /// The longest message that is read, in bytes.
    pub(super) limit: usize,
}

/// What has to be proven before anything is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust<'a> {
    /// The key of this state folder's gateway; nothing is shown where it has none.
    Own(Option<&'a GatewayKey>),
    /// The key that was proven at this place before.
    Known(&'a GatewayKey),
    /// Nothing: its user has named the place and what is shown there, or TLS vouches for it.
    Word,
}

impl Trust<'_> {
    /// True where the gateway of this state folder is expected, and its port is this machine's.
    pub(super) fn is_direct(self, own: Option<&GatewayKey>, address: &Address) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Known(key) => own == Some(key) && address.is_loopback(),
            Self::Word => false,
        }
    }
}

/// A connection whose gateway has said `hello-ok`.
pub(super) struct Session {
    frames: Frames,
    /// What the gateway said about itself and us.
    pub(super) hello: HelloOk,
    /// The key that the gateway has proven on this connection, where it has one.
    pub(super) proven: Option<GatewayKey>,
    /// How long sending, and an answer, may take.
    pub(super) patience: Duration,
    asked: u64,
}

/// The frames of a connection, and the place that errors name.
struct Frames {
    socket: WebSocketStream<Box<dyn Wire>>,
    at: String,
}

/// What a gateway sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Incoming {
    Event {
        event: String,
        #[serde(default)]
        payload: Value,
    },
    Res {
        id: String,
        ok: bool,
        #[serde(default)]
        payload: Value,
        #[serde(default)]
        error: Value,
    },
    /// A kind that newer gateways may know.
    #[serde(other)]
    Other,
}

impl Session {
    /// Connects, and is accepted or told why not.
    pub(super) async fn open(dial: Dial<'_>, who: &ClientInfo<'_>) -> Result<Self, RemoteError> {
        let until = Instant::now() + dial.patience;
        let late = |_| RemoteError::Silent(dial.address.to_string());
        let reached = match dial.trust {
            Trust::Own(_) => own(dial).await?,
            Trust::Known(_) | Trust::Word => {
                timeout_at(until, connect_transport(dial)).await.map_err(late)??
            }
        };
        dial.believe(&reached)?;
        let Reached { mut frames, proven, .. } = reached;
        let entered = timeout_at(until, frames.enter(who)).await.map_err(late)?;
        let hello = entered.map_err(|error| error.without(&who.secrets()))?;
        Ok(Self { frames, hello, proven, patience: dial.patience, asked: 0 })
    }

    /// Sends a request; its id.
    pub(super) async fn send(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<String, RemoteError> {
        self.asked += 1;
        let id = self.asked.to_string();
        let sent = timeout(self.patience, self.frames.send(&id, method, params)).await;
        sent.map_err(|_| self.silent())??;
        Ok(id)
    }

    /// Asks, and waits for the answer; events meanwhile are passed over.
    pub(super) async fn call(&mut self, method: &str, params: Value) -> Result<Value, RemoteError> {
        let until = Instant::now() + self.patience;
        let asked = self.send(method, params).await?;
        loop {
            let next = timeout_at(until, self.next()).await;
            if let Incoming::Res { id, ok, payload, error } = next.map_err(|_| self.silent())??
                && id == asked
            {
                return if ok { Ok(payload) } else { Err(RemoteError::Refused(refused(&error))) };
            }
        }
    }

    /// The next frame. Nothing is lost where the wait for it is given up.
    pub(super) async fn next(&mut self) -> Result<Incoming, RemoteError> {
        self.frames.next().await
    }

    /// Says goodbye. A gateway that does not hear it sees the connection end.
    pub(super) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let _unheard = timeout(GOODBYE, self.frames.socket.close(Some(frame))).await;
    }

    fn silent(&self) -> RemoteError {
        RemoteError::Silent(self.frames.at.clone())
    }
}

impl Frames {
    /// Answers the challenge, and is accepted or told why not.
    async fn enter(&mut self, who: &ClientInfo<'_>) -> Result<HelloOk, RemoteError> {
        let challenge: Challenge = loop {
            if let Incoming::Event { event, payload } = self.next().await?
                && event == "connect.challenge"
            {
                break self.read(payload)?;
            }
        };
        self.send("connect", "connect", who.params(&challenge)).await?;
        loop {
            if let Incoming::Res { id, ok, payload, error } = self.next().await?
                && id == "connect"
            {
                if !ok {
                    return Err(RemoteError::NotLetIn(refused(&error)));
                }
                return self.read(payload);
            }
        }
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, payload: Value) -> Result<T, RemoteError> {
        serde_json::from_value(payload).map_err(|error| self.unreadable(&error.to_string()))
    }

    async fn send(&mut self, id: &str, method: &str, params: Value) -> Result<(), RemoteError> {
        let request = serde_json::to_string(&Request::new(id, method, Some(params)));
        let text = request.map_err(|error| self.unreadable(&error.to_string()))?;
        self.socket.send(Message::text(text)).await.map_err(|error| self.broken(error))
    }

    async fn next(&mut self) -> Result<Incoming, RemoteError> {
        loop {
            match self.socket.next().await {
                None => return Err(RemoteError::Closed { code: None, reason: String::new() }),
                Some(Err(error)) => return Err(self.broken(error)),
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|_| self.unreadable(BAD_FRAME));
                }
                Some(Ok(Message::Binary(_))) => return Err(self.unreadable(BINARY)),
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map(|frame| u16::from(frame.code));
                    let reason = frame.map(|frame| neutral(&frame.reason, 200)).unwrap_or_default();
                    return Err(RemoteError::Closed { code, reason });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    fn broken(&self, error: WireError) -> RemoteError {
        match error {
            WireError::Capacity(CapacityError::MessageTooLong { .. }) => self.unreadable(TOO_LONG),
            WireError::Io(_) | WireError::ConnectionClosed | WireError::AlreadyClosed => {
                RemoteError::Closed { code: None, reason: String::new() }
            }
            error => self.unreadable(&error.to_string()),
        }
    }

    fn unreadable(&self, why: &str) -> RemoteError {
        unreadable(&self.at, why)
    }
}

/// Whether a gateway is there.
pub(super) async fn knock(dial: Dial<'_>) -> Result<(), RemoteError> {
    if door(dial)?.is_some() {
        return Ok(());
    }
    let at = || dial.address.to_string();
    let there = TcpStream::connect((dial.address.host(), dial.address.port()));
    match timeout(dial.patience, there).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(RemoteError::Unreachable { at: at(), why: error.to_string() }),
        Err(_) => Err(RemoteError::Silent(at())),
    }
}

impl Dial<'_> {
    /// Whether the other end may be shown what is meant for it.
    fn believe(&self, reached: &Reached) -> Result<(), RemoteError> {
        let at = || self.address.place();
        let proven = reached.proven.as_ref();
        match self.trust {
            _ if reached.through_door => Ok(()),
            Trust::Word => Ok(()),
            Trust::Own(own) if own.is_some() && own == proven => Ok(()),
            Trust::Own(_) => Err(RemoteError::Foreign(at())),
            Trust::Known(known) if Some(known) == proven => Ok(()),
            Trust::Known(_) => Err(RemoteError::OtherKey(at())),
        }
    }
}

/// A connection as far as the first frame.
struct Reached {
    frames: Frames,
    proven: Option<GatewayKey>,
    through_door: bool,
}

/// This machine's gateway. Whatever else happens on its port is another program's doing.
async fn own(dial: Dial<'_>) -> Result<Reached, RemoteError> {
    match timeout(dial.patience.min(PROOF), connect_transport(dial)).await {
        Ok(Err(error @ (RemoteError::Unreachable { .. } | RemoteError::Local(_)))) => Err(error),
        Ok(Err(_)) | Err(_) => Err(RemoteError::Foreign(dial.address.place())),
        Ok(Ok(reached)) => Ok(reached),
    }
}

/// The socket of this machine's gateway; `None` where nobody listens on it.
fn door(dial: Dial<'_>) -> Result<Option<UnixStream>, RemoteError> {
    let Some(state) = dial.door else { return Ok(None) };
    let stream = match Client::of_folder(state) {
        Ok(client) => client.into_protocol()?,
        Err(LocalError::Unreachable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stream = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
    stream.map(Some).map_err(RemoteError::Runtime)
}

/// Connects as far as the first frame.
async fn connect_transport(dial: Dial<'_>) -> Result<Reached, RemoteError> {
    if let Some(stream) = door(dial)? {
        // Whatever fails behind the socket, its other end is this machine's gateway.
        let reached = upgrade(dial, Box::new(stream), None).await.map_err(|error| {
            RemoteError::Unreachable { at: dial.address.place(), why: error.to_string() }
        })?;
        return Ok(Reached { through_door: true, ..reached });
    }
    let (wire, reached) = connect(dial).await?;
    let reached = reached.filter(|_| dial.direct);
    upgrade(dial, wire, reached).await
}

/// The connection, and the address at its other end.
async fn connect(dial: Dial<'_>) -> Result<(Box<dyn Wire>, Option<SocketAddr>), RemoteError> {
    let Dial { address, pin, .. } = dial;
    let at = || address.to_string();
    let unreachable =
        |error: io::Error| RemoteError::Unreachable { at: at(), why: error.to_string() };
    let tcp = TcpStream::connect((address.host(), address.port())).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let reached = Some(tcp.peer_addr().map_err(unreachable)?);
    if address.tls() {
        let trust = pin.map_or(tls::Trust::Authorities, tls::Trust::Pinned);
        let config = tls::client(trust).map_err(|error| unreachable(io::Error::other(error)))?;
        let name = ServerName::try_from(address.host().to_owned())
            .map_err(|error| unreachable(io::Error::other(error)))?;
        let secured = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        let secured = secured.map_err(|error| {
            if is_distrust(&error) {
                return RemoteError::Distrust { at: at(), pinned: pin.is_some() };
            }
            unreachable(error)
        })?;
        return Ok((Box::new(secured), reached));
    }
    Ok((Box::new(tcp), reached))
}

/// True where the other end showed a certificate that is not believed.
fn is_distrust(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

/// Asks for a socket, and for a proof of the gateway's key in the same breath: what answers on this connection is
/// what has proven it.
async fn upgrade(
    dial: Dial<'_>,
    wire: Box<dyn Wire>,
    reached: Option<SocketAddr>,
) -> Result<Reached, RemoteError> {
    let at = dial.address.to_string();
    let strange = |error: WireError| match error {
        WireError::Io(error) => RemoteError::Unreachable { at: at.clone(), why: error.to_string() },
        error => unreadable(&at, &error.to_string()),
    };
    let nonce = fresh_nonce().map_err(RemoteError::Runtime)?;
    let mut request = at.as_str().into_client_request().map_err(strange)?;
    if let Ok(value) = nonce.parse() {
        request.headers_mut().insert(NONCE_HEADER, value);
    }
    if let Some(Ok(value)) = reached.map(|reached| reached.to_string().parse()) {
        request.headers_mut().insert(REACHED_HEADER, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(dial.limit))
        .max_frame_size(Some(dial.limit));
    let upgraded = client_async_with_config(request, wire, Some(config)).await;
    let (socket, answer) = upgraded.map_err(strange)?;
    let said = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let proven = said(KEY_HEADER).zip(said(SIGNATURE_HEADER));
    let proven = proven.and_then(|(key, by)| GatewayKey::proven(key, &nonce, reached, by));
    Ok(Reached { frames: Frames { socket, at }, proven, through_door: false })
}

fn unreadable(at: &str, why: &str) -> RemoteError {
    RemoteError::Unreadable { at: at.to_owned(), why: neutral(why, 200) }
}

/// An error as gateways of all versions send it: what it says is for people, and made harmless.
fn refused(error: &Value) -> Box<Refused> {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = match text("message") {
        "" => NO_REASON,
        message => message,
    };
    let mut refused = Refused::new(&neutral(text("code"), 64), neutral(message, 300));
    refused.details = error.get("details").filter(|details| !details.is_null()).cloned();
    refused.retryable = error.get("retryable").and_then(Value::as_bool);
    refused.retry_after_ms = error.get("retryAfterMs").and_then(Value::as_u64);
    Box::new(refused)
}

#[cfg(test)]
mod tests;
