//! The daemon that the channel starts itself, on a socket of its own.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use fake::{FakeSignal, LINK, NUMBER, is_running};
use openclaw_plugin_sdk::{
    ChannelError, Text,
    contract::{self, Bench, FakePlatform, LIMIT, Person},
    testing::settings,
};

async fn new() -> FakeSignal {
    FakeSignal::program("0.14.6").await
}

async fn bench(version: &str) -> Bench<FakeSignal> {
    Bench::start(&channel_signal::PLUGIN, FakeSignal::program(version).await).await
}

async fn gone(id: u32) {
    let gone = async {
        while is_running(id) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.expect("the program is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_keeps_the_contract_by_a_daemon_of_its_own() {
    contract::check(&channel_signal::PLUGIN, new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_started_privately_and_told_to_fetch_nothing() {
    let mut bench = bench("0.14.6").await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::plain("hello, Ann")).await;
    let (_, arguments) = bench.platform.program_starts().remove(0);
    let folder = bench.inbox().run_folder().expect("a folder");
    let socket = folder.join("signal-default.sock");
    for (path, mode) in [(folder, 0o700), (socket.as_path(), 0o600)] {
        assert_eq!(fs::metadata(path).expect("it is there").mode() & 0o777, mode, "{path:?}");
    }
    let socket = socket.display().to_string();
    let expected = [
        "-a",
        NUMBER,
        "daemon",
        "--no-receive-stdout",
        "--socket",
        &socket,
        "--ignore-attachments",
        "--ignore-stories",
        "--receive-mode=on-connection",
        "--ignore-avatars",
        "--ignore-stickers",
    ];
    assert_eq!(arguments, expected);
    assert_eq!(bench.inbox().limitation(), None);
    let names = bench.platform.program_environment();
    let passed =
        "HOME JAVA_HOME JAVA_OPTS LANG OLDPWD PATH PWD SHLVL SIGNAL_CLI_OPTS XDG_DATA_HOME _";
    for line in names.lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(passed.split(' ').any(|passed| passed == name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_daemon_starts_without_what_it_does_not_know_and_the_state_says_so() {
    let mut bench = bench("0.13.19").await;
    bench.meet(Person::Ann, "hello").await;
    let (_, arguments) = bench.platform.program_starts().remove(0);
    assert!(!arguments.iter().any(|word| word.contains("avatars") || word.contains("stickers")));
    let says = bench.inbox().limitation().expect("a limitation");
    assert!(says.contains("0.13.19 fetches avatars and sticker packs"), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_the_daemon_arrives_whole_however_much_it_is() {
    let fake = new().await;
    for number in 0..300 {
        fake.direct("ann", &format!("number {number}"));
    }
    let mut bench = Bench::start(&channel_signal::PLUGIN, fake).await;
    for number in 0..300 {
        assert_eq!(bench.message().await.text, format!("number {number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_ends_the_connection_and_says_how_and_the_next_one_is_heard() {
    let mut bench = bench("0.14.6").await;
    bench.meet(Person::Ann, "hello").await;
    let (id, _) = bench.platform.program_starts().remove(0);
    let kill = format!("kill -9 {id}");
    let killed = std::process::Command::new("/bin/sh").args(["-c", &kill]).status();
    assert!(killed.expect("kill").success());
    gone(id).await;
    bench.platform.with(|state| state.broken = true);
    let Err(ChannelError::Disconnected(why)) = bench.ended().await else { panic!("it is gone") };
    assert!(why.contains("`cli_path` ended with signal: 9") && !why.contains("NOISE"), "{why}");
    bench.listen().await.expect("it starts again");
    bench.meet(Person::Ann, "after").await;
    let (second, _) = bench.platform.program_starts().remove(1);
    bench.stop().await;
    gone(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_or_too_long_takes_nothing_with_it() {
    let mut bench = bench("0.14.6").await;
    for noise in [
        "no JSON",
        "",
        "[]",
        "{\"jsonrpc\":\"2.0\",\"id\":\"unknown\",\"result\":{}}",
        "{\"method\":\"receive\"}",
        "{\"method\":\"receive\",\"params\":{\"envelope\":{\"dataMessage\":7}}}",
        "{\"method\":\"hologram\",\"params\":{}}",
    ] {
        bench.platform.with(|state| state.noise = Some(noise));
        bench.meet(Person::Ann, &format!("after {noise:?}")).await;
    }
    bench.platform.direct("eve", &"x".repeat(1 << 20));
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.program_starts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_it_does_not_have_and_a_program_that_is_not_there_are_named() {
    let fake = new().await;
    fake.unlink(true);
    let mut bench = Bench::open(&channel_signal::PLUGIN, fake).await;
    let Err(ChannelError::Unauthorized(why)) = bench.listen().await else { panic!("unlinked") };
    assert!(why.contains("`account`") && why.contains("channels login signal"), "{why}");
    bench.platform.unlink(false);
    bench.listen().await.expect("it is linked");
    let mut table = bench.platform.settings();
    table.insert("cli_path".to_owned(), "/no/such/signal-cli".into());
    let channel = (channel_signal::PLUGIN.open)(settings(&table.to_string())).expect("it opens");
    let ended = channel.receive(bench.inbox()).await;
    let Err(ChannelError::Disconnected(why)) = ended else { panic!("{ended:?}") };
    assert!(why.contains("`cli_path` cannot be started: No such file"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_by_a_daemon_that_takes_no_messages() {
    let fake = new().await;
    fake.unlink(true);
    fake.direct("ann", "this waits");
    let settings = settings(&fake.settings().to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let login = channel_signal::PLUGIN.login.expect("it has one");
    let linking = login(settings, folder.path().join("run")).await;
    let linking = linking.map_err(|error| error.to_string()).expect("a link");
    assert_eq!(linking.link.expose(), LINK);
    assert_eq!(linking.linked.await.expect("it is linked").name, NUMBER);
    let (id, arguments) = fake.program_starts().remove(0);
    assert!(!arguments.contains(&"-a".to_owned()), "it serves no account");
    assert!(arguments.contains(&"--receive-mode=manual".to_owned()), "{arguments:?}");
    gone(id).await;
    assert_eq!(fake.with(|state| state.waiting.len()), 1, "it waits still");
}
