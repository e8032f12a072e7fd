//! What a code is worth later. Its ten minutes pass in its file, while no gateway runs: there is no clock to turn.

use serde_json::Value;

use super::{
    App, Phone,
    shapes::{chats, paired, with_code},
};
use crate::world::World;

const MINUTE: u64 = 60_000;

/// Stops the gateway, puts the codes so many minutes back, and starts it.
async fn later(world: &mut World, phone: &mut Phone, minutes: u64) {
    phone.off().await;
    world.stop();
    let file = "devices/bootstrap.json";
    let mut codes: Value = serde_json::from_str(&world.home.read(file)).unwrap();
    let moved = age(&mut codes, minutes * MINUTE);
    assert!(moved > 0, "no time in {codes}");
    world.home.put(file, &codes.to_string());
    world.run();
    phone.moved(world.gateway.as_ref().unwrap().port);
}

/// Whatever looks like a time goes back; how many there were.
fn age(value: &mut Value, by: u64) -> usize {
    match value {
        Value::Array(list) => list.iter_mut().map(|item| age(item, by)).sum(),
        Value::Object(map) => map.values_mut().map(|item| age(item, by)).sum(),
        Value::Number(number) => match number.as_u64().filter(|at| *at > 1_000_000_000_000) {
            Some(at) => {
                *value = (at - by).into();
                1
            }
            None => 0,
        },
        _ => 0,
    }
}

async fn is_no_code(phone: &mut Phone) {
    let refusal = phone.connect_node().await.unwrap_err();
    assert_eq!(refusal.detail("code"), "AUTH_BOOTSTRAP_TOKEN_INVALID", "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unused_code_is_worth_nothing_after_ten_minutes() {
    for app in [App::Newest, App::February] {
        let (mut world, mut phone) = with_code(app).await;
        later(&mut world, &mut phone, 11).await;
        is_no_code(&mut phone).await;
        world.stop();
    }
}

/// Approved after so many minutes, and not let in yet.
async fn approved_after(app: App, minutes: u64) -> (World, Phone) {
    let (mut world, mut phone) = with_code(app).await;
    phone.connect_node().await.unwrap_err();
    later(&mut world, &mut phone, minutes).await;
    let again = phone.connect_node().await.unwrap_err();
    let approved = world.home.cli(&["devices", "approve", again.detail("requestId")]);
    assert!(approved.status.success(), "{approved:?}");
    (world, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_approved_in_its_last_minute_fetches_its_tokens_after_it() {
    let (mut world, mut phone) = approved_after(App::Newest, 9).await;
    later(&mut world, &mut phone, 3).await;
    // The first answer may have been lost on its way.
    let mut fetched = Vec::new();
    for _ in 0..2 {
        phone.tokens.clear();
        let hello = phone.connect_node().await.unwrap();
        assert_eq!(hello["auth"]["method"], "bootstrap-token");
        fetched.push(phone.tokens["node"].0.clone());
        phone.off().await;
    }
    assert_ne!(fetched[0], fetched[1], "the last ones count");
    chats(&mut phone).await;
    let hello = phone.connect_node().await.unwrap();
    assert_eq!(hello["auth"]["method"], "device-token", "from here by its own token");
    // It has shown one: the code still lets its key in, and gives no token again, now or later.
    for minutes in [0, 60] {
        later(&mut world, &mut phone, minutes).await;
        phone.tokens.clear();
        let hello = phone.connect_node().await.unwrap();
        assert_eq!(hello["auth"]["method"], "bootstrap-token");
        assert!(phone.tokens.is_empty(), "after {minutes} minutes");
    }
    let mut thief = Phone::new("Ann's phone", App::Newest);
    thief.code = phone.code.clone();
    is_no_code(&mut thief).await;
    world.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_whose_device_does_not_come_within_ten_minutes_of_the_approval_is_worth_nothing() {
    let (mut world, mut phone) = approved_after(App::Newest, 9).await;
    later(&mut world, &mut phone, 11).await;
    is_no_code(&mut phone).await;
    assert!(phone.tokens.is_empty());
    world.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_code_stays_good_for_its_key_and_for_no_other() {
    let (mut world, mut phone, _) = paired(App::NewestByToken).await;
    chats(&mut phone).await;
    later(&mut world, &mut phone, 11).await;
    phone.connect_node().await.unwrap();
    chats(&mut phone).await;

    for app in [App::NewestByToken, App::Newest] {
        let mut thief = Phone::new("Ann's phone", app);
        thief.code = phone.code.clone();
        is_no_code(&mut thief).await;
    }
    let mut nobody = Phone::new("nobody", App::February);
    nobody.code = phone.code.clone();
    let refusal = nobody.connect_operator().await.unwrap_err();
    assert_eq!(refusal.says(), ("NOT_PAIRED", "device identity required"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_of_february_comes_back_by_its_code_after_the_ten_minutes() {
    let (mut world, mut phone, _) = paired(App::February).await;
    later(&mut world, &mut phone, 11).await;
    phone.connect_node().await.unwrap();
    world.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_device_is_not_let_in_by_its_code() {
    let (mut world, mut phone, _) = paired(App::NewestByToken).await;
    let removed = world.home.cli(&["devices", "remove", &phone.device.id]);
    assert!(removed.status.success(), "{removed:?}");
    let (code, reason) = phone.node.as_mut().unwrap().closed().await;
    assert!(code == 4001 && reason.starts_with("client invalidated"), "{code} {reason}");
    is_no_code(&mut phone).await;
    world.stop();
}
