//! Several processes on one folder, and processes that are killed. The processes are this test binary again.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::*;
use crate::world;

pub(crate) const ROLE: &str = "OC_STORE_ROLE";
const HERE: &str = "tests::";

/// Runs a test's body in a process of its own.
pub(crate) fn in_process(test: &str, body: impl FnOnce()) {
    if std::env::var_os(ROLE).is_some() {
        return body();
    }
    let out = again(test, "body").output().unwrap();
    let (said, cried) =
        (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}\n{cried}");
}

/// Runs a test's body as a user that the modes of files bind.
pub(crate) fn without_root(test: &str, body: impl FnOnce()) {
    if !nix::unistd::Uid::effective().is_root() {
        return body();
    }
    in_process(test, || {
        nix::unistd::setuid(nix::unistd::Uid::from_raw(65_534)).unwrap();
        body();
    });
}

/// This test binary once more, with one test of ours: one beside this file, or the whole path of one of `devices`.
pub(crate) fn again(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let here = if test.starts_with("devices::") { "" } else { HERE };
    command.args(["--exact", &format!("{here}{test}"), "--include-ignored", "--nocapture"]);
    command.env(ROLE, role).stdin(Stdio::null());
    command
}

/// How many rounds the long tests have: `OC_ROUNDS`.
pub(crate) fn rounds(else_: usize) -> usize {
    std::env::var("OC_ROUNDS").map_or(else_, |rounds| rounds.parse().unwrap())
}

fn spawn(role: &str) -> Child {
    again("processes::child", role).stdout(Stdio::piped()).spawn().unwrap()
}

/// What a process beside the tests does; alone it does nothing.
#[test]
#[ignore = "a process of the tests beside it"]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut words = role.splitn(4, ' ');
    let (work, first, rounds) =
        (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let (first, rounds): (usize, usize) = (first.parse().unwrap(), rounds.parse().unwrap());
    let store = open(Path::new(words.next().unwrap()));
    for number in first..first.saturating_add(rounds) {
        match work {
            "approve" => approve(&store, number),
            "in-and-out" => {
                approve(&store, number);
                assert!(
                    !store
                        .revoke(&by(), &at("default", &number.to_string()), NOW)
                        .unwrap()
                        .is_empty()
                );
                say("out", number);
            }
            _ => panic!("{work}"),
        }
    }
}

fn approve(store: &Store, number: usize) {
    let request = opened(store.ask(&knock("default", &number.to_string()), MANY, NOW).unwrap());
    let decide = Decide {
        channel: "telegram",
        request: &request.id,
        decision: Decision::Approve,
        until: None,
        shown: None,
    };
    assert!(matches!(store.decide(&by(), &decide, NOW).unwrap(), Outcome::Done(_)));
    say("in", number);
}

/// Acknowledges a decision: what is said must hold from now on.
fn say(what: &str, number: usize) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nack {what} {number}").unwrap();
    out.flush().unwrap();
}

fn acknowledged(line: &str) -> Option<(&str, usize)> {
    let (what, number) = line.strip_prefix("ack ")?.split_once(' ')?;
    Some((what, number.parse().ok()?))
}

fn race(processes: usize, rounds: usize) {
    let bed = Bed::new();
    let role = |process: usize| {
        format!("approve {} {rounds} {}", process * 1_000_000, bed.dir.path().display())
    };
    let all: Vec<_> = (1..=processes).map(|process| spawn(&role(process))).collect();
    for mut one in all {
        let mut said = String::new();
        one.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(one.wait().unwrap().success(), "{said}");
    }
    let expected = processes * rounds;
    assert_eq!(bed.store.approved(&key("default")).unwrap().senders().count(), expected);
    let file = bed.json("telegram-allowFrom.json");
    assert_eq!(file["allowFrom"].as_array().unwrap().len(), expected);
    assert!(bed.waiting().is_empty());
    let actions = bed.actions();
    let approvals = actions.iter().filter(|action| *action == "approve").count();
    assert_eq!((approvals, actions.len()), (expected, 2 * expected));
    let report = bed.store.verify(NOW).unwrap();
    assert!(report.is_whole() && report.unexplained.is_empty(), "{report:?}");
}

#[test]
fn case_047_processes_that_race_lose_nothing_and_double_nothing() {
    race(4, 10);
}

#[test]
#[ignore = "long: `OC_ROUNDS` approvals by each of eight processes"]
fn case_047_eight_processes_for_a_long_time() {
    race(8, rounds(250));
}

/// Kills a busy process at a moment that nobody chose, and looks at what it has left.
fn kill(rounds: usize) {
    let bed = Bed::new();
    let mut inside = BTreeSet::new();
    for round in 0..rounds {
        let work = if round % 2 == 0 { "approve" } else { "in-and-out" };
        let role =
            format!("{work} {} 1000000 {}", (round + 1) * 1_000_000, bed.dir.path().display());
        let mut busy = spawn(&role);
        let mut lines = BufReader::new(busy.stdout.take().unwrap()).lines();
        let mut note = |line: String| match acknowledged(&line) {
            Some(("in", number)) => assert!(inside.insert(number)),
            Some((_, number)) => assert!(inside.remove(&number)),
            None => {}
        };
        for line in lines.by_ref() {
            let line = line.unwrap();
            let is_first = acknowledged(&line).is_some();
            note(line);
            if is_first {
                break;
            }
        }
        let random = u32::from_ne_bytes(world::random().unwrap());
        let end = Instant::now() + Duration::from_micros(u64::from(random % 8000));
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        busy.kill().unwrap();
        assert_eq!(busy.wait().unwrap().code(), None, "it was killed, and has not failed before");
        lines.for_each(|line| note(line.unwrap()));
        look(&bed, &mut inside, work);
    }
    let report = bed.store.verify(NOW).unwrap();
    assert!(report.is_whole() && report.unexplained.is_empty(), "{report:?}");
}

fn look(bed: &Bed, inside: &mut BTreeSet<usize>, work: &str) {
    let store = open(bed.dir.path());
    store.start(NOW).unwrap();
    store.check(&[key("default")]).unwrap();
    let left =
        bed.snapshot().into_keys().filter(|path| path.extension().is_some_and(|e| e == "tmp"));
    assert_eq!(left.count(), 0);
    let list = store.approved(&key("default")).unwrap();
    let is_in = |number: &usize| list.names(&id(&number.to_string()));
    if let (true, Some(last)) =
        (work == "in-and-out", inside.last().copied().filter(|last| !is_in(last)))
    {
        // The last one was let out, and the process was killed before it could say so.
        assert_eq!(bed.lines().last().unwrap().subject, Some(last.to_string()));
        inside.remove(&last);
    }
    assert!(inside.iter().all(is_in), "one is lost");
    let said = |line: Line| (line.action == "approve").then_some(line.subject?);
    let approved: BTreeSet<String> = bed.lines().into_iter().filter_map(said).collect();
    assert!(list.senders().all(|sender| approved.contains(sender.as_str())));
}

#[test]
fn case_041_a_killed_process_loses_no_decision_it_has_told_of() {
    kill(20);
}

#[test]
#[ignore = "long: `OC_ROUNDS` processes are killed"]
fn case_041_many_killed_processes() {
    kill(rounds(200));
}
