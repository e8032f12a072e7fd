//! `pairing allowed` and `revoke`.

use serde_json::{Value, json};

use crate::support::{Folder, grants};

const CONFIG: &str = "\
[channels.telegram]
bot_token = \"1:secret\"
allow_from = [
  \"100\",
]

[owner]
allow_from = [\"telegram:500\"]
";

fn folder() -> Folder {
    let folder = Folder::empty();
    folder.put("config.toml", CONFIG);
    folder.put("credentials/telegram-allowFrom.json", &grants(&["7", "100", "500"]));
    folder.put("credentials/telegram-default-allowFrom.json", &grants(&["7", "8"]));
    folder.put("credentials/telegram-work-allowFrom.json", &grants(&["7"]));
    folder
}

#[test]
fn everyone_who_may_talk_is_shown_with_the_reason() {
    let folder = folder();
    let allowed: Value =
        serde_json::from_str(&folder.done("pairing allowed telegram --account default --json"))
            .unwrap();
    let file = folder.path("config.toml").display().to_string();
    let approved = |id| json!({ "accountId": "default", "id": id, "from": "approved" });
    let expected = json!({
        "channel": "telegram",
        "senders": [
            { "accountId": "default", "id": "100", "from": "config", "file": file, "line": 4 },
            { "accountId": "default", "id": "500", "from": "owner" },
            approved("100"),
            approved("500"),
            approved("7"),
            approved("8"),
        ],
    });
    assert_eq!(allowed, expected);
    let ran = folder.run("pairing allowed telegram");
    assert_eq!(ran.err, "note: telegram account work is not configured: nobody is answered\n");
    let table = ran.out;
    assert!(table.starts_with("Allowed telegram senders (8)\n\n"), "{table}");
    assert!(table.contains("work\t7\tapproved"), "{table}");
    assert!(table.contains(&format!("default\t100\t{file}:4")), "{table}");
}

#[test]
fn a_revoked_sender_is_gone_from_every_file_at_once() {
    let folder = folder();
    let said = folder.done("pairing revoke telegram 7");
    assert_eq!(said, "✅ Revoked telegram sender 7\naccount: work\n");
    for (name, left) in [
        ("telegram-allowFrom.json", json!(["100", "500"])),
        ("telegram-default-allowFrom.json", json!(["8"])),
        ("telegram-work-allowFrom.json", json!([])),
    ] {
        assert_eq!(folder.json(&format!("credentials/{name}"))["allowFrom"], left, "{name}");
    }
    let said = folder.fails(3, "pairing revoke telegram 7");
    assert!(said.starts_with("No approved telegram sender found with id: 7\nhint: "), "{said}");
}

#[test]
fn one_account_can_be_meant_alone_and_prefixes_are_read() {
    let folder = folder();
    let said = folder.done("pairing revoke telegram tg:7 --account work");
    assert_eq!(said, "✅ Revoked telegram sender 7\naccount: work\n");
    let default = folder.json("credentials/telegram-allowFrom.json");
    assert_eq!(default["allowFrom"], json!(["7", "100", "500"]));
    assert!(folder.fails(3, "pairing revoke telegram 8 --account work").contains("id: 8"));
}

#[test]
fn what_the_configuration_still_admits_is_said_with_file_and_line() {
    let folder = folder();
    let ran = folder.run("pairing revoke telegram 100");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "✅ Revoked telegram sender 100\n"));
    let place = format!("still has access: {}:4\n", folder.path("config.toml").display());
    assert!(ran.err.contains(&place) && ran.err.contains("\nhint: "), "{ran:?}");
    // Nothing is stored any more, and the configuration admits as before.
    assert!(folder.fails(1, "pairing revoke telegram 100").contains(&place));
    let ran = folder.run("pairing revoke telegram 500");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("telegram sender 500 is an owner"), "{ran:?}");
    folder.put("config.toml", "[channels.telegram]\nbot_token = \"1:s\"\nallow_from = [\"*\"]\n");
    let ran = folder.run("pairing revoke telegram 8");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "✅ Revoked telegram sender 8\n"));
    assert!(ran.err.contains("config.toml:3\n"), "{ran:?}");
}

#[test]
fn a_broken_configuration_keeps_nobody_in() {
    let folder = folder();
    folder.put("config.toml", "[channels.telegram]\nnonsense = 1\n");
    let ran = folder.run("pairing revoke telegram 7");
    assert_eq!((ran.code, ran.out.lines().next()), (Some(1), Some("✅ Revoked telegram sender 7")));
    assert!(ran.err.contains("config.toml:2") && ran.err.contains("nonsense"), "{ran:?}");
    assert_eq!(folder.json("credentials/telegram-work-allowFrom.json")["allowFrom"], json!([]));
}

#[test]
fn what_is_no_sender_is_wrong_usage() {
    let folder = folder();
    for id in ["*", "@ann", "-100123"] {
        let said = folder.fails(2, &format!("pairing revoke telegram -- {id}"));
        assert!(said.starts_with(&format!("error: `{}`", id.replace('@', "＠"))), "{said}");
    }
}
