//! Cards: who may press which button, and what stands there afterwards.

use serde_json::{Value, json};

use super::OWNED;
use crate::{
    fake_telegram::{GROUP, group, person, private},
    process::{look_again, texts},
    world::{World, number},
};

const OWNER: i64 = 1001;

/// Ann waits, and the card stands in the owner's chat.
async fn asked() -> World {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    world.next(OWNER).await;
    world
}

/// The lines of the access log with this action.
fn logged(world: &World, action: &str) -> Vec<Value> {
    let log = world.home.read("audit/access.jsonl");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["action"] == action).collect()
}

async fn is_noted(world: &World, count: usize) {
    let noted = async {
        while logged(world, "refused").len() < count {
            look_again().await;
        }
    };
    tokio::time::timeout(crate::process::PATIENCE, noted).await.expect("refusals are noted");
}

fn waits(world: &World) -> bool {
    texts(&world.home.cli(&["pairing", "list", "telegram"])).0.contains("(1)")
}

/// A press as Telegram announces it, on any message.
fn announce(world: &World, from: &str, chat: &Value, message: i64, data: &str) {
    let query = format!("forged-{from}-{message}");
    world.telegram.update(json!({ "callback_query": {
        "id": query, "from": person(number(from), from), "chat_instance": "1", "data": data,
        "message": { "message_id": message, "chat": chat, "date": 1 },
    } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_case_015_only_the_owners_own_press_on_the_very_card_counts() {
    let mut world = asked().await;
    let (on, data) = world.button("owner", "Approve").await;
    let message: i64 = on.id.as_str().parse().unwrap();
    let before = world.chats();
    // The applicant copies the data, onto a message of their own and onto the owner's.
    announce(&world, "ann", &private(number("ann")), 1, &data);
    announce(&world, "ann", &private(OWNER), message, &data);
    // Another account, and the card in a group, pressed by the owner.
    announce(&world, "bob", &private(number("bob")), message, &data);
    announce(&world, "owner", &group(), message, &data);
    is_noted(&world, 3).await;
    // The owner, on a message that shows no card.
    let challenge = world.telegram.with(|state| {
        let mut shown = state.messages.iter();
        shown.find(|shown| shown.chat["id"] == number("ann")).cloned().unwrap()
    });
    announce(&world, "owner", &private(OWNER), challenge.id.parse().unwrap(), &data);
    world.telegram.until("acknowledged", |state| state.updates.is_empty()).await;
    assert!(waits(&world), "nobody is let in");
    assert!(logged(&world, "approve").is_empty());
    let mut refused: Vec<_> =
        logged(&world, "refused").iter().map(|line| line["actor"].to_string()).collect();
    // Presses of different people are judged beside each other.
    refused.sort();
    refused.dedup();
    let mut all = [OWNER, number("ann"), number("bob")].map(|id| format!("\"telegram:{id}\""));
    all.sort();
    assert_eq!(refused, all, "each once");
    assert!(world.unread(number("ann")).is_empty() && world.unread(GROUP).is_empty());
    assert!(world.chats().iter().all(|chat| before.contains(chat) || *chat == OWNER));
    // And the owner's own press does.
    assert_eq!(world.press("owner", "Approve").await, "Approve for how long?");
    assert!(world.press("owner", "For good").await.starts_with("✅ Approved telegram sender"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_data_that_is_not_this_cards_decides_nothing() {
    let mut world = asked().await;
    let (anns, for_ann) = world.button("owner", "Approve").await;
    world.say("bob", "hello").await;
    world.next(number("bob")).await;
    world.next(OWNER).await;
    let (bobs, for_bob) = world.button("owner", "Approve").await;
    assert_ne!((&anns, &for_ann), (&bobs, &for_bob));
    for (on, data) in [(&anns, &*for_bob), (&bobs, &*for_ann), (&anns, "approve"), (&anns, "")] {
        if data.is_empty() {
            continue;
        }
        let told = world.press_with("owner", on, data).await;
        assert!(told.contains("no card of mine"), "{told}");
    }
    assert!(logged(&world, "approve").is_empty());
    assert_eq!(logged(&world, "refused").len(), 1, "a flood is one line");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_013_case_117_pressing_twice_decides_once_and_says_so() {
    let mut world = asked().await;
    assert_eq!(world.press("owner", "Approve").await, "Approve for how long?");
    let (on, data) = world.button("owner", "For good").await;
    let first = world.press_with("owner", &on, &data).await;
    assert!(first.starts_with("✅ Approved telegram sender"), "{first}");
    let second = world.press_with("owner", &on, &data).await;
    assert!(second.starts_with("✅ Approved by you") || second.contains("already"), "{second}");
    let card = world.shows("owner", "✅ Approved").await;
    assert!(card.contains("by you, ") && card.contains(&number("ann").to_string()), "{card}");
    assert!(!card.contains("Code"), "{card}");
    assert!(world.buttons("owner").is_empty(), "nothing is left to press");
    let third = world.press_with("owner", &on, &data).await;
    assert!(third.starts_with("✅ Approved by you, "), "{third}");
    assert_eq!(logged(&world, "approve").len(), 1);
    assert!(world.next(number("ann")).await.contains("access approved"));
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new(), "welcomed once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_outlives_a_restart_and_shows_what_the_command_line_decided() {
    let mut world = asked().await;
    let (on, data) = world.button("owner", "Deny").await;
    world.stop();
    world.run();
    let told = world.press_with("owner", &on, &data).await;
    assert!(told.starts_with("⛔ Denied telegram sender"), "{told}");
    world.shows("owner", "⛔ Denied").await;

    world.say("bob", "hello").await;
    let challenge = world.next(number("bob")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    let (on, data) = world.button("owner", "Approve").await;
    world.stop();
    assert!(world.home.cli(&["pairing", "approve", "telegram", &code]).status.success());
    world.run();
    let card = world.shows("owner", "✅ Approved").await;
    assert!(card.contains("by uid:") && card.contains(" at the command line, "), "{card}");
    assert!(world.buttons("owner").is_empty(), "also where nobody ran when it was decided");
    let told = world.press_with("owner", &on, &data).await;
    assert!(told.starts_with("✅ Approved by uid:"), "{told}");
    world.stop();
    assert_eq!(world.unread(OWNER).len(), 1, "one card each, and no word more");
    let book = world.home.read("outbox/cards.json");
    assert!(book.contains("telegram") && !book.contains(&code), "no code stands in the outbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_035_what_has_changed_since_is_not_decided_and_both_are_shown() {
    let mut world = asked().await;
    let (on, data) = world.button("owner", "Approve").await;
    let file = world.home.read("credentials/telegram-pairing.json");
    assert!(file.contains("\"ann\""));
    world.home.put("credentials/telegram-pairing.json", &file.replace("\"ann\"", "\"your boss\""));
    let told = world.press_with("owner", &on, &data).await;
    assert!(told.contains("Nothing was decided") || told.contains("already"), "{told}");
    assert!(waits(&world) && logged(&world, "approve").is_empty());
    let card = world.shows("owner", "your boss Lee").await;
    assert!(card.starts_with("This request has changed"), "{card}");
    assert!(card.contains("Name (not verified): your boss Lee"), "{card}");
    assert!(card.contains("Name (not verified), before: ann Lee"), "{card}");
    let (again, fresh) = world.button("owner", "Approve").await;
    assert_eq!(again, on, "the same card");
    assert_ne!(fresh, data, "with new buttons");
    assert!(world.press_with("owner", &on, &data).await.contains("already"));
    assert!(waits(&world));
    assert_eq!(world.press_with("owner", &on, &fresh).await, "Approve for how long?");
    assert!(world.press("owner", "For good").await.starts_with("✅ Approved telegram"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_a_long_name_is_shown_by_its_ends_below_the_whole_id() {
    let mut world = World::start(OWNED).await;
    let name = format!("Begin{}End", "x".repeat(4096));
    let id = number("ann");
    world.tell(private(id), person(id, &name), json!({ "text": "hello" })).await;
    world.next(id).await;
    let card = world.next(OWNER).await;
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at(&id.to_string()) < at("Begin"), "{card}");
    assert!(card.contains("End Lee") && card.contains(" characters)"), "{card}");
    assert!(card.len() < 500, "{card}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn later_asks_again_and_the_card_says_when() {
    let mut world = asked().await;
    let told = world.press("owner", "Later").await;
    assert!(told.starts_with("You are asked again at "), "{told}");
    world.shows("owner", "You are asked again at ").await;
    let gone = async {
        while world.buttons("owner") != ["Approve", "Deny", "Block"] {
            look_again().await;
        }
    };
    tokio::time::timeout(crate::process::PATIENCE, gone).await.expect("it is not put off twice");
    // The time comes while nobody runs.
    world.stop();
    let book = world.home.read("outbox/cards.json");
    let (head, rest) = book.split_once("{\"later\":").unwrap();
    let (_, tail) = rest.split_once('}').unwrap();
    world.home.put("outbox/cards.json", &format!("{head}{{\"later\":1}}{tail}"));
    world.run();
    let again = world.next(OWNER).await;
    assert!(again.starts_with("A sender asks for access."), "{again}");
    world.shows("owner", "You are asked again below.").await;
    assert_eq!(world.press("owner", "Approve").await, "Approve for how long?");
    assert_eq!(world.press("owner", "Back").await, "Nothing was done.");
    assert_eq!(world.press("owner", "Approve").await, "Approve for how long?");
    assert!(world.press("owner", "30 d").await.ends_with(", for 30 d"));
    world.shows("owner", "✅ Approved").await;
    world.shows("owner", "Until: ").await;
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_018_case_019_a_card_that_is_relayed_keeps_whose_it_is() {
    let config = OWNED.replace("[\"telegram:1001\"]", "[\"telegram:1001\", \"telegram:1002\"]");
    let mut world = World::prepare(&config).await;
    world.telegram.with(|state| state.chats.insert(number("second")));
    world.run();
    world.say("ann", "hello").await;
    let (on, data) = world.button("owner", "Approve").await;
    let (own, _) = world.button("second", "Approve").await;
    // The first owner's data, relayed into the second's chat: neither that message nor the second's own card takes it.
    let relayed = world.telegram.with(|state| {
        let mut copy = state.shown(&on).unwrap().clone();
        copy.chat = private(number("second"));
        copy.id = state.number().to_string();
        state.messages.push(copy.clone());
        copy
    });
    let relayed = openclaw_plugin_sdk::SentRef {
        chat: own.chat.clone(),
        id: openclaw_plugin_sdk::EventId::new(relayed.id),
    };
    for on in [&relayed, &own] {
        let told = world.press_with("second", on, &data).await;
        assert!(told.contains("no card of mine"), "{told}");
    }
    assert!(waits(&world));
    // The second's own does, and the first owner's shows it.
    world.telegram.with(|state| state.messages.retain(|shown| shown.id != relayed.id.as_str()));
    assert_eq!(world.press("second", "Approve").await, "Approve for how long?");
    assert!(world.press("second", "For good").await.starts_with("✅ Approved"));
    let card = world.shows("owner", "✅ Approved").await;
    assert!(card.contains("by telegram:1002, "), "{card}");
    assert_eq!(logged(&world, "approve")[0]["actor"], "telegram:1002");
    assert!(world.press_with("owner", &on, &data).await.contains("by telegram:1002"));
    world.stop();
}
