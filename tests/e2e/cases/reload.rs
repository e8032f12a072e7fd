//! The configuration is changed while the gateway runs: what holds from then on, and what goes on as it was.

use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::{OWNED, sockets};
use crate::{
    process::{Home, PATIENCE, look_again},
    wire::Wire,
    world::{World, number},
};

const OWNER: i64 = 1001;

/// How often this was logged.
fn times(home: &Home, what: &str) -> usize {
    home.logged().matches(what).count()
}

/// Writes another configuration, and waits until the gateway has read it.
pub(super) async fn changed(home: &Home, to: &str, what: &str) {
    let before = times(home, what);
    // A file that only lost its end would be taken for one that was cut off.
    home.configure(&format!("{to}\n# change {before}\n"));
    let read = async {
        while times(home, what) == before {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("{}", home.logged()));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_072_lists_and_policies_hold_at_the_next_message_without_a_restart() {
    let mut world = World::start(OWNED).await;
    let ann = number("ann");
    let first = world.home.read("config.toml");
    let listed = first.replace("bot_token", &format!("allow_from = [\"{ann}\"]\nbot_token"));
    changed(&world.home, &listed, "configuration reloaded").await;
    world.say("ann", "hello").await;
    assert!(world.next(ann).await.contains("hello"), "Ann is listed now");
    changed(&world.home, &first, "configuration reloaded").await;
    world.say("ann", "hello?").await;
    assert!(world.next(ann).await.contains("Pairing code"), "and a stranger again");
    world.next(OWNER).await;
    let closed = first.replace("bot_token", "dm_policy = \"disabled\"\nbot_token");
    changed(&world.home, &closed, "configuration reloaded").await;
    world.say("owner", "/whoami").await;
    changed(&world.home, &first, "configuration reloaded").await;
    world.say("owner", "/whoami").await;
    assert!(world.next(OWNER).await.contains("you are an owner"));
    assert_eq!(times(&world.home, "account reconnects"), 0, "the channel never went");
    world.stop();
    assert_eq!(
        world.unread(OWNER),
        Vec::<String>::new(),
        "nobody was answered while it was closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_changes_nothing_and_the_owner_reads_why() {
    let mut world = World::start(OWNED).await;
    let first = world.home.read("config.toml");
    let broken = first.replace("[owner]", "[owner]\nalow_from = [\"*\"]");
    changed(&world.home, &broken, "the configuration has an error").await;
    let told = world.next(OWNER).await;
    assert!(
        told.contains("the previous one stays in effect") && told.contains("alow_from"),
        "{told}"
    );
    world.say("owner", "/whoami").await;
    assert!(world.next(OWNER).await.contains("you are an owner"));
    let more = format!("{first}[channels.webchat]\nenabled = false\n[gateway]\nbind = \"lan\"\n");
    changed(&world.home, &more, "configuration reloaded").await;
    let told = world.next(OWNER).await;
    assert!(told.contains("takes effect after a restart: gateway.bind"), "{told}");
    world.stop();
}

#[tokio::test]
async fn a_hangup_reads_the_configuration_and_ends_nothing() {
    let world = World::start(OWNED).await;
    let pid = world.gateway.as_ref().unwrap().pid();
    kill(pid, Signal::SIGHUP).unwrap();
    world.home.logs("configuration reloaded").await;
    world.say("owner", "/whoami").await;
    let mut world = world;
    assert!(world.next(OWNER).await.contains("you are an owner"));
    world.stop();
}

#[tokio::test]
async fn case_069_a_changed_token_is_the_only_one_at_the_next_request() {
    let (home, gateway) = sockets::gateway("");
    let mut wire = sockets::admin(&gateway).await;
    wire.call("health", json!({})).await.unwrap();
    let first = home.read("config.toml");
    let other = first.replace(sockets::TOKEN, "another-token-of-the-same-gateway");
    assert_ne!(first, other);
    changed(&home, &other, "configuration reloaded").await;
    assert_eq!(wire.closed().await.0, 4001, "a client with the old one is gone");
    let mut late = Wire::open(gateway.port).await;
    let shown = json!({ "token": sockets::TOKEN });
    let refused = late.connect(Wire::params("operator", &sockets::ALL, shown)).await.unwrap_err();
    assert_eq!(refused["details"]["code"], "AUTH_TOKEN_MISMATCH", "{refused}");
    changed(&home, &first, "configuration reloaded").await;
    let mut wire = sockets::admin(&gateway).await;
    wire.call("health", json!({})).await.unwrap();
    assert!(gateway.stop().success());
}
