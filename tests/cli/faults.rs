//! A disk that fails under a decision: what it says and what it leaves.

use std::fs;

use serde_json::Value;

use crate::{
    preload::{self, Fault, Point, Rule},
    support::{CODE, Folder, Ran, request},
};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

#[test]
fn a_decision_whose_line_does_not_reach_the_disk_is_not_done() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let before = folder.text("credentials/telegram-pairing.json");
    let mut command = folder.command("pairing approve telegram AB3D7X9K");
    for (call, fault) in [("sync", Fault::Errno(ENOSPC)), ("write", Fault::Short)] {
        let path = "audit/access.jsonl".to_owned();
        preload::inject(&mut command, &[Rule { call, path, from: 1, times: 0, fault }]);
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("No space left on device"), "{ran:?}");
        assert_eq!(folder.done("audit show"), "The access log is empty.\n");
        assert_eq!(folder.text("credentials/telegram-pairing.json"), before);
    }
    folder.done("pairing approve telegram AB3D7X9K");
}

#[test]
fn a_slow_disk_delays_a_decision_and_changes_nothing_else() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let mut command = folder.command("pairing approve telegram AB3D7X9K");
    let trace = folder.cwd().join("trace");
    let (call, path) = ("sync", "audit/access.jsonl".to_owned());
    let slow = Rule { call, path, from: 1, times: 1, fault: Fault::Delay(300) };
    preload::inject(&mut command, &[slow]);
    preload::trace(&mut command, &folder.state(), &trace);
    let start = std::time::Instant::now();
    let ran = Ran::from(command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert!(start.elapsed().as_millis() >= 300);
    let points = preload::points(&trace, &folder.state());
    let synced = |path: &str| points.iter().any(|at| at.call == "sync" && at.path == path);
    assert!(synced("audit/access.jsonl"), "{points:?}");
    assert!(synced("credentials/telegram-allowFrom.json.oc-"), "{points:?}");
}

/// A decision, and how it shows that it counts.
struct Deed {
    line: &'static str,
    shows: fn(&Folder) -> bool,
}

const DEEDS: [Deed; 7] = [
    Deed { line: "pairing approve telegram AB3D7X9K", shows: |f| state(f, "7") == "lasting" },
    Deed {
        line: "pairing approve telegram AB3D7X9K --for 24h",
        shows: |f| state(f, "7") == "until",
    },
    Deed { line: "pairing deny telegram AB3D7X9K", shows: |f| !waits(f) },
    Deed { line: "access block telegram:5", shows: |f| state(f, "5") == "blocked" },
    Deed { line: "access revoke telegram:5", shows: |f| state(f, "5").is_empty() },
    Deed { line: "owner add telegram:8", shows: |f| is_owner(f, "8") },
    Deed { line: "owner remove telegram:9", shows: |f| !is_owner(f, "9") },
];

/// What the list says of a sender; empty where the sender is not in it.
fn state(folder: &Folder, who: &str) -> String {
    let shown: Value = serde_json::from_str(&folder.done("access list telegram --json")).unwrap();
    let who = format!("telegram:{who}");
    let all = shown["access"].as_array().unwrap();
    let found = all.iter().find(|one| one["who"] == who.as_str());
    found.map(|one| one["state"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn is_owner(folder: &Folder, who: &str) -> bool {
    folder.text("credentials/owners.json").contains(&format!("\"{who}\""))
}

fn waits(folder: &Folder) -> bool {
    folder.text("credentials/telegram-pairing.json").contains(CODE)
}

/// 7 waits, 5 is approved, 9 is an owner.
fn seeded() -> Folder {
    let folder = Folder::waiting(&[request("7", CODE), request("5", "ABCD2345")]);
    folder.done("pairing approve telegram ABCD2345");
    folder.done("owner add telegram:9");
    folder
}

/// The same once more.
fn copied(folder: &Folder) -> Folder {
    let copy = Folder::empty();
    for (path, _) in folder.files() {
        let to = copy.state().join(path.strip_prefix(folder.state()).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
    copy
}

/// Runs a decision on a disk that fails once at a point, or from there on.
fn run(folder: &Folder, deed: &Deed, point: &Point, times: usize, fault: Fault) -> Ran {
    let mut command = folder.command(deed.line);
    let path = folder.state().join(&point.path).to_str().unwrap().to_owned();
    let call = ["write", "sync", "rename", "cut", "open"];
    let call = call.into_iter().find(|call| *call == point.call).unwrap();
    preload::inject(&mut command, &[Rule { call, path, from: point.nth, times, fault }]);
    Ran::from(command.output().unwrap())
}

#[test]
fn wherever_a_disk_fails_no_decision_is_half_done_or_told_wrongly() {
    let mut points = 0;
    for deed in &DEEDS {
        let seeded = seeded();
        let folder = copied(&seeded);
        assert!(!(deed.shows)(&folder), "{}", deed.line);
        let mut command = folder.command(deed.line);
        let trace = folder.cwd().join("trace");
        preload::trace(&mut command, &folder.state(), &trace);
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{}: {ran:?}", deed.line);
        assert!((deed.shows)(&folder), "{}", deed.line);
        for (at, point) in preload::points(&trace, &folder.state()).iter().enumerate() {
            points += 1;
            // Each point with one of the errors, once or from there on; writes with half of their bytes too.
            let fault = [ENOSPC, EIO, EROFS].map(Fault::Errno)[at % 3];
            check(deed, &seeded, point, at % 2, fault);
            if point.call == "write" {
                check(deed, &seeded, point, 0, Fault::Short);
            }
        }
    }
    assert!(points > 70, "{points}");
}

fn check(deed: &Deed, seeded: &Folder, point: &Point, times: usize, fault: Fault) {
    let folder = copied(seeded);
    let ran = run(&folder, deed, point, times, fault);
    let told = format!("{} {point:?} {times} {fault:?}: {ran:?}", deed.line);
    // The next command finishes what counts.
    let verified = folder.run("audit verify");
    assert_eq!(verified.code, Some(0), "{told}\n{verified:?}");
    let counts = (deed.shows)(&folder);
    match ran.code {
        Some(0) => assert!(counts, "{told}"),
        _ if ran.err.contains("not known") => {}
        _ => assert!(!counts, "{told}"),
    }
    if !counts {
        folder.done(deed.line);
        assert!((deed.shows)(&folder), "{told}");
    }
}
