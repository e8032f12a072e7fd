//! Folders of `OpenClaw`, damaged files, and how the files lie on the disk.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::*;
use crate::rules::device::surface;

/// As `OpenClaw` of February 2026 writes two devices: one phone, one laptop whose token was taken back.
fn imported() -> String {
    let (phone, laptop) = (key(1), key(2));
    let rows = json!({
        phone.id().as_str(): {
            "deviceId": phone.id().as_str(),
            "publicKey": phone.spell(),
            "displayName": "Old phone",
            "platform": "iOS 17.1",
            "clientId": "openclaw-ios",
            "role": "node",
            "roles": ["node", "gardener"],
            "scopes": [],
            "remoteIp": "192.0.2.9",
            "tokens": { "node": {
                "token": "3f2b8f6c0d9e4a5bb1f1a0c4de0a7e11",
                "role": "node", "scopes": [], "createdAtMs": 11, "lastUsedAtMs": 13,
                "issuer": { "kept": [1.50, null] }
            } },
            "createdAtMs": 10,
            "approvedAtMs": 12,
            "pendingNodeSurface": { "later": true }
        },
        laptop.id().as_str(): {
            "deviceId": laptop.id().as_str(),
            "publicKey": laptop.spell(),
            "role": "operator",
            "scopes": ["operator.read", "operator.teleport"],
            "tokens": { "operator": {
                "token": "77777777777777777777777777777777", "role": "operator",
                "scopes": ["operator.read", "operator.admin"], "createdAtMs": 21, "revokedAtMs": 22
            } },
            "createdAtMs": 20,
            "approvedAtMs": 20
        }
    });
    format!("{rows:#}")
}

#[test]
fn a_folder_of_openclaw_keeps_its_devices_and_no_plain_token() {
    let bed = Bed::new();
    bed.write("devices/paired.json", imported());
    bed.store.check(&[]).unwrap();
    let phone = bed.device(1);
    let shown = TokenDigest::of("3f2b8f6c0d9e4a5bb1f1a0c4de0a7e11");
    let judged = phone.tokens[&Role::Node].judge(&shown, Role::Node, Scopes::NONE);
    assert_eq!(judged, Ok(Scopes::NONE));
    assert_eq!(phone.approved.commands, surface::inherited("iOS"));
    assert_eq!(phone.approved.roles, [Role::Node].into());
    let laptop = bed.device(2);
    assert!(!laptop.may_be(Role::Operator), "revoked before it came here");
    assert_eq!(laptop.approved.scopes.words(), ["operator.read"]);
    assert!(!laptop.tokens[&Role::Operator].scopes.name(Scope::Admin));
    // Another device is the first thing that is written.
    bed.pairs(3, operator(&[Scope::Read]));
    assert_eq!(bed.text("devices/paired.json.orig"), imported());
    let text = bed.text("devices/paired.json");
    assert!(
        !text.contains("\"token\"") && !text.contains("3f2b8f6c") && !text.contains("77777777")
    );
    assert!(text.contains(&shown.spell()));
    for store in [&bed.store, &bed.other()] {
        let token = known(store, 1).tokens[&Role::Node];
        assert!(token.digest.matches(&shown));
        assert!(!known(store, 2).may_be(Role::Operator));
    }
}

#[test]
fn fields_and_words_that_we_do_not_know_survive_and_grant_nothing() {
    let bed = Bed::new();
    bed.write("devices/paired.json", imported());
    bed.store.rename_device(&host(), &key(1).id(), "Mine", NOW).unwrap().unwrap();
    let request = bed.open_request(&wish(2, operator(&[Scope::Write])));
    bed.approves(&request).unwrap();
    let rows = bed.json("devices/paired.json");
    let (phone, laptop) = (&rows[key(1).id().as_str()], &rows[key(2).id().as_str()]);
    assert_eq!(phone["operatorLabel"], "Mine");
    assert_eq!(phone["pendingNodeSurface"], json!({ "later": true }));
    assert_eq!(phone["tokens"]["node"]["issuer"], json!({ "kept": [1.50, null] }));
    assert_eq!(phone["roles"], json!(["node", "gardener"]));
    assert_eq!(phone["tokens"]["node"]["lastUsedAtMs"], 13);
    assert!(phone.get("nodeSurface").is_none(), "nobody has decided about its commands");
    assert_eq!(laptop["scopes"], json!(["operator.write", "operator.teleport"]));
    assert_eq!(bed.device(2).approved.scopes, Scopes::of(&[Scope::Write]));
    // A row that is not touched is copied as it stands, to the byte.
    let start = bed.text("devices/paired.json").find("\"pendingNodeSurface\"").unwrap();
    bed.pairs(4, operator(&[Scope::Read]));
    assert_eq!(bed.text("devices/paired.json").find("\"pendingNodeSurface\""), Some(start));
}

#[test]
fn codes_of_another_program_open_nothing_and_go() {
    let bed = Bed::new();
    let plain = json!({ "tok_plain": {
        "token": "tok_plain", "ts": NOW.0, "issuedAtMs": NOW.0, "profile": { "roles": ["node"], "scopes": [] }
    } });
    bed.write("devices/bootstrap.json", plain.to_string());
    let shown = bed.store.redeem_code(&TokenDigest::of("tok_plain"), &key(1), NOW).unwrap();
    assert!(matches!(shown, Setup::Unknown) && bed.store.setup_codes().unwrap().is_empty());
    bed.mints(1);
    assert!(!bed.text("devices/bootstrap.json").contains("tok_plain"));
    assert!(bed.text("devices/bootstrap.json.orig").contains("tok_plain"));
}

#[test]
fn requests_of_another_program_wait_their_five_minutes() {
    let bed = Bed::new();
    let known = key(1);
    let rows = json!({
        "a-1": {
            "requestId": "a-1", "deviceId": known.id().as_str(), "publicKey": known.spell(),
            "role": "operator", "scopes": ["operator.read"], "silent": true, "ts": NOW.0 - 1
        },
        "a-2": { "requestId": "a-2", "deviceId": "unknown", "ts": NOW.0 - 2 },
        "a-3": { "requestId": "a-3", "deviceId": "gone", "ts": NOW.0 - 300_001 },
        "a-4": { "requestId": "a-4" }
    });
    bed.write("devices/pending.json", rows.to_string());
    assert_eq!(bed.store.device_requests(NOW).unwrap().len(), 1);
    bed.open_request(&wish(2, operator(&[Scope::Read])));
    let kept = bed.json("devices/pending.json");
    assert_eq!(kept["a-1"], rows["a-1"]);
    assert_eq!(kept["a-2"], rows["a-2"]);
    assert_eq!(kept.as_object().unwrap().len(), 3);
    let request = bed.request(&DeviceRequestId::parse("a-1").unwrap());
    assert!(bed.approves(&request).is_ok());
}

#[test]
fn case_044_a_damaged_file_stops_the_start_and_is_not_rewritten() {
    for name in ["paired", "pending", "bootstrap", "removed"] {
        for text in ["", "[]", "{", "{ \"a\": {}, \"a\": {} }", "\u{feff}{}"] {
            let bed = Bed::new();
            let file = format!("devices/{name}.json");
            bed.write(&file, text);
            let refused = bed.store.check(&[]).unwrap_err();
            assert!(matches!(refused, StoreError::Damaged { .. }), "{name} {text} {refused}");
            let (device, code) = (wish(1, operator(&[Scope::Read])), token(1));
            let fresh = [(Role::Operator, token(2))];
            let admitted = bed.store.admit_device(
                &Authority::Host,
                (&device, ApprovedVia::Silent),
                &fresh,
                NOW,
            );
            let minted = bed.store.mint_code(&host(), Profile::Limited, &code, NOW);
            if name == "paired" || name == "removed" {
                admitted.unwrap_err();
            }
            if name == "bootstrap" {
                minted.err().unwrap();
            }
            if name == "pending" {
                bed.store.ask_device(&device, NOW).unwrap_err();
            }
            assert_eq!(bed.text(&file), text, "{name}");
        }
    }
}

#[test]
fn a_damaged_row_stops_the_start_and_harms_nobody_else() {
    let bed = Bed::new();
    bed.pairs(1, operator(&[Scope::Read]));
    let foreign = json!({ "deviceId": key(2).id().as_str(), "publicKey": key(3).spell() });
    let text = bed.text("devices/paired.json");
    let row = format!("\n  \"{}\": {foreign},\n  \"{}\": 7,", key(2).id(), key(4).id());
    bed.write("devices/paired.json", text.replacen('{', &format!("{{{row}"), 1));
    let refused = bed.store.check(&[]).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { line: Some(2), .. }), "{refused}");
    assert!(bed.device(1).may_be(Role::Operator));
    bed.store.device(&key(2).id()).unwrap_err();
    bed.store.device(&key(4).id()).unwrap_err();
    bed.store.rename_device(&host(), &key(1).id(), "x", NOW).unwrap().unwrap();
    assert!(bed.text("devices/paired.json").contains(&foreign.to_string()), "kept as it was");
}

#[test]
fn of_100_000_devices_one_is_looked_at() {
    let bed = Bed::new();
    // None of them could be understood.
    let rows = (0..100_000u32)
        .map(|number| format!("  \"{number:064x}\": {{ \"publicKey\": \"none\" }},"));
    let mut text = format!("{{\n{}\n", rows.collect::<Vec<_>>().join("\n"));
    let row = bed.pairs(1, operator(&[Scope::Read]));
    let own = bed.text("devices/paired.json");
    text += own.trim_start_matches("{\n");
    bed.write("devices/paired.json", &text);
    assert_eq!(bed.device(1).approved, row.approved);
    let stranger = bed.store.device(&key(9).id()).unwrap();
    assert!(matches!(stranger, Known::Stranger));
    bed.pairs(2, operator(&[Scope::Write]));
    assert!(known(&bed.other(), 2).may_be(Role::Operator));
    assert!(bed.text("devices/paired.json").lines().count() > 100_000);
}

#[test]
fn case_113_everything_is_for_this_user_alone() {
    let bed = Bed::new();
    bed.write("devices/paired.json", imported());
    bed.write("nodes/paired.json", "{}");
    let wide = |name: &str, mode| {
        std::fs::set_permissions(bed.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    wide("devices", 0o755);
    wide("devices/paired.json", 0o644);
    wide("nodes", 0o755);
    bed.write("devices/paired.json.oc-00.tmp", "left");
    bed.write("devices/pending.json.lock", "{\"pid\": 4194305}");
    bed.store.start(NOW).unwrap();
    bed.pairs(3, operator(&[Scope::Read]));
    bed.mints(1);
    bed.store.remove_device(&host(), &key(3).id(), NOW).unwrap().unwrap();
    bed.store
        .ask_node(&NodeRequest { node: "n".to_owned(), ..NodeRequest::default() }, NOW)
        .unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["devices", "nodes"] {
        assert_eq!(mode(&bed.path(folder)), 0o700, "{folder}");
        for entry in std::fs::read_dir(bed.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(!name.contains(".tmp") && !name.contains(".json.lock"), "{name}");
            assert_eq!(mode(&path), 0o600, "{name}");
        }
    }
}

#[test]
fn a_device_that_no_line_explains_is_told() {
    let bed = Bed::new();
    bed.write("devices/paired.json", imported());
    bed.pairs(3, operator(&[Scope::Read]));
    bed.pairs(4, operator(&[Scope::Read]));
    bed.store.remove_device(&host(), &key(4).id(), NOW).unwrap().unwrap();
    let report = bed.store.verify(NOW).unwrap();
    let mut expected = [1, 2].map(|number| audit::verify::Unexplained::Device(key(number).id()));
    expected.sort();
    assert!(report.is_whole());
    assert_eq!(report.unexplained, expected);
}
