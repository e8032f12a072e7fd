//! The store of devices, with real files: what it decides, what it refuses, what survives.

mod authority;
mod codes;
mod crash;
mod decide;
mod field;
mod memory;
mod nodes;
mod processes;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::{SenderId, UnixMs};

use super::*;
use crate::{
    Store, StoreError, audit,
    paths::StateDir,
    rules::{
        approver::Approver,
        authority::{Authority, Rights, Shown},
        device::{
            approver::{DeviceApprover, Listed},
            handshake::Setup,
            identity::DeviceKey,
            record::ApprovedVia,
            request::{
                Ask, Described, DeviceRequest, DeviceRequestId, NewDeviceRequest, RequestedRights,
                Undecided,
            },
            role::{Profile, Role, Scope, Scopes},
            setup_code::{SetupCode, Standing, words},
            token::Token,
        },
    },
};

/// 2026-11-20, like the files below.
const NOW: UnixMs = UnixMs(1_795_168_800_000);

fn open(dir: &Path) -> Store {
    Store::new(StateDir::at(dir), |_, entry| SenderId::new(entry))
}

fn later(ms: u64) -> UnixMs {
    UnixMs(NOW.0 + ms)
}

fn host() -> DeviceApprover {
    DeviceApprover::of(&Approver::on_host(1000), Listed::Commands)
}

/// What the device of this number does with its token.
fn rights(number: u8, scopes: &[Scope]) -> Rights {
    let (scopes, device) = (Scopes::of(scopes), Some(key(number).id()));
    let shown = Shown::DeviceToken(token(number).digest());
    Rights { role: Role::Operator, scopes, device, shown }
}

/// The user of this device, who may only pair.
fn pairer(number: u8) -> DeviceApprover {
    DeviceApprover::of_session(&rights(number, &[Scope::Pairing]), "device").unwrap()
}

fn key(number: u8) -> DeviceKey {
    DeviceKey::from_raw([number; 32])
}

fn token(number: u8) -> Token {
    let mut bytes = [0xa5; 32];
    bytes[0] = number;
    Token::from_random(bytes)
}

fn described() -> Described {
    Described {
        name: Some("Phone".to_owned()),
        platform: Some("iOS 18.0".to_owned()),
        family: Some("iPhone".to_owned()),
        address: Some("192.0.2.7".to_owned()),
        ..Described::default()
    }
}

fn operator(scopes: &[Scope]) -> RequestedRights {
    RequestedRights {
        roles: [Role::Operator].into(),
        scopes: Scopes::of(scopes),
        ..RequestedRights::default()
    }
}

fn node(commands: &[&str]) -> RequestedRights {
    let commands = commands.iter().map(|command| (*command).to_owned()).collect();
    RequestedRights { roles: [Role::Node].into(), commands, ..RequestedRights::default() }
}

fn wish(number: u8, asked: RequestedRights) -> NewDeviceRequest {
    let (key, described) = (key(number), described());
    NewDeviceRequest { key, asked, described, profile: None, words: None, repair: false }
}

/// As a device comes that has the code of `number`.
fn coded(number: u8, token: &TokenDigest, profile: Profile) -> NewDeviceRequest {
    let asked =
        RequestedRights { roles: Profile::ROLES.into(), scopes: profile.scopes(), ..node(&[]) };
    let words = Some(words(&key(number).id(), token));
    NewDeviceRequest { profile: Some(profile), words, ..wish(number, asked) }
}

/// A state folder, and a store on it.
struct Bed {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        Self { dir, store }
    }

    /// A store of another process on the same folder.
    fn other(&self) -> Store {
        open(self.dir.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, text.as_ref());
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn open_request(&self, wish: &NewDeviceRequest) -> DeviceRequest {
        let Ask::Opened { id, .. } = self.store.ask_device(wish, NOW).unwrap() else {
            panic!("nothing was opened")
        };
        self.request(&id)
    }

    fn request(&self, id: &DeviceRequestId) -> DeviceRequest {
        let waiting = self.store.device_requests(NOW).unwrap();
        waiting.into_iter().find(|request| request.id == *id).unwrap()
    }

    /// Lets a device in, the whole way, with a token for each role.
    fn pairs(&self, number: u8, asked: RequestedRights) -> Arc<Device> {
        let roles = asked.roles.clone();
        let request = self.open_request(&wish(number, asked));
        self.approves(&request).unwrap();
        let fresh: Vec<_> = roles.into_iter().map(|role| (role, token(number))).collect();
        self.store.issue_tokens(&Authority::Host, &request.device, &fresh, NOW).unwrap().unwrap()
    }

    fn approves(&self, request: &DeviceRequest) -> Result<Arc<Device>, Undecided> {
        self.store.approve_device(&host(), &request.id, request.revision(), NOW).unwrap()
    }

    fn device(&self, number: u8) -> Arc<Device> {
        known(&self.store, number)
    }

    fn is_removed(&self, number: u8) -> bool {
        matches!(self.store.device(&key(number).id()).unwrap(), Known::Removed)
    }

    fn mints(&self, number: u8) -> SetupCode {
        self.store.mint_code(&host(), Profile::Limited, &token(number), NOW).unwrap()
    }

    /// Every file of the folder but locks, with its content.
    fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in ["devices", "nodes", "audit"] {
            for entry in std::fs::read_dir(self.path(folder)).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|it| it != "oc-lock" && it != "oc-wait") {
                    let name = path.strip_prefix(self.dir.path()).unwrap().to_owned();
                    files.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// Every line's action, oldest first.
    fn actions(&self) -> Vec<String> {
        let lines = audit::show(&self.store.state, usize::MAX).unwrap();
        lines.into_iter().map(|line| line.action).collect()
    }
}

fn write(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}

fn known(store: &Store, number: u8) -> Arc<Device> {
    match store.device(&key(number).id()).unwrap() {
        Known::Device(device) => device,
        other => panic!("{other:?}"),
    }
}

fn redeems(store: &Store, code: u8, by: u8, now: UnixMs) -> Setup {
    store.redeem_code(&token(code).digest(), &key(by), now).unwrap()
}

fn waits(setup: Setup) -> bool {
    matches!(setup, Setup::Known(Ok(Standing::Waiting), _))
}
