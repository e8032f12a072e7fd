//! The four apps, each from a setup code to a chat, and back after it was off.

use serde_json::{Value, json};

use super::{App, Phone};
use crate::{process::PATIENCE, world::World};

const CONFIG: &str = "[owner]\nallow_from = [\"telegram:1001\"]\n[channels.telegram]\nbot_token = \"{token}\"\napi_root = \"{root}\"\n";
const LIMITED: [&str; 5] = [
    "operator.approvals",
    "operator.questions",
    "operator.read",
    "operator.talk.secrets",
    "operator.write",
];

/// The owner asks for a code; the second message is the code and nothing else.
pub(super) async fn code(world: &mut World) -> String {
    world.say("owner", "/pair local").await;
    let owner = World::chat("owner");
    let told = world.next(owner).await;
    assert!(told.contains("/pair approve"), "{told}");
    world.next(owner).await
}

/// A phone with a code from the owner's chat.
pub(super) async fn with_code(app: App) -> (World, Phone) {
    let mut world = World::start(CONFIG).await;
    let code = code(&mut world).await;
    let mut phone = Phone::new("Ann's phone", app);
    phone.paste(&code);
    (world, phone)
}

/// The same, approved in the owner's chat; the first answer after that.
pub(super) async fn paired(app: App) -> (World, Phone, Value) {
    let (mut world, mut phone) = with_code(app).await;
    let refusal = phone.connect_node().await.unwrap_err();
    assert_eq!(refusal.error["code"], "NOT_PAIRED", "{refusal:?}");
    assert_eq!(refusal.detail("code"), "PAIRING_REQUIRED");
    assert_eq!(refusal.detail("reason"), "not-paired");
    assert_eq!(refusal.detail("recommendedNextStep"), "wait_then_retry");
    assert_eq!(refusal.error["details"]["pauseReconnect"], false);
    let (close, reason) = refusal.close.as_ref().expect("the socket is closed");
    assert!(*close == 1008 && reason.contains("pairing required"), "{close} {reason}");
    let id = refusal.detail("requestId").to_owned();
    assert!(reason.contains(&format!("(requestId: {id})")), "{reason}");

    let used = world.next(World::chat("owner")).await;
    assert!(used.contains("used"), "{used}");
    let notice = world.next(World::chat("owner")).await;
    for told in ["Ann's phone", "iOS 26.0.0", "operator.write"] {
        assert!(notice.contains(told), "{told} is not in {notice}");
    }
    let again = phone.connect_node().await.unwrap_err();
    assert_eq!(again.detail("requestId"), id, "an identical retry keeps its id");
    world.say("owner", "/pair approve").await;
    let done = world.next(World::chat("owner")).await;
    assert!(done.contains("Ann's phone"), "{done}");
    let hello = wait_for_approval(&mut phone).await;
    (world, phone, hello)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_of_february_connects_its_node_and_no_operator_without_a_device() {
    let (mut world, mut phone, hello) = paired(App::February).await;
    assert_eq!((&hello["protocol"], &hello["auth"]["role"]), (&json!(3), &json!("node")));
    let refusal = phone.connect_operator().await.unwrap_err();
    assert_eq!(refusal.says(), ("NOT_PAIRED", "device identity required"));
    assert_eq!(refusal.close, Some((1008, "device identity required".to_owned())));
    phone.off().await;
    assert_eq!(phone.connect_node().await.unwrap()["auth"]["role"], "node");
    world.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_of_march_gets_both_tokens_and_chats() {
    let (mut world, mut phone, hello) = paired(App::March).await;
    assert_eq!(hello["protocol"], 3);
    both_tokens(&hello);
    chats(&mut phone).await;
    comes_back(&mut world, &mut phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_app_gets_both_tokens_and_chats() {
    let (mut world, mut phone, hello) = paired(App::Newest).await;
    assert_eq!(hello["protocol"], 4);
    assert_eq!(hello["auth"]["method"], "bootstrap-token");
    both_tokens(&hello);
    chats(&mut phone).await;
    comes_back(&mut world, &mut phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_app_that_keeps_its_code_is_cut_to_the_codes_profile() {
    let (mut world, mut phone, hello) = paired(App::NewestByToken).await;
    assert_eq!(hello["protocol"], 4);
    chats(&mut phone).await;
    let operator = phone.operator.as_mut().unwrap();
    let refusal = operator.ask("device.pair.list", json!({})).await.unwrap_err();
    assert_eq!(refusal.says(), ("FORBIDDEN", "missing scope: operator.pairing"));
    comes_back(&mut world, &mut phone).await;
}

/// As apps do that are told to wait: once more, until an owner has decided.
async fn wait_for_approval(phone: &mut Phone) -> Value {
    let retry = async {
        loop {
            match phone.connect_node().await {
                Ok(hello) => return hello,
                Err(refusal) => assert_eq!(refusal.error["code"], "NOT_PAIRED", "{refusal:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, retry).await.expect("an approval")
}

fn both_tokens(hello: &Value) {
    assert!(hello["auth"]["deviceToken"].is_string());
    let others = hello["auth"]["deviceTokens"].as_array().expect("the other role's token");
    let [operator] = &others[..] else { panic!("{} other tokens", others.len()) };
    assert_eq!(operator["role"], "operator");
    assert!(
        operator["scopes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|scope| { LIMITED.contains(&scope.as_str().unwrap()) })
    );
}

pub(super) async fn chats(phone: &mut Phone) {
    let hello = phone.connect_operator().await.unwrap();
    let scopes = hello["auth"]["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!("operator.write")), "{scopes:?}");
    assert!(scopes.iter().all(|s| LIMITED.contains(&s.as_str().unwrap())), "{scopes:?}");
    let answer = phone.chat("is it open?").await;
    assert!(answer.ends_with("is it open?"), "{answer}");
}

/// Off and on, over `ws`; then the same with another gateway process.
async fn comes_back(world: &mut World, phone: &mut Phone) {
    phone.off().await;
    phone.connect_node().await.unwrap();
    chats(phone).await;
    world.stop();
    let (code, reason) = phone.operator.as_mut().unwrap().closed().await;
    assert_eq!((code, &*reason), (1012, "service restart"));
    world.run();
    phone.moved(world.gateway.as_ref().unwrap().port);
    phone.connect_node().await.unwrap();
    chats(phone).await;
    world.stop();
}
