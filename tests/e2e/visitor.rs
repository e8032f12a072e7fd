//! A visitor of the page: a cookie, a socket, and what the page would show.

use std::collections::{HashSet, VecDeque};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::process::PATIENCE;

/// One browser.
pub(crate) struct Visitor {
    /// The name under which they reach the gateway; empty for its own.
    host: String,
    cookie: String,
    socket: Option<(u16, WebSocketStream<MaybeTlsStream<TcpStream>>)>,
    heard: VecDeque<Value>,
    /// The ids of the messages that were taken away.
    lost: VecDeque<String>,
    /// Their sender id, as the page learns it.
    pub(crate) you: String,
    /// The newest card with buttons: its id, and its buttons by label.
    card: Option<(String, Vec<(String, String)>)>,
    /// The conversation as the gateway knew it when they last came.
    history: Vec<Value>,
    /// The ids of the messages that the page has shown.
    known: HashSet<String>,
    /// The id of the bot's last message.
    pub(crate) last: Option<String>,
    said: u32,
}

impl Visitor {
    /// Opens the page for the first time.
    pub(crate) async fn come(port: u16) -> Self {
        let page = reqwest::get(format!("http://127.0.0.1:{port}/chat")).await.unwrap();
        assert_eq!(page.status(), 200);
        let cookie =
            page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self {
            host: String::new(),
            cookie,
            socket: None,
            heard: VecDeque::new(),
            lost: VecDeque::new(),
            you: String::new(),
            card: None,
            history: Vec::new(),
            known: HashSet::new(),
            last: None,
            said: 0,
        }
    }

    /// Comes by another name from here on, as through something that listens elsewhere.
    pub(crate) fn come_by(&mut self, host: &str) {
        (self.host, self.socket) = (host.to_owned(), None);
    }

    /// Opens the socket, or a new one where the gateway has another port now.
    pub(crate) async fn connect(&mut self, port: u16) {
        if self.socket.as_ref().is_some_and(|(known, _)| *known == port) {
            return;
        }
        let mut request = format!("ws://127.0.0.1:{port}/chat/ws").into_client_request().unwrap();
        request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        let own = format!("127.0.0.1:{port}");
        let host = if self.host.is_empty() { &own } else { &self.host };
        request.headers_mut().insert("origin", format!("http://{host}").parse().unwrap());
        request.headers_mut().insert("host", host.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        self.socket = Some((port, socket));
        let ready = self.frame().await;
        assert_eq!(ready["type"], "ready", "{ready}");
        let history = ready["history"].as_array().cloned().unwrap_or_default();
        let is_new = |one: &Value| {
            one["from"] == "gateway"
                && one["id"].as_str().is_some_and(|id| !self.known.contains(id))
        };
        let (new, history) = history.into_iter().partition::<Vec<_>, _>(is_new);
        self.history = history;
        // What was said while the page was away is news to it.
        for mut one in new {
            one["type"] = "message".into();
            self.known.extend(one["id"].as_str().map(str::to_owned));
            self.heard.push_back(one);
        }
        ready["you"].as_str().unwrap().clone_into(&mut self.you);
    }

    /// The next picture of the gateway: its address, and its bytes.
    #[allow(dead_code, reason = "a bench sends none")]
    pub(crate) async fn picture(&mut self) -> (String, Vec<u8>) {
        let id = loop {
            let frame = self.frame().await;
            if let Some(id) = frame["body"]["files"][0]["id"].as_str() {
                break id.to_owned();
            }
        };
        let (address, port) = (format!("/chat/files/{id}"), self.socket.as_ref().unwrap().0);
        let response = self.get(port, &address).await;
        assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; sandbox");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        (address, response.bytes().await.unwrap().to_vec())
    }

    /// What the gateway answers this browser.
    #[allow(dead_code, reason = "a bench asks for none")]
    pub(crate) async fn get(&self, port: u16, path: &str) -> reqwest::Response {
        let request = reqwest::Client::new().get(format!("http://127.0.0.1:{port}{path}"));
        request.header("cookie", &self.cookie).send().await.unwrap()
    }

    /// Says something, and waits until it is taken; the reason where it is refused.
    pub(crate) async fn say(&mut self, text: &str) -> Result<(), String> {
        self.send(text, None).await
    }

    /// Answers the bot's last message.
    pub(crate) async fn reply(&mut self, text: &str) -> Result<(), String> {
        let last = self.last.clone();
        self.send(text, last).await
    }

    /// Presses this button of the newest card that has buttons, once it has this one.
    pub(crate) async fn press(&mut self, label: &str) {
        let (on, data) = loop {
            let labelled = |(on, buttons): &(String, Vec<(String, String)>)| {
                let button = buttons.iter().find(|(known, _)| known == label)?;
                Some((on.clone(), button.1.clone()))
            };
            if let Some(found) = self.card.as_ref().and_then(labelled) {
                break found;
            }
            let frame = self.frame().await;
            self.heard.push_back(frame);
        };
        self.said += 1;
        let id = format!("{:032x}", u128::from(self.said) << 64 | u128::from(rand_id()));
        let frame = json!({ "type": "press", "id": id, "on": on, "data": data });
        self.socket.as_mut().unwrap().1.send(Message::text(frame.to_string())).await.unwrap();
        loop {
            let frame = self.frame().await;
            if frame["type"] == "taken" && frame["id"] == id.as_str() {
                return;
            }
            self.heard.push_back(frame);
        }
    }

    /// Waits until a message is edited to show this.
    pub(crate) async fn sees(&mut self, text: &str) -> String {
        let shows = |frame: &Value| frame["type"] == "edit" && shown(&frame["body"]).contains(text);
        // It may have come before the press was said to be taken.
        if let Some(at) = self.heard.iter().position(shows) {
            return self.heard.remove(at).map(|frame| shown(&frame["body"])).unwrap_or_default();
        }
        loop {
            let frame = self.frame().await;
            if shows(&frame) {
                return shown(&frame["body"]);
            }
            self.heard.push_back(frame);
        }
    }

    /// Brings a file, as the page does before the message that has it.
    #[allow(dead_code, reason = "a bench brings nothing")]
    pub(crate) async fn bring(&self, bytes: impl Into<reqwest::Body>) -> reqwest::Response {
        let port = self.socket.as_ref().unwrap().0;
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/chat/files"));
        let request = request.header("origin", format!("http://127.0.0.1:{port}"));
        request.header("cookie", &self.cookie).body(bytes).send().await.unwrap()
    }

    /// Begins to bring a file, and sends nothing of it. What is answered.
    #[allow(dead_code, reason = "a bench brings nothing")]
    pub(crate) async fn begin_to_bring(&self, length: usize) -> String {
        answered(self.brings(length, &[]).await).await
    }

    /// Brings the beginning of a file. The rest is to be written, and its answer to be read.
    #[allow(dead_code, reason = "a bench brings nothing")]
    pub(crate) async fn brings(&self, length: usize, beginning: &[u8]) -> TcpStream {
        let port = self.socket.as_ref().unwrap().0;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "POST /chat/files HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\ncookie: {}\r\n\
             content-length: {length}\r\n\r\n",
            self.cookie
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may be refused before all is there.
        drop(stream.write_all(beginning).await);
        stream
    }

    /// Says something with a file that was brought.
    #[allow(dead_code, reason = "a bench brings nothing")]
    pub(crate) async fn say_with(&mut self, text: &str, file: &Value) -> Result<(), String> {
        let files = json!([{ "id": file["id"], "name": "cat.png" }]);
        self.send_more(text, json!({ "files": files })).await
    }

    async fn send(&mut self, text: &str, reply_to: Option<String>) -> Result<(), String> {
        let more = reply_to.map_or_else(|| json!({}), |id| json!({ "replyTo": id }));
        self.send_more(text, more).await
    }

    async fn send_more(&mut self, text: &str, more: Value) -> Result<(), String> {
        self.said += 1;
        let id = format!("{:032x}", u128::from(self.said) << 64 | u128::from(rand_id()));
        let mut frame = json!({ "type": "say", "id": id, "text": text });
        for (key, value) in more.as_object().into_iter().flatten() {
            frame[key] = value.clone();
        }
        self.socket.as_mut().unwrap().1.send(Message::text(frame.to_string())).await.unwrap();
        loop {
            let frame = self.frame().await;
            match frame["type"].as_str() {
                Some("taken") if frame["id"] == id.as_str() => return Ok(()),
                Some("refused") => {
                    return Err(frame["why"].as_str().unwrap_or_default().to_owned());
                }
                _ => self.heard.push_back(frame),
            }
        }
    }

    /// The next message that the page shows from the gateway.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let frame = match self.heard.pop_front() {
                Some(frame) => frame,
                None => self.frame().await,
            };
            if frame["type"] == "message" && frame["from"] == "gateway" {
                self.last = frame["id"].as_str().map(str::to_owned);
                return shown(&frame["body"]);
            }
        }
    }

    /// The id of the next message that is taken away from the page.
    pub(crate) async fn loses(&mut self) -> String {
        loop {
            if let Some(id) = self.lost.pop_front() {
                return id;
            }
            let frame = self.frame().await;
            self.heard.push_back(frame);
        }
    }

    /// What was heard and not asked for.
    pub(crate) fn unread(&self) -> Vec<String> {
        let messages = self
            .heard
            .iter()
            .filter(|frame| frame["type"] == "message" && frame["from"] == "gateway");
        messages.map(|frame| shown(&frame["body"])).collect()
    }

    /// Waits until the page shows that an answer is being written.
    pub(crate) async fn typing(&mut self) {
        loop {
            let frame = self.frame().await;
            if frame["type"] == "typing" {
                return;
            }
            self.heard.push_back(frame);
        }
    }

    /// Waits until the page shows this, in a message of whatever age; what came before is read too.
    #[allow(dead_code, reason = "a bench reads so")]
    pub(crate) async fn reads(&mut self, text: &str) {
        loop {
            let frame = match self.heard.pop_front() {
                Some(frame) => frame,
                None => self.any_frame().await,
            };
            if shown(&frame["body"]).contains(text) {
                return;
            }
        }
    }

    /// Hears what a gateway that has died has still said.
    pub(crate) async fn hear_out(&mut self) {
        let Some((_, mut socket)) = self.socket.take() else { return };
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message {
                self.heard.push_back(serde_json::from_str(&text).unwrap());
            }
        }
    }

    /// Waits for the next thing that the page is told, and keeps it.
    pub(crate) async fn hear(&mut self) {
        let frame = self.frame().await;
        self.heard.push_back(frame);
    }

    /// Looks up for a moment, so that the page says what it has.
    pub(crate) async fn look_up(&mut self) {
        let moment = std::time::Duration::from_millis(200);
        if let Ok(frame) = tokio::time::timeout(moment, self.frame()).await {
            self.heard.push_back(frame);
        }
    }

    /// Closes the page, whatever is still on its way to it.
    pub(crate) fn leave(&mut self) {
        self.socket = None;
    }

    /// Every new message since the last call, and all that the gateway knew when they came: id and text.
    pub(crate) fn shown(&mut self) -> Vec<(String, String)> {
        let new = self.heard.drain(..).filter(|frame| frame["type"] == "message");
        let all = self.history.drain(..).chain(new).filter(|shown| shown["from"] == "gateway");
        all.map(|one| (one["id"].as_str().unwrap().to_owned(), shown(&one["body"]))).collect()
    }

    async fn frame(&mut self) -> Value {
        loop {
            let frame = self.any_frame().await;
            let is_message = frame["type"] == "message" && frame["from"] == "gateway";
            let id = frame["id"].as_str().unwrap_or_default();
            // A code is looked for wherever it is shown again.
            let is_code = shown(&frame["body"]).contains("Pairing code: ");
            if !is_message || self.known.insert(id.to_owned()) || is_code {
                return frame;
            }
        }
    }

    async fn any_frame(&mut self) -> Value {
        let next = async {
            loop {
                match self.socket.as_mut().unwrap().1.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return serde_json::from_str::<Value>(&text).unwrap();
                    }
                    Some(Ok(_)) => {}
                    other => panic!("the socket ended: {other:?}"),
                }
            }
        };
        let mut frame = tokio::time::timeout(PATIENCE, next).await.expect("a frame of the gateway");
        if frame["type"] == "toast" {
            // What a press did is read like a message.
            let body = json!({ "kind": "text", "spans": [{ "plain": frame["text"] }] });
            let id = format!("toast-{}", rand_id());
            frame = json!({ "type": "message", "id": id, "from": "gateway", "body": body });
        }
        if frame["type"] == "message" || frame["type"] == "edit" {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let rows = frame["body"]["buttons"].as_array().into_iter().flatten();
            let buttons = rows.filter_map(Value::as_array).flatten();
            let buttons: Vec<_> =
                buttons.map(|one| (text(&one["label"]), text(&one["data"]))).collect();
            if !buttons.is_empty() {
                self.card = Some((text(&frame["id"]), buttons));
            }
        }
        if frame["type"] == "gone" {
            self.lost.extend(frame["id"].as_str().map(str::to_owned));
        }
        frame
    }
}

/// The first line of an answer.
#[allow(dead_code, reason = "a bench brings nothing")]
pub(crate) async fn answered(stream: TcpStream) -> String {
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line).await;
    read.map(|_| line).unwrap()
}

/// A message's body as text.
fn shown(body: &Value) -> String {
    let spans = |spans: &Value| -> String {
        let text = |span: &Value| {
            span["plain"].as_str().or(span["code"].as_str()).unwrap_or_default().to_owned()
        };
        spans.as_array().into_iter().flatten().map(text).collect()
    };
    match body["kind"].as_str() {
        Some("text") => spans(&body["spans"]),
        Some("card") => {
            let mut lines = vec![body["title"].as_str().unwrap_or_default().to_owned()];
            for field in body["fields"].as_array().into_iter().flatten() {
                lines.push(format!(
                    "{}: {}",
                    field["label"].as_str().unwrap_or_default(),
                    spans(&field["value"])
                ));
            }
            let footer = spans(&body["footer"]);
            if !footer.is_empty() {
                lines.push(format!("\n{footer}"));
            }
            lines.join("\n")
        }
        _ => body.to_string(),
    }
}

/// Unlike the id of any other visitor of this run.
fn rand_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
