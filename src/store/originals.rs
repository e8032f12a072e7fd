//! What is kept of files that another program wrote (`<file>.orig`): without the tokens that stood in them.

use std::path::Path;

use openclaw_plugin_sdk::own_file;
use serde_json::{Map, Value};

use super::{
    StoreError,
    file::{StagedFile, sync_dir},
    io,
};
use crate::rules::device::token::TokenDigest;

/// Puts digests in the place of tokens in a kept original.
pub(super) fn scrub(path: &Path, _name: &str) -> Result<(), StoreError> {
    if path.extension().is_none_or(|extension| extension != "orig") {
        return Ok(());
    }
    let bytes = own_file::read(path).map_err(|error| io("read", path, error))?;
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        tracing::warn!(file = ?path, "what another program wrote cannot be read, and may hold tokens: remove it");
        return Ok(());
    };
    if !digested(&mut value) {
        return Ok(());
    }
    let failed = |error: serde_json::Error| io("write", path, error.into());
    let text = serde_json::to_vec_pretty(&value).map_err(failed)?;
    StagedFile::write(path, &text, None)?.put()?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// True where a token stood in it. A setup code's row bears its token as its name.
fn digested(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |found, value| digested(value) | found),
        Value::Object(fields) => {
            let mut found = false;
            let mut kept = Map::new();
            for (key, mut value) in std::mem::take(fields) {
                let token = value.get("token").and_then(Value::as_str) == Some(&key);
                let key = if token { TokenDigest::of(&key).spell() } else { key };
                if key == "token" && value.as_str().is_some_and(|token| !token.is_empty()) {
                    let digest = TokenDigest::of(value.as_str().unwrap_or_default()).spell();
                    kept.insert("tokenSha256".to_owned(), digest.into());
                    found = true;
                    continue;
                }
                found |= digested(&mut value);
                kept.insert(key, value);
            }
            *fields = kept;
            found
        }
        _ => false,
    }
}
