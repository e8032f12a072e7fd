//! Pictures and files: from a person with access to what answers, and never from a stranger.

mod others;
mod outwards;

use std::{
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::DefaultBodyLimit, extract::State as Shared, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::OWNED;
use crate::{
    fake_telegram::{State, TOKEN, person, private},
    process::write,
    world::{World, number},
};

const GUEST: i64 = 4711;
/// The beginning of a PNG, as far as it is looked at.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";
const PNG_DATA: &str = "data:image/png;base64,iVBORw0KGgpub3QgbXVjaCBvZiBhIHBpY3R1cmU=";

/// A model that answers `Seen.`, and what it was asked.
pub(super) struct Model {
    asked: Arc<Mutex<Vec<Value>>>,
    pub(super) table: String,
    _serving: JoinSet<()>,
}

impl Model {
    pub(super) async fn start() -> Self {
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let answer = |Shared(asked): Shared<Arc<Mutex<Vec<Value>>>>, Json(body): Json<Value>| async move {
            asked.lock().unwrap().push(body);
            Json(json!({ "choices": [{ "message": { "content": "Seen." } }] }))
        };
        let router = Router::new().route("/v1/chat/completions", post(answer));
        let router = router.layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&asked));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let table = format!(
            "[assistant]\nresponder = \"openai\"\n[assistant.openai]\nbase_url = \"http://{}/v1\"\nmodel = \"m\"\n\
             describe_sender = false\n",
            listener.local_addr().unwrap()
        );
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { asked, table, _serving: serving }
    }

    /// What each question was that it got, the earlier ones of the conversation among it.
    pub(super) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().iter().map(|body| body["messages"].clone()).collect()
    }

    /// The words and the pictures of the last question.
    pub(super) fn last(&self) -> Value {
        let asked = self.asked();
        let last = asked.last().and_then(|messages| messages.as_array()?.last().cloned());
        last.unwrap_or_default()["content"].clone()
    }
}

fn shown(text: &str, pictures: &[&str]) -> Value {
    let text = json!({ "type": "text", "text": text });
    let picture = |url: &&str| json!({ "type": "image_url", "image_url": { "url": url } });
    [text].into_iter().chain(pictures.iter().map(picture)).collect()
}

fn with_guest() -> String {
    OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")
}

/// The guest sends this.
async fn sends(world: &World, content: Value) {
    world.tell(private(GUEST), person(GUEST, "Guest"), content).await;
}

fn photo(world: &World, caption: &str) -> Value {
    let id = world.telegram.with(|state| state.keep("photos/file_1.jpg", PNG.to_vec()));
    let small = json!({ "file_id": "small", "file_unique_id": "s", "width": 1, "height": 1 });
    let large = json!({ "file_id": id, "file_unique_id": "l", "width": 9, "height": 9, "file_size": PNG.len() });
    json!({ "photo": [small, large], "caption": caption })
}

fn document(world: &World, name: &str, bytes: Vec<u8>) -> Value {
    let id = world.telegram.with(|state| {
        let path = format!("documents/file_{}.bin", state.files.len());
        state.keep(&path, bytes)
    });
    json!({ "document": { "file_id": id, "file_unique_id": "d", "file_name": name } })
}

/// How many files were asked for at their address. To ask for that is a call of its own.
fn fetched(world: &World) -> usize {
    world.telegram.with(|state| state.fetched - asked_for(state))
}

fn asked_for(state: &State) -> usize {
    state.calls.iter().filter(|(name, _)| name == "getfile").count()
}

/// What is left in the folder of files.
fn left(world: &World) -> usize {
    std::fs::read_dir(world.home.state().join("run/files")).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_guest_reaches_the_model_and_is_in_no_history() {
    let model = Model::start().await;
    let mut world = World::start(&format!("{}{}", with_guest(), model.table)).await;
    sends(&world, photo(&world, "what is this?")).await;
    assert_eq!(world.next(GUEST).await, "Seen.");
    let words = "what is this?\n[file.png, image/png]";
    assert_eq!(model.last(), shown(words, &[PNG_DATA]));
    assert_eq!(fetched(&world), 1, "the largest size alone");

    sends(&world, json!({ "text": "and now?" })).await;
    assert_eq!(world.next(GUEST).await, "Seen.");
    let said = model.asked().pop().unwrap();
    assert_eq!(said[0]["content"], words);
    assert_eq!(said[2]["content"], "and now?");
    // Without a word, a picture is a question too.
    sends(&world, document(&world, "cat.txt", PNG.to_vec())).await;
    assert_eq!(world.next(GUEST).await, "Seen.");
    assert_eq!(model.last(), shown("[cat.txt, image/png]", &[PNG_DATA]));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_guest_is_at_a_path_for_a_program_and_gone_after_the_answer() {
    let table = "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"answer\"\n";
    let mut world = World::prepare(&format!("{}{table}", with_guest())).await;
    let program = world.home.bin().join("answer");
    std::fs::create_dir_all(world.home.bin()).unwrap();
    let script = "#!/bin/sh\nread -r line\nprintf '%s\\n' \"$line\" >> $HOME/asked\n\
                  path=$(printf %s \"$line\" | sed -n 's/.*\"path\":\"\\([^\"]*\\)\".*/\\1/p')\n\
                  stat -c %a \"$path\" \"$(dirname \"$path\")\"; cat \"$path\"\n";
    write(&program, script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.run();
    sends(&world, document(&world, "../../.ssh/\u{202e}x'$(id).pdf", b"%PDF-1.7 words".to_vec()))
        .await;
    assert_eq!(world.next(GUEST).await, "600\n700\n%PDF-1.7 words");
    let asked =
        std::fs::read_to_string(world.home.state().parent().unwrap().join("asked")).unwrap();
    let asked: Value = serde_json::from_str(&asked).unwrap();
    let file = &asked["files"][0];
    assert_eq!(file["name"], "x(id).pdf");
    assert_eq!((&file["type"], &file["size"]), (&json!("application/pdf"), &json!(14)));
    let path = std::path::PathBuf::from(file["path"].as_str().unwrap());
    assert!(path.starts_with(world.home.state().join("run/files")), "{path:?}");
    assert_eq!(path.file_name().unwrap(), "1.pdf");
    assert!(!path.exists());
    assert_eq!(left(&world), 0);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_strangers_picture_is_fetched_neither_before_nor_by_the_approval() {
    let model = Model::start().await;
    let mut world = World::start(&format!("{OWNED}{}", model.table)).await;
    let ann = number("ann");
    world.tell(private(ann), person(ann, "ann"), photo(&world, "look")).await;
    assert!(world.next(ann).await.contains("Pairing code: "));
    assert_eq!(fetched(&world), 0);
    world.next(1001).await;
    world.press("owner", "Approve").await;
    world.press("owner", "24 h").await;
    world.shows("ann", "approved").await;
    assert_eq!(fetched(&world), 0);
    assert_eq!(world.telegram.with(|state| asked_for(state)), 0);
    world.tell(private(ann), person(ann, "ann"), photo(&world, "look")).await;
    world.shows("ann", "Seen.").await;
    assert_eq!(model.last(), shown("look\n[file.png, image/png]", &[PNG_DATA]));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_file_that_does_not_come_is_told_in_a_sentence_and_the_token_to_nobody() {
    const LARGE: &str =
        "The files of a message may have 10 MB together. What is larger was left out.";
    const GONE: &str = "A file could not be fetched and was left out. Please send it again.";
    let model = Model::start().await;
    let mut world = World::start(&format!("{}{}", with_guest(), model.table)).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let moved_to = format!("http://{}/x", elsewhere.local_addr().unwrap());

    let mut huge = PNG.to_vec();
    huge.resize(10 * 1024 * 1024 + 1, 0);
    sends(&world, document(&world, "huge.png", huge)).await;
    assert_eq!(world.next(GUEST).await, LARGE);
    assert_eq!(fetched(&world), 1);
    let claims =
        json!({ "document": { "file_id": "x", "file_unique_id": "x", "file_size": 20_000_000 } });
    sends(&world, claims).await;
    assert_eq!(world.next(GUEST).await, LARGE);
    assert_eq!(fetched(&world), 1, "what says that it is too large is not asked for");

    sends(&world, json!({ "document": { "file_id": "gone", "file_unique_id": "g" } })).await;
    assert_eq!(world.next(GUEST).await, GONE);
    for path in ["/etc/passwd", "../../getMe", "documents//x", ""] {
        let content = document(&world, "x.png", PNG.to_vec());
        let id = content["document"]["file_id"].as_str().unwrap().to_owned();
        world.telegram.with(|state| state.files.get_mut(&id).unwrap().path = path.to_owned());
        sends(&world, content).await;
        assert_eq!(world.next(GUEST).await, GONE, "{path}");
    }
    assert_eq!(fetched(&world), 1, "no such path is asked for");
    let content = document(&world, "x.png", PNG.to_vec());
    let id = content["document"]["file_id"].as_str().unwrap().to_owned();
    world.telegram.with(|state| {
        let file = state.files.get_mut(&id).unwrap();
        (file.path, file.moved_to) = ("documents/moved".to_owned(), Some(moved_to));
    });
    sends(&world, content).await;
    assert_eq!(world.next(GUEST).await, GONE);
    let came = tokio::time::timeout(std::time::Duration::ZERO, elsewhere.accept()).await;
    assert!(came.is_err(), "no redirect is followed");

    // The words that came with it are answered all the same, and what is no picture is no picture.
    let mut content = document(&world, "report.png", b"%PDF-1.7".to_vec());
    content["caption"] = "hello".into();
    sends(&world, content).await;
    let left_out = "The assistant reads text and pictures only. Other files were left out.";
    assert_eq!([world.next(GUEST).await, world.next(GUEST).await], [left_out, "Seen."]);
    assert_eq!(model.last(), "hello");
    assert_eq!(model.asked().len(), 1);
    world.stop();
    let logged = world.home.logged();
    assert!(logged.contains("a file is left out") && logged.contains("answered 302"), "{logged}");
    let secret = TOKEN.split_once(':').unwrap().1;
    assert!(!logged.contains(secret), "case_107");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_is_one_question() {
    let model = Model::start().await;
    let mut world = World::start(&format!("{}{}", with_guest(), model.table)).await;
    for caption in ["", "what are these?", ""] {
        let mut part = photo(&world, caption);
        part["media_group_id"] = "77".into();
        world.telegram.message(private(GUEST), person(GUEST, "Guest"), part);
    }
    assert_eq!(world.next(GUEST).await, "Seen.");
    let asked = model.last();
    assert!(asked[0]["text"].as_str().unwrap().starts_with("what are these?\n["), "{asked}");
    assert_eq!(asked.as_array().unwrap().len(), 4, "the words and three pictures");
    sends(&world, photo(&world, "and this?")).await;
    assert_eq!(world.next(GUEST).await, "Seen.");
    assert_eq!(model.asked().len(), 2);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_fetched_again_while_its_server_is_in_trouble_and_not_for_ever() {
    let model = Model::start().await;
    let mut world = World::start(&format!("{}{}", with_guest(), model.table)).await;
    for (troubles, tries, answer) in [(2, 3, "Seen."), (3, 6, "A file could not be fetched")] {
        let content = document(&world, "cat.png", PNG.to_vec());
        let id = content["document"]["file_id"].as_str().unwrap().to_owned();
        world.telegram.with(|state| state.files.get_mut(&id).unwrap().troubles = troubles);
        sends(&world, content).await;
        assert!(world.next(GUEST).await.starts_with(answer), "{troubles}");
        assert_eq!(fetched(&world), tries);
    }
    world.stop();
}

/// The guest sends a picture that never comes; the gateway waits for it.
async fn stalls(world: &World) -> String {
    let content = photo(world, "look");
    let id = content["photo"][1]["file_id"].as_str().unwrap().to_owned();
    world.telegram.with(|state| state.files.get_mut(&id).unwrap().stalls = true);
    sends(world, content).await;
    world.telegram.until("the picture is asked for", |state| state.fetched == 2).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn case_037_a_block_while_a_picture_is_fetched_stops_it() {
    let model = Model::start().await;
    let mut world = World::start(&format!("{}{}", with_guest(), model.table)).await;
    stalls(&world).await;
    world.say("owner", "/access block telegram:4711").await;
    world.home.logs("no longer admitted").await;
    assert!(model.asked().is_empty());
    world.stop();
    assert_eq!(world.unread(GUEST), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_a_crash_has_cut_off_is_fetched_again() {
    let model = Model::start().await;
    let mut world = World::start(&format!("{}{}", with_guest(), model.table)).await;
    let id = stalls(&world).await;
    world.kill();
    world.telegram.with(|state| state.files.get_mut(&id).unwrap().stalls = false);
    world.home.put("run/files/left/1.png", "left behind");
    world.run();
    assert_eq!(world.next(GUEST).await, "Seen.");
    assert_eq!(model.last(), shown("look\n[file.png, image/png]", &[PNG_DATA]));
    assert_eq!(left(&world), 0);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_switched_off_by_one_key() {
    let model = Model::start().await;
    let off = model.table.replacen("[assistant]", "[assistant]\nattachments = false", 1);
    let mut world = World::start(&format!("{}{off}", with_guest())).await;
    sends(&world, document(&world, "cat.png", PNG.to_vec())).await;
    assert_eq!(world.next(GUEST).await, "I can only read text. Please write what you mean.");
    sends(&world, photo(&world, "look")).await;
    assert_eq!(world.next(GUEST).await, "Seen.");
    assert_eq!((model.last(), fetched(&world)), (json!("look"), 0));
    world.stop();
}
