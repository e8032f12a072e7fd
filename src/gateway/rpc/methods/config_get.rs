//! `config.get`: the configuration in effect, without secrets, and without paths for a client that is no admin.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::toml;
use serde_json::{Value, json};

use super::{Answer, Call, info::AGENT, unavailable};
use crate::{
    config::{Config, show},
    rules::device::role::Scope,
};

/// What stands where something is left out.
const MASK: &str = "***";

/// Answers it.
pub(super) fn read(call: &Call) -> Answer {
    let (gateway, config) = (&call.gateway, &call.gateway.config());
    let admin = call.session.scopes.allow(Scope::Admin);
    let shown = shown(config, admin).map_err(|error| {
        tracing::warn!(%error, "the configuration cannot be shown");
        unavailable("the configuration cannot be shown; see the gateway's log")
    })?;
    let path = config.file.clone().unwrap_or_else(|| gateway.state.config());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let path = if admin { Some(path.display().to_string()) } else { name };
    let digest = ring::digest::digest(&ring::digest::SHA256, shown.to_string().as_bytes());
    Ok(json!({
        "path": path.unwrap_or_default(),
        "exists": config.file.is_some(),
        "raw": null,
        "parsed": {},
        "valid": true,
        "config": shown,
        "hash": URL_SAFE_NO_PAD.encode(digest),
        "issues": [],
        "warnings": [],
        "legacyIssues": [],
    }))
}

/// The configuration as `config show` has it.
fn shown(config: &Config, admin: bool) -> Result<Value, toml::de::Error> {
    let table: toml::Table = show::show(config).parse()?;
    let mut root = serde_json::to_value(table).unwrap_or_default();
    if !admin {
        // A responder's table says what runs on this machine, and how it is called.
        if let Some(assistant) = root.get_mut("assistant").and_then(Value::as_object_mut) {
            assistant.retain(|key, _| key == "responder");
        }
        without_paths(&mut root);
    }
    // Apps read the name of their conversation here.
    root["session"] = json!({ "mainKey": AGENT });
    Ok(root)
}

/// Masks every text that has a path in it, or might.
fn without_paths(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(without_paths),
        Value::Object(map) => map.values_mut().for_each(without_paths),
        Value::String(text) if text.contains(['/', '\\', '~']) => *value = MASK.into(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn case_114_no_path_is_left_wherever_it_stands(head in "[a-z =:]{0,8}", path in "/[a-z]{1,9}(/[a-z]{1,9}){0,3}") {
            let text = format!("{head}{path}");
            let mut value = json!({ "a": [{ "b": text }], "c": text, "d": 5, "e": "lan" });
            without_paths(&mut value);
            prop_assert!(!value.to_string().contains(&path));
            prop_assert_eq!(&value["e"], "lan");
        }
    }
}
