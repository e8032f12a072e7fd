//! The gateway's one port: pages of channels, the probes, and the sockets of phones and command lines.

mod body;
mod joins;
pub(crate) mod metrics;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use openclaw_plugin_sdk::{Client, ClientAddress, Exchange, Ingress, Stream, Unread, Upgrade};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::{debug, warn};

use super::Gateway;
use crate::{
    accounts::{Accounts, account::AccountRuntime},
    connections::{
        intake::Intake,
        limits::Permit,
        peer::{PeerInfo, Wire},
        unfinished::{Holder, Share},
    },
    network::identity::{
        self, BadNonce, Identity, KEY_HEADER, NONCE_HEADER, REACHED_HEADER, SIGNATURE_HEADER,
    },
    rpc::session,
    setup_codes,
    text::page,
};

const JSON: &str = "application/json";

/// A client has so long for its head, and again for its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// A channel has so long for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What a page sends may take so long, once its channel has asked for it.
const FILE_WITHIN: Duration = Duration::from_mins(2);

/// Serves until the gateway stops.
pub(crate) async fn serve(gateway: Arc<Gateway>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gateway.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let gateway_of_task = Arc::clone(&gateway);
                // Here, in the order in which they come: tasks begin in any order.
                let permit = gateway.connections.limiter.enter(peer.ip());
                let connection = connection(gateway_of_task, stream, (peer, permit), tls.clone());
                gateway.tracker.spawn(connection);
            }
            Err(error) => {
                // Out of file descriptors, most likely: others have to go first.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(
    gateway: Arc<Gateway>,
    stream: TcpStream,
    (peer, permit): (SocketAddr, Permit),
    tls: Option<TlsAcceptor>,
) {
    prepare(&stream);
    let own = stream.local_addr().ok();
    let stop = gateway.stop.clone();
    let shown_out = permit.shown_out.clone();
    let serving = async {
        let wire = Wire::new(peer, own, tls.is_some());
        let Some(tls) = tls else { return talk(gateway, stream, wire, permit).await };
        match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => talk(gateway, stream, wire, permit).await,
            Ok(Err(error)) => debug!(%peer, %error, "no TLS came about"),
            Err(_) => debug!(%peer, "no TLS came about in time"),
        }
    };
    tokio::select! {
        () = serving => {}
        () = shown_out.cancelled() => debug!(%peer, "connection made room for another"),
        () = stop.cancelled() => {}
    }
}

/// Serves a program of this user, whose uid the socket has told.
pub(super) async fn serve_own(gateway: Arc<Gateway>, stream: UnixStream) {
    let wire = Wire::own();
    let permit = gateway.connections.limiter.enter_own();
    let shown_out = permit.shown_out.clone();
    tokio::select! {
        () = talk(gateway, stream, wire, permit) => {}
        () = shown_out.cancelled() => debug!("a command line made room for another connection"),
    }
}

async fn talk<S>(gateway: Arc<Gateway>, stream: S, wire: Wire, permit: Permit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, wire) = (wire.peer, Arc::new(wire));
    let permit = Arc::new(Mutex::new(Some(permit)));
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        let from = Peer { wire: Arc::clone(&wire), permit: Arc::clone(&permit) };
        async move { Ok::<_, Infallible>(route(&gateway, request, from).await.map(Full::new)) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 * 1024);
    let served = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    if let Err(error) = served {
        debug!(%peer, %error, "connection ended");
    }
}

/// An answer goes at once, and a peer that has vanished is noticed.
fn prepare(stream: &TcpStream) {
    use nix::sys::socket::{setsockopt, sockopt};
    let kept = stream
        .set_nodelay(true)
        .and_then(|()| setsockopt(stream, sockopt::KeepAlive, &true).map_err(Into::into))
        .and_then(|()| setsockopt(stream, sockopt::TcpKeepIdle, &30).map_err(Into::into))
        .and_then(|()| setsockopt(stream, sockopt::TcpKeepInterval, &10).map_err(Into::into))
        .and_then(|()| setsockopt(stream, sockopt::TcpKeepCount, &3).map_err(Into::into));
    if let Err(error) = kept {
        debug!(%error, "a socket keeps its defaults");
    }
}

/// Where a request comes from.
struct Peer {
    wire: Arc<Wire>,
    /// Until a socket takes it along.
    permit: Arc<Mutex<Option<Permit>>>,
}

async fn route(gateway: &Arc<Gateway>, request: Request<Incoming>, from: Peer) -> Response<Bytes> {
    let path = request.uri().path();
    let config = gateway.config();
    let facts = PeerInfo::of(&from.wire, request.headers(), &config.gateway.trusted_proxies).await;
    if facts.unnamed_proxy {
        gateway.connections.unnamed.count(from.wire.peer.ip());
    }
    if let Some(permit) = &mut *from.permit.lock() {
        permit.belongs_to(facts.address);
    }
    if let Some(account) = served(&gateway.accounts, path) {
        return exchange(gateway, &account, request, (facts.client, &from)).await;
    }
    if asks_for_socket(&request) {
        return upgrade_to_session(gateway, request, &from, facts);
    }
    if let Some((status, probe)) = probe(gateway, request.uri()) {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        return if reads {
            answer(status, JSON, Bytes::from(probe))
        } else {
            plain(StatusCode::METHOD_NOT_ALLOWED, page::READ_ONLY)
        };
    }
    if let Some(name) = setup_codes::joins::named(path) {
        return joins::answer(
            (&gateway.setup.joins, &gateway.connections.attempts),
            name,
            request.method(),
            &facts,
        );
    }
    if path == "/"
        && let Some(page) = own_page(&gateway.accounts)
    {
        return to_page(page);
    }
    if path == metrics::PATH {
        return metrics::answer(gateway, request.method(), request.headers(), &facts).await;
    }
    if path == identity::PATH {
        return who(&gateway.identity, &request);
    }
    plain(StatusCode::NOT_FOUND, page::NOT_FOUND)
}

/// Proves to the client that this is the gateway it looks for.
fn who(identity: &Identity, request: &Request<Incoming>) -> Response<Bytes> {
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, page::READ_ONLY);
    }
    match identity.answer(request.uri().query()) {
        Ok(body) => answer(StatusCode::OK, JSON, Bytes::from(body)),
        Err(BadNonce) => plain(StatusCode::BAD_REQUEST, page::BAD_NONCE),
    }
}

fn asks_for_socket(request: &Request<Incoming>) -> bool {
    let has = |name, word: &str| {
        let values = request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(word))
    };
    request.method() == Method::GET
        && has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
}

/// The gateway protocol, on any path that is not a channel's.
fn upgrade_to_session(
    gateway: &Arc<Gateway>,
    mut request: Request<Incoming>,
    from: &Peer,
    facts: PeerInfo,
) -> Response<Bytes> {
    let peer = from.wire.peer;
    let headers = request.headers();
    let proof = proof(&gateway.identity, headers, from.wire.own);
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY).cloned();
    let (Some(key), Some(b"13")) = (key, version) else {
        return plain(StatusCode::BAD_REQUEST, page::NO_WEBSOCKET);
    };
    let Some(permit) = from.permit.lock().take() else {
        return plain(StatusCode::BAD_REQUEST, page::ONE_SOCKET);
    };
    let facts = Box::new(facts);
    let upgrading = hyper::upgrade::on(&mut request);
    let gateway_of_task = Arc::clone(gateway);
    gateway.tracker.spawn(async move {
        match upgrading.await {
            Ok(upgraded) => {
                session::serve(gateway_of_task, TokioIo::new(upgraded), facts, permit).await;
            }
            Err(error) => debug!(%peer, %error, "an upgrade failed"),
        }
    });
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some((key, signature)) = proof {
        headers.insert(KEY_HEADER, key);
        headers.insert(SIGNATURE_HEADER, signature);
    }
    response
}

/// The gateway's key and its signature, for a client that asks for them before it shows anything. A client that has
/// reached another address than this one talks to a relay, and gets none.
fn proof(
    identity: &Identity,
    headers: &HeaderMap,
    own: Option<SocketAddr>,
) -> Option<(HeaderValue, HeaderValue)> {
    let nonce = headers.get(NONCE_HEADER)?.to_str().ok()?;
    let reached: Option<SocketAddr> = match headers.get(REACHED_HEADER) {
        Some(reached) => Some(reached.to_str().ok()?.parse().ok()?),
        None => None,
    };
    if reached
        .is_some_and(|reached| own.map(identity::canonical) != Some(identity::canonical(reached)))
    {
        return None;
    }
    let signature = identity.sign(nonce, reached).ok()?;
    Some((HeaderValue::try_from(identity.public()).ok()?, signature.try_into().ok()?))
}

/// What a probe asks for: that the gateway lives, that it has started, or that it takes work.
fn probe(gateway: &Gateway, asked: &Uri) -> Option<(StatusCode, String)> {
    let told = |ok: bool, word: &str| format!(r#"{{"ok":{ok},"status":"{word}"}}"#);
    match asked.path() {
        "/health" | "/healthz" => Some((StatusCode::OK, told(true, "live"))),
        "/startup" | "/startupz" => Some((StatusCode::OK, told(true, "started"))),
        "/ready" | "/readyz" => {
            let every =
                asked.query().is_some_and(|query| query.split('&').any(|it| it == "accounts=all"));
            Some(match gateway.is_ready(every) {
                Ok(()) => (StatusCode::OK, told(true, "ready")),
                Err(why) => (StatusCode::SERVICE_UNAVAILABLE, told(false, why.word())),
            })
        }
        _ => None,
    }
}

/// Where a channel has its page.
fn own_page(accounts: &Accounts) -> Option<&'static str> {
    accounts.on().into_iter().find_map(|account| match account.config.plugin.ingress {
        Ingress::Serve { path } if account.rules().enabled => Some(path),
        _ => None,
    })
}

fn to_page(page: &'static str) -> Response<Bytes> {
    let mut response = plain(StatusCode::FOUND, "");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(page));
    response
}

fn served(accounts: &Accounts, path: &str) -> Option<Arc<AccountRuntime>> {
    accounts.on().into_iter().find(|account| {
        let rules = account.rules();
        let rest = rules.path.as_deref().and_then(|own| path.strip_prefix(own));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

async fn exchange(
    gateway: &Gateway,
    account: &AccountRuntime,
    mut request: Request<Incoming>,
    (client, from): (Client, &Peer),
) -> Response<Bytes> {
    let share = || gateway.connections.unfinished.share(Holder::Client(client.address));
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    let upgrade = is_upgrade.then(|| upgrade(&mut request, share()));
    let (head, incoming) = request.into_parts();
    // What follows such a head is no part of the request: it is not read.
    let has_body = !matches!(head.method, Method::GET | Method::HEAD);
    // A page's channel looks at the head first.
    let is_page = matches!(account.config.plugin.ingress, Ingress::Serve { .. });
    let (mut body, mut unread, mut within) = (Bytes::new(), None, ANSWER_WITHIN);
    if has_body && is_page {
        (unread, within) =
            (Some(later(gateway, incoming, client.address, from)), ANSWER_WITHIN + FILE_WITHIN);
    } else if has_body {
        match body::read(incoming, share(), PATIENCE, body::LIMIT).await {
            Ok(whole) => body = whole,
            Err(refusal) => return refusal.answer(),
        }
    }
    let (reply, answered) = oneshot::channel();
    let request = Request::from_parts(head, body);
    let exchange = Exchange::new(request, client, reply, upgrade);
    let exchange = match unread {
        Some(unread) => exchange.with_unread(unread),
        None => exchange,
    };
    if account.exchanges.try_send(exchange).is_err() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, page::CHANNEL_BUSY);
    }
    match tokio::time::timeout(within, answered).await {
        Ok(Ok(response)) => response,
        _ => plain(StatusCode::SERVICE_UNAVAILABLE, page::CHANNEL_SILENT),
    }
}

/// A body that is read when it is asked for, for a person that the channel names.
fn later(gateway: &Gateway, incoming: Incoming, address: ClientAddress, from: &Peer) -> Unread {
    let unfinished = Arc::clone(&gateway.connections.unfinished);
    let permit = Arc::clone(&from.permit);
    Box::new(move |person, limit| {
        Box::pin(async move {
            let share = unfinished.of_person(address, person);
            let share = share.map_err(|_| body::Refusal::Busy.answer())?;
            // Those who only connect go before one that brings something.
            if let Some(permit) = &*permit.lock() {
                permit.has_spoken();
            }
            let read = body::read(incoming, share, FILE_WITHIN, limit).await;
            read.map_err(|refusal| refusal.answer())
        })
    })
}

/// Every upgrade is to a WebSocket: a channel's is watched like the gateway's own.
fn upgrade(request: &mut Request<Incoming>, share: Share) -> Upgrade {
    let upgrading = hyper::upgrade::on(request);
    Box::pin(async move {
        let stream = upgrading.await.map_err(std::io::Error::other)?;
        Ok(Box::new(Intake::of_known(TokioIo::new(stream), share)) as Box<dyn Stream>)
    })
}

pub(super) fn plain(status: StatusCode, body: &'static str) -> Response<Bytes> {
    answer(status, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

pub(super) fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
