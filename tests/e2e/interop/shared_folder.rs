//! `openclaw pairing …` of both versions on our state folder, beside a gateway of ours that runs on it.

use serde_json::Value;

use super::{Cli, cli::PATIENCE, operator::of_both};
use crate::world::World;

const CONFIG: &str = "[channels.telegram]\nbot_token = \"{token}\"\napi_root = \"{root}\"\n";

async fn pairing(version: &str) {
    let mut world = World::start(CONFIG).await;
    world.say("ann", "hello").await;
    let ann = World::chat("ann");
    let challenge = world.next(ann).await;
    let cli = Cli::new(version);
    let run = async |arguments: &[&str]| {
        let mut command = cli.command(arguments);
        command.env("OPENCLAW_STATE_DIR", world.home.state());
        let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        crate::process::texts(&output).0
    };
    let list = run(&["pairing", "list", "telegram", "--json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap_or_else(|e| panic!("{e}: {list}"));
    let code = list["requests"][0]["code"].as_str().expect("a code");
    assert!(challenge.contains(code), "{challenge} {list}");
    let done = run(&["pairing", "approve", "telegram", code]).await;
    assert!(done.contains(&format!("Approved telegram sender {ann}")), "{done}");
    world.say("ann", "and now?").await;
    let answer = world.next(ann).await;
    assert!(answer.ends_with("and now?"), "{answer}");
    world.stop();
}

of_both! {
    pairing: the_cli_of_february_approves_in_our_folder, the_cli_of_april_approves_in_our_folder;
}
