//! `pairing approve` and `deny`.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    thread,
};

use serde_json::{Value, json};

use crate::support::{CODE, Folder, expired, file, grants, mode, named, of_account, request};

const UNKNOWN: &str = "\
No pending pairing request found for code: AB3D7X9K
hint: `openclaw pairing list telegram` shows who waits; a code is valid for one hour
";

#[test]
fn an_approved_sender_is_let_in() {
    let mut bare = request("123456789", CODE);
    bare["meta"] = json!({});
    let folder = Folder::waiting(&[bare]);
    let said = folder.done("pairing approve telegram AB3D7X9K");
    assert_eq!(said, "✅ Approved telegram sender 123456789\n");
    let granted = folder.json("credentials/telegram-allowFrom.json");
    assert_eq!(granted, json!({ "version": 1, "allowFrom": ["123456789"] }));
    assert_eq!(folder.json("credentials/telegram-pairing.json")["requests"], json!([]));
    assert_eq!(folder.fails(3, "pairing approve telegram AB3D7X9K"), UNKNOWN);
}

#[test]
fn a_code_is_read_in_any_case_and_found_on_any_channel() {
    for line in [
        "pairing approve ab3d7x9k",
        "pairing approve --channel telegram Ab3D7x9K",
        "Pairing APPROVE telegram <AB3D-7X9K>.",
        "pairing approve \u{201c}`AB3D\u{200b}7X9K`\u{201d}",
    ] {
        let folder = Folder::waiting(&[request("7", CODE)]);
        let said = "✅ Approved telegram sender 7\nname: Ann\n";
        assert_eq!(folder.done(line), said, "{line}");
    }
}

#[test]
fn a_time_as_in_a_chat_is_led_to_its_option() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let said = folder.fails(2, "pairing approve AB3D7X9K 24h");
    assert!(said.contains("`openclaw pairing approve <code> --for 24h`"), "{said}");
    assert_eq!(
        folder.done("pairing approve AB3D7X9K --for 24h"),
        "✅ Approved telegram sender 7\nname: Ann\n"
    );
}

#[test]
fn what_a_decision_says_never_holds_the_code() {
    let mut one = of_account(named(request("7", CODE), "Ann\u{1b}[2J"), "work");
    one["meta"]["laterName"] = "Owner".into();
    let folder = Folder::waiting(&[one]);
    // The name has changed since the code was sent: the code alone does not stand for it.
    let refused = folder.fails(1, "pairing deny AB3D7X9K");
    assert!(refused.contains("has changed") && refused.contains("--as-shown"), "{refused}");
    assert!(!refused.contains("AB3D7X9K"), "{refused}");
    let list: Value = serde_json::from_str(&folder.done("pairing list --json")).unwrap();
    let shown = list["requests"][0]["revision"].as_str().unwrap();
    assert!(folder.done("pairing list").contains(shown));
    let said = folder.done(&format!("pairing deny AB3D7X9K --as-shown {shown}"));
    assert_eq!(said, "⛔ Denied telegram sender 7\nname: Ann [2J (later: Owner)\naccount: work\n");
}

#[test]
fn a_denied_sender_is_not_let_in() {
    let folder = Folder::waiting(&[request("7", CODE), request("8", "ABCD2345")]);
    assert!(
        folder.done("pairing deny telegram AB3D7X9K").starts_with("⛔ Denied telegram sender 7\n")
    );
    assert!(!folder.path("credentials/telegram-allowFrom.json").exists());
    let list = folder.done("pairing list telegram");
    assert!(!list.contains(CODE) && list.contains("ABCD2345"), "{list}");
    assert_eq!(folder.fails(3, "pairing approve telegram AB3D7X9K"), UNKNOWN);
}

#[test]
fn a_blocked_sender_is_ignored_until_the_block_ends() {
    let folder = Folder::waiting(&[request("7", CODE), request("8", "ABCD2345")]);
    let said = folder.done("pairing block telegram AB3D7X9K");
    assert!(said.starts_with("⛔ Blocked telegram sender 7\n"), "{said}");
    assert!(folder.done("access list").contains("telegram:7\tblocked\t"));
    assert_eq!(folder.fails(3, "pairing approve telegram AB3D7X9K"), UNKNOWN);
    let said: Value = serde_json::from_str(&folder.done("pairing block abcd2345 --json")).unwrap();
    assert_eq!((&said["decided"], &said["id"]), (&json!("blocked"), &json!("8")));
    folder.done("access unblock telegram:7");
}

#[test]
fn a_script_reads_what_was_decided_without_the_code() {
    let folder = Folder::waiting(&[request("7", CODE), request("8", "ABCD2345")]);
    let said = folder.done("pairing approve telegram AB3D7X9K --for 24h --json");
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&json["decided"], &json["channel"]), (&json!("approved"), &json!("telegram")));
    assert!(json["until"].is_string() && json["notified"].is_null(), "{said}");
    let said = folder.done("pairing deny ABCD2345 --json") + &said;
    assert!(!said.contains(CODE) && !said.contains("ABCD2345"), "{said}");
    let said = folder.done("pairing revoke telegram 7 --json");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["revoked"], json!(["default"]));
}

#[test]
fn case_021_approving_makes_no_owner() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    folder.done("pairing approve telegram AB3D7X9K --account default");
    let owners: Value = serde_json::from_str(&folder.done("owner show --json")).unwrap();
    assert_eq!(owners, json!({ "owners": [] }));
    assert!(!folder.path("credentials/owners.json").exists());
    assert!(!folder.path("config.toml").exists());
}

#[test]
fn case_046_unknown_expired_and_foreign_codes_get_one_answer_and_burn_nothing() {
    let unknown = Folder::empty().fails(3, "pairing approve telegram AB3D7X9K");
    let stale = Folder::waiting(&[expired(request("7", CODE))]);
    let expired = stale.fails(3, "pairing approve telegram AB3D7X9K");
    let folder = Folder::waiting(&[of_account(request("7", CODE), "work")]);
    let foreign = folder.fails(3, "pairing approve telegram AB3D7X9K --account home");
    assert_eq!([&unknown, &expired, &foreign], [UNKNOWN; 3]);
    assert!(folder.fails(3, "pairing approve telegram nonsense").contains("for code: nonsense\n"));
    assert!(folder.fails(2, "pairing approve telegram").contains("the code is missing"));
    folder.done("pairing approve telegram AB3D7X9K --account work");
}

#[test]
fn two_finds_are_listed_and_nothing_changes() {
    let folder = Folder::waiting(&[request("7", CODE), of_account(request("8", CODE), "work")]);
    let before = folder.files();
    let said = folder.fails(2, "pairing approve AB3D7X9K");
    assert!(said.contains("│ telegram │ default │ 7  │"), "{said}");
    assert!(said.contains("│ telegram │ work    │ 8  │") && !said.contains(CODE), "{said}");
    assert!(said.contains("error: 2 requests have this code; nothing was changed\n"), "{said}");
    assert_eq!(folder.files(), before);
    let said = folder.done("pairing approve AB3D7X9K --account work");
    assert!(said.starts_with("✅ Approved telegram sender 8\n"), "{said}");
}

#[test]
fn case_075_a_grant_is_for_one_account() {
    let folder = Folder::waiting(&[of_account(request("7", CODE), "work")]);
    folder.done("pairing approve telegram AB3D7X9K");
    assert_eq!(folder.json("credentials/telegram-work-allowFrom.json")["allowFrom"], json!(["7"]));
    assert!(!folder.path("credentials/telegram-allowFrom.json").exists());
    assert!(!folder.path("credentials/telegram-default-allowFrom.json").exists());
    let allowed = folder.done("pairing allowed telegram --account default");
    assert_eq!(allowed, "No allowed telegram senders.\n");
}

#[test]
fn a_folder_of_2026_2_is_used_as_it_is() {
    let mut first = request("7", CODE);
    first["unknown"] = json!({ "kept": true });
    let folder = Folder::waiting(&[first, request("8", "ABCD2345")]);
    folder.put("credentials/telegram-allowFrom.json", &grants(&["1"]));
    folder.put("credentials/telegram-default-allowFrom.json", &grants(&["2"]));
    let before = folder.text("credentials/telegram-pairing.json");
    folder.done("pairing approve telegram ABCD2345");
    let requests = folder.json("credentials/telegram-pairing.json")["requests"].clone();
    assert_eq!(requests[0]["unknown"], json!({ "kept": true }));
    assert_eq!(requests.as_array().unwrap().len(), 1);
    assert_eq!(folder.text("credentials/telegram-pairing.json.orig"), before);
    assert_eq!(folder.json("credentials/telegram-allowFrom.json")["allowFrom"], json!(["1", "8"]));
    assert_eq!(
        folder.json("credentials/telegram-default-allowFrom.json")["allowFrom"],
        json!(["2"])
    );
    let allowed: Value =
        serde_json::from_str(&folder.done("pairing allowed telegram --json")).unwrap();
    let ids: Vec<&Value> =
        allowed["senders"].as_array().unwrap().iter().map(|s| &s["id"]).collect();
    assert_eq!(ids, ["1", "2", "8"]);
}

#[test]
fn case_113_what_a_decision_writes_is_for_this_user_alone() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("owner add telegram:7");
    for name in [
        "credentials/telegram-pairing.json",
        "credentials/telegram-allowFrom.json",
        "credentials/owners.json",
        "audit/access.jsonl",
        "audit/head",
    ] {
        assert_eq!(mode(&folder.path(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&folder.path("audit")), 0o700);
}

#[test]
fn case_108_neither_log_nor_grant_holds_a_code() {
    let folder = Folder::waiting(&[request("7", CODE), request("8", "ABCD2345")]);
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("pairing deny telegram ABCD2345");
    let claim = folder.done("owner claim").lines().next().unwrap().replace('-', "");
    for (path, bytes) in folder.files() {
        let text = String::from_utf8_lossy(&bytes);
        let kept = path.extension().is_some_and(|ending| ending == "orig");
        for code in [CODE, "ABCD2345", claim.as_str()] {
            assert!(kept || !text.contains(code), "{}", path.display());
        }
    }
}

#[test]
fn without_a_gateway_the_approval_stands_and_the_notice_is_not_sent() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let ran = folder.run("pairing approve telegram AB3D7X9K --notify");
    assert_eq!(ran.code, Some(0));
    assert_eq!(ran.out, "✅ Approved telegram sender 7\nname: Ann\n");
    assert!(ran.err.starts_with("Failed to notify requester: no gateway answers at "), "{ran:?}");
    assert!(ran.err.ends_with("; the approval stands, the notice was not sent\n"), "{ran:?}");
    assert_eq!(folder.json("credentials/telegram-allowFrom.json")["allowFrom"], json!(["7"]));
}

/// Listens where a gateway would, and gives each request to `answer`.
fn listen(folder: &Folder, answer: fn(&Value) -> Value) -> thread::JoinHandle<Vec<Value>> {
    std::fs::create_dir_all(folder.path("run")).unwrap();
    let listener = UnixListener::bind(folder.path("run/gateway.sock")).unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut writer = stream.try_clone().unwrap();
        let mut seen = Vec::new();
        for line in BufReader::new(stream).lines() {
            let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
            writeln!(writer, "{}", answer(&request)).unwrap();
            seen.push(request);
        }
        seen
    })
}

#[test]
fn the_gateway_is_asked_to_tell_the_sender() {
    let folder = Folder::waiting(&[of_account(request("7", CODE), "work")]);
    let served = listen(
        &folder,
        |request| json!({ "type": "res", "id": request["id"], "ok": true, "payload": {} }),
    );
    let said = folder.done("pairing approve telegram AB3D7X9K --notify");
    assert!(said.ends_with("Notified telegram sender 7\n"), "{said}");
    let params = json!({ "channel": "telegram", "account": "work", "sender": "7" });
    let asked = json!({ "type": "req", "id": "1", "method": "pairing.notify", "params": params });
    assert_eq!(served.join().unwrap(), [asked]);
}

#[test]
fn a_notice_that_cannot_go_is_told_and_is_no_failure() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let served = listen(&folder, |request| {
        let error = json!({ "code": "UNAVAILABLE", "message": "the platform has gone" });
        json!({ "type": "res", "id": request["id"], "ok": false, "error": error })
    });
    let ran = folder.run("pairing approve telegram AB3D7X9K --notify");
    let err = "Failed to notify requester: the platform has gone; the approval stands\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), err));
    served.join().unwrap();
}

#[test]
fn a_decision_that_cannot_be_written_fails_and_changes_nothing() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    // A folder stands where the access log would be: nothing can be committed.
    std::fs::create_dir_all(folder.path("audit/access.jsonl")).unwrap();
    let before = folder.text("credentials/telegram-pairing.json");
    let said = folder.fails(1, "pairing approve telegram AB3D7X9K");
    assert!(said.starts_with("error: ") && said.contains("/audit/"), "{said}");
    assert_eq!(folder.text("credentials/telegram-pairing.json"), before);
    assert!(!folder.path("credentials/telegram-allowFrom.json").exists());
    assert_eq!(before, file(&[request_of(&before)]));
}

fn request_of(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap()["requests"][0].clone()
}
