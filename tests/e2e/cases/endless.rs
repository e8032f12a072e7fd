//! What has no end: a body of a platform or of an assistant, what a program says, a frame of a socket. Little of it is
//! kept, it is told, and the account goes on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::OWNED;
use crate::{
    chats::{Chats, How},
    discord::Discord,
    fake_discord::Order,
    fake_slack::{FakeSlack, Shown, direct_chat, person},
    fake_telegram::private,
    process::{Gateway, Home, PATIENCE},
    world::{World, number},
};

/// A gateway may grow by so much for what has no end, in KiB.
const MOST: u64 = 64 * 1024;

/// What is answered on new connections; the open ones are cut when it changes.
#[derive(Clone, Debug)]
enum Flow {
    /// A body of this type that goes on until nobody reads it.
    Endless(&'static str),
    /// This, as JSON.
    Says(Value),
    /// What the server behind it answers.
    Through(SocketAddr),
}

/// A server before the one that the gateway means.
struct Spout {
    at: SocketAddr,
    flow: watch::Sender<Flow>,
    given_up: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Spout {
    async fn start(flow: Flow) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (at, flow) = (listener.local_addr().unwrap(), watch::channel(flow).0);
        let (given_up, mut server) = (Arc::<AtomicUsize>::default(), JoinSet::new());
        let (of_all, count) = (flow.clone(), Arc::clone(&given_up));
        server.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (mut changes, count) = (of_all.subscribe(), Arc::clone(&count));
                let flow = changes.borrow_and_update().clone();
                open.spawn(async move {
                    let is_endless = matches!(flow, Flow::Endless(_));
                    tokio::select! {
                        // It ends where the gateway has had enough.
                        _ = serve(stream, flow) => {
                            count.fetch_add(usize::from(is_endless), Ordering::SeqCst);
                        }
                        _ = changes.changed() => {}
                    }
                });
            }
        });
        Self { at, flow, given_up, _server: server }
    }

    async fn gave_up(&self, times: usize) {
        let waits = async {
            while self.given_up.load(Ordering::SeqCst) < times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waits).await.expect("the gateway has enough of it");
    }
}

async fn serve(mut stream: TcpStream, flow: Flow) -> std::io::Result<()> {
    let body = match flow {
        Flow::Through(to) => {
            let mut there = TcpStream::connect(to).await?;
            return copy_bidirectional(&mut stream, &mut there).await.map(drop);
        }
        Flow::Endless(kind) => {
            let _asked = stream.read(&mut [0; 16 * 1024]).await?;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&[b' '; 16 * 1024]).await?;
            }
        }
        Flow::Says(body) => body.to_string(),
    };
    let _asked = stream.read(&mut [0; 16 * 1024]).await?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await
}

/// How much memory a gateway uses at most from here on, beyond what it uses now.
struct Memory {
    before: u64,
    most: Arc<AtomicU64>,
    _looks: JoinSet<()>,
}

fn resident(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|kib| kib.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

impl Memory {
    fn of(gateway: &Gateway) -> Self {
        let (pid, most) = (gateway.pid().as_raw(), Arc::<AtomicU64>::default());
        let (seen, mut looks) = (Arc::clone(&most), JoinSet::new());
        looks.spawn(async move {
            loop {
                seen.fetch_max(resident(pid), Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        Self { before: resident(pid), most, _looks: looks }
    }

    fn is_bounded(&self, what: &str) {
        let more = self.most.load(Ordering::SeqCst).saturating_sub(self.before);
        assert!(self.before > 0 && more < MOST, "{what}: {more} KiB more");
    }
}

/// A stranger writes, and nobody waits for what comes of it.
async fn knock(world: &World, channel: &str, name: &str) {
    if channel == "telegram" {
        world.telegram.direct(number(name), name, "hello");
    } else {
        world.talks[channel].chats.say(name, How::Directly, "hello").await;
    }
}

async fn gets_a_code(world: &mut World, channel: &str, name: &str) {
    let said = match world.talks.get_mut(channel) {
        Some(talk) => talk.next(name).await,
        None => world.next(number(name)).await,
    };
    assert!(said.contains("Pairing code: "), "{channel}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_whose_answers_do_not_end_is_given_up_and_asked_again() {
    let discord = "[owner]\nallow_from = [\"discord:{discord.owner}\"]\n[channels.discord]\ntoken = \"{discord.token}\"\napi_root = \"{discord.root}\"\n";
    for (channel, config, key) in [("telegram", OWNED, ""), ("discord", discord, "{discord.root}")]
    {
        let mut world = World::prepare(config).await;
        let root = match world.talks.get(channel) {
            Some(talk) => talk.chats.fill(key),
            None => world.telegram.root(),
        };
        let real = root.split('/').nth(2).unwrap();
        let through = Flow::Through(real.parse().unwrap());
        let spout = Spout::start(through.clone()).await;
        let config = world.home.read("config.toml");
        world.home.configure(&config.replace(real, &spout.at.to_string()));
        world.run();
        knock(&world, channel, "ann").await;
        gets_a_code(&mut world, channel, "ann").await;
        let memory = Memory::of(world.gateway.as_ref().unwrap());
        spout.flow.send_replace(Flow::Endless("application/json"));
        knock(&world, channel, "bob").await;
        spout.gave_up(2).await;
        world.home.logs("does not end").await;
        memory.is_bounded(channel);
        spout.flow.send_replace(through);
        gets_a_code(&mut world, channel, "bob").await;
        world.stop();
    }
}

const SLACK: &str = "[owner]\nallow_from = [\"slack:{slack.owner}\"]\n[channels.slack]\nbot_token = \"{slack.bot_token}\"\napp_token = \"{slack.app_token}\"\napi_url = \"{slack.api}\"\n";

async fn slack_gives_a_code(slack: &FakeSlack, name: &str) {
    slack.until("it listens", |state| !state.sockets.is_empty()).await;
    slack.say(name, How::Directly, "hello").await;
    let chat = direct_chat(&person(name));
    let code = |shown: &Shown| shown.chat == chat && shown.reads().contains("Pairing code: ");
    slack.until("a code", |state| state.messages.iter().any(code)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_whose_answers_do_not_end_is_given_up_and_asked_again() {
    let slack = FakeSlack::start().await;
    let through = Flow::Through(slack.address);
    let spout = Spout::start(through.clone()).await;
    // Its socket has to be where its API is.
    slack.with(|state| state.elsewhere = Some(format!("ws://{}", spout.at)));
    let api = slack.root().replace(&slack.address.to_string(), &spout.at.to_string());
    let (home, gateway) = gateway(&slack, &SLACK.replace("{slack.api}", &api));
    slack_gives_a_code(&slack, "ann").await;
    let memory = Memory::of(&gateway);
    spout.flow.send_replace(Flow::Endless("application/json"));
    spout.gave_up(2).await;
    home.logs("does not end").await;
    memory.is_bounded("slack");
    spout.flow.send_replace(through);
    slack_gives_a_code(&slack, "bob").await;
    assert!(gateway.stop().success(), "{}", home.logged());
}

const GUEST: i64 = 4711;

async fn asks(world: &World, text: &str) {
    let from = json!({ "id": GUEST, "is_bot": false, "first_name": "Guest" });
    world.tell(private(GUEST), from, json!({ "text": text })).await;
}

fn with_guest(assistant: &str) -> String {
    let guest = OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token");
    format!("{guest}[assistant]\n{assistant}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_whose_answer_does_not_end_is_given_up_and_asked_again() {
    let fine = json!({ "choices": [{ "message": { "content": "all is fine" }, "finish_reason": "stop" }] });
    for kind in ["application/json", "text/event-stream"] {
        let spout = Spout::start(Flow::Endless(kind)).await;
        let table = format!(
            "responder = \"openai\"\n[assistant.openai]\nbase_url = \"http://{}/v1\"\nmodel = \"m\"\n",
            spout.at
        );
        let mut world = World::start(&with_guest(&table)).await;
        let memory = Memory::of(world.gateway.as_ref().unwrap());
        asks(&world, "how is it?").await;
        let told = world.next(GUEST).await;
        assert!(!told.contains("fine"), "{told}");
        world.home.logs("the answer does not end").await;
        spout.gave_up(1).await;
        memory.is_bounded(kind);
        spout.flow.send_replace(Flow::Says(fine.clone()));
        asks(&world, "and now?").await;
        assert_eq!(world.next(GUEST).await, "all is fine");
        world.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_end_its_answer_is_ended_and_asked_again() {
    let script = r#"read -r line; case \"$line\" in *endless*) exec yes;; *complain*) exec yes >&2;; esac; echo all is fine"#;
    let table = format!(
        "responder = \"command\"\n[assistant.command]\ntimeout_seconds = 2\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"\"\"{script}\"\"\"]\n"
    );
    let mut world = World::start(&with_guest(&table)).await;
    let memory = Memory::of(world.gateway.as_ref().unwrap());
    for text in ["endless", "complain"] {
        asks(&world, text).await;
        let told = world.next(GUEST).await;
        assert!(!told.contains("fine") && told.len() < 1_000, "{told}");
    }
    memory.is_bounded("the program");
    asks(&world, "and now?").await;
    assert_eq!(world.next(GUEST).await, "all is fine");
    world.stop();
}

/// Starts a gateway on a platform of its own.
fn gateway(platform: &dyn Chats, config: &str) -> (Home, Gateway) {
    let home = Home::new();
    home.configure(&platform.fill(config));
    let gateway = home.gateway("trace");
    (home, gateway)
}

/// Longer than any frame that a platform sends.
fn frame() -> String {
    "x".repeat(64 << 20)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_discord_that_is_too_long_ends_its_connection_and_no_more() {
    let config = "[owner]\nallow_from = [\"discord:{discord.owner}\"]\n[channels.discord]\ntoken = \"{discord.token}\"\napi_root = \"{discord.root}\"\n";
    let discord = Discord::start().await;
    let (home, gateway) = gateway(&discord, config);
    discord.heard("ann").await;
    let memory = Memory::of(&gateway);
    let frames = discord.fake.with(|state| state.frames.len());
    discord.fake.order(Order::Send(frame()));
    let greets = |op: u64| op == 2 || op == 6;
    let again = |state: &crate::fake_discord::State| {
        state.frames.iter().skip(frames).any(|(op, _)| greets(*op))
    };
    discord.fake.until("it connects again", again).await;
    memory.is_bounded("a frame");
    discord.say("ann", How::Directly, "hello").await;
    let code = |state: &crate::fake_discord::State| {
        state.messages.iter().any(|shown| shown.seen().text.contains("Pairing code: "))
    };
    discord.fake.until("a code", code).await;
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_slack_that_is_too_long_ends_its_connection_and_no_more() {
    let slack = FakeSlack::start().await;
    let (home, gateway) = gateway(&slack, SLACK);
    slack.until("it listens", |state| !state.sockets.is_empty()).await;
    let memory = Memory::of(&gateway);
    let opened = |state: &crate::fake_slack::State| {
        state.calls.iter().filter(|(method, _)| method == "apps.connections.open").count()
    };
    let before = slack.with(|state| opened(state));
    slack.with(|state| state.say_to_all(&frame()));
    slack.until("it connects again", |state| opened(state) > before).await;
    memory.is_bounded("a frame");
    slack_gives_a_code(&slack, "ann").await;
    assert!(gateway.stop().success(), "{}", home.logged());
}
