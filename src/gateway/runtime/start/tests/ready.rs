//! `/readyz` over a real socket, in each state.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{super::*, stop};
use crate::{accounts::status::State, config};

async fn get(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap();
    format!("{status} {}", answer.split_once("\r\n\r\n").unwrap().1)
}

/// A gateway with the page alone, served, whose accounts are not open yet.
fn served(state: &StateDir) -> (Arc<Gateway>, SocketAddr) {
    let plugins =
        config::Plugins { channels: registry::CHANNELS, responders: registry::RESPONDERS };
    let env = |name: &str| (name == "OPENCLAW_GATEWAY_PORT").then(|| "0".to_owned());
    let config = config::load(&config::Source { flag: None, env: &env, state }, plugins).unwrap();
    let load = Box::new(|| Err("never".to_owned()));
    let find = Arc::new(|| unreachable!("nothing is checked"));
    let origin = Arc::new(Origin::new(state.config(), load, find));
    let start = Start { config, state: state.clone(), origin, console: false, terminal: false };
    let store = Arc::new(Store::new(state.clone(), parse_sender));
    store.start(world::now()).unwrap();
    let mut entry = OpenPort::open(&start.config, (state, &store), world::now()).unwrap();
    let (address, listeners) = (entry.here(), std::mem::take(&mut entry.listeners));
    let gateway = Arc::new(gateway(&start, &store, (entry, false)).unwrap());
    for listener in listeners {
        gateway.tracker.spawn(http::serve(Arc::clone(&gateway), listener, None));
    }
    (gateway, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_says_in_each_state_whether_work_is_taken() {
    const READY: &str = r#"200 {"ok":true,"status":"ready"}"#;
    let no = |why: &str| format!(r#"503 {{"ok":false,"status":"{why}"}}"#);
    let dir = tempfile::tempdir().unwrap();
    let (gateway, address) = served(&StateDir::at(dir.path()));
    let ask = |path: &'static str| get(address, path);
    assert_eq!(ask("GET /readyz").await, no("starting"));
    assert_eq!(ask("GET /healthz").await, r#"200 {"ok":true,"status":"live"}"#);

    keep(&gateway);
    let (accounts, here) = (gateway.accounts.on(), Arc::clone(&gateway));
    let account = Arc::clone(&accounts[0]);
    gateway.tracker.spawn(async move {
        tokio::select! {
            () = readiness::rises(&here, accounts) => {}
            () = here.stop.cancelled() => {}
        }
    });
    let opened = async {
        while ask("GET /readyz").await != READY {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), opened).await.unwrap();
    assert_eq!(ask("GET /readyz?x=1&accounts=all").await, READY);

    account.status.enter(State::Unauthorized, None);
    assert_eq!(ask("GET /readyz").await, READY);
    assert_eq!(ask("GET /readyz?accounts=all").await, no("account-stopped"));
    account.status.enter(State::StoreUnreadable, None);
    assert_eq!(ask("GET /readyz").await, no("store-unreadable"));
    account.status.enter(State::Connected, None);
    assert!(ask("POST /readyz").await.starts_with("405 "));
    assert_eq!(ask("HEAD /readyz").await, "200 ");

    gateway.readiness.drains();
    assert_eq!(ask("GET /readyz").await, no("draining"));
    assert_eq!(ask("GET /healthz").await, r#"200 {"ok":true,"status":"live"}"#);
    stop(&gateway).await;
}
