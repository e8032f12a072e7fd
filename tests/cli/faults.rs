//! A disk that fails under a decision: what it says and what it leaves.

use crate::{
    preload::{self, Fault, Rule},
    support::{CODE, Folder, Ran, request},
};

const ENOSPC: i32 = 28;

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
