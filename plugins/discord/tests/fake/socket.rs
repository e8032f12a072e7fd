//! The fake's gateway: sessions begin, are gone on with, and are told what happens.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::CloseFrame,
    },
};

use super::{Order, Shared};

/// One connection.
struct Line {
    socket: WebSocketStream<TcpStream>,
    shared: Shared,
    /// The session, and how much of its log was sent.
    session: Option<(usize, usize)>,
    query: String,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.session.is_some() {
            self.shared.change(|state| state.listening -= 1);
        }
    }
}

/// Why a line ends.
struct Over;

/// Runs the gateway in this thread, and logs nothing: the socket's library would print what others say, tokens too.
pub(crate) fn run(listener: std::net::TcpListener, shared: Shared, over: oneshot::Receiver<()>) {
    let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        listener.set_nonblocking(true).expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        tokio::select! {
            () = serve(listener, shared) => {}
            _ = over => {}
        }
    });
}

async fn serve(listener: TcpListener, shared: Shared) {
    let mut lines = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        lines.spawn(line(stream, shared.clone()));
    }
}

async fn line(stream: TcpStream, shared: Shared) {
    let mut query = String::new();
    let mut changes = shared.changes();
    let mut orders = shared.lock().orders.0.subscribe();
    #[expect(clippy::result_large_err, reason = "the library's own signature")]
    let look = |request: &Request, response: Response| {
        query = request.uri().to_string();
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async(stream, look).await else { return };
    let mut line = Line { socket, shared, session: None, query };
    let beat = line.shared.lock().heartbeat;
    let hello = json!({ "op": 10, "d": { "heartbeat_interval": beat } });
    let mut over = line.send(&hello).await;
    while over.is_ok() {
        over = tokio::select! {
            heard = line.socket.next() => match heard {
                Some(Ok(Message::Text(text))) => line.heard(text.as_str()).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over),
                Some(Ok(_)) => Ok(()),
            },
            order = orders.recv() => match order {
                Ok(Order::Close(code)) => line.close(code).await,
                Ok(Order::Send(text)) => line.raw(text).await,
                Ok(Order::Drop) | Err(_) => Err(Over),
            },
            news = changes.changed() => if news.is_ok() { line.tell().await } else { Err(Over) },
        };
    }
}

impl Line {
    async fn heard(&mut self, text: &str) -> Result<(), Over> {
        let Ok(frame) = serde_json::from_str::<Value>(text) else { return self.close(4002).await };
        if text.len() > 4096 {
            return self.close(4002).await;
        }
        let op = frame["op"].as_u64().unwrap_or(99);
        let query = self.query.clone();
        self.shared.change(|state| state.frames.push((op, query)));
        let data = &frame["d"];
        let (wrong, deaf, mute) = {
            let state = self.shared.lock();
            (state.revoked || data["token"] != *state.token, state.deaf, state.mute)
        };
        if matches!(op, 2 | 6) && wrong {
            return self.close(4004).await;
        }
        match op {
            1 if deaf => Ok(()),
            2 | 6 if mute => Ok(()),
            1 => self.send(&json!({ "op": 11 })).await,
            2 => self.identify(data).await,
            3 | 4 => Ok(()),
            6 => self.resume(data).await,
            _ => self.close(4001).await,
        }
    }

    async fn identify(&mut self, data: &Value) -> Result<(), Over> {
        let intents = data["intents"].as_u64().unwrap_or_default();
        let (refuse, no_content) = {
            let state = self.shared.lock();
            (state.refuse, state.no_content)
        };
        if let Some(code) = refuse {
            return self.close(code).await;
        }
        if no_content && intents & (1 << 15) != 0 {
            return self.close(4014).await;
        }
        if !data["properties"]["os"].is_string() || self.session.is_some() {
            return self.close(if self.session.is_some() { 4005 } else { 4002 }).await;
        }
        let session = self.shared.change(|state| state.begin(intents));
        self.session = Some((session, 0));
        self.shared.change(|state| state.listening += 1);
        self.tell().await
    }

    async fn resume(&mut self, data: &Value) -> Result<(), Over> {
        let after = data["seq"].as_u64().and_then(|number| usize::try_from(number).ok());
        let found = self.shared.change(|state| {
            let session = state.sessions.iter_mut().position(|it| data["session_id"] == it.id);
            let session = session.filter(|index| !state.sessions[*index].over)?;
            let log = &mut state.sessions[session].log;
            let after = after.filter(|after| *after <= log.len())?;
            let number = log.len() + 1;
            log.push(json!({ "op": 0, "s": number, "t": "RESUMED", "d": {} }));
            Some((session, after))
        });
        if found.is_none() {
            return self.send(&json!({ "op": 9, "d": false })).await;
        }
        self.session = found;
        self.shared.change(|state| state.listening += 1);
        self.tell().await
    }

    /// What was announced and not yet sent.
    async fn tell(&mut self) -> Result<(), Over> {
        let Some((session, from)) = self.session else { return Ok(()) };
        let news: Vec<Value> = self.shared.lock().sessions[session].log[from..].to_vec();
        self.session = Some((session, from + news.len()));
        for frame in news {
            self.send(&frame).await?;
        }
        Ok(())
    }

    async fn send(&mut self, frame: &Value) -> Result<(), Over> {
        self.raw(frame.to_string()).await
    }

    async fn raw(&mut self, text: String) -> Result<(), Over> {
        self.socket.send(Message::text(text)).await.map_err(|_| Over)
    }

    async fn close(&mut self, code: u16) -> Result<(), Over> {
        let frame = CloseFrame { code: code.into(), reason: "as told".into() };
        // A client that is gone is not told.
        let _closed = self.socket.close(Some(frame)).await;
        while let Some(Ok(_)) = self.socket.next().await {}
        Err(Over)
    }
}
