//! `openclaw access`: everybody's permission shown, changed, explained; another configuration tried.

use serde_json::{Value, json};

use crate::support::{Folder, grants, request};

const CONFIG: &str = "\
[channels.telegram]
bot_token = \"1:secret\"
allow_from = [\"100\"]

[owner]
allow_from = [\"telegram:500\"]
";

fn folder() -> Folder {
    let folder = Folder::waiting(&[request("7", "AB3D7X9K"), request("8", "BB3D7X9K")]);
    folder.put("config.toml", CONFIG);
    folder.put("credentials/telegram-allowFrom.json", &grants(&["1"]));
    folder
}

fn list(folder: &Folder) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&folder.done("access list --json")).unwrap();
    listed["access"].as_array().unwrap().clone()
}

#[test]
fn leave_for_a_day_is_listed_extended_and_taken_back() {
    let folder = folder();
    folder.done("pairing approve telegram AB3D7X9K --for 24h");
    folder.done("access rename telegram:7 Ann from work");
    let all = list(&folder);
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["who"], &all[0]["state"]), (&json!("telegram:1"), &json!("lasting")));
    assert_eq!(all[0]["by"], Value::Null, "imported");
    let timed = &all[1];
    assert_eq!((&timed["who"], &timed["state"]), (&json!("telegram:7"), &json!("until")));
    assert_eq!(timed["note"], "Ann from work");
    let left = timed["secondsLeft"].as_u64().unwrap();
    assert!((86_390..=86_400).contains(&left), "{left}");
    let file = folder.json("credentials/telegram-allowFrom.json");
    assert_eq!(file["allowFrom"], json!(["1"]), "no other reader of the folder gives access");
    let allowed = folder.done("pairing allowed telegram");
    assert!(allowed.contains("approved until 2"), "{allowed}");

    assert_eq!(
        folder.done("access extend telegram:7 always"),
        "✅ New end of access for telegram:7\n"
    );
    assert_eq!(list(&folder)[1]["state"], "lasting");
    assert_eq!(folder.done("access revoke telegram:7"), "✅ Revoked telegram:7\n");
    assert!(folder.fails(3, "access revoke telegram:7").contains("No approved access: telegram:7"));
    assert!(folder.fails(3, "access extend telegram:7 1h").contains("No temporary access"));
}

#[test]
fn a_denied_sender_is_explained_as_one_who_gets_no_code() {
    let folder = folder();
    assert!(folder.done("access explain telegram 7").contains("Now: asks for a code"));
    folder.done("pairing deny telegram AB3D7X9K");
    let said = folder.done("access explain telegram 7");
    assert!(said.contains("Now: ignored") && said.contains("an owner denied"), "{said}");
}

#[test]
fn case_071_a_block_beats_what_the_configuration_says() {
    let folder = folder();
    let admitted = folder.done("access explain telegram 100");
    assert!(admitted.contains("Now: admitted") && admitted.contains("config.toml:3"), "{admitted}");
    folder.done("access block telegram:100");
    let ignored = folder.done("access explain telegram 100");
    assert!(ignored.contains("Now: ignored") && ignored.contains("grants.json"), "{ignored}");
    assert!(!folder.done("pairing allowed telegram").contains("100"));
    assert!(folder.fails(3, "access block telegram:100").contains("Already blocked"));
    assert_eq!(folder.done("access unblock telegram:100"), "✅ Block removed for telegram:100\n");
    assert!(folder.fails(3, "access unblock telegram:100").contains("Not blocked"));
    let owner = folder.fails(1, "access block telegram:500");
    assert!(
        owner.contains("an owner cannot be blocked") && owner.contains("owner show"),
        "{owner}"
    );
}

#[test]
fn a_revoke_names_the_configuration_that_still_gives_access() {
    let folder = folder();
    folder.put("credentials/telegram-allowFrom.json", &grants(&["1", "100"]));
    let ran = folder.run("access revoke telegram:100");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "✅ Revoked telegram:100\n"));
    assert!(
        ran.err.contains("still has access") && ran.err.contains("config.toml:3"),
        "{}",
        ran.err
    );
}

#[test]
fn case_085_what_is_no_id_is_named_and_changes_nothing() {
    let folder = folder();
    let before = folder.files();
    for (words, said) in [
        ("access block 7", "7 is not an id"),
        ("access block telegram:", "telegram user id"),
        ("access block telegram:ann", "telegram user id"),
        ("access block nowhere:7", "there is no channel nowhere"),
        ("access revoke telegram/:7", "is not an id"),
        ("access extend telegram:1 soon", "write an end such as"),
        ("access explain nowhere 7", "does not support pairing"),
        ("access explain telegram ann", "telegram user id"),
    ] {
        let err = folder.fails(2, words);
        assert!(err.to_lowercase().contains(&said.to_lowercase()), "{words}: {err}");
    }
    assert_eq!(folder.files(), before);
}

#[test]
fn another_configuration_is_tried_on_those_who_wrote_lately() {
    let folder = folder();
    let seen = |sender: &str, group: Option<&str>, verdict: &str| {
        json!({
            "at": 1, "channel": "telegram", "account": "default", "sender": sender,
            "group": group, "mentioned": true, "verdict": verdict,
        })
    };
    let twice = seen("100", None, "admitted");
    let all = [twice.clone(), twice, seen("9", None, "asks"), seen("9", Some("-5"), "ignored")];
    folder.put("access/verdicts.json", &json!(all).to_string());
    let same = format!("access simulate {}", folder.path("config.toml").display());
    assert!(folder.done(&same).contains("Nothing would change"));
    let other =
        CONFIG.replace("allow_from = [\"100\"]", "dm_policy = \"allowlist\"\nallow_from = [\"9\"]");
    folder.put("other.toml", &other);
    let path = folder.path("other.toml");
    let told = folder.done(&format!("access simulate {} --json", path.display()));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["replayed"], 4);
    let changes = told["changes"].as_array().unwrap();
    let row = |sender: &str, group: Option<&str>, now: &str, then: &str, messages: u64| {
        json!({
            "account": "telegram/default", "sender": sender, "group": group,
            "recorded": now, "then": then, "messages": messages,
        })
    };
    assert_eq!(
        changes,
        &[
            row("100", None, "admitted", "ignored", 2),
            row("9", None, "asks", "admitted", 1),
            row("9", Some("-5"), "ignored", "admitted", 1),
        ]
    );
    assert!(folder.fails(1, "access simulate nothing.toml").contains("nothing.toml"));
    // What was recorded is what it is compared with, and one is not several.
    folder.put("access/verdicts.json", &json!([seen("100", None, "ignored")]).to_string());
    let told = folder.run(&same);
    assert!(told.out.contains("ignored\tadmitted"), "{}", told.out);
    assert_eq!(told.err, "1 message was replayed; nothing was changed\n");
    folder.put("access/verdicts.json", &json!([seen("100", None, "admitted")]).to_string());
    assert_eq!(folder.done(&same), "Nothing would change for the last message.\n");
}

#[test]
fn what_an_older_version_did_not_note_is_not_guessed() {
    let folder = folder();
    let row = json!({
        "at": 1, "channel": "telegram", "account": "default", "sender": "9", "mentioned": true,
        "verdict": "admitted",
    });
    // Now a stranger: they would ask, or be ignored where the message was from before the start.
    let mut known = row.clone();
    (known["exposed"], known["old"]) = (json!(false), json!(true));
    folder.put("access/verdicts.json", &json!([row, known]).to_string());
    let same = format!("access simulate {}", folder.path("config.toml").display());
    let told: Value = serde_json::from_str(&folder.done(&format!("{same} --json"))).unwrap();
    assert_eq!((&told["replayed"], &told["unknown"]), (&json!(2), &json!(1)));
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["changes"][0]["then"], "ignored");
    let told = folder.run(&same);
    assert!(told.err.contains("1 message: not compared"), "{}", told.err);
}

#[test]
fn a_group_is_explained_with_and_without_a_sender() {
    let folder = folder();
    let groups = "groups = [\"-1001234567890\"]\nallow_from";
    folder.put("config.toml", &CONFIG.replacen("allow_from", groups, 1));
    for (line, verdict, rule) in [
        (
            "-1001234567890",
            "admitted when the bot is mentioned",
            "the senders of the list are heard",
        ),
        (
            "-1001234567890 100",
            "admitted when the bot is mentioned",
            "the configuration lists the sender",
        ),
        ("-1001234567890 7", "ignored", "an approval counts in direct chats only"),
        ("-5", "ignored", "this group is not listed"),
    ] {
        let said = folder.done(&format!("access explain telegram {line}"));
        assert!(
            said.contains(&format!("Now: {verdict}\n")) && said.contains(rule),
            "{line}: {said}"
        );
        let first = line.split(' ').next().unwrap();
        assert!(said.contains(&format!("telegram group {first}\n")), "{line}: {said}");
    }
    folder.done("access block telegram:100");
    let said = folder.done("access explain telegram -1001234567890 100");
    assert!(said.contains("Now: ignored") && said.contains("the sender is blocked"), "{said}");
}

#[test]
fn an_id_as_a_narrow_table_shortens_it_is_the_one_person_or_nobody() {
    let folder = Folder::empty();
    let [one, other, third] = ["111222333", "111444333", "7"];
    folder.put("credentials/telegram-allowFrom.json", &grants(&[one, third]));
    let said = folder.done("access revoke telegram:111…333");
    assert_eq!(said, format!("✅ Revoked telegram:{one}\n"));
    let said = folder.fails(2, "access revoke telegram:111…333");
    assert!(said.contains("is a shortened id, and nobody") && said.contains("--wide"), "{said}");
    folder.put("credentials/telegram-allowFrom.json", &grants(&[one, other]));
    let said = folder.fails(2, "access block telegram:111…333");
    assert!(
        said.contains("2 people in the list") && said.contains("nothing was changed"),
        "{said}"
    );
    assert_eq!(
        folder.json("credentials/telegram-allowFrom.json")["allowFrom"],
        json!([one, other])
    );
}
