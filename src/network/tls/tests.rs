//! Real handshakes over real sockets.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, sync::atomic::Ordering};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;

use super::*;

const NOW: UnixMs = UnixMs(1_790_000_000_000);

fn folder() -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    (folder, state)
}

fn on() -> Tls {
    Tls { enabled: true, ..Tls::default() }
}

fn names() -> Names {
    Names { hosts: vec!["studio.local".to_owned(), "192.168.1.10".to_owned()], now: NOW }
}

/// Answers each connection with one line.
async fn echo(served: Served, count: usize) -> (SocketAddr, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        for _ in 0..count {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = served.acceptor.accept(stream).await {
                stream.write_all(b"hello").await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    (address, tasks)
}

async fn greet(address: SocketAddr, trust: Trust) -> Result<String, std::io::Error> {
    let connector = TlsConnector::from(Arc::new(client(trust).unwrap()));
    let name = ServerName::try_from("gw.example.com").unwrap();
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn case_052_a_pinned_certificate_is_believed_and_no_other() {
    let (_folder, state) = folder();
    let served = load(&on(), &state, &names()).unwrap();
    let pin = served.fingerprint;
    let (address, mut tasks) = echo(served, 4).await;
    assert_eq!(greet(address, Trust::Pinned(pin)).await.unwrap(), "hello");
    let mark = Arc::default();
    let either = Trust::Either(pin, Arc::clone(&mark));
    assert_eq!(greet(address, either).await.unwrap(), "hello");
    assert!(mark.load(Ordering::Relaxed));
    let other = Fingerprint::parse(&format!("{:064x}", 7)).unwrap();
    assert!(greet(address, Trust::Pinned(other)).await.is_err());
    assert!(greet(address, Trust::Authorities).await.is_err());
    tasks.join_next().await.unwrap().unwrap();
}

#[test]
fn a_fingerprint_is_read_as_tools_print_it() {
    let plain = "00ff".repeat(16);
    let known = Fingerprint::parse(&plain).unwrap();
    let colons: Vec<_> = plain.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    for text in [format!("SHA256:{}", colons.join(":").to_uppercase()), format!(" {plain} ")] {
        assert_eq!(Fingerprint::parse(&text), Some(known), "{text}");
    }
    assert_eq!(known.to_string(), plain);
    for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(Fingerprint::parse(text), None, "{text}");
    }
}

#[test]
fn a_certificate_is_made_once_and_kept_for_this_user_alone() {
    let (_folder, state) = folder();
    assert_eq!(fingerprint(&on(), &state).unwrap(), None);
    let first = load(&on(), &state, &names()).unwrap().fingerprint;
    assert_eq!(load(&on(), &state, &names()).unwrap().fingerprint, first);
    assert_eq!(fingerprint(&on(), &state).unwrap(), Some(first));
    assert_eq!(fingerprint(&Tls::default(), &state).unwrap(), None);
    for path in [state.certificate(), state.certificate_key()] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn a_start_that_broke_off_before_the_certificate_makes_both_again() {
    let (_folder, state) = folder();
    private::replace(&state.certificate_key(), b"half").unwrap();
    load(&on(), &state, &names()).unwrap();
}

#[test]
fn what_cannot_be_served_is_named() {
    let (_folder, state) = folder();
    let strict = Tls { auto_generate: false, ..on() };
    let refused = |tls: &Tls| load(tls, &state, &names()).err().unwrap().to_string();
    assert!(refused(&strict).contains("gateway-cert.pem; name one"), "{}", refused(&strict));
    load(&on(), &state, &names()).unwrap();
    load(&strict, &state, &names()).unwrap();

    let (other_folder, other) = folder();
    load(&on(), &other, &names()).unwrap();
    let named =
        |cert: PathBuf, key: PathBuf| Tls { cert_path: Some(cert), key_path: Some(key), ..on() };
    load(&named(other.certificate(), other.certificate_key()), &state, &names()).unwrap();
    let said = refused(&named(other.certificate(), state.certificate_key()));
    assert!(said.contains("do not fit together"), "{said}");
    let said = refused(&named(other.certificate(), other.certificate()));
    assert!(said.contains("holds no private key in PEM"), "{said}");
    let said = refused(&named(other.certificate_key(), other.certificate_key()));
    assert!(said.contains("holds no certificate in PEM"), "{said}");
    let said = refused(&named(other_folder.path().join("no.pem"), other.certificate_key()));
    assert!(said.contains("there is no ") && said.contains("no.pem"), "{said}");
}
