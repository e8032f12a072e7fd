//! An HTTP server on a loopback port that hands requests to the channel as the gateway's does.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Collected, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade};
use hyper_util::rt::TokioIo;
use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link, Stream, Upgrade,
    http::{Request, Response, StatusCode, header},
};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// A server; dropping it ends it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The client that the channel is told of.
    pub(crate) client: Arc<Mutex<Client>>,
    running: JoinSet<()>,
}

impl Server {
    /// Listens; [`Server::serve`] comes next, and requests wait for it.
    pub(crate) async fn bind() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let own = ClientAddress::of(address.ip());
        let client = Client { address: own, local: true, hop: Link::Private, tls: false };
        let client = Arc::new(Mutex::new(client));
        (Self { address, client, running: JoinSet::new() }, listener)
    }

    pub(crate) fn serve(
        &mut self,
        listener: TcpListener,
        exchanges: mpsc::Sender<Exchange>,
        home: &Handle,
    ) {
        let client = Arc::clone(&self.client);
        let accept = async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (exchanges, client) = (exchanges.clone(), Arc::clone(&client));
                connections.spawn(async move {
                    let answer =
                        service_fn(|request| answer(request, &exchanges, *client.lock().unwrap()));
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                    // A browser that goes away in the middle is no failure.
                    connection.with_upgrades().await.ok();
                });
            }
        };
        self.running.spawn_on(accept, home);
    }
}

async fn answer(
    mut request: Request<Incoming>,
    exchanges: &mpsc::Sender<Exchange>,
    client: Client,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let upgrade =
        request.headers().contains_key(header::UPGRADE).then(|| stream(upgrade::on(&mut request)));
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let (reply, replied) = oneshot::channel();
    let request = Request::from_parts(parts, body);
    let exchange = Exchange::new(request, client, reply, upgrade);
    // What nobody answers is a 503, as the gateway's server has it.
    let answered = if exchanges.send(exchange).await.is_ok() { replied.await.ok() } else { None };
    let response = answered.unwrap_or_else(|| {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    });
    Ok(response.map(Full::new))
}

fn stream(upgrade: upgrade::OnUpgrade) -> Upgrade {
    Box::pin(async move {
        let upgraded = upgrade.await.map_err(io::Error::other)?;
        Ok(Box::new(TokioIo::new(upgraded)) as Box<dyn Stream>)
    })
}
