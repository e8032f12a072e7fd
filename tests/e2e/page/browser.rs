//! A person's Chromium, driven through chromedriver.

use std::{io::Write, process::Stdio, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::process::PATIENCE;

const ARGUMENTS: [&str; 7] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
/// How `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How the page is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) width: u32,
    pub(super) dark: bool,
}

/// One browser of one person.
pub(super) struct Chromium {
    client: Client,
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Opens the page, in a browser that nobody has used.
    pub(super) async fn open(port: u16) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed, as `.ci/run` does it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let own = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([&*folder]).collect();
        let options = json!({ "args": arguments });
        let wish = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let client = Client::new();
        let sessions = format!("http://127.0.0.1:{own}/session");
        let made = call(&client, Method::POST, &sessions, Some(wish)).await;
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("a session: {made}"));
        let session = format!("{sessions}/{id}");
        let chromium = Self { client, session, _driver: driver, _profile: profile };
        chromium.go(port, "/chat").await;
        chromium
    }

    /// Goes to the page of the gateway at this port.
    pub(super) async fn go(&self, port: u16, path: &str) {
        let url = format!("http://127.0.0.1:{port}{path}");
        self.post("url", json!({ "url": url })).await;
        self.until("document.getElementById('state').dataset.state === 'open'").await;
    }

    async fn post(&self, what: &str, body: Value) -> Value {
        call(&self.client, Method::POST, &format!("{}/{what}", self.session), Some(body)).await
    }

    /// What a script returns.
    pub(super) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What an expression is.
    pub(super) async fn is(&self, expression: &str) -> Value {
        self.run(&format!("return {expression};")).await
    }

    /// Waits until an expression is true.
    pub(super) async fn until(&self, expression: &str) {
        let wait = async {
            while self.is(expression).await != true {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let shown = self.is("document.body.innerText").await;
            panic!("{expression}; the page shows: {}", shown.as_str().unwrap_or_default());
        }
    }

    /// Waits until the conversation shows a text.
    pub(super) async fn shows(&self, text: &str) {
        let text = json!(text);
        self.until(&format!("document.getElementById('messages').innerText.includes({text})"))
            .await;
    }

    /// The texts of the conversation, in order.
    pub(super) async fn conversation(&self) -> Vec<String> {
        let all = "Array.from(document.querySelectorAll('.message'), (one) => one.querySelector('.author').textContent + ' ' + one.querySelector('.bubble').innerText)";
        let all = self.is(all).await;
        all.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    async fn element(&self, path: &str) -> String {
        self.until(&format!(
            "!!document.evaluate({}, document, null, 9, null).singleNodeValue",
            json!(path)
        ))
        .await;
        let found = self.post("element", json!({ "using": "xpath", "value": path })).await;
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{path}: {found}")).to_owned()
    }

    /// Types into what has the focus or is found by an `XPath`.
    pub(super) async fn types(&self, path: &str, keys: &str) {
        let element = self.element(path).await;
        self.post(&format!("element/{element}/value"), json!({ "text": keys })).await;
    }

    /// Writes a message, with the keyboard.
    pub(super) async fn say(&self, text: &str) {
        self.types("//textarea", &format!("{text}\u{e007}")).await;
    }

    /// Clicks what an `XPath` finds.
    pub(super) async fn click(&self, path: &str) {
        let element = self.element(path).await;
        self.post(&format!("element/{element}/click"), json!({})).await;
    }

    /// Presses the newest button of a card with this label.
    pub(super) async fn press(&self, label: &str) {
        self.click(&format!(
            "(//*[contains(@class,'buttons')]//button[text()={}])[last()]",
            json!(label)
        ))
        .await;
    }

    /// Waits for what is said on a press, and gives it.
    pub(super) async fn toast(&self) -> String {
        self.until("document.getElementById('toast').classList.contains('shown')").await;
        self.is("document.getElementById('toast').textContent").await.as_str().unwrap().to_owned()
    }

    /// Looks at the page in another way.
    pub(super) async fn look(&self, sight: Sight) {
        let scheme = if sight.dark { "dark" } else { "light" };
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let phone = sight.width < 600;
        let size =
            json!({ "width": sight.width, "height": 844, "deviceScaleFactor": 1, "mobile": phone });
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": feature })).await;
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// A command of the browser's own protocol.
    pub(super) async fn cdp(&self, cmd: &str, params: Value) {
        self.post("goog/cdp/execute", json!({ "cmd": cmd, "params": params })).await;
    }

    /// Writes what is seen into the folder that `OPENCLAW_SCREENSHOTS` names, where it names one.
    pub(super) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("OPENCLAW_SCREENSHOTS") else { return };
        let url = format!("{}/screenshot", self.session);
        let shot = call(&self.client, Method::GET, &url, None).await;
        let png = BASE64_STANDARD.decode(shot.as_str().unwrap()).unwrap();
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::File::create(path).unwrap().write_all(&png).unwrap();
    }

    /// What axe-core finds: each rule that is broken, and where.
    pub(super) async fn axe(&self) -> Vec<String> {
        let script = super::axe();
        // A message that fades in has less contrast until it is there.
        let still = "Promise.all(document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished))";
        let run = "axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html + ' ' + node.failureSummary).join('; ')}`)), (error) => done([String(error)]));";
        let script = format!(
            "const done = arguments[0]; {script}\n; {still}.then(() => {{ {run} }}, (error) => done([String(error)]));"
        );
        let found = self.post("execute/async", json!({ "script": script, "args": [] })).await;
        let found = found.as_array().unwrap_or_else(|| panic!("axe-core runs: {found}"));
        found.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Closes the browser.
    pub(super) async fn close(self) {
        call(&self.client, Method::DELETE, &self.session, None).await;
    }
}

async fn call(client: &Client, method: Method, url: &str, body: Option<Value>) -> Value {
    let request = client.request(method, url);
    let request = body.iter().fold(request, reqwest::RequestBuilder::json);
    let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(answer["value"]["error"].is_null(), "{url}: {}", answer["value"]);
    answer["value"].take()
}
