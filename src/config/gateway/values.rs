//! Values of the `[gateway]` table that are more than a word or a number.

use std::path::PathBuf;

use openclaw_plugin_sdk::Secret;

use super::Given;
use crate::{
    document::{Text, Value},
    rules::device::locality::Network,
    section::Section,
};

/// A secret. Blank, it would be none.
pub(super) fn secret(table: &Section<'_>, key: &str) -> Option<Given> {
    let text = table.text(key)?.value.trim();
    if text.is_empty() {
        table.wrong(key, table.at(key), "is blank; remove the key, and the gateway makes a token");
        return None;
    }
    Some(Given { secret: Secret::new(text), env: None })
}

/// A path that means the same from everywhere.
pub(super) fn path(table: &Section<'_>, key: &str) -> Option<PathBuf> {
    let path = PathBuf::from(table.text(key)?.value.trim());
    if !path.is_absolute() {
        table.wrong(key, table.at(key), "is an absolute path");
        return None;
    }
    Some(path)
}

/// A list of words, none of them blank.
pub(super) fn words(table: &Section<'_>, key: &str) -> Vec<String> {
    let word = |text: &Text| {
        let word = text.value.trim();
        if word.is_empty() { Err("has a blank entry") } else { Ok(word.to_owned()) }
    };
    entries(table, key, word)
}

/// A list of ranges of addresses. The range of all of them is no list.
pub(super) fn networks(table: &Section<'_>, key: &str) -> Vec<Network> {
    entries(table, key, |text| {
        let network = Network::parse(text.value.trim())
            .ok_or("has addresses and ranges only, such as `192.168.1.7` and `10.0.0.0/8`")?;
        if network.is_everyone() {
            return Err("has a range that is everyone");
        }
        Ok(network)
    })
}

pub(super) fn entries<T>(
    table: &Section<'_>,
    key: &str,
    read: impl Fn(&Text) -> Result<T, &'static str>,
) -> Vec<T> {
    let mut found = Vec::new();
    for node in table.list(key).unwrap_or_default() {
        match &node.value {
            Value::Broken => {}
            Value::Text(text) => match read(text) {
                Ok(entry) => found.push(entry),
                Err(why) => table.wrong(key, node.at, why),
            },
            _ => table.wrong(key, node.at, &format!("has texts only, not {}", node.kind())),
        }
    }
    found
}
