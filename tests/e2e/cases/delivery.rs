//! What was taken on is sent until the platform has taken it: through cuts, slow-downs and restarts, in order, and to
//! nobody who was blocked or revoked meanwhile.

use std::path::PathBuf;

use serde_json::json;

use super::{OWNED, sockets::TOKEN};
use crate::{
    fake_telegram::private,
    process::{PATIENCE, texts},
    wire::Wire,
    world::{World, number},
};

const GUEST: i64 = 4711;

fn with_guest() -> String {
    OWNED.replace("bot_token", "allow_from = [\"4711\", \"4712\"]\nbot_token")
}

/// The assistant answers once `$HOME/go` is there.
fn gated(config: &str) -> String {
    let script = r#"read -r line; echo \"$line\" >> $HOME/asked; while [ ! -e $HOME/go ] && [ -d $HOME ]; do sleep 0.02; done; echo \"$line\" | sed 's/.*text\":\"\\([^\"]*\\).*/answer to \\1/'"#;
    format!(
        "{config}[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"\"\"{script}\"\"\"]\n"
    )
}

fn file(world: &World, name: &str) -> PathBuf {
    world.home.state().parent().unwrap().join(name)
}

/// Waits until something holds that has no event of its own.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

async fn says(world: &World, id: i64, text: &str) {
    let from = json!({ "id": id, "is_bot": false, "first_name": "Guest" });
    world.tell(private(id), from, json!({ "text": text })).await;
}

/// How often the bot has tried to send something to this person.
fn tries(world: &World, id: i64) -> usize {
    let text = id.to_string();
    world.telegram.with(|state| {
        let sends = state.calls.iter().filter(|(method, _)| method == "sendmessage");
        sends
            .filter(|(_, call)| call["chat_id"] == id || call["chat_id"].as_str() == Some(&*text))
            .count()
    })
}

async fn tried(world: &World, id: i64, times: usize) {
    until("it is tried", || tries(world, id) >= times).await;
}

fn journal(world: &World) -> String {
    world.home.read("inbox/telegram-default.jsonl")
}

fn cut(world: &World, cut: bool) {
    world.telegram.with(|state| state.cut = cut);
}

fn status(world: &World) -> String {
    texts(&world.home.cli(&["channels", "status"])).0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_a_cut_of_the_network_and_a_restart() {
    let mut world = World::start(&with_guest()).await;
    cut(&world, true);
    for text in ["one", "two", "three"] {
        says(&world, GUEST, text).await;
    }
    tried(&world, GUEST, 2).await;
    assert!(status(&world).contains("waiting to be sent: "), "{}", status(&world));
    world.stop();
    world.run();
    tried(&world, GUEST, 3).await;
    world.kill();
    cut(&world, false);
    world.run();
    for text in ["one", "two", "three"] {
        let heard = world.next(GUEST).await;
        assert!(heard.ends_with(text), "each, in order: {heard}, not {text}");
    }
    until("nothing waits", || !status(&world).contains("waiting to be sent")).await;
    world.stop();
    world.run();
    world.stop();
    assert_eq!(world.unread(GUEST), Vec::<String>::new(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_wait_keeps_nobody_else_waiting() {
    let mut world = World::start(&with_guest()).await;
    world.telegram.with(|state| state.slow_down = Some(90));
    says(&world, GUEST, "first").await;
    tried(&world, GUEST, 1).await;
    says(&world, GUEST, "second").await;
    says(&world, 4712, "me too").await;
    assert!(world.next(4712).await.ends_with("me too"));
    assert_eq!(world.unread(GUEST), Vec::<String>::new());
    // A restart need not wait: the platform says so again if it must.
    world.stop();
    world.run();
    assert!(world.next(GUEST).await.ends_with("first"));
    assert!(world.next(GUEST).await.ends_with("second"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_an_answer_that_waits_never_reaches_a_person_who_was_blocked_meanwhile() {
    for restarts in [false, true] {
        let mut world = World::start(&with_guest()).await;
        world.telegram.with(|state| state.storm = Some((0, if restarts { 90 } else { 1 })));
        says(&world, GUEST, "a question").await;
        tried(&world, GUEST, 1).await;
        if restarts {
            world.stop();
        }
        let blocked = world.home.cli(&["access", "block", "telegram:4711"]);
        assert!(blocked.status.success(), "{:?}", texts(&blocked));
        world.telegram.with(|state| state.storm = None);
        if restarts {
            world.run();
        }
        world.home.logs("no longer admitted: not answered").await;
        says(&world, 4712, "and I?").await;
        assert!(world.next(4712).await.ends_with("and I?"));
        world.stop();
        assert_eq!(world.unread(GUEST), Vec::<String>::new());
    }
}

/// Takes access away from who waits, where an owner does so.
async fn takes_away(world: &World, surface: &str, id: i64) {
    match surface {
        "chat" => drop(world.say("owner", &format!("/access block telegram:{id}")).await),
        "card" => {
            world.press("owner", "Block").await;
        }
        _ => {
            let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
            let scopes = ["operator.admin", "operator.pairing"];
            let params = Wire::params("operator", &scopes, json!({ "token": TOKEN }));
            wire.connect(params).await.unwrap();
            let listed = wire.call("channels.pairing.list", json!({})).await.unwrap();
            let request = &listed["requests"][0]["requestId"];
            let which =
                json!({ "channel": "telegram", "accountId": "default", "requestId": request });
            wire.call("channels.pairing.dismiss", which).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_what_waits_reaches_nobody_who_lost_access_by_chat_card_or_rpc_meanwhile() {
    for surface in ["chat", "card", "rpc"] {
        let config = format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{}", with_guest());
        let mut world = World::start(&config).await;
        // An answer of a guest, or a stranger's code.
        let id = if surface == "chat" { GUEST } else { number("ann") };
        world.telegram.with(|state| state.busy = Some((id, 1)));
        says(&world, id, "a question").await;
        tried(&world, id, 1).await;
        takes_away(&world, surface, id).await;
        world.home.logs("no longer admitted: not answered").await;
        world.telegram.with(|state| state.busy = None);
        says(&world, 4712, "and I?").await;
        assert!(world.next(4712).await.ends_with("and I?"));
        world.stop();
        assert_eq!(world.unread(id), Vec::<String>::new(), "{surface}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_no_further_piece_reaches_a_person_who_was_revoked_after_the_first() {
    let mut world = World::prepare(OWNED).await;
    let list = "{ \"version\": 1, \"allowFrom\": [\"4711\"] }\n";
    world.home.put("credentials/telegram-allowFrom.json", list);
    world.run();
    world.telegram.with(|state| state.storm = Some((1, 1)));
    let long = "many words ".repeat(900);
    says(&world, GUEST, &long).await;
    tried(&world, GUEST, 2).await;
    assert!(world.next(GUEST).await.contains("many words"));
    assert!(world.home.cli(&["pairing", "revoke", "telegram", "4711"]).status.success());
    world.telegram.with(|state| state.storm = None);
    world.home.logs("no longer admitted: not answered").await;
    world.stop();
    assert_eq!(world.unread(GUEST), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_what_waits_for_an_absent_page_is_dropped_at_block_and_kept_otherwise() {
    let page = format!("{OWNED}[channels.webchat]\ndm_policy = \"open\"\nallow_from = [\"*\"]\n");
    let mut world = World::start(&gated(&page)).await;
    let mut seats = Vec::new();
    for name in ["ann", "bob"] {
        let visitor = world.visitor(name).await;
        visitor.say("hello").await.unwrap();
        seats.push(format!("webchat:{}", visitor.you));
        visitor.leave();
    }
    until("both are asked for", || {
        std::fs::read_to_string(file(&world, "asked")).is_ok_and(|text| text.lines().count() == 2)
    })
    .await;
    std::fs::File::create(file(&world, "go")).unwrap();
    let waits = || status(&world).contains("waiting to be sent: 2");
    until("both answers wait", waits).await;
    let blocked = world.home.cli(&["access", "block", &seats[0]]);
    assert!(blocked.status.success(), "{:?}", texts(&blocked));
    world.home.logs("no longer admitted: not answered").await;
    // The other one's outlives the gateway, and comes once.
    world.kill();
    world.run();
    assert!(world.visitor("bob").await.next().await.contains("answer to hello"));
    while status(&world).contains("waiting to be sent") {
        world.visitor("bob").await.look_up().await;
    }
    world.stop();
    world.run();
    let ann = world.visitor("ann").await;
    assert!(ann.shown().is_empty());
    let bob = world.visitor("bob").await;
    assert!(bob.unread().is_empty());
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_144_an_answered_message_is_gone_from_the_disk_within_a_minute() {
    let mut world = World::start(&with_guest()).await;
    says(&world, GUEST, "my secret garden").await;
    assert!(world.next(GUEST).await.contains("secret garden"));
    until("it is gone", || !journal(&world).contains("secret garden")).await;
    cut(&world, true);
    says(&world, GUEST, "a second garden").await;
    tried(&world, GUEST, 2).await;
    assert!(journal(&world).contains("second garden"), "what is owed stays");
    cut(&world, false);
    assert!(world.next(GUEST).await.contains("second garden"));
    world.stop();
    world.run();
    world.stop();
    assert!(!journal(&world).contains("garden"));
    assert_eq!(world.unread(GUEST), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_144_a_code_that_a_guest_writes_on_the_page_is_not_kept_in_its_history() {
    let mut world = World::start(&format!("{OWNED}[channels.webchat]\n")).await;
    let ann = world.visitor("ann").await;
    ann.say("hello").await.unwrap();
    assert!(ann.next().await.contains("Pairing code: "));
    world.next(number("owner")).await;
    world.press("owner", "Approve").await;
    world.press("owner", "24 h").await;
    world.visitor("ann").await.reads("approved").await;
    says(&world, 4711, "hello").await;
    let challenge = world.next(4711).await;
    let code = &challenge.split_once("Pairing code: ").unwrap().1[..8];
    let ann = world.visitor("ann").await;
    for text in [format!("let {code} in"), "a fine day".to_owned()] {
        ann.say(&text).await.unwrap();
    }
    ann.reads("a fine day").await;
    let folder = world.home.state().join("conversations/webchat-default");
    let kept = || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect::<String>()
    };
    until("it is kept", || kept().contains("a fine day")).await;
    assert!(!kept().contains(code), "{}", kept());
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_restarts_give_no_waiting_message_up() {
    let mut world = World::start(&gated(&with_guest())).await;
    let questions: Vec<String> = (0..40).map(|n| format!("question {n}.")).collect();
    for (n, text) in questions.iter().enumerate() {
        says(&world, if n % 2 == 0 { GUEST } else { 4712 }, text).await;
    }
    for round in 1..=3 {
        until("they are asked", || {
            let asked = std::fs::read_to_string(file(&world, "asked")).unwrap_or_default();
            asked.lines().count() >= 2 * round
        })
        .await;
        world.stop();
        world.run();
    }
    std::fs::File::create(file(&world, "go")).unwrap();
    for (n, text) in questions.iter().enumerate() {
        let heard = world.next(if n % 2 == 0 { GUEST } else { 4712 }).await;
        assert!(heard.contains(text.as_str()), "{text}: {heard}");
    }
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_up_hears_of_it() {
    let mut world = World::start(&gated(&with_guest())).await;
    says(&world, GUEST, "what kills you?").await;
    for round in 1..=2 {
        until("it begins", || {
            let asked = std::fs::read_to_string(file(&world, "asked")).unwrap_or_default();
            asked.lines().count() >= round
        })
        .await;
        world.kill();
        world.run();
    }
    let told = world.next(GUEST).await;
    assert!(told.contains("could not answer your message"), "{told}");
    world.stop();
    let asked = std::fs::read_to_string(file(&world, "asked")).unwrap();
    assert_eq!(asked.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_kept_without_its_code_written_anew_and_dropped_when_it_is_over() {
    let mut world = World::start(OWNED).await;
    cut(&world, true);
    world.say("ann", "hello").await;
    world.say("bob", "hello").await;
    tried(&world, number("ann"), 1).await;
    tried(&world, number("bob"), 1).await;
    let requests: serde_json::Value =
        serde_json::from_str(&world.home.read("credentials/telegram-pairing.json")).unwrap();
    let code_of = |id: i64| {
        let (rows, id) = (requests["requests"].as_array().unwrap(), id.to_string());
        let row = rows.iter().find(|row| row["id"].as_str() == Some(&*id)).unwrap();
        row["code"].as_str().unwrap().to_owned()
    };
    let (ann, bob) = (code_of(number("ann")), code_of(number("bob")));
    assert!(!journal(&world).contains(&ann) && !journal(&world).contains(&bob));
    world.stop();
    assert!(world.home.cli(&["pairing", "deny", "telegram", &bob]).status.success());
    cut(&world, false);
    world.run();
    assert!(world.next(number("ann")).await.contains(&ann));
    world.say("ann", "hello again").await;
    until("nothing waits", || !status(&world).contains("waiting to be sent")).await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    assert_eq!(world.unread(number("bob")), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_with_a_code_is_written_anew_or_its_owner_asks_again() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.shows("owner", "asks for access").await;
    cut(&world, true);
    let before = tries(&world, 1001);
    world.say("owner", "/pairing list").await;
    tried(&world, 1001, before + 1).await;
    world.say("owner", "/pair local").await;
    until("it is taken on", || journal(&world).contains("\"setup\"")).await;
    assert!(!journal(&world).contains(&code));
    world.stop();
    cut(&world, false);
    world.run();
    let mut listed = false;
    loop {
        let told = world.next(1001).await;
        listed |= told.contains(&code) && told.contains("pairing approve");
        if told.contains("ask for a new one") {
            break;
        }
    }
    assert!(listed, "the list is written anew");
    world.stop();
    assert!(!world.unread(1001).iter().any(|text| text.contains("ask for a new one")), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_carried_out_once_and_its_reply_arrives() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    cut(&world, true);
    world.say("owner", &format!("/pairing approve {code}")).await;
    until("it is decided", || world.home.read("audit/access.jsonl").contains("\"approve\"")).await;
    world.kill();
    world.run();
    world.kill();
    cut(&world, false);
    world.run();
    let told = async { while !world.next(1001).await.contains("✅ Approved telegram sender") {} };
    tokio::time::timeout(PATIENCE, told).await.expect("the owner is told");
    assert!(world.next(number("ann")).await.contains("access approved"));
    world.stop();
    assert_eq!(world.home.read("audit/access.jsonl").matches("\"approve\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_does_not_take_within_a_day_is_given_up_and_said() {
    let mut world = World::start(&with_guest()).await;
    cut(&world, true);
    says(&world, GUEST, "yesterday").await;
    tried(&world, GUEST, 1).await;
    world.stop();
    let kept = journal(&world);
    let made = kept.split_once("\"made\":").unwrap().1;
    let made = &made[..made.find(',').unwrap()];
    let old = (made.parse::<u64>().unwrap() - 25 * 3_600_000).to_string();
    world.home.put("inbox/telegram-default.jsonl", &kept.replace(made, &old));
    world.run();
    world.home.logs("the platform did not take it in a day").await;
    until("it is said", || status(&world).contains("not sent within a day: 1")).await;
    cut(&world, false);
    world.stop();
    world.run();
    says(&world, GUEST, "today").await;
    assert!(world.next(GUEST).await.ends_with("today"));
    world.stop();
}
