//! Pages that say nothing for long: the clock is paused, and the socket is a pipe.

use std::time::Duration;

use futures_util::StreamExt;
use openclaw_plugin_sdk::{
    AccountId, Bytes, Channel, Client, ClientAddress, Exchange, Inbox, Link, Settings, Stream,
    Upgrade,
    http::{Request, Response, StatusCode},
    toml,
};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

const HOST: &str = "127.0.0.1:18789";

/// A channel whose requests are made here.
struct Pipe {
    exchanges: mpsc::Sender<Exchange>,
    running: JoinSet<()>,
}

impl Pipe {
    fn open() -> Self {
        let account = AccountId::default_account();
        let settings = Settings {
            account: account.clone(),
            table: toml::Table::new(),
            key: [7; 32],
            commands: Vec::new(),
        };
        let channel: Box<dyn Channel> = (channel_webchat::PLUGIN.open)(settings).unwrap();
        let (exchanges, exchanges_out) = mpsc::channel(1);
        let (deliveries, deliveries_out) = mpsc::channel(1);
        let inbox = Inbox::new(account, deliveries, exchanges_out, watch::channel(false).0);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let _open = deliveries_out;
            channel.receive(&inbox).await.unwrap();
        });
        Self { exchanges, running }
    }

    async fn ask(&self, path: &str, cookie: &str, upgrade: Option<Upgrade>) -> Response<Bytes> {
        let request = Request::builder()
            .uri(path)
            .header("host", HOST)
            .header("origin", format!("http://{HOST}"))
            .header("cookie", cookie)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let (reply, replied) = oneshot::channel();
        let address = ClientAddress::of([127, 0, 0, 1].into());
        let client = Client { address, local: true, hop: Link::Private, tls: false };
        let request = request.body(Bytes::new()).unwrap();
        let exchange = Exchange::new(request, client, reply, upgrade);
        self.exchanges.send(exchange).await.unwrap();
        replied.await.unwrap()
    }

    async fn page(&self) -> WebSocketStream<DuplexStream> {
        let (near, far) = tokio::io::duplex(4096);
        self.open_socket(Box::pin(async move { Ok(Box::new(far) as Box<dyn Stream>) })).await;
        let mut page = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        assert!(matches!(page.next().await, Some(Ok(Message::Text(_)))), "ready");
        page
    }

    async fn open_socket(&self, upgrade: Upgrade) {
        let welcome = self.ask("/chat", "", None).await;
        let cookie = welcome.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        let response = self.ask("/chat/ws", cookie, Some(upgrade)).await;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_page_is_pinged_and_stays_as_long_as_it_answers() {
    let pipe = Pipe::open();
    let mut page = pipe.page().await;
    let begun = Instant::now();
    assert!(matches!(page.next().await, Some(Ok(Message::Ping(_)))), "has it what it was told?");
    for round in 1..=100 {
        // Reading the ping answers it.
        assert!(matches!(page.next().await, Some(Ok(Message::Ping(_)))));
        assert_eq!(begun.elapsed().as_secs(), 30 * round);
    }
}

#[tokio::test(start_paused = true)]
async fn case_103_a_page_that_answers_no_ping_is_let_go() {
    let pipe = Pipe::open();
    let mut page = pipe.page().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let (near, begun) = (page.get_mut(), Instant::now());
    // The pings are read, but not answered.
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(near, &mut bytes).await.unwrap();
    assert!((70..80).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn case_103_a_page_that_reads_nothing_is_let_go() {
    let pipe = Pipe::open();
    let (mut near, far) = tokio::io::duplex(16);
    pipe.open_socket(Box::pin(async move { Ok(Box::new(far) as Box<dyn Stream>) })).await;
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut near, &mut bytes).await.unwrap();
    assert!(bytes.len() <= 16 && begun.elapsed().as_secs() < 21, "the other end has gone");
}

#[tokio::test(start_paused = true)]
async fn case_103_an_upgrade_that_never_comes_gives_its_place_back() {
    let pipe = Pipe::open();
    for _ in 0..200 {
        pipe.open_socket(Box::pin(std::future::pending())).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(pipe.running.len(), 1);
}
