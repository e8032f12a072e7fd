//! The gateway's one port: pages of channels, and the probes. On loopback.

mod body;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use openclaw_plugin_sdk::{Exchange, Ingress, Link, Stream, Upgrade};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
};
use tracing::{debug, warn};

use super::{Gateway, account::Running};

/// Connections at once.
const CONNECTIONS: usize = 512;
/// A client has so long for its head, and again for its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// A channel has so long for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Serves until the gateway stops.
pub(crate) async fn serve(gateway: Arc<Gateway>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = gateway.stop.cancelled() => return,
        };
        let (Ok(place), accepted) = (
            place,
            tokio::select! {
                accepted = listener.accept() => accepted,
                () = gateway.stop.cancelled() => return,
            },
        ) else {
            return;
        };
        match accepted {
            Ok((stream, peer)) => {
                let gateway_of_task = Arc::clone(&gateway);
                gateway.tracker.spawn(async move {
                    connection(gateway_of_task, stream, peer).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: others have to go first.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(gateway: Arc<Gateway>, stream: TcpStream, peer: SocketAddr) {
    let stop = gateway.stop.clone();
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(route(&gateway, request, peer).await.map(Full::new)) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 * 1024);
    let serving = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        served = serving => {
            if let Err(error) = served {
                debug!(%peer, %error, "connection ended");
            }
        }
        () = stop.cancelled() => {}
    }
}

async fn route(gateway: &Gateway, request: Request<Incoming>, peer: SocketAddr) -> Response<Bytes> {
    let path = request.uri().path();
    if let Some(probe) = probe(path) {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        return if reads {
            json(StatusCode::OK, probe)
        } else {
            plain(StatusCode::METHOD_NOT_ALLOWED, "read it")
        };
    }
    match served(gateway, path) {
        Some(account) => exchange(account, request, peer).await,
        None => plain(StatusCode::NOT_FOUND, "There is nothing here. The chat page is at /chat."),
    }
}

fn probe(path: &str) -> Option<&'static str> {
    match path {
        "/health" | "/healthz" => Some(r#"{"ok":true,"status":"live"}"#),
        "/startup" | "/startupz" => Some(r#"{"ok":true,"status":"started"}"#),
        "/ready" | "/readyz" => Some(r#"{"ok":true,"status":"ready"}"#),
        _ => None,
    }
}

fn served<'a>(gateway: &'a Gateway, path: &str) -> Option<&'a Arc<Running>> {
    gateway.accounts.iter().find(|account| match account.config.plugin.ingress {
        Ingress::Serve { path: own } => {
            path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Ingress::Connect => false,
    })
}

async fn exchange(
    account: &Running,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Bytes> {
    let upgrade = request.headers().contains_key(header::UPGRADE).then(|| upgrade(&mut request));
    let (head, incoming) = request.into_parts();
    let body = match body::read(incoming, PATIENCE).await {
        Ok(body) => body,
        Err(status) => return plain(status, "The request's body is too long, or took too long."),
    };
    let link = if peer.ip().to_canonical().is_loopback() { Link::Private } else { Link::Exposed };
    let (reply, answered) = oneshot::channel();
    let exchange =
        Exchange::new(Request::from_parts(head, body), peer, (link, false), reply, upgrade);
    if account.exchanges.try_send(exchange).is_err() {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "This channel is busy. Try again in a moment.",
        );
    }
    match tokio::time::timeout(ANSWER_WITHIN, answered).await {
        Ok(Ok(response)) => response,
        _ => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "This channel does not answer now. Try again in a moment.",
        ),
    }
}

fn upgrade(request: &mut Request<Incoming>) -> Upgrade {
    let upgrading = hyper::upgrade::on(request);
    Box::pin(async move {
        let stream = upgrading.await.map_err(std::io::Error::other)?;
        Ok(Box::new(TokioIo::new(stream)) as Box<dyn Stream>)
    })
}

fn json(status: StatusCode, body: &'static str) -> Response<Bytes> {
    answer(status, "application/json", body)
}

fn plain(status: StatusCode, body: &'static str) -> Response<Bytes> {
    answer(status, "text/plain; charset=utf-8", body)
}

fn answer(status: StatusCode, kind: &'static str, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
