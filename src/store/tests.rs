//! The file store, with real files: what it decides, what it refuses, what survives.

mod access;
mod ages;
mod crash;
mod damage;
mod field;
mod grants;
mod imports;
mod knocks;
mod log;
mod model;
mod own;
mod owners;
pub(super) mod processes;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::{AccountId, Decision, InvalidSenderId, SenderId, UnixMs};
use serde_json::Value;

use super::*;
use super::{Store, audit::Line, paths::StateDir};
use crate::rules::{
    Contact,
    allowlist::Allowlist,
    approver::Approver,
    claim::ClaimCode,
    owner::{Owner, Owners},
    pairing::{AccessRequest, AskOutcome, Places, WhenFull},
};

const HOUR: u64 = 3_600_000;
/// 2026-11-20, like the files below.
const NOW: UnixMs = UnixMs(1_795_168_800_000);
const PLACES: Places = Places { max_pending: 3, when_full: WhenFull::Ignore };
const MANY: Places = Places { max_pending: usize::MAX, when_full: WhenFull::Ignore };

/// As Telegram reads an entry: digits, perhaps behind its name.
fn parse(channel: &str, entry: &str) -> Result<SenderId, InvalidSenderId> {
    let entry = entry.trim();
    if channel != "telegram" {
        return SenderId::new(entry);
    }
    let id = SenderId::new(entry.strip_prefix("tg:").unwrap_or(entry))?;
    let digits = id.as_str().bytes().all(|byte| byte.is_ascii_digit());
    if digits { Ok(id) } else { Err(InvalidSenderId("no number")) }
}

/// A state folder, and a store on it.
struct Bed {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("credentials")).unwrap();
        let store = open(dir.path());
        Self { dir, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("credentials").join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        write(&self.path(name), text.as_ref());
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    fn opened(&self, account: &str, sender: &str) -> PairingRequest {
        opened(self.store.ask(&knock(account, sender), MANY, NOW).unwrap())
    }

    fn decide(&self, request: &PairingRequest, decision: Decision) -> Result<Outcome, StoreError> {
        let decide = Decide {
            channel: "telegram",
            request: &request.id,
            decision,
            until: None,
            shown: Some(&request.displayed().revision),
        };
        self.store.decide(&by(), &decide, NOW)
    }

    /// Approves a sender, the whole way.
    fn approve(&self, account: &str, sender: &str) {
        let request = self.opened(account, sender);
        assert!(matches!(self.decide(&request, Decision::Approve).unwrap(), Outcome::Done(_)));
    }

    fn revoke(&self, account: &str, sender: &str) -> bool {
        !self.store.revoke(&by(), &at(account, sender), NOW).unwrap().is_empty()
    }

    fn has(&self, account: &str, sender: &str) -> bool {
        self.store.approved(&key(account)).unwrap().names(&id(sender))
    }

    fn waiting(&self) -> Vec<String> {
        let waiting = self.store.waiting("telegram", NOW).unwrap();
        waiting.iter().map(|request| request.sender.to_string()).collect()
    }

    /// Every line's action, oldest first.
    fn actions(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.action).collect()
    }

    fn lines(&self) -> Vec<Line> {
        audit::show(&self.store.state, usize::MAX).unwrap()
    }

    /// Every file of the folder but locks, with its content.
    fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in ["credentials", "audit"] {
            for entry in std::fs::read_dir(self.dir.path().join(folder)).into_iter().flatten() {
                let path = entry.unwrap().path();
                let is_lock = path.extension().is_some_and(|it| it == "oc-lock" || it == "oc-wait");
                if !is_lock && path.is_file() {
                    let name = path.strip_prefix(self.dir.path()).unwrap().to_owned();
                    files.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }
}

fn open(dir: &Path) -> Store {
    Store::new(StateDir::at(dir), parse)
}

/// As another program writes it: readable for every user, writable for none but this one, whatever the mask of a test beside it is.
fn write(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    let mode = file.metadata().unwrap().permissions().mode() & !0o022;
    file.set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
}

fn by() -> Approver {
    Approver::on_host(1000)
}

fn id(sender: &str) -> SenderId {
    SenderId::new(sender).unwrap()
}

fn key(account: &str) -> AccountKey {
    AccountKey { channel: "telegram".to_owned(), account: AccountId::parse(account).unwrap() }
}

fn at(account: &str, sender: &str) -> Contact {
    Contact { key: key(account), sender: id(sender) }
}

fn knock(account: &str, sender: &str) -> AccessRequest {
    let meta = [("firstName".to_owned(), "Ann".to_owned())].into();
    AccessRequest {
        key: key(account),
        sender: id(sender),
        meta,
        address: None,
        claims: None,
        first: None,
    }
}

#[track_caller]
fn opened(asked: AskOutcome) -> PairingRequest {
    match asked {
        AskOutcome::Opened { request, .. } => request,
        _ => panic!("no request was opened"),
    }
}

fn list(allowlist: &Allowlist) -> Vec<&str> {
    let mut ids: Vec<_> = allowlist.senders().map(SenderId::as_str).collect();
    ids.sort_unstable();
    ids
}
