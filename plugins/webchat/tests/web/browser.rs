//! A browser: cookies, an origin, and the page's side of the socket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::{
    contract::LIMIT,
    http::{Request, StatusCode},
    reqwest,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        handshake::client::generate_key,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// One browser of one person.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    /// What it sends as its cookies.
    pub(crate) cookie: Option<String>,
    /// The name in its address bar.
    pub(crate) host: String,
    /// Where the page that opens sockets comes from.
    pub(crate) origin: Option<String>,
}

/// An open page.
pub(crate) struct Page(WebSocketStream<TcpStream>);

/// What an open page notices.
pub(crate) enum Sign {
    Gone,
    /// The answer to a ping.
    Life,
    Said(Message),
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookie: None,
            host: address.to_string(),
            origin: Some(format!("http://{address}")),
        }
    }

    /// A browser that has opened the page.
    pub(crate) async fn visiting(address: SocketAddr) -> Self {
        let mut browser = Self::new(address);
        assert_eq!(browser.open().await.status(), StatusCode::OK);
        browser
    }

    /// Opens the page, and keeps its cookie.
    pub(crate) async fn open(&mut self) -> reqwest::Response {
        let response = self.get("/chat").await;
        if let Some(cookie) = response.headers().get("set-cookie") {
            self.cookie = cookie.to_str().unwrap().split(';').next().map(str::to_owned);
        }
        response
    }

    /// The gateway has started again, at another address.
    pub(crate) fn moved_to(&mut self, address: SocketAddr) {
        let cookie = self.cookie.take();
        *self = Self { cookie, ..Self::new(address) };
    }

    /// The visitor's id in the cookie.
    pub(crate) fn id(&self) -> String {
        let (_, value) = self.cookie.as_deref().unwrap().split_once('=').unwrap();
        format!("web:{}", value.split_once('.').unwrap().0)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.fetch(reqwest::Method::GET, path).await
    }

    pub(crate) async fn fetch(&self, method: reqwest::Method, path: &str) -> reqwest::Response {
        let client = openclaw_plugin_sdk::http_client::client(LIMIT).unwrap();
        let request = client
            .request(method, format!("http://{}{path}", self.address))
            .header("host", &self.host);
        let request =
            self.cookie.iter().fold(request, |request, cookie| request.header("cookie", cookie));
        request.send().await.unwrap()
    }

    /// Sends a file, as the page does.
    pub(crate) async fn bring(&self, bytes: &'static [u8]) -> reqwest::Response {
        let client = openclaw_plugin_sdk::http_client::client(LIMIT).unwrap();
        let request = client.post(format!("http://{}/chat/files", self.address)).body(bytes);
        let request = request.header("host", &self.host);
        let request =
            self.cookie.iter().fold(request, |request, cookie| request.header("cookie", cookie));
        let request =
            self.origin.iter().fold(request, |request, origin| request.header("origin", origin));
        request.send().await.unwrap()
    }

    /// Opens the socket, or says with what it is refused.
    pub(crate) async fn open_socket(&self) -> Result<Page, StatusCode> {
        let request = Request::builder()
            .uri(format!("ws://{}/chat/ws", self.address))
            .header("host", &self.host)
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key());
        let request =
            self.cookie.iter().fold(request, |request, cookie| request.header("cookie", cookie));
        let request =
            self.origin.iter().fold(request, |request, origin| request.header("origin", origin));
        let Ok(stream) = TcpStream::connect(self.address).await else {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        };
        match timeout(LIMIT, client_async(request.body(()).unwrap(), stream)).await.unwrap() {
            Ok((socket, _)) => Ok(Page(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("the socket opens or is refused: {error}"),
        }
    }

    /// Opens the socket, and takes what it says first.
    pub(crate) async fn connect(&self) -> (Page, Value) {
        let mut page = self.open_socket().await.unwrap();
        let ready = page.hear().await;
        assert_eq!(ready["type"], "ready");
        (page, ready)
    }
}

impl Page {
    /// The next thing the gateway says.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("the gateway says something, not {other:?}"),
        }
    }

    /// The code and reason with which the gateway closes.
    pub(crate) async fn closed(&mut self) -> (CloseCode, String) {
        loop {
            match self.next().await {
                Some(Message::Close(Some(CloseFrame { code, reason }))) => {
                    return (code, reason.to_string());
                }
                Some(Message::Text(_)) => {}
                other => panic!("the gateway closes and says why, not {other:?}"),
            }
        }
    }

    /// What comes next; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            match timeout(LIMIT, self.sign()).await.unwrap() {
                Sign::Gone => return None,
                Sign::Life => {}
                Sign::Said(message) => return Some(message),
            }
        }
    }

    /// What comes next, whenever it comes.
    pub(crate) async fn sign(&mut self) -> Sign {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(Message::Pong(_))) => return Sign::Life,
                Some(Ok(message)) => return Sign::Said(message),
                Some(Err(_)) | None => return Sign::Gone,
            }
        }
    }

    /// False when the gateway has gone.
    pub(crate) async fn put(&mut self, message: Message) -> bool {
        timeout(LIMIT, self.0.send(message)).await.unwrap().is_ok()
    }

    pub(crate) async fn put_json(&mut self, what: &Value) -> bool {
        self.put(Message::text(what.to_string())).await
    }

    /// Writes a message, and gives its id.
    pub(crate) async fn say(&mut self, text: &str) -> String {
        let id = fresh_id();
        assert!(self.put_json(&json!({"type": "say", "id": id, "text": text})).await);
        id
    }
}

/// As the page makes them: 128 random bits.
pub(crate) fn fresh_id() -> String {
    let mut bytes = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).unwrap();
    format!("{:032x}", u128::from_be_bytes(bytes))
}
