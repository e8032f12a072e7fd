//! The access log: what tampering leaves behind, and what it explains.

use super::{
    audit::verify::{Problem, Report, Unexplained},
    *,
};

/// A log of eight lines.
fn bed() -> Bed {
    let bed = Bed::new();
    for sender in ["1", "2", "3", "4"] {
        bed.approve("default", sender);
    }
    bed
}

fn lines(bed: &Bed) -> Vec<String> {
    let text = std::fs::read_to_string(bed.store.state.access_log()).unwrap();
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// Rewrites the log, and looks at it through a store that knows nothing yet.
fn tampered(bed: &Bed, tamper: impl FnOnce(&mut Vec<String>)) -> Report {
    let mut lines = lines(bed);
    tamper(&mut lines);
    write(&bed.store.state.access_log(), lines.concat().as_bytes());
    open(bed.dir.path()).verify(NOW).unwrap()
}

#[test]
fn a_whole_log_explains_everything() {
    let bed = bed();
    bed.revoke("default", "2");
    let report = bed.store.verify(NOW).unwrap();
    assert_eq!(report, Report { lines: 9, ..Report::default() });
}

#[test]
fn a_changed_line_is_found() {
    for at in 0..8 {
        let report = tampered(&bed(), |lines| {
            lines[at] = lines[at].replace("\"default\"", "\"another\"");
        });
        assert_eq!(report.problems, [Problem::Changed(at as u64 + 1)], "{at}");
    }
}

#[test]
fn a_missing_line_is_found() {
    for at in 0..7 {
        let report = tampered(&bed(), |lines| drop(lines.remove(at)));
        let from = at as u64 + 1;
        assert_eq!(report.problems, [Problem::Missing { from, to: from }], "{at}");
    }
}

#[test]
fn lines_that_changed_places_are_found() {
    let report = tampered(&bed(), |lines| lines.swap(3, 4));
    assert_eq!(report.problems, [Problem::Reordered(4)]);
    let report = tampered(&bed(), |lines| lines.insert(5, lines[1].clone()));
    assert_eq!(report.problems, [Problem::Reordered(2)]);
}

#[test]
fn a_cut_log_is_found_now_and_after_more_was_written() {
    let bed = bed();
    let report = tampered(&bed, |lines| lines.truncate(5));
    assert_eq!(report.problems, [Problem::Cut { from: 6, to: 8 }]);
    bed.approve("default", "5");
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert_eq!(report.problems, [Problem::Missing { from: 6, to: 8 }]);
    std::fs::remove_file(bed.store.state.access_log()).unwrap();
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert_eq!(report.problems, [Problem::Cut { from: 1, to: 10 }]);
}

#[test]
fn a_changed_last_line_stays_found() {
    let bed = bed();
    tampered(&bed, |lines| lines[7] = lines[7].replace("\"4\"", "\"5\""));
    bed.approve("default", "6");
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert_eq!(report.problems, [Problem::Changed(8)]);
}

#[test]
fn what_is_no_line_is_found_and_a_torn_last_one_repaired() {
    let report = tampered(&bed(), |lines| lines[2] = "nonsense\n".to_owned());
    let unreadable = |problem: &Problem| matches!(problem, Problem::Unreadable { line: 3, .. });
    assert!(report.problems.iter().any(unreadable), "{report:?}");
    for torn in ["{\"seq\":9,\"at\":\"2026", "\n", "nonsense\n", "{\"seq\":9}\n"] {
        let bed = bed();
        let report = tampered(&bed, |lines| lines.push(torn.to_owned()));
        assert_eq!(report, Report { lines: 8, repaired: true, ..Report::default() }, "{torn:?}");
        assert!(!open(bed.dir.path()).verify(NOW).unwrap().repaired);
        bed.approve("default", "5");
        assert!(bed.store.verify(NOW).unwrap().is_whole());
    }
}

#[test]
fn grants_without_a_line_are_listed() {
    let bed = bed();
    let theirs = r#"{ "version": 1, "allowFrom": ["1", "2", "3", "4", "66", "*"] }"#;
    bed.write("telegram-allowFrom.json", theirs);
    bed.write("whatsapp-allowFrom.json", r#"{ "version": 1, "allowFrom": ["+4915"] }"#);
    bed.write("telegram-work-allowFrom.json", r#"{ "version": 1, "allowFrom": ["1"] }"#);
    let owner = r#"{"channel":"telegram","id":"66","how":"added","at":""}"#;
    bed.write("owners.json", format!("{{\"version\":1,\"owners\":[{owner}]}}"));
    let report = bed.store.verify(NOW).unwrap();
    assert!(report.is_whole());
    let entry =
        |file: &str, sender| Unexplained::Entry { file: bed.path(file), sender: id(sender) };
    let owner = Owner { channel: "telegram".to_owned(), sender: id("66") };
    let mut expected = [
        entry("telegram-allowFrom.json", "66"),
        entry("telegram-work-allowFrom.json", "1"),
        entry("whatsapp-allowFrom.json", "+4915"),
        Unexplained::Owner(owner),
    ];
    expected.sort();
    assert_eq!(report.unexplained, expected);
    // A grant that was taken back is not explained by having been given once.
    bed.revoke("default", "1");
    bed.write("telegram-allowFrom.json", r#"{ "version": 1, "allowFrom": ["1"] }"#);
    let report = bed.store.verify(NOW).unwrap();
    assert!(report.unexplained.contains(&entry("telegram-allowFrom.json", "1")), "{report:?}");
}

#[test]
fn a_full_log_is_put_aside_and_the_chain_goes_on() {
    let mut bed = Bed::new();
    bed.store.rotate_at = 1000;
    for sender in 1..=12 {
        bed.approve("default", &sender.to_string());
    }
    let aside = |n: u32| bed.dir.path().join(format!("audit/access-{n}.jsonl"));
    assert!(aside(1).exists() && aside(2).exists());
    assert!(aside(1).metadata().unwrap().len() < 2000);
    let report = bed.store.verify(NOW).unwrap();
    assert_eq!(report, Report { lines: 24, ..Report::default() });
    let seqs: Vec<_> = bed.lines().iter().map(|line| line.seq).collect();
    assert_eq!(seqs, (1..=24).collect::<Vec<_>>());
    let last: Vec<_> = audit::show(&bed.store.state, 7).unwrap().iter().map(|l| l.seq).collect();
    assert_eq!(last, (18..=24).collect::<Vec<_>>());
    std::fs::remove_file(aside(1)).unwrap();
    let report = bed.store.verify(NOW).unwrap();
    assert!(matches!(report.problems[..], [Problem::Missing { from: 1, .. }]), "{report:?}");
}

#[test]
fn the_chain_goes_on_from_a_log_that_was_just_put_aside() {
    let bed = bed();
    let state = &bed.store.state;
    std::fs::rename(state.access_log(), bed.dir.path().join("audit/access-1.jsonl")).unwrap();
    // As after a loss of power, which the head need not survive.
    std::fs::remove_file(state.access_head()).unwrap();
    bed.approve("default", "5");
    assert!(bed.store.verify(NOW).unwrap().is_whole());
    assert_eq!(bed.lines().last().unwrap().seq, 10);
}

#[test]
fn case_111_a_note_is_bounded_escaped_and_never_a_decision() {
    let bed = Bed::new();
    let request = bed.opened("default", "4711");
    let subject = format!("\u{1b}[31m\n{}", "ä".repeat(4000));
    let key = key("default");
    let note = Note {
        action: "approve",
        surface: "chat",
        actor: "telegram:9",
        key: Some(&key),
        subject: &subject,
    };
    bed.store.note(&note, NOW).unwrap();
    let last = lines(&bed).pop().unwrap();
    assert!(last.len() < 2000 && last.contains("\\u001b[31m\\n"), "{last}");
    assert_eq!(bed.actions(), ["request", "note-approve"]);
    std::fs::remove_file(bed.store.state.access_head()).unwrap();
    open(bed.dir.path()).start(NOW).unwrap();
    assert_eq!(bed.waiting(), [request.sender.as_str()]);
}

#[test]
fn a_key_is_made_once_and_by_one() {
    let bed = Bed::new();
    let dir = bed.dir.path();
    let keys: Vec<_> = std::thread::scope(|scope| {
        let draw = || scope.spawn(|| open(dir).key("webchat-default").unwrap());
        let all: Vec<_> = (0..8).map(|_| draw()).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; 32]));
    assert_ne!(bed.store.key("webchat-work").unwrap(), keys[0]);
    bed.store.key("../x").unwrap_err();
    write(&bed.store.state.key("webchat-default"), b"short");
    bed.store.key("webchat-default").unwrap_err();
}
