//! A disk that is full, and files that are damaged: nothing is decided, nothing is lost, and the owner is told.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::OWNED;
use crate::{
    preload::{self, Fault, Remote, Rule},
    process::{PATIENCE, bytes, look_again, texts},
    world::{World, number},
};

#[tokio::test(flavor = "multi_thread")]
async fn case_045_on_a_full_disk_a_decision_fails_and_the_owner_is_told() {
    let mut world = World::prepare(OWNED).await;
    let file = world.home.state().join("credentials/telegram-allowFrom.json");
    // Longer than what the disk has room for: it cannot be written again.
    let ids: Vec<String> = (0..4000).map(|n| format!("\"{}\"", 5_000_000_000_u64 + n)).collect();
    let list = format!("{{ \"version\": 1, \"allowFrom\": [{}] }}\n", ids.join(","));
    world.home.put("credentials/telegram-allowFrom.json", &list);
    world.gateway = Some(world.home.gateway_on_a_full_disk());
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.next(1001).await;
    for by_reply in [true, false] {
        if by_reply {
            world.reply("owner", "approve").await;
        } else {
            world.say("owner", &format!("/pairing approve {code}")).await;
        }
        let told = world.next(1001).await;
        assert!(
            told.to_lowercase().contains("nothing was changed") && !told.contains('✅'),
            "{told}"
        );
    }
    let mut cli = world.home.full(&["pairing", "approve", "telegram", &code]);
    let output = cli.stdin(Stdio::null()).output().unwrap();
    let (out, error) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{error}");
    assert!(out.is_empty() && error.contains("telegram-allowFrom.json"), "{out}{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), list);
    world.say("ann", "still nobody?").await;
    // Room again: the same code is good.
    let approved = world.home.cli(&["pairing", "approve", "telegram", &code]);
    assert!(approved.status.success(), "{:?}", texts(&approved));
    world.say("ann", "and now?").await;
    assert!(world.next(number("ann")).await.contains("and now?"));
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"approve\"").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_044_damaged_requests_or_owners_stop_the_account_too() {
    for name in ["credentials/telegram-pairing.json", "credentials/owners.json"] {
        let guest = "allow_from = [\"4711\"]\nbot_token";
        let mut world = World::prepare(&OWNED.replace("bot_token", guest)).await;
        assert!(world.home.cli(&["owner", "add", "telegram:1002"]).status.success());
        world.run();
        let path = world.home.state().join(name);
        let good = fs::read_to_string(&path).ok();
        world.home.put(name, "{ \"version\": 1,");
        let from = serde_json::json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
        let content = serde_json::json!({ "text": "hello" });
        world.telegram.message(crate::fake_telegram::private(4711), from, content);
        let told = world.next(1001).await;
        assert!(told.contains("is paused") && told.contains(name), "{told}");
        assert_eq!(world.telegram.with(|state| state.updates.len()), 1, "nothing is acknowledged");
        assert_eq!(world.unread(4711), Vec::<String>::new());
        match good {
            Some(good) => world.home.put(name, &good),
            None => fs::remove_file(&path).unwrap(),
        }
        assert!(world.next(4711).await.contains("hello"), "it goes on by itself");
        world.stop();
        world.home.put(name, "");
        let output = world.home.cli(&["gateway", "run", "--port", "0"]);
        let (_, error) = texts(&output);
        assert_eq!(output.status.code(), Some(71));
        assert!(error.contains(name) && error.contains("move it away"), "{error}");
        assert!(bytes(&world.home.state().join(name)).is_empty(), "it stays as it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_read_is_named_with_the_way_out() {
    let world = World::prepare(OWNED).await;
    fs::create_dir_all(world.home.state().join("inbox/telegram-default.jsonl")).unwrap();
    let output = world.home.cli(&["gateway", "run", "--port", "0"]);
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(71));
    assert!(
        error.contains("inbox/telegram-default.jsonl") && error.contains("move it away"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_end_the_disk_cannot_take_is_carried_out_once_and_the_gateway_is_not_ready()
{
    let mut world = World::start(OWNED).await;
    world.say("owner", "/whoami").await;
    world.next(1001).await;
    world.stop();
    // The journal has grown to where its next line does not fit.
    let room = world.home.state().join("room");
    let fill = "trap '' XFSZ; ulimit -f 16; head -c 99999 /dev/zero > \"$0\"";
    let filled = std::process::Command::new("/bin/sh").args(["-c", fill]).arg(&room).output();
    assert!(!filled.unwrap().status.success());
    let room = bytes(&room).len();
    let line = |n: usize| format!("{{\"is\":\"seen\",\"key\":\"{n:032x}\"}}\n");
    let lines: String = (0..room / line(0).len()).map(line).collect();
    world.home.put("inbox/telegram-default.jsonl", &lines);
    let gateway = world.home.gateway_on_a_full_disk();
    let probe = format!("http://127.0.0.1:{}/readyz", gateway.port);
    world.gateway = Some(gateway);
    assert_eq!(reqwest::get(&probe).await.unwrap().status(), 200);
    let from = crate::fake_telegram::person(1001, "owner");
    let text = serde_json::json!({ "text": "/whoami" });
    world.telegram.message(crate::fake_telegram::private(1001), from, text);
    assert!(world.next(1001).await.contains("you are an owner"));
    let told = world.next(1001).await;
    assert!(told.contains("is paused"), "{told}");
    // It is delivered again and again, and done no more.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(world.unread(1001), Vec::<String>::new());
    let status = reqwest::get(&probe).await.unwrap();
    assert_eq!(
        (status.status().as_u16(), world.telegram.with(|state| state.updates.len())),
        (503, 1)
    );
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_carried_out_once_however_often_the_journal_fails() {
    const HALTED: &str = "store unreadable: the account is paused";
    let mut world = World::prepare(OWNED).await;
    let mut command = world.home.program(&["gateway", "run", "--port", "0"]);
    let remote = Remote::over(&mut command, &world.home.state());
    world.gateway = Some(world.home.started(command, "info"));
    let answers = |world: &World| {
        world.unread(1001).iter().filter(|text| text.contains("you are an owner")).count()
    };
    // First what was answered is noted late, then it is not noted before the command comes again.
    for (round, times) in [2, 2, 2, 0, 0, 0, 0].into_iter().enumerate() {
        let (path, fault) = ("inbox/telegram-default.jsonl$".to_owned(), Fault::Errno(5));
        remote.tell(&[Rule { call: "write", path, from: 1, times, fault }]);
        world.telegram.direct(1001, "owner", "/whoami");
        let halted = async {
            while world.home.logged().matches(HALTED).count() <= round || answers(&world) <= round {
                look_again().await;
            }
        };
        let halted = tokio::time::timeout(PATIENCE, halted).await;
        assert!(halted.is_ok(), "{round}: {}\n{}", answers(&world), world.home.logged());
        remote.tell(&[]);
        world.telegram.until("it is taken", |state| state.updates.is_empty()).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(answers(&world), round + 1, "{}", world.home.logged());
    }
    world.stop();
}

/// Once a decision is written down, its list cannot be put in place.
fn stuck(command: &mut Command) {
    let path = "credentials/telegram-allowFrom.json".to_owned();
    let fault = Fault::Errno(nix::errno::Errno::EIO as i32);
    preload::inject(command, &[Rule { call: "rename", path, from: 1, times: 1, fault }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_whose_files_the_disk_refuses_counts_and_every_answer_says_what_is_left() {
    let mut world = World::prepare(OWNED).await;
    let mut command = world.home.program(&["gateway", "run", "--port", "0"]);
    stuck(&mut command);
    world.gateway = Some(world.home.started(command, "trace"));
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.next(1001).await;
    world.say("owner", &format!("/pairing approve {code}")).await;
    let told = [world.next(1001).await, world.next(1001).await].concat();
    assert!(told.contains("Approved") && told.contains("The last decision counts"), "{told}");
    world.say("ann", "and now?").await;
    assert!(world.next(number("ann")).await.contains("access approved"), "the welcome goes out");
    assert!(
        world.next(number("ann")).await.contains("and now?"),
        "the next change has finished it"
    );
    world.say("bob", "hello").await;
    let challenge = world.next(number("bob")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.next(1001).await;
    let mut command = world.home.program(&["pairing", "approve", "telegram", &code]);
    stuck(&mut command);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success() && out.contains("Approved"), "{out}{error}");
    assert!(error.contains("The last decision counts"), "{error}");
    world.say("bob", "and I?").await;
    assert!(world.next(number("bob")).await.contains("and I?"));
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"approve\"").count(), 2, "{log}");
}
