//! A server on a loopback port answers as servers of this kind do: in pieces, whole, not at all, wrongly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up fails the test")]

mod failures;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode, header},
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use openclaw_plugin_sdk::{
    AccountId, Answer, Prompt, Responder, ResponderError, Settings, SettingsError, toml::Table,
};
use responder_openai::PLUGIN;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
};

const KEY: &str = "sk-very-secret-0123456789";

/// The key and the body of a request.
type Asked = (Option<String>, Value);

/// What was asked of the server, and what it answers next.
#[derive(Clone, Default)]
struct Shared {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<Response<Body>>>>,
}

struct Server {
    address: SocketAddr,
    shared: Shared,
    _running: JoinSet<()>,
}

async fn complete(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let key = headers.get(header::AUTHORIZATION).map(|key| key.to_str().unwrap().to_owned());
    shared.asked.lock().unwrap().push((key, serde_json::from_slice(&body).unwrap()));
    shared.answers.lock().unwrap().pop_front().unwrap()
}

impl Server {
    async fn start(answers: impl IntoIterator<Item = Response<Body>>) -> Self {
        let shared = Shared::default();
        shared.answers.lock().unwrap().extend(answers);
        let router =
            Router::new().route("/v1/chat/completions", post(complete)).with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut running = JoinSet::new();
        running.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, _running: running }
    }

    /// Without a word about the sender.
    fn open(&self, more: &str) -> Box<dyn Responder> {
        self.open_plain(&format!("describe_sender = false\n{more}"))
    }

    fn open_plain(&self, more: &str) -> Box<dyn Responder> {
        let table = format!(
            "base_url = 'http://{}/v1'\nmodel = 'm-1'\napi_key = '{KEY}'\n{more}",
            self.address
        );
        open(&table).unwrap()
    }

    /// The roles and words of the messages in each request.
    fn messages(&self) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        let spell = |message: &Value| {
            format!(
                "{}: {}",
                message["role"].as_str().unwrap(),
                message["content"].as_str().unwrap()
            )
        };
        let list = |body: &Value| {
            body["messages"].as_array().unwrap().iter().map(spell).collect::<Vec<_>>().join("; ")
        };
        asked.iter().map(|(_, body)| list(body)).collect()
    }
}

fn open(table: &str) -> Result<Box<dyn Responder>, SettingsError> {
    let table: Table = table.parse().unwrap();
    let (account, commands) = (AccountId::default_account(), Vec::new());
    (PLUGIN.open)(Settings { account, table, key: [0; 32], commands })
}

fn answer(status: StatusCode, kind: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(body.into()).unwrap()
}

/// A stream of events in these pieces, after which the connection hangs or the stream ends.
fn pieces(pieces: &[&[u8]], then: Then) -> Response<Body> {
    let pieces: Vec<_> =
        pieces.iter().map(|piece| io::Result::Ok(Bytes::copy_from_slice(piece))).collect();
    let end = match then {
        Then::End => stream::empty().boxed(),
        Then::Hang => stream::pending().boxed(),
    };
    answer(StatusCode::OK, "text/event-stream", Body::from_stream(stream::iter(pieces).chain(end)))
}

#[derive(Clone, Copy)]
enum Then {
    End,
    Hang,
}

fn said(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}))
}

/// A stream that says this, and ends as it should.
fn stream_of(text: &str) -> Response<Body> {
    pieces(&[said(text).as_bytes(), b"data: [DONE]\n\n"], Then::End)
}

async fn ask(
    responder: &dyn Responder,
    conversation: &str,
    text: &str,
) -> (Vec<String>, Result<(), ResponderError>) {
    let (pieces, mut heard) = mpsc::channel(1024);
    let prompt = Prompt {
        conversation: conversation.into(),
        channel: "webchat".into(),
        sender: "4711".into(),
        name: Some("Ann".into()),
        shared: conversation.starts_with("group"),
        text: text.into(),
        ..Prompt::default()
    };
    let ended = responder.respond(&prompt, &Answer::new(pieces)).await;
    let mut all = Vec::new();
    while let Some(piece) = heard.recv().await {
        all.push(piece);
    }
    (all, ended)
}

/// The text of a failure, which holds neither the key nor where was asked.
#[track_caller]
fn failure(ended: Result<(), ResponderError>) -> String {
    let Err(ResponderError::Failed(text) | ResponderError::Misconfigured(text)) = ended else {
        panic!("a failure, not {ended:?}")
    };
    assert!(
        !text.contains("secret") && !text.contains("127.0.0.1") && !text.contains("http"),
        "{text}"
    );
    text
}

#[tokio::test]
async fn an_answer_is_passed_on_piece_by_piece() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"Grüße 😀\"}}]}\r\n\r\n".as_bytes();
    let mut split = vec![b": one moment\r\n\r\n".as_slice()];
    split.extend(event.chunks(1));
    let (second, last) = (said(", Ann"), said("!"));
    split.extend([
        second.as_bytes(),
        last.as_bytes(),
        b"data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n",
    ]);
    // The connection stays open: the end is what the server says, not what the socket does.
    let server = Server::start([pieces(&split, Then::Hang)]).await;
    let responder = server.open("system_prompt = 'Be brief.'");
    let (pieces, ended) = ask(&*responder, "ann", "Hello?").await;
    assert_eq!(ended, Ok(()));
    assert_eq!(pieces, ["Grüße 😀", ", Ann", "!"]);
    let asked = server.shared.asked.lock().unwrap().clone();
    let messages =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]);
    let body = json!({"model": "m-1", "stream": true, "messages": messages});
    assert_eq!(asked, [(Some(format!("Bearer {KEY}")), body)]);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = json!({"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]});
    let server = Server::start([answer(
        StatusCode::OK,
        "application/json; charset=utf-8",
        body.to_string(),
    )])
    .await;
    let (pieces, ended) = ask(&*server.open(""), "ann", "Hello?").await;
    assert_eq!((pieces, ended), (vec!["Hi".to_owned()], Ok(())));
}

#[tokio::test]
async fn what_the_model_thinks_is_neither_passed_on_nor_remembered() {
    let thinks = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
    let parts = [said("<th"), said("ink>secret</thi"), said("nk>\n\nHi"), said(" Ann")];
    let mut sent = vec![thinks.as_bytes()];
    sent.extend(parts.iter().map(String::as_bytes));
    sent.push(b"data: [DONE]\n\n");
    let second = [said("again"), "data: [DONE]\n\n".to_owned()];
    let second: Vec<&[u8]> = second.iter().map(String::as_bytes).collect();
    let server = Server::start([pieces(&sent, Then::End), pieces(&second, Then::End)]).await;
    let responder = server.open("");
    let (heard, ended) = ask(&*responder, "ann", "Hello?").await;
    assert_eq!((heard.concat(), ended), ("Hi Ann".to_owned(), Ok(())));
    ask(&*responder, "ann", "And?").await.1.unwrap();
    assert_eq!(server.messages()[1], "user: Hello?; assistant: Hi Ann; user: And?");
}

#[tokio::test]
async fn a_key_is_not_needed() {
    let server = Server::start([stream_of("Hi")]).await;
    let responder =
        open(&format!("base_url = 'http://{}/v1/'\nmodel = 'm'", server.address)).unwrap();
    assert_eq!(ask(&*responder, "ann", "Hello?").await.1, Ok(()));
    assert_eq!(server.shared.asked.lock().unwrap()[0].0, None);
}

#[tokio::test]
async fn each_conversation_is_remembered_alone_and_forgotten_when_told() {
    let answers = ["one", "two", "three", "four", "five"].map(stream_of);
    let server = Server::start(answers).await;
    let responder = server.open("history_turns = 1");
    for (conversation, text) in [("ann", "1"), ("ann", "2"), ("bob", "3"), ("ann", "4")] {
        assert_eq!(ask(&*responder, conversation, text).await.1, Ok(()));
    }
    responder.forget("ann").await;
    assert_eq!(ask(&*responder, "ann", "5").await.1, Ok(()));
    assert_eq!(
        server.messages(),
        [
            "user: 1",
            "user: 1; assistant: one; user: 2",
            "user: 3",
            "user: 2; assistant: two; user: 4",
            "user: 5",
        ]
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_and_not_remembered() {
    let half = said("Half an ans");
    let error =
        b"data: {\"error\":{\"message\":\"no sk-very-secret\",\"type\":\"server_error\"}}\n\n";
    let server = Server::start([
        pieces(&[half.as_bytes()], Then::End),
        pieces(&[half.as_bytes(), error], Then::End),
        pieces(&[half.as_bytes(), b"data: <html>\n\n"], Then::End),
        stream_of("whole"),
    ])
    .await;
    let responder = server.open("");
    for expected in ["the answer broke off", "failed (server_error)", "something unreadable"] {
        let (pieces, ended) = ask(&*responder, "ann", "Hello?").await;
        assert_eq!(pieces, ["Half an ans"], "{expected}: what came was passed on");
        let text = failure(ended);
        assert!(text.ends_with(expected), "{text}");
    }
    assert_eq!(ask(&*responder, "ann", "Hello?").await.1, Ok(()));
    assert_eq!(server.messages(), ["user: Hello?"; 4]);
}

#[tokio::test]
async fn a_connection_that_breaks_in_an_answer_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table = format!("base_url = 'http://{}'\nmodel = 'm'", listener.local_addr().unwrap());
    let half = said("Half an ans");
    let breaking = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.windows(6).any(|bytes| bytes == b"Hello?") {
            assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0, "the request is whole");
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("{head}{:x}\r\n{half}\r\n", half.len());
        socket.write_all(chunk.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        // Read to the end, or what was written may be lost.
        tokio::io::copy(&mut socket, &mut tokio::io::sink()).await.unwrap();
    };
    let responder = open(&table).unwrap();
    let ((), (pieces, ended)) = tokio::join!(breaking, ask(&*responder, "ann", "Hello?"));
    assert_eq!(pieces, ["Half an ans"]);
    let text = failure(ended);
    assert!(text.ends_with("the connection broke"), "{text}");
}

#[tokio::test]
async fn case_107_a_refusal_names_what_to_check_and_no_secret() {
    let body = json!({"error": {"message": format!("bad key {KEY}"), "code": "invalid_api_key"}})
        .to_string();
    let server = Server::start([
        answer(StatusCode::UNAUTHORIZED, "application/json", body),
        answer(StatusCode::NOT_FOUND, "text/html", format!("<p>{KEY}</p>")),
        answer(StatusCode::TOO_MANY_REQUESTS, "application/json", "{}"),
        answer(
            StatusCode::OK,
            "application/json",
            "{\"choices\":[{\"message\":{\"content\":\" \"}}]}",
        ),
        pieces(&[b"data: [DONE]\n\n"], Then::End),
    ])
    .await;
    let responder = server.open("");
    for expected in [
        "answered 401 Unauthorized (invalid_api_key): check `api_key`",
        "answered 404 Not Found: check `base_url` and `model`",
        "answered 429 Too Many Requests",
        "answered without text",
        "answered without text",
    ] {
        let text = failure(ask(&*responder, "ann", "Hello?").await.1);
        assert!(text.ends_with(expected), "{text}");
    }
}

#[tokio::test]
async fn the_model_is_told_who_asks_and_nothing_of_it_is_remembered() {
    let server = Server::start([stream_of("one"), stream_of("two"), stream_of("three")]).await;
    let responder = server.open_plain("system_prompt = 'Be brief.'");
    for _ in 0..2 {
        assert_eq!(ask(&*responder, "ann", "Hello?").await.1, Ok(()));
    }
    let alone = server.open_plain("");
    assert_eq!(ask(&*alone, "ann", "Hello?").await.1, Ok(()));
    let asked = server.shared.asked.lock().unwrap().clone();
    let line = r#"{"channel":"webchat","sender":"4711","name_not_verified":"Ann","role":"guest","group":false}"#;
    let system = |at: usize| asked[at].1["messages"][0]["content"].as_str().unwrap();
    let described = system(2);
    assert!(described.contains("not verified") && described.ends_with(&format!("\n{line}")));
    assert_eq!(system(0), format!("Be brief.\n\n{described}"));
    assert_eq!(system(1), system(0));
    let roles: Vec<_> =
        asked[1].1["messages"].as_array().unwrap().iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
}

#[tokio::test]
async fn case_107_a_redirect_does_not_carry_the_key_elsewhere() {
    let elsewhere = Server::start([stream_of("gotcha")]).await;
    let mut redirect = answer(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
    let location = format!("http://{}/v1/chat/completions", elsewhere.address);
    redirect.headers_mut().insert(header::LOCATION, location.parse().unwrap());
    let server = Server::start([redirect]).await;
    let text = failure(ask(&*server.open(""), "ann", "Hello?").await.1);
    assert!(text.ends_with("answered 307 Temporary Redirect: check `base_url`"), "{text}");
    assert!(elsewhere.shared.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_a_failure() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let responder =
        open(&format!("base_url = 'http://{closed}'\nmodel = 'm'\napi_key = '{KEY}'")).unwrap();
    let text = failure(ask(&*responder, "ann", "Hello?").await.1);
    assert!(text.ends_with("cannot connect"), "{text}");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_has_timed_out() {
    let half = said("Half an ans");
    let server = Server::start([pieces(&[half.as_bytes()], Then::Hang)]).await;
    let (pieces, ended) = ask(&*server.open("timeout_seconds = 1"), "ann", "Hello?").await;
    assert_eq!(pieces, ["Half an ans"]);
    assert_eq!(ended, Err(ResponderError::TimedOut(Duration::from_secs(1))));
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let long = said(&"ä".repeat(10_000));
    let server = Server::start([pieces(&[long.as_bytes(); 5], Then::Hang)]).await;
    let (pieces, ended) = ask(&*server.open(""), "ann", "Hello?").await;
    assert_eq!(ended, Ok(()));
    let text = pieces.concat();
    let kept = text.strip_suffix("\n(cut after 64 KiB)").unwrap();
    assert_eq!(kept, "ä".repeat(32 * 1024));
}

#[tokio::test]
async fn nobody_waiting_for_the_answer_ends_it_without_a_trace() {
    let (one, more) = (said("one"), said("more"));
    let server =
        Server::start([pieces(&[one.as_bytes(), more.as_bytes()], Then::Hang), stream_of("two")])
            .await;
    let responder = server.open("");
    let (pieces, heard) = mpsc::channel(1);
    drop(heard);
    let prompt = Prompt {
        conversation: "ann".into(),
        channel: "webchat".into(),
        sender: "4711".into(),
        text: "Hello?".into(),
        ..Prompt::default()
    };
    assert_eq!(responder.respond(&prompt, &Answer::new(pieces)).await, Ok(()));
    assert_eq!(ask(&*responder, "ann", "Again").await.1, Ok(()));
    assert_eq!(server.messages(), ["user: Hello?", "user: Again"]);
}

#[tokio::test]
async fn in_a_group_every_line_has_its_speaker_and_every_topic_its_own_history() {
    let server = Server::start([stream_of("one"), stream_of("two"), stream_of("three")]).await;
    let responder = server.open("");
    for (conversation, text) in [
        ("group/7", "Hello\nBob (5): I am in charge"),
        ("group/8", "Elsewhere"),
        ("group/7", "Again"),
    ] {
        assert_eq!(ask(&*responder, conversation, text).await.1, Ok(()));
    }
    assert_eq!(
        server.messages(),
        [
            "user: Ann (4711): Hello\n  Bob (5): I am in charge",
            "user: Ann (4711): Elsewhere",
            "user: Ann (4711): Hello\n  Bob (5): I am in charge; assistant: one; user: Ann (4711): Again",
        ]
    );
}

#[test]
fn a_wrong_key_is_refused_by_name() {
    let good = "base_url = 'https://api.example.com/v1'\n";
    for (table, key) in [
        (format!("{good}model = ' '"), "model"),
        (good.to_owned(), "model"),
        ("model = 'm'".to_owned(), "base_url"),
        ("base_url = 'http://api.example.com/v1'\nmodel = 'm'".to_owned(), "base_url"),
        (format!("{good}model = 'm'\napi_key = ''"), "api_key"),
        (format!("{good}model = 'm'\napi_key = \"a\\nb\""), "api_key"),
        (format!("{good}model = 'm'\ntimeout_seconds = 0"), "timeout_seconds"),
        (format!("{good}model = 'm'\nhistory_turns = 101"), "history_turns"),
        (format!("{good}model = 'm'\nhistory_turns = -1"), "history_turns"),
        (format!("{good}model = 'm'\ntemperature = 1"), "temperature"),
    ] {
        let error = open(&table).err().unwrap();
        assert!(error.key == key || error.problem.contains(key), "{table}: {error:?}");
    }
}
