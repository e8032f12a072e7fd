//! How often owners are told, where, and when not.

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::{person, private},
    process::{PATIENCE, look_again, texts},
    world::{World, number},
};

const OWNER: i64 = 1001;

/// The owner's configuration with more in its table.
fn owned(more: &str) -> String {
    let places = "[pairing]\nmax_pending = 10\n[channels.telegram]";
    OWNED.replace("[channels.telegram]", &format!("{more}\n{places}"))
}

/// A stranger writes, and has got a code.
async fn knocks(world: &mut World, name: &str) -> String {
    world.tell(private(number(name)), person(number(name), name), json!({ "text": "hi" })).await;
    let challenge = world.next(number(name)).await;
    challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_106_of_a_crowd_five_come_at_once_and_one_message_counts_the_others() {
    let mut world = World::start(&owned("")).await;
    let mut codes = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        codes.push(knocks(&mut world, name).await);
    }
    for _ in 0..5 {
        let card = world.next(OWNER).await;
        assert!(card.starts_with("A sender asks for access."), "{card}");
    }
    world.shows("owner", "3 more cards wait").await;
    let deny = ["pairing", "deny", "telegram", &codes[7]];
    assert!(world.home.cli(&deny).status.success());
    world.shows("owner", "2 more cards wait").await;
    world.stop();
    let unread = world.unread(OWNER);
    assert_eq!(unread.len(), 1, "edited in place: {unread:?}");
    // Neither a restart nor a decided card gives room for another.
    world.run();
    assert!(world.press("owner", "Deny").await.starts_with("⛔ Denied"));
    world.shows("owner", "⛔ Denied").await;
    world.stop();
    assert_eq!(world.unread(OWNER).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_hold_cards_back_and_their_end_tells_who_came() {
    let now = openclaw::world::now();
    // From now on for some hours: two zones, so that no midnight is near.
    let minute = openclaw::world::minute_of_day(now, &jiff::tz::TimeZone::UTC);
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let quiet = format!("quiet = \"{}-{}\"", clock(minute + 1438), clock(minute + 180));
    let config = owned(&format!("{quiet}\ntime_zone = \"UTC\""));
    let mut world = World::start(&config).await;
    knocks(&mut world, "ann").await;
    knocks(&mut world, "bob").await;
    let code = knocks(&mut world, "eve").await;
    assert!(world.home.cli(&["pairing", "deny", "telegram", &code]).status.success());
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
    // Bob's hour is over before the quiet hours are.
    let file = "credentials/telegram-pairing.json";
    let mut requests: serde_json::Value = serde_json::from_str(&world.home.read(file)).unwrap();
    let id = number("bob").to_string();
    let old = openclaw::world::iso(openclaw_plugin_sdk::UnixMs(now.0 - 3_590_000));
    let rows = requests["requests"].as_array_mut().unwrap();
    let bob = rows.iter_mut().find(|row| row["id"] == id.as_str()).unwrap();
    bob["createdAt"] = old.into();
    world.home.put(file, &requests.to_string());
    world.run();
    let expired = async {
        while texts(&world.home.cli(&["pairing", "list", "telegram"])).0.contains(&id) {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, expired).await.expect("it expires");
    let known = async {
        while !world.home.read("outbox/cards.json").contains("\"missed\":[\"Telegram") {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, known).await.expect("it is noted");
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());

    let config = owned("").replace("{root}", &world.telegram.root());
    world.home.configure(&config.replace("{token}", crate::fake_telegram::TOKEN));
    world.run();
    let told = world.next(OWNER).await;
    assert!(
        told.starts_with("Quiet hours are over.\n\n1 waits:\n• Telegram (default), "),
        "{told}"
    );
    assert!(told.contains("ann Lee") && told.contains("1 has expired:\n• "), "{told}");
    assert!(told.contains("bob Lee") && !told.contains("eve"), "{told}");
    let card = world.next(OWNER).await;
    assert!(card.starts_with("A sender asks for access.") && card.contains("ann Lee"), "{card}");
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_chat_that_takes_it_is_told() {
    let both = "[\"telegram:1001\", \"telegram:1002\"]";
    let config = owned(&format!("notify = {both}")).replace("[\"telegram:1001\"]", both);
    let mut world = World::prepare(&config).await;
    world.telegram.with(|state| state.chats.insert(number("second")));
    world.run();
    knocks(&mut world, "ann").await;
    assert!(world.next(OWNER).await.contains("ann Lee"));
    // The first has blocked the bot now.
    world.telegram.with(|state| state.blocked.insert(OWNER));
    knocks(&mut world, "bob").await;
    let card = world.next(number("second")).await;
    assert!(card.contains("bob Lee"), "{card}");
    world.stop();
    assert_eq!(
        world.unread(number("second")),
        Vec::<String>::new(),
        "and the second owner knows nothing of Ann"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_on_the_page_decides_on_the_page() {
    let mut world = World::start(&format!("{OWNED}[channels.webchat]\n")).await;
    let you = world.visitor("bob").await.you.clone();
    assert!(world.home.cli(&["owner", "add", &format!("webchat:{you}")]).status.success());
    world.say("ann", "hello").await;
    let bob = world.visitor("bob").await;
    let card = bob.next().await;
    assert!(card.starts_with("A sender asks for access.\nChannel: Telegram"), "{card}");
    bob.press("Later").await;
    bob.sees("You are asked again at ").await;
    bob.press("Approve").await;
    bob.sees("Approve for how long?").await;
    bob.press("24 h").await;
    let card = bob.sees("✅ Approved").await;
    assert!(card.contains("Decided: by you, "), "{card}");
    let told = bob.next().await;
    assert!(told.starts_with("You are asked again at "), "{told}");
    assert_eq!(bob.next().await, "Approve for how long?");
    let told = bob.next().await;
    assert!(
        told.starts_with("✅ Approved telegram sender") && told.ends_with(", for 24 h"),
        "{told}"
    );
    world.next(OWNER).await;
    let card = world.shows("owner", "✅ Approved").await;
    assert!(card.contains(&format!("by webchat:{you}, ")), "{card}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_told_is_told_once_the_platform_is_there_again() {
    let mut world = World::start(&owned("")).await;
    world.telegram.with(|state| state.slow_down = Some(1));
    // The wish to wait meets the challenge or the card; both arrive, each once.
    knocks(&mut world, "ann").await;
    assert!(world.next(OWNER).await.contains("ann Lee"));
    world.telegram.with(|state| state.blocked.insert(OWNER));
    knocks(&mut world, "bob").await;
    let failed = async {
        while !world.home.read("outbox/cards.json").contains("\"failures\":5") {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("the failure is written down");
    world.stop();
    world.telegram.with(|state| state.blocked.remove(&OWNER));
    // Its time comes while nobody runs.
    let book = world.home.read("outbox/cards.json");
    let (head, rest) = book.split_once("\"failures\":5,\"next\":").unwrap();
    let (_, tail) = rest.split_once('}').unwrap();
    world.home.put("outbox/cards.json", &format!("{head}\"failures\":5,\"next\":1}}{tail}"));
    world.run();
    assert!(world.next(OWNER).await.contains("bob Lee"));
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}
