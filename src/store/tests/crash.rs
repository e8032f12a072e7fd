//! A decision that is cut off after each of its writes: either nothing of it holds, or all.

use proptest::prelude::*;

use super::{audit::action, *};

type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

const LOG: &str = "audit/access.jsonl";
const HEAD: &str = "audit/head";
const ALLOWED: &str = "credentials/telegram-allowFrom.json";

/// A decision, the state before it and the state after it.
struct Deed {
    action: &'static str,
    before: Snapshot,
    after: Snapshot,
    /// What it appends to the log.
    appended: Vec<u8>,
    /// The files that its line names; an older version's line names none.
    staged: Vec<String>,
}

impl Deed {
    fn new(action: &'static str, is_older: bool) -> Self {
        let bed = Bed::new();
        bed.approve("default", "1");
        bed.write("telegram-default-allowFrom.json", r#"{ "version": 1, "allowFrom": ["1"] }"#);
        bed.store.add_owner(&by(), &owner("1"), NOW).unwrap();
        bed.store.open_claim(&ClaimCode::from_random([1; 12]), NOW).unwrap();
        bed.opened("default", "2");
        bed.opened("default", "3");
        let before = bed.snapshot();
        act(&bed.store, action);
        let mut line = bed.lines().pop().unwrap();
        assert!(!line.staged.is_empty(), "every new line names its files: {action}");
        if is_older {
            line.staged.clear();
        }
        let appended = format!("{}\n", serde_json::to_string(&line).unwrap()).into_bytes();
        Self { action, before, after: bed.snapshot(), appended, staged: line.staged }
    }

    /// Where the new content of a file is before its rename.
    fn temp(&self, path: &Path) -> PathBuf {
        let of = |name: &&String| name.rsplit_once(".oc-").unwrap().0 == path.to_str().unwrap();
        let named = self.staged.iter().find(of).map(PathBuf::from);
        named.unwrap_or_else(|| format!("{}.oc-0000000000000000.tmp", path.display()).into())
    }

    /// The files that it replaces.
    fn replaced(&self) -> Vec<&PathBuf> {
        let changed = |path: &&PathBuf| {
            path.starts_with("credentials") && self.before.get(*path) != self.after.get(*path)
        };
        self.after.keys().filter(changed).collect()
    }

    /// The folder of a process that was killed after so many bytes of its line, so many files, and the head.
    fn cut(&self, bytes: usize, files: usize, head: bool) -> tempfile::TempDir {
        let mut state = self.before.clone();
        let log = state.get_mut(Path::new(LOG)).unwrap();
        log.extend(&self.appended[..bytes]);
        for path in self.replaced() {
            // Written aside before the line, renamed after it.
            state.insert(self.temp(path), self.after[path].clone());
            let lock = PathBuf::from(format!("{}.lock", path.display()));
            state.insert(lock, b"{\n  \"pid\": 4194305\n}".to_vec());
        }
        for path in self.replaced().into_iter().take(files) {
            state.remove(&self.temp(path));
            state.insert(path.clone(), self.after[path].clone());
        }
        if head {
            state.insert(HEAD.into(), self.after[Path::new(HEAD)].clone());
        }
        folder(&state)
    }
}

fn folder(state: &Snapshot) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in state {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, bytes);
    }
    dir
}

fn owner(sender: &str) -> Owner {
    Owner { channel: "telegram".to_owned(), sender: id(sender) }
}

fn act(store: &Store, action: &str) {
    let decide = |decision| {
        let waiting = store.waiting("telegram", NOW).unwrap();
        let request = &waiting.iter().find(|request| request.sender == id("2")).unwrap().id;
        let decide = Decide { channel: "telegram", request, decision, until: None, shown: None };
        assert!(matches!(store.decide(&by(), &decide, NOW).unwrap(), Outcome::Done(_)));
    };
    match action {
        action::APPROVE => decide(Decision::Approve),
        action::DENY => decide(Decision::Deny),
        action::REVOKE => {
            assert!(!store.revoke(&by(), &at("default", "1"), NOW).unwrap().is_empty());
        }
        action::OWNER_ADD => assert!(store.add_owner(&by(), &owner("2"), NOW).unwrap()),
        action::OWNER_REMOVE => assert!(store.remove_owner(&by(), &owner("1"), NOW).unwrap()),
        action::CLAIM => {
            let code = ClaimCode::from_random([1; 12]);
            assert!(store.redeem_claim(&code, &owner("2"), NOW).unwrap());
        }
        action::CLAIM_SPENT => {
            let text = format!("it is {}!", ClaimCode::from_random([1; 12]).spell());
            let (actor, subject) = ("telegram:9", "claim");
            let note = Note { action, surface: "chat", actor, key: None, subject };
            assert!(store.spend_claim(&text, &note, NOW).unwrap());
        }
        _ => panic!("{action}"),
    }
}

/// Everything that a decision can change, as it is seen through the store.
fn seen(store: &Store) -> String {
    let waiting = store.waiting("telegram", NOW).unwrap();
    let waiting: Vec<_> = waiting.iter().map(|request| request.sender.as_str()).collect();
    let approved = store.approved(&key("default")).unwrap();
    let owners = store.owners().unwrap();
    // A denial shows by trying only; without a place nothing is written.
    let none = Places { max_pending: 0, ..PLACES };
    let asked = store.ask(&knock("default", "2"), none, NOW).unwrap();
    let denied = matches!(asked, AskOutcome::Denied);
    let claim = std::fs::read_to_string(store.state.owners()).unwrap().contains("digest");
    format!("{waiting:?} {:?} {owners:?} {denied} {claim}", list(&approved))
}

const DEEDS: [&str; 7] = [
    action::APPROVE,
    action::CLAIM,
    action::CLAIM_SPENT,
    action::DENY,
    action::OWNER_ADD,
    action::OWNER_REMOVE,
    action::REVOKE,
];

/// The next call after a crash, whichever it is.
fn next(store: &Store, which: usize) {
    let note = Note {
        action: "refused",
        surface: "chat",
        actor: "telegram:9",
        key: None,
        subject: "pairing",
    };
    match which {
        0 => store.note(&note, NOW).unwrap(),
        1 => store.start(NOW).unwrap(),
        2 => assert!(store.verify(NOW).unwrap().is_whole()),
        3 => assert!(store.revoke(&by(), &at("work", "1"), NOW).unwrap().is_empty()),
        _ => assert!(!store.remove_owner(&by(), &owner("77"), NOW).unwrap()),
    }
}

fn check(deed: &Deed, bytes: usize, files: usize, head: bool, which: usize) {
    let dir = deed.cut(bytes, files, head);
    let store = open(dir.path());
    next(&store, which);
    let expected = if bytes == deed.appended.len() { &deed.after } else { &deed.before };
    let there = folder(expected);
    assert_eq!(seen(&store), seen(&open(there.path())), "{} {bytes} {files}", deed.action);
    // One line where it is a fact, none where it is not; and then it can be done again.
    let lines = audit::show(&store.state, usize::MAX).unwrap();
    let count = lines.iter().filter(|line| line.action == deed.action).count();
    let before = String::from_utf8_lossy(&deed.before[Path::new(LOG)])
        .matches(&format!("\"action\":\"{}\"", deed.action))
        .count();
    let is_fact = bytes == deed.appended.len();
    assert_eq!(count, before + usize::from(is_fact));
    if !is_fact {
        act(&store, deed.action);
    }
    assert!(store.verify(NOW).unwrap().is_whole());
}

#[test]
fn case_041_case_047_each_prefix_of_the_writes_is_nothing_or_all() {
    for (action, is_older) in DEEDS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
        let deed = Deed::new(action, is_older);
        let whole = deed.appended.len();
        let files = deed.replaced().len();
        assert!(files > 0, "{action}");
        for bytes in (0..whole).step_by(29).chain([whole - 2, whole - 1]) {
            check(&deed, bytes, 0, false, bytes % 5);
        }
        for which in 0..5 {
            for done in 0..=files {
                check(&deed, whole, done, false, which);
            }
            if !is_older {
                check(&deed, whole, files, true, which);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A folder in which any of the renames did and any did not reach the disk, nor perhaps did the head.
    #[test]
    fn case_041_no_loss_of_power_leaves_a_half(
        (action, subset, which) in (0..DEEDS.len(), 0..4usize, 0..5usize),
        (head, is_older) in any::<(bool, bool)>(),
    ) {
        let deed = Deed::new(DEEDS[action], is_older);
        let dir = deed.cut(deed.appended.len(), 0, false);
        for (at, path) in deed.replaced().into_iter().enumerate() {
            if subset >> at & 1 == 1 {
                write(&dir.path().join(path), &deed.after[path]);
            }
        }
        if head && !is_older && subset == 3 {
            write(&dir.path().join(HEAD), &deed.after[Path::new(HEAD)]);
        }
        let store = open(dir.path());
        next(&store, which);
        let done = folder(&deed.after);
        prop_assert_eq!(seen(&store), seen(&open(done.path())));
    }
}

/// One stranger waits, and a second one takes the place; killed between the lines and the rename.
fn evicted() -> Bed {
    let bed = Bed::new();
    bed.opened("default", "1");
    let before = bed.text("telegram-pairing.json");
    let head = std::fs::read(bed.dir.path().join(HEAD)).unwrap();
    let evict = Places { max_pending: 1, when_full: WhenFull::EvictOldest };
    opened(bed.store.ask(&knock("default", "2"), evict, NOW).unwrap());
    let temp = bed.dir.path().join(&bed.lines().pop().unwrap().staged[0]);
    std::fs::rename(bed.path("telegram-pairing.json"), temp).unwrap();
    bed.write("telegram-pairing.json", before);
    write(&bed.dir.path().join(HEAD), &head);
    bed
}

#[test]
fn case_041_a_request_that_took_a_place_is_finished_with_the_eviction() {
    let bed = evicted();
    open(bed.dir.path()).start(NOW).unwrap();
    assert_eq!(bed.waiting(), ["2"]);
}

#[test]
fn a_request_of_an_older_version_that_made_no_room_yet_makes_it_later() {
    let bed = evicted();
    let log = bed.store.state.access_log();
    let text = std::fs::read_to_string(&log).unwrap();
    let line = Line { staged: Vec::new(), ..bed.lines().pop().unwrap() };
    let whole: Vec<&str> = text.lines().collect();
    let kept = whole[..whole.len() - 1].join("\n");
    let line = serde_json::to_string(&line).unwrap();
    write(&log, format!("{kept}\n{line}\n").as_bytes());
    // The newcomer was told nothing, and asks again.
    let store = open(bed.dir.path());
    store.start(NOW).unwrap();
    assert!(store.waiting("telegram", NOW).unwrap().is_empty());
    let evict = Places { max_pending: 1, when_full: WhenFull::EvictOldest };
    opened(store.ask(&knock("default", "2"), evict, NOW).unwrap());
}

#[test]
fn an_unfinished_decision_of_an_older_version_waits_for_its_file_to_be_repaired() {
    let deed = Deed::new(action::APPROVE, true);
    let dir = deed.cut(deed.appended.len(), 0, false);
    write(&dir.path().join(ALLOWED), b"");
    let store = open(dir.path());
    store.start(NOW).unwrap_err();
    store.ask(&knock("default", "9"), PLACES, NOW).err().unwrap();
    write(&dir.path().join(ALLOWED), b"{\"version\":1,\"allowFrom\":[]}");
    store.start(NOW).unwrap();
    assert!(store.approved(&key("default")).unwrap().names(&id("2")));
}
