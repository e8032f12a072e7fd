//! The way to a platform's socket: a connection, and TLS by the public roots where the address wants it. What stands
//! in the address behind the host is not said in any error.

use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Stream, http_client, proxy};

/// Connects to the host of a `ws` or `wss` address. Without a time limit.
pub async fn dial(url: &Url) -> Result<Box<dyn Stream>, &'static str> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().ok_or("the address of its socket has no port")?;
    let unreachable = |_| "its socket cannot be reached";
    let tcp = if http_client::is_local(url) {
        TcpStream::connect((host, port)).await.map_err(unreachable)?
    } else {
        proxy::connect(&Matcher::from_env(), (host, port), url.scheme() == "wss").await?
    };
    tcp.set_nodelay(true).map_err(unreachable)?;
    if url.scheme() != "wss" {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "the address of its socket has no name for a certificate")?;
    let config = tls().map_err(|_| "there is no TLS to speak to its socket with")?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let secured = secured.map_err(|_| "its socket shows no certificate that is believed")?;
    Ok(Box::new(secured))
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
