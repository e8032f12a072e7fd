//! One socket: the challenge, the client's connect, then its requests and what it is sent, until one side ends it.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message, Utf8Bytes,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};
use tracing::debug;

use super::handshake;
use crate::{
    Gateway,
    connections::{
        intake::{Intake, Unwanted},
        limits::Permit,
        peer::PeerInfo,
        unfinished::Holder,
    },
    protocol::{
        frame::Request,
        hello::{Challenge, HANDSHAKE_MS, Limits, challenge},
        refusal::{
            self, CLOSE_INVALID, CLOSE_INVALIDATED, CLOSE_POLICY, CLOSE_PROTOCOL, CLOSE_RESTART,
            CLOSE_STARTING, CLOSE_TOO_LARGE, Rejection,
        },
    },
    rpc::{
        hub::{Closing, Frame, Kind, Outgoing, Session},
        methods,
    },
    rules::device::identity::Nonce,
    world,
};

/// A closed socket's client has so long to take its leave.
const GOODBYE: Duration = Duration::from_millis(800);
/// An idle socket keeps so much room for what comes next.
const READ_BUFFER: usize = 2 * 1024;
/// What is written together goes out together, up to so much.
const WRITE_BUFFER: usize = 8 * 1024;

type Socket = WebSocketStream<Intake<TokioIo<Upgraded>>>;

/// Serves a socket to its end.
pub(crate) async fn serve(
    gateway: Arc<Gateway>,
    stream: TokioIo<Upgraded>,
    facts: Box<PeerInfo>,
    place: Permit,
) {
    let mut socket = open(stream).await;
    let address = facts.client.address;
    let entered = {
        let entering = Box::pin(enter(&gateway, &mut socket, (facts, &place)));
        tokio::select! {
            entered = tokio::time::timeout(Duration::from_millis(HANDSHAKE_MS), entering) => entered,
            () = place.shown_out.cancelled() => return,
            () = gateway.stop.cancelled() => Ok(Err(closed(CLOSE_RESTART, refusal::RESTART))),
        }
    };
    let (session, outgoing) = match entered {
        Ok(Ok(Some(entered))) => entered,
        Ok(Ok(None)) => return hear_out(&mut socket).await,
        Ok(Err(farewell)) => return leave(&mut socket, *farewell).await,
        // Over.
        Err(_) => return,
    };
    drop(place);
    let holder = session.device.clone().map_or(Holder::Client(address), Holder::Device);
    socket.get_mut().is_known(gateway.connections.unfinished.share(holder));
    converse(&gateway, &session, &mut socket, outgoing).await;
    gateway.rpc.sessions.leave(&session);
    methods::left(&gateway, &session);
}

async fn open(stream: TokioIo<Upgraded>) -> Socket {
    let most = Limits::default().max_payload;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    WebSocketStream::from_raw_socket(Intake::of_unknown(stream), Role::Server, Some(config)).await
}

/// The handshake; `None` where the other end has gone.
async fn enter(
    gateway: &Arc<Gateway>,
    socket: &mut Socket,
    (facts, place): (Box<PeerInfo>, &Permit),
) -> Result<Option<(Arc<Session>, Outgoing)>, Box<Rejection>> {
    let Ok(random) = world::random() else { return Ok(None) };
    let nonce = Nonce::from_random(random);
    let said = Challenge { nonce: nonce.as_str().to_owned(), ts: world::now().0 };
    if socket.send(Message::text(challenge(&said).to_string())).await.is_err() {
        return Ok(None);
    }
    let Some(text) = first_message(socket).await? else { return Ok(None) };
    place.has_spoken();
    handshake::handshake(gateway, &facts, nonce, &text).await.map(Some)
}

fn closed(code: u16, reason: &str) -> Box<Rejection> {
    Box::new(Rejection { answer: None, code, reason: reason.to_owned() })
}

/// The first text, in a frame of either kind.
async fn first_message(socket: &mut Socket) -> Result<Option<String>, Box<Rejection>> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(Some(text.as_str().to_owned())),
            Some(Ok(Message::Binary(bytes))) => {
                let text = String::from_utf8(bytes.into());
                return text.map(Some).map_err(|_| Box::new(refusal::invalid_frame(None)));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => {
                let Some((code, reason)) = answer_to(&error) else { return Ok(None) };
                return Err(closed(code, reason));
            }
            Some(Ok(Message::Close(_))) | None => return Ok(None),
        }
    }
}

/// With what a socket is closed on which this came in; nothing where the other end has gone.
fn answer_to(error: &WsError) -> Option<(u16, &'static str)> {
    Some(match error {
        WsError::Capacity(_) => (CLOSE_TOO_LARGE, refusal::TOO_LARGE_LATER),
        WsError::Io(error) => match Unwanted::of(error)? {
            Unwanted::Late => (CLOSE_POLICY, refusal::UNFINISHED),
            Unwanted::TooLarge => (CLOSE_TOO_LARGE, refusal::TOO_LARGE),
            Unwanted::TooMany => (CLOSE_STARTING, refusal::TOO_MUCH),
        },
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        WsError::Protocol(_) => (CLOSE_PROTOCOL, refusal::BROKEN),
        WsError::Utf8(_) => (CLOSE_INVALID, refusal::NO_TEXT),
        _ => return None,
    })
}

async fn converse(
    gateway: &Arc<Gateway>,
    session: &Arc<Session>,
    socket: &mut Socket,
    mut outgoing: Outgoing,
) {
    loop {
        tokio::select! {
            () = session.closed.notified() => break,
            frame = outgoing.recv() => {
                let Some(frame) = frame else { break };
                // Polled first: what was taken for this socket is on its way before the socket is closed.
                let written = tokio::select! {
                    biased;
                    written = write(gateway, session, socket, frame, &mut outgoing) => written,
                    () = session.closed.notified() => break,
                };
                if written.is_err() {
                    return;
                }
            }
            message = socket.next() => {
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Binary(bytes))) => match Utf8Bytes::try_from(bytes) {
                        Ok(text) => text,
                        Err(_) => Utf8Bytes::from_static(""),
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Close(_))) => return hear_out(socket).await,
                    Some(Err(error)) => {
                        let Some((code, reason)) = answer_to(&error) else { return };
                        session.close(code, reason);
                        break;
                    }
                    None => return,
                };
                hear(gateway, session, &text);
            }
        }
    }
    if let Some(closing) = session.closing() {
        let rest = async {
            while let Ok(frame) = outgoing.try_recv() {
                if may_go(gateway, session, frame.kind)
                    && socket.feed(Message::Text(frame.text)).await.is_err()
                {
                    return;
                }
            }
        };
        let _late = tokio::time::timeout(GOODBYE, rest).await;
        debug!(connection = session.conn_id, code = closing.code, "closed");
        say_goodbye(socket, closing).await;
    }
}

async fn write(
    gateway: &Gateway,
    session: &Session,
    socket: &mut Socket,
    first: Frame,
    outgoing: &mut Outgoing,
) -> Result<(), WsError> {
    let mut next = Some(first);
    while let Some(Frame { text, kind }) = next {
        let length = text.len();
        if may_go(gateway, session, kind) {
            socket.feed(Message::Text(text)).await?;
        }
        session.sent(length);
        next = outgoing.try_recv().ok();
    }
    socket.flush().await
}

/// Whether a frame that has waited goes: its session may have lost its rights meanwhile, also by another process.
fn may_go(gateway: &Gateway, session: &Session, kind: Kind) -> bool {
    if kind == Kind::Guarded && session.closing().is_none() && !session.still_may(&gateway.store) {
        session.close(CLOSE_INVALIDATED, &refusal::invalidated("rights have changed"));
    }
    let is_cut = || session.closing().is_some_and(|closing| closing.code == CLOSE_INVALIDATED);
    kind == Kind::Owed || !is_cut()
}

/// One frame of a client that was let in. A frame that is none gets an answer, and the socket stays.
fn hear(gateway: &Arc<Gateway>, session: &Arc<Session>, text: &str) {
    if session.closing().is_some() {
        return;
    }
    match Request::parse(text) {
        Ok(request) => methods::begin(gateway, session, request),
        Err(answer) => session.answer(&answer, Kind::Owed),
    }
}

async fn leave(socket: &mut Socket, farewell: Rejection) {
    if let Some(answer) = farewell.answer
        && let Ok(text) = serde_json::to_string(&answer)
        && socket.feed(Message::text(text)).await.is_err()
    {
        return;
    }
    say_goodbye(socket, Closing { code: farewell.code, reason: farewell.reason }).await;
}

/// The client has said its close: it is told the same, which is what it waits for.
async fn hear_out(socket: &mut Socket) {
    socket.get_mut().is_going();
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    let _late = tokio::time::timeout(GOODBYE, rest).await;
}

/// Says the close, and waits a moment for the client's: what it has not read yet would be lost otherwise. So would it
/// where something stays unread on this side.
async fn say_goodbye(socket: &mut Socket, closing: Closing) {
    let frame = CloseFrame { code: closing.code.into(), reason: closing.reason.into() };
    let goodbye = async {
        socket.get_mut().is_going();
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
            let mut unread = vec![0; 16 * 1024];
            while socket.get_mut().read(&mut unread).await.is_ok_and(|count| count > 0) {}
        }
    };
    let _late = tokio::time::timeout(GOODBYE, goodbye).await;
}
