//! The database of OpenClaw 2026.7 and newer. What is needed is asked for by name, whatever the version says.

use std::{collections::BTreeSet, path::Path};

use openclaw_plugin_sdk::AccountId;
use openclaw_rules::{AccountKey, Contact};
use openclaw_store::{
    ParseSender,
    imports::{Entry, foreign_files, read_device, read_request},
    paths::StateDir,
};
use openclaw_world as world;
use rusqlite::{Connection, OpenFlags, Row, config::DbConfig, limits::Limit, types::ValueRef};
use serde_json::{Map, Value};

use super::{Found, Refused, Schema, StateError, copy::Copy};

/// No text of a gateway is longer.
const LONGEST: i32 = 4 * 1024 * 1024;
/// More rows of one table are none of a gateway.
const MOST: usize = 200_000;

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    /// As it is: a text or a number.
    Plain,
    /// JSON text.
    Json,
}
use Kind::{Json, Plain};

/// A column, the field of it in a state file, what it holds, and whether nothing can be read without it.
type Column = (&'static str, &'static str, Kind, bool);

const SENDERS: (&str, &[Column]) = (
    "channel_pairing_allow_entries",
    &[
        ("channel_key", "channel", Plain, true),
        ("account_id", "account", Plain, true),
        ("entry", "entry", Plain, true),
    ],
);

const REQUESTS: (&str, &[Column]) = (
    "channel_pairing_requests",
    &[
        ("channel_key", "channel", Plain, true),
        ("account_id", "account", Plain, true),
        ("request_id", "id", Plain, true),
        ("code", "code", Plain, true),
        ("created_at", "createdAt", Plain, true),
        ("last_seen_at", "lastSeenAt", Plain, false),
        ("meta_json", "meta", Json, false),
    ],
);

const DEVICES: (&str, &[Column]) = (
    "device_pairing_paired",
    &[
        ("device_id", "deviceId", Plain, true),
        ("public_key", "publicKey", Plain, true),
        ("display_name", "displayName", Plain, false),
        ("operator_label", "operatorLabel", Plain, false),
        ("platform", "platform", Plain, false),
        ("device_family", "deviceFamily", Plain, false),
        ("client_id", "clientId", Plain, false),
        ("client_mode", "clientMode", Plain, false),
        ("role", "role", Plain, false),
        ("roles_json", "roles", Json, true),
        ("scopes_json", "scopes", Json, true),
        ("approved_scopes_json", "approvedScopes", Json, false),
        ("remote_ip", "remoteIp", Plain, false),
        ("tokens_json", "tokens", Json, true),
        ("approved_via", "approvedVia", Plain, false),
        ("node_surface_json", "nodeSurface", Json, false),
        ("created_at_ms", "createdAtMs", Plain, true),
        ("approved_at_ms", "approvedAtMs", Plain, true),
        ("last_seen_at_ms", "lastSeenAtMs", Plain, false),
    ],
);

/// Reads a copied database; `path` is what errors name.
pub(super) fn read(
    folder: &Path,
    path: &Path,
    copy: &Copy,
    parse: ParseSender,
) -> Result<Found, StateError> {
    let failed = |why: String| StateError::Database { path: path.to_owned(), why };
    let damaged = |error: rusqlite::Error| {
        failed(format!("this is no database that can be read ({error}): put a backup of it there"))
    };
    let database = open(copy).map_err(damaged)?;
    let (version, program) = schema(&database).map_err(damaged)?;
    is_still_running(&database).map_err(damaged)?.map_or(Ok(()), |why| Err(failed(why)))?;
    let folder = folder.to_owned();
    let schema = Schema { version, program };
    let mut found = Found {
        folder,
        database: Some(schema),
        entries: Vec::new(),
        refused: Vec::new(),
        digest: copy.digest.clone(),
    };
    let has_people = !columns_of(&database, SENDERS.0).map_err(damaged)?.is_empty();
    let lists = foreign_files(&StateDir::at(&found.folder))?;
    if !has_people
        && (found.database.as_ref().is_none_or(|it| it.version == 0) || !lists.is_empty())
    {
        return Err(failed(format!(
            "it has no table `{}`, so it does not say who has access: put a backup of it there, or move it away if it \
             is not OpenClaw's",
            SENDERS.0
        )));
    }
    for (table, columns) in [SENDERS, REQUESTS, DEVICES] {
        let has = columns_of(&database, table).map_err(damaged)?;
        if has.is_empty() {
            continue;
        }
        if let Some((missing, ..)) = columns.iter().find(|it| it.3 && !has.contains(it.0)) {
            return Err(failed(format!(
                "the table `{table}` has no column `{missing}`: this database is of a version of OpenClaw that is not known here"
            )));
        }
        let rows = rows(&database, table, columns, &has).map_err(damaged)?;
        if rows.len() > MOST {
            return Err(failed(format!("the table `{table}` has more than {MOST} rows")));
        }
        for row in rows {
            found.take(table, row, parse);
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, table: &str, row: Map<String, Value>, parse: ParseSender) {
        let (name, entry) = match table {
            _ if table == SENDERS.0 => sender(&row, parse),
            _ if table == REQUESTS.0 => request(row, parse),
            _ => {
                let entry = read_device(&row).map(Entry::Device).ok_or(Refused::Unreadable);
                (text(&row, "deviceId").to_owned(), entry)
            }
        };
        match entry {
            Ok(entry) => self.entries.push(entry),
            Err(why) => self.refused.push((name, why)),
        }
    }
}

fn open(copy: &Copy) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(copy.database(), flags)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let check: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Err(rusqlite::Error::InvalidColumnName(check));
    }
    Ok(database)
}

/// Its version, and the program that wrote it.
fn schema(database: &Connection) -> rusqlite::Result<(i64, Option<String>)> {
    let version = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let has = columns_of(database, "schema_meta")?;
    if !["meta_key", "app_version"].iter().all(|name| has.contains(*name)) {
        return Ok((version, None));
    }
    let sql = "SELECT app_version FROM schema_meta WHERE meta_key = 'primary'";
    let program = database.query_row(sql, [], |row| row.get(0));
    match program {
        Ok(program) => Ok((version, program)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok((version, None)),
        Err(error) => Err(error),
    }
}

/// Why it is too early, where a gateway of OpenClaw still holds its lease.
fn is_still_running(database: &Connection) -> rusqlite::Result<Option<String>> {
    let has = columns_of(database, "state_leases")?;
    if !has.contains("expires_at") {
        return Ok(None);
    }
    let sql = "SELECT max(expires_at) FROM state_leases";
    let expires: Option<i64> = database.query_row(sql, [], |row| row.get(0)).unwrap_or_default();
    let left = expires.unwrap_or_default().saturating_sub(world::now().0.cast_signed()) / 1_000;
    Ok((left > 0).then(|| {
        format!(
            "an OpenClaw gateway still runs on it: stop it (`openclaw gateway stop`) and try again. If it has crashed, try again in {left} s"
        )
    }))
}

/// The columns of a table; none where there is no such table.
fn columns_of(database: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    // Only a table: a view could compute for ever.
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let is_table: i64 = database.query_row(sql, [table], |row| row.get(0))?;
    if is_table == 0 {
        return Ok(BTreeSet::new());
    }
    let mut statement = database.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn rows(
    database: &Connection,
    table: &str,
    columns: &[Column],
    has: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Map<String, Value>>> {
    let known: Vec<&Column> = columns.iter().filter(|it| has.contains(it.0)).collect();
    let names: Vec<&str> = known.iter().map(|it| it.0).collect();
    let sql = format!("SELECT {} FROM {table} LIMIT {}", names.join(", "), MOST + 1);
    let mut statement = database.prepare(&sql)?;
    let read = |row: &Row<'_>| {
        let mut map = Map::new();
        for (place, (_, field, kind, _)) in known.iter().enumerate() {
            map.extend(value(row.get_ref(place)?, *kind).map(|value| ((*field).to_owned(), value)));
        }
        Ok(map)
    };
    statement.query_map([], read)?.collect()
}

fn value(found: ValueRef<'_>, kind: Kind) -> Option<Value> {
    match (found, kind) {
        (ValueRef::Integer(number), Plain) => Some(number.into()),
        (ValueRef::Text(text), Plain) => Some(std::str::from_utf8(text).ok()?.into()),
        (ValueRef::Text(text), Json) => serde_json::from_slice(text).ok(),
        _ => None,
    }
}

fn text<'r>(row: &'r Map<String, Value>, field: &str) -> &'r str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn account(row: &Map<String, Value>) -> Option<AccountKey> {
    let channel = text(row, "channel").trim().to_lowercase();
    let account = AccountId::parse(text(row, "account"))?;
    (!channel.is_empty()).then_some(AccountKey { channel, account })
}

fn sender(row: &Map<String, Value>, parse: ParseSender) -> (String, Result<Entry, Refused>) {
    let entry = text(row, "entry");
    let name = format!("{}/{}:{entry}", text(row, "channel"), text(row, "account"));
    let Some(key) = account(row) else { return (name, Err(Refused::Unreadable)) };
    match parse(&key.channel, entry) {
        Ok(sender) => (name, Ok(Entry::Sender(Contact { key, sender }))),
        Err(_) => (name, Err(Refused::NoStableId)),
    }
}

fn request(mut row: Map<String, Value>, parse: ParseSender) -> (String, Result<Entry, Refused>) {
    let name = format!("{}/{}:{}", text(&row, "channel"), text(&row, "account"), text(&row, "id"));
    let Some(key) = account(&row) else { return (name, Err(Refused::Unreadable)) };
    let meta = row.entry("meta").or_insert_with(|| Map::new().into());
    if !meta.is_object() {
        *meta = Map::new().into();
    }
    if let Some(meta) = meta.as_object_mut() {
        meta.insert("accountId".to_owned(), key.account.as_str().into());
    }
    let request = read_request(&key.channel, &row, parse);
    (name, request.map(Entry::Request).ok_or(Refused::Unreadable))
}
