//! A change that is cut off after each of its writes: either nothing of it holds, or all.

use super::*;
use crate::{
    Store,
    rules::{
        authority::{Grounds, SecretMark},
        device::handshake::SecretKind,
    },
};

type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

const LOG: &str = "audit/access.jsonl";
const DEEDS: [&str; 11] = [
    "admit", "approve", "bind", "cancel", "fetch", "issue", "mint", "reject", "remove", "revoke",
    "rotate",
];

/// Who does what: 1 is paired, 2 waits with a code, 3 is paired and comes with its code, 4 waits.
fn bed() -> Bed {
    let bed = Bed::new();
    bed.pairs(1, operator(&[Scope::Read]));
    for number in [2, 3] {
        bed.mints(number);
        assert!(waits(redeems(&bed.store, number, number, NOW)));
        bed.open_request(&coded(number, &token(number).digest(), Profile::Limited));
    }
    let third = waiting(&bed.store, 3).unwrap();
    bed.approves(&third).unwrap();
    bed.open_request(&wish(4, operator(&[Scope::Write])));
    bed.mints(9);
    bed
}

fn waiting(store: &Store, number: u8) -> Option<DeviceRequest> {
    let all = store.device_requests(NOW).unwrap();
    all.into_iter().find(|request| request.device == key(number).id())
}

fn act(store: &Store, deed: &str) {
    let (by, first) = (host(), key(1).id());
    let fresh = [(Role::Operator, token(70))];
    match deed {
        "admit" => {
            let wish = wish(8, operator(&[Scope::Read]));
            let admitted =
                store.admit_device(&Authority::Host, (&wish, ApprovedVia::Silent), &fresh, NOW);
            assert!(admitted.unwrap().is_some());
        }
        "approve" => {
            let request = waiting(store, 2).unwrap();
            let decided = store.approve_device(&by, &request.id, request.revision(), NOW);
            decided.unwrap().unwrap();
        }
        "bind" => assert!(waits(redeems(store, 9, 5, NOW))),
        "cancel" => assert_eq!(store.cancel_codes(&by, None, NOW).unwrap().len(), 1),
        "fetch" => assert!(matches!(redeems(store, 3, 3, NOW), Setup::Known(Ok(_), _))),
        "issue" => {
            assert!(store.issue_tokens(&Authority::Host, &first, &fresh, NOW).unwrap().is_some());
        }
        "mint" => drop(store.mint_code(&by, Profile::Full, &token(71), NOW).unwrap()),
        "reject" => {
            let request = waiting(store, 2).unwrap();
            let decided = store.reject_device(&by, &request.id, request.revision(), NOW);
            decided.unwrap().unwrap();
        }
        "remove" => store.remove_device(&by, &key(3).id(), NOW).unwrap().unwrap(),
        "revoke" => {
            assert_eq!(store.revoke_token(&by, &first, Role::Operator, NOW).unwrap(), Ok(NOW));
        }
        _ => {
            let change = (Role::Operator, None, &token(72));
            store.rotate_token(&by, &first, change, NOW).unwrap().unwrap();
        }
    }
}

/// Everything that a change can change, as it is seen through the store.
fn seen(store: &Store) -> String {
    let mut all = Vec::new();
    for device in store.devices().unwrap() {
        all.push(format!("{} {:?} {:?}", device.id(), device.approved, device.via));
        for (role, token) in &device.tokens {
            all.push(format!("{role:?} {} {:?}", token.digest.spell(), token.revoked_at));
        }
    }
    for number in 1..=9 {
        let known = store.device(&key(number).id()).unwrap();
        all.push(format!("{number} {}", matches!(known, Known::Removed)));
    }
    let codes = store.setup_codes().unwrap().into_iter();
    let mut rest: Vec<_> =
        codes.map(|code| format!("{} {:?}", code.digest.spell(), code.state)).collect();
    for request in store.device_requests(NOW).unwrap() {
        rest.push(format!("{} {:?}", request.device, request.asked));
    }
    rest.sort();
    all.extend(rest);
    all.join("\n")
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

/// A deed, the state before it and the state after it.
struct Done {
    deed: &'static str,
    before: Snapshot,
    after: Snapshot,
    seen: [String; 2],
}

impl Done {
    fn new(deed: &'static str) -> Self {
        let bed = bed();
        let (before, seen_before) = (bed.snapshot(), seen(&bed.store));
        act(&bed.store, deed);
        let after = bed.snapshot();
        let after_seen = seen(&bed.store);
        assert_ne!(seen_before, after_seen, "{deed}");
        Self { deed, before, after, seen: [seen_before, after_seen] }
    }

    fn appended(&self) -> &[u8] {
        &self.after[Path::new(LOG)][self.before[Path::new(LOG)].len()..]
    }

    /// The files that its line names, with what was written aside for them.
    fn staged(&self) -> Vec<(PathBuf, PathBuf)> {
        let line: serde_json::Value = serde_json::from_slice(self.appended()).unwrap();
        let names = line["staged"].as_array().unwrap().iter();
        let names = names.map(|name| name.as_str().unwrap());
        names.map(|name| (name.into(), name.rsplit_once(".oc-").unwrap().0.into())).collect()
    }

    /// Killed after so many bytes of its line; `renamed` tells which files are in their places.
    fn cut(&self, bytes: usize, renamed: impl Fn(usize) -> bool) -> tempfile::TempDir {
        let mut state = self.before.clone();
        state.get_mut(Path::new(LOG)).unwrap().extend(&self.appended()[..bytes]);
        for (at, (temp, target)) in self.staged().into_iter().enumerate() {
            let name = if renamed(at) { target.clone() } else { temp };
            state.insert(name, self.after[&target].clone());
        }
        folder(&state)
    }

    fn check(&self, dir: &tempfile::TempDir, is_fact: bool, which: usize) {
        let store = open(dir.path());
        // The next call after a crash, whichever it is.
        match which % 3 {
            0 => store.start(NOW).unwrap(),
            1 => assert!(store.verify(NOW).unwrap().is_whole()),
            _ => {
                let gone = store.remove_device(&host(), &key(77).id(), NOW).unwrap();
                assert_eq!(gone, Err(Untouched::Unknown));
            }
        }
        assert_eq!(seen(&store), self.seen[usize::from(is_fact)], "{} {which}", self.deed);
        if !is_fact {
            act(&store, self.deed);
        }
        store.start(NOW).unwrap();
        assert!(store.verify(NOW).unwrap().is_whole(), "{}", self.deed);
        for folder in ["devices", "nodes"] {
            for entry in std::fs::read_dir(dir.path().join(folder)).into_iter().flatten() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.contains(".oc-") || name.ends_with(".oc-lock"), "{name}");
            }
        }
    }
}

#[test]
fn case_041_each_prefix_of_the_writes_is_nothing_or_all() {
    for deed in DEEDS {
        let done = Done::new(deed);
        let whole = done.appended().len();
        let files = done.staged().len();
        assert!(files > 0, "{deed}");
        for bytes in (0..whole).step_by(97).chain([whole - 1]) {
            done.check(&done.cut(bytes, |_| false), false, bytes);
        }
        // Any of the renames did, and any did not, reach the disk.
        for subset in 0..1usize << files {
            let dir = done.cut(whole, |at| subset >> at & 1 == 1);
            done.check(&dir, true, subset);
        }
        // The head did not reach the disk.
        done.check(&done.cut(whole, |_| true), true, 0);
    }
}

#[test]
fn case_133_what_a_line_takes_from_a_device_is_gone_before_its_files_say_so() {
    for (deed, number) in [("remove", 3), ("revoke", 1), ("rotate", 1)] {
        let done = Done::new(deed);
        let by = Authority::Session(Rights {
            scopes: Scopes::NONE,
            shown: Shown::Secret(SecretMark::new(SecretKind::Token, None)),
            ..rights(number, &[])
        });
        let holds = |bytes: usize, renames: usize| {
            let dir = done.cut(bytes, |at| at < renames);
            let store = open(dir.path());
            let secret = Some(SecretMark::new(SecretKind::Token, None));
            store.rely_on(Grounds { secret, ..Grounds::default() });
            let known = store.device(&key(number).id()).unwrap();
            (store.holds(&by).unwrap(), matches!(known, Known::Device(_)))
        };
        let (whole, files) = (done.appended().len(), done.staged().len());
        assert_eq!(holds(whole - 1, 0), (true, true), "{deed}");
        for renames in 0..files {
            assert_eq!(holds(whole, renames), (false, deed != "remove"), "{deed} {renames}");
        }
        // A device's new token counts as soon as its files are there.
        assert_eq!(holds(whole, files), (deed == "rotate", deed != "remove"), "{deed}");
    }
}

#[test]
fn a_line_that_names_files_elsewhere_moves_none() {
    let bed = bed();
    let before = bed.snapshot();
    act(&bed.store, "issue");
    let text = bed.text(LOG);
    let last = text.lines().last().unwrap();
    let at = last.find("devices/paired.json.oc-").unwrap();
    let evil = last.replace(&last[at..at + 23], "devices/../../x.json.oc-");
    let mut state = before;
    state.get_mut(Path::new(LOG)).unwrap().extend(format!("{evil}\n").bytes());
    let dir = folder(&state);
    assert!(matches!(open(dir.path()).start(NOW), Err(StoreError::Damaged { .. })));
}
