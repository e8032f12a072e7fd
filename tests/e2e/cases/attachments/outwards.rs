//! Files that a program leaves for its answer, and no others.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::{GUEST, sends, with_guest};
use crate::{
    chats::{Chats, How},
    discord::Discord,
    fake_slack::{FakeSlack, person},
    fake_telegram::State,
    process::{Home, write},
    world::World,
};

const COMMAND: &str =
    "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"answer\"\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\npicture";

/// A program that answers `Here`, after these commands: `$out` is the folder for its files.
fn program(home: &Home, commands: &str) {
    let path = home.bin().join("answer");
    std::fs::create_dir_all(home.bin()).unwrap();
    let script = format!(
        "#!/bin/sh\nread -r line\nout=$(printf %s \"$line\" | sed -n 's/.*\"answer_folder\":\"\\([^\"]*\\)\".*/\\1/p')\n\
         png() {{ printf '\\211PNG\\r\\n\\032\\npicture' > \"$1\"; }}\n{commands}\necho Here\n"
    );
    write(&path, &script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// What is in the files that the bot has sent to the guest.
fn sent(state: &State) -> Vec<Vec<u8>> {
    let to_guest = state.messages.iter().filter(|shown| shown.chat["id"] == GUEST);
    to_guest.filter_map(|shown| shown.image.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_sends_files_of_its_own_folder_and_none_from_elsewhere() {
    let mut world = World::prepare(&format!("{}{COMMAND}", with_guest())).await;
    let commands = "png \"$out/b.png\"; printf '%%PDF-1.7' > \"$out/a.pdf\"; printf secret > $HOME/secret\n\
                    ln -s $HOME/secret \"$out/c.png\"; ln $HOME/secret \"$out/d.png\"; mkfifo \"$out/e\"\n\
                    mkdir \"$out/f\"; png \"$out/f/x.png\"; png \"$out/../x.png\"";
    program(&world.home, commands);
    world.run();
    sends(&world, json!({ "text": "hello" })).await;
    world.telegram.until("two files", |state| sent(state).len() == 2).await;
    assert_eq!(world.next(GUEST).await, "Here");
    assert_eq!(world.telegram.with(|state| sent(state)), [b"%PDF-1.7".to_vec(), PNG.to_vec()]);
    let called = |method: &str| {
        let method = method.to_owned();
        world.telegram.with(|state| state.calls.iter().filter(|(it, _)| *it == method).count())
    };
    assert_eq!((called("senddocument"), called("sendphoto")), (1, 1));
    world.stop();
    assert_eq!(world.telegram.with(|state| sent(state)).len(), 2, "nothing else comes");
    assert_eq!(super::left(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_at_most_four_files_and_says_so() {
    let mut world = World::prepare(&format!("{}{COMMAND}", with_guest())).await;
    program(&world.home, "for n in 1 2 3 4 5; do png \"$out/$n.png\"; done");
    world.run();
    sends(&world, json!({ "text": "hello" })).await;
    let said =
        "Here\n(An answer has at most four files, 10 MB together; the others were left out.)";
    assert_eq!(world.next(GUEST).await, said);
    world.telegram.until("four files", |state| sent(state).len() == 4).await;
    world.stop();
    assert_eq!(world.telegram.with(|state| sent(state)).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_crash_has_cut_off_is_sent_after_it() {
    let mut world = World::prepare(&format!("{}{COMMAND}", with_guest())).await;
    program(&world.home, "png \"$out/a.png\"; echo asked >> $HOME/asked");
    world.run();
    world.telegram.with(|state| state.busy = Some((GUEST, 3600)));
    sends(&world, json!({ "text": "hello" })).await;
    world.home.logs("message not taken yet").await;
    world.kill();
    world.telegram.with(|state| state.busy = None);
    world.run();
    assert_eq!(world.next(GUEST).await, "Here");
    world.telegram.until("the file", |state| sent(state) == [PNG]).await;
    world.telegram.with(|state| assert!(state.calls.iter().any(|(it, _)| it == "sendphoto")));
    until_none_is_owed(&world).await;
    world.stop();
    let asked = world.home.state().parent().unwrap().join("asked");
    assert_eq!(std::fs::read_to_string(asked).unwrap(), "asked\n", "the program ran once");
}

/// The folder of what is to be sent yet.
fn owed(world: &World) -> std::path::PathBuf {
    world.home.state().join("inbox/telegram-default-files")
}

async fn until_none_is_owed(world: &World) {
    while std::fs::read_dir(owed(world)).unwrap().next().is_some() {
        crate::process::look_again().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_owed_is_erased_when_the_access_ends() {
    let mut world = World::prepare(&format!("{}{COMMAND}", with_guest())).await;
    program(&world.home, "png \"$out/a.png\"");
    world.home.put("inbox/telegram-default-files/left/0", "of no answer");
    world.run();
    world.telegram.with(|state| state.busy = Some((GUEST, 3600)));
    sends(&world, json!({ "text": "hello" })).await;
    world.home.logs("message not taken yet").await;
    let answers: Vec<_> = std::fs::read_dir(owed(&world)).unwrap().flatten().collect();
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    let file = answer.path().join("0");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(&answer.path()), mode(&file)], [0o700, 0o600]);
    world.say("owner", "/access block telegram:4711").await;
    until_none_is_owed(&world).await;
    world.stop();
    assert_eq!(world.telegram.with(|state| sent(state)).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_and_what_it_has_started_end_when_the_gateway_is_killed() {
    let mut world = World::prepare(&format!("{}{COMMAND}", with_guest())).await;
    program(&world.home, "sleep 1000 & echo $$ $! > $HOME/new; mv $HOME/new $HOME/pids; wait");
    world.run();
    sends(&world, json!({ "text": "hello" })).await;
    let path = world.home.state().parent().unwrap().join("pids");
    let pids = loop {
        match std::fs::read_to_string(&path) {
            Ok(pids) => break pids,
            Err(_) => crate::process::look_again().await,
        }
    };
    world.kill();
    for pid in pids.split_whitespace() {
        // Of one whose parent has not looked yet, a line is left.
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while runs() {
            crate::process::look_again().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_program_is_shown_on_discord_slack_and_the_page() {
    let (discord, slack) = (Discord::start().await, FakeSlack::start().await);
    let home = Home::new();
    let config = format!(
        "[channels.webchat]\ndm_policy = \"open\"\nallow_from = [\"*\"]\n\
         [channels.discord]\ntoken = \"{{discord.token}}\"\napi_root = \"{{discord.root}}\"\nallow_from = [\"{{discord.ann}}\"]\n\
         [channels.slack]\nbot_token = \"{{slack.bot_token}}\"\napp_token = \"{{slack.app_token}}\"\napi_url = \"{{slack.api}}\"\n\
         allow_from = [\"{}\"]\n{COMMAND}",
        person("ann")
    );
    home.configure(&slack.fill(&discord.fill(&config)));
    program(&home, "png \"$out/a.png\"");
    let gateway = home.gateway("trace");
    slack.until("it listens", |state| !state.sockets.is_empty()).await;
    for chats in [&discord as &dyn Chats, &slack] {
        chats.say("ann", How::Directly, "hello").await;
        let mut changes = chats.changes();
        let picture = async {
            loop {
                let shown = chats.shown("ann");
                if let Some(image) = shown.iter().find_map(|seen| seen.image.clone()) {
                    return (shown[0].text.clone(), image);
                }
                changes.changed().await.unwrap();
            }
        };
        let picture = tokio::time::timeout(crate::process::PATIENCE, picture).await;
        let (text, image) = picture.unwrap_or_else(|_| panic!("no picture: {}", home.logged()));
        assert_eq!((text.as_str(), &*image), ("Here", PNG));
    }
    let mut ann = crate::visitor::Visitor::come(gateway.port).await;
    ann.connect(gateway.port).await;
    ann.say("hello").await.unwrap();
    let (address, picture) = ann.picture().await;
    assert_eq!(picture, PNG);
    let bob = crate::visitor::Visitor::come(gateway.port).await;
    assert_eq!(bob.get(gateway.port, &address).await.status(), 404, "for that conversation only");
    assert!(gateway.stop().success(), "{}", home.logged());
}
