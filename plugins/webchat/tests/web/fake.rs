//! Ann and a namesake, each with a browser that has the page open: the platform of the contract suite.

use std::{collections::BTreeMap, sync::Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use openclaw_plugin_sdk::{
    Button, Bytes, ChatId, EventId, Exchange, async_trait,
    contract::{Event, FakePlatform, Happened, LIMIT, Person, Seen},
    http::StatusCode,
    toml,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    browser::{Browser, Page, Sign, fresh_id},
    gateway::Server,
};

pub(crate) struct Browsers {
    server: Mutex<(Server, Option<TcpListener>)>,
    people: Mutex<BTreeMap<&'static str, Visit>>,
    stranger: Browser,
    running: Mutex<JoinSet<()>>,
    /// The suite also calls from a runtime in which nothing of ours may run.
    home: Handle,
}

/// A person's page, open all the time.
#[derive(Clone)]
struct Visit {
    browser: watch::Receiver<Option<Browser>>,
    says: mpsc::UnboundedSender<Value>,
    screen: watch::Receiver<Vec<Value>>,
    /// A press may have been answered.
    pressed: bool,
}

impl Browsers {
    pub(crate) async fn start() -> Self {
        let (server, listener) = Server::bind().await;
        let stranger = Browser::new(server.address);
        let (people, running) = (Mutex::default(), Mutex::default());
        let (server, home) = (Mutex::new((server, Some(listener))), Handle::current());
        Self { server, people, stranger, running, home }
    }

    /// Opens a person's page the first time it is needed.
    fn visit(&self, person: Person) -> Visit {
        let name = match person {
            Person::Ann => "ann",
            Person::Namesake => "namesake",
        };
        let open = || {
            let (says, queue) = mpsc::unbounded_channel();
            let (shows, screen) = watch::channel(Vec::new());
            let (opened, browser) = watch::channel(None);
            let stay = stay(self.stranger.clone(), opened, queue, shows);
            self.running.lock().unwrap().spawn_on(stay, &self.home);
            Visit { browser, says, screen, pressed: false }
        };
        self.people.lock().unwrap().entry(name).or_insert_with(open).clone()
    }
}

/// Keeps a page open, and says what it is told to say.
async fn stay(
    mut browser: Browser,
    opened: watch::Sender<Option<Browser>>,
    mut says: mpsc::UnboundedReceiver<Value>,
    shows: watch::Sender<Vec<Value>>,
) {
    assert_eq!(browser.open().await.status(), StatusCode::OK);
    opened.send_replace(Some(browser.clone()));
    let mut next = None;
    loop {
        // A page that connects while no channel receives is refused, and tries again, as the real page does.
        let Ok(mut page) = browser.open_socket().await else {
            tokio::task::yield_now().await;
            continue;
        };
        while let Some(wish) = wish(&mut page, &mut says, &mut next).await {
            match wish {
                Wish::Say(what) if page.put_json(&what).await => {}
                Wish::Show(said) => shows.send_modify(|screen| show(screen, &said)),
                Wish::Say(_) => break,
            }
        }
    }
}

enum Wish {
    Say(Value),
    Show(Value),
}

/// What to do next; `None` when the socket is gone. What is to be said waits for a sign of life.
async fn wish(
    page: &mut Page,
    says: &mut mpsc::UnboundedReceiver<Value>,
    next: &mut Option<Value>,
) -> Option<Wish> {
    if next.is_none() {
        tokio::select! {
            sign = page.sign() => return heard(sign),
            what = says.recv() => *next = what,
        }
    }
    if !page.put(Message::Ping(Bytes::new())).await {
        return None;
    }
    match page.sign().await {
        Sign::Life => next.take().map(Wish::Say),
        sign => heard(sign),
    }
}

fn heard(sign: Sign) -> Option<Wish> {
    match sign {
        Sign::Said(Message::Text(text)) => serde_json::from_str(&text).ok().map(Wish::Show),
        Sign::Life => Some(Wish::Show(Value::Null)),
        Sign::Gone | Sign::Said(_) => None,
    }
}

/// As the page's script does it: by id, in order.
fn show(screen: &mut Vec<Value>, said: &Value) {
    let gone = match said["type"].as_str() {
        Some("ready") => said["gone"].as_array().cloned().unwrap_or_default(),
        Some("gone") => vec![said["id"].clone()],
        _ => Vec::new(),
    };
    screen.retain(|message| !gone.contains(&message["id"]));
    let messages = match said["type"].as_str() {
        Some("ready") => said["history"].as_array().cloned().unwrap_or_default(),
        Some("message" | "edit" | "refused" | "toast" | "typing") => vec![said.clone()],
        _ => Vec::new(),
    };
    for mut message in messages {
        message.as_object_mut().unwrap().remove("type");
        match screen.iter_mut().find(|old| !old["id"].is_null() && old["id"] == message["id"]) {
            Some(old) => *old = message,
            None => screen.push(message),
        }
    }
}

#[async_trait]
impl FakePlatform for Browsers {
    fn settings(&self) -> toml::Table {
        toml::Table::new()
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        let (server, listener) = &mut *self.server.lock().unwrap();
        if let Some(listener) = listener.take() {
            server.serve(listener, exchanges, &self.home);
        }
    }

    async fn happen(&self, event: Event) -> Happened {
        let id = fresh_id();
        let (person, said) = match event {
            Event::Direct(person, text) => (person, json!({"type": "say", "id": id, "text": text})),
            Event::Reply(to, text) => (
                Person::Ann,
                json!({"type": "say", "id": id, "text": text, "replyTo": to.id.as_str()}),
            ),
            // No page shows the cards of another person.
            Event::Press(Person::Ann, on, data) => (
                Person::Ann,
                json!({"type": "press", "id": id, "on": on.id.as_str(), "data": data}),
            ),
            Event::UnknownEvent => {
                (Person::Ann, json!({"type": "dance", "id": id, "text": "not for us"}))
            }
            Event::Forgery(_) => {
                let mut forger = self.stranger.clone();
                forger.cookie =
                    Some(format!("openclaw-visitor={}.{}", "0".repeat(32), "0".repeat(64)));
                assert_eq!(forger.open_socket().await.err(), Some(StatusCode::FORBIDDEN));
                return Happened::Announced;
            }
            _ => return Happened::Impossible,
        };
        let pressed = said["type"] == "press";
        self.visit(person).says.send(said).unwrap();
        self.people.lock().unwrap().values_mut().for_each(|visit| visit.pressed |= pressed);
        Happened::Announced
    }

    /// What a reloaded page shows; the open one must show the same.
    async fn seen(&self) -> Vec<Seen> {
        let people: Vec<_> = self.people.lock().unwrap().values().cloned().collect();
        let mut seen = Vec::new();
        for mut visit in people {
            let browser = visit.browser.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            let (_page, ready) = browser.connect().await;
            let ours = |messages: &[Value]| -> Vec<Value> {
                messages.iter().filter(|message| message["from"] == "gateway").cloned().collect()
            };
            let reloaded = ours(ready["history"].as_array().unwrap());
            let same = visit.screen.wait_for(|screen| ours(screen) == reloaded);
            let same = timeout(LIMIT, same).await.map(|screen| screen.is_ok());
            assert_eq!(same, Ok(true), "an open page shows what a reloaded one shows");
            seen.extend(reloaded.iter().map(|message| read(&ready["you"], message)));
            if visit.pressed {
                seen.extend(toasts(&mut visit).await);
            }
        }
        seen
    }

    fn typed(&self) -> usize {
        let people = self.people.lock().unwrap();
        let signs = |visit: &Visit| {
            let screen = visit.screen.borrow();
            screen.iter().filter(|said| said["seconds"].is_u64()).count()
        };
        people.values().map(signs).sum()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        // These pages, unlike the real one, say nothing twice; `says` has the real one's way.
        false
    }
}

/// What was said on presses: the page shows it for a moment.
async fn toasts(visit: &mut Visit) -> Vec<Seen> {
    // What is refused now is refused after all that was said before.
    let (id, on) = (fresh_id(), format!("m{}", fresh_id()));
    let nothing = json!({"type": "press", "id": id, "on": on, "data": ""});
    visit.says.send(nothing).unwrap();
    let refused = |screen: &Vec<Value>| screen.iter().any(|one| one["id"] == id.as_str());
    let screen = timeout(LIMIT, visit.screen.wait_for(refused)).await.unwrap().unwrap();
    let texts = screen.iter().filter_map(|one| one["text"].as_str());
    texts.map(|text| Seen { text: text.to_owned(), ..Seen::default() }).collect()
}

fn read(you: &Value, message: &Value) -> Seen {
    let body = &message["body"];
    let mut seen = Seen {
        chat: you.as_str().map(ChatId::new),
        id: message["id"].as_str().map(EventId::new),
        answers: message["answers"].as_str().map(EventId::new),
        ..Seen::default()
    };
    match body["kind"].as_str().unwrap() {
        "text" => seen.text = flat(&body["spans"]),
        "image" => {
            seen.text = flat(&body["caption"]);
            seen.image = BASE64_STANDARD.decode(body["png"].as_str().unwrap()).ok();
        }
        "card" => {
            let fields = body["fields"].as_array().unwrap().iter();
            let fields = fields.map(|field| {
                format!("{}: {}", field["label"].as_str().unwrap(), flat(&field["value"]))
            });
            let title = body["title"].as_str().unwrap().to_owned();
            let parts = std::iter::once(title).chain(fields).chain([flat(&body["footer"])]);
            seen.text = parts.collect::<Vec<_>>().join("\n");
            seen.buttons = body["buttons"].as_array().unwrap().iter().map(row).collect();
        }
        kind => panic!("the page knows no {kind}"),
    }
    seen
}

fn row(buttons: &Value) -> Vec<Button> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let button =
        |button: &Value| Button { label: text(&button["label"]), data: text(&button["data"]) };
    buttons.as_array().unwrap().iter().map(button).collect()
}

fn flat(spans: &Value) -> String {
    let text = |span: &Value| span["code"].as_str().or(span["plain"].as_str()).unwrap().to_owned();
    spans.as_array().unwrap().iter().map(text).collect()
}
