//! What the rows of all these files have in common: texts, lists, times, roles, and what a device says of itself.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Map, Value};

use crate::rules::device::{
    request::Described,
    role::{Role, Scope, Scopes},
    token::TokenDigest,
};

/// One row, with everything that stands in it.
pub(super) type Row = Map<String, Value>;

pub(super) fn text<'r>(row: &'r Row, key: &str) -> Option<&'r str> {
    row.get(key)?.as_str()
}

pub(super) fn time(row: &Row, key: &str) -> Option<UnixMs> {
    row.get(key)?.as_u64().map(UnixMs)
}

/// The texts of a list; `None` where there is no list.
pub(super) fn list<'r>(row: &'r Row, key: &str) -> Option<Vec<&'r str>> {
    Some(row.get(key)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

pub(super) fn set(row: &Row, key: &str) -> BTreeSet<String> {
    list(row, key).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// The known roles of `roles` and `role`.
pub(super) fn roles(row: &Row) -> BTreeSet<Role> {
    let many = list(row, "roles").unwrap_or_default();
    many.into_iter().chain(text(row, "role")).filter_map(Role::parse).collect()
}

/// The digest of a row's token: as we write it, or of the plain text that another program wrote.
pub(super) fn digest(row: &Row) -> Option<TokenDigest> {
    match text(row, "token").filter(|token| !token.trim().is_empty()) {
        Some(plain) => Some(TokenDigest::of(plain)),
        None => TokenDigest::parse(text(row, "tokenSha256")?),
    }
}

/// Puts the digest in the place of a plain token. False where there was none.
pub(super) fn scrub(row: &mut Row) -> bool {
    if !row.contains_key("token") {
        return false;
    }
    let digest = digest(row).map(|digest| Value::from(digest.spell()));
    let entries = std::mem::take(row).into_iter();
    let scrubbed = entries.filter_map(|(key, value)| match key.as_str() {
        "token" => digest.clone().map(|digest| ("tokenSha256".to_owned(), digest)),
        "tokenSha256" => None,
        _ => Some((key, value)),
    });
    row.extend(scrubbed);
    true
}

pub(super) fn put(row: &mut Row, key: &str, value: Option<impl Into<Value>>) {
    match value {
        Some(value) => drop(row.insert(key.to_owned(), value.into())),
        None => drop(row.shift_remove(key)),
    }
}

pub(super) fn put_time(row: &mut Row, key: &str, at: Option<UnixMs>) {
    put(row, key, at.map(|at| at.0));
}

/// Writes a list of words that we know; those of another version that stand there stay.
pub(super) fn put_words<'w>(
    row: &mut Row,
    key: &str,
    words: impl IntoIterator<Item = &'w str>,
    is_ours: impl Fn(&str) -> bool,
) {
    let kept = list(row, key).unwrap_or_default().into_iter().filter(|word| !is_ours(word));
    let kept: Vec<Value> = kept.map(Value::from).collect();
    let all: Vec<Value> = words.into_iter().map(Value::from).chain(kept).collect();
    put(row, key, Some(all));
}

pub(super) fn put_roles(row: &mut Row, roles: &BTreeSet<Role>) {
    let is_ours = |word: &str| Role::parse(word).is_some();
    put_words(row, "roles", roles.iter().map(|role| role.word()), is_ours);
    let stays = text(row, "role").and_then(Role::parse).is_some_and(|role| roles.contains(&role));
    if !stays {
        put(row, "role", roles.last().map(|role| role.word()));
    }
}

pub(super) fn put_scopes(row: &mut Row, key: &str, scopes: Scopes) {
    put_words(row, key, scopes.words(), |word| Scope::parse(word).is_some());
}

pub(super) fn put_set(row: &mut Row, key: &str, texts: &BTreeSet<String>) {
    put(row, key, Some(texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>()));
}

pub(super) fn described(row: &Row) -> Described {
    let owned = |key| text(row, key).map(str::to_owned);
    Described {
        name: owned("displayName"),
        platform: owned("platform"),
        family: owned("deviceFamily"),
        client_id: owned("clientId"),
        client_mode: owned("clientMode"),
        instance: owned("instanceId"),
        address: owned("remoteIp"),
    }
}

pub(super) fn put_described(row: &mut Row, described: &Described) {
    put(row, "displayName", described.name.as_deref());
    put(row, "platform", described.platform.as_deref());
    put(row, "deviceFamily", described.family.as_deref());
    put(row, "clientId", described.client_id.as_deref());
    put(row, "clientMode", described.client_mode.as_deref());
    put(row, "instanceId", described.instance.as_deref());
    put(row, "remoteIp", described.address.as_deref());
}
