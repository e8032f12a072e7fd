//! Trials: a gateway, another program, a proxy, and silence at the other end of a socket.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::config;
use super::*;
use crate::{
    config::gateway::Tls, identity::PATH, rules::device::endpoint::NoEndpoint, store::Store,
    tailscale, tls, world,
};

struct Gateway {
    _folder: tempfile::TempDir,
    state: StateDir,
    identity: Identity,
}

fn gateway() -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let store = Store::new(state.clone(), |_, id| openclaw_plugin_sdk::SenderId::new(id));
    Gateway { identity: Identity::load(&store).unwrap(), state, _folder: folder }
}

/// What stands at the other end.
enum End {
    Gateway(Gateway),
    Encrypted(Gateway, tls::Served),
    Page(&'static str),
    Silence,
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, end: &End) {
    let mut head = vec![0; 4096];
    let count = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..count]).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default();
    let body = match end {
        End::Gateway(gateway) | End::Encrypted(gateway, _) => {
            let (path, query) = target.split_once('?').unwrap();
            assert_eq!(path, PATH);
            gateway.identity.answer(Some(query)).unwrap()
        }
        End::Page(page) => {
            stream.write_all(page.as_bytes()).await.unwrap();
            return;
        }
        End::Silence => std::future::pending().await,
    };
    let length = body.len();
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Answers every connection, until the set is dropped.
async fn serve(end: End) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            match &end {
                End::Encrypted(_, served) => {
                    if let Ok(stream) = served.acceptor.accept(stream).await {
                        answer(stream, &end).await;
                    }
                }
                _ => answer(stream, &end).await,
            }
        }
    });
    (address, tasks)
}

async fn tried(url: &str, own: &Gateway, pin: Option<Fingerprint>) -> Result<Way, NoWayIn> {
    let config = config("");
    let wish = UrlOptions { public_url: Some(url.to_owned()), ..UrlOptions::default() };
    find_url(&config, 18789, pin, &own.identity, &wish).await
}

fn same(gateway: &Gateway) -> Gateway {
    let store = Store::new(gateway.state.clone(), |_, id| openclaw_plugin_sdk::SenderId::new(id));
    let folder = tempfile::tempdir().unwrap();
    Gateway {
        identity: Identity::load(&store).unwrap(),
        state: gateway.state.clone(),
        _folder: folder,
    }
}

#[tokio::test]
async fn an_address_that_leads_here_is_taken_and_one_that_leads_elsewhere_is_not() {
    let own = gateway();
    let (here, _serving) = serve(End::Gateway(same(&own))).await;
    let way = tried(&format!("ws://{here}"), &own, None).await.unwrap();
    assert_eq!((way.urls, way.source.as_str()), (vec![format!("ws://{here}")], "--url"));
    assert_eq!(way.notes, [""; 0]);
    let redirect: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nlocation: http://{here}{PATH}?nonce=abcdefghijklmnop\r\ncontent-length: 0\r\n\r\n").into_boxed_str(),
    );
    for other in [
        End::Gateway(gateway()),
        End::Page("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        End::Page("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        End::Page(redirect),
    ] {
        let (there, _serving) = serve(other).await;
        let refused = tried(&format!("ws://{there}"), &own, None).await.unwrap_err();
        assert_eq!(refused, NoWayIn::Another(vec![format!("ws://{there}")]));
    }
}

#[tokio::test]
async fn an_address_that_says_nothing_is_kept_with_the_reason() {
    let own = gateway();
    let proxy = End::Page("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    for (end, why) in [(proxy, "502"), (End::Silence, "within 3 seconds")] {
        let (there, _serving) = serve(end).await;
        let way = tried(&format!("ws://{there}"), &own, None).await.unwrap();
        assert_eq!(way.urls.len(), 1);
        assert!(way.notes[0].contains(why), "{:?}", way.notes);
    }
    let (gone, serving) = serve(End::Silence).await;
    drop(serving);
    let closed = TcpListener::bind(gone).await;
    drop(closed);
    let way = tried(&format!("ws://{gone}"), &own, None).await.unwrap();
    assert!(way.notes[0].contains("could not be reached from here"), "{:?}", way.notes);
}

#[tokio::test]
async fn the_ports_own_certificate_is_known_by_its_fingerprint_and_another_is_not() {
    let own = gateway();
    let names = tls::Names { hosts: Vec::new(), now: world::now() };
    let settings = Tls { enabled: true, ..Tls::default() };
    let served = tls::load(&settings, &own.state, &names).unwrap();
    let pin = served.fingerprint;
    let (here, _serving) = serve(End::Encrypted(same(&own), served)).await;
    let way = tried(&format!("wss://{here}"), &own, Some(pin)).await.unwrap();
    assert_eq!((way.tls_fingerprint, way.notes), (Some(pin.to_string()), Vec::new()));
    let way =
        tried(&format!("wss://{here}"), &own, Fingerprint::parse(&"0".repeat(64))).await.unwrap();
    assert_eq!(way.tls_fingerprint, None);
    assert!(way.notes[0].contains("could not be reached from here"), "{:?}", way.notes);
}

#[tokio::test]
async fn tailscale_is_asked_and_loopback_is_given_where_it_is_asked_for() {
    let own = gateway();
    let config = config("gateway.tailscale.mode = 'serve'\nplugins.device-pair.probe = false");
    let here = Here { config: &config, port: 18789, own: &[], container: false };
    let says = tailscale::tests::fake(r#"echo '{"Self":{"DNSName":"a.tail1.ts.net."}}'"#);
    let path = || Some(says.path().as_os_str().to_owned());
    let wish = UrlOptions::default();
    let way = offer_here(&here, super::pin(), &own.identity, &wish, (path(), Vec::new())).await;
    let way = way.unwrap();
    assert_eq!(way.urls, ["wss://a.tail1.ts.net"]);
    assert_eq!((way.source.as_str(), way.tls_fingerprint), ("gateway.tailscale.mode", None));
    let none = offer_here(&here, None, &own.identity, &wish, (None, Vec::new())).await.unwrap_err();
    assert!(none.why().contains("`tailscale` is not in `PATH`"), "{}", none.why());
    let local = UrlOptions { local: true, ..wish };
    let way = offer_here(&here, None, &own.identity, &local, (None, Vec::new())).await.unwrap();
    assert_eq!(
        (way.urls, way.plaintext_beyond_loopback),
        (vec!["ws://127.0.0.1:18789".to_owned()], false)
    );
    let bad = UrlOptions { public_url: Some("https://a:b@c".to_owned()), ..UrlOptions::default() };
    let said = offer_here(&here, None, &own.identity, &bad, (None, Vec::new())).await.unwrap_err();
    assert_eq!(said, NoWayIn::Invalid(NoEndpoint::Secret));
}
