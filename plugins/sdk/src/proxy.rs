//! The proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` and their like): the HTTP client goes
//! through it by itself, and a platform's socket here.

use std::time::Duration;

use http::Uri;
use hyper_util::{
    client::{
        legacy::connect::{
            HttpConnector,
            proxy::{SocksV4, SocksV5, Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

/// The variables that name one.
const NAMES: [&str; 6] =
    ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
/// The kinds that are spoken.
const KINDS: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// An error that names the variable, where it names a proxy of a kind that is not spoken: such a proxy would be
/// passed by in silence. What the variable says is not repeated, for it may hold a password.
pub(crate) fn known(env: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    for name in NAMES {
        let Some(value) = env(name).filter(|value| !value.trim().is_empty()) else { continue };
        let uri = value.parse::<Uri>().ok().filter(|uri| uri.authority().is_some());
        let kind = uri.map(|uri| uri.scheme_str().unwrap_or("http").to_owned());
        if !kind.is_some_and(|kind| KINDS.contains(&kind.as_str())) {
            return Err(format!(
                "`{name}` names no proxy that can be used: it is like `http://host:port` or `socks5h://host:port`"
            ));
        }
    }
    Ok(())
}

/// True where the environment names one.
pub(crate) fn is_named(env: impl Fn(&str) -> Option<String>) -> bool {
    NAMES.iter().any(|name| env(name).is_some_and(|value| !value.trim().is_empty()))
}

/// A variable of the environment.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Connects to a host, through the proxy that is meant for it if there is one.
pub(crate) async fn connect(
    proxies: &Matcher,
    (host, port): (&str, u16),
    tls: bool,
) -> Result<TcpStream, &'static str> {
    let scheme = if tls { "https" } else { "http" };
    let literal = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let target: Uri = format!("{scheme}://{literal}:{port}")
        .parse()
        .map_err(|_| "the address of its socket names no host")?;
    let Some(proxy) = proxies.intercept(&target) else {
        let direct = TcpStream::connect((host, port)).await;
        return direct.map_err(|_| "its socket cannot be reached");
    };
    through(&proxy, target).await
}

async fn through(proxy: &Intercept, target: Uri) -> Result<TcpStream, &'static str> {
    let mut way = HttpConnector::new();
    way.enforce_http(false);
    way.set_connect_timeout(Some(Duration::from_secs(5)));
    let to = proxy.uri().clone();
    let kind = to.scheme_str().unwrap_or_default().to_owned();
    let refused = "the proxy that the environment names gives no way to its socket";
    let there: Result<TokioIo<TcpStream>, &'static str> = match kind.as_str() {
        "http" => {
            let tunnel = Tunnel::new(to, way);
            let mut tunnel = match proxy.basic_auth() {
                Some(auth) => tunnel.with_auth(auth.clone()),
                None => tunnel,
            };
            tunnel.call(target).await.map_err(|_| refused)
        }
        "socks5" | "socks5h" => {
            // The proxy looks the name up: a lookup here would hold up everything else.
            let socks = SocksV5::new(to, way).local_dns(false);
            let mut socks = match proxy.raw_auth() {
                Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
                None => socks,
            };
            socks.call(target).await.map_err(|_| refused)
        }
        "socks4" | "socks4a" => {
            let mut socks = SocksV4::new(to, way).local_dns(false);
            socks.call(target).await.map_err(|_| refused)
        }
        _ => {
            return Err(
                "`HTTPS_PROXY` or `ALL_PROXY` names a proxy behind TLS, through which no socket goes",
            );
        }
    };
    there.map(TokioIo::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn a_proxy_of_an_unknown_kind_is_named_and_its_password_is_not() {
        let with = |value: &str| known(|name| (name == "ALL_PROXY").then(|| value.to_owned()));
        for good in ["", "socks5://u:p@127.0.0.1:1080", "http://proxy:3128", "proxy:3128"] {
            assert_eq!(with(good), Ok(()), "{good}");
        }
        for bad in ["ftp://u:secret@proxy:1", "socks6://u:secret@proxy:1", "://secret"] {
            let why = with(bad).unwrap_err();
            assert!(why.contains("`ALL_PROXY`") && !why.contains("secret"), "{why}");
        }
    }

    /// What a proxy is asked, up to this many bytes; it answers nothing but these.
    async fn asked(kind: &str, answers: &'static [&'static [u8]]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            for answer in answers {
                let mut chunk = [0; 512];
                let read = stream.read(&mut chunk).await.unwrap();
                heard.extend_from_slice(&chunk[..read]);
                stream.write_all(answer).await.unwrap();
            }
            heard
        };
        let proxies = Matcher::builder().all(format!("{kind}://127.0.0.1:{port}")).build();
        let (there, heard) = tokio::join!(connect(&proxies, ("gateway.example", 443), true), proxy);
        assert!(there.is_ok(), "{:?}", there.err());
        heard
    }

    #[tokio::test]
    async fn a_socket_goes_through_the_proxy_that_the_environment_names() {
        let socks = asked("socks5h", &[&[5, 0], &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]]).await;
        assert!(socks.windows(15).any(|part| part == b"gateway.example"), "{socks:?}");
        let tunnel = asked("http", &[b"HTTP/1.1 200 OK\r\n\r\n"]).await;
        assert!(tunnel.starts_with(b"CONNECT gateway.example:443 "), "{tunnel:?}");
        let proxies = Matcher::builder().all("https://127.0.0.1:1").build();
        let why = connect(&proxies, ("gateway.example", 443), true).await.unwrap_err();
        assert!(why.contains("behind TLS"), "{why}");
    }
}
