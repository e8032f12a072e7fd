//! What a message costs at the gate, and a decision in the store, with few and with very many allowed senders.
//!
//! `cargo bench --bench gate`. The `disk` rows are what the file system alone takes for the same writes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that fails has nothing to tell")]

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    hint::black_box,
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use divan::Bencher;
use openclaw::{
    rules::{
        AccountKey, DmPolicy,
        admission::{Age, Chat, Direct, Event, Facts, Verdict, judge},
        allowlist::Allowlist,
        approver::Approver,
        pairing::{AccessRequest, AskOutcome, PairingRequest, Places, WhenFull},
        records::Standing,
    },
    store::{Decide, Outcome, Store, paths::StateDir},
};
use openclaw_plugin_sdk::{Decision, SenderId, UnixMs};

const ENTRIES: [u64; 3] = [10, 1_000, 100_000];
const NOW: UnixMs = UnixMs(1_795_168_800_000);
const PLACES: Places = Places { max_pending: usize::MAX, when_full: WhenFull::Ignore };

fn main() {
    divan::main();
}

struct Bed {
    dir: tempfile::TempDir,
    store: Store,
    next: AtomicU64,
}

impl Bed {
    fn new(entries: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        store.start(NOW).unwrap();
        let path = StateDir::at(dir.path()).allowlists(&key()).swap_remove(0);
        File::create(path).unwrap().write_all(list(entries).as_bytes()).unwrap();
        let bed = Self { dir, store, next: AtomicU64::new(1) };
        // The first approval keeps a copy of the list, which was not ours.
        let first = bed.knocks();
        approve(&bed.store, &first);
        bed
    }

    fn knocks(&self) -> PairingRequest {
        let sender = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        match self.store.ask(&knock(&sender), PLACES, NOW).unwrap() {
            AskOutcome::Opened { request, .. } => request,
            _ => panic!("no request was opened"),
        }
    }
}

fn approve(store: &Store, request: &PairingRequest) {
    let decide = Decide {
        channel: "telegram",
        request: &request.id,
        decision: Decision::Approve,
        until: None,
        shown: None,
    };
    let done = store.decide(&Approver::on_host(0), &decide, NOW).unwrap();
    assert!(matches!(done, Outcome::Done(_)));
}

fn store(dir: &Path) -> Store {
    Store::new(StateDir::at(dir), |_, entry| SenderId::new(entry))
}

fn list(entries: u64) -> String {
    let mut text = "{\n  \"version\": 1,\n  \"allowFrom\": [\n".to_owned();
    for entry in 0..entries {
        let comma = if entry + 1 < entries { "," } else { "" };
        writeln!(text, "    \"{}\"{comma}", 1_000_000_000 + entry).unwrap();
    }
    text + "  ]\n}\n"
}

fn key() -> AccountKey {
    AccountKey::default_of("telegram")
}

fn id(sender: &str) -> SenderId {
    SenderId::new(sender).unwrap()
}

fn knock(sender: &str) -> AccessRequest {
    let meta = [("firstName".to_owned(), "Ann".to_owned())].into();
    AccessRequest { key: key(), sender: id(sender), meta, address: None, claims: None, first: None }
}

/// One direct message of an approved sender: the list, the owners, the verdict.
#[divan::bench(args = ENTRIES)]
fn verdict(bencher: Bencher<'_, '_>, entries: u64) {
    let bed = Bed::new(entries);
    let (key, sender, none) = (key(), id("1000000007"), Allowlist::default());
    bencher.bench_local(|| {
        let approved = bed.store.approved(&key).unwrap();
        let (owners, records) = bed.store.owners_and_records().unwrap();
        let owner = owners.names("telegram", &sender);
        let standing = bed.store.standing_in(&records, &key, &sender, NOW);
        let chat = Chat::Direct(Direct {
            policy: DmPolicy::Pairing,
            listed: none.names(&sender),
            everyone: none.everyone(),
            approved: standing == Standing::Granted || approved.names(&sender),
        });
        let blocked = standing == Standing::Blocked;
        let facts = Facts { enabled: true, owner, blocked, chat };
        let verdict = judge(&Event::Message { age: Age::New, mentions_us: false }, &facts);
        assert!(matches!(verdict, Verdict::Admit(_)));
        black_box(verdict)
    });
}

/// The first one after the file was changed by another process.
#[divan::bench(args = ENTRIES, sample_count = 50, sample_size = 1)]
fn verdict_on_a_changed_file(bencher: Bencher<'_, '_>, entries: u64) {
    let bed = Bed::new(entries);
    let (key, sender) = (key(), id("1000000007"));
    bencher.with_inputs(|| store(bed.dir.path())).bench_local_refs(|store| {
        assert!(store.approved(&key).unwrap().names(&sender));
    });
}

/// A stranger who waits writes again.
#[divan::bench(args = ENTRIES)]
fn repeated_knock(bencher: Bencher<'_, '_>, entries: u64) {
    let bed = Bed::new(entries);
    let knock = knock("7");
    bed.store.ask(&knock, PLACES, NOW).unwrap();
    bencher.bench_local(|| {
        let asked = bed.store.ask(&knock, PLACES, NOW).unwrap();
        assert!(matches!(asked, AskOutcome::Waiting { touched: false, .. }));
    });
}

/// A decision of a running gateway, durable when it returns.
#[divan::bench(args = ENTRIES, sample_count = 50, sample_size = 1)]
fn approval(bencher: Bencher<'_, '_>, entries: u64) {
    let bed = Bed::new(entries);
    bed.store.approved(&key()).unwrap();
    bencher
        .with_inputs(|| bed.knocks())
        .bench_local_values(|request| approve(&bed.store, &request));
}

/// The same by a process that has read nothing yet, such as the command line.
#[divan::bench(args = ENTRIES, sample_count = 50, sample_size = 1)]
fn approval_by_a_new_process(bencher: Bencher<'_, '_>, entries: u64) {
    let bed = Bed::new(entries);
    bencher
        .with_inputs(|| bed.knocks())
        .bench_local_values(|request| approve(&store(bed.dir.path()), &request));
}

/// What the disk takes for an approval: one line appended, two files and their folder replaced.
#[divan::bench(args = ENTRIES, sample_count = 50, sample_size = 1)]
fn disk(bencher: Bencher<'_, '_>, entries: u64) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut log = OpenOptions::new().create(true).append(true).open(at("access.jsonl")).unwrap();
    let (list, small) = (list(entries), list(0));
    bencher.bench_local(|| {
        aside(at("list.tmp"), &list);
        aside(at("pairing.tmp"), &small);
        log.write_all(&[b'x'; 400]).and_then(|()| log.sync_data()).unwrap();
        std::fs::rename(at("list.tmp"), at("list")).unwrap();
        std::fs::rename(at("pairing.tmp"), at("pairing")).unwrap();
        File::open(dir.path()).unwrap().sync_all().unwrap();
    });
}

fn aside(path: PathBuf, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).unwrap();
}
