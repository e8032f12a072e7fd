//! A decision that counts though the disk has not taken all of it, and one of which nobody knows whether it counts: every
//! surface says so.

use std::process::Command;

use openclaw::store::UNFINISHED;
use serde_json::json;

use super::{
    OWNED,
    sockets::{ALL, TOKEN},
};
use crate::{
    preload::{self, Fault, Remote, Rule},
    process::{PATIENCE, look_again, texts},
    wire::{Key, Wire},
    world::{World, number},
};

const OWNER: i64 = 1001;
const EIO: i32 = 5;

/// This file cannot be put in its place, once.
fn stuck(path: &str) -> Rule {
    Rule { call: "rename", path: path.to_owned(), from: 1, times: 1, fault: Fault::Errno(EIO) }
}

/// The line in the access log is written, not synced, and not taken back.
fn in_doubt() -> [Rule; 2] {
    let rule = |call| {
        let path = "audit/access.jsonl$".to_owned();
        Rule { call, path, from: 1, times: 0, fault: Fault::Errno(EIO) }
    };
    [rule("sync"), rule("cut")]
}

/// A gateway whose disk fails when it is told to, and a client with the shared token.
async fn world() -> (World, Remote, Wire) {
    let config = format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{OWNED}");
    let mut world = World::prepare(&config).await;
    let mut command = world.home.program(&["gateway", "run", "--port", "0"]);
    let remote = Remote::over(&mut command, &world.home.state());
    world.gateway = Some(world.home.started(command, "info"));
    let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
    wire.connect(Wire::params("operator", &ALL, json!({ "token": TOKEN }))).await.unwrap();
    (world, remote, wire)
}

/// A stranger's code, once their card stands in the owner's chat.
async fn asks(world: &mut World, name: &str) -> String {
    world.say(name, "hello").await;
    let challenge = world.next(number(name)).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.shows("owner", &code).await;
    code
}

/// Everything the owner has read, on buttons too.
async fn reads(world: &World, text: &str) -> String {
    let all = || {
        let messages = world.telegram.with(|state| {
            let chat = state.messages.iter().filter(|one| one.toast || one.chat["id"] == OWNER);
            chat.map(|one| one.text.clone()).collect::<Vec<_>>()
        });
        messages.join("\n\n")
    };
    let read = async {
        while !all().contains(text) {
            look_again().await;
        }
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    assert!(read.is_ok(), "no `{text}` in {}", all());
    all()
}

/// The request of a person, as a call names it.
async fn request(wire: &mut Wire, name: &str) -> serde_json::Value {
    let listed = wire.call("channels.pairing.list", json!({})).await.unwrap();
    let id = number(name).to_string();
    let mut rows = listed["requests"].as_array().unwrap().iter();
    let row = rows.find(|row| row["senderId"] == id.as_str()).unwrap();
    json!({ "channel": "telegram", "accountId": "default", "requestId": row["requestId"] })
}

fn approvals(world: &World) -> usize {
    world.home.read("audit/access.jsonl").matches("\"action\":\"approve\"").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_decision_is_half_written_is_done_and_carries_a_warning() {
    let (mut world, remote, mut wire) = world().await;
    let mut device = Wire::open(world.gateway.as_ref().unwrap().port).await;
    let params = device.signed(&Key::new(7), Wire::params("node", &[], json!({ "token": TOKEN })));
    assert_eq!(device.connect(params).await.unwrap_err()["code"], "NOT_PAIRED");
    let listed = wire.call("device.pair.list", json!({})).await.unwrap();
    let waiting = json!({ "requestId": listed["pending"][0]["requestId"] });
    remote.tell(&[stuck("devices/paired.json")]);
    let done = wire.call("device.pair.approve", waiting).await.unwrap();
    assert_eq!(done["warning"], UNFINISHED, "{done}");
    let listed = wire.call("device.pair.list", json!({})).await.unwrap();
    assert!(listed["warning"].is_null(), "who only reads has decided nothing: {listed}");
    // The next decision finishes it; of a person's the published answer has no room for a warning.
    remote.tell(&[stuck("credentials/telegram-allowFrom.json")]);
    asks(&mut world, "ann").await;
    let ann = request(&mut wire, "ann").await;
    let done = wire.call("channels.pairing.approve", ann).await.unwrap();
    assert!(done["warning"].is_null(), "{done}");
    asks(&mut world, "bob").await;
    let bob = request(&mut wire, "bob").await;
    wire.call("channels.pairing.dismiss", bob).await.unwrap();
    let list = world.home.read("credentials/telegram-allowFrom.json");
    assert!(list.contains(&number("ann").to_string()), "{list}");
    world.stop();
    assert_eq!(approvals(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_whose_decision_is_half_written_says_that_it_counts_and_what_is_left() {
    let (mut world, remote, _wire) = world().await;
    asks(&mut world, "ann").await;
    assert_eq!(world.press("owner", "Approve").await, "Approve for how long?");
    let (on, data) = world.button("owner", "For good").await;
    remote.tell(&[stuck("credentials/telegram-allowFrom.json")]);
    let owner = crate::fake_telegram::person(OWNER, "owner");
    world.telegram.press(&owner, &on, &data);
    let read = reads(&world, UNFINISHED).await;
    let told = read.split("\n\n").find(|text| text.contains(UNFINISHED)).unwrap();
    assert!(told.starts_with("✅ Approved telegram sender"), "{told}");
    let card = world.shows("owner", "by you, ").await;
    assert!(!card.contains("Code"), "{card}");
    assert!(world.buttons("owner").is_empty());
    asks(&mut world, "bob").await;
    world.say("ann", "and now?").await;
    world.shows("ann", "and now?").await;
    world.stop();
    assert_eq!(approvals(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_that_the_disk_does_not_let_be_given_again_is_told_and_the_account_goes_on() {
    let (mut world, remote, _wire) = world().await;
    let code = asks(&mut world, "ann").await;
    let approve = ["pairing", "approve", "telegram", &code, "--for", "1s"];
    assert!(world.home.cli(&approve).status.success());
    world.shows("owner", "Access expired").await;
    assert_eq!(world.press("owner", "Extend").await, "Approve for how long?");
    let (on, data) = world.button("owner", "24 h").await;
    let (path, fault) = ("audit/access.jsonl$".to_owned(), Fault::Errno(EIO));
    remote.tell(&[Rule { call: "sync", path, from: 1, times: 1, fault }]);
    world.telegram.press(&crate::fake_telegram::person(OWNER, "owner"), &on, &data);
    let told = reads(&world, "Nothing was changed: cannot write").await;
    assert!(!told.contains("is paused"), "{told}");
    world.telegram.until("it is taken", |state| state.updates.is_empty()).await;
    let told = world.press_with("owner", &on, &data).await;
    assert!(told.starts_with("✅ Access extended until "), "{told}");
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"extend\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_decision_in_doubt_every_surface_says_that_it_is_not_known_and_who_will_know() {
    let (mut world, remote, mut wire) = world().await;
    let code = asks(&mut world, "ann").await;
    remote.tell(&in_doubt());
    world.say("owner", &format!("/pairing approve {code}")).await;
    let doubt = "it is not known whether this was done; the next start decides it, and the access log then says";
    let told = reads(&world, doubt).await;
    assert!(told.contains("That did not work: it is not known"), "{told}");
    assert!(!told.to_lowercase().contains("nothing was changed") && !told.contains('✅'), "{told}");
    remote.tell(&[]);

    asks(&mut world, "bob").await;
    let (on, data) = world.button("owner", "Deny").await;
    remote.tell(&in_doubt());
    let owner = crate::fake_telegram::person(OWNER, "owner");
    world.telegram.press(&owner, &on, &data);
    let told = reads(&world, "It is not known whether this was done").await;
    assert!(!told.to_lowercase().contains("nothing was changed") && !told.contains('⛔'), "{told}");
    remote.tell(&[]);

    asks(&mut world, "cem").await;
    let cem = request(&mut wire, "cem").await;
    remote.tell(&in_doubt());
    let told = wire.call("channels.pairing.approve", cem).await.unwrap_err();
    assert_eq!(told["code"], "UNAVAILABLE", "{told}");
    assert!(told["retryable"] != true, "again might be twice: {told}");
    let message = told["message"].as_str().unwrap();
    assert!(message.starts_with("it is not known whether this was done; look at"), "{told}");
    remote.tell(&[]);

    let code = asks(&mut world, "dora").await;
    let mut command: Command = world.home.program(&["pairing", "approve", "telegram", &code]);
    preload::inject(&mut command, &in_doubt());
    let output = command.output().unwrap();
    let (out, error) = texts(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{error}");
    assert!(error.contains(doubt) && error.contains("audit show"), "{error}");
    assert!(!error.contains("nothing was changed"), "{error}");

    // Each line was there as a whole: the next start has decided for it.
    world.stop();
    world.run();
    for name in ["ann", "cem", "dora"] {
        world.say(name, "am I in?").await;
        world.shows(name, "am I in?").await;
    }
    world.stop();
    let verified = world.home.cli(&["audit", "verify"]);
    assert!(verified.status.success(), "{:?}", texts(&verified));
    let log = world.home.read("audit/access.jsonl");
    assert_eq!((approvals(&world), log.matches("\"action\":\"deny\"").count()), (3, 1), "{log}");
}
