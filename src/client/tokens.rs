//! The device tokens that gateways have given this machine: `<state>/identity/device-auth.json`, in the field's
//! shape with one field more. A token is shown to no other gateway than the one it came from.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{address::Address, files, text::NO_TOKENS};
use crate::{
    rules::device::{identity::DeviceId, role::Role},
    store::{StoreError, paths::StateDir},
    world,
};

/// The file, and whose tokens count.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    device: DeviceId,
}

impl TokenFile {
    pub(super) fn of(state: &StateDir, device: DeviceId) -> Self {
        Self { path: files::folder(state).join("device-auth.json"), device }
    }

    /// The token of a role for this gateway. One that names no gateway is the field's own, for this machine's.
    pub(super) fn token(&self, role: Role, at: &Address) -> Result<Option<String>, StoreError> {
        let file = self.read()?;
        let Some(kept) = file.get("tokens").and_then(|tokens| tokens.get(role.word())) else {
            return Ok(None);
        };
        let ours = match kept.get("gateway").and_then(Value::as_str) {
            Some(place) => place == at.place(),
            None => at.is_loopback(),
        };
        let token = kept.get("token").and_then(Value::as_str).filter(|_| ours);
        Ok(token.filter(|token| !token.is_empty()).map(str::to_owned))
    }

    /// Keeps a token that a gateway has given.
    pub(super) fn keep(
        &self,
        role: Role,
        token: &str,
        scopes: &[String],
        at: &Address,
    ) -> Result<(), StoreError> {
        let (mut scopes, mut file) = (scopes.to_vec(), self.read()?);
        scopes.sort();
        let kept = json!({
            "token": token,
            "role": role.word(),
            "scopes": scopes,
            "updatedAtMs": world::now().0,
            "gateway": at.place(),
        });
        let mut tokens = tokens(&file);
        tokens.insert(role.word().to_owned(), kept);
        file.insert("tokens".to_owned(), Value::Object(tokens));
        files::write(&self.path, &file)
    }

    /// Forgets a token that is worth nothing any more; another one in its place stays.
    pub(super) fn forget(&self, role: Role, token: &str) -> Result<(), StoreError> {
        let mut file = self.read()?;
        let same = |kept: &Value| kept.get("token").and_then(Value::as_str) == Some(token);
        let mut tokens = tokens(&file);
        if tokens.get(role.word()).is_some_and(same) {
            tokens.remove(role.word());
            file.insert("tokens".to_owned(), Value::Object(tokens));
            return files::write(&self.path, &file);
        }
        Ok(())
    }

    /// The tokens of this device; that of another device is not read.
    fn read(&self) -> Result<Map<String, Value>, StoreError> {
        Ok(match files::read(&self.path, NO_TOKENS)? {
            Some(Value::Object(file))
                if file.get("deviceId") == Some(&json!(self.device.as_str())) =>
            {
                file
            }
            _ => self.fresh(),
        })
    }

    fn fresh(&self) -> Map<String, Value> {
        let mut file = Map::new();
        file.insert("version".to_owned(), json!(1));
        file.insert("deviceId".to_owned(), json!(self.device.as_str()));
        file
    }
}

fn tokens(file: &Map<String, Value>) -> Map<String, Value> {
    file.get("tokens").and_then(Value::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::Identity, store::private};

    fn at(url: &str) -> Address {
        Address::parse(url).unwrap()
    }

    #[test]
    fn case_052_a_token_is_shown_to_its_own_gateway_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let file = TokenFile::of(&state, Identity::open(&state).unwrap().id());
        let (home, other) = (at("wss://home.example:1"), at("wss://other.example:1"));
        file.keep(Role::Node, "n1", &[], &home).unwrap();
        file.keep(Role::Operator, "o1", &["b".to_owned(), "a".to_owned()], &home).unwrap();
        assert_eq!(file.token(Role::Node, &home).unwrap().as_deref(), Some("n1"));
        assert_eq!(file.token(Role::Node, &other).unwrap(), None);
        let text = std::fs::read_to_string(&file.path).unwrap();
        let kept: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(kept["tokens"]["operator"]["scopes"], json!(["a", "b"]));
        assert_eq!(
            (&kept["version"], &kept["deviceId"]),
            (&json!(1), &json!(file.device.as_str()))
        );
        file.forget(Role::Node, "n0").unwrap();
        assert!(file.token(Role::Node, &home).unwrap().is_some());
        file.forget(Role::Node, "n1").unwrap();
        assert_eq!(file.token(Role::Node, &home).unwrap(), None);
        assert_eq!(file.token(Role::Operator, &home).unwrap().as_deref(), Some("o1"));
    }

    #[test]
    fn the_fields_token_is_for_this_machine_and_another_devices_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let file = TokenFile::of(&state, Identity::open(&state).unwrap().id());
        let write = |device: &str| {
            let kept = json!({
                "version": 1, "deviceId": device,
                "tokens": { "operator": { "token": "o", "role": "operator", "scopes": [], "updatedAtMs": 1 } },
            });
            private::replace(&file.path, kept.to_string().as_bytes()).unwrap();
        };
        write(file.device.as_str());
        let local = at("ws://127.0.0.1:18789");
        assert_eq!(file.token(Role::Operator, &local).unwrap().as_deref(), Some("o"));
        assert_eq!(file.token(Role::Operator, &at("ws://10.0.0.1:1")).unwrap(), None);
        write(&"0".repeat(64));
        assert_eq!(file.token(Role::Operator, &local).unwrap(), None);
    }
}
