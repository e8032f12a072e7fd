//! A phone with both of its sockets, as four generations of the apps behave: from a pasted setup code to a chat.

mod device;
mod shapes;
mod stays;
mod told;

use std::collections::{HashMap, VecDeque};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) use self::device::Device;
use super::client::{Client, Refusal};

/// Which app it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum App {
    /// Reads `token` alone, and signs no operator socket.
    February,
    /// Reads `bootstrapToken`; protocol 3.
    March,
    /// Reads `bootstrapToken`; protocol 4.
    Newest,
    /// Sends `token` on both sockets for good, and asks for `operator.admin` too.
    NewestByToken,
}

/// A phone.
pub(crate) struct Phone {
    pub(crate) name: String,
    pub(crate) app: App,
    pub(crate) device: Device,
    code: Value,
    /// The device token of each role, and its scopes.
    pub(crate) tokens: HashMap<String, (String, Vec<String>)>,
    pub(crate) node: Option<Client>,
    pub(crate) operator: Option<Client>,
    said: u32,
    /// For a story: what it shows, and whether it still waits.
    shows: VecDeque<String>,
    waits: bool,
}

const NODE_COMMANDS: [&str; 4] = ["camera.list", "device.info", "device.status", "screen.record"];

impl Phone {
    /// One that nobody has used.
    pub(crate) fn new(name: &str, app: App) -> Self {
        Self {
            name: name.to_owned(),
            app,
            device: Device::new(),
            code: Value::Null,
            tokens: HashMap::new(),
            node: None,
            operator: None,
            said: 0,
            shows: VecDeque::new(),
            waits: false,
        }
    }

    /// Its user pastes a setup code.
    pub(crate) fn paste(&mut self, code: &str) {
        let json = URL_SAFE_NO_PAD.decode(code.trim()).unwrap_or_else(|e| panic!("{code}: {e}"));
        self.code = serde_json::from_slice(&json).unwrap();
    }

    /// Its user types an address, without a code.
    pub(crate) fn paste_address(&mut self, port: u16) {
        self.code = json!({ "url": format!("ws://127.0.0.1:{port}") });
    }

    /// The gateway may have another port after it was started again.
    pub(crate) fn moved(&mut self, port: u16) {
        if self.code["url"].as_str().is_some_and(|url| url.starts_with("ws://127.0.0.1:")) {
            self.code["url"] = format!("ws://127.0.0.1:{port}").into();
        }
    }

    /// Opens the node socket; what it is told.
    pub(crate) async fn connect_node(&mut self) -> Result<Value, Refusal> {
        let auth = self.auth("node");
        let mut params = self.params("node", "node", &[]);
        params["caps"] = json!(["camera", "device", "screen"]);
        params["commands"] = json!(NODE_COMMANDS);
        params["permissions"] = json!({ "camera": true, "location": false });
        let mut client = self.open().await;
        self.device.sign(&mut params, &auth, &client.nonce, client.ts);
        params["auth"] = auth;
        let hello = client.ask("connect", params).await?;
        self.keep(&hello);
        self.node = Some(client);
        Ok(hello)
    }

    /// Opens the operator socket; what it is told.
    pub(crate) async fn connect_operator(&mut self) -> Result<Value, Refusal> {
        let auth = self.auth("operator");
        let scopes = self.scopes();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let mut params = self.params("operator", "ui", &scopes);
        let mut client = self.open().await;
        if self.app != App::February {
            self.device.sign(&mut params, &auth, &client.nonce, client.ts);
        }
        params["auth"] = auth;
        let hello = client.ask("connect", params).await?;
        self.keep(&hello);
        self.operator = Some(client);
        Ok(hello)
    }

    /// Asks the assistant, and waits for its whole answer.
    pub(crate) async fn chat(&mut self, text: &str) -> String {
        self.said += 1;
        let run = format!("{}-{}", self.name, self.said);
        let operator = self.operator.as_mut().expect("an operator socket");
        let params = json!({
            "sessionKey": "agent:main:main", "message": text, "thinking": "off", "idempotencyKey": run,
        });
        let started = operator.ask("chat.send", params).await.unwrap();
        assert_eq!((&started["runId"], &started["status"]), (&json!(run), &json!("started")));
        let ours =
            |payload: &Value| payload["runId"] == run.as_str() && payload["state"] != "delta";
        let last = operator.event_that("chat", ours).await;
        assert_eq!(last["state"], "final", "{last}");
        assert_eq!(last["sessionKey"], "agent:main:main");
        assert_eq!(last["message"]["role"], "assistant");
        last["message"]["content"][0]["text"].as_str().expect("a text").to_owned()
    }

    /// Its user turns it off.
    pub(crate) async fn off(&mut self) {
        for client in [self.node.take(), self.operator.take()].into_iter().flatten() {
            client.leave().await;
        }
    }

    async fn open(&self) -> Client {
        Client::open(self.code["url"].as_str().expect("a code")).await
    }

    /// A code first, where the app reads it; then the token that came for it.
    fn auth(&self, role: &str) -> Value {
        let code = |key: &str| self.code[key].as_str().expect("the code holds a token").to_owned();
        match (self.app, self.tokens.get(role)) {
            (App::February | App::NewestByToken, _) => json!({ "token": code("token") }),
            (App::March | App::Newest, Some((token, _))) => json!({ "token": token }),
            (App::March | App::Newest, None) => json!({ "bootstrapToken": code("bootstrapToken") }),
        }
    }

    /// The same every time, whatever it was given.
    fn scopes(&self) -> Vec<String> {
        let asked: &[&str] = match self.app {
            App::February => &["operator.read", "operator.write", "operator.admin"],
            App::March | App::Newest => {
                &["operator.read", "operator.write", "operator.talk.secrets"]
            }
            App::NewestByToken => {
                &["operator.read", "operator.write", "operator.talk.secrets", "operator.admin"]
            }
        };
        asked.iter().map(|scope| (*scope).to_owned()).collect()
    }

    fn params(&self, role: &str, mode: &str, scopes: &[&str]) -> Value {
        let (least, most) = match (self.app, role) {
            (App::February | App::March, _) => (3, 3),
            (_, "node") => (3, 4),
            _ => (4, 4),
        };
        json!({
            "minProtocol": least, "maxProtocol": most,
            "client": {
                "id": "openclaw-ios", "displayName": self.name, "version": "2026.9.1",
                "platform": "iOS 26.0.0", "deviceFamily": "iPhone", "modelIdentifier": "iPhone16,2",
                "mode": mode, "instanceId": self.device.id[..32],
            },
            "role": role, "scopes": scopes, "locale": "en_US", "userAgent": "OpenClaw/1",
        })
    }

    fn keep(&mut self, hello: &Value) {
        let first = hello["auth"]["deviceToken"].is_string().then_some(&hello["auth"]);
        let more = hello["auth"]["deviceTokens"].as_array();
        for auth in first.into_iter().chain(more.into_iter().flatten()) {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let scopes = auth["scopes"].as_array().unwrap().iter().map(text).collect();
            self.tokens.insert(text(&auth["role"]), (text(&auth["deviceToken"]), scopes));
        }
    }
}
