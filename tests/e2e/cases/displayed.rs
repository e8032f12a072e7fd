//! What is displayed is what is decided: a table of surfaces and of what may change after something was shown.

use openclaw_plugin_sdk::SentRef;
use serde_json::{Value, json};

use super::{OWNED, sockets::TOKEN};
use crate::{
    fake_telegram::{person, private},
    process::{look_again, texts},
    wire::Wire,
    world::{World, number},
};

const OWNER: i64 = 1001;

/// Everybody waits at once, and gets a card at once.
fn config() -> String {
    let rules = "[pairing]\nmax_pending = 20\nhold_first_message = true\n[owner.cards]\nburst = 60\nper_minute = 60\n";
    format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{OWNED}{rules}")
}

/// What is there to be chosen by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Surface {
    Press,
    Number,
    Word,
    Chat,
    CliCode,
    CliJson,
    Rpc,
}

use Surface::{Chat, CliCode, CliJson, Number, Press, Rpc, Word};

const SURFACES: [Surface; 7] = [Press, Number, Word, Chat, CliCode, CliJson, Rpc];

/// What happens after a request was shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Nothing,
    Claim,
    Held,
    Name,
    /// Its hour is over.
    Over,
}

/// What becomes of a decision that goes by what was shown before the change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// It is made.
    Decided,
    /// It is not, and the answer says so and where to look.
    Refused,
    /// Nothing waits any more, and nothing is decided.
    Gone,
    /// It is no decision at all.
    Ordinary,
}

/// A card that was edited shows the present state, and so does the chat that it stands in.
fn expected(surface: Surface, change: Change) -> Outcome {
    match (surface, change) {
        (Number, _) => Outcome::Ordinary,
        (_, Change::Over) => Outcome::Gone,
        (_, Change::Nothing) | (Word | Chat, Change::Held | Change::Name) => Outcome::Decided,
        (Press | CliCode | CliJson | Rpc, _) | (Word | Chat, Change::Claim) => Outcome::Refused,
    }
}

/// A person who waits, as every surface has shown it.
struct Shown {
    name: String,
    code: String,
    card: SentRef,
    deny: String,
    revision: String,
    request: Value,
}

async fn wire(world: &World) -> Wire {
    let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
    let scopes = ["operator.admin", "operator.pairing"];
    let mut params = Wire::params("operator", &scopes, json!({ "token": TOKEN }));
    params["client"]["instanceId"] = "one".into();
    wire.connect(params).await.unwrap();
    wire
}

/// The rows of a list about a person, from the command line and from the socket.
async fn rows(world: &World, wire: &mut Wire, name: &str) -> Option<(Value, Value)> {
    let id = number(name).to_string();
    let listed = texts(&world.home.cli(&["pairing", "list", "--json"])).0;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let find = |rows: &Value, key: &str| {
        rows.as_array().unwrap().iter().find(|row| row[key] == id.as_str()).cloned()
    };
    let cli = find(&listed["requests"], "id")?;
    let listed = wire.call("channels.pairing.list", json!({})).await.unwrap();
    Some((cli, find(&listed["requests"], "senderId").unwrap()))
}

async fn waits(world: &World, wire: &mut Wire, name: &str) -> bool {
    rows(world, wire, name).await.is_some()
}

async fn ask(world: &mut World, wire: &mut Wire, name: &str, first: &str) -> Shown {
    world.say(name, first).await;
    let challenge = world.next(number(name)).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.shows("owner", &code).await;
    let (card, deny) = world.button("owner", "Deny").await;
    let (cli, rpc) = rows(world, wire, name).await.unwrap();
    let revision = cli["revision"].as_str().unwrap().to_owned();
    assert_eq!(rpc["metadata"]["revision"], revision.as_str());
    Shown { name: name.to_owned(), code, card, deny, revision, request: rpc["requestId"].clone() }
}

/// The new state stands in the owner's chat.
async fn change(world: &mut World, change: Change, all: &[Shown]) {
    match change {
        Change::Nothing => {}
        Change::Name => {
            let file = world.home.read("credentials/telegram-pairing.json");
            world.home.put("credentials/telegram-pairing.json", &file.replace("Lee", "Boss"));
            world.telegram.message(
                private(OWNER),
                person(OWNER, "owner"),
                json!({ "text": "/help" }),
            );
        }
        Change::Over => {
            let file = world.home.read("credentials/telegram-pairing.json");
            let mut file: Value = serde_json::from_str(&file).unwrap();
            let then = jiff::Timestamp::now().as_second() - 2 * 3_600;
            let then = format!("{:.3}", jiff::Timestamp::from_second(then).unwrap());
            for row in file["requests"].as_array_mut().unwrap() {
                row["createdAt"] = then.as_str().into();
            }
            world.home.put("credentials/telegram-pairing.json", &file.to_string());
        }
        Change::Held => {
            for one in all {
                world.say(&one.name, "is the blue lamp still there?").await;
            }
        }
        Change::Claim => {
            for one in all {
                world.say("friend", "/link").await;
                let told = loop {
                    let told = world.next(number("friend")).await;
                    if told.contains("link-") {
                        break told;
                    }
                };
                let code = told.split_whitespace().find(|word| word.starts_with("link-")).unwrap();
                world.say(&one.name, code).await;
                world.next(number(&one.name)).await;
            }
        }
    }
    let mark = match change {
        Change::Nothing => return,
        Change::Name => "Boss",
        Change::Held => "held, 29 characters",
        Change::Claim => "Claims to be: telegram:",
        Change::Over => "Withdrawn",
    };
    for one in all {
        let id = number(&one.name).to_string();
        world
            .telegram
            .until("the card shows it", |state| {
                let mut cards = state.messages.iter().filter(|shown| shown.chat["id"] == OWNER);
                cards.any(|shown| shown.text.contains(&id) && shown.text.contains(mark))
            })
            .await;
    }
}

/// A reply to a message of the bot, and what is said to it.
async fn reply(world: &mut World, to: &SentRef, text: &str) -> String {
    let last = world.telegram.with(|state| state.shown(to).unwrap().wire());
    let before = world.unread(OWNER).len();
    let content = json!({ "text": text, "reply_to_message": last });
    world.tell(private(OWNER), person(OWNER, "owner"), content).await;
    world.telegram.until("an answer", |_| true).await;
    loop {
        if let Some(said) = world.unread(OWNER).get(before..).and_then(|new| new.last().cloned()) {
            return said;
        }
        look_again().await;
    }
}

/// Goes by what was shown before the change.
async fn decide(world: &mut World, wire: &mut Wire, surface: Surface, shown: &Shown) -> String {
    let cli = |words: &[&str]| {
        let (out, err) = texts(&world.home.cli(words));
        out + &err
    };
    match surface {
        Press => world.press_with("owner", &shown.card, &shown.deny).await,
        Number => reply(world, &shown.card, "2").await,
        Word => {
            // The platform has shown it a moment before we know that it has.
            loop {
                let said = reply(world, &shown.card, "no").await;
                if !said.contains("does not show how it stands now") {
                    return said;
                }
            }
        }
        Chat => {
            let before = world.unread(OWNER).len();
            world.say("owner", &format!("/pairing deny {}", shown.code)).await;
            loop {
                if let Some(said) = world.unread(OWNER).get(before) {
                    return said.clone();
                }
                look_again().await;
            }
        }
        CliCode => cli(&["pairing", "deny", "telegram", &shown.code]),
        CliJson => {
            cli(&["pairing", "deny", "telegram", &shown.code, "--as-shown", &shown.revision])
        }
        Rpc => {
            let which = json!({
                "channel": "telegram", "accountId": "default", "requestId": shown.request,
            });
            match wire.call("channels.pairing.dismiss", which).await {
                Ok(done) => format!("Denied {done}"),
                Err(error) => error["message"].as_str().unwrap().to_owned(),
            }
        }
    }
}

async fn play(happens: Change) {
    let mut world = World::start(&config()).await;
    let mut wire = wire(&world).await;
    if happens == Change::Claim {
        world.say("friend", "hello").await;
        let challenge = world.next(number("friend")).await;
        let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
        assert!(world.home.cli(&["pairing", "approve", &code]).status.success());
        world.shows("owner", "✅ Approved").await;
    }
    let mut all = Vec::new();
    let first = if happens == Change::Held { "/start" } else { "hello" };
    for surface in SURFACES {
        all.push(ask(&mut world, &mut wire, &format!("{surface:?}"), first).await);
    }
    change(&mut world, happens, &all).await;
    for (surface, shown) in SURFACES.into_iter().zip(&all) {
        let said = decide(&mut world, &mut wire, surface, shown).await;
        let place = format!("{surface:?} after {happens:?}: {said}");
        let still = waits(&world, &mut wire, &shown.name).await;
        match expected(surface, happens) {
            Outcome::Decided => assert!(said.contains("Denied") && !still, "{place}"),
            Outcome::Refused => assert!(!said.contains("Denied") && still, "{place}"),
            Outcome::Gone => assert!(!said.contains("Denied") && !still, "{place}"),
            Outcome::Ordinary => {
                assert!(said.contains('2') && still == (happens != Change::Over), "{place}");
            }
        }
    }
    world.stop();
    let denied = world.home.read("audit/access.jsonl").matches("\"action\":\"deny\"").count();
    let decided = |surface: &&Surface| expected(**surface, happens) == Outcome::Decided;
    assert_eq!(denied, SURFACES.iter().filter(decided).count(), "{happens:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_and_has_not_changed_is_decided_on_every_surface() {
    play(Change::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_122_a_claim_that_was_attached_after_it_was_shown_is_decided_on_no_surface() {
    play(Change::Claim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_143_a_message_that_is_held_after_it_was_shown_is_part_of_what_is_decided() {
    play(Change::Held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changed_after_it_was_shown_is_part_of_what_is_decided() {
    play(Change::Name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_hour_is_over_is_decided_on_no_surface() {
    play(Change::Over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_122_every_list_shows_the_claim_and_a_decision_carries_what_it_showed() {
    let mut world = World::start(&config()).await;
    let mut wire = wire(&world).await;
    world.say("friend", "hello").await;
    let challenge = world.next(number("friend")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    assert!(world.home.cli(&["pairing", "approve", &code]).status.success());
    world.shows("owner", "✅ Approved").await;
    let mut shown = Vec::new();
    for name in ["one", "two", "three"] {
        let one = ask(&mut world, &mut wire, name, "hello").await;
        change(&mut world, Change::Claim, &[one]).await;
        shown.push((name, rows(&world, &mut wire, name).await.unwrap()));
    }
    let claim = format!("telegram:{}", number("friend"));
    let (out, _) = texts(&world.home.cli(&["pairing", "list"]));
    assert!(out.contains("Claims to be") && out.contains(&claim), "{out}");
    assert!(out.contains("--as-shown"), "{out}");
    while !world.unread(OWNER).is_empty() {
        world.next(OWNER).await;
    }
    world.say("owner", "/pairing list").await;
    let list = world.next(OWNER).await;
    assert_eq!(list.matches(&format!("claims to be {claim}")).count(), 3, "{list}");
    // The command line: the code alone is refused, and says how to look.
    let (cli, _) = &shown[0].1;
    let (code, revision) = (cli["code"].as_str().unwrap(), cli["revision"].as_str().unwrap());
    assert_eq!(cli["claims"], claim.as_str());
    let (out, err) = texts(&world.home.cli(&["pairing", "approve", code]));
    assert!(out.is_empty() && err.contains(&claim) && err.contains("--as-shown"), "{out}{err}");
    let done = world.home.cli(&["pairing", "approve", code, "--as-shown", revision]);
    assert!(texts(&done).0.contains("✅ Approved"), "{done:?}");
    // The socket: likewise.
    let (_, rpc) = &shown[1].1;
    assert_eq!(rpc["metadata"]["claimsToBe"], claim.as_str());
    let mut which = json!({
        "channel": "telegram", "accountId": "default", "requestId": rpc["requestId"],
    });
    let refused = wire.call("channels.pairing.approve", which.clone()).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("channels.pairing.list"), "{refused}");
    which["revision"] = rpc["metadata"]["revision"].clone();
    wire.call("channels.pairing.approve", which).await.unwrap();
    // The chat has been shown it.
    let (cli, _) = &shown[2].1;
    world.say("owner", &format!("/pairing approve {}", cli["code"].as_str().unwrap())).await;
    assert!(world.shows("owner", "✅ Approved telegram sender").await.contains("three"));
    world.stop();
    assert_eq!(world.home.read("audit/access.jsonl").matches("\"with\"").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_119_leave_that_has_ended_is_given_again_by_its_own_words_only() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.next(OWNER).await;
    let approve = ["pairing", "approve", "telegram", &code, "--for", "1s"];
    assert!(world.home.cli(&approve).status.success());
    world.shows("owner", "Access expired").await;
    let (card, _) = world.button("owner", "Extend").await;
    for word in ["no", "deny", "block", "yes", "ok", "approve", "for good", "24h", "back"] {
        let said = reply(&mut world, &card, word).await;
        assert!(
            said.contains("Nothing was done: this card takes extend, later now"),
            "{word}: {said}"
        );
    }
    assert!(!world.home.read("audit/access.jsonl").contains("\"extend\""));
    // The leave is noted otherwise, or ends otherwise: the card is not pressed as it was.
    let (on, data) = world.button("owner", "Extend").await;
    let who = format!("telegram:{}", number("ann"));
    assert!(world.home.cli(&["access", "rename", &who, "Ann"]).status.success());
    let told = world.press_with("owner", &on, &data).await;
    assert!(told.contains("Nothing was decided") || told.contains("already"), "{told}");
    assert!(!world.home.read("audit/access.jsonl").contains("\"extend\""));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_120_for_how_long_is_not_answered_by_ok() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    let (card, _) = world.button("owner", "Approve").await;
    assert_eq!(world.press("owner", "Approve").await, "Approve for how long?");
    world.button("owner", "For good").await;
    for word in ["ok", "yes", "approve", "no", "deny", "block", "later"] {
        let said = reply(&mut world, &card, word).await;
        let shown =
            said.contains("Nothing was done: this card takes 1 h, 24 h, 30 d, for good, back now");
        assert!(shown || said.contains("does not show how it stands now"), "{word}: {said}");
    }
    assert!(!world.home.read("audit/access.jsonl").contains("\"approve\""));
    let said = reply(&mut world, &card, "24h").await;
    assert!(said.contains("✅ Approved telegram sender") && said.ends_with(", for 24 h"), "{said}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_121_a_reply_to_an_older_message_of_a_card_decides_nothing() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    let (old, _) = world.button("owner", "Approve").await;
    assert!(world.press("owner", "Later").await.starts_with("You are asked again at "));
    world.shows("owner", "You are asked again at ").await;
    world.stop();
    let book = world.home.read("outbox/cards.json");
    let (head, rest) = book.split_once("{\"later\":").unwrap();
    let (_, tail) = rest.split_once('}').unwrap();
    world.home.put("outbox/cards.json", &format!("{head}{{\"later\":1}}{tail}"));
    world.run();
    world.shows("owner", "You are asked again below.").await;
    let (new, _) = world.button("owner", "Approve").await;
    assert_ne!(new, old);
    for word in ["yes", "no", "block"] {
        let said = reply(&mut world, &old, word).await;
        assert!(said.contains("does not show how it stands now"), "{word}: {said}");
    }
    let log = world.home.read("audit/access.jsonl");
    assert!(!log.contains("\"approve\"") && !log.contains("\"deny\""), "{log}");
    let said = reply(&mut world, &new, "yes").await;
    assert!(said.contains("✅ Approved telegram sender"), "{said}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_143_the_held_message_is_there_as_soon_as_the_request_is() {
    let mut world = World::start(&config()).await;
    let id = number("ann").to_string();
    let content = json!({ "text": "is the blue lamp still there?" });
    world.telegram.message(private(number("ann")), person(number("ann"), "ann"), content);
    let first_seen = async {
        loop {
            let file = world.home.read("credentials/telegram-pairing.json");
            if file.contains(&id) {
                return file;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let file = tokio::time::timeout(crate::process::PATIENCE, first_seen).await.unwrap();
    assert!(file.contains("\"heldCharacters\": 29"), "{file}");
    let held = std::fs::read_dir(world.home.state().join("held")).unwrap().count();
    assert_eq!(held, 1);
    // The first card is the one that is decided on.
    let card = world.next(OWNER).await;
    assert!(card.starts_with("A sender asks") && card.contains("held, 29 characters"), "{card}");
    let told = world.press("owner", "Approve and deliver").await;
    assert!(told.starts_with("✅ Approved telegram sender"), "{told}");
    world.next(number("ann")).await;
    world.shows("ann", "access approved").await;
    world.shows("ann", "is the blue lamp still there?").await;
    world.stop();
}
