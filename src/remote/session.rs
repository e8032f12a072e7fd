//! One connection to a gateway: the challenge is answered, then requests and events go both ways. Everything has a
//! time limit, and a message that is too long ends it.

use std::{io, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::neutral;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WireError, Message,
        error::CapacityError,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    RemoteError,
    address::Address,
    tls::{self, Fingerprint},
    who::Who,
};
use crate::protocol::{
    frame::{Refused, Request},
    hello::{Challenge, HelloOk},
};

/// So long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// Whatever carries the frames.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Where to, and how long anything may take there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dial<'a> {
    pub(super) address: &'a Address,
    pub(super) pin: Option<Fingerprint>,
    pub(super) patience: Duration,
    /// The longest message that is read, in bytes.
    pub(super) limit: usize,
}

/// A connection whose gateway has said `hello-ok`.
pub(super) struct Session {
    socket: WebSocketStream<Box<dyn Wire>>,
    hello: HelloOk,
    at: String,
    patience: Duration,
    asked: u64,
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
    /// Connects, and is let in or told why not.
    pub(super) async fn open(dial: Dial<'_>, who: &Who<'_>) -> Result<Self, RemoteError> {
        let at = dial.address.to_string();
        let until = Instant::now() + dial.patience;
        let late = |_| RemoteError::Silent { at: at.clone() };
        let socket = timeout_at(until, reach(dial)).await.map_err(late)??;
        let mut session = Unheard { socket, at: at.clone() };
        let entered = timeout_at(until, session.enter(who)).await.map_err(late)?;
        let hello = entered.map_err(|error| error.without(&who.secrets()))?;
        let Unheard { socket, .. } = session;
        Ok(Self { socket, hello, at, patience: dial.patience, asked: 0 })
    }

    pub(super) fn hello(&self) -> &HelloOk {
        &self.hello
    }

    /// Sends a request; its id.
    pub(super) async fn send(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<String, RemoteError> {
        self.asked += 1;
        let id = self.asked.to_string();
        let until = Instant::now() + self.patience;
        let sent = timeout_at(until, send(&mut self.socket, &self.at, &id, method, params)).await;
        sent.map_err(|_| RemoteError::Silent { at: self.at.clone() })??;
        Ok(id)
    }

    /// Asks, and waits for the answer; events meanwhile are passed over.
    pub(super) async fn call(&mut self, method: &str, params: Value) -> Result<Value, RemoteError> {
        let until = Instant::now() + self.patience;
        let asked = self.send(method, params).await?;
        loop {
            let next = timeout_at(until, self.next()).await;
            let next = next.map_err(|_| RemoteError::Silent { at: self.at.clone() })??;
            if let Incoming::Res { id, ok, payload, error } = next
                && id == asked
            {
                return if ok { Ok(payload) } else { Err(RemoteError::Refused(refused(&error))) };
            }
        }
    }

    /// The next frame. Nothing is lost where the wait for it is given up.
    pub(super) async fn next(&mut self) -> Result<Incoming, RemoteError> {
        next(&mut self.socket, &self.at).await
    }

    /// Waits for the next request longer than for others.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Says goodbye. Whoever does not hear it sees the connection end.
    pub(super) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let _unheard = timeout_at(Instant::now() + GOODBYE, self.socket.close(Some(frame))).await;
    }
}

/// A connection that has not been let in.
struct Unheard {
    socket: WebSocketStream<Box<dyn Wire>>,
    at: String,
}

impl Unheard {
    async fn enter(&mut self, who: &Who<'_>) -> Result<HelloOk, RemoteError> {
        let challenge: Challenge = loop {
            if let Incoming::Event { event, payload } = next(&mut self.socket, &self.at).await?
                && event == "connect.challenge"
            {
                break self.read(payload)?;
            }
        };
        send(&mut self.socket, &self.at, "connect", "connect", who.params(&challenge)).await?;
        loop {
            if let Incoming::Res { id, ok, payload, error } =
                next(&mut self.socket, &self.at).await?
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
        serde_json::from_value(payload).map_err(|error| unreadable(&self.at, &error.to_string()))
    }
}

/// Whether anybody is there.
pub(super) async fn knock(dial: Dial<'_>) -> Result<(), RemoteError> {
    let at = || dial.address.to_string();
    let until = Instant::now() + dial.patience;
    let there = timeout_at(until, TcpStream::connect((dial.address.host(), dial.address.port())));
    match there.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(RemoteError::Unreachable { at: at(), why: error.to_string() }),
        Err(_) => Err(RemoteError::Silent { at: at() }),
    }
}

/// Connects as far as the first frame.
async fn reach(dial: Dial<'_>) -> Result<WebSocketStream<Box<dyn Wire>>, RemoteError> {
    let Dial { address, pin, limit, .. } = dial;
    let at = || address.to_string();
    let unreachable =
        |error: io::Error| RemoteError::Unreachable { at: at(), why: error.to_string() };
    let tcp = TcpStream::connect((address.host(), address.port())).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let wire: Box<dyn Wire> = if address.tls() {
        let config = tls::config(pin).map_err(|error| unreachable(io::Error::other(error)))?;
        let name = ServerName::try_from(address.host().to_owned())
            .map_err(|error| unreachable(io::Error::other(error)))?;
        let secured = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        Box::new(secured.map_err(|error| {
            if tls::is_distrust(&error) {
                return RemoteError::Distrust { at: at(), pinned: pin.is_some() };
            }
            unreachable(error)
        })?)
    } else {
        Box::new(tcp)
    };
    let config =
        WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    let upgraded = client_async_with_config(at(), wire, Some(config)).await;
    upgraded.map(|(socket, _)| socket).map_err(|error| match error {
        WireError::Io(error) => unreachable(error),
        error => unreadable(&at(), &error.to_string()),
    })
}

async fn send(
    socket: &mut WebSocketStream<Box<dyn Wire>>,
    at: &str,
    id: &str,
    method: &str,
    params: Value,
) -> Result<(), RemoteError> {
    let request = Request::new(id, method, Some(params));
    let text =
        serde_json::to_string(&request).map_err(|error| unreadable(at, &error.to_string()))?;
    socket.send(Message::text(text)).await.map_err(|error| broken(at, error))
}

async fn next(
    socket: &mut WebSocketStream<Box<dyn Wire>>,
    at: &str,
) -> Result<Incoming, RemoteError> {
    loop {
        match socket.next().await {
            None => return Err(RemoteError::Closed { code: None, reason: String::new() }),
            Some(Err(error)) => return Err(broken(at, error)),
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text)
                    .map_err(|_| unreadable(at, "it sent a frame that is none of the protocol"));
            }
            Some(Ok(Message::Binary(_))) => {
                return Err(unreadable(at, "it sent a binary message"));
            }
            Some(Ok(Message::Close(frame))) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                let reason = frame.map(|frame| neutral(&frame.reason, 200)).unwrap_or_default();
                return Err(RemoteError::Closed { code, reason });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
        }
    }
}

fn broken(at: &str, error: WireError) -> RemoteError {
    match error {
        WireError::Capacity(CapacityError::MessageTooLong { .. }) => {
            unreadable(at, "it sent a message that is too long")
        }
        WireError::Io(_) | WireError::ConnectionClosed | WireError::AlreadyClosed => {
            RemoteError::Closed { code: None, reason: String::new() }
        }
        error => unreadable(at, &error.to_string()),
    }
}

fn unreadable(at: &str, why: &str) -> RemoteError {
    RemoteError::Unreadable { at: at.to_owned(), why: neutral(why, 200) }
}

/// An error as gateways of all versions send it: what it says is for people, and made harmless.
fn refused(error: &Value) -> Box<Refused> {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = match text("message") {
        "" => "the gateway gave no reason",
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
