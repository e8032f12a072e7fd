//! Going back to OpenClaw, by the steps of the README: what the real 2026.2.12 and 2026.9.6 find in a folder of ours.

use serde_json::{Value, json};

use super::{
    cli::{Cli, node},
    moving::{SEPTEMBER, configured, does, newer_node},
    operator::FEBRUARY,
};
use crate::{
    phone::{App, Phone},
    process::{Home, texts, write},
};

const CONFIG: &str =
    "[channels.telegram]\nenabled = false\n[plugins.device-pair]\napprove = \"code\"\n";

/// A folder of ours: 777001 is approved for good, 777002 for a day, 777003 was revoked, 777004 waits, 777005 is blocked,
/// and a phone is paired.
async fn lived_in() -> Home {
    let home = Home::new();
    let now = openclaw::world::iso(openclaw::world::now());
    let codes = ["ABCDEFGH", "ABCDEFGJ", "ABCDEFGK", "ABCDEFGL"];
    let requests = (1..).zip(codes).map(|(id, code)| {
        json!({ "id": format!("77700{id}"), "code": code, "createdAt": now, "lastSeenAt": now, "meta": {} })
    });
    let requests = json!({ "version": 1, "requests": requests.collect::<Vec<_>>() });
    home.put("credentials/telegram-pairing.json", &requests.to_string());
    home.configure(CONFIG);
    for line in [
        "pairing approve ABCDEFGH",
        "pairing approve ABCDEFGJ --for 24h",
        "pairing approve ABCDEFGK",
        "access revoke telegram:777003",
        "access block telegram:777005",
    ] {
        let output = home.cli(&line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {:?}", texts(&output));
    }
    let gateway = home.gateway("info");
    let code = texts(&home.cli(&["qr", "--local", "--setup-code-only"])).0;
    let mut phone = Phone::new("Ann's phone", App::NewestByToken);
    phone.paste(code.trim());
    phone.moved(gateway.port);
    phone.connect_node().await.unwrap_or_else(|refused| panic!("{refused:?}"));
    phone.off().await;
    assert!(gateway.stop().success());
    home
}

/// The folder becomes that of the other program, with its own configuration beside it.
fn handed_over(home: &Home, cli: &Cli) {
    std::fs::rename(home.state(), cli.folder()).unwrap();
    let config =
        configured(&json!({ "telegram": { "enabled": false, "botToken": "1:of-a-test" } }));
    write(&cli.folder().join("openclaw.json"), &config.to_string());
}

fn read(cli: &Cli, name: &str) -> Value {
    let text = std::fs::read_to_string(cli.folder().join(name)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn february_goes_on_with_a_folder_of_ours() {
    let (home, cli) = (lived_in().await, Cli::new(FEBRUARY));
    handed_over(&home, &cli);
    let list = does(&cli, &node(), &["pairing", "list", "telegram"]).await;
    assert!(list.contains("777004") && list.contains("ABCDEFGL"), "{list}");
    does(&cli, &node(), &["pairing", "approve", "telegram", "ABCDEFGL"]).await;
    assert_eq!(
        read(&cli, "credentials/telegram-allowFrom.json")["allowFrom"],
        json!(["777001", "777004"])
    );
    let devices = read(&cli, "devices/paired.json");
    assert_eq!(devices.as_object().map(serde_json::Map::len), Some(1), "{devices}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn september_takes_a_folder_of_ours_into_its_database() {
    let (home, cli) = (lived_in().await, Cli::new(SEPTEMBER));
    handed_over(&home, &cli);
    does(&cli, &newer_node(), &["doctor", "--fix", "--yes", "--non-interactive"]).await;
    let list = does(&cli, &newer_node(), &["pairing", "list", "telegram"]).await;
    assert!(list.contains("777004") && list.contains("ABCDEFGL"), "{list}");
    // What its database holds, our own import reads: without the folder's own log, which knows more.
    let (reader, database) = (Home::new(), Home::new());
    std::fs::create_dir_all(database.state()).unwrap();
    std::fs::rename(cli.folder().join("state"), database.state().join("state")).unwrap();
    let from = database.state();
    let from = ["import", "--from", from.to_str().unwrap(), "--dry-run", "--json"];
    let output = reader.cli(&from);
    let (found, err) = texts(&output);
    assert!(output.status.success(), "{found}{err}");
    assert!(found.contains("777001"), "{found}");
    for gone in ["777002", "777003", "777005"] {
        assert!(!found.contains(gone), "{gone}: {found}");
    }
}
