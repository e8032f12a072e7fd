//! What the whole program costs: until it is ready, for one command, while it waits.
//!
//! `cargo bench --bench program`, or `cargo bench --bench program -- approve` for the rows whose name has that word.
//! Every command is a new process, with what its spawn costs. The `disk` rows are what the file system alone takes for the writes of an approval.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that fails has nothing to tell"
)]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

#[path = "../../plugins/telegram/tests/fake/mod.rs"]
mod fake_telegram;
#[allow(dead_code, reason = "a bench uses a part of it")]
#[path = "../e2e/process.rs"]
mod process;

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use openclaw::{
    rules::{
        AccountKey,
        pairing::{AccessRequest, AskOutcome, Places, WhenFull},
    },
    store::{Store, paths::StateDir},
};
use openclaw_plugin_sdk::{SenderId, UnixMs};

use self::{
    fake_telegram::{FakeTelegram, TOKEN},
    process::{Gateway, Home, PROGRAM},
};

const STARTS: usize = 40;
const COMMANDS: usize = 60;
const APPROVALS: usize = 30;
const ENTRIES: [u32; 3] = [10, 1_000, 100_000];
const PLACES: Places = Places { max_pending: usize::MAX, when_full: WhenFull::Ignore };

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let bench = Bench { wanted: wanted.unwrap_or_default() };
    let size = fs::metadata(PROGRAM).unwrap().len();
    println!("{PROGRAM}: {} bytes, {} MiB", size, mib(size));
    println!("load of this machine: {}", load());
    println!("{:<44} {:>9} {:>9} {:>9} {:>9}", "", "fastest", "median", "slowest", "CPU");
    ready(&bench);
    list(&bench);
    for entries in ENTRIES {
        approve(&bench, entries);
        disk(&bench, entries);
    }
    idle(&bench);
    println!("load of this machine: {}", load());
}

struct Bench {
    wanted: String,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.wanted)
    }

    /// A row: what each round took, and what its processes used of the processors on average.
    fn row(&self, name: &str, rounds: usize, mut round: impl FnMut() -> Duration) {
        if !self.wants(name) {
            return;
        }
        round();
        let before = used();
        let mut took: Vec<Duration> = (0..rounds).map(|_| round()).collect();
        let used = used().saturating_sub(before) / u32::try_from(rounds).unwrap();
        took.sort_unstable();
        let [fastest, median, slowest] = [0, rounds / 2, rounds - 1].map(|at| ms(took[at]));
        println!("{name:<44} {fastest:>9} {median:>9} {slowest:>9} {:>9}", ms(used));
    }
}

/// From the spawn until the page's address is printed, and until its port has answered.
fn ready(bench: &Bench) {
    bench.row("ready, first start on an empty folder", STARTS, || {
        let home = Home::new();
        started(&home).1
    });
    let home = Home::new();
    bench.row("ready, later start", STARTS, || started(&home).1);
    bench.row("ready, later start, until HTTP answers", STARTS, || {
        let begun = Instant::now();
        let (gateway, _) = started(&home);
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, gateway.port)).unwrap();
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 15];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        begun.elapsed()
    });
    home.configure(&telegram("http://127.0.0.1:9"));
    grants(&home.state(), 100_000);
    bench.row("ready, Telegram with 100000 entries", STARTS, || started(&home).1);
}

fn started(home: &Home) -> (Gateway, Duration) {
    let begun = Instant::now();
    let gateway = home.gateway("info");
    (gateway, begun.elapsed())
}

/// `openclaw pairing list`, with three who wait.
fn list(bench: &Bench) {
    let home = Home::new();
    for sender in 1..=3 {
        knock(&home.state(), sender);
    }
    bench.row("version", COMMANDS, || command(&home, &["--version"]));
    bench.row("pairing list", COMMANDS, || command(&home, &["pairing", "list"]));
}

/// `openclaw pairing approve`, with so many approved already.
fn approve(bench: &Bench, entries: u32) {
    let home = Home::new();
    grants(&home.state(), entries);
    let mut sender = 0;
    bench.row(&format!("pairing approve, {entries} entries"), APPROVALS, || {
        sender += 1;
        let code = knock(&home.state(), sender);
        command(&home, &["pairing", "approve", "telegram", &code])
    });
}

/// What the disk takes for an approval: one line appended, two files and their folder replaced.
fn disk(bench: &Bench, entries: u32) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut log = OpenOptions::new().create(true).append(true).open(at("access.jsonl")).unwrap();
    let (list, small) = (entries_of(entries), entries_of(0));
    bench.row(&format!("disk, approve, {entries} entries"), APPROVALS, || {
        let begun = Instant::now();
        aside(&at("list.tmp"), &list);
        aside(&at("pairing.tmp"), &small);
        log.write_all(&[b'x'; 400]).and_then(|()| log.sync_data()).unwrap();
        fs::rename(at("list.tmp"), at("list")).unwrap();
        fs::rename(at("pairing.tmp"), at("pairing")).unwrap();
        File::open(dir.path()).unwrap().sync_all().unwrap();
        begun.elapsed()
    });
}

fn aside(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).unwrap();
}

/// A gateway that has nothing to do: without an account, and once it waits for a bot's updates.
fn idle(bench: &Bench) {
    let home = Home::new();
    if bench.wants("idle, built-in channels") {
        memory("idle, built-in channels", &home.gateway("info"));
    }
    if !bench.wants("idle, Telegram") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    runtime.block_on(async {
        let telegram = FakeTelegram::start().await;
        home.configure(&self::telegram(&telegram.root()));
        let gateway = home.gateway("info");
        telegram.until("a poll waits", |state| state.poller > 1).await;
        memory("idle, Telegram", &gateway);
    });
}

fn telegram(root: &str) -> String {
    format!("[channels.telegram]\nbot_token = \"{TOKEN}\"\napi_root = \"{root}\"\n")
}

fn memory(name: &str, gateway: &Gateway) {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let [all, own] = ["VmRSS:", "RssAnon:"].map(|name| mib(field(name) * 1024));
    println!("{name:<44} {all} MiB, {own} of it not of a file; {} threads", field("Threads:"));
}

/// Runs a command line that must do what it is told, and says how long it took.
fn command(home: &Home, arguments: &[&str]) -> Duration {
    let begun = Instant::now();
    let output = home.cli(arguments);
    let took = begun.elapsed();
    assert!(output.status.success(), "{output:?}");
    took
}

/// A stranger asks; returns the code.
fn knock(state: &Path, sender: u32) -> String {
    let store = Store::new(StateDir::at(state), |_, entry| SenderId::new(entry));
    let meta = [("firstName".to_owned(), "Ann".to_owned())].into();
    let sender = SenderId::new(&sender.to_string()).unwrap();
    let knock = AccessRequest {
        key: AccountKey::default_of("telegram"),
        sender,
        meta,
        address: None,
        claims: None,
        first: None,
    };
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = UnixMs(u64::try_from(elapsed.as_millis()).unwrap());
    match store.ask(&knock, PLACES, now).unwrap() {
        AskOutcome::Opened { request, .. } => request.code.spell(),
        _ => panic!("no request was opened"),
    }
}

/// Makes a list of approved senders.
fn grants(state: &Path, entries: u32) {
    knock(state, 0);
    let path = StateDir::at(state).allowlists(&AccountKey::default_of("telegram")).swap_remove(0);
    File::create(path).unwrap().write_all(entries_of(entries).as_bytes()).unwrap();
}

fn entries_of(entries: u32) -> String {
    let rows: Vec<String> =
        (0..entries).map(|entry| format!("    \"{}\"", 1_000_000_000 + entry)).collect();
    format!("{{\n  \"version\": 1,\n  \"allowFrom\": [\n{}\n  ]\n}}\n", rows.join(",\n"))
}

/// What the processes that have ended used of the processors.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap())
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn mib(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().trim().to_owned()
}
