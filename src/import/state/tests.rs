//! States as OpenClaw writes them, good, old, hostile and damaged.

mod reading;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{InvalidSenderId, SenderId, UnixMs};
use openclaw_rules::{approver::Approver, device::identity::DeviceKey};
use openclaw_store::{Store, paths::StateDir};
use openclaw_world as world;
use rusqlite::{Connection, params};

use super::*;

/// As Telegram reads an entry; any text is an id elsewhere.
fn parse(channel: &str, entry: &str) -> Result<SenderId, InvalidSenderId> {
    let id = SenderId::new(entry)?;
    let is_id = channel != "telegram" || id.as_str().bytes().all(|byte| byte.is_ascii_digit());
    if is_id { Ok(id) } else { Err(InvalidSenderId("no number")) }
}

/// A state folder of another OpenClaw, and one of ours.
struct Bed {
    dir: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["theirs/state", "ours"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        Self { dir }
    }

    fn theirs(&self) -> PathBuf {
        self.dir.path().join("theirs")
    }

    fn database(&self) -> Connection {
        Connection::open(self.theirs().join(DATABASE)).unwrap()
    }

    /// A database as 2026.9.6 makes it, as far as we read it, with most of it in the write-ahead log.
    fn filled(&self) -> Connection {
        let database = self.database();
        database.execute_batch(SCHEMA).unwrap();
        database
    }

    fn store(&self) -> Store {
        Store::new(StateDir::at(self.dir.path().join("ours")), parse)
    }

    fn read_with(&self, browsers: bool) -> Result<Option<Found>, StateError> {
        read(&self.theirs(), &self.dir.path().join("ours/run"), parse, (&[], browsers))
    }

    fn read(&self) -> Found {
        self.read_with(false).unwrap().unwrap()
    }

    fn error(&self) -> String {
        match self.read_with(false) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it was read"),
        }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.theirs().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        put(&path, text.as_bytes());
    }
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

fn by() -> Approver {
    Approver::on_host(1000)
}

fn now() -> UnixMs {
    world::now()
}

fn names(found: &Found) -> Vec<String> {
    let mut names: Vec<String> = found.entries.iter().map(name).collect();
    names.sort();
    names
}

fn refused(found: &Found) -> Vec<(&str, Refused)> {
    found.refused.iter().map(|(name, why)| (name.as_str(), *why)).collect()
}

fn add_sender(database: &Connection, channel: &str, account: &str, entry: &str) {
    let sql = "INSERT INTO channel_pairing_allow_entries VALUES (?1, ?2, ?3, 0, 1)";
    database.execute(sql, params![channel, account, entry]).unwrap();
}

fn add_request(database: &Connection, id: &str, code: &str) {
    let sql =
        "INSERT INTO channel_pairing_requests VALUES ('telegram', 'default', ?1, ?2, ?3, ?3, ?4)";
    let meta = r#"{"username":"bo","firstName":"Bo","accountId":"default"}"#;
    database.execute(sql, params![id, code, world::iso(now()), meta]).unwrap();
}

fn add_device(database: &Connection, number: u8, client: &str, via: &str) -> String {
    let key = DeviceKey::from_raw([number; 32]);
    let id = key.id().as_str().to_owned();
    let sql = "INSERT INTO device_pairing_paired (device_id, public_key, display_name, client_id, role, roles_json, \
        scopes_json, approved_scopes_json, tokens_json, approved_via, created_at_ms, approved_at_ms) \
        VALUES (?1, ?2, 'phone', ?3, 'operator', '[\"operator\"]', '[\"operator.admin\"]', '[\"operator.read\"]', ?4, ?5, 5, 6)";
    let tokens = r#"{"operator":{"token":"a-plain-token","role":"operator","scopes":["operator.read"],"createdAtMs":5}}"#;
    database.execute(sql, params![id, key.spell(), client, tokens, via]).unwrap();
    id
}

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA user_version = 18;
CREATE TABLE schema_meta (meta_key TEXT PRIMARY KEY, role TEXT, schema_version INTEGER, app_version TEXT) STRICT;
INSERT INTO schema_meta VALUES ('primary', 'global', 18, '2026.9.6');
CREATE TABLE state_leases (scope TEXT, name TEXT, owner TEXT, heartbeat_at INTEGER, expires_at INTEGER, payload_json TEXT) STRICT;
CREATE TABLE channel_pairing_allow_entries (channel_key TEXT, account_id TEXT, entry TEXT, sort_order INTEGER,
    updated_at INTEGER, PRIMARY KEY (channel_key, account_id, entry)) STRICT;
CREATE TABLE channel_pairing_requests (channel_key TEXT, account_id TEXT, request_id TEXT, code TEXT,
    created_at TEXT, last_seen_at TEXT, meta_json TEXT) STRICT;
CREATE TABLE device_pairing_paired (device_id TEXT PRIMARY KEY, public_key TEXT, display_name TEXT,
    operator_label TEXT, platform TEXT, device_family TEXT, client_id TEXT, client_mode TEXT, role TEXT,
    roles_json TEXT, scopes_json TEXT, approved_scopes_json TEXT, remote_ip TEXT, tokens_json TEXT,
    approved_via TEXT, node_surface_json TEXT, created_at_ms INTEGER, approved_at_ms INTEGER,
    last_seen_at_ms INTEGER) STRICT;
";
