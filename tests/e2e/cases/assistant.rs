//! An assistant that does not answer: what the guest, the owner and the machine are told. And what an assistant is told of
//! those who ask.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::State as Shared,
    http::{Response, StatusCode, header},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::OWNED;
use crate::{
    fake_telegram::private,
    process::{PATIENCE, look_again, texts, write},
    world::{World, number},
};

const GUEST: i64 = 4711;
const OWNER: i64 = 1001;
const KEY: &str = "sk-very-secret-0123456789";
const TRY_LATER: &str = "The assistant could not answer just now. Please try again in a while.";
const NEEDS_OWNER: &str = "The assistant cannot answer now. Trying again does not help: the owner of this gateway has to fix it.";

/// What the endpoint does.
#[derive(Clone, Copy, Debug)]
enum How {
    Answers,
    Refuses(u16),
    Stalls,
}

type Ways = Arc<Mutex<How>>;

async fn complete(Shared(how): Shared<Ways>) -> Response<Body> {
    let how = *how.lock().unwrap();
    let (status, body) = match how {
        How::Answers => (200, json!({ "choices": [{ "message": { "content": "Hi there" } }] })),
        How::Refuses(status) => (status, json!({ "error": { "message": KEY } })),
        How::Stalls => std::future::pending().await,
    };
    let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
    let answer = answer.header(header::CONTENT_TYPE, "application/json");
    let answer = if status == 429 { answer.header(header::RETRY_AFTER, "30") } else { answer };
    answer.body(Body::from(body.to_string())).unwrap()
}

/// An endpoint at this address, as long as what is returned.
async fn serve(address: SocketAddr, how: &Ways) -> JoinSet<()> {
    let router =
        Router::new().route("/v1/chat/completions", post(complete)).with_state(Arc::clone(how));
    let listener = TcpListener::bind(address).await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    serving
}

/// A port where nobody listens.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn with_guest() -> String {
    OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")
}

fn asking(address: SocketAddr) -> String {
    format!(
        "{}[assistant]\nresponder = \"openai\"\n[assistant.openai]\nbase_url = \"http://{address}/v1\"\nmodel = \"m\"\n\
         api_key = \"{KEY}\"\ntimeout_seconds = 1\n",
        with_guest()
    )
}

/// What the guest is answered.
async fn asks(world: &mut World) -> String {
    let from = json!({ "id": GUEST, "is_bot": false, "first_name": "Guest" });
    world.tell(private(GUEST), from, json!({ "text": "hello" })).await;
    world.next(GUEST).await
}

/// Waits until the only message to the owner says all this.
async fn owner_reads(world: &World, words: &[&str]) -> String {
    let read = async {
        loop {
            let told = world.unread(OWNER);
            if let [only] = &told[..]
                && words.iter().all(|words| only.contains(words))
            {
                return only.clone();
            }
            assert!(told.len() < 2, "one message an outage: {told:#?}");
            look_again().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, read).await;
    let only = waited.unwrap_or_else(|_| panic!("{words:?} is not in {:#?}", world.unread(OWNER)));
    assert!(!only.contains(KEY), "case_107: {only}");
    only
}

async fn metrics(world: &World) -> String {
    let port = world.gateway.as_ref().unwrap().port;
    reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_once_and_changed_in_place_until_it_is_over() {
    let (address, how) = (free().await, Ways::new(Mutex::new(How::Refuses(401))));
    let mut world = World::start(&asking(address)).await;
    let at = format!("openai at http://{address}/v1/chat/completions");
    assert!(texts(&world.home.cli(&["status"])).0.contains(&format!("{at}: not asked yet")));

    assert_eq!(asks(&mut world).await, TRY_LATER);
    let what = ["assistant.unreachable", &at, "cannot connect", "openclaw config check --deep"];
    owner_reads(&world, &what).await;
    assert_eq!(asks(&mut world).await, TRY_LATER);

    let _serving = serve(address, &how).await;
    assert_eq!(asks(&mut world).await, NEEDS_OWNER);
    owner_reads(&world, &["answered 401 Unauthorized: check `api_key`"]).await;
    let status = texts(&world.home.cli(&["status"])).0;
    let line = status.lines().find(|line| line.starts_with("Assistant  ")).unwrap();
    assert!(line.contains(&at) && line.contains("does not answer since") && line.contains("401"));
    let brief = texts(&world.home.cli(&["gateway", "status"])).0;
    assert!(brief.contains("Assistant: openai, failing"), "{brief}");
    let page = metrics(&world).await;
    for line in [
        "openclaw_assistant_state{state=\"failing\"} 1",
        "openclaw_assistant_state{state=\"working\"} 0",
        "openclaw_assistant_failures_total{kind=\"permanent\"} 1",
        "openclaw_assistant_failures_total{kind=\"temporary\"} 2",
    ] {
        assert!(page.lines().any(|one| one == line), "{line}\n{page}");
    }

    world.knows_what_was_taken().await;
    world.stop();
    *how.lock().unwrap() = How::Refuses(500);
    world.run();
    assert_eq!(asks(&mut world).await, TRY_LATER);
    owner_reads(&world, &["answered 500"]).await;

    *how.lock().unwrap() = How::Answers;
    assert_eq!(asks(&mut world).await, "Hi there");
    let again = owner_reads(&world, &["✅ The assistant answers again"]).await;
    assert!(!again.contains(&at) && !again.contains("500"), "what is over is not told: {again}");
    assert!(texts(&world.home.cli(&["status"])).0.contains(&format!("{at}: answers")));
    assert!(metrics(&world).await.contains("openclaw_assistant_state{state=\"working\"} 1"));

    // So soon it is the same outage.
    *how.lock().unwrap() = How::Refuses(429);
    assert_eq!(asks(&mut world).await, TRY_LATER);
    let limited = owner_reads(&world, &["answered 429", "asks to wait 30 s"]).await;
    assert!(!limited.contains("answers again"), "{limited}");
    *how.lock().unwrap() = How::Stalls;
    assert_eq!(asks(&mut world).await, TRY_LATER);
    owner_reads(&world, &["no answer within 1 s"]).await;
    *how.lock().unwrap() = How::Answers;
    assert_eq!(asks(&mut world).await, "Hi there");
    owner_reads(&world, &["✅ The assistant answers again"]).await;
    world.stop();
    assert_eq!(world.unread(OWNER).len(), 1, "{:#?}", world.unread(OWNER));
    assert!(!world.home.logged().contains(KEY), "case_107");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_checked_to_the_end_where_that_is_asked_for() {
    let (address, how) = (free().await, Ways::new(Mutex::new(How::Answers)));
    let world = World::prepare(&asking(address)).await;
    let check = || {
        let output = world.home.cli(&["config", "check", "--deep"]);
        let (said, errors) = texts(&output);
        assert!(!said.contains(KEY) && !errors.contains(KEY), "case_107: {said}{errors}");
        (output.status.code(), said, errors)
    };
    let asked = format!("Asked the assistant: openai at http://{address}/v1/chat/completions");
    let (code, said, errors) = check();
    assert_eq!(code, Some(1), "{said}{errors}");
    assert!(said.contains(&asked) && errors.contains("cannot connect"), "{said}{errors}");
    let _serving = serve(address, &how).await;
    let (code, said, _) = check();
    assert!(said.contains(&asked) && said.contains("OK: the model `m` answers"), "{said}");
    assert_eq!(code, Some(0));
    for (way, answer) in [
        (How::Refuses(401), "answered 401 Unauthorized: check `api_key`"),
        (How::Stalls, "no answer within 1 s"),
    ] {
        *how.lock().unwrap() = way;
        let (code, _, errors) = check();
        assert!(code == Some(1) && errors.contains(answer), "{errors}");
    }
    let shallow = world.home.cli(&["config", "check"]);
    assert!(shallow.status.success(), "nobody is asked: {:?}", texts(&shallow));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_missing_is_found_before_a_guest_finds_it_and_told_when_one_does() {
    let assistant =
        "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"answer\"\n";
    let mut world = World::start(&format!("{}{assistant}", with_guest())).await;
    let why = "`assistant.command.program`: answer is not found in `PATH`";
    assert!(world.home.logged().contains(why), "the start warns");
    let checked = world.home.cli(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(1));
    let errors = texts(&checked).1;
    assert!(errors.contains(why) && errors.contains("config.toml:"), "{errors}");

    assert_eq!(asks(&mut world).await, NEEDS_OWNER);
    owner_reads(&world, &["assistant.unreachable", "command at answer", "check `program`"]).await;
    let program = world.home.bin().join("answer");
    std::fs::create_dir_all(world.home.bin()).unwrap();
    write(&program, "#!/bin/sh\necho Hello yourself\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(asks(&mut world).await, "Hello yourself");
    owner_reads(&world, &["✅ The assistant answers again"]).await;
    assert!(world.home.cli(&["config", "check", "--deep"]).status.success());
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_who_asks() {
    let assistant = "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/sh\"\n\
                     args = [\"-c\", \"cat >> $HOME/asked; echo fine\"]\n";
    let mut world = World::start(&format!("{OWNED}{assistant}")).await;
    let ann = number("ann");
    world.say("ann", "hello").await;
    world.next(ann).await;
    world.next(OWNER).await;
    world.press("owner", "Approve").await;
    world.press("owner", "24 h").await;
    let who = format!("telegram:{ann}");
    let named = world.home.cli(&["access", "rename", &who, "my \"sister\""]);
    assert!(named.status.success(), "{:?}", texts(&named));
    while world.next(ann).await != "fine" {
        // What the approval says comes first.
        if world.unread(ann).is_empty() {
            world.say("ann", "who am I?").await;
        }
    }
    world.say("owner", "and I?").await;
    world
        .telegram
        .until("the owner is answered", |state| {
            state.messages.iter().any(|shown| shown.chat["id"] == OWNER && shown.text == "fine")
        })
        .await;
    world.stop();
    let asked =
        std::fs::read_to_string(world.home.state().parent().unwrap().join("asked")).unwrap();
    let asked: Vec<Value> = asked.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [guest, owner] = &asked[..] else { panic!("{asked:#?}") };
    assert_eq!(guest["sender"], ann.to_string());
    assert_eq!((&guest["role"], &guest["group"]), (&json!("guest"), &json!(false)));
    assert_eq!(guest["note"], "my \"sister\"");
    let ends = guest["access_ends"].as_str().unwrap();
    assert!(ends.ends_with('Z') && ends.starts_with("20"), "{ends}");
    assert_eq!((&owner["role"], &owner["access_ends"]), (&json!("owner"), &Value::Null));
    assert_eq!(owner["note"], Value::Null);
}
