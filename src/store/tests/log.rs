//! The access log: what tampering leaves behind, and what it explains.

use super::*;
use super::{
    Mismatch,
    audit::verify::{Problem, Report, Unexplained},
};
use crate::rules::owner::Owners;

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
        let of_log = |problem: &Problem| !matches!(problem, Problem::File(..));
        let problems: Vec<_> = report.problems.into_iter().filter(of_log).collect();
        assert_eq!(problems, [Problem::Changed(at as u64 + 1)], "{at}");
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

/// Nothing is decided any more.
fn stands_still(bed: &Bed) -> bool {
    let store = open(bed.dir.path());
    let asked = store.ask(&knock("default", "77"), MANY, NOW).err();
    let started = store.start(NOW).err();
    let is_damage = |error: Option<StoreError>| matches!(error, Some(StoreError::Damaged { .. }));
    is_damage(asked) && is_damage(started)
}

fn accept(bed: &Bed) {
    assert!(open(bed.dir.path()).accept_as_is(&by(), NOW).unwrap());
}

#[test]
fn case_127_a_cut_log_stops_every_decision_until_the_owner_accepts_it() {
    let bed = bed();
    let report = tampered(&bed, |lines| lines.truncate(5));
    let cut = Problem::Cut { from: 6, to: 8 };
    assert!(report.problems.contains(&cut) && !report.is_whole(), "{report:?}");
    assert!(stands_still(&bed));
    accept(&bed);
    bed.approve("default", "5");
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.accepted, Some((9, vec![Problem::Missing { from: 6, to: 8 }])));
    assert!(!open(bed.dir.path()).accept_as_is(&by(), NOW).unwrap(), "nothing is wrong any more");
}

#[test]
fn case_127_a_damaged_log_is_looked_at_and_not_changed() {
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.retain(|byte| *byte != b'\n'),
    ];
    for damage in damages {
        let bed = bed();
        let path = bed.store.state.access_log();
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        write(&path, &bytes);
        assert!(stands_still(&bed));
        let report = open(bed.dir.path()).verify(NOW).unwrap();
        assert!(!report.is_whole(), "{report:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "what is damaged stays as it is");
        accept(&bed);
        bed.approve("default", "5");
        assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole());
    }
}

#[test]
fn case_127_a_head_without_its_log_is_damage() {
    let bed = bed();
    std::fs::remove_file(bed.store.state.access_log()).unwrap();
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert!(report.problems.contains(&Problem::Cut { from: 1, to: 8 }), "{report:?}");
    assert!(stands_still(&bed));
    assert!(!bed.store.state.access_log().exists(), "nothing was written");
    accept(&bed);
    bed.approve("default", "5");
    assert_eq!(bed.lines()[0].seq, 9);
}

#[test]
fn case_127_a_log_without_its_head_is_damage_and_its_last_line_is_not_carried_out_again() {
    for head in [None, Some(""), Some("nonsense\n")] {
        let bed = bed();
        let path = bed.store.state.access_head();
        std::fs::remove_file(&path).unwrap();
        if let Some(text) = head {
            write(&path, text.as_bytes());
        }
        // Taken back by another program of the field, past the log.
        let theirs = r#"{ "version": 1, "allowFrom": ["1", "2", "3"] }"#;
        bed.write("telegram-allowFrom.json", theirs);
        assert!(stands_still(&bed), "{head:?}");
        let report = open(bed.dir.path()).verify(NOW).unwrap();
        assert!(!report.is_whole(), "{head:?}");
        accept(&bed);
        assert_eq!(bed.text("telegram-allowFrom.json"), theirs, "{head:?}");
        assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole(), "{head:?}");
        bed.approve("default", "5");
    }
}

#[test]
fn case_127_a_changed_last_line_stops_every_decision_and_stays_found() {
    let bed = bed();
    tampered(&bed, |lines| lines[7] = lines[7].replace("\"4\"", "\"5\""));
    assert!(stands_still(&bed));
    accept(&bed);
    bed.approve("default", "6");
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert_eq!(report.accepted, Some((9, vec![Problem::Changed(8)])));
}

#[test]
fn case_127_a_log_that_was_cut_together_with_its_head_does_not_verify_as_whole() {
    let decisions: [fn(&Bed); 4] = [
        |bed| {
            let who = at("default", "66");
            bed.store.block(&by(), &who, &Owners::default(), NOW).unwrap();
        },
        |bed| {
            let owner = Owner { channel: "telegram".to_owned(), sender: id("66") };
            assert!(bed.store.add_owner(&by(), &owner, NOW).unwrap());
        },
        |bed| {
            let request = bed.opened("default", "66");
            let (request, until) = (&request.id, Some(UnixMs(NOW.0 + HOUR)));
            let (channel, decision) = ("telegram", Decision::Approve);
            let decide = Decide { channel, request, decision, until, shown: None };
            assert!(matches!(bed.store.decide(&by(), &decide, NOW).unwrap(), Outcome::Done(_)));
        },
        |bed| {
            let who = at("default", "1");
            assert!(bed.store.annotate(&by(), &who, Some("Ann"), NOW).unwrap());
        },
    ];
    for (at, decide) in decisions.into_iter().enumerate() {
        let bed = bed();
        let before = [bed.store.state.access_log(), bed.store.state.access_head()];
        let kept = before.clone().map(|path| std::fs::read(path).unwrap());
        decide(&bed);
        assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole(), "{at}");
        before.iter().zip(&kept).for_each(|(path, bytes)| write(path, bytes));
        let report = open(bed.dir.path()).verify(NOW).unwrap();
        assert!(!report.is_whole(), "{at}: {report:?}");
    }
}

#[test]
fn case_127_what_a_line_says_and_the_state_does_not_is_named() {
    let bed = bed();
    let owners = Owners::default();
    let empty = "{\"version\":1}";
    bed.store.block(&by(), &at("default", "66"), &owners, NOW).unwrap();
    let request = bed.opened("default", "67");
    let (request, until) = (&request.id, Some(UnixMs(NOW.0 + HOUR)));
    let (channel, decision) = ("telegram", Decision::Approve);
    let decide = Decide { channel, request, decision, until, shown: None };
    bed.store.decide(&by(), &decide, NOW).map(drop).unwrap();
    write(&bed.store.state.access_records(), empty.as_bytes());
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    let said: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    let has = |text: &str| said.iter().any(|said| said.contains(text));
    assert!(has("line 9 blocks telegram:66, and access/grants.json does not say so"), "{said:?}");
    assert!(has("lets telegram/default:67 in until ") || has("line 11 lets "), "{said:?}");
    assert!(has("access/grants.json: it is not as this program wrote it"), "{said:?}");
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
    // Entries may be another program's; owners are ours alone.
    assert!(!report.is_whole());
    let owners = Problem::File("credentials/owners.json".into(), Mismatch::Unexpected.to_string());
    assert_eq!(report.problems, [owners]);
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
    let aside = |n: u32| bed.dir.path().join(format!("audit/access-{n}.jsonl.gz"));
    assert!(aside(1).exists() && aside(2).exists());
    assert!(!bed.dir.path().join("audit/access-1.jsonl").exists());
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
    let head = std::fs::read(bed.store.state.access_head()).unwrap();
    bed.store.note(&note, NOW).unwrap();
    let last = lines(&bed).pop().unwrap();
    assert!(last.len() < 2000 && last.contains("\\u001b[31m\\n"), "{last}");
    assert_eq!(bed.actions(), ["request", "note-approve"]);
    write(&bed.store.state.access_head(), &head);
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

#[test]
fn case_135_strangers_have_so_many_lines_an_hour_and_decisions_as_many_as_they_need() {
    let bed = Bed::new();
    let actor = |n: usize| format!("telegram:{n}");
    for n in 0..700 {
        let (action, surface, actor) = ("claim-refused", "chat", actor(n));
        let note = Note { action, surface, actor: &actor, key: None, subject: "claim" };
        bed.store.note(&note, NOW).unwrap();
    }
    assert_eq!(bed.lines().len(), super::super::strangers::LINES_AN_HOUR);
    bed.approve("default", "7");
    assert!(bed.has("default", "7"));
    assert_eq!(bed.actions().last().unwrap(), "approve");
    assert!(bed.store.verify(NOW).unwrap().is_whole());
}

/// What all reading of this thread has brought in, as the system counts it.
fn read_by_this_thread() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn case_135_a_list_of_who_is_let_in_reads_an_index_and_what_is_new_of_a_large_log() {
    let bed = bed();
    let mut log = File::options().append(true).open(bed.store.state.access_log()).unwrap();
    let actor = format!("telegram:{}", "9".repeat(150));
    let line = Line { actor, ..bed.lines().pop().unwrap() };
    let line = Line { action: "refused".to_owned(), ..line };
    let text = format!("{}\n", serde_json::to_string(&line).unwrap()).repeat(1_000);
    for _ in 0..300 {
        log.write_all(text.as_bytes()).unwrap();
    }
    let list = |store: &Store| {
        let before = read_by_this_thread();
        let by: Vec<_> =
            store.grants_report(None, NOW).unwrap().into_iter().map(|one| one.by).collect();
        assert_eq!(by, vec![Some("uid:1000".to_owned()); 4]);
        read_by_this_thread() - before
    };
    assert!(log.metadata().unwrap().len() > 100_000_000);
    list(&bed.store);
    // Now there is an index, for this process and for any other.
    for store in [&bed.store, &open(bed.dir.path())] {
        let read = list(store);
        assert!(read < 500_000, "{read}");
    }
    let before = read_by_this_thread();
    assert_eq!(audit::show(&bed.store.state, 20).unwrap().len(), 20);
    assert!(read_by_this_thread() - before < 200_000);
    write(&bed.dir.path().join("audit/index.json"), b"nonsense");
    list(&open(bed.dir.path()));
}

#[test]
fn case_135_a_full_log_is_sealed_without_what_strangers_caused_long_ago() {
    let mut bed = Bed::new();
    bed.approve("default", "1");
    bed.store.block(&by(), &at("default", "66"), &Owners::default(), NOW).unwrap();
    let long_ago = UnixMs(NOW.0 - 40 * 24 * HOUR);
    for n in 0..30 {
        let (action, surface, actor) = ("claim-refused", "chat", format!("telegram:{n}"));
        let note = Note { action, surface, actor: &actor, key: None, subject: "claim" };
        bed.store.note(&note, if n < 20 { long_ago } else { NOW }).unwrap();
    }
    bed.store.rotate_at = 1_000;
    bed.approve("default", "2");
    let sealed = bed.dir.path().join("audit/access-1.jsonl.gz");
    let plain = bed.dir.path().join("audit/access-1.jsonl");
    assert!(sealed.exists() && !plain.exists());
    assert!(sealed.metadata().unwrap().len() < 4_000);
    let actions = bed.actions();
    let count = |action: &str| actions.iter().filter(|one| *one == action).count();
    assert_eq!((count("claim-refused"), count("approve"), count("block")), (10, 2, 1));
    let whole = open(bed.dir.path()).verify(NOW).unwrap();
    assert!(whole.is_whole() && whole.lines == 35, "{whole:?}");
    // A process that knows the list from before, and one that does not.
    for store in [&bed.store, &open(bed.dir.path())] {
        let by = |one: crate::access::Holder| one.by;
        let by: Vec<_> =
            store.grants_report(None, NOW).unwrap().into_iter().filter_map(by).collect();
        assert_eq!(by, ["uid:1000", "uid:1000"]);
    }
    std::fs::remove_file(&sealed).unwrap();
    let report = open(bed.dir.path()).verify(NOW).unwrap();
    assert!(matches!(report.problems[..], [Problem::Missing { from: 1, .. }, ..]), "{report:?}");
}

#[test]
fn verify_keeps_nobody_from_deciding_while_it_reads() {
    let bed = bed();
    let mut log = File::options().append(true).open(bed.store.state.access_log()).unwrap();
    let text = format!("{}\n", serde_json::to_string(&bed.lines().pop().unwrap()).unwrap());
    log.write_all(text.repeat(60_000).as_bytes()).unwrap();
    let start = std::time::Instant::now();
    let mut longest = std::time::Duration::ZERO;
    std::thread::scope(|scope| {
        let verified = scope.spawn(|| open(bed.dir.path()).verify(NOW).unwrap());
        while !verified.is_finished() {
            let start = std::time::Instant::now();
            drop(super::super::transaction::Transaction::open(&bed.store, None, NOW).unwrap());
            longest = longest.max(start.elapsed());
            std::thread::yield_now();
        }
        assert!(!verified.join().unwrap().is_whole());
    });
    let took = start.elapsed();
    assert!(longest * 3 < took, "{longest:?} of {took:?}");
}

#[test]
fn case_127_an_older_head_is_damage_where_it_lacks_news_about_files() {
    let bed = bed();
    let path = bed.store.state.access_head();
    let before = std::fs::read(&path).unwrap();
    bed.store.block(&by(), &at("default", "66"), &Owners::default(), NOW).unwrap();
    let blocked = std::fs::read(&path).unwrap();
    bed.approve("default", "7");
    write(&path, &before);
    assert!(stands_still(&bed));
    // As a loss of power may leave it.
    write(&path, &blocked);
    bed.approve("default", "8");
    assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole());
}
