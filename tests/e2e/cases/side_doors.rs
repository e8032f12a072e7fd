//! Everything that is not a plain message reaches the same gate, or nothing.

use openclaw_plugin_sdk::{ChatId, EventId, SentRef};
use serde_json::{Value, json};

use super::OWNED;
use crate::{
    fake_telegram::{group, person, private},
    world::{World, number},
};

fn message(content: &Value, name: &str) -> Value {
    let id = number(name);
    let date = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut message =
        json!({ "message_id": 77, "from": person(id, name), "chat": private(id), "date": date });
    message.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    message
}

async fn settled(world: &World) {
    world.telegram.until("the gateway acknowledges", |state| state.updates.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_091_case_092_what_is_no_message_opens_nothing() {
    let mut world = World::start(OWNED).await;
    let stranger = person(number("ann"), "ann");
    let reaction = json!({ "message_reaction": { "chat": private(number("ann")), "message_id": 1, "user": stranger,
        "date": 1, "old_reaction": [], "new_reaction": [{ "type": "emoji", "emoji": "👍" }] } });
    let joined = message(&json!({ "new_chat_members": [stranger] }), "ann");
    let pinned =
        message(&json!({ "pinned_message": message(&json!({ "text": "x" }), "ann") }), "ann");
    let edited = message(&json!({ "text": "hello", "edit_date": 5 }), "ann");
    let member = json!({ "my_chat_member": { "chat": private(number("ann")), "from": stranger, "date": 1,
        "old_chat_member": { "status": "left", "user": crate::fake_telegram::bot() },
        "new_chat_member": { "status": "member", "user": crate::fake_telegram::bot() } } });
    let press = json!({ "callback_query": { "id": "9", "from": stranger, "chat_instance": "1", "data": "approve",
        "message": message(&json!({ "text": "card" }), "owner") } });
    let unknown = json!({ "a_kind_that_does_not_exist_yet": { "from": stranger } });
    for update in [
        reaction,
        json!({ "message": joined }),
        json!({ "message": pinned }),
        json!({ "edited_message": edited }),
        member,
        press,
        unknown,
    ] {
        world.telegram.update(update);
    }
    settled(&world).await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    assert_eq!(world.unread(1001), Vec::<String>::new());
    assert_eq!(world.home.read("credentials/telegram-pairing.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_case_017_an_edit_a_press_or_an_alias_is_no_way_around_the_gate() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let text = world.next(number("ann")).await;
    let code = text.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    assert!(world.next(1001).await.contains(&code));
    // The owner's own edit decides nothing: what they meant is what they send.
    let edit =
        message(&json!({ "text": format!("/pairing approve {code}"), "edit_date": 5 }), "owner");
    world.telegram.update(json!({ "edited_message": edit }));
    let card = SentRef { chat: ChatId::new("1001"), id: EventId::new(last_message(&world)) };
    for data in ["approve", &code, &format!("/pairing approve {code}")] {
        world.telegram.press(&person(number("ann"), "ann"), &card, data);
    }
    for alias in ["/Pairing", "/pairing@other_bot", "/pairing@gate_test_bot"] {
        world.say("ann", &format!("{alias} approve {code}")).await;
    }
    settled(&world).await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    assert_eq!(world.home.read("credentials/telegram-allowFrom.json"), "");
}

fn last_message(world: &World) -> String {
    world.telegram.with(|state| {
        state.messages.iter().rev().find(|shown| shown.chat["id"] == 1001).unwrap().id.clone()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_no_file_of_a_stranger_is_fetched() {
    let mut world = World::start(OWNED).await;
    let voice = json!({ "voice": { "file_id": "v", "file_unique_id": "v", "duration": 600, "file_size": 20_000_000 } });
    world.tell(private(number("ann")), person(number("ann"), "ann"), voice).await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    world.stop();
    assert_eq!(world.telegram.with(|state| state.fetched), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_095_a_strangers_words_do_not_come_in_as_a_quote() {
    let mut world =
        World::start(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    let quoted = message(&json!({ "text": "the stranger's words" }), "ann");
    let reply = json!({ "text": "look at this", "reply_to_message": quoted, "quote": { "text": "stranger's words", "position": 0 } });
    world
        .tell(private(4711), json!({ "id": 4711, "is_bot": false, "first_name": "Guest" }), reply)
        .await;
    let answer = world.next(4711).await;
    assert!(answer.contains("look at this") && !answer.contains("words"), "{answer}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_073_case_081_no_group_and_no_name_of_one_gives_access() {
    let groups = r#"group_policy = "allowlist"
groups = ["-100999"]
group_allow_from = ["4711"]
bot_token"#;
    let mut world = World::start(&OWNED.replace("bot_token", groups)).await;
    let guest = json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    let content = |text: &str| json!({ "text": format!("@gate_test_bot {text}"), "entities": [{ "type": "mention", "offset": 0, "length": 14 }] });
    world.tell(group(), guest.clone(), content("here")).await;
    let listed = json!({ "id": -100_999, "type": "supergroup", "title": "Family" });
    world.tell(listed, guest, content("there")).await;
    assert!(world.next(-100_999).await.contains("there"));
    world.stop();
    assert_eq!(world.unread(World::chat("group")), Vec::<String>::new());
}
